//! Finding a dynamic disk's private header and reading its database.

use vmie_io::{Budget, ReadAt, ReadAtExt, int};
use zerocopy::FromBytes;

use super::database::{self, Database};
use super::format::{
    CONFIG_SECTORS, MAX_DATABASE, PRIVHEAD, PRIVHEAD_COPIES, PRIVHEAD_SECTOR, PrivHead, SECTOR,
    TOCBLOCK, TOCBLOCKS, TOCBLOCKS_FROM_END, TocBlock, checksum,
};
use crate::{Cause, DiskLayout, Error, PartitionRole, TableKind};

const PRIVATE_HEADER: &str = "LDM private header";
const CONTENTS: &str = "LDM table of contents";
const DATABASE: &str = "LDM database";

/// A dynamic disk.
#[derive(Debug)]
pub(crate) struct DynamicDisk {
    /// The identifiers as the database writes them.
    pub(crate) disk_guid: String,
    pub(crate) group_guid: String,
    pub(crate) group_name: String,
    /// The part of the disk for data, in bytes.
    pub(crate) data_start: u64,
    pub(crate) data_len: u64,
    /// Where the private header stands.
    pub(crate) offset: u64,
    /// What the disk knows of its group, or why that cannot be read.
    pub(crate) database: Result<Database, Error>,
}

/// Looks for the private header of a disk that says in its table that it is a dynamic one.
///
/// # Errors
/// Only when the budget is used up.
pub(crate) fn probe(
    disk: &dyn ReadAt,
    layout: &DiskLayout,
    budget: &Budget,
    notes: &mut Vec<Error>,
) -> Result<Option<DynamicDisk>, Error> {
    let places = places(disk, layout);
    if places.is_empty() {
        return Ok(None);
    }
    let mut seen = None;
    for sector in places {
        let at = sector.saturating_mul(SECTOR);
        let Ok(bytes) = disk.read_array::<512>(at) else {
            continue;
        };
        let Ok((header, _)) = PrivHead::read_from_prefix(&bytes) else {
            continue;
        };
        if header.magic != PRIVHEAD {
            continue;
        }
        let stored = header.checksum.get();
        if checksum(&bytes) != stored {
            let fault = Error::new(Cause::LdmPrivateHeader)
                .at(PRIVATE_HEADER, at.saturating_add(8))
                .field("checksum")
                .found(stored);
            notes.push(fault.clone());
            seen = seen.or(Some(fault));
            continue;
        }
        return dynamic_disk(disk, &header, at, budget, notes);
    }
    let place = PRIVHEAD_SECTOR.saturating_mul(SECTOR);
    if seen.is_none() {
        notes.push(Error::new(Cause::LdmPrivateHeader).at(PRIVATE_HEADER, place));
    }
    Ok(None)
}

/// The sectors where the private header may stand; none when the table speaks of no dynamic disk.
fn places(disk: &dyn ReadAt, layout: &DiskLayout) -> Vec<u64> {
    let sectors = disk.len().checked_div(SECTOR).unwrap_or(0);
    let of = |role| layout.partitions.iter().find(move |p| p.role == role);
    match layout.table {
        TableKind::Mbr if of(PartitionRole::LdmData).is_some() => {
            let config = sectors.saturating_sub(CONFIG_SECTORS);
            let copies = PRIVHEAD_COPIES.map(|at| config.saturating_add(at));
            [PRIVHEAD_SECTOR].into_iter().chain(copies).collect()
        }
        TableKind::Gpt => match of(PartitionRole::LdmMetadata) {
            Some(metadata) => {
                let end = metadata.place.end().checked_div(SECTOR).unwrap_or(0);
                let start = metadata.place.start.checked_div(SECTOR).unwrap_or(0);
                let copies = PRIVHEAD_COPIES.map(|at| start.saturating_add(at));
                [end.saturating_sub(1)].into_iter().chain(copies).collect()
            }
            None => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// A text in a field of fixed length.
pub(super) fn text(field: &[u8]) -> String {
    let end = field.iter().position(|b| *b == 0).unwrap_or(field.len());
    String::from_utf8_lossy(field.get(..end).unwrap_or_default()).into_owned()
}

fn dynamic_disk(
    disk: &dyn ReadAt,
    header: &PrivHead,
    at: u64,
    budget: &Budget,
    notes: &mut Vec<Error>,
) -> Result<Option<DynamicDisk>, Error> {
    let bad = |field: &'static str, offset: u64, found: u64| {
        Error::new(Cause::LdmPrivateHeader)
            .at(PRIVATE_HEADER, at.saturating_add(offset))
            .field(field)
            .found(found)
    };
    let start = header.logical_disk_start.get();
    let len = header.logical_disk_size.get();
    let data_start = start.checked_mul(SECTOR);
    let data_len = len.checked_mul(SECTOR);
    let (Some(data_start), Some(data_len)) = (data_start, data_len) else {
        notes.push(bad("logical_disk_size", 0x123, len));
        return Ok(None);
    };
    let database = match database_of(disk, header, &bad, budget) {
        Err(error) if error.cause() == Cause::Limit => return Err(error),
        database => database,
    };
    Ok(Some(DynamicDisk {
        disk_guid: text(&header.disk_guid),
        group_guid: text(&header.group_guid),
        group_name: text(&header.group_name),
        data_start,
        data_len,
        offset: at,
        database,
    }))
}

fn database_of(
    disk: &dyn ReadAt,
    header: &PrivHead,
    bad: &dyn Fn(&'static str, u64, u64) -> Error,
    budget: &Budget,
) -> Result<Database, Error> {
    let (start, size) = (header.config_start.get(), header.config_size.get());
    let end = start.checked_add(size);
    let end = end
        .filter(|end| {
            let bytes = end.checked_mul(SECTOR);
            bytes.is_some_and(|bytes| bytes <= disk.len())
        })
        .ok_or_else(|| bad("config_start", 0x12b, start))?;
    let from_start = TOCBLOCKS.map(|at| start.saturating_add(at));
    let from_end = TOCBLOCKS_FROM_END.map(|at| end.saturating_sub(at));
    let mut first = None;
    for sector in from_start.into_iter().chain(from_end) {
        let at = sector.saturating_mul(SECTOR);
        match contents(disk, at) {
            Ok(toc) => return records(disk, &toc, (start, size), at, budget),
            Err(error) => first = first.or(Some(error)),
        }
    }
    Err(first.unwrap_or_else(|| Error::new(Cause::LdmTocBlock).in_structure(CONTENTS)))
}

fn contents(disk: &dyn ReadAt, at: u64) -> Result<TocBlock, Error> {
    let bytes: [u8; 512] = disk.read_array(at)?;
    let bad = |offset: u64, field: &'static str| {
        Error::new(Cause::LdmTocBlock)
            .at(CONTENTS, at.saturating_add(offset))
            .field(field)
    };
    let (toc, _) = TocBlock::read_from_prefix(&bytes).map_err(|_| bad(0, ""))?;
    if toc.magic != TOCBLOCK {
        return Err(bad(0, "magic").found(toc.magic.as_slice()));
    }
    if checksum(&bytes) != toc.checksum.get() {
        return Err(bad(8, "checksum").found(toc.checksum.get()));
    }
    if !toc.config.name.starts_with(b"config") {
        return Err(bad(0x24, "bitmap1_name").found(toc.config.name.as_slice()));
    }
    Ok(toc)
}

fn records(
    disk: &dyn ReadAt,
    toc: &TocBlock,
    (config, config_size): (u64, u64),
    toc_at: u64,
    budget: &Budget,
) -> Result<Database, Error> {
    let (start, size) = (toc.config.start.get(), toc.config.size.get());
    let end = start.checked_add(size);
    let len = size.checked_mul(SECTOR).filter(|len| *len <= MAX_DATABASE);
    let len = len.filter(|_| end.is_some_and(|end| end <= config_size));
    let len = len.ok_or_else(|| {
        Error::new(Cause::LdmTocBlock)
            .at(CONTENTS, toc_at.saturating_add(0x36))
            .field("bitmap1_size")
            .found(size)
    })?;
    let at = config.saturating_add(start).saturating_mul(SECTOR);
    // Records are copied out of it.
    let _records = budget.memory(DATABASE, len)?;
    let (mut bytes, _charge) = budget.buffer(DATABASE, len)?;
    disk.read_exact_at(&mut bytes, at)?;
    budget.work(DATABASE, int::u64_of(bytes.len()) >> 7)?;
    database::parse(&bytes, at)
}
