//! The array of entries of a header, checked.

use vmie_io::{Budget, Charge, ReadAt, int};

use super::format::at;
use super::header::{Copy, Header};
use crate::{Cause, Error};

/// An array whose checksum is the header's.
#[derive(Debug)]
pub(super) struct Array {
    pub(super) bytes: Vec<u8>,
    /// Where it stands, in bytes.
    pub(super) offset: u64,
    /// Whether it is the other copy's, because the header's own is bad.
    pub(super) from_other: bool,
    _charge: Charge,
}

/// Why no array could be had.
#[derive(Debug)]
pub(super) enum Failure {
    /// The array is bad.
    Bad(Error),
    /// The budget is used up: nothing else may be tried.
    Limit(Error),
}

/// Reads the array of `header`; when it is bad, tries the place where the other copy's stands by
/// convention. The checksum proves that it is the same table.
pub(super) fn read(disk: &dyn ReadAt, header: &Header, budget: &Budget) -> Result<Array, Failure> {
    match read_at(disk, header, header.raw.PartitionEntryLBA.get(), budget) {
        Err(Failure::Bad(own)) => {
            let Some(lba) = other_place(header) else {
                return Err(Failure::Bad(own));
            };
            match read_at(disk, header, lba, budget) {
                Ok(array) => Ok(Array {
                    from_other: true,
                    ..array
                }),
                Err(Failure::Bad(_)) => Err(Failure::Bad(own)),
                limit => limit,
            }
        }
        done => done,
    }
}

/// The backup's array stands right before its header, the primary's right after.
fn other_place(header: &Header) -> Option<u64> {
    let alternate = header.raw.AlternateLBA.get();
    let place = match header.copy {
        Copy::Primary => alternate.checked_sub(header.array_sectors())?,
        Copy::Backup => alternate.checked_add(1)?,
    };
    (place != header.raw.PartitionEntryLBA.get()).then_some(place)
}

fn read_at(
    disk: &dyn ReadAt,
    header: &Header,
    lba: u64,
    budget: &Budget,
) -> Result<Array, Failure> {
    let limit = |error| Failure::Limit(Error::from(error));
    let len = header.array_len();
    let offset = lba.checked_mul(u64::from(header.sector_size));
    let end = offset.and_then(|offset| offset.checked_add(len));
    let Some((offset, _)) = offset.zip(end.filter(|end| *end <= disk.len())) else {
        return Err(Failure::Bad(
            header
                .error(
                    Cause::GptEntriesOutside,
                    "PartitionEntryLBA",
                    at::PARTITION_ENTRY_LBA,
                )
                .found(lba),
        ));
    };
    let what = header.copy.array();
    budget
        .work(what, u64::from(header.entries).saturating_add(1))
        .map_err(limit)?;
    let (mut bytes, charge) = budget.buffer(what, len).map_err(limit)?;
    disk.read_exact_at(&mut bytes, offset)
        .map_err(|error| Failure::Bad(Error::from(error).at(what, offset)))?;
    let crc = header.raw.PartitionEntryArrayCRC32.get();
    if crc32fast::hash(&bytes) != crc {
        return Err(Failure::Bad(
            header
                .error(
                    Cause::GptEntriesCrc,
                    "PartitionEntryArrayCRC32",
                    at::PARTITION_ENTRY_ARRAY_CRC32,
                )
                .found(crc),
        ));
    }
    Ok(Array {
        bytes,
        offset,
        from_other: false,
        _charge: charge,
    })
}

impl Array {
    /// Where entry `index` (from 0) stands on the disk, in bytes.
    pub(super) fn entry_offset(&self, header: &Header, index: u32) -> u64 {
        let within = u64::from(index).saturating_mul(u64::from(header.entry_len));
        debug_assert!(within <= int::u64_of(self.bytes.len()));
        self.offset.saturating_add(within)
    }
}
