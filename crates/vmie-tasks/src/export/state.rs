//! The states of an export, one struct each; a transition consumes the state it leaves.

use alloc::boxed::Box;
use alloc::vec::Vec;

use vmie_rules::status::Stage;

use crate::order::{Converted, Failure, Step, Validated, Verdict};
use crate::ticket::{Ticket, Tickets};

/// Where an export is while it runs.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ExportCourse {
    Validating(Validating),
    Updating(Updating),
    Converting(Box<Converting>),
    Transferring(Box<Transferring>),
}

/// The disks are looked at.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Validating {
    ticket: Ticket,
}

/// The state of the disks is taken; an instance may reboot.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Updating {
    ticket: Ticket,
}

/// The disks are converted, all at once.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Converting {
    disks: Vec<DiskWork>,
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
enum DiskWork {
    Running(Ticket),
    Done(Converted),
}

/// The final disk image goes into the bucket: too late for a cancel.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Transferring {
    pub(super) disks: Vec<Converted>,
    ticket: Ticket,
}

/// The object is there.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct ExportDone {
    disks: Vec<Converted>,
}

impl Validating {
    pub(super) fn validated(self, found: Validated) -> Result<ExportCourse, Failure> {
        match found.verdict {
            // What an export is of was judged when it was imported.
            Verdict::Accepted | Verdict::Undetermined(_) => Ok(ExportCourse::Updating(Updating {
                ticket: Ticket::new(),
            })),
            Verdict::Refused(failure) => Err(failure),
        }
    }
}

impl Updating {
    pub(super) fn updated(self, disks: usize) -> ExportCourse {
        ExportCourse::Converting(Box::new(Converting {
            disks: (0..disks)
                .map(|_| DiskWork::Running(Ticket::new()))
                .collect(),
        }))
    }
}

impl Converting {
    pub(super) fn converted(mut self, step: Step, converted: Converted) -> ExportCourse {
        if let Step::Convert(index) = step
            && let Ok(index) = usize::try_from(index)
            && let Some(disk) = self.disks.get_mut(index)
        {
            *disk = DiskWork::Done(converted);
        }
        let done: Option<Vec<Converted>> = self
            .disks
            .iter()
            .map(|disk| match disk {
                DiskWork::Running(_) => None,
                DiskWork::Done(converted) => Some(converted.clone()),
            })
            .collect();
        match done {
            None => ExportCourse::Converting(Box::new(self)),
            Some(disks) => ExportCourse::Transferring(Box::new(Transferring {
                disks,
                ticket: Ticket::new(),
            })),
        }
    }

    /// In thousandths of each disk.
    fn progress(&self) -> (u64, u64) {
        let part = |disk: &DiskWork| match disk {
            DiskWork::Done(_) => 1000,
            DiskWork::Running(ticket) => {
                let (done, total) = ticket.progress();
                done.saturating_mul(1000).checked_div(total).unwrap_or(0)
            }
        };
        let done = self
            .disks
            .iter()
            .fold(0_u64, |done, disk| done.saturating_add(part(disk)));
        let count = u64::try_from(self.disks.len()).unwrap_or(u64::MAX);
        (done, count.saturating_mul(1000))
    }
}

impl Transferring {
    pub(super) fn published(self) -> ExportDone {
        ExportDone { disks: self.disks }
    }
}

impl ExportCourse {
    pub(super) fn new() -> Self {
        Self::Validating(Validating {
            ticket: Ticket::new(),
        })
    }

    pub(super) fn tickets_of(&mut self) -> Tickets<'_> {
        match self {
            Self::Validating(state) => Tickets::one(Step::Validate, &mut state.ticket),
            Self::Updating(state) => Tickets::one(Step::Update, &mut state.ticket),
            Self::Converting(state) => (0..)
                .zip(&mut state.disks)
                .filter_map(|(index, disk)| match disk {
                    DiskWork::Running(ticket) => Some((Step::Convert(index), ticket)),
                    DiskWork::Done(_) => None,
                })
                .collect(),
            Self::Transferring(state) => Tickets::one(Step::Publish, &mut state.ticket),
        }
    }

    /// The stage, and how much of it is done (SVC-OBS-2).
    pub(super) fn stage(&self) -> (Stage, u64, u64) {
        match self {
            Self::Validating(_) => (Stage::Validating, 0, 0),
            Self::Updating(_) => (Stage::Updating, 0, 0),
            Self::Converting(state) => {
                let (done, total) = state.progress();
                (Stage::Converting, done, total)
            }
            Self::Transferring(_) => (Stage::Converting, 1, 1),
        }
    }
}
