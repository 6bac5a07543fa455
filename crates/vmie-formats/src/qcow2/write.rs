//! Writing a qcow2 of version 3.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use vmie_io::{WriteAt, int};
use zerocopy::big_endian::{U32, U64};
use zerocopy::{FromZeros, IntoBytes};

use super::format::{COPIED, HEADER_V3, MAGIC, MAX_L1_BYTES, RawHeader};
use crate::convert::{Encoder, Entries, Placer, SmallBlocks, Words, put, write_error};
use crate::{Cause, Error};

/// Clusters of 64 KiB, QEMU's default.
const CLUSTER_BITS: u32 = 16;
const CLUSTER: u64 = 1 << CLUSTER_BITS;
/// Entries of an L2 table.
const L2_ENTRIES: u64 = CLUSTER / 8;
/// Reference counts of 16 bits, QEMU's default: as a power of two, and how many a block of them has.
const REFCOUNT_ORDER: u32 = 4;
const REFCOUNTS: u64 = CLUSTER / 2;

/// Writes a qcow2. Header and L1 table come first, then L2 tables and clusters as they are needed,
/// and the reference counts, which are all one, last.
pub(crate) struct Qcow2Encoder {
    size: u64,
    next: AtomicU64,
    /// The places of the L2 tables that are there.
    tables: Mutex<BTreeMap<u64, u64>>,
}

impl Qcow2Encoder {
    pub(crate) fn new(size: u64) -> Result<Self, Error> {
        let entries = size.div_ceil(L2_ENTRIES * CLUSTER);
        let bytes = entries.saturating_mul(8);
        if bytes > MAX_L1_BYTES {
            return Err(Error::new(Cause::TargetTooLarge)
                .in_structure("qcow2 L1 table")
                .found(size));
        }
        let l1_clusters = bytes.div_ceil(CLUSTER).max(1);
        Ok(Self {
            size,

            next: AtomicU64::new(l1_clusters.saturating_add(1)),
            tables: Mutex::default(),
        })
    }

    /// So many clusters in a row.
    fn clusters(&self, count: u64) -> u64 {
        let first = self.next.fetch_add(count, Ordering::Relaxed);
        first.saturating_mul(CLUSTER)
    }

    fn table(&self, number: u64) -> u64 {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        *tables.entry(number).or_insert_with(|| self.clusters(1))
    }

    /// Writes reference counts of one for all clusters, their own among them, and gives the place
    /// of the table of their blocks and its clusters.
    fn refcounts(&self, sink: &dyn WriteAt) -> Result<(u64, u64), Error> {
        let used = self.next.load(Ordering::Relaxed);
        // Blocks and table count themselves, so that more may be needed than at first sight.
        let (mut blocks, mut table) = (0, 1);
        loop {
            let all = used.saturating_add(blocks).saturating_add(table);
            let needed = all.div_ceil(REFCOUNTS);
            let needed_table = needed.div_ceil(L2_ENTRIES);
            if (needed, needed_table) == (blocks, table) {
                break;
            }
            (blocks, table) = (needed, needed_table);
        }
        let table_at = self.clusters(table);
        let blocks_at = self.clusters(blocks);
        let all = self.next.load(Ordering::Relaxed);
        let mut entries = Vec::new();
        for block in 0..blocks {
            let at = blocks_at.saturating_add(block.saturating_mul(CLUSTER));
            entries.extend_from_slice(&at.to_be_bytes());
            let counted = all.saturating_sub(block.saturating_mul(REFCOUNTS));
            let ones = [0u8, 1].repeat(int::usize_of(counted.min(REFCOUNTS)));
            sink.write_all_at(&ones, at).map_err(write_error)?;
        }
        sink.write_all_at(&entries, table_at).map_err(write_error)?;
        Ok((table_at, table))
    }
}

/// The encoder and where it writes to.
struct OnSink<'a>(&'a Qcow2Encoder, &'a dyn WriteAt);

impl SmallBlocks for OnSink<'_> {
    fn allocate(&self) -> Result<u64, Error> {
        Ok(self.0.clusters(1))
    }

    fn note(&self, first: u64, places: &[u64]) -> Result<(), Error> {
        let mut number = first;
        let mut rest = places;
        while !rest.is_empty() {
            // A piece may begin in one table and end in the next.
            let within = number % L2_ENTRIES;
            let n = int::min_usize(L2_ENTRIES.saturating_sub(within), rest.len());
            let (head, tail) = rest.split_at(n);
            let entry = |place: &u64| match *place {
                0 => 0,
                place => place | COPIED,
            };
            let bytes: Vec<u8> = head.iter().flat_map(|p| entry(p).to_be_bytes()).collect();
            let table = self.0.table(number / L2_ENTRIES);
            let at = table.saturating_add(within.saturating_mul(8));
            self.1.write_all_at(&bytes, at).map_err(write_error)?;
            number = number.saturating_add(int::u64_of(n));
            rest = tail;
        }
        Ok(())
    }
}

impl Encoder for Qcow2Encoder {
    fn block(&self) -> u64 {
        CLUSTER
    }

    fn piece<'a>(&'a self, sink: &'a dyn WriteAt, _: u64) -> Box<dyn Placer + 'a> {
        Box::new(Entries::new(OnSink(self, sink)))
    }

    fn save(&self, state: &mut Vec<u8>) {
        let tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        put(state, self.next.load(Ordering::Relaxed));
        put(state, int::u64_of(tables.len()));
        for (number, at) in &*tables {
            put(state, *number);
            put(state, *at);
        }
    }

    fn load(&self, state: &mut Words<'_>) -> Option<u64> {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let next = state.number()?;
        for _ in 0..state.number()? {
            tables.insert(state.number()?, state.number()?);
        }
        self.next.store(next, Ordering::Relaxed);
        Some(next.saturating_mul(CLUSTER))
    }

    fn finish(&self, sink: &dyn WriteAt) -> Result<u64, Error> {
        let (refcounts, refcount_clusters) = self.refcounts(sink)?;
        let entries = self.size.div_ceil(L2_ENTRIES * CLUSTER);
        let mut l1 = vec![0u64; int::usize_of(entries)];
        for (number, at) in &*self.tables.lock().unwrap_or_else(PoisonError::into_inner) {
            if let Some(entry) = l1.get_mut(int::usize_of(*number)) {
                *entry = at | COPIED;
            }
        }
        let bytes: Vec<u8> = l1.iter().flat_map(|entry| entry.to_be_bytes()).collect();
        sink.write_all_at(&bytes, CLUSTER).map_err(write_error)?;
        let small = |n: u64| U32::new(u32::try_from(n).unwrap_or(u32::MAX));
        let mut header = RawHeader::new_zeroed();
        header.magic = MAGIC;
        header.version = U32::new(3);
        header.cluster_bits = U32::new(CLUSTER_BITS);
        header.size = U64::new(self.size);
        header.l1_size = small(entries);
        header.l1_table_offset = U64::new(CLUSTER);
        header.refcount_table_offset = U64::new(refcounts);
        header.refcount_table_clusters = small(refcount_clusters);
        header.refcount_order = U32::new(REFCOUNT_ORDER);
        header.header_length = U32::new(HEADER_V3);
        let bytes = header.as_bytes();
        let bytes = bytes
            .get(..int::usize_of(HEADER_V3.into()))
            .unwrap_or(bytes);
        // The header last: before it is there, the file is no qcow2.
        sink.write_all_at(bytes, 0).map_err(write_error)?;
        let len = self.next.load(Ordering::Relaxed).saturating_mul(CLUSTER);
        sink.set_len(len).map_err(write_error)?;
        Ok(len)
    }
}
