//! Random access to a VHDX.

use std::fmt;

use vmie_io::{Budget, Extent, ExtentKind, ReadAt, ReadError, int};

use super::bat::Blocks;
use super::format::guid_text;
use crate::check::{Check, Claims};
use crate::stream::Places;
use crate::{DiskImage, Error, ImageInfo};

/// A disk out of a VHDX. Any number of threads may read at once; blocks that lie one after the other
/// are read at once, straight into the reader's buffer.
///
/// Its extents are those of the block allocation table: blocks that are not present, undefined or
/// unmapped are holes (of a differencing disk, the first show the parent and the others are
/// zeroes), and a partially present block is data.
pub struct Vhdx {
    info: ImageInfo,
    blocks: Blocks,
}

impl fmt::Debug for Vhdx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vhdx")
            .field("info", &self.info)
            .finish_non_exhaustive()
    }
}

impl Vhdx {
    pub(super) fn new(info: ImageInfo, blocks: Blocks) -> Self {
        Self { info, blocks }
    }

    /// Where the blocks lie, for reading in the order of the file.
    pub(crate) fn places(&self, budget: &Budget) -> Result<Places, Error> {
        let mut places = Places::new(budget);
        self.blocks.places(&mut places)?;
        Ok(places)
    }

    /// Says what of the file belongs to what.
    pub(crate) fn claims(&self, claims: &mut Claims, check: &mut Check) -> Result<(), Error> {
        match self.blocks.claims(claims) {
            Ok(()) => Ok(()),
            Err(error) => check.error(error),
        }
    }

    /// Bytes of a physical sector of the disk: 512 or 4096.
    #[must_use]
    pub fn physical_sector_size(&self) -> u32 {
        self.blocks.metadata().physical_sector
    }

    /// The disk's own id (SCSI page 83), which stays the same however the disk changes.
    #[must_use]
    pub fn disk_id(&self) -> String {
        guid_text(&self.blocks.metadata().disk_id)
    }
}

impl ReadAt for Vhdx {
    fn len(&self) -> u64 {
        self.info.virtual_size
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<(), ReadError> {
        let end = offset.checked_add(int::u64_of(buf.len()));
        if end.is_none_or(|end| end > self.len()) {
            return Err(ReadError::past_end("VHDX", offset, buf.len(), self.len()));
        }
        Ok(self.blocks.read(buf, offset)?)
    }

    fn next_extent(&self, offset: u64) -> Result<Extent, ReadError> {
        if offset >= self.len() {
            return Ok(Extent::new(ExtentKind::Hole, offset, 0));
        }
        Ok(self.blocks.extent(offset)?)
    }
}

impl DiskImage for Vhdx {
    fn info(&self) -> &ImageInfo {
        &self.info
    }
}
