//! BitLocker, To Go as well: recognised.

mod format;
mod probe;

pub(crate) use probe::probe;
