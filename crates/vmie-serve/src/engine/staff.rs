//! The orders of the engine of this process: which are worked on, and which wait.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crossbeam_channel::Receiver;
use vmie_tasks::{Attempt, Begin, OrderId, Step};

use super::Work;
use super::hands::{self, Hands, is_conversion};
use crate::metrics::Metrics;

/// What a worker says.
pub(super) type Word = hands::Word<(OrderId, Attempt)>;

/// The threads, and the orders that wait for one.
pub(super) struct Staff {
    hands: Hands<(OrderId, Attempt)>,
    metrics: Arc<Metrics>,
    waiting: VecDeque<Begin>,
}

impl Staff {
    pub(super) fn new(work: Arc<dyn Work>, metrics: Arc<Metrics>, conversions: usize) -> Self {
        Self {
            hands: Hands::new(work, Arc::clone(&metrics), conversions),
            metrics,
            waiting: VecDeque::new(),
        }
    }

    /// What the workers say.
    pub(super) fn words(&self) -> &Receiver<Word> {
        self.hands.words()
    }

    pub(super) fn begin(&mut self, begin: Begin) {
        self.waiting.push_back(begin);
        self.start_waiting();
    }

    pub(super) fn abort(&mut self, order: &OrderId, attempt: Attempt) {
        self.waiting
            .retain(|begin| begin.order != *order || begin.attempt != attempt);
        self.hands.cancel(&(order.clone(), attempt));
        tracing::debug!(%order, %attempt, "aborted");
        self.start_waiting();
    }

    /// A worker has said its last.
    pub(super) fn ended(&mut self, name: &(OrderId, Attempt)) {
        self.hands.ended(name);
        self.start_waiting();
    }

    pub(super) fn is_idle(&self) -> bool {
        self.hands.is_idle()
    }

    /// Tells all workers to stop, and begins nothing more.
    pub(super) fn dismiss(&mut self) {
        self.waiting.clear();
        self.hands.cancel_all();
    }

    fn start_waiting(&mut self) {
        let mut still = VecDeque::new();
        while let Some(begin) = self.waiting.pop_front() {
            let is_full =
                !self.hands.has_room() || is_conversion(&begin) && !self.hands.may_convert();
            if is_full || self.must_wait(&begin) {
                still.push_back(begin);
                continue;
            }
            let name = (begin.order.clone(), begin.attempt);
            if let Err(error) = self.hands.start(name, begin.clone()) {
                // The machine has no thread at the moment: it waits for one that ends.
                tracing::error!(order = %begin.order, %error, "no thread for an order");
                still.push_back(begin);
            }
        }
        self.waiting = still;
        let count = i64::try_from(self.waiting.len()).unwrap_or(i64::MAX);
        self.metrics.waiting.store(count, Ordering::Relaxed);
    }

    /// Whether work that was told to stop has to end first: any of its task for a cleanup, and an
    /// earlier attempt for a later one.
    fn must_wait(&self, begin: &Begin) -> bool {
        self.hands.names().any(|(order, _)| {
            let same_task = order.task == begin.order.task;
            same_task && (begin.order.step == Step::Cleanup || order.step == begin.order.step)
        })
    }
}
