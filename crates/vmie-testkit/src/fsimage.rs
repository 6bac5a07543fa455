//! Images of filesystems that are kept compressed, and volumes that are mostly like another.

use std::sync::Arc;

use vmie_io::{ReadAt, ReadError};

/// Unpacks a gzip file; its last four bytes say how long the content is.
///
/// # Panics
/// When the bytes are not a gzip file.
#[must_use]
pub fn unpack(gzip: &[u8]) -> Vec<u8> {
    let len = gzip
        .last_chunk::<4>()
        .map_or(0, |len| u32::from_le_bytes(*len));
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
    let result = libdeflater::Decompressor::new().gzip_decompress(gzip, &mut bytes);
    assert_eq!(result, Ok(bytes.len()), "the fixture is damaged");
    bytes
}

/// Unpacks an image of NTFS whose table of capitals was packed as its differences to the identity,
/// since gzip cannot shrink it otherwise. `places` says where the table is: a name and a byte
/// number in each line.
///
/// # Panics
/// When the bytes are not a gzip file, or `places` does not know the name.
#[must_use]
pub fn unpack_ntfs(gzip: &[u8], name: &str, places: &str) -> Vec<u8> {
    let place = places
        .lines()
        .filter_map(|line| line.split_once(' '))
        .find(|(known, _)| *known == name)
        .and_then(|(_, place)| place.parse::<usize>().ok());
    let mut bytes = unpack(gzip);
    let table = place.and_then(|place| bytes.get_mut(place..));
    assert!(table.is_some(), "no place is known for {name}");
    let (units, _) = table.unwrap_or_default().as_chunks_mut::<2>();
    for (unit, number) in units.iter_mut().zip(0..=u16::MAX) {
        *unit = u16::from_le_bytes(*unit).wrapping_add(number).to_le_bytes();
    }
    bytes
}

/// A volume with some bytes replaced, and perhaps an early end: a damaged copy that shares the
/// memory of the sound one.
#[derive(Clone, Debug)]
pub struct Patched {
    base: Arc<Vec<u8>>,
    len: u64,
    patches: Vec<(u64, Vec<u8>)>,
}

impl Patched {
    /// A copy that is like `base` as yet.
    #[must_use]
    pub fn new(base: Arc<Vec<u8>>) -> Self {
        Self {
            len: ReadAt::len(&base),
            base,
            patches: Vec::new(),
        }
    }

    /// With `bytes` at `offset`; a later patch covers an earlier one.
    #[must_use]
    pub fn with(mut self, offset: u64, bytes: impl Into<Vec<u8>>) -> Self {
        self.patches.push((offset, bytes.into()));
        self
    }

    /// Without what is at `len` and after.
    #[must_use]
    pub fn cut(mut self, len: u64) -> Self {
        self.len = self.len.min(len);
        self
    }
}

impl ReadAt for Patched {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<(), ReadError> {
        let end = offset.checked_add(vmie_io::int::u64_of(buf.len()));
        if end.is_none_or(|end| end > self.len) {
            return Err(ReadError::past_end("volume", offset, buf.len(), self.len));
        }
        self.base.read_exact_at(buf, offset)?;
        for (at, bytes) in &self.patches {
            for (byte, position) in bytes.iter().zip(*at..u64::MAX) {
                let within = position.checked_sub(offset);
                let within = within.and_then(|n| usize::try_from(n).ok());
                if let Some(target) = within.and_then(|n| buf.get_mut(n)) {
                    *target = *byte;
                }
            }
        }
        Ok(())
    }
}
