//! ext2, ext3 and ext4: recognised and read.
//!
//! Everything is read where it is needed and checked there: a descriptor, an inode, one node of an
//! extent tree. Nothing that a filesystem says of its own size makes this code allocate or loop:
//! every lookup in a file's map visits at most one node per level, a directory is charged to the
//! budget block by block, and checksums are verified wherever the filesystem has them.

mod attr;
mod checksum;
mod dir;
mod file;
mod format;
mod geometry;
mod inode;
mod journal;
mod map;
mod open;
mod probe;

pub(crate) use open::open;
pub(crate) use probe::{probe, probe_damaged};
