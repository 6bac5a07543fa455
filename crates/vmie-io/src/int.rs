//! Integer conversions that cannot lose anything, so that no `as` is needed.

/// A size in memory as a 64-bit number; lossless on every platform Rust has today.
#[must_use]
pub fn u64_of(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// A 64-bit number as a size in memory, saturating on platforms where it does not fit.
///
/// Only for sizes that a limit or a buffer's length bounds right after: a saturated value is never
/// equal to a length that exists.
#[must_use]
pub fn usize_of(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

/// The smaller of a 64-bit number and a size in memory, as a size in memory.
#[must_use]
pub fn min_usize(a: u64, b: usize) -> usize {
    usize_of(a).min(b)
}

/// `n` rounded up to a multiple of `unit`; `None` when that overflows or `unit` is zero.
#[must_use]
pub fn round_up(n: u64, unit: u64) -> Option<u64> {
    n.checked_next_multiple_of(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversions_keep_the_value_or_saturate() {
        assert_eq!(u64_of(7), 7);
        assert_eq!(usize_of(7), 7);
        assert_eq!(min_usize(u64::MAX, 9), 9);
        assert_eq!(min_usize(3, 9), 3);
    }

    #[test]
    fn rounding_up_stops_at_the_end_of_the_numbers() {
        assert_eq!(round_up(1, 512), Some(512));
        assert_eq!(round_up(1024, 512), Some(1024));
        assert_eq!(round_up(u64::MAX, 512), None);
        assert_eq!(round_up(5, 0), None);
    }
}
