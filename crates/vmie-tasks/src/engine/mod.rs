//! The engine: requests, reports and time go in, outputs come out of `poll`.

mod index;
mod list;
mod requests;
mod restore;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use index::Index;

use crate::call::ApiCall;
use crate::config::Config;
use crate::id::{IdSource, TaskId};
use crate::order::{Attempt, Begin, Failure, ORDER_VERSION, OrderId, Step, WorkerEvent};
use crate::output::{Change, Commit, Happening, Output, RequestId, TaskEvent};
use crate::record::{Record, RecordKey};
use crate::reply::{ApiError, Reply};
use crate::task::{Context, Task, ends};
use crate::time::Timestamp;

/// Why a report was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// The order is over, or has a later attempt, or never was. The worker can stop.
    #[error("the attempt is over: its order has ended or is at a later attempt")]
    Stale,
    /// The event is the end of another kind of order: a mistake of the host's.
    #[error("the event does not belong to the order's step")]
    Misplaced,
}

/// The tasks of all accounts and Regions.
///
/// Every call of [`request`](Self::request), [`report`](Self::report) and [`tick`](Self::tick) is
/// to be followed by [`poll`](Self::poll) until it answers [`Output::Idle`]. The same inputs in
/// the same order give the same outputs.
#[derive(Clone, Debug)]
pub struct Engine {
    config: Config,
    ids: IdSource,
    tasks: BTreeMap<TaskId, Task>,
    index: Index,
    /// What is due, in order.
    outputs: VecDeque<Output>,
    requests: u64,
}

/// What one input leads to, before it is put into the order that hosts rely on.
#[derive(Default)]
struct Turn {
    changes: Vec<Change>,
    replies: Vec<Output>,
    aborts: Vec<Output>,
    begins: Vec<Output>,
    events: Vec<Output>,
}

impl Turn {
    fn abort(&mut self, task: &TaskId, step: Step, attempt: Attempt) {
        let order = OrderId {
            task: task.clone(),
            step,
        };
        self.aborts.push(Output::Abort { order, attempt });
    }

    fn event(&mut self, task: &TaskId, event: Happening) {
        self.events.push(Output::Event(TaskEvent {
            task: task.clone(),
            event,
        }));
    }
}

impl Engine {
    /// An engine without tasks. All ids come from the seed: give each store its own.
    #[must_use]
    pub fn new(config: Config, seed: u64) -> Self {
        Self {
            config,
            ids: IdSource::new(seed),
            tasks: BTreeMap::new(),
            index: Index::default(),
            outputs: VecDeque::new(),
            requests: 0,
        }
    }

    /// Takes a call. Its reply comes out of [`poll`](Self::poll), after the commit of what it
    /// changed.
    pub fn request(&mut self, now: Timestamp, call: ApiCall) -> RequestId {
        self.requests = self.requests.saturating_add(1);
        let request = RequestId(self.requests);
        let mut turn = Turn::default();
        let reply = self.answer(now, call, &mut turn);
        turn.replies.push(Output::Reply { request, reply });
        self.close(turn);
        request
    }

    /// Takes what a worker says of an attempt.
    ///
    /// # Errors
    ///
    /// [`ReportError::Stale`] if nobody waits for this attempt any more, and
    /// [`ReportError::Misplaced`] if the event cannot come from such an order; nothing changes.
    pub fn report(
        &mut self,
        now: Timestamp,
        order: &OrderId,
        attempt: Attempt,
        event: WorkerEvent,
    ) -> Result<(), ReportError> {
        let step = order.step;
        let task = self.tasks.get_mut(&order.task).ok_or(ReportError::Stale)?;
        let ticket = task.ticket(step).ok_or(ReportError::Stale)?;
        if ticket.running() != Some(attempt) {
            return Err(ReportError::Stale);
        }
        let mut turn = Turn::default();
        match event {
            WorkerEvent::Started => {
                if ticket.started() {
                    return Ok(());
                }
                ticket.start();
                self.settle(&order.task, &mut turn, None);
            }
            WorkerEvent::Progress { done, total } => {
                ticket.advance(done, total);
                let (done, total) = ticket.progress();
                self.settle(&order.task, &mut turn, Some((step, done, total)));
            }
            WorkerEvent::Failed(failure) => self.failed(now, order, failure, &mut turn),
            event if ends(step, &event) => {
                self.transition(now, &order.task, &mut turn, |task, cx| {
                    task.advance(cx, step, event)
                });
            }
            _ => return Err(ReportError::Misplaced),
        }
        self.close(turn);
        Ok(())
    }

    /// Takes the time: what waited is begun again, what ended long ago is forgotten.
    pub fn tick(&mut self, now: Timestamp) {
        let mut turn = Turn::default();
        for id in self.index.due(now) {
            let Some(task) = self.tasks.get_mut(&id) else {
                continue;
            };
            if task.ended().is_some() {
                self.forget(&id, &mut turn);
                continue;
            }
            for (_, ticket) in task.tickets() {
                ticket.wake(now);
            }
            self.keep(&id, &mut turn);
        }
        self.close(turn);
    }

    /// The next thing to do; [`Output::Idle`] when there is nothing more.
    pub fn poll(&mut self) -> Output {
        self.outputs.pop_front().unwrap_or_else(|| Output::Idle {
            wake_at: self.index.first_wake(),
        })
    }

    /// Why a task failed or is failing, with all detail that its worker gave.
    #[must_use]
    pub fn failure(&self, task: &TaskId) -> Option<&Failure> {
        self.tasks.get(task)?.failure()
    }

    /// An attempt failed: there is another, or the task fails.
    fn failed(&mut self, now: Timestamp, order: &OrderId, failure: Failure, turn: &mut Turn) {
        let config = self.config;
        let Some(ticket) = self
            .tasks
            .get_mut(&order.task)
            .and_then(|task| task.ticket(order.step))
        else {
            return;
        };
        let retry = if failure.retryable {
            ticket.retry(now, &config)
        } else {
            None
        };
        match retry {
            Some(at) => {
                let event = Happening::Retrying {
                    step: order.step,
                    at,
                    failure,
                };
                turn.event(&order.task, event);
                self.keep(&order.task, turn);
            }
            None => self.fail(now, &order.task, Some(order.step), failure, turn),
        }
    }

    /// Ends a task without success: aborts what is under way, except the step that ended itself.
    fn fail(
        &mut self,
        now: Timestamp,
        id: &TaskId,
        ended: Option<Step>,
        failure: Failure,
        turn: &mut Turn,
    ) {
        if let Some(task) = self.tasks.get_mut(id) {
            for (step, ticket) in task.tickets() {
                if let Some(attempt) = ticket.running()
                    && Some(step) != ended
                {
                    turn.abort(id, step, attempt);
                }
            }
        }
        self.transition(now, id, turn, |task, cx| task.fail(cx, failure));
    }

    /// Moves a task from one state to the next.
    fn transition(
        &mut self,
        now: Timestamp,
        id: &TaskId,
        turn: &mut Turn,
        step: impl FnOnce(Task, &mut Context<'_>) -> Task,
    ) {
        let Some(task) = self.tasks.remove(id) else {
            return;
        };
        let before = self.ids;
        let was = task.status();
        let mut cx = Context {
            now,
            config: &self.config,
            ids: &mut self.ids,
        };
        let task = step(task, &mut cx);
        let arrival = if task.status() == was {
            None
        } else {
            task.arrival()
        };
        self.tasks.insert(id.clone(), task);
        if self.ids != before {
            turn.changes.push(Change::Put {
                record: Record::engine(self.ids),
            });
        }
        self.stage(id, turn);
        self.keep(id, turn);
        if let Some(event) = arrival {
            turn.event(id, event);
        }
    }

    /// Brings what is shown of a task up to date, and tells of a new stage. Returns whether
    /// anything that is shown has changed.
    fn stage(&mut self, id: &TaskId, turn: &mut Turn) -> bool {
        let Some(task) = self.tasks.get_mut(id) else {
            return false;
        };
        let before = (task.head.stage, task.head.progress);
        task.refresh();
        let after = (task.head.stage, task.head.progress);
        if before.0 != after.0 {
            turn.event(id, Happening::Stage { stage: after.0 });
        }
        before != after
    }

    /// After a report that changes no more than how far a task is: what is shown is kept, mere
    /// bytes are not.
    fn settle(&mut self, id: &TaskId, turn: &mut Turn, progress: Option<(Step, u64, u64)>) {
        let shown = self.stage(id, turn);
        if let (Some((step, done, total)), Some(task)) = (progress, self.tasks.get(id)) {
            let percent = task.head.progress;
            turn.event(
                id,
                Happening::Progress {
                    step,
                    done,
                    total,
                    percent,
                },
            );
        }
        if shown {
            self.keep(id, turn);
        }
    }

    /// Begins what is new in a task and writes its record.
    fn keep(&mut self, id: &TaskId, turn: &mut Turn) {
        let Some(task) = self.tasks.get_mut(id) else {
            return;
        };
        let begun: Vec<(Step, Attempt)> = task
            .tickets()
            .into_iter()
            .filter_map(|(step, ticket)| ticket.begin().map(|attempt| (step, attempt)))
            .collect();
        let wake = task.wake_at(&self.config);
        self.index.wake(id, wake);
        for (step, attempt) in begun {
            let Some(work) = task.work(step) else {
                continue;
            };
            turn.begins.push(Output::Begin(Begin {
                version: ORDER_VERSION,
                order: OrderId {
                    task: id.clone(),
                    step,
                },
                attempt,
                caller: task.head.caller.clone(),
                work,
            }));
        }
        turn.changes.push(Change::Put {
            record: Record::task(task.clone()),
        });
    }

    fn forget(&mut self, id: &TaskId, turn: &mut Turn) {
        if let Some(task) = self.tasks.remove(id) {
            self.index.remove(&task);
            turn.changes.push(Change::Remove {
                key: RecordKey::Task { id: id.clone() },
            });
        }
    }

    /// Puts what one input led to in the order that hosts rely on.
    fn close(&mut self, turn: Turn) {
        if !turn.changes.is_empty() {
            self.outputs.push_back(Output::Commit(Commit {
                changes: turn.changes,
            }));
        }
        self.outputs.extend(turn.replies);
        self.outputs.extend(turn.aborts);
        self.outputs.extend(turn.begins);
        self.outputs.extend(turn.events);
    }

    fn answer(
        &mut self,
        now: Timestamp,
        call: ApiCall,
        turn: &mut Turn,
    ) -> Result<Reply, ApiError> {
        use crate::call::Action;
        use crate::id::TaskKind;
        let ApiCall { caller, action } = call;
        match action {
            Action::ImportImage(request) => self.import_image(now, caller, request, turn),
            Action::ImportSnapshot(request) => self.import_snapshot(now, caller, request, turn),
            Action::DescribeImportImageTasks(request) => {
                self.describe(now, &caller, TaskKind::ImportImage, &request)
            }
            Action::DescribeImportSnapshotTasks(request) => {
                self.describe(now, &caller, TaskKind::ImportSnapshot, &request)
            }
            Action::CancelImportTask(request) => self.cancel(now, &caller, request, turn),
            _ => Err(ApiError::new(
                vmie_rules::api::ApiCode::Unavailable,
                "This action is not served yet.",
            )),
        }
    }
}
