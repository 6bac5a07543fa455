//! The superblock of XFS ("XFS Algorithms & Data Structures", 3rd edition, "Superblocks",
//! <https://mirrors.edge.kernel.org/pub/linux/utils/fs/xfs/docs/xfs_filesystem_structure.pdf>).

use zerocopy::big_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

pub(super) const XFS_SB_MAGIC: &[u8] = b"XFSB";
/// `XFS_MIN_BLOCKSIZE_LOG` and `XFS_MAX_BLOCKSIZE_LOG`: within these, block sizes times 64-bit
/// counts are still checked, since the counts are not bounded by them.
pub(super) const BLOCK_LOG: std::ops::RangeInclusive<u8> = 9..=16;

/// `struct xfs_dsb`, as far as it says who the filesystem is.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct XfsDsb {
    pub(super) sb_magicnum: [u8; 4],
    pub(super) sb_blocksize: U32,
    pub(super) sb_dblocks: U64,
    pub(super) sb_rblocks: U64,
    pub(super) sb_rextents: U64,
    pub(super) sb_uuid: [u8; 16],
    pub(super) sb_logstart: U64,
    pub(super) sb_rootino: U64,
    pub(super) sb_rbmino: U64,
    pub(super) sb_rsumino: U64,
    pub(super) sb_rextsize: U32,
    pub(super) sb_agblocks: U32,
    pub(super) sb_agcount: U32,
    pub(super) sb_rbmblocks: U32,
    pub(super) sb_logblocks: U32,
    pub(super) sb_versionnum: U16,
    pub(super) sb_sectsize: U16,
    pub(super) sb_inodesize: U16,
    pub(super) sb_inopblock: U16,
    pub(super) sb_fname: [u8; 12],
    pub(super) sb_blocklog: u8,
}
