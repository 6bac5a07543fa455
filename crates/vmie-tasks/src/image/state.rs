//! The states of an ImportImage task, one struct each; a transition consumes the state it leaves.

use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::vec::Vec;

use vmie_rules::SvcId;
use vmie_rules::guest::Platform;
use vmie_rules::license::{LicenseType, LicensedSystem};
use vmie_rules::limits::{IMPORT_IMAGE_DISK_SIZE_BOUND, MAX_VOLUMES};
use vmie_rules::message::Message;
use vmie_rules::status::Stage;

use super::request::ImageSpec;
use crate::id::{ImageId, SnapshotId};
use crate::life::{Context, Next};
use crate::order::{
    CleanupWork, Converted, DiskFacts, Failure, GuestFacts, Step, UpdateWork, Validated, Verdict,
};
use crate::ticket::{Ticket, Tickets};

/// Where an ImportImage task is while it runs. All but the first are boxed: most tasks of a long
/// queue are there.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ImageCourse {
    Validating(Validating),
    Converting(Box<Converting>),
    Updating(Box<Updating>),
    Booting(Box<Booting>),
    Publishing(Box<Publishing>),
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
    guest: SettledGuest,
    disks: Vec<DoneDisk>,
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
pub(crate) struct ImageDone {
    pub(crate) guest: SettledGuest,
    pub(crate) disks: Vec<DoneDisk>,
    pub(crate) image_id: ImageId,
    pub(crate) snapshot_ids: Vec<SnapshotId>,
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
    ) -> Next<ImageCourse> {
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
            Err(failure) => Next::Fails {
                failure,
                disks,
                leftovers: CleanupWork::default(),
            },
            Ok(guest) => Next::Goes(ImageCourse::Converting(Box::new(Converting {
                guest,
                disks: disks
                    .into_iter()
                    .map(|facts| ConvertingDisk {
                        facts,
                        work: DiskWork::Running(Ticket::new()),
                    })
                    .collect(),
            }))),
        }
    }
}

/// What the service limits (SVC-LIM-4, SVC-FMT-9).
fn check_disks(disks: &[DiskFacts], spec: &ImageSpec) -> Result<(), Failure> {
    if disks.is_empty()
        || disks
            .iter()
            .any(|disk| usize::try_from(disk.container).is_ok_and(|at| at >= spec.sources.len()))
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

    pub(super) fn converted(mut self, step: Step, converted: Converted) -> ImageCourse {
        if let Step::Convert(index) = step
            && let Ok(index) = usize::try_from(index)
            && let Some(disk) = self.disks.get_mut(index)
        {
            disk.work = DiskWork::Done(converted);
        }
        let done: Option<Vec<DoneDisk>> = self.disks.iter().map(ConvertingDisk::done).collect();
        match done {
            None => ImageCourse::Converting(Box::new(self)),
            Some(disks) => ImageCourse::Updating(Box::new(Updating {
                guest: self.guest,
                disks,
                ticket: Ticket::new(),
            })),
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

fn update_work(disks: &[DoneDisk], guest: &SettledGuest) -> UpdateWork {
    UpdateWork {
        disks: disks.iter().map(|disk| disk.converted.clone()).collect(),
        guest: guest.facts.clone(),
    }
}

impl Updating {
    pub(super) fn work(&self) -> UpdateWork {
        update_work(&self.disks, &self.guest)
    }

    pub(super) fn facts(&self) -> Vec<DiskFacts> {
        facts_of(&self.disks)
    }

    pub(super) fn updated(self, cx: &mut Context<'_>) -> ImageCourse {
        let Self {
            guest,
            disks,
            ticket: _,
        } = self;
        if cx.config.boots {
            return ImageCourse::Booting(Box::new(Booting {
                guest,
                disks,
                ticket: Ticket::new(),
            }));
        }
        ImageCourse::Publishing(Box::new(Publishing::new(cx, guest, disks, false)))
    }
}

impl Booting {
    pub(super) fn work(&self) -> UpdateWork {
        update_work(&self.disks, &self.guest)
    }

    pub(super) fn facts(&self) -> Vec<DiskFacts> {
        facts_of(&self.disks)
    }

    pub(super) fn booted(self, cx: &mut Context<'_>) -> ImageCourse {
        ImageCourse::Publishing(Box::new(Publishing::new(cx, self.guest, self.disks, true)))
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

    pub(super) fn published(self) -> ImageDone {
        ImageDone {
            guest: self.guest,
            disks: self.disks,
            image_id: self.image_id,
            snapshot_ids: self.snapshot_ids,
        }
    }
}

impl ImageCourse {
    pub(super) fn new() -> Self {
        Self::Validating(Validating {
            ticket: Ticket::new(),
        })
    }

    pub(super) fn tickets_of(&mut self) -> Tickets<'_> {
        match self {
            Self::Validating(state) => Tickets::one(Step::Validate, &mut state.ticket),
            Self::Converting(state) => (0..)
                .zip(&mut state.disks)
                .filter_map(|(index, disk)| match &mut disk.work {
                    DiskWork::Running(ticket) => Some((Step::Convert(index), ticket)),
                    DiskWork::Done(_) => None,
                })
                .collect(),
            Self::Updating(state) => Tickets::one(Step::Update, &mut state.ticket),
            Self::Booting(state) => Tickets::one(Step::Boot, &mut state.ticket),
            Self::Publishing(state) => Tickets::one(Step::Publish, &mut state.ticket),
        }
    }

    /// The stage, and how much of it is done.
    pub(super) fn stage(&self) -> (Stage, u64, u64) {
        let of = |ticket: &Ticket, before: Stage, during: Stage| {
            let (done, total) = ticket.progress();
            if ticket.started() {
                (during, done, total)
            } else {
                (before, 1, 1)
            }
        };
        match self {
            Self::Validating(state) if !state.ticket.started() => (Stage::Pending, 0, 0),
            Self::Validating(state) => of(&state.ticket, Stage::Pending, Stage::Validating),
            Self::Converting(state) if state.begun() => {
                let (done, total) = state.progress();
                (Stage::Converting, done, total)
            }
            Self::Converting(_) => (Stage::Validated, 1, 1),
            Self::Updating(state) => of(&state.ticket, Stage::Converting, Stage::Updating),
            Self::Booting(state) => of(&state.ticket, Stage::PreparingToBoot, Stage::Booting),
            Self::Publishing(state) => {
                let before = if state.booted {
                    Stage::Booted
                } else {
                    Stage::Updated
                };
                of(&state.ticket, before, Stage::PreparingAmi)
            }
        }
    }

    /// What is known of the guest, from the end of updating on.
    pub(crate) fn guest(&self) -> Option<&SettledGuest> {
        match self {
            Self::Booting(state) => Some(&state.guest),
            Self::Publishing(state) => Some(&state.guest),
            _ => None,
        }
    }

    /// The progress of one disk while the disks are converted, in percent of the disk.
    pub(crate) fn disk_progress(&self, index: usize) -> Option<u8> {
        let Self::Converting(state) = self else {
            return None;
        };
        let percent = match &state.disks.get(index)?.work {
            DiskWork::Done(_) => 100,
            DiskWork::Running(ticket) => {
                let (done, total) = ticket.progress();
                let percent = u128::from(done)
                    .saturating_mul(100)
                    .checked_div(u128::from(total));
                u8::try_from(percent.unwrap_or(0)).unwrap_or(0)
            }
        };
        Some(percent)
    }
}

/// The facts of converted disks.
pub(crate) fn facts_of(disks: &[DoneDisk]) -> Vec<DiskFacts> {
    disks.iter().map(|disk| disk.facts.clone()).collect()
}

impl Converting {
    pub(super) fn facts(&self) -> Vec<DiskFacts> {
        self.disks.iter().map(|disk| disk.facts.clone()).collect()
    }
}
