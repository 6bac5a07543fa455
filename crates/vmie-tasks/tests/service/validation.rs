//! Which requests are refused, and with which code.

use crate::client::{NOW, call, caller, engine, image_request, ova};
use proptest::prelude::*;
use vmie_rules::api::ApiCode;
use vmie_tasks::{
    Action, ApiCall, ApiError, CancelRequest, DescribeRequest, DiskContainer, Filter,
    ImportImageRequest, ImportSnapshotRequest, Output, Reply, SourceUrl, Tag, TagSpecification,
    UserBucket,
};

fn refused(request: ImportImageRequest) -> ApiError {
    call(&mut engine(), Action::ImportImage(request)).unwrap_err()
}

#[test]
fn mistakes_of_lists_and_cancels_have_their_codes() {
    let list = |change: fn(&mut DescribeRequest)| {
        let mut request = DescribeRequest::default();
        change(&mut request);
        call(&mut engine(), Action::DescribeImportImageTasks(request))
            .unwrap_err()
            .code
    };
    assert_eq!(
        list(|list| list.max_results = Some(0)),
        ApiCode::InvalidMaxResults
    );
    assert_eq!(
        list(|list| list.max_results = Some(1001)),
        ApiCode::InvalidMaxResults
    );
    assert_eq!(
        list(|list| list.next_token = Some("x".into())),
        ApiCode::InvalidNextToken
    );
    assert_eq!(
        list(|list| list.next_token = Some("import-snap-0000000000000001".into())),
        ApiCode::InvalidNextToken
    );
    assert_eq!(list(|list| list.dry_run = true), ApiCode::DryRunOperation);
    let name = |list: &mut DescribeRequest| {
        list.filters = vec![Filter {
            name: "tag:x".into(),
            values: vec!["y".into()],
        }];
    };
    assert_eq!(list(name), ApiCode::InvalidFilter);
    let value = |list: &mut DescribeRequest| {
        list.filters = vec![Filter {
            name: "task-state".into(),
            values: vec!["done".into()],
        }];
    };
    assert_eq!(list(value), ApiCode::InvalidFilter);
    let id = |list: &mut DescribeRequest| list.import_task_ids = vec!["import-ami-fh95npoc".into()];
    assert_eq!(list(id), ApiCode::InvalidConversionTaskIdMalformed);
    let cancel = Action::CancelImportTask(CancelRequest::default());
    assert_eq!(
        call(&mut engine(), cancel).unwrap_err().code,
        ApiCode::MissingParameter
    );
}

#[test]
fn svc_task_8_mistakes_of_imports_have_their_codes() {
    for (change, code) in [
        (
            (|request| request.disk_containers.clear()) as fn(&mut ImportImageRequest),
            ApiCode::MissingParameter,
        ),
        (
            |request| request.disk_containers[0].url = None,
            ApiCode::MissingParameter,
        ),
        (
            |request| {
                request.disk_containers[0].user_bucket = Some(UserBucket {
                    bucket: "bucket".into(),
                    key: "key".into(),
                });
            },
            ApiCode::InvalidParameterCombination,
        ),
        (
            |request| {
                request.disk_containers[0].snapshot_id = Some("snap-1234567890abcdef0".into())
            },
            ApiCode::InvalidParameterCombination,
        ),
        (
            |request| request.disk_containers[0].format = Some("qcow2".into()),
            ApiCode::InvalidParameter,
        ),
        (
            |request| request.disk_containers[0].url = Some(SourceUrl::new("s3://bucket")),
            ApiCode::InvalidParameter,
        ),
        (
            |request| request.disk_containers = vec![ova(); 22],
            ApiCode::InvalidParameterValue,
        ),
        (
            |request| request.architecture = Some("arm64".into()),
            ApiCode::InvalidParameterValue,
        ),
        (
            |request| request.platform = Some("OS/2".into()),
            ApiCode::InvalidParameterValue,
        ),
        (
            |request| request.boot_mode = Some("bios".into()),
            ApiCode::InvalidParameterValue,
        ),
        (
            |request| request.license_type = Some("GPL".into()),
            ApiCode::InvalidParameterValue,
        ),
        (
            |request| {
                request.license_type = Some("AWS".into());
                request.usage_operation = Some("RunInstances:0002".into());
            },
            ApiCode::InvalidParameterCombination,
        ),
        (
            |request| request.usage_operation = Some("RunInstances:9999".into()),
            ApiCode::InvalidParameterValue,
        ),
        (
            |request| request.kms_key_id = Some("key".into()),
            ApiCode::InvalidParameterDependency,
        ),
        (
            |request| request.client_token = Some("x".repeat(65)),
            ApiCode::InvalidParameterValue,
        ),
        (
            |request| request.description = Some("x".repeat(5000)),
            ApiCode::InvalidParameterValue,
        ),
        (|request| request.dry_run = true, ApiCode::DryRunOperation),
        (
            |request| {
                request.tag_specifications = vec![TagSpecification {
                    resource_type: "image".into(),
                    tags: Vec::new(),
                }];
            },
            ApiCode::InvalidParameterValue,
        ),
        (
            |request| {
                let tag = Tag {
                    key: "aws:x".into(),
                    value: String::new(),
                };
                request.tag_specifications = vec![TagSpecification {
                    resource_type: "import-image-task".into(),
                    tags: vec![tag],
                }];
            },
            ApiCode::InvalidParameterValue,
        ),
    ] {
        let mut request = image_request();
        change(&mut request);
        assert_eq!(refused(request.clone()).code, code, "{request:?}");
    }
    let missing = refused(ImportImageRequest::default());
    assert_eq!(
        missing.message,
        "The request must contain the parameter DiskContainer"
    );
}

#[test]
fn svc_fmt_10_a_format_that_is_not_taken_is_told_as_a_size_of_0() {
    let from_ova = ImportSnapshotRequest {
        disk_container: Some(ova()),
        ..ImportSnapshotRequest::default()
    };
    let error = call(&mut engine(), Action::ImportSnapshot(from_ova)).unwrap_err();
    assert_eq!(error.code, ApiCode::InvalidParameter);
    assert_eq!(
        error.message,
        "Parameter disk-image-size=0 has an invalid format"
    );
}

#[test]
fn svc_boot_5_a_uefi_import_from_a_snapshot_names_its_platform() {
    let request = |boot_mode: Option<&str>, platform: Option<&str>, snapshot: bool| {
        let mut request = image_request();
        if snapshot {
            request.disk_containers[0] = DiskContainer {
                snapshot_id: Some("snap-1234567890abcdef0".into()),
                ..DiskContainer::default()
            };
        }
        request.boot_mode = boot_mode.map(Into::into);
        request.platform = platform.map(Into::into);
        // What is taken goes on: to a snapshot that this world does not have, or to a dry run's answer.
        request.dry_run = true;
        refused(request).code
    };
    let needed = ApiCode::InvalidParameterDependency;
    let taken = ApiCode::InvalidSnapshotNotFound;
    assert_eq!(request(Some("uefi"), None, true), needed);
    assert_eq!(request(Some("UEFI"), None, true), needed);
    assert_eq!(request(Some("uefi"), Some("Linux"), true), taken);
    assert_eq!(request(Some("uefi"), Some("Windows"), true), taken);
    assert_eq!(request(Some("legacy-bios"), None, true), taken);
    assert_eq!(request(None, None, true), taken);
    assert_eq!(request(Some("uefi"), None, false), ApiCode::DryRunOperation);
}

#[test]
fn a_signed_address_shows_up_in_no_debug_output_or_error() {
    const SECRET: &str = "X-Amz-Signature=0123456789";
    let mut container = ova();
    container.url = Some(SourceUrl::new(format!("https://host/key?{SECRET}")));
    let request = ImportImageRequest {
        disk_containers: vec![container.clone()],
        ..ImportImageRequest::default()
    };
    let mut engine = engine();
    let call = ApiCall {
        caller: caller(),
        action: Action::ImportImage(request),
    };
    assert!(!format!("{call:?}").contains(SECRET));
    engine.request(NOW, call);
    loop {
        let output = engine.poll();
        assert!(!format!("{output:?}").contains(SECRET));
        if matches!(output, Output::Idle { .. }) {
            break;
        }
    }
    assert!(!format!("{engine:?}").contains(SECRET));
    container.url = Some(SourceUrl::new(format!("ftp://host/key?{SECRET}")));
    let error = refused(ImportImageRequest {
        disk_containers: vec![container],
        ..ImportImageRequest::default()
    });
    assert!(!error.to_string().contains(SECRET));
}

/// A word that may be right, in any case, or anything at all.
fn word(words: &'static [&'static str]) -> impl Strategy<Value = Option<String>> {
    let right = prop::sample::select(words).prop_flat_map(|word| {
        prop::collection::vec(any::<bool>(), word.len()).prop_map(move |upper| {
            let change = |(letter, upper): (char, bool)| {
                if upper {
                    letter.to_ascii_uppercase()
                } else {
                    letter.to_ascii_lowercase()
                }
            };
            word.chars().zip(upper).map(change).collect::<String>()
        })
    });
    prop_oneof![Just(None), right.prop_map(Some), ".{0,12}".prop_map(Some)]
}

fn is_one_of(value: Option<&String>, words: &[&str]) -> bool {
    value.is_none_or(|value| words.iter().any(|word| word.eq_ignore_ascii_case(value)))
}

const FORMATS: &[&str] = &["ova", "raw", "vhd", "vhdx", "vmdk"];
const PLATFORMS: &[&str] = &["Linux", "Windows"];
const BOOT_MODES: &[&str] = &["legacy-bios", "uefi", "uefi-preferred"];
const ARCHITECTURES: &[&str] = &["x86_64", "i386"];
const LICENSES: &[&str] = &["AWS", "BYOL"];

proptest! {
    #[test]
    fn svc_task_10_words_are_taken_in_any_case_and_others_are_not(
        format in word(FORMATS),
        platform in word(PLATFORMS),
        boot_mode in word(BOOT_MODES),
        architecture in word(ARCHITECTURES),
        license_type in word(LICENSES),
    ) {
        let right = is_one_of(format.as_ref(), FORMATS)
            && is_one_of(platform.as_ref(), PLATFORMS)
            && is_one_of(boot_mode.as_ref(), BOOT_MODES)
            && is_one_of(architecture.as_ref(), ARCHITECTURES)
            && is_one_of(license_type.as_ref(), LICENSES);
        let request = ImportImageRequest {
            disk_containers: vec![DiskContainer { format: format.clone(), ..ova() }],
            platform, boot_mode, architecture, license_type,
            ..ImportImageRequest::default()
        };
        let reply = call(&mut engine(), Action::ImportImage(request));
        prop_assert_eq!(reply.is_ok(), right);
        if let Ok(Reply::ImportImage(task)) = reply {
            prop_assert_eq!(&task.snapshot_details[0].format, &format);
        }
    }

    #[test]
    fn any_text_is_an_address_or_an_error(text in ".{0,40}", prefix in "(s3://|S3://|https://)?") {
        let url = SourceUrl::new(format!("{prefix}{text}"));
        let container = DiskContainer { url: Some(url), ..DiskContainer::default() };
        let request = ImportImageRequest {
            disk_containers: vec![container],
            ..ImportImageRequest::default()
        };
        match call(&mut engine(), Action::ImportImage(request)) {
            Ok(Reply::ImportImage(task)) => {
                let detail = &task.snapshot_details[0];
                if let Some(place) = &detail.user_bucket {
                    let url = format!("{}{}/{}", prefix, place.bucket, place.key);
                    prop_assert_eq!(url, format!("{prefix}{text}"));
                }
            }
            Ok(other) => panic!("{other:?}"),
            Err(error) => prop_assert_eq!(error.code, ApiCode::InvalidParameter),
        }
    }
}
