//! Importing files of this machine, as a task that outlives the process.

use std::path::PathBuf;

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use vmie_formats::Format;
use vmie_io::{CancelToken, Fault};
use vmie_rules::Date;
use vmie_rules::matrix::{Edition, Mode};
use vmie_rules::status::Status;
use vmie_tasks::{
    Action, DescribeRequest, DiskContainer, Failure, ImageId, ImportImageRequest, ImportImageTask,
    ImportSnapshotRequest, ImportSnapshotTask, Reply, SnapshotId, Tag, TagSpecification, TaskEvent,
    TaskId, TaskKind,
};

use super::{Ended, LocalHost};
use crate::clock::seed;
use crate::store::{ImportEntry, SourceFile, hex};
use crate::work::image_format;
use crate::{Cause, Error, Image, ImageNote, ImageOptions, today};

/// What to import, and how.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ImportSpec {
    /// The files whose disks together are the guest, the disk it boots from first.
    #[serde(skip)]
    pub images: Vec<PathBuf>,
    /// The format of all files; `None` to probe.
    #[serde(skip)]
    pub format: Option<Format>,
    /// How closely the guest has to match the matrix.
    pub mode: Mode,
    /// Which edition of the matrix.
    pub edition: Edition,
    /// The day to judge for; `None` for the day on which the task is made.
    #[serde(serialize_with = "show_day")]
    pub as_of: Option<Date>,
    /// The code of the Region to judge for.
    pub region: Option<String>,
    /// Free text for the image.
    pub description: Option<String>,
    /// `AWS` or `BYOL`.
    pub license_type: Option<String>,
    /// A usage operation in place of the license type.
    pub usage_operation: Option<String>,
    /// `legacy-bios`, `uefi` or `uefi-preferred`.
    pub boot_mode: Option<String>,
    /// `Linux` or `Windows`.
    pub platform: Option<String>,
    /// `x86_64` or `i386`.
    pub architecture: Option<String>,
    /// Tags of the task and of what it makes.
    pub tags: Vec<(String, String)>,
    /// Whether the caller's host imports undetermined guests; it tells imports apart that are alike
    /// otherwise, and decides nothing (that is [`HostOptions`](crate::HostOptions)' business).
    pub allow_undetermined: bool,
    /// Whether to make a snapshot of one disk, without looking for a guest in it, instead of an
    /// image (SVC-TASK-2). Of the other fields only the description and the tags count then.
    pub snapshot: bool,
}

fn show_day<S: serde::Serializer>(day: &Option<Date>, serializer: S) -> Result<S::Ok, S::Error> {
    day.map(|day| day.to_string()).serialize(serializer)
}

impl ImportSpec {
    /// The import of these files, with the defaults for everything else.
    #[must_use]
    pub fn new(images: Vec<PathBuf>) -> Self {
        Self {
            images,
            format: None,
            mode: Mode::Practical,
            edition: Edition::E2026,
            as_of: None,
            region: None,
            description: None,
            license_type: None,
            usage_operation: None,
            boot_mode: None,
            platform: None,
            architecture: None,
            tags: Vec::new(),
            allow_undetermined: false,
            snapshot: false,
        }
    }
}

/// A disk in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredDisk {
    /// Its id.
    pub id: SnapshotId,
    /// Where it is.
    pub path: PathBuf,
    /// SHA-256 of it, in lower-case hexadecimal.
    pub sha256: String,
    /// Its length in bytes.
    pub virtual_size: u64,
}

/// How an import ended.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// There is an image.
    Completed {
        /// What the store says of it.
        image: Box<ImageNote>,
        /// The folder of the image.
        folder: PathBuf,
        /// Its disks, the one with the root first.
        disks: Vec<StoredDisk>,
    },
    /// There is a snapshot, for a task that makes no image.
    Snapshot {
        /// The disk.
        disk: StoredDisk,
    },
    /// There is none, and nothing is left of the attempt.
    Failed {
        /// The task's last status message: the service's words.
        message: String,
        /// What exactly was wrong, when that is still known.
        failure: Option<Failure>,
    },
}

/// An import that has ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Imported {
    /// The task.
    pub task_id: TaskId,
    /// Whether the task was begun by an earlier call.
    pub resumed: bool,
    /// How it ended.
    pub outcome: Outcome,
    token: String,
}

impl LocalHost {
    /// Imports files: makes a task of it, or goes on with the one that an earlier call like this
    /// began and whose outcome was not [acknowledged](Self::acknowledge), and works until it has
    /// ended. Calls are alike when they name the same paths and ask for the same. A task that is
    /// gone on with fails when a file is no longer what it was at the beginning (by length, time of
    /// change or inode); the call after that is a new import.
    ///
    /// `watch` is told of everything that happens to the task. When `stop` is thrown, the work
    /// ends with [`Cause::Cancelled`], its unfinished files are removed, and the task stays for the
    /// next call.
    ///
    /// # Errors
    /// When a file cannot be opened, the request is refused, or the store cannot be written. A task
    /// that fails is no error but an [`Outcome`].
    pub fn import(
        &mut self,
        spec: &ImportSpec,
        watch: &mut dyn FnMut(&TaskEvent),
        stop: &CancelToken,
    ) -> Result<Imported, Error> {
        if spec.images.is_empty() {
            return Err(Error::new(Cause::NoImage));
        }
        if spec.snapshot && spec.images.len() > 1 {
            return Err(Error::new(Cause::OneImage));
        }
        let mut sources = Vec::with_capacity(spec.images.len());
        for path in &spec.images {
            sources.push(SourceFile::look(path)?);
        }
        let fingerprint = fingerprint(spec, &sources)?;
        let (import, resumed) = match self.store.undelivered(&fingerprint) {
            Some(import) => (import.clone(), true),
            None => (self.remember(spec, sources, fingerprint)?, false),
        };
        let token = import.token.clone();
        let action = if spec.snapshot {
            Action::ImportSnapshot(snapshot_request(spec, &import))
        } else {
            Action::ImportImage(request(spec, &import))
        };
        let task = match self.call(action) {
            Ok(Reply::ImportImage(task)) => task.import_task_id,
            Ok(Reply::ImportSnapshot(task)) => task.import_task_id,
            Ok(_) => return Err(Error::new(Cause::WorkerLost)),
            Err(error) if error.cause() == Some(Cause::RequestRefused) => {
                // Nothing was begun, so there is nothing to go on with.
                self.store.delivered(&token)?;
                return Err(error);
            }
            Err(error) => return Err(error),
        };
        Ok(Imported {
            outcome: self.finish(&task, watch, stop)?,
            task_id: task,
            resumed,
            token,
        })
    }

    /// Notes that the outcome of an import reached whoever wanted it: the next call like it is a
    /// new import. Until then, such a call gives the same outcome again.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn acknowledge(&mut self, imported: &Imported) -> Result<(), Error> {
        self.store.delivered(&imported.token)
    }

    /// Remembers an import, so that its files are known to whoever goes on with it.
    fn remember(
        &mut self,
        spec: &ImportSpec,
        sources: Vec<SourceFile>,
        fingerprint: String,
    ) -> Result<ImportEntry, Error> {
        let options = ImageOptions {
            format: spec.format,
            ..self.images.clone()
        };
        let mut formats = Vec::with_capacity(sources.len());
        for path in &spec.images {
            formats.push(wire_format(&Image::open(path, &options)?)?.to_owned());
        }
        let start: String = fingerprint.chars().take(32).collect();
        let import = ImportEntry {
            token: format!("{start}-{:016x}", seed()),
            fingerprint,
            sources,
            formats,
            mode: spec.mode,
            edition: spec.edition,
            as_of: spec.as_of.unwrap_or_else(today).to_string(),
            region: spec.region.clone(),
        };
        self.store.add_import(import.clone())?;
        Ok(import)
    }

    /// How the task ended in an earlier run, if it did.
    pub(super) fn ended_before(&mut self, task: &TaskId) -> Result<Option<Ended>, Error> {
        let (status, image, snapshots) = match self.describe(task)? {
            Described::Image(found) => {
                let details = found.snapshot_details.into_iter();
                let ids = details.filter_map(|detail| detail.snapshot_id);
                (found.status, found.image_id, ids.collect())
            }
            Described::Snapshot(found) => {
                let detail = found.snapshot_task_detail;
                (detail.status, None, Vec::from_iter(detail.snapshot_id))
            }
        };
        Ok(match status {
            Status::Completed => Some(Ended::Completed(image, snapshots)),
            Status::Deleted => Some(Ended::Failed(self.failure(task).cloned())),
            _ => None,
        })
    }

    fn describe(&mut self, task: &TaskId) -> Result<Described, Error> {
        let request = DescribeRequest {
            import_task_ids: vec![task.as_str().to_owned()],
            ..DescribeRequest::default()
        };
        let missing = || {
            let fault = Fault::new(Cause::NoSuchTask).in_structure("task");
            Error::from(fault.found(task.as_str()))
        };
        let snapshot = TaskId::parse(task.as_str(), TaskKind::ImportSnapshot).is_some();
        let call = if snapshot {
            Action::DescribeImportSnapshotTasks(request)
        } else {
            Action::DescribeImportImageTasks(request)
        };
        let reply = match self.call(call) {
            Err(error) if error.cause() == Some(Cause::RequestRefused) => return Err(missing()),
            reply => reply?,
        };
        let found = match reply {
            Reply::DescribeImportImageTasks { tasks, .. } => {
                tasks.into_iter().next().map(Described::Image)
            }
            Reply::DescribeImportSnapshotTasks { tasks, .. } => {
                tasks.into_iter().next().map(Described::Snapshot)
            }
            _ => None,
        };
        found.ok_or_else(missing)
    }

    pub(super) fn outcome(&mut self, task: &TaskId) -> Result<Outcome, Error> {
        match self.ended.get(task).cloned() {
            Some(Ended::Completed(Some(id), _)) => self.completed(&id),
            Some(Ended::Completed(None, snapshots)) => match snapshots.into_iter().next() {
                Some(id) => self.snapshot(id).map(|disk| Outcome::Snapshot { disk }),
                None => Err(Error::new(Cause::WorkerLost)),
            },
            Some(Ended::Failed(failure)) => {
                let told = match self.describe(task)? {
                    Described::Image(task) => task.status_message,
                    Described::Snapshot(task) => task.snapshot_task_detail.status_message,
                };
                let message = told.or_else(|| failure.as_ref().map(|f| f.message.clone()));
                Ok(Outcome::Failed {
                    message: message.unwrap_or_default(),
                    failure,
                })
            }
            None => Err(Error::new(Cause::WorkerLost)),
        }
    }

    fn completed(&self, id: &ImageId) -> Result<Outcome, Error> {
        let layout = &self.store.layout;
        let image = self.store.image(id)?.ok_or_else(|| {
            let gone = std::io::Error::from(std::io::ErrorKind::NotFound);
            Error::read(layout.image_note(id), gone)
        })?;
        let disks = image.disks.iter().map(|disk| StoredDisk {
            id: disk.snapshot_id.clone(),
            path: layout.snapshot(&disk.snapshot_id),
            sha256: disk.sha256.clone(),
            virtual_size: disk.virtual_size,
        });
        Ok(Outcome::Completed {
            disks: disks.collect(),
            folder: layout.image(id),
            image: Box::new(image),
        })
    }

    fn snapshot(&self, id: SnapshotId) -> Result<StoredDisk, Error> {
        let note = self.store.snapshot(&id)?.ok_or_else(|| {
            let gone = std::io::Error::from(std::io::ErrorKind::NotFound);
            Error::read(self.store.layout.snapshot_note(&id), gone)
        })?;
        Ok(StoredDisk {
            path: self.store.layout.snapshot(&id),
            id,
            sha256: note.sha256,
            virtual_size: note.virtual_size,
        })
    }
}

/// A task as lists show it.
enum Described {
    Image(ImportImageTask),
    Snapshot(ImportSnapshotTask),
}

/// The service's name for the format of a file.
fn wire_format(image: &Image) -> Result<&'static str, Error> {
    match image_format(image.format()) {
        Some(format) => Ok(format.as_str()),
        None => {
            let fault = vmie_formats::Error::new(vmie_formats::Cause::FormatNotRead);
            let fault = fault.at("file", 0).found(image.format().name());
            Err(Error::from(fault).in_file(image.path()))
        }
    }
}

fn request(spec: &ImportSpec, import: &ImportEntry) -> ImportImageRequest {
    ImportImageRequest {
        architecture: spec.architecture.clone(),
        boot_mode: spec.boot_mode.clone(),
        client_token: Some(import.token.clone()),
        description: spec.description.clone(),
        disk_containers: containers(import).collect(),
        license_type: spec.license_type.clone(),
        platform: spec.platform.clone(),
        usage_operation: spec.usage_operation.clone(),
        tag_specifications: tags(spec, TaskKind::ImportImage),
        ..ImportImageRequest::default()
    }
}

fn snapshot_request(spec: &ImportSpec, import: &ImportEntry) -> ImportSnapshotRequest {
    ImportSnapshotRequest {
        client_token: Some(import.token.clone()),
        description: spec.description.clone(),
        disk_container: containers(import).next(),
        tag_specifications: tags(spec, TaskKind::ImportSnapshot),
        ..ImportSnapshotRequest::default()
    }
}

fn containers(import: &ImportEntry) -> impl Iterator<Item = DiskContainer> {
    let disks = import.sources.iter().zip(&import.formats).enumerate();
    disks.map(|(number, (file, format))| DiskContainer {
        format: Some(format.clone()),
        user_bucket: Some(super::source::address(&import.token, number, file)),
        ..DiskContainer::default()
    })
}

fn tags(spec: &ImportSpec, kind: TaskKind) -> Vec<TagSpecification> {
    if spec.tags.is_empty() {
        return Vec::new();
    }
    let tags = spec.tags.iter().map(|(key, value)| Tag {
        key: key.clone(),
        value: value.clone(),
    });
    vec![TagSpecification {
        resource_type: kind.resource_type().to_owned(),
        tags: tags.collect(),
    }]
}

/// A digest of the paths and of all that is asked for.
fn fingerprint(spec: &ImportSpec, sources: &[SourceFile]) -> Result<String, Error> {
    let paths: Vec<PathBuf> = sources.iter().map(SourceFile::path).collect();
    let paths: Vec<&[u8]> = paths
        .iter()
        .map(|path| path.as_os_str().as_encoded_bytes())
        .collect();
    let format = spec.format.map(Format::name);
    let text = serde_json::to_vec(&(paths, format, spec))
        .map_err(|error| Error::from(Fault::new(Cause::RequestRefused).with_source(error)))?;
    Ok(hex(&Sha256::digest(&text)))
}
