//! Sound disks with patches, and what has to hold of the volumes on them.
//!
//! The input is a row of patches to the disks of one machine: a disk, a flag, a place and bytes. With the flag,
//! the checksums of what was patched are made right again, so that what stands behind them is reached.
//!
//! The oracle: looking twice gives the same; every volume lies after what it lies on; what opens has
//! the length that it says and can be read at its start, middle and end; nothing is past its bounds.

use std::sync::Arc;

use vmie_io::{Limits, ReadAt};
use vmie_testkit::ldm::LdmGroup;
use vmie_testkit::lvm::{self, PvImage, group, hidden, segment, striped, volume};
use vmie_testkit::md::{self, MdImage};
use vmie_volumes::{MAX_VOLUME_NOTES, MAX_VOLUMES, VolumeGraph};

/// What stands on the disks.
#[allow(dead_code, reason = "each target has one")]
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Base {
    Lvm,
    Md,
    Ldm,
    All,
}

const START: usize = 64 << 10;
const A: &str = "AAAAAAaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "BBBBBBbbbbbbbbbbbbbbbbbbbbbbbbbb";

fn lvm_disks() -> Vec<Vec<u8>> {
    let raids = "device_count = 2\nraids = [\"m0\", \"d0\", \"m1\", \"d1\"]";
    let volumes = volume(
        "root",
        &[
            striped(0, 3, 0, &[("pv1", 2)]),
            striped(3, 2, 0, &[("pv0", 7)]),
        ],
    ) + &volume("st", &[striped(0, 6, 2, &[("pv0", 10), ("pv1", 10)])])
        + &volume("r", &[segment(0, 2, "raid1", raids)])
        + &hidden("m0", &[striped(0, 1, 0, &[("pv0", 0)])])
        + &hidden("d0", &[striped(0, 2, 0, &[("pv0", 1)])])
        + &hidden("m1", &[striped(0, 1, 0, &[("pv1", 0)])])
        + &hidden("d1", &[striped(0, 2, 0, &[("pv1", 5)])]);
    let text = group("vg", 3, &[A, B], 16, &volumes);
    let one = |uuid: &&str| {
        let mut disk = vec![0; START + 16 * 4096];
        PvImage::new(uuid, &text).write(&mut disk);
        disk
    };
    [A, B].iter().map(one).collect()
}

fn md_disks() -> Vec<Vec<u8>> {
    let mut disks = Vec::new();
    for (number, (version, level)) in [("1.2", 1), ("1.0", 0), ("0.90", u32::MAX)]
        .into_iter()
        .enumerate()
    {
        for role in 0..2 {
            let mut image = MdImage::new(version, level, 2, 64);
            image.name = format!("host:{number}");
            image.uuid = [number as u8; 16];
            image.role = role;
            let mut disk = vec![0; 128 << 10];
            image.write(&mut disk);
            disks.push(disk);
        }
    }
    disks
}

fn ldm_disks() -> Vec<Vec<u8>> {
    let guids = ["11111111-aaaa", "22222222-aaaa"];
    let mut group = LdmGroup::new("Dg0");
    group.disk(1, "Disk1", guids[0]);
    group.disk(2, "Disk2", guids[1]);
    group.volume(10, "Spanned", "gen", 1, 50);
    group.component(11, 10, 2, 2, None);
    group.partition(12, 11, 2, (0, 20, 30), None);
    group.partition(13, 11, 1, (40, 30, 0), None);
    group.volume(20, "Striped", "gen", 1, 64);
    group.component(21, 20, 1, 2, Some((8, 2)));
    group.partition(22, 21, 2, (100, 32, 0), Some(0));
    group.partition(23, 21, 1, (100, 32, 0), Some(1));
    let one = |guid: &&str| {
        let mut disk = vec![0; 2300 * 512];
        group.write(&mut disk, guid);
        disk
    };
    guids.iter().map(one).collect()
}

pub fn patched(data: &[u8], base: Base) {
    let mut disks = Vec::new();
    if matches!(base, Base::Lvm | Base::All) {
        disks.extend(lvm_disks());
    }
    if matches!(base, Base::Md | Base::All) {
        disks.extend(md_disks());
    }
    if matches!(base, Base::Ldm | Base::All) {
        disks.extend(ldm_disks());
    }
    let mut rest = data;
    while let [disk, form, high, middle, low, len, after @ ..] = rest {
        let len = usize::from(*len).min(after.len());
        let (bytes, after) = after.split_at(len);
        rest = after;
        let index = usize::from(*disk) % disks.len();
        let disk = &mut disks[index];
        let at = u32::from_be_bytes([0, *high, *middle, *low]) as usize % disk.len();
        let end = disk.len().min(at + len);
        disk[at..end].copy_from_slice(&bytes[..end - at]);
        if form & 1 != 0 {
            seal(disk);
        }
        if form & 6 == 6 {
            disk.truncate(at.max(1));
        }
    }
    check(disks);
}

/// Makes the checksums of what stands at the usual places right.
fn seal(disk: &mut [u8]) {
    if disk.len() > START && disk[512..520] == *b"LABELONE" {
        let (at, len) = (4096 + 512, 8192);
        let area = 4096;
        let size = u64::from_le_bytes(disk[area + 48..area + 56].try_into().unwrap());
        if size < len {
            let sum = lvm::crc(&disk[at..at + size as usize]);
            disk[area + 56..area + 60].copy_from_slice(&sum.to_le_bytes());
        }
        lvm::seal(disk, area);
    } else if disk.len() == 128 << 10 {
        md::seal(&mut disk[4096..8192], 216, 260);
        let end = disk.len();
        md::seal(&mut disk[end - 8192..end - 4096], 216, 260);
        md::seal(&mut disk[end - 65536..end - 61440], 152, 4096);
    } else if disk.len() == 2300 * 512 {
        for sector in [6, 252 + 1856, 252 + 2047, 253, 254, 2297, 2298] {
            vmie_testkit::ldm::seal(&mut disk[sector * 512..sector * 512 + 512]);
        }
    }
}

fn check(disks: Vec<Vec<u8>>) {
    let disks: Vec<Arc<dyn ReadAt>> = disks
        .into_iter()
        .map(|disk| -> Arc<dyn ReadAt> { Arc::new(disk) })
        .collect();
    let graph = VolumeGraph::read(&disks, &Limits::default());
    let again = VolumeGraph::read(&disks, &Limits::default());
    assert_eq!(format!("{graph:?}"), format!("{again:?}"));
    assert!(graph.volumes.len() <= MAX_VOLUMES && graph.notes.len() <= MAX_VOLUME_NOTES);
    for (at, volume) in graph.volumes.iter().enumerate() {
        assert!(
            graph.volumes[..at]
                .iter()
                .all(|other| other.id != volume.id)
        );
        let text = volume.id.to_string();
        assert_eq!(text.parse().as_ref(), Ok(&volume.id), "{text}");
        assert!(
            volume
                .member_of
                .is_none_or(|group| group < graph.groups.len())
        );
        let Ok(source) = volume.open() else {
            continue;
        };
        assert_eq!(source.len(), volume.place.len, "{text}");
        let mut buffer = [0; 700];
        let last = source.len().saturating_sub(700);
        for start in [0, source.len() / 2, last] {
            let len = 700.min(source.len() - start) as usize;
            // A segment may be one that fails on purpose.
            let _ = source.read_exact_at(&mut buffer[..len], start);
            let extent = source.next_extent(start).unwrap();
            assert!(extent.end() <= source.len() && (extent.len > 0 || source.is_empty()));
        }
        assert!(source.read_exact_at(&mut [0], source.len()).is_err());
    }
}
