//! How replies and lists show a conversion task.

use alloc::string::{String, ToString};

use vmie_rules::status::{Status, TaskState};

use super::{ConversionCourse, ConversionRequest};
use crate::config::Config;
use crate::life::{Life, Phase};
use crate::reply::{
    ConversionTask, DiskImageDescription, DiskImageVolumeDescription, ImportInstanceTaskDetails,
    ImportVolumeTaskDetails,
};
use crate::task::Head;

/// The task as it is; the first reply, too.
pub(crate) fn view(config: &Config, head: &Head, life: &Life<ConversionCourse>) -> ConversionTask {
    let request = &*life.request;
    let message = match &life.phase {
        Phase::Completed { .. } => None,
        _ => Some(match life.failure() {
            Some(failure) => failure.message.clone(),
            None => head.stage.message().to_string(),
        }),
    };
    let mut task = ConversionTask {
        conversion_task_id: head.id.clone(),
        expiration_time: Some(head.created.plus_secs(config.conversion_expiry)),
        import_instance: None,
        import_volume: None,
        state: TaskState::from(life.status()),
        status_message: message.clone(),
        tags: alloc::vec::Vec::new(),
    };
    let details = (0..request.disks().len()).map(|index| detail(life, index, message.as_ref()));
    match request {
        ConversionRequest::Instance(sent) => {
            let names = match &life.phase {
                Phase::Active(course) => Some(course.names()),
                Phase::Completed { done, .. } => Some(&done.names),
                Phase::Deleting(_) | Phase::Deleted(_) => None,
            };
            task.import_instance = Some(ImportInstanceTaskDetails {
                description: sent.description.clone(),
                instance_id: names.and_then(|names| names.instance_id.clone()),
                platform: request.platform(),
                volumes: details.collect(),
            });
        }
        ConversionRequest::Volume(_) => {
            task.import_volume = details.map(without_status).next();
        }
    }
    task
}

fn without_status(detail: ImportVolumeTaskDetails) -> ImportVolumeTaskDetails {
    ImportVolumeTaskDetails {
        status: None,
        status_message: None,
        ..detail
    }
}

fn detail(
    life: &Life<ConversionCourse>,
    index: usize,
    message: Option<&String>,
) -> ImportVolumeTaskDetails {
    let request = &*life.request;
    let disks = request.disks();
    let asked = disks.get(index);
    let image = asked.and_then(|asked| asked.image);
    let size = image.and_then(|image| u64::try_from(image.bytes?).ok());
    let size = size.unwrap_or(0);
    let (bytes_converted, checksum, volume_id) = match &life.phase {
        Phase::Completed { done, .. } => (
            size,
            done.disks
                .get(index)
                .map(|disk| disk.converted.sha256.clone()),
            done.names.volume_ids.get(index).cloned(),
        ),
        Phase::Active(ConversionCourse::Converting(state)) => {
            let part = state.bytes(index).and_then(|(done, total)| {
                let part = u128::from(done).saturating_mul(u128::from(size));
                u64::try_from(part.checked_div(u128::from(total))?).ok()
            });
            (part.unwrap_or(0), None, None)
        }
        Phase::Active(ConversionCourse::Publishing(_)) => (size, None, None),
        _ => (0, None, None),
    };
    let status = match life.status() {
        Status::Completed => Status::Completed,
        _ => Status::Active,
    };
    ImportVolumeTaskDetails {
        availability_zone: request.zone(),
        availability_zone_id: request.zone_id(),
        bytes_converted,
        description: asked.and_then(|asked| asked.description.map(ToString::to_string)),
        image: DiskImageDescription {
            checksum,
            format: image.and_then(|image| Some(image.format.as_ref()?.to_ascii_uppercase())),
            import_manifest_url: image.and_then(|image| image.import_manifest_url.clone()),
            size,
        },
        status: Some(status).filter(|_| life.failure().is_none()),
        status_message: message.cloned(),
        volume: DiskImageVolumeDescription {
            id: volume_id,
            size: asked.map_or(0, |asked| asked.volume_size),
        },
    }
}
