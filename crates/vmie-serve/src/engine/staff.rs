//! The threads that work on orders.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};

use crossbeam_channel::Sender;
use vmie_io::CancelToken;
use vmie_tasks::{Attempt, Begin, OrderId, Step, WorkerEvent};

use super::Work;
use crate::metrics::Metrics;

/// What a worker says.
#[derive(Debug)]
pub(super) struct Word {
    pub(super) order: OrderId,
    pub(super) attempt: Attempt,
    pub(super) event: WorkerEvent,
    /// Whether it is its last.
    pub(super) is_last: bool,
}

/// A thread at work.
#[derive(Debug)]
struct Hand {
    cancel: CancelToken,
    thread: JoinHandle<()>,
}

/// The threads, and the orders that wait for one.
pub(super) struct Staff {
    work: Arc<dyn Work>,
    metrics: Arc<Metrics>,
    /// How many orders are worked on at a time, and how many of them may be conversions.
    hands: usize,
    conversions: usize,
    at_work: HashMap<(OrderId, Attempt), Hand>,
    waiting: VecDeque<Begin>,
    sender: Sender<Word>,
}

impl Staff {
    pub(super) fn new(
        work: Arc<dyn Work>,
        metrics: Arc<Metrics>,
        conversions: usize,
        sender: Sender<Word>,
    ) -> Self {
        Self {
            work,
            metrics,
            // Beside conversions there is room for what is quick.
            hands: conversions.saturating_add(6),
            conversions,
            at_work: HashMap::new(),
            waiting: VecDeque::new(),
            sender,
        }
    }

    pub(super) fn begin(&mut self, begin: Begin) {
        self.waiting.push_back(begin);
        self.start_waiting();
    }

    pub(super) fn abort(&mut self, order: &OrderId, attempt: Attempt) {
        self.waiting
            .retain(|begin| begin.order != *order || begin.attempt != attempt);
        if let Some(hand) = self.at_work.get(&(order.clone(), attempt)) {
            hand.cancel.cancel();
        }
        tracing::debug!(%order, %attempt, "aborted");
        self.start_waiting();
    }

    /// A worker has said its last.
    pub(super) fn ended(&mut self, order: &OrderId, attempt: Attempt) {
        if let Some(hand) = self.at_work.remove(&(order.clone(), attempt)) {
            join(hand.thread);
        }
        self.start_waiting();
    }

    pub(super) fn is_idle(&self) -> bool {
        self.at_work.is_empty()
    }

    /// Tells all workers to stop, and begins nothing more.
    pub(super) fn dismiss(&mut self) {
        self.waiting.clear();
        for hand in self.at_work.values() {
            hand.cancel.cancel();
        }
    }

    fn start_waiting(&mut self) {
        let mut converting = self
            .at_work
            .keys()
            .filter(|(order, _)| is_conversion(order.step))
            .count();
        let mut still = VecDeque::new();
        while let Some(begin) = self.waiting.pop_front() {
            let converts = is_conversion(begin.order.step);
            let is_full =
                self.at_work.len() >= self.hands || (converts && converting >= self.conversions);
            if is_full || self.must_wait(&begin) {
                still.push_back(begin);
                continue;
            }
            if let Err(error) = self.start(&begin) {
                // The machine has no thread at the moment: it waits for one that ends.
                tracing::error!(order = %begin.order, %error, "no thread for an order");
                still.push_back(begin);
            } else if converts {
                converting = converting.saturating_add(1);
            }
        }
        self.waiting = still;
        let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let metrics = &self.metrics;
        metrics
            .waiting
            .store(count(self.waiting.len()), Ordering::Relaxed);
        metrics
            .at_work
            .store(count(self.at_work.len()), Ordering::Relaxed);
    }

    /// Whether work that was told to stop has to end first: any of its task for a cleanup, and an
    /// earlier attempt for a later one.
    fn must_wait(&self, begin: &Begin) -> bool {
        self.at_work.keys().any(|(order, _)| {
            let same_task = order.task == begin.order.task;
            same_task && (begin.order.step == Step::Cleanup || order.step == begin.order.step)
        })
    }

    fn start(&mut self, begin: &Begin) -> std::io::Result<()> {
        let id = (begin.order.clone(), begin.attempt);
        let cancel = CancelToken::new();
        let (work, sender, token) = (Arc::clone(&self.work), self.sender.clone(), cancel.clone());
        let (order, attempt) = id.clone();
        let begin = begin.clone();
        let thread = thread::Builder::new().spawn(move || {
            // When the engine is gone, nobody listens.
            let say = |event, is_last| {
                let order = order.clone();
                let _ = sender.send(Word {
                    order,
                    attempt,
                    event,
                    is_last,
                });
            };
            let event = work.perform(&begin, &token, &mut |event| say(event, false));
            say(event, true);
        })?;
        self.metrics.attempts.fetch_add(1, Ordering::Relaxed);
        self.at_work.insert(id, Hand { cancel, thread });
        Ok(())
    }
}

fn is_conversion(step: Step) -> bool {
    matches!(step, Step::Convert(_))
}

fn join(thread: JoinHandle<()>) {
    // Panics of workers are caught where they happen.
    let _ = thread.join();
}
