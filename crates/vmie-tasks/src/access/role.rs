//! The service role: whether it can be taken on, and what it may do (SVC-IAM-2, SVC-IAM-3).

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;

use vmie_rules::SvcId;
use vmie_rules::iam::documents::{ROLE, SERVICE};
use vmie_rules::iam::{Asker, PolicyKind, Question};

use super::answer::{Answer, Policies, Whose, read};
use super::{insufficient, key_cause, key_detail};
use crate::call::Caller;
use crate::check::Checked;
use crate::reply::ApiError;
use crate::source::UserBucket;
use crate::world::{BucketRecord, Encryption, KeyRecord, KeyState, RoleRecord, World};

/// The service role, which was found and can be taken on.
pub(super) struct Role<'a> {
    name: &'a str,
    named: bool,
    account: &'a str,
    record: Cow<'a, RoleRecord>,
    arn: String,
    policies: Policies,
}

impl<'a> Role<'a> {
    pub(super) fn find<W: World>(
        world: &'a W,
        caller: &'a Caller,
        sent: Option<&'a str>,
    ) -> Checked<Self> {
        let name = sent.unwrap_or(ROLE);
        let Some(record) = world.role(&caller.account, name) else {
            return Err(insufficient(
                name,
                sent.is_some(),
                "role-missing",
                &format!("the account has no role {name}"),
                SvcId::Iam4,
            ));
        };
        let policies = record.policies.iter().map(String::as_str);
        let role = Self {
            name,
            named: sent.is_some(),
            account: &caller.account,
            arn: format!("arn:aws:iam::{}:role/{name}", caller.account),
            policies: read(policies, PolicyKind::Identity),
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
        let question = Question::new("sts:AssumeRole")
            .asked_by(Asker::Service(SERVICE))
            .given("sts:ExternalId", ROLE)
            .given("aws:SourceAccount", &caller.account)
            .given("aws:SourceArn", &source);
        let answer = Answer::of(
            [self.record.trust_policy.as_str()],
            PolicyKind::Trust,
            &question,
        );
        if answer.is_allowed() {
            return Ok(());
        }
        Err(self.refused(&answer, Whose::Trust, &question, SvcId::Iam2))
    }

    /// What the service says of it, and behind that whose policy says what.
    fn refused(
        &self,
        answer: &Answer,
        whose: Whose,
        question: &Question<'_>,
        svc: SvcId,
    ) -> ApiError {
        let mut detail = answer.detail(whose, question);
        if whose == Whose::Trust {
            let advice = format!("; let {SERVICE} call sts:AssumeRole with the external id {ROLE}");
            detail.push_str(&advice);
        }
        let mut error = self.insufficient(&answer.cause(whose), &detail, svc);
        error.asks(question);
        error
    }

    fn insufficient(&self, cause: &str, detail: &str, svc: SvcId) -> ApiError {
        insufficient(self.name, self.named, cause, detail, svc)
    }

    /// By its own policies alone.
    pub(super) fn may(&self, action: &str, resource: &str) -> Checked<()> {
        if self.record.open {
            return Ok(());
        }
        let question = Question::new(action).on(resource);
        let answer = Answer::from(&self.policies, &question);
        if answer.is_allowed() {
            return Ok(());
        }
        Err(self.refused(&answer, Whose::Role, &question, SvcId::Iam3))
    }

    /// With the bucket's policy: either allows it within an account, and both must where the
    /// bucket is of another one.
    pub(super) fn may_in(
        &self,
        bucket: &BucketRecord,
        action: &str,
        resource: &str,
    ) -> Checked<()> {
        let Some(policy) = bucket.policy.as_deref().filter(|_| !bucket.open) else {
            return self.may(action, resource);
        };
        let question = Question::new(action).on(resource);
        let own = self.own(&question);
        let question = question.asked_by(Asker::Arn(&self.arn));
        let theirs = Answer::of([policy], PolicyKind::Resource, &question);
        let verdict = Verdict {
            own,
            theirs,
            foreign: bucket.owner != self.account,
            enough_alone: true,
        };
        match verdict.refusal(Whose::Bucket) {
            None => Ok(()),
            Some((answer, whose)) => Err(self.refused(&answer, whose, &question, SvcId::Iam3)),
        }
    }

    /// What its own policies say; `None` if none count.
    fn own(&self, question: &Question<'_>) -> Option<Answer> {
        (!self.record.open).then(|| Answer::from(&self.policies, question))
    }

    /// Whether it reads an object, which may be encrypted (SVC-IAM-3, SVC-IAM-6).
    pub(super) fn reads<W: World>(
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
            return Err(self.insufficient("source-key-missing", detail, SvcId::Iam6));
        };
        if key.state != KeyState::Enabled {
            let cause = format!("source-{}", key_cause(key.state));
            return Err(self.insufficient(&cause, key_detail(key.state), SvcId::Iam6));
        }
        self.may_use(&key, "kms:Decrypt")
    }

    /// Whether it may use a key: by the role's policy and the key's (SVC-IAM-6).
    pub(super) fn may_use(&self, key: &KeyRecord, action: &str) -> Checked<()> {
        if self.record.open || key.open {
            return Ok(());
        }
        let arn = key.arn();
        let question = Question::new(action).on(&arn);
        let own = self.own(&question);
        let refused =
            |answer: &Answer, whose: Whose| self.refused(answer, whose, &question, SvcId::Iam6);
        let Some(policy) = key.policy.as_deref() else {
            return match own {
                Some(own) if !own.is_allowed() => Err(refused(&own, Whose::Role)),
                _ => Ok(()),
            };
        };
        let asked = question.clone().asked_by(Asker::Arn(&self.arn));
        let verdict = Verdict {
            own,
            theirs: Answer::of([policy], PolicyKind::Resource, &asked),
            foreign: key.owner != self.account,
            enough_alone: false,
        };
        match verdict.refusal(Whose::Key) {
            None => Ok(()),
            Some((answer, whose)) => Err(refused(&answer, whose)),
        }
    }
}

/// What a role's own policies and that of a thing say together.
struct Verdict {
    /// The role's; `None` if it may do everything.
    own: Option<Answer>,
    /// The thing's.
    theirs: Answer,
    /// The thing is of another account than the role.
    foreign: bool,
    /// Within an account, the role's own policies are enough. Those of keys are not: a key's
    /// policy has to leave it to the account.
    enough_alone: bool,
}

impl Verdict {
    /// Whose policy says no, and how; `None` if it is allowed.
    fn refusal(self, theirs: Whose) -> Option<(Answer, Whose)> {
        let own_allows = self.own.as_ref().is_none_or(Answer::is_allowed);
        match self.own {
            Some(own) if own.forbids() => Some((own, Whose::Role)),
            _ if self.theirs.forbids() => Some((self.theirs, theirs)),
            // A statement that names the role needs no other within an account.
            Some(_) if !own_allows && self.theirs.is_direct() && !self.foreign => None,
            Some(own) if !own_allows && (self.theirs.is_allowed() || self.enough_alone) => {
                Some((own, Whose::Role))
            }
            _ if self.theirs.is_allowed() => None,
            _ if own_allows && self.enough_alone && !self.foreign => None,
            _ => Some((self.theirs, theirs)),
        }
    }
}
