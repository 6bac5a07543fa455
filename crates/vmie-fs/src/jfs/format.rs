//! The superblock of JFS (`struct jfs_superblock`, documented in "JFS layout",
//! <https://jfs.sourceforge.net/project/pub/jfslayout.pdf>, section "Superblock").

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

/// `SUPER1_OFF`.
pub(super) const SUPER1_OFF: usize = 0x8000;
pub(super) const JFS_MAGIC: &[u8] = b"JFS1";

/// `struct jfs_superblock`, as far as it says who the filesystem is.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct JfsSuperblock {
    pub(super) s_magic: [u8; 4],
    pub(super) s_version: U32,
    /// In blocks of `s_pbsize`.
    pub(super) s_size: U64,
    pub(super) s_bsize: U32,
    pub(super) s_l2bsize: U16,
    pub(super) s_l2bfactor: U16,
    pub(super) s_pbsize: U32,
    pub(super) s_l2pbsize: U16,
    pub(super) pad: U16,
    pub(super) s_agsize: U32,
    pub(super) s_flag: U32,
    pub(super) s_state: U32,
    pub(super) rest: [u8; 57],
    pub(super) s_fpack: [u8; 11],
    pub(super) fsck: [u8; 24],
    pub(super) s_uuid: [u8; 16],
    pub(super) s_label: [u8; 16],
}

const _: () = assert!(size_of::<JfsSuperblock>() == 168);
