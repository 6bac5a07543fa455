//! The documents that imports and exports need, as the guide prints them.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::acl::export_id;
use super::condition::{Comparison, Operator};
use super::policy::{
    Condition, Effect, Policy, PrincipalKind, PrincipalSet, Principals, Scope, Statement, Texts,
    Version,
};

/// The service that takes the role on (SVC-IAM-2).
pub const SERVICE: &str = "vmie.amazonaws.com";
/// The role where none is named, and the external id that it is taken on with (SVC-IAM-2).
pub const ROLE: &str = "vmimport";

/// What a caller needs on the buckets and their objects (SVC-IAM-1).
pub const CALLER_S3: &[&str] = &["s3:GetBucketLocation", "s3:GetObject", "s3:PutObject"];

/// What a caller needs on `*` (SVC-IAM-1).
pub const CALLER_EC2: &[&str] = &[
    "ec2:CancelConversionTask",
    "ec2:CancelExportTask",
    "ec2:CreateImage",
    "ec2:CreateInstanceExportTask",
    "ec2:CreateTags",
    "ec2:DescribeConversionTasks",
    "ec2:DescribeExportTasks",
    "ec2:DescribeExportImageTasks",
    "ec2:DescribeImages",
    "ec2:DescribeInstanceStatus",
    "ec2:DescribeInstances",
    "ec2:DescribeSnapshots",
    "ec2:DescribeTags",
    "ec2:ExportImage",
    "ec2:ImportInstance",
    "ec2:ImportVolume",
    "ec2:StartInstances",
    "ec2:StopInstances",
    "ec2:TerminateInstances",
    "ec2:ImportImage",
    "ec2:ImportSnapshot",
    "ec2:DescribeImportImageTasks",
    "ec2:DescribeImportSnapshotTasks",
    "ec2:CancelImportTask",
];

/// What the role needs on a bucket that is imported from (SVC-IAM-3).
pub const ROLE_IMPORT_S3: &[&str] = &["s3:GetBucketLocation", "s3:GetObject", "s3:ListBucket"];

/// What the role needs on a bucket that is exported to (SVC-IAM-3).
pub const ROLE_EXPORT_S3: &[&str] = &[
    "s3:GetBucketLocation",
    "s3:GetObject",
    "s3:ListBucket",
    "s3:PutObject",
    "s3:GetBucketAcl",
];

/// What the role needs on `*` (SVC-IAM-3).
pub const ROLE_EC2: &[&str] = &[
    "ec2:ModifySnapshotAttribute",
    "ec2:CopySnapshot",
    "ec2:RegisterImage",
    "ec2:Describe*",
];

/// What the role needs on the key of an encrypted import (SVC-IAM-3).
pub const ROLE_KMS: &[&str] = &[
    "kms:CreateGrant",
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey*",
    "kms:ReEncrypt*",
];

/// What the role needs for license configurations (SVC-IAM-3).
pub const ROLE_LICENSES: &[&str] = &[
    "license-manager:GetLicenseConfiguration",
    "license-manager:UpdateLicenseSpecificationsForResource",
    "license-manager:ListLicenseSpecificationsForResource",
];

/// Where the service may act from when it takes the role on (SVC-IAM-2). Both are optional.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustConditions<'a> {
    /// Only for this account.
    pub source_account: Option<&'a str>,
    /// Only for these tasks: an ARN with wildcards.
    pub source_arn: Option<&'a str>,
}

/// The pattern of the tasks of an account, in all Regions (SVC-IAM-2).
#[must_use]
pub fn tasks_of(account: &str) -> String {
    format!("arn:aws:vmie:*:{account}:*")
}

/// The trust policy of the service role (SVC-IAM-2).
#[must_use]
pub fn trust_policy(conditions: &TrustConditions<'_>) -> Policy {
    let mut equals = Vec::from([("sts:Externalid".into(), one(ROLE))]);
    if let Some(account) = conditions.source_account {
        equals.push(("aws:SourceAccount".into(), one(account)));
    }
    let condition = |comparison, keys| Condition {
        operator: Operator::of(comparison),
        keys,
    };
    let mut list = Vec::from([condition(Comparison::StringEquals, equals)]);
    if let Some(arn) = conditions.source_arn {
        let keys = Vec::from([("aws:SourceArn".into(), one(arn))]);
        list.push(condition(Comparison::ArnLike, keys));
    }
    policy([Statement {
        principals: only(PrincipalKind::Service, one(SERVICE)),
        resources: None,
        conditions: list,
        ..allow(one("sts:AssumeRole"), one("*"))
    }])
}

/// What the role's permissions are for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RolePermissions<'a> {
    /// The buckets that are imported from.
    pub import_buckets: &'a [&'a str],
    /// The buckets that are exported to.
    pub export_buckets: &'a [&'a str],
    /// Keys of encrypted imports, by their ARNs or `*`.
    pub keys: &'a [&'a str],
    /// Whether there are license configurations.
    pub licenses: bool,
}

/// The permissions of the service role (SVC-IAM-3).
#[must_use]
pub fn role_policy(permissions: &RolePermissions<'_>) -> Policy {
    let buckets = [
        (permissions.import_buckets, ROLE_IMPORT_S3),
        (permissions.export_buckets, ROLE_EXPORT_S3),
    ];
    let buckets = buckets.iter().filter(|(buckets, _)| !buckets.is_empty());
    let buckets = buckets.map(|(buckets, actions)| allow(many(actions), bucket_arns(buckets)));
    let keys = match permissions.keys {
        [] => None,
        [key] => Some(one(key)),
        keys => Some(many(keys)),
    };
    let keys = keys.map(|keys| allow(many(ROLE_KMS), keys));
    let licenses = permissions.licenses;
    let licenses = licenses.then(|| allow(many(ROLE_LICENSES), one("*")));
    let ec2 = allow(many(ROLE_EC2), one("*"));
    policy(buckets.chain([ec2]).chain(keys).chain(licenses))
}

/// The permissions of a caller, on the buckets of imports and exports (SVC-IAM-1).
#[must_use]
pub fn user_policy(buckets: &[&str]) -> Policy {
    let s3 = (!buckets.is_empty()).then(|| allow(many(CALLER_S3), bucket_arns(buckets)));
    let ec2 = allow(many(CALLER_EC2), one("*"));
    policy(s3.into_iter().chain([ec2]))
}

/// The statement that a key's policy needs for sources that are encrypted with it (SVC-IAM-6):
/// to be added to the policy that the key has.
#[must_use]
pub fn key_statement(account: &str, role: &str) -> Statement {
    let arn = format!("arn:aws:iam::{account}:role/{role}");
    Statement {
        sid: Some(format!("Allow {role} to decrypt SSE-KMS key")),
        principals: only(PrincipalKind::Aws, many(&[arn.as_str()])),
        ..allow(many(&["kms:Decrypt"]), one("*"))
    }
}

/// The policy of a bucket that instance exports of a Region go to, in place of an ACL
/// (SVC-IAM-7).
#[must_use]
pub fn bucket_policy(bucket: &str, region: &str) -> Policy {
    let statement = |action, resource: String| Statement {
        principals: only(PrincipalKind::CanonicalUser, one(export_id(region))),
        ..allow(one(action), Texts::One(resource))
    };
    let partition = match region.split('-').collect::<Vec<_>>().as_slice() {
        ["cn", ..] => "aws-cn",
        ["us", "gov", ..] => "aws-us-gov",
        _ => "aws",
    };
    let arn = format!("arn:{partition}:s3:::{bucket}");
    policy([
        statement("s3:GetBucketAcl", arn.clone()),
        statement("s3:PutObject", format!("{arn}/*")),
    ])
}

fn policy(statements: impl IntoIterator<Item = Statement>) -> Policy {
    Policy {
        version: Version::V2012,
        id: None,
        statements: statements.into_iter().collect(),
    }
}

fn allow(actions: Texts, resources: Texts) -> Statement {
    Statement {
        sid: None,
        effect: Effect::Allow,
        principals: None,
        actions: Scope::Only(actions),
        resources: Some(Scope::Only(resources)),
        conditions: Vec::new(),
    }
}

fn only(kind: PrincipalKind, texts: Texts) -> Option<Principals> {
    let kinds = Vec::from([(kind, texts)]);
    Some(Principals::Only(PrincipalSet::Of(kinds)))
}

fn one(text: &str) -> Texts {
    Texts::One(text.into())
}

fn many(texts: &[&str]) -> Texts {
    Texts::Many(texts.iter().map(|text| String::from(*text)).collect())
}

/// Each bucket, and all its objects.
fn bucket_arns(buckets: &[&str]) -> Texts {
    let arns = |bucket: &&str| {
        [
            format!("arn:aws:s3:::{bucket}"),
            format!("arn:aws:s3:::{bucket}/*"),
        ]
    };
    Texts::Many(buckets.iter().flat_map(arns).collect())
}
