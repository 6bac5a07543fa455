//! Partition tables of disks.

mod error;
mod layout;
mod read;
mod role;

pub use error::{Cause, Error};
pub use layout::{
    BootCode, DiskLayout, GptAttributes, NotAVolumeId, Note, Partition, PartitionKind, Place,
    TableKind, VolumeId,
};
pub use read::{MAX_NOTES, open_partition, read_layout};
pub use role::PartitionRole;
