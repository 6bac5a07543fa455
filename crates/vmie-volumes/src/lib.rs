//! Partition tables of disks.
#![cfg_attr(
    test,
    allow(
        clippy::as_conversions,
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        clippy::unwrap_used,
        reason = "tests may panic"
    )
)]

mod boot_code;
mod content;
mod error;
mod gpt;
mod layout;
mod listed;
mod mbr;
mod notes;
mod read;
mod role;

pub use error::{Cause, Error};
pub use layout::{
    BootCode, DiskLayout, GptAttributes, NotAVolumeId, Note, Partition, PartitionKind, Place,
    TableKind, VolumeId,
};
pub use notes::MAX_NOTES;
pub use read::{open_partition, read_layout};
pub use role::PartitionRole;
