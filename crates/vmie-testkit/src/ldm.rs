//! Builder of Windows dynamic disks with an MBR.
#![allow(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic,
    reason = "tests build with it, and a builder that is given nonsense may panic"
)]

use crate::table::{MbrEntry, write_record};

/// Sectors of the configuration that the builder makes: the usual ones are 2048.
pub const CONFIG: u64 = 2048;

/// A database of records.
#[derive(Clone, Debug)]
pub struct LdmGroup {
    /// The group's name.
    pub name: String,
    /// Grows with each change.
    pub committed: u64,
    /// The records, each without the part that the builder makes: flags, kind, fields.
    pub records: Vec<(u8, u8, Vec<u8>)>,
}

fn number(n: u64) -> Vec<u8> {
    let bytes = n.to_be_bytes();
    let skip = bytes.iter().take(7).take_while(|b| **b == 0).count();
    let mut field = vec![(8 - skip) as u8];
    field.extend(&bytes[skip..]);
    field
}

fn text(text: &str) -> Vec<u8> {
    let mut field = vec![text.len() as u8];
    field.extend(text.as_bytes());
    field
}

impl LdmGroup {
    /// An empty group.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            committed: 100,
            records: Vec::new(),
        }
    }

    /// Adds a volume of `size` sectors with the drive letter D.
    pub fn volume(&mut self, id: u64, name: &str, kind: &str, components: u64, size: u64) {
        let mut state = [0u8; 21];
        state[..6].copy_from_slice(b"ACTIVE");
        let fields = [
            number(id),
            text(name),
            text(kind),
            text(""),
            state.to_vec(),
            number(components),
            vec![0; 16],
            number(size),
            vec![0, 0, 0, 0, 7],
            b"a volume's guid.".to_vec(),
            text("D:"),
        ];
        self.records.push((0x02, 0x51, fields.concat()));
    }

    /// Adds a component; stripes are sectors of a chunk and columns.
    pub fn component(
        &mut self,
        id: u64,
        volume: u64,
        layout: u8,
        parts: u64,
        stripes: Option<(u64, u64)>,
    ) {
        let mut fields = [
            number(id),
            text("component"),
            text("ACTIVE"),
            vec![layout, 0, 0, 0, 0],
            number(parts),
            vec![0; 16],
            number(volume),
            vec![0],
        ]
        .concat();
        if let Some((chunk, columns)) = stripes {
            fields.extend([number(chunk), number(columns)].concat());
        }
        let flags = if stripes.is_some() { 0x10 } else { 0 };
        self.records.push((flags, 0x32, fields));
    }

    /// Adds a partition: where on its disk's data it is, and where in its component.
    pub fn partition(
        &mut self,
        id: u64,
        component: u64,
        disk: u64,
        at: (u64, u64, u64),
        column: Option<u64>,
    ) {
        let (start, size, offset) = at;
        let mut fields = [
            number(id),
            text("partition"),
            vec![0; 12],
            start.to_be_bytes().to_vec(),
            offset.to_be_bytes().to_vec(),
            number(size),
            number(component),
            number(disk),
        ]
        .concat();
        if let Some(column) = column {
            fields.extend(number(column));
        }
        let flags = if column.is_some() { 0x08 } else { 0 };
        self.records.push((flags, 0x33, fields));
    }

    /// Adds a disk; its other name makes the record too long for one slot.
    pub fn disk(&mut self, id: u64, name: &str, guid: &str) {
        let other = "a name for the hardware that is longer than what one slot has room for, so that there are two";
        let fields = [number(id), text(name), text(guid), text(other)].concat();
        self.records.push((0, 0x34, fields));
    }

    /// Writes MBR, private headers, tables of contents and database: the data are sectors 63 up to
    /// the configuration, which is the end of the disk.
    pub fn write(&self, disk: &mut [u8], guid: &str) {
        let sectors = disk.len() as u64 / 512;
        let config = sectors - CONFIG;
        disk[config as usize * 512..].fill(0);
        write_record(
            &mut disk[..512],
            &[MbrEntry::new(0x42, 63, (config - 63) as u32)],
        );
        let mut head = [0u8; 512];
        head[..8].copy_from_slice(b"PRIVHEAD");
        head[0x0c..0x10].copy_from_slice(&[0, 2, 0, 12]);
        head[0x30..0x30 + guid.len()].copy_from_slice(guid.as_bytes());
        head[0xb0..0xb5].copy_from_slice(b"group");
        head[0xf0..0xf0 + self.name.len()].copy_from_slice(self.name.as_bytes());
        for (at, value) in [
            (0x11b, 63),
            (0x123, config - 63),
            (0x12b, config),
            (0x133, CONFIG),
        ] {
            head[at..at + 8].copy_from_slice(&value.to_be_bytes());
        }
        seal(&mut head);
        for sector in [6, config + 1856, config + 2047] {
            put(disk, sector, &head);
        }
        let slots = self.slots();
        let size = (512 + slots.len() as u64).div_ceil(512) + 1;
        let mut toc = [0u8; 512];
        toc[..8].copy_from_slice(b"TOCBLOCK");
        toc[0x24..0x2a].copy_from_slice(b"config");
        toc[0x2e..0x36].copy_from_slice(&17u64.to_be_bytes());
        toc[0x36..0x3e].copy_from_slice(&size.to_be_bytes());
        toc[0x46..0x49].copy_from_slice(b"log");
        seal(&mut toc);
        for sector in [1, 2, CONFIG - 3, CONFIG - 2] {
            put(disk, config + sector, &toc);
        }
        let mut database = vec![0; 512];
        database[..4].copy_from_slice(b"VMDB");
        database[4..8].copy_from_slice(&(4 + slots.len() as u32 / 128).to_be_bytes());
        database[8..12].copy_from_slice(&128u32.to_be_bytes());
        database[12..16].copy_from_slice(&512u32.to_be_bytes());
        database[16..22].copy_from_slice(&[0, 1, 0, 4, 0, 10]);
        database[22..22 + self.name.len()].copy_from_slice(self.name.as_bytes());
        database[0x75..0x7d].copy_from_slice(&self.committed.to_be_bytes());
        database.extend(slots);
        put(disk, config + 17, &database);
    }

    fn slots(&self) -> Vec<u8> {
        let mut slots = Vec::new();
        for (group, (flags, kind, fields)) in (1u32..).zip(&self.records) {
            let mut record = vec![0, 0, *flags, *kind];
            record.extend((fields.len() as u32).to_be_bytes());
            record.extend(fields);
            let parts = record.chunks(112);
            let count = parts.len() as u16;
            for (part, bytes) in (0u16..).zip(parts) {
                let start = slots.len();
                slots.extend(b"VBLK");
                slots.extend((start as u32 / 128 + 4).to_be_bytes());
                slots.extend(group.to_be_bytes());
                slots.extend(part.to_be_bytes());
                slots.extend(count.to_be_bytes());
                slots.extend(bytes);
                slots.resize(start + 128, 0);
            }
        }
        slots
    }
}

fn put(disk: &mut [u8], sector: u64, bytes: &[u8]) {
    let at = sector as usize * 512;
    disk[at..at + bytes.len()].copy_from_slice(bytes);
}

/// Makes the checksum of a private header or a table of contents right.
pub fn seal(sector: &mut [u8]) {
    sector[8..12].fill(0);
    let sum: u32 = sector[..512].iter().map(|b| u32::from(*b)).sum();
    sector[8..12].copy_from_slice(&sum.to_be_bytes());
}
