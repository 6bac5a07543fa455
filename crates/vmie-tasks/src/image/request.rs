//! Whether an ImportImage request is one, and what it means.

use alloc::string::String;
use alloc::vec::Vec;
use core::str::FromStr;

use vmie_rules::api::{self, ApiCode};
use vmie_rules::format::ImageFormat;
use vmie_rules::guest::{BootMode, Platform};
use vmie_rules::license::{LicenseType, UsageOperation};
use vmie_rules::limits::MAX_VOLUMES;

use crate::call::{DiskContainer, ImportImageRequest};
use crate::check::{self, Checked};
use crate::id::{SnapshotId, TaskKind};
use crate::order::Expectations;
use crate::reply::ApiError;
use crate::source::{Location, Source};

/// A request as understood. Records hold the request alone: this follows from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ImageSpec {
    /// One per container.
    pub(crate) sources: Vec<Source>,
    pub(crate) expectations: Expectations,
    /// The license type as requested, without what a usage operation says.
    pub(crate) requested_license: Option<LicenseType>,
}

impl ImageSpec {
    /// What a request means that [`check`] took.
    pub(crate) fn of(request: &ImportImageRequest) -> Self {
        let requested_license = word(request.license_type.as_deref());
        let usage = request.usage_operation.as_deref();
        let usage = usage.and_then(UsageOperation::from_value);
        Self {
            sources: request
                .disk_containers
                .iter()
                .zip(0..)
                .filter_map(|(container, index)| source_of(container, index))
                .collect(),
            expectations: Expectations {
                platform: word(request.platform.as_deref()),
                architecture: request.architecture.as_deref().map(str::to_ascii_lowercase),
                boot_mode: word(request.boot_mode.as_deref()),
                license_type: requested_license.or(usage.map(|usage| usage.license)),
                usage_operation: usage.map(|usage| String::from(usage.value)),
            },
            requested_license,
        }
    }
}

fn word<T: FromStr>(text: Option<&str>) -> Option<T> {
    text.and_then(|text| text.parse().ok())
}

/// A container of a request that [`check`] took.
pub(crate) fn source_of(container: &DiskContainer, index: u32) -> Option<Source> {
    let location = match (
        &container.snapshot_id,
        &container.url,
        &container.user_bucket,
    ) {
        (Some(id), ..) => Location::Snapshot {
            id: SnapshotId::parse(id)?,
        },
        (None, Some(url), _) => Location::of_url(url)?,
        (None, None, Some(place)) => Location::of_bucket(&place.bucket, &place.key)?,
        (None, None, None) => return None,
    };
    Some(Source {
        container: index,
        location,
        format: word(container.format.as_deref()),
    })
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
    check::one_of(
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
    let platform: Option<Platform> = check::word("Platform", request.platform.as_deref())?;
    let boot_mode: Option<BootMode> = check::word("BootMode", request.boot_mode.as_deref())?;
    // SVC-BOOT-5.
    let from_snapshot = sources
        .iter()
        .any(|source| matches!(source.location, Location::Snapshot { .. }));
    if from_snapshot && boot_mode == Some(BootMode::Uefi) && platform.is_none() {
        return Err(ApiError::new(
            ApiCode::InvalidParameterDependency,
            "The parameter Platform is required for a UEFI import from a snapshot.",
        ));
    }
    check::word::<LicenseType>("LicenseType", request.license_type.as_deref())?;
    usage_operation(request)?;
    check::encryption(request.encrypted, request.kms_key_id.as_deref())?;
    Ok(ImageSpec::of(request))
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
