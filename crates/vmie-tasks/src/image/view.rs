//! How lists and the first reply show an ImportImage task (SVC-OBS-3).

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use vmie_rules::format::ImageFormat;
use vmie_rules::status::{Stage, Status};

use super::{ImageCourse, ImageSpec, facts_of, snapshots, tags};
use crate::call::{DiskContainer, ImportImageRequest};
use crate::id::TaskId;
use crate::life::{Life, Phase};
use crate::order::SnapshotToMake;
use crate::reply::{ImportImageTask, SnapshotDetail};
use crate::source::{Location, UserBucket};
use crate::task::Head;

/// The first reply: whatever has become of the task since (SVC-OBS-6).
pub(crate) fn first_view(id: &TaskId, request: &ImportImageRequest) -> ImportImageTask {
    let spec = ImageSpec::of(request);
    ImportImageTask {
        import_task_id: id.clone(),
        status: Status::Active,
        status_message: Some(Stage::Pending.message().to_string()),
        progress: Some(Stage::Pending.progress_at(0, 0)),
        description: request.description.clone(),
        architecture: spec.expectations.architecture,
        platform: spec.expectations.platform,
        license_type: spec.requested_license,
        usage_operation: spec.expectations.usage_operation,
        license_specifications: request.license_specifications.clone(),
        boot_mode: spec.expectations.boot_mode,
        hypervisor: request.hypervisor.clone(),
        encrypted: request.encrypted,
        kms_key_id: request.kms_key_id.clone(),
        image_id: None,
        snapshot_details: request.disk_containers.iter().map(of_container).collect(),
        tags: tags(request),
    }
}

/// The task as it is.
pub(crate) fn view(head: &Head, life: &Life<ImageCourse>) -> ImportImageTask {
    let mut task = first_view(&head.id, &life.request);
    task.status = life.status();
    task.status_message = match life.failure() {
        Some(failure) => Some(failure.message.clone()),
        None => Some(head.stage.message().to_string()),
    };
    task.progress = Some(head.progress);
    let guest = match &life.phase {
        Phase::Completed { done, .. } => {
            task.image_id = Some(done.image_id.clone());
            task.status_message = None;
            task.progress = None;
            Some(&done.guest)
        }
        Phase::Deleted(_) => {
            task.progress = None;
            None
        }
        Phase::Active(course) => course.guest(),
        Phase::Deleting(_) => None,
    };
    if let Some(guest) = guest {
        task.platform = guest.facts.platform;
        task.architecture = guest.facts.architecture.clone().or(task.architecture);
        task.boot_mode = guest.facts.boot_mode;
        task.license_type = Some(guest.license_type);
    }
    let details = details(head, life);
    if !details.is_empty() {
        task.snapshot_details = details;
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

/// The snapshots as far as they have ids.
fn made(life: &Life<ImageCourse>) -> Vec<SnapshotToMake> {
    match &life.phase {
        Phase::Completed { done, .. } => snapshots(&life.request, &done.disks, &done.snapshot_ids),
        Phase::Active(ImageCourse::Publishing(state)) => {
            snapshots(&life.request, &state.disks, &state.snapshot_ids)
        }
        _ => Vec::new(),
    }
}

/// One detail per disk.
fn details(head: &Head, life: &Life<ImageCourse>) -> Vec<SnapshotDetail> {
    let containers = &life.request.disk_containers;
    let made = made(life);
    let completed = life.status() == Status::Completed;
    let disks = match life.done() {
        Some(done) => facts_of(&done.disks),
        None => life.disks(),
    };
    disks
        .iter()
        .enumerate()
        .map(|(index, disk)| {
            let place = usize::try_from(disk.container).unwrap_or(usize::MAX);
            let mut detail = containers.get(place).map(of_container).unwrap_or_default();
            detail.disk_image_size = disk.stored_size;
            detail.format = format_of(detail.format.as_deref(), disk.format);
            detail.status = Some(match life.status() {
                Status::Completed => Status::Completed,
                _ => Status::Active,
            })
            .filter(|_| life.failure().is_none());
            detail.progress = life.active().and_then(|course| course.disk_progress(index));
            if let Some(made) = made.get(index) {
                detail.device_name = Some(made.device_name.clone());
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
