//! Buffers that begin at a page.

use std::fmt;
use std::ops::{Deref, DerefMut};

/// Bytes of a page of memory, or a divisor of them.
const PAGE: usize = 4096;

/// Bytes in memory, the first of which lies at the start of a page: what files are read into.
///
/// A large vector begins 16 bytes into a page, since its allocator keeps a note before it. The
/// kernel copies to such a place at a fifth of the speed on processors whose string moves are slow
/// when source and target lie differently in their pages, AMD's Zen among them.
///
/// ```
/// let mut buffer = vmie_io::PageBuffer::default();
/// buffer.resize(1 << 18);
/// assert_eq!(buffer.as_ptr().align_offset(4096), 0);
/// assert_eq!(buffer.len(), 1 << 18);
/// ```
#[derive(Default)]
pub struct PageBuffer {
    /// What is shown, and up to a page before it.
    bytes: Vec<u8>,
    start: usize,
}

impl PageBuffer {
    /// So many zeroes.
    #[must_use]
    pub fn new(len: usize) -> Self {
        let mut buffer = Self::default();
        buffer.resize(len);
        buffer
    }

    /// Makes it `len` bytes long. What is in it then is either what was there or zero, and which of
    /// both is not said: it is meant to be read into.
    pub fn resize(&mut self, len: usize) {
        if len > self.bytes.capacity().saturating_sub(PAGE) {
            self.bytes = vec![0; len.saturating_add(PAGE)];
            // Only a function that is evaluated by the compiler can be told that there is no such
            // offset.
            self.start = self.bytes.as_ptr().align_offset(PAGE).min(PAGE);
        }
        self.bytes.resize(self.start.saturating_add(len), 0);
    }
}

impl Deref for PageBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }
}

impl DerefMut for PageBuffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.start..).unwrap_or_default()
    }
}

impl fmt::Debug for PageBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageBuffer")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_begins_at_a_page_whatever_its_length_was() {
        let mut buffer = PageBuffer::default();
        assert!(buffer.is_empty());
        for len in [1, 4096, 100, 1 << 20, 0, 4097, (1 << 20) + 1, 70_000] {
            buffer.resize(len);
            assert_eq!(buffer.len(), len);
            assert!(len == 0 || buffer.as_ptr().align_offset(PAGE) == 0, "{len}");
            buffer.fill(7);
        }
    }

    #[test]
    fn it_stays_where_it_is_when_it_is_moved_or_shortened() {
        let mut buffer = PageBuffer::new(10_000);
        buffer[9_000] = 5;
        let at = buffer.as_ptr();
        let mut moved = Box::new(buffer);
        moved.resize(9_001);
        assert_eq!((moved.as_ptr(), moved[9_000], moved.len()), (at, 5, 9_001));
    }
}
