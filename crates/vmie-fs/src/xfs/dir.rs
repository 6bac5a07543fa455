//! Directories: in the inode, or in blocks that hold names, of which all but the smallest have an
//! index. The names are read and the index is not, so that it need not be trusted.

use std::sync::OnceLock;

use vmie_io::{Charge, int};

use super::checksum;
use super::file::read_blocks;
use super::format::{
    DIR_ALIGN, DIR_FREE_TAG, DIR_LEAF_OFFSET, DIR2_BLOCK_MAGIC, DIR2_DATA_MAGIC, DIR2_HEADER,
    DIR3_BLOCK_MAGIC, DIR3_CRC_OFFSET, DIR3_DATA_MAGIC, DIR3_HEADER, FORMAT_LOCAL,
};
use super::inode::Inode;
use super::map::Map;
use super::open::Xfs;
use crate::{Cause, Error, FileKind};

const STRUCTURE: &str = "XFS directory entry";
const BLOCK: &str = "XFS directory block";

/// A name in a directory.
#[derive(Clone, Copy, Debug)]
struct Name {
    start: u32,
    len: u8,
    /// As the directory says; `None` where it does not.
    kind: Option<FileKind>,
    inode: u64,
}

/// A directory as it was read, whole.
#[derive(Debug)]
pub(super) struct Dir {
    bytes: Vec<u8>,
    names: Vec<Name>,
    /// Numbers of names, in the order of the names' bytes; made when first asked for.
    sorted: OnceLock<Vec<u32>>,
    any_case: bool,
    _charge: Vec<Charge>,
}

/// What a name costs besides its bytes: itself, and its place in the order of names.
const NAME_COST: u64 = 32;
/// Blocks are charged as this many bytes a step, so that the default limit stops a directory of
/// repeated blocks after some seconds.
const BYTES_PER_STEP_LOG: u32 = 9;

impl Dir {
    /// Reads the directory that `inode` is.
    pub(super) fn read(xfs: &Xfs, inode: &Inode) -> Result<Self, Error> {
        inode.readable(xfs)?;
        let mut reader = Reader {
            xfs,
            inode,
            bytes: Vec::new(),
            names: Vec::new(),
            charges: Vec::new(),
            cost: 0,
        };
        if inode.data.format == FORMAT_LOCAL {
            reader.short_form()?;
        } else {
            reader.blocks()?;
        }
        Ok(Self {
            bytes: reader.bytes,
            names: reader.names,
            sorted: OnceLock::new(),
            any_case: xfs.geometry.any_case,
            _charge: reader.charges,
        })
    }

    /// The inode that a name stands for.
    pub(super) fn get(&self, name: &[u8]) -> Option<u64> {
        let sorted = self.sorted.get_or_init(|| {
            let count = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
            let mut order: Vec<u32> = (0..count).collect();
            order.sort_by(|a, b| self.nth(*a).0.cmp(self.nth(*b).0));
            order
        });
        let first = sorted.partition_point(|i| self.nth(*i).0 < name);
        let (found, inode) = sorted.get(first).map(|i| self.nth(*i))?;
        if found == name {
            return Some(inode);
        }
        None
    }

    /// As [`Dir::get`], and in a filesystem that takes any case, that too.
    pub(super) fn lookup(&self, name: &[u8]) -> Option<u64> {
        self.get(name).or_else(|| {
            let mut names = self.iter();
            let same = |other: &[u8]| same_in_any_case(other, name);
            self.any_case
                .then(|| names.find(|(other, ..)| same(other)))?
                .map(|(_, inode, _)| inode)
        })
    }

    fn nth(&self, index: u32) -> (&[u8], u64) {
        let name = self.names.get(int::usize_of(index.into()));
        name.map_or((&[], 0), |name| (self.text(name), name.inode))
    }

    fn text(&self, name: &Name) -> &[u8] {
        let start = int::usize_of(name.start.into());
        let end = start.saturating_add(name.len.into());
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// How many names there are.
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// Name, inode, and kind where it is told.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], u64, Option<FileKind>)> {
        self.names
            .iter()
            .map(|name| (self.text(name), name.inode, name.kind))
    }
}

/// Letters of ISO 8859-1, as the feature has them.
fn same_in_any_case(a: &[u8], b: &[u8]) -> bool {
    let lower = |byte: &u8| match byte {
        b'A'..=b'Z' | 0xc0..=0xd6 | 0xd8..=0xde => byte | 0x20,
        _ => *byte,
    };
    a.len() == b.len() && a.iter().map(lower).eq(b.iter().map(lower))
}

struct Reader<'a> {
    xfs: &'a Xfs,
    inode: &'a Inode,
    bytes: Vec<u8>,
    names: Vec<Name>,
    charges: Vec<Charge>,
    /// Bytes of names that are not charged yet.
    cost: u64,
}

impl Reader<'_> {
    /// The entries after `count`, `i8count` and the parent.
    fn short_form(&mut self) -> Result<(), Error> {
        let inode = self.inode;
        let broken = |found: u64| inode.error(Cause::DirEntry, "namelen", found);
        let size = int::usize_of(inode.metadata.size);
        let fork = inode.data.bytes.get(..size);
        let fork = fork.ok_or_else(|| inode.error(Cause::Value, "di_size", int::u64_of(size)))?;
        let [count, wide, rest @ ..] = fork else {
            return Err(broken(0));
        };
        let number_len = if *wide == 0 { 4 } else { 8 };
        let mut rest = rest.get(number_len..).ok_or_else(|| broken(0))?;
        let number_of = |bytes: &[u8]| {
            bytes
                .iter()
                .fold(0u64, |number, byte| (number << 8) | u64::from(*byte))
        };
        let typed = usize::from(self.xfs.geometry.file_types);
        for _ in 0..*count {
            let [len, _, _, after @ ..] = rest else {
                return Err(broken(0));
            };
            let name_len = usize::from(*len);
            let error = || broken(u64::from(*len));
            let (name, after) = after.split_at_checked(name_len).ok_or_else(error)?;
            let (file_type, after) = after.split_at_checked(typed).ok_or_else(error)?;
            let (number, after) = after.split_at_checked(number_len).ok_or_else(error)?;
            let kind = file_type.first().and_then(|byte| kind(*byte));
            self.add(name, number_of(number), kind, inode.at)?;
            rest = after;
        }
        self.charge()
    }

    /// All blocks before the index.
    fn blocks(&mut self) -> Result<(), Error> {
        let geometry = &self.xfs.geometry;
        let per_block = 1u64 << geometry.dir_block_log.saturating_sub(geometry.block_log);
        let end = DIR_LEAF_OFFSET >> geometry.block_log;
        let mut bytes = vec![0; 1 << geometry.dir_block_log];
        let mut map = Map::default();
        let fork = &self.inode.data;
        let mut at = 0u64;
        while at < end {
            let run = map.run(self.xfs, self.inode, fork, at)?;
            if run.block.is_none() {
                // A hole ends where a block of the directory starts.
                let skip = run.len.checked_next_multiple_of(per_block);
                at = at.saturating_add(skip.unwrap_or(u64::MAX));
                continue;
            }
            let steps = 1u64 << geometry.dir_block_log.saturating_sub(BYTES_PER_STEP_LOG);
            self.xfs.budget.work("directory block", steps)?;
            let place = read_blocks(self.xfs, self.inode, fork, &mut map, at, &mut bytes)?;
            self.block(&bytes, place)?;
            at = at.saturating_add(per_block);
        }
        Ok(())
    }

    fn block(&mut self, bytes: &[u8], at: u64) -> Result<(), Error> {
        let error = |cause, field, found: u64| {
            Err(Error::new(cause).at(BLOCK, at).field(field).found(found))
        };
        let word = |from: usize| int::u64_of(from).saturating_add(at);
        let magic = bytes.first_chunk().map_or(0, |m| u32::from_be_bytes(*m));
        let (checksums, single) = match magic {
            DIR2_BLOCK_MAGIC => (false, true),
            DIR2_DATA_MAGIC => (false, false),
            DIR3_BLOCK_MAGIC => (true, true),
            DIR3_DATA_MAGIC => (true, false),
            _ => return error(Cause::Magic, "magic", magic.into()),
        };
        if checksums != self.xfs.geometry.checksums {
            return error(Cause::Magic, "magic", magic.into());
        }
        let known = self.xfs.is_recovered(at, int::u64_of(bytes.len()));
        if checksums && !known && !checksum::fits(bytes, DIR3_CRC_OFFSET) {
            let found = checksum::found(bytes, DIR3_CRC_OFFSET).into();
            return error(Cause::Checksum, "crc", found);
        }
        let start = if checksums { DIR3_HEADER } else { DIR2_HEADER };
        let mut end = bytes.len();
        if single {
            // The index of a lone block is at its end, and after it the number of its entries.
            let tail = end.saturating_sub(8);
            let count = bytes.get(tail..).and_then(|tail| tail.first_chunk());
            let count = count.map_or(0, |count| u32::from_be_bytes(*count));
            let index = int::usize_of(u64::from(count).saturating_mul(8));
            match tail.checked_sub(index).filter(|end| *end >= start) {
                Some(before) => end = before,
                None => return error(Cause::Value, "count", count.into()),
            }
        }
        let mut offset = start;
        while offset < end {
            let entry = bytes.get(offset..end).unwrap_or_default();
            let taken = self.entry(entry, word(offset))?;
            offset = offset.saturating_add(taken);
        }
        self.charge()
    }

    /// The entry or the free space at the start of `bytes`; says how long it is, at least eight.
    fn entry(&mut self, bytes: &[u8], at: u64) -> Result<usize, Error> {
        let error = |field, found: u64| {
            Error::new(Cause::DirEntry)
                .at(STRUCTURE, at)
                .field(field)
                .found(found)
        };
        let (head, after) = bytes
            .split_first_chunk::<8>()
            .ok_or_else(|| error("length", 0))?;
        let [a, b, c, d, ..] = *head;
        if u16::from_be_bytes([a, b]) == DIR_FREE_TAG {
            let length = usize::from(u16::from_be_bytes([c, d]));
            let fits =
                length >= DIR_ALIGN && length.is_multiple_of(DIR_ALIGN) && length <= bytes.len();
            // A block of 64 KiB that is all free would not fit in the field; there is none.
            return match fits {
                true => Ok(length),
                false => Err(error("length", int::u64_of(length))),
            };
        }
        let number = u64::from_be_bytes(*head);
        let (len, after) = after.split_first().ok_or_else(|| error("namelen", 0))?;
        let name_len = usize::from(*len);
        let typed = usize::from(self.xfs.geometry.file_types);
        // Number, length, name, type, tag.
        let length = name_len
            .saturating_add(typed)
            .saturating_add(11)
            .next_multiple_of(DIR_ALIGN);
        if length > bytes.len() || name_len == 0 {
            return Err(error("namelen", u64::from(*len)));
        }
        let name = after.get(..name_len).unwrap_or_default();
        let kind = match typed {
            0 => None,
            _ => after.get(name_len).and_then(|byte| kind(*byte)),
        };
        self.add(name, number, kind, at)?;
        Ok(length)
    }

    fn add(
        &mut self,
        name: &[u8],
        inode: u64,
        kind: Option<FileKind>,
        at: u64,
    ) -> Result<(), Error> {
        self.xfs.budget.work("directory entry", 1)?;
        let error = Error::new(Cause::DirEntry).at(STRUCTURE, at);
        if name.is_empty() || name.iter().any(|b| matches!(b, 0 | b'/')) {
            return Err(error.field("name").found(name));
        }
        if name == b"." || name == b".." {
            return Ok(());
        }
        if self.xfs.geometry.inode_at(inode).is_none() {
            return Err(error.field("inumber").found(inode));
        }
        let start = u32::try_from(self.bytes.len());
        let (Ok(start), Ok(len)) = (start, u8::try_from(name.len())) else {
            return Err(Error::new(Cause::Limit).at(STRUCTURE, at));
        };
        let cost = NAME_COST.saturating_add(len.into());
        self.cost = self.cost.saturating_add(cost);
        self.bytes.extend_from_slice(name);
        self.names.push(Name {
            start,
            len,
            kind,
            inode,
        });
        Ok(())
    }

    fn charge(&mut self) -> Result<(), Error> {
        let cost = std::mem::take(&mut self.cost);
        if cost > 0 {
            // Vectors grow by doubling.
            let cost = cost.saturating_mul(2);
            let charge = self.xfs.budget.memory("directory", cost)?;
            self.charges.push(charge);
        }
        Ok(())
    }
}

/// `ftype`.
fn kind(file_type: u8) -> Option<FileKind> {
    match file_type {
        1 => Some(FileKind::File),
        2 => Some(FileKind::Directory),
        3 => Some(FileKind::CharDevice),
        4 => Some(FileKind::BlockDevice),
        5 => Some(FileKind::Fifo),
        6 => Some(FileKind::Socket),
        7 => Some(FileKind::Symlink),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_case_is_that_of_latin_1() {
        assert!(same_in_any_case(b"ABC\xc4", b"abc\xe4"));
        assert!(!same_in_any_case(b"\xd7", b"\xf7"));
        assert!(!same_in_any_case(b"@", b"`"));
        assert!(!same_in_any_case(b"a", b"ab"));
    }
}
