//! Inodes.

use vmie_io::{ReadAt, int};
use zerocopy::{FromBytes, IntoBytes};

use super::attr::Entries;
use super::checksum;
use super::format::{
    BG_CHECKSUM_OFFSET, BG_INODE_TABLE_HI_OFFSET, CHECKSUM_HI_OFFSET, CHECKSUM_LO_OFFSET,
    EXTENT_MAGIC, EXTRA_WITH_CHECKSUM, EXTRA_WITH_MTIME, ExtraInode, GOOD_OLD_INODE_SIZE,
    GroupDesc, Incompat, InodeFlags, MIN_INLINE_DATA, RawInode, XATTR_INDEX_SYSTEM, XATTR_MAGIC,
    XATTR_NAME_DATA,
};
use super::open::Ext;
use crate::{Cause, Error, FileKind, Metadata};

const STRUCTURE: &str = "ext inode";

/// An inode, checked as far as it can be by itself.
#[derive(Clone, Debug)]
pub(super) struct Inode {
    pub(super) number: u32,
    /// Where it is on the volume.
    pub(super) at: u64,
    pub(super) metadata: Metadata,
    pub(super) flags: InodeFlags,
    /// The block map, the root of the extent tree, or content.
    pub(super) block: [u8; 60],
    /// What checksums of this file's metadata start with, when there are any.
    pub(super) seed: Option<u32>,
    /// Whether blocks are allocated for content, rather than for extended attributes only.
    pub(super) has_blocks: bool,
    /// The block of extended attributes, zero when there is none.
    pub(super) attribute_block: u64,
    /// What follows the fixed fields: extended attributes.
    rest: Vec<u8>,
}

impl Inode {
    /// Reads the inode of this number.
    pub(super) fn read(ext: &Ext, number: u32) -> Result<Self, Error> {
        let at = locate(ext, number)?;
        let mut bytes = vec![0; usize::from(ext.geometry.inode_size)];
        ext.meta.read_exact_at(&mut bytes, at)?;
        let inline = InodeFlags::INLINE_DATA.bits();
        let is_laid = ext.fast.lay(number, &mut bytes, inline);
        let corrupt = || Error::new(Cause::Value).at(STRUCTURE, at);
        let (raw, after) = RawInode::read_from_prefix(&bytes).map_err(|_| corrupt())?;
        let extra = extra_fields(after);
        let extra_len = extra.i_extra_isize.get();
        if usize::from(extra_len) > after.len() || !extra_len.is_multiple_of(4) {
            let at = at.saturating_add(GOOD_OLD_INODE_SIZE.into());
            return Err(Error::new(Cause::Value)
                .at(STRUCTURE, at)
                .field("i_extra_isize")
                .found(extra_len));
        }
        let seed = ext.geometry.seed.map(|seed| {
            let seed = checksum::append(seed, &number.to_le_bytes());
            checksum::append(seed, raw.i_generation.as_bytes())
        });
        // What a fast commit has of an inode has no checksum of its own.
        if let Some(seed) = seed
            && !is_laid
        {
            verify(&raw, &extra, &bytes, seed, at)?;
        }
        let attribute_block =
            (u64::from(raw.l_i_file_acl_high.get()) << 32) | u64::from(raw.i_file_acl_lo.get());
        let own = if attribute_block != 0 {
            ext.geometry.cluster_sectors
        } else {
            0
        };
        let allocated =
            (u64::from(raw.l_i_blocks_high.get()) << 32) | u64::from(raw.i_blocks_lo.get());
        let flags = InodeFlags::from_bits_retain(raw.i_flags.get());
        let mut block = raw.i_block;
        let is_tree = block.starts_with(&EXTENT_MAGIC.to_le_bytes());
        if is_laid && flags.contains(InodeFlags::EXTENTS) && (!is_tree || ext.fast.is_made(number))
        {
            block = empty_tree();
        }
        Ok(Self {
            number,
            at,
            metadata: metadata(&raw, &extra, &ext.geometry.incompat),
            flags,
            block,
            seed,
            has_blocks: allocated != own,
            attribute_block,
            rest: after
                .get(usize::from(extra_len)..)
                .unwrap_or_default()
                .to_vec(),
        })
    }

    /// The content that is kept in the inode itself (`INLINE_DATA`): in place of the block map,
    /// and after that in an extended attribute.
    pub(super) fn inline_data(&self) -> Result<Vec<u8>, Error> {
        let mut data = self.block.to_vec();
        data.extend_from_slice(self.inline_attribute()?);
        let size = self.metadata.size;
        if size > int::u64_of(data.len()) {
            return Err(self.error(Cause::Value, "i_size", size));
        }
        data.truncate(int::usize_of(size));
        Ok(data)
    }

    /// The extended attributes that stand beside the fixed fields, from the first entry on.
    pub(super) fn attribute_area(&self) -> Option<&[u8]> {
        let (magic, entries) = self.rest.split_first_chunk::<4>()?;
        (u32::from_le_bytes(*magic) == XATTR_MAGIC).then_some(entries)
    }

    /// The part of inline data that is in the attribute; none when it all fits in the inode.
    fn inline_attribute(&self) -> Result<&[u8], Error> {
        let broken = || self.error(Cause::Value, "system.data", 0);
        let Some(area) = self.attribute_area() else {
            return Ok(&[]);
        };
        for entry in Entries::new(area) {
            let (entry, name) = entry.ok_or_else(broken)?;
            if entry.e_name_index == XATTR_INDEX_SYSTEM && name == XATTR_NAME_DATA {
                let start = usize::from(entry.e_value_offs.get());
                let len = int::usize_of(entry.e_value_size.get().into());
                let end = start.saturating_add(len);
                return area.get(start..end).ok_or_else(broken);
            }
        }
        Ok(&[])
    }

    /// The two parts of an inline directory: after the parent's number, and in the attribute.
    pub(super) fn inline_dir(&self) -> Result<[&[u8]; 2], Error> {
        let first = self
            .block
            .get(super::format::INLINE_DOTDOT..MIN_INLINE_DATA)
            .unwrap_or_default();
        Ok([first, self.inline_attribute()?])
    }

    /// Refuses what is encrypted file by file.
    pub(super) fn readable(&self) -> Result<(), Error> {
        if self.flags.contains(InodeFlags::ENCRYPT) {
            let bits = u64::from(self.flags.bits());
            return Err(self.error(Cause::Encrypted, "i_flags", bits));
        }
        Ok(())
    }

    pub(super) fn error(&self, cause: Cause, field: &'static str, found: u64) -> Error {
        Error::new(cause)
            .at(STRUCTURE, self.at)
            .field(field)
            .found(found)
    }
}

/// The root of an extent tree without extents: the magic number, and room for four.
fn empty_tree() -> [u8; 60] {
    let mut block = [0; 60];
    let [low, high] = EXTENT_MAGIC.to_le_bytes();
    let head = [low, high, 0, 0, 4];
    for (to, from) in block.iter_mut().zip(head) {
        *to = from;
    }
    block
}

/// Where an inode is: in the table of its group, which that group's descriptor names.
fn locate(ext: &Ext, number: u32) -> Result<u64, Error> {
    let geometry = &ext.geometry;
    let index = number
        .checked_sub(1)
        .filter(|_| number <= geometry.inodes)
        .ok_or_else(|| {
            Error::new(Cause::OutOfRange)
                .in_structure(STRUCTURE)
                .field("number")
                .found(number)
        })?;
    let group = index.checked_div(geometry.inodes_per_group).unwrap_or(0);
    let within = index.checked_rem(geometry.inodes_per_group).unwrap_or(0);
    let table = inode_table(ext, group)?;
    let within = u64::from(within).saturating_mul(geometry.inode_size.into());
    let block = within.checked_div(geometry.block_size.into()).unwrap_or(0);
    // The block that the inode is in must be one of the filesystem's; an inode lies in one block,
    // since both sizes are powers of two.
    geometry.byte_of(table.saturating_add(block), STRUCTURE)?;
    let table = geometry.byte_of(table, STRUCTURE)?;
    Ok(table.saturating_add(within))
}

/// The first block of a group's inode table, from the descriptor.
fn inode_table(ext: &Ext, group: u32) -> Result<u64, Error> {
    const STRUCTURE: &str = "ext group descriptor";
    let (at, len) = ext.geometry.descriptor(group)?;
    let mut bytes = vec![0; len];
    ext.meta.read_exact_at(&mut bytes, at)?;
    let corrupt = || Error::new(Cause::Value).at(STRUCTURE, at);
    let (desc, _) = GroupDesc::read_from_prefix(&bytes).map_err(|_| corrupt())?;
    if let Some(seed) = ext.geometry.seed {
        let parts = (
            bytes.get(..BG_CHECKSUM_OFFSET),
            bytes.get(BG_CHECKSUM_OFFSET.saturating_add(2)..),
        );
        let (Some(before), Some(after)) = parts else {
            return Err(corrupt());
        };
        let sum = checksum::append(seed, &group.to_le_bytes());
        let sum = checksum::append(checksum::append(sum, before), &[0, 0]);
        let sum = checksum::append(sum, after) & 0xffff;
        let found = desc.bg_checksum.get();
        if sum != u32::from(found) {
            return Err(Error::new(Cause::Checksum)
                .at(STRUCTURE, at)
                .field("bg_checksum")
                .found(found));
        }
    }
    let high = bytes
        .get(BG_INODE_TABLE_HI_OFFSET..)
        .and_then(|rest| rest.first_chunk::<4>())
        .map_or(0, |high| u32::from_le_bytes(*high));
    let block = (u64::from(high) << 32) | u64::from(desc.bg_inode_table_lo.get());
    if block == 0 || block >= ext.geometry.blocks {
        return Err(Error::new(Cause::OutOfRange)
            .at(STRUCTURE, at)
            .field("bg_inode_table")
            .found(block));
    }
    Ok(block)
}

/// The fields after the first 128 bytes, zero where there are none.
fn extra_fields(after: &[u8]) -> ExtraInode {
    let mut extra = ExtraInode::default();
    let Some(len) = after.first_chunk::<2>().map(|len| u16::from_le_bytes(*len)) else {
        return extra;
    };
    let n = usize::from(len)
        .max(2)
        .min(after.len())
        .min(size_of::<ExtraInode>());
    if let (Some(to), Some(from)) = (extra.as_mut_bytes().get_mut(..n), after.get(..n)) {
        to.copy_from_slice(from);
    }
    extra
}

fn verify(
    raw: &RawInode,
    extra: &ExtraInode,
    bytes: &[u8],
    seed: u32,
    at: u64,
) -> Result<(), Error> {
    let has_high = extra.i_extra_isize.get() >= EXTRA_WITH_CHECKSUM;
    let mut covered = bytes.to_vec();
    let mut blank = |offset: usize| {
        if let Some(field) = covered.get_mut(offset..offset.saturating_add(2)) {
            field.fill(0);
        }
    };
    blank(CHECKSUM_LO_OFFSET);
    let mut found = u32::from(raw.l_i_checksum_lo.get());
    let mut mask = 0xffff;
    if has_high {
        blank(CHECKSUM_HI_OFFSET);
        found |= u32::from(extra.i_checksum_hi.get()) << 16;
        mask = u32::MAX;
    }
    if checksum::append(seed, &covered) & mask == found {
        return Ok(());
    }
    Err(Error::new(Cause::Checksum)
        .at(STRUCTURE, at)
        .field("i_checksum")
        .found(found))
}

fn metadata(raw: &RawInode, extra: &ExtraInode, incompat: &Incompat) -> Metadata {
    let mode = raw.i_mode.get();
    let kind = match mode >> 12 {
        0x1 => FileKind::Fifo,
        0x2 => FileKind::CharDevice,
        0x4 => FileKind::Directory,
        0x6 => FileKind::BlockDevice,
        0x8 => FileKind::File,
        0xa => FileKind::Symlink,
        0xc => FileKind::Socket,
        _ => FileKind::Other,
    };
    // For what is not a file, old filesystems keep something else in the upper half.
    let large = kind == FileKind::File || incompat.contains(Incompat::LARGEDIR);
    let high = if large { raw.i_size_high.get() } else { 0 };
    let size = (u64::from(high) << 32) | u64::from(raw.i_size_lo.get());
    let join = |high: u16, low: u16| (u32::from(high) << 16) | u32::from(low);
    let mut metadata = Metadata::new(kind, size);
    metadata.mode = mode & 0o7777;
    metadata.uid = join(raw.l_i_uid_high.get(), raw.i_uid.get());
    metadata.gid = join(raw.l_i_gid_high.get(), raw.i_gid.get());
    // Seconds are signed; two more bits of them and the nanoseconds are in the extra field.
    let seconds = i64::from(raw.i_mtime.get().cast_signed());
    let more = if extra.i_extra_isize.get() >= EXTRA_WITH_MTIME {
        extra.i_mtime_extra.get()
    } else {
        0
    };
    let seconds = seconds.saturating_add(i64::from(more & 3) << 32);
    metadata.mtime = Some((seconds, (more >> 2).min(999_999_999)));
    metadata
}
