//! How lists and the first reply show an ImportSnapshot task (SVC-OBS-3).

use alloc::string::ToString;

use vmie_rules::status::{Stage, Status};

use super::{SnapshotCourse, tags};
use crate::call::ImportSnapshotRequest;
use crate::id::TaskId;
use crate::image::user_bucket;
use crate::life::{Life, Phase};
use crate::reply::{ImportSnapshotTask, SnapshotTaskDetail};
use crate::task::Head;

/// The first reply: whatever has become of the task since (SVC-OBS-6).
pub(crate) fn first_view(id: &TaskId, request: &ImportSnapshotRequest) -> ImportSnapshotTask {
    let container = request.disk_container.as_ref();
    ImportSnapshotTask {
        import_task_id: id.clone(),
        description: request.description.clone(),
        snapshot_task_detail: SnapshotTaskDetail {
            description: container.and_then(|container| container.description.clone()),
            disk_image_size: 0,
            encrypted: request.encrypted,
            format: container.and_then(|container| container.format.clone()),
            kms_key_id: request.kms_key_id.clone(),
            progress: Some(Stage::Pending.progress_at(1, 1)),
            snapshot_id: None,
            status: Status::Active,
            status_message: Some(Stage::Pending.message().to_string()),
            url: container.and_then(|container| container.url.clone()),
            user_bucket: container.and_then(user_bucket),
        },
        tags: tags(request),
    }
}

/// The task as it is.
pub(crate) fn view(head: &Head, life: &Life<SnapshotCourse>) -> ImportSnapshotTask {
    let mut task = first_view(&head.id, &life.request);
    let detail = &mut task.snapshot_task_detail;
    detail.status = life.status();
    detail.status_message = match life.failure() {
        Some(failure) => Some(failure.message.clone()),
        None => Some(head.stage.message().to_string()),
    };
    detail.progress = Some(head.progress);
    let mut disks = life.disks();
    match &life.phase {
        Phase::Completed { done, .. } => {
            disks.push(done.disk.clone());
            detail.snapshot_id = Some(done.snapshot_id.clone());
            detail.status_message = None;
            detail.progress = None;
        }
        Phase::Deleted(_) => detail.progress = None,
        Phase::Active(_) | Phase::Deleting(_) => {}
    }
    if let Some(disk) = disks.first() {
        detail.disk_image_size = disk.stored_size;
        let own = || disk.format.as_str().to_ascii_uppercase();
        detail.format = Some(detail.format.take().unwrap_or_else(own));
    }
    task
}
