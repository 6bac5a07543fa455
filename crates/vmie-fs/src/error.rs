//! What can be wrong with a filesystem.

use vmie_io::{ErrorKind, Fault};

/// The error of this crate: cause, structure, field, byte offset in the volume, value found.
pub type Error = Fault<Cause>;

/// What can be wrong with a filesystem, or with what was asked of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// The volume cannot be read.
    #[error("the volume cannot be read")]
    Read,
    /// A limit of the caller was hit.
    #[error("reading on would pass a limit")]
    Limit,
    /// There is no file of that name.
    #[error("there is no such file or directory")]
    NotFound,
    /// A component of the path is not a directory.
    #[error("it is not a directory")]
    NotADirectory,
    /// The path names something whose bytes cannot be read: a directory, a device.
    #[error("it is not a regular file")]
    NotAFile,
    /// The path does not name a symbolic link.
    #[error("it is not a symbolic link")]
    NotASymlink,
    /// Symbolic links lead in a circle, or through too many links.
    #[error("too many symbolic links")]
    TooManyLinks,
}

impl vmie_io::Cause for Cause {
    const READ: Self = Self::Read;
    const LIMIT: Self = Self::Limit;

    fn kind(self) -> ErrorKind {
        match self {
            Self::Read => ErrorKind::Io,
            Self::Limit => ErrorKind::LimitExceeded,
            Self::NotFound | Self::NotADirectory | Self::NotAFile | Self::NotASymlink => {
                ErrorKind::Misuse
            }
            Self::TooManyLinks => ErrorKind::Corrupt,
        }
    }

    fn advice(self) -> &'static str {
        match self {
            Self::Read => "Check that the image is complete and readable",
            Self::Limit => "Raise the limits if the image comes from a source you trust",
            Self::NotFound => "List the directory to see what is there",
            Self::NotADirectory | Self::NotAFile | Self::NotASymlink => {
                "Look at the kind of the file before opening it"
            }
            Self::TooManyLinks => "Mend the symbolic links inside the guest",
        }
    }
}
