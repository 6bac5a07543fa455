//! What can be wrong with a hive.

use vmie_io::{ErrorKind, Fault};

/// The error of the reader of hives. Offsets are bytes of the hive's file.
pub type Error = Fault<Cause>;

/// What can be wrong with a hive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// The hive cannot be read.
    #[error("the hive cannot be read")]
    Read,
    /// A limit of the caller was hit.
    #[error("reading on would pass a limit")]
    Limit,
    /// There is no base block of a hive at the start.
    #[error("this is no registry hive")]
    NotAHive,
    /// The hive is of a version that is not known.
    #[error("the version of the hive is not known")]
    Version,
    /// The base block's checksum is wrong, and no log has a copy of it.
    #[error("the checksum of the base block is wrong, and no transaction log has a copy of it")]
    Checksum,
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
}

impl vmie_io::Cause for Cause {
    const READ: Self = Self::Read;
    const LIMIT: Self = Self::Limit;

    fn kind(self) -> ErrorKind {
        match self {
            Self::Read => ErrorKind::Io,
            Self::Limit | Self::ValueTooLong => ErrorKind::LimitExceeded,
            Self::NotAHive => ErrorKind::Corrupt,
            Self::Version => ErrorKind::Unsupported,
            Self::Checksum
            | Self::CellOutside
            | Self::CellFree
            | Self::CellShort
            | Self::CellKind
            | Self::ListNested
            | Self::TooManyLinks => ErrorKind::Corrupt,
        }
    }

    fn advice(self) -> &'static str {
        match self {
            Self::Read => "Check that the disk is complete and readable",
            Self::Limit | Self::ValueTooLong => {
                "Raise the limits if the image comes from a source you trust"
            }
            Self::NotAHive | Self::Version => "Check that the file is a registry hive",
            Self::Checksum
            | Self::CellOutside
            | Self::CellFree
            | Self::CellShort
            | Self::CellKind
            | Self::ListNested
            | Self::TooManyLinks => {
                "Start the machine once so that Windows mends its registry, and shut it down"
            }
        }
    }
}
