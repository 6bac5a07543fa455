//! Tasks of the exports as lists show them.

use alloc::string::String;
use alloc::vec::Vec;

use vmie_rules::status::{Status, TaskState};

use crate::call::Tag;
use crate::id::TaskId;

/// A task of CreateInstanceExportTask.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ExportTask {
    /// As requested.
    pub description: Option<String>,
    /// Its id.
    pub export_task_id: TaskId,
    /// Where it goes.
    pub export_to_s3: Option<ExportToS3Task>,
    /// What it exports.
    pub instance_export: Option<InstanceExportDetails>,
    /// `active`, `cancelling`, `cancelled` or `completed`.
    pub state: TaskState,
    /// Where it is, or why it ended.
    pub status_message: Option<String>,
    /// Tags of the task.
    pub tags: Vec<Tag>,
}

/// Where an instance export goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ExportToS3Task {
    /// `ova`.
    pub container_format: Option<String>,
    /// `vmdk`, `raw` or `vhd`.
    pub disk_image_format: Option<String>,
    /// The bucket.
    pub s3_bucket: Option<String>,
    /// The key: prefix, task id, `.`, format.
    pub s3_key: Option<String>,
}

/// What an instance export exports.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct InstanceExportDetails {
    /// The instance.
    pub instance_id: Option<String>,
    /// `citrix`, `vmware` or `microsoft`.
    pub target_environment: Option<String>,
}

/// Where an image export goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ExportLocation {
    /// The bucket.
    pub s3_bucket: Option<String>,
    /// What the key starts with.
    pub s3_prefix: Option<String>,
}

/// A task of ExportImage. The first reply holds all; lists leave `disk_image_format` and
/// `role_name` out.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ExportImageTask {
    /// As requested.
    pub description: Option<String>,
    /// As requested: `VMDK`, `RAW` or `VHD`.
    pub disk_image_format: Option<String>,
    /// Its id.
    pub export_image_task_id: TaskId,
    /// The image.
    pub image_id: Option<String>,
    /// As requested.
    pub role_name: Option<String>,
    /// In percent; absent at the end.
    pub progress: Option<u8>,
    /// Where it goes.
    pub s3_export_location: Option<ExportLocation>,
    /// `active`, `deleting`, `deleted` or `completed`.
    pub status: Status,
    /// Where it is, or why it ended.
    pub status_message: Option<String>,
    /// Tags of the task.
    pub tags: Vec<Tag>,
}
