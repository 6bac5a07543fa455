//! The engine's host on this machine: work orders run on threads, records go to the store's
//! journal, images end up in the store's folder.

mod export;
mod import;
mod source;
mod staff;
mod world;

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use vmie_formats::ConvertOptions;
use vmie_io::{CancelToken, Fault};
use vmie_rules::status::Status;
use vmie_tasks::{
    Action, ApiCall, ApiError, Attempt, Begin, Caller, CancelRequest, Config, DescribeRequest,
    Engine, Failure, Happening, ImageId, ImportImageRequest, ImportImageTask,
    ImportSnapshotRequest, ImportSnapshotTask, OrderId, Output, Reply, ReportError, RequestId,
    SnapshotId, TaskEvent, TaskId, Timestamp,
};

pub use self::export::{ExportSpec, Exported, ExportedFile};
pub use self::import::{ImportSpec, Imported, Outcome, StoredDisk};
use self::source::LocalBuckets;
use self::staff::Staff;
use self::world::StoreWorld;
use crate::buckets::FolderBuckets;
use crate::clock::seed;
use crate::store::{Durable, Layout, Store};
use crate::work::{Workshop, WorkshopOptions};
use crate::{Cause, Error, ImageNote, ImageOptions, now};

/// The longest wait for something to happen, so that a wish to stop is heard.
const PATIENCE: Duration = Duration::from_millis(100);

/// Settings of a host.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct HostOptions {
    /// How images are opened; the format is each request's own.
    pub images: ImageOptions,
    /// The folder whose folders are the buckets; `buckets` in the store when it is not told.
    pub buckets: Option<PathBuf>,
    /// Whether a guest is imported of which it could not be found out whether it is supported.
    pub allow_undetermined: bool,
    /// How exports of its format are written; as the service does, when it is not told.
    pub export: Option<ConvertOptions>,
    /// How files of the store are changed.
    pub durable: Durable,
}

impl HostOptions {
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

    /// The same, importing undetermined guests or not.
    #[must_use]
    pub fn with_undetermined(mut self, allow: bool) -> Self {
        self.allow_undetermined = allow;
        self
    }

    /// The same with another way to write exports of one format.
    #[must_use]
    pub fn with_export(mut self, export: ConvertOptions) -> Self {
        self.export = Some(export);
        self
    }

    /// The same with another way to change files.
    #[must_use]
    pub fn with_durable(mut self, durable: Durable) -> Self {
        self.durable = durable;
        self
    }
}

/// How a task ended.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Ended {
    Completed(Option<ImageId>, Vec<SnapshotId>),
    Failed(Option<Failure>),
}

/// The local host of one store. One process at a time can have it.
///
/// It works only on what it is asked for: tasks that other calls began stay as they are until they
/// are asked for again.
#[derive(Debug)]
pub struct LocalHost {
    store: Store,
    engine: Engine<StoreWorld>,
    staff: Staff,
    /// How images are opened.
    images: ImageOptions,
    buckets: LocalBuckets,
    /// The task that is worked on.
    focus: Option<TaskId>,
    /// Orders of other tasks.
    parked: VecDeque<Begin>,
    replies: BTreeMap<RequestId, Result<Reply, ApiError>>,
    ended: BTreeMap<TaskId, Ended>,
}

impl LocalHost {
    /// Opens the store in `root`, which is made when it is not there, takes the engine up where an
    /// earlier run left it, and removes what that run left half done.
    ///
    /// # Errors
    /// [`Cause::StoreBusy`] when another process has the store, [`Cause::NotAStore`] when the
    /// folder is somebody else's, and what is wrong with the store.
    pub fn open(root: impl AsRef<Path>, options: HostOptions) -> Result<Self, Error> {
        let root = root.as_ref();
        let store = Store::open(root, options.durable.clone())?;
        let config = Config {
            allow_undetermined: options.allow_undetermined,
            boots: false,
            // It works only on what it is asked for: what is parked has not stalled.
            limits: vmie_tasks::Limits::NONE,
            ..Config::default()
        };
        let world = StoreWorld::new(Layout::new(root), caller());
        let restored = Engine::restore_in(config, seed(), world, store.records());
        let engine = restored.map_err(|error| {
            let fault = Fault::new(Cause::JournalDamaged).in_structure("engine record");
            Error::from(fault.with_source(error)).in_file(store.layout.journal())
        })?;
        let folders = options.buckets.unwrap_or_else(|| root.join("buckets"));
        let of = |path| FolderBuckets::new(path).with_durable(options.durable.clone());
        let buckets = LocalBuckets::new(of(folders), of(root.to_owned()));
        let judging = buckets.clone();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let settings = WorkshopOptions::new()
            .with_images(options.images.clone())
            .with_durable(options.durable.clone())
            .with_export(options.export)
            .with_threads(NonZeroUsize::new(cores.clamp(1, 8)))
            .with_judging(Arc::new(move |begin| judging.judging(begin)));
        let shop = Workshop::new(root, settings, Arc::new(buckets.clone()))?;
        let mut host = Self {
            store,
            engine,
            staff: Staff::new(shop),
            images: options.images,
            buckets,
            focus: None,
            parked: VecDeque::new(),
            replies: BTreeMap::new(),
            ended: BTreeMap::new(),
        };
        // What was under way begins again with a new attempt; that is made durable first.
        host.pump(&mut |_| {})?;
        host.sweep()?;
        Ok(host)
    }

    /// The import-image tasks: those that are active, and those that ended in the last days.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn image_tasks(&mut self) -> Result<Vec<ImportImageTask>, Error> {
        let (mut all, mut next) = (Vec::new(), None);
        loop {
            let call = Action::DescribeImportImageTasks(page(next));
            let Reply::DescribeImportImageTasks { tasks, next_token } = self.call(call)? else {
                return Err(Error::new(Cause::WorkerLost));
            };
            all.extend(tasks);
            match next_token {
                Some(token) => next = Some(token),
                None => return Ok(all),
            }
        }
    }

    /// The import-snapshot tasks: those that are active, and those that ended in the last days.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn snapshot_tasks(&mut self) -> Result<Vec<ImportSnapshotTask>, Error> {
        let (mut all, mut next) = (Vec::new(), None);
        loop {
            let call = Action::DescribeImportSnapshotTasks(page(next));
            let Reply::DescribeImportSnapshotTasks { tasks, next_token } = self.call(call)? else {
                return Err(Error::new(Cause::WorkerLost));
            };
            all.extend(tasks);
            match next_token {
                Some(token) => next = Some(token),
                None => return Ok(all),
            }
        }
    }

    /// Begins an import of images in buckets: `s3://BUCKET/KEY` is a file in the folder of the
    /// buckets. [`LocalHost::finish`] does the work.
    ///
    /// # Errors
    /// [`Cause::RequestRefused`] with what the engine has against it, or when the store cannot be
    /// written.
    pub fn import_image(&mut self, request: ImportImageRequest) -> Result<TaskId, Error> {
        match self.call(Action::ImportImage(request))? {
            Reply::ImportImage(task) => Ok(task.import_task_id),
            _ => Err(Error::new(Cause::WorkerLost)),
        }
    }

    /// Begins an import of one disk in a bucket as a snapshot, which is not looked into.
    ///
    /// # Errors
    /// As [`LocalHost::import_image`].
    pub fn import_snapshot(&mut self, request: ImportSnapshotRequest) -> Result<TaskId, Error> {
        match self.call(Action::ImportSnapshot(request))? {
            Reply::ImportSnapshot(task) => Ok(task.import_task_id),
            _ => Err(Error::new(Cause::WorkerLost)),
        }
    }

    /// Works on a task until it has ended, and says how. A task that has ended already is not
    /// worked on.
    ///
    /// # Errors
    /// [`Cause::NoSuchTask`], [`Cause::Cancelled`] when `stop` was thrown (the task stays for
    /// another call), and what keeps the store from being written.
    pub fn finish(
        &mut self,
        task: &TaskId,
        watch: &mut dyn FnMut(&TaskEvent),
        stop: &CancelToken,
    ) -> Result<Outcome, Error> {
        if let Some(ended) = self.ended_before(task)? {
            self.ended.insert(task.clone(), ended);
        }
        self.run(task, watch, stop)?;
        self.outcome(task)
    }

    /// Cancels a task and removes all that it left.
    ///
    /// # Errors
    /// [`Cause::NoSuchTask`]; [`Cause::RequestRefused`] when it has ended already; what keeps the
    /// store from being written.
    pub fn cancel(&mut self, task: &str, stop: &CancelToken) -> Result<(), Error> {
        let Some(id) = TaskId::parse_any(task) else {
            let fault = Fault::new(Cause::NoSuchTask).in_structure("task");
            return Err(fault.found(task).into());
        };
        self.focus = Some(id.clone());
        // Of its parked orders none is begun any more.
        self.parked.retain(|begin| begin.order.task != id);
        let request = CancelRequest {
            import_task_id: Some(task.to_owned()),
            ..CancelRequest::default()
        };
        self.call(Action::CancelImportTask(request))?;
        self.run(&id, &mut |_| {}, stop)
    }

    /// Why a task failed, with all that is known of it.
    #[must_use]
    pub fn failure(&self, task: &TaskId) -> Option<&Failure> {
        self.engine.failure(task)
    }

    /// What the store says of an image; `None` when there is none of that id.
    ///
    /// # Errors
    /// When its file cannot be read.
    pub fn image(&self, id: &ImageId) -> Result<Option<ImageNote>, Error> {
        self.store.image(id)
    }

    /// One call of the engine's interface.
    fn call(&mut self, action: Action) -> Result<Reply, Error> {
        let caller = caller();
        let request = self.engine.request(now(), ApiCall { caller, action });
        self.pump(&mut |_| {})?;
        match self.replies.remove(&request) {
            Some(Ok(reply)) => Ok(reply),
            Some(Err(error)) => Err(Fault::new(Cause::RequestRefused).with_source(error).into()),
            None => Err(Error::new(Cause::WorkerLost)),
        }
    }

    /// Works until the task has ended, or somebody wants it to stop.
    fn run(
        &mut self,
        task: &TaskId,
        watch: &mut dyn FnMut(&TaskEvent),
        stop: &CancelToken,
    ) -> Result<(), Error> {
        let result = self.work(task, watch, stop);
        if result.is_err() {
            // Whatever went wrong: nobody writes any more when this returns.
            self.staff.dismiss();
            let _ = self.staff.shop().sweep_task(task);
        }
        result
    }

    fn work(
        &mut self,
        task: &TaskId,
        watch: &mut dyn FnMut(&TaskEvent),
        stop: &CancelToken,
    ) -> Result<(), Error> {
        self.focus = Some(task.clone());
        let (ours, others) = std::mem::take(&mut self.parked)
            .into_iter()
            .partition(|begin| begin.order.task == *task);
        self.parked = others;
        let ours: VecDeque<Begin> = ours;
        for begin in ours {
            self.begin(begin);
        }
        loop {
            let wake_at = self.pump(watch)?;
            if self.ended.contains_key(task) {
                return Ok(());
            }
            if stop.is_cancelled() {
                return Err(Error::new(Cause::Cancelled));
            }
            match self.staff.wait(patience(wake_at)) {
                Some(word) => {
                    let (order, attempt) = (word.order, word.attempt);
                    self.take_word(&order, attempt, word.event);
                }
                None => self.engine.tick(now()),
            }
        }
    }

    fn take_word(&mut self, order: &OrderId, attempt: Attempt, event: vmie_tasks::WorkerEvent) {
        match self.engine.report(now(), order, attempt, event) {
            Ok(()) => {}
            // Nobody waits for it any more.
            Err(ReportError::Stale) => tracing::debug!(%order, %attempt, "late report"),
            Err(error) => tracing::error!(%order, %attempt, %error, "report not taken"),
        }
    }

    /// Does what the engine has to say until it has nothing more, and returns when it wants to be
    /// called again.
    fn pump(&mut self, watch: &mut dyn FnMut(&TaskEvent)) -> Result<Option<Timestamp>, Error> {
        loop {
            match self.engine.poll() {
                Output::Commit(commit) => self.store.commit(commit)?,
                Output::Reply { request, reply } => {
                    self.replies.insert(request, reply);
                }
                Output::Begin(begin) => self.begin(begin),
                Output::Abort { order, attempt } => self.staff.abort(&order, attempt),
                Output::Event(event) => {
                    self.note(&event);
                    watch(&event);
                }
                Output::Idle { wake_at } => return Ok(wake_at),
            }
        }
    }

    fn begin(&mut self, begin: Begin) {
        if self.focus.as_ref() != Some(&begin.order.task) {
            self.parked.retain(|parked| parked.order != begin.order);
            self.parked.push_back(begin);
            return;
        }
        self.buckets.learn(&begin, |token| self.store.import(token));
        self.staff.begin(begin);
    }

    fn note(&mut self, event: &TaskEvent) {
        let ended = match &event.event {
            Happening::Completed {
                image_id,
                snapshots,
            } => {
                let ids = snapshots.iter().map(|one| one.snapshot_id.clone());
                Ended::Completed(image_id.clone(), ids.collect())
            }
            Happening::Deleted { failure, .. } => Ended::Failed(Some(failure.clone())),
            _ => return,
        };
        self.ended.insert(event.task.clone(), ended);
    }

    /// Removes what earlier runs left half done.
    fn sweep(&mut self) -> Result<(), Error> {
        let mut active = Vec::new();
        for task in self.image_tasks()? {
            if !is_ended(task.status) {
                active.push(task.import_task_id);
            }
        }
        for task in self.snapshot_tasks()? {
            if !is_ended(task.snapshot_task_detail.status) {
                active.push(task.import_task_id);
            }
        }
        for task in self.export_tasks()? {
            if !is_ended(task.status) {
                active.push(task.export_image_task_id);
            }
        }
        self.sweep_exports(&active)?;
        let known = |name: &str| active.iter().any(|id| id.as_str() == name);
        self.staff.shop().sweep(&known)
    }
}

/// On whose behalf everything is done here.
fn caller() -> Caller {
    Caller {
        account: "000000000000".to_owned(),
        region: "us-east-1".to_owned(),
    }
}

/// The next part of a list.
fn page(next_token: Option<String>) -> DescribeRequest {
    DescribeRequest {
        next_token,
        ..DescribeRequest::default()
    }
}

/// Whether a task of this status has ended.
fn is_ended(status: Status) -> bool {
    matches!(status, Status::Completed | Status::Deleted)
}

/// How long to wait at most when the engine wants to be called at `wake_at`.
fn patience(wake_at: Option<Timestamp>) -> Duration {
    let Some(at) = wake_at else {
        return PATIENCE;
    };
    let now = now();
    let seconds = at.secs.saturating_sub(now.secs);
    match u64::try_from(seconds) {
        Ok(0) | Err(_) => Duration::from_millis(10),
        Ok(_) => PATIENCE,
    }
}
