//! The states of an ImportImage task, one struct each; a transition consumes the state it leaves.

use alloc::string::ToString;
use alloc::vec::Vec;

use vmie_rules::SvcId;
use vmie_rules::guest::Platform;
use vmie_rules::license::{LicenseType, LicensedSystem};
use vmie_rules::limits::{IMPORT_IMAGE_DISK_SIZE_BOUND, MAX_VOLUMES};
use vmie_rules::message::Message;
use vmie_rules::status::{Stage, Status};

use super::request::ImageSpec;
use crate::ending::{Deleted, Deleting};
use crate::id::{ImageId, SnapshotId};
use crate::order::{
    CleanupWork, Converted, DiskFacts, Failure, GuestFacts, Step, UpdateWork, Validated, Verdict,
};
use crate::task::Context;
use crate::ticket::Ticket;
use crate::time::Timestamp;

/// Where an ImportImage task is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ImageState {
    Validating(Validating),
    Converting(Converting),
    Updating(Updating),
    Booting(Booting),
    Publishing(Publishing),
    Completed(Completed),
    Deleting(Deleting),
    Deleted(Deleted),
}

/// The sources are opened and the guest is judged.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Validating {
    ticket: Ticket,
}

/// The disks are converted, all at once.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Converting {
    guest: SettledGuest,
    /// As many as there are disks, in their order.
    disks: Vec<ConvertingDisk>,
}

/// A disk while others may still be converted.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct ConvertingDisk {
    facts: DiskFacts,
    work: DiskWork,
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
enum DiskWork {
    Running(Ticket),
    Done(Converted),
}

/// The guest is changed on the converted disks.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Updating {
    guest: SettledGuest,
    disks: Vec<DoneDisk>,
    ticket: Ticket,
}

/// The guest is booted.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Booting {
    pub(crate) guest: SettledGuest,
    pub(crate) disks: Vec<DoneDisk>,
    ticket: Ticket,
}

/// The image is made visible.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Publishing {
    pub(crate) guest: SettledGuest,
    pub(crate) disks: Vec<DoneDisk>,
    pub(crate) image_id: ImageId,
    /// One per disk.
    pub(crate) snapshot_ids: Vec<SnapshotId>,
    booted: bool,
    ticket: Ticket,
}

/// The image is there.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Completed {
    pub(crate) guest: SettledGuest,
    pub(crate) disks: Vec<DoneDisk>,
    pub(crate) image_id: ImageId,
    pub(crate) snapshot_ids: Vec<SnapshotId>,
    ended: Timestamp,
}

/// A converted disk.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct DoneDisk {
    pub(crate) facts: DiskFacts,
    pub(crate) converted: Converted,
}

/// What the guest is, with what follows from it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct SettledGuest {
    pub(crate) facts: GuestFacts,
    pub(crate) license_type: LicenseType,
}

fn refusal(code: &str, message: &str, detail: &str, svc: SvcId) -> Failure {
    Failure {
        code: code.to_string(),
        message: message.to_string(),
        detail: detail.to_string(),
        svc: [svc].into(),
        retryable: false,
    }
}

impl Validating {
    pub(super) fn validated(
        self,
        cx: &Context<'_>,
        spec: &ImageSpec,
        found: Validated,
    ) -> ImageState {
        let Validated {
            disks,
            guest,
            verdict,
        } = found;
        let settled = match verdict {
            Verdict::Refused(failure) => Err(failure),
            Verdict::Undetermined(failure) if !cx.config.allow_undetermined => Err(failure),
            Verdict::Accepted | Verdict::Undetermined(_) => {
                check_disks(&disks, spec).and_then(|()| settle(guest, spec))
            }
        };
        match settled {
            Err(failure) => {
                ImageState::Deleting(Deleting::new(failure, disks, CleanupWork::default()))
            }
            Ok(guest) => ImageState::Converting(Converting {
                guest,
                disks: disks
                    .into_iter()
                    .map(|facts| ConvertingDisk {
                        facts,
                        work: DiskWork::Running(Ticket::new()),
                    })
                    .collect(),
            }),
        }
    }
}

/// What the service limits (SVC-LIM-4, SVC-FMT-9).
fn check_disks(disks: &[DiskFacts], spec: &ImageSpec) -> Result<(), Failure> {
    if disks.is_empty()
        || disks
            .iter()
            .any(|disk| spec.source(disk.container).is_none())
    {
        return Err(refusal(
            "no-disk",
            &Message::UnknownOs.to_string(),
            "the sources hold no disk; name the files that hold the machine's disks",
            SvcId::Err14,
        ));
    }
    if disks.len() > MAX_VOLUMES {
        return Err(refusal(
            "too-many-volumes",
            "ClientError: Unsupported configuration - More than 21 volumes",
            "import the machine with at most 21 disks and the others as snapshots",
            SvcId::Lim4,
        ));
    }
    if disks
        .iter()
        .any(|disk| disk.virtual_size >= IMPORT_IMAGE_DISK_SIZE_BOUND)
    {
        return Err(refusal(
            "disk-too-large",
            "ClientError: Disk validation failed [Disk image size must be smaller than 8 TiB]",
            "a disk of 8 TiB or more is not taken by an image import",
            SvcId::Fmt9,
        ));
    }
    Ok(())
}

/// The license type as requested, or the default of the system (SVC-LIC-2).
fn settle(mut facts: GuestFacts, spec: &ImageSpec) -> Result<SettledGuest, Failure> {
    facts.platform = facts.platform.or(spec.expectations.platform);
    facts.boot_mode = spec.expectations.boot_mode.or(facts.boot_mode);
    let system = facts.system.or(match facts.platform {
        Some(Platform::Linux) => Some(LicensedSystem::Linux),
        Some(Platform::Windows) | None => None,
    });
    let default = system.map_or(LicenseType::Byol, LicensedSystem::default_license);
    let license_type = spec.expectations.license_type.unwrap_or(default);
    if system.is_some_and(|system| !system.allows(license_type)) {
        return Err(refusal(
            "license-not-allowed",
            "ClientError: License type AWS is not supported for this operating system",
            "Linux and Windows clients are imported with the license type BYOL",
            SvcId::Lic2,
        ));
    }
    Ok(SettledGuest {
        facts,
        license_type,
    })
}

impl Converting {
    pub(super) fn disk(&self, index: u32) -> Option<&DiskFacts> {
        let disk = self.disks.get(usize::try_from(index).ok()?)?;
        Some(&disk.facts)
    }

    pub(super) fn converted(mut self, step: Step, converted: Converted) -> ImageState {
        if let Step::Convert(index) = step
            && let Ok(index) = usize::try_from(index)
            && let Some(disk) = self.disks.get_mut(index)
        {
            disk.work = DiskWork::Done(converted);
        }
        let done: Option<Vec<DoneDisk>> = self.disks.iter().map(ConvertingDisk::done).collect();
        match done {
            None => ImageState::Converting(self),
            Some(disks) => ImageState::Updating(Updating {
                guest: self.guest,
                disks,
                ticket: Ticket::new(),
            }),
        }
    }

    /// Bytes done and in all, over all disks; a disk that has not said how much there is counts
    /// with its size.
    fn progress(&self) -> (u64, u64) {
        self.disks
            .iter()
            .fold((0, 0), |(done, total): (u64, u64), disk| {
                let (disk_done, disk_total) = match &disk.work {
                    DiskWork::Done(_) => (disk.facts.virtual_size, disk.facts.virtual_size),
                    DiskWork::Running(ticket) => match ticket.progress() {
                        (_, 0) => (0, disk.facts.virtual_size),
                        progress => progress,
                    },
                };
                (
                    done.saturating_add(disk_done),
                    total.saturating_add(disk_total),
                )
            })
    }

    fn begun(&self) -> bool {
        self.disks.iter().any(|disk| match &disk.work {
            DiskWork::Done(_) => true,
            DiskWork::Running(ticket) => ticket.started(),
        })
    }
}

impl ConvertingDisk {
    fn done(&self) -> Option<DoneDisk> {
        match &self.work {
            DiskWork::Running(_) => None,
            DiskWork::Done(converted) => Some(DoneDisk {
                facts: self.facts.clone(),
                converted: converted.clone(),
            }),
        }
    }
}

impl Updating {
    pub(super) fn work(&self) -> UpdateWork {
        UpdateWork {
            disks: self
                .disks
                .iter()
                .map(|disk| disk.converted.clone())
                .collect(),
            guest: self.guest.facts.clone(),
        }
    }

    pub(super) fn updated(self, cx: &mut Context<'_>) -> ImageState {
        let Self {
            guest,
            disks,
            ticket: _,
        } = self;
        if cx.config.boots {
            return ImageState::Booting(Booting {
                guest,
                disks,
                ticket: Ticket::new(),
            });
        }
        ImageState::Publishing(Publishing::new(cx, guest, disks, false))
    }
}

impl Booting {
    pub(super) fn booted(self, cx: &mut Context<'_>) -> ImageState {
        ImageState::Publishing(Publishing::new(cx, self.guest, self.disks, true))
    }
}

impl Publishing {
    fn new(cx: &mut Context<'_>, guest: SettledGuest, disks: Vec<DoneDisk>, booted: bool) -> Self {
        let image_id = cx.ids.image();
        let snapshot_ids = disks.iter().map(|_| cx.ids.snapshot()).collect();
        Self {
            guest,
            disks,
            image_id,
            snapshot_ids,
            booted,
            ticket: Ticket::new(),
        }
    }

    pub(super) fn published(self, cx: &Context<'_>) -> ImageState {
        ImageState::Completed(Completed {
            guest: self.guest,
            disks: self.disks,
            image_id: self.image_id,
            snapshot_ids: self.snapshot_ids,
            ended: cx.now,
        })
    }
}

impl ImageState {
    pub(super) fn new() -> Self {
        Self::Validating(Validating {
            ticket: Ticket::new(),
        })
    }

    pub(crate) fn status(&self) -> Status {
        match self {
            Self::Completed(_) => Status::Completed,
            Self::Deleting(_) => Status::Deleting,
            Self::Deleted(_) => Status::Deleted,
            _ => Status::Active,
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
        self.status() == Status::Active && !matches!(self, Self::Publishing(_))
    }

    pub(crate) fn tickets(&mut self) -> Vec<(Step, &mut Ticket)> {
        match self {
            Self::Validating(state) => [(Step::Validate, &mut state.ticket)].into(),
            Self::Converting(state) => (0..)
                .zip(&mut state.disks)
                .filter_map(|(index, disk)| match &mut disk.work {
                    DiskWork::Running(ticket) => Some((Step::Convert(index), ticket)),
                    DiskWork::Done(_) => None,
                })
                .collect(),
            Self::Updating(state) => [(Step::Update, &mut state.ticket)].into(),
            Self::Booting(state) => [(Step::Boot, &mut state.ticket)].into(),
            Self::Publishing(state) => [(Step::Publish, &mut state.ticket)].into(),
            Self::Deleting(state) => [(Step::Cleanup, &mut state.ticket)].into(),
            Self::Completed(_) | Self::Deleted(_) => Vec::new(),
        }
    }

    /// The stage, and how much of it is done.
    pub(crate) fn stage(&self) -> Option<(Stage, u64, u64)> {
        let of = |ticket: &Ticket, before: Stage, during: Stage| {
            let (done, total) = ticket.progress();
            if ticket.started() {
                (during, done, total)
            } else {
                (before, 1, 1)
            }
        };
        match self {
            Self::Validating(state) if !state.ticket.started() => Some((Stage::Pending, 0, 0)),
            Self::Validating(state) => Some(of(&state.ticket, Stage::Pending, Stage::Validating)),
            Self::Converting(state) if state.begun() => {
                let (done, total) = state.progress();
                Some((Stage::Converting, done, total))
            }
            Self::Converting(_) => Some((Stage::Validated, 1, 1)),
            Self::Updating(state) => Some(of(&state.ticket, Stage::Converting, Stage::Updating)),
            Self::Booting(state) => Some(of(&state.ticket, Stage::PreparingToBoot, Stage::Booting)),
            Self::Publishing(state) => {
                let before = if state.booted {
                    Stage::Booted
                } else {
                    Stage::Updated
                };
                Some(of(&state.ticket, before, Stage::PreparingAmi))
            }
            Self::Completed(_) | Self::Deleting(_) | Self::Deleted(_) => None,
        }
    }

    /// What is known of the disks.
    pub(crate) fn disks(&self) -> Vec<DiskFacts> {
        let facts = |disks: &[DoneDisk]| disks.iter().map(|disk| disk.facts.clone()).collect();
        match self {
            Self::Validating(_) => Vec::new(),
            Self::Converting(state) => state.disks.iter().map(|disk| disk.facts.clone()).collect(),
            Self::Updating(state) => facts(&state.disks),
            Self::Booting(state) => facts(&state.disks),
            Self::Publishing(state) => facts(&state.disks),
            Self::Completed(state) => facts(&state.disks),
            Self::Deleting(state) => state.disks.clone(),
            Self::Deleted(state) => state.disks.clone(),
        }
    }

    /// What is known of the guest, from the end of updating on.
    pub(crate) fn guest(&self) -> Option<&SettledGuest> {
        match self {
            Self::Booting(state) => Some(&state.guest),
            Self::Publishing(state) => Some(&state.guest),
            Self::Completed(state) => Some(&state.guest),
            _ => None,
        }
    }

    /// The end that is no success. Failing while cleaning up ends the task all the same; one that
    /// has ended stays as it is.
    pub(super) fn fail(self, cx: &Context<'_>, failure: Failure) -> Self {
        let disks = self.disks();
        let leftovers = match self {
            Self::Deleting(state) => return Self::Deleted(state.cleaned(cx.now, Some(failure))),
            Self::Completed(_) | Self::Deleted(_) => return self,
            Self::Publishing(state) => CleanupWork {
                image_id: Some(state.image_id),
                snapshot_ids: state.snapshot_ids,
            },
            _ => CleanupWork::default(),
        };
        Self::Deleting(Deleting::new(failure, disks, leftovers))
    }
}
