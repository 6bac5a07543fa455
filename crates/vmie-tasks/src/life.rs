//! What the lives of all kinds of task have in common: a course, and one of two ends.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use vmie_rules::status::{Stage, Status};

use crate::config::Config;
use crate::id::{IdSource, ImageId};
use crate::order::{CleanupWork, DiskFacts, Failure, SnapshotToMake, Step, Work, WorkerEvent};
use crate::output::Happening;
use crate::resource::Resource;
use crate::task::Head;
use crate::ticket::{Ticket, Tickets};
use crate::time::Timestamp;

/// What a transition may use of the engine.
pub(crate) struct Context<'a> {
    pub(crate) now: Timestamp,
    pub(crate) config: &'a Config,
    pub(crate) ids: &'a mut IdSource,
}

/// What can stand in a record.
pub(crate) trait Kept: Clone + Debug + Eq + Serialize + DeserializeOwned {}

impl<T: Clone + Debug + Eq + Serialize + DeserializeOwned> Kept for T {}

/// Where a task of a kind is while it runs: an enum with one struct per state. A transition
/// consumes the state it leaves.
pub(crate) trait Course: Kept {
    /// What was asked for, as sent, and what is known since then.
    type Request: Kept;
    /// What it ends with.
    type Done: Kept;

    /// The orders that are not finished.
    fn tickets(&mut self) -> Tickets<'_>;

    /// The stage and the progress in percent.
    fn shown(&self) -> (Stage, u8);

    /// Whether a cancel is still possible: not once the result is being made visible.
    fn cancellable(&self) -> bool;

    /// Until when this state may last, for a task that was created then.
    fn expires(&self, _created: Timestamp, _config: &Config) -> Option<Timestamp> {
        None
    }

    /// What is known of the disks.
    fn disks(&self) -> Vec<DiskFacts>;

    /// What to remove if it ends here without success.
    fn leftovers(self, head: &Head, request: &Self::Request) -> CleanupWork;

    /// What to do for a step that it has a ticket for.
    fn work(&self, head: &Head, request: &Self::Request, step: Step) -> Option<Work>;

    /// Moves on after the end of a step.
    fn advance(
        self,
        cx: &mut Context<'_>,
        head: &Head,
        request: &Self::Request,
        step: Step,
        event: WorkerEvent,
    ) -> Next<Self>;

    /// The image and the snapshots that it ended with, for whoever watches.
    fn results(
        done: &Self::Done,
        request: &Self::Request,
    ) -> (Option<ImageId>, Vec<SnapshotToMake>);

    /// What there is from now on.
    fn made(
        done: &Self::Done,
        head: &Head,
        request: &Self::Request,
        now: Timestamp,
    ) -> Vec<Resource>;
}

/// Where a transition leads.
#[allow(clippy::large_enum_variant, reason = "it is moved once and not kept")]
pub(crate) enum Next<C: Course> {
    Goes(C),
    Done(C::Done),
    Fails {
        failure: Failure,
        disks: Vec<DiskFacts>,
        leftovers: CleanupWork,
    },
}

/// A task without its head.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(bound = "")]
pub(crate) struct Life<C: Course> {
    pub(crate) request: Arc<C::Request>,
    pub(crate) phase: Phase<C>,
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(bound = "", rename_all = "kebab-case")]
pub(crate) enum Phase<C: Course> {
    /// It runs.
    Active(C),
    /// It has its result.
    Completed {
        done: Arc<C::Done>,
        ended: Timestamp,
    },
    /// Failed or cancelled; what is left is being removed.
    Deleting(Box<Deleting>),
    /// Failed or cancelled; nothing is left, unless cleaning up failed too.
    Deleted(Box<Deleted>),
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Deleting {
    pub(crate) failure: Failure,
    /// What was known of the disks, for lists.
    pub(crate) disks: Vec<DiskFacts>,
    pub(crate) leftovers: CleanupWork,
    ticket: Ticket,
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Deleted {
    pub(crate) failure: Failure,
    pub(crate) disks: Vec<DiskFacts>,
    pub(crate) cleanup_failure: Option<Failure>,
    ended: Timestamp,
}

impl<C: Course> Life<C> {
    pub(crate) fn new(request: C::Request, course: C) -> Self {
        Self {
            request: Arc::new(request),
            phase: Phase::Active(course),
        }
    }

    pub(crate) fn status(&self) -> Status {
        match self.phase {
            Phase::Active(_) => Status::Active,
            Phase::Completed { .. } => Status::Completed,
            Phase::Deleting(_) => Status::Deleting,
            Phase::Deleted(_) => Status::Deleted,
        }
    }

    /// When it ended, if it has.
    pub(crate) fn ended(&self) -> Option<Timestamp> {
        match &self.phase {
            Phase::Completed { ended, .. } => Some(*ended),
            Phase::Deleted(state) => Some(state.ended),
            Phase::Active(_) | Phase::Deleting(_) => None,
        }
    }

    /// Why it failed, if it has.
    pub(crate) fn failure(&self) -> Option<&Failure> {
        match &self.phase {
            Phase::Deleting(state) => Some(&state.failure),
            Phase::Deleted(state) => Some(&state.failure),
            Phase::Active(_) | Phase::Completed { .. } => None,
        }
    }

    pub(crate) fn done(&self) -> Option<&C::Done> {
        match &self.phase {
            Phase::Completed { done, .. } => Some(done),
            _ => None,
        }
    }

    pub(crate) fn active(&self) -> Option<&C> {
        match &self.phase {
            Phase::Active(course) => Some(course),
            _ => None,
        }
    }

    pub(crate) fn tickets(&mut self) -> Tickets<'_> {
        match &mut self.phase {
            Phase::Active(course) => course.tickets(),
            Phase::Deleting(state) => Tickets::one(Step::Cleanup, &mut state.ticket),
            Phase::Completed { .. } | Phase::Deleted(_) => Tickets::NONE,
        }
    }

    pub(crate) fn shown(&self) -> Option<(Stage, u8)> {
        self.active().map(Course::shown)
    }

    pub(crate) fn cancellable(&self) -> bool {
        self.active().is_some_and(Course::cancellable)
    }

    pub(crate) fn expires(&self, created: Timestamp, config: &Config) -> Option<Timestamp> {
        self.active()?.expires(created, config)
    }

    /// What is known of the disks, apart from a result.
    pub(crate) fn disks(&self) -> Vec<DiskFacts> {
        match &self.phase {
            Phase::Active(course) => course.disks(),
            Phase::Deleting(state) => state.disks.clone(),
            Phase::Deleted(state) => state.disks.clone(),
            Phase::Completed { .. } => Vec::new(),
        }
    }

    pub(crate) fn work(&self, head: &Head, step: Step) -> Option<Work> {
        match &self.phase {
            Phase::Active(course) => course.work(head, &self.request, step),
            Phase::Deleting(state) => Some(Work::Cleanup(state.leftovers.clone())),
            Phase::Completed { .. } | Phase::Deleted(_) => None,
        }
    }

    pub(crate) fn advance(
        self,
        cx: &mut Context<'_>,
        head: &Head,
        step: Step,
        event: WorkerEvent,
    ) -> Self {
        let Self { request, phase } = self;
        let phase = match phase {
            Phase::Active(course) => match course.advance(cx, head, &request, step, event) {
                Next::Goes(course) => Phase::Active(course),
                Next::Done(done) => Phase::Completed {
                    done: Arc::new(done),
                    ended: cx.now,
                },
                Next::Fails {
                    failure,
                    disks,
                    leftovers,
                } => Phase::deleting(failure, disks, leftovers),
            },
            Phase::Deleting(state) if event == WorkerEvent::Cleaned => {
                Phase::deleted(*state, cx.now, None)
            }
            phase => phase,
        };
        Self { request, phase }
    }

    /// The end that is no success. Failing while cleaning up ends the task all the same; one that
    /// has ended stays as it is.
    pub(crate) fn fail(self, cx: &Context<'_>, head: &Head, failure: Failure) -> Self {
        let Self { request, phase } = self;
        let phase = match phase {
            Phase::Active(course) => {
                let disks = course.disks();
                let leftovers = course.leftovers(head, &request);
                Phase::deleting(failure, disks, leftovers)
            }
            Phase::Deleting(state) => Phase::deleted(*state, cx.now, Some(failure)),
            phase => phase,
        };
        Self { request, phase }
    }

    pub(crate) fn arrival(&self) -> Option<Happening> {
        match &self.phase {
            Phase::Active(_) => None,
            Phase::Completed { done, .. } => {
                let (image_id, snapshots) = C::results(done, &self.request);
                Some(Happening::Completed {
                    image_id,
                    snapshots,
                })
            }
            Phase::Deleting(state) => Some(Happening::Failing {
                failure: state.failure.clone(),
            }),
            Phase::Deleted(state) => Some(Happening::Deleted {
                failure: state.failure.clone(),
                cleanup_failure: state.cleanup_failure.clone(),
            }),
        }
    }

    pub(crate) fn made(&self, head: &Head) -> Vec<Resource> {
        match &self.phase {
            Phase::Completed { done, ended } => C::made(done, head, &self.request, *ended),
            _ => Vec::new(),
        }
    }
}

impl<C: Course> Phase<C> {
    fn deleting(failure: Failure, disks: Vec<DiskFacts>, leftovers: CleanupWork) -> Self {
        Self::Deleting(Box::new(Deleting {
            failure,
            disks,
            leftovers,
            ticket: Ticket::new(),
        }))
    }

    fn deleted(state: Deleting, ended: Timestamp, cleanup_failure: Option<Failure>) -> Self {
        Self::Deleted(Box::new(Deleted {
            failure: state.failure,
            disks: state.disks,
            cleanup_failure,
            ended,
        }))
    }
}
