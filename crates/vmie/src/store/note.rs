//! What the store says of its disks and images, in documents beside them.

use std::fs;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use vmie_io::Fault;
use vmie_rules::guest::Platform;
use vmie_tasks::{ImageId, InstanceId, SnapshotId, Tag, TaskId, Timestamp, VolumeId};

use crate::{Cause, Error};

/// Name and version of a document in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreSchema {
    /// Which document.
    pub name: String,
    /// Which version of it.
    pub version: u32,
}

impl StoreSchema {
    pub(crate) fn first(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: 1,
        }
    }
}

/// What `snap-….json` says of the disk beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SnapshotNote {
    /// `vmie.snapshot`.
    pub schema: StoreSchema,
    /// The id.
    pub snapshot_id: SnapshotId,
    /// The task that made it.
    pub task_id: TaskId,
    /// Free text.
    pub description: Option<String>,
    /// SHA-256 of the disk, in lower-case hexadecimal.
    pub sha256: String,
    /// Length of the disk in bytes.
    pub virtual_size: u64,
    /// How much of it holds data, in bytes.
    pub data_bytes: u64,
    /// Tags.
    pub tags: Vec<Tag>,
    /// When it was made.
    pub created: Timestamp,
}

/// A disk of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ImageDisk {
    /// The snapshot's id; its bytes are in `snap-….raw` beside the image's folder.
    pub snapshot_id: SnapshotId,
    /// The name of its device.
    pub device_name: String,
    /// SHA-256 of the disk, in lower-case hexadecimal.
    pub sha256: String,
    /// Length of the disk in bytes.
    pub virtual_size: u64,
}

/// What `ami-…/image.json` says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ImageNote {
    /// `vmie.image`.
    pub schema: StoreSchema,
    /// The id.
    pub image_id: ImageId,
    /// The image's name: the id of its task (SVC-OBS-7).
    pub name: String,
    /// Free text.
    pub description: Option<String>,
    /// The platform, when it is known.
    pub platform: Option<vmie_rules::guest::Platform>,
    /// The architecture, when it is known.
    pub architecture: Option<String>,
    /// How it boots, when it is known.
    pub boot_mode: Option<vmie_rules::guest::BootMode>,
    /// The license type.
    pub license_type: vmie_rules::license::LicenseType,
    /// The usage operation, if one was requested.
    pub usage_operation: Option<String>,
    /// Tags.
    pub tags: Vec<Tag>,
    /// The disks, the one with the root first.
    pub disks: Vec<ImageDisk>,
    /// What was found in the guest when it was validated.
    pub report: Option<serde_json::Value>,
    /// When it was made.
    pub created: Timestamp,
}

/// What `vol-….json` says of the disk beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct VolumeNote {
    /// `vmie.volume`.
    pub schema: StoreSchema,
    /// The id.
    pub volume_id: VolumeId,
    /// The task that made it; `None` when it was made of a snapshot.
    pub task_id: Option<TaskId>,
    /// The snapshot that it was made of.
    pub snapshot_id: Option<SnapshotId>,
    /// Its size in GiB. What is behind the end of the file is zero.
    pub size: u64,
    /// SHA-256 of the disk as it was when the volume was made, in lower-case hexadecimal.
    pub sha256: String,
    /// Length of the file in bytes.
    pub virtual_size: u64,
    /// How much of it held data, in bytes.
    pub data_bytes: u64,
    /// Its zone.
    pub availability_zone: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// When it was made.
    pub created: Timestamp,
}

/// A volume of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct InstanceDisk {
    /// The volume's id; its bytes are in `vol-….raw`.
    pub volume_id: VolumeId,
    /// The name of its device.
    pub device_name: String,
}

/// What `i-….json` says of an instance that import-instance made. It is stopped (SVC-TASK-3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct InstanceNote {
    /// `vmie.instance`.
    pub schema: StoreSchema,
    /// The id.
    pub instance_id: InstanceId,
    /// The task that made it.
    pub task_id: TaskId,
    /// The platform.
    pub platform: Option<Platform>,
    /// The architecture.
    pub architecture: Option<String>,
    /// The type.
    pub instance_type: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// The volumes, the root first.
    pub disks: Vec<InstanceDisk>,
    /// When it was made.
    pub created: Timestamp,
}

/// A document of the store as bytes.
pub(crate) fn json(document: &impl Serialize, path: &Path) -> Result<Vec<u8>, Error> {
    let mut bytes = serde_json::to_vec_pretty(document)
        .map_err(|error| Error::write(path, std::io::Error::from(error)))?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// A document of the store; `None` when there is none.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, Error> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::read(path, error)),
    };
    match serde_json::from_slice(&text) {
        Ok(document) => Ok(Some(document)),
        Err(error) => {
            let fault = Fault::new(Cause::NotAStore)
                .in_structure("record")
                .with_source(error);
            Err(Error::from(fault).in_file(path))
        }
    }
}
