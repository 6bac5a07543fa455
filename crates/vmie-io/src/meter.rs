//! Counting what is read.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Extent, ReadAt, ReadError, int};

/// Running totals of what was read; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    reads: AtomicU64,
    bytes: AtomicU64,
}

impl Meter {
    /// A meter at zero.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many reads were made.
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.counts.reads.load(Ordering::Relaxed)
    }

    /// How many bytes were read.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.counts.bytes.load(Ordering::Relaxed)
    }
}

/// A source whose reads are counted by a [`Meter`].
#[derive(Debug)]
pub struct Metered<R> {
    source: R,
    meter: Meter,
}

impl<R> Metered<R> {
    /// Counts the reads of `source` on `meter`.
    #[must_use]
    pub fn new(source: R, meter: Meter) -> Self {
        Self { source, meter }
    }
}

impl<R: ReadAt> ReadAt for Metered<R> {
    fn len(&self) -> u64 {
        self.source.len()
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<(), ReadError> {
        self.meter.counts.reads.fetch_add(1, Ordering::Relaxed);
        self.meter
            .counts
            .bytes
            .fetch_add(int::u64_of(buf.len()), Ordering::Relaxed);
        self.source.read_exact_at(buf, offset)
    }

    fn next_extent(&self, offset: u64) -> Result<Extent, ReadError> {
        self.source.next_extent(offset)
    }

    fn prefetch(&self, ranges: &[Range<u64>]) {
        self.source.prefetch(ranges);
    }
}
