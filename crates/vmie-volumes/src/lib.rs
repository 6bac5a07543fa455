//! Partition tables of disks.

mod error;
mod layout;

pub use error::{Cause, Error};
pub use layout::{
    BootCode, DiskLayout, Note, Partition, PartitionKind, Place, TableKind, VolumeId,
};
