//! What keeps an instance or an image from being exported, by editing the file of the world.

use crate::told::{self, ACCOUNT, Client, export_image, export_instance};
use vmie_tasks::{Action, AttachVolumeRequest, CreateVolumeRequest, Reply};

const NOT_EXPORTABLE: &str = "This instance cannot be exported.";
const EXPORT_BUCKET: &str =
    "name = \"amzn-s3-demo-export-bucket\"\nowner = \"111122223333\"\nregion = \"us-east-1\"";

fn instance_refused(edits: &[(&str, &str)]) -> (String, String, String) {
    Client::new(edits).refused(Action::CreateInstanceExportTask(export_instance()))
}

fn image_refused(edits: &[(&str, &str)]) -> (String, String, String) {
    Client::new(edits).refused(Action::ExportImage(export_image()))
}

#[test]
fn svc_task_4_and_svc_err_16_limits_of_an_instance_export() {
    const INSTANCE_DEVICES: &str = "devices = [{ device_name = \"/dev/sda1\", snapshot_id = \"snap-0123456789abcdef0\", volume_size = 8 }]";
    const IMAGE: &str = "[[image]]\nid = \"ami-0123456789abcdef0\"\nowner = \"111122223333\"";
    for (edits, cause) in [
        // Third-party software: Windows, SQL Server, the marketplace's.
        (
            ("\"RunInstances\"", "\"RunInstances:0002\""),
            "third-party-software",
        ),
        (
            ("\"RunInstances\"", "\"RunInstances:0004\""),
            "third-party-software",
        ),
        (
            (
                "product_codes = []",
                "product_codes = [{ product_code_id = \"abc\", product_code_type = \"marketplace\" }]",
            ),
            "third-party-software",
        ),
        (
            ("encrypted = false", "encrypted = true"),
            "encrypted-snapshot",
        ),
        (
            (
                INSTANCE_DEVICES,
                "devices = [{ device_name = \"/dev/sdb\", virtual_name = \"ephemeral0\" }]",
            ),
            "instance-store-volume",
        ),
        (
            (
                "[[image]]\nid = \"ami-0123456789abcdef0\"",
                "[[image]]\nid = \"ami-0fffffffffffffff0\"",
            ),
            "image-deleted",
        ),
        (
            (
                "[[snapshot]]\nid = \"snap-0123456789abcdef0\"",
                "[[snapshot]]\nid = \"snap-0fffffffffffffff0\"",
            ),
            "snapshot-deleted",
        ),
        (
            ("network_interfaces = 1", "network_interfaces = 2"),
            "several-network-interfaces",
        ),
        (
            (
                IMAGE,
                "[[image]]\nid = \"ami-0123456789abcdef0\"\nowner = \"999900001111\"",
            ),
            "shared-from-another-account",
        ),
        (
            ("volume_size = 8 }", "volume_size = 1025 }"),
            "volume-too-large",
        ),
        (
            ("state = \"running\"", "state = \"terminated\""),
            "instance-terminated",
        ),
        ((INSTANCE_DEVICES, "devices = []"), "no-root-volume"),
    ] {
        let refused = instance_refused(&[edits]);
        assert_eq!(
            refused,
            ("NotExportable".into(), NOT_EXPORTABLE.into(), cause.into())
        );
    }
    // Up to 1 TiB.
    let mut client = Client::new(&[("volume_size = 8 }", "volume_size = 1024 }")]);
    assert!(
        client
            .call(Action::CreateInstanceExportTask(export_instance()))
            .is_ok()
    );
}

#[test]
fn svc_err_15_an_instance_with_several_volumes_is_not_exported() {
    let text = "This instance has multiple volumes attached. Please remove additional volumes.";
    let two = (
        "volume_size = 8 }]",
        "volume_size = 8 }, { device_name = \"/dev/sdf\", volume_size = 1, attached_after_launch = true }]",
    );
    let refused = instance_refused(&[two]);
    assert_eq!(
        refused,
        (
            "NotExportable".into(),
            text.into(),
            "several-volumes".into()
        )
    );

    // The same by AttachVolume.
    let mut client = Client::new(&[]);
    let volume = CreateVolumeRequest {
        availability_zone: Some("us-east-1a".into()),
        size: Some(1),
        ..CreateVolumeRequest::default()
    };
    let Ok(Reply::CreateVolume(volume)) = client.call(Action::CreateVolume(volume)) else {
        panic!("not made")
    };
    let attach = AttachVolumeRequest {
        device: Some("/dev/sdf".into()),
        instance_id: Some("i-0123456789abcdef0".into()),
        volume_id: Some(volume.volume_id.to_string()),
        ..AttachVolumeRequest::default()
    };
    assert!(client.call(Action::AttachVolume(attach)).is_ok());
    let (_, message, _) = client.refused(Action::CreateInstanceExportTask(export_instance()));
    assert_eq!(message, text);
}

#[test]
fn svc_task_4_buckets_of_an_instance_export() {
    let sse = ("encryption = \"sse-s3\"", "encryption = \"sse-kms\"");
    assert_eq!(instance_refused(&[sse]).2, "bucket-sse-kms");
    let foreign = EXPORT_BUCKET.replace(ACCOUNT, "999900001111");
    assert_eq!(
        instance_refused(&[(EXPORT_BUCKET, &foreign)]).2,
        "bucket-of-another-account"
    );
    let none = (
        "name = \"amzn-s3-demo-export-bucket\"",
        "name = \"another-bucket\"",
    );
    let refused = instance_refused(&[none]);
    assert_eq!(refused.1, "Invalid S3 source location");
    let plain = ("encryption = \"sse-s3\"", "encryption = \"none\"");
    let mut client = Client::new(&[plain]);
    assert!(
        client
            .call(Action::CreateInstanceExportTask(export_instance()))
            .is_ok()
    );
}

#[test]
fn svc_err_18_an_export_bucket_in_another_region() {
    let elsewhere = EXPORT_BUCKET.replace("us-east-1", "eu-west-1");
    let refused = instance_refused(&[(EXPORT_BUCKET, &elsewhere)]);
    assert_eq!(
        refused,
        (
            "InvalidParameter".into(),
            "The given S3 object is not local to the region.".into(),
            "bucket-in-another-region".into()
        )
    );
}

#[test]
fn svc_err_33_and_svc_iam_5_the_buckets_acl_must_let_the_service_write() {
    let text =
        "vm-import-export@amazon.com must have WRITE and READ_ACL permission on the S3 bucket.";
    for (edit, cause) in [
        (
            ("permission = \"WRITE\"", "permission = \"READ\""),
            "bucket-acl",
        ),
        (
            ("permission = \"READ_ACP\"", "permission = \"READ\""),
            "bucket-acl",
        ),
        (("c4d8eabf", "deadbeef"), "bucket-acl"),
        (
            (
                "ownership = \"BucketOwnerPreferred\"",
                "ownership = \"BucketOwnerEnforced\"",
            ),
            "bucket-acls-disabled",
        ),
    ] {
        let refused = instance_refused(&[edit]);
        assert_eq!(refused, ("AuthFailure".into(), text.into(), cause.into()));
    }
    let full = [
        ("permission = \"WRITE\"", "permission = \"FULL_CONTROL\""),
        ("permission = \"READ_ACP\"", "permission = \"READ\""),
    ];
    let mut client = Client::new(&full);
    assert!(
        client
            .call(Action::CreateInstanceExportTask(export_instance()))
            .is_ok()
    );
}

#[test]
fn svc_iam_7_a_bucket_policy_for_the_canonical_user_is_enough() {
    let canonical = "c4d8eabf8db69dbe46bfe0e517100c554f01200b104d59cd408e777ba442a322";
    let policy = format!(
        "policy = '''{{\"Statement\": [{{\"Effect\": \"Allow\", \"Principal\": {{\"CanonicalUser\": \"{canonical}\"}},
        \"Action\": [\"s3:GetBucketAcl\", \"s3:PutObject\"],
        \"Resource\": [\"arn:aws:s3:::amzn-s3-demo-export-bucket\", \"arn:aws:s3:::amzn-s3-demo-export-bucket/*\"]}}]}}'''\nacl = ["
    );
    let edits = [
        ("permission = \"WRITE\"", "permission = \"READ\""),
        ("acl = [", policy.as_str()),
    ];
    let action = || Action::CreateInstanceExportTask(export_instance());
    assert!(Client::new(&edits).call(action()).is_ok());
    let writer = (
        "ownership = \"BucketOwnerPreferred\"",
        "ownership = \"ObjectWriter\"",
    );
    let edits = [edits[0], edits[1], writer];
    assert_eq!(Client::new(&edits).refused(action()).2, "bucket-acl");
}

#[test]
fn svc_task_5_limits_of_an_image_export() {
    const IMAGE: &str = "[[image]]\nid = \"ami-0123456789abcdef0\"\nowner = \"111122223333\"";
    let devices =
        "devices = [{ device_name = \"/dev/sda1\", snapshot_id = \"snap-0123456789abcdef0\" }]";
    let shared = format!(
        "{}\nshared_with = [\"111122223333\"]",
        IMAGE.replace(ACCOUNT, "999900001111")
    );
    for (edit, cause) in [
        (
            ("\"RunInstances\"", "\"RunInstances:0102\""),
            "third-party-software",
        ),
        (
            (
                "product_codes = []",
                "product_codes = [{ product_code_id = \"abc\" }]",
            ),
            "third-party-software",
        ),
        ((IMAGE, shared.as_str()), "shared-from-another-account"),
        (
            (
                "[[snapshot]]\nid = \"snap-0123456789abcdef0\"",
                "[[snapshot]]\nid = \"snap-0fffffffffffffff0\"",
            ),
            "snapshot-deleted",
        ),
        (
            ("volume_size = 8   ", "volume_size = 1025   "),
            "volume-too-large",
        ),
        (("hybrid_grub = false", "hybrid_grub = true"), "hybrid-grub"),
        ((devices, "devices = []"), "no-data-volume"),
    ] {
        let refused = image_refused(&[edit]);
        assert_eq!(
            (refused.0.as_str(), refused.2.as_str()),
            ("NotExportable", cause)
        );
    }
    let sse = ("encryption = \"sse-s3\"", "encryption = \"sse-kms\"");
    assert_eq!(image_refused(&[sse]).2, "bucket-sse-kms");
    // The base image must still exist.
    let gone = (
        "[[image]]\nid = \"ami-0123456789abcdef0\"",
        "[[image]]\nid = \"ami-0fffffffffffffff0\"",
    );
    assert_eq!(image_refused(&[gone]).0, "InvalidAMIID.NotFound");
}

#[test]
fn svc_task_5_what_is_no_limit_of_an_image_export() {
    let devices =
        "devices = [{ device_name = \"/dev/sda1\", snapshot_id = \"snap-0123456789abcdef0\" }]";
    let more =
        "devices = [{ device_name = \"/dev/sda1\", snapshot_id = \"snap-0123456789abcdef0\" },
        { device_name = \"/dev/sdb\", snapshot_id = \"snap-0123456789abcdef0\" },
        { device_name = \"/dev/sdc\", virtual_name = \"ephemeral0\" }]";
    let edits = [
        (devices, more),
        ("permission = \"WRITE\"", "permission = \"READ\""),
        ("network_interfaces = 1", "network_interfaces = 2"),
    ];
    let mut client = Client::new(&edits);
    let reply = client.call(Action::ExportImage(export_image()));
    assert!(reply.is_ok(), "{reply:?}");
    client.works();
}

#[test]
fn svc_err_32_an_image_with_encrypted_devices_is_not_exported() {
    let refused = image_refused(&[("encrypted = false", "encrypted = true")]);
    assert_eq!(
        refused,
        (
            "InvalidParameter".into(),
            "The image ID (ami-0123456789abcdef0) provided has encrypted EBS block devices and is not exportable.".into(),
            "encrypted-snapshot".into()
        )
    );
}

#[test]
fn svc_task_4_svc_task_5_quotas_are_per_account_and_region_and_adjustable() {
    for (edit, limit) in [
        ("export_tasks = 5 ", 5),
        ("export_tasks = 7 ", 7),
        ("export_tasks = 99 ", 20),
    ] {
        let mut client = Client::new(&[("export_tasks = 5 ", edit)]);
        for _ in 0..limit {
            assert!(
                client
                    .call(Action::CreateInstanceExportTask(export_instance()))
                    .is_ok()
            );
        }
        let refused = client.refused(Action::CreateInstanceExportTask(export_instance()));
        assert_eq!(
            (refused.0.as_str(), refused.2.as_str()),
            ("ResourceLimitExceeded", "quota")
        );
        // One that ends makes room.
        let first = client.begun[0].order.task.clone();
        while let Some(begin) = client
            .begun
            .iter()
            .find(|begin| begin.order.task == first)
            .cloned()
        {
            let event = told::end_of(&begin);
            client.tell(&begin, event).unwrap();
        }
        assert!(
            client
                .call(Action::CreateInstanceExportTask(export_instance()))
                .is_ok()
        );
    }
}

#[test]
fn svc_task_5_one_export_of_an_image_at_a_time() {
    let mut client = Client::new(&[]);
    assert!(client.call(Action::ExportImage(export_image())).is_ok());
    let refused = client.refused(Action::ExportImage(export_image()));
    assert_eq!(refused.2, "image-is-being-exported");
    client.works();
    assert!(client.call(Action::ExportImage(export_image())).is_ok());
}

#[test]
fn svc_fmt_6_each_environment_has_its_formats() {
    let request = |environment: &str, format: Option<&str>, container: Option<&str>| {
        let mut request = export_instance();
        request.target_environment = Some(environment.into());
        let to = request.export_to_s3.as_mut().unwrap();
        to.disk_image_format = format.map(Into::into);
        to.container_format = container.map(Into::into);
        Action::CreateInstanceExportTask(request)
    };
    for (environment, format, container, key) in [
        ("vmware", None, Some("OVA"), "ova"),
        ("vmware", Some("vmdk"), None, "vmdk"),
        ("Citrix", None, None, "vhd"),
        ("microsoft", Some("VHD"), None, "vhd"),
    ] {
        let mut client = Client::new(&[]);
        let Ok(Reply::CreateInstanceExportTask(task)) =
            client.call(request(environment, format, container))
        else {
            panic!("{environment}")
        };
        let expected = format!("vms/{}.{key}", task.export_task_id);
        assert_eq!(task.export_to_s3.unwrap().s3_key, Some(expected));
    }
    for (environment, format, container) in [
        ("citrix", Some("vmdk"), None),
        ("vmware", Some("vhd"), None),
        ("microsoft", None, Some("ova")),
        ("vmware", Some("raw"), None),
        ("xen", None, None),
    ] {
        let mut client = Client::new(&[]);
        assert!(
            client
                .call(request(environment, format, container))
                .is_err()
        );
    }
}
