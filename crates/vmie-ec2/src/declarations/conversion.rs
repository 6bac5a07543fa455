//! The imports by manifest, their list and their cancel.

use vmie_tasks::{
    CancelConversionTaskRequest, ConversionTask, DescribeConversionTasksRequest, DiskImage,
    DiskImageDescription, DiskImageDetail, DiskImageVolumeDescription, ImportInstanceRequest,
    ImportInstanceTaskDetails, ImportVolumeRequest, ImportVolumeTaskDetails, LaunchSpecification,
    Placement,
};

use super::{list_form, list_xml};

request! {
    DiskImageDetail {
        "Format" format: required, one_of("VMDK", "RAW", "VHD");
        "Bytes" bytes: required, long;
        "ImportManifestUrl" import_manifest_url: required;
    }
}

request! {
    DiskImage {
        "Description" description;
        "Image" image;
        "Volume.Size" volume_size: long;
    }
}

request! {
    Placement {
        "AvailabilityZoneId" availability_zone_id;
        "Affinity" affinity;
        "GroupName" group_name;
        "PartitionNumber" partition_number;
        "HostId" host_id;
        "Tenancy" tenancy: one_of("default", "dedicated", "host");
        "SpreadDomain" spread_domain;
        "HostResourceGroupArn" host_resource_group_arn;
        "GroupId" group_id;
        "AvailabilityZone" availability_zone;
    }
}

request! {
    LaunchSpecification {
        "Architecture" architecture: one_of("i386", "x86_64", "arm64", "x86_64_mac", "arm64_mac");
        "GroupName.N" group_names;
        "GroupId.N" group_ids;
        "AdditionalInfo" additional_info;
        "UserData.Data" user_data;
        "InstanceType" instance_type;
        "Placement" placement;
        "Monitoring" monitoring;
        "SubnetId" subnet_id;
        "InstanceInitiatedShutdownBehavior" instance_initiated_shutdown_behavior:
            one_of("stop", "terminate");
        "PrivateIpAddress" private_ip_address;
    }
}

// The API lists Windows alone; the service takes Linux, too (SVC-TASK-3).
request! {
    ImportInstanceRequest {
        "DryRun" dry_run;
        "Description" description;
        "LaunchSpecification" launch_specification;
        "DiskImage.N" disk_images;
        "Platform" platform: required, one_of("Windows", "Linux");
    }
}

request! {
    ImportVolumeRequest {
        "AvailabilityZoneId" availability_zone_id;
        "DryRun" dry_run;
        "AvailabilityZone" availability_zone;
        "Image" image: required;
        "Description" description;
        "Volume.Size" volume_size: required, long;
    }
}

request! {
    DescribeConversionTasksRequest {
        "DryRun" dry_run;
        "ConversionTaskId.N" conversion_task_ids;
    }
}

request! {
    CancelConversionTaskRequest {
        "DryRun" dry_run;
        "ConversionTaskId" conversion_task_id: required;
        "ReasonMessage" reason_message;
    }
}

reply! {
    ConversionTask {
        "conversionTaskId" conversion_task_id;
        "expirationTime" expiration_time;
        "importInstance" import_instance;
        "importVolume" import_volume: without("status", "statusMessage");
        "state" state;
        "statusMessage" status_message;
        "tagSet.item" tags;
    }
}

crate::xml::present! { ConversionTask }

reply! {
    ImportInstanceTaskDetails {
        "description" description;
        "instanceId" instance_id;
        "platform" platform;
        "volumes.item" volumes;
    }
}

reply! {
    ImportVolumeTaskDetails {
        "availabilityZone" availability_zone;
        "availabilityZoneId" availability_zone_id;
        "bytesConverted" bytes_converted;
        "description" description;
        "image" image;
        "status" status;
        "statusMessage" status_message;
        "volume" volume;
    }
}

reply! {
    DiskImageDescription {
        "checksum" checksum;
        "format" format;
        "importManifestUrl" import_manifest_url;
        "size" size;
    }
}

reply! {
    DiskImageVolumeDescription {
        "id" id;
        "size" size;
    }
}

crate::xml::present! { DiskImageDescription DiskImageVolumeDescription }
