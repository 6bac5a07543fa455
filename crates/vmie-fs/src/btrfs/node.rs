//! One node of a tree ("B-tree").

use vmie_io::int;

use super::format::{
    BtrfsDiskKey, BtrfsHeader, BtrfsItem, BtrfsKeyPtr, HEADER_SIZE, ITEM_SIZE, KEY_PTR_SIZE, Key,
    MAX_LEVEL, split,
};
use crate::{Cause, Error};

const STRUCTURE: &str = "Btrfs node";

/// A node whose entries have been checked: their keys ascend, and what they name lies in it.
pub(super) struct TreeNode {
    bytes: Box<[u8]>,
    pub(super) level: u8,
    pub(super) count: usize,
    pub(super) generation: u64,
    pub(super) owner: u64,
    /// The byte of the first device that it was read from.
    pub(super) physical: u64,
}

/// What leads to a node, and what the node must therefore be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    pub(super) bytenr: u64,
    pub(super) level: u8,
    pub(super) generation: u64,
    /// The first key, when the parent says it.
    pub(super) first: Option<Key>,
}

impl TreeNode {
    /// Checks a node whose checksum is right.
    pub(super) fn new(bytes: Vec<u8>, bytenr: u64, physical: u64) -> Result<Self, Error> {
        let wrong = |cause, name, within: u64, found: u64| {
            Error::new(cause)
                .at(STRUCTURE, physical.saturating_add(within))
                .field(name)
                .found(found)
        };
        let (header, _) = split::<BtrfsHeader>(&bytes)
            .ok_or_else(|| wrong(Cause::Value, "nodesize", 0, int::u64_of(bytes.len())))?;
        if header.bytenr.get() != bytenr {
            return Err(wrong(Cause::Tree, "bytenr", 48, header.bytenr.get()));
        }
        if header.level > MAX_LEVEL {
            return Err(wrong(Cause::Value, "level", 100, header.level.into()));
        }
        let entry = if header.level == 0 {
            ITEM_SIZE
        } else {
            KEY_PTR_SIZE
        };
        let room = bytes.len().saturating_sub(HEADER_SIZE);
        let count = int::usize_of(header.nritems.get().into());
        let table = count.checked_mul(entry).filter(|table| *table <= room);
        let Some(table) = table.filter(|_| count > 0 || header.level == 0) else {
            return Err(wrong(
                Cause::Value,
                "nritems",
                96,
                header.nritems.get().into(),
            ));
        };
        let node = Self {
            level: header.level,
            count,
            generation: header.generation.get(),
            owner: header.owner.get(),
            physical,
            bytes: bytes.into(),
        };
        node.check(table, room).map_err(|(cause, name, index)| {
            let at = HEADER_SIZE.saturating_add(index.saturating_mul(entry));
            wrong(cause, name, int::u64_of(at), int::u64_of(index))
        })?;
        Ok(node)
    }

    fn check(&self, table: usize, room: usize) -> Result<(), (Cause, &'static str, usize)> {
        let mut last = None;
        for index in 0..self.count {
            let key = self.key(index);
            if last.is_some() && key <= last {
                return Err((Cause::Tree, "key", index));
            }
            last = key;
            if self.level > 0 {
                continue;
            }
            let Some(item) = self.entry::<BtrfsItem>(index, ITEM_SIZE) else {
                return Err((Cause::Value, "offset", index));
            };
            let start = int::usize_of(item.offset.get().into());
            let end = start.saturating_add(int::usize_of(item.size.get().into()));
            if start < table || end > room {
                return Err((Cause::Value, "offset", index));
            }
        }
        Ok(())
    }

    /// Whether it is what leads to it says, and belongs to the tree.
    pub(super) fn answers(&self, link: &Link, tree: u64) -> Result<(), Error> {
        let wrong = |cause, name, within: u64, found: u64| {
            Error::new(cause)
                .at(STRUCTURE, self.physical.saturating_add(within))
                .field(name)
                .found(found)
        };
        if self.generation != link.generation {
            return Err(wrong(Cause::Generation, "generation", 80, self.generation));
        }
        if self.level != link.level {
            return Err(wrong(Cause::Tree, "level", 100, self.level.into()));
        }
        // Snapshots share nodes, so that one of a subvolume may be another subvolume's.
        let shared = super::format::is_subvolume(tree) && super::format::is_subvolume(self.owner);
        if self.owner != tree && !shared {
            return Err(wrong(Cause::Tree, "owner", 88, self.owner));
        }
        if link.first.is_some() && self.key(0) != link.first {
            return Err(wrong(Cause::Tree, "key", int::u64_of(HEADER_SIZE), 0));
        }
        Ok(())
    }

    fn entry<T>(&self, index: usize, size: usize) -> Option<T>
    where
        T: zerocopy::FromBytes + zerocopy::KnownLayout + zerocopy::Immutable + zerocopy::Unaligned,
    {
        let at = index.checked_mul(size)?.checked_add(HEADER_SIZE)?;
        let bytes = self.bytes.get(at..)?;
        Some(split::<T>(bytes)?.0)
    }

    /// The key of an entry; `None` past the last.
    pub(super) fn key(&self, index: usize) -> Option<Key> {
        if index >= self.count {
            return None;
        }
        let size = if self.level == 0 {
            ITEM_SIZE
        } else {
            KEY_PTR_SIZE
        };
        self.entry::<BtrfsDiskKey>(index, size).map(Key::from)
    }

    /// What a leaf has under its entry.
    pub(super) fn data(&self, index: usize) -> Option<&[u8]> {
        if self.level > 0 || index >= self.count {
            return None;
        }
        let item = self.entry::<BtrfsItem>(index, ITEM_SIZE)?;
        let start = HEADER_SIZE.checked_add(int::usize_of(item.offset.get().into()))?;
        let end = start.checked_add(int::usize_of(item.size.get().into()))?;
        self.bytes.get(start..end)
    }

    /// The byte of the device at which a leaf's data of an entry starts.
    pub(super) fn data_at(&self, index: usize) -> u64 {
        let item = self.entry::<BtrfsItem>(index, ITEM_SIZE);
        let within = item.map_or(0, |item| item.offset.get());
        self.physical
            .saturating_add(int::u64_of(HEADER_SIZE))
            .saturating_add(within.into())
    }

    /// Where an entry of an inner node leads to.
    pub(super) fn child(&self, index: usize) -> Option<Link> {
        let level = self.level.checked_sub(1).filter(|_| index < self.count)?;
        let pointer = self.entry::<BtrfsKeyPtr>(index, KEY_PTR_SIZE)?;
        Some(Link {
            bytenr: pointer.blockptr.get(),
            level,
            generation: pointer.generation.get(),
            first: Some(pointer.key.into()),
        })
    }

    /// The last entry whose key is not above `key`; the first when all are.
    pub(super) fn at_or_before(&self, key: &Key) -> usize {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low.midpoint(high);
            if self.key(middle).is_some_and(|found| found <= *key) {
                low = middle.saturating_add(1);
            } else {
                high = middle;
            }
        }
        low.saturating_sub(1)
    }
}
