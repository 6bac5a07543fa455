//! Compressing into zlib streams: the only module that sees a compressor. libdeflate when the
//! feature is on, else zlib-rs.

use crate::{Cause, Error};

/// Compresses grains one after the other at one level.
pub(crate) struct Deflater {
    backend: backend::Backend,
    level: u8,
}

/// The level at which the output is no larger than zlib's at its default level.
pub(crate) const DEFAULT_LEVEL: u8 = backend::DEFAULT_LEVEL;
/// The highest level.
pub(crate) const MAX_LEVEL: u8 = 12;

/// Bytes that are looked at to see whether compressing is worth the while.
const SAMPLE: usize = 4096;

impl Deflater {
    /// A compressor of a level from 1 to 12.
    pub(crate) fn new(level: u8) -> Result<Self, Error> {
        let level = level.clamp(1, MAX_LEVEL);
        let unavailable = || Error::new(Cause::NoInflate).in_structure("compressor");
        Ok(Self {
            backend: backend::Backend::new(level).ok_or_else(unavailable)?,
            level,
        })
    }

    /// Bytes that `len` bytes take at most.
    pub(crate) fn bound(len: usize) -> usize {
        // Stored blocks of 65535 bytes cost five each; the stream six. Compressors may ask for more
        // room than they use.
        len.saturating_add(len >> 8).saturating_add(1024)
    }

    /// Writes `input` as a zlib stream to the start of `output`, which has room for
    /// [`Deflater::bound`], and says how long it is.
    pub(crate) fn compress(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize, Error> {
        if self.level <= 9 && !looks_compressible(input) {
            return store(input, output);
        }
        match self.backend.compress(input, output) {
            Some(len) => Ok(len),
            None => store(input, output),
        }
    }
}

/// Whether the bytes are uneven enough to be worth compressing: noise (encrypted or compressed
/// already) has all values about equally often. Three samples are looked at, since one may be a
/// header.
fn looks_compressible(input: &[u8]) -> bool {
    if input.len() < SAMPLE.saturating_mul(4) {
        return true;
    }
    let third = input.len() / 3;
    (0..3usize).any(|index| {
        let start = third.saturating_mul(index);
        let sample = input.get(start..).unwrap_or_default();
        let sample = sample.get(..SAMPLE.min(sample.len())).unwrap_or_default();
        uneven(sample)
    })
}

/// Whether the sum of squared frequencies is clearly above that of noise. With 4096 bytes over 256
/// values the sum is about 4096 * 17 = 69632 for noise, with a deviation of some 1500.
fn uneven(sample: &[u8]) -> bool {
    let mut counts = [0u32; 256];
    for byte in sample {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count = count.saturating_add(1);
        }
    }
    let squares = counts.iter().map(|n| n.saturating_mul(*n));
    squares.fold(0u32, u32::saturating_add) > 80_000 || sample.len() < SAMPLE
}

/// A zlib stream of stored blocks (RFC 1950, RFC 1951 section 3.2.4).
fn store(input: &[u8], output: &mut [u8]) -> Result<usize, Error> {
    const MOST: usize = 65_535;
    let mut out = Writer { output, at: 0 };
    out.put(&[0x78, 0x01])?;
    let mut chunks = input.chunks(MOST).peekable();
    if chunks.peek().is_none() {
        out.put(&[1, 0, 0, 0xff, 0xff])?;
    }
    while let Some(chunk) = chunks.next() {
        let last = u8::from(chunks.peek().is_none());
        let len = u16::try_from(chunk.len()).unwrap_or(u16::MAX);
        let [a, b] = len.to_le_bytes();
        out.put(&[last, a, b, !a, !b])?;
        out.put(chunk)?;
    }
    out.put(&adler32(input).to_be_bytes())?;
    Ok(out.at)
}

struct Writer<'a> {
    output: &'a mut [u8],
    at: usize,
}

impl Writer<'_> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let end = self.at.saturating_add(bytes.len());
        let room = self.output.get_mut(self.at..end);
        let room = room.ok_or_else(|| Error::new(Cause::Limit).in_structure("compressed grain"))?;
        room.copy_from_slice(bytes);
        self.at = end;
        Ok(())
    }
}

/// The checksum of a zlib stream (RFC 1950 section 8.2).
fn adler32(bytes: &[u8]) -> u32 {
    const BASE: u32 = 65_521;
    // So many bytes that the sums stay below 2^32 (zlib's NMAX).
    const MOST: usize = 5552;
    let (mut a, mut b) = (1u32, 0u32);
    for chunk in bytes.chunks(MOST) {
        for byte in chunk {
            a = a.wrapping_add((*byte).into());
            b = b.wrapping_add(a);
        }
        a %= BASE;
        b %= BASE;
    }
    (b << 16) | a
}

#[cfg(feature = "libdeflate")]
mod backend {
    use libdeflater::{CompressionLvl, Compressor};

    /// Smaller than zlib's level 6 on all that was tried, at three times its speed. Level 4 is faster
    /// by a third, but 2 % larger than zlib's on object files and libraries.
    pub(super) const DEFAULT_LEVEL: u8 = 6;

    pub(super) struct Backend(Compressor);

    impl Backend {
        pub(super) fn new(level: u8) -> Option<Self> {
            let level = CompressionLvl::new(level.into()).ok()?;
            Some(Self(Compressor::new(level)))
        }

        pub(super) fn compress(&mut self, input: &[u8], output: &mut [u8]) -> Option<usize> {
            self.0.zlib_compress(input, output).ok()
        }
    }
}

#[cfg(all(feature = "zlib-rs", not(feature = "libdeflate")))]
mod backend {
    use vmie_io::int;
    use zlib_rs::{Deflate, DeflateFlush, Status};

    /// zlib's own default.
    pub(super) const DEFAULT_LEVEL: u8 = 6;

    pub(super) struct Backend(Deflate);

    impl Backend {
        pub(super) fn new(level: u8) -> Option<Self> {
            // Levels above zlib's highest mean that one.
            Some(Self(Deflate::new(i32::from(level.min(9)), true, 15)))
        }

        pub(super) fn compress(&mut self, input: &[u8], output: &mut [u8]) -> Option<usize> {
            self.0.reset();
            let status = self.0.compress(input, output, DeflateFlush::Finish);
            match status {
                Ok(Status::StreamEnd) => Some(int::usize_of(self.0.total_out())),
                _ => None,
            }
        }
    }
}

#[cfg(not(any(feature = "libdeflate", feature = "zlib-rs")))]
mod backend {
    pub(super) const DEFAULT_LEVEL: u8 = 1;

    pub(super) struct Backend;

    impl Backend {
        pub(super) fn new(_: u8) -> Option<Self> {
            None
        }

        pub(super) fn compress(&mut self, _: &[u8], _: &mut [u8]) -> Option<usize> {
            None
        }
    }
}

#[cfg(all(test, any(feature = "libdeflate", feature = "zlib-rs")))]
mod tests {
    use super::*;
    use crate::inflate::inflate;

    fn noise(len: usize) -> Vec<u8> {
        let mut state = 1u64;
        let next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        };
        std::iter::repeat_with(next).take(len).collect()
    }

    #[test]
    fn what_goes_in_comes_out() {
        let text: Vec<u8> = (0..65_536u32)
            .flat_map(|i| (i % 1000).to_le_bytes())
            .take(65_536)
            .collect();
        for input in [
            text,
            noise(65_536),
            noise(200_000),
            noise(10),
            Vec::new(),
            vec![7; 65_535],
        ] {
            for level in [0, 1, 4, 6, 9, 12, 200] {
                let mut packed = vec![0; Deflater::bound(input.len())];
                let len = Deflater::new(level)
                    .unwrap()
                    .compress(&input, &mut packed)
                    .unwrap();
                let mut out = vec![0; input.len()];
                assert_eq!(inflate(&packed[..len], &mut out), Ok(input.len()));
                assert_eq!(out, input);
            }
        }
    }

    #[test]
    fn noise_is_stored_and_text_is_not() {
        let mut packed = vec![0; Deflater::bound(65_536)];
        let mut deflater = Deflater::new(DEFAULT_LEVEL).unwrap();
        assert!(!looks_compressible(&noise(65_536)));
        assert_eq!(
            deflater.compress(&noise(65_536), &mut packed).unwrap(),
            65_536 + 16
        );
        let text = b"some words, and some more words. ".repeat(2000);
        assert!(looks_compressible(&text));
        assert!(deflater.compress(&text, &mut packed).unwrap() < 1000);
    }

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        assert_eq!(adler32(b""), 1);
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
        assert_eq!(adler32(&[0xff; 100_000]), adler32_slow(&[0xff; 100_000]));
    }

    fn adler32_slow(bytes: &[u8]) -> u32 {
        let (mut a, mut b) = (1u32, 0u32);
        for byte in bytes {
            a = (a + u32::from(*byte)) % 65_521;
            b = (b + a) % 65_521;
        }
        b << 16 | a
    }
}
