//! Exporting an image of the store to a file, as a task that outlives the process.

use std::fs;
use std::path::{Path, PathBuf};

use vmie_io::{CancelToken, Fault};
use vmie_rules::format::ImageFormat;
use vmie_tasks::{
    Action, CancelExportTaskRequest, DescribeExportImageTasksRequest, ExportImageRequest,
    ExportImageTask, Failure, Reply, S3ExportLocation, TaskEvent, TaskId,
};

use super::source::EXPORTS;
use super::{Ended, LocalHost, is_ended};
use crate::buckets::Buckets as _;
use crate::store::copy_sparse;
use crate::{Cause, Error, stored_disks};

/// What to export, and where to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ExportSpec {
    /// The image: `ami-…`.
    pub image: String,
    /// The format, one of those of ExportImage (SVC-FMT-6).
    pub format: ImageFormat,
    /// What else decides what is written; it tells exports apart that are alike otherwise. How it is
    /// written is [`HostOptions::export`](crate::HostOptions::export).
    pub written: String,
    /// The files to write, one for each disk; there must be none of these names.
    pub targets: Vec<PathBuf>,
}

impl ExportSpec {
    /// The export of an image of one disk.
    #[must_use]
    pub fn new(image: impl Into<String>, format: ImageFormat, target: impl Into<PathBuf>) -> Self {
        Self {
            image: image.into(),
            format,
            written: String::new(),
            targets: vec![target.into()],
        }
    }

    /// The same, told apart by how it is written.
    #[must_use]
    pub fn with_written(mut self, written: impl Into<String>) -> Self {
        self.written = written.into();
        self
    }

    /// How an earlier call like this one is known.
    fn description(&self) -> String {
        format!("{} {}", self.format, self.written)
    }
}

/// A file that an export made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExportedFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its length in bytes.
    pub file_size: u64,
}

/// An export that has ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Exported {
    /// The task.
    pub task_id: TaskId,
    /// Whether the task was begun by an earlier call.
    pub resumed: bool,
    /// The files, or why there are none: the service's words, and what exactly was wrong.
    pub outcome: Result<Vec<ExportedFile>, (String, Option<Failure>)>,
}

impl LocalHost {
    /// Exports an image to files by a task of ExportImage, or goes on with the one that an earlier
    /// call like this began, and works until it has ended. A file gets its name when all of it is
    /// there and the disk had the digest that the store keeps.
    ///
    /// `watch` is told of everything that happens to the task. When `stop` is thrown, the work
    /// ends with [`Cause::Cancelled`], and the task stays for the next call.
    ///
    /// # Errors
    /// [`Cause::NoSuchImage`]; [`Cause::TargetExists`]; [`Cause::RequestRefused`] with the limit of the
    /// service that forbids it (SVC-TASK-5); when the store or a target cannot be written. A task that
    /// fails is no error but an outcome.
    pub fn export(
        &mut self,
        spec: &ExportSpec,
        watch: &mut dyn FnMut(&TaskEvent),
        stop: &CancelToken,
    ) -> Result<Exported, Error> {
        let disks = stored_disks(self.store.layout.root(), &spec.image)?;
        if disks.len() != spec.targets.len() {
            return Err(Error::new(Cause::OneImage).in_file(&spec.image));
        }
        for target in &spec.targets {
            if fs::symlink_metadata(target).is_ok() {
                let fault = Fault::new(Cause::TargetExists).in_structure("target");
                return Err(Error::from(fault).in_file(target));
            }
        }
        self.buckets.exports().make(EXPORTS)?;
        let (task, resumed) = self.export_task(spec, stop)?;
        self.run(&task, watch, stop)?;
        let outcome = match self.ended.get(&task).cloned() {
            Some(Ended::Completed(..)) => Ok(self.hand_out(&task, spec, stop)?),
            Some(Ended::Failed(failure)) => {
                let message = failure.as_ref().map(|failure| failure.message.clone());
                Err((message.unwrap_or_default(), failure))
            }
            None => return Err(Error::new(Cause::WorkerLost)),
        };
        Ok(Exported {
            task_id: task,
            resumed,
            outcome,
        })
    }

    /// The export-image tasks: those that are active, and those that ended in the last days.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn export_tasks(&mut self) -> Result<Vec<ExportImageTask>, Error> {
        let (mut all, mut next) = (Vec::new(), None);
        loop {
            let call = Action::DescribeExportImageTasks(DescribeExportImageTasksRequest {
                next_token: next,
                ..DescribeExportImageTasksRequest::default()
            });
            let Reply::DescribeExportImageTasks { tasks, next_token } = self.call(call)? else {
                return Err(Error::new(Cause::WorkerLost));
            };
            all.extend(tasks);
            match next_token {
                Some(token) => next = Some(token),
                None => return Ok(all),
            }
        }
    }

    /// The task of an export: one that is like it and has not ended, or a new one. An image has one
    /// export at a time, so another one that was left unfinished is given up.
    fn export_task(
        &mut self,
        spec: &ExportSpec,
        stop: &CancelToken,
    ) -> Result<(TaskId, bool), Error> {
        let description = Some(spec.description());
        for task in self.export_tasks()? {
            let same_image = task.image_id.as_deref() == Some(&spec.image);
            if is_ended(task.status) || !same_image {
                continue;
            }
            let id = task.export_image_task_id;
            if task.description == description {
                return Ok((id, true));
            }
            self.give_up_export(&id, stop)?;
        }
        let request = ExportImageRequest {
            description,
            disk_image_format: Some(spec.format.as_str().to_owned()),
            image_id: Some(spec.image.clone()),
            s3_export_location: Some(S3ExportLocation {
                s3_bucket: Some(EXPORTS.to_owned()),
                s3_prefix: None,
            }),
            ..ExportImageRequest::default()
        };
        match self.call(Action::ExportImage(request))? {
            Reply::ExportImage(task) => Ok((task.export_image_task_id, false)),
            _ => Err(Error::new(Cause::WorkerLost)),
        }
    }

    /// Cancels an export; one that is too far for that is finished.
    fn give_up_export(&mut self, task: &TaskId, stop: &CancelToken) -> Result<(), Error> {
        self.focus = Some(task.clone());
        self.parked.retain(|begin| begin.order.task != *task);
        let request = CancelExportTaskRequest {
            export_task_id: Some(task.to_string()),
        };
        match self.call(Action::CancelExportTask(request)) {
            Ok(_) => {}
            Err(error) if error.cause() == Some(Cause::RequestRefused) => {}
            Err(error) => return Err(error),
        }
        self.run(task, &mut |_| {}, stop)
    }

    /// Gives the objects of a task the names that were asked for.
    fn hand_out(
        &self,
        task: &TaskId,
        spec: &ExportSpec,
        stop: &CancelToken,
    ) -> Result<Vec<ExportedFile>, Error> {
        let exports = self.buckets.exports();
        let mut files = Vec::new();
        for (number, target) in spec.targets.iter().enumerate() {
            let key = match number {
                0 => format!("{task}.{}", spec.format),
                _ => format!("{task}-{number}.{}", spec.format),
            };
            let object = exports.path(EXPORTS, &key)?;
            place(&object, target, stop)?;
            exports.delete(EXPORTS, &key)?;
            let found = fs::metadata(target).map_err(|error| Error::read(target, error))?;
            files.push(ExportedFile {
                path: target.clone(),
                file_size: found.len(),
            });
        }
        Ok(files)
    }

    /// Removes exports that were not handed out and will not be.
    pub(super) fn sweep_exports(&self, active: &[TaskId]) -> Result<(), Error> {
        let exports = self.buckets.exports();
        if !self.store.layout.root().join(EXPORTS).is_dir() {
            return Ok(());
        }
        for object in exports.list(EXPORTS, "", None, usize::MAX)? {
            if !active
                .iter()
                .any(|task| object.key.starts_with(task.as_str()))
            {
                exports.delete(EXPORTS, &object.key)?;
            }
        }
        Ok(())
    }
}

/// Moves a file, also to another filesystem. What has the name already stays.
fn place(from: &Path, to: &Path, stop: &CancelToken) -> Result<(), Error> {
    let exists = || {
        let fault = Fault::new(Cause::TargetExists).in_structure("target");
        Error::from(fault).in_file(to)
    };
    match fs::hard_link(from, to) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Err(exists()),
        // Another filesystem, or one without links.
        Err(_) => {}
    }
    let mut name = std::ffi::OsString::from(".");
    name.push(to.file_name().unwrap_or_default());
    name.push(".part");
    let part = to.with_file_name(name);
    let _ = fs::remove_file(&part);
    let copied = copy_sparse(from, &part, stop).and_then(|()| {
        if fs::symlink_metadata(to).is_ok() {
            return Err(exists());
        }
        fs::rename(&part, to).map_err(|error| Error::write(to, error))
    });
    if copied.is_err() {
        let _ = fs::remove_file(&part);
    }
    copied
}
