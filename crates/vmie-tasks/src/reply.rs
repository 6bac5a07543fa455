//! What a call is answered with.

use alloc::string::String;
use alloc::vec::Vec;

use vmie_rules::api::ApiCode;
use vmie_rules::guest::{BootMode, Platform};
use vmie_rules::license::LicenseType;
use vmie_rules::status::Status;

use crate::call::Tag;
use crate::id::{ImageId, SnapshotId, TaskId};
use crate::source::{SourceUrl, UserBucket};

/// The answer to a call that was taken.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
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
}

/// The answer to a call that was not taken.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ApiError {
    /// The code.
    pub code: ApiCode,
    /// What is wrong, in a sentence.
    pub message: String,
}

impl ApiError {
    pub(crate) fn new(code: ApiCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}

/// A task of ImportImage as lists show it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
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
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct SnapshotDetail {
    /// As requested.
    pub description: Option<String>,
    /// After updating.
    pub device_name: Option<String>,
    /// The stored file's size in bytes; 0 until it is known.
    pub disk_image_size: u64,
    /// As sent; for a disk inside an OVA its own, once that was opened.
    pub format: Option<String>,
    /// The snapshot, from preparing ami on.
    pub snapshot_id: Option<SnapshotId>,
    /// `active` or `completed`, from converting on.
    pub status: Option<Status>,
    /// As requested. It may be a secret.
    pub url: Option<SourceUrl>,
    /// As requested, or taken from the address.
    pub user_bucket: Option<UserBucket>,
}

/// A task of ImportSnapshot as lists show it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
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
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
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
