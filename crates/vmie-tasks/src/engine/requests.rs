//! Calls that make and cancel tasks.

use alloc::string::ToString;

use vmie_rules::SvcId;
use vmie_rules::api::{self, ApiCode};
use vmie_rules::status::{Stage, Status};

use super::{Engine, Turn};
use crate::call::{Caller, CancelRequest, ImportImageRequest, ImportSnapshotRequest};
use crate::check;
use crate::id::{TaskId, TaskKind};
use crate::image::{self, ImageBody};
use crate::order::Failure;
use crate::output::Change;
use crate::record::Record;
use crate::reply::{ApiError, Reply};
use crate::snapshot::{self, SnapshotBody};
use crate::task::{Body, Head, Task};
use crate::time::Timestamp;

impl Engine {
    pub(super) fn import_image(
        &mut self,
        now: Timestamp,
        caller: Caller,
        request: ImportImageRequest,
        turn: &mut Turn,
    ) -> Result<Reply, ApiError> {
        let spec = image::check(&request)?;
        dry_run(request.dry_run)?;
        let kind = TaskKind::ImportImage;
        if let Some(Task {
            head,
            body: Body::ImportImage(body),
        }) = self.made_by(now, &caller, kind, request.client_token.as_deref())
        {
            same_request(body.request == request, request.client_token.as_deref())?;
            return Ok(Reply::ImportImage(image::first_view(&head.id, body)));
        }
        let body = ImageBody::new(request, spec);
        let id = self.ids.task(kind);
        let reply = Reply::ImportImage(image::first_view(&id, &body));
        self.create(now, caller, id, Body::ImportImage(body), turn);
        Ok(reply)
    }

    pub(super) fn import_snapshot(
        &mut self,
        now: Timestamp,
        caller: Caller,
        request: ImportSnapshotRequest,
        turn: &mut Turn,
    ) -> Result<Reply, ApiError> {
        let spec = snapshot::check(&request)?;
        dry_run(request.dry_run)?;
        let kind = TaskKind::ImportSnapshot;
        if let Some(Task {
            head,
            body: Body::ImportSnapshot(body),
        }) = self.made_by(now, &caller, kind, request.client_token.as_deref())
        {
            same_request(body.request == request, request.client_token.as_deref())?;
            return Ok(Reply::ImportSnapshot(snapshot::first_view(&head.id, body)));
        }
        let body = SnapshotBody::new(request, spec);
        let id = self.ids.task(kind);
        let reply = Reply::ImportSnapshot(snapshot::first_view(&id, &body));
        self.create(now, caller, id, Body::ImportSnapshot(body), turn);
        Ok(reply)
    }

    /// The task that the same token made before (SVC-OBS-6).
    fn made_by(
        &self,
        now: Timestamp,
        caller: &Caller,
        kind: TaskKind,
        token: Option<&str>,
    ) -> Option<&Task> {
        let id = self.index.by_token(caller, kind, token?)?;
        self.visible(now, caller, id)
    }

    fn create(&mut self, now: Timestamp, caller: Caller, id: TaskId, body: Body, turn: &mut Turn) {
        let head = Head {
            id: id.clone(),
            caller,
            sequence: self.ids.sequence(),
            created: now,
            stage: Stage::Pending,
            progress: 0,
        };
        let mut task = Task { head, body };
        task.refresh();
        self.index.insert(&task);
        self.tasks.insert(id.clone(), task);
        turn.changes.push(Change::Put {
            record: Record::engine(self.ids),
        });
        self.keep(&id, turn);
    }

    pub(super) fn cancel(
        &mut self,
        now: Timestamp,
        caller: &Caller,
        request: CancelRequest,
        turn: &mut Turn,
    ) -> Result<Reply, ApiError> {
        check::text("CancelReason", request.cancel_reason.as_deref())?;
        let text = request
            .import_task_id
            .as_deref()
            .ok_or_else(|| check::missing("ImportTaskId"))?;
        let id = TaskId::parse_any(text).ok_or_else(|| unknown_task(text))?;
        let task = self
            .visible(now, caller, &id)
            .ok_or_else(|| unknown_task(text))?;
        let previous_state = task.status();
        let already = previous_state == Status::Deleting;
        if !already && !task.cancellable() {
            return Err(ApiError::new(
                ApiCode::DeleteConversionTaskError,
                api::CANNOT_CANCEL,
            ));
        }
        dry_run(request.dry_run)?;
        if !already {
            let failure = cancelled(request.cancel_reason);
            self.fail(now, &id, None, failure, turn);
        }
        let state = Status::Deleting;
        Ok(Reply::CancelImportTask {
            import_task_id: id,
            previous_state,
            state,
        })
    }

    /// A task as far as a caller sees it: their own, and not ended too long ago (SVC-OBS-5).
    pub(super) fn visible(&self, now: Timestamp, caller: &Caller, id: &TaskId) -> Option<&Task> {
        self.tasks.get(id).filter(|task| {
            let ended = task
                .ended()
                .map(|at| at.plus_secs(self.config.ended_task_visible));
            task.head.caller == *caller && ended.is_none_or(|until| now < until)
        })
    }
}

pub(super) fn dry_run(asked: bool) -> Result<(), ApiError> {
    if asked {
        Err(ApiError::new(ApiCode::DryRunOperation, api::DRY_RUN))
    } else {
        Ok(())
    }
}

/// An id of no task, or of none that the caller sees.
pub(super) fn unknown_task(text: &str) -> ApiError {
    const SHOWN: usize = 64;
    let shown = text
        .char_indices()
        .nth(SHOWN)
        .map_or(text, |(end, _)| text.get(..end).unwrap_or_default());
    ApiError::new(
        ApiCode::InvalidConversionTaskIdMalformed,
        api::unknown_import_task(shown),
    )
}

fn same_request(same: bool, token: Option<&str>) -> Result<(), ApiError> {
    if same {
        return Ok(());
    }
    let message = api::token_mismatch(token.unwrap_or_default());
    Err(ApiError::new(ApiCode::IdempotentParameterMismatch, message))
}

fn cancelled(reason: Option<alloc::string::String>) -> Failure {
    let reason = reason.filter(|reason| !reason.is_empty());
    Failure {
        code: "cancelled".to_string(),
        message: reason.unwrap_or_else(|| "cancelled by the user".to_string()),
        detail: "CancelImportTask was called".to_string(),
        svc: [SvcId::Task6].into(),
        retryable: false,
    }
}
