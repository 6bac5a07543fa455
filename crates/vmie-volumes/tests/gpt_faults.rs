//! What is wrong with a GPT is said exactly, and the other copy is used.
#![allow(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "tests may panic"
)]

use vmie_io::{Budget, ErrorKind, Found, Limits};
use vmie_testkit::table::{GptEntry, GptTable, MbrEntry, guid, seal_gpt, write_record};
use vmie_volumes::{Cause, DiskLayout, MAX_NOTES, TableKind, read_layout};

const SECTORS: u64 = 256;
const LEN: usize = SECTORS as usize * 512;
/// The primary header, its array, the backup's array, the backup header: bytes.
const PRIMARY: usize = 512;
const ARRAY: usize = 1024;
const BACKUP_ARRAY: usize = LEN - 33 * 512;
const BACKUP: usize = LEN - 512;

fn entry(nth: u8, first: u64, last: u64) -> GptEntry {
    GptEntry {
        kind: guid("0FC63DAF-8483-4772-8E79-3D69D8477DE4"),
        guid: [nth; 16],
        first,
        last,
        ..GptEntry::default()
    }
}

fn disk() -> Vec<u8> {
    let entries = vec![entry(1, 40, 79), entry(2, 80, 159)];
    let mut disk = vec![0; LEN];
    GptTable::new(512, entries).write(&mut disk);
    disk
}

fn layout(disk: &[u8]) -> DiskLayout {
    read_layout(&disk.to_vec(), &Budget::default()).unwrap()
}

/// Cause, structure, field, offset and number of each note.
fn notes(layout: &DiskLayout) -> Vec<(Cause, &'static str, &'static str, u64, u64)> {
    let note = |note: &vmie_volumes::Note| {
        let fault = &note.fault;
        let number = match fault.value() {
            Some(Found::Number(n)) => *n,
            _ => 0,
        };
        let offset = fault.offset().unwrap();
        (
            note.cause(),
            fault.structure(),
            fault.field_name(),
            offset,
            number,
        )
    };
    layout.notes.iter().map(note).collect()
}

fn numbers(layout: &DiskLayout) -> Vec<u32> {
    layout.partitions.iter().map(|p| p.number).collect()
}

/// Writes a number into a header and makes the checksums right again.
fn set(disk: &mut [u8], header: usize, field: usize, bytes: &[u8]) {
    disk[header + field..][..bytes.len()].copy_from_slice(bytes);
    seal_gpt(disk, 512, header as u64 / 512);
}

const HEADER: &str = "GPT header";
const OTHER: &str = "backup GPT header";
const USED: (Cause, &str, &str, u64, u64) = (
    Cause::GptBackupUsed,
    OTHER,
    "MyLBA",
    BACKUP as u64 + 24,
    SECTORS - 1,
);

/// A field of the primary header, a value that no reader can use, and the note.
#[test]
fn a_bad_primary_header_is_named_and_the_backup_used() {
    let good = layout(&disk());
    assert_eq!(notes(&good), []);
    let cases: &[(usize, &[u8], Cause, &str, u64)] = &[
        (0, b"EFI PARX", Cause::GptSignature, "Signature", 0),
        (
            12,
            &91u32.to_le_bytes(),
            Cause::GptHeaderSize,
            "HeaderSize",
            91,
        ),
        (
            12,
            &513u32.to_le_bytes(),
            Cause::GptHeaderSize,
            "HeaderSize",
            513,
        ),
        (
            12,
            &u32::MAX.to_le_bytes(),
            Cause::GptHeaderSize,
            "HeaderSize",
            u32::MAX as u64,
        ),
        (24, &2u64.to_le_bytes(), Cause::GptMyLba, "MyLBA", 2),
        (
            84,
            &64u32.to_le_bytes(),
            Cause::GptEntrySize,
            "SizeOfPartitionEntry",
            64,
        ),
        (
            84,
            &192u32.to_le_bytes(),
            Cause::GptEntrySize,
            "SizeOfPartitionEntry",
            192,
        ),
        (
            84,
            &0u32.to_le_bytes(),
            Cause::GptEntrySize,
            "SizeOfPartitionEntry",
            0,
        ),
        (
            84,
            &8192u32.to_le_bytes(),
            Cause::GptEntrySize,
            "SizeOfPartitionEntry",
            8192,
        ),
        (
            80,
            &u32::MAX.to_le_bytes(),
            Cause::GptEntryCount,
            "NumberOfPartitionEntries",
            u32::MAX as u64,
        ),
        (
            80,
            &8193u32.to_le_bytes(),
            Cause::GptEntryCount,
            "NumberOfPartitionEntries",
            8193,
        ),
    ];
    for (field, value, cause, name, found) in cases {
        let mut disk = disk();
        set(&mut disk, PRIMARY, *field, value);
        let layout = layout(&disk);
        let at = PRIMARY as u64 + *field as u64;
        assert_eq!(notes(&layout), [(*cause, HEADER, *name, at, *found), USED]);
        assert_eq!(layout.partitions, good.partitions);
        assert_eq!(layout.disk_id, good.disk_id);
    }
}

#[test]
fn every_bit_of_the_header_is_guarded() {
    let good = layout(&disk());
    for byte in 0..92 {
        for bit in 0..8 {
            let mut disk = disk();
            disk[PRIMARY + byte] ^= 1 << bit;
            let layout = layout(&disk);
            assert_eq!(layout.partitions, good.partitions, "{byte} {bit}");
            assert_eq!(notes(&layout)[1..], [USED], "{byte} {bit}");
        }
    }
    let mut disk = disk();
    disk[PRIMARY + 16] ^= 1;
    let note = notes(&layout(&disk))[0];
    let at = PRIMARY as u64 + 16;
    assert_eq!(
        (note.0, note.2, note.3),
        (Cause::GptHeaderCrc, "HeaderCRC32", at)
    );
}

#[test]
fn a_bad_array_is_taken_from_the_other_copy() {
    let good = layout(&disk());
    for byte in [0, 127, 128 * 128 - 1] {
        let mut disk = disk();
        disk[ARRAY + byte] ^= 1;
        let layout = layout(&disk);
        assert_eq!(layout.partitions, good.partitions);
        assert_eq!(
            notes(&layout),
            [(
                Cause::GptEntriesFromOther,
                HEADER,
                "PartitionEntryLBA",
                584,
                2
            )]
        );
    }
    // The primary header and the backup's array are gone: what is left makes one table.
    let mut disk = disk();
    disk[PRIMARY] = 0;
    disk[BACKUP_ARRAY] ^= 1;
    let layout = layout(&disk);
    assert_eq!(layout.partitions, good.partitions);
    let causes: Vec<_> = layout.notes.iter().map(vmie_volumes::Note::cause).collect();
    assert_eq!(
        causes,
        [
            Cause::GptSignature,
            Cause::GptBackupUsed,
            Cause::GptEntriesFromOther
        ]
    );
}

#[test]
fn an_array_that_is_not_on_the_disk() {
    for lba in [SECTORS - 31, SECTORS, u64::MAX / 512, u64::MAX] {
        let mut disk = disk();
        set(&mut disk, PRIMARY, 72, &lba.to_le_bytes());
        disk[BACKUP_ARRAY] ^= 1;
        let layout = layout(&disk);
        // Neither place has it; the backup header names an array that is bad, but the primary's
        // place has the one that its checksum is of.
        assert_eq!(numbers(&layout), [1, 2]);
        let expected = (
            Cause::GptEntriesOutside,
            HEADER,
            "PartitionEntryLBA",
            PRIMARY as u64 + 72,
            lba,
        );
        assert_eq!(notes(&layout)[0], expected);
    }
}

#[test]
fn both_arrays_bad_leave_the_protective_mbr() {
    let mut disk = disk();
    disk[ARRAY] ^= 1;
    disk[BACKUP_ARRAY] ^= 1;
    let layout = layout(&disk);
    assert_eq!(layout.table, TableKind::Mbr);
    let causes: Vec<_> = notes(&layout).iter().map(|n| (n.0, n.3)).collect();
    assert_eq!(
        causes,
        [
            (Cause::GptEntriesCrc, PRIMARY as u64 + 88),
            (Cause::GptEntriesCrc, BACKUP as u64 + 88),
            (Cause::GptLost, 446)
        ]
    );
}

#[test]
fn a_bad_backup_is_noted() {
    let at = BACKUP as u64;
    let mut gone = disk();
    gone[BACKUP..].fill(0);
    let mut broken = disk();
    broken[BACKUP + 40] ^= 1;
    let mut differs = disk();
    set(&mut differs, BACKUP, 56, b"another disk");
    for (disk, cause, field, offset) in [
        (gone, Cause::GptSignature, "Signature", at),
        (broken, Cause::GptHeaderCrc, "HeaderCRC32", at + 16),
        (
            differs,
            Cause::GptBackupDiffers,
            "PartitionEntryArrayCRC32",
            at + 88,
        ),
    ] {
        let layout = layout(&disk);
        assert_eq!(numbers(&layout), [1, 2]);
        let noted: Vec<_> = notes(&layout)
            .iter()
            .map(|n| (n.0, n.1, n.2, n.3))
            .collect();
        assert_eq!(noted, [(cause, OTHER, field, offset)]);
    }
}

#[test]
fn disks_that_were_enlarged_or_cut() {
    let mut large = disk();
    large.resize(LEN + 512, 0);
    let note = (
        Cause::GptBackupMisplaced,
        HEADER,
        "AlternateLBA",
        PRIMARY as u64 + 32,
        SECTORS - 1,
    );
    assert_eq!(notes(&layout(&large)), [note]);
    // The primary is gone too, and nothing tells where the backup is.
    large[PRIMARY] = 0;
    assert_eq!(layout(&large).table, TableKind::Mbr);

    let cut = layout(&disk()[..100 * 512]);
    assert_eq!(numbers(&cut), [1, 2]);
    assert_eq!(cut.partitions[1].place.end(), 100 * 512);
    let at = PRIMARY as u64;
    assert_eq!(
        notes(&cut),
        [
            (
                Cause::GptUsable,
                HEADER,
                "LastUsableLBA",
                at + 48,
                SECTORS - 34
            ),
            (
                Cause::GptBackupOutside,
                HEADER,
                "AlternateLBA",
                at + 32,
                SECTORS - 1
            ),
            (
                Cause::PartitionClipped,
                "GPT partition entry",
                "EndingLBA",
                ARRAY as u64 + 128 + 40,
                159
            ),
        ]
    );
    let shorter = layout(&disk()[..60 * 512]);
    assert_eq!(numbers(&shorter), [1]);
    assert_eq!(
        notes(&shorter)[3],
        (
            Cause::PartitionOutside,
            "GPT partition entry",
            "StartingLBA",
            ARRAY as u64 + 128 + 32,
            80
        )
    );
}

#[test]
fn odd_entries() {
    let entries = vec![
        entry(1, 80, 79),
        entry(2, 40, u64::MAX),
        entry(3, u64::MAX, u64::MAX),
        entry(4, 8, 39),
        entry(5, 100, 100),
    ];
    let mut disk = vec![0; LEN];
    GptTable::new(512, entries).write(&mut disk);
    let layout = layout(&disk);
    assert_eq!(numbers(&layout), [2, 4, 5]);
    let at = |index: u64, field: u64| ARRAY as u64 + index * 128 + field;
    let entry = "GPT partition entry";
    assert_eq!(
        notes(&layout),
        [
            (Cause::GptEntryBackwards, entry, "EndingLBA", at(0, 40), 79),
            (
                Cause::PartitionClipped,
                entry,
                "EndingLBA",
                at(1, 40),
                u64::MAX
            ),
            (
                Cause::GptEntryUnusable,
                entry,
                "EndingLBA",
                at(1, 40),
                u64::MAX
            ),
            (
                Cause::PartitionOutside,
                entry,
                "StartingLBA",
                at(2, 32),
                u64::MAX
            ),
            (Cause::GptEntryUnusable, entry, "StartingLBA", at(3, 32), 8),
            (Cause::Overlap, entry, "StartingLBA", at(4, 32), 100 * 512),
            (
                Cause::Misaligned,
                entry,
                "StartingLBA",
                at(4, 32),
                100 * 512
            ),
        ]
    );
}

#[test]
fn odd_headers_that_are_used() {
    let at = PRIMARY as u64;
    for (field, value, cause, name, number) in [
        (
            8,
            0x0002_0000u64,
            Cause::GptRevision,
            "Revision",
            0x0002_0000,
        ),
        (40, 1000, Cause::GptUsable, "FirstUsableLBA", 1000),
        (48, SECTORS, Cause::GptUsable, "LastUsableLBA", SECTORS),
    ] {
        let mut disk = disk();
        let len = if field == 8 { 4 } else { 8 };
        set(&mut disk, PRIMARY, field, &value.to_le_bytes()[..len]);
        let layout = layout(&disk);
        assert_eq!(numbers(&layout), [1, 2]);
        assert_eq!(
            notes(&layout)[0],
            (cause, HEADER, name, at + field as u64, number)
        );
    }
}

#[test]
fn mbrs_of_all_kinds_before_a_gpt() {
    let protective = MbrEntry::new(0xee, 1, 255);
    let linux = MbrEntry::new(0x83, 40, 40);
    let with = |entries: &[MbrEntry]| {
        let mut disk = disk();
        write_record(&mut disk[..512], entries);
        layout(&disk)
    };
    let hybrid = with(&[linux, protective]);
    assert_eq!(hybrid.table, TableKind::Gpt);
    assert_eq!(notes(&hybrid), [(Cause::HybridMbr, "MBR", "", 446, 0)]);
    let stale = with(&[linux]);
    assert_eq!(stale.table, TableKind::Mbr);
    assert_eq!(notes(&stale), [(Cause::StaleGpt, "MBR", "", 0, 0)]);
    let empty = with(&[]);
    assert_eq!(empty.table, TableKind::Gpt);
    assert_eq!(
        notes(&empty),
        [(Cause::ProtectiveMissing, "MBR", "", 446, 0)]
    );
    let mut disk = disk();
    disk[..512].fill(0);
    let none = layout(&disk);
    assert_eq!(none.table, TableKind::Gpt);
    assert_eq!(numbers(&none), [1, 2]);
    // Only the backup is left.
    disk[..BACKUP_ARRAY].fill(0);
    let backup = layout(&disk);
    assert_eq!(numbers(&backup), [1, 2]);
    let causes: Vec<_> = notes(&backup).iter().map(|n| n.0).collect();
    assert_eq!(causes, [Cause::GptBackupUsed, Cause::ProtectiveMissing]);
    // A filesystem was made over it.
    disk[1080..1082].copy_from_slice(&[0x53, 0xef]);
    let filesystem = layout(&disk);
    assert_eq!(filesystem.table, TableKind::None);
    assert_eq!(notes(&filesystem), []);
}

#[test]
fn headers_for_both_sector_sizes() {
    let mut disk = vec![0; 1 << 20];
    let mut large = GptTable::new(4096, vec![entry(9, 8, 15)]);
    large.disk_guid = [9; 16];
    large.write(&mut disk);
    let mut both = disk.clone();
    // An array of 12 entries ends before the other header at 4096.
    let mut small = GptTable::new(512, vec![entry(1, 40, 79)]);
    small.count = 12;
    small.write(&mut both);
    let layout = layout(&both);
    assert_eq!(layout.sector_size, 512);
    assert_eq!(notes(&layout)[0].0, Cause::TwoSectorSizes);
    // The smaller one's entries are bad: the other is used.
    for lba in [2, 2048 - 4] {
        both[lba * 512] ^= 1;
    }
    let layout = crate::layout(&both);
    assert_eq!(layout.sector_size, 4096);
    assert_eq!(
        layout.disk_id.as_deref(),
        Some("09090909-0909-0909-0909-090909090909")
    );
}

#[test]
fn notes_and_costs_are_bounded() {
    let table = GptTable::new(512, vec![entry(1, 40, 79); 128]);
    let mut disk = vec![0; LEN];
    table.write(&mut disk);
    let layout = layout(&disk);
    assert_eq!(layout.partitions.len(), 128);
    assert_eq!(layout.notes.len(), MAX_NOTES);
    assert_eq!(layout.notes[MAX_NOTES - 1].cause(), Cause::TooManyNotes);
    for limits in [
        Limits::default().with_memory(16383),
        Limits::default().with_work(128),
    ] {
        let error = read_layout(&disk, &Budget::new(limits)).unwrap_err();
        assert_eq!(error.cause(), Cause::Limit);
        assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    }
    let budget = Budget::new(Limits::default().with_memory(16384).with_work(129));
    assert!(read_layout(&disk, &budget).is_ok());
    assert_eq!(budget.memory_used(), 0);
}

#[test]
fn the_largest_array_is_read() {
    let mut table = GptTable::new(512, vec![entry(1, 40, 79)]);
    table.count = 8192;
    let mut disk = vec![0; 4 << 20];
    table.write(&mut disk);
    let layout = layout(&disk);
    assert_eq!(numbers(&layout), [1]);
    assert_eq!(notes(&layout)[0].0, Cause::GptEntryUnusable);
}

/// Cut anywhere, a disk is read as far as it goes, and nothing points outside of it.
#[test]
fn truncation_at_every_byte() {
    let mut table = GptTable::new(512, vec![entry(1, 8, 15), entry(2, 16, 23)]);
    table.count = 4;
    let mut disk = vec![0; 27 * 512];
    table.write(&mut disk);
    let whole = layout(&disk);
    assert_eq!(notes(&whole), []);
    for len in 0..disk.len() {
        let layout = layout(&disk[..len]);
        for partition in &layout.partitions {
            assert!(partition.place.len > 0 && partition.place.end() <= len as u64);
        }
        // The header alone is no table; with its array it is one.
        let kind = match len {
            0..512 => TableKind::None,
            512..1536 => TableKind::Mbr,
            _ => TableKind::Gpt,
        };
        assert_eq!(layout.table, kind, "{len}");
        assert!(!layout.notes.is_empty() || len < 512, "{len}");
    }
}
