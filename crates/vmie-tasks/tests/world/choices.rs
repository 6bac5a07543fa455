//! Where choices come from.

/// A source of choices.
pub trait Choices {
    /// A number below `bound`, which is not 0.
    fn below(&mut self, bound: u32) -> u32;

    /// Whether there are no more.
    fn over(&self) -> bool;
}

/// Choices without end from a seed.
pub struct Seeded(pub u64);

impl Choices for Seeded {
    fn below(&mut self, bound: u32) -> u32 {
        // Marsaglia's xorshift: good enough to be arbitrary.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u32::try_from(self.0 >> 33).unwrap_or(0) % bound
    }

    fn over(&self) -> bool {
        false
    }
}

/// One choice per byte; the first possibility when there are none left.
pub struct Bytes<'a>(pub &'a [u8]);

impl Choices for Bytes<'_> {
    fn below(&mut self, bound: u32) -> u32 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        u32::from(*first) % bound
    }

    fn over(&self) -> bool {
        self.0.is_empty()
    }
}
