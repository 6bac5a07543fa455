//! Canonical prefix codes: shorter codes first, and among equals the lower symbol first.

/// The longest code.
const MAX_LEN: usize = 16;
/// Codes up to this length are found by one look into a table.
const TABLE_BITS: usize = 10;

/// A code, by the lengths of its symbols' codes.
#[derive(Clone, Debug)]
pub(super) struct Code {
    /// For each start of a code: symbol and length; zero where the code is longer or none.
    table: Vec<u16>,
    /// The symbols that have codes, in the order of their codes.
    symbols: Vec<u16>,
    /// For each length: the first code, as many bits, and its place in `symbols`; how many.
    first: [u32; MAX_LEN + 1],
    place: [u32; MAX_LEN + 1],
    count: [u32; MAX_LEN + 1],
}

impl Code {
    /// A code without symbols.
    pub(super) fn new() -> Self {
        Self {
            table: vec![0; 1 << TABLE_BITS],
            symbols: Vec::new(),
            first: [0; MAX_LEN + 1],
            place: [0; MAX_LEN + 1],
            count: [0; MAX_LEN + 1],
        }
    }

    /// The code in which symbol `i` (of at most 2048) has `lengths[i]` bits (at most 16), or none at
    /// all where that is zero. `None` when there are more codes than bits can tell apart. Codes may
    /// be left over: what means nothing is noticed when it is read.
    pub(super) fn build(&mut self, lengths: &[u8]) -> Option<()> {
        self.count = [0; MAX_LEN + 1];
        for len in lengths {
            let count = self.count.get_mut(usize::from(*len))?;
            *count = count.saturating_add(1);
        }
        let mut next = 0u32;
        let mut place = 0u32;
        let mut places = [0u32; MAX_LEN + 1];
        for len in 1..=MAX_LEN {
            let count = *self.count.get(len)?;
            next <<= 1;
            *self.first.get_mut(len)? = next;
            *self.place.get_mut(len)? = place;
            *places.get_mut(len)? = place;
            next = next.saturating_add(count);
            place = place.saturating_add(count);
            if next > 1u32.checked_shl(u32::try_from(len).ok()?)? {
                return None;
            }
        }
        self.symbols.clear();
        self.symbols.resize(usize::try_from(place).ok()?, 0);
        for (symbol, len) in (0u16..).zip(lengths) {
            if *len > 0 {
                let place = places.get_mut(usize::from(*len))?;
                *self.symbols.get_mut(usize::try_from(*place).ok()?)? = symbol;
                *place = place.saturating_add(1);
            }
        }
        self.fill_table()
    }

    fn fill_table(&mut self) -> Option<()> {
        let mut at = 0usize;
        let mut symbols = self.symbols.iter();
        for len in 1..=TABLE_BITS {
            let span = 1usize << TABLE_BITS.saturating_sub(len).min(TABLE_BITS);
            for _ in 0..*self.count.get(len)? {
                let entry = (symbols.next()? << 5) | u16::try_from(len).ok()?;
                let end = at.saturating_add(span);
                self.table.get_mut(at..end)?.fill(entry);
                at = end;
            }
        }
        self.table.get_mut(at..)?.fill(0);
        Some(())
    }

    /// The symbol whose code the 16 bits `ahead` start with, and the length of the code.
    #[inline]
    pub(super) fn symbol(&self, ahead: u32) -> Option<(u16, u32)> {
        let entry = *self
            .table
            .get(usize::try_from(ahead >> (16 - TABLE_BITS)).ok()?)?;
        if entry != 0 {
            return Some((entry >> 5, u32::from(entry & 31)));
        }
        self.long_symbol(ahead)
    }

    fn long_symbol(&self, ahead: u32) -> Option<(u16, u32)> {
        for len in TABLE_BITS..=MAX_LEN {
            let bits = u32::try_from(len).ok()?;
            let code = ahead.checked_shr(16u32.saturating_sub(bits))?;
            let within = code.checked_sub(*self.first.get(len)?);
            if let Some(within) = within.filter(|n| self.count.get(len).is_some_and(|c| n < c)) {
                let place = self.place.get(len)?.saturating_add(within);
                let symbol = *self.symbols.get(usize::try_from(place).ok()?)?;
                return Some((symbol, bits));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_every_length_are_found() {
        // One code of each length but the last, of which there are two: 0, 10, 110, …
        let mut lengths: Vec<u8> = (1..=16).collect();
        lengths.push(16);
        let mut code = Code::new();
        code.build(&lengths).unwrap();
        for symbol in 0..16u16 {
            let ahead = (0xffff_u32 << (16 - symbol)) & 0xffff;
            assert_eq!(code.symbol(ahead), Some((symbol, u32::from(symbol) + 1)));
        }
        assert_eq!(code.symbol(0xffff), Some((16, 16)));
    }

    #[test]
    fn too_many_codes_are_refused_and_too_few_are_not() {
        let mut code = Code::new();
        assert_eq!(code.build(&[1, 1, 1]), None);
        assert_eq!(code.build(&[17]), None);
        code.build(&[0, 2, 0, 2]).unwrap();
        assert_eq!(code.symbol(0x4000), Some((3, 2)));
        assert_eq!(code.symbol(0x8000), None);
        code.build(&[]).unwrap();
        assert_eq!(code.symbol(0), None);
    }
}
