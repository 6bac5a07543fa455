//! Files of any length that are mostly zeroes, in few bytes: for bombs, and for the seeds of formats
//! whose smallest files have megabytes.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a builder of small test images, and a test may panic"
)]

use vmie_io::{ReadAt, ReadError};

/// A file of zeroes with some parts in it; a later part lies over earlier ones.
#[derive(Clone, Debug, Default)]
pub struct Sparse {
    /// Length in bytes.
    pub len: u64,
    /// Parts: where they start, and what they are.
    pub parts: Vec<(u64, Vec<u8>)>,
}

impl Sparse {
    /// The file that [`Sparse::pack`] made so short: its length (8 bytes, little-endian), then for
    /// each part its place (8), length (2) and bytes. What is cut off is left out.
    #[must_use]
    pub fn parse(packed: &[u8]) -> Self {
        let Some((len, mut rest)) = packed.split_first_chunk::<8>() else {
            return Self::default();
        };
        let len = u64::from_le_bytes(*len);
        let mut parts = Vec::new();
        while let Some((head, tail)) = rest.split_first_chunk::<10>() {
            let (at, count) = head.split_at(8);
            let at = u64::from_le_bytes(at.try_into().unwrap());
            let count = usize::from(u16::from_le_bytes(count.try_into().unwrap()));
            let (bytes, tail) = tail.split_at(count.min(tail.len()));
            parts.push((at, bytes.to_vec()));
            rest = tail;
        }
        Self { len, parts }
    }

    /// The bytes of a file, without most of its zeroes.
    #[must_use]
    pub fn pack(file: &[u8]) -> Vec<u8> {
        const ROW: usize = 32;
        let mut out = (file.len() as u64).to_le_bytes().to_vec();
        let mut run: Option<(usize, usize)> = None;
        let mut put = |(start, end): (usize, usize)| {
            out.extend((start as u64).to_le_bytes());
            out.extend(((end - start) as u16).to_le_bytes());
            out.extend(&file[start..end]);
        };
        for (index, row) in file.chunks(ROW).enumerate() {
            if row.iter().all(|byte| *byte == 0) {
                continue;
            }
            let start = index * ROW;
            let end = start + row.len();
            match &mut run {
                Some((from, to)) if *to == start && end - *from <= 65_535 => *to = end,
                _ => {
                    if let Some(done) = run.replace((start, end)) {
                        put(done);
                    }
                }
            }
        }
        if let Some(done) = run {
            put(done);
        }
        out
    }
}

impl ReadAt for Sparse {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<(), ReadError> {
        let end = offset.checked_add(buf.len() as u64);
        let Some(end) = end.filter(|end| *end <= self.len) else {
            return Err(ReadError::past_end(
                "sparse file",
                offset,
                buf.len(),
                self.len,
            ));
        };
        buf.fill(0);
        for (at, bytes) in &self.parts {
            let from = offset.max(*at);
            let to = end.min(at.saturating_add(bytes.len() as u64));
            if from < to {
                let target = &mut buf[(from - offset) as usize..(to - offset) as usize];
                target.copy_from_slice(&bytes[(from - at) as usize..(to - at) as usize]);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_back() {
        let mut file = vec![0; 200_000];
        file[5] = 1;
        file[100..70_000].fill(7);
        file[199_999] = 9;
        let packed = Sparse::pack(&file);
        let back = Sparse::parse(&packed);
        let mut bytes = vec![1; file.len()];
        back.read_exact_at(&mut bytes, 0).unwrap();
        assert!(bytes == file);
        for len in 0..packed.len().min(300) {
            let cut = Sparse::parse(&packed[..len]);
            assert!(cut.parts.len() <= back.parts.len());
        }
    }
}
