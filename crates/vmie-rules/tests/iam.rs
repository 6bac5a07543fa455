//! The documents that are generated are those that the guide prints (`iam/*.json`).
#![cfg(feature = "iam")]
#![allow(clippy::expect_used, reason = "tests may panic")]

use serde_json::Value;
use vmie_rules::iam::documents::{
    RolePermissions, TrustConditions, key_statement, role_policy, tasks_of, trust_policy,
    user_policy,
};
use vmie_rules::iam::{Policy, PolicyKind};

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("a document of ours or of the guide")
}

/// Equal, and readable as what it is.
fn same(generated: &Policy, printed: &str, kind: PolicyKind) {
    let text = generated.to_json();
    assert_eq!(json(&text), json(printed));
    assert_eq!(text, printed.trim_end(), "the same order and indentation");
    assert_eq!(Policy::parse(printed, kind).as_ref(), Ok(generated));
}

const IMPORT: &[&str] = &["amzn-s3-demo-import-bucket"];
const EXPORT: &[&str] = &["amzn-s3-demo-export-bucket"];

fn permissions<'a>() -> RolePermissions<'a> {
    RolePermissions {
        import_buckets: IMPORT,
        export_buckets: EXPORT,
        ..RolePermissions::default()
    }
}

#[test]
fn svc_iam_1_the_callers_policy() {
    let policy = user_policy(&[IMPORT[0], EXPORT[0]]);
    same(
        &policy,
        include_str!("iam/user-policy.json"),
        PolicyKind::Identity,
    );
}

#[test]
fn svc_iam_2_the_trust_policy() {
    let plain = trust_policy(&TrustConditions::default());
    same(
        &plain,
        include_str!("iam/trust-policy.json"),
        PolicyKind::Trust,
    );
    let account = "111122223333";
    let arn = tasks_of(account);
    let sources = trust_policy(&TrustConditions {
        source_account: Some(account),
        source_arn: Some(&arn),
    });
    same(
        &sources,
        include_str!("iam/trust-policy-source.json"),
        PolicyKind::Trust,
    );
}

#[test]
fn svc_iam_3_the_permissions_of_the_role() {
    let policy = role_policy(&permissions());
    same(
        &policy,
        include_str!("iam/role-policy.json"),
        PolicyKind::Identity,
    );

    let more = role_policy(&RolePermissions {
        keys: &["*"],
        licenses: true,
        ..permissions()
    });
    let more = json(&more.to_json());
    assert_eq!(
        more["Statement"][3],
        json(include_str!("iam/role-kms.json"))
    );
    assert_eq!(
        more["Statement"][4],
        json(include_str!("iam/role-licenses.json"))
    );

    let key = "arn:aws:kms:eu-west-1:111122223333:key/0ea3fef3";
    let keyed = role_policy(&RolePermissions {
        keys: &[key],
        ..permissions()
    });
    assert_eq!(json(&keyed.to_json())["Statement"][3]["Resource"], key);
}

#[test]
fn svc_iam_6_the_statement_of_the_key() {
    let statement = key_statement("accountid", "vmimport");
    let printed = include_str!("iam/key-statement.json");
    assert_eq!(statement.to_json(), printed.trim_end());
}
