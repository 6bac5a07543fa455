//! The block allocation table, and the blocks that it places (2.5).

use std::ops::Range;
use std::sync::Arc;

use vmie_io::{Budget, Extent, ExtentKind, ReadAt, int};

use super::format::{
    FULLY_PRESENT, MIB, NOT_PRESENT, PARTIALLY_PRESENT, PIECE, UNDEFINED, UNMAPPED, ZERO, offset,
    state,
};
use super::metadata::Metadata;
use crate::check::Claims;
use crate::parent::Parent;
use crate::stream::Places;
use crate::table::{Kept, overlapping};
use crate::{Cause, Error, error_of};

/// Pieces of the table that are kept: 64 KiB of table each.
const PIECES: usize = 16;
/// Parts of sector bitmaps that are kept: 8 KiB each with blocks of 32 MiB.
const BITMAPS: usize = 64;

/// The blocks of a disk.
pub(super) struct Blocks {
    source: Arc<dyn ReadAt>,
    metadata: Metadata,
    /// Byte offset of the table.
    table_at: u64,
    /// Where no block can be: header section, table, metadata and log.
    reserved: Vec<Range<u64>>,
    pieces: Kept<Piece>,
    bitmaps: Kept<Vec<u8>>,
    parent: Option<Parent>,
}

/// A piece of the table, of which only the payload blocks are kept.
#[derive(Debug)]
struct Piece {
    /// Number of its first payload block.
    first: u64,
    /// Entries of payload blocks.
    entries: Vec<u64>,
    /// Blocks that lie over other ones of this piece, in order.
    overlapping: Vec<u64>,
}

/// What is to be done for a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Zeroes that the parent does not show through.
    Zero,
    /// Not there: a hole, or what the parent shows.
    Absent,
    /// All of it at this byte of the file.
    At(u64),
    /// Some of it at this byte of the file.
    Partial(u64),
}

impl Piece {
    fn entry(&self, block: u64) -> Option<u64> {
        let index = int::usize_of(block.checked_sub(self.first)?);
        self.entries.get(index).copied()
    }
}

impl Blocks {
    pub(super) fn new(
        source: Arc<dyn ReadAt>,
        metadata: Metadata,
        table_at: u64,
        reserved: Vec<Range<u64>>,
        parent: Option<Parent>,
        budget: &Budget,
    ) -> Self {
        Self {
            source,
            metadata,
            table_at,
            reserved,
            pieces: Kept::new("block allocation table", PIECES, budget),
            bitmaps: Kept::new("sector bitmap", BITMAPS, budget),
            parent,
        }
    }

    pub(super) fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Blocks are not empty, so the division is defined.
    fn block_of(&self, at: u64) -> u64 {
        at.checked_div(self.metadata.block_bytes).unwrap_or(0)
    }

    fn start_of(&self, block: u64) -> u64 {
        block.saturating_mul(self.metadata.block_bytes)
    }

    /// Place in the table of a payload block: after each chunk's blocks comes one sector bitmap.
    fn index_of(&self, block: u64) -> u64 {
        let chunk = block.checked_div(self.metadata.chunk_ratio()).unwrap_or(0);
        block.saturating_add(chunk)
    }

    fn entry_at(&self, index: u64) -> u64 {
        self.table_at.saturating_add(index.saturating_mul(8))
    }

    /// The piece of the table with the entry of a block.
    fn piece(&self, block: u64) -> Result<Arc<Piece>, Error> {
        let number = block / PIECE;
        let first = number.saturating_mul(PIECE);
        let end = first.saturating_add(PIECE).min(self.metadata.blocks());
        let from = self.index_of(first);
        let to = self.index_of(end.saturating_sub(1)).saturating_add(1);
        let bytes = to.saturating_sub(from).saturating_mul(8);
        // Twice: the bytes and what is made of them.
        self.pieces.get_or(number, bytes.saturating_mul(2), || {
            let mut raw = vec![0; int::usize_of(bytes)];
            let at = self.entry_at(from);
            self.source.read_exact_at(&mut raw, at).map_err(error_of)?;
            let (all, _) = raw.as_chunks::<8>();
            let entry = |block| {
                let index = int::usize_of(self.index_of(block).saturating_sub(from));
                all.get(index).map_or(0, |entry| u64::from_le_bytes(*entry))
            };
            let entries: Vec<u64> = (first..end).map(entry).collect();
            let stored = |entry: &u64| matches!(state(*entry), FULLY_PRESENT | PARTIALLY_PRESENT);
            let places = entries.iter().zip(first..).filter(|(e, _)| stored(e));
            let places = places
                .map(|(entry, block)| (offset(*entry), block))
                .collect();
            Ok(Piece {
                first,
                entries,
                overlapping: overlapping(places, self.metadata.block_bytes),
            })
        })
    }

    /// Says what of the file belongs to what.
    pub(super) fn claims(&self, claims: &mut Claims) -> Result<(), Error> {
        for range in &self.reserved {
            let len = range.end.saturating_sub(range.start);
            claims.add(range.start, len, "metadata");
        }
        let mut block = 0;
        while block < self.metadata.blocks() {
            claims.go_on()?;
            let piece = self.piece(block)?;
            for (entry, number) in piece.entries.iter().zip(block..) {
                if matches!(state(*entry), FULLY_PRESENT | PARTIALLY_PRESENT) {
                    claims.add(offset(*entry), self.claimed(number, *entry), "a block");
                }
            }
            let count = int::u64_of(piece.entries.len()).max(1);
            block = block.saturating_add(count);
        }
        if self.parent.is_none() {
            claims.leaks_from(self.metadata.block_bytes);
        }
        Ok(())
    }

    /// Bytes of the file that a block takes: of the disk's last one no more than the disk has, where
    /// the file ends with that.
    fn claimed(&self, block: u64, entry: u64) -> u64 {
        let whole = self.metadata.block_bytes;
        if offset(entry).saturating_add(whole) <= self.source.len() {
            return whole;
        }
        let left = self
            .metadata
            .disk_bytes
            .saturating_sub(self.start_of(block));
        left.min(whole)
    }

    fn fault(&self, cause: Cause, block: u64, field: &'static str, found: u64) -> Error {
        Error::new(cause)
            .at("VHDX BAT", self.entry_at(self.index_of(block)))
            .field(field)
            .found(found)
    }

    /// Where a block is, by its entry.
    fn place(&self, piece: &Piece, block: u64) -> Result<Place, Error> {
        let entry = piece.entry(block).unwrap_or(NOT_PRESENT);
        let at = offset(entry);
        let place = match state(entry) {
            NOT_PRESENT => return Ok(Place::Absent),
            UNDEFINED | UNMAPPED if self.parent.is_none() => return Ok(Place::Absent),
            UNDEFINED | UNMAPPED | ZERO => return Ok(Place::Zero),
            FULLY_PRESENT => Place::At(at),
            PARTIALLY_PRESENT if self.parent.is_some() => Place::Partial(at),
            other => return Err(self.fault(Cause::VhdxBlockState, block, "State", other)),
        };
        let end = at.saturating_add(self.metadata.block_bytes);
        let over = |range: &Range<u64>| at < range.end && range.start < end;
        let reserved = self.reserved.iter().any(over);
        if reserved || piece.overlapping.binary_search(&block).is_ok() {
            return Err(self.fault(Cause::VhdxBlockOverlap, block, "FileOffsetMB", at / MIB));
        }
        Ok(place)
    }

    /// Adds all blocks that are there, as a whole or in part, to `places`.
    pub(super) fn places(&self, places: &mut Places) -> Result<(), Error> {
        for block in 0..self.metadata.blocks() {
            let piece = self.piece(block)?;
            if let Place::At(at) | Place::Partial(at) = self.place(&piece, block)? {
                let file = (at, at.saturating_add(self.metadata.block_bytes));
                let from = self.start_of(block);
                places.add(file, (from, from.saturating_add(self.metadata.block_bytes)))?;
            }
        }
        Ok(())
    }

    /// The block after the last of those from `block` on, within the piece and before `limit`, that
    /// go on in the same way: all stored one after the other, or all not stored.
    fn run(&self, piece: &Piece, block: u64, place: Place, limit: u64) -> Result<u64, Error> {
        let mut end = block.saturating_add(1);
        let mut next = match place {
            Place::Partial(_) => return Ok(end),
            Place::At(at) => Place::At(at.saturating_add(self.metadata.block_bytes)),
            same => same,
        };
        while end < limit && piece.entry(end).is_some() && self.place(piece, end)? == next {
            if let Place::At(at) = &mut next {
                *at = at.saturating_add(self.metadata.block_bytes);
            }
            end = end.saturating_add(1);
        }
        Ok(end)
    }

    fn read_file(&self, buf: &mut [u8], at: u64, block: u64) -> Result<(), Error> {
        let end = at.saturating_add(int::u64_of(buf.len()));
        if end > self.source.len() {
            return Err(self.fault(Cause::VhdxOffset, block, "FileOffsetMB", at / MIB));
        }
        self.source.read_exact_at(buf, at).map_err(error_of)
    }

    /// Fills `buf` with what shows where this image holds nothing.
    fn absent(&self, buf: &mut [u8], at: u64) -> Result<(), Error> {
        match &self.parent {
            Some(parent) => parent.read(buf, at).map_err(error_of),
            None => {
                buf.fill(0);
                Ok(())
            }
        }
    }

    /// Fills `buf`, which lies on the disk, from `offset` on.
    pub(super) fn read(&self, buf: &mut [u8], offset: u64) -> Result<(), Error> {
        let mut at = offset;
        let mut rest = buf;
        while !rest.is_empty() {
            let block = self.block_of(at);
            let piece = self.piece(block)?;
            let place = self.place(&piece, block)?;
            let wanted = at.saturating_add(int::u64_of(rest.len()));
            let limit = wanted.div_ceil(self.metadata.block_bytes.max(1));
            // What goes on in another way is its own read, and its own error.
            let end = self.run(&piece, block, place, limit);
            let end = end.unwrap_or(block.saturating_add(1));
            let left = self.start_of(end).saturating_sub(at);
            let (head, tail) = rest.split_at_mut(int::min_usize(left, rest.len()));
            if head.is_empty() {
                return Err(Error::new(Cause::VhdxBat));
            }
            let within = at.saturating_sub(self.start_of(block));
            match place {
                Place::Zero => head.fill(0),
                Place::Absent => self.absent(head, at)?,
                Place::At(start) => self.read_file(head, start.saturating_add(within), block)?,
                Place::Partial(start) => self.read_partial(head, at, block, start)?,
            }
            at = at.saturating_add(int::u64_of(head.len()));
            rest = tail;
        }
        Ok(())
    }

    /// Fills `buf` from a block of which some sectors are the parent's.
    fn read_partial(
        &self,
        buf: &mut [u8],
        offset: u64,
        block: u64,
        start: u64,
    ) -> Result<(), Error> {
        let bitmap = self.bitmap(block)?;
        let sector = u64::from(self.metadata.sector);
        let base = self.start_of(block);
        let mut at = offset;
        let mut rest = buf;
        while !rest.is_empty() {
            let within = at.saturating_sub(base);
            let last = within
                .saturating_add(int::u64_of(rest.len()))
                .div_ceil(sector.max(1));
            let first = within.checked_div(sector).unwrap_or(0);
            let (set, end) = bit_run(&bitmap, first, last);
            let left = end.saturating_mul(sector).saturating_sub(within);
            let (head, tail) = rest.split_at_mut(int::min_usize(left.max(1), rest.len()));
            if set {
                self.read_file(head, start.saturating_add(within), block)?;
            } else {
                self.absent(head, at)?;
            }
            at = at.saturating_add(int::u64_of(head.len()));
            rest = tail;
        }
        Ok(())
    }

    /// The part of the sector bitmap for a block: at most 64 KiB.
    fn bitmap(&self, block: u64) -> Result<Arc<Vec<u8>>, Error> {
        let ratio = self.metadata.chunk_ratio();
        let chunk = block.checked_div(ratio).unwrap_or(0);
        // A chunk's bitmap is 1 MiB, a bit for each sector.
        let bytes = MIB.checked_div(ratio).unwrap_or(0);
        self.bitmaps.get_or(block, bytes, || {
            let index = chunk
                .saturating_add(1)
                .saturating_mul(ratio)
                .saturating_add(chunk);
            let at = self.entry_at(index);
            let raw = vmie_io::ReadAtExt::read_array::<8>(&*self.source, at).map_err(error_of)?;
            let entry = u64::from_le_bytes(raw);
            let fault = |cause, field, found: u64| {
                Error::new(cause)
                    .at("VHDX BAT", at)
                    .field(field)
                    .found(found)
            };
            if state(entry) != FULLY_PRESENT {
                return Err(fault(Cause::VhdxBlockState, "State", state(entry)));
            }
            let within = block.saturating_sub(chunk.saturating_mul(ratio));
            let place = offset(entry).saturating_add(within.saturating_mul(bytes));
            let end = place.saturating_add(bytes);
            if end > self.source.len() {
                return Err(fault(
                    Cause::VhdxOffset,
                    "FileOffsetMB",
                    offset(entry) / MIB,
                ));
            }
            let mut bitmap = vec![0; int::usize_of(bytes)];
            self.source
                .read_exact_at(&mut bitmap, place)
                .map_err(error_of)?;
            Ok(bitmap)
        })
    }

    /// The extent at `offset`, which lies on the disk: by whole blocks.
    pub(super) fn extent(&self, offset: u64) -> Result<Extent, Error> {
        let block = self.block_of(offset);
        let piece = self.piece(block)?;
        let kind = self.kind(&piece, block)?;
        let mut end = block.saturating_add(1);
        while piece.entry(end).is_some() && self.kind(&piece, end).ok() == Some(kind) {
            end = end.saturating_add(1);
        }
        let end = self.start_of(end).min(self.metadata.disk_bytes);
        let len = end.saturating_sub(offset);
        match (&self.parent, kind) {
            (Some(parent), ExtentKind::Hole) => Ok(parent.extent(offset, len)?),
            _ => Ok(Extent::new(kind, offset, len)),
        }
    }

    /// What a block is; a partially present one is data.
    fn kind(&self, piece: &Piece, block: u64) -> Result<ExtentKind, Error> {
        Ok(match state(piece.entry(block).unwrap_or(NOT_PRESENT)) {
            NOT_PRESENT => ExtentKind::Hole,
            ZERO => ExtentKind::Zero,
            UNDEFINED | UNMAPPED if self.parent.is_some() => ExtentKind::Zero,
            UNDEFINED | UNMAPPED => ExtentKind::Hole,
            FULLY_PRESENT | PARTIALLY_PRESENT => ExtentKind::Data,
            other => return Err(self.fault(Cause::VhdxBlockState, block, "State", other)),
        })
    }
}

/// Whether the bit `first` is set, and up to which bit, at most `last`, that stays so. The first bit
/// of a byte is its lowest (2.4).
fn bit_run(bitmap: &[u8], first: u64, last: u64) -> (bool, u64) {
    let byte = |bit: u64| bitmap.get(int::usize_of(bit / 8)).copied().unwrap_or(0);
    let bit = |bit: u64| byte(bit) & (1 << (bit % 8)) != 0;
    let set = bit(first);
    let whole = if set { 0xff } else { 0 };
    let mut end = first.saturating_add(1);
    while end < last && bit(end) == set {
        let skips = end.is_multiple_of(8) && byte(end) == whole;
        end = end.saturating_add(if skips { 8 } else { 1 });
    }
    (set, end.min(last))
}
