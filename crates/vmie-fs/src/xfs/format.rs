//! What XFS has on disk ("XFS Algorithms & Data Structures", 3rd edition,
//! <https://mirrors.edge.kernel.org/pub/linux/utils/fs/xfs/docs/xfs_filesystem_structure.pdf>; names
//! as there). Everything is big-endian but the checksums, which are little-endian.

use zerocopy::big_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned, little_endian};

pub(super) const XFS_SB_MAGIC: &[u8] = b"XFSB";
/// `XFS_MIN_BLOCKSIZE_LOG` and `XFS_MAX_BLOCKSIZE_LOG`.
pub(super) const BLOCK_LOG: std::ops::RangeInclusive<u8> = 9..=16;
/// `XFS_MIN_SECTORSIZE_LOG` and `XFS_MAX_SECTORSIZE_LOG`.
pub(super) const SECT_LOG: std::ops::RangeInclusive<u8> = 9..=15;
/// `XFS_DINODE_MIN_LOG` and `XFS_DINODE_MAX_LOG`: 256 bytes to 2 KiB.
pub(super) const INODE_LOG: std::ops::RangeInclusive<u8> = 8..=11;
/// `XFS_MIN_AG_BLOCKS` is larger; this is what keeps later arithmetic from dividing by nothing.
pub(super) const MIN_AG_BLOCKS: u32 = 1;
/// `sb_agblklog` of the largest allocation group: a number of a block in one has 31 bits, so that
/// number and group together have at most 63.
pub(super) const MAX_AG_BLOCK_LOG: u8 = 31;
/// Block sizes are at most 64 KiB, and a block of a directory is not larger (`XFS_MAX_BLOCKSIZE_LOG`).
pub(super) const MAX_DIR_BLOCK_LOG: u32 = 16;
/// The unit of disk addresses in the log and in headers of blocks (`BBSHIFT`), in bits.
pub(super) const BASIC_BLOCK_LOG: u32 = 9;
/// Blocks of the whole filesystem: extents have 52 bits for a block's number.
pub(super) const MAX_BLOCKS: u64 = 1 << 52;
/// `sb_crc` and the two that follow the features.
pub(super) const SB_CRC_OFFSET: usize = 224;

/// `sb_versionnum`: the low four bits are the version.
pub(super) const VERSION_MASK: u16 = 0x000f;

bitflags::bitflags! {
    /// `sb_versionnum` without the version.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct Version: u16 {
        const DIRV2 = 0x2000;
        const BORG = 0x4000;
        const MOREBITS = 0x8000;
        const _ = !0;
    }

    /// `sb_features2`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct Features2: u32 {
        const LAZYSBCOUNT = 0x2;
        const FTYPE = 0x200;
        const _ = !0;
    }

    /// `sb_features_incompat`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct Incompat: u32 {
        /// Directory entries say what they name.
        const FTYPE = 0x1;
        /// Chunks of inodes may have holes.
        const SPINODES = 0x2;
        /// Blocks are stamped with `sb_meta_uuid`.
        const META_UUID = 0x4;
        const BIGTIME = 0x8;
        /// `xfs_repair` must run before it is mounted.
        const NEEDSREPAIR = 0x10;
        const NREXT64 = 0x20;
        /// Contents of files can be exchanged; nothing on disk looks different.
        const EXCHRANGE = 0x40;
        /// Attributes that name the parent.
        const PARENT = 0x80;
        const METADIR = 0x100;
        const ZONED = 0x200;
        const _ = !0;
    }

    /// `di_flags`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct DiFlags: u16 {
        /// The content is on the realtime device.
        const REALTIME = 0x1;
        const _ = !0;
    }

    /// `di_flags2`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct DiFlags2: u64 {
        const BIGTIME = 0x8;
        const NREXT64 = 0x10;
        const _ = !0;
    }

    /// `flags` of an attribute.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct AttrFlags: u8 {
        const LOCAL = 0x1;
        const ROOT = 0x2;
        const SECURE = 0x4;
        const PARENT = 0x8;
        const INCOMPLETE = 0x80;
        const _ = !0;
    }
}

impl Incompat {
    /// What is understood here.
    pub(super) const READ: Self = Self::FTYPE
        .union(Self::SPINODES)
        .union(Self::META_UUID)
        .union(Self::BIGTIME)
        .union(Self::NEEDSREPAIR)
        .union(Self::NREXT64)
        .union(Self::EXCHRANGE)
        .union(Self::PARENT);
}

/// `struct xfs_dsb`.
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
    pub(super) sb_sectlog: u8,
    pub(super) sb_inodelog: u8,
    pub(super) sb_inopblog: u8,
    pub(super) sb_agblklog: u8,
    pub(super) sb_rextslog: u8,
    pub(super) sb_inprogress: u8,
    pub(super) sb_imax_pct: u8,
    pub(super) sb_icount: U64,
    pub(super) sb_ifree: U64,
    pub(super) sb_fdblocks: U64,
    pub(super) sb_frextents: U64,
    pub(super) sb_uquotino: U64,
    pub(super) sb_gquotino: U64,
    pub(super) sb_qflags: U16,
    pub(super) sb_flags: u8,
    pub(super) sb_shared_vn: u8,
    pub(super) sb_inoalignmt: U32,
    pub(super) sb_unit: U32,
    pub(super) sb_width: U32,
    pub(super) sb_dirblklog: u8,
    pub(super) sb_logsectlog: u8,
    pub(super) sb_logsectsize: U16,
    pub(super) sb_logsunit: U32,
    pub(super) sb_features2: U32,
    pub(super) sb_bad_features2: U32,
    pub(super) sb_features_compat: U32,
    pub(super) sb_features_ro_compat: U32,
    pub(super) sb_features_incompat: U32,
    pub(super) sb_features_log_incompat: U32,
    pub(super) sb_crc: little_endian::U32,
    pub(super) sb_spino_align: U32,
    pub(super) sb_pquotino: U64,
    pub(super) sb_lsn: U64,
    pub(super) sb_meta_uuid: [u8; 16],
}

const _: () = assert!(size_of::<XfsDsb>() == 264);
const _: () = assert!(std::mem::offset_of!(XfsDsb, sb_crc) == SB_CRC_OFFSET);

/// `XFS_AGF_MAGIC`; the header stands in the second sector of its group.
pub(super) const XFS_AGF_MAGIC: u32 = 0x5841_4746;

/// `struct xfs_agf`, up to what counts free blocks.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct XfsAgf {
    pub(super) agf_magicnum: U32,
    pub(super) agf_versionnum: U32,
    pub(super) agf_seqno: U32,
    pub(super) agf_length: U32,
    pub(super) agf_roots: [U32; 3],
    pub(super) agf_levels: [U32; 3],
    pub(super) agf_flfirst: U32,
    pub(super) agf_fllast: U32,
    pub(super) agf_flcount: U32,
    pub(super) agf_freeblks: U32,
    pub(super) agf_longest: U32,
    pub(super) agf_btreeblks: U32,
}

/// `XFS_AGI_MAGIC`; the header stands in the third sector of its group.
pub(super) const XFS_AGI_MAGIC: u32 = 0x5841_4749;

/// `struct xfs_agi`, up to what counts inodes.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct XfsAgi {
    pub(super) agi_magicnum: U32,
    pub(super) agi_versionnum: U32,
    pub(super) agi_seqno: U32,
    pub(super) agi_length: U32,
    pub(super) agi_count: U32,
    pub(super) agi_root: U32,
    pub(super) agi_level: U32,
    pub(super) agi_freecount: U32,
}

pub(super) const XFS_DINODE_MAGIC: u16 = 0x494e;
/// Bytes of the core before version 3, after which the forks start.
pub(super) const DINODE_V2_LEN: usize = 100;
/// Bytes of the core of version 3.
pub(super) const DINODE_V3_LEN: usize = 176;
pub(super) const DINODE_CRC_OFFSET: usize = 100;

/// `di_format` and `di_aformat`.
pub(super) const FORMAT_LOCAL: u8 = 1;
pub(super) const FORMAT_EXTENTS: u8 = 2;
pub(super) const FORMAT_BTREE: u8 = 3;

/// `struct xfs_dinode`, the part that every version has.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct XfsDinode {
    pub(super) di_magic: U16,
    pub(super) di_mode: U16,
    pub(super) di_version: u8,
    pub(super) di_format: u8,
    pub(super) di_onlink: U16,
    pub(super) di_uid: U32,
    pub(super) di_gid: U32,
    pub(super) di_nlink: U32,
    pub(super) di_projid_lo: U16,
    pub(super) di_projid_hi: U16,
    /// `di_pad` and `di_flushiter`, or with `NREXT64` the count of extents.
    pub(super) di_big_nextents: U64,
    pub(super) di_atime: U64,
    pub(super) di_mtime: U64,
    pub(super) di_ctime: U64,
    pub(super) di_size: U64,
    pub(super) di_nblocks: U64,
    pub(super) di_extsize: U32,
    /// With `NREXT64` the count of the attribute fork's extents.
    pub(super) di_nextents: U32,
    pub(super) di_anextents: U16,
    /// In units of eight bytes.
    pub(super) di_forkoff: u8,
    pub(super) di_aformat: u8,
    pub(super) di_dmevmask: U32,
    pub(super) di_dmstate: U16,
    pub(super) di_flags: U16,
    pub(super) di_gen: U32,
    pub(super) di_next_unlinked: U32,
}

const _: () = assert!(size_of::<XfsDinode>() == DINODE_V2_LEN);

/// What version 3 adds.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct XfsDinode3 {
    pub(super) di_crc: little_endian::U32,
    pub(super) di_changecount: U64,
    pub(super) di_lsn: U64,
    pub(super) di_flags2: U64,
    pub(super) di_cowextsize: U32,
    pub(super) di_pad2: [u8; 12],
    pub(super) di_crtime: U64,
    pub(super) di_ino: U64,
    pub(super) di_uuid: [u8; 16],
}

const _: () = assert!(size_of::<XfsDinode3>() == DINODE_V3_LEN - DINODE_V2_LEN);

/// Seconds from `XFS_BIGTIME_EPOCH_OFFSET`: the earliest time of the 32-bit form.
pub(super) const BIGTIME_EPOCH: i64 = 1 << 31;

/// Bytes of an extent, `xfs_bmbt_rec`.
pub(super) const EXTENT_LEN: usize = 16;
/// Bytes before the keys of a B+tree's root in an inode: level and count.
pub(super) const BMDR_HEADER: usize = 4;
/// `bb_magic` of a block of a file's B+tree.
pub(super) const BMAP_MAGIC: u32 = 0x424d_4150;
pub(super) const BMAP_CRC_MAGIC: u32 = 0x424d_4133;
/// Bytes of the header of such a block, without and with checksums.
pub(super) const BMBT_HEADER: usize = 24;
pub(super) const BMBT_CRC_HEADER: usize = 72;
pub(super) const BMBT_CRC_OFFSET: usize = 64;
/// `XFS_BM_MAXLEVELS` is at most this, for the smallest blocks and the largest files.
pub(super) const MAX_BMBT_LEVEL: u16 = 16;

/// Head of `struct xfs_btree_block`.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct BtreeBlock {
    pub(super) bb_magic: U32,
    pub(super) bb_level: U16,
    pub(super) bb_numrecs: U16,
}

/// Byte of a directory at which its index starts (`XFS_DIR2_LEAF_OFFSET`); names end before.
pub(super) const DIR_LEAF_OFFSET: u64 = 1 << 35;
pub(super) const DIR2_BLOCK_MAGIC: u32 = 0x5844_3242;
pub(super) const DIR2_DATA_MAGIC: u32 = 0x5844_3244;
pub(super) const DIR3_BLOCK_MAGIC: u32 = 0x5844_4233;
pub(super) const DIR3_DATA_MAGIC: u32 = 0x5844_4433;
pub(super) const DIR2_HEADER: usize = 16;
pub(super) const DIR3_HEADER: usize = 64;
pub(super) const DIR3_CRC_OFFSET: usize = 4;
/// `freetag` of space without a name.
pub(super) const DIR_FREE_TAG: u16 = 0xffff;
/// Entries and free space are multiples of this (`XFS_DIR2_DATA_ALIGN`).
pub(super) const DIR_ALIGN: usize = 8;

/// Magic of a leaf or node of an attribute fork, at byte 8 of the block.
pub(super) const ATTR_LEAF_MAGIC: u16 = 0xfbee;
pub(super) const ATTR3_LEAF_MAGIC: u16 = 0x3bee;
pub(super) const DA_NODE_MAGIC: u16 = 0xfebe;
pub(super) const DA3_NODE_MAGIC: u16 = 0x3ebe;
/// Where the checksum of such a block is.
pub(super) const DA3_CRC_OFFSET: usize = 12;
/// Bytes of `struct xfs_da_blkinfo` and `struct xfs_da3_blkinfo`, after which the count stands.
pub(super) const DA_INFO: usize = 12;
pub(super) const DA3_INFO: usize = 56;
/// Bytes of the whole header of a leaf.
pub(super) const ATTR_LEAF_HEADER: usize = 32;
pub(super) const ATTR3_LEAF_HEADER: usize = 80;
/// Bytes of the whole header of a node.
pub(super) const DA_NODE_HEADER: usize = 16;
pub(super) const DA3_NODE_HEADER: usize = 64;
/// `XFS_DA_NODE_MAXDEPTH`.
pub(super) const DA_MAX_DEPTH: u32 = 5;
/// `XFS_XATTR_SIZE_MAX`.
pub(super) const XATTR_SIZE_MAX: u32 = 65536;

/// Head of `struct xfs_da_blkinfo`.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct DaBlkinfo {
    pub(super) forw: U32,
    pub(super) back: U32,
    pub(super) magic: U16,
    pub(super) pad: U16,
}

/// `struct xfs_attr_leaf_entry`.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct AttrLeafEntry {
    pub(super) hashval: U32,
    pub(super) nameidx: U16,
    pub(super) flags: u8,
    pub(super) pad2: u8,
}

/// Head of `struct xfs_attr_leaf_name_local`.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct AttrNameLocal {
    pub(super) valuelen: U16,
    pub(super) namelen: u8,
}

/// Head of `struct xfs_attr_leaf_name_remote`.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct AttrNameRemote {
    pub(super) valueblk: U32,
    pub(super) valuelen: U32,
    pub(super) namelen: u8,
}

/// `hdr.magic` of a block of a remote attribute's value.
pub(super) const ATTR3_RMT_MAGIC: u32 = 0x5841_524d;
/// `sl_magic` of a block of a symbolic link's target.
pub(super) const SYMLINK_MAGIC: u32 = 0x5853_4c4d;
/// Bytes of the header that both have, and where its checksum is.
pub(super) const REMOTE_HEADER: usize = 56;
pub(super) const REMOTE_CRC_OFFSET: usize = 12;
/// `XFS_SYMLINK_MAXLEN`.
pub(super) const SYMLINK_MAXLEN: u64 = 1024;

/// Head of `struct xfs_dsymlink_hdr` and `struct xfs_attr3_rmt_hdr`.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct RemoteHeader {
    pub(super) magic: U32,
    /// Of these bytes in the whole value.
    pub(super) offset: U32,
    /// How many bytes are here.
    pub(super) bytes: U32,
}
