//! The three cancels (SVC-TASK-6).

use alloc::format;
use alloc::string::{String, ToString};

use vmie_rules::SvcId;
use vmie_rules::api::{self, ApiCode};
use vmie_rules::status::Status;

use super::requests::dry_run;
use super::{Engine, Turn};
use crate::call::{Caller, CancelConversionTaskRequest, CancelExportTaskRequest, CancelRequest};
use crate::check;
use crate::id::{TaskId, TaskKind};
use crate::order::Failure;
use crate::reply::{ApiError, Reply};
use crate::time::Timestamp;
use crate::world::World;

/// The lists that a task can be in, by what their errors say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Import,
    Conversion,
    Export,
}

impl Family {
    pub(super) fn parse(self, text: &str) -> Option<TaskId> {
        let kinds: &[TaskKind] = match self {
            Self::Import => &[TaskKind::ImportImage, TaskKind::ImportSnapshot],
            Self::Conversion => &[TaskKind::ImportInstance, TaskKind::ImportVolume],
            Self::Export => &[TaskKind::ExportInstance, TaskKind::ExportImage],
        };
        kinds.iter().find_map(|kind| TaskId::parse(text, *kind))
    }

    /// An id of no task, or of none that the caller sees.
    pub(super) fn unknown(self, text: &str) -> ApiError {
        let shown = check::shown(text);
        let malformed = self.parse(text).is_none();
        let (code, message) = match (self, malformed) {
            // Import tasks have one code for both.
            (Self::Import, _) => (
                ApiCode::InvalidConversionTaskIdMalformed,
                api::unknown_import_task(shown),
            ),
            (Self::Conversion, true) => (
                ApiCode::InvalidConversionTaskIdMalformed,
                api::malformed_conversion_task(shown),
            ),
            (Self::Conversion, false) => (
                ApiCode::InvalidConversionTaskId,
                api::unknown_conversion_task(shown),
            ),
            (Self::Export, true) => (
                ApiCode::InvalidExportTaskIdMalformed,
                api::malformed_export_task(shown),
            ),
            (Self::Export, false) => (
                ApiCode::InvalidExportTaskIdNotFound,
                api::unknown_export_task(shown),
            ),
        };
        ApiError::new(code, message)
    }
}

impl<W: World> Engine<W> {
    pub(super) fn cancel_import(
        &mut self,
        now: Timestamp,
        caller: &Caller,
        request: CancelRequest,
        turn: &mut Turn,
    ) -> Result<Reply, ApiError> {
        check::text("CancelReason", request.cancel_reason.as_deref())?;
        let text = request.import_task_id.as_deref();
        let text = text.ok_or_else(|| check::missing("ImportTaskId"))?;
        let (import_task_id, previous_state) = self.cancel(
            now,
            caller,
            Family::Import,
            (text, request.dry_run),
            || cancelled("CancelImportTask", request.cancel_reason.as_deref()),
            turn,
        )?;
        Ok(Reply::CancelImportTask {
            import_task_id,
            previous_state,
            state: Status::Deleting,
        })
    }

    pub(super) fn cancel_conversion(
        &mut self,
        now: Timestamp,
        caller: &Caller,
        request: CancelConversionTaskRequest,
        turn: &mut Turn,
    ) -> Result<Reply, ApiError> {
        check::text("ReasonMessage", request.reason_message.as_deref())?;
        let text = request.conversion_task_id.as_deref();
        let text = text.ok_or_else(|| check::missing("ConversionTaskId"))?;
        self.cancel(
            now,
            caller,
            Family::Conversion,
            (text, request.dry_run),
            || cancelled("CancelConversionTask", request.reason_message.as_deref()),
            turn,
        )?;
        Ok(Reply::CancelConversionTask)
    }

    pub(super) fn cancel_export(
        &mut self,
        now: Timestamp,
        caller: &Caller,
        request: &CancelExportTaskRequest,
        turn: &mut Turn,
    ) -> Result<Reply, ApiError> {
        let text = request.export_task_id.as_deref();
        let text = text.ok_or_else(|| check::missing("ExportTaskId"))?;
        self.cancel(
            now,
            caller,
            Family::Export,
            (text, false),
            || cancelled("CancelExportTask", None),
            turn,
        )?;
        Ok(Reply::CancelExportTask)
    }

    /// Cancels a task; one that is being cancelled already stays so. Returns the status before.
    fn cancel(
        &mut self,
        now: Timestamp,
        caller: &Caller,
        family: Family,
        (text, only_asks): (&str, bool),
        failure: impl FnOnce() -> Failure,
        turn: &mut Turn,
    ) -> Result<(TaskId, Status), ApiError> {
        let id = family.parse(text).ok_or_else(|| family.unknown(text))?;
        let task = self
            .visible(now, caller, &id)
            .ok_or_else(|| family.unknown(text))?;
        let (place, previous) = (task.head.sequence, task.status());
        let already = previous == Status::Deleting;
        if !already && !task.cancellable() {
            let ended = previous != Status::Active;
            return Err(too_late(family, &id, ended));
        }
        dry_run(only_asks)?;
        if !already {
            self.fail(place, None, failure(), turn);
        }
        Ok((id, previous))
    }
}

/// It has ended, or its result is being made visible.
fn too_late(family: Family, id: &TaskId, ended: bool) -> ApiError {
    let (cause, detail) = match (ended, family) {
        (true, _) => ("task-ended", "the task has ended"),
        (false, Family::Export) => (
            "transferring-final-image",
            "the final disk image is being transferred",
        ),
        (false, _) => ("publishing", "the result is being made visible"),
    };
    let (code, message) = match family {
        Family::Export => (
            ApiCode::UnsupportedOperation,
            format!("The export task {id} cannot be canceled: {detail}."),
        ),
        Family::Import | Family::Conversion => (
            ApiCode::DeleteConversionTaskError,
            String::from(api::CANNOT_CANCEL),
        ),
    };
    ApiError::because(code, message, cause, detail, SvcId::Task6)
}

fn cancelled(action: &str, reason: Option<&str>) -> Failure {
    let reason = reason.filter(|reason| !reason.is_empty());
    Failure {
        code: "cancelled".to_string(),
        message: reason.unwrap_or("cancelled by the user").to_string(),
        detail: format!("{action} was called"),
        svc: [SvcId::Task6].into(),
        retryable: false,
    }
}
