//! What a host is to do, and what its workers say of it.
//!
//! An order is known by its task and its step. Each attempt at it has a number; only the latest
//! attempt is listened to. Orders hold all that a worker needs: it asks the engine nothing.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use vmie_rules::SvcId;
use vmie_rules::format::ImageFormat;
use vmie_rules::guest::{BootMode, Platform};
use vmie_rules::license::{LicenseType, LicensedSystem};
use vmie_rules::manifest::Manifest;

use crate::call::{Caller, LaunchSpecification, Tag};
use crate::id::{ImageId, InstanceId, SnapshotId, TaskId, VolumeId};
use crate::source::{Source, SourceUrl, UserBucket};

/// The version of [`Begin`] that this crate writes.
pub const ORDER_VERSION: u16 = 1;

/// The number of an attempt at an order, from 1.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct Attempt(pub u32);

impl Attempt {
    /// The first.
    pub const FIRST: Self = Self(1);

    pub(crate) fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A step of a task.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Step {
    /// Look whether one disk's manifest and parts are there (conversion tasks).
    Upload(u32),
    /// Open all sources, verify them, and say what the guest is.
    Validate,
    /// Convert one disk, by its number in [`Validated::disks`].
    Convert(u32),
    /// Change the guest.
    Update,
    /// Boot the guest.
    Boot,
    /// Make the result visible under its final names.
    Publish,
    /// Remove everything that the task left, results included.
    Cleanup,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Upload(disk) => write!(f, "upload-{disk}"),
            Self::Validate => f.write_str("validate"),
            Self::Convert(disk) => write!(f, "convert-{disk}"),
            Self::Update => f.write_str("update"),
            Self::Boot => f.write_str("boot"),
            Self::Publish => f.write_str("publish"),
            Self::Cleanup => f.write_str("cleanup"),
        }
    }
}

/// An order: a step of a task.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct OrderId {
    /// The task.
    pub task: TaskId,
    /// The step.
    pub step: Step,
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.task, self.step)
    }
}

/// An order to begin.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Begin {
    /// [`ORDER_VERSION`].
    pub version: u16,
    /// Which order.
    pub order: OrderId,
    /// Which attempt at it. A second attempt may find what the first left behind.
    pub attempt: Attempt,
    /// On whose behalf.
    pub caller: Arc<Caller>,
    /// What to do.
    pub work: Work,
}

/// What to do. Every kind of work must be safe to do twice.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "work", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Work {
    /// [`Step::Validate`]; ends with [`WorkerEvent::Validated`].
    Validate(ValidateWork),
    /// [`Step::Convert`]; ends with [`WorkerEvent::Converted`].
    Convert(ConvertWork),
    /// [`Step::Update`]; ends with [`WorkerEvent::Updated`].
    Update(UpdateWork),
    /// [`Step::Boot`]; ends with [`WorkerEvent::Booted`].
    Boot(UpdateWork),
    /// [`Step::Publish`] of an image; ends with [`WorkerEvent::Published`]. No temporary data
    /// of the task may be left when it ends.
    PublishImage(PublishImageWork),
    /// [`Step::Publish`] of a snapshot; ends with [`WorkerEvent::Published`]. No temporary data
    /// of the task may be left when it ends.
    PublishSnapshot(PublishSnapshotWork),
    /// [`Step::Upload`]; ends with [`WorkerEvent::Uploaded`].
    CheckUpload(UploadWork),
    /// [`Step::Publish`] of an instance or a volume; ends with [`WorkerEvent::Published`]. No
    /// temporary data of the task may be left when it ends.
    PublishVolumes(PublishVolumesWork),
    /// [`Step::Validate`] of an export; ends with [`WorkerEvent::Validated`], whose disks are
    /// those of the order.
    CheckExport(ExportWork),
    /// [`Step::Update`] of an export: takes the state of the disks; ends with
    /// [`WorkerEvent::Updated`].
    PrepareExport(ExportWork),
    /// [`Step::Convert`] of an export; ends with [`WorkerEvent::Converted`].
    ExportDisk(ExportDiskWork),
    /// [`Step::Publish`] of an export: the final image goes into the bucket; ends with
    /// [`WorkerEvent::Published`].
    Transfer(TransferWork),
    /// [`Step::Cleanup`]; ends with [`WorkerEvent::Cleaned`]. It comes after the aborts of the
    /// task's other orders: their work must have ended before it starts.
    Cleanup(CleanupWork),
}

/// What the request says of the guest.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Expectations {
    /// The platform.
    pub platform: Option<Platform>,
    /// The architecture, by the API's name.
    pub architecture: Option<String>,
    /// The boot mode.
    pub boot_mode: Option<BootMode>,
    /// The license type, or that of the usage operation.
    pub license_type: Option<LicenseType>,
    /// The usage operation.
    pub usage_operation: Option<String>,
}

/// Open all sources, verify them, and say what the guest is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ValidateWork {
    /// The sources, in the order of the request.
    pub sources: Vec<Source>,
    /// What the guest should be; absent for a snapshot, whose content is not looked at.
    pub guest: Option<Expectations>,
}

/// Convert one disk.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ConvertWork {
    /// The source that holds the disk.
    pub source: Source,
    /// The disk's number among all disks of the task.
    pub index: u32,
    /// What validating found it to be.
    pub disk: DiskFacts,
}

/// Change, or boot, the guest on the converted disks.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct UpdateWork {
    /// The disks as converted.
    pub disks: Vec<Converted>,
    /// What the guest is.
    pub guest: GuestFacts,
}

/// A snapshot to make of a converted disk.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SnapshotToMake {
    /// Its id.
    pub snapshot_id: SnapshotId,
    /// The name of its device in the image.
    pub device_name: String,
    /// The disk's number among all disks of the task.
    pub index: u32,
    /// The disk as converted.
    pub converted: Converted,
}

/// Make an image and its snapshots visible.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PublishImageWork {
    /// Its id.
    pub image_id: ImageId,
    /// Its name: the id of the task (SVC-OBS-7).
    pub name: String,
    /// As requested.
    pub description: Option<String>,
    /// Its snapshots, one per disk, the first being the root.
    pub snapshots: Vec<SnapshotToMake>,
    /// What the guest is, with what the request decides.
    pub guest: GuestFacts,
    /// The license type.
    pub license_type: LicenseType,
    /// The usage operation, if one was requested.
    pub usage_operation: Option<String>,
    /// Whether to encrypt.
    pub encrypted: bool,
    /// The key to encrypt with.
    pub kms_key_id: Option<String>,
    /// Tags of the task, for the image and its snapshots.
    pub tags: Vec<Tag>,
}

/// Make a snapshot visible.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PublishSnapshotWork {
    /// Its id.
    pub snapshot_id: SnapshotId,
    /// As requested.
    pub description: Option<String>,
    /// The disk as converted.
    pub converted: Converted,
    /// Whether to encrypt.
    pub encrypted: bool,
    /// The key to encrypt with.
    pub kms_key_id: Option<String>,
    /// Tags of the task, for the snapshot.
    pub tags: Vec<Tag>,
}

/// Look whether the manifest of a disk and all parts that it names are there (SVC-MAN-3): read
/// the manifest, and ask for the head of every part.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct UploadWork {
    /// The disk's number among the disks of the task.
    pub index: u32,
    /// Where the manifest will be. It is a secret.
    pub manifest: SourceUrl,
}

/// What was found of an upload.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Uploaded {
    /// The manifest, once it is there. A wrong one fails the task.
    pub manifest: Option<Manifest>,
    /// How many of its parts are there in their full length.
    pub present: u32,
}

/// A volume to make of a converted disk.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct VolumeToMake {
    /// Its id.
    pub volume_id: VolumeId,
    /// The name of its device at the instance.
    pub device_name: String,
    /// The disk's number among the disks of the task.
    pub index: u32,
    /// Its size, in GiB.
    pub size: u64,
    /// The disk as converted.
    pub converted: Converted,
}

/// An instance to make of volumes. It is not started: it ends in the state stopped (SVC-TASK-3).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct InstanceToMake {
    /// Its id.
    pub instance_id: InstanceId,
    /// The platform.
    pub platform: Option<Platform>,
    /// As requested.
    pub launch: LaunchSpecification,
}

/// Make volumes, and perhaps an instance, visible; then remove the uploads.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PublishVolumesWork {
    /// The instance, for ImportInstance.
    pub instance: Option<InstanceToMake>,
    /// The volumes, the root first.
    pub volumes: Vec<VolumeToMake>,
    /// The zone of the volumes.
    pub availability_zone: Option<String>,
    /// As requested.
    pub description: Option<String>,
    /// Manifests whose parts are deleted by their `delete-url`, and which are then deleted
    /// themselves by their `self-destruct-url` (SVC-MAN-3).
    pub uploads: Vec<SourceUrl>,
}

/// What is exported.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExportSource {
    /// An instance, which may be rebooted for it.
    Instance(InstanceId),
    /// An image.
    Image(ImageId),
}

/// A disk to export.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ExportedDisk {
    /// The name of its device.
    pub device_name: String,
    /// Its snapshot.
    pub snapshot_id: Option<SnapshotId>,
    /// Its volume, at an instance.
    pub volume_id: Option<VolumeId>,
    /// Its size, in GiB.
    pub size: u64,
}

/// An export as a worker gets it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ExportWork {
    /// What is exported.
    pub source: ExportSource,
    /// Its disks, the root first.
    pub disks: Vec<ExportedDisk>,
    /// The format of the disks: VHD, VMDK (stream-optimized) or raw (SVC-FMT-6).
    pub format: ImageFormat,
    /// Whether the disks go into an OVA.
    pub ova: bool,
}

/// Convert one disk for an export.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ExportDiskWork {
    /// The export.
    pub export: ExportWork,
    /// The number of the disk.
    pub index: u32,
}

/// Put the result of an export into the bucket.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TransferWork {
    /// The export.
    pub export: ExportWork,
    /// The disks as converted.
    pub disks: Vec<Converted>,
    /// Where to: one object, or one per disk when there are several and no OVA holds them.
    pub objects: Vec<UserBucket>,
    /// Tags of the task, for the objects.
    pub tags: Vec<Tag>,
}

/// Remove everything that the task left.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CleanupWork {
    /// An image that publishing may have begun to make.
    pub image_id: Option<ImageId>,
    /// Snapshots that publishing may have begun to make.
    pub snapshot_ids: Vec<SnapshotId>,
    /// An instance that publishing may have begun to make.
    #[serde(default)]
    pub instance_id: Option<InstanceId>,
    /// Volumes that publishing may have begun to make.
    #[serde(default)]
    pub volume_ids: Vec<VolumeId>,
    /// Objects of an export, also partly written ones (SVC-TASK-6).
    #[serde(default)]
    pub objects: Vec<UserBucket>,
}

/// What a worker says of an attempt.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum WorkerEvent {
    /// It works on it.
    Started,
    /// How far it is, in units of its own choice (bytes, for a conversion).
    Progress {
        /// Done so far.
        done: u64,
        /// All there is to do.
        total: u64,
    },
    /// [`Step::Upload`] has ended: what is there by now.
    Uploaded(Uploaded),
    /// [`Step::Validate`] has ended.
    Validated(Validated),
    /// [`Step::Convert`] has ended.
    Converted(Converted),
    /// [`Step::Update`] has ended.
    Updated {
        /// Whether anything in the guest was changed.
        changed: bool,
    },
    /// [`Step::Boot`] has ended.
    Booted,
    /// [`Step::Publish`] has ended: the result is visible and durable.
    Published,
    /// [`Step::Cleanup`] has ended: nothing of the task is left.
    Cleaned,
    /// The attempt has failed.
    Failed(Failure),
}

/// Why an attempt or a task failed.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Failure {
    /// A stable name of the cause.
    pub code: String,
    /// The service's text, which becomes the task's `StatusMessage`.
    pub message: String,
    /// What exactly is wrong, where, and what mends it. Never with a signed address in it.
    pub detail: String,
    /// The points that say so.
    pub svc: Vec<SvcId>,
    /// Whether the cause can pass, so that another attempt makes sense.
    pub retryable: bool,
}

/// A disk found in a source.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DiskFacts {
    /// The container of the request that holds it, from 0.
    pub container: u32,
    /// Its number among the container's disks, from 0: an OVA has several.
    pub member: u32,
    /// Its own format.
    pub format: ImageFormat,
    /// Its size as stored, in bytes.
    pub stored_size: u64,
    /// Its size as a disk, in bytes.
    pub virtual_size: u64,
}

/// What the guest is. `None` means that it could not be established, or that nobody looked.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct GuestFacts {
    /// The platform.
    pub platform: Option<Platform>,
    /// What licensing makes of it.
    pub system: Option<LicensedSystem>,
    /// The architecture, by the API's name.
    pub architecture: Option<String>,
    /// How it boots.
    pub boot_mode: Option<BootMode>,
    /// Whether it has the ENA driver, so that the image supports it (SVC-LIM-8).
    #[serde(default)]
    pub ena_support: Option<bool>,
}

/// Whether a guest is taken.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Verdict {
    /// It is.
    Accepted,
    /// It is not.
    Refused(Failure),
    /// A missing fact decides; the failure says which.
    Undetermined(Failure),
}

/// What validating found.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Validated {
    /// Every disk of every source, in order; the first holds the root volume.
    pub disks: Vec<DiskFacts>,
    /// What the guest is.
    pub guest: GuestFacts,
    /// Whether it is taken. For a snapshot, only whether the file can be read.
    pub verdict: Verdict,
}

/// A disk after its conversion.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Converted {
    /// SHA-256 of the disk's content, in lower-case hexadecimal.
    pub sha256: String,
    /// Its size as a disk, in bytes.
    pub virtual_size: u64,
    /// How much of it holds data, in bytes.
    pub data_bytes: u64,
}
