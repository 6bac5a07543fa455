//! Directories: a B+tree of names in 16-bit characters, in slots of 32 bytes.

use std::collections::HashSet;

use vmie_io::{Charge, ReadAt, int};
use zerocopy::FromBytes;

use super::format::{
    Flags, LEAF_NAME, LEAF_NAME_LEGACY, LEAF_NAME_OFFSET, PAGE, PageFlags, Pxd, ROOT_STBL, SLOT,
    SLOT_NAME, SLOT_NAME_OFFSET, STBLINDEX,
};
use super::inode::Inode;
use super::open::Jfs;
use crate::{Cause, Error};

const STRUCTURE: &str = "JFS directory page";

/// A directory as it was read, whole: names in the order of the tree, and inodes.
#[derive(Debug)]
pub(super) struct Dir {
    pub(super) names: Vec<(Vec<u8>, u32)>,
    /// Places in `names`, in the order of the names' bytes.
    sorted: Vec<usize>,
    any_case: bool,
    _charge: Vec<Charge>,
}

/// What a name costs besides its bytes.
const NAME_COST: u64 = 64;

impl Dir {
    /// Reads the directory that `inode` is: down to the first leaf, then from each leaf to the next, as Linux lists
    /// a directory. In one that was being written, a new page may hang on its neighbour and not yet on the tree.
    pub(super) fn read(jfs: &Jfs, inode: &Inode) -> Result<Self, Error> {
        let mut reader = Reader {
            jfs,
            names: Vec::new(),
            charges: Vec::new(),
        };
        let root = &inode.raw.di_data;
        let stbl = root.get(ROOT_STBL).unwrap_or_default();
        let at = inode.at.saturating_add(224);
        let mut next = match reader.page(root, stbl, at)? {
            Some(below) => Some(reader.below(below, at)?),
            None => None,
        };
        let mut visited = HashSet::new();
        while let Some((at, len)) = next {
            if !visited.insert(at) {
                return Err(reader.error(at, Cause::Cycle, "next", at >> jfs.block_log));
            }
            jfs.budget.work("directory page", 8)?;
            let mut bytes = vec![0; len];
            jfs.meta.read_exact_at(&mut bytes, at)?;
            let index = usize::from(bytes.get(STBLINDEX).copied().unwrap_or(0));
            let stbl = bytes.get(index.saturating_mul(SLOT)..).unwrap_or_default();
            let count = bytes.get(17).map_or(0, |count| usize::from(*count));
            let stbl = stbl
                .get(..count)
                .ok_or_else(|| reader.error(at, Cause::Value, "stblindex", int::u64_of(index)))?
                .to_vec();
            next = match reader.page(&bytes, &stbl, at)? {
                Some(below) => Some(reader.below(below, at)?),
                None => reader.following(&bytes, at)?,
            };
        }
        let Reader { names, charges, .. } = reader;
        let mut sorted: Vec<usize> = (0..names.len()).collect();
        sorted.sort_by(|a, b| names.get(*a).cmp(&names.get(*b)));
        Ok(Self {
            names,
            sorted,
            any_case: jfs.flags.contains(Flags::OS2),
            _charge: charges,
        })
    }

    /// The inode that a name stands for.
    pub(super) fn get(&self, name: &[u8]) -> Option<u32> {
        let nth = |i: &usize| self.names.get(*i);
        let first = self
            .sorted
            .partition_point(|i| nth(i).is_some_and(|(other, _)| other.as_slice() < name));
        let exact = self.sorted.get(first).and_then(nth);
        if let Some((_, inode)) = exact.filter(|(found, _)| found == name) {
            return Some(*inode);
        }
        if !self.any_case {
            return None;
        }
        let wanted = String::from_utf8_lossy(name).to_uppercase();
        self.names
            .iter()
            .find(|(other, _)| String::from_utf8_lossy(other).to_uppercase() == wanted)
            .map(|(_, inode)| *inode)
    }
}

struct Reader<'a> {
    jfs: &'a Jfs,
    names: Vec<(Vec<u8>, u32)>,
    charges: Vec<Charge>,
}

impl Reader<'_> {
    fn error(&self, at: u64, cause: Cause, field: &'static str, found: u64) -> Error {
        Error::new(cause)
            .at(STRUCTURE, at)
            .field(field)
            .found(found)
    }

    /// Where a page below `at` is, and its bytes: a small directory of small blocks has less than 4 KiB.
    fn below(&self, pxd: Pxd, at: u64) -> Result<(u64, usize), Error> {
        let place = self.jfs.byte_of(pxd, STRUCTURE, at)?;
        Ok((place, int::min_usize(pxd.len() << self.jfs.block_log, PAGE)))
    }

    /// The leaf after the one at `at`; the last one has none. Pages that have neighbours are whole ones.
    fn following(&self, page: &[u8], at: u64) -> Result<Option<(u64, usize)>, Error> {
        let next = page
            .first_chunk()
            .map_or(0, |next| u64::from_le_bytes(*next));
        if next == 0 {
            return Ok(None);
        }
        if next >= self.jfs.blocks {
            return Err(self.error(at, Cause::OutOfRange, "next", next));
        }
        Ok(Some((next << self.jfs.block_log, PAGE)))
    }

    /// A page, or the root; `stbl` says in which slots its entries start. A leaf's names are taken; of an inner
    /// page, the first of those below it is told.
    fn page(&mut self, bytes: &[u8], stbl: &[u8], at: u64) -> Result<Option<Pxd>, Error> {
        let [flag, count] = [16, 17].map(|i: usize| bytes.get(i).copied().unwrap_or(0));
        let flags = PageFlags::from_bits_retain(flag);
        if flags.contains(PageFlags::LEAF) == flags.contains(PageFlags::INTERNAL) {
            return Err(self.error(at, Cause::Value, "flag", flag.into()));
        }
        let slots = stbl
            .get(..usize::from(count))
            .filter(|slots| !slots.is_empty() || flags.contains(PageFlags::LEAF))
            .ok_or_else(|| self.error(at, Cause::Value, "nextindex", count.into()))?;
        for slot in slots {
            let wrong = || self.error(at, Cause::DirEntry, "stbl", u64::from(*slot));
            let entry = slot_of(bytes, *slot).ok_or_else(wrong)?;
            if flags.contains(PageFlags::INTERNAL) {
                let (pxd, _) = Pxd::read_from_prefix(entry).map_err(|_| wrong())?;
                return Ok(Some(pxd));
            }
            self.jfs.budget.work("directory entry", 1)?;
            let number = entry.first_chunk().map_or(0, |n| u32::from_le_bytes(*n));
            let name = self.name(bytes, entry).ok_or_else(wrong)?;
            if name.is_empty() || name.iter().any(|b| matches!(b, 0 | b'/')) {
                return Err(self.error(at, Cause::DirEntry, "name", u64::from(*slot)));
            }
            let cost = NAME_COST.saturating_add(int::u64_of(name.len()));
            self.charges
                .push(self.jfs.budget.memory("directory", cost)?);
            self.names.push((name, number));
        }
        Ok(None)
    }

    /// A name, whose characters go on from slot to slot.
    fn name(&self, page: &[u8], entry: &[u8]) -> Option<Vec<u8>> {
        let first = if self.jfs.flags.contains(Flags::DIR_INDEX) {
            LEAF_NAME
        } else {
            LEAF_NAME_LEGACY
        };
        let (mut next, mut left) = (*entry.get(4)?, usize::from(*entry.get(5)?));
        let mut units = Vec::with_capacity(left);
        let mut take = |from: &[u8], start: usize, most: usize, left: &mut usize| -> Option<()> {
            let n = most.min(*left);
            let bytes = from.get(start..start.checked_add(n.checked_mul(2)?)?)?;
            units.extend(
                bytes
                    .as_chunks::<2>()
                    .0
                    .iter()
                    .map(|c| u16::from_le_bytes(*c)),
            );
            *left = left.checked_sub(n)?;
            Some(())
        };
        take(entry, LEAF_NAME_OFFSET, first, &mut left)?;
        // Each slot takes some of what is left.
        while left > 0 {
            let slot = slot_of(page, next)?;
            take(slot, SLOT_NAME_OFFSET, SLOT_NAME, &mut left)?;
            next = *slot.first()?;
        }
        Some(text(&units))
    }
}

fn slot_of(page: &[u8], slot: u8) -> Option<&[u8]> {
    // Slots are numbered by signed bytes, and the first is the header.
    if slot == 0 || slot > 127 {
        return None;
    }
    let start = usize::from(slot).checked_mul(SLOT)?;
    page.get(start..start.checked_add(SLOT)?)
}

/// Linux stores a name byte by byte unless it is told a character set, so that a name of nothing but
/// bytes is one; anything else is UTF-16.
fn text(units: &[u16]) -> Vec<u8> {
    let bytes: Option<Vec<u8>> = units.iter().map(|unit| u8::try_from(*unit).ok()).collect();
    bytes.unwrap_or_else(|| String::from_utf16_lossy(units).into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bytes_or_utf_16() {
        assert_eq!(text(&[0x61, 0xc3, 0xa9]), "aé".as_bytes());
        assert_eq!(text(&[0x61, 0xe9, 0x65e5]), "aé日".as_bytes());
    }
}
