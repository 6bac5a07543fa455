//! LUKS 1 and 2: recognised.

mod format;
mod probe;

pub(crate) use probe::{probe, probe_lost};
