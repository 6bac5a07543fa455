//! VMDK: VMware's virtual disks, of all kinds that are files.
//!
//! A *descriptor* says of which extents a disk is made: [`Descriptor`]. Extents hold their bytes as
//! they are (*flat*), or in grains that tables place: *hosted sparse* extents, which may be compressed
//! (*streamOptimized*, made for transport), the copy-on-write extents of ESX hosts (*vmfsSparse*), and
//! *SEsparse* ones. The descriptor is a file of its own, or inside of the only extent. A disk may hold
//! the differences to a parent. Extents and parents are opened by the caller's
//! [`Resolver`](crate::Resolver) or not at all; disks that are on a device never.

mod descriptor;
mod disk;
mod esx;
mod extents;
mod format;
mod grain;
mod header;
mod kind;
mod markers;
mod open;
mod probe;
mod shape;
mod shared;
mod sparse;
mod stream;
mod tables;
mod write;

pub use self::descriptor::{Descriptor, ExtentLine};
pub use self::disk::Vmdk;
pub use self::open::open;
pub(crate) use self::probe::probe;
pub use self::stream::{Ending, Grain, StreamReader};
pub(crate) use self::write::{GrainPacker, Packed, SparseEncoder, StreamSequencer};
