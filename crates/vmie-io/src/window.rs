//! A part of a source as a source.

use std::ops::Range;

use crate::read::check_range;
use crate::{ErrorKind, Extent, ReadAt, ReadError};

/// A part of a source that starts at its own zero: a member of an archive, a partition of a disk.
/// Nothing outside of it can be read through it.
#[derive(Clone, Debug)]
pub struct Window<R> {
    source: R,
    start: u64,
    len: u64,
}

impl<R: ReadAt> Window<R> {
    /// The `len` bytes of `source` that start at byte `start`.
    ///
    /// # Errors
    /// [`ErrorKind::Truncated`] when they do not all lie within `source`.
    pub fn new(source: R, start: u64, len: u64) -> Result<Self, ReadError> {
        match start.checked_add(len) {
            Some(end) if end <= source.len() => Ok(Self { source, start, len }),
            _ => Err(ReadError::new("window", ErrorKind::Truncated, start)),
        }
    }

    /// Where in its source the window starts, in bytes.
    #[must_use]
    pub fn start(&self) -> u64 {
        self.start
    }

    /// The source that it is a part of.
    #[must_use]
    pub fn get_ref(&self) -> &R {
        &self.source
    }
}

impl<R: ReadAt> ReadAt for Window<R> {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<(), ReadError> {
        check_range("window", buf, offset, self.len)?;
        // Cannot overflow: the window's end was checked when it was made.
        self.source
            .read_exact_at(buf, self.start.saturating_add(offset))
    }

    fn next_extent(&self, offset: u64) -> Result<Extent, ReadError> {
        let left = self.len.saturating_sub(offset);
        if left == 0 {
            return Ok(Extent::new(crate::ExtentKind::Hole, offset, 0));
        }
        let below = self.source.next_extent(self.start.saturating_add(offset))?;
        Ok(Extent::new(below.kind, offset, below.len.min(left)))
    }

    fn prefetch(&self, ranges: &[Range<u64>]) {
        let moved: Vec<_> = ranges
            .iter()
            .map(|r| {
                self.start.saturating_add(r.start.min(self.len))
                    ..self.start.saturating_add(r.end.min(self.len))
            })
            .collect();
        self.source.prefetch(&moved);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ReadAtExt;

    #[test]
    fn nothing_outside_is_read() {
        let disk = b"abcdefgh".to_vec();
        let window = Window::new(&disk, 2, 4).unwrap();
        assert_eq!(&window.read_array::<4>(0).unwrap(), b"cdef");
        assert!(window.read_array::<1>(4).is_err());
        assert!(window.read_array::<1>(u64::MAX - 1).is_err());
        assert_eq!(window.next_extent(1).unwrap().len, 3);
        assert_eq!(window.next_extent(4).unwrap().len, 0);
    }

    #[test]
    fn a_window_past_the_end_is_refused() {
        let disk = [0u8; 8].to_vec();
        assert!(Window::new(&disk, 8, 0).is_ok());
        assert_eq!(
            Window::new(&disk, 4, 5).unwrap_err().kind(),
            ErrorKind::Truncated
        );
        assert!(Window::new(&disk, u64::MAX, 2).is_err());
    }
}
