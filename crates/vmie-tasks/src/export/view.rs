//! How replies and lists show an export.

use alloc::string::{String, ToString};

use vmie_rules::status::{Stage, Status, TaskState};

use super::{ExportCourse, ExportRequest, plan::Sent};
use crate::id::TaskId;
use crate::life::{Life, Phase};
use crate::reply::{
    ExportImageTask, ExportLocation, ExportTask, ExportToS3Task, InstanceExportDetails,
};
use crate::task::Head;

/// The message: where it is, or why it ended; nothing on completion (SVC-OBS-2).
fn message(head: &Head, life: &Life<ExportCourse>) -> Option<String> {
    match (&life.phase, life.failure()) {
        (Phase::Completed { .. }, _) => None,
        (_, Some(failure)) => Some(failure.message.clone()),
        _ => Some(head.stage.message().to_string()),
    }
}

/// A task of CreateInstanceExportTask as it is; the first reply, too.
pub(crate) fn instance_view(head: &Head, life: &Life<ExportCourse>) -> Option<ExportTask> {
    let Sent::Instance(sent) = &life.request.sent else {
        return None;
    };
    let plan = &life.request.plan;
    let target = sent.target_environment.as_ref();
    Some(ExportTask {
        description: sent.description.clone(),
        export_task_id: head.id.clone(),
        export_to_s3: Some(ExportToS3Task {
            container_format: plan.work.ova.then(|| "ova".to_string()),
            disk_image_format: Some(plan.work.format.to_string()),
            s3_bucket: Some(plan.bucket.clone()),
            s3_key: plan.objects(&head.id).into_iter().next().map(|one| one.key),
        }),
        instance_export: Some(InstanceExportDetails {
            instance_id: sent.instance_id.clone(),
            target_environment: target.map(|text| text.to_ascii_lowercase()),
        }),
        state: TaskState::from(life.status()),
        status_message: message(head, life),
        tags: life.request.tags(),
    })
}

/// The first reply to ExportImage: whatever has become of the task since (SVC-OBS-6).
pub(crate) fn first_image_view(id: &TaskId, request: &ExportRequest) -> Option<ExportImageTask> {
    let Sent::Image(sent) = &request.sent else {
        return None;
    };
    let format = sent.disk_image_format.as_ref();
    Some(ExportImageTask {
        description: sent.description.clone(),
        disk_image_format: format.map(|format| format.to_ascii_uppercase()),
        export_image_task_id: id.clone(),
        image_id: sent.image_id.clone(),
        role_name: sent.role_name.clone(),
        progress: Some(Stage::Validating.export_progress_at(0, 0)),
        s3_export_location: sent.s3_export_location.as_ref().map(|to| ExportLocation {
            s3_bucket: to.s3_bucket.clone(),
            s3_prefix: to.s3_prefix.clone(),
        }),
        status: Status::Active,
        status_message: Some(Stage::Validating.message().to_string()),
        tags: request.tags(),
    })
}

/// A task of ExportImage as lists show it.
pub(crate) fn image_view(head: &Head, life: &Life<ExportCourse>) -> Option<ExportImageTask> {
    let first = first_image_view(&head.id, &life.request)?;
    let status = life.status();
    let ended = matches!(status, Status::Completed | Status::Deleted);
    Some(ExportImageTask {
        disk_image_format: None,
        role_name: None,
        progress: Some(head.progress).filter(|_| !ended),
        status,
        status_message: message(head, life),
        ..first
    })
}
