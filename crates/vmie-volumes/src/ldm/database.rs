//! The database of a disk group: volumes, their components, the partitions of those, and disks.

use std::collections::HashMap;

use vmie_io::int;
use zerocopy::FromBytes;

use super::format::{
    COMPONENT_STRIPED, MAX_FRAGMENTS, PARTITION_COLUMN, RecordHeader, VBLK, VBlk, VMDB,
    VOLUME_DRIVE, VOLUME_ID1, VOLUME_ID2, VOLUME_SIZE2, VmDb, kind,
};
use super::probe::text;
use crate::{Cause, Error};

const DATABASE: &str = "LDM database";
const RECORD: &str = "LDM record";

/// What a disk knows of its group.
#[derive(Debug, Default)]
pub(crate) struct Database {
    pub(crate) group_name: String,
    /// Grows with each change.
    pub(crate) committed: u64,
    pub(crate) volumes: Vec<Volume>,
    pub(crate) components: Vec<Component>,
    pub(crate) partitions: Vec<Partition>,
    pub(crate) disks: Vec<Disk>,
    /// Where the database starts on its disk.
    pub(crate) start: u64,
    /// Records that make no sense.
    pub(crate) notes: Vec<Error>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Volume {
    pub(crate) id: u64,
    pub(crate) name: String,
    /// `gen` or `raid5`.
    pub(crate) kind: String,
    /// Sectors.
    pub(crate) size: u64,
    pub(crate) guid: [u8; 16],
    /// The drive letter that it should have: `C:`.
    pub(crate) drive: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Component {
    pub(crate) id: u64,
    pub(crate) volume: u64,
    pub(crate) layout: u8,
    /// How many partitions it has.
    pub(crate) parts: u64,
    /// Sectors of a chunk, and how many columns, when it is striped.
    pub(crate) stripes: Option<(u64, u64)>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Partition {
    pub(crate) component: u64,
    pub(crate) disk: u64,
    /// Sectors from the start of the disk's data, and how many.
    pub(crate) start: u64,
    pub(crate) size: u64,
    /// Where in its component it starts, in sectors.
    pub(crate) offset: u64,
    pub(crate) column: u64,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Disk {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) guid: String,
}

/// A record is a row of fields; those of variable length say how long they are.
struct Fields<'r> {
    rest: &'r [u8],
}

impl<'r> Fields<'r> {
    fn take(&mut self, len: usize) -> Option<&'r [u8]> {
        let (taken, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn fixed(&mut self) -> Option<u64> {
        let bytes = self.take(8)?.first_chunk()?;
        Some(u64::from_be_bytes(*bytes))
    }

    fn bytes(&mut self) -> Option<&'r [u8]> {
        let len = self.byte()?;
        self.take(usize::from(len))
    }

    fn number(&mut self) -> Option<u64> {
        let bytes = self.bytes().filter(|bytes| bytes.len() <= 8)?;
        Some(bytes.iter().fold(0, |n, b| (n << 8) | u64::from(*b)))
    }

    fn text(&mut self) -> Option<String> {
        Some(String::from_utf8_lossy(self.bytes()?).into_owned())
    }
}

/// Parses a database that stands at `start` of its disk.
///
/// # Errors
/// [`Cause::LdmDatabase`]; a record that makes no sense is left out, with a note.
pub(super) fn parse(bytes: &[u8], start: u64) -> Result<Database, Error> {
    let bad = |field: &'static str, at: u64| {
        Error::new(Cause::LdmDatabase)
            .at(DATABASE, start.saturating_add(at))
            .field(field)
    };
    let (header, _) = VmDb::read_from_prefix(bytes).map_err(|_| bad("", 0))?;
    if header.magic != VMDB {
        return Err(bad("magic", 0).found(header.magic.as_slice()));
    }
    let slot = header.slot_size.get();
    if !slot.is_power_of_two() || !(64..=4096).contains(&slot) {
        return Err(bad("vblk_size", 8).found(slot));
    }
    let first = int::usize_of(header.first.get().into());
    let slots = bytes
        .get(first..)
        .ok_or_else(|| bad("vblk_first", 12).found(header.first.get()))?;
    let mut database = Database {
        group_name: text(&header.group_name),
        committed: header.committed.get(),
        start,
        ..Database::default()
    };
    for (number, bytes) in gather(slots, int::usize_of(slot.into())) {
        if database.add(&bytes).is_none() && database.notes.len() < 16 {
            let fault = Error::new(Cause::LdmRecord).at(RECORD, start);
            database.notes.push(fault.field("group").found(number));
        }
    }
    Ok(database)
}

/// The records of which all parts are there, with their numbers, in the order of their first parts.
fn gather(slots: &[u8], slot: usize) -> Vec<(u32, Vec<u8>)> {
    let mut order = Vec::new();
    let mut parts: HashMap<u32, Vec<Option<&[u8]>>> = HashMap::new();
    for bytes in slots.chunks_exact(slot) {
        let Ok((header, body)) = VBlk::read_from_prefix(bytes) else {
            break;
        };
        if header.magic != VBLK {
            break;
        }
        let (part, count) = (header.part.get(), header.parts.get());
        if count == 0 || count > MAX_FRAGMENTS || part >= count {
            continue;
        }
        let group = header.group.get();
        let all = parts.entry(group).or_insert_with(|| {
            order.push(group);
            vec![None; usize::from(count)]
        });
        if let Some(place) = all.get_mut(usize::from(part)) {
            *place = place.or(Some(body));
        }
    }
    let whole = |group: u32| {
        let all: Option<Vec<&[u8]>> = parts.get(&group)?.iter().copied().collect();
        Some((group, all?.concat()))
    };
    order.into_iter().filter_map(whole).collect()
}

impl Database {
    /// Adds a record; kinds that are of no use here are passed over.
    fn add(&mut self, bytes: &[u8]) -> Option<()> {
        let (header, rest) = RecordHeader::read_from_prefix(bytes).ok()?;
        let rest = rest.get(..int::usize_of(header.len.get().into()))?;
        let mut fields = Fields { rest };
        let id = fields.number();
        match (header.kind & 0xf, header.kind >> 4) {
            (kind::VOLUME, 5) => self.volumes.push(volume(id?, header.flags, &mut fields)?),
            (kind::COMPONENT, 3) => {
                self.components
                    .push(component(id?, header.flags, &mut fields)?);
            }
            (kind::PARTITION, 3) => self.partitions.push(partition(header.flags, &mut fields)?),
            (kind::DISK, version @ 3..=4) => self.disks.push(disk(id?, version, &mut fields)?),
            _ => {}
        }
        Some(())
    }
}

fn volume(id: u64, flags: u8, fields: &mut Fields<'_>) -> Option<Volume> {
    let name = fields.text()?;
    let kind = fields.text()?;
    fields.bytes()?;
    // The state in words, numbers that say again what it is, and its own flags.
    fields.take(21)?;
    fields.number()?;
    fields.take(16)?;
    let size = fields.number()?;
    // The type of partition that it would have.
    fields.take(5)?;
    let guid = *fields.take(16)?.first_chunk()?;
    for flag in [VOLUME_ID1, VOLUME_ID2, VOLUME_SIZE2] {
        if flags & flag != 0 {
            fields.bytes()?;
        }
    }
    let drive = if flags & VOLUME_DRIVE != 0 {
        Some(fields.text()?)
    } else {
        None
    };
    Some(Volume {
        id,
        name,
        kind,
        size,
        guid,
        drive,
    })
}

fn component(id: u64, flags: u8, fields: &mut Fields<'_>) -> Option<Component> {
    fields.text()?;
    fields.text()?;
    let layout = fields.byte()?;
    fields.take(4)?;
    let parts = fields.number()?;
    fields.take(16)?;
    let volume = fields.number()?;
    fields.byte()?;
    let stripes = if flags & COMPONENT_STRIPED != 0 {
        Some((fields.number()?, fields.number()?))
    } else {
        None
    };
    Some(Component {
        id,
        volume,
        layout,
        parts,
        stripes,
    })
}

fn partition(flags: u8, fields: &mut Fields<'_>) -> Option<Partition> {
    fields.text()?;
    fields.take(12)?;
    let start = fields.fixed()?;
    let offset = fields.fixed()?;
    let size = fields.number()?;
    let component = fields.number()?;
    let disk = fields.number()?;
    let column = if flags & PARTITION_COLUMN != 0 {
        fields.number()?
    } else {
        0
    };
    Some(Partition {
        component,
        disk,
        start,
        size,
        offset,
        column,
    })
}

fn disk(id: u64, version: u8, fields: &mut Fields<'_>) -> Option<Disk> {
    let name = fields.text()?;
    let guid = if version == 3 {
        fields.text()?
    } else {
        guid_text(fields.take(16)?)
    };
    Some(Disk { id, name, guid })
}

/// 16 bytes as the older records write a GUID: all in the order of the bytes.
pub(super) fn guid_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(36);
    for (i, byte) in bytes.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text
}
