//! XFS: recognised and read.
//!
//! Everything is read where it is needed and checked there. A lookup in a file's map visits at most
//! one block per level of its tree; directories are read by their names, not by their index;
//! checksums are verified wherever the filesystem has them. A log that was in use is replayed in
//! memory, as the kernel would do it on the disk.

mod attr;
mod checksum;
mod dir;
mod file;
mod format;
mod geometry;
mod inode;
mod link;
mod log;
mod map;
mod open;
mod probe;
mod space;

pub(crate) use open::open;
pub(crate) use probe::probe;
