//! The parameters of the imports by manifest (SVC-TASK-3), and of their list and cancel.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::source::SourceUrl;

/// The file to import.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct DiskImageDetail {
    /// `VMDK`, `RAW` or `VHD`, as sent.
    pub format: Option<String>,
    /// The size of the file, in bytes.
    pub bytes: Option<i64>,
    /// Where the manifest will be: a signed address, which is a secret.
    pub import_manifest_url: Option<SourceUrl>,
}

/// A disk of ImportInstance.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct DiskImage {
    /// Free text.
    pub description: Option<String>,
    /// The file.
    pub image: Option<DiskImageDetail>,
    /// The size of the volume, in GiB (`Volume.Size`).
    pub volume_size: Option<i64>,
}

/// Where an instance runs. Only the zone matters here.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Placement {
    /// The id of the zone.
    pub availability_zone_id: Option<String>,
    /// `default` or `host`.
    pub affinity: Option<String>,
    /// The name of a placement group.
    pub group_name: Option<String>,
    /// The partition of the placement group.
    pub partition_number: Option<i64>,
    /// A dedicated host.
    pub host_id: Option<String>,
    /// `default`, `dedicated` or `host`.
    pub tenancy: Option<String>,
    /// Reserved by the API.
    pub spread_domain: Option<String>,
    /// A host resource group.
    pub host_resource_group_arn: Option<String>,
    /// The id of a placement group.
    pub group_id: Option<String>,
    /// The name of the zone.
    pub availability_zone: Option<String>,
}

/// How the instance of ImportInstance is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct LaunchSpecification {
    /// `i386` or `x86_64`.
    pub architecture: Option<String>,
    /// Security groups by name.
    pub group_names: Vec<String>,
    /// Security groups by id.
    pub group_ids: Vec<String>,
    /// Reserved by the API.
    pub additional_info: Option<String>,
    /// `UserData.Data`: Base64.
    pub user_data: Option<String>,
    /// The type, such as `m3.large`.
    pub instance_type: Option<String>,
    /// Where it runs.
    pub placement: Option<Box<Placement>>,
    /// Whether it is monitored.
    pub monitoring: Option<bool>,
    /// Its subnet.
    pub subnet_id: Option<String>,
    /// `stop` or `terminate`.
    pub instance_initiated_shutdown_behavior: Option<String>,
    /// Its address in the subnet.
    pub private_ip_address: Option<String>,
}

/// The parameters of ImportInstance, as sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct ImportInstanceRequest {
    /// Asks only whether the call would be allowed.
    pub dry_run: bool,
    /// Free text.
    pub description: Option<String>,
    /// How the instance is to be.
    pub launch_specification: Option<Box<LaunchSpecification>>,
    /// The disks, the root first.
    pub disk_images: Vec<DiskImage>,
    /// `Windows`; `Linux` is taken, too (SVC-TASK-3).
    pub platform: Option<String>,
}

/// The parameters of ImportVolume, as sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct ImportVolumeRequest {
    /// The id of the volume's zone.
    pub availability_zone_id: Option<String>,
    /// Asks only whether the call would be allowed.
    pub dry_run: bool,
    /// The name of the volume's zone.
    pub availability_zone: Option<String>,
    /// The file.
    pub image: Option<DiskImageDetail>,
    /// Free text.
    pub description: Option<String>,
    /// The size of the volume, in GiB (`Volume.Size`).
    pub volume_size: Option<i64>,
}

/// The parameters of DescribeConversionTasks: neither filters nor pages (SVC-OBS-5).
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DescribeConversionTasksRequest {
    /// Asks only whether the call would be allowed.
    pub dry_run: bool,
    /// The tasks to list; all if there are none.
    pub conversion_task_ids: Vec<String>,
}

/// The parameters of CancelConversionTask.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CancelConversionTaskRequest {
    /// Asks only whether the call would be allowed.
    pub dry_run: bool,
    /// The task.
    pub conversion_task_id: Option<String>,
    /// Why; it stays in the task's status message.
    pub reason_message: Option<String>,
}
