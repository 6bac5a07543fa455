//! VMDK: VMware's virtual disks, of all kinds that are files.
//!
//! A *descriptor* says of which extents a disk is made: [`Descriptor`]. Extents hold their bytes as
//! they are (*flat*), or in grains that tables place: *hosted sparse* extents, which may be compressed
//! (*streamOptimized*, made for transport), the copy-on-write extents of ESX hosts (*vmfsSparse*), and
//! *SEsparse* ones. The descriptor is a file of its own, or inside of the only extent. A disk may hold
//! the differences to a parent. Extents and parents are opened by the caller's
//! [`Resolver`](crate::Resolver) or not at all; disks that are on a device never.
//!
//! ```
//! use std::sync::Arc;
//! use vmie_formats::{DiskImage as _, FolderResolver, OpenOptions, ReadAtExt as _, Variant, vmdk};
//! # let folder = tempfile::tempdir().unwrap();
//! # let text = "# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\n\
//! #     createType=\"monolithicFlat\"\nRW 16 FLAT \"disk-flat.vmdk\" 0\n";
//! # std::fs::write(folder.path().join("disk-flat.vmdk"), [7; 8192]).unwrap();
//! # let descriptor = text.as_bytes().to_vec();
//!
//! // `descriptor` is a text that names `disk-flat.vmdk`, which may be opened since it lies in `folder`.
//! let resolver = Arc::new(FolderResolver::new(folder.path()));
//! let options = OpenOptions::new().resolver(resolver);
//! let disk = vmdk::open(Arc::new(descriptor), &options)?;
//! assert_eq!(disk.info().variant, Some(Variant::VmdkMonolithicFlat));
//! assert_eq!(disk.descriptor().map(|d| d.extents.len()), Some(1));
//! assert_eq!(disk.read_array::<4>(0)?, [7; 4]);
//! # Ok::<(), vmie_formats::Error>(())
//! ```

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
