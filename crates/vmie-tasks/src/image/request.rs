//! Whether an ImportImage request is one, and what it means.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use vmie_rules::api::{self, ApiCode};
use vmie_rules::format::ImageFormat;
use vmie_rules::guest::BootMode;
use vmie_rules::license::{LicenseType, UsageOperation};
use vmie_rules::limits::MAX_VOLUMES;

use crate::call::{DiskContainer, ImportImageRequest};
use crate::check::{self, Checked};
use crate::id::{SnapshotId, TaskKind};
use crate::order::Expectations;
use crate::reply::ApiError;
use crate::source::{Location, Source};

/// A request as understood.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct ImageSpec {
    /// One per container.
    pub(crate) sources: Vec<Source>,
    pub(crate) expectations: Expectations,
    /// The license type as requested, without what a usage operation says.
    pub(crate) requested_license: Option<LicenseType>,
    pub(crate) encrypted: bool,
}

impl ImageSpec {
    pub(crate) fn source(&self, container: u32) -> Option<&Source> {
        self.sources.get(usize::try_from(container).ok()?)
    }
}

/// Checks a request.
pub(crate) fn check(request: &ImportImageRequest) -> Checked<ImageSpec> {
    check::text("Description", request.description.as_deref())?;
    check::text("RoleName", request.role_name.as_deref())?;
    check::client_token(request.client_token.as_deref())?;
    check::tags(&request.tag_specifications, TaskKind::ImportImage)?;
    for arn in &request.license_specifications {
        check::text("LicenseSpecifications.N.LicenseConfigurationArn", Some(arn))?;
    }
    let sources = containers(&request.disk_containers)?;
    let architecture = check::one_of(
        "Architecture",
        request.architecture.as_deref(),
        &["x86_64", "i386"],
        "Use x86_64 or i386; ARM64 guests are not supported.",
    )?;
    check::one_of(
        "Hypervisor",
        request.hypervisor.as_deref(),
        &["xen"],
        "Use xen.",
    )?;
    let platform = check::word("Platform", request.platform.as_deref())?;
    let boot_mode: Option<BootMode> = check::word("BootMode", request.boot_mode.as_deref())?;
    let from_snapshot = sources
        .iter()
        .any(|source| matches!(source.location, Location::Snapshot { .. }));
    if from_snapshot && boot_mode == Some(BootMode::Uefi) && platform.is_none() {
        return Err(ApiError::new(
            ApiCode::InvalidParameterDependency,
            "The parameter Platform is required for a UEFI import from a snapshot.",
        ));
    }
    let requested_license: Option<LicenseType> =
        check::word("LicenseType", request.license_type.as_deref())?;
    let usage = usage_operation(request)?;
    Ok(ImageSpec {
        sources,
        expectations: Expectations {
            platform,
            architecture: architecture.map(ToString::to_string),
            boot_mode,
            license_type: requested_license.or(usage.map(|usage| usage.license)),
            usage_operation: usage.map(|usage| String::from(usage.value)),
        },
        requested_license,
        encrypted: check::encryption(request.encrypted, request.kms_key_id.as_deref())?,
    })
}

/// SVC-LIC-1: a license type or a usage operation, not both.
fn usage_operation(request: &ImportImageRequest) -> Checked<Option<&'static UsageOperation>> {
    let Some(value) = request.usage_operation.as_deref() else {
        return Ok(None);
    };
    if request.license_type.is_some() {
        return Err(ApiError::new(
            ApiCode::InvalidParameterCombination,
            api::invalid_combination("LicenseType", "UsageOperation"),
        ));
    }
    match UsageOperation::from_value(value) {
        Some(usage) => Ok(Some(usage)),
        None => Err(check::invalid(
            "UsageOperation",
            value,
            "Use a value like RunInstances:0002.",
        )),
    }
}

fn containers(containers: &[DiskContainer]) -> Checked<Vec<Source>> {
    if containers.is_empty() {
        return Err(check::missing("DiskContainer"));
    }
    if containers.len() > MAX_VOLUMES {
        return Err(ApiError::new(
            ApiCode::InvalidParameterValue,
            "An import takes at most 21 disks; import the others as snapshots.",
        ));
    }
    let mut names: Vec<&str> = Vec::new();
    let mut sources = Vec::new();
    for (container, index) in containers.iter().zip(0..) {
        check::text(
            "DiskContainer.N.Description",
            container.description.as_deref(),
        )?;
        check::text(
            "DiskContainer.N.DeviceName",
            container.device_name.as_deref(),
        )?;
        if let Some(name) = container.device_name.as_deref() {
            if name.is_empty() || names.contains(&name) {
                let expected = "Name each device once.";
                return Err(check::invalid("DiskContainer.N.DeviceName", name, expected));
            }
            names.push(name);
        }
        sources.push(source(container, index)?);
    }
    Ok(sources)
}

fn source(container: &DiskContainer, index: u32) -> Checked<Source> {
    let format = check::format(container.format.as_deref(), ImageFormat::IMPORT_IMAGE)?;
    let location = match &container.snapshot_id {
        None => check::location(container)?,
        Some(id) => {
            if container.url.is_some() || container.user_bucket.is_some() {
                let other = if container.url.is_some() {
                    "Url"
                } else {
                    "UserBucket"
                };
                return Err(ApiError::new(
                    ApiCode::InvalidParameterCombination,
                    api::invalid_combination("SnapshotId", other),
                ));
            }
            let parsed = SnapshotId::parse(id).ok_or_else(|| {
                let expected = "Use an id like snap-1234567890abcdef0.";
                check::invalid("DiskContainer.N.SnapshotId", id, expected)
            })?;
            Location::Snapshot { id: parsed }
        }
    };
    Ok(Source {
        container: index,
        location,
        format,
    })
}
