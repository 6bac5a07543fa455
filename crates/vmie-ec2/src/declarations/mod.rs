//! The declarations: every action with its request and its reply.

#[macro_use]
mod macros;

mod conversion;
mod ec2;
mod export;
mod import;

use vmie_rules::status::Status;
use vmie_tasks::{
    Action, AttachVolumeRequest, CancelConversionTaskRequest, CancelExportTaskRequest,
    CancelRequest, ConversionTask, CreateInstanceExportTaskRequest, CreateVolumeRequest,
    DeleteSnapshotRequest, DeleteSnapshotResult, DeregisterImageRequest,
    DescribeConversionTasksRequest, DescribeExportImageTasksRequest, DescribeExportTasksRequest,
    DescribeImagesRequest, DescribeRequest, DescribeSnapshotsRequest, ExportImageRequest,
    ExportImageTask, ExportTask, Image, ImageId, ImportImageRequest, ImportImageTask,
    ImportInstanceRequest, ImportSnapshotRequest, ImportSnapshotTask, ImportVolumeRequest,
    RegisterImageRequest, Reply, Snapshot, TaskId, Volume, VolumeAttachment,
};

use crate::form::{FormField, FormValue, FormWriter, VERSION};
use crate::rule::Rule;
#[cfg(any(test, feature = "samples"))]
use crate::sample::{Dice, Sample};
use crate::table::Entry;
use crate::xml::{Element, NotOnTheWire, XmlCause, XmlError, XmlField, XmlValue, XmlWriter};

actions! {
    ImportImage ImportImageRequest
    ImportSnapshot ImportSnapshotRequest
    ImportInstance ImportInstanceRequest
    ImportVolume ImportVolumeRequest
    CreateInstanceExportTask CreateInstanceExportTaskRequest
    ExportImage ExportImageRequest
    DescribeImportImageTasks DescribeRequest
    DescribeImportSnapshotTasks DescribeRequest
    DescribeConversionTasks DescribeConversionTasksRequest
    DescribeExportTasks DescribeExportTasksRequest
    DescribeExportImageTasks DescribeExportImageTasksRequest
    CancelImportTask CancelRequest
    CancelConversionTask CancelConversionTaskRequest
    CancelExportTask CancelExportTaskRequest
    RegisterImage RegisterImageRequest
    DeregisterImage DeregisterImageRequest
    DescribeImages DescribeImagesRequest
    DescribeSnapshots DescribeSnapshotsRequest
    DeleteSnapshot DeleteSnapshotRequest
    CreateVolume CreateVolumeRequest
    AttachVolume AttachVolumeRequest
}

replies! {
    ImportImage whole (ImportImageTask without "bootMode");
    ImportSnapshot whole (ImportSnapshotTask);
    ImportInstance inside ("conversionTask" ConversionTask);
    ImportVolume inside ("conversionTask" ConversionTask);
    CreateInstanceExportTask inside ("exportTask" ExportTask);
    ExportImage whole (ExportImageTask);
    DescribeImportImageTasks members {
        "importImageTaskSet.item" tasks: Vec<ImportImageTask>, always;
        "nextToken" next_token: Option<String>;
    };
    DescribeImportSnapshotTasks members {
        "importSnapshotTaskSet.item" tasks: Vec<ImportSnapshotTask>, always;
        "nextToken" next_token: Option<String>;
    };
    DescribeConversionTasks members {
        "conversionTasks.item" tasks: Vec<ConversionTask>, always;
    };
    DescribeExportTasks members {
        "exportTaskSet.item" tasks: Vec<ExportTask>, always;
    };
    DescribeExportImageTasks members {
        "exportImageTaskSet.item" tasks: Vec<ExportImageTask>, always, without("diskImageFormat", "roleName");
        "nextToken" next_token: Option<String>;
    };
    CancelImportTask members {
        "importTaskId" import_task_id: TaskId;
        "previousState" previous_state: Status;
        "state" state: Status;
    };
    CancelConversionTask done {};
    CancelExportTask done {};
    RegisterImage members {
        "imageId" image_id: ImageId;
    };
    DeregisterImage done {
        "deleteSnapshotResultSet.item" delete_snapshot_results: Vec<DeleteSnapshotResult>;
    };
    DescribeImages members {
        "imagesSet.item" images: Vec<Image>, always;
        "nextToken" next_token: Option<String>;
    };
    DescribeSnapshots members {
        "snapshotSet.item" snapshots: Vec<Snapshot>, always;
        "nextToken" next_token: Option<String>;
    };
    DeleteSnapshot done {};
    CreateVolume whole (Volume);
    AttachVolume whole (VolumeAttachment);
}

/// An action without an output answers `true`; anything else is no answer.
fn returned(root: &Element) -> Result<(), XmlError> {
    let returned = <Option<bool> as XmlField>::fetch(root, "return", &Rule::REPLY)?;
    if returned == Some(true) {
        return Ok(());
    }
    let expected = "Use true.".to_owned();
    Err(root.error(XmlCause::Value { expected }))
}

/// Lists a member by its type, which the place that it is read from tells.
fn list_form<S, F: FormField>(
    _: impl Fn(&S) -> &F,
    name: &str,
    prefix: &str,
    rule: &Rule,
    entries: &mut Vec<Entry>,
) {
    F::list(name, prefix, rule, entries);
}

/// The same for a reply.
fn list_xml<S, F: XmlField>(
    _: impl Fn(&S) -> &F,
    name: &str,
    prefix: &str,
    rule: &Rule,
    entries: &mut Vec<Entry>,
) {
    F::list(name, prefix, rule, entries);
}
