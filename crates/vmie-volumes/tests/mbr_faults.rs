//! What is wrong with an MBR is said exactly, and the rest is read.
#![allow(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "tests may panic"
)]

use vmie_io::{Budget, ErrorKind, Found, Limits, ReadAt, ReadError};
use vmie_testkit::table::{LogicalEntry, MbrEntry, MbrTable, write_record};
use vmie_volumes::{Cause, DiskLayout, MAX_NOTES, TableKind, read_layout};

/// 16384 sectors of 512 bytes.
const LEN: usize = 8 << 20;
const EMPTY: MbrEntry = MbrEntry {
    flag: 0,
    kind: 0,
    start: 0,
    sectors: 0,
};

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

fn disk(primary: [MbrEntry; 4]) -> Vec<u8> {
    let mut disk = vec![0; LEN];
    let table = MbrTable {
        signature: 1,
        primary,
        ..MbrTable::default()
    };
    table.write(&mut disk, 512);
    disk
}

fn numbers(layout: &DiskLayout) -> Vec<u32> {
    layout.partitions.iter().map(|p| p.number).collect()
}

fn record(disk: &mut [u8], lba: usize, entries: &[MbrEntry]) {
    write_record(&mut disk[lba * 512..][..512], entries);
}

const MBR: &str = "MBR partition record";
const EBR: &str = "extended boot record";

#[test]
fn odd_flags_are_read_over() {
    let mut first = MbrEntry::new(0x83, 2048, 2048);
    first.flag = 0x81;
    let mut second = MbrEntry::new(0x83, 4096, 2048);
    second.flag = 0x80;
    let mut third = MbrEntry::new(0x83, 8192, 2048);
    third.flag = 0x80;
    let layout = layout(&disk([first, second, EMPTY, third]));
    assert_eq!(numbers(&layout), [1, 2, 4]);
    assert_eq!(
        notes(&layout),
        [
            (Cause::BootFlag, MBR, "BootIndicator", 446, 0x81),
            (Cause::SeveralActive, MBR, "BootIndicator", 494, 0x80),
        ]
    );
}

#[test]
fn one_bad_entry_does_not_take_the_others_along() {
    let mut bad = MbrEntry::new(0x20, 0x7974_7265, 0x6572_6f6d);
    bad.flag = 0x72;
    let layout = layout(&disk([MbrEntry::new(0x83, 2048, 2048), bad, EMPTY, EMPTY]));
    assert_eq!(numbers(&layout), [1]);
    assert_eq!(
        notes(&layout),
        [(
            Cause::EntryImplausible,
            MBR,
            "StartingLBA",
            462,
            0x7974_7265
        )]
    );
}

#[test]
fn only_bad_entries_are_no_table() {
    let mut bad = MbrEntry::new(0x20, 0x7974_7265, 0x6572_6f6d);
    bad.flag = 0x72;
    let layout = layout(&disk([EMPTY, bad, EMPTY, EMPTY]));
    assert_eq!(layout.table, TableKind::None);
    assert_eq!(notes(&layout)[0].0, Cause::EntryImplausible);
}

#[test]
fn partitions_never_leave_the_disk() {
    let layout = layout(&disk([
        MbrEntry::new(0x83, 2048, u32::MAX),
        MbrEntry::new(0x83, 16384, 1),
        MbrEntry::new(0x83, u32::MAX, u32::MAX),
        EMPTY,
    ]));
    assert_eq!(numbers(&layout), [1]);
    let place = layout.partitions[0].place;
    assert_eq!((place.start, place.end()), (2048 * 512, LEN as u64));
    assert_eq!(
        notes(&layout),
        [
            (
                Cause::PartitionClipped,
                MBR,
                "SizeInLBA",
                458,
                u32::MAX.into()
            ),
            (Cause::PartitionOutside, MBR, "StartingLBA", 470, 16384),
            (
                Cause::PartitionOutside,
                MBR,
                "StartingLBA",
                486,
                u32::MAX.into()
            ),
        ]
    );
}

#[test]
fn a_table_whose_partitions_are_all_cut_off_is_still_one() {
    let layout = layout(&disk([
        MbrEntry::new(0x83, 20480, 2048),
        EMPTY,
        EMPTY,
        EMPTY,
    ]));
    assert_eq!(layout.table, TableKind::Mbr);
    assert_eq!(notes(&layout)[0].0, Cause::PartitionOutside);
}

#[test]
fn overlaps_and_misalignment() {
    let layout = layout(&disk([
        MbrEntry::new(0x83, 63, 4096),
        MbrEntry::new(0x83, 4096, 2048),
        MbrEntry::new(0x05, 6136, 4096),
        EMPTY,
    ]));
    assert_eq!(
        notes(&layout),
        [
            (Cause::EbrSignature, EBR, "Signature", 6136 * 512 + 510, 0),
            (Cause::Overlap, MBR, "StartingLBA", 470, 4096 * 512),
            (Cause::Overlap, MBR, "StartingLBA", 486, 6136 * 512),
            (Cause::Misaligned, MBR, "StartingLBA", 454, 63 * 512),
        ]
    );
}

#[test]
fn a_container_does_not_overlap_what_is_in_it() {
    let mut disk = vec![0; LEN];
    MbrTable {
        primary: [MbrEntry::new(0x05, 2048, 4096), EMPTY, EMPTY, EMPTY],
        logical: vec![
            LogicalEntry {
                record: 2048,
                entry: MbrEntry::new(0x83, 2056, 1000),
            },
            LogicalEntry {
                record: 3072,
                entry: MbrEntry::new(0x83, 3080, 1000),
            },
        ],
        ..MbrTable::default()
    }
    .write(&mut disk, 512);
    assert_eq!(notes(&layout(&disk)), []);
}

fn extended() -> Vec<u8> {
    let mut disk = disk([MbrEntry::new(0x05, 2048, 8192), EMPTY, EMPTY, EMPTY]);
    let entries = [MbrEntry::new(0x83, 8, 100), MbrEntry::new(0x05, 1024, 1024)];
    record(&mut disk, 2048, &entries);
    record(&mut disk, 3072, &[MbrEntry::new(0x83, 8, 100)]);
    disk
}

#[test]
fn chains_that_return_are_cut() {
    // To itself, to the first record, to its own predecessor.
    for (link, offset) in [(1024, 3072), (0, 3072)] {
        let mut disk = extended();
        let entries = [MbrEntry::new(0x83, 8, 96), MbrEntry::new(0x05, link, 99)];
        record(&mut disk, 3072, &entries);
        let layout = layout(&disk);
        assert_eq!(numbers(&layout), [1, 5, 6]);
        let at = offset * 512 + 462 + 8;
        assert_eq!(
            notes(&layout),
            [(Cause::EbrLoop, EBR, "StartingLBA", at, u64::from(link))]
        );
    }
}

#[test]
fn two_containers_with_one_chain_are_read_once() {
    let mut disk = extended();
    let twice = [
        MbrEntry::new(0x05, 2048, 8192),
        MbrEntry::new(0x0f, 2048, 8192),
    ];
    record(&mut disk, 0, &twice);
    let layout = layout(&disk);
    assert_eq!(numbers(&layout), [1, 2, 5, 6]);
    let causes: Vec<_> = notes(&layout).iter().map(|n| (n.0, n.3)).collect();
    assert_eq!(
        causes,
        [
            (Cause::SeveralExtended, 462 + 4),
            (Cause::EbrLoop, 462 + 8),
            (Cause::Overlap, 446 + 8),
            (Cause::Overlap, 462 + 8)
        ]
    );
}

#[test]
fn links_that_lead_nowhere_end_the_chain() {
    let at = 3072 * 512 + 462 + 8;
    for link in [14336, 14337, u32::MAX] {
        let mut disk = extended();
        let entries = [MbrEntry::new(0x83, 8, 96), MbrEntry::new(0x05, link, 99)];
        record(&mut disk, 3072, &entries);
        let layout = layout(&disk);
        assert_eq!(numbers(&layout), [1, 5, 6]);
        let expected = (Cause::EbrOutside, EBR, "StartingLBA", at, u64::from(link));
        assert_eq!(notes(&layout), [expected]);
    }
}

#[test]
fn a_record_outside_of_the_container_is_followed() {
    let mut disk = extended();
    let entries = [MbrEntry::new(0x83, 8, 96), MbrEntry::new(0x05, 8192, 99)];
    record(&mut disk, 3072, &entries);
    record(&mut disk, 10240, &[MbrEntry::new(0x83, 8, 100)]);
    let layout = layout(&disk);
    assert_eq!(numbers(&layout), [1, 5, 6, 7]);
    assert_eq!(
        notes(&layout),
        [
            (
                Cause::EbrOutsideExtended,
                EBR,
                "StartingLBA",
                3072 * 512 + 470,
                8192
            ),
            (
                Cause::LogicalOutside,
                EBR,
                "StartingLBA",
                10240 * 512 + 446,
                8
            ),
        ]
    );
}

#[test]
fn a_record_without_signature_ends_the_chain() {
    let mut disk = extended();
    disk[3072 * 512 + 511] = 0;
    let layout = layout(&disk);
    assert_eq!(numbers(&layout), [1, 5]);
    let at = 3072 * 512 + 510;
    assert_eq!(
        notes(&layout),
        [(Cause::EbrSignature, EBR, "Signature", at, 0)]
    );
}

#[test]
fn logical_partitions_past_the_end_of_their_container_and_of_the_disk() {
    let mut disk = extended();
    record(&mut disk, 3072, &[MbrEntry::new(0x83, 8, u32::MAX)]);
    let layout = layout(&disk);
    assert_eq!(layout.partitions[2].place.end(), LEN as u64);
    let at = 3072 * 512 + 446;
    assert_eq!(
        notes(&layout),
        [
            (Cause::LogicalOutside, EBR, "StartingLBA", at, 8),
            (
                Cause::PartitionClipped,
                EBR,
                "SizeInLBA",
                at + 12,
                u32::MAX.into()
            ),
        ]
    );
}

#[test]
fn a_long_chain_is_cut_at_the_bound() {
    let mut disk = disk([MbrEntry::new(0x05, 2048, 8192), EMPTY, EMPTY, EMPTY]);
    for n in 0..300 {
        let entries = [
            MbrEntry::new(0x83, 8, 8),
            MbrEntry::new(0x05, (n + 1) * 16, 16),
        ];
        record(&mut disk, 2048 + n as usize * 16, &entries);
    }
    let layout = layout(&disk);
    assert_eq!(layout.partitions.len(), 1 + 256);
    assert_eq!(layout.partitions.last().unwrap().number, 260);
    let last = notes(&layout).pop().unwrap();
    assert_eq!((last.0, last.4), (Cause::TooManyLogical, 256 * 16));
}

#[test]
fn notes_are_bounded() {
    let mut disk = disk([MbrEntry::new(0x05, 2048, 8192), EMPTY, EMPTY, EMPTY]);
    for n in 0..100 {
        let entries = [
            MbrEntry::new(0x83, 1, 8),
            MbrEntry::new(0x05, (n + 1) * 16, 16),
        ];
        record(&mut disk, 2048 + n as usize * 16, &entries);
    }
    let layout = layout(&disk);
    assert_eq!(layout.notes.len(), MAX_NOTES);
    assert_eq!(layout.notes.last().unwrap().cause(), Cause::TooManyNotes);
    assert_eq!(layout.notes[1].cause(), Cause::Misaligned);
}

#[test]
fn a_boot_sector_with_a_table() {
    let mut disk = disk([MbrEntry::new(0x83, 2048, 2048), EMPTY, EMPTY, EMPTY]);
    disk[..22].copy_from_slice(b"\xeb\x3c\x90mkfs.fat\0\x02\x04\x04\0\x02\0\x02\0\x08\xf8");
    let with_table = layout(&disk);
    assert_eq!(with_table.table, TableKind::Mbr);
    assert_eq!(with_table.notes[0].cause(), Cause::BootSectorAndTable);
    // One entry that is not in order, and it is a filesystem.
    disk[462] = 0x42;
    let without = layout(&disk);
    assert_eq!(without.table, TableKind::None);
    assert_eq!(without.notes.len(), 0);
}

#[test]
fn a_table_without_signature() {
    let mut disk = disk([MbrEntry::new(0x83, 2048, 2048), EMPTY, EMPTY, EMPTY]);
    disk[510..512].fill(0);
    let layout = layout(&disk);
    assert_eq!(layout.table, TableKind::None);
    let note = (Cause::SignatureMissing, "MBR", "Signature", 510, 0);
    assert_eq!(notes(&layout), [note]);
}

#[test]
fn a_protective_mbr_that_protects_nothing() {
    let disk = disk([
        MbrEntry::new(0xee, 1, 16383),
        MbrEntry::new(0x83, 2048, 2048),
        EMPTY,
        EMPTY,
    ]);
    let layout = layout(&disk);
    assert_eq!(layout.table, TableKind::Mbr);
    assert_eq!(numbers(&layout), [1, 2]);
    assert!(!layout.partitions[0].holds_data());
    let causes: Vec<_> = notes(&layout).iter().map(|n| (n.0, n.1, n.3)).collect();
    assert_eq!(
        causes,
        [
            (Cause::GptSignature, "GPT header", 512),
            (Cause::GptSignature, "backup GPT header", LEN as u64 - 512),
            (Cause::GptLost, "MBR", 446),
            (Cause::Overlap, "MBR partition record", 470),
        ]
    );
}

/// A source that fails at one sector.
struct Failing {
    disk: Vec<u8>,
    at: u64,
}

impl ReadAt for Failing {
    fn len(&self) -> u64 {
        self.disk.len() as u64
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<(), ReadError> {
        if (offset..offset + buf.len() as u64).contains(&self.at) {
            return Err(ReadError::new("broken", ErrorKind::Io, self.at));
        }
        self.disk.read_exact_at(buf, offset)
    }
}

#[test]
fn a_record_that_cannot_be_read_ends_the_chain() {
    let disk = extended();
    let at = 3072 * 512;
    let layout = read_layout(&Failing { disk, at }, &Budget::default()).unwrap();
    assert_eq!(numbers(&layout), [1, 5]);
    assert_eq!(notes(&layout), [(Cause::Read, EBR, "", at, 0)]);
    let failing = Failing {
        disk: extended(),
        at: 100,
    };
    let error = read_layout(&failing, &Budget::default()).unwrap_err();
    assert_eq!((error.cause(), error.kind()), (Cause::Read, ErrorKind::Io));
}

#[test]
fn the_budget_is_kept() {
    let budget = Budget::new(Limits::default().with_work(1));
    let error = read_layout(&extended(), &budget).unwrap_err();
    assert_eq!(error.cause(), Cause::Limit);
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    let budget = Budget::new(Limits::default().with_work(2));
    assert!(read_layout(&extended(), &budget).is_ok());
}

/// Cut anywhere, a disk is read as far as it goes, and nothing points outside of it.
#[test]
fn truncation_at_every_byte() {
    let mut disk = vec![0; 24 * 512];
    MbrTable {
        signature: 9,
        primary: [
            MbrEntry::new(0x83, 1, 7),
            MbrEntry::new(0x05, 8, 16),
            EMPTY,
            EMPTY,
        ],
        logical: vec![
            LogicalEntry {
                record: 8,
                entry: MbrEntry::new(0x83, 9, 7),
            },
            LogicalEntry {
                record: 16,
                entry: MbrEntry::new(0x83, 17, 7),
            },
        ],
        ..MbrTable::default()
    }
    .write(&mut disk, 512);
    for len in 0..=disk.len() {
        let layout = layout(&disk[..len]);
        for partition in &layout.partitions {
            assert!(partition.place.len > 0 && partition.place.end() <= len as u64);
        }
        let sectors = len / 512;
        let expected: &[u32] = match sectors {
            0..2 => &[],
            2..9 => &[1],
            9 => &[1, 2],
            10..18 => &[1, 2, 5],
            _ => &[1, 2, 5, 6],
        };
        assert_eq!(numbers(&layout), expected, "{len}");
        let table = if len < 512 {
            TableKind::None
        } else {
            TableKind::Mbr
        };
        assert_eq!(layout.table, table, "{len}");
    }
}
