//! The logical partitions: a chain of extended boot records.
//!
//! Each record describes its logical partitions relative to itself and links to the next record
//! relative to the start of the extended partition that the MBR names. Which entries count, and in
//! which order they are numbered, is as the Linux kernel has it (`block/partitions/msdos.c`):
//! usually the first entry is a partition and the second the link, but all four are looked at, the
//! third and fourth only believed when they stay inside, and further containers in a record are
//! followed like the link that they stand for, the first one only.

use std::collections::HashSet;

use vmie_io::{Budget, ReadAt, ReadAtExt};
use zerocopy::FromBytes;

use super::format::{BootRecord, Entry, MAX_RECORDS, RECORD_LEN, SIGNATURE, entry_offset};
use crate::notes::Notes;
use crate::{Cause, Error};

/// A logical partition: its entry with the start made absolute (in sectors of the disk), and where
/// the entry stands (in bytes).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Logical {
    pub(super) entry: Entry,
    pub(super) start: u64,
    pub(super) offset: u64,
}

/// What is being walked.
pub(super) struct Chain<'a> {
    pub(super) disk: &'a dyn ReadAt,
    pub(super) sector_size: u64,
    pub(super) budget: &'a Budget,
    /// First sector of the extended partition, and the sector after its last.
    pub(super) start: u64,
    pub(super) end: u64,
    /// Where the entry of the extended partition stands, for notes on the first link.
    pub(super) entry_offset: u64,
}

/// The records visited so far, on the whole disk: several extended partitions share them, and the
/// bound on their number.
#[derive(Debug, Default)]
pub(super) struct Visited {
    records: HashSet<u64>,
}

impl Visited {
    /// Whether the record at this sector may be read.
    fn enter(&mut self, lba: u64) -> Result<(), Cause> {
        if self.records.contains(&lba) {
            return Err(Cause::EbrLoop);
        }
        if vmie_io::int::u64_of(self.records.len()) >= u64::from(MAX_RECORDS) {
            return Err(Cause::TooManyLogical);
        }
        self.records.insert(lba);
        Ok(())
    }
}

/// The place of a record and of the link that led to it.
#[derive(Clone, Copy)]
struct Link {
    /// The record's sector.
    lba: u64,
    /// How many sectors the link gives it.
    sectors: u64,
    /// Where the link stands on the disk, in bytes.
    offset: u64,
    /// The value of the link.
    value: u32,
}

impl Chain<'_> {
    /// Walks the chain, adding to `logicals`; stops with a note where it cannot go on.
    ///
    /// # Errors
    /// Only when the budget is used up.
    pub(super) fn walk(
        &self,
        visited: &mut Visited,
        logicals: &mut Vec<Logical>,
        notes: &mut Notes,
    ) -> Result<(), Error> {
        let mut next = Some(Link {
            lba: self.start,
            sectors: self.end.saturating_sub(self.start),
            offset: self.entry_offset,
            value: u32::try_from(self.start).unwrap_or(u32::MAX),
        });
        while let Some(link) = next {
            self.budget.work("extended boot record", 1)?;
            if let Err(cause) = visited.enter(link.lba) {
                notes.push(link_note(cause, link));
                return Ok(());
            }
            let Some(record) = self.record(link, notes) else {
                return Ok(());
            };
            self.gather(link, &record, logicals, notes);
            next = self.next(link, &record, notes);
        }
        Ok(())
    }

    fn bytes(&self, lba: u64) -> u64 {
        // A sum of two 32-bit numbers times at most 4096 stays below 2^45.
        lba.saturating_mul(self.sector_size)
    }

    fn record(&self, link: Link, notes: &mut Notes) -> Option<BootRecord> {
        let at = self.bytes(link.lba);
        if at.saturating_add(self.sector_size) > self.disk.len() {
            notes.push(link_note(Cause::EbrOutside, link));
            return None;
        }
        let sector: [u8; RECORD_LEN] = match self.disk.read_array(at) {
            Ok(sector) => sector,
            Err(error) => {
                notes.push(Error::from(error).at("extended boot record", at));
                return None;
            }
        };
        let record = BootRecord::read_from_bytes(&sector).ok()?;
        if record.Signature != SIGNATURE {
            notes.push(
                Error::new(Cause::EbrSignature)
                    .at("extended boot record", at.saturating_add(510))
                    .field("Signature")
                    .found(record.Signature.as_slice()),
            );
            return None;
        }
        Some(record)
    }

    fn gather(
        &self,
        link: Link,
        record: &BootRecord,
        logicals: &mut Vec<Logical>,
        notes: &mut Notes,
    ) {
        for (index, record) in record.PartitionRecord.iter().enumerate() {
            let entry = Entry::from(record);
            if !entry.is_used() || entry.is_extended() {
                continue;
            }
            let start = link.lba.saturating_add(u64::from(entry.start));
            let end = link.lba.saturating_add(entry.end());
            let inside = start >= self.start && end <= self.end;
            if index >= 2 && !(inside && entry.end() <= link.sectors) {
                continue;
            }
            let offset = entry_offset(self.bytes(link.lba), index);
            if entry.flag & !super::format::ACTIVE != 0 {
                notes.push(
                    Error::new(Cause::BootFlag)
                        .at("extended boot record", offset)
                        .field("BootIndicator")
                        .found(entry.flag),
                );
            }
            if !inside {
                notes.push(
                    Error::new(Cause::LogicalOutside)
                        .at("extended boot record", offset)
                        .field("StartingLBA")
                        .found(entry.start),
                );
            }
            logicals.push(Logical {
                entry,
                start,
                offset,
            });
        }
    }

    fn next(&self, link: Link, record: &BootRecord, notes: &mut Notes) -> Option<Link> {
        let (index, entry) = record
            .PartitionRecord
            .iter()
            .map(Entry::from)
            .enumerate()
            .find(|(_, entry)| entry.is_extended() && entry.is_used())?;
        let next = Link {
            lba: self.start.saturating_add(u64::from(entry.start)),
            sectors: u64::from(entry.sectors),
            offset: entry_offset(self.bytes(link.lba), index),
            value: entry.start,
        };
        if next.lba >= self.end && self.bytes(next.lba) < self.disk.len() {
            notes.push(link_note(Cause::EbrOutsideExtended, next));
        }
        Some(next)
    }
}

fn link_note(cause: Cause, link: Link) -> Error {
    Error::new(cause)
        .at("extended boot record", link.offset.saturating_add(8))
        .field("StartingLBA")
        .found(link.value)
}
