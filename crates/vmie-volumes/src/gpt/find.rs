//! Finding a table that can be used: the primary, else the backup.

use vmie_io::{Budget, ReadAt, int};

use super::array::{self, Array, Failure};
use super::format::{SECTOR_SIZES, at};
use super::header::{Copy, Header, sectors};
use crate::notes::Notes;
use crate::{Cause, Error};

/// A header and its array, both checked.
#[derive(Debug)]
pub(crate) struct Table {
    pub(super) header: Header,
    pub(super) array: Array,
}

/// Whether one of the primary headers passes its checks, as far as the disk's first bytes tell.
pub(crate) fn has_primary(head: &[u8]) -> bool {
    primaries(head).any(|header| header.is_ok())
}

/// The primary headers for both sector sizes, out of the disk's first bytes.
fn primaries(head: &[u8]) -> impl Iterator<Item = Result<Header, Error>> {
    SECTOR_SIZES.into_iter().map(move |size| {
        let start = int::usize_of(size.into());
        let sector = head.get(start..).unwrap_or_default();
        let sector = sector.get(..start.min(sector.len())).unwrap_or_default();
        Header::check(Copy::Primary, sector, size, 1)
    })
}

/// Finds the table of a disk whose first bytes are `head`. `expected` says that the MBR promises
/// one: then what is missing is noted, not only what is wrong.
///
/// # Errors
/// Only when the budget is used up.
pub(crate) fn find(
    disk: &dyn ReadAt,
    head: &[u8],
    expected: bool,
    budget: &Budget,
    notes: &mut Notes,
) -> Result<Option<Table>, Error> {
    let mut missing = None;
    let mut bad = false;
    let mut good = Vec::new();
    for header in primaries(head) {
        match header {
            Ok(header) => good.push(header),
            Err(error) if error.cause() == Cause::GptSignature => {
                missing = missing.or(Some(error));
            }
            Err(error) => {
                bad = true;
                notes.push(error);
            }
        }
    }
    if let [_, second] = good.as_slice() {
        notes.push(second.error(Cause::TwoSectorSizes, "Signature", 0));
    }
    for header in &good {
        match array::read(disk, header, budget) {
            Ok(array) => {
                let table = Table {
                    header: *header,
                    array,
                };
                table.note_oddities(disk, notes);
                cross_check(disk, header, notes);
                return Ok(Some(table));
            }
            Err(Failure::Bad(error)) => notes.push(error),
            Err(Failure::Limit(error)) => return Err(error),
        }
    }
    // That none is there is worth a note only when one was promised, and none was there to have
    // a note of its own.
    bad |= !good.is_empty();
    if let Some(error) = missing.filter(|_| expected && !bad) {
        notes.push(error);
    }
    let promised = expected || bad;
    let table = find_backup(disk, &good, promised, budget, notes)?;
    if let Some(table) = &table {
        notes.push(
            table
                .header
                .error(Cause::GptBackupUsed, "MyLBA", at::MY_LBA)
                .found(table.header.raw.MyLBA.get()),
        );
        table.note_oddities(disk, notes);
    }
    Ok(table)
}

/// The sectors where a backup may stand: where good primary headers say, else the last one for
/// each sector size.
fn backup_places(disk: &dyn ReadAt, primaries: &[Header]) -> Vec<(u32, u64)> {
    let named = primaries
        .iter()
        .map(|header| (header.sector_size, header.raw.AlternateLBA.get()));
    let last = SECTOR_SIZES
        .into_iter()
        .filter_map(|size| Some((size, sectors(disk, size).checked_sub(1)?)));
    let mut places: Vec<(u32, u64)> = Vec::new();
    for place in named.chain(last) {
        // Sectors 0 and 1 are the MBR's and the primary header's.
        if place.1 > 1 && !places.contains(&place) {
            places.push(place);
        }
    }
    places
}

fn find_backup(
    disk: &dyn ReadAt,
    primaries: &[Header],
    promised: bool,
    budget: &Budget,
    notes: &mut Notes,
) -> Result<Option<Table>, Error> {
    let mut missing = None;
    let mut noted = false;
    for (size, lba) in backup_places(disk, primaries) {
        let header = match read_header(disk, size, lba) {
            Ok(header) => header,
            Err(error) if error.cause() == Cause::GptSignature => {
                missing = missing.or(Some(error));
                continue;
            }
            Err(error) => {
                notes.push(error);
                noted = true;
                continue;
            }
        };
        match array::read(disk, &header, budget) {
            Ok(array) => return Ok(Some(Table { header, array })),
            Err(Failure::Bad(error)) => {
                notes.push(error);
                noted = true;
            }
            Err(Failure::Limit(error)) => return Err(error),
        }
    }
    if let Some(error) = missing.filter(|_| promised && !noted) {
        notes.push(error);
    }
    Ok(None)
}

fn read_header(disk: &dyn ReadAt, size: u32, lba: u64) -> Result<Header, Error> {
    let outside = || {
        Error::new(Cause::GptBackupOutside)
            .at(
                Copy::Primary.header(),
                u64::from(size).saturating_add(at::ALTERNATE_LBA),
            )
            .field("AlternateLBA")
            .found(lba)
    };
    let offset = lba.checked_mul(size.into()).ok_or_else(outside)?;
    let end = offset.checked_add(size.into()).ok_or_else(outside)?;
    if end > disk.len() {
        return Err(outside());
    }
    let mut sector = vec![0; int::usize_of(size.into())];
    disk.read_exact_at(&mut sector, offset)
        .map_err(|error| Error::from(error).at(Copy::Backup.header(), offset))?;
    Header::check(Copy::Backup, &sector, size, lba)
}

/// Notes when the backup of a good primary table would be of no use: one read.
fn cross_check(disk: &dyn ReadAt, primary: &Header, notes: &mut Notes) {
    let alternate = primary.raw.AlternateLBA.get();
    let backup = match read_header(disk, primary.sector_size, alternate) {
        Ok(backup) => backup,
        Err(error) => {
            notes.push(error);
            return;
        }
    };
    let facts = |header: &Header| {
        (
            header.raw.DiskGUID,
            header.entries,
            header.entry_len,
            header.raw.PartitionEntryArrayCRC32.get(),
            header.raw.FirstUsableLBA.get(),
            header.raw.LastUsableLBA.get(),
        )
    };
    if facts(primary) != facts(&backup) {
        let place = at::PARTITION_ENTRY_ARRAY_CRC32;
        notes.push(
            backup
                .error(Cause::GptBackupDiffers, "PartitionEntryArrayCRC32", place)
                .found(backup.raw.PartitionEntryArrayCRC32.get()),
        );
    }
    let last = sectors(disk, primary.sector_size).saturating_sub(1);
    if alternate < last {
        notes.push(
            primary
                .error(Cause::GptBackupMisplaced, "AlternateLBA", at::ALTERNATE_LBA)
                .found(alternate),
        );
    }
}

impl Table {
    fn note_oddities(&self, disk: &dyn ReadAt, notes: &mut Notes) {
        if self.array.from_other {
            notes.push(
                self.header
                    .error(
                        Cause::GptEntriesFromOther,
                        "PartitionEntryLBA",
                        at::PARTITION_ENTRY_LBA,
                    )
                    .found(self.header.raw.PartitionEntryLBA.get()),
            );
        }
        self.header.note_oddities(disk, notes);
    }
}
