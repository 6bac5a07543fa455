//! monolithicSparse: header, descriptor, two copies of directory and tables, then grains.

use std::sync::atomic::{AtomicU64, Ordering};

use vmie_io::{WriteAt, int};
use zerocopy::IntoBytes;
use zerocopy::little_endian::U64;

use super::super::format::{Flags, SECTOR};
use super::{
    DESCRIPTOR_AT, DESCRIPTOR_BYTES, ENTRIES, GRAIN, TABLE_BYTES, TABLE_SPAN, descriptor, header,
    sector32,
};
use crate::Error;
use crate::convert::{Encoder, Entries, Placer, SmallBlocks, Stamp, Words, put, write_error};

/// Writes a monolithicSparse VMDK. The places of all grain tables are fixed, so that a table that
/// stays empty is a hole in the file and costs nothing.
pub(crate) struct SparseEncoder {
    sectors: u64,
    descriptor: Vec<u8>,
    tables: u64,
    /// Byte offsets of the redundant directory and of the other; their tables follow each.
    directories: [u64; 2],
    directory_bytes: u64,
    overhead: u64,
    next: AtomicU64,
}

impl SparseEncoder {
    pub(crate) fn new(size: u64, stamp: &Stamp) -> Result<Self, Error> {
        let sectors = size.div_ceil(SECTOR);
        let tables = size.div_ceil(TABLE_SPAN).max(1);
        let directory_bytes = tables.saturating_mul(4).next_multiple_of(SECTOR);
        let both = directory_bytes.saturating_add(tables.saturating_mul(TABLE_BYTES));
        let first = DESCRIPTOR_AT + DESCRIPTOR_BYTES;
        let second = first.saturating_add(both);
        let overhead = second.saturating_add(both).next_multiple_of(GRAIN);
        sector32(overhead)?;
        Ok(Self {
            sectors,
            descriptor: descriptor("monolithicSparse", sectors, stamp)?,
            tables,
            directories: [first, second],
            directory_bytes,
            overhead,
            next: AtomicU64::new(overhead),
        })
    }

    /// Where the tables of a directory begin.
    fn tables_of(&self, directory: u64) -> u64 {
        directory.saturating_add(self.directory_bytes)
    }
}

/// The encoder and where it writes to.
struct OnSink<'a>(&'a SparseEncoder, &'a dyn WriteAt);

impl SmallBlocks for OnSink<'_> {
    fn allocate(&self) -> Result<u64, Error> {
        let place = self.0.next.fetch_add(GRAIN, Ordering::Relaxed);
        sector32(place)?;
        Ok(place)
    }

    fn note(&self, first: u64, places: &[u64]) -> Result<(), Error> {
        let mut bytes = Vec::with_capacity(places.len().saturating_mul(4));
        for place in places {
            bytes.extend_from_slice(&sector32(*place)?.to_le_bytes());
        }
        for directory in self.0.directories {
            // Tables lie side by side, so that entries are numbered through.
            let at = self.0.tables_of(directory);
            let at = at.saturating_add(first.saturating_mul(4));
            self.1.write_all_at(&bytes, at).map_err(write_error)?;
        }
        Ok(())
    }
}

impl Encoder for SparseEncoder {
    fn block(&self) -> u64 {
        GRAIN
    }

    fn piece<'a>(&'a self, sink: &'a dyn WriteAt, _: u64) -> Box<dyn Placer + 'a> {
        Box::new(Entries::new(OnSink(self, sink)))
    }

    fn save(&self, state: &mut Vec<u8>) {
        put(state, self.next.load(Ordering::Relaxed));
    }

    fn load(&self, state: &mut Words<'_>) -> Option<u64> {
        let next = state.number()?;
        self.next.store(next, Ordering::Relaxed);
        Some(next)
    }

    fn finish(&self, sink: &dyn WriteAt) -> Result<u64, Error> {
        let write = |bytes: &[u8], at| sink.write_all_at(bytes, at).map_err(write_error);
        let flags = Flags::NEWLINES | Flags::REDUNDANT;
        let mut raw = header(flags, 1, self.sectors, self.overhead);
        let [first, second] = self.directories;
        raw.rgdOffset = U64::new(first / SECTOR);
        raw.gdOffset = U64::new(second / SECTOR);
        for directory in self.directories {
            let mut bytes = Vec::with_capacity(int::usize_of(self.directory_bytes));
            for table in 0..self.tables {
                let at = table.saturating_mul(TABLE_BYTES);
                let at = sector32(self.tables_of(directory).saturating_add(at))?;
                bytes.extend_from_slice(&at.to_le_bytes());
            }
            write(&bytes, directory)?;
        }
        write(&self.descriptor, DESCRIPTOR_AT)?;
        // The header last: before it is there, the file is no VMDK.
        write(raw.as_bytes(), 0)?;
        let len = self.next.load(Ordering::Relaxed);
        sink.set_len(len).map_err(write_error)?;
        Ok(len)
    }
}

// A table has whole sectors, and so have grains.
const _: () = assert!(TABLE_BYTES.is_multiple_of(SECTOR) && ENTRIES * GRAIN == TABLE_SPAN);
