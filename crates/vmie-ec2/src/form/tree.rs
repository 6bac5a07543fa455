//! The parameters of a form as a tree: `DiskContainer.1.Url` is three nodes deep.

use std::borrow::Cow;
use std::fmt;

use vmie_rules::api::ApiCode;
use vmie_tasks::ApiError;

use super::{malformed, percent, refuse, shown, unknown};
use crate::leaf::is_xml;
use crate::limits::Limits;

/// The deepest name that there is: `TagSpecification.1.Tag.1.Key`.
const MAX_DEPTH: usize = 5;

/// What every request may carry for its signature, which is checked elsewhere
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/CommonParameters.html>).
const OF_THE_SIGNATURE: &[&str] = &[
    "AWSAccessKeyId",
    "Expires",
    "SecurityToken",
    "Signature",
    "SignatureMethod",
    "SignatureVersion",
    "Timestamp",
];

fn is_of_the_signature(name: &str) -> bool {
    let amz = name
        .get(..6)
        .is_some_and(|start| start.eq_ignore_ascii_case("X-Amz-"));
    (amz && !name.contains('.')) || OF_THE_SIGNATURE.contains(&name)
}

/// A part of a name: what was given for it, and the parts that follow.
#[derive(Debug, Default)]
pub(crate) struct Node<'a> {
    name: Cow<'a, str>,
    value: Option<Cow<'a, str>>,
    /// By name.
    children: Vec<Node<'a>>,
    taken: bool,
}

/// Where a node is, for errors.
#[derive(Clone, Copy)]
pub(crate) struct At<'p> {
    parent: Option<&'p At<'p>>,
    name: &'p str,
    pub(crate) limits: &'p Limits,
}

impl<'p> At<'p> {
    pub(crate) fn root(limits: &'p Limits) -> Self {
        Self {
            parent: None,
            name: "",
            limits,
        }
    }

    pub(crate) fn at(&'p self, name: &'p str) -> Self {
        Self {
            parent: Some(self),
            name,
            limits: self.limits,
        }
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parent {
            Some(parent) if parent.parent.is_some() => write!(f, "{parent}.{}", self.name),
            _ => f.write_str(self.name),
        }
    }
}

/// Reads a form: the query of a GET or the body of a POST.
pub(super) fn parse<'a>(form: &'a [u8], limits: &Limits) -> Result<Node<'a>, ApiError> {
    if form.len() > limits.form_bytes {
        let (is, most) = (form.len(), limits.form_bytes);
        return Err(malformed(&format!(
            "it has {is} bytes; at most {most} are taken"
        )));
    }
    let mut pairs = Vec::new();
    for pair in form.split(|byte| *byte == b'&') {
        if pair.is_empty() {
            continue;
        }
        if pairs.len() >= limits.parameters {
            let most = limits.parameters;
            return Err(malformed(&format!("it has more than {most} parameters")));
        }
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let mut half = || {
            let bytes = halves.next().unwrap_or_default();
            percent::decode(bytes)
                .ok_or_else(|| malformed("an escape is no byte, or the bytes are no UTF-8"))
        };
        let (name, value) = (half()?, half()?);
        if !is_of_the_signature(&name) {
            check(&name, &value, limits)?;
            pairs.push((name, value));
        }
    }
    // Names that share their first parts stand together then.
    pairs.sort_by(|(left, _), (right, _)| in_parts(left).cmp(in_parts(right)));
    let mut root = Node::default();
    for (name, value) in pairs {
        insert(&mut root, name, value)?;
    }
    Ok(root)
}

/// The bytes of a name so that names compare as their parts do: a part ends before any letter.
fn in_parts(name: &str) -> impl Iterator<Item = u8> {
    name.bytes().map(|byte| if byte == b'.' { 0 } else { byte })
}

/// Whether XML can carry all of a text. Most texts are plain letters.
fn is_all_xml(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~')) || text.chars().all(is_xml)
}

fn check(name: &str, value: &str, limits: &Limits) -> Result<(), ApiError> {
    let dots = name.bytes().filter(|byte| *byte == b'.').count();
    if name.is_empty() || dots >= MAX_DEPTH || !is_all_xml(name) {
        return Err(unknown(name));
    }
    if value.len() > limits.value_bytes {
        let most = limits.value_bytes;
        let name = shown(name);
        let text = format!("The value of the parameter {name} has more than {most} bytes");
        return Err(refuse(ApiCode::InvalidParameterValue, text));
    }
    if !is_all_xml(value) {
        let name = shown(name);
        let text =
            format!("The value of the parameter {name} has a character that XML cannot carry");
        return Err(refuse(ApiCode::InvalidParameterValue, text));
    }
    Ok(())
}

fn insert<'a>(
    root: &mut Node<'a>,
    name: Cow<'a, str>,
    value: Cow<'a, str>,
) -> Result<(), ApiError> {
    let node = match &name {
        Cow::Borrowed(name) => name.split('.').map(Cow::Borrowed).fold(root, Node::child),
        Cow::Owned(name) => {
            let parts = name.split('.').map(|part| Cow::Owned(part.to_owned()));
            parts.fold(root, Node::child)
        }
    };
    if node.value.is_some() {
        return Err(malformed(&format!(
            "the parameter '{name}' may only be specified once"
        )));
    }
    node.value = Some(value);
    Ok(())
}

impl<'a> Node<'a> {
    /// The child of a name; names come in order.
    fn child(&mut self, name: Cow<'a, str>) -> &mut Node<'a> {
        let last = self.children.last();
        if last.is_none_or(|last| last.name != name) {
            if self.children.is_empty() {
                // Most nodes have one child, and there may be many nodes.
                self.children.reserve_exact(1);
            }
            self.children.push(Node {
                name,
                ..Node::default()
            });
        }
        let last = self.children.len().saturating_sub(1);
        #[allow(
            clippy::indexing_slicing,
            reason = "a child was pushed if there was none"
        )]
        &mut self.children[last]
    }

    /// Takes a child away, if it is there.
    pub(crate) fn take(&mut self, name: &str) -> Option<Node<'a>> {
        let index = self
            .children
            .binary_search_by(|child| (*child.name).cmp(name))
            .ok()?;
        let child = self.children.get_mut(index)?;
        if child.taken {
            return None;
        }
        child.taken = true;
        Some(Node {
            name: Cow::Borrowed(""),
            value: child.value.take(),
            children: core::mem::take(&mut child.children),
            taken: false,
        })
    }

    /// The value of a node that has no children.
    pub(crate) fn into_value(self, at: &At<'_>) -> Result<Cow<'a, str>, ApiError> {
        if let Some(child) = self.children.first() {
            return Err(unknown(&at.at(&child.name).to_string()));
        }
        Ok(self.value.unwrap_or_default())
    }

    /// A structure or a list has no value of its own.
    pub(crate) fn has_no_value(&self, at: &At<'_>) -> Result<(), ApiError> {
        match self.value {
            None => Ok(()),
            Some(_) => Err(unknown(&at.to_string())),
        }
    }

    /// All children must have been taken: what is left has no name that is known.
    pub(crate) fn is_empty(&self, at: &At<'_>) -> Result<(), ApiError> {
        let Some(child) = self.children.iter().find(|child| !child.taken) else {
            return Ok(());
        };
        Err(child.unknown(&at.at(&child.name)))
    }

    /// The error about the first parameter in a node.
    fn unknown(&self, at: &At<'_>) -> ApiError {
        match self.children.first() {
            Some(child) if self.value.is_none() => child.unknown(&at.at(&child.name)),
            _ => unknown(&at.to_string()),
        }
    }

    /// The items of a list, which are numbered from 1 without gaps.
    pub(crate) fn into_items(mut self, at: &At<'_>) -> Result<Vec<Node<'a>>, ApiError> {
        self.has_no_value(at)?;
        let strange = self.children.iter().find(|child| !is_number(&child.name));
        if let Some(child) = strange {
            return Err(child.unknown(&at.at(&child.name)));
        }
        let count = self.children.len();
        let most = at.limits.items;
        if count > most {
            let text = format!("The parameter {at} has {count} items; at most {most} are taken");
            return Err(refuse(ApiCode::InvalidParameterValue, text));
        }
        let mut items = Vec::with_capacity(count);
        for number in 1..=count {
            let number = number.to_string();
            let item = self.take(&number);
            items.push(item.ok_or_else(|| super::missing(&at.at(&number)))?);
        }
        Ok(items)
    }
}

/// A number as items have it: from 1, without zeros before it.
fn is_number(text: &str) -> bool {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits && !text.starts_with('0') && text.len() <= 10
}
