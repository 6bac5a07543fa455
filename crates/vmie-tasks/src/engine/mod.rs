//! The engine: requests, reports and time go in, outputs come out of `poll`.

mod cancel;
mod index;
mod list;
mod requests;
mod resources;
mod restore;
mod watch;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use index::{Index, Place};
use vmie_rules::status::Status;

use crate::call::{Action, ApiCall, Caller};
use crate::config::Config;
use crate::id::{IdSource, TaskId, TaskKind};
use crate::life::Context;
use crate::order::{Attempt, Begin, Failure, ORDER_VERSION, OrderId, Step, WorkerEvent};
use crate::output::{Change, Commit, Happening, Output, RequestId, TaskEvent};
use crate::record::{Record, RecordKey};
use crate::reply::{ApiError, Reply};
use crate::resource::{Book, Resource};
use crate::task::{Task, ends};
use crate::time::Timestamp;
use crate::world::{OpenWorld, World};

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

/// The tasks of all accounts and Regions, and what they made, in a world.
///
/// Every call of [`request`](Self::request), [`report`](Self::report) and [`tick`](Self::tick) is
/// to be followed by [`poll`](Self::poll) until it answers [`Output::Idle`]. The same inputs in
/// the same order give the same outputs; the world is one of the inputs.
#[derive(Clone, Debug)]
pub struct Engine<W = OpenWorld> {
    config: Config,
    world: W,
    ids: IdSource,
    tasks: BTreeMap<Place, Box<Slot>>,
    index: Index,
    book: Book,
    /// What is due, in order.
    outputs: VecDeque<Output>,
    requests: u64,
    /// The lists of the last turn, empty, for the next one.
    spare: Turn,
}

/// A task, and when it is to be looked at.
#[derive(Clone, Debug)]
struct Slot {
    task: Task,
    wake: Option<Timestamp>,
}

/// What one input leads to, before it is put into the order that hosts rely on.
#[derive(Clone, Debug, Default)]
struct Turn {
    /// `None` only while an engine is restored: nobody has said yet what time it is.
    now: Option<Timestamp>,
    changes: Vec<Change>,
    replies: Vec<Output>,
    aborts: Vec<Output>,
    begins: Vec<Output>,
    events: Vec<Output>,
}

impl Turn {
    /// With the lists of an earlier turn, which are empty.
    fn new(now: Option<Timestamp>, spare: &mut Self) -> Self {
        Self {
            now,
            ..core::mem::take(spare)
        }
    }

    fn abort(&mut self, task: &TaskId, step: Step, attempt: Attempt) {
        let order = OrderId {
            task: task.clone(),
            step,
        };
        // One that would only begin with this turn is not heard of: its abort would come first.
        let begins = self.begins.iter().position(|output| {
            matches!(output, Output::Begin(begin) if begin.order == order && begin.attempt == attempt)
        });
        match begins {
            Some(at) => drop(self.begins.remove(at)),
            None => self.aborts.push(Output::Abort { order, attempt }),
        }
    }

    fn event(&mut self, task: &TaskId, event: Happening) {
        self.events.push(Output::Event(TaskEvent {
            task: task.clone(),
            event,
        }));
    }

    fn put(&mut self, record: Record) {
        self.changes.push(Change::Put { record });
    }
}

impl Engine<OpenWorld> {
    /// An engine without tasks, in a world without limits. All ids come from the seed: give each
    /// store its own.
    #[must_use]
    pub fn new(config: Config, seed: u64) -> Self {
        Self::in_world(config, seed, OpenWorld)
    }
}

impl<W: World> Engine<W> {
    /// An engine without tasks, in a world. All ids come from the seed: give each store its own.
    #[must_use]
    pub fn in_world(config: Config, seed: u64, world: W) -> Self {
        Self {
            config,
            world,
            ids: IdSource::new(seed),
            tasks: BTreeMap::new(),
            index: Index::default(),
            book: Book::default(),
            outputs: VecDeque::new(),
            requests: 0,
            spare: Turn::default(),
        }
    }

    /// The world.
    #[must_use]
    pub fn world(&self) -> &W {
        &self.world
    }

    /// The world, to change it between two inputs: what was asked for before stays as it was
    /// judged, except that a key that is disabled fails the imports that use it (SVC-TASK-7).
    pub fn world_mut(&mut self) -> &mut W {
        &mut self.world
    }

    /// Takes a call. Its reply comes out of [`poll`](Self::poll), after the commit of what it
    /// changed.
    pub fn request(&mut self, now: Timestamp, call: ApiCall) -> RequestId {
        self.requests = self.requests.saturating_add(1);
        let request = RequestId(self.requests);
        let mut turn = Turn::new(Some(now), &mut self.spare);
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
        let place = self.index.place(&order.task).ok_or(ReportError::Stale)?;
        let slot = self.tasks.get_mut(&place).ok_or(ReportError::Stale)?;
        let ticket = slot.task.ticket(step).ok_or(ReportError::Stale)?;
        if ticket.running() != Some(attempt) {
            return Err(ReportError::Stale);
        }
        let mut turn = Turn::new(Some(now), &mut self.spare);
        match event {
            WorkerEvent::Started => {
                let news = !ticket.started();
                ticket.start(now);
                if news {
                    self.settle(place, &mut turn, None);
                }
            }
            WorkerEvent::Progress { done, total } => {
                ticket.advance(now, done, total);
                let (done, total) = ticket.progress();
                self.settle(place, &mut turn, Some((step, done, total)));
            }
            WorkerEvent::Failed(failure) => self.failed(place, step, failure, &mut turn),
            event if ends(step, &event) => {
                if !self.key_lost(place, &mut turn, Some(step)) {
                    self.transition(place, &mut turn, Some(step), |task, cx| {
                        task.advance(cx, step, event)
                    });
                }
            }
            _ => return Err(ReportError::Misplaced),
        }
        self.close(turn);
        Ok(())
    }

    /// Takes it that the worker of an attempt is gone, without a word or with a late one: the order is
    /// begun again at once with the next attempt. As after a restart, that counts as no failure. When it
    /// comes too often in a row ([`Config::max_losses`]), it is the order that workers die of, and the task fails.
    ///
    /// # Errors
    ///
    /// [`ReportError::Stale`] if nobody waits for this attempt any more; nothing changes.
    pub fn lost(
        &mut self,
        now: Timestamp,
        order: &OrderId,
        attempt: Attempt,
    ) -> Result<(), ReportError> {
        let place = self.index.place(&order.task).ok_or(ReportError::Stale)?;
        let slot = self.tasks.get_mut(&place).ok_or(ReportError::Stale)?;
        let ticket = slot.task.ticket(order.step).ok_or(ReportError::Stale)?;
        if ticket.running() != Some(attempt) {
            return Err(ReportError::Stale);
        }
        let lost = ticket.lose(&self.config);
        let mut turn = Turn::new(Some(now), &mut self.spare);
        match lost {
            None => self.keep(place, &mut turn),
            Some(lost) => self.fail(
                place,
                Some(order.step),
                watch::deadly(order.step, lost),
                &mut turn,
            ),
        }
        self.close(turn);
        Ok(())
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
        self.task(task)?.failure()
    }

    /// All tasks that it remembers, the oldest first: whose each is, and when it ended if it has. For
    /// hosts that look after what tasks leave, and for pages that show what is going on.
    pub fn tasks(&self) -> impl DoubleEndedIterator<Item = (&Caller, &TaskId, Option<Timestamp>)> {
        self.tasks.values().map(|slot| {
            let head = &slot.task.head;
            (&*head.caller, &head.id, slot.task.ended())
        })
    }

    fn task(&self, id: &TaskId) -> Option<&Task> {
        let slot = self.tasks.get(&self.index.place(id)?)?;
        Some(&slot.task)
    }

    /// An attempt failed: there is another, or the task fails.
    fn failed(&mut self, place: Place, step: Step, failure: Failure, turn: &mut Turn) {
        let (config, ids) = (self.config, self.ids);
        let Some(slot) = self.tasks.get_mut(&place) else {
            return;
        };
        let id = slot.task.head.id.clone();
        let Some(ticket) = slot.task.ticket(step) else {
            return;
        };
        let now = turn.now.unwrap_or_default();
        let chance = ids.arbitrary(
            place
                .wrapping_mul(31)
                .wrapping_add(ticket.attempt().0.into()),
        );
        let retry = if failure.retryable {
            ticket.retry(now, &config, chance)
        } else {
            None
        };
        match retry {
            Some(at) => {
                turn.event(&id, Happening::Retrying { step, at, failure });
                self.keep(place, turn);
            }
            None => self.fail(place, Some(step), failure, turn),
        }
    }

    /// Ends a task without success: aborts what is under way, except the step that ended itself.
    fn fail(&mut self, place: Place, ended: Option<Step>, failure: Failure, turn: &mut Turn) {
        self.transition(place, turn, ended, |task, cx| task.fail(cx, failure));
    }

    /// Moves a task from one state to the next. If that ends it without success, what is under way
    /// is aborted, except the step that ended itself.
    fn transition(
        &mut self,
        place: Place,
        turn: &mut Turn,
        ended: Option<Step>,
        step: impl FnOnce(Task, &mut Context<'_>) -> Task,
    ) {
        let Some(slot) = self.tasks.remove(&place) else {
            return;
        };
        let Slot { mut task, wake } = *slot;
        let before = self.ids;
        let was = task.status();
        let running: Vec<(Step, Attempt)> = task
            .tickets()
            .filter(|(step, _)| Some(*step) != ended)
            .filter_map(|(step, ticket)| Some((step, ticket.running()?)))
            .collect();
        let mut cx = Context {
            now: turn.now.unwrap_or_default(),
            config: &self.config,
            ids: &mut self.ids,
        };
        let task = step(task, &mut cx);
        let mut arrival = None;
        if task.status() != was {
            arrival = task.arrival();
            self.index.moved(&task, was);
            for (step, attempt) in running {
                turn.abort(&task.head.id, step, attempt);
            }
            if task.status() == Status::Completed {
                for resource in task.made() {
                    self.made(resource, turn);
                }
            }
        }
        let id = task.head.id.clone();
        self.tasks.insert(place, Box::new(Slot { task, wake }));
        if self.ids != before {
            turn.put(Record::engine(self.ids));
        }
        self.stage(place, turn);
        self.keep(place, turn);
        if let Some(event) = arrival {
            turn.event(&id, event);
        }
    }

    /// Notes what there is from now on, or what it is now.
    fn made(&mut self, resource: Resource, turn: &mut Turn) {
        turn.put(Record::resource(resource.clone()));
        self.book.put(resource);
    }

    /// Brings what is shown of a task up to date, and tells of a new stage. Returns whether
    /// anything that is shown has changed.
    fn stage(&mut self, place: Place, turn: &mut Turn) -> bool {
        let Some(slot) = self.tasks.get_mut(&place) else {
            return false;
        };
        let head = &slot.task.head;
        let before = (head.stage, head.progress);
        slot.task.refresh();
        let head = &slot.task.head;
        let after = (head.stage, head.progress);
        if before.0 != after.0 {
            turn.event(&head.id, Happening::Stage { stage: after.0 });
        }
        before != after
    }

    /// After a report that changes no more than how far a task is: what is shown is kept, mere
    /// bytes are not.
    fn settle(&mut self, place: Place, turn: &mut Turn, progress: Option<(Step, u64, u64)>) {
        let shown = self.stage(place, turn);
        if let (Some((step, done, total)), Some(slot)) = (progress, self.tasks.get(&place)) {
            let head = &slot.task.head;
            turn.event(
                &head.id,
                Happening::Progress {
                    step,
                    done,
                    total,
                    percent: head.progress,
                },
            );
        }
        if shown {
            self.keep(place, turn);
        } else {
            self.rewake(place, turn.now, false);
        }
    }

    /// Begins what is new in a task and writes its record.
    fn keep(&mut self, place: Place, turn: &mut Turn) {
        let Some(slot) = self.tasks.get_mut(&place) else {
            return;
        };
        let task = &mut slot.task;
        let begun: Vec<(Step, Attempt)> = task
            .tickets()
            .filter_map(|(step, ticket)| Some((step, ticket.begin(turn.now)?)))
            .collect();
        for (step, attempt) in begun {
            let Some(work) = task.work(step) else {
                continue;
            };
            turn.begins.push(Output::Begin(Begin {
                version: ORDER_VERSION,
                order: OrderId {
                    task: task.head.id.clone(),
                    step,
                },
                attempt,
                caller: task.head.caller.clone(),
                work,
            }));
        }
        let record = Record::task(task.clone());
        let key = RecordKey::Task {
            id: task.head.id.clone(),
        };
        // Several changes of one task in one turn are one change.
        let earlier = turn.changes.iter_mut().find_map(|change| match change {
            Change::Put { record } if record.key() == key => Some(record),
            _ => None,
        });
        match earlier {
            Some(earlier) => *earlier = record,
            None => turn.put(record),
        }
        self.rewake(place, turn.now, true);
    }

    /// Sets when a task is to be looked at again. Limits that reports push on are not followed
    /// with each report: a task is then looked at too early once, and set again.
    fn rewake(&mut self, place: Place, now: Option<Timestamp>, exact: bool) {
        let Some(slot) = self.tasks.get_mut(&place) else {
            return;
        };
        if !exact && slot.wake.is_some() {
            let wake = slot.task.wake_at(&self.config, now);
            if slot.wake <= wake {
                return;
            }
        }
        let wake = slot.task.wake_at(&self.config, now);
        self.index.wake(place, slot.wake, wake);
        slot.wake = wake;
    }

    fn forget(&mut self, place: Place, turn: &mut Turn) {
        if let Some(slot) = self.tasks.remove(&place) {
            self.index.remove(&slot.task, slot.wake);
            turn.changes.push(Change::Remove {
                key: RecordKey::Task {
                    id: slot.task.head.id,
                },
            });
        }
    }

    /// Puts what one input led to in the order that hosts rely on.
    fn close(&mut self, mut turn: Turn) {
        if !turn.changes.is_empty() {
            let changes = core::mem::take(&mut turn.changes);
            self.outputs.push_back(Output::Commit(Commit { changes }));
        }
        self.outputs.extend(turn.replies.drain(..));
        self.outputs.extend(turn.aborts.drain(..));
        self.outputs.extend(turn.begins.drain(..));
        self.outputs.extend(turn.events.drain(..));
        self.spare = turn;
    }

    fn answer(
        &mut self,
        now: Timestamp,
        call: ApiCall,
        turn: &mut Turn,
    ) -> Result<Reply, ApiError> {
        let ApiCall { caller, action } = call;
        crate::access::caller_may(&self.world, &caller, action.name())?;
        match action {
            Action::ImportImage(request) => self.import_image(now, caller, request, turn),
            Action::ImportSnapshot(request) => self.import_snapshot(now, caller, request, turn),
            Action::ImportInstance(request) => self.import_instance(now, &caller, request, turn),
            Action::ImportVolume(request) => self.import_volume(now, &caller, request, turn),
            Action::CreateInstanceExportTask(request) => {
                self.export_instance(now, &caller, request, turn)
            }
            Action::ExportImage(request) => self.export_image(now, &caller, request, turn),
            Action::DescribeImportImageTasks(request) => {
                self.describe_imports(now, &caller, TaskKind::ImportImage, &request)
            }
            Action::DescribeImportSnapshotTasks(request) => {
                self.describe_imports(now, &caller, TaskKind::ImportSnapshot, &request)
            }
            Action::DescribeConversionTasks(request) => {
                self.describe_conversions(now, &caller, &request)
            }
            Action::DescribeExportTasks(request) => self.describe_exports(now, &caller, &request),
            Action::DescribeExportImageTasks(request) => {
                self.describe_image_exports(now, &caller, &request)
            }
            Action::CancelImportTask(request) => self.cancel_import(now, &caller, request, turn),
            Action::CancelConversionTask(request) => {
                self.cancel_conversion(now, &caller, request, turn)
            }
            Action::CancelExportTask(request) => self.cancel_export(now, &caller, &request, turn),
            Action::RegisterImage(request) => self.register_image(now, &caller, request, turn),
            Action::DeregisterImage(request) => self.deregister_image(&caller, &request, turn),
            Action::DescribeImages(request) => self.describe_images(&caller, &request),
            Action::DescribeSnapshots(request) => self.describe_snapshots(&caller, &request),
            Action::DeleteSnapshot(request) => self.delete_snapshot(&caller, &request, turn),
            Action::CreateVolume(request) => self.create_volume(now, &caller, request, turn),
            Action::AttachVolume(request) => self.attach_volume(now, &caller, &request, turn),
        }
    }
}
