//! Marvin32, the hash of log entries ("Log entries", notes 1 to 3).

const SEED: (u32, u32) = (0x7a4e_55c5, 0x82ef_4d88);

/// The hash of `bytes`, which come in pieces whose lengths are multiples of four but for the last.
pub(super) struct Marvin32 {
    low: u32,
    high: u32,
}

impl Marvin32 {
    pub(super) fn new() -> Self {
        let (low, high) = SEED;
        Self { low, high }
    }

    fn mix(&mut self, word: u32) {
        self.low = self.low.wrapping_add(word);
        self.high ^= self.low;
        self.low = self.low.rotate_left(20).wrapping_add(self.high);
        self.high = self.high.rotate_left(9) ^ self.low;
        self.low = self.low.rotate_left(27).wrapping_add(self.high);
        self.high = self.high.rotate_left(19);
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        for word in bytes.chunks_exact(4) {
            if let Some(word) = word.first_chunk::<4>() {
                self.mix(u32::from_le_bytes(*word));
            }
        }
    }

    /// The hash when what came was a multiple of four bytes long, as in hives it always is.
    pub(super) fn finish(mut self) -> u64 {
        self.mix(0x80);
        self.mix(0);
        u64::from(self.high) << 32 | u64::from(self.low)
    }
}

pub(super) fn marvin32(bytes: &[u8]) -> u64 {
    let mut hash = Marvin32::new();
    hash.update(bytes);
    hash.finish()
}
