//! The master boot record and its logical partitions.

mod adapter;
mod ebr;
mod format;
mod probe;
mod read;
mod sector_size;
mod types;

pub(crate) use probe::{Verdict, boot_sector_of_filesystem, probe};
pub(crate) use read::read;
