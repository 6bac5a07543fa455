//! Who may do what: the caller, the service role, the keys, the buckets (SVC-IAM). One text of the
//! service stands for many causes (SVC-ERR-6); here each has its name.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use vmie_rules::SvcId;
use vmie_rules::api::{self, ApiCode};
use vmie_rules::message::Message;

use crate::call::Caller;
use crate::check::Checked;
use crate::policy::{Answer, Question, ask};
use crate::reply::ApiError;
use crate::source::{Location, SourceUrl, UserBucket};
use crate::world::{BucketRecord, Encryption, KeyRecord, KeyState, RoleRecord, World};

/// The role where a request names none.
const DEFAULT_ROLE: &str = "vmimport";
/// Who takes the role on (SVC-IAM-2).
const SERVICE: &str = "vmie.amazonaws.com";
/// The external id that it is taken on with (SVC-IAM-2).
const EXTERNAL_ID: &str = "vmimport";

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
/// What license configurations need (SVC-IAM-3).
const LICENSES: [&str; 3] = [
    "license-manager:GetLicenseConfiguration",
    "license-manager:UpdateLicenseSpecificationsForResource",
    "license-manager:ListLicenseSpecificationsForResource",
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
    let question = Question::new(&action, "*");
    match ask([policy.as_str()], &question) {
        Answer::Allowed => Ok(()),
        other => Err(ApiError::because(
            ApiCode::UnauthorizedOperation,
            api::UNAUTHORIZED,
            other.cause("caller-policy"),
            &other.detail("the caller's policy", &question),
            SvcId::Iam1,
        )),
    }
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
        for action in LICENSES {
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
            let question = Question::new(action, resource).of_canonical_user(canonical);
            ask([policy.as_str()], &question) == Answer::Allowed
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

/// The service role, which was found and can be taken on.
struct Role<'a> {
    name: &'a str,
    named: bool,
    account: &'a str,
    record: alloc::borrow::Cow<'a, RoleRecord>,
}

impl<'a> Role<'a> {
    fn find<W: World>(world: &'a W, caller: &'a Caller, sent: Option<&'a str>) -> Checked<Self> {
        let name = sent.unwrap_or(DEFAULT_ROLE);
        let Some(record) = world.role(&caller.account, name) else {
            let detail = format!("the account has no role {name}");
            return Err(insufficient(
                name,
                sent.is_some(),
                "role-missing",
                &detail,
                SvcId::Iam4,
            ));
        };
        let role = Self {
            name,
            named: sent.is_some(),
            account: &caller.account,
            record,
        };
        role.trusts(caller)?;
        Ok(role)
    }

    /// Whether the service may take it on (SVC-IAM-2).
    fn trusts(&self, caller: &Caller) -> Checked<()> {
        if self.record.open {
            return Ok(());
        }
        let source = format!("arn:aws:vmie:{}:{}:*", caller.region, caller.account);
        let question = Question::new("sts:AssumeRole", "*").of_service(SERVICE);
        let full = question
            .clone()
            .given("sts:ExternalId", EXTERNAL_ID)
            .given("aws:SourceAccount", &caller.account)
            .given("aws:SourceArn", &source);
        let answer = ask([self.record.trust_policy.as_str()], &full);
        if answer == Answer::Allowed {
            return Ok(());
        }
        let cause = answer.cause("role-trust-policy");
        let detail = answer.detail("the trust policy", &full);
        let advice = format!(
            "{detail}; let {SERVICE} call sts:AssumeRole with the external id {EXTERNAL_ID}"
        );
        Err(self.refused(cause, &advice, SvcId::Iam2))
    }

    fn refused(&self, cause: &str, detail: &str, svc: SvcId) -> ApiError {
        insufficient(self.name, self.named, cause, detail, svc)
    }

    fn policies(&self) -> impl Iterator<Item = &str> + Clone {
        self.record.policies.iter().map(String::as_str)
    }

    fn arn(&self) -> String {
        format!("arn:aws:iam::{}:role/{}", self.account, self.name)
    }

    fn may(&self, action: &str, resource: &str) -> Checked<()> {
        if self.record.open {
            return Ok(());
        }
        let question = Question::new(action, resource);
        match ask(self.policies(), &question) {
            Answer::Allowed => Ok(()),
            answer => {
                let cause = answer.cause("role-policy");
                let detail = answer.detail("the role's policy", &question);
                Err(self.refused(cause, &detail, SvcId::Iam3))
            }
        }
    }

    /// With the bucket's policy, which can deny, and allow a role of another account.
    fn may_in(&self, bucket: &BucketRecord, action: &str, resource: &str) -> Checked<()> {
        self.may(action, resource)?;
        let Some(policy) = bucket.policy.as_deref().filter(|_| !bucket.open) else {
            return Ok(());
        };
        let arn = self.arn();
        let question = Question::new(action, resource).of_role(&arn);
        let foreign = bucket.owner != self.account;
        let answer = match ask([policy], &question) {
            Answer::NotAllowed => ask([policy], &question.clone().of_account(self.account)),
            answer => answer,
        };
        match answer {
            Answer::Allowed => Ok(()),
            Answer::NotAllowed if !foreign => Ok(()),
            answer => {
                let cause = answer.cause("bucket-policy");
                let detail = answer.detail("the bucket's policy", &question);
                Err(self.refused(cause, &detail, SvcId::Iam3))
            }
        }
    }

    /// Whether it reads an object, which may be encrypted (SVC-IAM-3, SVC-IAM-6).
    fn reads<W: World>(
        &self,
        world: &W,
        caller: &Caller,
        bucket: &BucketRecord,
        object: &UserBucket,
    ) -> Checked<()> {
        let arn = format!("arn:aws:s3:::{}", bucket.name);
        let object = format!("{arn}/{}", object.key);
        self.may_in(bucket, "s3:GetBucketLocation", &arn)?;
        self.may_in(bucket, "s3:ListBucket", &arn)?;
        self.may_in(bucket, "s3:GetObject", &object)?;
        if bucket.encryption != Encryption::SseKms {
            return Ok(());
        }
        // The store's own key is used by whoever may read the object.
        let Some(id) = bucket.kms_key_id.as_deref() else {
            return Ok(());
        };
        let Some(key) = world.key(caller, id) else {
            let detail = "the key of the bucket is no more";
            return Err(self.refused("source-key-missing", detail, SvcId::Iam6));
        };
        if key.state != KeyState::Enabled {
            let cause = format!("source-{}", key_cause(key.state));
            return Err(self.refused(&cause, key_detail(key.state), SvcId::Iam6));
        }
        self.may_use(&key, "kms:Decrypt")
    }

    /// Whether it may use a key: by the role's policy and the key's (SVC-IAM-6).
    fn may_use(&self, key: &KeyRecord, action: &str) -> Checked<()> {
        if self.record.open || key.open {
            return Ok(());
        }
        let arn = key.arn();
        let question = Question::new(action, &arn);
        let own = ask(self.policies(), &question);
        let role = self.arn();
        let Some(policy) = key.policy.as_deref() else {
            return match own {
                Answer::Allowed => Ok(()),
                own => Err(self.key_refused(&own, "the role's policy", "role-policy", &question)),
            };
        };
        let direct = ask([policy], &question.clone().of_role(&role));
        let account = ask([policy], &question.clone().of_account(self.account));
        match (own, direct) {
            (own @ (Answer::Denied | Answer::Broken(_)), _) => {
                Err(self.key_refused(&own, "the role's policy", "role-policy", &question))
            }
            // A statement of the key that names the role is enough; one that leaves it to the
            // account counts with the role's own policies.
            (_, Answer::Allowed) => Ok(()),
            (Answer::Allowed, Answer::NotAllowed) if account == Answer::Allowed => Ok(()),
            (own, Answer::NotAllowed) if account == Answer::Allowed => {
                Err(self.key_refused(&own, "the role's policy", "role-policy", &question))
            }
            (_, direct) => {
                Err(self.key_refused(&direct, "the key's policy", "key-policy", &question))
            }
        }
    }

    fn key_refused(
        &self,
        answer: &Answer,
        whose: &str,
        cause: &'static str,
        question: &Question<'_>,
    ) -> ApiError {
        let detail = answer.detail(whose, question);
        self.refused(answer.cause(cause), &detail, SvcId::Iam6)
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
