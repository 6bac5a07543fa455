//! Whether an instance can be exported (SVC-TASK-4).

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use vmie_rules::SvcId;
use vmie_rules::api::{self, ApiCode};
use vmie_rules::format::ImageFormat;
use vmie_rules::message::Message;

use super::plan::{self, ExportPlan, Surroundings, not_exportable, third_party, too_large};
use crate::call::{CreateInstanceExportTaskRequest, ExportToS3};
use crate::check::{self, Checked};
use crate::id::{InstanceId, TaskKind};
use crate::order::{ExportSource, ExportWork, ExportedDisk};
use crate::reply::ApiError;
use crate::resource::{Device, InstanceRecord};
use crate::world::World;

const FORMATS: &[ImageFormat] = &[ImageFormat::Vmdk, ImageFormat::Vhd];

/// Checks a request and makes its plan.
pub(crate) fn check<W: World>(
    around: &Surroundings<'_, W>,
    request: &CreateInstanceExportTaskRequest,
) -> Checked<ExportPlan> {
    check::text("Description", request.description.as_deref())?;
    check::tags(&request.tag_specifications, TaskKind::ExportInstance)?;
    let id = request.instance_id.as_deref();
    let id = id.ok_or_else(|| check::missing("InstanceId"))?;
    let default = ExportToS3::default();
    let to = request.export_to_s3.as_ref().unwrap_or(&default);
    let (format, ova) = form(request.target_environment.as_deref(), to)?;
    let bucket = to.s3_bucket.as_deref();
    let bucket = bucket.ok_or_else(|| check::missing("ExportToS3.S3Bucket"))?;
    let prefix = check::prefix("ExportToS3.S3Prefix", to.s3_prefix.as_deref())?;
    let instance = find(around, id)?;
    let disks = disks(around, &instance)?;
    let record = around.bucket(bucket, Message::ObjectNotLocal)?;
    around.writable(&record)?;
    Ok(ExportPlan {
        work: ExportWork {
            source: ExportSource::Instance(instance.id.clone()),
            disks,
            format,
            ova,
        },
        bucket: bucket.to_string(),
        prefix,
    })
}

/// The format of the disk, and whether an OVA holds it: OVA and stream-optimized VMDK for vmware,
/// VHD for citrix and microsoft (SVC-FMT-6).
fn form(environment: Option<&str>, to: &ExportToS3) -> Checked<(ImageFormat, bool)> {
    let name = "TargetEnvironment";
    if environment.is_none() {
        return Err(check::missing(name));
    }
    let words = ["citrix", "vmware", "microsoft"];
    let environment = check::one_of(
        name,
        environment,
        &words,
        "Use citrix, vmware or microsoft.",
    )?;
    let ova = check::one_of(
        "ExportToS3.ContainerFormat",
        to.container_format.as_deref(),
        &["ova"],
        "Use ova.",
    )?
    .is_some();
    let own = if environment == Some("vmware") {
        ImageFormat::Vmdk
    } else {
        ImageFormat::Vhd
    };
    let format = match to.disk_image_format.as_deref() {
        Some(sent) => plan::format(sent, FORMATS, "ExportToS3.DiskImageFormat")?,
        None => own,
    };
    let environment = environment.unwrap_or_default();
    if format != own || ova && own != ImageFormat::Vmdk {
        return Err(ApiError::because(
            ApiCode::InvalidParameterCombination,
            format!("The format {format} is not one of the target environment {environment}."),
            "format-of-another-environment",
            "vmware takes vmdk, alone or in an ova; citrix and microsoft take vhd",
            SvcId::Fmt6,
        ));
    }
    Ok((format, ova))
}

/// The caller's instance of an id.
pub(crate) fn find<'a, W: World>(
    around: &'a Surroundings<'_, W>,
    text: &str,
) -> Checked<Cow<'a, InstanceRecord>> {
    let found = InstanceId::parse(text).and_then(|id| match around.book.instances.get(&id) {
        Some(instance) => Some(Cow::Borrowed(instance)),
        None => around.world.instance(text),
    });
    let caller = around.caller;
    found
        .filter(|one| one.owner == caller.account && one.region == caller.region)
        .ok_or_else(|| {
            ApiError::new(
                ApiCode::InvalidInstanceIdNotFound,
                api::not_there("instance", check::shown(text)),
            )
        })
}

/// The one disk that is exported, if no limit forbids it.
fn disks<W: World>(
    around: &Surroundings<'_, W>,
    instance: &InstanceRecord,
) -> Checked<Vec<ExportedDisk>> {
    let limit = |cause: &str, detail: &str| not_exportable(cause, detail, SvcId::Task4);
    if instance.state == "terminated" || instance.state == "shutting-down" {
        return Err(limit("instance-terminated", "the instance is no more"));
    }
    if let Some(why) = third_party(instance.usage_operation.as_deref(), &instance.product_codes) {
        return Err(limit("third-party-software", &why));
    }
    origin(around, instance)?;
    if instance.hybrid_grub {
        let detail = "GRUB2 is set up for BIOS and UEFI both; set it up for one of them";
        return Err(not_exportable("hybrid-grub", detail, SvcId::Boot8));
    }
    if instance.network_interfaces > 1 {
        return Err(limit(
            "several-network-interfaces",
            &format!("it has {} network interfaces", instance.network_interfaces),
        ));
    }
    if let Some(device) = instance
        .devices
        .iter()
        .find(|one| one.virtual_name.is_some())
    {
        return Err(limit(
            "instance-store-volume",
            &format!("{} is an instance-store volume", device.device_name),
        ));
    }
    let later = around.book.attached_to(&instance.id).count();
    let own = instance.devices.iter();
    let mapped: Vec<&Device> = own
        .clone()
        .filter(|one| !one.attached_after_launch)
        .collect();
    let extra = own.filter(|one| one.attached_after_launch).count();
    let listed: usize = instance
        .devices
        .iter()
        .filter(|device| {
            let volumes = around.book.attached_to(&instance.id);
            volumes
                .into_iter()
                .any(|volume| device.volume_id.as_ref() == Some(&volume.id))
        })
        .count();
    let several = mapped
        .len()
        .saturating_add(extra)
        .saturating_add(later.saturating_sub(listed));
    if several > 1 {
        // The guide says UnsupportedOperation; what was seen is stronger (SVC-TASK-11).
        return Err(ApiError::because(
            ApiCode::NotExportable,
            Message::SeveralVolumes.to_string(),
            "several-volumes",
            &format!("it has {several} volumes; detach all but the root volume"),
            SvcId::Err15,
        ));
    }
    let Some(root) = mapped.first() else {
        return Err(limit("no-root-volume", "it has no volume"));
    };
    Ok([exported(around, root)?].into())
}

/// The image it was launched from, with its snapshots, must be there and the caller's own.
fn origin<W: World>(around: &Surroundings<'_, W>, instance: &InstanceRecord) -> Checked<()> {
    let limit = |cause: &str, detail: &str| not_exportable(cause, detail, SvcId::Task4);
    let Some(id) = &instance.image_id else {
        return Ok(());
    };
    let deleted = "make an image of the instance, and export that";
    let image = around.image(id);
    let Some(image) = image.filter(|image| image.state != "deregistered") else {
        return Err(limit(
            "image-deleted",
            &format!("{id} is no more; {deleted}"),
        ));
    };
    if image.owner != around.caller.account {
        return Err(limit(
            "shared-from-another-account",
            &format!("{id} belongs to the account {}", image.owner),
        ));
    }
    if let Some(why) = third_party(image.usage_operation.as_deref(), &image.product_codes) {
        return Err(limit("third-party-software", &format!("of {id}: {why}")));
    }
    let gone = image
        .devices
        .iter()
        .filter_map(|device| device.snapshot_id.as_ref())
        .find(|snapshot| around.snapshot(snapshot).is_none());
    match gone {
        Some(gone) => Err(limit(
            "snapshot-deleted",
            &format!("{gone} of {id} is no more; {deleted}"),
        )),
        None => Ok(()),
    }
}

fn exported<W: World>(around: &Surroundings<'_, W>, root: &Device) -> Checked<ExportedDisk> {
    let limit = |cause: &str, detail: &str| not_exportable(cause, detail, SvcId::Task4);
    let snapshot = root.snapshot_id.as_ref().and_then(|id| around.snapshot(id));
    let volume = root.volume_id.as_ref().and_then(|id| {
        let own = around.book.volumes.get(id).map(Cow::Borrowed);
        own.or_else(|| around.world.volume(id.as_str()))
    });
    let encrypted = root.encrypted
        || snapshot.as_ref().is_some_and(|one| one.encrypted)
        || volume.as_ref().is_some_and(|one| one.encrypted);
    if encrypted {
        return Err(limit(
            "encrypted-snapshot",
            &format!("{} is encrypted", root.device_name),
        ));
    }
    let size = root
        .volume_size
        .or(volume.map(|one| one.size))
        .or(snapshot.map(|one| one.volume_size))
        .unwrap_or(0);
    if too_large(size) {
        return Err(limit(
            "volume-too-large",
            &format!("{} has {size} GiB, and 1024 are exported", root.device_name),
        ));
    }
    Ok(ExportedDisk {
        device_name: root.device_name.clone(),
        snapshot_id: root.snapshot_id.clone(),
        volume_id: root.volume_id.clone(),
        size,
    })
}
