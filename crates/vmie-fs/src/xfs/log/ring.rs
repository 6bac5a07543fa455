//! The log as a ring of blocks: where it ends, and which records are in it.
//!
//! Every block starts with the number of the round in which it was written, its cycle (in headers of
//! records that is the second word). The head is where the cycle falls by one. What was on its way to
//! the disk at the end, up to eight records, may have arrived in any order, so that the head is where
//! the first thing is missing.

use vmie_io::{Budget, ReadAt, int};
use zerocopy::FromBytes;

use super::format::{
    BB, CYCLE_DATA_OFFSET, EXT_CRC_LEN, EXT_CYCLE_DATA_OFFSET, MAX_ICLOGS, MAX_LOG_BYTES,
    MAX_RECORD, OpFlags, OpHeader, RECORD_CRC_LENS, RECORD_CRC_OFFSET, RecordHeader,
    XLOG_FMT_LINUX_LE, XLOG_HEADER_CYCLE_SIZE, XLOG_HEADER_MAGIC_NUM, XLOG_VERSION_2,
};
use crate::xfs::checksum;
use crate::xfs::format::BASIC_BLOCK_LOG;
use crate::xfs::geometry::Geometry;
use crate::{Cause, Error};

const STRUCTURE: &str = "XFS log record";
/// Blocks that are read at once when looking through the log.
const CHUNK: u64 = 128;
/// Blocks that may have been on their way at once.
const IN_FLIGHT: u64 = 4096;

/// The log's blocks.
pub(super) struct Ring<'a> {
    volume: &'a dyn ReadAt,
    budget: &'a Budget,
    /// Byte of the volume where it starts.
    start: u64,
    /// Blocks of 512 bytes, at least one.
    blocks: u64,
    checksums: bool,
}

/// A record: its place, its header, and how many blocks header and data take.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) place: u64,
    pub(super) header: RecordHeader,
    pub(super) header_blocks: u64,
    pub(super) blocks: u64,
}

/// The part of the log that was not yet written to its places.
pub(super) struct Active {
    pub(super) tail: u64,
    pub(super) head: u64,
}

impl<'a> Ring<'a> {
    /// `None` when the log is not on this volume.
    pub(super) fn new(
        volume: &'a dyn ReadAt,
        geometry: &Geometry,
        budget: &'a Budget,
    ) -> Result<Option<Self>, Error> {
        let Some(first) = geometry.log_start else {
            return Ok(None);
        };
        let bytes = u64::from(geometry.log_blocks) << geometry.block_log;
        if bytes > MAX_LOG_BYTES {
            return Err(Error::new(Cause::Value)
                .at("XFS superblock", 96)
                .field("sb_logblocks")
                .found(geometry.log_blocks));
        }
        Ok(Some(Self {
            volume,
            budget,
            start: first << geometry.block_log,
            blocks: bytes >> BASIC_BLOCK_LOG,
            checksums: geometry.checksums,
        }))
    }

    fn wrap(&self, block: u64) -> u64 {
        block.checked_rem(self.blocks).unwrap_or(0)
    }

    /// How far it is from one block forward to another.
    pub(super) fn distance(&self, from: u64, to: u64) -> u64 {
        self.wrap(to.saturating_add(self.blocks).saturating_sub(from))
    }

    pub(super) fn after(&self, block: u64, count: u64) -> u64 {
        self.wrap(block.saturating_add(count))
    }

    fn before(&self, block: u64, count: u64) -> u64 {
        self.wrap(block.saturating_add(self.blocks).saturating_sub(count))
    }

    /// Byte of the volume where a block is.
    pub(super) fn byte(&self, block: u64) -> u64 {
        self.start
            .saturating_add(block.saturating_mul(int::u64_of(BB)))
    }

    /// Blocks from `first` on, around the end if need be; at most as many as there are.
    fn read(&self, first: u64, count: u64) -> Result<Vec<u8>, Error> {
        self.budget.work("log", count.div_ceil(8))?;
        let mut bytes = vec![0; int::usize_of(count).saturating_mul(BB)];
        let straight = self.blocks.saturating_sub(first).min(count);
        let (a, b) = bytes.split_at_mut(int::usize_of(straight).saturating_mul(BB));
        self.volume.read_exact_at(a, self.byte(first))?;
        if !b.is_empty() {
            self.volume.read_exact_at(b, self.byte(0))?;
        }
        Ok(bytes)
    }

    fn cycle(&self, block: u64) -> Result<u32, Error> {
        Ok(cycle_of(&self.read(block, 1)?))
    }

    /// What waits to be replayed; `None` when nothing does.
    pub(super) fn active(&self) -> Result<Option<Active>, Error> {
        let first = self.cycle(0)?;
        if first == 0 {
            // Never used.
            return Ok(None);
        }
        let edge = self.edge(first)?;
        // An unmount is logged when everything before it has arrived: no need to look further.
        if let Some(record) = self.last_record(edge)?
            && self.is_unmount(&record, edge)?
        {
            return Ok(None);
        }
        let mut head = self.whole(self.arrived(edge, first)?)?;
        for _ in 0..=MAX_ICLOGS {
            let Some(record) = self.last_record(head)? else {
                return Err(self.error(Cause::Journal, head, "h_magicno", 0));
            };
            if self.is_unmount(&record, head)? {
                return Ok(None);
            }
            let lsn = record.header.h_tail_lsn.get();
            let tail = lsn & 0xffff_ffff;
            if tail >= self.blocks {
                return Err(self.error(Cause::Journal, record.place, "h_tail_lsn", lsn));
            }
            match self.first_torn(tail, head)? {
                Some(torn) => head = torn,
                None => return Ok(Some(Active { tail, head })),
            }
        }
        Err(self.error(Cause::Journal, head, "h_crc", 0))
    }

    /// The first block whose cycle is not that of the first; as many as there are when all are.
    fn edge(&self, first: u32) -> Result<u64, Error> {
        let (mut low, mut high) = (0, self.blocks);
        while high.saturating_sub(low) > 1 {
            let middle = low.midpoint(high);
            if self.cycle(middle)? == first {
                low = middle;
            } else {
                high = middle;
            }
        }
        Ok(high)
    }

    /// The first of the blocks before `edge` that did not arrive: what stands there is of the round
    /// before.
    fn arrived(&self, edge: u64, cycle: u32) -> Result<u64, Error> {
        let count = IN_FLIGHT.min(self.blocks);
        // In the log's first round nothing is before its first block.
        let count = if cycle == 1 { count.min(edge) } else { count };
        let mut place = self.before(edge, count);
        let mut left = count;
        while left > 0 {
            let n = CHUNK.min(left);
            let bytes = self.read(place, n)?;
            for (block, i) in bytes.as_chunks::<BB>().0.iter().zip(0u64..) {
                let at = self.after(place, i);
                let due = if at < edge {
                    cycle
                } else {
                    cycle.wrapping_sub(1)
                };
                if cycle_of(block) != due {
                    return Ok(at);
                }
            }
            place = self.after(place, n);
            left = left.saturating_sub(n);
        }
        Ok(self.wrap(edge))
    }

    /// `head`, or the start of the record before it when that is not there to its end.
    fn whole(&self, head: u64) -> Result<u64, Error> {
        match self.last_record(head)? {
            Some(record) if self.after(record.place, record.blocks) != head => Ok(record.place),
            _ => Ok(head),
        }
    }

    /// The last record that starts before `head`.
    fn last_record(&self, head: u64) -> Result<Option<Record>, Error> {
        let mut end = head;
        let mut left = self.blocks;
        while left > 0 {
            let n = CHUNK.min(left);
            let place = self.before(end, n);
            let bytes = self.read(place, n)?;
            let blocks = bytes.as_chunks::<BB>().0;
            let last = blocks
                .iter()
                .rposition(|block| word(block, 0) == XLOG_HEADER_MAGIC_NUM);
            if let Some(i) = last {
                let place = self.after(place, int::u64_of(i));
                return self.record(place).map(Some);
            }
            end = place;
            left = left.saturating_sub(n);
        }
        Ok(None)
    }

    /// The record whose header is at `place`.
    pub(super) fn record(&self, place: u64) -> Result<Record, Error> {
        let bytes = self.read(place, 1)?;
        let error = |field, found: u32| self.error(Cause::Journal, place, field, found.into());
        let (header, _) =
            RecordHeader::read_from_prefix(&bytes).map_err(|_| error("h_magicno", 0))?;
        if header.h_magicno.get() != XLOG_HEADER_MAGIC_NUM {
            return Err(error("h_magicno", header.h_magicno.get()));
        }
        let version = header.h_version.get();
        if version == 0 || version > XLOG_VERSION_2 | 1 {
            return Err(error("h_version", version));
        }
        let (len, size) = (header.h_len.get(), header.h_size.get());
        if len == 0 || len > MAX_RECORD {
            return Err(error("h_len", len));
        }
        let header_blocks = if version & XLOG_VERSION_2 != 0 {
            if size > MAX_RECORD {
                return Err(error("h_size", size));
            }
            int::usize_of(size.into())
                .div_ceil(XLOG_HEADER_CYCLE_SIZE)
                .max(1)
        } else {
            1
        };
        let header_blocks = int::u64_of(header_blocks);
        let data_blocks = int::u64_of(int::usize_of(len.into()).div_ceil(BB));
        let blocks = header_blocks.saturating_add(data_blocks);
        if blocks > self.blocks {
            return Err(error("h_len", len));
        }
        Ok(Record {
            place,
            header,
            header_blocks,
            blocks,
        })
    }

    /// Whether a record is the one that unmounting leaves, and nothing is between it and `head`.
    fn is_unmount(&self, record: &Record, head: u64) -> Result<bool, Error> {
        let ends = self.after(record.place, record.blocks) == self.wrap(head);
        if !ends || record.header.h_num_logops.get() != 1 {
            return Ok(false);
        }
        let data = self.after(record.place, record.header_blocks);
        let bytes = self.read(data, 1)?;
        let op = OpHeader::read_from_prefix(&bytes);
        Ok(op.is_ok_and(|(op, _)| {
            OpFlags::from_bits_retain(op.oh_flags).contains(OpFlags::UNMOUNT_TRANS)
        }))
    }

    /// Of the last records, those that may have been on their way: the first whose checksum does not
    /// match.
    fn first_torn(&self, tail: u64, head: u64) -> Result<Option<u64>, Error> {
        if !self.checksums {
            return Ok(None);
        }
        let mut torn = None;
        let mut end = head;
        for _ in 0..MAX_ICLOGS {
            if end == tail {
                break;
            }
            let Some(record) = self.last_record(end)? else {
                break;
            };
            // Not past the tail.
            if self.distance(tail, record.place) >= self.distance(tail, end) {
                break;
            }
            match self.data(&record) {
                Err(error) if error.cause() == Cause::Checksum => torn = Some(record.place),
                Err(error) => return Err(error),
                Ok(_) => {}
            }
            end = record.place;
        }
        Ok(torn)
    }

    /// What a record carries, with the first word of every block put back where the cycle stands.
    pub(super) fn data(&self, record: &Record) -> Result<Vec<u8>, Error> {
        let bytes = self.read(record.place, record.blocks)?;
        let split = int::usize_of(record.header_blocks).saturating_mul(BB);
        let (headers, data) = bytes.split_at_checked(split).unwrap_or((&bytes, &[]));
        let len = int::usize_of(record.header.h_len.get().into());
        let data = data.get(..len).unwrap_or(data);
        let fmt = record.header.h_fmt.get();
        if fmt != XLOG_FMT_LINUX_LE {
            return Err(self.error(Cause::Feature, record.place, "h_fmt", fmt.into()));
        }
        if self.checksums {
            let found = record.header.h_crc.get();
            let fits = RECORD_CRC_LENS
                .iter()
                .any(|len| record_checksum(headers, data, *len) == Some(found));
            if !fits {
                return Err(self.error(Cause::Checksum, record.place, "h_crc", found.into()));
            }
        }
        let mut data = data.to_vec();
        for (block, i) in data.chunks_mut(BB).zip(0usize..) {
            let (header, offset) = match i / 64 {
                0 => (0, CYCLE_DATA_OFFSET),
                n => (n.saturating_mul(BB), EXT_CYCLE_DATA_OFFSET),
            };
            let at = header
                .saturating_add(offset)
                .saturating_add((i % 64).saturating_mul(4));
            let word = headers.get(at..at.saturating_add(4));
            if let (Some(to), Some(from)) = (block.get_mut(..4), word) {
                to.copy_from_slice(from);
            }
        }
        Ok(data)
    }

    pub(super) fn error(&self, cause: Cause, block: u64, field: &'static str, found: u64) -> Error {
        Error::new(cause)
            .at(STRUCTURE, self.byte(block))
            .field(field)
            .found(found)
    }
}

/// Over the header with its checksum counted as zero, then the further blocks of the header, then
/// the data.
fn record_checksum(headers: &[u8], data: &[u8], header_len: usize) -> Option<u32> {
    let first = headers.get(..header_len)?;
    let mut sum = checksum::of(first, RECORD_CRC_OFFSET)?;
    for block in headers.as_chunks::<BB>().0.iter().skip(1) {
        sum = crc32c::crc32c_append(sum, block.get(..EXT_CRC_LEN)?);
    }
    Some(crc32c::crc32c_append(sum, data))
}

fn word(block: &[u8], at: usize) -> u32 {
    block
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .map_or(0, |word| u32::from_be_bytes(*word))
}

fn cycle_of(block: &[u8]) -> u32 {
    match word(block, 0) {
        XLOG_HEADER_MAGIC_NUM => word(block, 4),
        cycle => cycle,
    }
}
