//! What a call is answered with.

mod conversion;
mod ec2;
mod export;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

pub use conversion::{
    ConversionTask, DiskImageDescription, DiskImageVolumeDescription, ImportInstanceTaskDetails,
    ImportVolumeTaskDetails,
};
pub use ec2::{
    DeleteSnapshotResult, Image, ImageWatermark, InstanceTypeSpecification, ProductCode,
    ScanResults, Snapshot, StateReason, Volume, VolumeAttachment, VolumeOperator,
};
pub use export::{
    ExportImageTask, ExportLocation, ExportTask, ExportToS3Task, InstanceExportDetails,
};
use vmie_rules::SvcId;
use vmie_rules::api::ApiCode;
use vmie_rules::guest::{BootMode, Platform};
use vmie_rules::iam::Question;
use vmie_rules::license::LicenseType;
use vmie_rules::status::Status;

use crate::call::Tag;
use crate::id::{ImageId, SnapshotId, TaskId};
use crate::source::{SourceUrl, UserBucket};

/// The answer to a call that was taken.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "reply", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Reply {
    /// To ImportImage: the new task.
    ImportImage(ImportImageTask),
    /// To ImportSnapshot: the new task.
    ImportSnapshot(ImportSnapshotTask),
    /// To DescribeImportImageTasks.
    DescribeImportImageTasks {
        /// The tasks, oldest first.
        tasks: Vec<ImportImageTask>,
        /// Where the next answer goes on, if there is more.
        next_token: Option<String>,
    },
    /// To DescribeImportSnapshotTasks.
    DescribeImportSnapshotTasks {
        /// The tasks, oldest first.
        tasks: Vec<ImportSnapshotTask>,
        /// Where the next answer goes on, if there is more.
        next_token: Option<String>,
    },
    /// To CancelImportTask.
    CancelImportTask {
        /// The task.
        import_task_id: TaskId,
        /// Its status before.
        previous_state: Status,
        /// Its status now.
        state: Status,
    },
    /// To ImportInstance: the new task.
    ImportInstance(ConversionTask),
    /// To ImportVolume: the new task.
    ImportVolume(ConversionTask),
    /// To DescribeConversionTasks.
    DescribeConversionTasks {
        /// The tasks, oldest first.
        tasks: Vec<ConversionTask>,
    },
    /// To CancelConversionTask: done.
    CancelConversionTask,
    /// To CreateInstanceExportTask: the new task.
    CreateInstanceExportTask(ExportTask),
    /// To DescribeExportTasks.
    DescribeExportTasks {
        /// The tasks, oldest first.
        tasks: Vec<ExportTask>,
    },
    /// To ExportImage: the new task.
    ExportImage(ExportImageTask),
    /// To DescribeExportImageTasks.
    DescribeExportImageTasks {
        /// The tasks, oldest first.
        tasks: Vec<ExportImageTask>,
        /// Where the next answer goes on, if there is more.
        next_token: Option<String>,
    },
    /// To CancelExportTask: done.
    CancelExportTask,
    /// To RegisterImage.
    RegisterImage {
        /// The new image.
        image_id: ImageId,
    },
    /// To DeregisterImage: done.
    DeregisterImage {
        /// What became of the image's snapshots, if they were to go with it.
        delete_snapshot_results: Vec<DeleteSnapshotResult>,
    },
    /// To DescribeImages.
    DescribeImages {
        /// The images.
        images: Vec<Image>,
        /// Where the next answer goes on, if there is more.
        next_token: Option<String>,
    },
    /// To DescribeSnapshots.
    DescribeSnapshots {
        /// The snapshots.
        snapshots: Vec<Snapshot>,
        /// Where the next answer goes on, if there is more.
        next_token: Option<String>,
    },
    /// To DeleteSnapshot: done.
    DeleteSnapshot,
    /// To CreateVolume: the new volume.
    CreateVolume(Volume),
    /// To AttachVolume.
    AttachVolume(VolumeAttachment),
}

/// The answer to a call that was not taken.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ApiError {
    /// The code.
    pub code: ApiCode,
    /// What is wrong, in a sentence.
    pub message: String,
    /// Which of the causes that have this text it is. It does not go over the wire.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Box<Cause>>,
}

/// What stands behind an error's text: one text of the service has many causes (SVC-OBS-8).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Cause {
    /// A stable name.
    pub code: String,
    /// What exactly is wrong, and what mends it. Never with a signed address in it.
    pub detail: String,
    /// The points that say so.
    pub svc: Vec<SvcId>,
    /// The action that a policy does not allow: `s3:GetObject`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// On what it does not: an ARN, or `*`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
}

impl ApiError {
    /// An error whose text says all.
    pub fn new(code: ApiCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            cause: None,
        }
    }

    /// An error with its cause.
    pub fn because(
        code: ApiCode,
        message: impl Into<String>,
        cause: &str,
        detail: &str,
        svc: SvcId,
    ) -> Self {
        Self {
            code,
            message: message.into(),
            cause: Some(Box::new(Cause {
                code: cause.into(),
                detail: detail.into(),
                svc: [svc].into(),
                action: None,
                resource: None,
            })),
        }
    }

    /// Another point that says so.
    pub(crate) fn also(&mut self, svc: SvcId) {
        if let Some(cause) = &mut self.cause {
            cause.svc.push(svc);
        }
    }

    /// What a policy was asked.
    pub(crate) fn asks(&mut self, question: &Question<'_>) {
        if let Some(cause) = &mut self.cause {
            cause.action = Some(question.action.into());
            cause.resource = Some(question.resource.into());
        }
    }

    /// The name of the cause, where there is one.
    #[must_use]
    pub fn cause_code(&self) -> Option<&str> {
        self.cause.as_ref().map(|cause| cause.code.as_str())
    }
}

/// A task of ImportImage as lists show it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ImportImageTask {
    /// Its id.
    pub import_task_id: TaskId,
    /// `active`, `deleting`, `deleted` or `completed`.
    pub status: Status,
    /// Where it is, or why it ended.
    pub status_message: Option<String>,
    /// In percent; absent at the end.
    pub progress: Option<u8>,
    /// As requested.
    pub description: Option<String>,
    /// As requested at first, as found after updating: `x86_64`.
    pub architecture: Option<String>,
    /// As requested at first, as found after updating.
    pub platform: Option<Platform>,
    /// As requested at first, as decided after updating.
    pub license_type: Option<LicenseType>,
    /// As requested.
    pub usage_operation: Option<String>,
    /// As requested.
    pub license_specifications: Vec<String>,
    /// As requested at first, as decided after updating.
    pub boot_mode: Option<BootMode>,
    /// As requested.
    pub hypervisor: Option<String>,
    /// As requested.
    pub encrypted: Option<bool>,
    /// As requested.
    pub kms_key_id: Option<String>,
    /// The image, once it is there.
    pub image_id: Option<ImageId>,
    /// One per container at first, one per disk once the containers were opened.
    pub snapshot_details: Vec<SnapshotDetail>,
    /// Tags of the task.
    pub tags: Vec<Tag>,
}

/// A disk of an ImportImage task.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SnapshotDetail {
    /// As requested.
    pub description: Option<String>,
    /// After updating.
    pub device_name: Option<String>,
    /// The stored file's size in bytes; 0 until it is known.
    pub disk_image_size: u64,
    /// As sent; for a disk inside an OVA its own, once that was opened.
    pub format: Option<String>,
    /// In percent, while the disk is converted.
    pub progress: Option<u8>,
    /// The snapshot, from preparing ami on.
    pub snapshot_id: Option<SnapshotId>,
    /// `active` or `completed`, from converting on.
    pub status: Option<Status>,
    /// Where the disk is, while it is converted.
    pub status_message: Option<String>,
    /// As requested. It may be a secret.
    pub url: Option<SourceUrl>,
    /// As requested, or taken from the address.
    pub user_bucket: Option<UserBucket>,
}

/// A task of ImportSnapshot as lists show it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ImportSnapshotTask {
    /// Its id.
    pub import_task_id: TaskId,
    /// As requested for the task.
    pub description: Option<String>,
    /// The rest.
    pub snapshot_task_detail: SnapshotTaskDetail,
    /// Tags of the task.
    pub tags: Vec<Tag>,
}

/// The detail of an ImportSnapshot task.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SnapshotTaskDetail {
    /// As requested for the disk.
    pub description: Option<String>,
    /// The stored file's size in bytes; 0 until it is known.
    pub disk_image_size: u64,
    /// As requested.
    pub encrypted: Option<bool>,
    /// As sent.
    pub format: Option<String>,
    /// As requested.
    pub kms_key_id: Option<String>,
    /// In percent; absent at the end.
    pub progress: Option<u8>,
    /// The snapshot, once it is there.
    pub snapshot_id: Option<SnapshotId>,
    /// `active`, `deleting`, `deleted` or `completed`.
    pub status: Status,
    /// Where it is, or why it ended.
    pub status_message: Option<String>,
    /// As requested. It may be a secret.
    pub url: Option<SourceUrl>,
    /// As requested, or taken from the address.
    pub user_bucket: Option<UserBucket>,
}
