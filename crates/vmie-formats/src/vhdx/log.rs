//! The log: what a writer had promised to do when it was interrupted (2.3).

use std::sync::Arc;

use vmie_io::{Budget, ReadAt, int};
use zerocopy::FromBytes;

use super::format::{
    BELOW_MIB, DATA_SIGNATURE, DESCRIPTOR_SIGNATURE, Guid, LOG_DESCRIPTOR, LOG_HEADER, LOG_SECTOR,
    LOG_SIGNATURE, LOG_VERSION, MIB, RawDescriptor, RawHeader, RawLogEntry, ZERO_SIGNATURE,
};
use super::replayed::{Change, Replayed};
use crate::{Cause, Error, ImageNote, NoteKind};

/// Bytes that a change takes beside its sector.
const CHANGE: u64 = 96;

/// Shows the file with its log replayed; `None` when no log waits for that.
pub(super) fn replay(
    source: &Arc<dyn ReadAt>,
    (header, at): (&RawHeader, u64),
    budget: &Budget,
    notes: &mut Vec<ImageNote>,
) -> Result<Option<Replayed>, Error> {
    if header.LogGuid == Guid::default() {
        return Ok(None);
    }
    let fault = |cause, field, offset: u64| {
        let error = Error::new(cause).at("VHDX header", at.saturating_add(offset));
        error.field(field)
    };
    if header.LogVersion.get() != LOG_VERSION {
        let error = fault(Cause::VhdxLogVersion, "LogVersion", 64);
        return Err(error.found(u64::from(header.LogVersion.get())));
    }
    let (start, len) = (header.LogOffset.get(), u64::from(header.LogLength.get()));
    let aligned = start >= MIB && (start | len) & BELOW_MIB == 0 && len > 0;
    let end = start.checked_add(len);
    if !aligned || end.is_none_or(|end| end > source.len()) {
        return Err(fault(Cause::VhdxLogPlace, "LogOffset", 72).found(start));
    }
    let (mut bytes, _charge) = budget.buffer("log", len)?;
    source.read_exact_at(&mut bytes, start)?;
    let log = Log {
        bytes: &bytes,
        guid: header.LogGuid,
    };
    let Some(sequence) = log.active(budget)? else {
        // Nothing was logged, or nothing of it is whole: no change can have begun.
        let what = "the header promises a log, and there is no whole entry in it";
        notes.push(ImageNote::new(NoteKind::Dirty, Some(start), what));
        return Ok(None);
    };
    if sequence.flushed > source.len() {
        return Err(Error::new(Cause::VhdxLogTruncated)
            .at("VHDX log entry", start.saturating_add(sequence.head))
            .field("FlushedFileOffset")
            .found(sequence.flushed));
    }
    let count = sequence.entries.len();
    let detail = format!("the log was replayed in memory: {count} entries");
    notes.push(ImageNote::new(NoteKind::LogReplayed, Some(start), detail));
    log.apply(&sequence, source, budget).map(Some)
}

struct Log<'a> {
    /// Whole sectors of 4 KiB; entries wrap around at the end.
    bytes: &'a [u8],
    guid: Guid,
}

/// A whole entry.
#[derive(Clone, Copy, Debug)]
struct Entry {
    at: u64,
    len: u64,
    tail: u64,
    number: u64,
    descriptors: u64,
    flushed: u64,
    last: u64,
}

/// Entries that follow each other.
#[derive(Debug)]
struct Sequence {
    entries: Vec<Entry>,
    /// Where its last entry is.
    head: u64,
    number: u64,
    flushed: u64,
    last: u64,
}

impl Log<'_> {
    fn len(&self) -> u64 {
        int::u64_of(self.bytes.len())
    }

    /// The sector that is `index` sectors behind `at`.
    fn sector(&self, at: u64, index: u64) -> &[u8] {
        let at = at.saturating_add(index.saturating_mul(LOG_SECTOR));
        let at = int::usize_of(at.checked_rem(self.len()).unwrap_or(0));
        let end = at.saturating_add(int::usize_of(LOG_SECTOR));
        self.bytes.get(at..end).unwrap_or_default()
    }

    /// The sequence to be replayed: the valid one with the greatest number (2.3.3).
    fn active(&self, budget: &Budget) -> Result<Option<Sequence>, Error> {
        let sectors = self.len() / LOG_SECTOR;
        // Each place is looked at once, however many sequences lead over it.
        let mut known: Vec<Option<Option<Entry>>> = vec![None; int::usize_of(sectors)];
        let mut best: Option<Sequence> = None;
        let mut tail = 0;
        while tail < self.len() {
            let sequence = self.sequence(tail, &mut known, budget)?;
            let step = match sequence {
                Some((sequence, len)) => {
                    if best.as_ref().is_none_or(|b| b.number < sequence.number) {
                        best = Some(sequence);
                    }
                    len
                }
                None => LOG_SECTOR,
            };
            tail = tail.saturating_add(step);
        }
        Ok(best)
    }

    /// The sequence that starts at `tail`, and its length in bytes; `None` when there is none or
    /// it is not valid. What its last entry no longer counts as pending is left out.
    fn sequence(
        &self,
        tail: u64,
        known: &mut [Option<Option<Entry>>],
        budget: &Budget,
    ) -> Result<Option<(Sequence, u64)>, Error> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut len: u64 = 0;
        loop {
            budget.work("log", 1)?;
            let at = tail.saturating_add(len);
            let at = at.checked_rem(self.len()).unwrap_or(0);
            let Some(slot) = known.get_mut(int::usize_of(at / LOG_SECTOR)) else {
                break;
            };
            let entry = match slot {
                Some(entry) => *entry,
                None => *slot.insert(self.entry(at, budget)?),
            };
            let next = entries.last().map(|last| last.number.checked_add(1));
            let Some(entry) = entry.filter(|e| next.is_none_or(|n| n == Some(e.number))) else {
                break;
            };
            let longer = len.saturating_add(entry.len);
            if longer > self.len() {
                break;
            }
            len = longer;
            entries.push(entry);
        }
        let Some(head) = entries.last().copied() else {
            return Ok(None);
        };
        let Some(first) = entries.iter().position(|e| e.at == head.tail) else {
            return Ok(None);
        };
        let sequence = Sequence {
            entries: entries.split_off(first),
            head: head.at,
            number: head.number,
            flushed: head.flushed,
            last: head.last,
        };
        Ok(Some((sequence, len)))
    }

    /// The entry at `at`; `None` when there is none, or it is torn or of another log.
    fn entry(&self, at: u64, budget: &Budget) -> Result<Option<Entry>, Error> {
        let Ok((raw, _)) = RawLogEntry::ref_from_prefix(self.sector(at, 0)) else {
            return Ok(None);
        };
        let len = u64::from(raw.EntryLength.get());
        let tail = u64::from(raw.Tail.get());
        let entry = Entry {
            at,
            len,
            tail,
            number: raw.SequenceNumber.get(),
            descriptors: u64::from(raw.DescriptorCount.get()),
            flushed: raw.FlushedFileOffset.get(),
            last: raw.LastFileOffset.get(),
        };
        let sectors = len / LOG_SECTOR;
        let plausible = raw.Signature == LOG_SIGNATURE
            && raw.LogGuid == self.guid
            && entry.number > 0
            && len > 0
            && len % LOG_SECTOR == 0
            && len <= self.len()
            && tail % LOG_SECTOR == 0
            && entry.descriptor_sectors() <= sectors;
        if !plausible {
            return Ok(None);
        }
        budget.work("log entry", sectors)?;
        if self.checksum(at, sectors) != raw.Checksum.get() {
            return Ok(None);
        }
        let whole = self.changes(&entry, |_, _, _| ());
        Ok(whole.then_some(entry))
    }

    fn checksum(&self, at: u64, sectors: u64) -> u32 {
        let first = self.sector(at, 0);
        let (before, after) = first.split_at(first.len().min(4));
        let mut crc = crc32c::crc32c_append(crc32c::crc32c(before), &[0; 4]);
        crc = crc32c::crc32c_append(crc, after.get(4..).unwrap_or_default());
        for index in 1..sectors {
            crc = crc32c::crc32c_append(crc, self.sector(at, index));
        }
        crc
    }

    /// Tells each change of an entry: its place in the file, its length and content. Says whether
    /// all of the entry was whole.
    fn changes(&self, entry: &Entry, mut tell: impl FnMut(u64, u64, Option<[&[u8]; 3]>)) -> bool {
        let mut data = entry.descriptor_sectors();
        for index in 0..entry.descriptors {
            let place = LOG_HEADER.saturating_add(index.saturating_mul(LOG_DESCRIPTOR));
            let sector = self.sector(entry.at, place / LOG_SECTOR);
            let within = int::usize_of(place % LOG_SECTOR);
            let bytes = sector.get(within..).unwrap_or_default();
            let Ok((raw, _)) = RawDescriptor::ref_from_prefix(bytes) else {
                return false;
            };
            let at = raw.FileOffset.get();
            if raw.SequenceNumber.get() != entry.number || at % LOG_SECTOR != 0 {
                return false;
            }
            if raw.Signature == ZERO_SIGNATURE {
                let len = u64::from_le_bytes(raw.second);
                if len % LOG_SECTOR != 0 || at.checked_add(len).is_none() {
                    return false;
                }
                tell(at, len, None);
            } else if raw.Signature == DESCRIPTOR_SIGNATURE {
                if data >= entry.len / LOG_SECTOR {
                    return false;
                }
                let Some(body) = data_of(self.sector(entry.at, data), entry.number) else {
                    return false;
                };
                data = data.saturating_add(1);
                tell(at, LOG_SECTOR, Some([&raw.second, body, &raw.first]));
            } else {
                return false;
            }
        }
        true
    }

    fn apply(
        &self,
        sequence: &Sequence,
        source: &Arc<dyn ReadAt>,
        budget: &Budget,
    ) -> Result<Replayed, Error> {
        let mut bytes: u64 = 0;
        for entry in &sequence.entries {
            self.changes(entry, |_, _, data| {
                let sector = if data.is_some() { LOG_SECTOR } else { 0 };
                // A change may split one that was there.
                bytes = bytes.saturating_add(sector.saturating_add(2 * CHANGE));
            });
        }
        let charge = budget.memory("replayed log", bytes)?;
        let mut replayed = Replayed::new(Arc::clone(source), sequence.last, charge);
        for entry in &sequence.entries {
            self.changes(entry, |at, len, data| {
                let change = match data {
                    None => Change::Zero,
                    Some(parts) => Change::Sector(parts.concat().into()),
                };
                replayed.put(at, len, change);
            });
        }
        Ok(replayed)
    }
}

impl Entry {
    /// Sectors of its header and descriptors, before those of its data.
    fn descriptor_sectors(&self) -> u64 {
        let bytes = self.descriptors.saturating_mul(LOG_DESCRIPTOR);
        bytes.saturating_add(LOG_HEADER).div_ceil(LOG_SECTOR)
    }
}

/// The 4084 bytes of a data sector of this sequence number; its first eight and last four bytes
/// are in the descriptor, where signature and numbers took their place.
fn data_of(sector: &[u8], number: u64) -> Option<&[u8]> {
    let (signature, rest) = sector.split_first_chunk::<4>()?;
    let (high, rest) = rest.split_first_chunk::<4>()?;
    let (data, low) = rest.split_last_chunk::<4>()?;
    let high = u64::from(u32::from_le_bytes(*high));
    let low = u64::from(u32::from_le_bytes(*low));
    let same = *signature == DATA_SIGNATURE && (high << 32 | low) == number;
    same.then_some(data)
}
