//! A task of whatever kind, as the engine moves it on.

use alloc::vec::Vec;

use vmie_rules::status::{Stage, Status};

use crate::call::Caller;
use crate::config::Config;
use crate::id::{IdSource, TaskId, TaskKind};
use crate::image::ImageBody;
use crate::order::{Failure, Step, Work, WorkerEvent};
use crate::output::Happening;
use crate::snapshot::SnapshotBody;
use crate::ticket::Ticket;
use crate::time::Timestamp;

/// What every task has.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Head {
    pub(crate) id: TaskId,
    pub(crate) caller: Caller,
    /// Its place in lists.
    pub(crate) sequence: u64,
    pub(crate) created: Timestamp,
    /// The furthest stage that was shown; a later attempt does not take it back.
    pub(crate) stage: Stage,
    /// The most progress that was shown, in percent.
    pub(crate) progress: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Task {
    pub(crate) head: Head,
    pub(crate) body: Body,
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(clippy::large_enum_variant, reason = "the larger is the usual one")]
pub(crate) enum Body {
    ImportImage(ImageBody),
    ImportSnapshot(SnapshotBody),
}

/// What a transition may use of the engine.
pub(crate) struct Context<'a> {
    pub(crate) now: Timestamp,
    pub(crate) config: &'a Config,
    pub(crate) ids: &'a mut IdSource,
}

/// Whether an event can be the end of a step.
pub(crate) fn ends(step: Step, event: &WorkerEvent) -> bool {
    matches!(
        (step, event),
        (Step::Validate, WorkerEvent::Validated(_))
            | (Step::Convert(_), WorkerEvent::Converted(_))
            | (Step::Update, WorkerEvent::Updated { .. })
            | (Step::Boot, WorkerEvent::Booted)
            | (Step::Publish, WorkerEvent::Published)
            | (Step::Cleanup, WorkerEvent::Cleaned)
    )
}

impl Task {
    pub(crate) fn kind(&self) -> TaskKind {
        match self.body {
            Body::ImportImage(_) => TaskKind::ImportImage,
            Body::ImportSnapshot(_) => TaskKind::ImportSnapshot,
        }
    }

    pub(crate) fn client_token(&self) -> Option<&str> {
        match &self.body {
            Body::ImportImage(body) => body.request.client_token.as_deref(),
            Body::ImportSnapshot(body) => body.request.client_token.as_deref(),
        }
    }

    pub(crate) fn status(&self) -> Status {
        match &self.body {
            Body::ImportImage(body) => body.state.status(),
            Body::ImportSnapshot(body) => body.state.status(),
        }
    }

    /// When it ended, if it has.
    pub(crate) fn ended(&self) -> Option<Timestamp> {
        match &self.body {
            Body::ImportImage(body) => body.state.ended(),
            Body::ImportSnapshot(body) => body.state.ended(),
        }
    }

    /// Why it failed, if it has.
    pub(crate) fn failure(&self) -> Option<&Failure> {
        match &self.body {
            Body::ImportImage(body) => body.state.failure(),
            Body::ImportSnapshot(body) => body.state.failure(),
        }
    }

    /// The orders that are not finished.
    pub(crate) fn tickets(&mut self) -> Vec<(Step, &mut Ticket)> {
        match &mut self.body {
            Body::ImportImage(body) => body.state.tickets(),
            Body::ImportSnapshot(body) => body.state.tickets(),
        }
    }

    pub(crate) fn ticket(&mut self, step: Step) -> Option<&mut Ticket> {
        self.tickets()
            .into_iter()
            .find_map(|(one, ticket)| (one == step).then_some(ticket))
    }

    /// When the engine must look at it again without being told to.
    pub(crate) fn wake_at(&mut self, config: &Config) -> Option<Timestamp> {
        if let Some(ended) = self.ended() {
            return Some(ended.plus_secs(config.ended_task_visible));
        }
        self.tickets()
            .iter()
            .filter_map(|(_, ticket)| ticket.waiting_until())
            .min()
    }

    /// What to do for a step that it has a ticket for.
    pub(crate) fn work(&self, step: Step) -> Option<Work> {
        match &self.body {
            Body::ImportImage(body) => body.work(&self.head, step),
            Body::ImportSnapshot(body) => body.work(step),
        }
    }

    /// Moves on after the end of a step, of which [`ends`] was asked before.
    pub(crate) fn advance(self, cx: &mut Context<'_>, step: Step, event: WorkerEvent) -> Self {
        let Self { head, body } = self;
        let body = match body {
            Body::ImportImage(body) => Body::ImportImage(body.advance(cx, step, event)),
            Body::ImportSnapshot(body) => Body::ImportSnapshot(body.advance(cx, step, event)),
        };
        Self { head, body }
    }

    /// Fails at a step, or is cancelled.
    pub(crate) fn fail(self, cx: &Context<'_>, failure: Failure) -> Self {
        let Self { head, body } = self;
        let body = match body {
            Body::ImportImage(body) => Body::ImportImage(body.fail(cx, failure)),
            Body::ImportSnapshot(body) => Body::ImportSnapshot(body.fail(cx, failure)),
        };
        Self { head, body }
    }

    /// Whether a cancel is still possible: not once the result is being made visible.
    pub(crate) fn cancellable(&self) -> bool {
        match &self.body {
            Body::ImportImage(body) => body.state.cancellable(),
            Body::ImportSnapshot(body) => body.state.cancellable(),
        }
    }

    /// The stage and progress as they are; what is shown never goes back.
    pub(crate) fn refresh(&mut self) {
        let stage = match &self.body {
            Body::ImportImage(body) => body.state.stage(),
            Body::ImportSnapshot(body) => body.state.stage(),
        };
        if let Some((stage, done, total)) = stage {
            self.head.stage = self.head.stage.max(stage);
            self.head.progress = self.head.progress.max(stage.progress_at(done, total));
        }
    }

    /// What to tell of a task that has just come to its present state.
    pub(crate) fn arrival(&self) -> Option<Happening> {
        match &self.body {
            Body::ImportImage(body) => body.arrival(),
            Body::ImportSnapshot(body) => body.arrival(),
        }
    }
}
