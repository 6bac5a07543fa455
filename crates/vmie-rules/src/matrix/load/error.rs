//! What can be wrong with a document.

use alloc::string::String;
use core::fmt;

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoadCause {
    /// The document is longer than a matrix needs to be.
    TooLong {
        /// The most that is taken, in bytes.
        limit: usize,
    },
    /// It is not TOML, and why.
    Syntax(String),
    /// The document is of a later format than this loader knows.
    Format {
        /// The format that it says.
        found: i64,
    },
    /// A key that must be there is not.
    Missing,
    /// A key that means nothing here.
    UnknownKey,
    /// The value is of another type.
    Type {
        /// What it has to be.
        wanted: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// A text or a list without anything in it.
    Empty,
    /// The text has no number to begin with, so that no version would ever fit it.
    NotAVersion {
        /// The text.
        found: String,
    },
    /// The first version of a range comes after the last.
    RangeReversed,
    /// A number out of bounds.
    OutOfRange {
        /// What it has to be.
        wanted: &'static str,
        /// What it is.
        found: i64,
    },
    /// A word that is none of those known.
    NotAmong {
        /// The words known.
        choices: &'static str,
        /// The word.
        found: String,
    },
    /// The date has a time, or names no day.
    NotADay,
    /// The same row stands above.
    Duplicate,
}

/// A document that is no matrix, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    pub(super) cause: LoadCause,
    pub(super) key: String,
    pub(super) line: usize,
    pub(super) column: usize,
}

impl LoadError {
    /// What is wrong.
    #[must_use]
    pub fn cause(&self) -> &LoadCause {
        &self.cause
    }

    /// Which key: `linux[3].kernels[0].flavour`; empty for the document itself.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The line, counted from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }

    /// The column in characters, counted from 1.
    #[must_use]
    pub fn column(&self) -> usize {
        self.column
    }
}

impl fmt::Display for LoadCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { limit } => write!(f, "longer than {limit} bytes"),
            Self::Syntax(why) => write!(f, "no TOML: {why}"),
            Self::Format { found } => write!(f, "format {found} is not known, 1 is"),
            Self::Missing => f.write_str("missing"),
            Self::UnknownKey => f.write_str("no such key is known here"),
            Self::Type { wanted, found } => write!(f, "must be {wanted}, and is {found}"),
            Self::Empty => f.write_str("must not be empty"),
            Self::NotAVersion { found } => {
                write!(f, "`{found}` does not begin with a number")
            }
            Self::RangeReversed => f.write_str("the first version comes after the last"),
            Self::OutOfRange { wanted, found } => write!(f, "must be {wanted}, and is {found}"),
            Self::NotAmong { choices, found } => write!(f, "`{found}` is none of {choices}"),
            Self::NotADay => f.write_str("must be a day of the calendar without a time"),
            Self::Duplicate => f.write_str("the same row stands above"),
        }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: ", self.line, self.column)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        self.cause.fmt(f)
    }
}

impl core::error::Error for LoadError {}
