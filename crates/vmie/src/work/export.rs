//! Exports of images and instances (SVC-TASK-4, SVC-TASK-5).

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use vmie_formats::{ConvertOptions, Machine, Stamp, Target};
use vmie_io::{Fault, FileSource, WriteAt as _, int};
use vmie_rules::SvcId;
use vmie_rules::format::ImageFormat;
use vmie_rules::guest::BootMode;
use vmie_rules::message::Message;
use vmie_tasks::{
    Converted, DiskFacts, ExportDiskWork, ExportSource, ExportWork, ExportedDisk, Failure,
    TransferWork, Validated, Verdict,
};

use super::pace::{Paced, Stoppable};
use super::sink::{PartFile, placed};
use super::{Job, Workshop};
use crate::store::{ImageNote, SnapshotNote, VolumeNote, copy_disk, hex, note};
use crate::{Cause, Error, facts, now};

/// A disk of the store that is exported.
struct Stored {
    path: PathBuf,
    /// The digest that it was made with.
    sha256: String,
    virtual_size: u64,
    /// Whether it can have been written to since.
    writable: bool,
}

/// What `source0.json` says of the state that was taken of a disk.
#[derive(Serialize, Deserialize)]
struct SourceNote {
    sha256: String,
    virtual_size: u64,
}

/// What `export0.json` says of the file beside it.
#[derive(Serialize, Deserialize)]
struct ExportNote {
    converted: Converted,
    file_bytes: u64,
}

impl Workshop {
    /// Looks whether all disks of an export are there.
    pub(super) fn check_export(&self, work: &ExportWork) -> Result<Validated, Error> {
        let mut disks = Vec::with_capacity(work.disks.len());
        let mut verdict = Verdict::Accepted;
        for (container, disk) in (0..).zip(&work.disks) {
            match self.stored(disk)? {
                Some(stored) => disks.push(DiskFacts {
                    container,
                    member: 0,
                    format: ImageFormat::Raw,
                    stored_size: stored.virtual_size,
                    virtual_size: stored.virtual_size,
                }),
                None => verdict = Verdict::Refused(not_there(disk)),
            }
        }
        if work.ova && work.disks.len() != 1 {
            let count = work.disks.len();
            verdict = Verdict::Refused(not_exportable(
                "several-disks",
                format!("an appliance is made of one disk, and there are {count}"),
            ));
        }
        Ok(Validated {
            disks,
            guest: facts::unknown(),
            verdict,
        })
    }

    /// Takes the state of the disks, so that what happens to them from here on does not matter.
    pub(super) fn prepare_export(&self, job: &Job<'_>, work: &ExportWork) -> Result<(), Error> {
        self.durable.create_dir(&self.layout.task(job.task()))?;
        for (index, disk) in (0..).zip(&work.disks) {
            self.source(job, index, disk)?;
        }
        Ok(())
    }

    /// The state of a disk in the folder of the task, and what is known of it.
    fn source(
        &self,
        job: &Job<'_>,
        index: u32,
        disk: &ExportedDisk,
    ) -> Result<(PathBuf, SourceNote), Error> {
        let file = |suffix| {
            let name = format!("source{index}.{suffix}");
            self.layout.of_task(job.task(), &name)
        };
        let (path, beside) = (file("raw"), file("json"));
        if let Some(note) = note::read(&beside)?
            && path.exists()
        {
            return Ok((path, note));
        }
        let none = || {
            let fault = Fault::new(Cause::NoSuchImage).in_structure("store");
            Error::from(fault.found(disk.device_name.as_str()))
        };
        let stored = self.stored(disk)?.ok_or_else(none)?;
        let linked = !stored.writable && self.durable.link(&stored.path, &path).is_ok();
        let sha256 = if linked {
            stored.sha256
        } else {
            self.copy_state(job, index, &stored, &path)?
        };
        let note = SourceNote {
            sha256,
            virtual_size: stored.virtual_size,
        };
        self.durable
            .replace(&beside, &note::json(&note, &beside)?)?;
        Ok((path, note))
    }

    /// A copy of a disk, and its digest, which it need not have been made with.
    fn copy_state(
        &self,
        job: &Job<'_>,
        index: u32,
        stored: &Stored,
        path: &Path,
    ) -> Result<String, Error> {
        let of = format!("source{index}");
        let part = self.layout.part(job.task(), &of, job.begin.attempt);
        self.durable.remove(&part)?;
        self.durable.step("copy disk", &part)?;
        let progress = Paced::new(job.tell, job.cancel);
        let copied = copy_disk(&stored.path, &part, &progress, &progress.threads);
        let done = copied.and_then(|report| {
            let sha256 = hex(&report.sha256.unwrap_or_default());
            if !stored.writable && sha256 != stored.sha256 {
                return Err(damaged(&stored.path, &sha256));
            }
            self.durable.rename(&part, path)?;
            Ok(sha256)
        });
        if done.is_err() {
            let _ = self.durable.remove(&part);
            job.go_on()?;
        }
        done
    }

    /// Where a disk is; `None` when there is none. An instance's own volume comes before the snapshot
    /// that it was made of.
    fn stored(&self, disk: &ExportedDisk) -> Result<Option<Stored>, Error> {
        if let Some(id) = &disk.volume_id
            && let Some(note) = note::read::<VolumeNote>(&self.layout.volume_note(id))?
        {
            return Ok(present(Stored {
                path: self.layout.volume(id),
                sha256: note.sha256,
                virtual_size: note.virtual_size,
                writable: true,
            }));
        }
        let Some(id) = &disk.snapshot_id else {
            return Ok(None);
        };
        let note: Option<SnapshotNote> = note::read(&self.layout.snapshot_note(id))?;
        Ok(note.and_then(|note| {
            present(Stored {
                path: self.layout.snapshot(id),
                sha256: note.sha256,
                virtual_size: note.virtual_size,
                writable: false,
            })
        }))
    }

    /// Converts one disk to a file in the folder of the task.
    pub(super) fn export_disk(
        &self,
        job: &Job<'_>,
        work: &ExportDiskWork,
    ) -> Result<Converted, Error> {
        let (task, index) = (job.task(), work.index);
        let of = format!("export{index}");
        let path = self.layout.of_task(task, &of);
        let beside = self.layout.of_task(task, &format!("{of}.json"));
        if let Some(note) = note::read::<ExportNote>(&beside)?
            && std::fs::metadata(&path).is_ok_and(|file| file.len() == note.file_bytes)
        {
            return Ok(note.converted);
        }
        let disk = work.export.disks.get(int::usize_of(index.into()));
        let disk = disk.ok_or_else(|| Error::new(Cause::NoDisk))?;
        self.durable.create_dir(&self.layout.task(task))?;
        let (source, of_source) = self.source(job, index, disk)?;
        let file = self.part_file(job, &of, Some(&of_source.sha256))?;
        let done = self
            .write_export(job, work, (&source, &of_source), &file)
            .and_then(|note| {
                self.durable.rename(&file.path, &path)?;
                let text = note::json(&note, &beside)?;
                self.durable.replace(&beside, &text)?;
                Ok(note.converted)
            });
        self.end_part(job, &file, done)
    }

    fn write_export(
        &self,
        job: &Job<'_>,
        work: &ExportDiskWork,
        (source, expected): (&Path, &SourceNote),
        part: &PartFile<'_>,
    ) -> Result<ExportNote, Error> {
        let file = FileSource::open(source)
            .map_err(|error| Error::from(vmie_formats::error_of(error)).in_file(source))?;
        let disk = Stoppable::new(file, job.cancel);
        let sink = &part.sink;
        let options = self.export_options(&work.export)?;
        let progress = Paced::new(job.tell, job.cancel);
        let (resume, cancel) = (part.resume(), &progress.threads);
        let report =
            vmie_formats::convert_resumable(&disk, sink, &options, resume, &progress, cancel)
                .map_err(|error| placed(error, source, &part.path))?;
        sink.sync()
            .map_err(|error| Error::sink(&part.path, error))?;
        let sha256 = hex(&report.sha256.unwrap_or_default());
        if sha256 != expected.sha256 {
            return Err(damaged(source, &sha256));
        }
        Ok(ExportNote {
            converted: Converted {
                sha256,
                virtual_size: report.bytes,
                data_bytes: report.data_bytes_written,
            },
            file_bytes: report.file_bytes,
        })
    }

    /// How an export is written: an exported VHD has its full size (SVC-OBS-7), a VMDK is
    /// stream-optimized (SVC-FMT-6), unless the host wants it otherwise.
    fn export_options(&self, work: &ExportWork) -> Result<ConvertOptions, Error> {
        let target = match work.format {
            _ if work.ova => Target::Ova,
            ImageFormat::Raw => Target::Raw,
            ImageFormat::Vhd => Target::VhdFixed,
            ImageFormat::Vmdk => Target::VmdkStreamOptimized,
            other => {
                let fault = vmie_formats::Error::new(vmie_formats::Cause::FormatNotRead);
                return Err(Error::from(fault.found(other.as_str())));
            }
        };
        if let Some(own) = &self.options.export
            && own.target_kind().format() == target.format()
        {
            return Ok(own.clone().threads(self.options.threads).digest(true));
        }
        let mut stamp = Stamp::default();
        stamp.time = u64::try_from(now().secs).unwrap_or(0);
        let mut machine = Machine::default();
        match &work.source {
            ExportSource::Instance(id) => machine.name = id.to_string(),
            ExportSource::Image(id) => {
                machine.name = id.to_string();
                let image: Option<ImageNote> = note::read(&self.layout.image_note(id))?;
                machine.uefi = image.is_some_and(|image| image.boot_mode == Some(BootMode::Uefi));
            }
        }
        Ok(ConvertOptions::new()
            .threads(self.options.threads)
            .target(target)
            .stamp(stamp)
            .machine(machine))
    }

    /// Puts the files into the bucket, and removes what the task left.
    pub(super) fn transfer(&self, job: &Job<'_>, work: &TransferWork) -> Result<(), Error> {
        for (index, object) in work.objects.iter().enumerate() {
            job.go_on()?;
            let file = self.layout.of_task(job.task(), &format!("export{index}"));
            let (bucket, key) = (&object.bucket, &object.key);
            if file.exists() {
                self.buckets.put_file(bucket, key, &file, job.cancel)?;
            } else if self.buckets.head(bucket, key)?.is_none() {
                // The key has the task's id in it: what is there was put there by an earlier attempt.
                return Err(Error::new(Cause::WorkerLost).in_file(file));
            }
            if !work.tags.is_empty() {
                self.buckets.tag(bucket, key, &work.tags)?;
            }
        }
        self.durable.remove(&self.layout.task(job.task()))
    }
}

/// A disk whose file is there, and is as long as it should be.
fn present(stored: Stored) -> Option<Stored> {
    let file = std::fs::metadata(&stored.path).ok()?;
    (stored.writable || file.len() == stored.virtual_size).then_some(Stored {
        virtual_size: file.len(),
        ..stored
    })
}

fn damaged(path: &Path, found: &str) -> Error {
    let fault = Fault::new(Cause::Digest).in_structure("disk").found(found);
    Error::from(fault).in_file(path)
}

fn not_there(disk: &ExportedDisk) -> Failure {
    let device = &disk.device_name;
    let detail = match (&disk.snapshot_id, &disk.volume_id) {
        (Some(id), _) => format!("the data of {id} at {device} is not in the store"),
        (None, Some(id)) => format!("the data of {id} at {device} is not in the store"),
        (None, None) => format!("{device} has neither a snapshot nor a volume"),
    };
    not_exportable("snapshot-deleted", detail)
}

fn not_exportable(code: &str, detail: String) -> Failure {
    Failure {
        code: code.to_owned(),
        message: Message::NotExportable.to_string(),
        detail,
        svc: vec![SvcId::Err16, SvcId::Task5],
        retryable: false,
    }
}
