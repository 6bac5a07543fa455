//! From a document to a policy.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::condition::Operator;
use super::error::{InvalidPolicy, PolicyCause};
use super::json::Json;
use super::policy::{
    Condition, Effect, Policy, PrincipalKind, PrincipalSet, Principals, Scope, Statement, Texts,
    Version,
};

/// The longest document, in bytes: that of a key policy, the longest there is
/// (<https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html>). Everything that
/// is made of a document, and the work of an evaluation, is bounded by it.
pub const MAX_DOCUMENT: usize = 32_768;

/// Whose policy it is, which decides what it must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PolicyKind {
    /// Of a role or a caller: resources, and no principal.
    Identity,
    /// Who may take a role on: principals, and no resource.
    Trust,
    /// Of a bucket or a key: principals and resources.
    Resource,
}

impl PolicyKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Identity => "permissions",
            Self::Trust => "trust",
            Self::Resource => "resource",
        }
    }
}

type Parsed<T> = Result<T, InvalidPolicy>;

impl Policy {
    /// Reads a document.
    ///
    /// # Errors
    ///
    /// The first thing that keeps it from being a policy of the kind (SVC-ERR-2).
    pub fn parse(text: &str, kind: PolicyKind) -> Parsed<Self> {
        let mut members = Members::of(Json::read(text)?, "")?;
        let version = match members.take("Version")? {
            None => Version::V2008,
            Some(value) => version(value)?,
        };
        let id = members.text("Id")?;
        let Some(statements) = members.take("Statement")? else {
            return Err(PolicyCause::Missing.at("Statement"));
        };
        members.end()?;
        let statements = match statements {
            Json::List(list) => list
                .into_iter()
                .enumerate()
                .map(|(index, one)| statement(one, &format!("Statement[{index}]"), kind))
                .collect::<Parsed<Vec<_>>>()?,
            one => [statement(one, "Statement", kind)?].into(),
        };
        if statements.is_empty() {
            return Err(PolicyCause::Missing.at("Statement[0]"));
        }
        let sids = statements
            .iter()
            .filter_map(|statement| statement.sid.as_ref());
        let mut sids: Vec<_> = sids.collect();
        sids.sort_unstable();
        if let Some(doubled) = sids.windows(2).find(|pair| pair.first() == pair.last()) {
            let doubled = doubled.first().map_or("", |sid| sid.as_str());
            return Err(PolicyCause::value("unique", doubled).at("Statement.Sid"));
        }
        Ok(Self {
            version,
            id,
            statements,
        })
    }
}

fn version(value: Json) -> Parsed<Version> {
    let expected = "2012-10-17 or 2008-10-17";
    let Json::Text(text) = value else {
        return Err(PolicyCause::Type { expected }.at("Version"));
    };
    [Version::V2012, Version::V2008]
        .into_iter()
        .find(|version| version.as_str() == text)
        .ok_or_else(|| PolicyCause::value(expected, &text).at("Version"))
}

fn statement(json: Json, at: &str, kind: PolicyKind) -> Parsed<Statement> {
    let mut members = Members::of(json, at)?;
    let sid = members.text("Sid")?;
    let effect = match members.text("Effect")?.as_deref() {
        Some("Allow") => Effect::Allow,
        Some("Deny") => Effect::Deny,
        Some(other) => {
            let cause = PolicyCause::value("Allow or Deny", other);
            return Err(cause.at(members.path("Effect")));
        }
        None => return Err(PolicyCause::Missing.at(members.path("Effect"))),
    };
    let principals = principals(&mut members)?;
    if principals.is_none() && kind != PolicyKind::Identity {
        return Err(PolicyCause::Missing.at(members.path("Principal")));
    }
    if principals.is_some() && kind == PolicyKind::Identity {
        let kind = kind.name();
        return Err(PolicyCause::NotHere { kind }.at(members.path("Principal")));
    }
    let actions = scope(&mut members, "Action", "NotAction", action)?
        .ok_or_else(|| PolicyCause::Missing.at(members.path("Action")))?;
    let resources = scope(&mut members, "Resource", "NotResource", resource)?;
    if resources.is_none() && kind != PolicyKind::Trust {
        return Err(PolicyCause::Missing.at(members.path("Resource")));
    }
    if resources.is_some() && kind == PolicyKind::Trust {
        let kind = kind.name();
        return Err(PolicyCause::NotHere { kind }.at(members.path("Resource")));
    }
    let conditions = match members.take("Condition")? {
        None => Vec::new(),
        Some(value) => conditions(value, &members.path("Condition"))?,
    };
    members.end()?;
    Ok(Statement {
        sid,
        effect,
        principals,
        actions,
        resources,
        conditions,
    })
}

/// One of two elements that say the same thing and its opposite.
fn either(
    members: &mut Members,
    only: &'static str,
    all_but: &'static str,
) -> Parsed<Option<(Json, &'static str)>> {
    match (members.take(only)?, members.take(all_but)?) {
        (Some(_), Some(_)) => Err(PolicyCause::Both { other: only }.at(members.path(all_but))),
        (Some(value), None) => Ok(Some((value, only))),
        (None, Some(value)) => Ok(Some((value, all_but))),
        (None, None) => Ok(None),
    }
}

fn scope(
    members: &mut Members,
    only: &'static str,
    all_but: &'static str,
    check: fn(&str) -> Result<(), PolicyCause>,
) -> Parsed<Option<Scope>> {
    let Some((value, name)) = either(members, only, all_but)? else {
        return Ok(None);
    };
    let at = members.path(name);
    let texts = texts(value, &at, false)?;
    if texts.as_slice().is_empty() {
        return Err(PolicyCause::Missing.at(format!("{at}[0]")));
    }
    for text in texts.as_slice() {
        check(text).map_err(|cause| cause.at(at.as_str()))?;
    }
    let scope = if name == only {
        Scope::Only(texts)
    } else {
        Scope::AllBut(texts)
    };
    Ok(Some(scope))
}

fn action(text: &str) -> Result<(), PolicyCause> {
    let named = |(service, action): (&str, &str)| !service.is_empty() && !action.is_empty();
    if text == "*" || text.split_once(':').is_some_and(named) {
        return Ok(());
    }
    let expected = "a service and an action, such as s3:GetObject, or *";
    Err(PolicyCause::value(expected, text))
}

fn resource(text: &str) -> Result<(), PolicyCause> {
    if text == "*" || text.starts_with("arn:") {
        return Ok(());
    }
    Err(PolicyCause::value("an ARN or *", text))
}

fn principals(members: &mut Members) -> Parsed<Option<Principals>> {
    let Some((value, name)) = either(members, "Principal", "NotPrincipal")? else {
        return Ok(None);
    };
    let at = members.path(name);
    let expected = "\"*\" or an object of AWS, Service, CanonicalUser, Federated";
    let set = match value {
        Json::Text(text) if text == "*" => PrincipalSet::Anyone,
        Json::Text(text) => return Err(PolicyCause::value(expected, &text).at(at)),
        Json::Object(_) => {
            let mut kinds = Members::of(value, &at)?;
            let mut set = Vec::new();
            for kind in PrincipalKind::ALL {
                if let Some(value) = kinds.take(kind.as_str())? {
                    let at = kinds.path(kind.as_str());
                    let texts = texts(value, &at, false)?;
                    if let Some(bad) = texts.as_slice().iter().find(|one| !is_principal(kind, one))
                    {
                        return Err(
                            PolicyCause::value("an account, an ARN, a name or *", bad).at(at)
                        );
                    }
                    set.push((kind, texts));
                }
            }
            kinds.end()?;
            if set.is_empty() {
                return Err(PolicyCause::Type { expected }.at(at));
            }
            PrincipalSet::Of(set)
        }
        _ => return Err(PolicyCause::Type { expected }.at(at)),
    };
    Ok(Some(if name == "Principal" {
        Principals::Only(set)
    } else {
        Principals::AllBut(set)
    }))
}

/// A principal is named whole: there is `*` for all of them, and no other wildcard.
fn is_principal(kind: PrincipalKind, text: &str) -> bool {
    let whole = !text.is_empty() && !text.contains(['*', '?']);
    let account = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    match kind {
        PrincipalKind::Aws => text == "*" || whole && (account || text.starts_with("arn:")),
        PrincipalKind::Service => whole && text.contains('.'),
        PrincipalKind::CanonicalUser | PrincipalKind::Federated => whole,
    }
}

fn conditions(json: Json, at: &str) -> Parsed<Vec<Condition>> {
    let operators = Members::of(json, at)?;
    let mut conditions: Vec<Condition> = Vec::new();
    for (word, value) in operators.list {
        let at = format!("{at}.{word}");
        let Some(operator) = Operator::from_word(&word) else {
            return Err(PolicyCause::value("an operator of conditions", &word).at(at));
        };
        if conditions.iter().any(|other| other.operator == operator) {
            return Err(PolicyCause::Twice.at(at));
        }
        let mut keys: Vec<(String, Texts)> = Vec::new();
        for (key, value) in Members::of(value, &at)?.list {
            let at = format!("{at}.{key}");
            if keys
                .iter()
                .any(|(other, _)| other.eq_ignore_ascii_case(&key))
            {
                return Err(PolicyCause::Twice.at(at));
            }
            let values = texts(value, &at, true)?;
            keys.push((key, values));
        }
        conditions.push(Condition { operator, keys });
    }
    Ok(conditions)
}

/// One text or a list; in conditions also booleans and numbers.
fn texts(json: Json, at: &str, scalars: bool) -> Parsed<Texts> {
    let one = |json| match json {
        Json::Text(text) => Ok(text),
        Json::Scalar(text) if scalars => Ok(text),
        _ => Err(PolicyCause::Type {
            expected: "a text or a list of texts",
        }
        .at(at)),
    };
    match json {
        Json::List(list) => Ok(Texts::Many(
            list.into_iter().map(one).collect::<Parsed<_>>()?,
        )),
        json => Ok(Texts::One(one(json)?)),
    }
}

/// The members of an object that were not taken yet.
pub(super) struct Members {
    at: String,
    list: Vec<(String, Json)>,
}

impl Members {
    pub(super) fn of(json: Json, at: &str) -> Parsed<Self> {
        let Json::Object(list) = json else {
            let expected = "an object";
            return Err(PolicyCause::Type { expected }.at(at));
        };
        let at = at.to_owned();
        Ok(Self { at, list })
    }

    pub(super) fn path(&self, name: &str) -> String {
        if self.at.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.at)
        }
    }

    pub(super) fn take(&mut self, name: &str) -> Parsed<Option<Json>> {
        let Some(index) = self.list.iter().position(|(other, _)| other == name) else {
            return Ok(None);
        };
        let (_, value) = self.list.remove(index);
        if self.list.iter().any(|(other, _)| other == name) {
            return Err(PolicyCause::Twice.at(self.path(name)));
        }
        Ok(Some(value))
    }

    pub(super) fn text(&mut self, name: &str) -> Parsed<Option<String>> {
        match self.take(name)? {
            None => Ok(None),
            Some(Json::Text(text)) => Ok(Some(text)),
            Some(_) => {
                let expected = "a text";
                Err(PolicyCause::Type { expected }.at(self.path(name)))
            }
        }
    }

    /// All members must have been taken.
    pub(super) fn end(self) -> Parsed<()> {
        match self.list.first() {
            None => Ok(()),
            Some((name, _)) => Err(PolicyCause::Unknown.at(self.path(name))),
        }
    }
}
