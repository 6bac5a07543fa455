//! GUID partition tables that get past their checksums.
//!
//! The input: a byte of choices, four bytes that go into places of the backup header, 64 bytes of
//! MBR entries, 92 of the header, the array. The target puts both copies on a disk of 64 sectors
//! and makes the checksums right, unless a choice says not to.
//!
//! The oracle: what holds of every layout (see [`check`]); reading twice gives the same; and when
//! the table is of the form that the crate `gpt` knows and our reader used the primary, the crate
//! takes it too and has the same partitions.
#![no_main]

use std::io::Cursor;

use gpt::disk::LogicalBlockSize;
use libfuzzer_sys::fuzz_target;
use vmie_io::Budget;
use vmie_testkit::table::{check, seal_gpt};
use vmie_volumes::{Cause, DiskLayout, TableKind, read_layout};

const SECTORS: u64 = 64;
const ARRAY: usize = 16;

fuzz_target!(|data: &[u8]| {
    let Some((&[choices, place, byte, mask, cut], data)) = data.split_first_chunk() else {
        return;
    };
    let Some((mbr, data)) = data.split_first_chunk::<64>() else {
        return;
    };
    let Some((header, array)) = data.split_first_chunk::<92>() else {
        return;
    };
    let size = if choices & 1 == 0 { 512 } else { 4096 };
    let mut disk = vec![0; SECTORS as usize * size];
    disk[446..510].copy_from_slice(mbr);
    disk[510..512].copy_from_slice(&[0x55, 0xaa]);
    let array = &array[..array.len().min(ARRAY * size)];
    let last = SECTORS as usize - 1;
    for (own, other, place) in [(1, last, 2), (last, 1, last - ARRAY)] {
        disk[place * size..][..array.len()].copy_from_slice(array);
        let at = own * size;
        disk[at..][..92].copy_from_slice(header);
        if choices & 2 == 0 {
            disk[at..][..8].copy_from_slice(b"EFI PART");
            disk[at + 24..][..8].copy_from_slice(&(own as u64).to_le_bytes());
            disk[at + 32..][..8].copy_from_slice(&(other as u64).to_le_bytes());
            disk[at + 72..][..8].copy_from_slice(&(place as u64).to_le_bytes());
        }
    }
    disk[last * size + usize::from(place) % 92] ^= byte;
    if choices & 4 == 0 {
        seal_gpt(&mut disk, size, 1);
    }
    if choices & 8 == 0 {
        seal_gpt(&mut disk, size, last as u64);
    }
    // After the checksums: something wrong with the primary.
    disk[size + usize::from(place) % 92] ^= mask;
    disk.truncate(disk.len() - usize::from(cut) * size / 8);

    let layout = read_layout(&disk, &Budget::default()).expect("a disk in memory can be read");
    let places = layout
        .partitions
        .iter()
        .map(|p| (p.number, p.place.start, p.place.len));
    check(places, layout.sector_size, disk.len() as u64);
    assert!(layout.notes.len() <= vmie_volumes::MAX_NOTES);
    let again = read_layout(&disk, &Budget::default()).expect("as before");
    assert_eq!(format!("{layout:?}"), format!("{again:?}"));
    agree(&disk, &layout);
});

/// Compares with the crate.
fn agree(disk: &[u8], layout: &DiskLayout) {
    let other = [Cause::GptBackupUsed, Cause::GptEntriesFromOther];
    if layout.table != TableKind::Gpt || other.iter().any(|cause| layout.has_note(*cause)) {
        return;
    }
    let unit = u64::from(layout.sector_size);
    let header = &disk[unit as usize..];
    let number = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().unwrap());
    if number(12) != 92 || number(84) != 128 {
        return;
    }
    let size = match unit {
        512 => LogicalBlockSize::Lb512,
        _ => LogicalBlockSize::Lb4096,
    };
    let mut device = Cursor::new(disk);
    let header = gpt::header::read_header_from_arbitrary_device(&mut device, size)
        .expect("the crate takes the header that we took");
    let theirs = gpt::partition::file_read_partitions(&mut device, &header, size)
        .expect("the crate takes the array that we took");
    assert_eq!(layout.disk_id, Some(header.disk_guid.to_string()));
    let sectors = disk.len() as u64 / unit;
    let mut ours = layout.partitions.iter();
    for (number, entry) in theirs {
        let (first, last) = (entry.first_lba, entry.last_lba);
        if !entry.is_used() || last < first || first >= sectors {
            continue;
        }
        let ours = ours.next().expect("a partition that the crate has");
        assert_eq!(ours.number, number);
        assert_eq!(ours.place.start, first * unit);
        assert_eq!(ours.place.len, (last.min(sectors - 1) - first + 1) * unit);
        assert_eq!(
            ours.type_code,
            entry.part_type_guid.guid.to_string().to_uppercase()
        );
        assert_eq!(ours.part_uuid, Some(entry.part_guid.to_string()));
        assert_eq!(ours.attributes.bits(), entry.flags);
        assert_eq!(ours.name, entry.name);
    }
    assert!(ours.next().is_none(), "a partition that the crate has not");
}
