//! Whether an image can be exported (SVC-TASK-5).

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use vmie_rules::SvcId;
use vmie_rules::api::{self, ApiCode};
use vmie_rules::format::ImageFormat;
use vmie_rules::message::Message;

use super::plan::{self, ExportPlan, Surroundings, not_exportable, third_party, too_large};
use crate::access;
use crate::call::{ExportImageRequest, S3ExportLocation};
use crate::check::{self, Checked};
use crate::id::{ImageId, TaskKind};
use crate::order::{ExportSource, ExportWork, ExportedDisk};
use crate::reply::ApiError;
use crate::resource::ImageRecord;
use crate::world::World;

/// Checks a request and makes its plan. One disk, one network interface, no instance store and the
/// bucket's ACL are no limits here.
pub(crate) fn check<W: World>(
    around: &Surroundings<'_, W>,
    request: &ExportImageRequest,
) -> Checked<ExportPlan> {
    check::text("Description", request.description.as_deref())?;
    check::text("RoleName", request.role_name.as_deref())?;
    check::client_token(request.client_token.as_deref())?;
    check::tags(&request.tag_specifications, TaskKind::ExportImage)?;
    let sent = request.disk_image_format.as_deref();
    let sent = sent.ok_or_else(|| check::missing("DiskImageFormat"))?;
    let format = plan::format(sent, ImageFormat::EXPORT_IMAGE, "DiskImageFormat")?;
    let id = request.image_id.as_deref();
    let id = id.ok_or_else(|| check::missing("ImageId"))?;
    let default = S3ExportLocation::default();
    let to = request.s3_export_location.as_ref().unwrap_or(&default);
    let bucket = to.s3_bucket.as_deref();
    let bucket = bucket.ok_or_else(|| check::missing("S3ExportLocation.S3Bucket"))?;
    let prefix = check::prefix("S3ExportLocation.S3Prefix", to.s3_prefix.as_deref())?;
    let image = find(around, id)?;
    let disks = disks(around, &image)?;
    let record = around.bucket(bucket, Message::BucketNotLocal)?;
    access::role_for_export(
        around.world,
        around.caller,
        request.role_name.as_deref(),
        &record,
    )?;
    Ok(ExportPlan {
        work: ExportWork {
            source: ExportSource::Image(image.id.clone()),
            disks,
            format,
            ova: false,
        },
        bucket: bucket.to_string(),
        prefix,
    })
}

/// An image that the caller can see: one's own, or one that is shared.
fn find<'a, W: World>(
    around: &'a Surroundings<'_, W>,
    text: &str,
) -> Checked<Cow<'a, ImageRecord>> {
    let account = &around.caller.account;
    let visible = |image: &ImageRecord| {
        image.owner == *account || image.public || image.shared_with.contains(account)
    };
    ImageId::parse(text)
        .and_then(|id| around.image(&id))
        .filter(|image| visible(image) && image.region == around.caller.region)
        .filter(|image| image.state != "deregistered")
        .ok_or_else(|| {
            ApiError::new(
                ApiCode::InvalidAmiIdNotFound,
                api::not_there("image", check::shown(text)),
            )
        })
}

/// The data volumes of the mapping, if no limit forbids them.
fn disks<W: World>(
    around: &Surroundings<'_, W>,
    image: &ImageRecord,
) -> Checked<Vec<ExportedDisk>> {
    let limit = |cause: &str, detail: &str| not_exportable(cause, detail, SvcId::Task5);
    if image.owner != around.caller.account {
        return Err(limit(
            "shared-from-another-account",
            &format!("it belongs to the account {}", image.owner),
        ));
    }
    if let Some(why) = third_party(image.usage_operation.as_deref(), &image.product_codes) {
        return Err(limit("third-party-software", &why));
    }
    if image.hybrid_grub {
        let detail = "GRUB2 is set up for BIOS and UEFI both; set it up for one of them";
        return Err(not_exportable("hybrid-grub", detail, SvcId::Boot8));
    }
    let mut disks = Vec::new();
    for device in image
        .devices
        .iter()
        .filter(|one| one.virtual_name.is_none())
    {
        let Some(id) = &device.snapshot_id else {
            // An empty volume has no data.
            continue;
        };
        let Some(snapshot) = around.snapshot(id) else {
            return Err(limit("snapshot-deleted", &format!("{id} is no more")));
        };
        if snapshot.encrypted || device.encrypted {
            let id = image.id.to_string();
            return Err(ApiError::because(
                ApiCode::InvalidParameter,
                Message::EncryptedDevices { id }.to_string(),
                "encrypted-snapshot",
                &format!("{} is encrypted", device.device_name),
                SvcId::Err32,
            ));
        }
        let size = device.volume_size.unwrap_or(snapshot.volume_size);
        if too_large(size) {
            return Err(limit(
                "volume-too-large",
                &format!(
                    "{} has {size} GiB, and 1024 are exported",
                    device.device_name
                ),
            ));
        }
        disks.push(ExportedDisk {
            device_name: device.device_name.clone(),
            snapshot_id: device.snapshot_id.clone(),
            volume_id: None,
            size,
        });
    }
    if disks.is_empty() {
        return Err(limit("no-data-volume", "its mapping has no snapshot"));
    }
    Ok(disks)
}
