//! Where the blocks of a file are: extents in the inode, or in a B+tree.

use vmie_io::{ReadAt, int};
use zerocopy::FromBytes;

use super::checksum;
use super::format::{
    BMAP_CRC_MAGIC, BMAP_MAGIC, BMBT_CRC_HEADER, BMBT_CRC_OFFSET, BMBT_HEADER, BMDR_HEADER,
    BtreeBlock, EXTENT_LEN, FORMAT_BTREE, FORMAT_EXTENTS, MAX_BMBT_LEVEL,
};
use super::inode::{Fork, Inode};
use super::open::Xfs;
use crate::{Cause, Error};

/// Consecutive blocks of a file that are consecutive on the volume, or not there at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// First block within the file.
    pub(super) first: u64,
    /// How many, at least one.
    pub(super) len: u64,
    /// The block, from the volume's start, that the first one is; `None` for a hole, and for what
    /// was preallocated and never written: both read as zeroes.
    pub(super) block: Option<u64>,
}

impl Run {
    fn end(&self) -> u64 {
        self.first.saturating_add(self.len)
    }

    /// The part of the run from `at` on, which lies in it.
    fn from(self, at: u64) -> Self {
        let skip = at.saturating_sub(self.first);
        Self {
            first: at,
            len: self.len.saturating_sub(skip),
            block: self.block.map(|block| block.saturating_add(skip)),
        }
    }
}

/// Looks up blocks of one fork; keeps the extents that it read last.
#[derive(Debug, Default)]
pub(super) struct Map {
    extents: Vec<Run>,
    /// The blocks of the file about which `extents` says everything.
    from: u64,
    to: u64,
}

impl Map {
    /// The run that `at`, a block of the fork, is in: it starts there.
    pub(super) fn run(
        &mut self,
        xfs: &Xfs,
        inode: &Inode,
        fork: &Fork,
        at: u64,
    ) -> Result<Run, Error> {
        if !(self.from..self.to).contains(&at) {
            xfs.budget.work("blocks of a file", 1)?;
            self.load(xfs, inode, fork, at)?;
        }
        let run = self.known(at);
        if fork.changes.is_empty() {
            return Ok(run);
        }
        changed(xfs, inode, fork, run)
    }

    /// The run that `at` is in, of which all is known.
    fn known(&self, at: u64) -> Run {
        let after = self.extents.partition_point(|run| run.first <= at);
        let before = after.checked_sub(1).and_then(|i| self.extents.get(i));
        if let Some(run) = before
            && at < run.end()
        {
            return run.from(at);
        }
        let end = self.extents.get(after).map_or(self.to, |run| run.first);
        Run {
            first: at,
            len: end.min(self.to).saturating_sub(at).max(1),
            block: None,
        }
    }

    /// Reads the extents around `at`.
    fn load(&mut self, xfs: &Xfs, inode: &Inode, fork: &Fork, at: u64) -> Result<(), Error> {
        match fork.format {
            FORMAT_EXTENTS => {
                let count = int::usize_of(fork.extents).saturating_mul(EXTENT_LEN);
                let records = fork.bytes.get(..count).unwrap_or_default();
                self.extents = extents(xfs, records, "XFS inode", inode.at)?;
                (self.from, self.to) = (0, u64::MAX);
                Ok(())
            }
            FORMAT_BTREE => {
                let (found, from, to) = in_tree(xfs, inode, fork, at)?;
                (self.extents, self.from, self.to) = (found, from, to);
                Ok(())
            }
            format => Err(inode.error(Cause::Value, "di_format", format.into())),
        }
    }
}

/// The start of a run once the changes were made that the log still wants.
fn changed(xfs: &Xfs, inode: &Inode, fork: &Fork, run: Run) -> Result<Run, Error> {
    let mut run = run;
    for change in &fork.changes {
        let end = change.first.saturating_add(change.len);
        if change.first > run.first {
            run.len = run.len.min(change.first.saturating_sub(run.first));
        } else if run.first < end {
            let error = |block| inode.error(Cause::OutOfRange, "me_startblock", block);
            let block = match change.block {
                Some(block) => {
                    let linear = xfs.geometry.linear(block, change.len);
                    Some(linear.ok_or_else(|| error(block))?)
                }
                None => None,
            };
            let whole = Run {
                first: change.first,
                len: change.len,
                block,
            };
            run = whole.from(run.first);
        }
    }
    Ok(run)
}

/// Decodes extents, which must be in order and on the filesystem.
fn extents(xfs: &Xfs, records: &[u8], structure: &'static str, at: u64) -> Result<Vec<Run>, Error> {
    let mut runs: Vec<Run> = Vec::with_capacity(records.len() / EXTENT_LEN);
    let mut next = 0;
    for (record, index) in records.as_chunks::<EXTENT_LEN>().0.iter().zip(0u64..) {
        let bits = u128::from_be_bytes(*record);
        let part = |shift: u32, len: u32| {
            let value = (bits >> shift) & !(u128::MAX << len);
            u64::try_from(value).unwrap_or(u64::MAX)
        };
        let (first, block, len) = (part(73, 54), part(21, 52), part(0, 21));
        let unwritten = part(127, 1) != 0;
        let error = |cause, field, found: u64| {
            let at = at.saturating_add(index.saturating_mul(int::u64_of(EXTENT_LEN)));
            Err(Error::new(cause)
                .at(structure, at)
                .field(field)
                .found(found))
        };
        if len == 0 {
            return error(Cause::Value, "br_blockcount", len);
        }
        if first < next {
            return error(Cause::Order, "br_startoff", first);
        }
        let Some(linear) = xfs.geometry.linear(block, len) else {
            return error(Cause::OutOfRange, "br_startblock", block);
        };
        next = first.saturating_add(len);
        runs.push(Run {
            first,
            len,
            block: (!unwritten).then_some(linear),
        });
    }
    Ok(runs)
}

/// The node of a tree that is being looked at: keys and pointers, from its inode or its block.
struct Node<'a> {
    keys: &'a [u8],
    pointers: &'a [u8],
    structure: &'static str,
    at: u64,
}

impl Node<'_> {
    /// The child that `at` is in, and the part of the file that it is about; no child before the
    /// first key.
    fn find(&self, at: u64, from: u64, to: u64) -> Result<(Option<u64>, u64, u64), Error> {
        let mut found = (None, from, to);
        let mut before = None;
        let keys = self.keys.as_chunks::<8>().0;
        let pointers = self.pointers.as_chunks::<8>().0;
        for (key, pointer) in keys.iter().zip(pointers) {
            let key = u64::from_be_bytes(*key);
            if before.is_some_and(|before| key <= before) {
                return Err(Error::new(Cause::Order)
                    .at(self.structure, self.at)
                    .field("br_startoff")
                    .found(key));
            }
            if key > at {
                return Ok((found.0, found.1, to.min(key)));
            }
            found = (Some(u64::from_be_bytes(*pointer)), from.max(key), to);
            before = Some(key);
        }
        Ok(found)
    }
}

/// The extents of the leaf that `at` belongs to, and which part of the file they are all of.
fn in_tree(xfs: &Xfs, inode: &Inode, fork: &Fork, at: u64) -> Result<(Vec<Run>, u64, u64), Error> {
    let (level, count) = match fork.bytes.first_chunk::<BMDR_HEADER>() {
        Some([a, b, c, d]) => (u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d])),
        None => (0, 0),
    };
    if level == 0 || level > MAX_BMBT_LEVEL {
        return Err(inode.error(Cause::Value, "bb_level", level.into()));
    }
    let rest = fork.bytes.get(BMDR_HEADER..).unwrap_or_default();
    let (keys, pointers) =
        split(rest, count).ok_or_else(|| inode.error(Cause::Value, "bb_numrecs", count.into()))?;
    let root = Node {
        keys,
        pointers,
        structure: "XFS inode",
        at: inode.at,
    };
    let (mut child, mut from, mut to) = root.find(at, 0, u64::MAX)?;
    let mut level = level;
    while let Some(block) = child {
        level = level.saturating_sub(1);
        let (place, bytes) = tree_block(xfs, inode, block, level)?;
        let header = header_len(xfs);
        let rest = bytes.get(header..).unwrap_or_default();
        let count = numrecs(&bytes);
        let error = |found: u16| {
            Error::new(Cause::Value)
                .at(STRUCTURE, place)
                .field("bb_numrecs")
                .found(found)
        };
        if level == 0 {
            let len = usize::from(count).saturating_mul(EXTENT_LEN);
            let records = rest.get(..len).ok_or_else(|| error(count))?;
            let first = place.saturating_add(int::u64_of(header));
            let found = extents(xfs, records, STRUCTURE, first)?;
            return Ok((found, from, to));
        }
        let (keys, pointers) = split(rest, count).ok_or_else(|| error(count))?;
        let node = Node {
            keys,
            pointers,
            structure: STRUCTURE,
            at: place,
        };
        (child, from, to) = node.find(at, from, to)?;
    }
    Ok((Vec::new(), from, to))
}

const STRUCTURE: &str = "XFS extent tree";

/// Keys and pointers: there is room for as many of one as of the other.
fn split(rest: &[u8], count: u16) -> Option<(&[u8], &[u8])> {
    let most = rest.len() / 16;
    let len = usize::from(count).saturating_mul(8);
    let (keys, pointers) = rest.split_at_checked(most.saturating_mul(8))?;
    if count == 0 {
        return None;
    }
    Some((keys.get(..len)?, pointers.get(..len)?))
}

fn header_len(xfs: &Xfs) -> usize {
    if xfs.geometry.checksums {
        BMBT_CRC_HEADER
    } else {
        BMBT_HEADER
    }
}

fn numrecs(bytes: &[u8]) -> u16 {
    BtreeBlock::read_from_prefix(bytes).map_or(0, |(header, _)| header.bb_numrecs.get())
}

/// Reads a block of the tree and where it is.
fn tree_block(xfs: &Xfs, inode: &Inode, block: u64, level: u16) -> Result<(u64, Vec<u8>), Error> {
    xfs.budget.work("blocks of a file", 1)?;
    let linear = xfs
        .geometry
        .linear(block, 1)
        .ok_or_else(|| inode.error(Cause::OutOfRange, "bb_ptr", block))?;
    let at = linear << xfs.geometry.block_log;
    let mut bytes = vec![0; xfs.geometry.block_len()];
    xfs.meta.read_exact_at(&mut bytes, at)?;
    let error = |cause, field, found: u64| {
        Error::new(cause)
            .at(STRUCTURE, at)
            .field(field)
            .found(found)
    };
    let (header, _) =
        BtreeBlock::read_from_prefix(&bytes).map_err(|_| error(Cause::Value, "bb_magic", 0))?;
    let magic = if xfs.geometry.checksums {
        BMAP_CRC_MAGIC
    } else {
        BMAP_MAGIC
    };
    if header.bb_magic.get() != magic {
        let found = header.bb_magic.get().into();
        return Err(error(Cause::Magic, "bb_magic", found));
    }
    let known = xfs.is_recovered(at, xfs.geometry.block_size());
    if xfs.geometry.checksums && !known && !checksum::fits(&bytes, BMBT_CRC_OFFSET) {
        let found = checksum::found(&bytes, BMBT_CRC_OFFSET).into();
        return Err(error(Cause::Checksum, "bb_crc", found));
    }
    if header.bb_level.get() != level {
        let found = header.bb_level.get().into();
        return Err(error(Cause::Value, "bb_level", found));
    }
    Ok((at, bytes))
}
