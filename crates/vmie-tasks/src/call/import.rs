//! The parameters of the imports from buckets, and of their lists and cancel.

use alloc::string::String;
use alloc::vec::Vec;

use super::{Filter, TagSpecification};
use crate::source::{SourceUrl, UserBucket};
use crate::time::Timestamp;

/// A number of the API's type double. Two are equal when their bits are.
#[derive(Clone, Copy, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Double(pub f64);

impl PartialEq for Double {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl Eq for Double {}

/// What a client says of its upload. Nothing depends on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct ClientData {
    /// Free text.
    pub comment: Option<String>,
    /// When the upload ended.
    pub upload_end: Option<Timestamp>,
    /// How large it is, in GiB.
    pub upload_size: Option<Double>,
    /// When the upload began.
    pub upload_start: Option<Timestamp>,
}

/// A disk container (SVC-TASK-8): a format, and exactly one of the three places.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DiskContainer {
    /// Free text.
    pub description: Option<String>,
    /// The name of the device in the image (import-image only).
    pub device_name: Option<String>,
    /// The format, as sent.
    pub format: Option<String>,
    /// The place as an address.
    pub url: Option<SourceUrl>,
    /// The place as bucket and key.
    pub user_bucket: Option<UserBucket>,
    /// The place as a snapshot (import-image only).
    pub snapshot_id: Option<String>,
}

/// The parameters of ImportImage, as sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct ImportImageRequest {
    /// `i386` or `x86_64`.
    pub architecture: Option<String>,
    /// `legacy-bios`, `uefi` or `uefi-preferred`.
    pub boot_mode: Option<String>,
    /// About the upload.
    pub client_data: Option<alloc::boxed::Box<ClientData>>,
    /// Makes the call safe to repeat (SVC-OBS-6).
    pub client_token: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// The disks.
    pub disk_containers: Vec<DiskContainer>,
    /// Asks only whether the call would be allowed.
    pub dry_run: bool,
    /// Encrypts the image.
    pub encrypted: Option<bool>,
    /// `xen`.
    pub hypervisor: Option<String>,
    /// The key to encrypt with.
    pub kms_key_id: Option<String>,
    /// License configurations, by ARN.
    pub license_specifications: Vec<String>,
    /// `AWS` or `BYOL`.
    pub license_type: Option<String>,
    /// `Linux` or `Windows`.
    pub platform: Option<String>,
    /// The service role, `vmimport` if it is not named.
    pub role_name: Option<String>,
    /// Tags of the task.
    pub tag_specifications: Vec<TagSpecification>,
    /// A usage operation (SVC-LIC-4) in place of the license type.
    pub usage_operation: Option<String>,
}

/// The parameters of ImportSnapshot, as sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct ImportSnapshotRequest {
    /// About the upload.
    pub client_data: Option<alloc::boxed::Box<ClientData>>,
    /// Makes the call safe to repeat (SVC-OBS-6).
    pub client_token: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// The disk.
    pub disk_container: Option<DiskContainer>,
    /// Asks only whether the call would be allowed.
    pub dry_run: bool,
    /// Encrypts the snapshot.
    pub encrypted: Option<bool>,
    /// The key to encrypt with.
    pub kms_key_id: Option<String>,
    /// The service role, `vmimport` if it is not named.
    pub role_name: Option<String>,
    /// Tags of the task.
    pub tag_specifications: Vec<TagSpecification>,
}

/// The parameters of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DescribeRequest {
    /// Asks only whether the call would be allowed.
    pub dry_run: bool,
    /// All of these must hold.
    pub filters: Vec<Filter>,
    /// The tasks to list; all if there are none.
    pub import_task_ids: Vec<String>,
    /// How many tasks to answer at once, 1 to 1000.
    pub max_results: Option<i64>,
    /// Where the answer before this one ended.
    pub next_token: Option<String>,
}

/// The parameters of CancelImportTask.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CancelRequest {
    /// Why; it stays in the task's status message.
    pub cancel_reason: Option<String>,
    /// Asks only whether the call would be allowed.
    pub dry_run: bool,
    /// The task.
    pub import_task_id: Option<String>,
}
