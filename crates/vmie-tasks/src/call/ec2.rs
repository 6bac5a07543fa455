//! The parameters of the actions around the imports and exports: images, snapshots, volumes.

use alloc::string::String;
use alloc::vec::Vec;

use super::{Filter, TagSpecification};

/// A volume of a block device mapping, in requests and replies.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct EbsBlockDevice {
    /// Whether the volume goes with its instance.
    pub delete_on_termination: Option<bool>,
    /// Operations per second.
    pub iops: Option<i64>,
    /// What the volume is made of.
    pub snapshot_id: Option<String>,
    /// Its size, in GiB.
    pub volume_size: Option<i64>,
    /// `standard`, `io1`, `io2`, `gp2`, `sc1`, `st1` or `gp3`.
    pub volume_type: Option<String>,
    /// The key it is encrypted with.
    pub kms_key_id: Option<String>,
    /// MiB per second.
    pub throughput: Option<i64>,
    /// An outpost.
    pub outpost_arn: Option<String>,
    /// The name of a zone.
    pub availability_zone: Option<String>,
    /// Whether it is encrypted.
    pub encrypted: Option<bool>,
    /// MiB per second while it is filled.
    pub volume_initialization_rate: Option<i64>,
    /// The id of a zone.
    pub availability_zone_id: Option<String>,
    /// The number of an EBS card.
    pub ebs_card_index: Option<i64>,
}

/// One entry of a block device mapping, in requests and replies.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct BlockDeviceMapping {
    /// A volume.
    pub ebs: Option<EbsBlockDevice>,
    /// Takes the device out of the mapping.
    pub no_device: Option<String>,
    /// The name of the device.
    pub device_name: Option<String>,
    /// An instance-store volume: `ephemeral0` …
    pub virtual_name: Option<String>,
}

/// The parameters of RegisterImage, as sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct RegisterImageRequest {
    /// A manifest of an instance-store image: not supported here.
    pub image_location: Option<String>,
    /// Billing products: not supported here.
    pub billing_products: Vec<String>,
    /// `legacy-bios`, `uefi` or `uefi-preferred`.
    pub boot_mode: Option<String>,
    /// `v2.0`.
    pub tpm_support: Option<String>,
    /// The UEFI variables, Base64.
    pub uefi_data: Option<String>,
    /// `v2.0`.
    pub imds_support: Option<String>,
    /// Tags of the image and its snapshots.
    pub tag_specifications: Vec<TagSpecification>,
    /// Asks only whether the call would be allowed.
    pub dry_run: bool,
    /// The name: no other image of the account and Region has it.
    pub name: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// `i386` (the default) or `x86_64` …
    pub architecture: Option<String>,
    /// A kernel, for paravirtual images.
    pub kernel_id: Option<String>,
    /// A RAM disk, for paravirtual images.
    pub ramdisk_id: Option<String>,
    /// The device of the root volume.
    pub root_device_name: Option<String>,
    /// The devices.
    pub block_device_mappings: Vec<BlockDeviceMapping>,
    /// `hvm` or `paravirtual` (the default).
    pub virtualization_type: Option<String>,
    /// `simple`.
    pub sriov_net_support: Option<String>,
    /// Whether the guest has the ENA driver.
    pub ena_support: Option<bool>,
}

/// The parameters of DeregisterImage.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DeregisterImageRequest {
    /// The image.
    pub image_id: Option<String>,
    /// Whether its snapshots go with it, if no other image has them.
    pub delete_associated_snapshots: Option<bool>,
    /// Asks only whether the call would be allowed.
    pub dry_run: bool,
}

/// The parameters of DescribeImages.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DescribeImagesRequest {
    /// Accounts that may use the image, `self` or `all`.
    pub executable_by: Vec<String>,
    /// The images to list; all that the caller sees if there are none.
    pub image_ids: Vec<String>,
    /// Accounts that own the image, or `self`.
    pub owners: Vec<String>,
    /// Whether to list deprecated images.
    pub include_deprecated: Option<bool>,
    /// Whether to list disabled images.
    pub include_disabled: Option<bool>,
    /// How many images to answer at once.
    pub max_results: Option<i64>,
    /// Where the answer before this one ended.
    pub next_token: Option<String>,
    /// Asks only whether the call would be allowed.
    pub dry_run: bool,
    /// All of these must hold.
    pub filters: Vec<Filter>,
}

/// The parameters of DescribeSnapshots.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DescribeSnapshotsRequest {
    /// How many snapshots to answer at once.
    pub max_results: Option<i64>,
    /// Where the answer before this one ended.
    pub next_token: Option<String>,
    /// Accounts that own the snapshot, or `self`.
    pub owner_ids: Vec<String>,
    /// Accounts that may make volumes of it.
    pub restorable_by: Vec<String>,
    /// The snapshots to list; all that the caller sees if there are none.
    pub snapshot_ids: Vec<String>,
    /// Asks only whether the call would be allowed.
    pub dry_run: bool,
    /// All of these must hold.
    pub filters: Vec<Filter>,
}

/// The parameters of DeleteSnapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DeleteSnapshotRequest {
    /// The snapshot.
    pub snapshot_id: Option<String>,
    /// Asks only whether the call would be allowed.
    pub dry_run: bool,
}

/// The parameters of CreateVolume, as sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct CreateVolumeRequest {
    /// The name of the zone.
    pub availability_zone: Option<String>,
    /// The id of the zone.
    pub availability_zone_id: Option<String>,
    /// Whether to encrypt it.
    pub encrypted: Option<bool>,
    /// Operations per second.
    pub iops: Option<i64>,
    /// The key to encrypt with.
    pub kms_key_id: Option<String>,
    /// An outpost.
    pub outpost_arn: Option<String>,
    /// The size, in GiB.
    pub size: Option<i64>,
    /// What to make it of.
    pub snapshot_id: Option<String>,
    /// `standard`, `io1`, `io2`, `gp2` (the default), `sc1`, `st1` or `gp3`.
    pub volume_type: Option<String>,
    /// Tags of the volume.
    pub tag_specifications: Vec<TagSpecification>,
    /// Whether several instances may have it.
    pub multi_attach_enabled: Option<bool>,
    /// MiB per second.
    pub throughput: Option<i64>,
    /// Makes the call safe to repeat (SVC-OBS-6).
    pub client_token: Option<String>,
    /// MiB per second while it is filled.
    pub volume_initialization_rate: Option<i64>,
    /// `Operator.Principal`: a service that manages it.
    pub operator_principal: Option<String>,
    /// Asks only whether the call would be allowed.
    pub dry_run: bool,
}

/// The parameters of AttachVolume.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct AttachVolumeRequest {
    /// The name of the device.
    pub device: Option<String>,
    /// The instance.
    pub instance_id: Option<String>,
    /// The volume.
    pub volume_id: Option<String>,
    /// The number of an EBS card.
    pub ebs_card_index: Option<i64>,
    /// Asks only whether the call would be allowed.
    pub dry_run: bool,
}
