//! Remembering blocks of a slow source.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::read::check_range;
use crate::{Extent, ReadAt, ReadError, int};

/// A source whose blocks are kept in memory after their first read, the least recently used given
/// up first. For sources where a read costs more than a copy: a network, a compressed image that
/// filesystems are read from in small pieces. Threads that need one block at once share one read of it.
#[derive(Debug)]
pub struct BlockCache<R> {
    source: R,
    block: u64,
    blocks_kept: usize,
    kept: Mutex<Kept>,
}

/// A block that a thread reads, for others to wait for.
#[derive(Debug, Default)]
struct Reading {
    end: Mutex<Option<End>>,
    ended: Condvar,
}

/// How the read of a block ended.
#[derive(Clone, Debug)]
enum End {
    Read(Arc<[u8]>),
    Failed,
}

impl Reading {
    fn wait(&self) -> End {
        let mut end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(end) = &*end {
                return end.clone();
            }
            let waited = self.ended.wait(end);
            end = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn end(&self, how: End) {
        *self.end.lock().unwrap_or_else(PoisonError::into_inner) = Some(how);
        self.ended.notify_all();
    }
}

/// Ends the read of a block for those who wait, also when the source panics.
struct Duty<'a, R: ReadAt> {
    cache: &'a BlockCache<R>,
    index: u64,
    reading: Arc<Reading>,
    read: Option<Arc<[u8]>>,
}

impl<R: ReadAt> Drop for Duty<'_, R> {
    fn drop(&mut self) {
        let mut kept = self.cache.kept();
        kept.reading.remove(&self.index);
        if let Some(bytes) = &self.read {
            kept.put(self.index, Arc::clone(bytes), self.cache.blocks_kept);
        }
        drop(kept);
        self.reading.end(match self.read.take() {
            Some(bytes) => End::Read(bytes),
            None => End::Failed,
        });
    }
}

#[derive(Debug, Default)]
struct Kept {
    /// What is read at the moment.
    reading: HashMap<u64, Arc<Reading>>,
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
        let mut kept = self.kept();
        if let Some(bytes) = kept.get(index) {
            return Ok(bytes);
        }
        if let Some(reading) = kept.reading.get(&index).map(Arc::clone) {
            drop(kept);
            return match reading.wait() {
                End::Read(bytes) => Ok(bytes),
                // The error is the other thread's. Each of those who waited finds its own at once, and not one
                // after the other.
                End::Failed => {
                    let bytes = self.read(index)?;
                    self.kept().put(index, Arc::clone(&bytes), self.blocks_kept);
                    Ok(bytes)
                }
            };
        }
        let reading = Arc::<Reading>::default();
        kept.reading.insert(index, Arc::clone(&reading));
        // The lock is not held while reading.
        drop(kept);
        let mut duty = Duty {
            cache: self,
            index,
            reading,
            read: None,
        };
        let bytes = self.read(index)?;
        duty.read = Some(Arc::clone(&bytes));
        Ok(bytes)
    }

    fn read(&self, index: u64) -> Result<Arc<[u8]>, ReadError> {
        let start = index.saturating_mul(self.block);
        let len = self.block.min(self.source.len().saturating_sub(start));
        let mut bytes = vec![0; int::usize_of(len)];
        self.source.read_exact_at(&mut bytes, start)?;
        Ok(bytes.into())
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

    /// A source whose reads wait until they are let go, and then come to an end of their number.
    struct Gate {
        reads: Mutex<u32>,
        open: Mutex<std::sync::mpsc::Receiver<()>>,
        fails: u32,
    }

    impl ReadAt for Gate {
        fn len(&self) -> u64 {
            4096
        }

        fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<(), ReadError> {
            let number = {
                let mut reads = self.reads.lock().unwrap();
                *reads += 1;
                *reads
            };
            // The sender is gone when all may read.
            let _ = self.open.lock().unwrap().recv();
            if number <= self.fails {
                return Err(ReadError::new("gate", crate::ErrorKind::Io, offset));
            }
            buf.fill(7);
            Ok(())
        }
    }

    /// Threads that read one block while its first read is under way: how many got it, and how often the
    /// source was read.
    fn at_once(fails: u32) -> (usize, u32) {
        let (sender, receiver) = std::sync::mpsc::channel::<()>();
        let (reads, open) = (Mutex::new(0), Mutex::new(receiver));
        let cache = BlockCache::new(Gate { reads, open, fails }, 1024, 4096);
        let got = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| cache.read_array::<100>(1500).is_ok()))
                .collect();
            std::thread::sleep(std::time::Duration::from_millis(100));
            drop(sender);
            let ended = threads.into_iter().map(|thread| thread.join().unwrap());
            ended.filter(|got| *got).count()
        });
        let reads = *cache.get_ref().reads.lock().unwrap();
        (got, reads)
    }

    #[test]
    fn threads_share_the_read_of_a_block() {
        assert_eq!(at_once(0), (8, 1));
    }

    #[test]
    fn who_waited_for_a_read_that_failed_reads_himself() {
        let (got, reads) = at_once(1);
        assert_eq!(got, 7);
        assert!((2..=8).contains(&reads), "{reads}");
    }

    #[test]
    fn nobody_waits_for_a_source_that_panicked() {
        struct Panics;
        impl ReadAt for Panics {
            fn len(&self) -> u64 {
                1024
            }
            fn read_exact_at(&self, _: &mut [u8], _: u64) -> Result<(), ReadError> {
                panic!("as a source should not")
            }
        }
        let cache = BlockCache::new(Panics, 1024, 1024);
        for _ in 0..2 {
            let read = std::panic::AssertUnwindSafe(|| cache.read_array::<1>(0));
            assert!(std::panic::catch_unwind(read).is_err());
        }
    }

    #[test]
    fn the_end_is_the_sources_end() {
        let cache = BlockCache::new(vec![7u8; 1500], 1024, 1);
        assert_eq!(cache.read_array::<476>(1024).unwrap(), [7; 476]);
        assert!(cache.read_array::<477>(1024).is_err());
    }
}
