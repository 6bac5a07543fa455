//! The declarations as a table.

use crate::rule::Rule;

/// The type of a parameter or a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A text.
    Text,
    /// `true` or `false`.
    Boolean,
    /// A whole number of 32 bits.
    Integer,
    /// A whole number of 64 bits.
    Long,
    /// A number.
    Double,
    /// A moment, ISO 8601.
    Timestamp,
}

/// A parameter of an action, or a field of its reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name: `DiskContainer.N.Format`; `N` stands for the number of an item. In replies
    /// `item` stands for each item: `snapshotDetailSet.item.format`.
    pub name: String,
    /// Its type.
    pub kind: Kind,
    /// Whether a request must have it, or a reply always has it.
    pub required: bool,
    /// The values it takes, without regard to case (SVC-TASK-10); any if there are none.
    pub one_of: &'static [&'static str],
    /// Whether it may be a signed address, which is a secret (SVC-SEC-3).
    pub secret: bool,
}

impl Entry {
    pub(crate) fn new(name: String, kind: Kind, required: bool, rule: &Rule) -> Self {
        Self {
            name,
            kind,
            required,
            one_of: rule.one_of,
            secret: false,
        }
    }
}

/// A name behind another.
pub(crate) fn join(prefix: &str, name: &str) -> String {
    match (prefix, name) {
        ("", name) => name.to_owned(),
        (prefix, "") => prefix.to_owned(),
        (prefix, name) => format!("{prefix}.{name}"),
    }
}
