//! Decompressing extents into buffers of a known size
//! (<https://btrfs.readthedocs.io/en/latest/Compression.html>): the only module that sees
//! decompressors.

use std::cell::RefCell;
use std::io::Read as _;

use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use vmie_io::int;
use zlib_rs::{Inflate, InflateFlush, Status};

use super::format::{BTRFS_COMPRESS_LZO, BTRFS_COMPRESS_ZLIB, BTRFS_COMPRESS_ZSTD};

/// The window that every zlib stream fits in, as a power of two: 32 KiB.
const WINDOW_BITS: u8 = 15;
/// The largest window of a zstd frame: Btrfs compresses 128 KiB at a time and needs no more; the
/// rest is for writers that round up.
const MAX_WINDOW: u64 = 1 << 20;
/// Bytes of a length in the framing of LZO.
const LZO_LEN: usize = 4;

/// How an extent is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Compression {
    Zlib,
    Lzo,
    Zstd,
}

impl Compression {
    /// By its number; `None` when there is no such.
    pub(super) fn new(number: u8) -> Option<Self> {
        Some(match number {
            BTRFS_COMPRESS_ZLIB => Self::Zlib,
            BTRFS_COMPRESS_LZO => Self::Lzo,
            BTRFS_COMPRESS_ZSTD => Self::Zstd,
            _ => return None,
        })
    }

    /// Fills `output` from `input`, which may go on after what is compressed; what the stream does
    /// not reach is zero, as Linux has it. `None` when the stream is damaged. LZO is framed by
    /// sectors of so many bytes.
    pub(super) fn expand(self, input: &[u8], output: &mut [u8], sector: u32) -> Option<()> {
        let n = match self {
            Self::Zlib => zlib(input, output)?,
            Self::Lzo => lzo(input, output, int::usize_of(sector.into()))?,
            Self::Zstd => zstd(input, output)?,
        };
        output.get_mut(n..)?.fill(0);
        Some(())
    }
}

fn zlib(input: &[u8], output: &mut [u8]) -> Option<usize> {
    thread_local! {
        static INFLATER: RefCell<Inflate> = RefCell::new(Inflate::new(true, WINDOW_BITS));
    }
    INFLATER.with_borrow_mut(|inflater| {
        inflater.reset(true);
        match inflater.decompress(input, output, InflateFlush::Finish) {
            Ok(Status::StreamEnd) => Some(int::usize_of(inflater.total_out())),
            // There is more than the extent has room for: nobody asks for it.
            Ok(_) if int::usize_of(inflater.total_out()) == output.len() => Some(output.len()),
            _ => None,
        }
    })
}

fn zstd(mut input: &[u8], output: &mut [u8]) -> Option<usize> {
    thread_local! {
        static DECODER: RefCell<FrameDecoder> = RefCell::new(FrameDecoder::new());
    }
    DECODER.with_borrow_mut(|decoder| {
        decoder.set_max_window_size(MAX_WINDOW);
        decoder.reset(&mut input).ok()?;
        let mut done = 0usize;
        while done < output.len() {
            let rest = output.get_mut(done..)?;
            if !decoder.is_finished() {
                let want = BlockDecodingStrategy::UptoBytes(rest.len());
                decoder.decode_blocks(&mut input, want).ok()?;
            }
            let n = decoder.read(rest).ok()?;
            done = done.saturating_add(n);
            if n == 0 && decoder.is_finished() {
                break;
            }
        }
        Some(done)
    })
}

/// A total length, then segments of at most one sector each: a length, and LZO1X. A length never
/// lies across the end of a sector.
fn lzo(input: &[u8], output: &mut [u8], sector: usize) -> Option<usize> {
    let number = |at: usize| -> Option<usize> {
        let bytes = input.get(at..)?.first_chunk::<LZO_LEN>()?;
        usize::try_from(u32::from_le_bytes(*bytes)).ok()
    };
    let total = number(0).filter(|total| *total <= input.len())?;
    let mut at = LZO_LEN;
    let mut done = 0usize;
    while at < total && done < output.len() {
        let left = sector.checked_sub(at.checked_rem(sector)?)?;
        if left < LZO_LEN {
            at = at.checked_add(left)?;
        }
        let len = number(at)?;
        at = at.checked_add(LZO_LEN)?;
        let segment = input.get(at..at.checked_add(len)?)?;
        at = at.checked_add(len)?;
        let end = done.saturating_add(sector).min(output.len());
        let part = output.get_mut(done..end)?;
        done = done.checked_add(lzo_segment(segment, part)?)?;
        // Only the last segment may be short.
        if done < end && at < total {
            return None;
        }
    }
    Some(done)
}

fn lzo_segment(segment: &[u8], part: &mut [u8]) -> Option<usize> {
    match lzokay::decompress::decompress(segment, part) {
        Ok(n) => Some(n),
        // The last sector of a file is compressed whole, and its end may not be wanted.
        Err(lzokay::Error::OutputOverrun) => Some(part.len()),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_that_are_none() {
        let mut output = [1; 100];
        for kind in [Compression::Zlib, Compression::Lzo, Compression::Zstd] {
            for input in [&[][..], &[0xff; 3], &[0xff; 200], &[0x28, 0xb5, 0x2f, 0xfd]] {
                assert_eq!(kind.expand(input, &mut output, 4096), None, "{kind:?}");
            }
        }
        assert_eq!(Compression::new(0), None);
        assert_eq!(Compression::new(4), None);
    }

    #[test]
    fn a_frame_of_many_copies_of_a_byte_is_cut() {
        // Blocks that each repeat one byte 128 KiB often: 8 KiB that would come to 256 MiB.
        let mut input = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0x38];
        for _ in 0..2048 {
            let header = (128u32 << 10 << 3) | (1 << 1);
            input.extend_from_slice(&header.to_le_bytes()[..3]);
            input.push(b'r');
        }
        let mut output = vec![0; 300_000];
        assert_eq!(
            Compression::Zstd.expand(&input, &mut output, 4096),
            Some(())
        );
        assert!(output.iter().all(|b| *b == b'r'));
        // A window of 1 GiB is not set up.
        input[5] = 20 << 3;
        assert_eq!(Compression::Zstd.expand(&input, &mut output, 4096), None);
    }

    #[test]
    fn segments_stay_within_sectors() {
        // A segment that holds "hello" as literals: length + 17, the bytes, the end's mark.
        let segment = [22, b'h', b'e', b'l', b'l', b'o', 0x11, 0, 0];
        let mut input = 0u32.to_le_bytes().to_vec();
        input.extend_from_slice(&9u32.to_le_bytes());
        input.extend_from_slice(&segment);
        let total = u32::try_from(input.len()).unwrap();
        input[..4].copy_from_slice(&total.to_le_bytes());
        let mut output = [1; 8];
        assert_eq!(Compression::Lzo.expand(&input, &mut output, 4096), Some(()));
        assert_eq!(&output, b"hello\0\0\0");
        // A short segment is the last one.
        input.extend_from_within(4..);
        let total = u32::try_from(input.len()).unwrap();
        input[..4].copy_from_slice(&total.to_le_bytes());
        let mut output = [1; 16];
        assert_eq!(Compression::Lzo.expand(&input, &mut output, 4096), None);
        // And what is longer than what it lies in is no stream.
        input[..4].copy_from_slice(&1000u32.to_le_bytes());
        assert_eq!(Compression::Lzo.expand(&input, &mut output, 4096), None);
    }
}
