//! From an MBR to partitions.

use vmie_io::{Budget, ReadAt};

use super::adapter::{self, Record};
use super::ebr::{Chain, Logical, Visited};
use super::format::{ACTIVE, Entry, FIRST_LOGICAL, RECORD_LEN, entry_offset};
use super::{probe, sector_size, types};
use crate::listed::{Listed, Span};
use crate::notes::Notes;
use crate::{Cause, Error, GptAttributes, Partition, PartitionKind};

/// What an MBR says.
#[derive(Debug)]
pub(crate) struct Mbr {
    pub(crate) sector_size: u32,
    pub(crate) disk_id: Option<String>,
    pub(crate) partitions: Vec<Listed>,
}

/// One of the four entries, when it is in use.
#[derive(Debug)]
struct Primary {
    number: u32,
    /// Where it stands, in bytes.
    offset: u64,
    entry: Entry,
}

/// Reads the table in `sector`, which [`probe`](super::probe) took for one.
///
/// # Errors
/// Only when the budget is used up.
pub(crate) fn read(
    disk: &dyn ReadAt,
    sector: &[u8; RECORD_LEN],
    budget: &Budget,
    notes: &mut Notes,
) -> Result<Mbr, Error> {
    let Record {
        disk_signature,
        entries,
    } = adapter::decode(sector).unwrap_or(Record {
        disk_signature: 0,
        entries: [Entry::default(); 4],
    });
    let primaries: Vec<Primary> = (1u32..)
        .zip(0usize..)
        .zip(entries)
        .filter(|(_, entry)| probe::is_listed(entry, disk.len() / 512))
        .map(|((number, index), entry)| Primary {
            number,
            offset: entry_offset(0, index),
            entry,
        })
        .collect();
    let plain: Vec<Entry> = primaries.iter().map(|primary| primary.entry).collect();
    let sector_size = sector_size::sector_size(disk, &plain);
    let table = Table {
        sector_size: u64::from(sector_size),
        disk_len: disk.len(),
        disk_signature,
    };
    let mut partitions = Vec::new();
    for Primary {
        number,
        offset,
        entry,
    } in &primaries
    {
        let kind = if entry.is_extended() {
            PartitionKind::Extended
        } else {
            PartitionKind::Primary
        };
        let start = u64::from(entry.start);
        partitions.extend(table.listed(*number, kind, entry, start, *offset, notes));
    }
    let logicals = logicals(disk, &primaries, table.sector_size, budget, notes)?;
    for (number, logical) in (FIRST_LOGICAL..).zip(logicals) {
        let Logical {
            entry,
            start,
            offset,
        } = logical;
        let kind = PartitionKind::Logical;
        partitions.extend(table.listed(number, kind, &entry, start, offset, notes));
    }
    Ok(Mbr {
        sector_size,
        disk_id: (disk_signature != 0).then(|| format!("{disk_signature:08x}")),
        partitions,
    })
}

/// The logical partitions of all extended ones, in the order of their numbers.
fn logicals(
    disk: &dyn ReadAt,
    primaries: &[Primary],
    sector_size: u64,
    budget: &Budget,
    notes: &mut Notes,
) -> Result<Vec<Logical>, Error> {
    let mut visited = Visited::default();
    let mut logicals = Vec::new();
    let extended = primaries.iter().filter(|p| p.entry.is_extended());
    for (nth, Primary { offset, entry, .. }) in extended.enumerate() {
        if nth == 1 {
            notes.push(
                Error::new(Cause::SeveralExtended)
                    .at("MBR partition record", offset.saturating_add(4))
                    .field("OSType")
                    .found(entry.os_type),
            );
        }
        // Past the end: noted when the entry was listed.
        if u64::from(entry.start).saturating_mul(sector_size) >= disk.len() {
            continue;
        }
        let chain = Chain {
            disk,
            sector_size,
            budget,
            start: u64::from(entry.start),
            end: entry.end(),
            entry_offset: *offset,
        };
        chain.walk(&mut visited, &mut logicals, notes)?;
    }
    Ok(logicals)
}

struct Table {
    sector_size: u64,
    disk_len: u64,
    disk_signature: u32,
}

impl Table {
    fn listed(
        &self,
        number: u32,
        kind: PartitionKind,
        entry: &Entry,
        start: u64,
        offset: u64,
        notes: &mut Notes,
    ) -> Option<Listed> {
        let structure = match kind {
            PartitionKind::Logical => "extended boot record",
            _ => "MBR partition record",
        };
        let span = Span {
            first: start,
            end: start.saturating_add(u64::from(entry.sectors)),
            structure,
            start_field: ("StartingLBA", offset.saturating_add(8)),
            end_field: ("SizeInLBA", offset.saturating_add(12)),
            end_value: u64::from(entry.sectors),
            start_value: u64::from(entry.start),
        };
        let place = span.place(self.sector_size, self.disk_len, notes)?;
        let (type_name, role) = types::describe(entry.os_type);
        Some(Listed {
            partition: Partition {
                number,
                kind,
                place,
                type_code: format!("{:#04x}", entry.os_type),
                type_name,
                role,
                name: String::new(),
                part_uuid: (self.disk_signature != 0)
                    .then(|| format!("{:08x}-{number:02x}", self.disk_signature)),
                bootable: entry.flag & ACTIVE != 0,
                attributes: GptAttributes::empty(),
            },
            structure,
            offset: span.start_field.1,
            field: span.start_field.0,
        })
    }
}
