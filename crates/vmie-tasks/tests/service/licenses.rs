//! Licenses of imports.

use crate::told::{Client, import_image};
use vmie_tasks::{Action, ImportImageRequest, Reply};

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
