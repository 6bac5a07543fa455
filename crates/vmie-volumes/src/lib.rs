//! Volumes of disks, read safely from hostile input: partition tables, LVM2, Linux software RAID and
//! Windows dynamic disks.
//!
//! A disk has a master boot record, a GUID partition table, or none at all because it is empty or
//! one filesystem spans it. [`read_layout`] tells which, and gives the [`Partition`]s with the
//! numbers, places, types and identifiers that Linux knows them by; [`open_partition`] makes of
//! one a source of its own, to look for a filesystem in.
//!
//! Tables of real disks are often wrong in part: the disk was enlarged and the backup table is not
//! at its end, the image was cut short, a partition reaches past the end. None of that makes a
//! disk unreadable. What is right is read, and a [`Note`] says what is wrong, where, and what can
//! be done: every partition in a [`DiskLayout`] lies within the disk, the numbers ascend, chains
//! that loop are cut, and nothing is read or kept without bound.
//!
//! ```
//! use vmie_io::{Budget, ReadAt};
//! use vmie_volumes::{PartitionRole, TableKind, open_partition, read_layout};
//!
//! // A disk of 1 MiB with an MBR: one active partition of type 0x83 at sector 128.
//! let mut disk = vec![0u8; 1 << 20];
//! disk[440..444].copy_from_slice(&0x12ab_0001u32.to_le_bytes());
//! disk[446] = 0x80;
//! disk[450] = 0x83;
//! disk[454..458].copy_from_slice(&128u32.to_le_bytes());
//! disk[458..462].copy_from_slice(&1024u32.to_le_bytes());
//! disk[510..512].copy_from_slice(&[0x55, 0xaa]);
//!
//! let layout = read_layout(&disk, &Budget::default())?;
//! assert_eq!(layout.table, TableKind::Mbr);
//! let root = &layout.partitions[0];
//! assert_eq!(root.role, PartitionRole::LinuxFilesystem);
//! assert_eq!(root.part_uuid.as_deref(), Some("12ab0001-01"));
//! let volume = open_partition(&disk, root)?;
//! assert_eq!((volume.start(), volume.len()), (65536, 524_288));
//! assert!(layout.notes.is_empty());
//! # Ok::<(), vmie_volumes::Error>(())
//! ```
//!
//! [`VolumeGraph::read`] does all that for the disks of a machine, puts together what lies on several
//! partitions or disks, and gives every volume a name and its bytes:
//!
//! ```
//! use std::sync::Arc;
//! use vmie_io::{Limits, ReadAt};
//! use vmie_testkit::lvm::{PvImage, group, striped, volume};
//! use vmie_volumes::VolumeGraph;
//!
//! # let uuid = "A".repeat(32);
//! # let root = volume("root", &[striped(0, 4, 0, &[("pv0", 0)])]);
//! # let mut disk = vec![0; 1 << 20];
//! # PvImage::new(&uuid, &group("vg0", 1, &[&uuid], 100, &root)).write(&mut disk);
//! let disks: [Arc<dyn ReadAt>; 1] = [Arc::new(disk)];
//! let graph = VolumeGraph::read(&disks, &Limits::default());
//! let root = graph.volume(&"vg0/root".parse()?).expect("it is there");
//! assert_eq!(root.open()?.len(), 16384);
//! assert!(graph.groups[0].faults.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How volumes are put together
//!
//! - **LVM2**: of all descriptions of a volume group, the one with the highest `seqno` counts. Mirrors
//!   and RAID1 are read from copies that are there and, as far as the others' superblocks tell, in
//!   sync. Thin, cached and RAID4/5/6/10 volumes, and snapshots, are named and not read.
//! - **Linux RAID**: the members with the newest event count, and those one event behind, take part.
//! - **Dynamic disks**: the database with the newest change counts. A disk is a dynamic one when its
//!   table says so.
//! - **In each other**: arrays before volume groups, five levels deep.
//!
//! # How tables are read
//!//!
//! - **Which table counts** is told in [`read_layout`].
//! - **MBR or boot sector.** The signature 55 AA stands in both. An MBR is what has entries that
//!   make sense: flags of 0x00 or 0x80, places on the disk. Of a table that has at least one such
//!   entry, one odd flag is read over, and entries that make no sense are left out, with notes. A
//!   sector with the parameter block of FAT, exFAT or NTFS is a table only when all four entries
//!   are right.
//! - **Sectors.** A GPT's are told by where its header stands. An MBR's are 512 bytes, unless all
//!   partitions fit on the disk when counted in 4096, none of them has anything known at its start
//!   when counted in 512, and one has when counted in 4096.
//! - **Logical partitions** are found and numbered as by the Linux kernel. A chain ends at a record
//!   that cannot be read, has no signature or was met before, and after 256 records.
//! - **GPT.** Checksums of header and array are verified; entries of 128 to 4096 bytes, arrays of up
//!   to 1 MiB. When a header's array is bad and the other copy's has the right checksum, that is
//!   taken; when the primary header is bad, the backup at the place that a good primary names or in
//!   the last sector.
#![cfg_attr(
    test,
    allow(
        clippy::as_conversions,
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        clippy::unwrap_used,
        reason = "tests may panic"
    )
)]

mod boot_code;
mod content;
mod error;
mod gpt;
mod graph;
mod id;
mod layout;
mod ldm;
mod listed;
mod lvm;
mod mapped;
mod mbr;
mod md;
mod notes;
mod read;
mod role;

pub use error::{Cause, Error};
pub use graph::{
    GraphDisk, Group, GroupKind, MAX_VOLUME_NOTES, MAX_VOLUMES, Volume, VolumeGraph, VolumeKind,
    VolumeNote,
};
pub use id::{NotAVolumeId, VolumeId};
pub use layout::{
    BootCode, DiskLayout, GptAttributes, Note, Partition, PartitionKind, Place, TableKind,
};
pub use notes::MAX_NOTES;
pub use read::{open_partition, read_layout};
pub use role::PartitionRole;
