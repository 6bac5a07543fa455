//! The questions that are asked of policies, and their answers in a word each.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who<'a> {
    /// Whoever the policy belongs to.
    Own,
    Service(&'a str),
    Role(&'a str),
    Account(&'a str),
    CanonicalUser(&'a str),
}

/// May somebody do something to something?
#[derive(Clone, Debug)]
pub(crate) struct Question<'a> {
    pub(crate) who: Who<'a>,
    pub(crate) action: &'a str,
    pub(crate) resource: &'a str,
    pub(crate) context: Vec<(&'a str, &'a str)>,
}

impl<'a> Question<'a> {
    pub(crate) fn new(action: &'a str, resource: &'a str) -> Self {
        Self {
            who: Who::Own,
            action,
            resource,
            context: Vec::new(),
        }
    }

    pub(crate) fn of_service(self, service: &'a str) -> Self {
        let who = Who::Service(service);
        Self { who, ..self }
    }

    pub(crate) fn of_role(self, arn: &'a str) -> Self {
        let who = Who::Role(arn);
        Self { who, ..self }
    }

    pub(crate) fn of_account(self, account: &'a str) -> Self {
        let who = Who::Account(account);
        Self { who, ..self }
    }

    pub(crate) fn of_canonical_user(self, id: &'a str) -> Self {
        let who = Who::CanonicalUser(id);
        Self { who, ..self }
    }

    pub(crate) fn given(mut self, key: &'a str, value: &'a str) -> Self {
        self.context.push((key, value));
        self
    }
}

/// What policies say together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Allowed,
    /// No statement allows it.
    NotAllowed,
    /// A statement denies it.
    Denied,
    /// A policy is no policy.
    Broken(String),
}

impl Answer {
    /// The name of the cause, by whose policy it is.
    pub(crate) fn cause(&self, whose: &'static str) -> &'static str {
        match (whose, self) {
            ("caller-policy", Self::Denied) => "caller-policy-denies",
            ("caller-policy", Self::Broken(_)) => "caller-policy-broken",
            ("role-policy", Self::Denied) => "role-policy-denies",
            ("role-policy", Self::Broken(_)) => "role-policy-broken",
            ("role-policy", _) => "role-policy-lacks",
            ("role-trust-policy", Self::Denied) => "role-trust-policy-denies",
            ("role-trust-policy", Self::Broken(_)) => "role-trust-policy-broken",
            ("bucket-policy", Self::Denied) => "bucket-policy-denies",
            ("bucket-policy", Self::Broken(_)) => "bucket-policy-broken",
            ("bucket-policy", _) => "bucket-policy-lacks",
            ("key-policy", Self::Denied) => "key-policy-denies",
            ("key-policy", Self::Broken(_)) => "key-policy-broken",
            ("key-policy", _) => "key-policy-lacks",
            (whose, _) => whose,
        }
    }

    pub(crate) fn detail(&self, whose: &str, question: &Question<'_>) -> String {
        let Question {
            action, resource, ..
        } = question;
        match self {
            Self::Allowed => format!("{whose} allows {action} on {resource}"),
            Self::NotAllowed => format!("{whose} does not allow {action} on {resource}"),
            Self::Denied => format!("{whose} denies {action} on {resource}"),
            Self::Broken(why) => format!("{whose} is no policy: {why}"),
        }
    }
}

/// What policies say together: a Deny of any beats an Allow.
pub(crate) fn ask<'a>(
    policies: impl IntoIterator<Item = &'a str>,
    question: &Question<'_>,
) -> Answer {
    let mut answer = Answer::NotAllowed;
    for text in policies {
        let policy: Policy = match serde_json::from_str(text) {
            Ok(policy) => policy,
            Err(error) => return Answer::Broken(error.to_string()),
        };
        for statement in policy.statement.0 {
            match (statement.effect, statement.applies(question)) {
                (Effect::Deny, true) => return Answer::Denied,
                (Effect::Allow, true) => answer = Answer::Allowed,
                (_, false) => {}
            }
        }
    }
    answer
}

/// The part of a policy that is asked here.
#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Policy {
    statement: Many<Statement>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    effect: Effect,
    principal: Option<Principal>,
    action: Option<Many<String>>,
    not_action: Option<Many<String>>,
    resource: Option<Many<String>>,
    not_resource: Option<Many<String>>,
    #[serde(default)]
    condition: BTreeMap<String, BTreeMap<String, Many<String>>>,
}

#[derive(Clone, Copy, serde::Deserialize)]
enum Effect {
    Allow,
    Deny,
}

#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Principal {
    Anyone(String),
    Some(BTreeMap<String, Many<String>>),
}

/// One, or a list.
struct Many<T>(Vec<T>);

impl<'de, T: serde::Deserialize<'de>> serde::Deserialize<'de> for Many<T> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(untagged)]
        enum Form<T> {
            List(Vec<T>),
            One(T),
        }
        Ok(Self(match Form::deserialize(from)? {
            Form::List(list) => list,
            Form::One(one) => [one].into(),
        }))
    }
}

impl Statement {
    fn applies(&self, question: &Question<'_>) -> bool {
        let any = |list: &Many<String>, text: &str, caseless: bool| {
            list.0.iter().any(|pattern| like(pattern, text, caseless))
        };
        let action = match (&self.action, &self.not_action) {
            (Some(list), _) => any(list, question.action, true),
            (None, Some(list)) => !any(list, question.action, true),
            (None, None) => false,
        };
        let resource = match (&self.resource, &self.not_resource) {
            (Some(list), _) => any(list, question.resource, false),
            (None, Some(list)) => !any(list, question.resource, false),
            // A trust policy names none.
            (None, None) => true,
        };
        action && resource && self.is_for(question.who) && self.holds(question)
    }

    fn is_for(&self, who: Who<'_>) -> bool {
        let named = |kind: &str, wanted: &dyn Fn(&str) -> bool| match &self.principal {
            None => false,
            Some(Principal::Anyone(text)) => text == "*",
            Some(Principal::Some(kinds)) => kinds
                .get(kind)
                .is_some_and(|list| list.0.iter().any(|one| wanted(one))),
        };
        match who {
            Who::Own => true,
            Who::Service(name) => named("Service", &|one| one == name),
            Who::Role(arn) => named("AWS", &|one| one == "*" || one == arn),
            Who::Account(account) => named("AWS", &|one| {
                one == account || one == format!("arn:aws:iam::{account}:root")
            }),
            Who::CanonicalUser(id) => named("CanonicalUser", &|one| one == id),
        }
    }

    /// Whether all conditions hold. One that is not known holds for a Deny only: an unknown word
    /// never gives more than the author meant to.
    fn holds(&self, question: &Question<'_>) -> bool {
        self.condition.iter().all(|(operator, keys)| {
            let (operator, optional) = match operator.strip_suffix("IfExists") {
                Some(operator) => (operator, true),
                None => (operator.as_str(), false),
            };
            keys.iter().all(|(key, values)| {
                let own = question
                    .context
                    .iter()
                    .find(|(name, _)| name.eq_ignore_ascii_case(key));
                let Some((_, own)) = own else {
                    return optional || operator.contains("Not");
                };
                let any = |fits: &dyn Fn(&str) -> bool| values.0.iter().any(|one| fits(one));
                match operator {
                    "StringEquals" => any(&|one| one == *own),
                    "StringNotEquals" => !any(&|one| one == *own),
                    "StringEqualsIgnoreCase" => any(&|one| one.eq_ignore_ascii_case(own)),
                    "StringLike" | "ArnLike" | "ArnEquals" => any(&|one| like(one, own, false)),
                    "StringNotLike" | "ArnNotLike" => !any(&|one| like(one, own, false)),
                    _ => matches!(self.effect, Effect::Deny),
                }
            })
        })
    }
}

/// Whether a text fits a pattern of `*` (any text) and `?` (one character).
pub(crate) fn like(pattern: &str, text: &str, caseless: bool) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let same =
        |left: char, right: char| left == right || caseless && left.eq_ignore_ascii_case(&right);
    let (mut at, mut place) = (0_usize, 0_usize);
    // Where the last star was, and what it has swallowed up to.
    let mut star: Option<(usize, usize)> = None;
    while let Some(one) = text.get(place) {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, place));
                at = at.saturating_add(1);
            }
            Some(wanted) if *wanted == '?' || same(*wanted, *one) => {
                at = at.saturating_add(1);
                place = place.saturating_add(1);
            }
            _ => {
                let Some((before, swallowed)) = star else {
                    return false;
                };
                let swallowed = swallowed.saturating_add(1);
                star = Some((before, swallowed));
                at = before.saturating_add(1);
                place = swallowed;
            }
        }
    }
    pattern.iter().skip(at).all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, fits) in [
            ("", "", true),
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abbd", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*b*b*", "abab", true),
            ("ab", "abc", false),
            ("ä?", "äö", true),
        ] {
            assert_eq!(like(pattern, text, false), fits, "{pattern} {text}");
        }
        assert!(like("EC2:describe*", "ec2:DescribeImages", true));
    }

    #[test]
    fn a_deny_beats_an_allow_and_a_broken_policy_is_named() {
        let allow = r#"{"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}"#;
        let deny = r#"{"Statement": [{"Effect": "Deny", "Action": ["s3:GetObject"],
            "Resource": "arn:aws:s3:::b/secret/*"}]}"#;
        let open = Question::new("s3:GetObject", "arn:aws:s3:::b/k");
        let secret = Question::new("s3:GetObject", "arn:aws:s3:::b/secret/k");
        assert_eq!(ask([allow, deny], &open), Answer::Allowed);
        assert_eq!(ask([allow, deny], &secret), Answer::Denied);
        let other = Question::new("kms:Decrypt", "*");
        assert_eq!(ask([allow, deny], &other), Answer::NotAllowed);
        assert!(matches!(ask(["file://policy"], &open), Answer::Broken(_)));
    }
}
