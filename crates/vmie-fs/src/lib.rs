//! Filesystems of guests, probed and read without mounting.
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
mod btrfs;
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
mod swap;
mod xfs;

pub use error::{Cause, Error};
pub use filesystem::{
    DirEntry, FileKind, FileRead, Filesystem, FsKind, Identity, Metadata, Space, State,
};
pub use memory::MemoryFs;
pub use namespace::{Located, Namespace};
pub use open::open;
pub use path::GuestPath;
pub use probe::{probe, probe_all};
