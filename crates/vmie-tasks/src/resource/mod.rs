//! What tasks make and exports read: images, snapshots, volumes and instances, as records. Those
//! that the engine made stand in its own records; others are told by the [`World`](crate::World).

mod book;

use alloc::string::String;
use alloc::vec::Vec;

use vmie_rules::guest::{BootMode, Platform};

use crate::call::Tag;
use crate::id::{ImageId, InstanceId, SnapshotId, TaskId, VolumeId};
use crate::reply::ProductCode;
use crate::time::Timestamp;

pub(crate) use book::Book;

/// Bytes of one GiB.
const GIB: u64 = 1 << 30;

/// Whole GiB that hold so many bytes.
pub(crate) fn gib(bytes: u64) -> u64 {
    bytes.div_ceil(GIB).max(1)
}

fn completed() -> String {
    String::from("completed")
}

fn available() -> String {
    String::from("available")
}

fn stopped() -> String {
    String::from("stopped")
}

fn one() -> u32 {
    1
}

/// A device of an image or an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Device {
    /// Its name: `/dev/sda1`.
    pub device_name: String,
    /// The snapshot of an EBS volume.
    pub snapshot_id: Option<SnapshotId>,
    /// The volume, at an instance.
    pub volume_id: Option<VolumeId>,
    /// The size of the volume, in GiB; that of its snapshot if it is not named.
    pub volume_size: Option<u64>,
    /// An instance-store volume, by its name: `ephemeral0`. It is not exported (SVC-TASK-4).
    pub virtual_name: Option<String>,
    /// Whether it came to the instance after the launch, so that no mapping names it.
    pub attached_after_launch: bool,
    /// Whether the volume itself is encrypted, whatever its snapshot is.
    pub encrypted: bool,
}

/// An image.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageRecord {
    /// Its id.
    pub id: ImageId,
    /// The account that owns it.
    pub owner: String,
    /// The Region it is in.
    pub region: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Free text.
    #[serde(default)]
    pub description: Option<String>,
    /// `Linux/UNIX`, `Windows` …
    #[serde(default)]
    pub platform_details: Option<String>,
    /// What is billed (SVC-LIC-4): it tells of software that the provider licenses.
    #[serde(default)]
    pub usage_operation: Option<String>,
    /// The platform.
    #[serde(default)]
    pub platform: Option<Platform>,
    /// `i386` or `x86_64`.
    #[serde(default)]
    pub architecture: Option<String>,
    /// How it boots.
    #[serde(default)]
    pub boot_mode: Option<BootMode>,
    /// Whether the guest has the ENA driver (SVC-LIM-8).
    #[serde(default)]
    pub ena_support: Option<bool>,
    /// Its devices.
    #[serde(default)]
    pub devices: Vec<Device>,
    /// The name of the root's device.
    #[serde(default)]
    pub root_device_name: Option<String>,
    /// Software of third parties in it (the marketplace's).
    #[serde(default)]
    pub product_codes: Vec<ProductCode>,
    /// Whether GRUB2 is set up for BIOS and UEFI both, which is not exported (SVC-BOOT-8).
    #[serde(default)]
    pub hybrid_grub: bool,
    /// `hvm` or `paravirtual`.
    #[serde(default)]
    pub virtualization_type: Option<String>,
    /// Accounts that it is shared with.
    #[serde(default)]
    pub shared_with: Vec<String>,
    /// Whether everybody may launch it.
    #[serde(default)]
    pub public: bool,
    /// When it was made.
    #[serde(default)]
    pub created: Timestamp,
    /// `available` …
    #[serde(default = "available")]
    pub state: String,
    /// The task that made it.
    #[serde(default)]
    pub made_by: Option<TaskId>,
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<Tag>,
}

/// A snapshot.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnapshotRecord {
    /// Its id.
    pub id: SnapshotId,
    /// The account that owns it.
    pub owner: String,
    /// The Region it is in.
    pub region: String,
    /// The size of a volume of it, in GiB.
    pub volume_size: u64,
    /// Free text.
    #[serde(default)]
    pub description: Option<String>,
    /// Whether it is encrypted.
    #[serde(default)]
    pub encrypted: bool,
    /// The key it is encrypted with.
    #[serde(default)]
    pub kms_key_id: Option<String>,
    /// Accounts that it is shared with.
    #[serde(default)]
    pub shared_with: Vec<String>,
    /// How much data it holds, in bytes.
    #[serde(default)]
    pub data_bytes: Option<u64>,
    /// The volume it was made of; an imported one has an arbitrary id (SVC-TASK-2).
    #[serde(default)]
    pub volume_id: Option<VolumeId>,
    /// When it was made.
    #[serde(default)]
    pub created: Timestamp,
    /// `completed` …
    #[serde(default = "completed")]
    pub state: String,
    /// The task that made it.
    #[serde(default)]
    pub made_by: Option<TaskId>,
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<Tag>,
}

/// A volume.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VolumeRecord {
    /// Its id.
    pub id: VolumeId,
    /// The account that owns it.
    pub owner: String,
    /// The Region it is in.
    pub region: String,
    /// Its zone.
    #[serde(default)]
    pub availability_zone: Option<String>,
    /// Its size, in GiB.
    pub size: u64,
    /// `gp2` …
    #[serde(default)]
    pub volume_type: Option<String>,
    /// Operations per second.
    #[serde(default)]
    pub iops: Option<i64>,
    /// MiB per second.
    #[serde(default)]
    pub throughput: Option<i64>,
    /// What it was made of.
    #[serde(default)]
    pub snapshot_id: Option<SnapshotId>,
    /// Whether it is encrypted.
    #[serde(default)]
    pub encrypted: bool,
    /// The key it is encrypted with.
    #[serde(default)]
    pub kms_key_id: Option<String>,
    /// The instance it is attached to, and the name of the device there.
    #[serde(default)]
    pub attached_to: Option<Attachment>,
    /// The token of the call that made it.
    #[serde(default)]
    pub client_token: Option<String>,
    /// When it was made.
    #[serde(default)]
    pub created: Timestamp,
    /// The task that made it.
    #[serde(default)]
    pub made_by: Option<TaskId>,
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<Tag>,
}

/// Where a volume is attached.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attachment {
    /// The instance.
    pub instance_id: InstanceId,
    /// The name of the device.
    pub device_name: String,
    /// Since when.
    #[serde(default)]
    pub at: Timestamp,
}

/// An instance.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstanceRecord {
    /// Its id.
    pub id: InstanceId,
    /// The account that owns it.
    pub owner: String,
    /// The Region it is in.
    pub region: String,
    /// Its zone.
    #[serde(default)]
    pub availability_zone: Option<String>,
    /// The image it was launched from; none for one that import-instance made.
    #[serde(default)]
    pub image_id: Option<ImageId>,
    /// `t2.micro` …
    #[serde(default)]
    pub instance_type: Option<String>,
    /// The platform.
    #[serde(default)]
    pub platform: Option<Platform>,
    /// `stopped`, `running` …
    #[serde(default = "stopped")]
    pub state: String,
    /// Its devices, the root first.
    #[serde(default)]
    pub devices: Vec<Device>,
    /// How many network interfaces it has.
    #[serde(default = "one")]
    pub network_interfaces: u32,
    /// Software of third parties in it.
    #[serde(default)]
    pub product_codes: Vec<ProductCode>,
    /// What is billed (SVC-LIC-4), where that is not its image's.
    #[serde(default)]
    pub usage_operation: Option<String>,
    /// Whether its GRUB2 is set up for BIOS and UEFI both, which is not exported (SVC-BOOT-8).
    #[serde(default)]
    pub hybrid_grub: bool,
    /// When it was launched.
    #[serde(default)]
    pub created: Timestamp,
    /// The task that made it.
    #[serde(default)]
    pub made_by: Option<TaskId>,
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<Tag>,
}

/// One of them, as a record of the engine.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(clippy::large_enum_variant, reason = "it is moved once and not kept")]
pub(crate) enum Resource {
    Image(ImageRecord),
    Snapshot(SnapshotRecord),
    Volume(VolumeRecord),
    Instance(InstanceRecord),
}

/// An image, a snapshot, a volume or an instance in a record, for hosts that keep data for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Made<'a> {
    /// An image.
    Image(&'a ImageRecord),
    /// A snapshot.
    Snapshot(&'a SnapshotRecord),
    /// A volume.
    Volume(&'a VolumeRecord),
    /// An instance.
    Instance(&'a InstanceRecord),
}

impl Resource {
    pub(crate) fn view(&self) -> Made<'_> {
        match self {
            Self::Image(one) => Made::Image(one),
            Self::Snapshot(one) => Made::Snapshot(one),
            Self::Volume(one) => Made::Volume(one),
            Self::Instance(one) => Made::Instance(one),
        }
    }
}
