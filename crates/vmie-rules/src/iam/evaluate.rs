//! What policies say to a question.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use super::condition::{Comparison, Operator};
use super::pattern::{Reading, arn_fits, fits};
use super::policy::{
    Effect, Policy, PrincipalKind, PrincipalSet, Principals, Scope, Statement, Texts, Version,
};

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker<'a> {
    /// Whoever the policy belongs to: for policies without principals.
    Holder,
    /// A service: `vmie.amazonaws.com`.
    Service(&'a str),
    /// A role or a user, by its ARN.
    Arn(&'a str),
    /// An account, by its number.
    Account(&'a str),
    /// An account, by the id that buckets know.
    CanonicalUser(&'a str),
}

/// May somebody do something to something?
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question<'a> {
    /// Who asks.
    pub asker: Asker<'a>,
    /// To do what: `s3:GetObject`.
    pub action: &'a str,
    /// To what: an ARN, or `*` for an action that is about no resource in particular.
    pub resource: &'a str,
    /// What is known of the circumstances: keys, without regard to case, and their values.
    pub context: Vec<(&'a str, &'a str)>,
}

impl<'a> Question<'a> {
    /// May the holder of the policy do this, about no resource in particular?
    #[must_use]
    pub const fn new(action: &'a str) -> Self {
        Self {
            asker: Asker::Holder,
            action,
            resource: "*",
            context: Vec::new(),
        }
    }

    /// To this resource.
    #[must_use]
    pub fn on(self, resource: &'a str) -> Self {
        Self { resource, ..self }
    }

    /// Asked by somebody.
    #[must_use]
    pub fn asked_by(self, asker: Asker<'a>) -> Self {
        Self { asker, ..self }
    }

    /// With a key of the circumstances.
    #[must_use]
    pub fn given(mut self, key: &'a str, value: &'a str) -> Self {
        self.context.push((key, value));
        self
    }

    fn value(&self, key: &str) -> Option<&'a str> {
        let mut context = self.context.iter();
        let found = context.find(|(name, _)| name.eq_ignore_ascii_case(key));
        found.map(|(_, value)| *value)
    }
}

/// A statement of one of the policies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The policy, from 1, in the order in which they were given.
    pub policy: usize,
    /// The statement, from 1.
    pub statement: usize,
    /// Its name.
    pub sid: Option<String>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "statement {}", self.statement)?;
        if let Some(sid) = &self.sid {
            write!(f, " ({sid})")?;
        }
        if self.policy > 1 {
            write!(f, " of policy {}", self.policy)?;
        }
        Ok(())
    }
}

/// What policies say together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evaluation {
    /// A statement allows it, and none denies it.
    Allowed {
        /// Which.
        by: Place,
        /// The statement names the asker's account, not the asker: the account's own policies
        /// must allow it, too.
        delegated: bool,
    },
    /// A statement denies it, whatever others allow.
    Denied {
        /// Which.
        by: Place,
    },
    /// No statement says anything of it.
    NotAllowed(Miss),
}

impl Evaluation {
    /// Whether a statement allows it, and none denies it.
    #[must_use]
    pub const fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed { .. })
    }
}

/// How far the nearest `Allow` got. The later a variant, the nearer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Miss {
    /// None is about the action.
    Action {
        /// The action.
        action: String,
    },
    /// One is about the action, for somebody else.
    Principal {
        /// Which.
        statement: Place,
    },
    /// One is about the action, on something else.
    Resource {
        /// Which.
        statement: Place,
        /// The resource that was asked for.
        resource: String,
    },
    /// One would allow it if its condition held.
    Condition {
        /// Which.
        statement: Place,
        /// The operator of the condition.
        operator: Operator,
        /// Its key.
        key: String,
        /// The values that it names.
        expected: Vec<String>,
        /// The value that there is.
        found: Option<String>,
    },
    /// One would allow it if what it says could be evaluated here.
    NotEvaluated {
        /// Which.
        statement: Place,
    },
}

impl Miss {
    const fn nearness(&self) -> u8 {
        match self {
            Self::Action { .. } => 0,
            Self::Principal { .. } => 1,
            Self::Resource { .. } => 2,
            Self::Condition { .. } => 3,
            Self::NotEvaluated { .. } => 4,
        }
    }
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Action { action } => write!(f, "no statement allows {action}"),
            Self::Principal { statement } => {
                write!(f, "{statement} allows it, but to somebody else")
            }
            Self::Resource {
                statement,
                resource,
            } => write!(f, "{statement} allows it, but not on {resource}"),
            Self::Condition {
                statement,
                operator,
                key,
                expected,
                found,
            } => {
                let expected = expected.join(", ");
                write!(
                    f,
                    "{statement} asks for {key} {operator} {expected}; it is "
                )?;
                f.write_str(found.as_deref().unwrap_or("absent"))
            }
            Self::NotEvaluated { statement } => {
                write!(f, "{statement} says something that is not evaluated here")
            }
        }
    }
}

impl fmt::Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allowed {
                by,
                delegated: false,
            } => write!(f, "{by} allows it"),
            Self::Allowed {
                by,
                delegated: true,
            } => write!(f, "{by} allows it to the account"),
            Self::Denied { by } => write!(f, "{by} denies it"),
            Self::NotAllowed(miss) => miss.fmt(f),
        }
    }
}

/// What policies say together: a Deny of any beats an Allow of any.
pub fn evaluate<'p>(
    policies: impl IntoIterator<Item = &'p Policy>,
    question: &Question<'_>,
) -> Evaluation {
    let mut allowed: Option<Evaluation> = None;
    let mut nearest = Miss::Action {
        action: question.action.to_string(),
    };
    for (policy_index, policy) in policies.into_iter().enumerate() {
        for (index, statement) in policy.statements.iter().enumerate() {
            let place = || Place {
                policy: policy_index.saturating_add(1),
                statement: index.saturating_add(1),
                sid: statement.sid.clone(),
            };
            let view = View {
                statement,
                question,
                variables: policy.version == Version::V2012,
            };
            match (statement.effect, view.applies(&place)) {
                (Effect::Deny, Ok(_)) => return Evaluation::Denied { by: place() },
                (Effect::Allow, Ok(delegated)) => {
                    let direct = matches!(
                        allowed,
                        Some(Evaluation::Allowed {
                            delegated: false,
                            ..
                        })
                    );
                    if !direct {
                        let by = place();
                        allowed = Some(Evaluation::Allowed { by, delegated });
                    }
                }
                (Effect::Allow, Err(miss)) if miss.nearness() > nearest.nearness() => {
                    nearest = miss;
                }
                (_, Err(_)) => {}
            }
        }
    }
    allowed.unwrap_or(Evaluation::NotAllowed(nearest))
}

/// A statement and a question.
struct View<'v> {
    statement: &'v Statement,
    question: &'v Question<'v>,
    variables: bool,
}

/// How a principal of a statement fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    No,
    Account,
    Yes,
}

impl View<'_> {
    /// Whether the statement applies, and if only by the asker's account. What cannot be
    /// evaluated applies for a Deny only, so that it never gives more than its author meant to.
    fn applies(&self, place: &dyn Fn() -> Place) -> Result<bool, Miss> {
        let deny = self.statement.effect == Effect::Deny;
        let question = self.question;
        let mut unknown = false;
        let mut known = |fits: Option<bool>| {
            unknown |= fits.is_none();
            fits.unwrap_or(true)
        };
        if !known(self.in_scope(&self.statement.actions, &|pattern| {
            self.action_fits(pattern)
        })) {
            let action = question.action.to_string();
            return Err(Miss::Action { action });
        }
        let principal = self.principal_fit();
        if principal == Fit::No {
            return Err(Miss::Principal { statement: place() });
        }
        if let Some(resources) = &self.statement.resources
            && !known(self.in_scope(resources, &|pattern| {
                arn_fits(pattern, question.resource, self.reading(true, false))
            }))
        {
            return Err(Miss::Resource {
                statement: place(),
                resource: question.resource.to_string(),
            });
        }
        for condition in &self.statement.conditions {
            for (key, values) in &condition.keys {
                if !known(self.holds(condition.operator, key, values)) {
                    return Err(Miss::Condition {
                        statement: place(),
                        operator: condition.operator,
                        key: key.clone(),
                        expected: values.as_slice().to_vec(),
                        found: question.value(key).map(ToString::to_string),
                    });
                }
            }
        }
        if unknown && !deny {
            return Err(Miss::NotEvaluated { statement: place() });
        }
        Ok(principal == Fit::Account)
    }

    fn reading(&self, wildcards: bool, caseless: bool) -> Reading {
        Reading {
            variables: self.variables,
            wildcards,
            caseless,
        }
    }

    /// Actions are without regard to case and have no variables.
    fn action_fits(&self, pattern: &str) -> Option<bool> {
        let reading = Reading {
            variables: false,
            wildcards: true,
            caseless: true,
        };
        fits(pattern, self.question.action, reading)
    }

    fn in_scope(&self, scope: &Scope, fits: &dyn Fn(&str) -> Option<bool>) -> Option<bool> {
        let any = any(scope.texts(), fits);
        match scope {
            Scope::Only(_) => any,
            Scope::AllBut(_) => any.map(|any| !any),
        }
    }

    fn principal_fit(&self) -> Fit {
        match (&self.statement.principals, self.question.asker) {
            // A policy that belongs to somebody, asked on behalf of them.
            (None, Asker::Holder) => Fit::Yes,
            (None, _) | (Some(_), Asker::Holder) => Fit::No,
            (Some(Principals::Only(set)), asker) => set_fit(set, asker),
            (Some(Principals::AllBut(set)), asker) => match set_fit(set, asker) {
                Fit::No => Fit::Yes,
                Fit::Account | Fit::Yes => Fit::No,
            },
        }
    }

    fn holds(&self, operator: Operator, key: &str, values: &Texts) -> Option<bool> {
        if !operator.is_evaluated() {
            return None;
        }
        let comparison = operator.comparison;
        let found = self.question.value(key);
        if comparison == Comparison::Null {
            let absent = if found.is_none() { "true" } else { "false" };
            return any(values, &|one| Some(one.eq_ignore_ascii_case(absent)));
        }
        let Some(found) = found else {
            return Some(operator.if_exists || comparison.negated());
        };
        let any = any(values, &|one| self.compare(comparison, one, found));
        any.map(|any| any != comparison.negated())
    }

    fn compare(&self, comparison: Comparison, pattern: &str, found: &str) -> Option<bool> {
        match comparison {
            Comparison::StringEqualsIgnoreCase | Comparison::StringNotEqualsIgnoreCase => {
                fits(pattern, found, self.reading(false, true))
            }
            Comparison::StringLike | Comparison::StringNotLike => {
                fits(pattern, found, self.reading(true, false))
            }
            Comparison::ArnEquals
            | Comparison::ArnNotEquals
            | Comparison::ArnLike
            | Comparison::ArnNotLike => arn_fits(pattern, found, self.reading(true, false)),
            Comparison::Bool => Some(pattern.eq_ignore_ascii_case(found)),
            _ => fits(pattern, found, self.reading(false, false)),
        }
    }
}

/// Whether one of the texts fits; `None` if only one that is not evaluated could.
fn any(texts: &Texts, fits: &dyn Fn(&str) -> Option<bool>) -> Option<bool> {
    let mut result = Some(false);
    for text in texts.as_slice() {
        match fits(text) {
            Some(true) => return Some(true),
            Some(false) => {}
            None => result = None,
        }
    }
    result
}

fn set_fit(set: &PrincipalSet, asker: Asker<'_>) -> Fit {
    let PrincipalSet::Of(kinds) = set else {
        return Fit::Yes;
    };
    let fits = kinds.iter().flat_map(|(kind, texts)| {
        let texts = texts.as_slice().iter();
        texts.map(|text| principal_fits(*kind, text, asker))
    });
    fits.max().unwrap_or(Fit::No)
}

fn principal_fits(kind: PrincipalKind, text: &str, asker: Asker<'_>) -> Fit {
    let yes = |fits: bool| if fits { Fit::Yes } else { Fit::No };
    match (kind, asker) {
        (PrincipalKind::Service, Asker::Service(name)) => yes(text.eq_ignore_ascii_case(name)),
        (PrincipalKind::CanonicalUser, Asker::CanonicalUser(id)) => yes(text == id),
        (PrincipalKind::Aws, Asker::Arn(_) | Asker::Account(_)) if text == "*" => Fit::Yes,
        (PrincipalKind::Aws, Asker::Arn(arn)) if text == arn => Fit::Yes,
        (PrincipalKind::Aws, Asker::Arn(arn)) => match (account_of(text), arn.split(':').nth(4)) {
            (Some(named), Some(own)) if named == own && !own.is_empty() => Fit::Account,
            _ => Fit::No,
        },
        (PrincipalKind::Aws, Asker::Account(account)) => yes(account_of(text) == Some(account)),
        _ => Fit::No,
    }
}

/// The account that a principal names as a whole: its number, or the ARN of its root.
fn account_of(text: &str) -> Option<&str> {
    if !text.starts_with("arn:") {
        return Some(text);
    }
    let mut parts = text.splitn(6, ':');
    let account = parts.nth(4)?;
    (parts.next() == Some("root")).then_some(account)
}
