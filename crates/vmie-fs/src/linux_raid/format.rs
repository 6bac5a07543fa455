//! The superblocks of Linux software RAID
//! (<https://raid.wiki.kernel.org/index.php/RAID_superblock_formats>).

use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

/// Little-endian, as everything in version 1; version 0.90 is in the byte order of the machine,
/// of which the little-endian is looked for.
pub(super) const MD_SB_MAGIC: u32 = 0xa92b_4efc;
/// Version 1.1 starts at the first byte, 1.2 at 4 KiB.
pub(super) const V1_OFFSETS: [usize; 2] = [0, 4096];
/// Version 1.0 stands 8 KiB before the end, at a multiple of 4 KiB.
pub(super) const V1_0_FROM_END: u64 = 8 << 10;
pub(super) const V1_0_ALIGN: u64 = 4 << 10;
/// Version 0.90 stands in the last whole 64 KiB of the last 128.
pub(super) const V0_90_ALIGN: u64 = 64 << 10;
/// What has to be read at the end to see all of them. The 0.90 superblock can be up to 128 KiB
/// before the end; only its first bytes matter, so the rest is not read.
pub(crate) const TAIL_LEN: usize = 12 << 10;

/// `struct mdp_superblock_1`, as far as it says who the array is.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct MdpSuperblock1 {
    pub(super) magic: U32,
    pub(super) major_version: U32,
    pub(super) feature_map: U32,
    pub(super) pad0: U32,
    pub(super) set_uuid: [u8; 16],
    pub(super) set_name: [u8; 32],
}

/// `struct mdp_superblock_s` of version 0.90, up to the last word of the UUID.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct MdpSuperblock0 {
    pub(super) md_magic: U32,
    pub(super) major_version: U32,
    pub(super) minor_version: U32,
    pub(super) patch_version: U32,
    pub(super) gvalid_words: U32,
    pub(super) set_uuid0: [u8; 4],
    pub(super) words: [u8; 28],
    pub(super) set_uuid1: [u8; 12],
}

const _: () = assert!(size_of::<MdpSuperblock0>() == 16 * 4);
