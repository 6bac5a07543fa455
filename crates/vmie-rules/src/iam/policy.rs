//! Policies as values, and how they are written.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::condition::Operator;
use super::pattern;

/// A policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The version of its language; the first one if it names none.
    pub version: Version,
    /// Its name.
    pub id: Option<String>,
    /// Its statements. Their order means nothing.
    pub statements: Vec<Statement>,
}

/// A version of the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// The first one, without variables.
    V2008,
    /// The current one.
    V2012,
}

/// A statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Its name.
    pub sid: Option<String>,
    /// What it does where it applies.
    pub effect: Effect,
    /// Whom it applies to; `None` in a policy that belongs to somebody.
    pub principals: Option<Principals>,
    /// The actions it applies to.
    pub actions: Scope,
    /// The resources it applies to; `None` in a trust policy.
    pub resources: Option<Scope>,
    /// All of these must hold.
    pub conditions: Vec<Condition>,
}

/// What a statement does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// It allows.
    Allow,
    /// It denies, whatever others allow.
    Deny,
}

/// One text, or a list of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Texts {
    /// One.
    One(String),
    /// A list.
    Many(Vec<String>),
}

/// Actions or resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those that fit one of the patterns: `Action`, `Resource`.
    Only(Texts),
    /// Those that fit none of them: `NotAction`, `NotResource`.
    AllBut(Texts),
}

/// Whom a statement applies to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principals {
    /// Those: `Principal`.
    Only(PrincipalSet),
    /// All but those: `NotPrincipal`.
    AllBut(PrincipalSet),
}

/// Principals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PrincipalSet {
    /// `"*"`.
    Anyone,
    /// By their kinds.
    Of(Vec<(PrincipalKind, Texts)>),
}

/// A kind of principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PrincipalKind {
    /// Accounts, roles and users.
    Aws,
    /// Services.
    Service,
    /// Accounts by the ids that buckets know.
    CanonicalUser,
    /// Identity providers.
    Federated,
}

/// What one operator asks of some keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The operator.
    pub operator: Operator,
    /// The keys, and the values of which one must fit. Keys are without regard to case.
    pub keys: Vec<(String, Texts)>,
}

/// What a policy has in it that is not evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// A variable, whose value is not known here.
    Variable {
        /// The statement, from 1.
        statement: usize,
        /// Its name: `aws:username`.
        name: String,
    },
    /// An operator on numbers, times, addresses or several values.
    Operator {
        /// The statement, from 1.
        statement: usize,
        /// The operator.
        operator: Operator,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable { statement, name } => write!(
                f,
                "statement {statement} uses the variable {name}, whose value is not known here"
            ),
            Self::Operator {
                statement,
                operator,
            } => write!(
                f,
                "statement {statement} uses the operator {operator}, which is not evaluated here"
            ),
        }
    }
}

impl Policy {
    /// What in it is not evaluated. Statements with such never allow and always deny.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (index, statement) in self.statements.iter().enumerate() {
            let number = index.saturating_add(1);
            for condition in &statement.conditions {
                let operator = condition.operator;
                if !operator.is_evaluated() {
                    findings.push(Finding::Operator {
                        statement: number,
                        operator,
                    });
                }
            }
            if self.version == Version::V2012 {
                let names = statement
                    .patterns()
                    .filter_map(|text| pattern::variable(text));
                findings.extend(names.map(|name| Finding::Variable {
                    statement: number,
                    name: name.into(),
                }));
            }
        }
        findings
    }

    /// The document, indented by two spaces as the guide prints it.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Writing texts into memory cannot fail.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

impl Statement {
    /// The statement alone, indented by two spaces.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Writing texts into memory cannot fail.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// The texts in which a variable means something.
    fn patterns(&self) -> impl Iterator<Item = &String> {
        let values = self.conditions.iter().flat_map(|condition| &condition.keys);
        let values = values.flat_map(|(_, values)| values.as_slice());
        let resources = self
            .resources
            .iter()
            .flat_map(|scope| scope.texts().as_slice());
        resources.chain(values)
    }
}

impl Texts {
    /// The texts.
    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        match self {
            Self::One(text) => core::slice::from_ref(text),
            Self::Many(texts) => texts,
        }
    }
}

impl Scope {
    /// The patterns, whichever way they are meant.
    #[must_use]
    pub fn texts(&self) -> &Texts {
        match self {
            Self::Only(texts) | Self::AllBut(texts) => texts,
        }
    }
}

impl Version {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V2008 => "2008-10-17",
            Self::V2012 => "2012-10-17",
        }
    }
}

impl Effect {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "Allow",
            Self::Deny => "Deny",
        }
    }
}

impl PrincipalKind {
    pub(super) const ALL: [Self; 4] = [
        Self::Aws,
        Self::Service,
        Self::CanonicalUser,
        Self::Federated,
    ];

    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "AWS",
            Self::Service => "Service",
            Self::CanonicalUser => "CanonicalUser",
            Self::Federated => "Federated",
        }
    }
}

impl Serialize for Policy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("Version", self.version.as_str())?;
        if let Some(id) = &self.id {
            map.serialize_entry("Id", id)?;
        }
        map.serialize_entry("Statement", &self.statements)?;
        map.end()
    }
}

impl Serialize for Statement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(sid) = &self.sid {
            map.serialize_entry("Sid", sid)?;
        }
        map.serialize_entry("Effect", self.effect.as_str())?;
        match &self.principals {
            None => {}
            Some(Principals::Only(set)) => map.serialize_entry("Principal", set)?,
            Some(Principals::AllBut(set)) => map.serialize_entry("NotPrincipal", set)?,
        }
        match &self.actions {
            Scope::Only(texts) => map.serialize_entry("Action", texts)?,
            Scope::AllBut(texts) => map.serialize_entry("NotAction", texts)?,
        }
        match &self.resources {
            None => {}
            Some(Scope::Only(texts)) => map.serialize_entry("Resource", texts)?,
            Some(Scope::AllBut(texts)) => map.serialize_entry("NotResource", texts)?,
        }
        if !self.conditions.is_empty() {
            map.serialize_entry("Condition", &Conditions(&self.conditions))?;
        }
        map.end()
    }
}

impl Serialize for Texts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::One(text) => text.serialize(serializer),
            Self::Many(texts) => texts.serialize(serializer),
        }
    }
}

impl Serialize for PrincipalSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Anyone => serializer.serialize_str("*"),
            Self::Of(kinds) => {
                serializer.collect_map(kinds.iter().map(|(kind, texts)| (kind.as_str(), texts)))
            }
        }
    }
}

struct Conditions<'a>(&'a [Condition]);

impl Serialize for Conditions<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for condition in self.0 {
            map.serialize_entry(&Word(condition.operator), &Keys(&condition.keys))?;
        }
        map.end()
    }
}

struct Word(Operator);

impl Serialize for Word {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

struct Keys<'a>(&'a [(String, Texts)]);

impl Serialize for Keys<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, values)| (key, values)))
    }
}
