//! The engine on a thread of its own: the one place where tasks change.
//!
//! Requests and words of workers come in through channels. The thread takes what is there, up to
//! [`BATCH`] at a time, gives it to the engine, makes all that changed durable in one transaction,
//! and only then lets replies and orders out. So one sync of the disk serves many requests, and no
//! reply leaves before what it promises is written.

pub(crate) mod hands;
pub(crate) mod overview;
mod scene;
mod staff;
mod work;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, select};
use tokio::sync::oneshot;
use vmie_rules::api::ApiCode;
use vmie_tasks::{
    ApiCall, ApiError, Change, Config, Engine, Happening, Output, Reply, ReportError, RequestId,
    TaskEvent, Timestamp, WorkerEvent,
};

pub(crate) use self::overview::Overview;
pub use self::scene::Scene;
pub use self::work::{Found, Work};
use crate::metrics::Metrics;
use crate::state::State;
use crate::{Error, random};
use staff::{Staff, Word};

/// The most inputs that one transaction covers.
pub(crate) const BATCH: usize = 256;
/// The most calls that wait; more are told to come later.
pub(crate) const QUEUE: usize = 4096;
/// The longest sleep.
pub(crate) const LONGEST: Duration = Duration::from_secs(3600);
/// How long to wait before writing what could not be written is tried again.
pub(crate) const RETRY: Duration = Duration::from_millis(500);
/// How long workers have to stop at the end.
pub(crate) const FAREWELL: Duration = Duration::from_secs(20);

/// What comes in.
pub(crate) enum Input {
    Call {
        call: Box<ApiCall>,
        answer: oneshot::Sender<Answer>,
    },
    Overview {
        most: usize,
        answer: oneshot::Sender<Overview>,
    },
    Stop,
}

/// The answer to a call.
pub(crate) type Answer = Result<Reply, ApiError>;

/// The way to the engine, for many threads.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    pub(crate) calls: Sender<Input>,
}

impl Desk {
    /// Asks the engine; the answer comes when what it promises is durable.
    pub(crate) async fn call(&self, call: ApiCall) -> Answer {
        let (answer, received) = oneshot::channel();
        let call = Box::new(call);
        self.send(Input::Call { call, answer })?;
        received.await.unwrap_or_else(|_| Err(unavailable()))
    }

    /// The newest tasks, and what is to be said of them.
    pub(crate) async fn overview(&self, most: usize) -> Result<Overview, ApiError> {
        let (answer, received) = oneshot::channel();
        self.send(Input::Overview { most, answer })?;
        received.await.map_err(|_| unavailable())
    }

    /// Ends the engine's thread.
    pub(crate) fn stop(&self) {
        // A thread that is gone has stopped.
        let _ = self.calls.send(Input::Stop);
    }

    fn send(&self, input: Input) -> Result<(), ApiError> {
        match self.calls.try_send(input) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => {
                let text = "Request limit exceeded.";
                Err(ApiError::new(ApiCode::RequestLimitExceeded, text))
            }
            Err(TrySendError::Disconnected(_)) => Err(unavailable()),
        }
    }
}

pub(crate) fn unavailable() -> ApiError {
    let text = "The server is overloaded and can't handle the request.";
    ApiError::new(ApiCode::Unavailable, text)
}

/// What the engine's thread is made of.
pub(crate) struct Settings {
    pub(crate) config: Config,
    pub(crate) scene: Scene,
    pub(crate) state: Box<dyn State>,
    pub(crate) work: Arc<dyn Work>,
    pub(crate) metrics: Arc<Metrics>,
    /// How many disks are converted at a time.
    pub(crate) conversions: usize,
}

/// Takes the engine up where an earlier process left it, and starts its thread.
pub(crate) fn start(settings: Settings) -> Result<(Desk, JoinHandle<Result<(), Error>>), Error> {
    staffed(|inputs| Office::open(settings, inputs), Office::run)
}

/// A desk, and the thread of the office behind it.
pub(crate) fn staffed<O: Send + 'static>(
    open: impl FnOnce(Receiver<Input>) -> Result<O, Error>,
    run: fn(&mut O) -> Result<(), Error>,
) -> Result<(Desk, JoinHandle<Result<(), Error>>), Error> {
    let (calls, inputs) = bounded(QUEUE);
    let mut office = open(inputs)?;
    let thread = thread::Builder::new()
        .name("engine".to_owned())
        .spawn(move || run(&mut office))
        .map_err(|source| Error::Machine {
            what: "a thread for the engine",
            source,
        })?;
    Ok((Desk { calls }, thread))
}

/// An overview that waits for replies.
struct Asked {
    overview: Overview,
    asked: Vec<RequestId>,
    answer: oneshot::Sender<Overview>,
}

struct Office {
    engine: Engine<Scene>,
    state: Box<dyn State>,
    work: Arc<dyn Work>,
    staff: Staff,
    metrics: Arc<Metrics>,
    inputs: Receiver<Input>,
    answers: HashMap<RequestId, oneshot::Sender<Answer>>,
    /// Overviews that wait for the replies to what they ask.
    overviews: Vec<Asked>,
    wake_at: Option<Timestamp>,
    is_stopping: bool,
}

impl Office {
    fn open(settings: Settings, inputs: Receiver<Input>) -> Result<Self, Error> {
        let mut state = settings.state;
        let records = state.load()?;
        let known: std::collections::HashSet<_> = records.iter().map(|one| one.key()).collect();
        let puts: Vec<Change> = records
            .iter()
            .filter(|record| record.key() != vmie_tasks::RecordKey::Engine)
            .map(|record| Change::Put {
                record: record.clone(),
            })
            .collect();
        let (config, seed) = (settings.config, random::seed()?);
        let engine =
            Engine::restore_in(config, seed, settings.scene, records).map_err(|error| {
                Error::Corrupt {
                    path: "state.redb".into(),
                    what: error.to_string(),
                }
            })?;
        let active: std::collections::HashSet<String> = engine
            .tasks()
            .filter(|(_, _, ended)| ended.is_none())
            .map(|(_, id, _)| id.as_str().to_owned())
            .collect();
        let work = settings.work;
        work.settle(&puts)?;
        work.recover(&|key| known.contains(key), &|task| active.contains(task))?;
        tracing::info!(
            tasks = engine.tasks().count(),
            active = active.len(),
            "state loaded"
        );
        let metrics = settings.metrics;
        let (worker, told) = (Arc::clone(&work), Arc::clone(&metrics));
        let staff = Staff::new(worker, told, settings.conversions);
        let mut office = Self {
            engine,
            state,
            work,
            staff,
            metrics,
            inputs,
            answers: HashMap::new(),
            overviews: Vec::new(),
            wake_at: None,
            is_stopping: false,
        };
        // What was under way begins again with new attempts; that is durable first.
        office.settle()?;
        Ok(office)
    }

    fn run(&mut self) -> Result<(), Error> {
        while !self.is_stopping {
            self.take_batch();
            let now = vmie::now();
            if self.wake_at.is_some_and(|at| at <= now) {
                self.engine.tick(now);
            }
            self.settle()?;
        }
        self.staff.dismiss();
        let until = Instant::now().checked_add(FAREWELL);
        while !self.staff.is_idle() {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            match self.staff.words().recv_timeout(left.unwrap_or_default()) {
                // What was not ended begins again with the next start, so nothing is reported.
                Ok(word) if word.is_last => self.staff.ended(&word.name),
                Ok(_) => {}
                Err(_) => {
                    tracing::warn!("workers did not stop in time");
                    break;
                }
            }
        }
        Ok(())
    }

    /// Waits for something to do, and takes what else is there.
    fn take_batch(&mut self) {
        let wait = self.wake_at.map_or(LONGEST, |at| until(at).min(LONGEST));
        let (inputs, words) = (self.inputs.clone(), self.staff.words().clone());
        select! {
            recv(inputs) -> input => match input {
                Ok(input) => self.take_input(input),
                Err(_) => self.is_stopping = true,
            },
            recv(words) -> word => if let Ok(word) = word { self.take_word(word) },
            default(wait) => return,
        }
        for _ in 1..BATCH {
            select! {
                recv(inputs) -> input => if let Ok(input) = input { self.take_input(input) },
                recv(words) -> word => if let Ok(word) = word { self.take_word(word) },
                default => return,
            }
        }
    }

    fn take_input(&mut self, input: Input) {
        match input {
            Input::Call { call, answer } => {
                let request = self.engine.request(vmie::now(), *call);
                self.answers.insert(request, answer);
            }
            Input::Overview { most, answer } => {
                let (overview, calls) = overview::questions(&self.engine, most);
                let now = vmie::now();
                let asked: Vec<RequestId> = calls
                    .into_iter()
                    .map(|call| self.engine.request(now, call))
                    .collect();
                self.overviews.push(Asked {
                    overview,
                    asked,
                    answer,
                });
            }
            Input::Stop => self.is_stopping = true,
        }
    }

    fn take_word(&mut self, word: Word) {
        let Word {
            name: (order, attempt),
            event,
            is_last,
        } = word;
        if let WorkerEvent::Failed(failure) = &event {
            self.metrics.failed_attempts.fetch_add(1, Ordering::Relaxed);
            tracing::info!(%order, %attempt, code = failure.code, detail = failure.detail, "attempt failed");
        }
        match self.engine.report(vmie::now(), &order, attempt, event) {
            Ok(()) => {}
            // Nobody waits for it any more.
            Err(ReportError::Stale) => tracing::debug!(%order, %attempt, "late report"),
            Err(error) => tracing::error!(%order, %attempt, %error, "report not taken"),
        }
        if is_last {
            self.staff.ended(&(order, attempt));
        }
    }

    /// Makes durable what changed, then lets out what follows from it.
    fn settle(&mut self) -> Result<(), Error> {
        let (mut changes, mut rest) = (Vec::new(), Vec::new());
        loop {
            match self.engine.poll() {
                Output::Commit(commit) => changes.extend(commit.changes),
                Output::Idle { wake_at } => {
                    self.wake_at = wake_at;
                    break;
                }
                other => rest.push(other),
            }
        }
        if !changes.is_empty() {
            self.commit(&changes)?;
            if let Err(error) = self.work.settle(&changes) {
                tracing::error!(%error, "the data does not follow the records; it will with the next start");
            }
        }
        for output in rest {
            self.act(output);
        }
        for asked in std::mem::take(&mut self.overviews) {
            // Who asked may have gone.
            let _ = asked.answer.send(asked.overview);
        }
        Ok(())
    }

    fn act(&mut self, output: Output) {
        match output {
            Output::Reply { request, reply } => {
                if let Some(answer) = self.answers.remove(&request) {
                    // Who asked may have gone.
                    let _ = answer.send(reply);
                } else if let Ok(reply) = reply {
                    let asked = self.overviews.iter_mut();
                    if let Some(one) = asked.into_iter().find(|one| one.asked.contains(&request)) {
                        overview::learn(&mut one.overview, reply);
                    }
                }
            }
            Output::Begin(begin) => self.staff.begin(begin),
            Output::Abort { order, attempt } => self.staff.abort(&order, attempt),
            Output::Event(event) => log(&event),
            Output::Commit(_) | Output::Idle { .. } => {}
        }
    }

    /// Writes changes, for as long as it takes: the engine cannot take them back. Meanwhile, whoever
    /// calls is told to come later.
    fn commit(&mut self, changes: &[Change]) -> Result<(), Error> {
        let start = Instant::now();
        loop {
            let error = match self.state.commit(changes) {
                Ok(()) => break,
                Err(error) => error,
            };
            if !self.metrics.state_failing.swap(true, Ordering::Relaxed) {
                tracing::error!(%error, "the state cannot be written; it is tried again, and until then calls are refused");
            }
            if error.is_corrupt() || self.refuse_for(RETRY) {
                return Err(error);
            }
        }
        if self.metrics.state_failing.swap(false, Ordering::Relaxed) {
            tracing::warn!("the state can be written again");
        }
        self.metrics.commit_times.add(start.elapsed());
        Ok(())
    }

    /// Refuses calls for a while; says whether it is to stop.
    fn refuse_for(&mut self, time: Duration) -> bool {
        let until = Instant::now().checked_add(time);
        loop {
            let left = until.map_or(Duration::ZERO, |until| {
                until.saturating_duration_since(Instant::now())
            });
            match self.inputs.recv_timeout(left) {
                Ok(Input::Call { answer, .. }) => {
                    let text = "The service cannot write its state at the moment. Try again later.";
                    let _ = answer.send(Err(ApiError::new(ApiCode::Unavailable, text)));
                }
                Ok(Input::Overview { .. }) => {}
                Ok(Input::Stop) => {
                    self.is_stopping = true;
                    return true;
                }
                Err(crossbeam_channel::RecvTimeoutError::Timeout) => return false,
                Err(crossbeam_channel::RecvTimeoutError::Disconnected) => {
                    self.is_stopping = true;
                    return true;
                }
            }
        }
    }
}

/// What happened to a task, for the log.
pub(crate) fn log(event: &TaskEvent) {
    let task = &event.task;
    match &event.event {
        Happening::Progress { .. } => {}
        Happening::Stage { stage } => tracing::info!(%task, ?stage, "stage"),
        Happening::Completed { .. } => tracing::info!(%task, "completed"),
        Happening::Deleted { failure, .. } => {
            tracing::info!(%task, code = failure.code, detail = failure.detail, "deleted");
        }
        other => tracing::debug!(%task, event = ?other, "event"),
    }
}

/// How long it is until a moment.
pub(crate) fn until(at: Timestamp) -> Duration {
    let now = vmie::now();
    let seconds = u64::try_from(at.secs.saturating_sub(now.secs)).unwrap_or(0);
    let nanos = i64::from(at.nanos).saturating_sub(i64::from(now.nanos));
    let whole = Duration::from_secs(seconds);
    match u64::try_from(nanos) {
        Ok(more) => whole.saturating_add(Duration::from_nanos(more)),
        Err(_) => whole.saturating_sub(Duration::from_nanos(nanos.unsigned_abs())),
    }
}
