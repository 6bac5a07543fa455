//! Remembering blocks of a slow source.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::read::check_range;
use crate::{Extent, ReadAt, ReadError, int};

/// A source whose blocks are kept in memory after their first read, the least recently used given
/// up first. For sources where a read costs more than a copy: a network, a compressed image that
/// filesystems are read from in small pieces.
#[derive(Debug)]
pub struct BlockCache<R> {
    source: R,
    block: u64,
    blocks_kept: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    blocks: HashMap<u64, (Arc<[u8]>, u64)>,
    /// Block numbers by when they were last used.
    by_use: BTreeMap<u64, u64>,
    clock: u64,
}

impl Kept {
    fn get(&mut self, index: u64) -> Option<Arc<[u8]>> {
        self.clock = self.clock.saturating_add(1);
        let now = self.clock;
        let (bytes, used) = self.blocks.get_mut(&index)?;
        self.by_use.remove(used);
        self.by_use.insert(now, index);
        *used = now;
        Some(Arc::clone(bytes))
    }

    fn put(&mut self, index: u64, bytes: Arc<[u8]>, keep: usize) {
        self.clock = self.clock.saturating_add(1);
        if let Some((_, used)) = self.blocks.insert(index, (bytes, self.clock)) {
            self.by_use.remove(&used);
        }
        self.by_use.insert(self.clock, index);
        while self.blocks.len() > keep {
            match self.by_use.pop_first() {
                Some((_, oldest)) => self.blocks.remove(&oldest),
                None => break,
            };
        }
    }
}

impl<R: ReadAt> BlockCache<R> {
    /// Keeps up to `capacity` bytes of `source` in blocks of `block` bytes (a power of two of at
    /// least 512, or it is made one); at least one block.
    #[must_use]
    pub fn new(source: R, block: u32, capacity: usize) -> Self {
        let block = u64::from(block.max(512)).next_power_of_two();
        let per_block = int::usize_of(block);
        let blocks_kept = capacity.checked_div(per_block).unwrap_or(0).max(1);
        Self {
            source,
            block,
            blocks_kept,
            kept: Mutex::default(),
        }
    }

    /// The source below.
    #[must_use]
    pub fn get_ref(&self) -> &R {
        &self.source
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        match self.kept.lock() {
            Ok(guard) => guard,
            Err(poisoned) => poisoned.into_inner(),
        }
    }

    fn block(&self, index: u64) -> Result<Arc<[u8]>, ReadError> {
        if let Some(bytes) = self.kept().get(index) {
            return Ok(bytes);
        }
        // The lock is not held while reading: two threads may read one block, neither waits.
        let start = index.saturating_mul(self.block);
        let len = self.block.min(self.source.len().saturating_sub(start));
        let mut bytes = vec![0; int::usize_of(len)];
        self.source.read_exact_at(&mut bytes, start)?;
        let bytes: Arc<[u8]> = bytes.into();
        self.kept().put(index, Arc::clone(&bytes), self.blocks_kept);
        Ok(bytes)
    }
}

impl<R: ReadAt> ReadAt for BlockCache<R> {
    fn len(&self) -> u64 {
        self.source.len()
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<(), ReadError> {
        check_range("cache", buf, offset, self.len())?;
        let mut at = offset;
        let mut rest = buf;
        while !rest.is_empty() {
            let index = at.checked_div(self.block).unwrap_or(0);
            let within = int::usize_of(at.saturating_sub(index.saturating_mul(self.block)));
            let block = self.block(index)?;
            let bytes: &[u8] = &block;
            let n = bytes.len().saturating_sub(within).min(rest.len());
            let (head, tail) = rest.split_at_mut(n);
            match bytes.get(within..within.saturating_add(n)) {
                Some(part) if n > 0 => head.copy_from_slice(part),
                _ => return Err(ReadError::past_end("cache", at, head.len(), self.len())),
            }
            rest = tail;
            at = at.saturating_add(int::u64_of(n));
        }
        Ok(())
    }

    fn next_extent(&self, offset: u64) -> Result<Extent, ReadError> {
        self.source.next_extent(offset)
    }

    fn prefetch(&self, ranges: &[Range<u64>]) {
        self.source.prefetch(ranges);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Meter, Metered, ReadAtExt};

    #[test]
    fn a_block_is_read_once_and_the_oldest_goes_first() {
        let meter = Meter::new();
        let bytes: Vec<u8> = (0..4000u32).map(|i| (i % 253) as u8).collect();
        let cache = BlockCache::new(Metered::new(bytes.clone(), meter.clone()), 1024, 2048);
        let mut all = vec![0; 4000];
        cache.read_exact_at(&mut all, 0).unwrap();
        assert_eq!(all, bytes);
        assert_eq!(meter.reads(), 4);
        // Blocks 2 and 3 are left.
        cache.read_array::<100>(3000).unwrap();
        cache.read_array::<100>(2100).unwrap();
        assert_eq!(meter.reads(), 4);
        cache.read_array::<1>(0).unwrap();
        assert_eq!(meter.reads(), 5);
        // Block 3 was used longest ago, so block 2 is still there.
        cache.read_array::<1>(2048).unwrap();
        assert_eq!(meter.reads(), 5);
        assert_eq!(meter.bytes(), 4000 + 1024);
    }

    #[test]
    fn the_end_is_the_sources_end() {
        let cache = BlockCache::new(vec![7u8; 1500], 1024, 1);
        assert_eq!(cache.read_array::<476>(1024).unwrap(), [7; 476]);
        assert!(cache.read_array::<477>(1024).is_err());
    }
}
