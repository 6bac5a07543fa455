//! Windows dynamic disks (the logical disk manager).

mod database;
mod format;
mod open;
mod probe;

pub(crate) use database::Database;
pub(crate) use open::{DiskParts, open};
pub(crate) use probe::{DynamicDisk, probe};
