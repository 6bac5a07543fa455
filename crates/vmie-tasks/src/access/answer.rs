//! What policies answer, and what an error says of it: which policy, and how far it got.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use vmie_rules::iam::{Evaluation, InvalidPolicy, Miss, Policy, PolicyKind, Question, evaluate};

/// Whose policy was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    Caller,
    Trust,
    Role,
    Bucket,
    Key,
}

impl Whose {
    /// The start of a cause's name.
    const fn name(self) -> &'static str {
        match self {
            Self::Caller => "caller-policy",
            Self::Trust => "role-trust-policy",
            Self::Role => "role-policy",
            Self::Bucket => "bucket-policy",
            Self::Key => "key-policy",
        }
    }

    /// As a sentence calls it.
    const fn text(self) -> &'static str {
        match self {
            Self::Caller => "the caller's policy",
            Self::Trust => "the role's trust policy",
            Self::Role => "the role's policy",
            Self::Bucket => "the bucket's policy",
            Self::Key => "the key's policy",
        }
    }
}

/// Policies that were read, or the first that is none.
pub(super) type Policies = Result<Vec<Policy>, InvalidPolicy>;

/// Reads policies of one kind.
pub(super) fn read<'t>(texts: impl IntoIterator<Item = &'t str>, kind: PolicyKind) -> Policies {
    let texts = texts.into_iter();
    texts.map(|text| Policy::parse(text, kind)).collect()
}

/// What policies say together to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Evaluated(Evaluation),
    /// One of them is no policy.
    Broken(InvalidPolicy),
}

impl Answer {
    pub(super) fn of<'t>(
        texts: impl IntoIterator<Item = &'t str>,
        kind: PolicyKind,
        question: &Question<'_>,
    ) -> Self {
        Self::from(&read(texts, kind), question)
    }

    pub(super) fn from(policies: &Policies, question: &Question<'_>) -> Self {
        match policies {
            Ok(policies) => Self::Evaluated(evaluate(policies, question)),
            Err(broken) => Self::Broken(broken.clone()),
        }
    }

    pub(super) const fn is_allowed(&self) -> bool {
        matches!(self, Self::Evaluated(Evaluation::Allowed { .. }))
    }

    /// Allowed to the asker by name, not to all of the account.
    pub(super) const fn is_direct(&self) -> bool {
        let Self::Evaluated(Evaluation::Allowed { delegated, .. }) = self else {
            return false;
        };
        !*delegated
    }

    /// Nothing that another policy allows helps: this one denies it, or cannot be read.
    pub(super) const fn forbids(&self) -> bool {
        matches!(
            self,
            Self::Broken(_) | Self::Evaluated(Evaluation::Denied { .. })
        )
    }

    /// The name of the cause: `role-policy-denies`, `role-trust-policy-external-id`.
    pub(super) fn cause(&self, whose: Whose) -> String {
        let how = match self {
            Self::Broken(_) => "broken",
            Self::Evaluated(Evaluation::Allowed { .. }) => "allows",
            Self::Evaluated(Evaluation::Denied { .. }) => "denies",
            Self::Evaluated(Evaluation::NotAllowed(miss)) => match miss {
                Miss::Condition { key, .. } if key.eq_ignore_ascii_case("sts:ExternalId") => {
                    "external-id"
                }
                Miss::Condition { .. } => "condition",
                Miss::Principal { .. } if whose == Whose::Trust => "principal",
                Miss::NotEvaluated { .. } => "not-evaluated",
                Miss::Action { .. } | Miss::Principal { .. } | Miss::Resource { .. } => "lacks",
            },
        };
        format!("{}-{how}", whose.name())
    }

    /// A sentence: whose policy says what of which action, and which statement came nearest.
    pub(super) fn detail(&self, whose: Whose, question: &Question<'_>) -> String {
        let whose = whose.text();
        let what = match question.resource {
            "*" => question.action.to_string(),
            resource => format!("{} on {resource}", question.action),
        };
        match self {
            Self::Broken(why) => format!("{whose} is no policy: {why}"),
            Self::Evaluated(Evaluation::Allowed { .. }) => format!("{whose} allows {what}"),
            Self::Evaluated(Evaluation::Denied { by }) => format!("{whose} denies {what}, in {by}"),
            Self::Evaluated(Evaluation::NotAllowed(Miss::Action { .. })) => {
                format!("{whose} does not allow {what}")
            }
            Self::Evaluated(Evaluation::NotAllowed(miss)) => {
                format!("{whose} does not allow {what}: {miss}")
            }
        }
    }
}
