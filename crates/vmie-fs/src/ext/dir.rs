//! Directories.

use std::collections::HashMap;
use std::sync::OnceLock;

use vmie_io::{Charge, ReadAt, int};
use zerocopy::FromBytes;

use super::checksum;
use super::format::{DIR_TAIL, DIR_TAIL_FILE_TYPE, DirEntry2, Incompat, InodeFlags};
use super::inode::Inode;
use super::map::Map;
use super::open::Ext;
use crate::{Cause, Error, FileKind};

const STRUCTURE: &str = "ext directory entry";

/// A name in a directory.
#[derive(Debug)]
pub(super) struct Name {
    pub(super) bytes: Box<[u8]>,
    pub(super) inode: u32,
    /// As the directory says; `None` where it does not.
    pub(super) kind: Option<FileKind>,
}

/// A directory as it was read, whole: looking up names then costs nothing, and no hash of the
/// directory's own index has to be trusted or even known.
#[derive(Debug)]
pub(super) struct Dir {
    pub(super) names: Vec<Name>,
    /// Made when the first name is looked up: who only lists does without.
    by_name: OnceLock<HashMap<Box<[u8]>, u32>>,
    _charge: Vec<Charge>,
}

/// What a name costs besides its bytes, twice: a boxed slice, a number and a kind, in a vector and
/// in a map.
const NAME_COST: u64 = 120;

impl Dir {
    /// Reads the directory that `inode` is.
    pub(super) fn read(ext: &Ext, inode: &Inode) -> Result<Self, Error> {
        inode.readable()?;
        let mut reader = Reader {
            ext,
            inode,
            names: Vec::new(),
            charges: Vec::new(),
            cost: 0,
        };
        if inode.flags.contains(InodeFlags::INLINE_DATA) {
            for part in inode.inline_dir()? {
                reader.entries(part, inode.at, false)?;
            }
        } else {
            reader.blocks()?;
        }
        let Reader { names, charges, .. } = reader;
        Ok(Self {
            names: ext.fast.names(inode.number, names),
            by_name: OnceLock::new(),
            _charge: charges,
        })
    }

    /// The inode that a name stands for.
    pub(super) fn get(&self, name: &[u8]) -> Option<u32> {
        // The first of two equal names counts, as it does for the kernel.
        let by_name = self.by_name.get_or_init(|| {
            let names = self.names.iter().rev();
            names.map(|name| (name.bytes.clone(), name.inode)).collect()
        });
        by_name.get(name).copied()
    }
}

struct Reader<'a> {
    ext: &'a Ext,
    inode: &'a Inode,
    names: Vec<Name>,
    charges: Vec<Charge>,
    /// Bytes of names that are not charged yet.
    cost: u64,
}

/// Blocks are charged as this many bytes a step, so that the default limit stops a directory of
/// repeated blocks after some seconds.
const BYTES_PER_STEP: u64 = 512;

impl Reader<'_> {
    fn blocks(&mut self) -> Result<(), Error> {
        let geometry = &self.ext.geometry;
        let block_size = u64::from(geometry.block_size);
        let count = self.inode.metadata.size.div_ceil(block_size);
        let mut map = Map::new();
        let mut bytes = vec![0; geometry.block_len()];
        let mut at = 0;
        while at < count {
            let run = map.run(self.ext, self.inode, at)?;
            let len = run.len.min(count.saturating_sub(at)).max(1);
            if let Some(first) = run.block {
                for i in 0..len {
                    let steps = block_size / BYTES_PER_STEP;
                    self.ext.budget.work("directory block", steps)?;
                    let block = geometry.byte_of(first.saturating_add(i), STRUCTURE)?;
                    self.ext.meta.read_exact_at(&mut bytes, block)?;
                    self.block(&bytes, block, at.saturating_add(i) == 0)?;
                }
            }
            at = at.saturating_add(len);
        }
        Ok(())
    }

    fn block(&mut self, bytes: &[u8], at: u64, first: bool) -> Result<(), Error> {
        let indexed = self.inode.flags.contains(InodeFlags::INDEX);
        // The nodes of the index look like one empty entry, or in the root like two.
        let node = indexed && (first || self.is_index_node(bytes));
        if let Some(seed) = self.inode.seed
            && !node
        {
            verify_leaf(bytes, seed, at)?;
        }
        self.entries(bytes, at, true)
    }

    fn is_index_node(&self, bytes: &[u8]) -> bool {
        DirEntry2::read_from_prefix(bytes).is_ok_and(|(entry, _)| {
            entry.inode.get() == 0
                && self.rec_len(entry.rec_len.get()) == u64::from(self.ext.geometry.block_size)
        })
    }

    /// Record lengths have 16 bits; blocks of 64 KiB need one more, which the low bits carry, since
    /// lengths are multiples of four.
    fn rec_len(&self, raw: u16) -> u64 {
        let block_size = u64::from(self.ext.geometry.block_size);
        let raw = u64::from(raw);
        if block_size < 65536 {
            return raw;
        }
        match raw {
            0 | 65535 => block_size,
            _ => (raw & 65532) | ((raw & 3) << 16),
        }
    }

    /// The entries in a block, or in a part of an inline directory.
    fn entries(&mut self, bytes: &[u8], at: u64, in_block: bool) -> Result<(), Error> {
        let mut offset = 0usize;
        while let Ok((entry, after)) =
            DirEntry2::read_from_prefix(bytes.get(offset..).unwrap_or_default())
        {
            let here = at.saturating_add(int::u64_of(offset));
            let error = |field, found: u64| {
                Error::new(Cause::DirEntry)
                    .at(STRUCTURE, here)
                    .field(field)
                    .found(found)
            };
            let rec_len = self.rec_len(entry.rec_len.get());
            let name_len = usize::from(entry.name_len);
            let next = offset.saturating_add(int::usize_of(rec_len));
            let need = name_len.next_multiple_of(4).saturating_add(8);
            if int::usize_of(rec_len) < need.max(12)
                || !rec_len.is_multiple_of(4)
                || next > bytes.len()
            {
                // What is left of an inline directory may be zeroes.
                if !in_block && rec_len == 0 && entry.inode.get() == 0 {
                    return Ok(());
                }
                return Err(error("rec_len", rec_len));
            }
            let inode = entry.inode.get();
            if inode != 0 {
                if inode > self.ext.geometry.inodes {
                    return Err(error("inode", inode.into()));
                }
                let name = after.get(..name_len).unwrap_or_default();
                if name.is_empty() || name.iter().any(|b| matches!(b, 0 | b'/')) {
                    return Err(error("name", 0).found(name));
                }
                if name != b"." && name != b".." {
                    self.add(name, inode, entry.file_type)?;
                }
            }
            offset = next;
        }
        let cost = std::mem::take(&mut self.cost);
        if cost > 0 {
            let charge = self.ext.budget.memory("directory", cost)?;
            self.charges.push(charge);
        }
        Ok(())
    }

    fn add(&mut self, name: &[u8], inode: u32, file_type: u8) -> Result<(), Error> {
        self.ext.budget.work("directory entry", 1)?;
        let cost = int::u64_of(name.len()).saturating_mul(2);
        self.cost = self.cost.saturating_add(cost).saturating_add(NAME_COST);
        let has_type = self.ext.geometry.incompat.contains(Incompat::FILETYPE);
        self.names.push(Name {
            bytes: name.into(),
            inode,
            kind: if has_type { kind(file_type) } else { None },
        });
        Ok(())
    }
}

/// `file_type`, whose upper bits some filesystems use for something else.
fn kind(file_type: u8) -> Option<FileKind> {
    match file_type & 0x0f {
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

/// The last entry of a leaf is no name but the checksum of what is before it.
fn verify_leaf(bytes: &[u8], seed: u32, at: u64) -> Result<(), Error> {
    let split = bytes.len().saturating_sub(DIR_TAIL);
    let error = |found: u32| {
        Error::new(Cause::Checksum)
            .at("ext directory block", at.saturating_add(int::u64_of(split)))
            .field("det_checksum")
            .found(found)
    };
    let (covered, tail) = bytes.split_at_checked(split).ok_or_else(|| error(0))?;
    let (entry, sum) = DirEntry2::read_from_prefix(tail).map_err(|_| error(0))?;
    let found = sum
        .first_chunk::<4>()
        .map_or(0, |sum| u32::from_le_bytes(*sum));
    let is_tail = entry.inode.get() == 0
        && usize::from(entry.rec_len.get()) == DIR_TAIL
        && entry.name_len == 0
        && entry.file_type == DIR_TAIL_FILE_TYPE;
    if !is_tail || checksum::append(seed, covered) != found {
        return Err(error(found));
    }
    Ok(())
}
