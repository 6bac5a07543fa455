//! The exports, their lists and their cancel.

use vmie_tasks::{
    CancelExportTaskRequest, CreateInstanceExportTaskRequest, DescribeExportImageTasksRequest,
    DescribeExportTasksRequest, ExportImageRequest, ExportImageTask, ExportLocation, ExportTask,
    ExportToS3, ExportToS3Task, InstanceExportDetails, S3ExportLocation,
};

use super::{list_form, list_xml};

request! {
    ExportToS3 {
        "DiskImageFormat" disk_image_format: one_of("VMDK", "RAW", "VHD");
        "ContainerFormat" container_format: one_of("ova");
        "S3Bucket" s3_bucket;
        "S3Prefix" s3_prefix;
    }
}

request! {
    CreateInstanceExportTaskRequest {
        "TagSpecification.N" tag_specifications;
        "Description" description;
        "InstanceId" instance_id: required;
        "TargetEnvironment" target_environment: required, one_of("citrix", "vmware", "microsoft");
        "ExportToS3" export_to_s3;
    }
}

request! {
    S3ExportLocation {
        "S3Bucket" s3_bucket: required;
        "S3Prefix" s3_prefix;
    }
}

request! {
    ExportImageRequest {
        "ClientToken" client_token;
        "Description" description;
        "DiskImageFormat" disk_image_format: required, one_of("VMDK", "RAW", "VHD");
        "DryRun" dry_run;
        "ImageId" image_id: required;
        "S3ExportLocation" s3_export_location: required;
        "RoleName" role_name;
        "TagSpecification.N" tag_specifications;
    }
}

request! {
    DescribeExportTasksRequest {
        "Filter.N" filters;
        "ExportTaskId.N" export_task_ids;
    }
}

request! {
    DescribeExportImageTasksRequest {
        "DryRun" dry_run;
        "Filter.N" filters;
        "ExportImageTaskId.N" export_image_task_ids;
        "MaxResults" max_results;
        "NextToken" next_token;
    }
}

request! {
    CancelExportTaskRequest {
        "ExportTaskId" export_task_id: required;
    }
}

reply! {
    ExportTask {
        "description" description;
        "exportTaskId" export_task_id;
        "exportToS3" export_to_s3;
        "instanceExport" instance_export;
        "state" state;
        "statusMessage" status_message;
        "tagSet.item" tags;
    }
}

crate::xml::present! { ExportTask }

reply! {
    ExportToS3Task {
        "containerFormat" container_format;
        "diskImageFormat" disk_image_format;
        "s3Bucket" s3_bucket;
        "s3Key" s3_key;
    }
}

reply! {
    InstanceExportDetails {
        "instanceId" instance_id;
        "targetEnvironment" target_environment;
    }
}

reply! {
    ExportLocation {
        "s3Bucket" s3_bucket;
        "s3Prefix" s3_prefix;
    }
}

reply! {
    ExportImageTask {
        "description" description;
        "diskImageFormat" disk_image_format;
        "exportImageTaskId" export_image_task_id;
        "imageId" image_id;
        "roleName" role_name;
        "progress" progress;
        "s3ExportLocation" s3_export_location;
        "status" status;
        "statusMessage" status_message;
        "tagSet.item" tags;
    }
}
