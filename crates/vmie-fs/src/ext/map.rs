//! Where the blocks of a file are: extent trees and block maps.

use vmie_io::{ReadAt, int};
use zerocopy::{FromBytes, Immutable, KnownLayout};

use super::checksum;
use super::format::{
    EXT_INIT_MAX_LEN, EXTENT_ENTRY, EXTENT_MAGIC, ExtentHeader, ExtentIndex, ExtentLeaf,
    InodeFlags, MAX_EXTENT_DEPTH, NDIR_BLOCKS,
};
use super::inode::Inode;
use super::journal::Laid;
use super::open::Ext;
use crate::{Cause, Error};

/// Consecutive blocks of a file that are consecutive on the volume, or not there at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// First block within the file.
    pub(super) first: u64,
    /// How many, at least one.
    pub(super) len: u64,
    /// The block on the volume that the first one is; `None` for a hole, and for what was
    /// preallocated and never written: both read as zeroes.
    pub(super) block: Option<u64>,
}

impl Run {
    fn end(&self) -> u64 {
        self.first.saturating_add(self.len)
    }

    /// The run from `at` on, which lies in it.
    fn from(self, at: u64) -> Self {
        let skip = at.saturating_sub(self.first);
        Self {
            first: at,
            len: self.len.saturating_sub(skip),
            block: self.block.map(|block| block.saturating_add(skip)),
        }
    }
}

/// Looks up blocks of one file; remembers the last answer, so that reading on costs nothing.
#[derive(Debug)]
pub(super) struct Map {
    last: Option<Run>,
}

impl Map {
    pub(super) fn new() -> Self {
        Self { last: None }
    }

    /// The run that `at`, a block of the file, is in: it starts there.
    pub(super) fn run(&mut self, ext: &Ext, inode: &Inode, at: u64) -> Result<Run, Error> {
        if let Some(last) = self.last
            && (last.first..last.end()).contains(&at)
        {
            return Ok(last.from(at));
        }
        ext.budget.work("blocks of a file", 1)?;
        let run = match ext.fast.run(inode.number, at) {
            Laid::Run(run) => run,
            Laid::Nothing => on_volume(ext, inode, at)?,
            Laid::Before(next) => {
                // What is known otherwise may lie on both sides of it.
                let run = on_volume(ext, inode, at)?.from(at);
                Run {
                    len: run.len.min(next.saturating_sub(at)),
                    ..run
                }
            }
        };
        if let Some(block) = run.block {
            let end = block.checked_add(run.len);
            if block == 0 || end.is_none_or(|end| end > ext.geometry.blocks) {
                return Err(inode.error(Cause::OutOfRange, "i_block", block));
            }
        }
        self.last = Some(run);
        Ok(run.from(at))
    }
}

fn on_volume(ext: &Ext, inode: &Inode, at: u64) -> Result<Run, Error> {
    if inode.flags.contains(InodeFlags::EXTENTS) {
        in_extents(ext, inode, at)
    } else {
        in_block_map(ext, inode, at)
    }
}

/// A node of an extent tree: a block, or the root in the inode.
struct Node {
    bytes: Vec<u8>,
    /// Where on the volume it is.
    at: u64,
    header: ExtentHeader,
}

const STRUCTURE: &str = "ext extent tree";

impl Node {
    fn new(bytes: Vec<u8>, at: u64) -> Result<Self, Error> {
        let error = |cause, field, found: u16| {
            Error::new(cause)
                .at(STRUCTURE, at)
                .field(field)
                .found(found)
        };
        let (header, entries) = ExtentHeader::read_from_prefix(&bytes)
            .map_err(|_| error(Cause::Value, "eh_magic", 0))?;
        if header.eh_magic.get() != EXTENT_MAGIC {
            return Err(error(Cause::Magic, "eh_magic", header.eh_magic.get()));
        }
        let (count, max) = (header.eh_entries.get(), header.eh_max.get());
        let room = entries.len().checked_div(EXTENT_ENTRY).unwrap_or(0);
        if usize::from(max) > room {
            return Err(error(Cause::Value, "eh_max", max));
        }
        if count > max {
            return Err(error(Cause::Value, "eh_entries", count));
        }
        Ok(Self { bytes, at, header })
    }

    fn depth(&self) -> u16 {
        self.header.eh_depth.get()
    }

    fn entry<T: FromBytes + KnownLayout + Immutable>(&self, index: u16) -> Option<T> {
        if index >= self.header.eh_entries.get() {
            return None;
        }
        let start = usize::from(index)
            .saturating_add(1)
            .saturating_mul(EXTENT_ENTRY);
        let rest = self.bytes.get(start..)?;
        Some(T::read_from_prefix(rest).ok()?.0)
    }

    fn error(&self, index: u16, cause: Cause, field: &'static str, found: u64) -> Error {
        let within = u64::from(index).saturating_add(1).saturating_mul(12);
        Error::new(cause)
            .at(STRUCTURE, self.at.saturating_add(within))
            .field(field)
            .found(found)
    }

    /// The last entry whose first block is not after `at`, and the first block of the next one.
    /// Entries must stand in order.
    fn find(&self, at: u64) -> Result<(Option<u16>, Option<u64>), Error> {
        let mut found = None;
        let mut before: Option<u64> = None;
        for index in 0..self.header.eh_entries.get() {
            // Both kinds of entry start with their first block.
            let first = self
                .entry::<ExtentLeaf>(index)
                .map_or(0, |entry| u64::from(entry.ee_block.get()));
            if before.is_some_and(|before| first <= before) {
                return Err(self.error(index, Cause::Order, "ee_block", first));
            }
            if first > at {
                return Ok((found, Some(first)));
            }
            (found, before) = (Some(index), Some(first));
        }
        Ok((found, None))
    }
}

/// Reads a block of the tree, whose checksum stands right after its last possible entry.
fn read_node(ext: &Ext, inode: &Inode, block: u64, depth: u16) -> Result<Node, Error> {
    let at = ext.geometry.byte_of(block, STRUCTURE)?;
    let mut bytes = vec![0; ext.geometry.block_len()];
    ext.meta.read_exact_at(&mut bytes, at)?;
    let node = Node::new(bytes, at)?;
    if node.depth() != depth {
        return Err(Error::new(Cause::Value)
            .at(STRUCTURE, at)
            .field("eh_depth")
            .found(node.depth()));
    }
    if let Some(seed) = inode.seed {
        let tail = usize::from(node.header.eh_max.get())
            .saturating_add(1)
            .saturating_mul(EXTENT_ENTRY);
        let covered = node.bytes.get(..tail).unwrap_or_default();
        let found = node.bytes.get(tail..).and_then(|rest| rest.first_chunk());
        let found = found.map_or(0, |sum| u32::from_le_bytes(*sum));
        if checksum::append(seed, covered) != found {
            return Err(Error::new(Cause::Checksum)
                .at(STRUCTURE, at.saturating_add(int::u64_of(tail)))
                .field("et_checksum")
                .found(found));
        }
    }
    Ok(node)
}

/// Descends an extent tree: one node per level, and the depth falls with each.
fn in_extents(ext: &Ext, inode: &Inode, at: u64) -> Result<Run, Error> {
    // The root is in the inode, at byte 0x28 of it.
    let mut node = Node::new(inode.block.to_vec(), inode.at.saturating_add(0x28))?;
    if node.depth() > MAX_EXTENT_DEPTH {
        let depth = node.depth().into();
        return Err(inode.error(Cause::Value, "eh_depth", depth));
    }
    // The first block that belongs to somebody else: where the next entry of any level starts.
    let mut limit = u64::from(u32::MAX).saturating_add(1);
    // The first block that this node may speak of.
    let mut floor = 0;
    while node.depth() > 0 {
        let (index, next) = node.find(at)?;
        limit = next.map_or(limit, |next| next.min(limit));
        let Some((index, entry)) =
            index.and_then(|index| Some((index, node.entry::<ExtentIndex>(index)?)))
        else {
            return Ok(hole(at, limit));
        };
        let block = (u64::from(entry.ei_leaf_hi.get()) << 32) | u64::from(entry.ei_leaf_lo.get());
        if block == 0 || block >= ext.geometry.blocks {
            return Err(node.error(index, Cause::OutOfRange, "ei_leaf", block));
        }
        floor = u64::from(entry.ei_block.get());
        let depth = node.depth().saturating_sub(1);
        node = read_node(ext, inode, block, depth)?;
    }
    let (index, next) = node.find(at)?;
    if let Some(first) = node.entry::<ExtentLeaf>(0).map(|leaf| leaf.ee_block.get())
        && u64::from(first) < floor
    {
        return Err(node.error(0, Cause::Order, "ee_block", first.into()));
    }
    limit = next.map_or(limit, |next| next.min(limit));
    let Some((index, leaf)) =
        index.and_then(|index| Some((index, node.entry::<ExtentLeaf>(index)?)))
    else {
        return Ok(hole(at, limit));
    };
    extent(&node, index, &leaf, at, limit)
}

fn hole(at: u64, limit: u64) -> Run {
    Run {
        first: at,
        len: limit.saturating_sub(at).max(1),
        block: None,
    }
}

/// The extent as a run, or the hole between it and `limit` when `at` is after its end.
fn extent(node: &Node, index: u16, leaf: &ExtentLeaf, at: u64, limit: u64) -> Result<Run, Error> {
    let raw = leaf.ee_len.get();
    let len = match raw.checked_sub(EXT_INIT_MAX_LEN) {
        Some(unwritten) if unwritten > 0 => unwritten,
        _ => raw,
    };
    let run = Run {
        first: leaf.ee_block.get().into(),
        len: len.into(),
        block: (raw <= EXT_INIT_MAX_LEN)
            .then(|| (u64::from(leaf.ee_start_hi.get()) << 32) | u64::from(leaf.ee_start_lo.get())),
    };
    if len == 0 {
        return Err(node.error(index, Cause::Value, "ee_len", raw.into()));
    }
    if run.end() > limit {
        return Err(node.error(index, Cause::Order, "ee_len", raw.into()));
    }
    Ok(if at < run.end() { run } else { hole(at, limit) })
}

/// Follows a block map: in the inode, or through one to three levels of blocks of numbers.
fn in_block_map(ext: &Ext, inode: &Inode, at: u64) -> Result<Run, Error> {
    let (roots, _) = inode.block.as_chunks::<4>();
    let direct = int::u64_of(NDIR_BLOCKS);
    if at < direct {
        return Ok(numbers(
            roots.get(..NDIR_BLOCKS).unwrap_or_default(),
            at,
            at,
        ));
    }
    let per_block = u64::from(ext.geometry.block_size / 4);
    let mut within = at.saturating_sub(direct);
    let mut span = per_block;
    let mut level = 1u32;
    // Three levels of 64 KiB blocks reach 2^42 blocks: nothing here overflows.
    while within >= span {
        within = within.saturating_sub(span);
        span = span.saturating_mul(per_block);
        level = level.saturating_add(1);
        if level > 3 {
            return Err(inode.error(Cause::OutOfRange, "i_size", inode.metadata.size));
        }
    }
    let root = NDIR_BLOCKS
        .saturating_add(int::usize_of(level.into()))
        .saturating_sub(1);
    let mut number = roots.get(root).map_or(0, |n| u32::from_le_bytes(*n));
    loop {
        if number == 0 {
            // A missing block of numbers is a hole of everything below it.
            return Ok(hole(at, at.saturating_add(span.saturating_sub(within))));
        }
        let block = ext.geometry.byte_of(number.into(), "ext block map")?;
        let mut bytes = vec![0; ext.geometry.block_len()];
        ext.meta.read_exact_at(&mut bytes, block)?;
        let (table, _) = bytes.as_chunks::<4>();
        span = span.checked_div(per_block).unwrap_or(1);
        if span <= 1 {
            return Ok(numbers(table, within, at));
        }
        let index = within.checked_div(span).unwrap_or(0);
        within = within.checked_rem(span).unwrap_or(0);
        number = table
            .get(int::usize_of(index))
            .map_or(0, |n| u32::from_le_bytes(*n));
    }
}

/// The run that starts at entry `index` of a table of block numbers: consecutive numbers, or
/// consecutive zeroes.
fn numbers(table: &[[u8; 4]], index: u64, at: u64) -> Run {
    let rest = table.get(int::usize_of(index)..).unwrap_or_default();
    let number = |entry: &[u8; 4]| u64::from(u32::from_le_bytes(*entry));
    let start = rest.first().map_or(0, number);
    let len = rest
        .iter()
        .zip(0u64..)
        .take_while(|(entry, i)| match start {
            0 => number(entry) == 0,
            _ => number(entry) == start.saturating_add(*i),
        })
        .count();
    Run {
        first: at,
        len: int::u64_of(len).max(1),
        block: (start != 0).then_some(start),
    }
}
