//! Members of a Linux software RAID: recognised.

mod format;
mod probe;

pub(crate) use format::TAIL_LEN;
pub(crate) use probe::probe;
