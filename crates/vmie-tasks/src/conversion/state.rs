//! The states of a conversion task, one struct each; a transition consumes the state it leaves.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use vmie_rules::SvcId;
use vmie_rules::message::Message;
use vmie_rules::status::Stage;

use super::request::{ConversionRequest, Names};
use crate::life::{Context, Next};
use crate::order::{
    CleanupWork, Converted, DiskFacts, Failure, Step, Uploaded, Validated, Verdict,
};
use crate::ticket::{Ticket, Tickets};

/// Where a conversion task is while it runs.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ConversionCourse {
    Uploading(Uploading),
    Validating(Box<Validating>),
    Converting(Box<Converting>),
    Publishing(Box<Publishing>),
}

/// Manifests and parts are looked for, again and again, until all are there.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Uploading {
    pub(super) names: Box<Names>,
    /// One per disk, until its upload is there.
    disks: Vec<Option<Ticket>>,
}

/// The uploads are opened.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Validating {
    pub(super) names: Names,
    ticket: Ticket,
}

/// The disks are converted, all at once.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Converting {
    pub(super) names: Names,
    disks: Vec<ConvertingDisk>,
}

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

/// A converted disk.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct DoneDisk {
    pub(crate) facts: DiskFacts,
    pub(crate) converted: Converted,
}

/// Volumes and instance are made visible.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Publishing {
    pub(super) names: Names,
    pub(super) disks: Vec<DoneDisk>,
    ticket: Ticket,
}

/// Volumes and instance are there; the instance is stopped.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct ConversionDone {
    pub(crate) names: Names,
    pub(crate) disks: Vec<DoneDisk>,
}

fn refusal(code: &str, message: String, detail: &str, svc: SvcId) -> Failure {
    Failure {
        code: code.to_string(),
        message,
        detail: detail.to_string(),
        svc: [svc].into(),
        retryable: false,
    }
}

fn fails(failure: Failure, disks: Vec<DiskFacts>) -> Next<ConversionCourse> {
    Next::Fails {
        failure,
        disks,
        leftovers: CleanupWork::default(),
    }
}

impl Uploading {
    pub(super) fn uploaded(
        mut self,
        cx: &Context<'_>,
        request: &ConversionRequest,
        step: Step,
        found: Uploaded,
    ) -> Next<ConversionCourse> {
        let Step::Upload(index) = step else {
            return Next::Goes(ConversionCourse::Uploading(self));
        };
        let complete = match manifest_fault(request, index, &found) {
            Ok(complete) => complete,
            Err(failure) => return fails(failure, Vec::new()),
        };
        let place = usize::try_from(index).unwrap_or(usize::MAX);
        if let Some(disk) = self.disks.get_mut(place) {
            if complete {
                *disk = None;
            } else if let Some(ticket) = disk {
                // Resume: the uploader sees by HEAD what is missing, and so does the next look.
                ticket.wait_until(cx.now.plus_secs(cx.config.upload_poll.max(1)));
            }
        }
        if self.disks.iter().any(Option::is_some) {
            return Next::Goes(ConversionCourse::Uploading(self));
        }
        Next::Goes(ConversionCourse::Validating(Box::new(Validating {
            names: *self.names,
            ticket: Ticket::new(),
        })))
    }
}

/// Whether an upload is complete; a manifest that is wrong, or is not of the requested file, is
/// an error (SVC-MAN-1).
fn manifest_fault(
    request: &ConversionRequest,
    index: u32,
    found: &Uploaded,
) -> Result<bool, Failure> {
    let Some(manifest) = &found.manifest else {
        return Ok(false);
    };
    let invalid = |detail: String| {
        let message = format!("ClientError: Invalid import manifest [{detail}]");
        refusal("invalid-manifest", message, &detail, SvcId::Man1)
    };
    manifest
        .check()
        .map_err(|fault| invalid(fault.to_string()))?;
    if let Some((format, bytes)) = request.file(index) {
        if manifest.file_format != format {
            let found = manifest.file_format;
            return Err(invalid(format!(
                "the file is {found}, and the request says {format}"
            )));
        }
        if manifest.size != bytes {
            let found = manifest.size;
            return Err(invalid(format!(
                "the file has {found} bytes, and the request says {bytes}"
            )));
        }
    }
    let parts = manifest.parts.len();
    Ok(usize::try_from(found.present).is_ok_and(|present| present >= parts))
}

impl Validating {
    pub(super) fn validated(
        self,
        cx: &Context<'_>,
        request: &ConversionRequest,
        found: Validated,
    ) -> Next<ConversionCourse> {
        let Validated { disks, verdict, .. } = found;
        let undetermined = cx.config.allow_undetermined || !request.is_instance();
        let failure = match verdict {
            Verdict::Refused(failure) => Some(failure),
            Verdict::Undetermined(failure) if !undetermined => Some(failure),
            Verdict::Accepted | Verdict::Undetermined(_) => check_disks(&disks, request),
        };
        match failure {
            Some(failure) => fails(failure, disks),
            None => Next::Goes(ConversionCourse::Converting(Box::new(Converting {
                names: self.names,
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

/// One disk per file, and no larger than its volume.
fn check_disks(disks: &[DiskFacts], request: &ConversionRequest) -> Option<Failure> {
    let asked = request.disks();
    let in_order = disks
        .iter()
        .zip(0_u32..)
        .all(|(disk, index)| disk.container == index && disk.member == 0);
    if !in_order || disks.len() != asked.len() {
        return Some(refusal(
            "not-one-disk",
            Message::UnsupportedFileFormat.to_string(),
            "each file must hold exactly one disk",
            SvcId::Fmt5,
        ));
    }
    let too_large = disks
        .iter()
        .zip(&asked)
        .find(|(disk, asked)| disk.virtual_size > asked.volume_size.saturating_mul(1 << 30));
    let (disk, asked) = too_large?;
    Some(refusal(
        "volume-too-small",
        "ClientError: Disk validation failed [The volume is smaller than the disk]".to_string(),
        &format!(
            "disk {} has {} bytes, and its volume {} GiB; ask for a larger volume",
            disk.container, disk.virtual_size, asked.volume_size
        ),
        SvcId::Man2,
    ))
}

impl Converting {
    pub(super) fn disk(&self, index: u32) -> Option<&DiskFacts> {
        let disk = self.disks.get(usize::try_from(index).ok()?)?;
        Some(&disk.facts)
    }

    pub(super) fn facts(&self) -> Vec<DiskFacts> {
        self.disks.iter().map(|disk| disk.facts.clone()).collect()
    }

    pub(super) fn converted(mut self, step: Step, converted: Converted) -> ConversionCourse {
        if let Step::Convert(index) = step
            && let Ok(index) = usize::try_from(index)
            && let Some(disk) = self.disks.get_mut(index)
        {
            disk.work = DiskWork::Done(converted);
        }
        let done: Option<Vec<DoneDisk>> = self
            .disks
            .iter()
            .map(|disk| match &disk.work {
                DiskWork::Running(_) => None,
                DiskWork::Done(converted) => Some(DoneDisk {
                    facts: disk.facts.clone(),
                    converted: converted.clone(),
                }),
            })
            .collect();
        match done {
            None => ConversionCourse::Converting(Box::new(self)),
            Some(disks) => ConversionCourse::Publishing(Box::new(Publishing {
                names: self.names,
                disks,
                ticket: Ticket::new(),
            })),
        }
    }

    /// How much of a file was converted, in bytes of the file, and how much there is.
    pub(super) fn bytes(&self, index: usize) -> Option<(u64, u64)> {
        let disk = self.disks.get(index)?;
        let stored = disk.facts.stored_size;
        Some(match &disk.work {
            DiskWork::Done(_) => (stored, stored),
            DiskWork::Running(ticket) => {
                let (done, total) = ticket.progress();
                let part = u128::from(done)
                    .saturating_mul(u128::from(stored))
                    .checked_div(u128::from(total))
                    .unwrap_or(0);
                (u64::try_from(part).unwrap_or(stored), stored)
            }
        })
    }
}

impl Publishing {
    pub(super) fn published(self) -> ConversionDone {
        ConversionDone {
            names: self.names,
            disks: self.disks,
        }
    }
}

impl ConversionCourse {
    pub(super) fn new(names: Names, disks: usize) -> Self {
        Self::Uploading(Uploading {
            names: Box::new(names),
            disks: (0..disks).map(|_| Some(Ticket::new())).collect(),
        })
    }

    pub(super) fn tickets_of(&mut self) -> Tickets<'_> {
        match self {
            Self::Uploading(state) => (0..)
                .zip(&mut state.disks)
                .filter_map(|(index, ticket)| Some((Step::Upload(index), ticket.as_mut()?)))
                .collect(),
            Self::Validating(state) => Tickets::one(Step::Validate, &mut state.ticket),
            Self::Converting(state) => (0..)
                .zip(&mut state.disks)
                .filter_map(|(index, disk)| match &mut disk.work {
                    DiskWork::Running(ticket) => Some((Step::Convert(index), ticket)),
                    DiskWork::Done(_) => None,
                })
                .collect(),
            Self::Publishing(state) => Tickets::one(Step::Publish, &mut state.ticket),
        }
    }

    /// The stage, and how much of it is done.
    pub(super) fn stage(&self) -> (Stage, u64, u64) {
        match self {
            Self::Uploading(_) => (Stage::Pending, 0, 0),
            Self::Validating(state) if state.ticket.started() => (Stage::Validating, 0, 0),
            Self::Validating(_) => (Stage::Pending, 1, 1),
            Self::Converting(state) => {
                let bytes = (0..state.disks.len()).filter_map(|index| state.bytes(index));
                let (done, total) = bytes.fold((0_u64, 0_u64), |(done, total), one| {
                    (done.saturating_add(one.0), total.saturating_add(one.1))
                });
                (Stage::Converting, done, total)
            }
            Self::Publishing(_) => (Stage::Converting, 1, 1),
        }
    }

    pub(crate) fn instance_id(&self) -> Option<&crate::id::InstanceId> {
        self.names().instance_id.as_ref()
    }

    pub(super) fn names(&self) -> &Names {
        match self {
            Self::Uploading(state) => &state.names,
            Self::Validating(state) => &state.names,
            Self::Converting(state) => &state.names,
            Self::Publishing(state) => &state.names,
        }
    }
}
