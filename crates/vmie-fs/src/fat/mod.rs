//! FAT12, FAT16 and FAT32: recognised and read.

mod chain;
mod dir;
mod format;
mod geometry;
mod name;
mod open;
mod probe;

pub(crate) use open::open;
pub(crate) use probe::probe;
