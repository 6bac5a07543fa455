//! Tables that are built come back as they were; bytes that are not tables do no harm.
#![allow(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "tests may panic"
)]

use proptest::collection::vec;
use proptest::prelude::*;
use vmie_io::Budget;
use vmie_testkit::table::{GptEntry, GptTable, LogicalEntry, MbrEntry, MbrTable, seal_gpt};
use vmie_volumes::{DiskLayout, MAX_NOTES, PartitionKind, TableKind, read_layout};

const LEN: usize = 1 << 20;

fn layout(disk: &Vec<u8>) -> DiskLayout {
    read_layout(disk, &Budget::default()).unwrap()
}

/// What holds for whatever is on the disk.
fn check(layout: &DiskLayout, len: usize) -> Result<(), TestCaseError> {
    let mut last = 0;
    for partition in &layout.partitions {
        prop_assert!(partition.number > last);
        last = partition.number;
        prop_assert!(partition.place.len > 0);
        prop_assert!(partition.place.end() <= len as u64);
        prop_assert!(
            partition
                .place
                .start
                .is_multiple_of(layout.sector_size.into())
        );
    }
    prop_assert!(layout.notes.len() <= MAX_NOTES);
    prop_assert!(layout.table != TableKind::None || layout.partitions.is_empty());
    prop_assert!(matches!(layout.sector_size, 512 | 4096));
    Ok(())
}

/// Sorted, disjoint ranges of sectors out of random cuts.
fn ranges(cuts: Vec<u32>) -> Vec<(u32, u32)> {
    let mut cuts = cuts;
    cuts.sort_unstable();
    cuts.dedup();
    cuts.chunks_exact(2)
        .map(|pair| (pair[0], pair[1]))
        .collect()
}

fn text(guid: &[u8; 16]) -> String {
    let d = u32::from_le_bytes(guid[..4].try_into().unwrap());
    let (a, b) = (
        u16::from_le_bytes([guid[4], guid[5]]),
        u16::from_le_bytes([guid[6], guid[7]]),
    );
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    format!(
        "{d:08x}-{a:04x}-{b:04x}-{}-{}",
        hex(&guid[8..10]),
        hex(&guid[10..])
    )
}

prop_compose! {
    fn gpt_entry()(
        kind in any::<[u8; 16]>().prop_filter("in use", |kind| kind != &[0; 16]),
        guid in any::<[u8; 16]>(),
        attributes in any::<u64>(),
        name in "[^\u{0}]{0,18}",
    ) -> GptEntry {
        GptEntry { kind, guid, attributes, name, first: 0, last: 0 }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_gpt_comes_back(
        large in any::<bool>(),
        entry_len in prop::sample::select(vec![128u32, 256, 512]),
        header_len in 92u32..=512,
        disk_guid in any::<[u8; 16]>(),
        entries in vec(prop::option::weighted(0.7, gpt_entry()), 0..12),
        cuts in vec(64u32..192, 24),
        lost in prop::option::of(0usize..92),
    ) {
        let sector_size = if large { 4096 } else { 512 };
        let mut table = GptTable::new(sector_size, vec![]);
        table.count = 16;
        (table.entry_len, table.header_len, table.disk_guid) = (entry_len, header_len, disk_guid);
        let places = ranges(cuts);
        table.entries = entries
            .into_iter()
            .zip(&places)
            .map(|(entry, (first, end))| match entry {
                Some(entry) => GptEntry { first: u64::from(*first), last: u64::from(end - 1), ..entry },
                None => GptEntry::default(),
            })
            .collect();
        let mut disk = vec![0; LEN];
        table.write(&mut disk);
        if let Some(byte) = lost {
            // One byte of the primary header is lost: the backup gives the same.
            disk[sector_size + byte] ^= 0x10;
        }
        let layout = layout(&disk);
        check(&layout, LEN)?;
        prop_assert_eq!(layout.table, TableKind::Gpt);
        prop_assert_eq!(layout.sector_size as usize, sector_size);
        prop_assert_eq!(layout.disk_id.unwrap(), text(&disk_guid));
        let built: Vec<_> = (1..).zip(&table.entries).filter(|(_, e)| e.kind != [0; 16]).collect();
        prop_assert_eq!(layout.partitions.len(), built.len());
        for (partition, (number, entry)) in layout.partitions.iter().zip(built) {
            prop_assert_eq!(partition.number, number);
            prop_assert_eq!(&partition.type_code, &text(&entry.kind).to_uppercase());
            prop_assert_eq!(partition.part_uuid.clone(), Some(text(&entry.guid)));
            prop_assert_eq!(partition.attributes.bits(), entry.attributes);
            prop_assert_eq!(partition.bootable, entry.attributes & 4 != 0);
            prop_assert_eq!(partition.place.start, entry.first * sector_size as u64);
            prop_assert_eq!(partition.place.end(), (entry.last + 1) * sector_size as u64);
            prop_assert_eq!(&partition.name, &entry.name);
        }
    }

    #[test]
    fn an_mbr_comes_back(
        signature in any::<u32>(),
        kinds in vec(prop::sample::select(vec![0x07u8, 0x82, 0x83, 0x8e, 0xef, 0xfd]), 3),
        active in 0usize..4,
        cuts in vec(1u32..2048, 8..=8),
        logical in vec(2u32..60, 0..20),
    ) {
        let places = ranges(cuts);
        let mut primary = [MbrEntry::default(); 4];
        for (slot, ((start, end), kind)) in primary.iter_mut().zip(places.iter().zip(&kinds)) {
            *slot = MbrEntry::new(*kind, *start, end - start);
        }
        primary[active.min(2)].flag = 0x80 * u8::from(primary[active.min(2)].sectors > 0);
        // The logical partitions after all that, each after its record.
        let mut at = 2048;
        let logical: Vec<_> = logical
            .into_iter()
            .map(|sectors| {
                let record = at;
                at += sectors;
                LogicalEntry { record, entry: MbrEntry::new(0x83, record + 1, sectors - 1) }
            })
            .collect();
        primary[3] = MbrEntry::new(0x0f, 2048, at - 2048);
        if logical.is_empty() {
            primary[3] = MbrEntry::default();
        }
        let table = MbrTable { signature, code: vec![], primary, logical };
        let mut disk = vec![0; 4 * LEN];
        table.write(&mut disk, 512);
        let layout = layout(&disk);
        check(&layout, disk.len())?;
        prop_assert_eq!(layout.table, TableKind::Mbr);
        let place = |e: &MbrEntry| (u64::from(e.start) * 512, u64::from(e.sectors) * 512);
        let built = (1u32..)
            .zip(&table.primary)
            .filter(|(_, e)| e.sectors > 0)
            .chain((5..).zip(table.logical.iter().map(|l| &l.entry)));
        let found: Vec<_> = layout
            .partitions
            .iter()
            .map(|p| (p.number, (p.place.start, p.place.len), p.type_code.clone(), p.bootable))
            .collect();
        let built: Vec<_> = built
            .map(|(n, e)| (n, place(e), format!("0x{:02x}", e.kind), e.flag == 0x80))
            .collect();
        prop_assert_eq!(found, built);
        let logical = layout.partitions.iter().filter(|p| p.kind == PartitionKind::Logical);
        prop_assert_eq!(logical.count(), table.logical.len());
    }

    #[test]
    fn noise_does_no_harm(bytes in vec(any::<u8>(), 0..20_000), signature in any::<bool>()) {
        let mut bytes = bytes;
        if signature && bytes.len() >= 512 {
            bytes[510..512].copy_from_slice(&[0x55, 0xaa]);
        }
        check(&layout(&bytes), bytes.len())?;
    }

    /// Noise in a table whose checksums are made right again.
    #[test]
    fn a_sealed_gpt_of_noise_does_no_harm(
        noise in vec((0usize..92, any::<u8>()), 0..8),
        entries in vec((0usize..2048, any::<u8>()), 0..64),
        both in any::<bool>(),
    ) {
        let mut disk = vec![0; 64 * 512];
        let mut table = GptTable::new(512, vec![]);
        table.count = 16;
        table.write(&mut disk);
        for (at, byte) in entries {
            disk[1024 + at] = byte;
        }
        for (at, byte) in noise {
            disk[512 + at] = byte;
            if both {
                disk[63 * 512 + at] = byte;
            }
        }
        seal_gpt(&mut disk, 512, 1);
        seal_gpt(&mut disk, 512, 63);
        check(&layout(&disk), disk.len())?;
    }

    /// Noise in the entries of an MBR and of the records that they lead to.
    #[test]
    fn a_chain_of_noise_ends(
        starts in vec((0u32..64, 0u32..64, prop::sample::select(vec![0u8, 5, 0x0f, 0x83, 0xee])), 4 * 64),
    ) {
        let mut disk = vec![0; 64 * 512];
        for (record, entries) in disk.chunks_exact_mut(512).zip(starts.chunks_exact(4)) {
            let entries: Vec<_> = entries
                .iter()
                .map(|(start, sectors, kind)| MbrEntry::new(*kind, *start, *sectors))
                .collect();
            vmie_testkit::table::write_record(record, &entries);
        }
        check(&layout(&disk), disk.len())?;
    }
}
