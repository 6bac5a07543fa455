//! NTFS: recognised.

mod format;
mod probe;

pub(crate) use probe::probe;
