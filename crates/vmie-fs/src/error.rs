//! What can be wrong with a filesystem.

use vmie_io::{ErrorKind, Fault};

use crate::FsKind;

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
    /// A file is longer than the caller wants to take.
    #[error("the file is longer than was asked for")]
    TooLong,
    /// The volume holds nothing that is known here.
    #[error("no known filesystem was found")]
    UnknownFilesystem,
    /// The volume was recognised, but files of this kind of filesystem are not read here.
    #[error("the volume is {}, whose files are not read", .0.title())]
    NotRead(FsKind),
    /// The filesystem uses a feature that is not read here; the field names it.
    #[error("the filesystem uses a feature that is not read")]
    Feature,
    /// The volume ends before the filesystem on it does.
    #[error("the volume ends before the filesystem on it does")]
    VolumeTooShort,
    /// The bytes that name the structure are not there.
    #[error("the structure does not start with its signature")]
    Magic,
    /// A checksum does not match what it covers.
    #[error("the checksum does not match")]
    Checksum,
    /// A field holds a value that the format does not allow.
    #[error("the value is not one that the format allows")]
    Value,
    /// A block or cluster number points outside of the filesystem's data.
    #[error("it points outside of the filesystem")]
    OutOfRange,
    /// The parts of a file overlap, or stand out of their order.
    #[error("the parts of the file overlap or are out of order")]
    Order,
    /// A chain of clusters leads back into itself.
    #[error("the chain of clusters leads back into itself")]
    Cycle,
    /// A chain of clusters ends before the file does, or runs into a free or bad cluster.
    #[error("the chain of clusters breaks off before the end of the file")]
    BrokenChain,
    /// A directory entry does not fit its directory.
    #[error("the directory entry does not fit")]
    DirEntry,
    /// The journal must be replayed before anything can be read, and cannot be.
    #[error("the journal waits to be replayed, and it is damaged")]
    Journal,
    /// A node is not what the node above it, or its tree, needs it to be.
    #[error("the node does not fit its place in the tree")]
    Tree,
    /// A node was written at another time than what leads to it says: a write was lost.
    #[error("the node is of another generation than what leads to it says")]
    Generation,
    /// Compressed data cannot be decompressed.
    #[error("the compressed data is damaged")]
    Compressed,
    /// A device of a filesystem of several is not there, and nothing else has what was on it.
    #[error("a device of the filesystem is missing")]
    MissingDevice,
    /// The volume is a further device of a filesystem that is opened by its first one.
    #[error("the volume is a further device of a filesystem that is read from its first one")]
    FurtherDevice,
    /// The bytes that end each sector of a structure are not those of its update sequence number:
    /// it was written in part.
    #[error("the structure was written in part only")]
    Torn,
    /// A reference leads to a record that is free, or in use for something else.
    #[error("the record is free or in use for something else")]
    Stale,
    /// An attribute does not fit its record, or stands out of its order.
    #[error("the attribute does not fit")]
    Attribute,
    /// Something that must be there is missing; the field names it.
    #[error("something that must be there is missing")]
    Missing,
    /// The list of a file's clusters makes no sense, or ends before the file does.
    #[error("the list of the file's clusters is damaged")]
    Runs,
    /// What says that a file is a link, or kept in another form, makes no sense.
    #[error("the reparse point is damaged")]
    Reparse,
    /// The file is encrypted.
    #[error("the file is encrypted")]
    Encrypted,
    /// The content of a file is not in the file itself: the value is the tag of what keeps it.
    #[error("the content of the file is kept elsewhere")]
    Elsewhere,
}

impl vmie_io::Cause for Cause {
    const READ: Self = Self::Read;
    const LIMIT: Self = Self::Limit;

    fn kind(self) -> ErrorKind {
        match self {
            Self::Read => ErrorKind::Io,
            Self::Limit | Self::TooLong => ErrorKind::LimitExceeded,
            Self::NotFound
            | Self::NotADirectory
            | Self::NotAFile
            | Self::NotASymlink
            | Self::FurtherDevice => ErrorKind::Misuse,
            Self::VolumeTooShort | Self::MissingDevice => ErrorKind::Truncated,
            Self::UnknownFilesystem
            | Self::NotRead(_)
            | Self::Feature
            | Self::Encrypted
            | Self::Elsewhere => ErrorKind::Unsupported,
            Self::TooManyLinks
            | Self::Magic
            | Self::Checksum
            | Self::Value
            | Self::OutOfRange
            | Self::Order
            | Self::Cycle
            | Self::BrokenChain
            | Self::DirEntry
            | Self::Journal
            | Self::Tree
            | Self::Generation
            | Self::Torn
            | Self::Stale
            | Self::Attribute
            | Self::Missing
            | Self::Runs
            | Self::Reparse
            | Self::Compressed => ErrorKind::Corrupt,
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
            Self::TooLong => "Ask for more bytes, or read the file in parts",
            Self::UnknownFilesystem => {
                "Check that the volume is a filesystem, and not a part of one"
            }
            Self::NotRead(kind) if kind.is_encrypted() => {
                "Decrypt the volume inside the guest first"
            }
            Self::NotRead(_) => "Use a volume of a kind that is read",
            Self::Feature => "Turn the feature off with the filesystem's own tools",
            Self::VolumeTooShort => "Get the whole image again from where it was made",
            Self::Magic
            | Self::Checksum
            | Self::Value
            | Self::OutOfRange
            | Self::Order
            | Self::Cycle
            | Self::BrokenChain
            | Self::DirEntry
            | Self::Tree
            | Self::Generation
            | Self::Torn
            | Self::Stale
            | Self::Attribute
            | Self::Missing
            | Self::Runs
            | Self::Reparse
            | Self::Compressed => {
                "Check the filesystem inside the guest (fsck, chkdsk), then make the image again"
            }
            Self::FurtherDevice => {
                "Open the first device of the filesystem, with this one beside it"
            }
            Self::MissingDevice => "Give all devices of the filesystem",
            Self::Encrypted => "Decrypt the file inside the guest first",
            Self::Elsewhere => "Bring the content back into the file inside the guest first",
            Self::Journal => "Start the guest once and shut it down, then make the image again",
        }
    }
}
