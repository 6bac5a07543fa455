//! A task of whatever kind, as the engine moves it on.

use alloc::sync::Arc;
use alloc::vec::Vec;

use vmie_rules::status::{Stage, Status};

use crate::call::Caller;
use crate::config::Config;
use crate::conversion::ConversionCourse;
use crate::export::ExportCourse;
use crate::id::{TaskId, TaskKind};
use crate::image::ImageCourse;
use crate::life::{Context, Life};
use crate::order::{Failure, Step, Work, WorkerEvent};
use crate::output::Happening;
use crate::resource::Resource;
use crate::snapshot::SnapshotCourse;
use crate::ticket::{Ticket, Tickets};
use crate::time::Timestamp;

/// What every task has.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Head {
    pub(crate) id: TaskId,
    pub(crate) caller: Arc<Caller>,
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
pub(crate) enum Body {
    ImportImage(Life<ImageCourse>),
    ImportSnapshot(Life<SnapshotCourse>),
    /// ImportInstance or ImportVolume.
    Conversion(Life<ConversionCourse>),
    /// CreateInstanceExportTask or ExportImage.
    Export(Life<ExportCourse>),
}

/// The same for the life of any kind.
macro_rules! each {
    ($body:expr, $life:ident => $what:expr) => {
        match $body {
            Body::ImportImage($life) => $what,
            Body::ImportSnapshot($life) => $what,
            Body::Conversion($life) => $what,
            Body::Export($life) => $what,
        }
    };
}

/// Whether an event can be the end of a step.
pub(crate) fn ends(step: Step, event: &WorkerEvent) -> bool {
    matches!(
        (step, event),
        (Step::Upload(_), WorkerEvent::Uploaded(_))
            | (Step::Validate, WorkerEvent::Validated(_))
            | (Step::Convert(_), WorkerEvent::Converted(_))
            | (Step::Update, WorkerEvent::Updated { .. })
            | (Step::Boot, WorkerEvent::Booted)
            | (Step::Publish, WorkerEvent::Published)
            | (Step::Cleanup, WorkerEvent::Cleaned)
    )
}

impl Task {
    pub(crate) fn kind(&self) -> TaskKind {
        match &self.body {
            Body::ImportImage(_) => TaskKind::ImportImage,
            Body::ImportSnapshot(_) => TaskKind::ImportSnapshot,
            Body::Conversion(life) => life.request.kind(),
            Body::Export(life) => life.request.kind(),
        }
    }

    pub(crate) fn client_token(&self) -> Option<&str> {
        match &self.body {
            Body::ImportImage(life) => life.request.client_token.as_deref(),
            Body::ImportSnapshot(life) => life.request.client_token.as_deref(),
            Body::Conversion(_) => None,
            Body::Export(life) => life.request.client_token(),
        }
    }

    /// The key whose state is watched while it runs (SVC-TASK-7).
    pub(crate) fn watched_key(&self) -> Option<&str> {
        if self.status() != Status::Active {
            return None;
        }
        match &self.body {
            Body::ImportImage(life) => life.request.kms_key_id.as_deref(),
            Body::ImportSnapshot(life) => life.request.kms_key_id.as_deref(),
            Body::Conversion(_) | Body::Export(_) => None,
        }
    }

    pub(crate) fn status(&self) -> Status {
        each!(&self.body, life => life.status())
    }

    /// When it ended, if it has.
    pub(crate) fn ended(&self) -> Option<Timestamp> {
        each!(&self.body, life => life.ended())
    }

    /// Why it failed, if it has.
    pub(crate) fn failure(&self) -> Option<&Failure> {
        each!(&self.body, life => life.failure())
    }

    /// The orders that are not finished.
    pub(crate) fn tickets(&mut self) -> Tickets<'_> {
        each!(&mut self.body, life => life.tickets())
    }

    pub(crate) fn ticket(&mut self, step: Step) -> Option<&mut Ticket> {
        self.tickets()
            .find_map(|(one, ticket)| (one == step).then_some(ticket))
    }

    /// When the engine must look at it again without being told to. A watched key counts only
    /// with `now`: its next look is counted from there.
    pub(crate) fn wake_at(&mut self, config: &Config, now: Option<Timestamp>) -> Option<Timestamp> {
        if let Some(ended) = self.ended() {
            return Some(ended.plus_secs(config.ended_task_visible));
        }
        let key = now
            .filter(|_| self.watched_key().is_some())
            .map(|now| now.plus_secs(config.key_poll.max(1)));
        let expires = self.expires(config);
        let due = self
            .tickets()
            .filter_map(|(step, ticket)| ticket.due_at(config, step))
            .min();
        due.into_iter().chain(key).chain(expires).min()
    }

    pub(crate) fn expires(&self, config: &Config) -> Option<Timestamp> {
        each!(&self.body, life => life.expires(self.head.created, config))
    }

    /// What to do for a step that it has a ticket for.
    pub(crate) fn work(&self, step: Step) -> Option<Work> {
        each!(&self.body, life => life.work(&self.head, step))
    }

    /// Moves on after the end of a step, of which [`ends`] was asked before.
    pub(crate) fn advance(self, cx: &mut Context<'_>, step: Step, event: WorkerEvent) -> Self {
        let Self { head, body } = self;
        let body = match body {
            Body::ImportImage(life) => Body::ImportImage(life.advance(cx, &head, step, event)),
            Body::ImportSnapshot(life) => {
                Body::ImportSnapshot(life.advance(cx, &head, step, event))
            }
            Body::Conversion(life) => Body::Conversion(life.advance(cx, &head, step, event)),
            Body::Export(life) => Body::Export(life.advance(cx, &head, step, event)),
        };
        Self { head, body }
    }

    /// Fails at a step, or is cancelled.
    pub(crate) fn fail(self, cx: &Context<'_>, failure: Failure) -> Self {
        let Self { head, body } = self;
        let body = match body {
            Body::ImportImage(life) => Body::ImportImage(life.fail(cx, &head, failure)),
            Body::ImportSnapshot(life) => Body::ImportSnapshot(life.fail(cx, &head, failure)),
            Body::Conversion(life) => Body::Conversion(life.fail(cx, &head, failure)),
            Body::Export(life) => Body::Export(life.fail(cx, &head, failure)),
        };
        Self { head, body }
    }

    /// Whether a cancel is still possible: not once the result is being made visible.
    pub(crate) fn cancellable(&self) -> bool {
        each!(&self.body, life => life.cancellable())
    }

    /// The stage and progress as they are; what is shown never goes back.
    pub(crate) fn refresh(&mut self) {
        let shown = each!(&self.body, life => life.shown());
        if let Some((stage, progress)) = shown {
            let head = (self.head.progress, self.head.stage);
            // The order of stages is that of their progress, which differs by kind.
            if (progress, stage) > head {
                self.head.stage = stage;
                self.head.progress = progress;
            }
        }
    }

    /// What to tell of a task that has just come to its present state.
    pub(crate) fn arrival(&self) -> Option<Happening> {
        each!(&self.body, life => life.arrival())
    }

    /// What there is from now on, of a task that has just completed.
    pub(crate) fn made(&self) -> Vec<Resource> {
        each!(&self.body, life => life.made(&self.head))
    }
}
