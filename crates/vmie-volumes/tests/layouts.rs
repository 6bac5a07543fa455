//! Sound tables of every kind are read as they were written.
#![allow(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "tests may panic"
)]

use vmie_io::{Budget, Extent, Meter, Metered, ReadAt, ReadAtExt, ReadError};
use vmie_testkit::table::{GptEntry, GptTable, LogicalEntry, MbrEntry, MbrTable, guid};
use vmie_volumes::{
    BootCode, Cause, DiskLayout, GptAttributes, PartitionKind, PartitionRole, TableKind,
    open_partition, read_layout,
};

const MIB: usize = 1 << 20;

fn layout(disk: &[u8]) -> DiskLayout {
    read_layout(&disk.to_vec(), &Budget::default()).unwrap()
}

fn causes(layout: &DiskLayout) -> Vec<Cause> {
    layout.notes.iter().map(vmie_volumes::Note::cause).collect()
}

fn numbers(layout: &DiskLayout) -> Vec<u32> {
    layout.partitions.iter().map(|p| p.number).collect()
}

fn places(layout: &DiskLayout) -> Vec<(u64, u64)> {
    let place = |p: &vmie_volumes::Partition| (p.place.start / 512, p.place.len / 512);
    layout.partitions.iter().map(place).collect()
}

/// Two primary partitions, an extended one in slot 4, slot 3 empty, three logical ones.
fn mbr() -> MbrTable {
    let logical = |record, start, sectors| LogicalEntry {
        record,
        entry: MbrEntry::new(0x83, start, sectors),
    };
    let mut boot = MbrEntry::new(0x83, 2048, 4096);
    boot.flag = 0x80;
    MbrTable {
        signature: 0x12ab_0001,
        code: b"\xeb\x63\x90".to_vec(),
        primary: [
            boot,
            MbrEntry::new(0x82, 6144, 2048),
            MbrEntry::default(),
            MbrEntry::new(0x05, 8192, 8192),
        ],
        logical: vec![
            logical(8192, 8200, 1000),
            logical(10240, 10248, 2000),
            logical(14336, 14400, 1984),
        ],
    }
}

#[test]
fn an_mbr_with_logical_partitions() {
    let mut disk = vec![0; 8 * MIB];
    mbr().write(&mut disk, 512);
    let layout = layout(&disk);
    assert_eq!(layout.table, TableKind::Mbr);
    assert_eq!(layout.sector_size, 512);
    assert_eq!(layout.disk_id.as_deref(), Some("12ab0001"));
    assert_eq!(layout.boot_code, BootCode::Unknown);
    assert_eq!(numbers(&layout), [1, 2, 4, 5, 6, 7]);
    assert_eq!(layout.primary_count(), 3);
    assert_eq!(
        places(&layout),
        [
            (2048, 4096),
            (6144, 2048),
            (8192, 8192),
            (8200, 1000),
            (10248, 2000),
            (14400, 1984)
        ]
    );
    let uuids: Vec<_> = layout
        .partitions
        .iter()
        .map(|p| p.part_uuid.as_deref().unwrap())
        .collect();
    assert_eq!(uuids[0], "12ab0001-01");
    assert_eq!(uuids[5], "12ab0001-07");
    let root = layout.partition(1).unwrap();
    assert!(root.bootable);
    assert_eq!(
        (root.type_code.as_str(), root.type_name),
        ("0x83", Some("Linux"))
    );
    assert!(layout.partition(2).unwrap().is_swap());
    assert!(layout.partition(4).unwrap().is_extended());
    assert!(!layout.partition(4).unwrap().holds_data());
    assert_eq!(layout.partition(5).unwrap().kind, PartitionKind::Logical);
    assert_eq!(causes(&layout), []);
}

#[test]
fn the_number_in_the_partuuid_is_hexadecimal() {
    let mut table = mbr();
    table.primary[3].sectors = 8000;
    table.logical = (0..12)
        .map(|n| LogicalEntry {
            record: 8192 + n * 512,
            entry: MbrEntry::new(0x83, 8192 + n * 512 + 8, 400),
        })
        .collect();
    let mut disk = vec![0; 8 * MIB];
    table.write(&mut disk, 512);
    let layout = layout(&disk);
    let last = layout.partitions.last().unwrap();
    assert_eq!(
        (last.number, last.part_uuid.as_deref()),
        (16, Some("12ab0001-10"))
    );
}

#[test]
fn a_disk_signature_of_zero_is_none() {
    let mut table = mbr();
    table.signature = 0;
    let mut disk = vec![0; 8 * MIB];
    table.write(&mut disk, 512);
    let layout = layout(&disk);
    assert_eq!(layout.disk_id, None);
    assert!(layout.partitions.iter().all(|p| p.part_uuid.is_none()));
}

/// The container in slot 1, primaries after it; the chain goes backwards and forwards again; a
/// record has two partitions and the link in its third slot.
#[test]
fn records_in_any_order_and_with_several_partitions() {
    let mut disk = vec![0; 8 * MIB];
    let primary = [
        MbrEntry::new(0x0f, 2048, 8192),
        MbrEntry::new(0x07, 10240, 2048),
    ];
    vmie_testkit::table::write_record(&mut disk[..512], &primary);
    let mut record = |lba: usize, entries: &[MbrEntry]| {
        vmie_testkit::table::write_record(&mut disk[lba * 512..][..512], entries);
    };
    record(
        2048,
        &[
            MbrEntry::new(0x83, 8, 100),
            MbrEntry::new(0x83, 200, 100),
            MbrEntry::new(0x05, 6000, 1000),
        ],
    );
    record(
        8048,
        &[
            MbrEntry::default(),
            MbrEntry::new(0x05, 4000, 1000),
            MbrEntry::new(0x83, 64, 500),
            // Reaches out of what the link gave the record: not a partition.
            MbrEntry::new(0x83, 64, 1500),
        ],
    );
    record(6048, &[MbrEntry::new(0x8e, 64, 936)]);
    let layout = layout(&disk);
    assert_eq!(numbers(&layout), [1, 2, 5, 6, 7, 8]);
    assert_eq!(
        places(&layout)[2..],
        [(2056, 100), (2248, 100), (8112, 500), (6112, 936)]
    );
    assert!(layout.partition(8).unwrap().is_lvm());
}

#[test]
fn an_empty_chain_has_no_logical_partitions() {
    let mut disk = vec![0; 8 * MIB];
    let table = MbrTable {
        primary: [
            MbrEntry::new(0x05, 2048, 8192),
            MbrEntry::default(),
            MbrEntry::default(),
            MbrEntry::default(),
        ],
        ..mbr()
    };
    let table = MbrTable {
        logical: vec![],
        ..table
    };
    table.write(&mut disk, 512);
    vmie_testkit::table::write_record(&mut disk[2048 * 512..][..512], &[]);
    let layout = layout(&disk);
    assert_eq!(numbers(&layout), [1]);
    assert_eq!(causes(&layout), []);
}

fn gpt_entries(sector_size: usize) -> Vec<GptEntry> {
    let unit = (MIB / sector_size) as u64;
    let entry = |kind, nth: u8, first, last, name: &str| GptEntry {
        kind: guid(kind),
        guid: [nth; 16],
        first: first * unit,
        last: last * unit - 1,
        attributes: 0,
        name: name.into(),
    };
    let mut root = entry(
        "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709",
        3,
        4,
        6,
        "Wurzel \u{1f333}",
    );
    root.attributes = 1 << 2 | 1 << 59 | 1 << 63;
    vec![
        entry(
            "C12A7328-F81F-11D2-BA4B-00A0C93EC93B",
            1,
            1,
            3,
            "EFI System Partition",
        ),
        entry("21686148-6449-6E6F-744E-656564454649", 2, 3, 4, ""),
        GptEntry::default(),
        root,
        entry("DEADBEEF-0000-4000-8000-00000000CAFE", 4, 6, 7, "own"),
    ]
}

#[test]
fn a_gpt_with_both_sector_sizes_and_all_entry_sizes() {
    for sector_size in [512, 4096] {
        for (entry_len, header_len) in [(128, 92), (256, 96), (512, 512), (4096, 400)] {
            let mut table = GptTable::new(sector_size, gpt_entries(sector_size));
            (table.entry_len, table.header_len) = (entry_len, header_len);
            if entry_len == 4096 {
                table.count = 16;
            }
            let mut disk = vec![0; 8 * MIB];
            table.write(&mut disk);
            let layout = layout(&disk);
            assert_eq!(causes(&layout), [], "{sector_size} {entry_len}");
            assert_eq!(layout.table, TableKind::Gpt);
            assert_eq!(layout.sector_size, sector_size as u32);
            assert_eq!(
                layout.disk_id.as_deref(),
                Some("33221100-5544-7766-8899-aabbccddeeff")
            );
            assert_eq!(numbers(&layout), [1, 2, 4, 5]);
            assert_eq!(
                places(&layout),
                [(2048, 4096), (6144, 2048), (8192, 4096), (12288, 2048)]
            );
            assert_eq!(layout.esps().count(), 1);
            assert!(layout.has_bios_boot_partition());
            assert_eq!(layout.primary_count(), 0);
            let root = layout.partition(4).unwrap();
            assert_eq!(root.name, "Wurzel \u{1f333}");
            assert_eq!(root.role, PartitionRole::LinuxRoot);
            assert_eq!(root.type_code, "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709");
            assert_eq!(
                root.part_uuid.as_deref(),
                Some("03030303-0303-0303-0303-030303030303")
            );
            assert!(root.bootable);
            assert!(root.attributes.contains(GptAttributes::NO_DRIVE_LETTER));
            assert_eq!(root.attributes.bits(), 1 << 2 | 1 << 59 | 1 << 63);
            let own = layout.partition(5).unwrap();
            assert_eq!((own.type_name, own.role), (None, PartitionRole::Other));
        }
    }
}

#[test]
fn half_a_surrogate_in_a_name_is_replaced() {
    let mut disk = vec![0; 8 * MIB];
    GptTable::new(512, gpt_entries(512)).write(&mut disk);
    for (array, header) in [(2, 1), (8 * 2048 - 33, 8 * 2048 - 1)] {
        disk[array * 512 + 56..][..2].copy_from_slice(&[0x00, 0xd8]);
        vmie_testkit::table::seal_gpt(&mut disk, 512, header);
    }
    let layout = layout(&disk);
    assert_eq!(causes(&layout), []);
    assert_eq!(layout.partitions[0].name, "\u{fffd}FI System Partition");
}

#[test]
fn an_mbr_that_counts_in_sectors_of_4096() {
    let mut disk = vec![0; 64 * MIB];
    let table = MbrTable {
        signature: 7,
        code: vec![],
        primary: [
            MbrEntry::new(0x83, 256, 2048),
            MbrEntry::new(0x05, 2304, 4096),
            MbrEntry::default(),
            MbrEntry::default(),
        ],
        logical: vec![LogicalEntry {
            record: 2304,
            entry: MbrEntry::new(0x82, 2560, 1024),
        }],
    };
    table.write(&mut disk, 4096);
    // An ext superblock where the partition is when its start is counted in 4096.
    disk[256 * 4096 + 1080..][..2].copy_from_slice(&[0x53, 0xef]);
    let layout = layout(&disk);
    assert_eq!(layout.sector_size, 4096);
    assert_eq!(numbers(&layout), [1, 2, 5]);
    assert_eq!(layout.partitions[0].place.start, MIB as u64);
    assert_eq!(layout.partitions[2].place.start, 10 * MIB as u64);
    assert_eq!(causes(&layout), []);
}

#[test]
fn when_nothing_tells_an_mbr_counts_in_sectors_of_512() {
    for magic_at in [None, Some(2048 * 512 + 1080)] {
        let mut disk = vec![0; 64 * MIB];
        let table = MbrTable {
            primary: [
                MbrEntry::new(0x83, 2048, 2048),
                MbrEntry::default(),
                MbrEntry::default(),
                MbrEntry::default(),
            ],
            ..MbrTable::default()
        };
        table.write(&mut disk, 512);
        if let Some(at) = magic_at {
            disk[at..][..2].copy_from_slice(&[0x53, 0xef]);
            // Something is at the other place too: what 512 explains needs no other reading.
            disk[2048 * 4096..][..4].copy_from_slice(b"XFSB");
        }
        assert_eq!(layout(&disk).sector_size, 512, "{magic_at:?}");
    }
}

#[test]
fn disks_without_a_table() {
    let none = |disk: &[u8]| {
        let layout = layout(disk);
        assert_eq!(layout.table, TableKind::None);
        assert!(layout.partitions.is_empty());
        assert_eq!(causes(&layout), []);
        layout.boot_code
    };
    assert_eq!(none(&[]), BootCode::Empty);
    assert_eq!(none(&[0xeb; 511]), BootCode::Empty);
    assert_eq!(none(&[0; 512]), BootCode::Empty);
    assert_eq!(none(&vec![0; MIB]), BootCode::Empty);
    assert_eq!(none(&vec![0xa5; MIB]), BootCode::Empty);

    let mut ext = vec![0; MIB];
    ext[1080..1082].copy_from_slice(&[0x53, 0xef]);
    none(&ext);
    // With boot code in front, as extlinux leaves it.
    ext[..11].copy_from_slice(b"\xeb\x58\x90EXTLINUX");
    ext[510..512].copy_from_slice(&[0x55, 0xaa]);
    assert_eq!(none(&ext), BootCode::Syslinux);

    let mut fat = vec![0; MIB];
    fat[..22].copy_from_slice(b"\xeb\x3c\x90mkfs.fat\0\x02\x04\x04\0\x02\0\x02\0\x08\xf8");
    fat[510..512].copy_from_slice(&[0x55, 0xaa]);
    none(&fat);
    let mut ntfs = vec![0; MIB];
    ntfs[..13].copy_from_slice(b"\xeb\x52\x90NTFS    \0\x02");
    // Messages where a table would have its entries.
    ntfs[0x180..0x180 + 112]
        .copy_from_slice(&b"BOOTMGR is missing Press Ctrl+Alt+Del".repeat(4)[..112]);
    ntfs[510..512].copy_from_slice(&[0x55, 0xaa]);
    assert_eq!(none(&ntfs), BootCode::Windows);
}

#[test]
fn an_mbr_without_partitions_is_an_mbr() {
    let mut disk = vec![0; MIB];
    MbrTable {
        signature: 0x1234,
        ..MbrTable::default()
    }
    .write(&mut disk, 512);
    let layout = layout(&disk);
    assert_eq!(layout.table, TableKind::Mbr);
    assert_eq!(layout.disk_id.as_deref(), Some("00001234"));
    assert!(layout.partitions.is_empty());
}

/// What images of hybrid installation media have: the first partition is the whole disk, of type 0
/// or a hidden one, and starts at the table itself.
#[test]
fn a_partition_may_start_at_the_table() {
    let mut disk = vec![0; MIB];
    let mut whole = MbrEntry::new(0, 0, 2048);
    whole.flag = 0x80;
    let table = MbrTable {
        primary: [
            whole,
            MbrEntry::new(0xef, 64, 128),
            MbrEntry::default(),
            MbrEntry::default(),
        ],
        ..MbrTable::default()
    };
    table.write(&mut disk, 512);
    let layout = layout(&disk);
    assert_eq!(places(&layout), [(0, 2048), (64, 128)]);
    assert_eq!(causes(&layout), [Cause::Overlap]);
}

#[test]
fn a_partition_opens_as_a_source_of_its_own() {
    let mut disk = vec![0; 8 * MIB];
    mbr().write(&mut disk, 512);
    disk[2048 * 512] = 42;
    let layout = layout(&disk);
    let part = open_partition(&disk, &layout.partitions[0]).unwrap();
    assert_eq!(part.len(), 4096 * 512);
    assert_eq!(part.read_array::<1>(0).unwrap(), [42]);
    let other = vec![0; MIB];
    let error = open_partition(&other, &layout.partitions[0]).unwrap_err();
    assert_eq!(error.cause(), Cause::Read);
    assert_eq!(error.kind(), vmie_io::ErrorKind::Truncated);
}

/// A disk that is larger than any memory: a start, an end, and zeros.
struct Sparse {
    len: u64,
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl ReadAt for Sparse {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<(), ReadError> {
        if offset + buf.len() as u64 > self.len {
            return Err(ReadError::past_end("sparse", offset, buf.len(), self.len));
        }
        for (at, byte) in (offset..).zip(buf) {
            let tail = at.checked_sub(self.len - self.tail.len() as u64);
            *byte = match tail {
                Some(at) => self.tail[at as usize],
                None => self.head.get(at as usize).copied().unwrap_or(0),
            };
        }
        Ok(())
    }

    fn next_extent(&self, offset: u64) -> Result<Extent, ReadError> {
        Ok(Extent::new(
            vmie_io::ExtentKind::Data,
            offset,
            self.len - offset,
        ))
    }
}

#[test]
fn few_bytes_of_a_large_disk_are_read() {
    // Written to a small disk, then its ends are moved apart.
    let len: u64 = 8 << 40;
    let mut small = vec![0; 2 * MIB];
    GptTable::new(512, gpt_entries(512)).write(&mut small);
    let (head, tail) = small.split_at(MIB);
    let (mut head, mut tail) = (head.to_vec(), tail.to_vec());
    let last = len / 512 - 1;
    let usable = last - 33;
    for (header, own, other, array) in [
        (&mut head[512..1024], 1, last, 2),
        (&mut tail[MIB - 512..], last, 1, last - 32),
    ] {
        for (at, lba) in [(24, own), (32, other), (48, usable), (72, array)] {
            header[at..at + 8].copy_from_slice(&u64::to_le_bytes(lba));
        }
        header[16..20].fill(0);
        let crc = crc32fast::hash(&header[..92]);
        header[16..20].copy_from_slice(&crc.to_le_bytes());
    }
    let meter = Meter::new();
    let disk = Metered::new(Sparse { len, head, tail }, meter.clone());
    let layout = read_layout(&disk, &Budget::default()).unwrap();
    assert_eq!(causes(&layout), []);
    assert_eq!(numbers(&layout), [1, 2, 4, 5]);
    assert_eq!(meter.reads(), 3);
    assert_eq!(meter.bytes(), 8192 + 16384 + 512);
}
