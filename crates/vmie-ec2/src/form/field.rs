//! How members of structures stand in a form.

use vmie_rules::api::{self, ApiCode};
use vmie_tasks::ApiError;

use super::tree::{At, Node};
use super::{missing, percent, refuse, shown};
use crate::leaf::Leaf;
use crate::rule::{Rule, split};
use crate::table::{Entry, join};

type Read<T> = Result<T, ApiError>;

/// A value at a node: a leaf or a structure.
pub(crate) trait FormValue: Sized {
    fn read(node: Node<'_>, at: &At<'_>, rule: &Rule) -> Read<Self>;
    fn write(&self, rule: &Rule, out: &mut FormWriter);
    fn list(name: &str, rule: &Rule, entries: &mut Vec<Entry>);
}

/// A member of a structure: it may be absent, and it may be a list.
///
/// Its name has the parts that the API gives it: `Url`, `DiskContainer.N`, `Volume.Size` for a
/// structure that is not worth a type of its own, `LicenseSpecifications.N.LicenseConfigurationArn`
/// for a list of such.
pub(crate) trait FormField: Sized {
    fn fetch(parent: &mut Node<'_>, name: &str, at: &At<'_>, rule: &Rule) -> Read<Self>;
    fn put(&self, name: &str, rule: &Rule, out: &mut FormWriter);
    fn list(name: &str, prefix: &str, rule: &Rule, entries: &mut Vec<Entry>);
}

/// Reads the single member of a structure without a type of its own, or the node itself.
fn read_inner<T: FormValue>(
    mut node: Node<'_>,
    rest: &str,
    at: &At<'_>,
    rule: &Rule,
) -> Read<Option<T>> {
    if rest.is_empty() {
        return T::read(node, at, rule).map(Some);
    }
    node.has_no_value(at)?;
    let value = Option::<T>::fetch(&mut node, rest, at, rule)?;
    node.is_empty(at)?;
    Ok(value)
}

impl<T: FormValue> FormField for Option<T> {
    fn fetch(parent: &mut Node<'_>, name: &str, at: &At<'_>, rule: &Rule) -> Read<Self> {
        let (first, rest) = split(name);
        let at = at.at(first);
        let value = match parent.take(first) {
            None => None,
            Some(node) => read_inner(node, rest, &at, rule)?,
        };
        if value.is_none() && rule.required {
            return Err(missing(&if rest.is_empty() { at } else { at.at(rest) }));
        }
        Ok(value)
    }

    fn put(&self, name: &str, rule: &Rule, out: &mut FormWriter) {
        if let Some(value) = self {
            out.within(name, |out| value.write(rule, out));
        }
    }

    fn list(name: &str, prefix: &str, rule: &Rule, entries: &mut Vec<Entry>) {
        T::list(&join(prefix, name), rule, entries);
    }
}

impl<T: FormValue> FormField for Vec<T> {
    fn fetch(parent: &mut Node<'_>, name: &str, at: &At<'_>, rule: &Rule) -> Read<Self> {
        let (first, rest) = split(name);
        let (_, rest) = split(rest);
        let at = at.at(first);
        let Some(node) = parent.take(first) else {
            return Ok(Self::new());
        };
        let items = node.into_items(&at)?.into_iter().zip(1_usize..);
        let read = |(item, number): (Node<'_>, usize)| {
            let number = number.to_string();
            let at = at.at(&number);
            let value = read_inner(item, rest, &at, rule)?;
            value.ok_or_else(|| missing(&at.at(rest)))
        };
        items.map(read).collect()
    }

    fn put(&self, name: &str, rule: &Rule, out: &mut FormWriter) {
        let (first, rest) = split(name);
        let (_, rest) = split(rest);
        for (item, number) in self.iter().zip(1_usize..) {
            out.within(first, |out| {
                out.within(&number.to_string(), |out| {
                    out.within(rest, |out| item.write(rule, out));
                });
            });
        }
    }

    fn list(name: &str, prefix: &str, rule: &Rule, entries: &mut Vec<Entry>) {
        T::list(&join(prefix, name), rule, entries);
    }
}

impl<T: FormValue> FormValue for Box<T> {
    fn read(node: Node<'_>, at: &At<'_>, rule: &Rule) -> Read<Self> {
        T::read(node, at, rule).map(Self::new)
    }

    fn write(&self, rule: &Rule, out: &mut FormWriter) {
        T::write(self, rule, out);
    }

    fn list(name: &str, rule: &Rule, entries: &mut Vec<Entry>) {
        T::list(name, rule, entries);
    }
}

/// A text that cannot be absent in its type: nothing given is an empty one.
impl FormField for String {
    fn fetch(parent: &mut Node<'_>, name: &str, at: &At<'_>, rule: &Rule) -> Read<Self> {
        Ok(Option::<Self>::fetch(parent, name, at, rule)?.unwrap_or_default())
    }

    fn put(&self, name: &str, rule: &Rule, out: &mut FormWriter) {
        out.within(name, |out| self.write(rule, out));
    }

    fn list(name: &str, prefix: &str, rule: &Rule, entries: &mut Vec<Entry>) {
        <Self as FormValue>::list(&join(prefix, name), rule, entries);
    }
}

/// A choice that is made only by saying so.
impl FormField for bool {
    fn fetch(parent: &mut Node<'_>, name: &str, at: &At<'_>, rule: &Rule) -> Read<Self> {
        Ok(Option::<Self>::fetch(parent, name, at, rule)?.unwrap_or(false))
    }

    fn put(&self, name: &str, rule: &Rule, out: &mut FormWriter) {
        if *self {
            out.within(name, |out| self.write(rule, out));
        }
    }

    fn list(name: &str, prefix: &str, rule: &Rule, entries: &mut Vec<Entry>) {
        <Self as FormValue>::list(&join(prefix, name), rule, entries);
    }
}

macro_rules! leaves {
    ($($leaf:ty)+) => {
        $(
            impl FormValue for $leaf {
                fn read(node: Node<'_>, at: &At<'_>, rule: &Rule) -> Read<Self> {
                    read_leaf(node, at, rule)
                }

                fn write(&self, rule: &Rule, out: &mut FormWriter) {
                    out.value(|text| self.print(rule, text));
                }

                fn list(name: &str, rule: &Rule, entries: &mut Vec<Entry>) {
                    entries.push(single::<$leaf>(name, rule.required, rule));
                }
            }
        )+
    };
}

leaves! {
    String bool i64
    vmie_tasks::Double vmie_tasks::Timestamp vmie_tasks::SourceUrl
}

fn read_leaf<T: Leaf>(node: Node<'_>, at: &At<'_>, rule: &Rule) -> Read<T> {
    let value = node.into_value(at)?;
    T::parse(&value, rule).map_err(|expected| {
        let text = api::invalid_value(&at.to_string(), &shown(&value), &expected);
        refuse(ApiCode::InvalidParameterValue, text)
    })
}

/// The entry of a leaf.
pub(crate) fn single<T: Leaf>(name: &str, required: bool, rule: &Rule) -> Entry {
    let kind = match T::KIND {
        crate::Kind::Integer if rule.long => crate::Kind::Long,
        crate::Kind::Long if rule.double => crate::Kind::Double,
        kind => kind,
    };
    Entry {
        secret: T::SECRET,
        ..Entry::new(name.to_owned(), kind, required, rule)
    }
}

/// Writes a form.
#[derive(Debug, Default)]
pub(crate) struct FormWriter {
    out: String,
    /// The name so far.
    name: String,
    /// For one value at a time.
    value: String,
}

impl FormWriter {
    /// A parameter on its own.
    pub(crate) fn plain(&mut self, name: &str, value: &str) {
        self.within(name, |out| out.value(|text| text.push_str(value)));
    }

    /// Goes into a part of a name and out of it again; into none with an empty one.
    fn within(&mut self, part: &str, write: impl FnOnce(&mut Self)) {
        let before = self.name.len();
        if !part.is_empty() {
            if before > 0 {
                self.name.push('.');
            }
            self.name.push_str(part);
        }
        write(self);
        self.name.truncate(before);
    }

    fn value(&mut self, print: impl FnOnce(&mut String)) {
        if !self.out.is_empty() {
            self.out.push('&');
        }
        self.out.push_str(&self.name);
        self.out.push('=');
        self.value.clear();
        print(&mut self.value);
        percent::encode(&self.value, &mut self.out);
    }

    pub(super) fn finish(self) -> String {
        self.out
    }
}
