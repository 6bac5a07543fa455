//! Who may do what: the caller, the role, the bucket and the key, by editing the file of the world.

use crate::told::{ACCOUNT, Client, export_image, import_image};
use vmie_tasks::{Action, DeregisterImageRequest, DescribeRequest, ImportImageRequest};

const ROLE_OLD: &str = "The service role vmimport does not exist or does not have sufficient permissions for the service to continue";

fn image_refused(edits: &[(&str, &str)]) -> (String, String, String) {
    Client::new(edits).refused(Action::ExportImage(export_image()))
}

fn import_refused(edits: &[(&str, &str)]) -> (String, String, String) {
    Client::new(edits).refused(Action::ImportImage(import_image()))
}

/// The edit of the world's file that gives the import bucket a policy.
fn bucket_policy(statement: &str) -> String {
    format!(
        "policy = '''{{\"Statement\": {statement}}}'''\nkms_key_id = \"1234abcd-12ab-34cd-56ef-1234567890ab\""
    )
}

const BUCKETS_KEY: &str = "kms_key_id = \"1234abcd-12ab-34cd-56ef-1234567890ab\"";
const OBJECT: &str = "arn:aws:s3:::amzn-s3-demo-import-bucket/vms/my-server-vm.ova";
const ROLES_GET: &str =
    "\"Action\": [\"s3:GetBucketLocation\", \"s3:GetObject\", \"s3:ListBucket\"],";

#[test]
fn svc_err_6_svc_iam_4_causes_of_a_weak_role_are_told_apart() {
    let deny_object = bucket_policy(
        "{\"Effect\": \"Deny\", \"Principal\": \"*\", \"Action\": \"s3:GetObject\", \"Resource\": \"arn:aws:s3:::amzn-s3-demo-import-bucket/vms/*\"}",
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
            "role-trust-policy-external-id",
        ),
        (
            (
                "\"Service\": \"vmie.amazonaws.com\"",
                "\"Service\": \"ec2.amazonaws.com\"",
            ),
            "role-trust-policy-principal",
        ),
        (
            ("\"sts:AssumeRole\"", "\"sts:TagSession\""),
            "role-trust-policy-lacks",
        ),
        (
            ("trust_policy = '''\n{", "trust_policy = '''\n{{"),
            "role-trust-policy-broken",
        ),
        (
            (
                ROLES_GET,
                "\"Action\": [\"s3:GetBucketLocation\", \"s3:ListBucket\"],",
            ),
            "role-policy-lacks",
        ),
        (("\"ec2:CopySnapshot\", ", ""), "role-policy-lacks"),
        ((BUCKETS_KEY, deny_object.as_str()), "bucket-policy-denies"),
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

/// What stands behind SVC-ERR-6: the name of the cause, the action, the resource, the detail.
fn behind(edits: &[(&str, &str)]) -> (String, String, String, String) {
    let error = Client::new(edits)
        .call(Action::ImportImage(import_image()))
        .expect_err("refused");
    assert_eq!(error.message, ROLE_OLD);
    let cause = error.cause.expect("it has a cause");
    (
        cause.code,
        cause.action.unwrap_or_default(),
        cause.resource.unwrap_or_default(),
        cause.detail,
    )
}

#[test]
fn svc_err_6_the_cause_names_the_action_the_resource_and_the_statement() {
    let external = (
        "\"sts:Externalid\": \"vmimport\"",
        "\"sts:Externalid\": \"other\"",
    );
    let (code, action, resource, detail) = behind(&[external]);
    assert_eq!(code, "role-trust-policy-external-id");
    assert_eq!(
        (action.as_str(), resource.as_str()),
        ("sts:AssumeRole", "*")
    );
    assert!(
        detail.contains("statement 1 asks for sts:Externalid StringEquals other; it is vmimport"),
        "{detail}"
    );

    // A policy that allows the action, on other objects.
    let elsewhere = (
        "\"arn:aws:s3:::amzn-s3-demo-import-bucket/*\"] },\n    { \"Effect\": \"Allow\",\n      \"Action\": [\"s3:GetBucketLocation\", \"s3:GetObject\", \"s3:ListBucket\", \"s3:PutObject\"",
        "\"arn:aws:s3:::amzn-s3-demo-import-bucket/other/*\"] },\n    { \"Effect\": \"Allow\",\n      \"Action\": [\"s3:GetBucketLocation\", \"s3:GetObject\", \"s3:ListBucket\", \"s3:PutObject\"",
    );
    let (code, action, resource, detail) = behind(&[elsewhere]);
    assert_eq!(code, "role-policy-lacks");
    assert_eq!(
        (action.as_str(), resource.as_str()),
        ("s3:GetObject", OBJECT)
    );
    assert!(detail.contains("but not on"), "{detail}");

    // A denial of this object, by the role's own policy.
    let denies = (
        "    { \"Effect\": \"Allow\",\n      \"Action\": [\"ec2:ModifySnapshotAttribute\"",
        "    { \"Sid\": \"NotThis\", \"Effect\": \"Deny\", \"Action\": \"s3:Get*\", \"Resource\": \"*.ova\" },\n    { \"Effect\": \"Allow\",\n      \"Action\": [\"ec2:ModifySnapshotAttribute\"",
    );
    let denies_text = denies
        .1
        .replace("*.ova", "arn:aws:s3:::*/vms/my-server-vm.?va");
    let (code, action, resource, detail) = behind(&[(denies.0, &denies_text)]);
    assert_eq!(code, "role-policy-denies");
    assert_eq!(
        (action.as_str(), resource.as_str()),
        ("s3:GetObject", OBJECT)
    );
    assert!(detail.contains("(NotThis)"), "{detail}");

    // kms:Decrypt is missing: neither the role's policy nor the key's allows it.
    let edits = [
        (
            "\"Action\": \"kms:Decrypt\",",
            "\"Action\": \"kms:Encrypt\",",
        ),
        ("\"kms:CreateGrant\", \"kms:Decrypt\", ", ""),
    ];
    let (code, action, resource, _) = behind(&edits);
    assert_eq!(code, "role-policy-lacks");
    assert_eq!(action, "kms:Decrypt");
    assert_eq!(
        resource,
        "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    );
}

#[test]
fn svc_iam_3_a_buckets_policy_gives_what_the_roles_own_does_not() {
    let statement = "{\"Effect\": \"Allow\", \"Principal\": {\"AWS\": \"WHO\"}, \"Action\": [\"s3:GetObject\", \"s3:GetBucketLocation\", \"s3:ListBucket\"], \"Resource\": [\"arn:aws:s3:::amzn-s3-demo-import-bucket\", \"arn:aws:s3:::amzn-s3-demo-import-bucket/*\"]}";
    let of = |who: &str| bucket_policy(&statement.replace("WHO", who));
    let role = of("arn:aws:iam::111122223333:role/vmimport");
    let account = of("111122223333");
    let other = of("arn:aws:iam::111122223333:role/other");
    let lacks = (
        ROLES_GET,
        "\"Action\": [\"s3:GetBucketLocation\", \"s3:ListBucket\"],",
    );
    let foreign = (
        "name = \"amzn-s3-demo-import-bucket\"\nowner = \"111122223333\"",
        "name = \"amzn-s3-demo-import-bucket\"\nowner = \"999900001111\"",
    );
    let taken = |edits: &[(&str, &str)]| {
        Client::new(edits)
            .call(Action::ImportImage(import_image()))
            .is_ok()
    };
    // Within the account a statement that names the role is enough, one for the account is not.
    assert!(taken(&[lacks, (BUCKETS_KEY, &role)]));
    let refused = import_refused(&[lacks, (BUCKETS_KEY, &account)]);
    assert_eq!(refused.2, "role-policy-lacks");
    // A bucket of another account needs both.
    assert!(taken(&[foreign, (BUCKETS_KEY, &role)]));
    assert!(taken(&[foreign, (BUCKETS_KEY, &account)]));
    let refused = import_refused(&[foreign, lacks, (BUCKETS_KEY, &role)]);
    assert_eq!(refused.2, "role-policy-lacks");
    let refused = import_refused(&[foreign, (BUCKETS_KEY, &other)]);
    assert_eq!(refused.2, "bucket-policy-lacks");
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
    let refused = import_refused(&[(condition, &bad)]);
    assert_eq!(refused.2, "role-trust-policy-condition");
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
            "caller-policy-lacks".into()
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
