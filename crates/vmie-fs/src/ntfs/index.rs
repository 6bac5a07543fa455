//! Directories: B-trees of names, sorted by the capitals of the names.

use std::cmp::Ordering;
use std::collections::HashSet;

use vmie_io::{Charge, int};
use zerocopy::FromBytes;

use super::file::File;
use super::format::{
    ATTR_INDEX_ALLOCATION, ATTR_INDEX_ROOT, BLOCK_HEADER, COLLATION_FILE_NAME, ENTRY_END,
    ENTRY_LEN, ENTRY_NODE, FileName, INDEX_SIZES, INDEX_UNIT, IndexBlock, IndexEntry, IndexHeader,
    IndexRoot, MAX_INDEX_DEPTH, ROOT_HEADER,
};
use super::name::Wanted;
use super::open::Ntfs;
use super::record::{Reference, fix_up};
use super::stream::Stream;
use crate::{Cause, Error};

const STRUCTURE: &str = "NTFS index entry";
const ROOT: &str = "$INDEX_ROOT";
const BLOCK: &str = "NTFS index block";

/// The name of the index of file names, `$I30`.
const I30: [u16; 4] = [0x24, 0x49, 0x33, 0x30];

/// A directory that is open: its root node, and where the others are.
#[derive(Debug)]
pub(super) struct Index {
    root: Vec<u8>,
    root_at: u64,
    blocks: Option<Stream>,
    block_size: u64,
    /// What the numbers of blocks count, in bytes.
    unit: u64,
    _charge: Charge,
}

/// A node of the tree in memory: a header, then entries.
struct Node {
    bytes: Vec<u8>,
    /// Where the header is on the volume.
    at: u64,
    /// Where the entries end, from the header on.
    end: usize,
    /// Where the next entry is.
    offset: usize,
    /// Whether what is below the next entry was visited.
    descended: bool,
}

/// An entry of a node.
struct Entry<'a> {
    reference: Reference,
    /// `None` in the last entry.
    key: Option<(FileName, &'a [u8])>,
    child: Option<u64>,
    len: usize,
    at: u64,
}

/// A name in a directory, as the directory has it.
pub(super) struct Name<'a> {
    pub(super) reference: Reference,
    pub(super) info: &'a FileName,
    /// UTF-16, two bytes a unit.
    units: &'a [[u8; 2]],
    /// Where the entry is on the volume.
    pub(super) at: u64,
}

impl Name<'_> {
    pub(super) fn units(&self) -> impl Iterator<Item = u16> {
        self.units.iter().map(|unit| u16::from_le_bytes(*unit))
    }
}

impl Index {
    /// The index of names of a directory.
    pub(super) fn open(ntfs: &Ntfs, file: &File) -> Result<Self, Error> {
        let Some(root) = file.stream(ntfs, ATTR_INDEX_ROOT, &I30)? else {
            return Err(Error::new(Cause::Missing)
                .at("MFT record", file.record.at)
                .field(ROOT));
        };
        let error = |cause, field| root.error(cause, field);
        let Some(value) = root.resident() else {
            return Err(error(Cause::Value, "non_resident").found(1u8));
        };
        let Ok((header, _)) = IndexRoot::read_from_prefix(value) else {
            return Err(error(Cause::Attribute, "value_length").found(value.len()));
        };
        let rule = header.collation_rule.get();
        if rule != COLLATION_FILE_NAME {
            return Err(error(Cause::Value, "collation_rule").found(rule));
        }
        let block_size = u64::from(header.index_block_size.get());
        if !block_size.is_power_of_two() || !INDEX_SIZES.contains(&block_size) {
            return Err(error(Cause::Value, "index_block_size").found(block_size));
        }
        let blocks = file.stream(ntfs, ATTR_INDEX_ALLOCATION, &I30)?;
        if let Some(blocks) = blocks.as_ref().filter(|blocks| blocks.unit(ntfs).is_some()) {
            return Err(blocks.error(Cause::Value, "flags"));
        }
        let cluster_size = ntfs.geometry.cluster_size;
        Ok(Self {
            root: value.get(ROOT_HEADER..).unwrap_or_default().to_vec(),
            root_at: root.at,
            blocks,
            block_size,
            unit: if block_size >= cluster_size {
                cluster_size
            } else {
                INDEX_UNIT
            },
            _charge: ntfs.budget.memory(ROOT, root.len)?,
        })
    }

    fn root(&self) -> Result<Node, Error> {
        Node::new(self.root.clone(), self.root_at, ROOT)
    }

    fn block(&self, ntfs: &Ntfs, vcn: u64, named_at: u64) -> Result<Node, Error> {
        ntfs.budget.work(BLOCK, self.block_size.div_ceil(512))?;
        let missing = || {
            Error::new(Cause::OutOfRange)
                .at(STRUCTURE, named_at)
                .field("vcn")
                .found(vcn)
        };
        let blocks = self.blocks.as_ref().ok_or_else(missing)?;
        let offset = vcn
            .checked_mul(self.unit)
            .filter(|start| {
                let end = start.checked_add(self.block_size);
                end.is_some_and(|end| end <= blocks.len)
            })
            .ok_or_else(missing)?;
        let (mut bytes, _charge) = ntfs.budget.buffer(BLOCK, self.block_size)?;
        let at = blocks.piece(ntfs, offset)?.at.ok_or_else(missing)?;
        blocks.read_meta(ntfs, &mut bytes, offset)?;
        let Ok((header, _)) = IndexBlock::read_from_prefix(&bytes) else {
            return Err(missing());
        };
        let error = |cause, field| Error::new(cause).at(BLOCK, at).field(field);
        if &header.magic != b"INDX" {
            return Err(error(Cause::Magic, "magic").found(&header.magic[..]));
        }
        fix_up(&mut bytes, BLOCK, at)?;
        let own = header.index_block_vcn.get();
        if own != vcn {
            return Err(error(Cause::Value, "index_block_vcn").found(own));
        }
        bytes.drain(..BLOCK_HEADER.min(bytes.len()));
        Node::new(bytes, at.saturating_add(int::u64_of(BLOCK_HEADER)), BLOCK)
    }

    /// Goes through all names in their order.
    pub(super) fn each(
        &self,
        ntfs: &Ntfs,
        mut visit: impl FnMut(&Name<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut path = vec![self.root()?];
        let mut seen = HashSet::new();
        while let Some(node) = path.last_mut() {
            let entry = node.entry()?;
            if let Some(vcn) = entry.child.filter(|_| !node.descended) {
                let at = entry.at;
                // Each block says its own number, so that none is there under two.
                if !seen.insert(vcn) || path.len() >= MAX_INDEX_DEPTH {
                    return Err(cycle(at, vcn));
                }
                if let Some(node) = path.last_mut() {
                    node.descended = true;
                }
                path.push(self.block(ntfs, vcn, at)?);
                continue;
            }
            ntfs.budget.work("directory entry", 1)?;
            let len = entry.len;
            let Some((info, units)) = entry.key else {
                path.pop();
                continue;
            };
            visit(&Name {
                reference: entry.reference,
                info: &info,
                units: units.as_chunks().0,
                at: entry.at,
            })?;
            node.offset = node.offset.saturating_add(len);
            node.descended = false;
        }
        Ok(())
    }

    /// What a name stands for: the very name, or else one that is equal in capitals.
    pub(super) fn find(&self, ntfs: &Ntfs, wanted: &Wanted) -> Result<Option<Reference>, Error> {
        let mut node = self.root()?;
        let mut alike = None;
        let mut units = Vec::with_capacity(255);
        for _ in 0..MAX_INDEX_DEPTH {
            let (child, at) = loop {
                let entry = node.entry()?;
                ntfs.budget.work("directory entry", 1)?;
                let Some((_, name)) = entry.key else {
                    break (entry.child, entry.at);
                };
                units.clear();
                units.extend(
                    name.as_chunks::<2>()
                        .0
                        .iter()
                        .map(|u| u16::from_le_bytes(*u)),
                );
                let (folded, exact) = wanted.cmp(ntfs, &units)?;
                // Names that are equal in capitals stand side by side, so that those next to where
                // the very name would be are on the way to there.
                if folded.is_eq() {
                    alike = Some(entry.reference);
                }
                match exact {
                    Ordering::Equal => return Ok(alike),
                    Ordering::Less => break (entry.child, entry.at),
                    Ordering::Greater => {}
                }
                node.offset = node.offset.saturating_add(entry.len);
            };
            let Some(vcn) = child else {
                return Ok(alike);
            };
            node = self.block(ntfs, vcn, at)?;
        }
        Err(cycle(node.at, 0))
    }
}

fn cycle(at: u64, vcn: u64) -> Error {
    Error::new(Cause::Cycle)
        .at(STRUCTURE, at)
        .field("vcn")
        .found(vcn)
}

impl Node {
    fn new(bytes: Vec<u8>, at: u64, structure: &'static str) -> Result<Self, Error> {
        let error = |field| Error::new(Cause::Value).at(structure, at).field(field);
        let Ok((header, _)) = IndexHeader::read_from_prefix(&bytes) else {
            return Err(error("index_length").found(bytes.len()));
        };
        let (start, end) = (header.entries_offset.get(), header.index_length.get());
        let offset = usize::try_from(start).unwrap_or(usize::MAX);
        if offset < size_of::<IndexHeader>() || offset > bytes.len() {
            return Err(error("entries_offset").found(start));
        }
        let len = usize::try_from(end).unwrap_or(usize::MAX);
        if len > bytes.len() || len < offset {
            return Err(error("index_length").found(end));
        }
        Ok(Self {
            bytes,
            at,
            end: len,
            offset,
            descended: false,
        })
    }

    /// The next entry.
    fn entry(&self) -> Result<Entry<'_>, Error> {
        let rest = self.bytes.get(self.offset..self.end).unwrap_or_default();
        let at = self.at.saturating_add(int::u64_of(self.offset));
        let error = |field, offset: u64| {
            let at = at.saturating_add(offset);
            Error::new(Cause::DirEntry).at(STRUCTURE, at).field(field)
        };
        let Ok((header, _)) = IndexEntry::read_from_prefix(rest) else {
            return Err(error("length", 8).found(rest.len()));
        };
        let len = usize::from(header.length.get());
        let flags = header.flags.get();
        let key_len = usize::from(header.key_length.get());
        let is_end = flags & ENTRY_END != 0;
        let has_child = flags & ENTRY_NODE != 0;
        let tail = if has_child { 8 } else { 0 };
        let key_room = if is_end { 0 } else { key_len };
        let needed = ENTRY_LEN.saturating_add(key_room).saturating_add(tail);
        let whole = rest
            .get(..len)
            .filter(|_| len >= needed && len.is_multiple_of(8))
            .ok_or_else(|| error("length", 8).found(len))?;
        let child = whole.last_chunk::<8>().filter(|_| has_child);
        let key = if is_end {
            None
        } else {
            let key = whole.get(ENTRY_LEN..).and_then(|rest| rest.get(..key_len));
            let name = key.and_then(|key| FileName::read_from_prefix(key).ok());
            let name = name.and_then(|(info, after)| {
                let len = usize::from(info.name_length).saturating_mul(2);
                Some((info, after.get(..len).filter(|_| len > 0)?))
            });
            Some(name.ok_or_else(|| error("key_length", 10).found(key_len))?)
        };
        Ok(Entry {
            reference: Reference(header.indexed_file.get()),
            key,
            child: child.map(|vcn| u64::from_le_bytes(*vcn)),
            len,
            at,
        })
    }
}
