//! The superblock's numbers, checked once, and the places that follow from them.

use vmie_io::int;

use super::checksum;
use super::format::{
    CRC32C_CHKSUM, Compat, EXT4_SUPER_MAGIC, GOOD_OLD_INODE_SIZE, GOOD_OLD_REV, Incompat,
    MAX_BLOCKS, MAX_DESC_SIZE, MAX_LOG_BLOCK_SIZE, MIN_DESC_SIZE, MIN_DESC_SIZE_64BIT, RoCompat,
    SUPERBLOCK_OFFSET, Superblock,
};
use super::probe::{blocks_count, kind};
use crate::{Cause, Error, FsKind};

const STRUCTURE: &str = "ext superblock";

/// What the superblock says, after it has been checked. All later arithmetic rests on this:
/// block numbers below `blocks` (at most 2^48) times `block_size` (at most 2^16) fit in 64 bits
/// and lie within the volume.
#[derive(Clone, Copy, Debug)]
pub(super) struct Geometry {
    /// Bytes; a power of two from 1 KiB to 64 KiB.
    pub(super) block_size: u32,
    /// Blocks of the filesystem, all of which the volume has.
    pub(super) blocks: u64,
    /// Bytes of an inode; a power of two from 128 to the block size.
    pub(super) inode_size: u16,
    /// Inodes of the filesystem.
    pub(super) inodes: u32,
    /// Not zero.
    pub(super) inodes_per_group: u32,
    /// Bytes of a cluster in units of 512, as `i_blocks` counts.
    pub(super) cluster_sectors: u64,
    pub(super) incompat: Incompat,
    /// What checksums of metadata start with, when there are any.
    pub(super) seed: Option<u32>,
    desc_size: u16,
    first_data_block: u32,
    blocks_per_group: u32,
    first_meta_bg: u32,
    compat: Compat,
    ro_compat: RoCompat,
    backup_bgs: [u32; 2],
}

/// An error about a field of the superblock, which stands at `within`.
fn field(cause: Cause, name: &'static str, within: usize, value: u64) -> Error {
    let at = int::u64_of(SUPERBLOCK_OFFSET.saturating_add(within));
    Error::new(cause).at(STRUCTURE, at).field(name).found(value)
}

impl Geometry {
    /// Checks a superblock against itself and against the length of the volume in bytes.
    pub(super) fn new(sb: &Superblock, volume_len: u64) -> Result<Self, Error> {
        let magic = sb.s_magic.get();
        if magic != EXT4_SUPER_MAGIC {
            return Err(field(Cause::Magic, "s_magic", 0x38, magic.into()));
        }
        let (compat, incompat, ro_compat) = features(sb)?;
        let seed = checksum_seed(sb, incompat, ro_compat)?;
        let log = sb.s_log_block_size.get();
        if log > MAX_LOG_BLOCK_SIZE {
            return Err(field(Cause::Value, "s_log_block_size", 0x18, log.into()));
        }
        let block_size = 1024u32 << log.min(MAX_LOG_BLOCK_SIZE);
        let blocks = blocks_count(sb);
        let first_data_block = sb.s_first_data_block.get();
        if blocks > MAX_BLOCKS || blocks <= u64::from(first_data_block) {
            return Err(field(Cause::Value, "s_blocks_count", 0x4, blocks));
        }
        let size = blocks.saturating_mul(block_size.into());
        if size > volume_len {
            return Err(field(Cause::VolumeTooShort, "s_blocks_count", 0x4, blocks));
        }
        let per_group = sb.s_blocks_per_group.get();
        let groups = blocks
            .saturating_sub(first_data_block.into())
            .checked_div(per_group.into())
            .map(|whole| whole.saturating_add(1));
        // Rounded up: one more than the whole groups, unless they fill the filesystem.
        let groups = groups.map(|n| {
            let before = n.saturating_sub(1).saturating_mul(per_group.into());
            let full = before.saturating_add(first_data_block.into()) == blocks;
            if full { n.saturating_sub(1) } else { n }
        });
        let Some(groups) = groups.and_then(|n| u32::try_from(n).ok()) else {
            return Err(field(
                Cause::Value,
                "s_blocks_per_group",
                0x20,
                per_group.into(),
            ));
        };
        let inodes_per_group = sb.s_inodes_per_group.get();
        // The bitmap of a group's inodes is one block.
        if inodes_per_group == 0 || inodes_per_group > block_size.saturating_mul(8) {
            let found = inodes_per_group.into();
            return Err(field(Cause::Value, "s_inodes_per_group", 0x28, found));
        }
        let inodes = sb.s_inodes_count.get();
        if u64::from(inodes) > u64::from(groups).saturating_mul(inodes_per_group.into()) {
            return Err(field(Cause::Value, "s_inodes_count", 0, inodes.into()));
        }
        Ok(Self {
            block_size,
            blocks,
            inode_size: inode_size(sb, block_size)?,
            inodes,
            inodes_per_group,
            cluster_sectors: 2u64
                .checked_shl(sb.s_log_cluster_size.get().min(32))
                .unwrap_or(0),
            incompat,
            seed,
            desc_size: desc_size(sb, incompat)?,
            first_data_block,
            blocks_per_group: per_group,
            first_meta_bg: sb.s_first_meta_bg.get(),
            compat,
            ro_compat,
            backup_bgs: sb.s_backup_bgs.map(|group| group.get()),
        })
    }

    /// The byte at which a group's descriptor stands, and its length.
    pub(super) fn descriptor(&self, group: u32) -> Result<(u64, usize), Error> {
        let size = u32::from(self.desc_size);
        let per_block = self.block_size.checked_div(size).unwrap_or(1).max(1);
        let table_block = group.checked_div(per_block).unwrap_or(0);
        let meta = self.incompat.contains(Incompat::META_BG) && table_block >= self.first_meta_bg;
        let block = if meta {
            // Such a block of descriptors stands in the first group that it describes.
            let first = table_block.saturating_mul(per_block);
            let start = u64::from(first)
                .saturating_mul(self.blocks_per_group.into())
                .saturating_add(self.first_data_block.into());
            let boot = self.block_size == 1024 && table_block == 0 && self.first_data_block == 0;
            start
                .saturating_add(self.has_super(first).into())
                .saturating_add(boot.into())
        } else {
            let superblock = u64::from(self.block_size == 1024);
            superblock
                .saturating_add(1)
                .saturating_add(table_block.into())
        };
        let within = group
            .checked_rem(per_block)
            .unwrap_or(0)
            .saturating_mul(size);
        let at = self.byte_of(block, "group descriptor")?;
        Ok((
            at.saturating_add(within.into()),
            usize::from(self.desc_size),
        ))
    }

    /// Whether a group starts with a copy of the superblock: all do, or only 0, 1 and the powers
    /// of 3, 5 and 7, or two that the superblock names.
    fn has_super(&self, group: u32) -> bool {
        if group == 0 {
            return true;
        }
        if self.compat.contains(Compat::SPARSE_SUPER2) {
            return self.backup_bgs.contains(&group);
        }
        if group == 1 || !self.ro_compat.contains(RoCompat::SPARSE_SUPER) {
            return true;
        }
        [3u32, 5, 7].into_iter().any(|base| {
            std::iter::successors(Some(base), |power| power.checked_mul(base))
                .take_while(|power| *power <= group)
                .any(|power| power == group)
        })
    }

    /// The first byte of a block, which must be one of the filesystem's.
    pub(super) fn byte_of(&self, block: u64, structure: &'static str) -> Result<u64, Error> {
        if block >= self.blocks {
            return Err(Error::new(Cause::OutOfRange)
                .in_structure(structure)
                .field("block")
                .found(block));
        }
        Ok(block.saturating_mul(self.block_size.into()))
    }

    /// A block's length as a size in memory.
    pub(super) fn block_len(&self) -> usize {
        int::usize_of(self.block_size.into())
    }
}

fn features(sb: &Superblock) -> Result<(Compat, Incompat, RoCompat), Error> {
    if sb.s_rev_level.get() == GOOD_OLD_REV {
        return Ok((Compat::empty(), Incompat::empty(), RoCompat::empty()));
    }
    if kind(sb) == FsKind::ExtJournal {
        return Err(Error::new(Cause::NotRead(FsKind::ExtJournal)).in_structure("volume"));
    }
    let incompat = Incompat::from_bits_retain(sb.s_feature_incompat.get());
    let unread = incompat.difference(Incompat::READ);
    if !unread.is_empty() {
        let bits = unread.bits().into();
        return Err(field(Cause::Feature, "s_feature_incompat", 0x60, bits));
    }
    Ok((
        Compat::from_bits_retain(sb.s_feature_compat.get()),
        incompat,
        RoCompat::from_bits_retain(sb.s_feature_ro_compat.get()),
    ))
}

fn checksum_seed(
    sb: &Superblock,
    incompat: Incompat,
    ro_compat: RoCompat,
) -> Result<Option<u32>, Error> {
    if !ro_compat.contains(RoCompat::METADATA_CSUM) {
        return Ok(None);
    }
    if sb.s_checksum_type != CRC32C_CHKSUM {
        let found = sb.s_checksum_type.into();
        return Err(field(Cause::Feature, "s_checksum_type", 0x175, found));
    }
    let found = sb.s_checksum.get();
    if checksum::superblock_checksum(sb) != found {
        return Err(field(Cause::Checksum, "s_checksum", 0x3fc, found.into()));
    }
    Ok(Some(if incompat.contains(Incompat::CSUM_SEED) {
        sb.s_checksum_seed.get()
    } else {
        checksum::of(&sb.s_uuid)
    }))
}

fn inode_size(sb: &Superblock, block_size: u32) -> Result<u16, Error> {
    if sb.s_rev_level.get() == GOOD_OLD_REV {
        return Ok(GOOD_OLD_INODE_SIZE);
    }
    let size = sb.s_inode_size.get();
    if size < GOOD_OLD_INODE_SIZE || !size.is_power_of_two() || u32::from(size) > block_size {
        return Err(field(Cause::Value, "s_inode_size", 0x58, size.into()));
    }
    Ok(size)
}

fn desc_size(sb: &Superblock, incompat: Incompat) -> Result<u16, Error> {
    if !incompat.contains(Incompat::BIT64) {
        return Ok(MIN_DESC_SIZE);
    }
    let size = sb.s_desc_size.get();
    if !(MIN_DESC_SIZE_64BIT..=MAX_DESC_SIZE).contains(&size) || !size.is_power_of_two() {
        return Err(field(Cause::Value, "s_desc_size", 0xfe, size.into()));
    }
    Ok(size)
}
