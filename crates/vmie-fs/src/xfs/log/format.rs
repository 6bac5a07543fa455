//! What is in the log ("XFS Algorithms & Data Structures", "Journaling Log"; names as there). Records
//! and operations are big-endian; most of what they carry is as the machine had it in memory, of
//! which only little-endian is read here.

use zerocopy::big_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned, little_endian};

/// `BBSIZE`: the log counts in blocks of 512 bytes, whatever the filesystem's blocks are.
pub(super) const BB: usize = 512;
pub(super) const XLOG_HEADER_MAGIC_NUM: u32 = 0xfeed_babe;
/// Bit of `h_version`: headers of large records have more blocks.
pub(super) const XLOG_VERSION_2: u32 = 2;
pub(super) const XLOG_FMT_LINUX_LE: u32 = 1;
/// Bytes of data that one header block keeps the cycle data of.
pub(super) const XLOG_HEADER_CYCLE_SIZE: usize = 32 << 10;
/// Largest record (`XLOG_MAX_RECORD_BSIZE`).
pub(super) const MAX_RECORD: u32 = 256 << 10;
/// `XLOG_MAX_ICLOGS`: so many records are on their way to the disk at once, in any order.
pub(super) const MAX_ICLOGS: usize = 8;
/// `XFS_MAX_LOG_BYTES`, rounded up.
pub(super) const MAX_LOG_BYTES: u64 = 2 << 30;
/// Where the checksum of a record stands in its header.
pub(super) const RECORD_CRC_OFFSET: usize = 32;
/// Bytes of the header that its checksum covers: `sizeof(xlog_rec_header_t)` on machines that align
/// 64-bit numbers to eight bytes, and on those that do not.
pub(super) const RECORD_CRC_LENS: [usize; 2] = [328, 324];
/// The same of each further block of the header.
pub(super) const EXT_CRC_LEN: usize = 260;
/// Where cycle data stands in the first and in further blocks of the header.
pub(super) const CYCLE_DATA_OFFSET: usize = 44;
pub(super) const EXT_CYCLE_DATA_OFFSET: usize = 4;

/// `xlog_rec_header_t`, without the cycle data in the middle.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct RecordHeader {
    pub(super) h_magicno: U32,
    pub(super) h_cycle: U32,
    pub(super) h_version: U32,
    pub(super) h_len: U32,
    pub(super) h_lsn: U64,
    pub(super) h_tail_lsn: U64,
    pub(super) h_crc: little_endian::U32,
    pub(super) h_prev_block: U32,
    pub(super) h_num_logops: U32,
    pub(super) h_cycle_data: [[u8; 4]; 64],
    pub(super) h_fmt: U32,
    pub(super) h_fs_uuid: [u8; 16],
    pub(super) h_size: U32,
}

const _: () = assert!(std::mem::offset_of!(RecordHeader, h_cycle_data) == CYCLE_DATA_OFFSET);
const _: () = assert!(size_of::<RecordHeader>() == 324);

/// `oh_clientid`.
pub(super) const XFS_TRANSACTION: u8 = 0x69;
pub(super) const XFS_LOG: u8 = 0xaa;

bitflags::bitflags! {
    /// `oh_flags`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct OpFlags: u8 {
        const START_TRANS = 0x1;
        const COMMIT_TRANS = 0x2;
        /// The region goes on in a later operation.
        const CONTINUE_TRANS = 0x4;
        /// The region began in an earlier operation.
        const WAS_CONT_TRANS = 0x8;
        const END_TRANS = 0x10;
        const UNMOUNT_TRANS = 0x20;
        const _ = !0;
    }

    /// `blf_flags`; the upper five bits say what the buffer holds.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct BufFlags: u16 {
        /// Only the list of unlinked inodes in a buffer of inodes.
        const INODE_BUF = 0x1;
        /// What was logged of this buffer before must not be replayed.
        const CANCEL = 0x2;
        const UDQUOT_BUF = 0x4;
        const PDQUOT_BUF = 0x8;
        const GDQUOT_BUF = 0x10;
        const _ = !0;
    }

    /// `ilf_fields`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct InodeFields: u32 {
        const CORE = 0x1;
        const DDATA = 0x2;
        const DEXT = 0x4;
        const DBROOT = 0x8;
        const DEV = 0x10;
        const ADATA = 0x40;
        const AEXT = 0x80;
        const ABROOT = 0x100;
        const _ = !0;
    }
}

impl InodeFields {
    pub(super) const DFORK: Self = Self::DDATA.union(Self::DEXT).union(Self::DBROOT);
    pub(super) const AFORK: Self = Self::ADATA.union(Self::AEXT).union(Self::ABROOT);
}

/// `xlog_op_header_t`.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct OpHeader {
    pub(super) oh_tid: U32,
    pub(super) oh_len: U32,
    pub(super) oh_clientid: u8,
    pub(super) oh_flags: u8,
    pub(super) oh_res2: [u8; 2],
}

/// Bytes of `xfs_trans_header_t`, and what it starts with.
pub(super) const TRANS_HEADER_LEN: usize = 16;
pub(super) const XFS_TRANS_HEADER_MAGIC: u32 = 0x5452_414e;

/// Types of items.
pub(super) const XFS_LI_EFI: u16 = 0x1236;
pub(super) const XFS_LI_EFD: u16 = 0x1237;
pub(super) const XFS_LI_INODE: u16 = 0x123b;
pub(super) const XFS_LI_BUF: u16 = 0x123c;
pub(super) const XFS_LI_DQUOT: u16 = 0x123d;
pub(super) const XFS_LI_QUOTAOFF: u16 = 0x123e;
pub(super) const XFS_LI_ICREATE: u16 = 0x123f;
pub(super) const XFS_LI_RUI: u16 = 0x1240;
pub(super) const XFS_LI_CUD: u16 = 0x1243;
pub(super) const XFS_LI_BUI: u16 = 0x1244;
pub(super) const XFS_LI_BUD: u16 = 0x1245;
pub(super) const XFS_LI_ATTRI: u16 = 0x1246;
pub(super) const XFS_LI_ATTRD: u16 = 0x1247;
pub(super) const XFS_LI_XMI: u16 = 0x1248;
pub(super) const XFS_LI_XMD: u16 = 0x1249;

/// Bytes of a buffer that one bit of `blf_data_map` stands for (`XFS_BLF_CHUNK`).
pub(super) const BLF_CHUNK: usize = 128;

/// `xfs_buf_log_format_t`, before the bit map.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct BufLogFormat {
    pub(super) blf_type: little_endian::U16,
    pub(super) blf_size: little_endian::U16,
    pub(super) blf_flags: little_endian::U16,
    pub(super) blf_len: little_endian::U16,
    pub(super) blf_blkno: little_endian::U64,
    pub(super) blf_map_size: little_endian::U32,
}

/// Bytes of `struct xfs_inode_log_format` as 64-bit machines have it, and as old 32-bit ones do,
/// without padding before `ilf_ino`.
pub(super) const INODE_FORMAT_LEN: usize = 56;
pub(super) const INODE_FORMAT_32_LEN: usize = 52;

/// Head of `struct xfs_inode_log_format`.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct InodeLogFormat {
    pub(super) ilf_type: little_endian::U16,
    pub(super) ilf_size: little_endian::U16,
    pub(super) ilf_fields: little_endian::U32,
    pub(super) ilf_asize: little_endian::U16,
    pub(super) ilf_dsize: little_endian::U16,
}

/// Its end, after the padding.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct InodeLogPlace {
    pub(super) ilf_ino: little_endian::U64,
    pub(super) ilfu_rdev: little_endian::U32,
    pub(super) ilf_u_rest: [u8; 12],
    pub(super) ilf_blkno: little_endian::U64,
    pub(super) ilf_len: little_endian::U32,
    pub(super) ilf_boffset: little_endian::U32,
}

/// `struct xfs_icreate_log`; its fields are big-endian.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct IcreateLog {
    pub(super) icl_type: little_endian::U16,
    pub(super) icl_size: little_endian::U16,
    pub(super) icl_ag: U32,
    pub(super) icl_agbno: U32,
    pub(super) icl_count: U32,
    pub(super) icl_isize: U32,
    pub(super) icl_length: U32,
    pub(super) icl_gen: U32,
}
/// Inodes that are made at once: 64, or a block full of them.
pub(super) const MAX_ICREATE: u32 = 512;

/// Bytes before the extents of `struct xfs_bui_log_format`; the id stands at byte 8.
pub(super) const BUI_HEADER: usize = 16;

/// `struct xfs_map_extent`.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct MapExtent {
    pub(super) me_owner: little_endian::U64,
    pub(super) me_startblock: little_endian::U64,
    pub(super) me_startoff: little_endian::U64,
    pub(super) me_len: little_endian::U32,
    pub(super) me_flags: little_endian::U32,
}

/// The low bits of `me_flags`: what is to be done.
pub(super) const BMAP_TYPE_MASK: u32 = 0xff;
pub(super) const BMAP_MAP: u32 = 1;
pub(super) const BMAP_UNMAP: u32 = 2;

bitflags::bitflags! {
    /// The high bits of `me_flags`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct MapFlags: u32 {
        const REALTIME = 1 << 29;
        const UNWRITTEN = 1 << 30;
        const ATTR_FORK = 1 << 31;
        const _ = !0;
    }
}
