//! What comes in: API calls.

mod conversion;
mod ec2;
mod export;
mod import;

use alloc::string::String;
use alloc::vec::Vec;

pub use conversion::{
    CancelConversionTaskRequest, DescribeConversionTasksRequest, DiskImage, DiskImageDetail,
    ImportInstanceRequest, ImportVolumeRequest, LaunchSpecification, Placement,
};
pub use ec2::{
    AttachVolumeRequest, BlockDeviceMapping, CreateVolumeRequest, DeleteSnapshotRequest,
    DeregisterImageRequest, DescribeImagesRequest, DescribeSnapshotsRequest, EbsBlockDevice,
    RegisterImageRequest,
};
pub use export::{
    CancelExportTaskRequest, CreateInstanceExportTaskRequest, DescribeExportImageTasksRequest,
    DescribeExportTasksRequest, ExportImageRequest, ExportToS3, S3ExportLocation,
};
pub use import::{
    CancelRequest, ClientData, DescribeRequest, DiskContainer, Double, ImportImageRequest,
    ImportSnapshotRequest,
};

/// On whose behalf a call comes. Tasks of one account and Region are invisible to all others.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct Caller {
    /// The account.
    pub account: String,
    /// The Region's code.
    pub region: String,
}

/// A call and its caller. It can hold signed addresses and must be kept like them (SVC-SEC-3).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ApiCall {
    /// On whose behalf.
    pub caller: Caller,
    /// What is asked.
    pub action: Action,
}

/// The actions.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub enum Action {
    /// Imports a machine as an image.
    ImportImage(ImportImageRequest),
    /// Imports a disk as a snapshot.
    ImportSnapshot(ImportSnapshotRequest),
    /// Imports a machine as a stopped instance, by manifests.
    ImportInstance(ImportInstanceRequest),
    /// Imports a disk as a volume, by a manifest.
    ImportVolume(ImportVolumeRequest),
    /// Exports an instance.
    CreateInstanceExportTask(CreateInstanceExportTaskRequest),
    /// Exports an image.
    ExportImage(ExportImageRequest),
    /// Lists tasks of ImportImage.
    DescribeImportImageTasks(DescribeRequest),
    /// Lists tasks of ImportSnapshot.
    DescribeImportSnapshotTasks(DescribeRequest),
    /// Lists tasks of ImportInstance and ImportVolume.
    DescribeConversionTasks(DescribeConversionTasksRequest),
    /// Lists tasks of CreateInstanceExportTask.
    DescribeExportTasks(DescribeExportTasksRequest),
    /// Lists tasks of ExportImage.
    DescribeExportImageTasks(DescribeExportImageTasksRequest),
    /// Cancels a task of ImportImage or ImportSnapshot.
    CancelImportTask(CancelRequest),
    /// Cancels a task of ImportInstance or ImportVolume.
    CancelConversionTask(CancelConversionTaskRequest),
    /// Cancels a task of either export.
    CancelExportTask(CancelExportTaskRequest),
    /// Makes an image of snapshots.
    RegisterImage(RegisterImageRequest),
    /// Removes an image.
    DeregisterImage(DeregisterImageRequest),
    /// Lists images.
    DescribeImages(DescribeImagesRequest),
    /// Lists snapshots.
    DescribeSnapshots(DescribeSnapshotsRequest),
    /// Removes a snapshot.
    DeleteSnapshot(DeleteSnapshotRequest),
    /// Makes a volume, of a snapshot or empty.
    CreateVolume(CreateVolumeRequest),
    /// Attaches a volume to an instance.
    AttachVolume(AttachVolumeRequest),
}

/// A tag.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Tag {
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
}

/// Tags for a kind of resource.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TagSpecification {
    /// The kind: `import-image-task`, `export-instance-task`, `image` …
    pub resource_type: String,
    /// The tags.
    pub tags: Vec<Tag>,
}

/// A filter of a list.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Filter {
    /// `task-state` for tasks (SVC-OBS-5), `image-id`, `tag:KEY` … for what they make.
    pub name: String,
    /// Any of these.
    pub values: Vec<String>,
}

impl Action {
    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::ImportImage(_) => "ImportImage",
            Self::ImportSnapshot(_) => "ImportSnapshot",
            Self::ImportInstance(_) => "ImportInstance",
            Self::ImportVolume(_) => "ImportVolume",
            Self::CreateInstanceExportTask(_) => "CreateInstanceExportTask",
            Self::ExportImage(_) => "ExportImage",
            Self::DescribeImportImageTasks(_) => "DescribeImportImageTasks",
            Self::DescribeImportSnapshotTasks(_) => "DescribeImportSnapshotTasks",
            Self::DescribeConversionTasks(_) => "DescribeConversionTasks",
            Self::DescribeExportTasks(_) => "DescribeExportTasks",
            Self::DescribeExportImageTasks(_) => "DescribeExportImageTasks",
            Self::CancelImportTask(_) => "CancelImportTask",
            Self::CancelConversionTask(_) => "CancelConversionTask",
            Self::CancelExportTask(_) => "CancelExportTask",
            Self::RegisterImage(_) => "RegisterImage",
            Self::DeregisterImage(_) => "DeregisterImage",
            Self::DescribeImages(_) => "DescribeImages",
            Self::DescribeSnapshots(_) => "DescribeSnapshots",
            Self::DeleteSnapshot(_) => "DeleteSnapshot",
            Self::CreateVolume(_) => "CreateVolume",
            Self::AttachVolume(_) => "AttachVolume",
        }
    }
}
