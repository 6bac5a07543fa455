//! The states of an ImportSnapshot task, one struct each; a transition consumes the state it
//! leaves.

use alloc::string::ToString;
use alloc::vec::Vec;

use vmie_rules::SvcId;
use vmie_rules::limits::DISK_SIZE_BOUND;
use vmie_rules::message::Message;
use vmie_rules::status::{Stage, Status};

use crate::ending::{Deleted, Deleting};
use crate::id::SnapshotId;
use crate::order::{CleanupWork, Converted, DiskFacts, Failure, Step, Validated, Verdict};
use crate::task::Context;
use crate::ticket::Ticket;
use crate::time::Timestamp;

/// Where an ImportSnapshot task is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SnapshotState {
    Validating(Validating),
    Converting(Converting),
    Publishing(Publishing),
    Completed(Completed),
    Deleting(Deleting),
    Deleted(Deleted),
}

/// The file is opened.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Validating {
    ticket: Ticket,
}

/// The disk is converted.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Converting {
    pub(crate) disk: DiskFacts,
    ticket: Ticket,
}

/// The snapshot is made visible.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Publishing {
    disk: DiskFacts,
    pub(crate) converted: Converted,
    pub(crate) snapshot_id: SnapshotId,
    ticket: Ticket,
}

/// The snapshot is there.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Completed {
    disk: DiskFacts,
    pub(crate) converted: Converted,
    pub(crate) snapshot_id: SnapshotId,
    ended: Timestamp,
}

impl Validating {
    pub(super) fn validated(self, found: Validated) -> SnapshotState {
        let Validated {
            disks,
            guest: _,
            verdict,
        } = found;
        let failure = match verdict {
            Verdict::Refused(failure) | Verdict::Undetermined(failure) => Some(failure),
            Verdict::Accepted => check_disk(&disks),
        };
        match (failure, disks.first()) {
            (None, Some(disk)) => SnapshotState::Converting(Converting {
                disk: disk.clone(),
                ticket: Ticket::new(),
            }),
            (failure, _) => {
                let failure = failure.unwrap_or_else(no_single_disk);
                SnapshotState::Deleting(Deleting::new(failure, disks, CleanupWork::default()))
            }
        }
    }
}

/// One disk, of a size that the service takes (SVC-FMT-9).
fn check_disk(disks: &[DiskFacts]) -> Option<Failure> {
    match disks {
        [disk] if disk.container == 0 && disk.virtual_size < DISK_SIZE_BOUND => None,
        [disk] if disk.container == 0 => Some(Failure {
            code: "disk-too-large".to_string(),
            message: "ClientError: Disk validation failed [Disk image size must be smaller than \
                      16 TiB]"
                .to_string(),
            detail: "a disk of 16 TiB or more is not taken".to_string(),
            svc: [SvcId::Fmt9].into(),
            retryable: false,
        }),
        _ => Some(no_single_disk()),
    }
}

fn no_single_disk() -> Failure {
    Failure {
        code: "not-one-disk".to_string(),
        message: Message::UnsupportedFileFormat.to_string(),
        detail: "a snapshot is imported from a file that holds exactly one disk".to_string(),
        svc: [SvcId::Err30].into(),
        retryable: false,
    }
}

impl Converting {
    pub(super) fn converted(self, cx: &mut Context<'_>, converted: Converted) -> SnapshotState {
        SnapshotState::Publishing(Publishing {
            disk: self.disk,
            converted,
            snapshot_id: cx.ids.snapshot(),
            ticket: Ticket::new(),
        })
    }
}

impl Publishing {
    pub(super) fn published(self, cx: &Context<'_>) -> SnapshotState {
        SnapshotState::Completed(Completed {
            disk: self.disk,
            converted: self.converted,
            snapshot_id: self.snapshot_id,
            ended: cx.now,
        })
    }
}

impl SnapshotState {
    pub(super) fn new() -> Self {
        Self::Validating(Validating {
            ticket: Ticket::new(),
        })
    }

    pub(crate) fn status(&self) -> Status {
        match self {
            Self::Validating(_) | Self::Converting(_) | Self::Publishing(_) => Status::Active,
            Self::Completed(_) => Status::Completed,
            Self::Deleting(_) => Status::Deleting,
            Self::Deleted(_) => Status::Deleted,
        }
    }

    pub(crate) fn ended(&self) -> Option<Timestamp> {
        match self {
            Self::Completed(state) => Some(state.ended),
            Self::Deleted(state) => Some(state.ended),
            _ => None,
        }
    }

    pub(crate) fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Deleting(state) => Some(&state.failure),
            Self::Deleted(state) => Some(&state.failure),
            _ => None,
        }
    }

    pub(crate) fn cancellable(&self) -> bool {
        matches!(self, Self::Validating(_) | Self::Converting(_))
    }

    pub(crate) fn tickets(&mut self) -> Vec<(Step, &mut Ticket)> {
        match self {
            Self::Validating(state) => [(Step::Validate, &mut state.ticket)].into(),
            Self::Converting(state) => [(Step::Convert(0), &mut state.ticket)].into(),
            Self::Publishing(state) => [(Step::Publish, &mut state.ticket)].into(),
            Self::Deleting(state) => [(Step::Cleanup, &mut state.ticket)].into(),
            Self::Completed(_) | Self::Deleted(_) => Vec::new(),
        }
    }

    /// The stage, and how much of it is done. Only two have ever been seen (SVC-OBS-2).
    pub(crate) fn stage(&self) -> Option<(Stage, u64, u64)> {
        match self {
            Self::Converting(state) if state.ticket.started() => {
                let (done, total) = state.ticket.progress();
                Some((Stage::DownloadingConverting, done, total))
            }
            Self::Validating(_) | Self::Converting(_) => Some((Stage::Pending, 1, 1)),
            Self::Publishing(_) => Some((Stage::DownloadingConverting, 1, 1)),
            Self::Completed(_) | Self::Deleting(_) | Self::Deleted(_) => None,
        }
    }

    /// What is known of the disk.
    pub(crate) fn disk(&self) -> Option<&DiskFacts> {
        match self {
            Self::Validating(_) => None,
            Self::Converting(state) => Some(&state.disk),
            Self::Publishing(state) => Some(&state.disk),
            Self::Completed(state) => Some(&state.disk),
            Self::Deleting(state) => state.disks.first(),
            Self::Deleted(state) => state.disks.first(),
        }
    }

    /// The end that is no success. Failing while cleaning up ends the task all the same; one that
    /// has ended stays as it is.
    pub(super) fn fail(self, cx: &Context<'_>, failure: Failure) -> Self {
        let disks = self.disk().cloned().into_iter().collect();
        let leftovers = match self {
            Self::Deleting(state) => return Self::Deleted(state.cleaned(cx.now, Some(failure))),
            Self::Completed(_) | Self::Deleted(_) => return self,
            Self::Publishing(state) => CleanupWork {
                image_id: None,
                snapshot_ids: [state.snapshot_id].into(),
            },
            Self::Validating(_) | Self::Converting(_) => CleanupWork::default(),
        };
        Self::Deleting(Deleting::new(failure, disks, leftovers))
    }
}
