//! What goes out of the engine.

use alloc::vec::Vec;
use core::fmt;

use vmie_rules::status::Stage;

use crate::id::{ImageId, TaskId};
use crate::order::{Attempt, Begin, Failure, OrderId, SnapshotToMake, Step};
use crate::record::{Record, RecordKey};
use crate::reply::{ApiError, Reply};
use crate::time::Timestamp;

/// The number of a request, for its reply; it starts anew with each engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct RequestId(pub u64);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One thing for the host to do, in the order in which the engine gives them.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "output", rename_all = "kebab-case")]
#[allow(
    clippy::large_enum_variant,
    reason = "an output is moved once and not kept"
)]
pub enum Output {
    /// Make these changes durable, all or none of them, before acting on what follows.
    Commit(Commit),
    /// Answer a request.
    Reply {
        /// Which.
        request: RequestId,
        /// With what.
        reply: Result<Reply, ApiError>,
    },
    /// Begin work.
    Begin(Begin),
    /// Stop work whose result nobody wants any more; reports of it will be stale.
    Abort {
        /// Which.
        order: OrderId,
        /// Which attempt at it.
        attempt: Attempt,
    },
    /// Tell whoever watches; nothing has to be done.
    Event(TaskEvent),
    /// There is nothing more, until a request, a report or the given moment.
    Idle {
        /// When to call `tick` at the latest.
        wake_at: Option<Timestamp>,
    },
}

/// Changes of the records that belong together.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Commit {
    /// In this order; no key comes twice.
    pub changes: Vec<Change>,
}

/// A change of one record.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
#[allow(
    clippy::large_enum_variant,
    reason = "a change is moved once and not kept"
)]
pub enum Change {
    /// Write the record in place of the one with its key, if there is one.
    Put {
        /// The record.
        record: Record,
    },
    /// Forget the record.
    Remove {
        /// Its key.
        key: RecordKey,
    },
}

/// Something that happened to a task.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct TaskEvent {
    /// The task.
    pub task: TaskId,
    /// What happened.
    pub event: Happening,
}

/// What happened to a task.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Happening {
    /// It came to another stage.
    Stage {
        /// Which.
        stage: Stage,
    },
    /// A step got on.
    Progress {
        /// Which step.
        step: Step,
        /// Done so far, in the worker's units.
        done: u64,
        /// All there is to do.
        total: u64,
        /// The task's progress.
        percent: u8,
    },
    /// An attempt failed and there will be another.
    Retrying {
        /// At which step.
        step: Step,
        /// When.
        at: Timestamp,
        /// What went wrong.
        failure: Failure,
    },
    /// It failed or was cancelled, and is being cleaned up.
    Failing {
        /// Why.
        failure: Failure,
    },
    /// It failed or was cancelled, and has ended.
    Deleted {
        /// Why it failed.
        failure: Failure,
        /// Why something may be left of it, if cleaning up failed as well.
        cleanup_failure: Option<Failure>,
    },
    /// It has its result.
    Completed {
        /// The image, for an image import.
        image_id: Option<ImageId>,
        /// The snapshots, the root first.
        snapshots: Vec<SnapshotToMake>,
    },
}
