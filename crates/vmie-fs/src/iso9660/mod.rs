//! ISO 9660: recognised.

mod format;
mod probe;

pub(crate) use probe::probe;
