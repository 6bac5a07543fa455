//! What every filesystem can do.

use crate::{Error, GuestPath};

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
    /// The filesystem itself has noted errors.
    Errors,
    /// This cannot be told.
    Unknown,
}

/// How full a filesystem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Bytes that files could take in all.
    pub total: u64,
    /// Bytes that are free.
    pub free: u64,
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
        }
    }
}

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirEntry {
    /// The name: bytes without `/`, never `.` or `..`.
    pub name: Vec<u8>,
    /// What kind of file it names, where the directory itself says so.
    pub kind: FileKind,
}

/// A file that is open for reading.
pub trait FileRead {
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
}

/// A filesystem whose files can be read.
///
/// Paths are taken as they stand: no symbolic link is followed, not even along the way
/// (`Namespace` does that, and knows about mounts). There is no `Send` bound:
/// some readers keep caches that are not thread-safe; each thread opens its own view.
pub trait Filesystem {
    /// Who the filesystem is.
    fn identity(&self) -> &Identity;

    /// In what state it was left.
    fn state(&self) -> State;

    /// How full it is, when that is known.
    fn space(&self) -> Option<Space>;

    /// What the path names; a symbolic link is not followed.
    ///
    /// # Errors
    /// [`Cause::NotFound`](crate::Cause::NotFound), [`Cause::NotADirectory`](crate::Cause), or
    /// what is wrong with the filesystem.
    fn metadata(&self, path: &GuestPath) -> Result<Metadata, Error>;

    /// The entries of a directory, in the filesystem's order, without `.` and `..`.
    ///
    /// # Errors
    /// As [`Filesystem::metadata`]; [`Cause::NotADirectory`](crate::Cause::NotADirectory) when the path names
    /// something else.
    fn read_dir(&self, path: &GuestPath) -> Result<Vec<DirEntry>, Error>;

    /// Where a symbolic link points to.
    ///
    /// # Errors
    /// As [`Filesystem::metadata`]; [`Cause::NotASymlink`](crate::Cause::NotASymlink).
    fn read_link(&self, path: &GuestPath) -> Result<Vec<u8>, Error>;

    /// Opens a regular file.
    ///
    /// # Errors
    /// As [`Filesystem::metadata`]; [`Cause::NotAFile`](crate::Cause::NotAFile).
    fn open<'a>(&'a self, path: &GuestPath) -> Result<Box<dyn FileRead + 'a>, Error>;
}
