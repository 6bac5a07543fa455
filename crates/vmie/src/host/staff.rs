//! The threads that work on orders.

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};
use vmie_io::CancelToken;
use vmie_tasks::{Attempt, Begin, OrderId, Source, Step, TaskId, Work, WorkerEvent};

use super::failure;
use super::source::LocalSource;
use super::worker::Shop;
use crate::store::publish;
use crate::{Error, now};

/// How many disks are converted at a time; each conversion uses several threads itself.
const CONVERSIONS: usize = 2;

/// What a worker says.
#[derive(Debug)]
pub(crate) struct Word {
    pub(crate) order: OrderId,
    pub(crate) attempt: Attempt,
    pub(crate) event: WorkerEvent,
    /// Whether it is its last.
    last: bool,
}

/// An order with the files that it is about.
struct Job {
    begin: Begin,
    sources: Result<Vec<LocalSource>, Error>,
}

/// A thread at work.
#[derive(Debug)]
struct Hand {
    attempt: Attempt,
    cancel: CancelToken,
    thread: JoinHandle<()>,
}

/// The threads, and the orders that wait for one.
#[derive(Debug)]
pub(crate) struct Staff {
    shop: Arc<Shop>,
    at_work: HashMap<OrderId, Hand>,
    /// Threads that were told to stop.
    leaving: Vec<(TaskId, JoinHandle<()>)>,
    waiting: VecDeque<Job>,
    sender: Sender<Word>,
    receiver: Receiver<Word>,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Job").field(&self.begin.order).finish()
    }
}

impl Staff {
    pub(crate) fn new(mut shop: Shop) -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        shop.threads = cores.clamp(1, 8);
        let (sender, receiver) = unbounded();
        Self {
            shop: Arc::new(shop),
            at_work: HashMap::new(),
            leaving: Vec::new(),
            waiting: VecDeque::new(),
            sender,
            receiver,
        }
    }

    /// Takes an order; a conversion may have to wait for others.
    pub(crate) fn begin(
        &mut self,
        begin: Begin,
        resolve: impl Fn(&Source) -> Result<LocalSource, Error>,
    ) {
        let sources = match &begin.work {
            Work::Validate(work) => work.sources.iter().map(resolve).collect(),
            Work::Convert(work) => resolve(&work.source).map(|source| vec![source]),
            _ => Ok(Vec::new()),
        };
        self.waiting.push_back(Job { begin, sources });
        self.start_waiting();
    }

    /// The next thing that a worker says; `None` when nobody says anything for that long.
    pub(crate) fn wait(&mut self, patience: Duration) -> Option<Word> {
        let word = self.receiver.recv_timeout(patience).ok()?;
        if word.last {
            let ours = self
                .at_work
                .get(&word.order)
                .is_some_and(|hand| hand.attempt == word.attempt);
            if ours && let Some(hand) = self.at_work.remove(&word.order) {
                join(hand.thread);
            }
            self.start_waiting();
        }
        Some(word)
    }

    /// Tells a worker to stop.
    pub(crate) fn abort(&mut self, order: &OrderId, attempt: Attempt) {
        self.waiting.retain(|job| job.begin.order != *order);
        if let Some(hand) = self.at_work.remove(order) {
            hand.cancel.cancel();
            self.leaving.push((order.task.clone(), hand.thread));
        }
        tracing::debug!(%order, %attempt, "aborted");
    }

    /// Tells all workers to stop, and returns when they have.
    pub(crate) fn dismiss(&mut self) {
        self.waiting.clear();
        for (order, hand) in self.at_work.drain() {
            hand.cancel.cancel();
            self.leaving.push((order.task, hand.thread));
        }
        for (_, thread) in self.leaving.drain(..) {
            join(thread);
        }
        // What they said is for nobody.
        while self.receiver.try_recv().is_ok() {}
    }

    fn start_waiting(&mut self) {
        let converting = |order: &OrderId| matches!(order.step, Step::Convert(_));
        let mut busy = self
            .at_work
            .keys()
            .filter(|order| converting(order))
            .count();
        let mut still = VecDeque::new();
        while let Some(job) = self.waiting.pop_front() {
            if converting(&job.begin.order) {
                if busy >= CONVERSIONS {
                    still.push_back(job);
                    continue;
                }
                busy = busy.saturating_add(1);
            }
            self.start(job);
        }
        self.waiting = still;
    }

    fn start(&mut self, job: Job) {
        let (order, attempt) = (job.begin.order.clone(), job.begin.attempt);
        let cancel = CancelToken::new();
        let (shop, sender, token) = (Arc::clone(&self.shop), self.sender.clone(), cancel.clone());
        let first = self.leavers_before(&job.begin);
        let thread = thread::spawn(move || {
            first.into_iter().for_each(join);
            work(&shop, &job, &sender, &token);
        });
        let hand = Hand {
            attempt,
            cancel,
            thread,
        };
        if let Some(earlier) = self.at_work.insert(order.clone(), hand) {
            // An order has one attempt at a time; should one overlap, the later one counts.
            earlier.cancel.cancel();
            self.leaving.push((order.task, earlier.thread));
        }
    }

    /// Cleaning up waits for the workers of its task that were told to stop.
    fn leavers_before(&mut self, begin: &Begin) -> Vec<JoinHandle<()>> {
        if begin.order.step != Step::Cleanup {
            return Vec::new();
        }
        let task = &begin.order.task;
        let (first, others) = std::mem::take(&mut self.leaving)
            .into_iter()
            .partition(|(of, _)| of == task);
        self.leaving = others;
        let first: Vec<(TaskId, JoinHandle<()>)> = first;
        first.into_iter().map(|(_, thread)| thread).collect()
    }
}

impl Drop for Staff {
    fn drop(&mut self) {
        self.dismiss();
    }
}

fn join(thread: JoinHandle<()>) {
    // Panics of workers are caught where they happen.
    let _ = thread.join();
}

/// Does one order and says how it ended, whatever happens.
fn work(shop: &Shop, job: &Job, sender: &Sender<Word>, cancel: &CancelToken) {
    let say = |event, last| {
        // When the host is gone, nobody listens.
        let _ = sender.send(Word {
            order: job.begin.order.clone(),
            attempt: job.begin.attempt,
            event,
            last,
        });
    };
    say(WorkerEvent::Started, false);
    let tell = |event| say(event, false);
    let done = catch_unwind(AssertUnwindSafe(|| perform(shop, job, cancel, &tell)));
    let event = match done {
        Ok(Ok(event)) => event,
        Ok(Err(error)) => WorkerEvent::Failed(failure::of(&error)),
        Err(_) => WorkerEvent::Failed(failure::lost()),
    };
    say(event, true);
}

fn perform(
    shop: &Shop,
    job: &Job,
    cancel: &CancelToken,
    tell: &super::worker::Tell<'_>,
) -> Result<WorkerEvent, Error> {
    let begin = &job.begin;
    let task = &begin.order.task;
    let sources = job.sources.as_ref().map_err(Clone::clone)?;
    let (durable, layout) = (&shop.durable, &shop.layout);
    match &begin.work {
        Work::Validate(work) => shop
            .validate(task, work, sources)
            .map(WorkerEvent::Validated),
        Work::Convert(work) => match sources.first() {
            Some(source) => shop
                .convert(task, begin.attempt, work, source, cancel, tell)
                .map(WorkerEvent::Converted),
            None => Ok(WorkerEvent::Failed(failure::lost())),
        },
        // Nothing in a guest is changed here yet, and that is what is said.
        Work::Update(_) => Ok(WorkerEvent::Updated { changed: false }),
        Work::PublishImage(work) if work.encrypted => Ok(failure::encryption()),
        Work::PublishSnapshot(work) if work.encrypted => Ok(failure::encryption()),
        Work::PublishImage(work) => publish::publish_image(durable, layout, task, work, now())
            .map(|()| WorkerEvent::Published),
        Work::PublishSnapshot(work) => {
            publish::publish_snapshot(durable, layout, task, work, now())
                .map(|()| WorkerEvent::Published)
        }
        Work::Cleanup(work) => {
            publish::cleanup(durable, layout, task, work).map(|()| WorkerEvent::Cleaned)
        }
        // The engine was told that nothing is booted here.
        _ => Ok(WorkerEvent::Failed(failure::lost())),
    }
}
