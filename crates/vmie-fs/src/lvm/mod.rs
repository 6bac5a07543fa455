//! Physical volumes of LVM2: recognised.

mod format;
mod probe;

pub(crate) use probe::probe;
