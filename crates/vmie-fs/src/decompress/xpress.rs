//! XPRESS with Huffman codes ([MS-XCA] 2.2.4): blocks of 64 KiB, each with its own code.

use super::bits::Bits;
use super::huffman::Code;
use super::{Damaged, repeat};

/// What one code serves, uncompressed.
const BLOCK: usize = 65536;
/// Lengths of the codes of 512 symbols, four bits each.
const LENGTHS: usize = 256;
/// Repetitions are this long at least.
const MIN_MATCH: usize = 3;

/// A decompressor of XPRESS with Huffman codes; it keeps nothing but its memory from one call to
/// the next.
#[derive(Clone, Debug)]
pub struct Xpress {
    code: Code,
}

impl Default for Xpress {
    fn default() -> Self {
        Self::new()
    }
}

impl Xpress {
    /// A decompressor.
    #[must_use]
    pub fn new() -> Self {
        Self { code: Code::new() }
    }

    /// Decompresses `input`, which must hold as much as `output` takes.
    ///
    /// # Errors
    /// [`Damaged`] when the input ends early or cannot be what a compressor made.
    pub fn decompress(&mut self, input: &[u8], output: &mut [u8]) -> Result<(), Damaged> {
        let mut at = 0;
        let mut pos = 0;
        while pos < output.len() {
            let end = pos.saturating_add(BLOCK).min(output.len());
            pos = self.block(input, &mut at, output, pos, end)?;
        }
        Ok(())
    }

    /// Decompresses one block, up to `end`; a repetition may reach past it.
    fn block(
        &mut self,
        input: &[u8],
        at: &mut usize,
        output: &mut [u8],
        mut pos: usize,
        end: usize,
    ) -> Result<usize, Damaged> {
        let start = *at;
        let packed = input.get(start..).and_then(<[u8]>::first_chunk::<LENGTHS>);
        let packed = packed.ok_or(Damaged { at: start })?;
        let mut lengths = [0; 512];
        for (pair, byte) in lengths.chunks_exact_mut(2).zip(packed) {
            pair.copy_from_slice(&[byte & 15, byte >> 4]);
        }
        self.code.build(&lengths).ok_or(Damaged { at: start })?;
        let mut bits = Bits::new(input, start.saturating_add(LENGTHS));
        bits.fill(32);
        while pos < end {
            let Some((symbol, len)) = self.code.symbol(bits.peek()) else {
                return Err(Damaged {
                    at: bits.position(),
                });
            };
            bits.skip(len);
            bits.fill(16);
            if let Ok(literal) = u8::try_from(symbol) {
                if let Some(to) = output.get_mut(pos) {
                    *to = literal;
                }
                pos = pos.saturating_add(1);
            } else {
                let next = repetition(&mut bits, symbol, output, pos);
                pos = next.ok_or(Damaged {
                    at: bits.position(),
                })?;
            }
        }
        if bits.is_overrun() {
            return Err(Damaged {
                at: bits.position(),
            });
        }
        *at = bits.position();
        Ok(pos)
    }
}

/// Carries out the repetition of a symbol; gives the position after it.
fn repetition(bits: &mut Bits<'_>, symbol: u16, output: &mut [u8], pos: usize) -> Option<usize> {
    let mut len = usize::from(symbol & 15);
    if len == 15 {
        let byte = bits.byte()?;
        len = match byte {
            // Lengths that would have fitted are not written so.
            255 => usize::from(bits.word()?).checked_sub(15)?,
            byte => byte.into(),
        };
        len = len.saturating_add(15);
    }
    let len = len.saturating_add(MIN_MATCH);
    let distance_bits = u32::from((symbol >> 4) & 15);
    let low = bits.take_ahead(distance_bits);
    bits.fill(16);
    let distance = 1u32.checked_shl(distance_bits)?.saturating_add(low);
    repeat(output, pos, usize::try_from(distance).ok()?, len)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of [MS-XCA] 3.2: an alphabet, and three letters a hundred times.
    #[test]
    fn the_specifications_examples() {
        let mut lengths = [0u8; 256];
        lengths[48] = 0x50;
        lengths[49..59].fill(0x55);
        lengths[59..62].copy_from_slice(&[0x45, 0x44, 0x04]);
        lengths[128] = 0x04;
        let mut input = lengths.to_vec();
        input.extend([
            0xd8, 0x52, 0x3e, 0xd7, 0x94, 0x11, 0x5b, 0xe9, 0x19, 0x5f, 0xf9, 0xd6, 0x7c, 0xdf,
            0x8d, 0x04, 0x00, 0x00, 0x00, 0x00,
        ]);
        let mut output = [0; 26];
        Xpress::new().decompress(&input, &mut output).unwrap();
        assert_eq!(&output, b"abcdefghijklmnopqrstuvwxyz");

        let mut lengths = [0u8; 256];
        lengths[48] = 0x30;
        lengths[49] = 0x23;
        lengths[128] = 0x02;
        lengths[143] = 0x20;
        let mut input = lengths.to_vec();
        input.extend([0xa8, 0xdc, 0x00, 0x00, 0xff, 0x26, 0x01]);
        let mut output = [0; 300];
        Xpress::new().decompress(&input, &mut output).unwrap();
        assert_eq!(output.to_vec(), b"abc".repeat(100));
        // Any end that is too early.
        for end in 0..input.len() - 1 {
            assert!(
                Xpress::new()
                    .decompress(&input[..end], &mut output)
                    .is_err(),
                "{end}"
            );
        }
        // Nothing is before the start.
        assert!(Xpress::new().decompress(&input, &mut output[..2]).is_ok());
    }
}
