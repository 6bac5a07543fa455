//! Tasks of ImportInstance and ImportVolume as lists show them.

use alloc::string::String;
use alloc::vec::Vec;

use vmie_rules::guest::Platform;
use vmie_rules::status::{Status, TaskState};

use crate::call::Tag;
use crate::id::{InstanceId, TaskId, VolumeId};
use crate::source::SourceUrl;
use crate::time::Timestamp;

/// A conversion task.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ConversionTask {
    /// Its id.
    pub conversion_task_id: TaskId,
    /// When it is cancelled if the upload is not there (SVC-MAN-3).
    pub expiration_time: Option<Timestamp>,
    /// For ImportInstance.
    pub import_instance: Option<ImportInstanceTaskDetails>,
    /// For ImportVolume.
    pub import_volume: Option<ImportVolumeTaskDetails>,
    /// `active`, `cancelling`, `cancelled` or `completed`.
    pub state: TaskState,
    /// Where it is, or why it ended.
    pub status_message: Option<String>,
    /// Tags of the task.
    pub tags: Vec<Tag>,
}

/// What is particular to ImportInstance.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ImportInstanceTaskDetails {
    /// As requested.
    pub description: Option<String>,
    /// The instance, which has its id from the start.
    pub instance_id: Option<InstanceId>,
    /// As requested.
    pub platform: Option<Platform>,
    /// One per disk.
    pub volumes: Vec<ImportVolumeTaskDetails>,
}

/// A disk of a conversion task. An ImportVolume task shows it without `status` and
/// `status_message`.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ImportVolumeTaskDetails {
    /// The name of the zone.
    pub availability_zone: Option<String>,
    /// The id of the zone.
    pub availability_zone_id: Option<String>,
    /// How much of the file was converted, in bytes.
    pub bytes_converted: u64,
    /// As requested.
    pub description: Option<String>,
    /// The file.
    pub image: DiskImageDescription,
    /// `active` or `completed` (ImportInstance only).
    pub status: Option<Status>,
    /// Where the disk is (ImportInstance only).
    pub status_message: Option<String>,
    /// The volume.
    pub volume: DiskImageVolumeDescription,
}

/// The file of a disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DiskImageDescription {
    /// Of the file, once it was read.
    pub checksum: Option<String>,
    /// `VMDK`, `RAW` or `VHD`.
    pub format: Option<String>,
    /// As requested. It is a secret.
    pub import_manifest_url: Option<SourceUrl>,
    /// The size of the file, in bytes.
    pub size: u64,
}

/// The volume of a disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DiskImageVolumeDescription {
    /// The volume, once it is there.
    pub id: Option<VolumeId>,
    /// Its size, in GiB.
    pub size: u64,
}
