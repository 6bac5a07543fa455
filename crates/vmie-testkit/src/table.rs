//! Builders of partition tables: MBR with chains of extended boot records, GPT with both copies.
//!
//! They write what the specifications say, with nothing taken from the readers under test, so that
//! a table built here and read back equal says something. Each leaves bytes that can be broken
//! afterwards; [`seal_gpt`] makes the checksums of a broken GPT right again.
#![allow(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic,
    reason = "tests build with it, and a builder that is given nonsense may panic"
)]

/// Bytes of a boot record.
const RECORD_LEN: usize = 512;

/// An entry of a boot record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MbrEntry {
    /// The active flag: 0x80 or 0.
    pub flag: u8,
    /// The type.
    pub kind: u8,
    /// First sector.
    pub start: u32,
    /// How many sectors.
    pub sectors: u32,
}

impl MbrEntry {
    /// An inactive partition.
    #[must_use]
    pub fn new(kind: u8, start: u32, sectors: u32) -> Self {
        Self {
            flag: 0,
            kind,
            start,
            sectors,
        }
    }

    /// The 16 bytes of the entry; its CHS fields say that they are of no use.
    #[must_use]
    pub fn bytes(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        if *self == Self::default() {
            return bytes;
        }
        bytes[0] = self.flag;
        bytes[1..4].copy_from_slice(&[0xfe, 0xff, 0xff]);
        bytes[4] = self.kind;
        bytes[5..8].copy_from_slice(&[0xfe, 0xff, 0xff]);
        bytes[8..12].copy_from_slice(&self.start.to_le_bytes());
        bytes[12..].copy_from_slice(&self.sectors.to_le_bytes());
        bytes
    }
}

/// A logical partition and the record that describes it, both in sectors of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogicalEntry {
    /// The sector of its extended boot record.
    pub record: u32,
    /// The partition; its start is counted from the start of the disk.
    pub entry: MbrEntry,
}

/// An MBR with its logical partitions.
#[derive(Clone, Debug, Default)]
pub struct MbrTable {
    /// The disk's signature.
    pub signature: u32,
    /// The code in the first sector, at most 440 bytes.
    pub code: Vec<u8>,
    /// The four entries.
    pub primary: [MbrEntry; 4],
    /// The logical partitions, in the order of the chain; the first record belongs at the start of
    /// the first extended partition among the entries.
    pub logical: Vec<LogicalEntry>,
}

impl MbrTable {
    /// Writes the table to a disk with sectors of `sector_size` bytes.
    ///
    /// # Panics
    /// When a record is past the end of the disk.
    pub fn write(&self, disk: &mut [u8], sector_size: usize) {
        disk[..self.code.len()].copy_from_slice(&self.code);
        disk[440..444].copy_from_slice(&self.signature.to_le_bytes());
        write_record(&mut disk[..RECORD_LEN], &self.primary);
        let extended = |entry: &&MbrEntry| matches!(entry.kind, 0x05 | 0x0f | 0x85);
        let base = self.primary.iter().find(extended).map_or(0, |e| e.start);
        for (index, logical) in self.logical.iter().enumerate() {
            let mut own = logical.entry;
            own.start -= logical.record;
            let link = self.logical.get(index + 1).map(|next| MbrEntry {
                flag: 0,
                kind: 0x05,
                start: next.record - base,
                sectors: next.entry.start + next.entry.sectors - next.record,
            });
            let at = logical.record as usize * sector_size;
            let entries = [own, link.unwrap_or_default()];
            write_record(&mut disk[at..at + RECORD_LEN], &entries);
        }
    }
}

/// Writes up to four entries and the signature into a boot record.
///
/// # Panics
/// When there are more than four entries, or the record is shorter than 512 bytes.
pub fn write_record(record: &mut [u8], entries: &[MbrEntry]) {
    assert!(entries.len() <= 4);
    record[446..510].fill(0);
    for (index, entry) in entries.iter().enumerate() {
        record[446 + index * 16..][..16].copy_from_slice(&entry.bytes());
    }
    record[510..512].copy_from_slice(&[0x55, 0xaa]);
}

/// An entry of a GPT. GUIDs are in the order of bytes on the disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GptEntry {
    /// Its type; zero for an entry that is not in use.
    pub kind: [u8; 16],
    /// Its own GUID.
    pub guid: [u8; 16],
    /// First sector.
    pub first: u64,
    /// Last sector, which belongs to the partition.
    pub last: u64,
    /// The attributes.
    pub attributes: u64,
    /// The name; what is past 36 code units is left out.
    pub name: String,
}

/// A GPT with both copies and a protective MBR.
#[derive(Clone, Debug)]
pub struct GptTable {
    /// 512 or 4096.
    pub sector_size: usize,
    /// The disk's GUID, in the order of bytes on the disk.
    pub disk_guid: [u8; 16],
    /// The entries in their places; the array is filled up with unused ones.
    pub entries: Vec<GptEntry>,
    /// How many entries the array has.
    pub count: u32,
    /// Bytes of an entry.
    pub entry_len: u32,
    /// Bytes of the header that its checksum covers.
    pub header_len: u32,
}

impl GptTable {
    /// A table as most tools write it: 128 entries of 128 bytes.
    #[must_use]
    pub fn new(sector_size: usize, entries: Vec<GptEntry>) -> Self {
        Self {
            sector_size,
            disk_guid: *b"\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff",
            entries,
            count: 128,
            entry_len: 128,
            header_len: 92,
        }
    }

    /// The sectors that the array takes.
    #[must_use]
    pub fn array_sectors(&self) -> u64 {
        let len = u64::from(self.count) * u64::from(self.entry_len);
        len.div_ceil(self.sector_size as u64)
    }

    /// The first and last sector that partitions may use on a disk of `len` bytes.
    #[must_use]
    pub fn usable(&self, len: usize) -> (u64, u64) {
        let sectors = (len / self.sector_size) as u64;
        let array = self.array_sectors();
        (2 + array, sectors - 2 - array)
    }

    /// Writes the protective MBR and both copies.
    ///
    /// # Panics
    /// When the disk is too small for them.
    pub fn write(&self, disk: &mut [u8]) {
        let sectors = (disk.len() / self.sector_size) as u64;
        let size = u32::try_from(sectors - 1).unwrap_or(u32::MAX);
        write_record(&mut disk[..RECORD_LEN], &[MbrEntry::new(0xee, 1, size)]);
        let array = self.array();
        let usable = self.usable(disk.len());
        let last = sectors - 1;
        for (own, other, entries) in [(1, last, 2), (last, 1, last - self.array_sectors())] {
            let at = entries as usize * self.sector_size;
            disk[at..at + array.len()].copy_from_slice(&array);
            let header = self.header(own, other, entries, usable);
            let at = own as usize * self.sector_size;
            disk[at..at + header.len()].copy_from_slice(&header);
            seal_gpt(disk, self.sector_size, own);
        }
    }

    fn array(&self) -> Vec<u8> {
        let len = self.entry_len as usize;
        let mut array = vec![0; self.count as usize * len];
        for (slot, entry) in array.chunks_exact_mut(len).zip(&self.entries) {
            slot[..16].copy_from_slice(&entry.kind);
            slot[16..32].copy_from_slice(&entry.guid);
            slot[32..40].copy_from_slice(&entry.first.to_le_bytes());
            slot[40..48].copy_from_slice(&entry.last.to_le_bytes());
            slot[48..56].copy_from_slice(&entry.attributes.to_le_bytes());
            for (unit, at) in entry.name.encode_utf16().take(36).zip((56..).step_by(2)) {
                slot[at..at + 2].copy_from_slice(&unit.to_le_bytes());
            }
        }
        array
    }

    fn header(&self, own: u64, other: u64, entries: u64, usable: (u64, u64)) -> Vec<u8> {
        let mut header = Vec::with_capacity(self.sector_size);
        header.extend_from_slice(b"EFI PART\0\0\x01\0");
        header.extend_from_slice(&self.header_len.to_le_bytes());
        header.extend_from_slice(&[0; 8]);
        for lba in [own, other, usable.0, usable.1] {
            header.extend_from_slice(&lba.to_le_bytes());
        }
        header.extend_from_slice(&self.disk_guid);
        header.extend_from_slice(&entries.to_le_bytes());
        for number in [self.count, self.entry_len, 0] {
            header.extend_from_slice(&number.to_le_bytes());
        }
        header.resize(self.sector_size, 0);
        header
    }
}

/// Makes the checksums of the GPT header at sector `lba` right, for whatever it says now. What is
/// out of range is left alone: a header whose size or array is not on the disk cannot be right.
pub fn seal_gpt(disk: &mut [u8], sector_size: usize, lba: u64) {
    let at = usize::try_from(lba)
        .ok()
        .and_then(|lba| lba.checked_mul(sector_size));
    let Some(header) = at.and_then(|at| disk.get(at..at.checked_add(sector_size)?)) else {
        return;
    };
    let (at, array_crc) = (at.unwrap_or(0), array_checksum(disk, header, sector_size));
    let header = &mut disk[at..at + sector_size];
    if let Some(crc) = array_crc {
        header[88..92].copy_from_slice(&crc.to_le_bytes());
    }
    let size = number(header, 12) as usize;
    if (20..=sector_size).contains(&size) {
        header[16..20].fill(0);
        let crc = crc32fast::hash(&header[..size]);
        header[16..20].copy_from_slice(&crc.to_le_bytes());
    }
}

fn array_checksum(disk: &[u8], header: &[u8], sector_size: usize) -> Option<u32> {
    let lba = number(header, 72) | number(header, 76) << 32;
    let start = lba.checked_mul(sector_size as u64)?;
    let len = number(header, 80).checked_mul(number(header, 84))?;
    let end = usize::try_from(start.checked_add(len)?).ok()?;
    let array = disk.get(usize::try_from(start).ok()?..end)?;
    Some(crc32fast::hash(array))
}

fn number(bytes: &[u8], at: usize) -> u64 {
    let mut number = [0; 4];
    number.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(number).into()
}

/// A GUID in the order of bytes on the disk, from its text: `C12A7328-F81F-11D2-BA4B-00A0C93EC93B`.
///
/// # Panics
/// When the text is not a GUID.
#[must_use]
pub fn guid(text: &str) -> [u8; 16] {
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    assert_eq!(digits.len(), 32, "{text} is not a GUID");
    let mut bytes: [u8; 16] = std::array::from_fn(|i| {
        u8::from_str_radix(&digits[i * 2..i * 2 + 2], 16).expect("hexadecimal digits")
    });
    // The first three groups are numbers, lowest byte first.
    bytes[..4].reverse();
    bytes[4..6].reverse();
    bytes[6..8].reverse();
    bytes
}
