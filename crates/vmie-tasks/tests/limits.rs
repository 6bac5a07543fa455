//! Every limit of exports, and every refusal of roles, keys and buckets, by editing the world's
//! file.
#![allow(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    missing_docs,
    dead_code,
    reason = "a test may stop where it fails, and its parts are shared"
)]

mod told;

use told::{
    ACCOUNT, Client, container, export_image, export_instance, import_image, import_instance,
    import_snapshot, import_volume,
};
use vmie_tasks::{
    Action, AttachVolumeRequest, BucketRecord, CreateVolumeRequest, DeregisterImageRequest,
    DescribeRequest, DiskContainer, Encryption, Engine, ImportImageRequest, Reply, SourceUrl,
};

const OWNER: &str = "owner = \"111122223333\"";
const NOT_EXPORTABLE: &str = "This instance cannot be exported.";
const EXPORT_BUCKET: &str =
    "name = \"amzn-s3-demo-export-bucket\"\nowner = \"111122223333\"\nregion = \"us-east-1\"";
const IMPORT_BUCKET: &str =
    "name = \"amzn-s3-demo-import-bucket\"\nowner = \"111122223333\"\nregion = \"us-east-1\"";
const ROLE_OLD: &str = "The service role vmimport does not exist or does not have sufficient permissions for the service to continue";

fn instance_refused(edits: &[(&str, &str)]) -> (String, String, String) {
    Client::new(edits).refused(Action::CreateInstanceExportTask(export_instance()))
}

fn image_refused(edits: &[(&str, &str)]) -> (String, String, String) {
    Client::new(edits).refused(Action::ExportImage(export_image()))
}

fn import_refused(edits: &[(&str, &str)]) -> (String, String, String) {
    Client::new(edits).refused(Action::ImportImage(import_image()))
}

#[test]
fn the_world_as_it_is_takes_every_request() {
    for action in [
        Action::ImportImage(import_image()),
        Action::ImportSnapshot(import_snapshot()),
        Action::ImportInstance(import_instance()),
        Action::ImportVolume(import_volume()),
        Action::CreateInstanceExportTask(export_instance()),
        Action::ExportImage(export_image()),
    ] {
        let name = action.name();
        let mut client = Client::new(&[]);
        assert!(client.call(action).is_ok(), "{name}");
    }
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
fn svc_err_13_a_bucket_in_another_region() {
    let elsewhere = IMPORT_BUCKET.replace("us-east-1", "eu-west-1");
    let refused = import_refused(&[(IMPORT_BUCKET, &elsewhere)]);
    let text = "The given S3 bucket is not local to the Region";
    assert_eq!(
        (refused.0.as_str(), refused.1.as_str()),
        ("InvalidParameter", text)
    );
    let elsewhere = EXPORT_BUCKET.replace("us-east-1", "eu-west-1");
    assert_eq!(image_refused(&[(EXPORT_BUCKET, &elsewhere)]).1, text);
}

#[test]
fn svc_err_10_a_manifest_in_a_bucket_of_another_region() {
    let elsewhere = IMPORT_BUCKET.replace("us-east-1", "eu-west-1");
    let mut client = Client::new(&[(IMPORT_BUCKET, &elsewhere)]);
    let (_, message, _) = client.refused(Action::ImportInstance(import_instance()));
    assert_eq!(
        message,
        "ERROR: Bucket amzn-s3-demo-import-bucket is not in the us-east-1 Region, it's in eu-west-1"
    );
    let (_, message, _) = client.refused(Action::ImportVolume(import_volume()));
    assert!(message.starts_with("ERROR: Bucket"));
}

#[test]
fn svc_err_12_a_bucket_that_is_not_there() {
    let none = (
        "name = \"amzn-s3-demo-import-bucket\"",
        "name = \"another-bucket\"",
    );
    let refused = import_refused(&[none]);
    assert_eq!(refused.1, "Invalid S3 source location");
    assert_eq!(refused.2, "no-such-bucket");
}

#[test]
fn svc_err_6_svc_iam_4_causes_of_a_weak_role_are_told_apart() {
    let get = "\"Action\": [\"s3:GetBucketLocation\", \"s3:GetObject\", \"s3:ListBucket\"],";
    let deny_object = format!(
        "policy = '''{{\"Statement\": {{\"Effect\": \"Deny\", \"Principal\": \"*\", \"Action\": \"s3:GetObject\", \"Resource\": \"arn:aws:s3:::amzn-s3-demo-import-bucket/vms/*\"}}}}'''\n{}",
        "kms_key_id = \"1234abcd-12ab-34cd-56ef-1234567890ab\""
    );
    for (edit, cause) in [
        (
            ("name = \"vmimport\"", "name = \"vmimport2\""),
            "role-missing",
        ),
        (
            (
                "\"sts:Externalid\": \"vmimport\"",
                "\"sts:Externalid\": \"other\"",
            ),
            "role-trust-policy",
        ),
        (
            (
                "\"Service\": \"vmie.amazonaws.com\"",
                "\"Service\": \"ec2.amazonaws.com\"",
            ),
            "role-trust-policy",
        ),
        (
            ("trust_policy = '''\n{", "trust_policy = '''\n{{"),
            "role-trust-policy-broken",
        ),
        (
            (
                get,
                "\"Action\": [\"s3:GetBucketLocation\", \"s3:ListBucket\"],",
            ),
            "role-policy-lacks",
        ),
        (("\"ec2:CopySnapshot\", ", ""), "role-policy-lacks"),
        (
            (
                "kms_key_id = \"1234abcd-12ab-34cd-56ef-1234567890ab\"",
                deny_object.as_str(),
            ),
            "bucket-policy-denies",
        ),
        (
            ("state = \"Enabled\" ", "state = \"Disabled\" "),
            "source-key-disabled",
        ),
        (
            ("[[key]]\nid = \"1234abcd", "[[key]]\nid = \"ffffffff"),
            "source-key-missing",
        ),
    ] {
        let refused = import_refused(&[edit]);
        assert_eq!(
            refused,
            ("InvalidParameter".into(), ROLE_OLD.into(), cause.into())
        );
    }
    let mut client = Client::new(&[]);
    let request = ImportImageRequest {
        role_name: Some("myrole".into()),
        ..import_image()
    };
    let (_, message, cause) = client.refused(Action::ImportImage(request));
    assert_eq!(
        message,
        "The service role myrole provided does not exist or does not have sufficient permissions"
    );
    assert_eq!(cause, "role-missing");
}

#[test]
fn svc_iam_2_conditions_on_the_source_are_met() {
    let condition = "\"StringEquals\": { \"sts:Externalid\": \"vmimport\" }";
    let more = |account: &str| {
        format!("\"StringEquals\": {{ \"sts:Externalid\": \"vmimport\", \"aws:SourceAccount\": \"{account}\" }},
            \"ArnLike\": {{ \"aws:SourceArn\": \"arn:aws:vmie:*:{account}:*\" }}")
    };
    let (good, bad) = (more(ACCOUNT), more("999900001111"));
    assert!(
        Client::new(&[(condition, &good)])
            .call(Action::ImportImage(import_image()))
            .is_ok()
    );
    assert_eq!(import_refused(&[(condition, &bad)]).2, "role-trust-policy");
}

#[test]
fn svc_iam_3_what_the_role_needs_for_exports_and_licenses() {
    let edit = (
        "\"s3:PutObject\", \"s3:GetBucketAcl\"],",
        "\"s3:PutObject\"],",
    );
    assert_eq!(image_refused(&[edit]).2, "role-policy-lacks");
    let edit = ("\"license-manager:GetLicenseConfiguration\", ", "");
    let mut client = Client::new(&[edit]);
    assert!(client.call(Action::ImportImage(import_image())).is_ok());
    let licensed = ImportImageRequest {
        license_specifications: vec![
            "arn:aws:license-manager:us-east-1:1:license-configuration:x".into(),
        ],
        ..import_image()
    };
    assert_eq!(
        client.refused(Action::ImportImage(licensed)).2,
        "role-policy-lacks"
    );
}

#[test]
fn svc_iam_6_the_keys_policy_decides_who_decrypts_the_source() {
    let decrypt = "\"Action\": \"kms:Decrypt\",";
    let root = "\"Principal\": { \"AWS\": \"arn:aws:iam::111122223333:root\" },";
    let nobody = "\"Principal\": { \"AWS\": \"arn:aws:iam::999900001111:root\" },";
    let kms = "\"kms:CreateGrant\", \"kms:Decrypt\", ";
    let action = || Action::ImportImage(import_image());
    // The statement of the key alone is enough; so is the account's with the role's own policy.
    assert!(Client::new(&[(root, nobody)]).call(action()).is_ok());
    assert!(
        Client::new(&[(decrypt, "\"Action\": \"kms:Encrypt\",")])
            .call(action())
            .is_ok()
    );
    // The account's without the role's own is not, and neither is none.
    let edits = [(decrypt, "\"Action\": \"kms:Encrypt\","), (kms, "")];
    assert_eq!(import_refused(&edits).2, "role-policy-lacks");
    let edits = [(decrypt, "\"Action\": \"kms:Encrypt\","), (root, nobody)];
    assert_eq!(import_refused(&edits).2, "key-policy-lacks");
}

#[test]
fn svc_iam_1_the_callers_policy_decides_what_may_be_called() {
    let guide = [
        "CancelConversionTask",
        "CancelExportTask",
        "CreateImage",
        "CreateInstanceExportTask",
        "CreateTags",
        "DescribeConversionTasks",
        "DescribeExportTasks",
        "DescribeExportImageTasks",
        "DescribeImages",
        "DescribeInstanceStatus",
        "DescribeInstances",
        "DescribeSnapshots",
        "DescribeTags",
        "ExportImage",
        "ImportInstance",
        "ImportVolume",
        "StartInstances",
        "StopInstances",
        "TerminateInstances",
        "ImportImage",
        "ImportSnapshot",
        "DescribeImportImageTasks",
        "DescribeImportSnapshotTasks",
        "CancelImportTask",
    ];
    let list: Vec<String> = guide.iter().map(|name| format!("\"ec2:{name}\"")).collect();
    let list = format!("\"Action\": [{}]", list.join(", "));
    let mut client = Client::new(&[("\"Action\": \"ec2:*\"", &list)]);
    assert!(client.call(Action::ImportImage(import_image())).is_ok());
    assert!(client.call(Action::ExportImage(export_image())).is_ok());
    let refused = client.refused(Action::DeregisterImage(DeregisterImageRequest::default()));
    assert_eq!(
        refused,
        (
            "UnauthorizedOperation".into(),
            "You are not authorized to perform this operation.".into(),
            "caller-policy".into()
        )
    );
    let mut client = Client::new(&[("\"Action\": \"ec2:*\"", "\"Action\": \"ec2:Describe*\"")]);
    let list = Action::DescribeImportImageTasks(DescribeRequest::default());
    assert!(client.call(list).is_ok());
    // A dry run tells the same.
    let request = ImportImageRequest {
        dry_run: true,
        ..import_image()
    };
    assert_eq!(
        client.refused(Action::ImportImage(request)).0,
        "UnauthorizedOperation"
    );
}

#[test]
fn svc_err_17_an_instance_is_not_started_before_it_has_a_root() {
    let client = Client::new(&[]);
    assert!(
        client
            .engine
            .check_start(&client.caller, "i-0123456789abcdef0")
            .is_ok()
    );
    let devices = (
        "devices = [{ device_name = \"/dev/sda1\", snapshot_id = \"snap-0123456789abcdef0\", volume_size = 8 }]",
        "devices = []",
    );
    let mut client = Client::new(&[devices]);
    let text = |id: &str| {
        format!(
            "Error starting instances: Invalid value {id} for instanceId. Instance does not have a volume attached at root (/dev/sda1)."
        )
    };
    let error = client
        .engine
        .check_start(&client.caller, "i-0123456789abcdef0")
        .unwrap_err();
    assert_eq!(error.message, text("i-0123456789abcdef0"));

    let Ok(Reply::ImportInstance(task)) = client.call(Action::ImportInstance(import_instance()))
    else {
        panic!("not taken")
    };
    let id = task
        .import_instance
        .unwrap()
        .instance_id
        .unwrap()
        .to_string();
    let error = client.engine.check_start(&client.caller, &id).unwrap_err();
    assert_eq!(
        (error.message.as_str(), error.cause_code()),
        (text(&id).as_str(), Some("conversion-not-complete"))
    );
    client.works();
    assert!(client.engine.check_start(&client.caller, &id).is_ok());
}

#[test]
fn svc_task_7_the_key_must_be_there_and_enabled() {
    let request = |id: &str| {
        Action::ImportSnapshot(vmie_tasks::ImportSnapshotRequest {
            encrypted: Some(true),
            kms_key_id: Some(id.into()),
            ..import_snapshot()
        })
    };
    // The source is not encrypted here, so that its key does not count.
    let plain = ("encryption = \"sse-kms\"", "encryption = \"none\"");
    let id = "1234abcd-12ab-34cd-56ef-1234567890ab";
    let mut client = Client::new(&[plain]);
    for name in [
        id,
        "alias/images",
        &format!("arn:aws:kms:us-east-1:111122223333:key/{id}"),
    ] {
        assert!(client.call(request(name)).is_ok(), "{name}");
    }
    assert_eq!(client.refused(request("ffff")).2, "no-such-key");
    for (state, cause) in [
        ("Disabled", "key-disabled"),
        ("PendingDeletion", "key-pending-deletion"),
        ("PendingImport", "key-pending-import"),
    ] {
        let edit = format!("state = \"{state}\" ");
        let mut client = Client::new(&[plain, ("state = \"Enabled\" ", &edit)]);
        assert_eq!(client.refused(request(id)).2, cause);
    }
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

#[test]
fn svc_task_3_linux_goes_into_some_types_and_regions_only() {
    let with_type = |text: &str| {
        let mut request = import_instance();
        request.launch_specification.as_mut().unwrap().instance_type = Some(text.into());
        Action::ImportInstance(request)
    };
    let mut client = Client::new(&[]);
    assert!(client.call(with_type("HI1.8xlarge")).is_ok());
    let refused = client.refused(with_type("m5.large"));
    assert_eq!(
        refused.1,
        "Linux is not supported on the requested instance"
    );
    client.caller.region = "eu-north-1".into();
    assert_eq!(
        client.refused(with_type("m3.large")).2,
        "region-takes-no-linux"
    );
    // Windows goes anywhere.
    client.caller.region = "us-east-1".into();
    let mut windows = import_instance();
    windows.platform = Some("windows".into());
    windows.launch_specification.as_mut().unwrap().instance_type = Some("m5.large".into());
    assert!(client.call(Action::ImportInstance(windows)).is_ok());
}

#[test]
fn svc_err_27_linux_on_an_instance_type_that_does_not_take_it() {
    let mut request = import_instance();
    request.launch_specification.as_mut().unwrap().instance_type = Some("t3.micro".into());
    let refused = Client::new(&[]).refused(Action::ImportInstance(request));
    assert_eq!(refused.2, "instance-type-takes-no-linux");
}

#[test]
fn svc_lic_1_svc_lic_2_license_type_or_usage_operation() {
    let request = |license: Option<&str>, usage: Option<&str>| {
        Action::ImportImage(ImportImageRequest {
            license_type: license.map(Into::into),
            usage_operation: usage.map(Into::into),
            ..import_image()
        })
    };
    let mut client = Client::new(&[]);
    let refused = client.refused(request(Some("aws"), Some("RunInstances:0002")));
    assert_eq!(refused.0, "InvalidParameterCombination");
    // A wrong kind fails the task.
    let Ok(Reply::ImportImage(task)) = client.call(request(Some("aws"), None)) else {
        panic!("not taken")
    };
    client.works();
    let failure = client.engine.failure(&task.import_task_id).unwrap();
    assert_eq!(failure.code, "license-not-allowed");
}

#[test]
fn svc_sec_3_signed_addresses_are_never_shown() {
    let signed = "https://host.example/key?X-Amz-Signature=feedface";
    let bad = "ftp://host.example/key?X-Amz-Signature=feedface";
    for url in [signed, bad] {
        let mut client = Client::new(&[]);
        let request = ImportImageRequest {
            disk_containers: vec![DiskContainer {
                url: Some(SourceUrl::new(url)),
                user_bucket: None,
                ..container()
            }],
            ..import_image()
        };
        let mut instance = import_instance();
        instance.disk_images[0]
            .image
            .as_mut()
            .unwrap()
            .import_manifest_url = Some(SourceUrl::new(url));
        for action in [
            Action::ImportImage(request),
            Action::ImportInstance(instance),
        ] {
            let shown = format!("{action:?}");
            let answer = client.call(action);
            let shown = format!("{shown} {answer:?} {:?}", client.begun);
            assert!(!shown.contains("feedface"), "{shown}");
        }
        assert!(!format!("{:?}", client.engine).contains("feedface"));
    }
}

#[test]
fn the_world_can_be_built_in_code_and_changed_while_tasks_run() {
    let mut client = Client::new(&[]);
    client.engine.world_mut().put_bucket(BucketRecord {
        name: "another".into(),
        owner: ACCOUNT.into(),
        region: "us-east-1".into(),
        encryption: Encryption::SseKms,
        ..BucketRecord::default()
    });
    let mut request = export_image();
    request.s3_export_location.as_mut().unwrap().s3_bucket = Some("another".into());
    assert_eq!(
        client.refused(Action::ExportImage(request)).2,
        "bucket-sse-kms"
    );
    let _: &Engine<vmie_tasks::ListedWorld> = &client.engine;
    assert!(told::WORLD.contains(OWNER));
}
