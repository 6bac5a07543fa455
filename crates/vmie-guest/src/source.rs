//! Files that are read in pieces.

use std::io;

/// A file that is read at any place.
pub trait Source {
    /// Reads into `buf` from `offset` on and says how many bytes; zero only at the end (or for an
    /// empty `buf`).
    ///
    /// # Errors
    /// When the file cannot be read.
    fn read_at(&mut self, buf: &mut [u8], offset: u64) -> io::Result<usize>;
}

impl Source for &[u8] {
    fn read_at(&mut self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let rest = self.get(from..).unwrap_or_default();
        let len = rest.len().min(buf.len());
        for (to, from) in buf.iter_mut().zip(rest) {
            *to = *from;
        }
        Ok(len)
    }
}

/// Up to `len` bytes from `offset` on: fewer at the end alone.
pub(crate) fn read(source: &mut dyn Source, offset: u64, len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; len];
    let mut filled = 0usize;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        let at = offset.saturating_add(vmie_io::int::u64_of(filled));
        match source.read_at(rest, at)? {
            0 => break,
            n => filled = filled.saturating_add(n),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}
