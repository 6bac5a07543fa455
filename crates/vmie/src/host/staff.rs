//! The threads that work on orders.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};
use vmie_io::CancelToken;
use vmie_tasks::{Attempt, Begin, OrderId, Step, TaskId, WorkerEvent};

use crate::work::Workshop;

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
    shop: Arc<Workshop>,
    at_work: HashMap<OrderId, Hand>,
    /// Threads that were told to stop.
    leaving: Vec<(TaskId, JoinHandle<()>)>,
    waiting: VecDeque<Begin>,
    sender: Sender<Word>,
    receiver: Receiver<Word>,
}

impl Staff {
    pub(crate) fn new(shop: Workshop) -> Self {
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

    /// Who does the work.
    pub(crate) fn shop(&self) -> &Workshop {
        &self.shop
    }

    /// Takes an order; a conversion may have to wait for others.
    pub(crate) fn begin(&mut self, begin: Begin) {
        self.waiting.push_back(begin);
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
        self.waiting.retain(|begin| begin.order != *order);
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
        while let Some(begin) = self.waiting.pop_front() {
            if converting(&begin.order) {
                if busy >= CONVERSIONS {
                    still.push_back(begin);
                    continue;
                }
                busy = busy.saturating_add(1);
            }
            self.start(begin);
        }
        self.waiting = still;
    }

    fn start(&mut self, begin: Begin) {
        let (order, attempt) = (begin.order.clone(), begin.attempt);
        let cancel = CancelToken::new();
        let (shop, sender, token) = (Arc::clone(&self.shop), self.sender.clone(), cancel.clone());
        let first = self.leavers_before(&begin);
        let thread = thread::spawn(move || {
            first.into_iter().for_each(join);
            let say = |event, last| {
                // When the host is gone, nobody listens.
                let _ = sender.send(Word {
                    order: begin.order.clone(),
                    attempt: begin.attempt,
                    event,
                    last,
                });
            };
            let done = shop.perform(&begin, &token, &mut |event| say(event, false));
            say(done, true);
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
