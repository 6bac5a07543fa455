//! Whether an ImportSnapshot request is one, and what it means.

use vmie_rules::api::ApiCode;
use vmie_rules::format::ImageFormat;

use crate::call::ImportSnapshotRequest;
use crate::check::{self, Checked};
use crate::id::TaskKind;
use crate::reply::ApiError;
use crate::source::Source;

/// A request as understood.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct SnapshotSpec {
    pub(crate) source: Source,
    pub(crate) encrypted: bool,
}

/// Checks a request.
pub(crate) fn check(request: &ImportSnapshotRequest) -> Checked<SnapshotSpec> {
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
    Ok(SnapshotSpec {
        source: Source {
            container: 0,
            location,
            format,
        },
        encrypted: check::encryption(request.encrypted, request.kms_key_id.as_deref())?,
    })
}
