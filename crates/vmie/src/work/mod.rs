//! The work behind the orders of the engine: what a worker does for each kind of
//! [`Work`], on a folder for the disks and buckets for the objects.
//!
//! A [`Workshop`] has no thread, no clock of its own and no memory between two orders: whoever hosts
//! the engine gives it orders, on as many threads as it likes, in one process or in several that
//! share the folder.
//!
//! ```
//! use std::sync::Arc;
//! use vmie::io::CancelToken;
//! use vmie::tasks::{Action, ApiCall, Caller, Config, Engine, ImportSnapshotRequest, Output, Reply};
//! use vmie::tasks::{DiskContainer, SourceUrl};
//! use vmie::work::{FolderBuckets, Workshop, WorkshopOptions};
//!
//! # let folder = tempfile::tempdir()?;
//! # let root = folder.path();
//! let buckets = FolderBuckets::new(root.join("buckets"));
//! buckets.make("images")?;
//! std::fs::write(buckets.path("images", "disk.raw")?, vec![7; 4096])?;
//! let shop = Workshop::new(root.join("store"), WorkshopOptions::new(), Arc::new(buckets))?;
//!
//! let mut engine = Engine::new(Config::default(), 1);
//! let request = ImportSnapshotRequest {
//!     disk_container: Some(DiskContainer {
//!         format: Some("raw".to_owned()),
//!         url: Some(SourceUrl::new("s3://images/disk.raw")),
//!         ..DiskContainer::default()
//!     }),
//!     ..ImportSnapshotRequest::default()
//! };
//! let caller = Caller { account: "123456789012".into(), region: "us-east-1".into() };
//! let action = Action::ImportSnapshot(request);
//! engine.request(vmie::now(), ApiCall { caller, action });
//! loop {
//!     match engine.poll() {
//!         // A host keeps the records, and works on another thread.
//!         Output::Commit(commit) => shop.settle(&commit.changes)?,
//!         Output::Begin(begin) => {
//!             let done = shop.perform(&begin, &CancelToken::new(), &mut |_| {});
//!             engine.report(vmie::now(), &begin.order, begin.attempt, done)?;
//!         }
//!         Output::Idle { .. } => break,
//!         _ => {}
//!     }
//! }
//! let disks = std::fs::read_dir(root.join("store"))?
//!     .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
//!     .filter(|name| name.starts_with("snap-") && name.ends_with(".raw"));
//! assert_eq!(disks.count(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cleanup;
mod export;
mod failure;
mod import;
mod pace;
mod publish;
mod resource;
mod sink;
mod source;
mod upload;

use std::fmt;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use vmie_formats::ConvertOptions;
use vmie_io::CancelToken;
use vmie_tasks::{Begin, TaskId, Work, WorkerEvent};

pub use crate::buckets::{
    Addresses, Buckets, FolderBuckets, NoAddresses, Object, ObjectHead, ObjectWriter, check_bucket,
    check_key, split_url,
};
#[cfg(feature = "web")]
pub use crate::buckets::{AllowedHost, WebAddresses, WebOptions, trusted_roots};
use crate::store::{self, Durable, Layout};
use crate::{Cause, Error, ImageOptions, Judging};
#[cfg(feature = "web")]
pub(crate) use failure::can_pass;
pub(crate) use import::image_format;
use pace::Tell;
pub(crate) use sink::placed;

/// How the guest of an order is judged.
pub type JudgingOf = Arc<dyn Fn(&Begin) -> Judging + Send + Sync>;

/// Settings of a workshop.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct WorkshopOptions {
    /// How images are opened; the format is each request's own.
    pub images: ImageOptions,
    /// How many threads one conversion uses; as many as there are cores, when it is not told.
    pub threads: Option<NonZeroUsize>,
    /// How files of the folder are changed.
    pub durable: Durable,
    /// How guests are judged; by the edition of 2026, practically, as of today and for the Region of
    /// the caller, when it is not told. Boot mode and license type are each request's own.
    pub judging: Option<JudgingOf>,
    /// Whether what is in the folder is encrypted at rest, by the filesystem or the device below it.
    /// Without that, an order to encrypt fails: nothing is called encrypted that is not.
    pub encrypted_at_rest: bool,
    /// How often what is needed to go on with a conversion after a kill is kept; each second, when it
    /// is not told.
    pub journal_every: Option<Duration>,
    /// How exports of its format are written, in place of what the service does.
    pub export: Option<ConvertOptions>,
}

impl fmt::Debug for WorkshopOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkshopOptions")
            .field("images", &self.images)
            .field("threads", &self.threads)
            .field("encrypted_at_rest", &self.encrypted_at_rest)
            .finish_non_exhaustive()
    }
}

impl WorkshopOptions {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with other options for images.
    #[must_use]
    pub fn with_images(mut self, images: ImageOptions) -> Self {
        self.images = images;
        self
    }

    /// The same with so many threads for one conversion.
    #[must_use]
    pub fn with_threads(mut self, threads: Option<NonZeroUsize>) -> Self {
        self.threads = threads;
        self
    }

    /// The same with another way to change files.
    #[must_use]
    pub fn with_durable(mut self, durable: Durable) -> Self {
        self.durable = durable;
        self
    }

    /// The same with another way to judge.
    #[must_use]
    pub fn with_judging(mut self, judging: JudgingOf) -> Self {
        self.judging = Some(judging);
        self
    }

    /// The same, keeping the journals of conversions so often.
    #[must_use]
    pub fn with_journal_every(mut self, every: Duration) -> Self {
        self.journal_every = Some(every);
        self
    }

    /// The same, with another way to write exports of one format.
    #[must_use]
    pub fn with_export(mut self, export: Option<ConvertOptions>) -> Self {
        self.export = export;
        self
    }

    /// The same, with a folder that is encrypted at rest or not.
    #[must_use]
    pub fn with_encryption(mut self, encrypted_at_rest: bool) -> Self {
        self.encrypted_at_rest = encrypted_at_rest;
        self
    }
}

/// Does the work of orders. See the [module](self).
///
/// In its folder are `ami-…/image.json` for each image, `snap-….raw` (a sparse file) and
/// `snap-….json` (its digest) for each snapshot, `vol-…` for volumes, `i-….json` for instances, and
/// `work/TASK` for what is not finished, which goes with the end of the task (SVC-SEC-1).
/// Whatever moment the process is killed at, nothing unfinished has a final name, and any order can
/// be done again.
#[derive(Clone, Debug)]
pub struct Workshop {
    layout: Layout,
    durable: Durable,
    options: WorkshopOptions,
    buckets: Arc<dyn Buckets>,
    addresses: Arc<dyn Addresses>,
}

/// An order that is worked on.
struct Job<'a> {
    begin: &'a Begin,
    cancel: &'a CancelToken,
    tell: &'a Tell<'a>,
}

impl Job<'_> {
    fn task(&self) -> &TaskId {
        &self.begin.order.task
    }

    /// Whether to go on.
    fn go_on(&self) -> Result<(), Error> {
        match self.cancel.is_cancelled() {
            true => Err(Error::new(Cause::Cancelled)),
            false => Ok(()),
        }
    }
}

impl Workshop {
    /// A workshop in the folder `root`, which is made when it is not there.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn new(
        root: impl Into<PathBuf>,
        options: WorkshopOptions,
        buckets: Arc<dyn Buckets>,
    ) -> Result<Self, Error> {
        let layout = Layout::new(&root.into());
        let durable = options.durable.clone();
        durable.create_dir(&layout.work())?;
        Ok(Self {
            layout,
            durable,
            options,
            buckets,
            addresses: Arc::new(NoAddresses),
        })
    }

    /// The same with addresses that lead somewhere.
    #[must_use]
    pub fn with_addresses(mut self, addresses: Arc<dyn Addresses>) -> Self {
        self.addresses = addresses;
        self
    }

    /// Where the objects are.
    #[must_use]
    pub fn buckets(&self) -> &Arc<dyn Buckets> {
        &self.buckets
    }

    /// Does an order and returns how it ended, whatever happens; what the engine is to hear of
    /// meanwhile goes to `say`, from any thread but never from two at a time.
    ///
    /// When `cancel` is thrown, it ends within 100 ms or so, its unfinished files are removed unless
    /// there is a journal from which a later attempt goes on, and what it returns is for nobody: an engine that aborted the order does not listen any more.
    ///
    /// Every order can be done again, also when an earlier attempt was killed at any moment. An
    /// attempt that goes on although a later one, or the cleaning up of its task, has taken over
    /// cannot make anything visible any more once the task's folder is gone.
    pub fn perform(
        &self,
        begin: &Begin,
        cancel: &CancelToken,
        say: &mut (dyn FnMut(WorkerEvent) + Send),
    ) -> WorkerEvent {
        let tell = Tell::new(say);
        tell.say(WorkerEvent::Started);
        let job = Job {
            begin,
            cancel,
            tell: &tell,
        };
        let done = catch_unwind(AssertUnwindSafe(|| {
            job.go_on()?;
            self.work(&job)
        }));
        match done {
            Ok(Ok(event)) => event,
            Ok(Err(error)) => WorkerEvent::Failed(failure::of(&error)),
            Err(_) => {
                tracing::error!(order = %begin.order, "a worker panicked");
                WorkerEvent::Failed(failure::lost())
            }
        }
    }

    fn work(&self, job: &Job<'_>) -> Result<WorkerEvent, Error> {
        Ok(match &job.begin.work {
            Work::Validate(work) => WorkerEvent::Validated(self.validate(job, work)?),
            Work::Convert(work) => WorkerEvent::Converted(self.convert(job, work)?),
            // Nothing in a guest is changed here yet, and that is what is said.
            Work::Update(_) => WorkerEvent::Updated { changed: false },
            Work::Boot(_) => WorkerEvent::Failed(failure::boot()),
            Work::PublishImage(work) if work.encrypted && !self.options.encrypted_at_rest => {
                WorkerEvent::Failed(failure::encryption())
            }
            Work::PublishSnapshot(work) if work.encrypted && !self.options.encrypted_at_rest => {
                WorkerEvent::Failed(failure::encryption())
            }
            Work::PublishImage(work) => {
                self.publish_image(job, work)?;
                WorkerEvent::Published
            }
            Work::PublishSnapshot(work) => {
                self.publish_snapshot(job, work)?;
                WorkerEvent::Published
            }
            Work::PublishVolumes(work) => {
                self.publish_volumes(job, work)?;
                WorkerEvent::Published
            }
            Work::CheckUpload(work) => WorkerEvent::Uploaded(self.check_upload(job, work)?),
            Work::CheckExport(work) => WorkerEvent::Validated(self.check_export(work)?),
            Work::PrepareExport(work) => {
                self.prepare_export(job, work)?;
                WorkerEvent::Updated { changed: false }
            }
            Work::ExportDisk(work) => WorkerEvent::Converted(self.export_disk(job, work)?),
            Work::Transfer(work) => {
                self.transfer(job, work)?;
                WorkerEvent::Published
            }
            Work::Cleanup(work) => {
                self.cleanup(job.task(), work)?;
                WorkerEvent::Cleaned
            }
            other => {
                tracing::error!(order = %job.begin.order, ?other, "a kind of work that is not known");
                WorkerEvent::Failed(failure::lost())
            }
        })
    }

    /// Removes what processes that were killed have left: unfinished files, and everything of tasks
    /// that `active` does not know by their ids. What is complete of active tasks stays. No work of
    /// an active task may be under way; with several processes on one folder, this is for the time
    /// before the first of them begins to work.
    ///
    /// # Errors
    /// When something cannot be removed.
    pub fn sweep(&self, active: &dyn Fn(&str) -> bool) -> Result<(), Error> {
        store::sweep(&self.durable, &self.layout, active)
    }

    /// The tasks of which there is unfinished work, or what is left of it.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn unfinished(&self) -> Result<Vec<String>, Error> {
        let names = store::entries(&self.layout.work())?.into_iter();
        let mut tasks: Vec<String> = names
            .map(|(name, _)| store::task_of(&name).to_owned())
            .collect();
        tasks.dedup();
        Ok(tasks)
    }

    /// Files that no other process can be about to publish any more once it is lost, by their names:
    /// what a start that was cut off has left beside the disks.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn temporary(&self) -> Result<Vec<String>, Error> {
        let names = store::entries(self.layout.root())?.into_iter();
        Ok(names
            .map(|(name, _)| name)
            .filter(|name| name.ends_with(store::TMP))
            .collect())
    }

    /// Removes such a file.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove_temporary(&self, name: &str) -> Result<(), Error> {
        match name.ends_with(store::TMP) && !name.contains(['/', '\\']) {
            true => self.durable.remove(&self.layout.root().join(name)),
            false => Ok(()),
        }
    }

    /// Removes all unfinished work of a task that has ended. Other processes may be at work on other
    /// tasks meanwhile; one that comes late with this one finds nothing to make visible.
    ///
    /// # Errors
    /// When something cannot be removed.
    pub fn discard(&self, task: &str) -> Result<(), Error> {
        for (name, path) in store::entries(&self.layout.work())? {
            if store::task_of(&name) == task {
                self.durable.remove(&path)?;
            }
        }
        Ok(())
    }

    /// Removes the unfinished files of a task whose work has been stopped, keeping what is complete.
    ///
    /// # Errors
    /// When something cannot be removed.
    pub fn sweep_task(&self, task: &TaskId) -> Result<(), Error> {
        store::sweep_task(&self.durable, &self.layout, task)
    }
}
