//! LZX ([MS-PATCH] 2) as WIM files and compacted files have it: a window of 32 KiB, every chunk by
//! itself, block lengths in 16 bits, and calls of x86 code always translated.

use super::bits::Bits;
use super::huffman::Code;
use super::{Damaged, repeat};

/// A chunk, which is also the window and the usual length of a block.
const WINDOW: usize = 32 << 10;
/// Position slots of such a window; the first three mean recent distances.
const SLOTS: usize = 30;
/// Bytes, then slots with eight lengths each.
const MAIN_SYMBOLS: usize = 256 + SLOTS * 8;
const LENGTH_SYMBOLS: usize = 249;
const PRE_SYMBOLS: usize = 20;
const ALIGNED_SYMBOLS: usize = 8;
const MIN_MATCH: usize = 2;
/// The length of the file that translated calls are taken to be in.
const CALL_SPAN: i32 = 12_000_000;

/// For each slot: the smallest position in it, and how many bits say which.
const SLOT: [(u32, u32); SLOTS] = slots();

#[allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "evaluated by the compiler"
)]
const fn slots() -> [(u32, u32); SLOTS] {
    let mut slots = [(0, 0); SLOTS];
    let mut start = 0;
    let mut i = 0u32;
    let mut at = 0;
    while at < SLOTS {
        let bits = if i < 4 { 0 } else { i / 2 - 1 };
        slots[at] = (start, bits);
        start += 1 << bits;
        i += 1;
        at += 1;
    }
    slots
}

/// A decompressor of LZX; it keeps nothing but its memory from one call to the next.
#[derive(Clone, Debug)]
pub struct Lzx {
    pre: Code,
    main: Code,
    length: Code,
    aligned: Code,
    /// Lengths of codes, which each block gives as differences to the block before.
    main_lengths: [u8; MAIN_SYMBOLS],
    length_lengths: [u8; LENGTH_SYMBOLS],
}

impl Default for Lzx {
    fn default() -> Self {
        Self::new()
    }
}

/// What kind of block it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Block {
    Verbatim,
    Aligned,
    Stored,
}

impl Lzx {
    /// A decompressor.
    #[must_use]
    pub fn new() -> Self {
        Self {
            pre: Code::new(),
            main: Code::new(),
            length: Code::new(),
            aligned: Code::new(),
            main_lengths: [0; MAIN_SYMBOLS],
            length_lengths: [0; LENGTH_SYMBOLS],
        }
    }

    /// Decompresses one chunk of at most 32 KiB, which must hold as much as `output` takes.
    ///
    /// # Errors
    /// [`Damaged`] when the input ends early or cannot be what a compressor made, or when `output`
    /// is longer than a chunk.
    pub fn decompress(&mut self, input: &[u8], output: &mut [u8]) -> Result<(), Damaged> {
        let mut bits = Bits::new(input, 0);
        let whole = self.chunk(&mut bits, output);
        if whole.is_none() || bits.is_overrun() {
            return Err(Damaged {
                at: bits.position(),
            });
        }
        translate_calls(output);
        Ok(())
    }

    fn chunk(&mut self, bits: &mut Bits<'_>, output: &mut [u8]) -> Option<()> {
        if output.len() > WINDOW {
            return None;
        }
        self.main_lengths = [0; MAIN_SYMBOLS];
        self.length_lengths = [0; LENGTH_SYMBOLS];
        let mut recent = [1u32; 3];
        let mut pos = 0;
        while pos < output.len() {
            let kind = match bits.take(3) {
                1 => Block::Verbatim,
                2 => Block::Aligned,
                3 => Block::Stored,
                _ => return None,
            };
            let len = match bits.take(1) {
                1 => WINDOW,
                _ => usize::try_from(bits.take(16)).ok()?,
            };
            let end = pos.checked_add(len)?;
            if len == 0 || end > output.len() {
                return None;
            }
            if kind == Block::Stored {
                stored(bits, output.get_mut(pos..end)?, &mut recent)?;
            } else {
                self.read_codes(bits, kind)?;
                let block = output.get_mut(..end)?;
                self.compressed(bits, block, pos, kind, &mut recent)?;
            }
            if bits.is_overrun() {
                return None;
            }
            pos = end;
        }
        Some(())
    }

    fn read_codes(&mut self, bits: &mut Bits<'_>, kind: Block) -> Option<()> {
        if kind == Block::Aligned {
            let mut lengths = [0; ALIGNED_SYMBOLS];
            for len in &mut lengths {
                *len = u8::try_from(bits.take(3)).ok()?;
            }
            self.aligned.build(&lengths)?;
        }
        let (bytes, matches) = self.main_lengths.split_at_mut(256);
        read_lengths(bits, &mut self.pre, bytes)?;
        read_lengths(bits, &mut self.pre, matches)?;
        self.main.build(&self.main_lengths)?;
        read_lengths(bits, &mut self.pre, &mut self.length_lengths)?;
        self.length.build(&self.length_lengths)
    }

    /// Decompresses the block that ends with `output`.
    fn compressed(
        &self,
        bits: &mut Bits<'_>,
        output: &mut [u8],
        start: usize,
        kind: Block,
        recent: &mut [u32; 3],
    ) -> Option<()> {
        let mut pos = start;
        while pos < output.len() {
            let symbol = symbol(bits, &self.main)?;
            if let Ok(literal) = u8::try_from(symbol) {
                *output.get_mut(pos)? = literal;
                pos = pos.checked_add(1)?;
                continue;
            }
            let symbol = usize::from(symbol).checked_sub(256)?;
            let mut len = (symbol & 7).checked_add(MIN_MATCH)?;
            if symbol & 7 == 7 {
                len = len.checked_add(self::symbol(bits, &self.length)?.into())?;
            }
            let distance = match symbol >> 3 {
                slot @ 0..3 => {
                    // The one that was used comes first, in exchange for the one that did.
                    recent.swap(0, slot);
                    *recent.first()?
                }
                slot => {
                    let (first, extra) = *SLOT.get(slot)?;
                    let low = if kind == Block::Aligned && extra >= 3 {
                        let high = bits.take(extra.checked_sub(3)?) << 3;
                        high | u32::from(self::symbol(bits, &self.aligned)?)
                    } else {
                        bits.take(extra)
                    };
                    let distance = first.checked_add(low)?.checked_sub(2)?;
                    let [newest, second, _] = *recent;
                    *recent = [distance, newest, second];
                    distance
                }
            };
            pos = repeat(output, pos, usize::try_from(distance).ok()?, len)?;
        }
        Some(())
    }
}

#[inline]
fn symbol(bits: &mut Bits<'_>, code: &Code) -> Option<u16> {
    bits.fill(16);
    let (symbol, len) = code.symbol(bits.peek())?;
    bits.skip(len);
    Some(symbol)
}

/// Reads how the lengths of a code differ from those before.
fn read_lengths(bits: &mut Bits<'_>, pre: &mut Code, lengths: &mut [u8]) -> Option<()> {
    let mut pre_lengths = [0; PRE_SYMBOLS];
    for len in &mut pre_lengths {
        *len = u8::try_from(bits.take(4)).ok()?;
    }
    pre.build(&pre_lengths)?;
    let mut at = 0;
    while at < lengths.len() {
        let (count, difference) = match symbol(bits, pre)? {
            17 => (bits.take(4).checked_add(4)?, None),
            18 => (bits.take(5).checked_add(20)?, None),
            19 => {
                let count = bits.take(1).checked_add(4)?;
                (count, Some(symbol(bits, pre).filter(|n| *n <= 16)?))
            }
            difference => (1, Some(difference)),
        };
        // A run may say more than is left.
        let end = at
            .saturating_add(usize::try_from(count).ok()?)
            .min(lengths.len());
        let run = lengths.get_mut(at..end)?;
        match difference {
            None => run.fill(0),
            Some(difference) => {
                let before = u16::from(*run.first()?);
                let len = before.checked_add(17)?.checked_sub(difference)? % 17;
                run.fill(u8::try_from(len).ok()?);
            }
        }
        at = end;
    }
    Some(())
}

/// A block as it is: padding, the recent distances, the bytes, and a byte more when their number
/// is odd.
fn stored(bits: &mut Bits<'_>, output: &mut [u8], recent: &mut [u32; 3]) -> Option<()> {
    let rest = bits.aligned();
    let (distances, rest) = rest.split_first_chunk::<12>()?;
    for (to, from) in recent.iter_mut().zip(distances.as_chunks::<4>().0) {
        *to = u32::from_le_bytes(*from);
    }
    output.copy_from_slice(rest.get(..output.len())?);
    bits.skip_bytes(12usize.checked_add(output.len().checked_next_multiple_of(2)?)?);
    Some(())
}

/// Gives the targets of x86 calls back as they were: relative to the call. The compressor makes
/// them absolute, since calls of one function are alike then.
fn translate_calls(output: &mut [u8]) {
    // What may start in the last ten bytes is left alone.
    let end = output.len().saturating_sub(10);
    let mut at = 0usize;
    while at < end {
        let Some(next) = output
            .get(at..end)
            .and_then(|rest| rest.iter().position(|b| *b == 0xe8))
        else {
            return;
        };
        at = at.saturating_add(next);
        let Ok(here) = i32::try_from(at) else { return };
        let target = output.get_mut(at.saturating_add(1)..);
        if let Some(target) = target.and_then(<[u8]>::first_chunk_mut::<4>) {
            let absolute = i32::from_le_bytes(*target);
            if absolute >= here.wrapping_neg() && absolute < CALL_SPAN {
                let relative = match absolute {
                    0.. => absolute.wrapping_sub(here),
                    _ => absolute.wrapping_add(CALL_SPAN),
                };
                *target = relative.to_le_bytes();
            }
        }
        at = at.saturating_add(5);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_the_specifications() {
        assert_eq!(
            SLOT[..8],
            [
                (0, 0),
                (1, 0),
                (2, 0),
                (3, 0),
                (4, 1),
                (6, 1),
                (8, 2),
                (12, 2)
            ]
        );
        assert_eq!(SLOT[29], (24576, 13));
    }

    #[test]
    fn a_stored_block() {
        // Type 3, not the usual length, 5 bytes, and padding up to the word.
        let word = |bits: u16| bits.to_le_bytes();
        let mut input = Vec::new();
        input.extend(word(0b0110_0000_0000_0000));
        input.extend(word(5 << 12));
        input.extend([1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0]);
        input.extend(b"hello\0");
        let mut output = [0; 5];
        Lzx::new().decompress(&input, &mut output).unwrap();
        assert_eq!(&output, b"hello");
        for end in 0..input.len() - 1 {
            assert!(Lzx::new().decompress(&input[..end], &mut output).is_err());
        }
        assert!(Lzx::new().decompress(&input, &mut [0; 4]).is_err());
        assert!(
            Lzx::new()
                .decompress(&input, &mut vec![0; WINDOW + 1])
                .is_err()
        );
    }

    #[test]
    fn calls_become_relative_again() {
        let mut code = vec![0x90; 40];
        code[10] = 0xe8;
        code[11..15].copy_from_slice(&1000i32.to_le_bytes());
        code[20] = 0xe8;
        code[21..25].copy_from_slice(&(-5i32).to_le_bytes());
        code[33] = 0xe8;
        let before = code.clone();
        translate_calls(&mut code);
        assert_eq!(code[11..15], 990i32.to_le_bytes());
        assert_eq!(code[21..25], (CALL_SPAN - 5).to_le_bytes());
        assert_eq!(code[30..], before[30..]);
    }
}
