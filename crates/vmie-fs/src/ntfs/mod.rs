//! NTFS: read, with its compressed and compacted files.

mod content;
mod file;
mod filesystem;
mod format;
mod geometry;
mod index;
mod name;
mod open;
mod probe;
mod record;
mod reparse;
mod runs;
mod state;
mod stream;
mod wof;

pub(crate) use open::open;
pub(crate) use probe::probe;
