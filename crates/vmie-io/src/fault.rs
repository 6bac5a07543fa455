//! The error of a parser: what is wrong, where, what was found, and what to do.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use crate::{ErrorKind, LimitExceeded, ReadError};

/// A crate's list of things that can be wrong: one flat enum, each variant a cause that tests and
/// callers can match on.
///
/// Its `Display` (by `thiserror`) is a clause that says what is wrong without saying where:
/// "the grain size is not a power of two". The place is the [`Fault`]'s business.
pub trait Cause: StdError + Copy + Eq + Send + Sync + 'static {
    /// The cause of a failed read of the source.
    const READ: Self;
    /// The cause of a limit that was hit.
    const LIMIT: Self;

    /// What kind of failure the cause is.
    fn kind(self) -> ErrorKind;

    /// What the user can do about it, as an imperative sentence without its full stop.
    fn advice(self) -> &'static str;
}

/// What was found where something else should have been. Text and bytes come from hostile input:
/// they are kept short here and escaped when shown.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Found {
    /// A number.
    Number(u64),
    /// A text, at most 80 characters of it.
    Text(Box<str>),
    /// Raw bytes, at most 16 of them.
    Bytes(Box<[u8]>),
}

impl From<u64> for Found {
    fn from(n: u64) -> Self {
        Self::Number(n)
    }
}

impl From<u32> for Found {
    fn from(n: u32) -> Self {
        Self::Number(n.into())
    }
}

impl From<u16> for Found {
    fn from(n: u16) -> Self {
        Self::Number(n.into())
    }
}

impl From<u8> for Found {
    fn from(n: u8) -> Self {
        Self::Number(n.into())
    }
}

impl From<usize> for Found {
    fn from(n: usize) -> Self {
        Self::Number(crate::int::u64_of(n))
    }
}

impl From<&str> for Found {
    fn from(text: &str) -> Self {
        Self::Text(text.chars().take(80).collect::<String>().into())
    }
}

impl From<&[u8]> for Found {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.iter().take(16).copied().collect())
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(n) if *n < 10 => write!(f, "{n}"),
            Self::Number(n) => write!(f, "{n} ({n:#x})"),
            Self::Text(text) => write!(f, "\"{}\"", text.escape_debug()),
            Self::Bytes(bytes) => write!(f, "\"{}\"", bytes.escape_ascii()),
        }
    }
}

/// The error of a parser, generic over its crate's list of [`Cause`]s: a crate writes
/// `pub type Error = vmie_io::Fault<Cause>` and has one error type whose parts are all typed.
///
/// ```
/// # use vmie_io::{Cause as _, ErrorKind, Fault};
/// #[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
/// enum Cause {
///     #[error("the block size is not a power of two")]
///     BlockSize,
///     #[error("the source cannot be read")]
///     Read,
///     #[error("a limit was hit")]
///     Limit,
/// }
/// impl vmie_io::Cause for Cause {
///     const READ: Self = Self::Read;
///     const LIMIT: Self = Self::Limit;
///     fn kind(self) -> ErrorKind {
///         match self {
///             Self::BlockSize => ErrorKind::Corrupt,
///             Self::Read => ErrorKind::Io,
///             Self::Limit => ErrorKind::LimitExceeded,
///         }
///     }
///     fn advice(self) -> &'static str {
///         "Make the image again from its source"
///     }
/// }
/// let error = Fault::new(Cause::BlockSize).at("header", 40).field("block_size").found(100u32);
/// assert_eq!(
///     error.to_string(),
///     "header, field block_size at byte 40: the block size is not a power of two \
///      (found 100 (0x64)). Make the image again from its source."
/// );
/// ```
#[derive(Clone, Debug)]
pub struct Fault<C> {
    inner: Box<Inner<C>>,
}

#[derive(Clone, Debug)]
struct Inner<C> {
    cause: C,
    kind: ErrorKind,
    structure: &'static str,
    field: &'static str,
    offset: Option<u64>,
    found: Option<Found>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl<C: Cause> Fault<C> {
    /// An error of this cause, its place not yet said.
    #[must_use]
    pub fn new(cause: C) -> Self {
        Self {
            inner: Box::new(Inner {
                cause,
                kind: cause.kind(),
                structure: "",
                field: "",
                offset: None,
                found: None,
                source: None,
            }),
        }
    }

    /// In which structure (the specification's name of it), at which byte of the input.
    #[must_use]
    pub fn at(mut self, structure: &'static str, offset: u64) -> Self {
        self.inner.structure = structure;
        self.inner.offset = Some(offset);
        self
    }

    /// In which structure, where a byte offset has no meaning.
    #[must_use]
    pub fn in_structure(mut self, structure: &'static str) -> Self {
        self.inner.structure = structure;
        self
    }

    /// Which field of the structure, by the specification's name.
    #[must_use]
    pub fn field(mut self, field: &'static str) -> Self {
        self.inner.field = field;
        self
    }

    /// What was found there.
    #[must_use]
    pub fn found(mut self, found: impl Into<Found>) -> Self {
        self.inner.found = Some(found.into());
        self
    }

    /// The error below.
    #[must_use]
    pub fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.inner.source = Some(Arc::new(source));
        self
    }

    /// The exact cause, for tests and for callers that act on it.
    #[must_use]
    pub fn cause(&self) -> C {
        self.inner.cause
    }

    /// What kind of failure it is. A failed read keeps the kind that the layer below gave it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    /// The structure's name; empty when none was said.
    #[must_use]
    pub fn structure(&self) -> &'static str {
        self.inner.structure
    }

    /// The field's name; empty when none was said.
    #[must_use]
    pub fn field_name(&self) -> &'static str {
        self.inner.field
    }

    /// Byte offset in the input that was being parsed.
    #[must_use]
    pub fn offset(&self) -> Option<u64> {
        self.inner.offset
    }

    /// The value found.
    #[must_use]
    pub fn value(&self) -> Option<&Found> {
        self.inner.found.as_ref()
    }

    /// What the user can do.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        self.inner.cause.advice()
    }
}

impl<C: Cause> fmt::Display for Fault<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.inner;
        if !inner.structure.is_empty() {
            f.write_str(inner.structure)?;
            if !inner.field.is_empty() {
                write!(f, ", field {}", inner.field)?;
            }
            if let Some(offset) = inner.offset {
                write!(f, " at byte {offset}")?;
            }
            f.write_str(": ")?;
        }
        write!(f, "{}", inner.cause)?;
        if let Some(found) = &inner.found {
            write!(f, " (found {found})")?;
        }
        if let Some(source) = &inner.source {
            write!(f, ": {source}")?;
        }
        write!(f, ". {}.", inner.cause.advice())
    }
}

impl<C: Cause> StdError for Fault<C> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        let source: &(dyn StdError + 'static) = self.inner.source.as_deref()?;
        Some(source)
    }
}

impl<C: Cause> From<ReadError> for Fault<C> {
    /// A failed read; when a parser of the same crate failed below it, that parser's error.
    fn from(error: ReadError) -> Self {
        let below = StdError::source(&error).and_then(|source| source.downcast_ref::<Self>());
        if let Some(fault) = below {
            return fault.clone();
        }
        let mut fault = Self::new(C::READ).at(error.layer(), error.offset());
        fault.inner.kind = error.kind();
        fault.with_source(error)
    }
}

impl<C: Cause> From<LimitExceeded> for Fault<C> {
    fn from(error: LimitExceeded) -> Self {
        Self::new(C::LIMIT)
            .in_structure(error.what)
            .with_source(error)
    }
}

impl<C: Cause> From<Fault<C>> for ReadError {
    /// A parser's error met while reading: the fault becomes the cause of the failed read.
    fn from(fault: Fault<C>) -> Self {
        let layer = if fault.structure().is_empty() {
            "image"
        } else {
            fault.structure()
        };
        Self::new(layer, fault.kind(), fault.offset().unwrap_or(0)).with_source(fault)
    }
}
