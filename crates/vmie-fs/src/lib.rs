//! Filesystems of guests, probed and read without mounting.
//!
//! Three things are here:
//!
//! - [`probe`] says what a volume is formatted as: filesystems, encrypted volumes, swap space,
//!   members of LVM and RAID, with label and UUID as `/etc/fstab` has them.
//! - [`open`] opens a filesystem for reading: ext2, ext3, ext4, XFS, Btrfs, JFS, FAT and NTFS. The
//!   rest is named in the error.
//! - [`Namespace`] joins filesystems into the guest's own tree and follows symbolic links in it.
//!
//! ```
//! use std::sync::Arc;
//! use vmie_fs::{FsKind, Namespace};
//! use vmie_io::Limits;
//!
//! # let bytes = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/ext4-4k.img.gz"));
//! # let volume = vmie_testkit::fsimage::unpack(bytes);
//! // Any `vmie_io::ReadAt` is a volume: a file, a partition of a disk inside an archive, bytes.
//! let volume = Arc::new(volume);
//! let identity = vmie_fs::probe(&*volume)?.expect("something known is on it");
//! assert_eq!((identity.kind, identity.label.as_deref()), (FsKind::Ext4, Some("fixture")));
//!
//! let guest = Namespace::new(vmie_fs::open(volume, &Limits::default())?);
//! // A link to ../etc/os-release.
//! let release = guest.read(&"/data/fast".into(), 4096)?;
//! assert!(release.starts_with(b"ID=demo"));
//! # Ok::<(), vmie_fs::Error>(())
//! ```
//!
//! # Hostile input
//!
//! A filesystem is read where it is needed, and checked there. What it says of itself makes nothing
//! allocate or loop beyond the caller's [`Limits`](vmie_io::Limits); chains that lead back into
//! themselves are noticed; checksums are verified wherever a filesystem has them; and an [`Error`]
//! names structure, field, byte and value. Nothing is ever written.
//!
//! A journal of ext3, ext4 or XFS that waits to be replayed, as in the image of a running guest, is
//! replayed in memory. Where that cannot be done the filesystem is not opened, since what is on the
//! disk is older than what the guest saw.
#![cfg_attr(
    test,
    allow(
        clippy::as_conversions,
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests may panic"
    )
)]

mod bitlocker;
pub mod btrfs;
pub mod decompress;
mod error;
mod exfat;
mod ext;
mod fat;
mod filesystem;
mod head;
mod iso9660;
mod jfs;
mod linux_raid;
mod luks;
mod lvm;
mod memory;
mod namespace;
mod ntfs;
mod open;
mod path;
mod probe;
mod refs;
mod rooted;
mod swap;
mod xfs;

pub use error::{Cause, Error};
pub use filesystem::{
    DirEntry, Encryption, FileKind, FileRead, Filesystem, FsKind, Identity, Metadata, Node, Space,
    State, Subvolume, Xattr,
};
pub use memory::MemoryFs;
pub use namespace::{Found, Listed, Located, Namespace};
pub use open::{open, open_beside};
pub use path::GuestPath;
pub use probe::{looks_random, probe, probe_all};
pub use rooted::Rooted;
