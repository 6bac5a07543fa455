//! Reading no faster than is wanted.

use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use crate::{Extent, ReadAt, ReadError, int};

/// A source that is read at no more than so many bytes per second, all threads together: for a
/// disk or a network that others need, too.
#[derive(Debug)]
pub struct Throttled<R> {
    source: R,
    bytes_per_second: u64,
    /// The moment at which everything handed out so far will have been paid for.
    paid_until: Mutex<Instant>,
}

impl<R> Throttled<R> {
    /// Reads `source` at no more than `bytes_per_second` (at least 1).
    #[must_use]
    pub fn new(source: R, bytes_per_second: u64) -> Self {
        Self {
            source,
            bytes_per_second: bytes_per_second.max(1),
            paid_until: Mutex::new(Instant::now()),
        }
    }

    fn pay(&self, bytes: u64) {
        let nanos = u128::from(bytes)
            .saturating_mul(1_000_000_000)
            .checked_div(u128::from(self.bytes_per_second))
            .unwrap_or(0);
        let price = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let now = Instant::now();
        let until = {
            let mut paid = match self.paid_until.lock() {
                Ok(guard) => guard,
                Err(poisoned) => poisoned.into_inner(),
            };
            let from = (*paid).max(now);
            *paid = from.checked_add(price).unwrap_or(from);
            *paid
        };
        if let Some(wait) = until.checked_duration_since(now) {
            thread::sleep(wait);
        }
    }
}

impl<R: ReadAt> ReadAt for Throttled<R> {
    fn len(&self) -> u64 {
        self.source.len()
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<(), ReadError> {
        self.pay(int::u64_of(buf.len()));
        self.source.read_exact_at(buf, offset)
    }

    fn next_extent(&self, offset: u64) -> Result<Extent, ReadError> {
        self.source.next_extent(offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_kept() {
        let source = Throttled::new(vec![0u8; 100], 1000);
        let start = Instant::now();
        let mut buf = [0; 50];
        source.read_exact_at(&mut buf, 0).unwrap();
        source.read_exact_at(&mut buf, 50).unwrap();
        assert!(
            start.elapsed() >= Duration::from_millis(95),
            "{:?}",
            start.elapsed()
        );
    }
}
