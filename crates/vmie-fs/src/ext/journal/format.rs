//! The journal, jbd2 (<https://docs.kernel.org/filesystems/ext4/journal.html>; names as there).
//! Everything in it is big-endian.

use zerocopy::big_endian::U32;
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

pub(super) const JBD2_MAGIC_NUMBER: u32 = 0xc03b_3998;
pub(super) const DESCRIPTOR_BLOCK: u32 = 1;
pub(super) const COMMIT_BLOCK: u32 = 2;
pub(super) const SUPERBLOCK_V1: u32 = 3;
pub(super) const SUPERBLOCK_V2: u32 = 4;
pub(super) const REVOKE_BLOCK: u32 = 5;
/// Bytes of a superblock, which is alone in the first block.
pub(super) const SUPERBLOCK_LEN: usize = 1024;
pub(super) const SUPERBLOCK_CHECKSUM_OFFSET: usize = 0xfc;
/// `h_chksum[0]` of a commit block.
pub(super) const COMMIT_CHECKSUM_OFFSET: usize = 16;
/// Bytes of `journal_header_t`, after which tags start.
pub(super) const HEADER_LEN: usize = 12;
/// Bytes before the records of a revocation block: the header and `r_count`.
pub(super) const REVOKE_HEADER_LEN: usize = 16;
/// Bytes of the checksum that ends descriptor and revocation blocks.
pub(super) const TAIL_LEN: usize = 4;
/// Bytes of a UUID that follows a tag without `SAME_UUID`.
pub(super) const TAG_UUID_LEN: usize = 16;
/// `JBD2_DEFAULT_FAST_COMMIT_BLOCKS`.
pub(super) const DEFAULT_FAST_COMMIT_BLOCKS: u32 = 256;

bitflags::bitflags! {
    /// `s_feature_incompat` of the journal.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct JournalIncompat: u32 {
        const REVOKE = 0x1;
        const BIT64 = 0x2;
        const ASYNC_COMMIT = 0x4;
        const CSUM_V2 = 0x8;
        const CSUM_V3 = 0x10;
        const FAST_COMMIT = 0x20;
        const _ = !0;
    }

    /// `t_flags`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct TagFlags: u32 {
        const ESCAPE = 0x1;
        const SAME_UUID = 0x2;
        const DELETED = 0x4;
        const LAST_TAG = 0x8;
        const _ = !0;
    }
}

impl JournalIncompat {
    /// What is understood here.
    pub(super) const READ: Self = Self::REVOKE
        .union(Self::BIT64)
        .union(Self::ASYNC_COMMIT)
        .union(Self::CSUM_V2)
        .union(Self::CSUM_V3)
        .union(Self::FAST_COMMIT);
    /// Either version of checksums by block.
    pub(super) const CSUM: Self = Self::CSUM_V2.union(Self::CSUM_V3);
}

/// `journal_header_t`.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Header {
    pub(super) h_magic: U32,
    pub(super) h_blocktype: U32,
    pub(super) h_sequence: U32,
}

/// `journal_superblock_t`, up to the numbers that matter.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct JournalSuperblock {
    pub(super) header: Header,
    pub(super) s_blocksize: U32,
    pub(super) s_maxlen: U32,
    pub(super) s_first: U32,
    pub(super) s_sequence: U32,
    pub(super) s_start: U32,
    pub(super) s_errno: U32,
    pub(super) s_feature_compat: U32,
    pub(super) s_feature_incompat: U32,
    pub(super) s_feature_ro_compat: U32,
    pub(super) s_uuid: [u8; 16],
    pub(super) s_nr_users: U32,
    pub(super) s_dynsuper: U32,
    pub(super) s_max_transaction: U32,
    pub(super) s_max_trans_data: U32,
    pub(super) s_checksum_type: u8,
    pub(super) s_padding2: [u8; 3],
    pub(super) s_num_fc_blks: U32,
}

const _: () = assert!(size_of::<JournalSuperblock>() == 0x58);
