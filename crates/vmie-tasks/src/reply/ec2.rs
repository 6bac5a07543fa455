//! Images, snapshots and volumes as lists show them.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::call::{BlockDeviceMapping, Tag};
use crate::id::{ImageId, SnapshotId, VolumeId};
use crate::time::Timestamp;

/// What became of a snapshot of an image that was deregistered.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DeleteSnapshotResult {
    /// The snapshot.
    pub snapshot_id: String,
    /// `success`, `skipped`, `missing-permissions`, `internal-error` or `client-error`.
    pub return_code: String,
}

/// Why an image is in its state.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct StateReason {
    /// A word.
    pub code: Option<String>,
    /// A sentence.
    pub message: Option<String>,
}

/// Software of a third party in an image.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct ProductCode {
    /// The code (`<productCode>`).
    pub product_code_id: Option<String>,
    /// `devpay` or `marketplace` (`<type>`).
    pub product_code_type: Option<String>,
}

/// A watermark of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ImageWatermark {
    /// The key.
    pub watermark_key: Option<String>,
    /// Where the first image is.
    pub source_image_region: Option<String>,
    /// The first image.
    pub source_image_id: Option<String>,
    /// When the first image was made.
    pub source_image_creation_time: Option<Timestamp>,
    /// When the watermark was made.
    pub watermark_creation_time: Option<Timestamp>,
}

/// What a scan of an image found.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ScanResults {
    /// `informational`, `low`, `medium`, `high` or `critical`.
    pub highest_finding_severity_label: Option<String>,
    /// When it was scanned.
    pub finding_scan_date: Option<Timestamp>,
    /// Since when there is a fix for a finding of this severity.
    pub informational_fix_available_since: Option<Timestamp>,
    /// Since when there is a fix for a finding of this severity.
    pub low_fix_available_since: Option<Timestamp>,
    /// Since when there is a fix for a finding of this severity.
    pub medium_fix_available_since: Option<Timestamp>,
    /// Since when there is a fix for a finding of this severity.
    pub high_fix_available_since: Option<Timestamp>,
    /// Since when there is a fix for a finding of this severity.
    pub critical_fix_available_since: Option<Timestamp>,
}

/// Which instance types an image runs on.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct InstanceTypeSpecification {
    /// These, if any are named.
    pub supported_instance_types: Vec<String>,
    /// Not these.
    pub unsupported_instance_types: Vec<String>,
}

/// An image.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Image {
    /// `Linux/UNIX`, `Windows` …
    pub platform_details: Option<String>,
    /// `RunInstances:0002` … (SVC-LIC-4).
    pub usage_operation: Option<String>,
    /// The devices, the root among them.
    pub block_device_mappings: Vec<BlockDeviceMapping>,
    /// Free text.
    pub description: Option<String>,
    /// Whether the guest has the ENA driver (SVC-LIM-8).
    pub ena_support: Option<bool>,
    /// `xen`.
    pub hypervisor: Option<String>,
    /// `amazon`, `aws-marketplace` …
    pub image_owner_alias: Option<String>,
    /// The name.
    pub name: Option<String>,
    /// The device of the root volume.
    pub root_device_name: Option<String>,
    /// `ebs` or `instance-store`.
    pub root_device_type: Option<String>,
    /// `simple`.
    pub sriov_net_support: Option<String>,
    /// Why it is in its state.
    pub state_reason: Option<StateReason>,
    /// Its tags.
    pub tags: Vec<Tag>,
    /// `hvm` or `paravirtual`.
    pub virtualization_type: Option<String>,
    /// `legacy-bios`, `uefi` or `uefi-preferred`.
    pub boot_mode: Option<String>,
    /// `v2.0`.
    pub tpm_support: Option<String>,
    /// When it is deprecated, ISO 8601.
    pub deprecation_time: Option<String>,
    /// `v2.0`.
    pub imds_support: Option<String>,
    /// The instance that it was made of.
    pub source_instance_id: Option<String>,
    /// Whether it is protected from being deregistered.
    pub deregistration_protection: Option<String>,
    /// When it was launched last, ISO 8601.
    pub last_launched_time: Option<String>,
    /// Whether the account allows it.
    pub image_allowed: Option<bool>,
    /// The image that it is a copy of.
    pub source_image_id: Option<String>,
    /// Where that is.
    pub source_image_region: Option<String>,
    /// Whether it is in the free tier.
    pub free_tier_eligible: Option<bool>,
    /// The name of its public parameter.
    pub public_ssm_parameter_name: Option<String>,
    /// Its watermarks.
    pub image_watermarks: Vec<ImageWatermark>,
    /// What a scan found.
    pub scan_results: Option<Box<ScanResults>>,
    /// Which instance types it runs on.
    pub instance_type_specification: Option<InstanceTypeSpecification>,
    /// Its id.
    pub image_id: ImageId,
    /// The owner and the name.
    pub image_location: Option<String>,
    /// `available`, `deregistered` …
    pub state: String,
    /// The account that owns it.
    pub owner_id: String,
    /// When it was made.
    pub creation_date: Option<Timestamp>,
    /// Whether everybody may launch it.
    pub public: bool,
    /// Software of third parties in it.
    pub product_codes: Vec<ProductCode>,
    /// `i386`, `x86_64` …
    pub architecture: Option<String>,
    /// `machine`.
    pub image_type: Option<String>,
    /// For paravirtual images.
    pub kernel_id: Option<String>,
    /// For paravirtual images.
    pub ramdisk_id: Option<String>,
    /// `Windows`, or absent.
    pub platform: Option<String>,
}

/// A snapshot.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Snapshot {
    /// `amazon` …
    pub owner_alias: Option<String>,
    /// An outpost.
    pub outpost_arn: Option<String>,
    /// Its tags.
    pub tags: Vec<Tag>,
    /// `standard` or `archive`.
    pub storage_tier: Option<String>,
    /// Until when an archived one is restored.
    pub restore_expiry_time: Option<Timestamp>,
    /// `sse-ebs`, `sse-kms` or `none`.
    pub sse_type: Option<String>,
    /// The zone of a local snapshot.
    pub availability_zone: Option<String>,
    /// `standard` or `time-based`.
    pub transfer_type: Option<String>,
    /// How long a time-based copy takes.
    pub completion_duration_minutes: Option<i64>,
    /// When it was complete.
    pub completion_time: Option<Timestamp>,
    /// Its data, in bytes.
    pub full_snapshot_size_in_bytes: Option<u64>,
    /// Keys of the volume it was made of.
    pub associated_kms_keys: Vec<String>,
    /// Its id.
    pub snapshot_id: SnapshotId,
    /// The volume that it was made of; arbitrary for an imported one, and not to be used
    /// (SVC-TASK-2).
    pub volume_id: Option<VolumeId>,
    /// `completed` … (`<status>`).
    pub state: String,
    /// Why it is in its state (`<statusMessage>`).
    pub state_message: Option<String>,
    /// When it was begun.
    pub start_time: Option<Timestamp>,
    /// `100%`.
    pub progress: Option<String>,
    /// The account that owns it.
    pub owner_id: String,
    /// Free text.
    pub description: Option<String>,
    /// The size of a volume of it, in GiB.
    pub volume_size: u64,
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// The key it is encrypted with.
    pub kms_key_id: Option<String>,
    /// Identifies the data key.
    pub data_encryption_key_id: Option<String>,
}

/// The service that manages a volume.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct VolumeOperator {
    /// Whether one does.
    pub managed: Option<bool>,
    /// Which.
    pub principal: Option<String>,
    /// Whether lists leave it out.
    pub hidden_by_default: Option<bool>,
}

/// A volume.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Volume {
    /// The id of its zone.
    pub availability_zone_id: Option<String>,
    /// An outpost.
    pub outpost_arn: Option<String>,
    /// The volume that it is a copy of.
    pub source_volume_id: Option<String>,
    /// Operations per second.
    pub iops: Option<i64>,
    /// Its tags.
    pub tags: Vec<Tag>,
    /// `gp2` …
    pub volume_type: Option<String>,
    /// Whether its snapshot is restored fast.
    pub fast_restored: Option<bool>,
    /// Whether several instances may have it.
    pub multi_attach_enabled: Option<bool>,
    /// MiB per second.
    pub throughput: Option<i64>,
    /// `sse-ebs`, `sse-kms` or `none`.
    pub sse_type: Option<String>,
    /// The service that manages it.
    pub operator: Option<VolumeOperator>,
    /// MiB per second while it is filled.
    pub volume_initialization_rate: Option<i64>,
    /// Its ARN.
    pub volume_arn: Option<String>,
    /// The account that owns it.
    pub owner_id: Option<String>,
    /// Its id.
    pub volume_id: VolumeId,
    /// Its size, in GiB.
    pub size: u64,
    /// What it was made of; empty for an empty one.
    pub snapshot_id: Option<String>,
    /// The name of its zone.
    pub availability_zone: Option<String>,
    /// `creating`, `available`, `in-use` … (`<status>`).
    pub state: String,
    /// When it was made.
    pub create_time: Timestamp,
    /// Its attachments.
    pub attachments: Vec<VolumeAttachment>,
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// The key it is encrypted with.
    pub kms_key_id: Option<String>,
}

/// A volume at an instance.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct VolumeAttachment {
    /// Whether the volume goes with its instance.
    pub delete_on_termination: Option<bool>,
    /// A resource of another service.
    pub associated_resource: Option<String>,
    /// The service that owns the instance.
    pub instance_owning_service: Option<String>,
    /// The number of an EBS card.
    pub ebs_card_index: Option<i64>,
    /// The volume.
    pub volume_id: VolumeId,
    /// The instance.
    pub instance_id: Option<String>,
    /// The name of the device.
    pub device: Option<String>,
    /// `attaching`, `attached` … (`<status>`).
    pub state: String,
    /// When it was attached.
    pub attach_time: Timestamp,
}
