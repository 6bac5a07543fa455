//! The one trait that everything reads through.

use std::ops::Range;
use std::sync::Arc;

use crate::{Extent, ExtentKind, Extents, ReadError, int};

/// Bytes at offsets: a file, a window, a disk inside an image, a partition of a disk.
///
/// There is no cursor, so many threads can read one source at once. The length does not change
/// while the source is open.
pub trait ReadAt: Send + Sync {
    /// Length in bytes.
    fn len(&self) -> u64;

    /// Whether there is nothing to read.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills `buf` with the bytes at `[offset, offset + buf.len())`.
    ///
    /// # Errors
    /// When the range does not lie within the source, or cannot be read; `buf` then holds
    /// unspecified bytes.
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<(), ReadError>;

    /// The extent that starts at `offset`: how far from there everything is of one kind, at least
    /// as far as is cheap to tell. Its `start` is `offset`; its `len` is zero only when `offset`
    /// is at or past the end, and it never reaches past the end.
    ///
    /// A source that knows nothing of itself is one extent of data.
    ///
    /// # Errors
    /// When the tables that would tell cannot be read.
    fn next_extent(&self, offset: u64) -> Result<Extent, ReadError> {
        Ok(Extent::new(
            ExtentKind::Data,
            offset,
            self.len().saturating_sub(offset),
        ))
    }

    /// A hint that these byte ranges will be read soon, for slow sources. It cannot fail: a source
    /// that cannot make use of it does nothing.
    fn prefetch(&self, ranges: &[Range<u64>]) {
        let _ = ranges;
    }
}

/// What can be done with any [`ReadAt`].
pub trait ReadAtExt: ReadAt {
    /// The extents of `range` (clipped to the source), neighbours of one kind joined.
    fn extents(&self, range: Range<u64>) -> Extents<'_, Self> {
        Extents::new(self, range.start, range.end)
    }

    /// Reads an array of bytes.
    ///
    /// # Errors
    /// As [`ReadAt::read_exact_at`].
    fn read_array<const N: usize>(&self, offset: u64) -> Result<[u8; N], ReadError> {
        let mut buf = [0; N];
        self.read_exact_at(&mut buf, offset)?;
        Ok(buf)
    }

    /// Reads as much of `buf` as the source has from `offset` on, and says how much that is:
    /// less than `buf.len()` only at the end.
    ///
    /// # Errors
    /// As [`ReadAt::read_exact_at`], except that reaching the end is none.
    fn read_up_to(&self, buf: &mut [u8], offset: u64) -> Result<usize, ReadError> {
        let n = int::min_usize(self.len().saturating_sub(offset), buf.len());
        match buf.get_mut(..n) {
            Some(part) if n > 0 => self.read_exact_at(part, offset).map(|()| n),
            _ => Ok(0),
        }
    }
}

impl<R: ReadAt + ?Sized> ReadAtExt for R {}

macro_rules! forward {
    () => {
        fn len(&self) -> u64 {
            (**self).len()
        }
        fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<(), ReadError> {
            (**self).read_exact_at(buf, offset)
        }
        fn next_extent(&self, offset: u64) -> Result<Extent, ReadError> {
            (**self).next_extent(offset)
        }
        fn prefetch(&self, ranges: &[Range<u64>]) {
            (**self).prefetch(ranges);
        }
    };
}

impl<R: ReadAt + ?Sized> ReadAt for &R {
    forward!();
}

impl<R: ReadAt + ?Sized> ReadAt for Box<R> {
    forward!();
}

impl<R: ReadAt + ?Sized> ReadAt for Arc<R> {
    forward!();
}

/// The range of `buf` at `offset` in a source of `len` bytes, or the error of a read past the end.
pub(crate) fn check_range(
    layer: &'static str,
    buf: &[u8],
    offset: u64,
    len: u64,
) -> Result<u64, ReadError> {
    offset
        .checked_add(int::u64_of(buf.len()))
        .filter(|end| *end <= len)
        .ok_or_else(|| ReadError::past_end(layer, offset, buf.len(), len))
}
