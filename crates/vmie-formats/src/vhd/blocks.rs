//! Disks in blocks that a table places: dynamic and differencing ones.

use std::ops::Range;
use std::sync::Arc;

use vmie_io::{Budget, Extent, ExtentKind, ReadAt, int};

use super::format::{FOOTER, HEADER, PIECE, SECTOR, UNUSED};
use super::header::Header;
use crate::check::Claims;
use crate::parent::Parent;
use crate::stream::Places;
use crate::table::{Kept, overlapping};
use crate::{Cause, Error, error_of};

/// Pieces of the block allocation table that are kept: 64 KiB of table each.
const PIECES: usize = 16;
/// Sector bitmaps that are kept: 512 bytes each with the usual blocks of 2 MiB.
const BITMAPS: usize = 64;

/// The blocks of a disk.
pub(super) struct Blocks {
    header: Header,
    disk_bytes: u64,
    source: Arc<dyn ReadAt>,
    /// Where no block can be: the footer's copy, the header and the table.
    metadata: [Range<u64>; 3],
    table: Kept<Piece>,
    bitmaps: Kept<Vec<u8>>,
    parent: Option<Parent>,
}

/// A piece of the block allocation table.
#[derive(Debug)]
struct Piece {
    /// Number of its first block.
    first: u64,
    entries: Vec<u32>,
    /// Blocks that lie over other ones of this piece, in order.
    overlapping: Vec<u64>,
}

impl Piece {
    /// The sector of a block, or `None` when the block is not there or not of this piece.
    fn sector(&self, block: u64) -> Option<u32> {
        let index = int::usize_of(block.checked_sub(self.first)?);
        let entry = self.entries.get(index).copied()?;
        (entry != UNUSED).then_some(entry)
    }

    fn end(&self) -> u64 {
        self.first.saturating_add(int::u64_of(self.entries.len()))
    }

    /// The block after the last of those from `block` on, within the piece and before `limit`, that
    /// are there or not as `block` is.
    fn run(&self, block: u64, limit: u64) -> u64 {
        let here = self.sector(block).is_some();
        let limit = limit.min(self.end());
        let mut end = block.saturating_add(1);
        while end < limit && self.sector(end).is_some() == here {
            end = end.saturating_add(1);
        }
        end
    }
}

impl Blocks {
    pub(super) fn new(
        source: Arc<dyn ReadAt>,
        header: &Header,
        disk_bytes: u64,
        parent: Option<Parent>,
        budget: &Budget,
    ) -> Self {
        let range = |at: u64, len: u64| at..at.saturating_add(len);
        Self {
            header: header.clone(),
            disk_bytes,
            source,
            metadata: [
                range(0, FOOTER),
                range(header.at, HEADER),
                range(header.table_at, header.table_bytes()),
            ],
            table: Kept::new("block allocation table", PIECES, budget),
            bitmaps: Kept::new("sector bitmap", BITMAPS, budget),
            parent,
        }
    }

    /// Blocks are not empty, so the division is defined.
    fn block_of(&self, offset: u64) -> u64 {
        offset.checked_div(self.header.block_bytes).unwrap_or(0)
    }

    fn start_of(&self, block: u64) -> u64 {
        block.saturating_mul(self.header.block_bytes)
    }

    /// The piece of the table with the entry of a block.
    fn piece(&self, block: u64) -> Result<Arc<Piece>, Error> {
        let number = block / PIECE;
        let first = number.saturating_mul(PIECE);
        let count = self.header.blocks.saturating_sub(first).min(PIECE);
        let bytes = count.saturating_mul(4);
        // Twice: the bytes and what is made of them.
        self.table.get_or(number, bytes.saturating_mul(2), || {
            let mut raw = vec![0; int::usize_of(bytes)];
            let at = self.header.table_at.saturating_add(first.saturating_mul(4));
            self.source.read_exact_at(&mut raw, at).map_err(error_of)?;
            let (entries, _) = raw.as_chunks::<4>();
            let entries: Vec<u32> = entries.iter().map(|e| u32::from_be_bytes(*e)).collect();
            let used = entries.iter().zip(first..).filter(|(e, _)| **e != UNUSED);
            let places = used
                .map(|(entry, block)| (u64::from(*entry), block))
                .collect();
            Ok(Piece {
                first,
                entries,
                overlapping: overlapping(places, self.header.stride() / SECTOR),
            })
        })
    }

    /// Byte offset in the file of a block's bitmap, when the block is there.
    fn place(&self, piece: &Piece, block: u64) -> Result<Option<u64>, Error> {
        let Some(sector) = piece.sector(block) else {
            return Ok(None);
        };
        let start = u64::from(sector).saturating_mul(SECTOR);
        let end = start.saturating_add(self.header.stride());
        let over = |range: &Range<u64>| start < range.end && range.start < end;
        if self.metadata.iter().any(over) || piece.overlapping.binary_search(&block).is_ok() {
            return Err(self.fault(Cause::VhdBlockOverlap, block, sector));
        }
        Ok(Some(start))
    }

    /// Says what of the file belongs to what.
    pub(super) fn claims(&self, claims: &mut Claims) -> Result<(), Error> {
        let whats = ["the copy of the footer", "the header", "the table"];
        for (range, what) in self.metadata.iter().zip(whats) {
            claims.add(range.start, range.end.saturating_sub(range.start), what);
        }
        let mut block = 0;
        while block < self.header.blocks {
            claims.go_on()?;
            let piece = self.piece(block)?;
            for number in block..piece.end() {
                if let Some(sector) = piece.sector(number) {
                    let at = u64::from(sector).saturating_mul(SECTOR);
                    claims.add(at, self.header.stride(), "a block");
                }
            }
            block = piece.end().max(block.saturating_add(1));
        }
        claims.leaks_from(self.header.stride());
        Ok(())
    }

    fn fault(&self, cause: Cause, block: u64, sector: u32) -> Error {
        let at = self.header.table_at.saturating_add(block.saturating_mul(4));
        Error::new(cause)
            .at("VHD block allocation table", at)
            .field("entry")
            .found(sector)
    }

    /// Adds all blocks that are there to `places`, bitmap and data together.
    pub(super) fn places(&self, places: &mut Places) -> Result<(), Error> {
        for block in 0..self.header.blocks {
            let piece = self.piece(block)?;
            if let Some(start) = self.place(&piece, block)? {
                let file = (start, start.saturating_add(self.header.stride()));
                let from = self.start_of(block);
                places.add(file, (from, from.saturating_add(self.header.block_bytes)))?;
            }
        }
        Ok(())
    }

    /// The error of a block that reaches past the end of the file.
    fn past_end(&self, block: u64, start: u64) -> Error {
        let sector = u32::try_from(start / SECTOR).unwrap_or(u32::MAX);
        self.fault(Cause::VhdOffset, block, sector)
    }

    fn read_file(&self, buf: &mut [u8], at: u64, block: u64, start: u64) -> Result<(), Error> {
        let end = at.saturating_add(int::u64_of(buf.len()));
        if end > self.source.len() {
            return Err(self.past_end(block, start));
        }
        self.source.read_exact_at(buf, at).map_err(error_of)
    }

    /// The sector bitmap of the block that is stored at `start`.
    fn bitmap(&self, block: u64, start: u64) -> Result<Arc<Vec<u8>>, Error> {
        let bytes = self.header.bitmap_bytes;
        self.bitmaps.get_or(start, bytes, || {
            if start.saturating_add(bytes) > self.source.len() {
                return Err(self.past_end(block, start));
            }
            let mut bitmap = vec![0; int::usize_of(bytes)];
            self.source
                .read_exact_at(&mut bitmap, start)
                .map_err(error_of)?;
            Ok(bitmap)
        })
    }

    /// Fills `buf` with what shows where this image holds nothing.
    fn absent(&self, buf: &mut [u8], offset: u64) -> Result<(), Error> {
        match &self.parent {
            Some(parent) => parent.read(buf, offset).map_err(error_of),
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
            let end = match place {
                Some(_) => block.saturating_add(1),
                None => {
                    let last = self.block_of(at.saturating_add(int::u64_of(rest.len())));
                    piece.run(block, last.saturating_add(1))
                }
            };
            let left = self.start_of(end).saturating_sub(at);
            let (head, tail) = rest.split_at_mut(int::min_usize(left, rest.len()));
            if head.is_empty() {
                return Err(Error::new(Cause::VhdTable));
            }
            match place {
                Some(start) => self.read_block(head, at, block, start)?,
                None => self.absent(head, at)?,
            }
            at = at.saturating_add(int::u64_of(head.len()));
            rest = tail;
        }
        Ok(())
    }

    /// Fills `buf` from the block that is stored at `start`; all of it lies within the block.
    fn read_block(&self, buf: &mut [u8], offset: u64, block: u64, start: u64) -> Result<(), Error> {
        let bitmap = self.bitmap(block, start)?;
        let data = start.saturating_add(self.header.bitmap_bytes);
        let base = self.start_of(block);
        let mut at = offset;
        let mut rest = buf;
        while !rest.is_empty() {
            let within = at.saturating_sub(base);
            let (set, end) = self.sector_run(&bitmap, within, int::u64_of(rest.len()));
            let len = int::min_usize(end.saturating_sub(within).max(1), rest.len());
            let (head, tail) = rest.split_at_mut(len);
            if set {
                self.read_file(head, data.saturating_add(within), block, start)?;
            } else {
                self.absent(head, at)?;
            }
            at = at.saturating_add(int::u64_of(len));
            rest = tail;
        }
        Ok(())
    }

    /// Whether the sector at byte `within` of a block is in the file, and up to which byte of the
    /// block, looking no further than `len` bytes, that stays so.
    fn sector_run(&self, bitmap: &[u8], within: u64, len: u64) -> (bool, u64) {
        // The first sector of a byte is its highest bit.
        let bit = |sector: usize| {
            let byte = bitmap.get(sector / 8).copied().unwrap_or(0);
            byte & (0x80 >> (sector % 8)) != 0
        };
        let first = int::usize_of(within / SECTOR);
        let last = within.saturating_add(len).div_ceil(SECTOR);
        let last = int::min_usize(last, self.header.block_sectors());
        let set = bit(first);
        let whole = if set { 0xff } else { 0 };
        let mut end = first.saturating_add(1);
        while end < last && bit(end) == set {
            let skips = end.is_multiple_of(8) && bitmap.get(end / 8) == Some(&whole);
            end = end.saturating_add(if skips { 8 } else { 1 });
        }
        (set, int::u64_of(end.min(last)).saturating_mul(SECTOR))
    }

    /// The extent at `offset`, which lies on the disk: by whole blocks.
    pub(super) fn extent(&self, offset: u64) -> Result<Extent, Error> {
        let block = self.block_of(offset);
        let piece = self.piece(block)?;
        let end = self.start_of(piece.run(block, self.header.blocks));
        let len = end.min(self.disk_bytes).saturating_sub(offset);
        match piece.sector(block) {
            Some(_) => Ok(Extent::new(ExtentKind::Data, offset, len)),
            None => self.absent_extent(offset, len),
        }
    }

    fn absent_extent(&self, offset: u64, len: u64) -> Result<Extent, Error> {
        match &self.parent {
            Some(parent) => Ok(parent.extent(offset, len)?),
            None => Ok(Extent::new(ExtentKind::Hole, offset, len)),
        }
    }

    /// The extent at `offset`, which lies on the disk: by sectors, within one block.
    pub(super) fn sector_extent(&self, offset: u64) -> Result<Extent, Error> {
        let block = self.block_of(offset);
        let piece = self.piece(block)?;
        let Some(start) = self.place(&piece, block)? else {
            return self.extent(offset);
        };
        let bitmap = self.bitmap(block, start)?;
        let within = offset.saturating_sub(self.start_of(block));
        let left = self.header.block_bytes.saturating_sub(within);
        let (set, end) = self.sector_run(&bitmap, within, left);
        let len = end.saturating_sub(within);
        let len = len.min(self.disk_bytes.saturating_sub(offset));
        if set {
            Ok(Extent::new(ExtentKind::Data, offset, len))
        } else {
            self.absent_extent(offset, len)
        }
    }
}
