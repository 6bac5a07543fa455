//! Whether an ImportInstance or ImportVolume request is one, and what it means.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use vmie_rules::api::ApiCode;
use vmie_rules::format::ImageFormat;
use vmie_rules::guest::Platform;
use vmie_rules::instance_type::takes_linux;
use vmie_rules::limits::{DISK_SIZE_BOUND, MAX_VOLUMES};
use vmie_rules::message::Message;
use vmie_rules::{SvcId, region};

use crate::call::{
    Caller, DiskImage, DiskImageDetail, ImportInstanceRequest, ImportVolumeRequest,
    LaunchSpecification,
};
use crate::check::{self, Checked};
use crate::id::{InstanceId, TaskKind, VolumeId};
use crate::reply::ApiError;
use crate::source::{Location, Source, SourceUrl};

/// Either request, as sent.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ConversionRequest {
    Instance(ImportInstanceRequest),
    Volume(ImportVolumeRequest),
}

/// The ids of what a task makes.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Names {
    pub(crate) instance_id: Option<InstanceId>,
    /// One per disk.
    pub(crate) volume_ids: Vec<VolumeId>,
}

/// A disk as asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AskedDisk<'a> {
    pub(crate) description: Option<&'a str>,
    pub(crate) image: Option<&'a DiskImageDetail>,
    /// In GiB.
    pub(crate) volume_size: u64,
}

fn asked<'a>(
    description: Option<&'a str>,
    image: Option<&'a DiskImageDetail>,
    size: Option<i64>,
) -> AskedDisk<'a> {
    AskedDisk {
        description,
        image,
        volume_size: size.and_then(|size| u64::try_from(size).ok()).unwrap_or(0),
    }
}

impl ConversionRequest {
    pub(crate) fn kind(&self) -> TaskKind {
        match self {
            Self::Instance(_) => TaskKind::ImportInstance,
            Self::Volume(_) => TaskKind::ImportVolume,
        }
    }

    pub(crate) fn is_instance(&self) -> bool {
        matches!(self, Self::Instance(_))
    }

    pub(crate) fn disks(&self) -> Vec<AskedDisk<'_>> {
        match self {
            Self::Instance(request) => request
                .disk_images
                .iter()
                .map(|disk| {
                    let description = disk.description.as_deref();
                    asked(description, disk.image.as_ref(), disk.volume_size)
                })
                .collect(),
            Self::Volume(request) => {
                let description = request.description.as_deref();
                [asked(
                    description,
                    request.image.as_ref(),
                    request.volume_size,
                )]
                .into()
            }
        }
    }

    fn image(&self, index: u32) -> Option<&DiskImageDetail> {
        match self {
            Self::Instance(request) => {
                let disk = request.disk_images.get(usize::try_from(index).ok()?)?;
                disk.image.as_ref()
            }
            Self::Volume(request) => request.image.as_ref().filter(|_| index == 0),
        }
    }

    pub(crate) fn manifest(&self, index: u32) -> Option<SourceUrl> {
        self.image(index)?.import_manifest_url.clone()
    }

    /// The format and the size in bytes that a disk's file must have.
    pub(crate) fn file(&self, index: u32) -> Option<(ImageFormat, u64)> {
        let image = self.image(index)?;
        let format = image.format.as_deref()?.parse().ok()?;
        Some((format, u64::try_from(image.bytes?).ok()?))
    }

    pub(crate) fn source(&self, index: u32) -> Option<Source> {
        Some(Source {
            container: index,
            location: Location::Manifest {
                url: self.manifest(index)?,
            },
            format: self.file(index).map(|(format, _)| format),
        })
    }

    pub(crate) fn sources(&self) -> Vec<Source> {
        (0..)
            .zip(self.disks())
            .filter_map(|(index, _)| self.source(index))
            .collect()
    }

    pub(crate) fn launch(&self) -> Option<&LaunchSpecification> {
        match self {
            Self::Instance(request) => request.launch_specification.as_deref(),
            Self::Volume(_) => None,
        }
    }

    pub(crate) fn platform(&self) -> Option<Platform> {
        match self {
            Self::Instance(request) => request.platform.as_deref()?.parse().ok(),
            Self::Volume(_) => None,
        }
    }

    pub(crate) fn architecture(&self) -> Option<String> {
        let architecture = self.launch()?.architecture.as_deref()?;
        Some(architecture.to_ascii_lowercase())
    }

    pub(crate) fn zone(&self) -> Option<String> {
        match self {
            Self::Instance(_) => {
                let placement = self.launch()?.placement.as_deref()?;
                placement.availability_zone.clone()
            }
            Self::Volume(request) => request.availability_zone.clone(),
        }
    }

    pub(crate) fn zone_id(&self) -> Option<String> {
        match self {
            Self::Instance(_) => {
                let placement = self.launch()?.placement.as_deref()?;
                placement.availability_zone_id.clone()
            }
            Self::Volume(request) => request.availability_zone_id.clone(),
        }
    }

    pub(crate) fn description(&self) -> Option<String> {
        match self {
            Self::Instance(request) => request.description.clone(),
            Self::Volume(request) => request.description.clone(),
        }
    }
}

/// Checks an ImportInstance request.
pub(crate) fn check_instance(caller: &Caller, request: &ImportInstanceRequest) -> Checked<()> {
    check::text("Description", request.description.as_deref())?;
    let sent = request.platform.as_deref();
    let sent = sent.ok_or_else(|| check::missing("Platform"))?;
    // The API model lists Windows only; Linux is taken, too (SVC-TASK-3).
    let platform: Option<Platform> = check::word("Platform", Some(sent))?;
    let default = LaunchSpecification::default();
    let launch = request.launch_specification.as_deref().unwrap_or(&default);
    check_launch(launch)?;
    if request.disk_images.is_empty() {
        return Err(check::missing("DiskImage"));
    }
    if request.disk_images.len() > MAX_VOLUMES {
        return Err(ApiError::because(
            ApiCode::InvalidParameterValue,
            "An import takes at most 21 disks; import the others as volumes.",
            "too-many-volumes",
            "",
            SvcId::Lim4,
        ));
    }
    for DiskImage {
        description,
        image,
        volume_size,
    } in &request.disk_images
    {
        check::text("DiskImage.N.Description", description.as_deref())?;
        check_image("DiskImage.N.", image.as_ref(), *volume_size)?;
    }
    if platform == Some(Platform::Linux) {
        check_linux(caller, launch)?;
    }
    Ok(())
}

fn check_launch(launch: &LaunchSpecification) -> Checked<()> {
    for (name, text) in [
        ("AdditionalInfo", &launch.additional_info),
        ("InstanceType", &launch.instance_type),
        ("SubnetId", &launch.subnet_id),
        ("PrivateIpAddress", &launch.private_ip_address),
    ] {
        let name = alloc::format!("LaunchSpecification.{name}");
        check::text(&name, text.as_deref())?;
    }
    check::long(
        "LaunchSpecification.UserData.Data",
        launch.user_data.as_deref(),
    )?;
    check::one_of(
        "LaunchSpecification.Architecture",
        launch.architecture.as_deref(),
        &["i386", "x86_64"],
        "Use x86_64 or i386; ARM64 guests are not supported.",
    )?;
    check::one_of(
        "LaunchSpecification.InstanceInitiatedShutdownBehavior",
        launch.instance_initiated_shutdown_behavior.as_deref(),
        &["stop", "terminate"],
        "Use stop or terminate.",
    )?;
    let placement = launch.placement.as_deref();
    check::one_of(
        "LaunchSpecification.Placement.Tenancy",
        placement.and_then(|one| one.tenancy.as_deref()),
        &["default", "dedicated", "host"],
        "Use default, dedicated or host.",
    )?;
    for text in placement.iter().flat_map(|one| {
        [
            &one.availability_zone,
            &one.availability_zone_id,
            &one.affinity,
            &one.group_name,
            &one.host_id,
            &one.spread_domain,
            &one.host_resource_group_arn,
            &one.group_id,
        ]
    }) {
        check::text("LaunchSpecification.Placement", text.as_deref())?;
    }
    let groups = launch.group_names.iter().chain(&launch.group_ids);
    if groups.clone().count() > check::MAX_LIST {
        let message = "Name at most 1000 security groups.";
        return Err(ApiError::new(ApiCode::InvalidParameterValue, message));
    }
    for group in groups {
        check::text("LaunchSpecification.GroupName.N", Some(group))?;
    }
    Ok(())
}

/// Linux goes into some instance types, in some Regions, in 64 bits (SVC-TASK-3, SVC-LIM-6).
fn check_linux(caller: &Caller, launch: &LaunchSpecification) -> Checked<()> {
    if !region::region(&caller.region).is_some_and(|region| region.import_instance) {
        return Err(ApiError::because(
            ApiCode::Unsupported,
            "Linux is not supported by import-instance in this Region.",
            "region-takes-no-linux",
            &alloc::format!("import-instance takes no Linux in {}", caller.region),
            SvcId::Task3,
        ));
    }
    let i386 = launch.architecture.as_deref();
    if i386.is_some_and(|text| text.eq_ignore_ascii_case("i386")) {
        return Err(ApiError::because(
            ApiCode::Unsupported,
            "Linux must be 64-bit.",
            "linux-32-bit",
            "name the architecture x86_64",
            SvcId::Lim6,
        ));
    }
    match launch.instance_type.as_deref() {
        Some(one) if !takes_linux(one) => Err(ApiError::because(
            ApiCode::Unsupported,
            Message::LinuxNotOnInstanceType.to_string(),
            "instance-type-takes-no-linux",
            Message::LinuxNotOnInstanceType.advice(),
            SvcId::Err27,
        )),
        _ => Ok(()),
    }
}

/// Checks an ImportVolume request.
pub(crate) fn check_volume(request: &ImportVolumeRequest) -> Checked<()> {
    check::text("Description", request.description.as_deref())?;
    check::text("AvailabilityZone", request.availability_zone.as_deref())?;
    check::text(
        "AvailabilityZoneId",
        request.availability_zone_id.as_deref(),
    )?;
    if request.availability_zone.is_none() && request.availability_zone_id.is_none() {
        return Err(check::missing("AvailabilityZone"));
    }
    check_image("", request.image.as_ref(), request.volume_size)
}

/// The file and the volume of a disk (SVC-FMT-5, SVC-FMT-9).
fn check_image(prefix: &str, image: Option<&DiskImageDetail>, size: Option<i64>) -> Checked<()> {
    let named = |name: &str| alloc::format!("{prefix}{name}");
    let image = image.ok_or_else(|| check::missing(&named("Image")))?;
    let format = image.format.as_deref();
    let format = format.ok_or_else(|| check::missing(&named("Image.Format")))?;
    check::format(Some(format), ImageFormat::IMPORT_INSTANCE)?;
    let bytes = image
        .bytes
        .ok_or_else(|| check::missing(&named("Image.Bytes")))?;
    let url = image.import_manifest_url.as_ref();
    let url = url.ok_or_else(|| check::missing(&named("Image.ImportManifestUrl")))?;
    let volume = size.ok_or_else(|| check::missing(&named("Volume.Size")))?;
    let bytes = u64::try_from(bytes).ok().filter(|bytes| *bytes > 0);
    let Some(bytes) = bytes else {
        return Err(ApiError::new(
            ApiCode::InvalidParameter,
            Message::DiskImageSizeInvalid.to_string(),
        ));
    };
    if bytes >= DISK_SIZE_BOUND {
        return Err(ApiError::because(
            ApiCode::DiskImageSizeTooLarge,
            "The disk image must be smaller than 16 TiB.",
            "disk-too-large",
            &alloc::format!("{bytes} bytes are asked for"),
            SvcId::Fmt9,
        ));
    }
    let bound = i64::try_from(DISK_SIZE_BOUND >> 30).unwrap_or(i64::MAX);
    if !(1..=bound).contains(&volume) {
        let expected = "Use a size in GiB, 1 to 16384.";
        let name = named("Volume.Size");
        return Err(check::invalid(&name, &volume.to_string(), expected));
    }
    match Location::of_url(url) {
        Some(Location::Https { .. }) => Ok(()),
        // The address is not shown: it may be signed (SVC-SEC-3).
        _ => Err(ApiError::because(
            ApiCode::InvalidParameterValue,
            alloc::format!(
                "The parameter {} is no https address.",
                named("Image.ImportManifestUrl")
            ),
            "manifest-address",
            "sign an https address of the manifest",
            SvcId::Man2,
        )),
    }
}
