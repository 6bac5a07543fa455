//! The superblock of Btrfs (<https://btrfs.readthedocs.io/en/latest/dev/On-disk-format.html>,
//! "Superblock").

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

/// Where the primary superblock is.
pub(super) const BTRFS_SUPER_INFO_OFFSET: usize = 64 << 10;
/// Where in it the magic is.
pub(super) const MAGIC_OFFSET: usize = BTRFS_SUPER_INFO_OFFSET + 0x40;
pub(super) const BTRFS_MAGIC: &[u8] = b"_BHRfS_M";

/// `struct btrfs_super_block`, up to the label.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct BtrfsSuperBlock {
    pub(super) csum: [u8; 32],
    pub(super) fsid: [u8; 16],
    pub(super) bytenr: U64,
    pub(super) flags: U64,
    pub(super) magic: U64,
    pub(super) generation: U64,
    pub(super) root: U64,
    pub(super) chunk_root: U64,
    pub(super) log_root: U64,
    pub(super) log_root_transid: U64,
    pub(super) total_bytes: U64,
    pub(super) bytes_used: U64,
    pub(super) root_dir_objectid: U64,
    pub(super) num_devices: U64,
    pub(super) sectorsize: U32,
    pub(super) nodesize: U32,
    pub(super) leafsize: U32,
    pub(super) stripesize: U32,
    pub(super) sys_chunk_array_size: U32,
    pub(super) chunk_root_generation: U64,
    pub(super) compat_flags: U64,
    pub(super) compat_ro_flags: U64,
    pub(super) incompat_flags: U64,
    pub(super) csum_type: U16,
    pub(super) root_level: u8,
    pub(super) chunk_root_level: u8,
    pub(super) log_root_level: u8,
    pub(super) dev_item: [u8; 98],
    pub(super) label: [u8; 256],
}

const _: () = assert!(size_of::<BtrfsSuperBlock>() == 0x12b + 256);
