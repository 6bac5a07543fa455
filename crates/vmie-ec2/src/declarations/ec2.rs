//! The actions around the imports and exports: images, snapshots, volumes.

use vmie_tasks::{
    AttachVolumeRequest, BlockDeviceMapping, CreateVolumeRequest, DeleteSnapshotRequest,
    DeleteSnapshotResult, DeregisterImageRequest, DescribeImagesRequest, DescribeSnapshotsRequest,
    EbsBlockDevice, Image, ImageWatermark, InstanceTypeSpecification, ProductCode,
    RegisterImageRequest, ScanResults, Snapshot, StateReason, Volume, VolumeAttachment,
    VolumeOperator,
};

use super::{list_form, list_xml};

both! {
    EbsBlockDevice {
        "DeleteOnTermination" "deleteOnTermination" delete_on_termination;
        "Iops" "iops" iops;
        "SnapshotId" "snapshotId" snapshot_id;
        "VolumeSize" "volumeSize" volume_size;
        "VolumeType" "volumeType" volume_type:
            one_of("standard", "io1", "io2", "gp2", "sc1", "st1", "gp3");
        "KmsKeyId" "kmsKeyId" kms_key_id;
        "Throughput" "throughput" throughput;
        "OutpostArn" "outpostArn" outpost_arn;
        "AvailabilityZone" "availabilityZone" availability_zone;
        "Encrypted" "encrypted" encrypted;
        "VolumeInitializationRate" "VolumeInitializationRate" volume_initialization_rate;
        "AvailabilityZoneId" "AvailabilityZoneId" availability_zone_id;
        "EbsCardIndex" "EbsCardIndex" ebs_card_index;
    }
}

both! {
    BlockDeviceMapping {
        "Ebs" "ebs" ebs;
        "NoDevice" "noDevice" no_device;
        "DeviceName" "deviceName" device_name;
        "VirtualName" "virtualName" virtual_name;
    }
}

request! {
    RegisterImageRequest {
        "ImageLocation" image_location;
        "BillingProduct.N" billing_products;
        "BootMode" boot_mode: one_of("legacy-bios", "uefi", "uefi-preferred");
        "TpmSupport" tpm_support: one_of("v2.0");
        "UefiData" uefi_data;
        "ImdsSupport" imds_support: one_of("v2.0");
        "TagSpecification.N" tag_specifications;
        "DryRun" dry_run;
        "Name" name: required;
        "Description" description;
        "Architecture" architecture: one_of("i386", "x86_64", "arm64", "x86_64_mac", "arm64_mac");
        "KernelId" kernel_id;
        "RamdiskId" ramdisk_id;
        "RootDeviceName" root_device_name;
        "BlockDeviceMapping.N" block_device_mappings;
        "VirtualizationType" virtualization_type;
        "SriovNetSupport" sriov_net_support;
        "EnaSupport" ena_support;
    }
}

request! {
    DeregisterImageRequest {
        "ImageId" image_id: required;
        "DeleteAssociatedSnapshots" delete_associated_snapshots;
        "DryRun" dry_run;
    }
}

request! {
    DescribeImagesRequest {
        "ExecutableBy.N" executable_by;
        "ImageId.N" image_ids;
        "Owner.N" owners;
        "IncludeDeprecated" include_deprecated;
        "IncludeDisabled" include_disabled;
        "MaxResults" max_results;
        "NextToken" next_token;
        "DryRun" dry_run;
        "Filter.N" filters;
    }
}

request! {
    DescribeSnapshotsRequest {
        "MaxResults" max_results;
        "NextToken" next_token;
        "Owner.N" owner_ids;
        "RestorableBy.N" restorable_by;
        "SnapshotId.N" snapshot_ids;
        "DryRun" dry_run;
        "Filter.N" filters;
    }
}

request! {
    DeleteSnapshotRequest {
        "SnapshotId" snapshot_id: required;
        "DryRun" dry_run;
    }
}

request! {
    CreateVolumeRequest {
        "AvailabilityZone" availability_zone;
        "AvailabilityZoneId" availability_zone_id;
        "Encrypted" encrypted;
        "Iops" iops;
        "KmsKeyId" kms_key_id;
        "OutpostArn" outpost_arn;
        "Size" size;
        "SnapshotId" snapshot_id;
        "VolumeType" volume_type: one_of("standard", "io1", "io2", "gp2", "sc1", "st1", "gp3");
        "TagSpecification.N" tag_specifications;
        "MultiAttachEnabled" multi_attach_enabled;
        "Throughput" throughput;
        "ClientToken" client_token;
        "VolumeInitializationRate" volume_initialization_rate;
        "Operator.Principal" operator_principal;
        "DryRun" dry_run;
    }
}

request! {
    AttachVolumeRequest {
        "Device" device: required;
        "InstanceId" instance_id: required;
        "VolumeId" volume_id: required;
        "EbsCardIndex" ebs_card_index;
        "DryRun" dry_run;
    }
}

reply! {
    DeleteSnapshotResult {
        "snapshotId" snapshot_id;
        "returnCode" return_code;
    }
}

reply! {
    StateReason {
        "code" code;
        "message" message;
    }
}

reply! {
    ProductCode {
        "productCode" product_code_id;
        "type" product_code_type;
    }
}

reply! {
    ImageWatermark {
        "watermarkKey" watermark_key;
        "sourceImageRegion" source_image_region;
        "sourceImageId" source_image_id;
        "sourceImageCreationTime" source_image_creation_time;
        "watermarkCreationTime" watermark_creation_time;
    }
}

reply! {
    ScanResults {
        "highestFindingSeverityLabel" highest_finding_severity_label;
        "findingScanDate" finding_scan_date;
        "informationalFixAvailableSince" informational_fix_available_since;
        "lowFixAvailableSince" low_fix_available_since;
        "mediumFixAvailableSince" medium_fix_available_since;
        "highFixAvailableSince" high_fix_available_since;
        "criticalFixAvailableSince" critical_fix_available_since;
    }
}

reply! {
    InstanceTypeSpecification {
        "supportedInstanceTypeSet.item.instanceType" supported_instance_types;
        "unsupportedInstanceTypeSet.item.instanceType" unsupported_instance_types;
    }
}

reply! {
    Image {
        "platformDetails" platform_details;
        "usageOperation" usage_operation;
        "blockDeviceMapping.item" block_device_mappings: always;
        "description" description;
        "enaSupport" ena_support;
        "hypervisor" hypervisor;
        "imageOwnerAlias" image_owner_alias;
        "name" name;
        "rootDeviceName" root_device_name;
        "rootDeviceType" root_device_type;
        "sriovNetSupport" sriov_net_support;
        "stateReason" state_reason;
        "tagSet.item" tags;
        "virtualizationType" virtualization_type;
        "bootMode" boot_mode;
        "tpmSupport" tpm_support;
        "deprecationTime" deprecation_time;
        "imdsSupport" imds_support;
        "sourceInstanceId" source_instance_id;
        "deregistrationProtection" deregistration_protection;
        "lastLaunchedTime" last_launched_time;
        "imageAllowed" image_allowed;
        "sourceImageId" source_image_id;
        "sourceImageRegion" source_image_region;
        "freeTierEligible" free_tier_eligible;
        "publicSsmParameterName" public_ssm_parameter_name;
        "imageWatermarkSet.item" image_watermarks;
        "scanResults" scan_results;
        "instanceTypeSpecification" instance_type_specification;
        "imageId" image_id;
        "imageLocation" image_location;
        "imageState" state;
        "imageOwnerId" owner_id;
        "creationDate" creation_date;
        "isPublic" public;
        "productCodes.item" product_codes;
        "architecture" architecture;
        "imageType" image_type;
        "kernelId" kernel_id;
        "ramdiskId" ramdisk_id;
        "platform" platform;
    }
}

reply! {
    Snapshot {
        "ownerAlias" owner_alias;
        "outpostArn" outpost_arn;
        "tagSet.item" tags;
        "storageTier" storage_tier;
        "restoreExpiryTime" restore_expiry_time;
        "sseType" sse_type;
        "availabilityZone" availability_zone;
        "transferType" transfer_type;
        "completionDurationMinutes" completion_duration_minutes;
        "completionTime" completion_time;
        "fullSnapshotSizeInBytes" full_snapshot_size_in_bytes;
        "associatedKmsKeySet.item.kmsKeyId" associated_kms_keys;
        "snapshotId" snapshot_id;
        "volumeId" volume_id;
        "status" state;
        "statusMessage" state_message;
        "startTime" start_time;
        "progress" progress;
        "ownerId" owner_id;
        "description" description;
        "volumeSize" volume_size;
        "encrypted" encrypted;
        "kmsKeyId" kms_key_id;
        "dataEncryptionKeyId" data_encryption_key_id;
    }
}

reply! {
    VolumeOperator {
        "managed" managed;
        "principal" principal;
        "hiddenByDefault" hidden_by_default;
    }
}

reply! {
    Volume {
        "availabilityZoneId" availability_zone_id;
        "outpostArn" outpost_arn;
        "sourceVolumeId" source_volume_id;
        "iops" iops;
        "tagSet.item" tags;
        "volumeType" volume_type;
        "fastRestored" fast_restored;
        "multiAttachEnabled" multi_attach_enabled;
        "throughput" throughput;
        "sseType" sse_type;
        "operator" operator;
        "volumeInitializationRate" volume_initialization_rate;
        "volumeArn" volume_arn;
        "ownerId" owner_id;
        "volumeId" volume_id;
        "size" size;
        "snapshotId" snapshot_id;
        "availabilityZone" availability_zone;
        "status" state;
        "createTime" create_time;
        "attachmentSet.item" attachments;
        "encrypted" encrypted;
        "kmsKeyId" kms_key_id;
    }
}

reply! {
    VolumeAttachment {
        "deleteOnTermination" delete_on_termination;
        "associatedResource" associated_resource;
        "instanceOwningService" instance_owning_service;
        "ebsCardIndex" ebs_card_index;
        "volumeId" volume_id;
        "instanceId" instance_id;
        "device" device;
        "status" state;
        "attachTime" attach_time;
    }
}
