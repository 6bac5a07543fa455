//! What the extents of one disk share: caches and buffers.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vmie_io::{Budget, Charge, PageBuffer, int};

use super::grain::scratch_len;
use super::shape::Shape;
use crate::Error;
use crate::recent::Recent;

/// Bytes of grain tables that are kept, in memory. A table of 512 entries covers 32 MiB of disk.
const TABLE_CACHE: u64 = 1 << 20;
/// Bytes of inflated grains that are kept for small reads: filesystems read their metadata in
/// pieces of some kilobytes, often from the same few grains.
const GRAIN_CACHE: u64 = 4 << 20;
/// Tables and grains that are kept at most: what is looked through under a lock.
const MOST_KEPT: u64 = 256;
/// Bytes of a table entry in memory.
const ENTRY: u64 = 8;

/// Bits of a cache key that count within an extent. Grains are of 512 bytes and more, so a disk of
/// 64-bit length has at most 2^55; extents that are that long are alone.
const NUMBER_BITS: u32 = 52;

/// Caches and buffers of a disk.
pub(super) struct Shared {
    tables: Recent<[u64]>,
    table_slots: usize,
    grains: Recent<[u8]>,
    /// Buffers for compressed grains that no thread uses at the moment.
    scratch: Mutex<Vec<Scratch>>,
    scratch_len: u64,
    budget: Budget,
}

/// A buffer for a compressed grain.
pub(super) struct Scratch {
    pub(super) bytes: PageBuffer,
    _charge: Charge,
}

/// The key of a table or grain of an extent.
pub(super) fn key(extent: u64, number: u64) -> u64 {
    (extent << NUMBER_BITS) ^ number
}

impl Shared {
    /// For extents of these shapes.
    pub(super) fn new<'a>(shapes: impl Iterator<Item = &'a Shape>, budget: Budget) -> Self {
        let (mut table, mut grain, mut scratch) = (ENTRY, 1, 0);
        for shape in shapes {
            table = table.max(shape.entries.saturating_mul(ENTRY));
            if shape.compressed {
                grain = grain.max(shape.grains.grain_bytes);
                scratch = scratch.max(scratch_len(shape.grains.grain_bytes));
            }
        }
        let slots = |bytes: u64, each: u64| {
            let slots = bytes.checked_div(each).unwrap_or(0).clamp(1, MOST_KEPT);
            int::usize_of(slots)
        };
        let table_slots = slots(TABLE_CACHE, table);
        Self {
            tables: Recent::new(table_slots),
            table_slots,
            grains: Recent::new(slots(GRAIN_CACHE, grain)),
            scratch: Mutex::default(),
            scratch_len: scratch,
            budget,
        }
    }

    pub(super) fn tables(&self) -> &Recent<[u64]> {
        &self.tables
    }

    /// How many tables may be read ahead without pushing each other out.
    pub(super) fn tables_ahead(&self) -> usize {
        (self.table_slots / 2).max(1)
    }

    pub(super) fn grains(&self) -> &Recent<[u8]> {
        &self.grains
    }

    /// Charges memory, for which the caches make room if they have to.
    pub(super) fn charge(&self, what: &'static str, bytes: u64) -> Result<Charge, Error> {
        if let Ok(charge) = self.budget.memory(what, bytes) {
            return Ok(charge);
        }
        self.grains.clear();
        self.tables.clear();
        Ok(self.budget.memory(what, bytes)?)
    }

    fn spare(&self) -> MutexGuard<'_, Vec<Scratch>> {
        self.scratch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A buffer for the longest compressed grain and its marker, as many as there are threads.
    pub(super) fn take_scratch(&self) -> Result<Scratch, Error> {
        if let Some(scratch) = self.spare().pop() {
            return Ok(scratch);
        }
        let charge = self.charge("compressed grain", self.scratch_len)?;
        Ok(Scratch {
            bytes: PageBuffer::new(int::usize_of(self.scratch_len)),
            _charge: charge,
        })
    }

    /// Gives a buffer back.
    pub(super) fn put_scratch(&self, scratch: Scratch) {
        self.spare().push(scratch);
    }

    /// Keeps a grain.
    pub(super) fn keep_grain(&self, key: u64, bytes: &Arc<[u8]>, charge: Charge) {
        self.grains.put(key, Arc::clone(bytes), charge);
    }
}
