//! Random access to a VDI.

use std::fmt;
use std::sync::Arc;

use vmie_io::{Budget, ErrorKind, Extent, ExtentKind, ReadAt, ReadError, int};

use super::format::{ALLOCATED_AT, BLOCK_FREE, BLOCK_ZERO};
use super::header::Header;
use crate::check::{Check, Claims, ProblemKind};
use crate::parent::Parent;
use crate::recent::Recent;
use crate::stream::Places;
use crate::{Cause, DiskImage, Error, ImageInfo, error_of};

/// Entries of the block map that are read at once: a terabyte of blocks of 1 MiB needs 64 reads.
const SLICE: u64 = 16 << 10;
const SLICES_KEPT: usize = 16;

/// A disk out of a VDI. Any number of threads may read at once, straight into their buffers.
pub struct Vdi {
    source: Arc<dyn ReadAt>,
    header: Header,
    info: ImageInfo,
    parent: Option<Parent>,
    slices: Recent<[u32]>,
    budget: Budget,
}

/// Where a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Hole,
    Zero,
    /// From this byte of the file on.
    At(u64),
}

impl fmt::Debug for Vdi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vdi")
            .field("info", &self.info)
            .finish_non_exhaustive()
    }
}

impl Vdi {
    pub(super) fn new(
        source: Arc<dyn ReadAt>,
        header: Header,
        info: ImageInfo,
        parent: Option<Parent>,
        budget: Budget,
    ) -> Self {
        Self {
            source,
            header,
            info,
            parent,
            slices: Recent::new(SLICES_KEPT),
            budget,
        }
    }

    /// Where the blocks lie, for reading in the order of the file.
    pub(crate) fn places(&self, budget: &Budget) -> Result<Places, Error> {
        let mut places = Places::new(budget);
        let mut at = 0;
        while at < self.header.size {
            let (place, len) = self.run(at, u64::MAX)?;
            let end = at.saturating_add(len.max(1));
            if let Place::At(start) = place {
                places.add((start, start.saturating_add(len)), (at, end))?;
            }
            at = end;
        }
        Ok(places)
    }

    /// Says what belongs to what in the file, and whether as many blocks are there as the header says.
    pub(crate) fn claims(&self, claims: &mut Claims, check: &mut Check) -> Result<(), Error> {
        let header = &self.header;
        claims.add(0, header.end, "the header");
        claims.add(
            header.map,
            header.blocks().saturating_mul(4),
            "the block map",
        );
        claims.leaks_from(header.block.saturating_add(header.extra));
        let mut stored = 0u64;
        for block in 0..header.blocks() {
            if block.is_multiple_of(SLICE) {
                claims.go_on()?;
            }
            let Place::At(start) = self.place(block)? else {
                continue;
            };
            stored = stored.saturating_add(1);
            // The last block may reach past the disk, and need not be there that far.
            let at = block.saturating_mul(header.block);
            let len = header.block.min(header.size.saturating_sub(at));
            let start = start.saturating_sub(header.extra);
            claims.add(start, len.saturating_add(header.extra), "a block");
        }
        let said = u64::from(header.allocated);
        if said != stored {
            let detail = format!("{stored} blocks are stored, and the header says {said}");
            check.add(ProblemKind::Refcount, Some(ALLOCATED_AT), detail);
        }
        Ok(())
    }

    fn slice(&self, number: u64) -> Result<Arc<[u32]>, Error> {
        if let Some(slice) = self.slices.get(number) {
            return Ok(slice);
        }
        let first = number.saturating_mul(SLICE);
        let entries = SLICE.min(self.header.blocks().saturating_sub(first));
        let len = entries.saturating_mul(4);
        let (mut bytes, charge) = self.budget.buffer("block map", len)?;
        let at = self.header.map.saturating_add(first.saturating_mul(4));
        self.source
            .read_exact_at(&mut bytes, at)
            .map_err(error_of)?;
        let (words, _) = bytes.as_chunks::<4>();
        let slice: Arc<[u32]> = words.iter().map(|word| u32::from_le_bytes(*word)).collect();
        self.slices.put(number, Arc::clone(&slice), charge);
        Ok(slice)
    }

    fn place(&self, block: u64) -> Result<Place, Error> {
        let number = block / SLICE;
        let slice = self.slice(number)?;
        let entry = slice.get(int::usize_of(block % SLICE)).copied();
        Ok(match entry.unwrap_or(BLOCK_FREE) {
            BLOCK_FREE => Place::Hole,
            BLOCK_ZERO => Place::Zero,
            entry => {
                // 32 bits times less than 2^33, plus 32 bits.
                let stride = self.header.block.saturating_add(self.header.extra);
                let start = u64::from(entry).saturating_mul(stride);
                let start = start.saturating_add(self.header.data);
                Place::At(start.saturating_add(self.header.extra))
            }
        })
    }

    /// The run at `offset`, which lies on the disk: neighbours that are stored so are taken
    /// together, up to `max` bytes and to the end of a slice of the map.
    fn run(&self, offset: u64, max: u64) -> Result<(Place, u64), Error> {
        let size = self.header.block;
        let block = offset.checked_div(size).unwrap_or(0);
        let within = offset.saturating_sub(block.saturating_mul(size));
        let place = self.place(block)?;
        let max = max.min(self.header.size.saturating_sub(offset));
        let mut len = size.saturating_sub(within);
        let (mut next, mut last) = (block.saturating_add(1), place);
        while len < max && next % SLICE != 0 {
            let here = self.place(next)?;
            let goes_on = match (last, here) {
                (Place::At(a), Place::At(b)) => a.checked_add(size) == Some(b),
                (a, b) => a == b,
            };
            if !goes_on {
                break;
            }
            last = here;
            next = next.saturating_add(1);
            len = len.saturating_add(size);
        }
        let place = match place {
            Place::At(start) => Place::At(start.saturating_add(within)),
            other => other,
        };
        Ok((place, len.min(max)))
    }

    fn read_run(&self, place: Place, buf: &mut [u8], offset: u64) -> Result<(), Error> {
        match (place, &self.parent) {
            (Place::Hole, Some(parent)) => parent.read(buf, offset).map_err(error_of),
            (Place::Hole, None) | (Place::Zero, _) => {
                buf.fill(0);
                Ok(())
            }
            (Place::At(start), _) => {
                let end = start.checked_add(int::u64_of(buf.len()));
                if end.is_none_or(|end| end > self.source.len()) {
                    let block = offset.checked_div(self.header.block).unwrap_or(0);
                    let entry = block.saturating_mul(4).saturating_add(self.header.map);
                    return Err(Error::new(Cause::VdiOffset)
                        .at("VDI block map", entry)
                        .field("entry")
                        .found(start));
                }
                self.source.read_exact_at(buf, start).map_err(error_of)
            }
        }
    }
}

impl ReadAt for Vdi {
    fn len(&self) -> u64 {
        self.header.size
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<(), ReadError> {
        let end = offset.checked_add(int::u64_of(buf.len()));
        if end.is_none_or(|end| end > self.header.size) {
            return Err(ReadError::past_end(
                "VDI",
                offset,
                buf.len(),
                self.header.size,
            ));
        }
        let mut at = offset;
        let mut rest = buf;
        while !rest.is_empty() {
            let (place, len) = self.run(at, int::u64_of(rest.len()))?;
            let (head, tail) = rest.split_at_mut(int::min_usize(len, rest.len()));
            if head.is_empty() {
                return Err(ReadError::new("VDI", ErrorKind::Corrupt, at));
            }
            self.read_run(place, head, at)?;
            at = at.saturating_add(int::u64_of(head.len()));
            rest = tail;
        }
        Ok(())
    }

    fn next_extent(&self, offset: u64) -> Result<Extent, ReadError> {
        if offset >= self.header.size {
            return Ok(Extent::new(ExtentKind::Hole, offset, 0));
        }
        let (place, len) = self.run_of_kind(offset)?;
        match (place, &self.parent) {
            (Place::Hole, Some(parent)) => parent.extent(offset, len),
            (Place::Hole, None) => Ok(Extent::new(ExtentKind::Hole, offset, len)),
            (Place::Zero, _) => Ok(Extent::new(ExtentKind::Zero, offset, len)),
            (Place::At(_), _) => Ok(Extent::new(ExtentKind::Data, offset, len)),
        }
    }
}

impl Vdi {
    /// As [`Vdi::run`], but blocks of data go on wherever they are stored.
    fn run_of_kind(&self, offset: u64) -> Result<(Place, u64), Error> {
        let (place, mut len) = self.run(offset, u64::MAX)?;
        let same = |a: Place, b: Place| matches!((a, b), (Place::At(_), Place::At(_))) || a == b;
        loop {
            let end = offset.saturating_add(len);
            let block = end.checked_div(self.header.block).unwrap_or(0);
            if end >= self.header.size || block % SLICE == 0 {
                return Ok((place, len));
            }
            let (next, more) = self.run(end, u64::MAX)?;
            if !same(place, next) {
                return Ok((place, len));
            }
            len = len.saturating_add(more);
        }
    }
}

impl DiskImage for Vdi {
    fn info(&self) -> &ImageInfo {
        &self.info
    }
}
