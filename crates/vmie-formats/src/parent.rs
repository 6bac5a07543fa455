//! The image below a differencing one.

use vmie_io::{Extent, ExtentKind, ReadAt, ReadError, int};

use crate::DiskImage;

/// The parent of a disk image: what shows where the child holds nothing. A child may be larger
/// than its parent; past the parent's end it shows zeroes.
pub(crate) struct Parent {
    disk: Box<dyn DiskImage>,
}

impl Parent {
    /// The layer that a disk makes for its child.
    pub(crate) fn new(disk: Box<dyn DiskImage>) -> Self {
        Self { disk }
    }

    /// The disk itself.
    pub(crate) fn disk(&self) -> &dyn DiskImage {
        &*self.disk
    }

    /// Fills `buf` with what the parent shows from `offset` on.
    pub(crate) fn read(&self, buf: &mut [u8], offset: u64) -> Result<(), ReadError> {
        let have = int::min_usize(self.disk.len().saturating_sub(offset), buf.len());
        let (inside, past) = buf.split_at_mut(have);
        past.fill(0);
        if inside.is_empty() {
            return Ok(());
        }
        self.disk.read_exact_at(inside, offset)
    }

    /// The extent of the parent at `offset`, at most `len` bytes of it; past its end, a hole.
    pub(crate) fn extent(&self, offset: u64, len: u64) -> Result<Extent, ReadError> {
        if offset >= self.disk.len() {
            return Ok(Extent::new(ExtentKind::Hole, offset, len));
        }
        let extent = self.disk.next_extent(offset)?;
        Ok(Extent::new(extent.kind, offset, extent.len.min(len)))
    }
}
