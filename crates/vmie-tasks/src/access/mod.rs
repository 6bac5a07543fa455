//! Who may do what: the caller, the service role, the keys, the buckets (SVC-IAM). One text of the
//! service stands for many causes (SVC-ERR-6); here each has its name.

mod answer;
mod role;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use vmie_rules::SvcId;
use vmie_rules::api::{self, ApiCode};
use vmie_rules::iam::documents::ROLE_LICENSES;
use vmie_rules::iam::{Asker, PolicyKind, Question};
use vmie_rules::message::Message;

use crate::call::Caller;
use crate::check::Checked;
use crate::reply::ApiError;
use crate::source::{Location, SourceUrl, UserBucket};
use crate::world::{BucketRecord, KeyRecord, KeyState, World};

use answer::{Answer, Whose};
use role::Role;

/// What every import needs on `*` (SVC-IAM-3). Of `ec2:Describe*` these are what is used.
const EC2: [&str; 5] = [
    "ec2:ModifySnapshotAttribute",
    "ec2:CopySnapshot",
    "ec2:RegisterImage",
    "ec2:DescribeSnapshots",
    "ec2:DescribeImages",
];
/// What an encrypted import needs on its key (SVC-IAM-3).
const KMS: [&str; 6] = [
    "kms:CreateGrant",
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:ReEncryptTo",
];
/// Whether the caller may call an action (SVC-IAM-1).
pub(crate) fn caller_may<W: World>(world: &W, caller: &Caller, action: &str) -> Checked<()> {
    let Some(account) = world.account(&caller.account) else {
        return Ok(());
    };
    let Some(policy) = &account.caller_policy else {
        return Ok(());
    };
    let action = format!("ec2:{action}");
    let question = Question::new(&action);
    let answer = Answer::of([policy.as_str()], PolicyKind::Identity, &question);
    if answer.is_allowed() {
        return Ok(());
    }
    let mut error = ApiError::because(
        ApiCode::UnauthorizedOperation,
        api::UNAUTHORIZED,
        &answer.cause(Whose::Caller),
        &answer.detail(Whose::Caller, &question),
        SvcId::Iam1,
    );
    error.asks(&question);
    Err(error)
}

/// What an import asks of its surroundings.
pub(crate) struct ImportNeeds<'a> {
    pub(crate) role: Option<&'a str>,
    /// Every container that is in a bucket.
    pub(crate) objects: Vec<&'a UserBucket>,
    pub(crate) kms_key_id: Option<&'a str>,
    pub(crate) licenses: bool,
}

/// Whether an import can read its sources, and encrypt what it makes (SVC-IAM-3, SVC-IAM-4,
/// SVC-IAM-6, SVC-TASK-7).
pub(crate) fn import_allowed<W: World>(
    world: &W,
    caller: &Caller,
    needs: &ImportNeeds<'_>,
) -> Checked<()> {
    let role = Role::find(world, caller, needs.role)?;
    for action in EC2 {
        role.may(action, "*")?;
    }
    for object in &needs.objects {
        let bucket = import_bucket(world, caller, &object.bucket)?;
        role.reads(world, caller, &bucket, object)?;
    }
    if let Some(id) = needs.kms_key_id {
        let key = key(world, caller, id)?;
        for action in KMS {
            role.may_use(&key, action)?;
        }
    }
    if needs.licenses {
        for action in ROLE_LICENSES {
            role.may(action, "*")?;
        }
    }
    Ok(())
}

/// The bucket of a source: there, and in the caller's Region (SVC-ERR-12, SVC-ERR-13).
fn import_bucket<'a, W: World>(
    world: &'a W,
    caller: &Caller,
    name: &str,
) -> Checked<alloc::borrow::Cow<'a, BucketRecord>> {
    let Some(bucket) = world.bucket(caller, name) else {
        return Err(ApiError::because(
            ApiCode::InvalidParameter,
            Message::InvalidS3Location.to_string(),
            "no-such-bucket",
            &format!("there is no bucket {name}"),
            SvcId::Err12,
        ));
    };
    if bucket.region != caller.region {
        let (here, there) = (&caller.region, &bucket.region);
        return Err(ApiError::because(
            ApiCode::InvalidParameter,
            Message::BucketNotLocal.to_string(),
            "bucket-in-another-region",
            &format!("{name} is in {there}, and the request went to {here}"),
            SvcId::Err13,
        ));
    }
    Ok(bucket)
}

/// The bucket that the address of a manifest names must be in the caller's Region (SVC-ERR-10).
/// Addresses that name no bucket of the world are left to whoever reads them.
pub(crate) fn manifest_is_local<W: World>(
    world: &W,
    caller: &Caller,
    url: &SourceUrl,
) -> Checked<()> {
    let Some(name) = url.bucket_of_host() else {
        return Ok(());
    };
    match world.bucket(caller, name) {
        Some(bucket) if bucket.region != caller.region => {
            let message = Message::BucketInOtherRegion {
                name: name.to_string(),
                region: caller.region.clone(),
                actual: bucket.region.clone(),
            };
            Err(ApiError::because(
                ApiCode::InvalidParameter,
                message.to_string(),
                "bucket-in-another-region",
                message.advice(),
                SvcId::Err10,
            ))
        }
        _ => Ok(()),
    }
}

/// Whether the role may write the bucket of an image export (SVC-IAM-3).
pub(crate) fn role_for_export<W: World>(
    world: &W,
    caller: &Caller,
    name: Option<&str>,
    bucket: &BucketRecord,
) -> Checked<()> {
    let role = Role::find(world, caller, name)?;
    let arn = format!("arn:aws:s3:::{}", bucket.name);
    let objects = format!("{arn}/*");
    for (action, resource) in [
        ("s3:GetBucketLocation", &arn),
        ("s3:ListBucket", &arn),
        ("s3:GetBucketAcl", &arn),
        ("s3:PutObject", &objects),
    ] {
        role.may_in(bucket, action, resource)?;
    }
    Ok(())
}

/// Whether a bucket's policy lets the service write an instance export (SVC-IAM-7).
pub(crate) fn bucket_lets_export(bucket: &BucketRecord, canonical: &str) -> bool {
    let Some(policy) = &bucket.policy else {
        return false;
    };
    let arn = format!("arn:aws:s3:::{}", bucket.name);
    let objects = format!("{arn}/*");
    [("s3:GetBucketAcl", &arn), ("s3:PutObject", &objects)]
        .iter()
        .all(|(action, resource)| {
            let question = Question::new(action)
                .on(resource)
                .asked_by(Asker::CanonicalUser(canonical));
            Answer::of([policy.as_str()], PolicyKind::Resource, &question).is_allowed()
        })
}

/// A key that can be used (SVC-TASK-7).
pub(crate) fn key<'a, W: World>(
    world: &'a W,
    caller: &Caller,
    id: &str,
) -> Checked<alloc::borrow::Cow<'a, KeyRecord>> {
    let problem = |cause: &str, detail: String| {
        Err(ApiError::because(
            ApiCode::InvalidParameter,
            "The KMS key does not exist, is not enabled, or may not be used.",
            cause,
            &detail,
            SvcId::Task7,
        ))
    };
    let Some(key) = world.key(caller, id) else {
        return problem("no-such-key", "there is no such key".to_string());
    };
    if key.region != caller.region {
        let detail = format!("the key is in {}", key.region);
        return problem("key-in-another-region", detail);
    }
    match key.state {
        KeyState::Enabled => Ok(key),
        state => problem(key_cause(state), key_detail(state).to_string()),
    }
}

/// The name of what keeps a key from being used.
pub(crate) fn key_cause(state: KeyState) -> &'static str {
    match state {
        KeyState::Enabled => "key-enabled",
        KeyState::Disabled => "key-disabled",
        KeyState::PendingDeletion => "key-pending-deletion",
        KeyState::PendingImport => "key-pending-import",
    }
}

/// What to do about it.
pub(crate) fn key_detail(state: KeyState) -> &'static str {
    match state {
        KeyState::Enabled => "the key is enabled",
        KeyState::Disabled => "the key is disabled; keep it enabled until the import has ended",
        KeyState::PendingDeletion => "the key is about to be deleted; cancel that",
        KeyState::PendingImport => "the key waits for its material",
    }
}

/// SVC-ERR-6, SVC-IAM-4: the newer text names the role of the request, the older one vmimport.
fn insufficient(name: &str, named: bool, cause: &str, detail: &str, svc: SvcId) -> ApiError {
    let message = if named {
        Message::RoleInsufficient { name: name.into() }
    } else {
        Message::VmimportInsufficient
    };
    let mut error = ApiError::because(
        ApiCode::InvalidParameter,
        message.to_string(),
        cause,
        detail,
        SvcId::Err6,
    );
    error.also(svc);
    error
}

/// The bucket and key of each source that is in a bucket.
pub(crate) fn objects<'a>(
    locations: impl IntoIterator<Item = &'a Location>,
) -> Vec<&'a UserBucket> {
    locations
        .into_iter()
        .filter_map(Location::user_bucket)
        .collect()
}
