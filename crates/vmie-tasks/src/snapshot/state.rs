//! The states of an ImportSnapshot task, one struct each; a transition consumes the state it
//! leaves.

use alloc::boxed::Box;
use alloc::string::ToString;

use vmie_rules::SvcId;
use vmie_rules::limits::DISK_SIZE_BOUND;
use vmie_rules::message::Message;
use vmie_rules::status::Stage;

use crate::id::{SnapshotId, VolumeId};
use crate::life::{Context, Next};
use crate::order::{CleanupWork, Converted, DiskFacts, Failure, Step, Validated, Verdict};
use crate::ticket::{Ticket, Tickets};

/// Where an ImportSnapshot task is while it runs.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SnapshotCourse {
    Validating(Validating),
    Converting(Box<Converting>),
    Publishing(Box<Publishing>),
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
    volume_id: VolumeId,
    ticket: Ticket,
}

/// The snapshot is there.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct SnapshotDone {
    pub(crate) disk: DiskFacts,
    pub(crate) converted: Converted,
    pub(crate) snapshot_id: SnapshotId,
    /// An arbitrary one that must not be used (SVC-TASK-2).
    pub(crate) volume_id: VolumeId,
}

impl Validating {
    pub(super) fn validated(self, found: Validated) -> Next<SnapshotCourse> {
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
            (None, Some(disk)) => Next::Goes(SnapshotCourse::Converting(Box::new(Converting {
                disk: disk.clone(),
                ticket: Ticket::new(),
            }))),
            (failure, _) => {
                let failure = failure.unwrap_or_else(no_single_disk);
                Next::Fails {
                    failure,
                    disks,
                    leftovers: CleanupWork::default(),
                }
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
    pub(super) fn converted(self, cx: &mut Context<'_>, converted: Converted) -> SnapshotCourse {
        SnapshotCourse::Publishing(Box::new(Publishing {
            disk: self.disk,
            converted,
            snapshot_id: cx.ids.snapshot(),
            volume_id: cx.ids.volume(),
            ticket: Ticket::new(),
        }))
    }
}

impl Publishing {
    pub(super) fn published(self) -> SnapshotDone {
        SnapshotDone {
            disk: self.disk,
            converted: self.converted,
            snapshot_id: self.snapshot_id,
            volume_id: self.volume_id,
        }
    }
}

impl SnapshotCourse {
    pub(super) fn new() -> Self {
        Self::Validating(Validating {
            ticket: Ticket::new(),
        })
    }

    pub(super) fn tickets_of(&mut self) -> Tickets<'_> {
        match self {
            Self::Validating(state) => Tickets::one(Step::Validate, &mut state.ticket),
            Self::Converting(state) => Tickets::one(Step::Convert(0), &mut state.ticket),
            Self::Publishing(state) => Tickets::one(Step::Publish, &mut state.ticket),
        }
    }

    /// The stage, and how much of it is done. Only two have ever been seen (SVC-OBS-2).
    pub(super) fn stage(&self) -> (Stage, u64, u64) {
        match self {
            Self::Converting(state) if state.ticket.started() => {
                let (done, total) = state.ticket.progress();
                (Stage::DownloadingConverting, done, total)
            }
            Self::Validating(_) | Self::Converting(_) => (Stage::Pending, 1, 1),
            Self::Publishing(_) => (Stage::DownloadingConverting, 1, 1),
        }
    }

    /// What is known of the disk.
    pub(super) fn disk(&self) -> Option<&DiskFacts> {
        match self {
            Self::Validating(_) => None,
            Self::Converting(state) => Some(&state.disk),
            Self::Publishing(state) => Some(&state.disk),
        }
    }
}
