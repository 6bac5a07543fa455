//! From a checked table to partitions.

use vmie_io::ReadAt;

use super::adapter::{self, Entry};
use super::find::Table;
use super::format::at;
use super::types;
use crate::listed::{Listed, Span};
use crate::notes::Notes;
use crate::{Cause, Error, GptAttributes, Partition, PartitionKind};

/// The structure's name in notes.
const ENTRY: &str = "GPT partition entry";

/// What a GPT says.
#[derive(Debug)]
pub(crate) struct Gpt {
    pub(crate) sector_size: u32,
    pub(crate) disk_id: Option<String>,
    pub(crate) partitions: Vec<Listed>,
}

/// Reads the entries of a table; `None` with a note when they cannot be decoded.
pub(crate) fn read(disk: &dyn ReadAt, table: &Table, notes: &mut Notes) -> Option<Gpt> {
    let decoded = match adapter::decode(&table.header, &table.array.bytes) {
        Ok(decoded) => decoded,
        Err(error) => {
            notes.push(
                Error::new(Cause::GptEntriesUndecoded)
                    .at(table.header.copy.array(), table.array.offset)
                    .with_source(error),
            );
            return None;
        }
    };
    let partitions = decoded
        .entries
        .into_iter()
        .filter_map(|entry| table.partition(disk, entry, notes))
        .collect();
    Some(Gpt {
        sector_size: table.header.sector_size,
        disk_id: Some(decoded.disk_guid),
        partitions,
    })
}

impl Table {
    fn partition(&self, disk: &dyn ReadAt, entry: Entry, notes: &mut Notes) -> Option<Listed> {
        let offset = self.array.entry_offset(&self.header, entry.index);
        let start_at = offset.saturating_add(at::STARTING_LBA);
        let end_at = offset.saturating_add(at::ENDING_LBA);
        let note = |cause, field, at, value: u64| {
            Error::new(cause).at(ENTRY, at).field(field).found(value)
        };
        if entry.last < entry.first {
            notes.push(note(
                Cause::GptEntryBackwards,
                "EndingLBA",
                end_at,
                entry.last,
            ));
            return None;
        }
        let span = Span {
            first: entry.first,
            // Saturates where the last sector is 2^64 - 1, which is past the end of any disk.
            end: entry.last.saturating_add(1),
            structure: ENTRY,
            start_field: ("StartingLBA", start_at),
            end_field: ("EndingLBA", end_at),
            start_value: entry.first,
            end_value: entry.last,
        };
        let place = span.place(self.header.sector_size.into(), disk.len(), notes)?;
        let raw = &self.header.raw;
        if entry.first < raw.FirstUsableLBA.get() {
            let cause = Cause::GptEntryUnusable;
            notes.push(note(cause, "StartingLBA", start_at, entry.first));
        } else if entry.last > raw.LastUsableLBA.get() {
            let cause = Cause::GptEntryUnusable;
            notes.push(note(cause, "EndingLBA", end_at, entry.last));
        }
        let (type_name, role) = types::describe(&entry.type_guid);
        let attributes = GptAttributes::from_bits_retain(entry.attributes);
        Some(Listed {
            partition: Partition {
                number: entry.index.checked_add(1)?,
                kind: PartitionKind::Gpt,
                place,
                type_code: entry.type_guid,
                type_name,
                role,
                name: entry.name,
                part_uuid: Some(entry.guid),
                bootable: attributes.contains(GptAttributes::LEGACY_BIOS_BOOTABLE),
                attributes,
            },
            structure: ENTRY,
            offset: start_at,
            field: "StartingLBA",
        })
    }
}
