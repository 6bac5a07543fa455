//! The superblocks of Linux software RAID
//! (<https://raid.wiki.kernel.org/index.php/RAID_superblock_formats>), with the kernel's names.

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Version 1 is little-endian everywhere. Version 0.90 is in the byte order of the machine, of which
/// the little-endian is read.
pub(super) const MD_SB_MAGIC: u32 = 0xa92b_4efc;
/// Everything is counted in sectors of 512 bytes.
pub(super) const SECTOR: u64 = 512;
/// Version 1.1 starts at the first byte, 1.2 at 4 KiB; 1.0 stands at least 8 KiB before the end, at a
/// multiple of 4 KiB.
pub(super) const V1_1_OFFSET: u64 = 0;
pub(super) const V1_2_OFFSET: u64 = 4096;
pub(super) const V1_0_FROM_END: u64 = 8 << 10;
pub(super) const V1_0_ALIGN: u64 = 4 << 10;
/// Version 0.90 stands in the last whole 64 KiB of the last 128.
pub(super) const V0_90_ALIGN: u64 = 64 << 10;
/// The roles of a version 1 superblock end with its 4 KiB.
pub(super) const MAX_DEVICES: u32 = 1920;
/// Version 0.90 has 27 devices.
pub(super) const MAX_DEVICES_0_90: u32 = 27;

/// A bitmap is kept; no matter for reading.
pub(super) const FEATURE_RECOVERY_OFFSET: u32 = 2;
pub(super) const FEATURE_RESHAPE_ACTIVE: u32 = 4;
pub(super) const FEATURE_REPLACEMENT: u32 = 16;
/// The field `layout` says how a RAID0 of unequal members is laid out.
pub(super) const FEATURE_RAID0_LAYOUT: u32 = 4096;
/// The two of them.
pub(super) const RAID0_ORIG_LAYOUT: u32 = 1;
pub(super) const RAID0_ALT_MULTIZONE_LAYOUT: u32 = 2;

/// The superblock of version 1, up to the roles.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Superblock1 {
    pub(super) magic: U32,
    pub(super) major_version: U32,
    pub(super) feature_map: U32,
    pub(super) pad0: U32,
    pub(super) set_uuid: [u8; 16],
    pub(super) set_name: [u8; 32],
    pub(super) ctime: U64,
    /// −1 linear, 0, 1, 4, 5, 6, 10.
    pub(super) level: U32,
    pub(super) layout: U32,
    /// Sectors of each member that are used, for the levels where all are alike.
    pub(super) size: U64,
    /// Sectors of a chunk.
    pub(super) chunksize: U32,
    pub(super) raid_disks: U32,
    pub(super) bitmap_offset: U32,
    pub(super) new_level: U32,
    pub(super) reshape_position: U64,
    pub(super) delta_disks: U32,
    pub(super) new_layout: U32,
    pub(super) new_chunk: U32,
    pub(super) new_offset: U32,
    /// Where this member's data starts, and how long it is, in sectors.
    pub(super) data_offset: U64,
    pub(super) data_size: U64,
    /// Where this superblock stands, in sectors.
    pub(super) super_offset: U64,
    pub(super) recovery_offset: U64,
    pub(super) dev_number: U32,
    pub(super) cnt_corrected_read: U32,
    pub(super) device_uuid: [u8; 16],
    pub(super) devflags: u8,
    pub(super) bblog_shift: u8,
    pub(super) bblog_size: U16,
    pub(super) bblog_offset: U32,
    pub(super) utime: U64,
    pub(super) events: U64,
    pub(super) resync_offset: U64,
    pub(super) sb_csum: U32,
    pub(super) max_dev: U32,
    pub(super) pad3: [u8; 32],
}

const _: () = assert!(size_of::<Superblock1>() == 256);

/// Words of version 0.90 by their place.
pub(super) mod word {
    pub(in super::super) const MAJOR_VERSION: usize = 1;
    pub(in super::super) const MINOR_VERSION: usize = 2;
    pub(in super::super) const SET_UUID0: usize = 5;
    pub(in super::super) const LEVEL: usize = 7;
    /// KiB of each member that are used.
    pub(in super::super) const SIZE: usize = 8;
    pub(in super::super) const RAID_DISKS: usize = 10;
    pub(in super::super) const MD_MINOR: usize = 11;
    pub(in super::super) const SET_UUID1: usize = 13;
    pub(in super::super) const SB_CSUM: usize = 38;
    pub(in super::super) const EVENTS_LO: usize = 39;
    pub(in super::super) const EVENTS_HI: usize = 40;
    pub(in super::super) const CHUNK_SIZE: usize = 65;
    /// The descriptor of this member: number, major, minor, place in the RAID, state.
    pub(in super::super) const THIS_RAID_DISK: usize = 995;
    pub(in super::super) const THIS_STATE: usize = 996;
    pub(in super::super) const COUNT: usize = 1024;
}

/// Of a descriptor's state: it failed; it takes part; it is in sync.
pub(super) const DISK_FAULTY: u32 = 1;
pub(super) const DISK_ACTIVE: u32 = 1 << 1;
pub(super) const DISK_SYNC: u32 = 1 << 2;
