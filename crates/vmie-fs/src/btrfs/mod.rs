//! Btrfs: recognised and read.
//!
//! Everything is read where it is needed and checked there: a node of a tree against its checksum,
//! its address, the generation, level and first key that its parent says, and the tree it belongs
//! to; data against the checksum tree. What does not hold is taken from another copy, where the
//! profile has one. A walk over a tree only ever moves to higher keys, so that it ends; a lookup
//! visits one node per level.
//!
//! What fsync wrote after the last commit, which Linux would replay when it mounts, is not looked
//! at: the state is [`State::Dirty`](crate::State::Dirty) then, and files are as they were at the
//! last commit.

mod checksum;
mod chunk;
mod compress;
mod data;
mod dir;
mod extent;
mod file;
mod format;
mod inode;
mod node;
mod node_cache;
mod open;
mod pool;
mod probe;
mod subvolume;
mod superblock;
mod tree;

pub(crate) use open::open_beside;
pub use open::{is_one_filesystem, open_devices};
pub(crate) use probe::probe;
