//! JFS: recognised and read.
//!
//! Inodes are found through the fileset's inode allocation map, contents and directories through
//! B+trees, each of whose pages is checked when it is read. The journal is not replayed: what is
//! read is what was written to its place, and the state says that it was in use.

mod attr;
mod dir;
mod file;
mod format;
mod inode;
mod open;
mod probe;
mod tree;

pub(crate) use open::open;
pub(crate) use probe::probe;
