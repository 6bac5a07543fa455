//! The superblock, the best of its copies, and what it promises.

use vmie_io::{ReadAt, ReadAtExt, int};
use zerocopy::FromBytes;

use super::checksum::Checksum;
use super::format::{
    BTRFS_MAGIC, BTRFS_SUPER_FLAG_CHANGING_FSID, BTRFS_SUPER_FLAG_METADUMP, BtrfsSuperBlock,
    Incompat, MAX_BLOCK, MAX_LEVEL, MIN_BLOCK, SUPER_OFFSETS, SUPER_SIZE, SYS_CHUNK_ARRAY,
    SYS_CHUNK_ARRAY_SIZE,
};
use crate::{Cause, Error};

const STRUCTURE: &str = "Btrfs superblock";

/// A superblock that has been checked. Block sizes are powers of two from 4 KiB to 64 KiB, levels
/// are at most 7.
#[derive(Clone)]
pub(super) struct Superblock {
    /// The byte of the device that it was read at.
    pub(super) at: u64,
    pub(super) raw: BtrfsSuperBlock,
    pub(super) checksum: Checksum,
    pub(super) incompat: Incompat,
    /// The chunks that hold the chunk tree, as they stand in the superblock.
    pub(super) sys_chunks: Vec<u8>,
}

impl Superblock {
    /// The valid copy with the highest generation.
    ///
    /// A copy of another filesystem, which was there before, does not count as long as the primary
    /// superblock is sound. When none is sound, the error is that of the primary.
    pub(super) fn read(volume: &dyn ReadAt) -> Result<Self, Error> {
        let mut best: Option<Self> = None;
        let mut first = None;
        for at in SUPER_OFFSETS {
            let end = at.saturating_add(int::u64_of(SUPER_SIZE));
            if at != SUPER_OFFSETS[0] && end > volume.len() {
                break;
            }
            match Self::read_at(volume, at) {
                Ok(found) => {
                    let better = best.as_ref().is_none_or(|best| {
                        found.generation() > best.generation() && found.raw.fsid == best.raw.fsid
                    });
                    if better {
                        best = Some(found);
                    }
                }
                Err(error) => first = first.or(Some(error)),
            }
        }
        match (best, first) {
            (Some(best), _) => best.checked(),
            (None, Some(error)) => Err(error),
            (None, None) => Err(Error::new(Cause::Magic).in_structure(STRUCTURE)),
        }
    }

    fn read_at(volume: &dyn ReadAt, at: u64) -> Result<Self, Error> {
        let bytes = volume.read_array::<SUPER_SIZE>(at)?;
        let (raw, _) = BtrfsSuperBlock::read_from_prefix(&bytes)
            .map_err(|_| Error::new(Cause::Value).at(STRUCTURE, at))?;
        let wrong = |cause, name, within: u64| {
            Error::new(cause)
                .at(STRUCTURE, at.saturating_add(within))
                .field(name)
        };
        if raw.magic != BTRFS_MAGIC {
            return Err(wrong(Cause::Magic, "magic", 0x40).found(raw.magic.as_slice()));
        }
        let csum_type = raw.csum_type.get();
        let checksum = Checksum::new(csum_type)
            .ok_or_else(|| wrong(Cause::Feature, "csum_type", 0xc4).found(csum_type))?;
        if !checksum.is_sealed(&bytes) {
            let found = raw.csum.get(..checksum.size()).unwrap_or_default();
            return Err(wrong(Cause::Checksum, "csum", 0).found(found));
        }
        if raw.bytenr.get() != at {
            return Err(wrong(Cause::Value, "bytenr", 0x30).found(raw.bytenr.get()));
        }
        let size = int::usize_of(raw.sys_chunk_array_size.get().into());
        let array = bytes.get(SYS_CHUNK_ARRAY..).unwrap_or_default();
        let array = array.get(..size).filter(|_| size <= SYS_CHUNK_ARRAY_SIZE);
        let sys_chunks = array
            .ok_or_else(|| wrong(Cause::Value, "sys_chunk_array_size", 0xa0).found(size))?
            .to_vec();
        Ok(Self {
            at,
            raw,
            checksum,
            incompat: Incompat::from_bits_retain(raw.incompat_flags.get()),
            sys_chunks,
        })
    }

    fn checked(self) -> Result<Self, Error> {
        let raw = &self.raw;
        let unread = self.incompat.difference(Incompat::READ);
        if !unread.is_empty() {
            return Err(self.error(Cause::Feature, "incompat_flags", 0xbc, unread.bits()));
        }
        let flags = raw.flags.get();
        if flags & (BTRFS_SUPER_FLAG_CHANGING_FSID | BTRFS_SUPER_FLAG_METADUMP) != 0 {
            return Err(self.error(Cause::Feature, "flags", 0x38, flags));
        }
        for (name, within, value) in [
            ("sectorsize", 0x90, raw.sectorsize.get()),
            ("nodesize", 0x94, raw.nodesize.get()),
        ] {
            if !(MIN_BLOCK..=MAX_BLOCK).contains(&value) || !value.is_power_of_two() {
                return Err(self.error(Cause::Value, name, within, value.into()));
            }
        }
        if raw.nodesize.get() < raw.sectorsize.get() {
            return Err(self.error(Cause::Value, "nodesize", 0x94, raw.nodesize.get().into()));
        }
        for (name, within, level) in [
            ("root_level", 0xc6, raw.root_level),
            ("chunk_root_level", 0xc7, raw.chunk_root_level),
        ] {
            if level > MAX_LEVEL {
                return Err(self.error(Cause::Value, name, within, level.into()));
            }
        }
        Ok(self)
    }

    /// An error about a field, which stands at `within`.
    pub(super) fn error(&self, cause: Cause, name: &'static str, within: u64, found: u64) -> Error {
        Error::new(cause)
            .at(STRUCTURE, self.at.saturating_add(within))
            .field(name)
            .found(found)
    }

    pub(super) fn generation(&self) -> u64 {
        self.raw.generation.get()
    }

    /// The UUID that nodes carry: another than the filesystem's when that was changed.
    pub(super) fn metadata_uuid(&self) -> [u8; 16] {
        if self.incompat.contains(Incompat::METADATA_UUID) {
            self.raw.metadata_uuid
        } else {
            self.raw.fsid
        }
    }
}
