//! Partitions with the place of their entries in the table, and what is checked of all kinds.

use crate::notes::Notes;
use crate::{Cause, Error, Partition, PartitionKind, Place};

/// A partition and where the table names its start.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) partition: Partition,
    pub(crate) structure: &'static str,
    pub(crate) offset: u64,
    pub(crate) field: &'static str,
}

/// A partition's place as the table has it, in sectors, and where it says so.
#[derive(Debug)]
pub(crate) struct Span {
    pub(crate) first: u64,
    /// The sector after the last one.
    pub(crate) end: u64,
    pub(crate) structure: &'static str,
    /// Name and byte offset of the fields, and their values.
    pub(crate) start_field: (&'static str, u64),
    pub(crate) end_field: (&'static str, u64),
    pub(crate) start_value: u64,
    pub(crate) end_value: u64,
}

impl Span {
    /// The place in bytes, clipped to the whole sectors of the disk; `None` with a note when it
    /// starts past them.
    pub(crate) fn place(&self, unit: u64, disk_len: u64, notes: &mut Notes) -> Option<Place> {
        let sectors = disk_len.checked_div(unit)?;
        if self.first >= sectors {
            notes.push(
                Error::new(Cause::PartitionOutside)
                    .at(self.structure, self.start_field.1)
                    .field(self.start_field.0)
                    .found(self.start_value),
            );
            return None;
        }
        if self.end > sectors {
            notes.push(
                Error::new(Cause::PartitionClipped)
                    .at(self.structure, self.end_field.1)
                    .field(self.end_field.0)
                    .found(self.end_value),
            );
        }
        let len = self.end.min(sectors).checked_sub(self.first)?;
        Some(Place {
            // Both are below the disk's length in sectors.
            start: self.first.checked_mul(unit)?,
            len: len.checked_mul(unit)?,
        })
    }
}

/// Sectors of most disks of today are 4 KiB inside, whatever they say.
const ALIGNMENT: u64 = 4096;

/// Notes partitions that share sectors, and those that start between two sectors of 4 KiB.
pub(crate) fn check(partitions: &[Listed], notes: &mut Notes) {
    // Logical partitions are meant to lie in their container, and to overlap nothing else.
    overlaps(partitions, |kind| kind != PartitionKind::Extended, notes);
    if partitions.iter().any(|p| p.partition.is_extended()) {
        overlaps_of_extended(partitions, notes);
    }
    for listed in partitions {
        let aligned = listed.partition.place.start.is_multiple_of(ALIGNMENT);
        if listed.partition.holds_data() && !aligned {
            notes.push(listed.note(Cause::Misaligned));
        }
    }
}

impl Listed {
    fn note(&self, cause: Cause) -> Error {
        Error::new(cause)
            .at(self.structure, self.offset)
            .field(self.field)
            .found(self.partition.place.start)
    }
}

fn overlaps(partitions: &[Listed], counts: impl Fn(PartitionKind) -> bool, notes: &mut Notes) {
    let mut sorted: Vec<&Listed> = partitions
        .iter()
        .filter(|p| counts(p.partition.kind))
        .collect();
    sorted.sort_by_key(|p| (p.partition.place.start, p.partition.number));
    let mut end = 0;
    for listed in sorted {
        if listed.partition.place.start < end {
            notes.push(listed.note(Cause::Overlap));
        }
        end = end.max(listed.partition.place.end());
    }
}

/// A container may overlap what is in it, and nothing else.
fn overlaps_of_extended(partitions: &[Listed], notes: &mut Notes) {
    let shares = |a: &Place, b: &Place| a.start < b.end() && b.start < a.end();
    let primaries = || {
        partitions
            .iter()
            .filter(|p| p.partition.kind != PartitionKind::Logical)
    };
    for listed in primaries().filter(|p| p.partition.is_extended()) {
        let place = listed.partition.place;
        let other = |p: &&Listed| {
            p.partition.number != listed.partition.number && shares(&p.partition.place, &place)
        };
        if primaries().any(|p| other(&p)) {
            notes.push(listed.note(Cause::Overlap));
        }
    }
}
