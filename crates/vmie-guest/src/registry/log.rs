//! Transaction logs of both forms.

use std::collections::BTreeMap;

use vmie_io::{Budget, ReadAt, ReadAtExt, int};
use zerocopy::FromBytes;

use super::format::{
    BINS, BaseBlock, DIRTY_VECTOR, LOG_ENTRY, LogEntry, MAX_BINS, MAX_LOG, PageRef, SECTOR,
};
use super::hash::{Marvin32, marvin32};
use super::open::parse;
use crate::Error;

/// Bytes that are hashed at a time.
const PIECE: usize = 64 << 10;
const ENTRY_HEAD: u64 = 40;

/// What the logs add to a hive.
#[derive(Default)]
pub(super) struct Replay {
    pub(super) newer: BTreeMap<u64, (usize, u64)>,
    /// Bytes of the bins after the last entry.
    pub(super) size: Option<u64>,
    /// How many entries are used; one for a log of the old form.
    pub(super) entries: u32,
    /// A base block in place of the hive's damaged one.
    pub(super) base: Option<BaseBlock>,
}

/// Collects what the logs have that the hive has not.
pub(super) fn replay<'a>(
    hive: &dyn ReadAt,
    base: &BaseBlock,
    valid: bool,
    logs: &[Box<dyn ReadAt + 'a>],
    budget: &Budget,
) -> Result<Replay, Error> {
    let mut replay = Replay::default();
    let mut entries = Vec::new();
    let written = match valid {
        true => Some(base.last_written.get()),
        false => first_bin_time(hive),
    };
    let mut bases = Vec::new();
    for (number, log) in logs.iter().enumerate() {
        if log.len() < 2 * SECTOR || log.len() > MAX_LOG {
            continue;
        }
        let head = log.read_array::<512>(0)?;
        let Some(copy) = parse(&head) else { continue };
        if BaseBlock::sum(&head) != copy.checksum.get() {
            continue;
        }
        match copy.file_type.get() {
            1 | 2 => {
                let whole = copy.primary_sequence == copy.secondary_sequence;
                if whole && written == Some(copy.last_written.get()) && replay.entries == 0 {
                    old_form(number, &**log, &copy, &mut replay, budget)?;
                    bases.push(copy);
                }
            }
            6 => {
                collect(number, &**log, &mut entries, budget)?;
                bases.push(copy);
            }
            _ => {}
        }
    }
    if !valid {
        replay.base = bases
            .into_iter()
            .max_by_key(|copy| copy.primary_sequence.get());
    }
    // The first entry that is not in the hive yet has the hive's secondary number.
    let from = match (&replay.base, valid) {
        (Some(copy), false) => copy.secondary_sequence.get(),
        _ => base.secondary_sequence.get(),
    };
    apply(from, entries, logs, &mut replay, budget)?;
    Ok(replay)
}

/// When the first bin was written ("Hive bin", Timestamp): it stands for a base block that is lost.
fn first_bin_time(hive: &dyn ReadAt) -> Option<u64> {
    let bytes = hive.read_array::<28>(BINS).ok()?;
    let time = bytes.get(20..28)?.first_chunk::<8>()?;
    Some(u64::from_le_bytes(*time))
}

/// A log of the old form: a bitmap of sectors, and the sectors ("Old format").
fn old_form(
    number: usize,
    log: &dyn ReadAt,
    copy: &BaseBlock,
    replay: &mut Replay,
    budget: &Budget,
) -> Result<(), Error> {
    if log.read_array::<4>(SECTOR)? != DIRTY_VECTOR {
        return Ok(());
    }
    let size = u64::from(copy.bins_size.get());
    if size > MAX_BINS {
        return Ok(());
    }
    // A bit for each sector.
    let len = size.div_ceil(SECTOR * 8);
    let start = SECTOR.saturating_add(4);
    if start.saturating_add(len) > log.len() {
        return Ok(());
    }
    let (mut bits, _charge) = budget.buffer("dirty vector", len)?;
    log.read_exact_at(&mut bits, start)?;
    let mut place = int::round_up(start.saturating_add(len), SECTOR).unwrap_or(u64::MAX);
    let mut newer = BTreeMap::new();
    let mut sector = 0u64;
    for byte in bits {
        for bit in 0..8u32 {
            if byte & 1u8.wrapping_shl(bit) != 0 {
                // A log that was cut off is not whole: none of it counts.
                if place.saturating_add(SECTOR) > log.len() {
                    return Ok(());
                }
                newer.insert(sector, (number, place));
                place = place.saturating_add(SECTOR);
            }
            sector = sector.saturating_add(1);
        }
    }
    budget.work("dirty vector", sector)?;
    replay.newer = newer;
    replay.size = Some(size);
    replay.entries = 1;
    Ok(())
}

/// An entry of a log of the new form, its hashes found right.
struct Entry {
    log: usize,
    at: u64,
    head: LogEntry,
}

/// The entries of a log up to the first that is not whole ("New format", note 7).
fn collect(
    number: usize,
    log: &dyn ReadAt,
    entries: &mut Vec<Entry>,
    budget: &Budget,
) -> Result<(), Error> {
    let mut at = SECTOR;
    let mut last: Option<u32> = None;
    while at.saturating_add(ENTRY_HEAD) <= log.len() {
        budget.work("log entry", 1)?;
        let bytes = log.read_array::<40>(at)?;
        let Ok((head, _)) = LogEntry::read_from_prefix(&bytes) else {
            break;
        };
        let size = u64::from(head.size.get());
        let whole = head.signature == LOG_ENTRY
            && size.is_multiple_of(SECTOR)
            && size >= SECTOR
            && at.saturating_add(size) <= log.len();
        // What follows is what is left of an older round.
        let follows = last.is_none_or(|last| head.sequence.get() == last.wrapping_add(1));
        if !whole || !follows || !hashes(log, at, &head, &bytes, budget)? {
            break;
        }
        last = Some(head.sequence.get());
        at = at.saturating_add(size);
        entries.push(Entry {
            log: number,
            at: at.saturating_sub(size),
            head,
        });
    }
    Ok(())
}

fn hashes(
    log: &dyn ReadAt,
    at: u64,
    head: &LogEntry,
    bytes: &[u8],
    budget: &Budget,
) -> Result<bool, Error> {
    let covered = bytes.get(..32).unwrap_or_default();
    if marvin32(covered) != head.hash2.get() {
        return Ok(false);
    }
    let mut hash = Marvin32::new();
    let end = at.saturating_add(u64::from(head.size.get()));
    let mut from = at.saturating_add(ENTRY_HEAD);
    let (mut piece, _charge) = budget.buffer("log entry", int::u64_of(PIECE))?;
    while from < end {
        let n = int::min_usize(end.saturating_sub(from), PIECE);
        let part = piece.get_mut(..n).unwrap_or_default();
        log.read_exact_at(part, from)?;
        hash.update(part);
        from = from.saturating_add(int::u64_of(n));
    }
    Ok(hash.finish() == head.hash1.get())
}

/// Puts the entries from number `from` on over the hive, in their order.
fn apply<'a>(
    from: u32,
    mut entries: Vec<Entry>,
    logs: &[Box<dyn ReadAt + 'a>],
    replay: &mut Replay,
    budget: &Budget,
) -> Result<(), Error> {
    // Numbers wrap around; what is less than half the circle ahead is newer.
    let ahead = |entry: &Entry| entry.head.sequence.get().wrapping_sub(from);
    entries.retain(|entry| ahead(entry) < u32::MAX / 2);
    entries.sort_by_key(ahead);
    for entry in entries {
        let Some(log) = logs.get(entry.log) else {
            continue;
        };
        let end = entry.at.saturating_add(u64::from(entry.head.size.get()));
        let count = u64::from(entry.head.pages.get());
        let refs = entry.at.saturating_add(ENTRY_HEAD);
        let mut place = refs.saturating_add(count.saturating_mul(8));
        let bins = u64::from(entry.head.bins_size.get());
        if place > end || bins > MAX_BINS || !bins.is_multiple_of(BINS) {
            break;
        }
        let mut pages = Vec::new();
        for number in 0..count {
            budget.work("log entry", 1)?;
            let bytes = log.read_array::<8>(refs.saturating_add(number.saturating_mul(8)))?;
            let Ok((page, _)) = PageRef::read_from_prefix(&bytes) else {
                break;
            };
            let (offset, size) = (u64::from(page.offset.get()), u64::from(page.size.get()));
            let aligned = offset.is_multiple_of(SECTOR) && size.is_multiple_of(SECTOR);
            let after = place.saturating_add(size);
            if !aligned || after > end || offset.saturating_add(size) > bins {
                return Ok(());
            }
            pages.push((offset, size, place));
            place = after;
        }
        for (offset, size, place) in pages {
            let sectors = size.checked_div(SECTOR).unwrap_or(0);
            budget.work("log page", sectors)?;
            let first = offset.checked_div(SECTOR).unwrap_or(0);
            for sector in 0..sectors {
                let at = place.saturating_add(sector.saturating_mul(SECTOR));
                replay
                    .newer
                    .insert(first.saturating_add(sector), (entry.log, at));
            }
        }
        replay.size = Some(bins);
        replay.entries = replay.entries.saturating_add(1);
    }
    Ok(())
}
