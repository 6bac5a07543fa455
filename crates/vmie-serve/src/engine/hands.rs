//! Threads at work on attempts, whoever orders them: the engine of this process, or a database that several share.

use std::collections::HashMap;
use std::hash::Hash;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, unbounded};
use vmie_io::CancelToken;
use vmie_tasks::{Begin, Step, WorkerEvent};

use super::Work;
use crate::metrics::Metrics;

/// How many orders are worked on beside conversions: these are quick.
const QUICK: usize = 6;

/// What a thread says of its attempt, which has a name of the kind `N` here.
#[derive(Debug)]
pub(crate) struct Word<N> {
    pub(crate) name: N,
    pub(crate) event: WorkerEvent,
    /// Whether it is its last.
    pub(crate) is_last: bool,
}

/// A thread at work.
#[derive(Debug)]
struct Hand {
    cancel: CancelToken,
    thread: JoinHandle<()>,
    converts: bool,
}

/// The threads, each with the attempt that it is at.
pub(crate) struct Hands<N> {
    work: Arc<dyn Work>,
    metrics: Arc<Metrics>,
    /// How many conversions are worked on at a time.
    conversions: usize,
    at_work: HashMap<N, Hand>,
    sender: Sender<Word<N>>,
    words: Receiver<Word<N>>,
}

impl<N: Clone + Eq + Hash + Send + Sync + 'static> Hands<N> {
    pub(crate) fn new(work: Arc<dyn Work>, metrics: Arc<Metrics>, conversions: usize) -> Self {
        let (sender, words) = unbounded();
        Self {
            work,
            metrics,
            conversions,
            at_work: HashMap::new(),
            sender,
            words,
        }
    }

    /// What the threads say.
    pub(crate) fn words(&self) -> &Receiver<Word<N>> {
        &self.words
    }

    /// Whether another attempt can begin.
    pub(crate) fn has_room(&self) -> bool {
        self.at_work.len() < self.conversions.saturating_add(QUICK)
    }

    /// Whether it can be a conversion.
    pub(crate) fn may_convert(&self) -> bool {
        self.at_work.values().filter(|hand| hand.converts).count() < self.conversions
    }

    /// Begins an attempt on a thread of its own.
    ///
    /// # Errors
    /// When the machine has no thread at the moment.
    pub(crate) fn start(&mut self, name: N, begin: Begin) -> io::Result<()> {
        let cancel = CancelToken::new();
        let (work, sender, token) = (Arc::clone(&self.work), self.sender.clone(), cancel.clone());
        let converts = is_conversion(&begin);
        let of = name.clone();
        let thread = thread::Builder::new().spawn(move || {
            // When who ordered it is gone, nobody listens.
            let say = |event, is_last| {
                let name = of.clone();
                let _ = sender.send(Word {
                    name,
                    event,
                    is_last,
                });
            };
            let event = work.perform(&begin, &token, &mut |event| say(event, false));
            say(event, true);
        })?;
        self.metrics.attempts.fetch_add(1, Ordering::Relaxed);
        let hand = Hand {
            cancel,
            thread,
            converts,
        };
        self.at_work.insert(name, hand);
        self.count();
        Ok(())
    }

    /// Tells the thread of an attempt to stop; of one that is over, nobody is told.
    pub(crate) fn cancel(&self, name: &N) {
        if let Some(hand) = self.at_work.get(name) {
            hand.cancel.cancel();
        }
    }

    pub(crate) fn cancel_all(&self) {
        for hand in self.at_work.values() {
            hand.cancel.cancel();
        }
    }

    /// The thread of an attempt has said its last.
    pub(crate) fn ended(&mut self, name: &N) {
        if let Some(hand) = self.at_work.remove(name) {
            // Panics of workers are caught where they happen.
            let _ = hand.thread.join();
        }
        self.count();
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &N> {
        self.at_work.keys()
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.at_work.is_empty()
    }

    fn count(&self) {
        let count = i64::try_from(self.at_work.len()).unwrap_or(i64::MAX);
        self.metrics.at_work.store(count, Ordering::Relaxed);
    }
}

pub(super) fn is_conversion(begin: &Begin) -> bool {
    matches!(begin.order.step, Step::Convert(_))
}
