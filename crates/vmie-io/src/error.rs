//! Why bytes could not be had.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;

/// What kind of thing went wrong, and so who can mend it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The input contradicts its own format: get it again from where it was made.
    Corrupt,
    /// The input is well formed, as far as can be told, but uses something that is not read here.
    Unsupported,
    /// The input ends before something that it promises.
    Truncated,
    /// Reading on would cost more memory, time or depth than [`Limits`](crate::Limits) allow.
    LimitExceeded,
    /// The input names another file, and nobody allowed opening it.
    ReferenceDenied,
    /// The operating system could not read or write.
    Io,
    /// The caller asked for something that makes no sense: an offset past the end, say.
    Misuse,
    /// The work was cancelled by the caller.
    Cancelled,
}

impl ErrorKind {
    /// The kind's stable name, as programs see it: `corrupt`, `unsupported`, `truncated`, `limit`,
    /// `reference-denied`, `io`, `misuse`, `cancelled`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Corrupt => "corrupt",
            Self::Unsupported => "unsupported",
            Self::Truncated => "truncated",
            Self::LimitExceeded => "limit",
            Self::ReferenceDenied => "reference-denied",
            Self::Io => "io",
            Self::Misuse => "misuse",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A read that failed, or a write ([`ReadError::write`]): in which layer, at which offset of that layer, and why.
///
/// The cause below survives every layer above: [`source`](StdError::source) leads down to it.
#[derive(Clone, Debug)]
pub struct ReadError {
    layer: &'static str,
    kind: ErrorKind,
    offset: u64,
    writing: bool,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl ReadError {
    /// A failure of `layer` (a noun such as `"file"` or `"VMDK grain"`) at byte `offset` of it.
    #[must_use]
    pub fn new(layer: &'static str, kind: ErrorKind, offset: u64) -> Self {
        Self {
            layer,
            kind,
            offset,
            writing: false,
            source: None,
        }
    }

    /// The same with the cause below.
    #[must_use]
    pub fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// The error of reading `[offset, offset + wanted)` from a `layer` of `len` bytes.
    #[must_use]
    pub fn past_end(layer: &'static str, offset: u64, wanted: usize, len: u64) -> Self {
        Self::new(layer, ErrorKind::Truncated, offset).with_source(PastEnd {
            offset,
            wanted,
            len,
        })
    }

    /// The error of an operating system call on `layer` at `offset`.
    #[must_use]
    pub fn io(layer: &'static str, offset: u64, error: io::Error) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::UnexpectedEof => ErrorKind::Truncated,
            _ => ErrorKind::Io,
        };
        Self::new(layer, kind, offset).with_source(error)
    }

    /// The error of an operating system call that writes to `layer` at `offset`.
    #[must_use]
    pub fn write(layer: &'static str, offset: u64, error: io::Error) -> Self {
        Self {
            writing: true,
            ..Self::io(layer, offset, error)
        }
    }

    /// The layer that failed.
    #[must_use]
    pub fn layer(&self) -> &'static str {
        self.layer
    }

    /// The kind of failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Byte offset within the layer that failed.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.writing { "write" } else { "read" };
        write!(
            f,
            "cannot {what} the {} at byte {}",
            self.layer, self.offset
        )?;
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => write!(f, " ({})", self.kind),
        }
    }
}

impl StdError for ReadError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        let source: &(dyn StdError + 'static) = self.source.as_deref()?;
        Some(source)
    }
}

impl From<ReadError> for io::Error {
    fn from(error: ReadError) -> Self {
        let kind = match error.kind {
            ErrorKind::Truncated => io::ErrorKind::UnexpectedEof,
            ErrorKind::Corrupt => io::ErrorKind::InvalidData,
            ErrorKind::Unsupported => io::ErrorKind::Unsupported,
            ErrorKind::LimitExceeded => io::ErrorKind::OutOfMemory,
            ErrorKind::ReferenceDenied => io::ErrorKind::PermissionDenied,
            ErrorKind::Misuse => io::ErrorKind::InvalidInput,
            ErrorKind::Cancelled => io::ErrorKind::Interrupted,
            ErrorKind::Io => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{wanted} bytes were wanted at byte {offset}, but it ends at byte {len}")]
struct PastEnd {
    offset: u64,
    wanted: usize,
    len: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_below_survives() {
        let low = ReadError::io("file", 7, io::Error::other("the disk is on fire"));
        let high = ReadError::new("window", low.kind(), 3).with_source(low);
        assert_eq!(high.kind(), ErrorKind::Io);
        let text = high.to_string();
        assert!(
            text.contains("window at byte 3") && text.contains("on fire"),
            "{text}"
        );
        let below = high.source().unwrap().downcast_ref::<ReadError>().unwrap();
        assert_eq!((below.layer(), below.offset()), ("file", 7));
        let io: io::Error = high.into();
        assert!(io.get_ref().unwrap().is::<ReadError>());
    }

    #[test]
    fn an_early_end_is_truncation() {
        let error = ReadError::past_end("disk", 10, 4, 12);
        assert_eq!(error.kind(), ErrorKind::Truncated);
        assert_eq!(io::Error::from(error).kind(), io::ErrorKind::UnexpectedEof);
    }
}
