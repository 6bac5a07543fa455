//! LVM2: volume groups over one and several disks, whole and broken.
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
use vmie_testkit::lvm::{LABEL, PvImage, group, hidden, seal, segment, striped, volume as lv};
use vmie_testkit::table::{MbrEntry, write_record};
use vmie_volumes::{Cause, GroupKind, VolumeKind};

const A: &str = "AAAAAAaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "BBBBBBbbbbbbbbbbbbbbbbbbbbbbbbbb";
const START: usize = 64 << 10;
const EXTENT: usize = 4096;
const EXTENTS: u32 = 32;
const LEN: usize = START + EXTENTS as usize * EXTENT;

/// Physical volumes with random data.
fn pvs(uuids: &[&str], text: &str) -> Vec<Vec<u8>> {
    let one = |(seed, uuid): (u64, &&str)| {
        let mut disk = pattern(LEN, seed);
        PvImage::new(uuid, text).write(&mut disk);
        disk
    };
    (1u64..).zip(uuids).map(one).collect()
}

fn extents(disk: &[u8], first: usize, count: usize) -> &[u8] {
    &disk[START + first * EXTENT..START + (first + count) * EXTENT]
}

fn one(volumes: &str) -> Vec<Vec<u8>> {
    pvs(&[A], &group("vg-0", 3, &[A], EXTENTS, volumes))
}

fn two(volumes: &str) -> Vec<Vec<u8>> {
    pvs(&[A, B], &group("vg-0", 3, &[A, B], EXTENTS, volumes))
}

#[test]
fn linear_and_striped_volumes_over_two_disks() {
    let volumes = lv(
        "root",
        &[
            striped(0, 3, 0, &[("pv1", 2)]),
            striped(3, 2, 0, &[("pv0", 7)]),
        ],
    ) + &lv("st", &[striped(0, 6, 2, &[("pv0", 20), ("pv1", 10)])])
        + &lv("zero", &[segment(0, 2, "zero", "")]);
    let disks = two(&volumes);
    let graph = graph(&disks);
    assert_eq!((notes(&graph), faults(&graph)), (vec![], vec![]));
    let root = [extents(&disks[1], 2, 3), extents(&disks[0], 7, 2)].concat();
    holds(&graph, "vg-0/root", &root);
    let mut st = Vec::new();
    let legs = [extents(&disks[0], 20, 3), extents(&disks[1], 10, 3)];
    for row in 0..3 * EXTENT / 1024 {
        for leg in legs {
            st.extend(&leg[row * 1024..(row + 1) * 1024]);
        }
    }
    holds(&graph, "vg-0/st", &st);
    holds(&graph, "vg-0/zero", &[0; 2 * EXTENT]);
    let root = volume(&graph, "vg-0/root");
    assert_eq!(
        (root.kind, root.layout.as_deref()),
        (VolumeKind::Lvm, Some("linear"))
    );
    assert_eq!(root.disks, [0, 1]);
    assert_eq!(
        root.devices[..2],
        ["/dev/vg-0/root", "/dev/mapper/vg--0-root"]
    );
    assert_eq!(volume(&graph, "vg-0/st").layout.as_deref(), Some("striped"));
    let group = &graph.groups[0];
    assert_eq!((group.kind, group.name.as_str()), (GroupKind::Lvm, "vg-0"));
    assert_eq!((group.members.len(), group.volumes.len()), (2, 3));
    assert_eq!(volume(&graph, "disk0").member_of, Some(0));
}

#[test]
fn mirrors_read_a_copy_that_is_there_and_in_sync() {
    let raids = "device_count = 2\nregion_size = 8\nraids = [\"m0\", \"d0\", \"m1\", \"d1\"]";
    let volumes = lv("r", &[segment(0, 2, "raid1", raids)])
        + &lv(
            "m",
            &[segment(
                0,
                2,
                "mirror",
                "mirror_count = 2\nmirrors = [\"d0\", 0, \"d1\", 0]",
            )],
        )
        + &lv(
            "r0",
            &[segment(
                0,
                4,
                "raid0",
                "stripe_size = 8\nraid0_lvs = [\"d0\", \"d1\"]",
            )],
        )
        + &lv(
            "r0m",
            &[segment(
                0,
                4,
                "raid0_meta",
                "stripe_count = 2\nstripe_size = 8\nraids = [\"m0\", \"d0\", \"m1\", \"d1\"]",
            )],
        )
        + &hidden("m0", &[striped(0, 1, 0, &[("pv0", 0)])])
        + &hidden("d0", &[striped(0, 2, 0, &[("pv0", 1)])])
        + &hidden("m1", &[striped(0, 1, 0, &[("pv1", 0)])])
        + &hidden("d1", &[striped(0, 2, 0, &[("pv1", 1)])]);
    let mut disks = two(&volumes);
    let all = graph(&disks);
    holds(&all, "vg-0/r", extents(&disks[0], 1, 2));
    holds(&all, "vg-0/m", extents(&disks[0], 1, 2));
    let legs = [extents(&disks[0], 1, 2), extents(&disks[1], 1, 2)];
    let r0 = [
        &legs[0][..4096],
        &legs[1][..4096],
        &legs[0][4096..],
        &legs[1][4096..],
    ]
    .concat();
    holds(&all, "vg-0/r0", &r0);
    holds(&all, "vg-0/r0m", &r0);
    assert_eq!(volume(&all, "vg-0/r").disks, [0, 1]);
    // The second disk alone.
    let half = graph(&disks[1..]);
    holds(&half, "vg-0/r", extents(&disks[1], 1, 2));
    assert_eq!(fails(&half, "vg-0/r0"), Cause::LvmMissingPv);
    assert_eq!(faults(&half), named(&[("vg-0", Cause::LvmMissingPv)]));
    // The state of both says that the first leg failed.
    for (disk, events) in [(0, 5u64), (1, 6)] {
        let state = &mut disks[disk][START..START + 512];
        state[..4].copy_from_slice(b"DmRd");
        state[16..24].copy_from_slice(&events.to_le_bytes());
        state[24..32].copy_from_slice(&u64::from(disk == 1).to_le_bytes());
        state[32..40].fill(0xff);
    }
    holds(&graph(&disks), "vg-0/r", extents(&disks[1], 1, 2));
}

/// SVC-ERR-24: the group cannot be activated; which disk is missing is said, and what does not need
/// it opens.
#[test]
fn a_missing_disk_is_named() {
    let volumes = lv("here", &[striped(0, 1, 0, &[("pv0", 0)])])
        + &lv("there", &[striped(0, 1, 0, &[("pv1", 0)])]);
    let disks = two(&volumes);
    let graph = graph(&disks[..1]);
    holds(&graph, "vg-0/here", extents(&disks[0], 0, 1));
    let fault = graph.groups[0].faults[0].to_string();
    let uuid = "BBBBBB-bbbb-bbbb-bbbb-bbbb-bbbb-bbbbbb, last seen as /dev/sdb2";
    assert!(fault.contains(uuid), "{fault}");
    let there = volume(&graph, "vg-0/there");
    assert!(there.fault().unwrap().to_string().contains(uuid));
    assert_eq!(there.place.len, EXTENT as u64);
    assert_eq!(there.disks, [0], "listed with the rest of its group");
}

#[test]
fn the_newest_description_counts_and_the_ring_wraps() {
    let old = group(
        "vg-0",
        3,
        &[A, B],
        EXTENTS,
        &lv("old", &[striped(0, 1, 0, &[("pv0", 0)])]),
    );
    let new = group(
        "vg-0",
        4,
        &[A, B],
        EXTENTS,
        &lv("new", &[striped(0, 1, 0, &[("pv0", 0)])]),
    );
    let mut disks = pvs(&[A, B], &old);
    let mut image = PvImage::new(B, &new);
    image.text_at = image.area_size - 100;
    image.write(&mut disks[1]);
    let all = graph(&disks);
    holds(&all, "vg-0/new", extents(&disks[0], 0, 1));
    assert!(all.volume(&"vg-0/old".parse().unwrap()).is_none());
    assert_eq!(notes(&all), named(&[("disk0", Cause::LvmStale)]));
    // The first byte after the wrap.
    let mut broken = disks.clone();
    broken[1][4096 + 512] ^= 1;
    let broken = graph(&broken);
    holds(&broken, "vg-0/old", extents(&disks[0], 0, 1));
    assert_eq!(notes(&broken), named(&[("disk1", Cause::LvmMetadataCrc)]));
    // A disk given twice.
    let twice = graph(&[disks[0].clone(), disks[0].clone(), disks[1].clone()]);
    assert_eq!(
        notes(&twice)[0],
        ("disk1".to_owned(), Cause::LvmDuplicatePv)
    );
}

#[test]
fn kinds_that_are_not_read_are_named() {
    let thin = segment(
        0,
        4,
        "thin",
        "thin_pool = \"pool\"\ntransaction_id = 0\ndevice_id = 1",
    );
    let snapshot = segment(
        0,
        4,
        "snapshot",
        "chunk_size = 8\norigin = \"root\"\ncow_store = \"snap\"",
    );
    let merging = segment(
        0,
        4,
        "snapshot",
        "chunk_size = 8\norigin = \"root\"\nmerging_store = \"merged\"",
    );
    let volumes = lv(
        "pool",
        &[segment(
            0,
            4,
            "thin-pool",
            "metadata = \"tmeta\"\npool = \"tdata\"",
        )],
    ) + &lv("thin", &[thin])
        + &lv(
            "cached",
            &[segment(
                0,
                4,
                "cache+METADATA_FORMAT",
                "cache_pool = \"c\"\norigin = \"root\"",
            )],
        )
        + &lv("r5", &[segment(0, 4, "raid5_ls", "device_count = 3")])
        + &lv("root", &[striped(0, 4, 0, &[("pv0", 0)])])
        // As lvm2 writes it: the place is visible and what people name is not.
        + &hidden("snap", &[striped(0, 2, 0, &[("pv0", 4)])])
        + &lv("snapshot0", &[snapshot])
        + &hidden("merged", &[striped(0, 2, 0, &[("pv0", 6)])])
        + &lv("snapshot1", &[merging])
        + &lv("err", &[segment(0, 1, "error", "")]);
    let disks = one(&volumes);
    let graph = graph(&disks);
    for (name, layout) in [
        ("pool", "thin-pool"),
        ("thin", "thin"),
        ("cached", "cache"),
        ("r5", "raid5_ls"),
        ("snap", "snapshot"),
    ] {
        let id = format!("vg-0/{name}");
        assert_eq!(fails(&graph, &id), Cause::LvmSegmentKind);
        assert_eq!(volume(&graph, &id).layout.as_deref(), Some(layout));
    }
    for unseen in ["snapshot0", "snapshot1", "merged"] {
        let id = format!("vg-0/{unseen}").parse().unwrap();
        assert!(graph.volume(&id).is_none(), "{unseen}");
    }
    holds(&graph, "vg-0/root", extents(&disks[0], 0, 4));
    let err = volume(&graph, "vg-0/err").open().unwrap();
    assert!(err.read_exact_at(&mut [0], 0).is_err());
    assert_eq!(faults(&graph), vec![], "none of them is damage");
}

#[test]
fn hostile_descriptions_end_in_causes() {
    let stripes = |areas: &[(&str, u64)]| striped(0, 2, 0, areas);
    for (segments, cause) in [
        (vec![stripes(&[("pv0", 31)])], Cause::LvmExtent),
        (vec![stripes(&[("pv0", u64::MAX)])], Cause::LvmExtent),
        (vec![stripes(&[("pv0", 1 << 60)])], Cause::LvmExtent),
        (vec![stripes(&[("nobody", 0)])], Cause::LvmValue),
        (vec![stripes(&[("self", 0)])], Cause::LvmNesting),
        (vec![stripes(&[("tiny", 0)])], Cause::LvmExtent),
        (vec![striped(0, 1 << 60, 0, &[("pv0", 0)])], Cause::LvmValue),
        (vec![striped(0, 0, 0, &[("pv0", 0)])], Cause::LvmValue),
        (vec![segment(0, 1 << 60, "zero", "")], Cause::LvmValue),
        (vec![striped(1, 1, 0, &[("pv0", 0)])], Cause::LvmSegments),
        (
            vec![
                striped(0, 3, 0, &[("pv0", 0)]),
                striped(2, 1, 0, &[("pv0", 9)]),
            ],
            Cause::LvmSegments,
        ),
        (vec![], Cause::LvmSegmentKind),
    ] {
        let volumes = lv("self", &segments) + &lv("tiny", &[striped(0, 1, 0, &[("pv0", 0)])]);
        let graph = graph(&one(&volumes));
        assert_eq!(fails(&graph, "vg-0/self"), cause, "{segments:?}");
        assert!(volume(&graph, "vg-0/tiny").fault().is_none());
    }
    let zero = lv("a", &[striped(0, 2, 0, &[("pv0", 0), ("pv0", 1)])]);
    let overlapping =
        lv("a", &[striped(0, 3, 0, &[("pv0", 0)])]) + &lv("b", &[striped(0, 1, 0, &[("pv0", 2)])]);
    for (text, cause) in [
        (group("vg-0", 1, &[A], EXTENTS, &zero), Cause::LvmValue),
        ("vg-0 {".to_owned(), Cause::LvmSyntax),
        ("x = 1".to_owned(), Cause::LvmValue),
        (
            group("vg-0", 1, &[A], EXTENTS, "").replace("extent_size = 8", "extent_size = 0"),
            Cause::LvmValue,
        ),
        (
            group("vg-0", 1, &[A], EXTENTS, "").replace("seqno = 1", ""),
            Cause::LvmValue,
        ),
        (
            group("vg-0", 1, &[A], EXTENTS, "").replace("pe_start", "pe"),
            Cause::LvmValue,
        ),
        (
            group("vg-0", 1, &[A], EXTENTS, "").replace("\"READ\"", "\"EXPORTED\""),
            Cause::LvmExported,
        ),
    ] {
        let graph = graph(&pvs(&[A], &text));
        let found: Vec<Cause> = faults(&graph).into_iter().map(|f| f.1).collect();
        assert_eq!(found, [cause], "{text}");
    }
    let overlap = graph(&one(&overlapping));
    assert_eq!(notes(&overlap), named(&[("disk0", Cause::LvmOverlap)]));
    // Names that would be taken for others'.
    let odd = group(
        "disk0",
        1,
        &[A],
        EXTENTS,
        &lv("\"a b\"", &[striped(0, 1, 0, &[("pv0", 0)])]),
    );
    assert!(
        graph(&pvs(&[A], &odd))
            .volume(&"disk0/a_b".parse().unwrap())
            .is_some()
    );
}

/// Every volume stands on the next twice: without memory of what was put together, this would take
/// for ever; and mirrors of mirrors are not tried without end.
#[test]
fn towers_of_volumes_are_bounded() {
    let mut towers = String::new();
    let mut mirrors = String::new();
    for n in 0..30 {
        let below = format!("v{}", n + 1);
        towers += &lv(
            &format!("v{n}"),
            &[striped(0, 2, 8, &[(&below, 0), (&below, 0)])],
        );
        let more = format!("mirrors = [\"m{0}\", 0, \"m{0}\", 0]", n + 1);
        mirrors += &lv(&format!("m{n}"), &[segment(0, 1, "mirror", &more)]);
    }
    towers += &lv("v30", &[striped(0, 2, 0, &[("pv0", 0)])]);
    mirrors += &lv("m30", &[striped(0, 1, 0, &[("pv0", 0)])]);
    let graph = graph(&one(&(towers + &mirrors)));
    assert_eq!(fails(&graph, "vg-0/v0"), Cause::LvmNesting);
    assert_eq!(fails(&graph, "vg-0/m0"), Cause::LvmNesting);
    assert!(volume(&graph, "vg-0/v29").fault().is_none());
    assert!(volume(&graph, "vg-0/m29").fault().is_none());
}

#[test]
fn damage_to_labels_and_areas_is_noted() {
    let area = 4096;
    let good = one(&lv("root", &[striped(0, 1, 0, &[("pv0", 0)])])).remove(0);
    for (at, bytes, sealed, cause) in [
        (LABEL + 100, vec![1], false, Some(Cause::LvmLabelCrc)),
        (
            LABEL + 20,
            vec![255, 255, 0, 0],
            true,
            Some(Cause::LvmPvHeader),
        ),
        (
            LABEL + 20,
            vec![223, 1, 0, 0],
            true,
            Some(Cause::LvmPvHeader),
        ),
        (LABEL + 8, vec![2], true, None),
        (area + 4, vec![0], true, Some(Cause::LvmArea)),
        (area + 100, vec![1], false, Some(Cause::LvmArea)),
        (area + 20, vec![2], true, Some(Cause::LvmArea)),
        (area + 24, vec![1], true, Some(Cause::LvmArea)),
        (area + 32, vec![0xff; 8], true, Some(Cause::LvmArea)),
        (area + 40, vec![1, 0], true, Some(Cause::LvmArea)),
        (area + 40, vec![0xff; 8], true, Some(Cause::LvmArea)),
        (area + 48, vec![0; 8], true, Some(Cause::LvmArea)),
        (area + 48, vec![0xff; 8], true, Some(Cause::LvmArea)),
        (area + 56, vec![0], true, Some(Cause::LvmMetadataCrc)),
        (area + 60, vec![1], true, Some(Cause::LvmOrphan)),
        (area + 40, vec![0; 8], true, Some(Cause::LvmOrphan)),
    ] {
        let mut disk = good.clone();
        disk[at..at + bytes.len()].copy_from_slice(&bytes);
        if sealed {
            seal(&mut disk, area);
        }
        let graph = graph(&[disk]);
        let found: Vec<Cause> = graph.notes.iter().map(|note| note.fault.cause()).collect();
        assert_eq!(found, Vec::from_iter(cause), "{at} {bytes:?}");
        assert_eq!(graph.volumes.len(), 1);
        let damaged = matches!(cause, Some(Cause::LvmArea | Cause::LvmMetadataCrc));
        assert_eq!(!faults(&graph).is_empty(), damaged, "{at}");
    }
}

#[test]
fn truncation_at_every_length() {
    let good = one(&lv("root", &[striped(0, 32, 0, &[("pv0", 0)])])).remove(0);
    let whole = graph(std::slice::from_ref(&good));
    assert!(volume(&whole, "vg-0/root").fault().is_none());
    for len in (0..8000).step_by(7).chain((8000..LEN).step_by(509)) {
        let graph = graph(&[good[..len].to_vec()]);
        if let Some(root) = graph.volume(&"vg-0/root".parse().unwrap()) {
            assert_eq!(root.fault().unwrap().cause(), Cause::LvmExtent, "{len}");
        } else {
            assert!(len < START, "{len}");
        }
    }
}

#[test]
fn a_group_in_partitions_of_an_mbr() {
    let text = group(
        "vg",
        1,
        &[A],
        EXTENTS,
        &lv("root", &[striped(0, 4, 0, &[("pv0", 0)])]),
    );
    let pv = pvs(&[A], &text).remove(0);
    let mut disk = vec![0; 64 << 10];
    write_record(
        &mut disk[..512],
        &[MbrEntry::new(0x8e, 128, (LEN / 512) as u32)],
    );
    disk.extend(&pv);
    let graph = graph(&[disk]);
    holds(&graph, "vg/root", extents(&pv, 0, 4));
    let root = volume(&graph, "vg/root");
    assert_eq!(root.parents, ["disk0p1".parse().unwrap()]);
    assert_eq!(root.disks, [0]);
    assert!(!volume(&graph, "disk0p1").holds_data() && root.holds_data());
}

proptest! {
    /// Volumes of random runs of extents are what the runs say.
    #[test]
    fn random_groups_read_as_they_say(
        runs in proptest::collection::vec((0usize..2, 0u64..30, 1u64..3), 1..8),
        broken in proptest::option::of((0usize..8192, any::<u8>())),
    ) {
        let mut segments = Vec::new();
        let mut at = 0;
        for (pv, first, count) in &runs {
            let name = format!("pv{pv}");
            segments.push(striped(at, *count, 0, &[(&name, *first)]));
            at += count;
        }
        let mut disks = two(&lv("x", &segments));
        let mut expected: Vec<u8> = Vec::new();
        for (pv, first, count) in &runs {
            expected.extend(extents(&disks[*pv], *first as usize, *count as usize));
        }
        if let Some((at, byte)) = broken {
            for disk in &mut disks {
                disk[at] ^= byte;
            }
        }
        let graph = graph(&disks);
        match graph.volume(&"vg-0/x".parse().unwrap()) {
            Some(x) => {
                let mut found = vec![0; expected.len()];
                x.open().unwrap().read_exact_at(&mut found, 0).unwrap();
                prop_assert!(found == expected);
            }
            None => prop_assert!(broken.is_some()),
        }
    }
}
