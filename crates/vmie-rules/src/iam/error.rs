//! Why a document is no policy.

use alloc::string::String;
use core::fmt;

use crate::api::ApiCode;
use crate::message::Message;

use super::parse::MAX_DOCUMENT;

/// A document that is no policy, or no ACL: what is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidPolicy {
    /// What is wrong.
    pub cause: PolicyCause,
    /// The element: `Statement[0].Effect`. Empty for the document as a whole.
    pub at: String,
}

/// What is wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PolicyCause {
    /// It is longer than any service takes.
    TooLarge {
        /// Its size, in bytes.
        size: usize,
    },
    /// It is the name of a file, not its content (SVC-ERR-2).
    FileName,
    /// It is no JSON.
    NotJson {
        /// The line, from 1.
        line: usize,
        /// The column, in bytes.
        column: usize,
        /// What was expected.
        what: String,
    },
    /// An element is missing.
    Missing,
    /// The grammar has no such element here.
    Unknown,
    /// An element stands there twice.
    Twice,
    /// Two elements exclude each other.
    Both {
        /// The other one.
        other: &'static str,
    },
    /// An element is of another type.
    Type {
        /// What it has to be.
        expected: &'static str,
    },
    /// A value is none of those that the element takes.
    Value {
        /// What it has to be.
        expected: &'static str,
        /// What was found, cut if it is long.
        found: String,
    },
    /// This kind of policy must not have the element.
    NotHere {
        /// The kind of policy.
        kind: &'static str,
    },
}

/// As much of a value as an error shows.
const SHOWN: usize = 64;

impl PolicyCause {
    pub(super) fn value(expected: &'static str, found: &str) -> Self {
        let found = found.chars().take(SHOWN).collect();
        Self::Value { expected, found }
    }

    pub(super) fn at(self, at: impl Into<String>) -> InvalidPolicy {
        let at = at.into();
        InvalidPolicy { cause: self, at }
    }
}

impl InvalidPolicy {
    /// The code that the service answers with.
    #[must_use]
    pub const fn code(&self) -> ApiCode {
        ApiCode::MalformedPolicyDocument
    }

    /// The service's own text (SVC-ERR-2).
    #[must_use]
    pub const fn message(&self) -> Message {
        Message::PolicySyntax
    }
}

impl fmt::Display for InvalidPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.at.is_empty() {
            write!(f, "{}: ", self.at)?;
        }
        match &self.cause {
            PolicyCause::TooLarge { size } => write!(
                f,
                "the document has {size} bytes; no service takes more than {MAX_DOCUMENT}"
            ),
            PolicyCause::FileName => f.write_str(
                "this is the name of a file; write file:// before it to send what the file holds",
            ),
            PolicyCause::NotJson { line, column, what } => {
                write!(f, "no JSON at line {line}, column {column}: {what}")
            }
            PolicyCause::Missing => f.write_str("the element is missing; add it"),
            PolicyCause::Unknown => f.write_str("there is no such element; remove or correct it"),
            PolicyCause::Twice => f.write_str("the element stands there twice; keep one"),
            PolicyCause::Both { other } => {
                write!(
                    f,
                    "the element cannot stand beside {other}; keep one of them"
                )
            }
            PolicyCause::Type { expected } => write!(f, "the element must be {expected}"),
            PolicyCause::Value { expected, found } => {
                write!(f, "the value is {found:?}; it must be {expected}")
            }
            PolicyCause::NotHere { kind } => {
                write!(f, "a {kind} policy does not have the element; remove it")
            }
        }
    }
}

impl core::error::Error for InvalidPolicy {}
