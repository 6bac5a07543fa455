//! Windows dynamic disks: volumes of every layout, whole and broken.
#![allow(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "tests may panic"
)]

mod machine;

use machine::{fails, faults, graph, holds, named, notes, pattern, volume};
use proptest::prelude::*;
use vmie_testkit::ldm::{CONFIG, LdmGroup, seal};
use vmie_volumes::{Cause, GroupKind, VolumeKind};

const SECTORS: u64 = 2600;
const GUIDS: [&str; 2] = [
    "11111111-aaaa-bbbb-cccc-dddddddddddd",
    "22222222-aaaa-bbbb-cccc-dddddddddddd",
];

/// A group with a volume of each layout.
fn everything() -> LdmGroup {
    let mut group = LdmGroup::new("HOST-Dg0");
    group.disk(1, "Disk1", GUIDS[0]);
    group.disk(2, "Disk2", GUIDS[1]);
    group.volume(10, "Simple", "gen", 1, 40);
    group.component(11, 10, 2, 1, None);
    group.partition(12, 11, 1, (0, 40, 0), None);
    group.volume(20, "Spanned", "gen", 1, 50);
    group.component(21, 20, 2, 2, None);
    group.partition(22, 21, 2, (0, 20, 30), None);
    group.partition(23, 21, 1, (40, 30, 0), None);
    group.volume(30, "Striped", "gen", 1, 64);
    group.component(31, 30, 1, 2, Some((8, 2)));
    group.partition(32, 31, 2, (100, 32, 0), Some(0));
    group.partition(33, 31, 1, (100, 32, 0), Some(1));
    group.volume(40, "Mirror", "gen", 2, 16);
    group.component(41, 40, 2, 1, None);
    group.component(42, 40, 2, 1, None);
    group.partition(43, 41, 1, (200, 16, 0), None);
    group.partition(44, 42, 2, (200, 16, 0), None);
    group.volume(50, "Raid", "raid5", 1, 16);
    group.component(51, 50, 3, 2, Some((8, 2)));
    group.partition(52, 51, 1, (300, 8, 0), Some(0));
    group.partition(53, 51, 2, (300, 8, 0), Some(1));
    group
}

fn disks(group: &LdmGroup) -> Vec<Vec<u8>> {
    let one = |(seed, guid): (u64, &&str)| {
        let mut disk = pattern(SECTORS as usize * 512, seed);
        group.write(&mut disk, guid);
        disk
    };
    (1u64..).zip(&GUIDS).map(one).collect()
}

fn data(disk: &[u8], start: usize, count: usize) -> &[u8] {
    &disk[(63 + start) * 512..(63 + start + count) * 512]
}

#[test]
fn volumes_of_every_layout() {
    let disks = disks(&everything());
    let graph = graph(&disks);
    assert_eq!((notes(&graph), faults(&graph)), (vec![], vec![]));
    holds(&graph, "HOST-Dg0/Simple", data(&disks[0], 0, 40));
    let spanned = [data(&disks[0], 40, 30), data(&disks[1], 0, 20)].concat();
    holds(&graph, "HOST-Dg0/Spanned", &spanned);
    let mut striped = Vec::new();
    for row in 0..4 {
        striped.extend(data(&disks[1], 100 + row * 8, 8));
        striped.extend(data(&disks[0], 100 + row * 8, 8));
    }
    holds(&graph, "HOST-Dg0/Striped", &striped);
    holds(&graph, "HOST-Dg0/Mirror", data(&disks[0], 200, 16));
    assert_eq!(fails(&graph, "HOST-Dg0/Raid"), Cause::LdmKind);
    for (name, layout) in [
        ("Simple", "simple"),
        ("Spanned", "spanned"),
        ("Striped", "striped"),
        ("Mirror", "mirrored"),
        ("Raid", "raid5"),
    ] {
        let found = volume(&graph, &format!("HOST-Dg0/{name}"));
        assert_eq!(
            (found.kind, found.layout.as_deref()),
            (VolumeKind::Ldm, Some(layout))
        );
        assert_eq!(found.drive.as_deref(), Some("D:"));
    }
    assert_eq!(volume(&graph, "HOST-Dg0/Spanned").disks, [0, 1]);
    // SVC-BOOT-2.
    assert!(graph.disks.iter().all(|disk| disk.dynamic));
    assert_eq!(
        (graph.groups[0].kind, graph.groups[0].volumes.len()),
        (GroupKind::Ldm, 5)
    );
    assert!(!volume(&graph, "disk0p1").holds_data());
}

#[test]
fn a_missing_disk_is_named() {
    let disks = disks(&everything());
    let graph = graph(&disks[1..]);
    assert_eq!(fails(&graph, "HOST-Dg0/Simple"), Cause::LdmMissingDisk);
    assert_eq!(fails(&graph, "HOST-Dg0/Spanned"), Cause::LdmMissingDisk);
    assert_eq!(fails(&graph, "HOST-Dg0/Striped"), Cause::LdmMissingDisk);
    holds(&graph, "HOST-Dg0/Mirror", data(&disks[1], 200, 16));
    assert_eq!(
        faults(&graph),
        named(&[("HOST-Dg0", Cause::LdmMissingDisk)])
    );
    let fault = graph.groups[0].faults[0].to_string();
    assert!(fault.contains(&format!("Disk1, {}", GUIDS[0])), "{fault}");
}

#[test]
fn the_newest_database_counts() {
    let mut disks = disks(&everything());
    let mut newer = LdmGroup::new("HOST-Dg0");
    newer.committed = 101;
    newer.disk(1, "Disk1", GUIDS[0]);
    newer.volume(10, "Only", "gen", 1, 8);
    newer.component(11, 10, 2, 1, None);
    newer.partition(12, 11, 1, (5, 8, 0), None);
    newer.write(&mut disks[1], GUIDS[1]);
    let graph = graph(&disks);
    holds(&graph, "HOST-Dg0/Only", data(&disks[0], 5, 8));
    assert_eq!(graph.groups[0].volumes.len(), 1);
    assert_eq!(notes(&graph), named(&[("disk0", Cause::LdmStale)]));
}

#[test]
fn copies_of_headers_and_contents_are_used() {
    let good = disks(&everything());
    let config = (SECTORS - CONFIG) as usize;
    let heads = [6, config + 1856, config + 2047];
    let contents = [config + 1, config + 2, config + 2045, config + 2046];
    for places in [heads.as_slice(), &contents] {
        let mut disks = good.clone();
        for (broken, sector) in places.iter().enumerate() {
            disks[0][sector * 512 + 100] ^= 1;
            let graph = graph(&disks);
            let found = graph.volume(&"HOST-Dg0/Simple".parse().unwrap());
            let left = broken + 1 < places.len();
            let opens = found.is_some_and(|volume| volume.open().is_ok());
            // The other disk has the database, too, but does not say where this one's data start.
            assert_eq!(opens, left || places.len() == 4, "{sector}");
        }
        let noted = notes(&graph(&disks));
        let cause = if places.len() == 3 {
            Cause::LdmPrivateHeader
        } else {
            Cause::LdmTocBlock
        };
        assert!(noted.contains(&("disk0".to_owned(), cause)), "{noted:?}");
        let alone = graph(&disks[..1]);
        assert!(alone.volume(&"HOST-Dg0/Simple".parse().unwrap()).is_none());
        // The partition is what is left, and may be looked at.
        assert!(volume(&alone, "disk0p1").holds_data());
    }
    // Without the type in the table, it is no dynamic disk, whatever else is there.
    let mut basic = good[0].clone();
    basic[450] = 0x07;
    let graph = graph(&[basic]);
    assert!(!graph.disks[0].dynamic && graph.groups.is_empty());
}

#[test]
fn hostile_databases_end_in_causes() {
    type Change = fn(&mut LdmGroup);
    let cases: [(Change, Cause); 14] = [
        (|g| g.component(11, 10, 2, 1, None), Cause::LdmParts),
        (
            |g| {
                g.component(11, 10, 2, 1, None);
                g.partition(12, 11, 1, (0, 39, 0), None);
            },
            Cause::LdmParts,
        ),
        (
            |g| {
                g.component(11, 10, 2, 1, None);
                g.partition(12, 11, 1, (0, 40, 1), None);
            },
            Cause::LdmParts,
        ),
        (
            |g| {
                g.component(11, 10, 2, 1, None);
                g.partition(12, 11, 9, (0, 40, 0), None);
            },
            Cause::LdmParts,
        ),
        (
            |g| {
                g.component(11, 10, 2, 1, None);
                g.partition(12, 11, 1, (450, 40, 0), None);
            },
            Cause::LdmExtent,
        ),
        (
            |g| {
                g.component(11, 10, 2, 1, None);
                g.partition(12, 11, 1, (u64::MAX, 40, 0), None);
            },
            Cause::LdmExtent,
        ),
        (
            |g| {
                g.component(11, 10, 2, 1, None);
                g.partition(12, 11, 1, (u64::MAX / 512, 40, 0), None);
            },
            Cause::LdmExtent,
        ),
        (
            |g| {
                g.component(11, 10, 9, 1, None);
                g.partition(12, 11, 1, (0, 40, 0), None);
            },
            Cause::LdmParts,
        ),
        (
            |g| {
                g.component(11, 10, 1, 1, Some((0, 1)));
                g.partition(12, 11, 1, (0, 40, 0), None);
            },
            Cause::LdmParts,
        ),
        (
            |g| {
                g.component(11, 10, 1, 1, Some((1 << 60, 1)));
                g.partition(12, 11, 1, (0, 40, 0), None);
            },
            Cause::LdmParts,
        ),
        (
            |g| {
                g.component(11, 10, 1, 1, Some((8, u64::MAX)));
                g.partition(12, 11, 1, (0, 40, 0), None);
            },
            Cause::LdmParts,
        ),
        (
            |g| {
                g.component(11, 10, 1, 2, Some((8, 2)));
                g.partition(12, 11, 1, (0, 20, 0), Some(1));
                g.partition(13, 11, 1, (20, 20, 0), Some(1));
            },
            Cause::LdmParts,
        ),
        (
            |g| {
                g.component(11, 10, 1, 2, Some((8, 2)));
                g.partition(12, 11, 1, (0, 10, 0), Some(0));
                g.partition(13, 11, 1, (20, 30, 0), Some(1));
            },
            Cause::LdmParts,
        ),
        (|_| {}, Cause::LdmParts),
    ];
    for (number, (change, cause)) in cases.into_iter().enumerate() {
        let mut group = LdmGroup::new("G");
        group.disk(1, "Disk1", GUIDS[0]);
        group.volume(10, "V", "gen", 1, 40);
        change(&mut group);
        let graph = graph(&disks(&group));
        assert_eq!(fails(&graph, "G/V"), cause, "{number}");
    }
    for size in [0, u64::MAX, u64::MAX / 512] {
        let mut group = LdmGroup::new("G");
        group.volume(10, "V", "gen", 1, size);
        assert_eq!(fails(&graph(&disks(&group)), "G/V"), Cause::LdmParts);
    }
    // A record that ends within a field is left out.
    let mut group = everything();
    group.records[0].2.truncate(9);
    let cut = graph(&disks(&group));
    assert_eq!(notes(&cut), named(&[("disk0", Cause::LdmRecord)]));
    assert_eq!(cut.groups[0].volumes.len(), 5);
}

#[test]
fn hostile_headers_end_in_causes() {
    let good = disks(&everything());
    let config = (SECTORS - CONFIG) as usize * 512;
    let heads = [6 * 512, config + 1856 * 512, config + 2047 * 512];
    for (at, value, cause) in [
        (0x123, u64::MAX, Cause::LdmPrivateHeader),
        (0x12b, u64::MAX, Cause::LdmPrivateHeader),
        (0x12b, SECTORS, Cause::LdmPrivateHeader),
        (0x12b, 100, Cause::LdmTocBlock),
    ] {
        let mut disk = good[0].clone();
        for head in heads {
            disk[head + at..head + at + 8].copy_from_slice(&u64::to_be_bytes(value));
            seal(&mut disk[head..head + 512]);
        }
        let found: Vec<Cause> = graph(&[disk])
            .notes
            .iter()
            .map(|n| n.fault.cause())
            .collect();
        assert_eq!(found, [cause], "{at:#x} {value}");
    }
    let tocs = [1, 2, CONFIG as usize - 3, CONFIG as usize - 2].map(|at| config + at * 512);
    for (at, value) in [(0x2e, u64::MAX), (0x36, u64::MAX), (0x36, 4096)] {
        let mut disk = good[0].clone();
        for toc in tocs {
            disk[toc + at..toc + at + 8].copy_from_slice(&u64::to_be_bytes(value));
            seal(&mut disk[toc..toc + 512]);
        }
        let found: Vec<Cause> = graph(&[disk])
            .notes
            .iter()
            .map(|n| n.fault.cause())
            .collect();
        assert_eq!(found, [Cause::LdmTocBlock]);
    }
    let database = config + 17 * 512;
    for (at, bytes) in [
        (0, [0; 4]),
        (8, [0; 4]),
        (8, [0, 0, 0, 129]),
        (12, [255; 4]),
    ] {
        let mut disk = good[0].clone();
        disk[database + at..database + at + 4].copy_from_slice(&bytes);
        let graph = graph(&[disk]);
        assert_eq!(notes(&graph), named(&[("disk0", Cause::LdmDatabase)]));
        assert_eq!(faults(&graph), named(&[("HOST-Dg0", Cause::LdmDatabase)]));
    }
}

#[test]
fn truncation_at_every_sector() {
    let good = disks(&everything()).remove(0);
    for len in (0..good.len()).step_by(512 * 3 + 1) {
        let graph = graph(&[good[..len].to_vec()]);
        for volume in &graph.volumes {
            if let Ok(source) = volume.open() {
                assert!(source.len() <= len as u64);
            }
        }
    }
}

proptest! {
    /// Whatever is changed in the database, reading ends, and nothing reaches out of the disks.
    #[test]
    fn changed_databases_end_in_an_answer(
        changes in proptest::collection::vec((0usize..4096, any::<u8>()), 1..6),
    ) {
        let mut disks = disks(&everything());
        let database = (SECTORS - CONFIG + 17) as usize * 512;
        for (at, byte) in &changes {
            for disk in &mut disks {
                disk[database + at] = *byte;
            }
        }
        for volume in &graph(&disks).volumes {
            if let Ok(source) = volume.open() {
                let mut all = vec![0; source.len() as usize];
                prop_assert!(source.read_exact_at(&mut all, 0).is_ok());
            }
        }
    }
}
