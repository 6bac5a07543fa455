//! LVM2: physical volumes, volume groups and logical volumes.

mod format;
mod group;
mod open;
mod probe;
mod text;

pub(crate) use group::{Group, parse};
pub(crate) use open::{Assembler, footprints, missing, overlaps};
pub(crate) use probe::{PhysicalVolume, probe};
