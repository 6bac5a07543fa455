//! Looking at what is imported, and converting its disks.

use std::collections::BTreeMap;

use vmie_formats::{ConvertOptions, Format};
use vmie_io::{WriteAt as _, int};
use vmie_rules::format::ImageFormat;
use vmie_tasks::{
    ConvertWork, Converted, DiskFacts, Expectations, Failure, Location, ValidateWork, Validated,
    Verdict,
};

use super::pace::Paced;
use super::sink::{PartFile, placed};
use super::source::{SourceImage, changed};
use super::{Job, Workshop, failure};
use crate::service::{file_findings, task_message};
use crate::store::{hex, note};
use crate::{Cause, Error, Image, Judging, facts, guest_disks, preflight_disks};

/// The versions of the sources that were validated, by their containers.
type Versions = BTreeMap<u32, String>;

impl Workshop {
    /// Opens the images of a validation, and says what the guest is.
    pub(super) fn validate(&self, job: &Job<'_>, work: &ValidateWork) -> Result<Validated, Error> {
        self.durable.create_dir(&self.layout.task(job.task()))?;
        let (mut sources, mut versions) = (Vec::new(), Versions::new());
        for source in &work.sources {
            if let Location::Manifest { url } = &source.location {
                self.keep_manifest(job, source.container, url)?;
            }
            let opened = self.open(job, source)?;
            if let Some(version) = opened.version() {
                versions.insert(source.container, version.to_owned());
            }
            sources.push(opened);
        }
        let path = self.layout.of_task(job.task(), "sources.json");
        self.durable
            .replace(&path, &note::json(&versions, &path)?)?;
        let validated = self.look(job, work, sources);
        // Whatever was found by reads that were stopped is not so.
        job.go_on()?;
        validated
    }

    fn look(
        &self,
        job: &Job<'_>,
        work: &ValidateWork,
        sources: Vec<SourceImage>,
    ) -> Result<Validated, Error> {
        let images: Vec<Image> = sources.into_iter().map(|source| source.image).collect();
        let mut disks = Vec::new();
        for (source, image) in work.sources.iter().zip(&images) {
            for (member, index) in (0u32..).zip(0..image.disk_count()) {
                disks.push(disk_facts(image, source.container, member, index)?);
            }
        }
        let Some(expected) = &work.guest else {
            return Ok(Validated {
                disks,
                guest: facts::unknown(),
                verdict: files_verdict(&images),
            });
        };
        let guest_disks = guest_disks(&images)?;
        let judging = self.judging(job, expected);
        let limits = &self.options.images.limits;
        let preflight = preflight_disks(&images, &guest_disks, &judging, limits)?;
        job.go_on()?;
        let path = self.layout.report(job.task());
        let report = note::json(&preflight.document(), &path)?;
        self.durable.replace(&path, &report)?;
        let verdict = match files_verdict(&images) {
            Verdict::Accepted => failure::verdict(&preflight),
            refused => refused,
        };
        Ok(Validated {
            disks,
            guest: facts::of(&preflight.inspection, expected.boot_mode),
            verdict,
        })
    }

    /// How the request and the host want it judged.
    fn judging(&self, job: &Job<'_>, expected: &Expectations) -> Judging {
        let of_host = self.options.judging.as_ref();
        let judging = of_host.map_or_else(
            || Judging {
                region: Some(job.begin.caller.region.clone()),
                ..Judging::default()
            },
            |judging| judging(job.begin),
        );
        Judging {
            boot_mode: expected.boot_mode,
            license_type: expected.license_type,
            ..judging
        }
    }

    /// Converts one disk to a raw file of its own.
    pub(super) fn convert(&self, job: &Job<'_>, work: &ConvertWork) -> Result<Converted, Error> {
        let source = self.open(job, &work.source)?;
        self.as_validated(job, work, &source)?;
        if let Some(converted) = self.finished_disk(job, work.index) {
            return Ok(converted);
        }
        self.durable.create_dir(&self.layout.task(job.task()))?;
        let same = source.version().map(|version| {
            let (member, format) = (work.disk.member, source.image.format());
            format!("{version:?} disk {member} as {format}")
        });
        let of = format!("disk{}", work.index);
        let file = self.part_file(job, &of, same.as_deref())?;
        let converted = self
            .write_disk(job, &source.image, work, &file)
            .and_then(|converted| {
                self.unchanged(&source)?;
                let disk = self.layout.disk(job.task(), work.index);
                self.durable.rename(&file.path, &disk)?;
                let beside = self.layout.disk_note(job.task(), work.index);
                let text = note::json(&converted, &beside)?;
                self.durable.replace(&beside, &text)?;
                Ok(converted)
            });
        self.end_part(job, &file, converted)
    }

    /// Whether a source is the version that was validated.
    fn as_validated(
        &self,
        job: &Job<'_>,
        work: &ConvertWork,
        source: &SourceImage,
    ) -> Result<(), Error> {
        let path = self.layout.of_task(job.task(), "sources.json");
        let versions: Versions = note::read(&path)?.unwrap_or_default();
        let seen = versions.get(&work.source.container);
        match (seen, source.version()) {
            (Some(seen), Some(now)) if seen != now => Err(changed(&source.image)),
            _ => Ok(()),
        }
    }

    /// What an earlier attempt left of a disk: complete, its note beside it.
    fn finished_disk(&self, job: &Job<'_>, index: u32) -> Option<Converted> {
        let path = self.layout.disk_note(job.task(), index);
        let converted: Converted = note::read(&path).ok()??;
        let disk = std::fs::metadata(self.layout.disk(job.task(), index)).ok()?;
        (disk.len() == converted.virtual_size).then_some(converted)
    }

    /// Writes and hashes a disk; with the first disk of an appliance, all files of the appliance
    /// are compared with their digests meanwhile.
    fn write_disk(
        &self,
        job: &Job<'_>,
        image: &Image,
        work: &ConvertWork,
        file: &PartFile<'_>,
    ) -> Result<Converted, Error> {
        let disk = image.disk(int::usize_of(work.disk.member.into()))?;
        if disk.len() != work.disk.virtual_size {
            return Err(Error::new(Cause::SourceChanged).in_file(image.path()));
        }
        let sink = &file.sink;
        let options = ConvertOptions::new().threads(self.options.threads);
        let progress = Paced::new(job.tell, job.cancel);
        let cancel = &progress.threads;
        let appliance = image.appliance().filter(|_| work.disk.member == 0);
        let report = std::thread::scope(|scope| {
            let verifier = appliance.map(|appliance| {
                scope.spawn(move || {
                    let result = appliance.verify(&(), cancel);
                    let result = result.and_then(|verification| verification.ensure());
                    if result.is_err() {
                        // Nothing more has to be written.
                        cancel.cancel();
                    }
                    result
                })
            });
            let resume = file.resume();
            let report =
                vmie_formats::convert_resumable(&disk, sink, &options, resume, &progress, cancel);
            if report.is_err() {
                cancel.cancel();
            }
            let verified = verifier.map_or(Ok(()), |verifier| {
                let lost = || vmie_formats::Error::new(vmie_formats::Cause::Read);
                verifier.join().unwrap_or_else(|_| Err(lost()))
            });
            most_telling(report, verified)
        })
        .map_err(|error| placed(error, image.path(), &file.path))?;
        sink.sync()
            .map_err(|error| Error::sink(&file.path, error))?;
        let sha256 = report.sha256.ok_or_else(|| Error::new(Cause::WorkerLost))?;
        Ok(Converted {
            sha256: hex(&sha256),
            virtual_size: disk.len(),
            data_bytes: report.data_bytes_written,
        })
    }
}

/// Of two results of one conversion the one that says more: whoever failed first has cancelled the
/// other.
fn most_telling(
    report: Result<vmie_formats::Report, vmie_formats::Error>,
    verified: Result<(), vmie_formats::Error>,
) -> Result<vmie_formats::Report, vmie_formats::Error> {
    let cancelled = |error: &vmie_formats::Error| error.cause() == vmie_formats::Cause::Cancelled;
    match (report, verified) {
        (Ok(report), Ok(())) => Ok(report),
        (Err(error), Err(other)) if cancelled(&error) => Err(other),
        (Err(error), _) | (Ok(_), Err(error)) => Err(error),
    }
}

fn disk_facts(
    image: &Image,
    container: u32,
    member: u32,
    index: usize,
) -> Result<DiskFacts, Error> {
    let disk = image.disk(index)?;
    let info = disk.info();
    let in_appliance = image
        .appliance()
        .and_then(|appliance| appliance.disks().get(index)?.file_size);
    Ok(DiskFacts {
        container,
        member,
        format: image_format(info.format).ok_or_else(|| {
            let fault = vmie_formats::Error::new(vmie_formats::Cause::FormatNotRead);
            Error::from(fault.found(info.format.name())).in_file(image.path())
        })?,
        stored_size: in_appliance.unwrap_or(image.file_size()),
        virtual_size: info.virtual_size,
    })
}

/// Whether the files are of kinds that are taken.
fn files_verdict(images: &[Image]) -> Verdict {
    match images.iter().flat_map(file_findings).next() {
        None => Verdict::Accepted,
        Some(finding) => Verdict::Refused(Failure {
            message: task_message(&finding),
            detail: format!("{}. {}.", finding.title, finding.remedy),
            code: finding.code,
            svc: finding.svc,
            retryable: false,
        }),
    }
}

/// The service's name for a format; `None` for one that it does not take.
pub(crate) fn image_format(format: Format) -> Option<ImageFormat> {
    match format {
        Format::Raw => Some(ImageFormat::Raw),
        Format::Vmdk => Some(ImageFormat::Vmdk),
        Format::Vhd => Some(ImageFormat::Vhd),
        Format::Vhdx => Some(ImageFormat::Vhdx),
        Format::Ova => Some(ImageFormat::Ova),
        _ => None,
    }
}
