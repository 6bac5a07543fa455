//! How lists and the first reply show an ImportImage task (SVC-OBS-3).

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use vmie_rules::format::ImageFormat;
use vmie_rules::status::{Stage, Status};

use super::{ImageBody, ImageState};
use crate::call::DiskContainer;
use crate::id::TaskId;
use crate::reply::{ImportImageTask, SnapshotDetail};
use crate::source::{Location, UserBucket};
use crate::task::Head;

/// The first reply: whatever has become of the task since (SVC-OBS-6).
pub(crate) fn first_view(id: &TaskId, body: &ImageBody) -> ImportImageTask {
    ImportImageTask {
        import_task_id: id.clone(),
        status: Status::Active,
        status_message: Some(Stage::Pending.message().to_string()),
        progress: Some(Stage::Pending.progress_at(0, 0)),
        description: body.request.description.clone(),
        architecture: body.spec.expectations.architecture.clone(),
        platform: body.spec.expectations.platform,
        license_type: body.spec.requested_license,
        usage_operation: body.spec.expectations.usage_operation.clone(),
        license_specifications: body.request.license_specifications.clone(),
        boot_mode: body.spec.expectations.boot_mode,
        hypervisor: body.request.hypervisor.clone(),
        encrypted: body.request.encrypted,
        kms_key_id: body.request.kms_key_id.clone(),
        image_id: None,
        snapshot_details: body
            .request
            .disk_containers
            .iter()
            .map(of_container)
            .collect(),
        tags: body.tags(),
    }
}

/// The task as it is.
pub(crate) fn view(head: &Head, body: &ImageBody) -> ImportImageTask {
    let mut task = first_view(&head.id, body);
    task.status = body.state.status();
    task.status_message = match body.state.failure() {
        Some(failure) => Some(failure.message.clone()),
        None => Some(head.stage.message().to_string()),
    };
    task.progress = Some(head.progress);
    match &body.state {
        ImageState::Completed(state) => {
            task.image_id = Some(state.image_id.clone());
            task.status_message = None;
            task.progress = None;
        }
        ImageState::Deleted(_) => task.progress = None,
        _ => {}
    }
    let disks = body.state.disks();
    if !disks.is_empty() {
        task.snapshot_details = details(head, body);
    }
    if let Some(guest) = body.state.guest() {
        task.platform = guest.facts.platform;
        task.architecture = guest.facts.architecture.clone().or(task.architecture);
        task.boot_mode = guest.facts.boot_mode;
        task.license_type = Some(guest.license_type);
    }
    task
}

/// What a container's detail says before it was opened.
fn of_container(container: &DiskContainer) -> SnapshotDetail {
    SnapshotDetail {
        description: container.description.clone(),
        format: container.format.clone(),
        url: container.url.clone(),
        user_bucket: user_bucket(container),
        ..SnapshotDetail::default()
    }
}

/// Bucket and key as sent, or as the address names them.
pub(crate) fn user_bucket(container: &DiskContainer) -> Option<UserBucket> {
    container.user_bucket.clone().or_else(|| {
        let location = container.url.as_ref().and_then(Location::of_url)?;
        location.user_bucket().cloned()
    })
}

/// One detail per disk.
fn details(head: &Head, body: &ImageBody) -> Vec<SnapshotDetail> {
    let containers = &body.request.disk_containers;
    let made = body.snapshots();
    let disks = body.state.disks();
    disks
        .iter()
        .enumerate()
        .map(|(index, disk)| {
            let place = usize::try_from(disk.container).unwrap_or(usize::MAX);
            let mut detail = containers.get(place).map(of_container).unwrap_or_default();
            detail.disk_image_size = disk.stored_size;
            detail.format = format_of(detail.format.as_deref(), disk.format);
            detail.status = Some(match body.state.status() {
                Status::Completed => Status::Completed,
                _ => Status::Active,
            })
            .filter(|_| body.state.failure().is_none());
            if let Some(made) = made.get(index) {
                detail.device_name = Some(made.device_name.clone());
                let completed = body.state.status() == Status::Completed;
                if completed || head.stage >= Stage::PreparingAmi {
                    detail.snapshot_id = Some(made.snapshot_id.clone());
                }
            }
            detail
        })
        .collect()
}

/// As sent; the disk's own for an OVA, or where none was sent.
fn format_of(sent: Option<&str>, own: ImageFormat) -> Option<String> {
    match sent {
        Some(sent) if sent.parse() != Ok(ImageFormat::Ova) => Some(sent.to_string()),
        _ => Some(own.as_str().to_ascii_uppercase()),
    }
}
