//! What can be wrong with a partition table.

use vmie_io::{ErrorKind, Fault};

/// The error of this crate: cause, structure, field, byte offset on the disk, value found.
pub type Error = Fault<Cause>;

/// What can be wrong with a partition table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// The disk cannot be read.
    #[error("the disk cannot be read")]
    Read,
    /// A limit of the caller was hit.
    #[error("reading on would pass a limit")]
    Limit,
}

impl vmie_io::Cause for Cause {
    const READ: Self = Self::Read;
    const LIMIT: Self = Self::Limit;

    fn kind(self) -> ErrorKind {
        match self {
            Self::Read => ErrorKind::Io,
            Self::Limit => ErrorKind::LimitExceeded,
        }
    }

    fn advice(self) -> &'static str {
        match self {
            Self::Read => "Check that the image is complete and readable",
            Self::Limit => "Raise the limits if the image comes from a source you trust",
        }
    }
}
