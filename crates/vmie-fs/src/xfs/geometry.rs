//! The superblock's numbers, checked once, and the places that follow from them.

use vmie_io::int;

use super::checksum;
use super::format::{
    BASIC_BLOCK_LOG, BLOCK_LOG, Features2, INODE_LOG, Incompat, MAX_AG_BLOCK_LOG, MAX_BLOCKS,
    MAX_DIR_BLOCK_LOG, MIN_AG_BLOCKS, SB_CRC_OFFSET, SECT_LOG, VERSION_MASK, Version, XFS_SB_MAGIC,
    XfsDsb,
};
use crate::{Cause, Error};

const STRUCTURE: &str = "XFS superblock";

/// What the superblock says, after it has been checked. All later arithmetic rests on this: blocks
/// below `blocks` (at most 2^52) times a block's size lie within the volume, whose length has 64
/// bits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Geometry {
    /// A block's size is two to this power, 9 to 16.
    pub(super) block_log: u32,
    /// Blocks of the filesystem, all of which the volume has.
    pub(super) blocks: u64,
    /// Blocks of an allocation group; the last may have fewer.
    pub(super) ag_blocks: u32,
    pub(super) ag_count: u32,
    ag_block_log: u32,
    inode_log: u32,
    inodes_per_block_log: u32,
    pub(super) sector_log: u32,
    /// A directory's block has two to this power bytes, at most 16.
    pub(super) dir_block_log: u32,
    pub(super) root: u64,
    /// Version 5: structures have checksums.
    pub(super) checksums: bool,
    /// Directory entries say what they name.
    pub(super) file_types: bool,
    /// Names of directories are compared without regard to case.
    pub(super) any_case: bool,
    /// The counts in the superblock are right only after it was unmounted.
    pub(super) lazy_counts: bool,
    pub(super) incompat: Incompat,
    /// What blocks are stamped with.
    pub(super) meta_uuid: [u8; 16],
    /// First block of the log; `None` when it is on another device.
    pub(super) log_start: Option<u64>,
    pub(super) log_blocks: u32,
}

/// An error about a field of the superblock, which stands at `at`.
fn field(cause: Cause, name: &'static str, at: u64, value: impl Into<u64>) -> Error {
    Error::new(cause)
        .at(STRUCTURE, at)
        .field(name)
        .found(value.into())
}

impl Geometry {
    /// Checks the superblock, whose whole sector `sector` is, against itself and against the
    /// length of the volume in bytes.
    pub(super) fn new(sb: &XfsDsb, sector: &[u8], volume_len: u64) -> Result<Self, Error> {
        if sb.sb_magicnum != XFS_SB_MAGIC {
            let found = u32::from_be_bytes(sb.sb_magicnum);
            return Err(field(Cause::Magic, "sb_magicnum", 0, found));
        }
        let checksums = version(sb)?;
        if checksums && !checksum::fits(sector, SB_CRC_OFFSET) {
            return Err(field(Cause::Checksum, "sb_crc", 224, sb.sb_crc.get()));
        }
        let incompat = incompat(sb, checksums)?;
        sizes(sb)?;
        let blocks = sb.sb_dblocks.get();
        let (ag_blocks, ag_count) = (sb.sb_agblocks.get(), sb.sb_agcount.get());
        let spanned = u64::from(ag_blocks).saturating_mul(ag_count.into());
        let before_last = spanned.saturating_sub(ag_blocks.into());
        if blocks > MAX_BLOCKS || blocks > spanned || blocks <= before_last {
            return Err(field(Cause::Value, "sb_dblocks", 8, blocks));
        }
        let block_log = u32::from(sb.sb_blocklog);
        let size = blocks.checked_mul(1 << block_log.min(63));
        if size.is_none_or(|size| size > volume_len) {
            return Err(field(Cause::VolumeTooShort, "sb_dblocks", 8, blocks));
        }
        let features2 = if sb.sb_versionnum.get() & Version::MOREBITS.bits() != 0 {
            Features2::from_bits_retain(sb.sb_features2.get())
        } else {
            Features2::empty()
        };
        let mut geometry = Self {
            block_log,
            blocks,
            ag_blocks,
            ag_count,
            ag_block_log: sb.sb_agblklog.into(),
            inode_log: sb.sb_inodelog.into(),
            inodes_per_block_log: sb.sb_inopblog.into(),
            sector_log: sb.sb_sectlog.into(),
            dir_block_log: block_log.saturating_add(sb.sb_dirblklog.into()),
            root: sb.sb_rootino.get(),
            checksums,
            file_types: incompat.contains(Incompat::FTYPE)
                || (!checksums && features2.contains(Features2::FTYPE)),
            any_case: sb.sb_versionnum.get() & Version::BORG.bits() != 0,
            lazy_counts: checksums || features2.contains(Features2::LAZYSBCOUNT),
            incompat,
            meta_uuid: if incompat.contains(Incompat::META_UUID) {
                sb.sb_meta_uuid
            } else {
                sb.sb_uuid
            },
            log_start: None,
            log_blocks: sb.sb_logblocks.get(),
        };
        geometry.log_start = geometry.check_log(sb)?;
        Ok(geometry)
    }

    /// The internal log must lie within one group.
    fn check_log(&self, sb: &XfsDsb) -> Result<Option<u64>, Error> {
        let start = sb.sb_logstart.get();
        if start == 0 {
            return Ok(None);
        }
        let len = u64::from(self.log_blocks);
        if len == 0 {
            return Err(field(Cause::Value, "sb_logblocks", 96, len));
        }
        match self.linear(start, len) {
            Some(block) => Ok(Some(block)),
            None => Err(field(Cause::OutOfRange, "sb_logstart", 48, start)),
        }
    }

    pub(super) fn block_size(&self) -> u64 {
        1 << self.block_log
    }

    pub(super) fn block_len(&self) -> usize {
        1 << self.block_log
    }

    pub(super) fn inode_len(&self) -> usize {
        1 << self.inode_log
    }

    /// Blocks of a group.
    fn blocks_of(&self, group: u64) -> u64 {
        let first = group.saturating_mul(self.ag_blocks.into());
        self.blocks.saturating_sub(first).min(self.ag_blocks.into())
    }

    /// The first byte of a group's header sector `index`: 0 superblock, 1 AGF, 2 AGI.
    pub(super) fn header(&self, group: u32, index: u64) -> u64 {
        let first = u64::from(group).saturating_mul(self.ag_blocks.into());
        (first << self.block_log).saturating_add(index << self.sector_log)
    }

    /// A filesystem block as a number of blocks from the volume's start; `None` unless it and the
    /// `len` from it on are blocks of one group.
    pub(super) fn linear(&self, fsblock: u64, len: u64) -> Option<u64> {
        let group = fsblock >> self.ag_block_log;
        let within = fsblock & mask(self.ag_block_log);
        let fits =
            group < u64::from(self.ag_count) && within.checked_add(len)? <= self.blocks_of(group);
        fits.then(|| {
            group
                .saturating_mul(self.ag_blocks.into())
                .saturating_add(within)
        })
    }

    /// The byte where an inode is; `None` for a number that cannot be one.
    pub(super) fn inode_at(&self, number: u64) -> Option<u64> {
        let fsblock = number >> self.inodes_per_block_log;
        let within = number & mask(self.inodes_per_block_log);
        let block = self.linear(fsblock, 1)?;
        Some((block << self.block_log).saturating_add(within << self.inode_log))
    }

    /// The number of the first inode in a block of a group.
    pub(super) fn inode_number(&self, group: u32, block: u32) -> u64 {
        let fsblock = (u64::from(group) << self.ag_block_log) | u64::from(block);
        fsblock << self.inodes_per_block_log
    }

    /// The byte of a disk address, which counts in 512 bytes; `None` unless the `len` bytes from it
    /// on are on the filesystem.
    pub(super) fn basic(&self, address: u64, len: u64) -> Option<u64> {
        let at = address.checked_mul(1 << BASIC_BLOCK_LOG)?;
        let end = at.checked_add(len)?;
        (end <= self.blocks << self.block_log).then_some(at)
    }
}

/// The lowest `bits` bits.
fn mask(bits: u32) -> u64 {
    1u64.checked_shl(bits).unwrap_or(0).wrapping_sub(1)
}

/// Whether this is version 5; 4 is the other one that there is still.
fn version(sb: &XfsDsb) -> Result<bool, Error> {
    let number = sb.sb_versionnum.get();
    match number & VERSION_MASK {
        4 if number & Version::DIRV2.bits() == 0 => {
            Err(field(Cause::Feature, "sb_versionnum", 100, number))
        }
        4 => Ok(false),
        5 => Ok(true),
        1..=3 => Err(field(Cause::Feature, "sb_versionnum", 100, number)),
        _ => Err(field(Cause::Value, "sb_versionnum", 100, number)),
    }
}

fn incompat(sb: &XfsDsb, checksums: bool) -> Result<Incompat, Error> {
    if !checksums {
        return Ok(Incompat::empty());
    }
    let incompat = Incompat::from_bits_retain(sb.sb_features_incompat.get());
    let unread = incompat.difference(Incompat::READ);
    if !unread.is_empty() {
        let bits = unread.bits();
        return Err(field(Cause::Feature, "sb_features_incompat", 216, bits));
    }
    Ok(incompat)
}

/// Sizes must agree with their logarithms, and with each other.
fn sizes(sb: &XfsDsb) -> Result<(), Error> {
    let power = |log: u8| 1u32.checked_shl(log.into());
    let value = |name, at, found: u64| Err(field(Cause::Value, name, at, found));
    if !BLOCK_LOG.contains(&sb.sb_blocklog) {
        return value("sb_blocklog", 120, sb.sb_blocklog.into());
    }
    if power(sb.sb_blocklog) != Some(sb.sb_blocksize.get()) {
        return value("sb_blocksize", 4, sb.sb_blocksize.get().into());
    }
    if !SECT_LOG.contains(&sb.sb_sectlog) || sb.sb_sectlog > sb.sb_blocklog {
        return value("sb_sectlog", 121, sb.sb_sectlog.into());
    }
    if power(sb.sb_sectlog) != Some(sb.sb_sectsize.get().into()) {
        return value("sb_sectsize", 102, sb.sb_sectsize.get().into());
    }
    if !INODE_LOG.contains(&sb.sb_inodelog) || sb.sb_inodelog > sb.sb_blocklog {
        return value("sb_inodelog", 122, sb.sb_inodelog.into());
    }
    if power(sb.sb_inodelog) != Some(sb.sb_inodesize.get().into()) {
        return value("sb_inodesize", 104, sb.sb_inodesize.get().into());
    }
    if sb.sb_inopblog != sb.sb_blocklog.saturating_sub(sb.sb_inodelog) {
        return value("sb_inopblog", 123, sb.sb_inopblog.into());
    }
    if power(sb.sb_inopblog) != Some(sb.sb_inopblock.get().into()) {
        return value("sb_inopblock", 106, sb.sb_inopblock.get().into());
    }
    let ag_blocks = sb.sb_agblocks.get();
    if ag_blocks < MIN_AG_BLOCKS {
        return value("sb_agblocks", 84, ag_blocks.into());
    }
    // The logarithm is rounded up.
    if sb.sb_agblklog > MAX_AG_BLOCK_LOG
        || ag_blocks.checked_next_power_of_two() != power(sb.sb_agblklog)
    {
        return value("sb_agblklog", 124, sb.sb_agblklog.into());
    }
    let dir_log = u32::from(sb.sb_blocklog).saturating_add(sb.sb_dirblklog.into());
    if dir_log > MAX_DIR_BLOCK_LOG {
        return value("sb_dirblklog", 192, sb.sb_dirblklog.into());
    }
    if sb.sb_agcount.get() == 0 {
        return value("sb_agcount", 88, 0);
    }
    Ok(())
}

/// Bytes that hold the superblock, as long as its sector.
pub(super) fn sector_len(sb: &XfsDsb) -> u64 {
    let log = sb.sb_sectlog.clamp(*SECT_LOG.start(), *SECT_LOG.end());
    int::u64_of(1usize << u32::from(log))
}
