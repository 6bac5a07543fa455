//! What every filesystem can do.

use vmie_io::{Extent, ExtentKind};

use crate::memory::path_error;
use crate::{Cause, Error, GuestPath};

/// What a volume is formatted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum FsKind {
    /// Second extended filesystem: no journal, no ext4 feature.
    Ext2,
    /// Third extended filesystem: a journal, no ext4 feature.
    Ext3,
    /// Fourth extended filesystem.
    Ext4,
    /// XFS.
    Xfs,
    /// Btrfs.
    Btrfs,
    /// JFS.
    Jfs,
    /// NTFS.
    Ntfs,
    /// FAT with 12-bit entries.
    Fat12,
    /// FAT with 16-bit entries.
    Fat16,
    /// FAT with 32-bit entries.
    Fat32,
    /// LUKS version 1: an encrypted volume.
    Luks1,
    /// LUKS version 2: an encrypted volume.
    Luks2,
    /// BitLocker: an encrypted volume.
    BitLocker,
    /// A physical volume of LVM2.
    Lvm2Pv,
    /// Linux swap space.
    Swap,
    /// exFAT.
    ExFat,
    /// ReFS.
    ReFs,
    /// ISO 9660, the filesystem of CD images.
    Iso9660,
    /// A member of a Linux software RAID.
    LinuxRaid,
    /// The external journal of an ext3 or ext4 filesystem.
    ExtJournal,
}

impl FsKind {
    /// The name that `blkid` and `/etc/fstab` use for it, as programs see it: `ext4`, `xfs`,
    /// `vfat` for every FAT, `crypto_LUKS`, `LVM2_member` …
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ext2 => "ext2",
            Self::Ext3 => "ext3",
            Self::Ext4 => "ext4",
            Self::Xfs => "xfs",
            Self::Btrfs => "btrfs",
            Self::Jfs => "jfs",
            Self::Ntfs => "ntfs",
            Self::Fat12 | Self::Fat16 | Self::Fat32 => "vfat",
            Self::Luks1 | Self::Luks2 => "crypto_LUKS",
            Self::BitLocker => "BitLocker",
            Self::Lvm2Pv => "LVM2_member",
            Self::Swap => "swap",
            Self::ExFat => "exfat",
            Self::ReFs => "ReFS",
            Self::Iso9660 => "iso9660",
            Self::LinuxRaid => "linux_raid_member",
            Self::ExtJournal => "jbd",
        }
    }

    /// What a person calls it: `ext4`, `XFS`, `FAT32`, `LUKS1` …
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Ext2 => "ext2",
            Self::Ext3 => "ext3",
            Self::Ext4 => "ext4",
            Self::Xfs => "XFS",
            Self::Btrfs => "Btrfs",
            Self::Jfs => "JFS",
            Self::Ntfs => "NTFS",
            Self::Fat12 => "FAT12",
            Self::Fat16 => "FAT16",
            Self::Fat32 => "FAT32",
            Self::Luks1 => "LUKS1",
            Self::Luks2 => "LUKS2",
            Self::BitLocker => "BitLocker",
            Self::Lvm2Pv => "LVM2 physical volume",
            Self::Swap => "swap space",
            Self::ExFat => "exFAT",
            Self::ReFs => "ReFS",
            Self::Iso9660 => "ISO 9660",
            Self::LinuxRaid => "Linux software RAID",
            Self::ExtJournal => "external ext journal",
        }
    }

    /// Whether the volume is encrypted.
    #[must_use]
    pub fn is_encrypted(self) -> bool {
        matches!(self, Self::Luks1 | Self::Luks2 | Self::BitLocker)
    }
}

/// How a volume is encrypted, as far as it says so in the clear.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Encryption {
    /// The form of the format: `1` and `2` for LUKS; `Windows Vista`, `Windows 7` (and all later
    /// ones) and `To Go` for BitLocker.
    pub variant: &'static str,
    /// The cipher, as the format's own tools name it: `aes-xts-plain64`, `AES-XTS 128`.
    pub cipher: Option<String>,
    /// Whether the first header is damaged, and this is what the second one says.
    pub by_second_header: bool,
}

/// Who a filesystem is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Identity {
    /// What the volume is formatted as.
    pub kind: FsKind,
    /// The label, when there is one.
    pub label: Option<String>,
    /// The UUID or serial number, in the form that `/etc/fstab` uses for this kind of filesystem
    /// (`96da6ae0-96ed-…`, `F681-3013` for FAT, 16 hexadecimal digits for NTFS).
    pub uuid: Option<String>,
    /// Bytes of one allocation block, where there is such a thing.
    pub block_size: Option<u64>,
    /// Bytes that the filesystem says it spans.
    pub size: Option<u64>,
    /// How it is encrypted, where it is.
    pub encryption: Option<Encryption>,
}

impl Identity {
    /// A filesystem of which nothing but its kind is known yet.
    #[must_use]
    pub fn new(kind: FsKind) -> Self {
        Self {
            kind,
            label: None,
            uuid: None,
            block_size: None,
            size: None,
            encryption: None,
        }
    }
}

/// In what state a filesystem was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// Unmounted cleanly.
    Clean,
    /// It was in use when the image was taken: a journal or log waits to be replayed, or the
    /// clean flag is not set. What is read may be older than what the guest last wrote.
    Dirty,
    /// Windows hibernated, or was shut down by its fast startup: what it held in memory is not on
    /// the volume.
    Hibernated,
    /// The filesystem itself has noted errors.
    Errors,
    /// This cannot be told.
    Unknown,
}

/// How full a filesystem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Space {
    /// Bytes that files could take in all.
    pub total: u64,
    /// Bytes that are free.
    pub free: u64,
    /// Inodes in all, where their number is fixed.
    pub inodes: Option<u64>,
    /// Inodes that are free, where their number is fixed.
    pub free_inodes: Option<u64>,
}

impl Space {
    /// So many bytes, and so many of them free; inodes are not counted.
    #[must_use]
    pub fn new(total: u64, free: u64) -> Self {
        Self {
            total,
            free,
            inodes: None,
            free_inodes: None,
        }
    }

    /// The same with its inodes.
    #[must_use]
    pub fn with_inodes(mut self, inodes: u64, free: u64) -> Self {
        self.inodes = Some(inodes);
        self.free_inodes = Some(free);
        self
    }
}

/// What kind of file a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A block device.
    BlockDevice,
    /// A character device.
    CharDevice,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// Something else, or the filesystem does not say.
    Other,
}

impl FileKind {
    /// The kind's name, as programs see it: `file`, `directory`, `symlink`, `block-device`,
    /// `char-device`, `fifo`, `socket`, `other`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Directory => "directory",
            Self::Symlink => "symlink",
            Self::BlockDevice => "block-device",
            Self::CharDevice => "char-device",
            Self::Fifo => "fifo",
            Self::Socket => "socket",
            Self::Other => "other",
        }
    }
}

/// What a filesystem says of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metadata {
    /// What kind of file it is.
    pub kind: FileKind,
    /// Length in bytes.
    pub size: u64,
    /// Permission bits, the low 12 of `st_mode`; zero where the filesystem has none.
    pub mode: u16,
    /// Owner; zero where the filesystem has none.
    pub uid: u32,
    /// Group; zero where the filesystem has none.
    pub gid: u32,
    /// When its content was last changed: seconds since 1970 (UTC) and nanoseconds; `None` where it
    /// is not told.
    pub mtime: Option<(i64, u32)>,
    /// The attributes of DOS and Windows, where the filesystem has such: `FILE_ATTRIBUTE_*`, of which
    /// read-only is 1, hidden 2, system 4, directory 16, archive 32 ([MS-FSCC, 2.6](https://learn.microsoft.com/openspecs/windows_protocols/ms-fscc/ca28ec38-f155-4768-81d6-4bfeb8586fc9)).
    pub dos_attributes: Option<u32>,
}

impl Metadata {
    /// A file of this kind and length; permissions, owner and time are not told.
    #[must_use]
    pub fn new(kind: FileKind, size: u64) -> Self {
        Self {
            kind,
            size,
            mode: 0,
            uid: 0,
            gid: 0,
            mtime: None,
            dos_attributes: None,
        }
    }
}

/// A file of a filesystem by the filesystem's own number for it, so that it can be asked about again
/// without its path being looked up again. It means something to the filesystem that gave it only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node {
    /// Which tree of files it is in, where a filesystem has several (a subvolume of Btrfs); else 0.
    pub tree: u64,
    /// Its number there: the inode, the MFT record, the place of the directory entry.
    pub number: u64,
}

impl Node {
    /// A file of a filesystem with one tree of files.
    #[must_use]
    pub fn new(number: u64) -> Self {
        Self { tree: 0, number }
    }
}

/// A part of a filesystem that can be mounted by itself: a subvolume or snapshot of Btrfs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Subvolume {
    /// Its number, as the mount option `subvolid` takes it.
    pub id: u64,
    /// Its path from the top-level subvolume, as the mount option `subvol` takes it; `None` when
    /// no directory leads to it.
    pub path: Option<GuestPath>,
    /// The number of the subvolume that it lies in; none for the top-level one.
    pub parent: Option<u64>,
    /// The directory that its paths begin at.
    pub root: Node,
    /// Whether it is what is mounted where no option names one.
    pub is_default: bool,
    /// Whether it may not be written, as most snapshots may not.
    pub read_only: bool,
    /// Its own UUID.
    pub uuid: Option<String>,
    /// The UUID of the subvolume that it is a snapshot of.
    pub snapshot_of: Option<String>,
}

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirEntry {
    /// The name: bytes without `/`, never `.` or `..`.
    pub name: Vec<u8>,
    /// What kind of file it names, where the directory itself says so.
    pub kind: FileKind,
    /// The file that it names.
    pub node: Node,
}

/// An extended attribute: its name with the namespace that the guest's kernel shows
/// (`user.mime_type`, `security.selinux`), and its value.
pub type Xattr = (Vec<u8>, Vec<u8>);

/// A file that is open for reading.
pub trait FileRead: Send {
    /// Length in bytes.
    fn len(&self) -> u64;

    /// Whether there is nothing to read.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads into `buf` from `offset` on and says how many bytes; zero only at the end (or for an
    /// empty `buf`). Holes read as zeroes.
    ///
    /// # Errors
    /// When the file's blocks cannot be found or read.
    fn read_at(&mut self, buf: &mut [u8], offset: u64) -> Result<usize, Error>;

    /// The extent that starts at `offset`: how far from there everything is data, or a hole, at
    /// least as far as is cheap to tell. Its `len` is zero only at or past the end, and it never
    /// reaches past the end. A file that knows nothing of its holes is one extent of data.
    ///
    /// # Errors
    /// When the file's blocks cannot be found.
    fn next_extent(&mut self, offset: u64) -> Result<Extent, Error> {
        let rest = self.len().saturating_sub(offset);
        Ok(Extent::new(ExtentKind::Data, offset, rest))
    }
}

/// A filesystem whose files can be read, by many threads at once.
///
/// A reader says what a [`Node`] is; paths come on top of that. Paths are taken as they stand: no
/// symbolic link is followed, not even along the way (`Namespace` does that, and knows about
/// mounts).
pub trait Filesystem: Send + Sync {
    /// Who the filesystem is.
    fn identity(&self) -> &Identity;

    /// In what state it was left.
    fn state(&self) -> State;

    /// How full it is, when that is known.
    fn space(&self) -> Option<Space>;

    /// The directory that all paths begin at.
    fn root(&self) -> Node;

    /// What a directory has under a name; `None` when there is nothing.
    ///
    /// # Errors
    /// [`Cause::NotADirectory`], or what is wrong with the filesystem.
    fn lookup(&self, dir: Node, name: &[u8]) -> Result<Option<Node>, Error>;

    /// What a file is.
    ///
    /// # Errors
    /// What is wrong with the filesystem, or with a number that it did not give.
    fn stat(&self, node: Node) -> Result<Metadata, Error>;

    /// The entries of a directory, in the filesystem's order, without `.` and `..`.
    ///
    /// # Errors
    /// As [`Filesystem::lookup`].
    fn entries(&self, dir: Node) -> Result<Vec<DirEntry>, Error>;

    /// Where a symbolic link points to.
    ///
    /// # Errors
    /// As [`Filesystem::stat`]; [`Cause::NotASymlink`].
    fn link_target(&self, node: Node) -> Result<Vec<u8>, Error>;

    /// Opens a regular file.
    ///
    /// # Errors
    /// As [`Filesystem::stat`]; [`Cause::NotAFile`].
    fn open_node<'a>(&'a self, node: Node) -> Result<Box<dyn FileRead + 'a>, Error>;

    /// The extended attributes of a file, in no particular order; none where the filesystem has no
    /// such thing.
    ///
    /// # Errors
    /// As [`Filesystem::stat`].
    fn xattrs(&self, node: Node) -> Result<Vec<Xattr>, Error> {
        let _ = node;
        Ok(Vec::new())
    }

    /// The subvolumes, the top-level one first; none where the filesystem has no such thing.
    ///
    /// # Errors
    /// What is wrong with the filesystem.
    fn subvolumes(&self) -> Result<Vec<Subvolume>, Error> {
        Ok(Vec::new())
    }

    /// The file that a path names; a symbolic link is not followed.
    ///
    /// # Errors
    /// [`Cause::NotFound`], [`Cause::NotADirectory`], or what is wrong with the filesystem.
    fn find(&self, path: &GuestPath) -> Result<Node, Error> {
        let mut node = self.root();
        for name in path.components() {
            let found = self.lookup(node, name).map_err(about(path))?;
            node = found.ok_or_else(|| path_error(Cause::NotFound, path))?;
        }
        Ok(node)
    }

    /// What the path names; a symbolic link is not followed.
    ///
    /// # Errors
    /// As [`Filesystem::find`].
    fn metadata(&self, path: &GuestPath) -> Result<Metadata, Error> {
        self.stat(self.find(path)?)
    }

    /// The entries of a directory, in the filesystem's order, without `.` and `..`.
    ///
    /// # Errors
    /// As [`Filesystem::find`]; [`Cause::NotADirectory`] when the path names something else.
    fn read_dir(&self, path: &GuestPath) -> Result<Vec<DirEntry>, Error> {
        self.entries(self.find(path)?).map_err(about(path))
    }

    /// Where a symbolic link points to.
    ///
    /// # Errors
    /// As [`Filesystem::find`]; [`Cause::NotASymlink`].
    fn read_link(&self, path: &GuestPath) -> Result<Vec<u8>, Error> {
        self.link_target(self.find(path)?).map_err(about(path))
    }

    /// Opens a regular file.
    ///
    /// # Errors
    /// As [`Filesystem::find`]; [`Cause::NotAFile`].
    fn open<'a>(&'a self, path: &GuestPath) -> Result<Box<dyn FileRead + 'a>, Error> {
        self.open_node(self.find(path)?).map_err(about(path))
    }
}

/// The kind of an entry that only its inode says. One that is damaged does not hide the others of its
/// directory: what is wrong with it is said when it is asked about.
pub(crate) fn kind_of_entry(inode: Result<Metadata, Error>) -> Result<FileKind, Error> {
    match inode {
        Ok(metadata) => Ok(metadata.kind),
        Err(error) if error.cause() == Cause::Limit => Err(error),
        Err(_) => Ok(FileKind::Other),
    }
}

/// Lets an error that is about the path itself show it.
pub(crate) fn about(path: &GuestPath) -> impl Fn(Error) -> Error + '_ {
    move |error| match error.cause() {
        cause @ (Cause::NotADirectory | Cause::NotASymlink | Cause::NotAFile) => {
            path_error(cause, path)
        }
        _ => error,
    }
}
