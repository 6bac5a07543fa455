//! What can keep an inspection from being made at all.

use vmie_io::{ErrorKind, Fault};

/// The error of this crate: cause, structure, field, byte offset, value found.
pub type Error = Fault<Cause>;

/// What can keep an inspection from being made at all, or a reader of one file from reading it. To
/// an inspection, whatever is wrong inside one disk, volume or file is a fact that could not be
/// established, and no error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// A disk cannot be read.
    #[error("the disk cannot be read")]
    Read,
    /// A limit of the caller was hit.
    #[error("reading on would pass a limit")]
    Limit,
    /// There is no disk to look at.
    #[error("no disk was given")]
    NoDisks,
    /// More disks than are looked at.
    #[error("there are too many disks")]
    TooManyDisks,
    /// An archive of an initial RAM filesystem is damaged.
    #[error("the archive is damaged")]
    Archive,
    /// A compressed stream is damaged.
    #[error("the compressed data are damaged")]
    Compressed,
    /// A file ends before what it promises.
    #[error("the file ends too early")]
    Truncated,
    /// A database of packages is damaged, or of another form.
    #[error("the database is damaged or of another form")]
    Database,
    /// A file starts with nothing that is known.
    #[error("the file is neither an archive nor compressed by anything known")]
    UnknownCompression,
    /// A file is no Windows program.
    #[error("the file is no Windows program")]
    NotAProgram,
}

impl vmie_io::Cause for Cause {
    const READ: Self = Self::Read;
    const LIMIT: Self = Self::Limit;

    fn kind(self) -> ErrorKind {
        match self {
            Self::Read => ErrorKind::Io,
            Self::Limit | Self::TooManyDisks => ErrorKind::LimitExceeded,
            Self::NoDisks => ErrorKind::Misuse,
            Self::Archive | Self::Compressed | Self::Database | Self::NotAProgram => {
                ErrorKind::Corrupt
            }
            Self::Truncated => ErrorKind::Truncated,
            Self::UnknownCompression => ErrorKind::Unsupported,
        }
    }

    fn advice(self) -> &'static str {
        match self {
            Self::Read => "Check that the image is complete and readable",
            Self::Limit => "Raise the limits if the image comes from a source you trust",
            Self::NotAProgram => "Check that the disk is complete",
            Self::NoDisks => "Give at least one disk",
            Self::TooManyDisks => "Give the disks of one machine at a time",
            Self::Archive | Self::Compressed | Self::Truncated | Self::UnknownCompression => {
                "Build the file again in the guest"
            }
            Self::Database => "Rebuild the database in the guest (rpm --rebuilddb)",
        }
    }
}
