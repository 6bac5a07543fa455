//! How members of structures stand in a document.

use std::borrow::Cow;

use quick_xml::escape::escape;

use super::tree::Element;
use super::{XmlCause, XmlError};
use crate::form::single;
use crate::leaf::{Leaf, is_xml};
use crate::rule::{Rule, split};
use crate::table::{Entry, join};

type Read<T> = Result<T, XmlError>;

/// What is inside of an element: the text of a leaf, or the members of a structure.
pub(crate) trait XmlValue: Sized {
    fn read(element: &Element, rule: &Rule) -> Read<Self>;
    fn write(&self, rule: &Rule, out: &mut XmlWriter);
    fn list(name: &str, rule: &Rule, entries: &mut Vec<Entry>);
}

/// A member of a structure: it may be absent, and it may be a list. The names of lists end with
/// `.item`, or go on behind it for items that are structures of one member.
pub(crate) trait XmlField: Sized {
    fn fetch(parent: &Element, name: &str, rule: &Rule) -> Read<Self>;
    fn put(&self, name: &str, rule: &Rule, out: &mut XmlWriter);
    fn list(name: &str, prefix: &str, rule: &Rule, entries: &mut Vec<Entry>);
}

impl<T: XmlValue> XmlField for Option<T> {
    fn fetch(parent: &Element, name: &str, rule: &Rule) -> Read<Self> {
        let element = parent.child(name);
        element.map(|element| T::read(element, rule)).transpose()
    }

    fn put(&self, name: &str, rule: &Rule, out: &mut XmlWriter) {
        if let Some(value) = self {
            out.within(name, |out| value.write(rule, out));
        }
    }

    fn list(name: &str, prefix: &str, rule: &Rule, entries: &mut Vec<Entry>) {
        T::list(&join(prefix, name), rule, entries);
    }
}

impl<T: XmlValue> XmlField for Vec<T> {
    fn fetch(parent: &Element, name: &str, rule: &Rule) -> Read<Self> {
        let (set, item) = split(name);
        let (item, inner) = split(item);
        let Some(set) = parent.child(set) else {
            return Ok(Self::new());
        };
        let items = set.children.iter().filter(|child| child.name == item);
        let read = |element: &Element| {
            if inner.is_empty() {
                return T::read(element, rule);
            }
            let member = element.child(inner);
            T::read(member.ok_or_else(|| missing(element, inner))?, rule)
        };
        items.map(read).collect()
    }

    fn put(&self, name: &str, rule: &Rule, out: &mut XmlWriter) {
        if self.is_empty() && !rule.always {
            return;
        }
        let (set, item) = split(name);
        let (item, inner) = split(item);
        out.within(set, |out| {
            for value in self {
                out.within(item, |out| out.within(inner, |out| value.write(rule, out)));
            }
        });
    }

    fn list(name: &str, prefix: &str, rule: &Rule, entries: &mut Vec<Entry>) {
        T::list(&join(prefix, name), rule, entries);
    }
}

impl<T: XmlValue> XmlValue for Box<T> {
    fn read(element: &Element, rule: &Rule) -> Read<Self> {
        T::read(element, rule).map(Self::new)
    }

    fn write(&self, rule: &Rule, out: &mut XmlWriter) {
        T::write(self, rule, out);
    }

    fn list(name: &str, rule: &Rule, entries: &mut Vec<Entry>) {
        T::list(name, rule, entries);
    }
}

pub(crate) fn missing(parent: &Element, name: &str) -> XmlError {
    let name = name.to_owned();
    parent.error(XmlCause::Missing { name })
}

macro_rules! leaves {
    ($($leaf:ty)+) => {
        $(
            impl XmlValue for $leaf {
                fn read(element: &Element, rule: &Rule) -> Read<Self> {
                    read_leaf(element, rule)
                }

                fn write(&self, rule: &Rule, out: &mut XmlWriter) {
                    out.text(|text| self.print(rule, text));
                }

                fn list(name: &str, rule: &Rule, entries: &mut Vec<Entry>) {
                    entries.push(single::<$leaf>(name, rule.required, rule));
                }
            }
        )+
    };
}

leaves! {
    String bool i64 u64 u8
    vmie_tasks::Timestamp vmie_tasks::SourceUrl
    vmie_tasks::TaskId vmie_tasks::ImageId vmie_tasks::SnapshotId
    vmie_tasks::InstanceId vmie_tasks::VolumeId
    vmie_rules::status::Status vmie_rules::status::TaskState
    vmie_rules::guest::Platform vmie_rules::guest::BootMode vmie_rules::license::LicenseType
}

fn read_leaf<T: Leaf>(element: &Element, rule: &Rule) -> Read<T> {
    let text = match T::KIND {
        crate::Kind::Text => element.text.as_str(),
        _ => element.text.trim(),
    };
    T::parse(text, rule).map_err(|expected| element.error(XmlCause::Value { expected }))
}

/// Members that are always there.
macro_rules! present {
    ($($value:ty)+) => {
        $(
            impl $crate::xml::XmlField for $value {
                fn fetch(
                    parent: &$crate::xml::Element,
                    name: &str,
                    rule: &$crate::rule::Rule,
                ) -> Result<Self, $crate::xml::XmlError> {
                    let element = parent.child(name);
                    let element = element.ok_or_else(|| $crate::xml::missing(parent, name))?;
                    $crate::xml::XmlValue::read(element, rule)
                }

                fn put(&self, name: &str, rule: &$crate::rule::Rule, out: &mut $crate::xml::XmlWriter) {
                    out.within(name, |out| $crate::xml::XmlValue::write(self, rule, out));
                }

                fn list(
                    name: &str,
                    prefix: &str,
                    rule: &$crate::rule::Rule,
                    entries: &mut Vec<$crate::table::Entry>,
                ) {
                    let name = $crate::table::join(prefix, name);
                    <$value as $crate::xml::XmlValue>::list(&name, &rule.required(), entries);
                }
            }
        )+
    };
}

pub(crate) use present;

present! {
    String
    vmie_tasks::Timestamp
    vmie_tasks::TaskId vmie_tasks::ImageId vmie_tasks::SnapshotId vmie_tasks::VolumeId
    vmie_rules::status::Status vmie_rules::status::TaskState
}

/// Members that we always write, and whose absence means the default: a size that is not known
/// yet, a choice that was not made.
macro_rules! with_default {
    ($($leaf:ty)+) => {
        $(
            impl XmlField for $leaf {
                fn fetch(parent: &Element, name: &str, rule: &Rule) -> Read<Self> {
                    Ok(Option::<$leaf>::fetch(parent, name, rule)?.unwrap_or_default())
                }

                fn put(&self, name: &str, rule: &Rule, out: &mut XmlWriter) {
                    out.within(name, |out| self.write(rule, out));
                }

                fn list(name: &str, prefix: &str, rule: &Rule, entries: &mut Vec<Entry>) {
                    <$leaf as XmlValue>::list(&join(prefix, name), rule, entries);
                }
            }
        )+
    };
}

with_default! { bool u64 }

/// Writes a document.
#[derive(Debug)]
pub(crate) struct XmlWriter {
    out: String,
    /// For one text at a time.
    text: String,
}

impl XmlWriter {
    pub(super) fn new() -> Self {
        let mut out = String::with_capacity(1024);
        out.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        let text = String::new();
        Self { out, text }
    }

    /// The root, with the namespace if it has one.
    pub(super) fn root(&mut self, name: &str, namespace: &str, write: impl FnOnce(&mut Self)) {
        self.out.push('<');
        self.out.push_str(name);
        if !namespace.is_empty() {
            self.out.push_str(" xmlns=\"");
            self.out.push_str(namespace);
            self.out.push('"');
        }
        self.out.push('>');
        write(self);
        self.close(name);
    }

    /// An element; nothing around it with an empty name.
    pub(crate) fn within(&mut self, name: &str, write: impl FnOnce(&mut Self)) {
        if name.is_empty() {
            return write(self);
        }
        self.out.push('<');
        self.out.push_str(name);
        self.out.push('>');
        write(self);
        self.close(name);
    }

    fn close(&mut self, name: &str) {
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }

    /// An element with a text.
    pub(crate) fn leaf(&mut self, name: &str, value: &str) {
        self.within(name, |out| out.text(|text| text.push_str(value)));
    }

    fn text(&mut self, print: impl FnOnce(&mut String)) {
        self.text.clear();
        print(&mut self.text);
        let text = if self.text.chars().all(is_xml) {
            Cow::Borrowed(self.text.as_str())
        } else {
            let one = |c| if is_xml(c) { c } else { '\u{fffd}' };
            Cow::Owned(self.text.chars().map(one).collect())
        };
        let escaped = escape(text.as_ref());
        if escaped.contains('\r') {
            // A reader takes a bare carriage return for the end of a line.
            self.out.push_str(&escaped.replace('\r', "&#13;"));
        } else {
            self.out.push_str(&escaped);
        }
    }

    pub(super) fn finish(self) -> String {
        self.out
    }
}
