//! Linux software RAID: arrays of every version and level that is read, whole and broken.
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
use vmie_testkit::lvm::{PvImage, group, striped, volume as lv};
use vmie_testkit::md::MdImage;
use vmie_testkit::table::{MbrEntry, write_record};
use vmie_volumes::{Cause, GroupKind, VolumeKind};

const LINEAR: u32 = u32::MAX;
const VERSIONS: [&str; 4] = ["0.90", "1.0", "1.1", "1.2"];

/// A member with this much data, and the data.
fn member(image: &MdImage, seed: u64) -> (Vec<u8>, Vec<u8>) {
    let start = image.data_offset as usize * 512;
    let len = image.data_size as usize * 512;
    // Room for the superblock behind the data.
    let mut bytes = pattern((start + len).next_multiple_of(65536) + 65536, seed);
    let data = bytes[start..start + len].to_vec();
    image.write(&mut bytes);
    (bytes, data)
}

/// Members of these many sectors each.
fn members(image: &MdImage, sectors: &[u64]) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let one = |(role, size): (usize, &u64)| {
        let mut image = image.clone();
        image.role = role as u32;
        image.data_size = *size;
        if image.version == "0.90" {
            // Its data reaches to the superblock, whatever it says.
            assert_eq!(size % 128, 0);
        }
        member(&image, role as u64 + 1)
    };
    sectors.iter().enumerate().map(one).unzip()
}

/// As the kernel lays out a RAID0: chunk by chunk over those members that are long enough.
fn interleaved(data: &[Vec<u8>], chunk: usize, original: bool) -> Vec<u8> {
    let mut all = Vec::new();
    let mut done = 0;
    loop {
        let longer: Vec<&Vec<u8>> = data.iter().filter(|d| d.len() / chunk > done).collect();
        let Some(next) = longer.iter().map(|d| d.len() / chunk).min() else {
            return all;
        };
        let shift = if original { all.len() / chunk } else { 0 };
        for n in 0..(next - done) * longer.len() {
            let leg = longer[(n + shift) % longer.len()];
            let at = (done + n / longer.len()) * chunk;
            all.extend(&leg[at..at + chunk]);
        }
        done = next;
    }
}

#[test]
fn mirrors_of_every_version() {
    for version in VERSIONS {
        let image = MdImage::new(version, 1, 2, 128);
        let (disks, data) = members(&image, &[128, 128]);
        let all = graph(&disks);
        holds(&all, "md7", &data[0]);
        assert_eq!((notes(&all), faults(&all)), (vec![], vec![]), "{version}");
        let array = volume(&all, "md7");
        assert_eq!(
            (array.kind, array.layout.as_deref()),
            (VolumeKind::Md, Some("raid1"))
        );
        assert_eq!(array.disks, [0, 1]);
        assert_eq!(array.devices[0], "/dev/md7");
        let group = &all.groups[0];
        assert_eq!((group.kind, group.version), (GroupKind::Md, Some(version)));
        assert_eq!(
            group.uuid.as_deref(),
            Some("616e2061:72726179:27732075:75696421")
        );
        // Degraded.
        holds(&graph(&disks[1..]), "md7", &data[1]);
    }
}

#[test]
fn a_member_that_was_left_behind_is_not_read() {
    for version in VERSIONS {
        let mut image = MdImage::new(version, 1, 2, 128);
        let (old, _) = member(&image, 1);
        image.role = 1;
        image.events = 12;
        let (new, data) = member(&image, 2);
        let graph = graph(&[old.clone(), new.clone()]);
        holds(&graph, "md7", &data);
        assert_eq!(notes(&graph), named(&[("disk0", Cause::MdStale)]));
        // Stopped one event apart: both are good, and the newer one is read first.
        image.events = 11;
        let (near, data) = member(&image, 2);
        holds(&machine::graph(&[old.clone(), near]), "md7", &data);
        // The same role twice.
        image.role = 0;
        let (same, data) = member(&image, 3);
        let twice = machine::graph(&[old, same]);
        holds(&twice, "md7", &data);
        assert_eq!(notes(&twice), named(&[("disk1", Cause::MdDuplicate)]));
    }
    // Not rebuilt yet, a spare.
    for (features, role) in [(2, 1), (16, 1), (0, 5)] {
        let mut image = MdImage::new("1.2", 1, 2, 128);
        let (good, data) = member(&image, 1);
        image.features = features;
        image.role = role;
        let (other, _) = member(&image, 2);
        holds(&graph(&[other.clone(), good]), "md7", &data);
        assert_eq!(fails(&graph(&[other]), "md7"), Cause::MdMissing);
    }
}

#[test]
fn linear_and_striped_arrays() {
    for version in VERSIONS {
        let image = MdImage::new(version, LINEAR, 2, 128);
        let (disks, data) = members(&image, &[128, 256]);
        holds(&graph(&disks), "md7", &data.concat());
        assert_eq!(fails(&graph(&disks[..1]), "md7"), Cause::MdMissing);
        let image = MdImage::new(version, 0, 3, 128);
        let (mut disks, data) = members(&image, &[128, 128, 128]);
        disks.rotate_left(1);
        holds(&graph(&disks), "md7", &interleaved(&data, 4096, false));
        let missing = graph(&disks[1..]);
        assert_eq!(fails(&missing, "md7"), Cause::MdMissing);
        assert_eq!(faults(&missing).len(), 1);
    }
}

/// Members of several sizes make zones, whose layout depends on the kernel that made them.
#[test]
fn striped_arrays_of_unequal_members() {
    let sizes = [80, 40, 83, 120];
    for (layout, original) in [(Some(1), true), (Some(2), false)] {
        let mut image = MdImage::new("1.2", 0, 4, 0);
        image.layout = layout;
        let (disks, data) = members(&image, &sizes);
        let expected = interleaved(&data, 4096, original);
        assert_eq!(expected.len(), 40 * 512 * 4 + 40 * 512 * 3 + 40 * 512);
        holds(&graph(&disks), "md7", &expected);
    }
    let (disks, _) = members(&MdImage::new("1.2", 0, 4, 0), &sizes);
    assert_eq!(fails(&graph(&disks), "md7"), Cause::MdLayout);
}

#[test]
fn what_is_not_read_is_named() {
    for (level, name) in [
        (4, "raid4"),
        (5, "raid5"),
        (6, "raid6"),
        (10, "raid10"),
        (77, "unknown"),
    ] {
        let (disks, _) = members(&MdImage::new("1.2", level, 2, 64), &[64, 64]);
        let graph = graph(&disks);
        assert_eq!(fails(&graph, "md7"), Cause::MdLevel);
        assert_eq!(volume(&graph, "md7").layout.as_deref(), Some(name));
    }
    let mut reshaping = MdImage::new("1.2", 1, 1, 64);
    reshaping.features = 4;
    assert_eq!(
        fails(&graph(&[member(&reshaping, 1).0]), "md7"),
        Cause::MdReshape
    );
}

#[test]
fn names_of_arrays() {
    for (name, id, device) in [
        ("host:7", "md7", "/dev/md7"),
        ("home", "md/home", "/dev/md/home"),
        ("a:b c", "md/b_c", "/dev/md/b c"),
    ] {
        let mut image = MdImage::new("1.2", 1, 1, 64);
        image.name = name.into();
        let graph = graph(&[member(&image, 1).0]);
        assert_eq!(volume(&graph, id).devices[0], device);
    }
    let mut one = MdImage::new("1.2", 1, 1, 64);
    let mut two = one.clone();
    two.uuid = [9; 16];
    let graph = graph(&[member(&one, 1).0, member(&two, 2).0]);
    volume(&graph, "md7#2");
    assert_eq!(notes(&graph), named(&[("md7#2", Cause::DuplicateName)]));
    one.name = String::new();
    let nameless = machine::graph(&[member(&one, 1).0]);
    volume(&nameless, "md/616e2061:72726179:27732075:75696421");
}

#[test]
fn hostile_superblocks() {
    let image = MdImage::new("1.2", 1, 1, 64);
    let seal = |bytes: &mut Vec<u8>, count: usize| {
        vmie_testkit::md::seal(&mut bytes[4096..8192], 216, 256 + 2 * count);
    };
    // Field, value, whether the checksum is made right, what is said of the member.
    for (at, value, sealed, noted) in [
        (300, 1u64, false, None),
        (80, 1, false, Some(Cause::MdChecksum)),
        (144, 0, true, Some(Cause::MdValue)),
        (220, 1921, true, Some(Cause::MdValue)),
        (136, 1 << 40, true, Some(Cause::MdMember)),
    ] {
        let (mut bytes, _) = member(&image, 1);
        let len = if at == 220 { 4 } else { 8 };
        bytes[4096 + at..4096 + at + len].copy_from_slice(&value.to_le_bytes()[..len]);
        if sealed {
            seal(&mut bytes, 1);
        }
        let graph = graph(&[bytes]);
        let found: Vec<Cause> = graph.notes.iter().map(|n| n.fault.cause()).collect();
        assert_eq!(found, Vec::from_iter(noted), "{at} {value}");
    }
    let broken = |change: &dyn Fn(&mut MdImage)| {
        let mut image = MdImage::new("1.2", 0, 1, 64);
        change(&mut image);
        let mut bytes = pattern(256 << 10, 1);
        image.write(&mut bytes);
        fails(&graph(&[bytes]), "md7")
    };
    assert_eq!(broken(&|image| image.chunk = 0), Cause::MdValue);
    assert_eq!(broken(&|image| image.data_size = 0), Cause::MdValue);
    assert_eq!(
        broken(&|image| image.data_offset = 1 << 50),
        Cause::MdMember
    );
    assert_eq!(broken(&|image| image.data_size = 1 << 50), Cause::MdMember);
    assert_eq!(broken(&|image| image.raid_disks = 2), Cause::MdMissing);
    assert_eq!(
        broken(&|image| {
            image.level = 1;
            image.size = 1 << 50;
        }),
        Cause::MdMember
    );
    assert_eq!(
        broken(&|image| {
            image.level = 1;
            image.size = 0;
        }),
        Cause::MdValue
    );
}

#[test]
fn truncation_at_every_length() {
    for version in VERSIONS {
        let (bytes, data) = member(&MdImage::new(version, 1, 1, 64), 1);
        let mut found = 0;
        for len in (0..bytes.len()).step_by(251) {
            let graph = graph(&[bytes[..len].to_vec()]);
            if let Some(array) = graph.volume(&"md7".parse().unwrap()) {
                found += 1;
                match array.open() {
                    Ok(source) => assert_eq!(source.len(), data.len() as u64),
                    Err(error) => assert_eq!(error.cause(), Cause::MdMember),
                }
            }
        }
        assert!(found > 0 || matches!(version, "0.90" | "1.0"), "{version}");
    }
}

#[test]
fn tables_and_groups_lie_in_arrays() {
    // A table in an array of whole disks.
    let image = MdImage::new("1.2", 1, 1, 2048);
    let (mut bytes, _) = member(&image, 1);
    write_record(&mut bytes[8192..8704], &[MbrEntry::new(0x83, 64, 64)]);
    let table = graph(&[bytes.clone()]);
    let start = 8192 + 64 * 512;
    holds(&table, "md7p1", &bytes[start..start + 64 * 512]);
    assert_eq!(volume(&table, "md7p1").devices[0], "/dev/md7p1");
    assert_eq!(volume(&table, "md7p1").parents, ["md7".parse().unwrap()]);
    // A volume group on a mirror of partitions: the physical volume shows through on each of them
    // when the superblock is behind it, and is still read once.
    let uuid = "A".repeat(32);
    let text = group(
        "vg",
        1,
        &[&uuid],
        200,
        &lv("root", &[striped(0, 8, 0, &[("pv0", 0)])]),
    );
    for version in VERSIONS {
        let image = MdImage::new(version, 1, 2, 2048);
        let (mut disks, _) = members(&image, &[2048, 2048]);
        let start = image.data_offset as usize * 512;
        for disk in &mut disks {
            PvImage::new(&uuid, &text).write(&mut disk[start..]);
        }
        let data = disks[0][start + 65536..start + 65536 + 8 * 4096].to_vec();
        let graph = graph(&disks);
        holds(&graph, "vg/root", &data);
        assert_eq!(notes(&graph), vec![], "{version}");
        assert_eq!(volume(&graph, "vg/root").parents, ["md7".parse().unwrap()]);
        assert_eq!(volume(&graph, "vg/root").disks, [0, 1]);
    }
}

proptest! {
    #[test]
    fn random_stripes_read_as_the_kernel_lays_them_out(
        sizes in proptest::collection::vec(8u64..60, 1..5),
        chunk in 1u32..9,
        layout in 1u32..3,
    ) {
        let mut image = MdImage::new("1.1", 0, sizes.len() as u32, 0);
        image.layout = Some(layout);
        image.chunk = chunk;
        let (disks, data) = members(&image, &sizes);
        let expected = interleaved(&data, chunk as usize * 512, layout == 1);
        let graph = graph(&disks);
        let array = volume(&graph, "md7").open().unwrap();
        let mut found = vec![0; expected.len()];
        array.read_exact_at(&mut found, 0).unwrap();
        prop_assert_eq!(array.len(), found.len() as u64);
        prop_assert!(found == expected);
    }
}
