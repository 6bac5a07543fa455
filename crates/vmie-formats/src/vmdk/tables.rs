//! Grain directories and grain tables: where the grains of a sparse extent are.

use std::sync::Arc;

use vmie_io::{Budget, Charge, ReadAt, ReadAtExt as _, int};

use super::format::{GRAIN_MARKER, SECTOR};
use super::shape::{Entry, Shape};
use super::shared::{Shared, key};
use crate::check::{Check, Claims, ProblemKind};
use crate::{Cause, Error, ImageNote, NoteKind, error_of};

/// Bytes of neighbouring grain tables that are read at once.
const TABLES_AT_ONCE: u64 = 128 << 10;
/// Bytes between two tables that are read along with them: a stream's marker and padding.
const GAP: u64 = 4 << 10;
/// Directory entries looked at for neighbours.
const LOOK_AHEAD: usize = 256;

/// The directory of an extent, and the tables that it leads to.
pub(super) struct Tables {
    pub(super) source: Arc<dyn ReadAt>,
    pub(super) shape: Shape,
    /// Which of the disk's extents this is.
    pub(super) extent: u64,
    directory: Box<[u64]>,
    directory_at: u64,
    /// Byte offset of the redundant directory, when there is one.
    redundant: Option<u64>,
    _charge: Charge,
}

/// Where a directory is said to be, and by which field, for errors.
#[derive(Clone, Copy, Debug)]
pub(super) struct DirectoryAt {
    /// Byte offset; `None` when the sector number overflows.
    pub(super) start: Option<u64>,
    /// The sector number itself.
    pub(super) sector: u64,
    /// Byte offset of the field.
    pub(super) field_at: u64,
    pub(super) field: &'static str,
    /// Byte offset of the redundant directory.
    pub(super) redundant: Option<u64>,
}

impl Tables {
    /// Reads the directory. Where it is damaged and there is a second one, that is used, with a
    /// note.
    pub(super) fn open(
        source: Arc<dyn ReadAt>,
        shape: Shape,
        extent: u64,
        at: DirectoryAt,
        budget: &Budget,
        notes: &mut Vec<ImageNote>,
    ) -> Result<Self, Error> {
        let bytes = shape.tables().saturating_mul(shape.entry_bytes());
        let fits = |start: &u64| {
            let end = start.checked_add(bytes);
            *start > 0 && end.is_some_and(|end| end <= source.len())
        };
        let redundant = at.redundant.filter(fits);
        let outside = || {
            Error::new(Cause::VmdkOffset)
                .at("header", at.field_at)
                .field(at.field)
                .found(at.sector)
        };
        let first = at.start.filter(fits).ok_or_else(outside);
        if let (Err(error), None) = (&first, redundant) {
            return Err(error.clone());
        }
        let charge = budget.memory("grain directory", shape.tables().saturating_mul(8))?;
        let read = |start| read_entries(&source, start, bytes, shape.entry_bytes());
        let (directory, directory_at) = match (first.and_then(|at| Ok((read(at)?, at))), redundant)
        {
            (Ok(read), _) => read,
            (Err(error), None) => return Err(error),
            (Err(error), Some(second)) => {
                notes.push(second_copy(error.offset(), "the grain directory"));
                (read(second)?, second)
            }
        };
        let mut tables = Self {
            source,
            shape,
            extent,
            directory,
            directory_at,
            redundant: redundant.filter(|second| *second != directory_at),
            _charge: charge,
        };
        tables.mend(bytes, notes);
        Ok(tables)
    }

    /// Takes entries that point out of the file from the second directory, where those are better.
    fn mend(&mut self, bytes: u64, notes: &mut Vec<ImageNote>) {
        let Some(second) = self.redundant else { return };
        let bad = |tables: &Self, raw: u64| match tables.shape.table(raw) {
            Entry::At(start) => !tables.holds(start),
            Entry::Bad => true,
            Entry::Hole | Entry::Zero => false,
        };
        if !self.directory.iter().any(|raw| bad(self, *raw)) {
            return;
        }
        let Ok(spare) = read_entries(&self.source, second, bytes, self.shape.entry_bytes()) else {
            return;
        };
        let mut first_bad = None;
        let mut directory = std::mem::take(&mut self.directory);
        for (index, (raw, spare)) in directory.iter_mut().zip(&spare).enumerate() {
            if bad(self, *raw) && !bad(self, *spare) {
                *raw = *spare;
                first_bad.get_or_insert(index);
            }
        }
        self.directory = directory;
        if let Some(index) = first_bad {
            let within = int::u64_of(index).saturating_mul(self.shape.entry_bytes());
            let at = self.directory_at.saturating_add(within);
            notes.push(second_copy(Some(at), "entries of the grain directory"));
        }
    }

    /// Whether a table that starts there lies within the file.
    fn holds(&self, start: u64) -> bool {
        let end = start.checked_add(self.shape.table_bytes());
        end.is_some_and(|end| end <= self.source.len())
    }

    /// Whether all of a table is a hole or zeroes, without reading it.
    pub(super) fn without_table(&self, number: u64) -> Option<Entry> {
        let raw = self.directory.get(int::usize_of(number)).copied();
        match raw.map(|raw| self.shape.table(raw)) {
            None | Some(Entry::Hole) => Some(Entry::Hole),
            Some(Entry::Zero) => Some(Entry::Zero),
            Some(Entry::At(_) | Entry::Bad) => None,
        }
    }

    /// The grain table of this number, or what all of it is.
    pub(super) fn table(&self, shared: &Shared, number: u64) -> Result<Table, Error> {
        let raw = self.directory.get(int::usize_of(number)).copied();
        let raw = raw.unwrap_or(0);
        let bad = |cause| {
            let within = number.saturating_mul(self.shape.entry_bytes());
            Error::new(cause)
                .at("grain directory", self.directory_at.saturating_add(within))
                .field("entry")
                .found(raw)
        };
        let start = match self.shape.table(raw) {
            Entry::Hole => return Ok(Table::All(Entry::Hole)),
            Entry::Zero => return Ok(Table::All(Entry::Zero)),
            Entry::Bad => return Err(bad(Cause::VmdkTableEntry)),
            Entry::At(start) => start,
        };
        if let Some(table) = shared.tables().get(key(self.extent, number)) {
            return Ok(Table::Of(table));
        }
        if !self.holds(start) {
            return Err(bad(Cause::VmdkOffset));
        }
        self.load(shared, number, start).map(Table::Of)
    }

    /// Reads a table, and those that follow it closely in the file and in the directory.
    fn load(&self, shared: &Shared, number: u64, start: u64) -> Result<Arc<[u64]>, Error> {
        let table_bytes = self.shape.table_bytes();
        let mut wanted = vec![(number, start)];
        let mut end = start.saturating_add(table_bytes);
        let later = int::usize_of(number).saturating_add(1);
        let after = self.directory.get(later..).unwrap_or_default();
        for (raw, number) in after
            .iter()
            .take(LOOK_AHEAD)
            .zip(number.saturating_add(1)..)
        {
            let next = match self.shape.table(*raw) {
                Entry::Hole | Entry::Zero => continue,
                Entry::At(next) => next,
                Entry::Bad => break,
            };
            let near = next >= end && next.saturating_sub(end) <= GAP && self.holds(next);
            let next_end = next.saturating_add(table_bytes);
            if !near
                || next_end.saturating_sub(start) > TABLES_AT_ONCE
                || wanted.len() >= shared.tables_ahead()
            {
                break;
            }
            wanted.push((number, next));
            end = next_end;
        }
        // Reading ahead is worth having and not worth failing for.
        let span = end.saturating_sub(start);
        let ahead = wanted.len() > 1;
        let (charge, span) = match shared.charge("grain tables", span) {
            Ok(charge) => (charge, span),
            Err(_) if ahead => {
                wanted.truncate(1);
                (shared.charge("grain table", table_bytes)?, table_bytes)
            }
            Err(error) => return Err(error),
        };
        let mut bytes = vec![0; int::usize_of(span)];
        let (bytes, start) = match self.source.read_exact_at(&mut bytes, start) {
            Ok(()) => (bytes, start),
            Err(error) if self.redundant.is_none() => return Err(error_of(error)),
            Err(_) => (Vec::new(), start),
        };
        let mut asked = None;
        for (number, at) in wanted {
            let from = int::usize_of(at.saturating_sub(start));
            let len = int::usize_of(table_bytes);
            let raw = bytes.get(from..from.saturating_add(len));
            let table = raw.map(|raw| entries(raw, self.shape.entry_bytes()));
            let table = match self.whole(number, at, table) {
                Ok(table) => table,
                Err(error) if asked.is_none() => return Err(error),
                Err(_) => break,
            };
            let memory = int::u64_of(<[u64]>::len(&table)).saturating_mul(8);
            let table: Arc<[u64]> = table.into();
            match shared.charge("grain table", memory) {
                Ok(charge) => {
                    let key = key(self.extent, number);
                    shared.tables().put(key, Arc::clone(&table), charge);
                }
                Err(error) if asked.is_none() => return Err(error),
                Err(_) => break,
            }
            asked.get_or_insert(table);
        }
        drop(charge);
        asked.ok_or_else(|| Error::new(Cause::VmdkOffset).at("grain table", start))
    }

    /// The table, or its second copy when that is needed and better.
    fn whole(&self, number: u64, at: u64, table: Option<Box<[u64]>>) -> Result<Box<[u64]>, Error> {
        let inside = |table: &[u64]| {
            table.iter().all(|raw| match self.shape.grain(*raw) {
                Entry::At(start) => start < self.source.len(),
                Entry::Bad => false,
                Entry::Hole | Entry::Zero => true,
            })
        };
        let table = match table {
            Some(table) if self.redundant.is_none() || inside(&table) => return Ok(table),
            table => table,
        };
        let second = self.second(number).filter(|second| inside(second));
        let damaged = || {
            Error::new(Cause::Read)
                .at("grain table", at)
                .field("second copy")
        };
        second.or(table).ok_or_else(damaged)
    }

    /// The second copy of a table.
    fn second(&self, number: u64) -> Option<Box<[u64]>> {
        let each = self.shape.entry_bytes();
        let at = self.redundant?.checked_add(number.checked_mul(each)?)?;
        let raw = read_entries(&self.source, at, each, each).ok()?;
        match self.shape.table(*raw.first()?) {
            Entry::At(start) if self.holds(start) => {
                read_entries(&self.source, start, self.shape.table_bytes(), each).ok()
            }
            _ => None,
        }
    }

    /// Says what of the file belongs to what, and what is wrong with the tables.
    pub(super) fn claims(
        &self,
        shared: &Shared,
        claims: &mut Claims,
        check: &mut Check,
    ) -> Result<(), Error> {
        let shape = &self.shape;
        let each = shape.entry_bytes();
        let bytes = shape.tables().saturating_mul(each);
        claims.add(0, SECTOR, "the header");
        claims.add(self.directory_at, bytes, "the grain directory");
        if let Some(at) = self.redundant {
            claims.add(at, bytes, "the redundant grain directory");
            if !shape.compressed {
                claims.leaks_from(shape.grains.grain_bytes);
            }
        }
        for (raw, number) in self.directory.iter().zip(0u64..) {
            claims.go_on()?;
            let Entry::At(start) = shape.table(*raw) else {
                continue;
            };
            claims.add(start, shape.table_bytes(), "a grain table");
            let table = match self.table(shared, number) {
                Ok(table) => table,
                Err(error) => {
                    check.error(error)?;
                    continue;
                }
            };
            self.claim_second(number, &table, claims, check);
            for index in 0..shape.entries {
                let grain = number.saturating_mul(shape.entries).saturating_add(index);
                match table.entry(shape, index) {
                    Entry::At(at) => self.claim_grain(grain, at, claims, check)?,
                    Entry::Bad => {
                        let raw = table.raw(index).unwrap_or(0);
                        check.error(self.bad_grain(number, index, raw))?;
                    }
                    Entry::Hole | Entry::Zero => {}
                }
            }
        }
        Ok(())
    }

    /// The second copy of a table, which has to be the same.
    fn claim_second(&self, number: u64, table: &Table, claims: &mut Claims, check: &mut Check) {
        let each = self.shape.entry_bytes();
        let Some(at) = self.redundant else { return };
        let at = at.saturating_add(number.saturating_mul(each));
        let raw = read_entries(&self.source, at, each, each).ok();
        let place = raw.and_then(|raw| raw.first().map(|raw| self.shape.table(*raw)));
        if let Some(Entry::At(start)) = place {
            claims.add(start, self.shape.table_bytes(), "a redundant grain table");
        }
        let same = match (self.second(number), table) {
            (Some(second), Table::Of(first)) => second[..] == first[..],
            _ => false,
        };
        if !same {
            let detail = "the redundant grain table is not the same as the table".to_owned();
            check.add(ProblemKind::Metadata, Some(at), detail);
        }
    }

    fn claim_grain(
        &self,
        grain: u64,
        at: u64,
        claims: &mut Claims,
        check: &mut Check,
    ) -> Result<(), Error> {
        let grains = self.shape.grains;
        let disk_offset = grain.saturating_mul(grains.grain_bytes);
        if !self.shape.compressed {
            claims.add(at, grains.grain_len(disk_offset), "a grain");
            return Ok(());
        }
        let marker = match self.source.read_array::<GRAIN_MARKER>(at) {
            Ok(marker) => marker,
            Err(error) => return check.error(error_of(error)),
        };
        let [a, b, c, d, e, f, g, h, i, j, k, l] = marker;
        let lba = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        let size = u32::from_le_bytes([i, j, k, l]);
        if lba.checked_mul(SECTOR) != Some(disk_offset) {
            let detail =
                format!("the marker of the grain at byte {disk_offset} names sector {lba}");
            check.add(ProblemKind::Metadata, Some(at), detail);
        }
        let len = u64::from(size).saturating_add(int::u64_of(GRAIN_MARKER));
        claims.add(at, len, "a grain");
        Ok(())
    }

    /// The error of a grain whose entry is nothing that is known.
    pub(super) fn bad_grain(&self, number: u64, within: u64, raw: u64) -> Error {
        let table = self.directory.get(int::usize_of(number)).copied();
        let start = match self.shape.table(table.unwrap_or(0)) {
            Entry::At(start) => start,
            _ => 0,
        };
        let at = start.saturating_add(within.saturating_mul(self.shape.entry_bytes()));
        Error::new(Cause::VmdkTableEntry)
            .at("grain table", at)
            .field("entry")
            .found(raw)
    }
}

/// A grain table.
#[derive(Clone)]
pub(super) enum Table {
    /// There is none: all grains are this, a hole or zeroes.
    All(Entry),
    /// Its entries.
    Of(Arc<[u64]>),
}

impl Table {
    /// The entry of a grain, by its number in the table.
    pub(super) fn raw(&self, index: u64) -> Option<u64> {
        match self {
            Self::All(_) => None,
            Self::Of(entries) => entries.get(int::usize_of(index)).copied(),
        }
    }

    /// What a grain is.
    pub(super) fn entry(&self, shape: &Shape, index: u64) -> Entry {
        match self {
            Self::All(entry) => *entry,
            Self::Of(_) => self.raw(index).map_or(Entry::Hole, |raw| shape.grain(raw)),
        }
    }
}

fn second_copy(offset: Option<u64>, what: &str) -> ImageNote {
    ImageNote::new(
        NoteKind::SecondCopyUsed,
        offset,
        format!("{what} cannot be used, and the redundant ones are"),
    )
}

fn entries(raw: &[u8], each: u64) -> Box<[u64]> {
    if each == 4 {
        let (entries, _) = raw.as_chunks::<4>();
        return entries
            .iter()
            .map(|entry| u64::from(u32::from_le_bytes(*entry)))
            .collect();
    }
    let (entries, _) = raw.as_chunks::<8>();
    entries
        .iter()
        .map(|entry| u64::from_le_bytes(*entry))
        .collect()
}

/// Reads a table; the caller has charged it and knows that it lies within the file.
fn read_entries(
    source: &dyn ReadAt,
    start: u64,
    bytes: u64,
    each: u64,
) -> Result<Box<[u64]>, Error> {
    let mut raw = vec![0; int::usize_of(bytes)];
    source.read_exact_at(&mut raw, start).map_err(error_of)?;
    Ok(entries(&raw, each))
}

impl DirectoryAt {
    /// By a sector number in a field.
    pub(super) fn sector(sector: u64, field_at: u64, field: &'static str) -> Self {
        Self {
            start: sector.checked_mul(SECTOR),
            sector,
            field_at,
            field,
            redundant: None,
        }
    }
}
