//! Recognising ext2, ext3 and ext4.

use super::checksum::superblock_checksum;
use super::format::{
    Compat, DYNAMIC_REV, EXT4_SUPER_MAGIC, Incompat, MAX_LOG_BLOCK_SIZE, RoCompat,
    SUPERBLOCK_OFFSET, Superblock,
};
use crate::head::{Head, label, uuid};
use crate::{FsKind, Identity};

/// A superblock with its magic and, where it has one, the right checksum.
pub(crate) fn probe(head: &Head<'_>) -> Option<Identity> {
    let sb: Superblock = head.get(SUPERBLOCK_OFFSET)?;
    if sb.s_magic.get() != EXT4_SUPER_MAGIC {
        return None;
    }
    let ro_compat = RoCompat::from_bits_retain(sb.s_feature_ro_compat.get());
    let has_checksum = ro_compat.contains(RoCompat::METADATA_CSUM);
    if has_checksum && superblock_checksum(&sb) != sb.s_checksum.get() {
        return None;
    }
    Some(identity(&sb))
}

/// A superblock with its magic and a wrong checksum, but otherwise what a superblock may be: better
/// named than not known at all.
pub(crate) fn probe_damaged(head: &Head<'_>) -> Option<Identity> {
    let sb: Superblock = head.get(SUPERBLOCK_OFFSET)?;
    let fits = sb.s_magic.get() == EXT4_SUPER_MAGIC
        && sb.s_log_block_size.get() <= MAX_LOG_BLOCK_SIZE
        && sb.s_rev_level.get() <= DYNAMIC_REV
        && sb.s_inodes_per_group.get() > 0
        && blocks_count(&sb) > 0;
    if !fits || probe(head).is_some() {
        return None;
    }
    Some(identity(&sb))
}

/// Who the superblock says that the filesystem is.
pub(super) fn identity(sb: &Superblock) -> Identity {
    let mut identity = Identity::new(kind(sb));
    identity.label = label(&sb.s_volume_name);
    identity.uuid = uuid(&sb.s_uuid);
    let log = sb.s_log_block_size.get();
    if log <= MAX_LOG_BLOCK_SIZE {
        let block = 1024u64.checked_shl(log);
        identity.block_size = block;
        identity.size = block.and_then(|size| blocks_count(sb).checked_mul(size));
    }
    identity
}

/// Which of the family it is: the youngest whose features it uses, as `blkid` tells them apart.
pub(super) fn kind(sb: &Superblock) -> FsKind {
    let compat = Compat::from_bits_retain(sb.s_feature_compat.get());
    let incompat = Incompat::from_bits_retain(sb.s_feature_incompat.get());
    let ro_compat = RoCompat::from_bits_retain(sb.s_feature_ro_compat.get());
    if incompat.contains(Incompat::JOURNAL_DEV) {
        return FsKind::ExtJournal;
    }
    if !(RoCompat::EXT3.contains(ro_compat) && Incompat::EXT3.contains(incompat)) {
        return FsKind::Ext4;
    }
    if compat.contains(Compat::HAS_JOURNAL) || !Incompat::EXT2.contains(incompat) {
        return FsKind::Ext3;
    }
    FsKind::Ext2
}

/// Blocks of the whole filesystem; the upper half counts only with `64BIT`.
pub(super) fn blocks_count(sb: &Superblock) -> u64 {
    wide(sb, sb.s_blocks_count_hi.get(), sb.s_blocks_count_lo.get())
}

/// A number of which the upper half counts only with `64BIT`.
pub(super) fn wide(sb: &Superblock, high: u32, low: u32) -> u64 {
    let incompat = Incompat::from_bits_retain(sb.s_feature_incompat.get());
    let high = if incompat.contains(Incompat::BIT64) {
        high
    } else {
        0
    };
    (u64::from(high) << 32) | u64::from(low)
}
