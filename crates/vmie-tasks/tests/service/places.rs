//! Where sources are, and the keys of what is made.

use crate::told::{
    Client, container, export_image, import_image, import_instance, import_snapshot, import_volume,
};
use vmie_tasks::{Action, DiskContainer, ImportImageRequest, SourceUrl};

const EXPORT_BUCKET: &str =
    "name = \"amzn-s3-demo-export-bucket\"\nowner = \"111122223333\"\nregion = \"us-east-1\"";
const IMPORT_BUCKET: &str =
    "name = \"amzn-s3-demo-import-bucket\"\nowner = \"111122223333\"\nregion = \"us-east-1\"";

fn image_refused(edits: &[(&str, &str)]) -> (String, String, String) {
    Client::new(edits).refused(Action::ExportImage(export_image()))
}

fn import_refused(edits: &[(&str, &str)]) -> (String, String, String) {
    Client::new(edits).refused(Action::ImportImage(import_image()))
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
