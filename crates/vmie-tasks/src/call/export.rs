//! The parameters of the exports (SVC-TASK-4, SVC-TASK-5), and of their lists and cancel.

use alloc::string::String;
use alloc::vec::Vec;

use super::{Filter, TagSpecification};

/// Where an instance export goes, and in which form.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct ExportToS3 {
    /// `VMDK`, `RAW` or `VHD`; the target environment's own if it is not named.
    pub disk_image_format: Option<String>,
    /// `ova`, or nothing for the disk alone.
    pub container_format: Option<String>,
    /// The bucket.
    pub s3_bucket: Option<String>,
    /// What the key starts with.
    pub s3_prefix: Option<String>,
}

/// The parameters of CreateInstanceExportTask, as sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct CreateInstanceExportTaskRequest {
    /// Tags of the task.
    pub tag_specifications: Vec<TagSpecification>,
    /// Free text.
    pub description: Option<String>,
    /// The instance.
    pub instance_id: Option<String>,
    /// `citrix`, `vmware` or `microsoft`.
    pub target_environment: Option<String>,
    /// Where to.
    pub export_to_s3: Option<ExportToS3>,
}

/// Where an image export goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct S3ExportLocation {
    /// The bucket.
    pub s3_bucket: Option<String>,
    /// What the key starts with.
    pub s3_prefix: Option<String>,
}

/// The parameters of ExportImage, as sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct ExportImageRequest {
    /// Makes the call safe to repeat (SVC-OBS-6).
    pub client_token: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// `VMDK`, `RAW` or `VHD`.
    pub disk_image_format: Option<String>,
    /// Asks only whether the call would be allowed.
    pub dry_run: bool,
    /// The image.
    pub image_id: Option<String>,
    /// Where to.
    pub s3_export_location: Option<S3ExportLocation>,
    /// The service role, `vmimport` if it is not named.
    pub role_name: Option<String>,
    /// Tags of the task.
    pub tag_specifications: Vec<TagSpecification>,
}

/// The parameters of DescribeExportTasks: no pages (SVC-OBS-5).
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DescribeExportTasksRequest {
    /// All of these must hold.
    pub filters: Vec<Filter>,
    /// The tasks to list; all if there are none.
    pub export_task_ids: Vec<String>,
}

/// The parameters of DescribeExportImageTasks.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DescribeExportImageTasksRequest {
    /// Asks only whether the call would be allowed.
    pub dry_run: bool,
    /// All of these must hold.
    pub filters: Vec<Filter>,
    /// The tasks to list; all if there are none.
    pub export_image_task_ids: Vec<String>,
    /// How many tasks to answer at once, 1 to 1000.
    pub max_results: Option<i64>,
    /// Where the answer before this one ended.
    pub next_token: Option<String>,
}

/// The parameters of CancelExportTask.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CancelExportTaskRequest {
    /// The task.
    pub export_task_id: Option<String>,
}
