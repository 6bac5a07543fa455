//! The end that is no success: the same for every kind of task.

use alloc::vec::Vec;

use crate::order::{CleanupWork, DiskFacts, Failure};
use crate::ticket::Ticket;
use crate::time::Timestamp;

/// Failed or cancelled; what is left is being removed.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Deleting {
    pub(crate) failure: Failure,
    /// What was known of the disks, for lists.
    pub(crate) disks: Vec<DiskFacts>,
    pub(crate) leftovers: CleanupWork,
    pub(crate) ticket: Ticket,
}

/// Failed or cancelled; nothing is left, unless cleaning up failed too.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Deleted {
    pub(crate) failure: Failure,
    pub(crate) disks: Vec<DiskFacts>,
    pub(crate) cleanup_failure: Option<Failure>,
    pub(crate) ended: Timestamp,
}

impl Deleting {
    pub(crate) fn new(failure: Failure, disks: Vec<DiskFacts>, leftovers: CleanupWork) -> Self {
        Self {
            failure,
            disks,
            leftovers,
            ticket: Ticket::new(),
        }
    }

    pub(crate) fn cleaned(self, now: Timestamp, cleanup_failure: Option<Failure>) -> Deleted {
        Deleted {
            failure: self.failure,
            disks: self.disks,
            cleanup_failure,
            ended: now,
        }
    }
}
