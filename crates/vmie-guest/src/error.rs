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
    /// There is no base block of a hive at the start.
    #[error("this is no registry hive")]
    NotAHive,
    /// The hive is of a version that is not known.
    #[error("the version of the hive is not known")]
    HiveVersion,
    /// The base block's checksum is wrong, and no log has a copy of it.
    #[error("the checksum of the base block is wrong, and no transaction log has a copy of it")]
    HiveChecksum,
    /// A cell does not lie inside the hive.
    #[error("the cell is not inside the hive")]
    CellOutside,
    /// A cell is not in use.
    #[error("the cell is not in use")]
    CellFree,
    /// A cell is too short for what it must hold.
    #[error("the cell is too short for what it holds")]
    CellShort,
    /// A cell holds something else than what was referred to.
    #[error("the cell holds something else")]
    CellKind,
    /// A list of subkeys is nested deeper than the format allows.
    #[error("the list of subkeys is nested too deep")]
    ListNested,
    /// Links lead on and on.
    #[error("the symbolic links lead nowhere")]
    TooManyLinks,
    /// A value's data is longer than what is taken.
    #[error("the value is longer than what is read of one")]
    ValueTooLong,
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
            Self::Limit | Self::TooManyDisks | Self::ValueTooLong => ErrorKind::LimitExceeded,
            Self::NoDisks => ErrorKind::Misuse,
            Self::Archive
            | Self::Compressed
            | Self::Database
            | Self::NotAProgram
            | Self::NotAHive
            | Self::HiveChecksum
            | Self::CellOutside
            | Self::CellFree
            | Self::CellShort
            | Self::CellKind
            | Self::ListNested
            | Self::TooManyLinks => ErrorKind::Corrupt,
            Self::Truncated => ErrorKind::Truncated,
            Self::UnknownCompression | Self::HiveVersion => ErrorKind::Unsupported,
        }
    }

    fn advice(self) -> &'static str {
        match self {
            Self::Read => "Check that the image is complete and readable",
            Self::Limit | Self::ValueTooLong => {
                "Raise the limits if the image comes from a source you trust"
            }
            Self::NotAProgram => "Check that the disk is complete",
            Self::NotAHive | Self::HiveVersion => "Check that the file is a registry hive",
            Self::HiveChecksum
            | Self::CellOutside
            | Self::CellFree
            | Self::CellShort
            | Self::CellKind
            | Self::ListNested
            | Self::TooManyLinks => {
                "Start the machine once so that Windows mends its registry, and shut it down"
            }
            Self::NoDisks => "Give at least one disk",
            Self::TooManyDisks => "Give the disks of one machine at a time",
            Self::Archive | Self::Compressed | Self::Truncated | Self::UnknownCompression => {
                "Build the file again in the guest"
            }
            Self::Database => "Rebuild the database in the guest (rpm --rebuilddb)",
        }
    }
}
