//! The work itself: what one thread does for one order.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use vmie_formats::{ConvertOptions, Format};
use vmie_io::{CancelToken, FileSink, ReadAt as _, ReadError, WriteAt, int};
use vmie_rules::format::ImageFormat;
use vmie_tasks::{
    Attempt, ConvertWork, Converted, DiskFacts, Expectations, TaskId, ValidateWork, Validated,
    Verdict, WorkerEvent,
};

use super::failure;
use super::source::LocalSource;
use crate::service::{file_findings, task_message};
use crate::store::{Durable, Layout, hex, publish};
use crate::{Cause, Error, Image, ImageOptions, Judging, facts, guest_disks, preflight_disks};

/// Reports of progress come no more often than this.
const PROGRESS_EVERY: Duration = Duration::from_millis(200);

/// What every worker needs of the host.
#[derive(Clone, Debug)]
pub(crate) struct Shop {
    pub(crate) layout: Layout,
    pub(crate) durable: Durable,
    pub(crate) options: ImageOptions,
    /// How many threads a conversion may use.
    pub(crate) threads: usize,
}

/// How a worker tells its host.
pub(crate) type Tell<'a> = dyn Fn(WorkerEvent) + Send + Sync + 'a;

impl Shop {
    /// Opens the images of a validation, and says what the guest is.
    pub(crate) fn validate(
        &self,
        task: &TaskId,
        work: &ValidateWork,
        sources: &[LocalSource],
    ) -> Result<Validated, Error> {
        let mut images = Vec::with_capacity(sources.len());
        for (source, local) in work.sources.iter().zip(sources) {
            images.push(self.open(local, source.format)?);
        }
        let mut disks = Vec::new();
        for (container, image) in (0u32..).zip(&images) {
            for (member, index) in (0u32..).zip(0..image.disk_count()) {
                disks.push(disk_facts(image, container, member, index)?);
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
        let judging = judging(expected, sources.first());
        let preflight = preflight_disks(&images, &guest_disks, &judging, &self.options.limits)?;
        let report = preflight.document();
        let path = self.layout.report(task);
        self.durable.create_dir(&self.layout.task(task))?;
        self.durable
            .replace(&path, &publish::json(&report, &path)?)?;
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

    /// Converts one disk to a raw file of its own.
    pub(crate) fn convert(
        &self,
        task: &TaskId,
        attempt: Attempt,
        work: &ConvertWork,
        local: &LocalSource,
        cancel: &CancelToken,
        tell: &Tell<'_>,
    ) -> Result<Converted, Error> {
        local.check()?;
        if let Some(converted) = publish::finished_disk(&self.layout, task, work.index) {
            return Ok(converted);
        }
        let image = self.open(local, work.source.format)?;
        self.durable.create_dir(&self.layout.task(task))?;
        let part = self.layout.part(task, work.index, attempt);
        let converted = self
            .write_disk(&image, work, &part, cancel, tell)
            .and_then(|converted| {
                local.check()?;
                let disk = self.layout.disk(task, work.index);
                self.durable.rename(&part, &disk)?;
                let note = self.layout.disk_note(task, work.index);
                self.durable
                    .replace(&note, &publish::json(&converted, &note)?)?;
                Ok(converted)
            });
        if converted.is_err() {
            // The error that is told is the first; the next start sweeps what is left.
            let _ = self.durable.remove(&part);
        }
        converted
    }

    /// Writes and hashes a disk; with the first disk of an appliance, all files of the appliance
    /// are compared with their digests meanwhile.
    fn write_disk(
        &self,
        image: &Image,
        work: &ConvertWork,
        part: &Path,
        cancel: &CancelToken,
        tell: &Tell<'_>,
    ) -> Result<Converted, Error> {
        let disk = image.disk(int::usize_of(work.disk.member.into()))?;
        if disk.len() != work.disk.virtual_size {
            return Err(Error::new(Cause::SourceChanged).in_file(image.path()));
        }
        self.durable.step("write disk", part)?;
        let file = FileSink::create_new(part).map_err(|error| Error::sink(part, error))?;
        let sink = Stepped {
            sink: file,
            durable: &self.durable,
            part,
        };
        let options = ConvertOptions::new().threads(NonZeroUsize::new(self.threads));
        let progress = Paced::new(tell);
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
            let report = vmie_formats::convert(&disk, &sink, &options, &progress, cancel);
            if report.is_err() {
                cancel.cancel();
            }
            let verified = verifier.map_or(Ok(()), |verifier| {
                let lost = || vmie_formats::Error::new(vmie_formats::Cause::Read);
                verifier.join().unwrap_or_else(|_| Err(lost()))
            });
            most_telling(report, verified)
        })
        .map_err(|error| placed(error, image.path(), part))?;
        sink.sync().map_err(|error| Error::sink(part, error))?;
        let sha256 = report.sha256.ok_or_else(|| Error::new(Cause::WorkerLost))?;
        Ok(Converted {
            sha256: hex(&sha256),
            virtual_size: disk.len(),
            data_bytes: report.data_bytes_written,
        })
    }

    /// Opens a source and makes sure that it is what it was.
    fn open(&self, local: &LocalSource, format: Option<ImageFormat>) -> Result<Image, Error> {
        let mut options = self.options.clone();
        options.format = format.and_then(format_of);
        let image = Image::open(&local.path, &options)?;
        // After it was opened: from here on, another file under the name is not this one.
        local.check()?;
        Ok(image)
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

/// A conversion's error with the file whose fault it is.
fn placed(error: vmie_formats::Error, source: &Path, part: &Path) -> Error {
    if error.cause() == vmie_formats::Cause::Write {
        let at = ReadError::new("target", error.kind(), error.offset().unwrap_or(0));
        return Error::sink(part, at.with_source(error));
    }
    Error::from(error).in_file(source)
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
        Some(finding) => Verdict::Refused(vmie_tasks::Failure {
            message: task_message(&finding),
            detail: format!("{}. {}.", finding.title, finding.remedy),
            code: finding.code,
            svc: finding.svc,
            retryable: false,
        }),
    }
}

/// How the request and the import that it belongs to want it judged.
fn judging(expected: &Expectations, local: Option<&LocalSource>) -> Judging {
    let mut judging = Judging {
        boot_mode: expected.boot_mode,
        license_type: expected.license_type,
        ..Judging::default()
    };
    if let Some(import) = local.and_then(|local| local.import.as_ref()) {
        judging.mode = import.mode;
        judging.edition = import.edition;
        judging.as_of = import.day().unwrap_or(judging.as_of);
        judging.region.clone_from(&import.region);
    }
    judging
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

/// The format that a request names; `None` for one that is not known here, which is then probed.
fn format_of(format: ImageFormat) -> Option<Format> {
    match format {
        ImageFormat::Raw => Some(Format::Raw),
        ImageFormat::Vmdk => Some(Format::Vmdk),
        ImageFormat::Vhd => Some(Format::Vhd),
        ImageFormat::Vhdx => Some(Format::Vhdx),
        ImageFormat::Ova => Some(Format::Ova),
        _ => None,
    }
}

/// A sink whose every write is a step that tests can stop at.
struct Stepped<'a> {
    sink: FileSink,
    durable: &'a Durable,
    part: &'a Path,
}

impl Stepped<'_> {
    fn step(&self, name: &'static str, offset: u64) -> Result<(), ReadError> {
        self.durable
            .step(name, self.part)
            .map_err(|error| ReadError::new("file", error.kind(), offset).with_source(error))
    }
}

impl WriteAt for Stepped<'_> {
    fn write_all_at(&self, buf: &[u8], offset: u64) -> Result<(), ReadError> {
        self.step("write disk", offset)?;
        self.sink.write_all_at(buf, offset)
    }
    fn set_len(&self, len: u64) -> Result<(), ReadError> {
        self.step("size disk", len)?;
        self.sink.set_len(len)
    }
    fn write_zeroes_at(&self, offset: u64, len: u64) -> Result<(), ReadError> {
        self.step("write disk", offset)?;
        self.sink.write_zeroes_at(offset, len)
    }
    fn sync(&self) -> Result<(), ReadError> {
        self.step("flush disk", 0)?;
        self.sink.sync()
    }
}

/// Progress at a pace that a person and a journal can follow.
struct Paced<'a> {
    tell: &'a Tell<'a>,
    last: Mutex<Instant>,
}

impl<'a> Paced<'a> {
    fn new(tell: &'a Tell<'a>) -> Self {
        Self {
            tell,
            last: Mutex::new(Instant::now()),
        }
    }
}

impl vmie_formats::Progress for Paced<'_> {
    fn update(&self, done: u64, total: u64) {
        {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            if last.elapsed() < PROGRESS_EVERY {
                return;
            }
            *last = Instant::now();
        }
        (self.tell)(WorkerEvent::Progress { done, total });
    }
}
