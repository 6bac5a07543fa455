//! LZNT1 ([MS-XCA] 2.5): chunks of 4 KiB, each by itself.

use super::{Damaged, repeat};

/// What a chunk holds, uncompressed.
const CHUNK: usize = 4096;
/// The header's bits: compressed, and the length of what follows it less one.
const COMPRESSED: u16 = 0x8000;
const LENGTH: u16 = 0x0fff;

/// Decompresses `input` and fills `output`: with zeroes where the input ends early, or a chunk
/// that is not the last holds less than 4 KiB.
///
/// # Errors
/// [`Damaged`] when a chunk repeats what is before its start, or would hold more than 4 KiB.
pub fn lznt1(input: &[u8], output: &mut [u8]) -> Result<(), Damaged> {
    let mut rest = input;
    for chunk in output.chunks_mut(CHUNK) {
        let at = input.len().saturating_sub(rest.len());
        let Some((header, body)) = rest.split_first_chunk::<2>() else {
            chunk.fill(0);
            rest = &[];
            continue;
        };
        let header = u16::from_le_bytes(*header);
        if header == 0 {
            // The end; what follows it means nothing.
            chunk.fill(0);
            rest = &[];
            continue;
        }
        let len = usize::from(header & LENGTH).saturating_add(1);
        let Some((body, after)) = body.split_at_checked(len) else {
            return Err(Damaged { at });
        };
        let done = if header & COMPRESSED == 0 {
            stored(body, chunk)
        } else {
            compressed(body, chunk).ok_or(Damaged { at })?
        };
        chunk.get_mut(done..).unwrap_or_default().fill(0);
        rest = after;
    }
    Ok(())
}

fn stored(body: &[u8], chunk: &mut [u8]) -> usize {
    let n = body.len().min(chunk.len());
    if let (Some(to), Some(from)) = (chunk.get_mut(..n), body.get(..n)) {
        to.copy_from_slice(from);
    }
    n
}

/// Decompresses one chunk and says how much it held.
fn compressed(body: &[u8], chunk: &mut [u8]) -> Option<usize> {
    let mut pos = 0usize;
    let mut rest = body;
    while let Some((flags, after)) = rest.split_first() {
        rest = after;
        if *flags == 0 && rest.len() >= 8 && chunk.len().saturating_sub(pos) >= 8 {
            // Eight bytes as they are.
            let (bytes, after) = rest.split_first_chunk::<8>()?;
            chunk
                .get_mut(pos..)?
                .first_chunk_mut::<8>()?
                .copy_from_slice(bytes);
            pos = pos.saturating_add(8);
            rest = after;
            continue;
        }
        for bit in 0..8u8 {
            if rest.is_empty() {
                break;
            }
            if pos >= chunk.len() {
                // The last chunk of a file may go on past the end that was asked for.
                return Some(pos);
            }
            if flags & 1u8.wrapping_shl(bit.into()) == 0 {
                let (byte, after) = rest.split_first()?;
                *chunk.get_mut(pos)? = *byte;
                pos = pos.saturating_add(1);
                rest = after;
            } else {
                let (word, after) = rest.split_first_chunk::<2>()?;
                let (distance, len) = phrase(u16::from_le_bytes(*word), pos);
                let len = len.min(chunk.len().saturating_sub(pos));
                pos = repeat(chunk, pos, distance, len)?;
                rest = after;
            }
        }
    }
    Some(pos)
}

/// Distance and length of a repetition. The further a chunk has got, the more of the 16 bits are
/// the distance.
fn phrase(word: u16, pos: usize) -> (usize, usize) {
    // The bits that the greatest distance needs, at least four.
    let reach = u32::try_from(pos.saturating_sub(1)).unwrap_or(0);
    let bits = 32u32.saturating_sub(reach.leading_zeros()).clamp(4, 12);
    let len_bits = 16u32.saturating_sub(bits);
    let mask = 0xffff_u16.checked_shr(bits).unwrap_or(0);
    let distance = word.checked_shr(len_bits).unwrap_or(0);
    (
        usize::from(distance).saturating_add(1),
        usize::from(word & mask).saturating_add(3),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of [MS-XCA] 3.3: a text with repetitions.
    #[test]
    fn the_specifications_example() {
        let input = [
            0x38, 0xb0, 0x88, 0x46, 0x23, 0x20, 0x00, 0x20, 0x47, 0x20, 0x41, 0x00, 0x10, 0xa2,
            0x47, 0x01, 0xa0, 0x45, 0x20, 0x44, 0x00, 0x08, 0x45, 0x01, 0x50, 0x79, 0x00, 0xc0,
            0x45, 0x20, 0x05, 0x24, 0x13, 0x88, 0x05, 0xb4, 0x02, 0x4a, 0x44, 0xef, 0x03, 0x58,
            0x02, 0x8c, 0x09, 0x16, 0x01, 0x48, 0x45, 0x00, 0xbe, 0x00, 0x9e, 0x00, 0x04, 0x01,
            0x18, 0x90, 0x00,
        ];
        let expected = b"F# F# G A A G F# E D D E F# F# E E F# F# G A A G F# E D D E F# E D D E \
                         E F# D E F# G F# D E F# G F# E D E A F# F# G A A G F# E D D E F# E D D\0";
        let mut output = vec![0xaa; expected.len()];
        lznt1(&input, &mut output).unwrap();
        assert_eq!(output, expected);
    }

    #[test]
    fn chunks_end_where_they_should() {
        let mut output = [1; 5000];
        // Stored, short, and then nothing.
        lznt1(&[2, 0x30, b'a', b'b', b'c'], &mut output).unwrap();
        assert_eq!(output[..4], *b"abc\0");
        assert!(output[4..].iter().all(|b| *b == 0));
        // A chunk that says it is longer than the input.
        assert_eq!(lznt1(&[9, 0x30, 1], &mut output), Err(Damaged { at: 0 }));
        // A repetition of what is before the chunk.
        let input = [2, 0x30, b'a', b'b', b'c', 2, 0xb0, 0x01, 0x00, 0x00];
        assert_eq!(lznt1(&input, &mut output), Err(Damaged { at: 5 }));
    }

    #[test]
    fn every_split_of_a_phrase() {
        for (pos, distance_bits) in [
            (1, 4),
            (16, 4),
            (17, 5),
            (32, 5),
            (33, 6),
            (2048, 11),
            (2049, 12),
            (4096, 12),
        ] {
            let (distance, len) = phrase(0xffff, pos);
            assert_eq!(distance, 1 << distance_bits, "{pos}");
            assert_eq!(len, (1 << (16 - distance_bits)) + 2, "{pos}");
        }
    }
}
