//! The imports from buckets, their lists and their cancel; and what all requests share.

use vmie_tasks::{
    CancelRequest, ClientData, DescribeRequest, DiskContainer, Filter, ImportImageRequest,
    ImportImageTask, ImportSnapshotRequest, ImportSnapshotTask, SnapshotDetail, SnapshotTaskDetail,
    Tag, TagSpecification, UserBucket,
};

use super::{list_form, list_xml};

both! {
    Tag {
        "Key" "key" key;
        "Value" "value" value;
    }
}

both! {
    UserBucket {
        "S3Bucket" "s3Bucket" bucket;
        "S3Key" "s3Key" key;
    }
}

request! {
    TagSpecification {
        "ResourceType" resource_type;
        "Tag.N" tags;
    }
}

request! {
    Filter {
        "Name" name;
        "Value.N" values;
    }
}

request! {
    ClientData {
        "Comment" comment;
        "UploadEnd" upload_end;
        "UploadSize" upload_size;
        "UploadStart" upload_start;
    }
}

request! {
    DiskContainer {
        "Description" description;
        "DeviceName" device_name;
        "Format" format;
        "SnapshotId" snapshot_id;
        "Url" url;
        "UserBucket" user_bucket;
    }
}

request! {
    ImportImageRequest {
        "Architecture" architecture;
        "ClientData" client_data;
        "ClientToken" client_token;
        "Description" description;
        "DiskContainer.N" disk_containers;
        "DryRun" dry_run;
        "Encrypted" encrypted;
        "Hypervisor" hypervisor;
        "KmsKeyId" kms_key_id;
        "LicenseType" license_type;
        "Platform" platform;
        "RoleName" role_name;
        "LicenseSpecifications.N.LicenseConfigurationArn" license_specifications;
        "TagSpecification.N" tag_specifications;
        "UsageOperation" usage_operation;
        "BootMode" boot_mode: one_of("legacy-bios", "uefi", "uefi-preferred");
    }
}

request! {
    ImportSnapshotRequest {
        "ClientData" client_data;
        "ClientToken" client_token;
        "Description" description;
        "DiskContainer" disk_container: without("DeviceName", "SnapshotId");
        "DryRun" dry_run;
        "Encrypted" encrypted;
        "KmsKeyId" kms_key_id;
        "RoleName" role_name;
        "TagSpecification.N" tag_specifications;
    }
}

request! {
    DescribeRequest {
        "DryRun" dry_run;
        "Filters.N" filters;
        "ImportTaskId.N" import_task_ids;
        "MaxResults" max_results;
        "NextToken" next_token;
    }
}

request! {
    CancelRequest {
        "CancelReason" cancel_reason;
        "DryRun" dry_run;
        "ImportTaskId" import_task_id;
    }
}

reply! {
    ImportImageTask {
        "architecture" architecture;
        "description" description;
        "encrypted" encrypted;
        "hypervisor" hypervisor;
        "imageId" image_id;
        "importTaskId" import_task_id;
        "kmsKeyId" kms_key_id;
        "licenseType" license_type;
        "platform" platform;
        "progress" progress;
        "snapshotDetailSet.item" snapshot_details;
        "status" status;
        "statusMessage" status_message;
        "licenseSpecifications.item.licenseConfigurationArn" license_specifications;
        "tagSet.item" tags;
        "usageOperation" usage_operation;
        "bootMode" boot_mode;
    }
}

reply! {
    SnapshotDetail {
        "description" description;
        "deviceName" device_name;
        "diskImageSize" disk_image_size: double;
        "format" format;
        "progress" progress;
        "snapshotId" snapshot_id;
        "status" status;
        "statusMessage" status_message;
        "url" url;
        "userBucket" user_bucket;
    }
}

reply! {
    ImportSnapshotTask {
        "description" description;
        "importTaskId" import_task_id;
        "snapshotTaskDetail" snapshot_task_detail;
        "tagSet.item" tags;
    }
}

reply! {
    SnapshotTaskDetail {
        "description" description;
        "diskImageSize" disk_image_size: double;
        "encrypted" encrypted;
        "format" format;
        "kmsKeyId" kms_key_id;
        "progress" progress;
        "snapshotId" snapshot_id;
        "status" status;
        "statusMessage" status_message;
        "url" url;
        "userBucket" user_bucket;
    }
}

crate::xml::present! { SnapshotTaskDetail }
