//! MBR and extended boot records.
//!
//! The first byte chooses the form. Even: each 64 bytes are the four entries of a boot record, one
//! per sector, signatures supplied. Odd: the bytes of the disk as they are. The next two bytes are
//! how many sectors the disk has beyond that.
//!
//! The oracle: what holds of every layout (see [`check`]); reading twice gives the same; and where
//! the crate `mbrman` takes the first sector, its entries are ours.
#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use vmie_io::{Budget, ReadAt, ReadError};
use vmie_testkit::table::check;
use vmie_volumes::{PartitionKind, TableKind, read_layout};

/// Some bytes, and zeros after them that take no memory.
struct Disk {
    head: Vec<u8>,
    len: u64,
}

impl ReadAt for Disk {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<(), ReadError> {
        if offset
            .checked_add(buf.len() as u64)
            .is_none_or(|end| end > self.len)
        {
            return Err(ReadError::past_end("disk", offset, buf.len(), self.len));
        }
        let start = self.head.len().min(offset as usize);
        let part = &self.head[start..][..buf.len().min(self.head.len() - start)];
        buf[..part.len()].copy_from_slice(part);
        buf[part.len()..].fill(0);
        Ok(())
    }
}

fuzz_target!(|data: &[u8]| {
    let [form, low, high, data @ ..] = data else {
        return;
    };
    let mut disk = Vec::new();
    if form & 1 == 0 {
        for entries in data.chunks_exact(64).take(600) {
            disk.resize(disk.len() + 446, 0);
            disk.extend_from_slice(entries);
            disk.extend_from_slice(&[0x55, 0xaa]);
        }
    } else {
        disk.extend_from_slice(data);
    }
    let more = u64::from(u16::from_le_bytes([*low, *high])) * 512;
    let disk = Disk {
        len: disk.len() as u64 + more,
        head: disk,
    };
    let layout = read_layout(&disk, &Budget::default()).expect("a disk in memory can be read");
    let places = layout
        .partitions
        .iter()
        .map(|p| (p.number, p.place.start, p.place.len));
    check(places, layout.sector_size, disk.len);
    assert!(layout.notes.len() <= vmie_volumes::MAX_NOTES);
    let again = read_layout(&disk, &Budget::default()).expect("as before");
    assert_eq!(format!("{layout:?}"), format!("{again:?}"));

    if layout.table != TableKind::Mbr {
        return;
    }
    let Ok(theirs) = mbrman::MBRHeader::read_from(&mut Cursor::new(&disk.head)) else {
        return;
    };
    let unit = u64::from(layout.sector_size);
    let sectors = disk.len / unit;
    for (number, entry) in theirs.iter() {
        let ours = layout.partition(number as u32);
        let (start, len) = (u64::from(entry.starting_lba), u64::from(entry.sectors));
        if let Some(ours) = ours {
            assert!(ours.kind != PartitionKind::Logical);
            assert_eq!(ours.place.start, start * unit);
            assert_eq!(ours.place.len, len.min(sectors - start) * unit);
            assert_eq!(ours.type_code, format!("{:#04x}", entry.sys));
            assert_eq!(ours.bootable, entry.boot == mbrman::BOOT_ACTIVE);
        } else {
            // Left out: not in use, or not all on the disk.
            assert!(len == 0 || start + len > sectors, "{number} {entry:?}");
        }
    }
});
