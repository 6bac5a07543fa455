//! Bits in words of 16, the low byte of a word first, the high bit of a word first.

/// A reader of bits. Past the end of the input it gives zeroes, and knows that it did.
#[derive(Debug)]
pub(super) struct Bits<'a> {
    input: &'a [u8],
    /// Bytes that were taken, of which some may be past the end.
    pos: usize,
    /// Bits that were taken and not used, from the high end down.
    ahead: u64,
    count: u32,
}

impl<'a> Bits<'a> {
    pub(super) fn new(input: &'a [u8], pos: usize) -> Self {
        Self {
            input,
            pos,
            ahead: 0,
            count: 0,
        }
    }

    /// Takes words until at least `n` bits (at most 32) are ahead.
    #[inline]
    pub(super) fn fill(&mut self, n: u32) {
        while self.count < n {
            let word = match self.input.get(self.pos..).and_then(<[u8]>::first_chunk) {
                Some(word) => u16::from_le_bytes(*word),
                None => self.input.get(self.pos).copied().unwrap_or(0).into(),
            };
            let shift = 48u32.saturating_sub(self.count);
            self.ahead |= u64::from(word).wrapping_shl(shift);
            self.count = self.count.saturating_add(16);
            self.pos = self.pos.saturating_add(2);
        }
    }

    /// The next 16 bits, those that are not ahead yet being zero.
    #[inline]
    pub(super) fn peek(&self) -> u32 {
        u32::from(u16::try_from(self.ahead >> 48).unwrap_or(0))
    }

    /// Uses up `n` bits, which are ahead.
    #[inline]
    pub(super) fn skip(&mut self, n: u32) {
        self.ahead = self.ahead.checked_shl(n).unwrap_or(0);
        self.count = self.count.saturating_sub(n);
    }

    /// The next `n` bits (at most 17) as a number.
    #[inline]
    pub(super) fn take(&mut self, n: u32) -> u32 {
        if n == 0 {
            return 0;
        }
        self.fill(n);
        self.take_ahead(n)
    }

    /// The next `n` bits (at most 17), as far as they are ahead.
    #[inline]
    pub(super) fn take_ahead(&mut self, n: u32) -> u32 {
        let shift = 64u32.saturating_sub(n);
        let bits = self.ahead.checked_shr(shift).unwrap_or(0);
        self.skip(n);
        u32::try_from(bits).unwrap_or(0)
    }

    /// The byte after the words that were taken: XPRESS puts lengths between them.
    pub(super) fn byte(&mut self) -> Option<u8> {
        let byte = self.input.get(self.pos).copied()?;
        self.pos = self.pos.saturating_add(1);
        Some(byte)
    }

    /// The two bytes after the words that were taken.
    pub(super) fn word(&mut self) -> Option<u16> {
        let word = self.input.get(self.pos..)?.first_chunk::<2>()?;
        self.pos = self.pos.saturating_add(2);
        Some(u16::from_le_bytes(*word))
    }

    /// Leaves out 1 to 16 bits, up to the next word, and gives the bytes from there on.
    pub(super) fn aligned(&mut self) -> &'a [u8] {
        // A word of which nothing is used counts as padding, too.
        let whole = usize::try_from(self.count / 16).unwrap_or(0);
        let unused = whole.saturating_mul(2);
        self.pos = self.pos.saturating_sub(unused);
        if self.count.is_multiple_of(16) {
            self.pos = self.pos.saturating_add(2);
        }
        self.ahead = 0;
        self.count = 0;
        self.input.get(self.pos..).unwrap_or_default()
    }

    /// Goes on `n` bytes later; nothing is ahead.
    pub(super) fn skip_bytes(&mut self, n: usize) {
        self.pos = self.pos.saturating_add(n);
    }

    /// Where in the input it is, in bytes.
    pub(super) fn position(&self) -> usize {
        self.pos.min(self.input.len())
    }

    /// Whether bits were used that the input does not have.
    pub(super) fn is_overrun(&self) -> bool {
        let ahead = usize::try_from(self.count / 8).unwrap_or(0);
        self.pos.saturating_sub(ahead) > self.input.len().next_multiple_of(2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_their_low_byte_first_and_their_high_bit_first() {
        let mut bits = Bits::new(&[0x01, 0x80, 0xff, 0x00, 0xab], 0);
        assert_eq!(bits.take(1), 1);
        assert_eq!(bits.take(15), 1);
        assert_eq!(bits.take(17), 0x00ff << 1);
        assert_eq!(bits.take(7), 0);
        assert!(!bits.is_overrun());
        assert_eq!(bits.take(8), 0xab);
        assert_eq!(bits.take(8), 0);
        assert_eq!(bits.take(9), 0);
        assert!(bits.is_overrun());
    }

    #[test]
    fn padding_is_never_empty() {
        let input = [0, 0, 1, 2, 3, 4];
        let mut bits = Bits::new(&input, 0);
        bits.take(1);
        assert_eq!(bits.aligned(), &[1, 2, 3, 4]);
        let mut bits = Bits::new(&input, 0);
        bits.take(16);
        assert_eq!(bits.aligned(), &[3, 4]);
        let mut bits = Bits::new(&input, 0);
        bits.fill(32);
        bits.take(16);
        assert_eq!(bits.aligned(), &[3, 4]);
        let mut bits = Bits::new(&input, 0);
        bits.fill(32);
        bits.take(3);
        assert_eq!(bits.aligned(), &[1, 2, 3, 4]);
    }
}
