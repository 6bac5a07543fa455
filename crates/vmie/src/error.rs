//! What can go wrong between a request and an image in the store.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use vmie_io::{ErrorKind, Fault, Found, ReadError};

/// What can be wrong on the local machine: with the store, the buckets, the sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// A file cannot be read.
    #[error("it cannot be read")]
    Read,
    /// A limit of the caller was hit.
    #[error("reading on would pass a limit")]
    Limit,
    /// A file or folder cannot be written.
    #[error("it cannot be written")]
    Write,
    /// There is something of the target's name already.
    #[error("there is something of that name already")]
    TargetExists,
    /// The filesystem of the store is full.
    #[error("the disk is full")]
    DiskFull,
    /// No image was named.
    #[error("no image was given")]
    NoImage,
    /// Several images were given where a snapshot of one disk is to be made.
    #[error("more than one image was given")]
    OneImage,
    /// An appliance without a disk was given where a disk is needed.
    #[error("there is no disk in it")]
    NoDisk,
    /// No volume of that name.
    #[error("there is no such volume")]
    NoSuchVolume,
    /// No operating system was found on the disks.
    #[error("no operating system was found on the disks")]
    NoSystem,
    /// Another process works with the store.
    #[error("another process is using this store")]
    StoreBusy,
    /// The folder holds files of somebody else.
    #[error("the folder is not empty and is not an image store")]
    NotAStore,
    /// The store was written by a later version.
    #[error("the store has a version that is not known here")]
    StoreVersion,
    /// The journal of the store contradicts itself.
    #[error("the journal is damaged")]
    JournalDamaged,
    /// A file that describes no world.
    #[error("it does not describe a world")]
    NotAWorld,
    /// A name that cannot be a bucket's.
    #[error("it is not the name of a bucket")]
    BucketName,
    /// There is no bucket of that name.
    #[error("there is no such bucket")]
    NoSuchBucket,
    /// There is no object of that name.
    #[error("there is no such object")]
    NoSuchObject,
    /// A key that leads out of its bucket.
    #[error("the key leads out of its bucket")]
    KeyEscapes,
    /// An address that is not one of this machine's buckets.
    #[error("it is not the address of a file on this machine")]
    NotLocal,
    /// A signed address that leads to a host that is not allowed, or that redirects.
    #[error("the address leads to a host that is not allowed")]
    AddressDenied,
    /// A host that does not answer as one does from which images can be read.
    #[error("the host does not answer reads of ranges")]
    AddressAnswer,
    /// The source is not the file that the task was begun with.
    #[error("the source has changed since the import was begun")]
    SourceChanged,
    /// There is no task of that name.
    #[error("there is no such task")]
    NoSuchTask,
    /// The engine refused a request.
    #[error("the request was refused")]
    RequestRefused,
    /// A worker thread stopped without a result.
    #[error("a worker stopped without a result")]
    WorkerLost,
    /// A published file is not what its digest says.
    #[error("the content does not match its digest")]
    Digest,
    /// There is no image or snapshot of that id.
    #[error("there is no such image in the store")]
    NoSuchImage,
    /// The target is the file that is read.
    #[error("the target is the source")]
    TargetIsSource,
    /// Another process writes to the target.
    #[error("another conversion to this name is running")]
    TargetBusy,
    /// The target may not be written.
    #[error("writing there is not permitted")]
    WriteDenied,
    /// A block device takes raw disks only.
    #[error("the target is a block device, which takes raw disks only")]
    DeviceNotRaw,
    /// A block device that is smaller than the disk.
    #[error("the target is a block device smaller than the disk")]
    DeviceTooSmall,
    /// The work was cancelled.
    #[error("the work was cancelled")]
    Cancelled,
}

impl vmie_io::Cause for Cause {
    const READ: Self = Self::Read;
    const LIMIT: Self = Self::Limit;

    fn kind(self) -> ErrorKind {
        match self {
            Self::Read | Self::Write | Self::WriteDenied | Self::DiskFull | Self::WorkerLost => {
                ErrorKind::Io
            }
            Self::Limit => ErrorKind::LimitExceeded,
            Self::TargetExists
            | Self::NoSuchImage
            | Self::TargetIsSource
            | Self::TargetBusy
            | Self::DeviceNotRaw
            | Self::DeviceTooSmall
            | Self::NoImage
            | Self::OneImage
            | Self::NoDisk
            | Self::NoSuchVolume
            | Self::NoSystem
            | Self::StoreBusy
            | Self::NotAStore
            | Self::BucketName
            | Self::NoSuchBucket
            | Self::NoSuchObject
            | Self::NotLocal
            | Self::SourceChanged
            | Self::NoSuchTask
            | Self::RequestRefused => ErrorKind::Misuse,
            Self::StoreVersion | Self::AddressAnswer => ErrorKind::Unsupported,
            Self::JournalDamaged | Self::NotAWorld | Self::Digest => ErrorKind::Corrupt,
            Self::KeyEscapes | Self::AddressDenied => ErrorKind::ReferenceDenied,
            Self::Cancelled => ErrorKind::Cancelled,
        }
    }

    fn advice(self) -> &'static str {
        match self {
            Self::Read => "Check that the file is there, complete and readable",
            Self::Limit => "Raise the limits if the image comes from a source you trust",
            Self::Write => "Check that the folder exists and may be written to",
            Self::DiskFull => "Make room on the filesystem and run the command again",
            Self::TargetExists => "Choose another name, or remove what is there",
            Self::NoSuchImage => "List the folder of the store to see which there are",
            Self::TargetIsSource => "Choose another name for the target",
            Self::TargetBusy => "Wait until the other conversion has ended, or choose another name",
            Self::WriteDenied => "Choose a folder that you may write to, or change its permissions",
            Self::DeviceNotRaw => "Write to a file, or as raw",
            Self::DeviceTooSmall => "Choose a larger device",
            Self::NoImage => "Name at least one image",
            Self::OneImage => "Import the disks one by one",
            Self::NoDisk => "Give an image that holds a disk",
            Self::NoSuchVolume => "List the volumes to see which there are",
            Self::NoSystem => "Name a volume to look into it without its system",
            Self::StoreBusy => "Wait until the other vmie has ended, or use another store",
            Self::NotAStore => "Name an empty folder, a new one, or one that vmie made",
            Self::StoreVersion => "Use the version of vmie that wrote the store, or a later one",
            Self::JournalDamaged => {
                "Keep the images that are in the store, move its journal away, and import again what was unfinished"
            }
            Self::NotAWorld => "Write it as examples/data/world.toml shows",
            Self::BucketName => {
                "Use 3 to 63 lower-case letters, digits, dots, hyphens and underscores"
            }
            Self::NoSuchBucket => "Make the bucket, or name one that exists",
            Self::NoSuchObject => "Upload the object, or name one that exists",
            Self::KeyEscapes => "Use a key without empty, '.' and '..' parts",
            Self::NotLocal => "Use an address of the form s3://BUCKET/KEY",
            Self::AddressDenied => {
                "Use an address of a host that the service was told of, which does not redirect, or s3://BUCKET/KEY"
            }
            Self::AddressAnswer => {
                "Put the file where parts of it can be read, such as into a bucket"
            }
            Self::SourceChanged => {
                "Run the import again: it begins a new task with the file as it is now"
            }
            Self::NoSuchTask => "List the tasks of the store to see which there are",
            Self::RequestRefused => "Change the request as the message says",
            Self::WorkerLost => "Run the import again; report a defect if it happens twice",
            Self::Digest => "Import the image again",
            Self::Cancelled => "Run the command again to go on",
        }
    }
}

/// The error of this crate: what is wrong, in which file, and where in it.
///
/// Whichever crate below found it, kind, structure, field, byte offset, value found and advice are
/// told in the same way.
#[derive(Clone, Debug)]
pub struct Error {
    inner: Box<Inner>,
}

#[derive(Clone, Debug)]
struct Inner {
    path: Option<PathBuf>,
    below: Below,
}

/// Which crate's error it is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Below {
    /// The local machine's: files, store, buckets.
    Host(Fault<Cause>),
    /// An image or appliance.
    Formats(vmie_formats::Error),
    /// A partition table.
    Volumes(vmie_volumes::Error),
    /// A filesystem.
    Fs(vmie_fs::Error),
    /// An inspection.
    Guest(vmie_guest::Error),
}

/// The same question to whichever fault it is.
macro_rules! ask {
    ($below:expr, $fault:ident => $answer:expr) => {
        match $below {
            Below::Host($fault) => $answer,
            Below::Formats($fault) => $answer,
            Below::Volumes($fault) => $answer,
            Below::Fs($fault) => $answer,
            Below::Guest($fault) => $answer,
        }
    };
}

impl Error {
    /// An error of this crate's own.
    #[must_use]
    pub fn new(cause: Cause) -> Self {
        Fault::new(cause).into()
    }

    /// The same, in this file or folder.
    #[must_use]
    pub fn in_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.inner.path.get_or_insert(path.into());
        self
    }

    /// The error of a file that could not be read.
    #[must_use]
    pub fn read(path: impl Into<PathBuf>, error: io::Error) -> Self {
        Self::from(ReadError::io("file", 0, error)).in_file(path)
    }

    /// The error of a file or folder that could not be written; a full disk is told apart.
    #[must_use]
    pub fn write(path: impl Into<PathBuf>, error: io::Error) -> Self {
        let cause = if is_full(&error) {
            Cause::DiskFull
        } else {
            Cause::Write
        };
        Self::from(Fault::new(cause).in_structure("file").with_source(error)).in_file(path)
    }

    /// The error of a write through a [`WriteAt`](vmie_io::WriteAt); a full disk is told apart.
    #[must_use]
    pub fn sink(path: impl Into<PathBuf>, error: ReadError) -> Self {
        let cause = if says_full(&error) {
            Cause::DiskFull
        } else {
            Cause::Write
        };
        let fault = Fault::new(cause).at(error.layer(), error.offset());
        let fault = match os_error(&error) {
            Some(lowest) => fault.with_source(lowest),
            None => fault.with_source(error),
        };
        Self::from(fault).in_file(path)
    }

    /// The file or folder, when it is one file's fault.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.inner.path.as_deref()
    }

    /// Which crate's error it is.
    #[must_use]
    pub fn below(&self) -> &Below {
        &self.inner.below
    }

    /// This crate's own cause, when it is one.
    #[must_use]
    pub fn cause(&self) -> Option<Cause> {
        match &self.inner.below {
            Below::Host(fault) => Some(fault.cause()),
            _ => None,
        }
    }

    /// The cause, when it is an image's.
    #[must_use]
    pub fn formats_cause(&self) -> Option<vmie_formats::Cause> {
        match &self.inner.below {
            Below::Formats(fault) => Some(fault.cause()),
            _ => None,
        }
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        ask!(&self.inner.below, fault => fault.kind())
    }

    /// What is wrong, without the place and the advice.
    #[must_use]
    pub fn what(&self) -> Cow<'static, str> {
        ask!(&self.inner.below, fault => fault.cause().to_string().into())
    }

    /// The structure in which it is; empty when none was said.
    #[must_use]
    pub fn structure(&self) -> &'static str {
        ask!(&self.inner.below, fault => fault.structure())
    }

    /// The structure's field; empty when none was said.
    #[must_use]
    pub fn field(&self) -> &'static str {
        ask!(&self.inner.below, fault => fault.field_name())
    }

    /// Byte offset within what was being read.
    #[must_use]
    pub fn offset(&self) -> Option<u64> {
        ask!(&self.inner.below, fault => fault.offset())
    }

    /// The value found.
    #[must_use]
    pub fn value(&self) -> Option<&Found> {
        ask!(&self.inner.below, fault => fault.value())
    }

    /// What the user can do.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        ask!(&self.inner.below, fault => fault.advice())
    }
}

/// Whether the operating system says that there is no room.
fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

/// Whether at the bottom of an error the operating system says that there is no room.
pub(crate) fn says_full(error: &(dyn StdError + 'static)) -> bool {
    says(error, &is_full)
}

/// What the operating system says at the bottom of an error, without all that is said above it.
pub(crate) fn os_error(error: &(dyn StdError + 'static)) -> Option<io::Error> {
    let (mut at, mut lowest) = (Some(error), None);
    while let Some(error) = at {
        if let Some(found) = error.downcast_ref::<io::Error>() {
            lowest = Some(match found.raw_os_error() {
                Some(code) => io::Error::from_raw_os_error(code),
                None => io::Error::new(found.kind(), found.to_string()),
            });
        }
        at = error.source();
    }
    lowest
}

/// Whether at the bottom of an error is one of the operating system's that `test` holds for.
pub(crate) fn says(error: &(dyn StdError + 'static), test: &dyn Fn(&io::Error) -> bool) -> bool {
    let mut at = Some(error);
    while let Some(error) = at {
        if error.downcast_ref::<io::Error>().is_some_and(test) {
            return true;
        }
        at = error.source();
    }
    false
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.inner.path {
            // A path's name is escaped: it may come from a request.
            write!(f, "{}: ", path.to_string_lossy().escape_debug())?;
        }
        ask!(&self.inner.below, fault => write!(f, "{fault}"))
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        ask!(&self.inner.below, fault => Some(fault))
    }
}

impl From<Below> for Error {
    fn from(below: Below) -> Self {
        Self {
            inner: Box::new(Inner { path: None, below }),
        }
    }
}

impl From<Fault<Cause>> for Error {
    fn from(fault: Fault<Cause>) -> Self {
        Below::Host(fault).into()
    }
}

impl From<vmie_formats::Error> for Error {
    fn from(fault: vmie_formats::Error) -> Self {
        Below::Formats(fault).into()
    }
}

impl From<vmie_volumes::Error> for Error {
    fn from(fault: vmie_volumes::Error) -> Self {
        Below::Volumes(fault).into()
    }
}

impl From<vmie_fs::Error> for Error {
    fn from(fault: vmie_fs::Error) -> Self {
        Below::Fs(fault).into()
    }
}

impl From<vmie_guest::Error> for Error {
    fn from(fault: vmie_guest::Error) -> Self {
        Below::Guest(fault).into()
    }
}

impl From<ReadError> for Error {
    fn from(error: ReadError) -> Self {
        Fault::<Cause>::from(error).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_apart_through_all_layers() {
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        assert_eq!(Error::write("x", full()).cause(), Some(Cause::DiskFull));
        let low = ReadError::io("file", 512, full());
        let high = ReadError::new("sink", ErrorKind::Io, 0).with_source(low);
        let error = Error::sink("/store/x.part", high);
        assert_eq!(error.cause(), Some(Cause::DiskFull));
        assert_eq!(error.kind(), ErrorKind::Io);
        assert_eq!(error.path(), Some(Path::new("/store/x.part")));
        let other = io::Error::from(io::ErrorKind::PermissionDenied);
        assert_eq!(Error::write("x", other).cause(), Some(Cause::Write));
    }

    #[test]
    fn the_sentence_says_what_where_and_what_to_do() {
        let fault = Fault::new(Cause::JournalDamaged).at("journal", 17);
        let error = Error::from(fault).in_file("store/journal\u{1b}[31m");
        let text = error.to_string();
        assert!(
            text.starts_with(
                "store/journal\\u{1b}[31m: journal at byte 17: the journal is damaged"
            ),
            "{text}"
        );
        assert_eq!((error.structure(), error.offset()), ("journal", Some(17)));
        // The first path named is the one nearest to the fault.
        assert_eq!(
            error.in_file("other").path(),
            Some(Path::new("store/journal\u{1b}[31m"))
        );
    }
}
