//! Whether an ImportSnapshot request is one, and what it means.

use vmie_rules::api::ApiCode;
use vmie_rules::format::ImageFormat;

use crate::call::ImportSnapshotRequest;
use crate::check::{self, Checked};
use crate::id::TaskKind;
use crate::reply::ApiError;
use crate::source::Source;

/// The source of a request that [`check`] took.
pub(crate) fn source(request: &ImportSnapshotRequest) -> Option<Source> {
    let container = request.disk_container.as_ref()?;
    Some(Source {
        container: 0,
        location: check::location(container).ok()?,
        format: container
            .format
            .as_deref()
            .and_then(|text| text.parse().ok()),
    })
}

/// Checks a request.
pub(crate) fn check(request: &ImportSnapshotRequest) -> Checked<Source> {
    check::text("Description", request.description.as_deref())?;
    check::text("RoleName", request.role_name.as_deref())?;
    check::client_token(request.client_token.as_deref())?;
    check::tags(&request.tag_specifications, TaskKind::ImportSnapshot)?;
    let container = request
        .disk_container
        .as_ref()
        .ok_or_else(|| check::missing("DiskContainer"))?;
    check::text(
        "DiskContainer.Description",
        container.description.as_deref(),
    )?;
    if container.snapshot_id.is_some() || container.device_name.is_some() {
        let extra = if container.snapshot_id.is_some() {
            "SnapshotId"
        } else {
            "DeviceName"
        };
        return Err(ApiError::new(
            ApiCode::UnknownParameter,
            alloc::format!("The parameter DiskContainer.{extra} is not recognized."),
        ));
    }
    let format = check::format(container.format.as_deref(), ImageFormat::IMPORT_SNAPSHOT)?;
    let location = check::location(container)?;
    check::encryption(request.encrypted, request.kms_key_id.as_deref())?;
    Ok(Source {
        container: 0,
        location,
        format,
    })
}
