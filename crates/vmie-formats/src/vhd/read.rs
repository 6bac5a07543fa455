//! Random access to a VHD.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use vmie_io::{Budget, Extent, ExtentKind, ReadAt, ReadError, int};

use super::blocks::Blocks;
use crate::check::{Check, Claims};
use crate::stream::Places;
use crate::{DiskImage, Error, ImageInfo, error_of};

/// A disk out of a VHD. Any number of threads may read at once.
///
/// Its extents are those of the block allocation table: a block that is there is data, even if its
/// sector bitmap says of some sectors that nobody wrote them. [`Vhd::sector_extent`] tells those.
pub struct Vhd {
    source: Arc<dyn ReadAt>,
    info: ImageInfo,
    layout: Layout,
}

/// How the disk lies in its file.
pub(super) enum Layout {
    /// From the file's first byte on.
    Fixed,
    /// In blocks that a table places.
    Blocks(Box<Blocks>),
}

impl fmt::Debug for Vhd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vhd")
            .field("info", &self.info)
            .finish_non_exhaustive()
    }
}

impl Vhd {
    pub(super) fn new(source: Arc<dyn ReadAt>, info: ImageInfo, layout: Layout) -> Self {
        Self {
            source,
            info,
            layout,
        }
    }

    /// Where the blocks lie, for reading in the order of the file; nothing for a fixed disk.
    pub(crate) fn places(&self, budget: &Budget) -> Result<Places, Error> {
        let mut places = Places::new(budget);
        if let Layout::Blocks(blocks) = &self.layout {
            blocks.places(&mut places)?;
        }
        Ok(places)
    }

    /// Says what of the file belongs to what.
    pub(crate) fn claims(&self, claims: &mut Claims, check: &mut Check) -> Result<(), Error> {
        let footer = self.source.len().saturating_sub(511);
        claims.add(footer, 511, "the footer");
        match &self.layout {
            Layout::Fixed => claims.add(0, self.info.virtual_size, "the disk"),
            Layout::Blocks(blocks) => {
                if let Err(error) = blocks.claims(claims) {
                    check.error(error)?;
                }
            }
        }
        Ok(())
    }

    /// The extent at byte `offset` as exactly as the image knows it: by the sector bitmaps, each of
    /// which has to be read for that. As [`ReadAt::next_extent`] in everything else.
    ///
    /// # Errors
    /// When the tables cannot be read.
    pub fn sector_extent(&self, offset: u64) -> Result<Extent, Error> {
        match &self.layout {
            Layout::Blocks(blocks) if offset < self.info.virtual_size => {
                blocks.sector_extent(offset)
            }
            _ => self.next_extent(offset).map_err(error_of),
        }
    }
}

impl ReadAt for Vhd {
    fn len(&self) -> u64 {
        self.info.virtual_size
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<(), ReadError> {
        let end = offset.checked_add(int::u64_of(buf.len()));
        if end.is_none_or(|end| end > self.len()) {
            return Err(ReadError::past_end("VHD", offset, buf.len(), self.len()));
        }
        match &self.layout {
            Layout::Fixed => self.source.read_exact_at(buf, offset),
            Layout::Blocks(blocks) => Ok(blocks.read(buf, offset)?),
        }
    }

    fn next_extent(&self, offset: u64) -> Result<Extent, ReadError> {
        let left = self.len().saturating_sub(offset);
        if left == 0 {
            return Ok(Extent::new(ExtentKind::Hole, offset, 0));
        }
        match &self.layout {
            Layout::Fixed => {
                let extent = self.source.next_extent(offset)?;
                Ok(Extent::new(extent.kind, offset, extent.len.min(left)))
            }
            Layout::Blocks(blocks) => Ok(blocks.extent(offset)?),
        }
    }

    fn prefetch(&self, ranges: &[Range<u64>]) {
        if matches!(self.layout, Layout::Fixed) {
            self.source.prefetch(ranges);
        }
    }
}

impl DiskImage for Vhd {
    fn info(&self) -> &ImageInfo {
        &self.info
    }
}
