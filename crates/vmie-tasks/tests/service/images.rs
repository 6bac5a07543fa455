//! Images and snapshots that imports make.

use crate::told::{Client, end_of, export_image, import_image, import_snapshot};
use vmie_rules::guest::Platform;
use vmie_rules::license::LicensedSystem;
use vmie_tasks::{
    Action, DescribeImagesRequest, DescribeSnapshotsRequest, ImportImageRequest,
    ImportSnapshotRequest, RegisterImageRequest, Reply, Tag, TagSpecification, WorkerEvent,
};

#[test]
fn svc_mod_7_an_import_without_modification_is_a_snapshot_and_a_register_image() {
    let mut client = Client::new(&[]);
    let tags = vec![TagSpecification {
        resource_type: "import-snapshot-task".into(),
        tags: vec![Tag {
            key: "team".into(),
            value: "blue".into(),
        }],
    }];
    let request = ImportSnapshotRequest {
        tag_specifications: tags,
        ..import_snapshot()
    };
    client.call(Action::ImportSnapshot(request)).unwrap();
    client.works();
    let own = DescribeSnapshotsRequest {
        owner_ids: vec!["self".into()],
        filters: vec![vmie_tasks::Filter {
            name: "tag:team".into(),
            values: vec!["bl*".into()],
        }],
        ..DescribeSnapshotsRequest::default()
    };
    let Ok(Reply::DescribeSnapshots { snapshots, .. }) =
        client.call(Action::DescribeSnapshots(own))
    else {
        panic!()
    };
    assert_eq!(snapshots.len(), 1);
    let register = RegisterImageRequest {
        name: Some("my server".into()),
        architecture: Some("x86_64".into()),
        virtualization_type: Some("hvm".into()),
        boot_mode: Some("uefi".into()),
        ena_support: Some(true),
        root_device_name: Some("/dev/sda1".into()),
        block_device_mappings: vec![vmie_tasks::BlockDeviceMapping {
            device_name: Some("/dev/sda1".into()),
            ebs: Some(vmie_tasks::EbsBlockDevice {
                snapshot_id: Some(snapshots[0].snapshot_id.to_string()),
                ..vmie_tasks::EbsBlockDevice::default()
            }),
            ..vmie_tasks::BlockDeviceMapping::default()
        }],
        ..RegisterImageRequest::default()
    };
    let Ok(Reply::RegisterImage { image_id }) =
        client.call(Action::RegisterImage(register.clone()))
    else {
        panic!()
    };
    assert_eq!(
        client.refused(Action::RegisterImage(register)).2,
        "name-in-use"
    );
    let list = DescribeImagesRequest {
        owners: vec!["self".into()],
        image_ids: vec![image_id.to_string()],
        ..DescribeImagesRequest::default()
    };
    let Ok(Reply::DescribeImages { images, .. }) = client.call(Action::DescribeImages(list)) else {
        panic!()
    };
    assert_eq!(images[0].state, "available");
    assert_eq!(images[0].boot_mode.as_deref(), Some("uefi"));
    assert_eq!(images[0].ena_support, Some(true));
    let ebs = images[0].block_device_mappings[0].ebs.as_ref().unwrap();
    assert_eq!(ebs.volume_size, Some(8));

    // The snapshot stays as long as the image does, and both go together.
    let delete = vmie_tasks::DeleteSnapshotRequest {
        snapshot_id: Some(snapshots[0].snapshot_id.to_string()),
        ..vmie_tasks::DeleteSnapshotRequest::default()
    };
    assert_eq!(
        client.refused(Action::DeleteSnapshot(delete)).0,
        "InvalidSnapshot.InUse"
    );
    let deregister = vmie_tasks::DeregisterImageRequest {
        image_id: Some(image_id.to_string()),
        delete_associated_snapshots: Some(true),
        ..vmie_tasks::DeregisterImageRequest::default()
    };
    let Ok(Reply::DeregisterImage {
        delete_snapshot_results,
    }) = client.call(Action::DeregisterImage(deregister))
    else {
        panic!()
    };
    assert_eq!(delete_snapshot_results[0].return_code, "success");
}

#[test]
fn svc_obs_7_svc_lic_4_the_image_of_an_import() {
    let mut client = Client::new(&[]);
    let Ok(Reply::ImportImage(task)) = client.call(Action::ImportImage(import_image())) else {
        panic!()
    };
    client.works();
    let list = DescribeImagesRequest {
        owners: vec!["self".into()],
        filters: vec![vmie_tasks::Filter {
            name: "name".into(),
            values: vec![task.import_task_id.to_string()],
        }],
        ..DescribeImagesRequest::default()
    };
    let Ok(Reply::DescribeImages { images, .. }) = client.call(Action::DescribeImages(list)) else {
        panic!()
    };
    let image = &images[0];
    assert_eq!(image.platform_details.as_deref(), Some("Linux/UNIX"));
    assert_eq!(image.usage_operation.as_deref(), Some("RunInstances"));
    assert_eq!(image.ena_support, Some(true));
    assert_eq!(image.root_device_name.as_deref(), Some("/dev/sda1"));
    // What was imported can be exported.
    let mut export = export_image();
    export.image_id = Some(image.image_id.to_string());
    assert!(client.call(Action::ExportImage(export)).is_ok());
}

#[test]
fn svc_task_7_svc_lic_4_an_encrypted_image_of_windows_says_so() {
    let plain = ("encryption = \"sse-kms\"", "encryption = \"none\"");
    let mut client = Client::new(&[plain]);
    let request = ImportImageRequest {
        encrypted: Some(true),
        kms_key_id: Some("alias/images".into()),
        usage_operation: Some("runinstances:0800".into()),
        boot_mode: Some("uefi".into()),
        tag_specifications: vec![TagSpecification {
            resource_type: "import-image-task".into(),
            tags: vec![Tag {
                key: "team".into(),
                value: "blue".into(),
            }],
        }],
        ..import_image()
    };
    let Ok(Reply::ImportImage(_)) = client.call(Action::ImportImage(request)) else {
        panic!()
    };
    while let Some(begin) = client.begun.first().cloned() {
        let mut event = end_of(&begin);
        if let WorkerEvent::Validated(found) = &mut event {
            found.guest.platform = Some(Platform::Windows);
            found.guest.system = Some(LicensedSystem::WindowsServer);
        }
        client.tell(&begin, event).unwrap();
    }
    let list = DescribeImagesRequest {
        owners: vec!["self".into()],
        filters: vec![vmie_tasks::Filter {
            name: "tag:team".into(),
            values: vec!["blue".into()],
        }],
        ..DescribeImagesRequest::default()
    };
    let Ok(Reply::DescribeImages { images, .. }) = client.call(Action::DescribeImages(list)) else {
        panic!()
    };
    let image = &images[0];
    assert_eq!(image.platform_details.as_deref(), Some("Windows BYOL"));
    assert_eq!(image.usage_operation.as_deref(), Some("RunInstances:0800"));
    assert_eq!(image.boot_mode.as_deref(), Some("uefi"));
    let ebs = image.block_device_mappings[0].ebs.as_ref().unwrap();
    assert_eq!(ebs.encrypted, Some(true));
    let own = DescribeSnapshotsRequest {
        snapshot_ids: vec![ebs.snapshot_id.clone().unwrap()],
        ..DescribeSnapshotsRequest::default()
    };
    let Ok(Reply::DescribeSnapshots { snapshots, .. }) =
        client.call(Action::DescribeSnapshots(own))
    else {
        panic!()
    };
    assert!(snapshots[0].encrypted);
    assert_eq!(snapshots[0].kms_key_id.as_deref(), Some("alias/images"));
    assert_eq!(snapshots[0].tags.len(), 1);
}
