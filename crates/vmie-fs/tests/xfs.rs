//! XFS: what its images must hold, and what damage to them is said to be.
#![allow(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests may panic"
)]

mod fixtures;

use std::collections::BTreeMap;
use std::sync::Arc;

use fixtures::{fixture, open, open_fixture, walk};
use proptest::prelude::*;
use vmie_fs::{Cause, Error, FileKind, Filesystem, FsKind, GuestPath, State};
use vmie_io::{Limits, Meter, Metered};
use vmie_testkit::fsimage::Patched;

/// Path, kind, mode, size, and CRC-32 or target, as in `tree.txt`.
fn tree() -> BTreeMap<Vec<u8>, [String; 4]> {
    include_str!("data/tree.txt")
        .lines()
        .map(|line| {
            let (path, rest) = line.split_once('\t').unwrap();
            let mut bytes = Vec::new();
            let mut left = path;
            while let Some((before, after)) = left.split_once("\\x") {
                bytes.extend_from_slice(before.as_bytes());
                bytes.push(u8::from_str_radix(&after[..2], 16).unwrap());
                left = &after[2..];
            }
            bytes.extend_from_slice(left.as_bytes());
            let mut columns = rest.split('\t');
            (
                bytes,
                std::array::from_fn(|_| columns.next().unwrap().into()),
            )
        })
        .collect()
}

/// Compares everything that a filesystem holds with the list.
fn holds_the_tree(fs: &dyn Filesystem, spaces: bool) {
    assert_eq!(fs.identity().kind, FsKind::Xfs);
    assert_eq!(fs.identity().label.as_deref(), Some("fixture"));
    let uuid = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";
    assert_eq!(fs.identity().uuid.as_deref(), Some(uuid));
    let mut tree = tree();
    if !spaces {
        tree = tree
            .into_iter()
            .map(|(path, row)| {
                let path = path.iter().map(|b| if *b == b' ' { b'_' } else { *b });
                (path.collect(), row)
            })
            .collect();
    }
    let mut found = walk(fs);
    if spaces {
        let long = found.remove(&GuestPath::from("/long-link")).unwrap();
        assert_eq!(long.content, format!("/{}", "w/".repeat(400)).into_bytes());
    }
    for (path, item) in &found {
        let metadata = &item.metadata;
        let (size, content) = match metadata.kind {
            FileKind::File => (
                metadata.size,
                format!("{:08x}", crc32fast::hash(&item.content)),
            ),
            FileKind::Symlink => (
                metadata.size,
                String::from_utf8(item.content.clone()).unwrap(),
            ),
            _ => (0, String::new()),
        };
        let row = [
            metadata.kind.name().to_owned(),
            format!("{:o}", metadata.mode),
            size.to_string(),
            content,
        ];
        assert_eq!(Some(&row), tree.get(path.as_bytes()), "{path:?}");
        assert_eq!((metadata.uid, metadata.gid), (0, 0));
        if spaces {
            assert_eq!(metadata.mtime, Some((1_600_000_000, 0)), "{path:?}");
        }
    }
    assert_eq!(found.len(), tree.len());
    assert_eq!(found.len(), 318);
    let space = fs.space().unwrap();
    assert!(space.free > 0 && space.free < space.total, "{space:?}");
}

/// The attributes that the script sets.
fn holds_attributes(fs: &dyn Filesystem) {
    let of = |path: &str| {
        let mut found = fs.xattrs(fs.find(&path.into()).unwrap()).unwrap();
        found.sort();
        found
    };
    assert_eq!(
        of("/one"),
        [
            (b"trusted.other".to_vec(), Vec::new()),
            (b"user.short".to_vec(), b"value".to_vec())
        ]
    );
    let many = of("/empty");
    assert_eq!(many.len(), 41);
    let long: Vec<u8> = (0..9000u32).map(|i| (i % 251) as u8).collect();
    assert_eq!(many[0], (b"user.long".to_vec(), long));
    for i in 0..40 {
        let name = format!("user.number {i}").into_bytes();
        let value = format!("{i}").repeat(20).into_bytes();
        assert!(many.contains(&(name, value)), "{i}");
    }
    assert!(of("/bin").is_empty());
}

#[test]
fn version_5() {
    for name in ["xfs-4k", "xfs-1k"] {
        let fs = open_fixture(name);
        assert_eq!(fs.state(), State::Clean, "{name}");
        holds_the_tree(&*fs, true);
        holds_attributes(&*fs);
    }
}

#[test]
fn version_4_with_and_without_file_types() {
    for name in ["xfs-v4", "xfs-v4-plain"] {
        let fs = open_fixture(name);
        assert_eq!(fs.state(), State::Clean, "{name}");
        holds_the_tree(&*fs, false);
    }
}

#[test]
fn the_log_is_replayed_without_touching_the_volume() {
    let image = fixture("xfs-log");
    let before = crc32fast::hash(&image);
    let fs = open(image.clone()).unwrap();
    assert_eq!(fs.state(), State::Dirty);
    holds_the_tree(&*fs, true);
    holds_attributes(&*fs);
    assert_eq!(crc32fast::hash(&image), before);
}

/// A record whose checksum does not match did not arrive, and the log ends before it.
#[test]
fn what_is_torn_is_not_replayed() {
    let image = fixture("xfs-log");
    let records: Vec<usize> = (0..image.len())
        .step_by(512)
        .filter(|at| image[*at..*at + 4] == [0xfe, 0xed, 0xba, 0xbe])
        .collect();
    let mut fewer = 0;
    // Those that were written last: where each is in the log's own order stands at byte 16.
    let mut records = records;
    records.sort_by_key(|at| image[at + 16..at + 24].to_vec());
    for record in records.into_iter().rev().take(8) {
        let at = record as u64 + 600;
        let torn = [!image[record + 600]];
        match open(Patched::new(image.clone()).with(at, torn)) {
            // What it held is lost, and what was before is there.
            Ok(fs) => {
                let found = fs.read_dir(&GuestPath::root()).unwrap().len();
                fewer += usize::from(found < 8);
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(fewer > 0);
}

#[track_caller]
fn is(error: &Error, cause: Cause, field: &str, offset: u64) {
    let found = (error.cause(), error.field_name(), error.offset());
    assert_eq!(found, (cause, field, Some(offset)), "{error}");
}

fn refused(volume: Patched) -> Error {
    match open(volume) {
        Ok(_) => panic!("it was opened"),
        Err(error) => error,
    }
}

#[test]
fn superblocks_that_cannot_be() {
    // Version 4 has no checksum, so that each field is what is found wrong.
    let image = fixture("xfs-v4");
    let cases: [(u64, &[u8], Cause, &str); 13] = [
        (100, &[0xb4, 0xa3], Cause::Feature, "sb_versionnum"),
        (100, &[0xb4, 0xa7], Cause::Value, "sb_versionnum"),
        (100, &[0x94, 0xa4], Cause::Feature, "sb_versionnum"),
        (121, &[16], Cause::Value, "sb_sectlog"),
        (122, &[12], Cause::Value, "sb_inodelog"),
        (104, &[0, 1], Cause::Value, "sb_inodesize"),
        (123, &[7], Cause::Value, "sb_inopblog"),
        (124, &[40], Cause::Value, "sb_agblklog"),
        (84, &[0; 4], Cause::Value, "sb_agblocks"),
        (192, &[9], Cause::Value, "sb_dirblklog"),
        (8, &[0, 0x20], Cause::Value, "sb_dblocks"),
        (48, &[0x70], Cause::OutOfRange, "sb_logstart"),
        (96, &[0x70], Cause::OutOfRange, "sb_logstart"),
    ];
    for (at, bytes, cause, field) in cases {
        let error = refused(Patched::new(image.clone()).with(at, bytes));
        let at = if at == 96 { 48 } else { at };
        is(&error, cause, field, at);
    }
    let error = refused(Patched::new(image.clone()).cut(image.len() as u64 - 1));
    is(&error, Cause::VolumeTooShort, "sb_dblocks", 8);
}

/// The superblock of version 5 with these bytes changed and its checksum made anew.
fn with_superblock(image: &Arc<Vec<u8>>, at: usize, bytes: &[u8]) -> Patched {
    let mut sector = image[..512].to_vec();
    sector[at..at + bytes.len()].copy_from_slice(bytes);
    sector[224..228].fill(0);
    let sum = crc32c::crc32c(&sector);
    sector[224..228].copy_from_slice(&sum.to_le_bytes());
    Patched::new(image.clone()).with(0, sector)
}

#[test]
fn features_that_are_not_known_are_refused() {
    let image = fixture("xfs-4k");
    for bit in [0x100u32, 0x200, 0x8000_0000] {
        let bits = bit | 3;
        let error = refused(with_superblock(&image, 216, &bits.to_be_bytes()));
        is(&error, Cause::Feature, "sb_features_incompat", 216);
    }
    // Those that only writers must know are not.
    assert!(open(with_superblock(&image, 212, &[0x80])).is_ok());
    // And one that says that it must be repaired.
    let old = u32::from_be_bytes(image[216..220].try_into().unwrap());
    let repair = with_superblock(&image, 216, &(old | 0x10).to_be_bytes());
    assert_eq!(open(repair).unwrap().state(), State::Errors);
    let error = refused(Patched::new(image).with(130, [1]));
    is(&error, Cause::Checksum, "sb_crc", 224);
}

/// Where the inode of a path is, by the superblock's own numbers.
fn inode_at(image: &[u8], fs: &dyn Filesystem, path: &str) -> u64 {
    let number = fs.find(&path.into()).unwrap().number;
    let inopblog = u32::from(image[123]);
    let (agblklog, inodelog) = (u32::from(image[124]), u32::from(image[122]));
    let agblocks = u64::from(u32::from_be_bytes(image[84..88].try_into().unwrap()));
    let block = number >> inopblog;
    let group = block >> agblklog;
    let linear = group * agblocks + (block & ((1 << agblklog) - 1));
    (linear << image[120]) + ((number & ((1 << inopblog) - 1)) << inodelog)
}

#[test]
fn checksums_are_verified_everywhere() {
    let image = fixture("xfs-1k");
    let sound = open(image.clone()).unwrap();
    let flip = |at: u64| {
        let byte = !image[at as usize];
        open(Patched::new(image.clone()).with(at, [byte])).unwrap()
    };
    let inode = inode_at(&image, &*sound, "/one");
    let error = flip(inode + 20).metadata(&"/one".into()).unwrap_err();
    is(&error, Cause::Checksum, "di_crc", inode);
    // The first block of names, of attributes, of a link's target.
    for (magic, field, structure) in [
        (&b"XDD3"[..], "crc", "XFS directory block"),
        (b"XSLM", "sl_crc", "XFS symbolic link"),
        (b"XARM", "rm_crc", "XFS attribute value"),
        (b"\x3b\xee", "crc", "XFS attribute block"),
    ] {
        let within = if magic.len() == 2 { 8 } else { 0 };
        let at = (0..image.len())
            .step_by(1024)
            .skip(64)
            .filter(|at| image[at + within..].starts_with(magic))
            .collect::<Vec<_>>();
        let found = at.iter().any(|at| {
            let fs = flip(*at as u64 + 500);
            let paths = ["/many", "/long-link", "/empty"];
            paths.iter().any(|path| {
                let Ok(node) = fs.find(&(*path).into()) else {
                    return false;
                };
                let errors = [
                    fs.entries(node).err(),
                    fs.link_target(node).err(),
                    fs.xattrs(node).err(),
                ];
                errors.into_iter().flatten().any(|error| {
                    error.cause() == Cause::Checksum
                        && error.field_name() == field
                        && error.structure() == structure
                        && error.offset() == Some(*at as u64)
                })
            })
        });
        assert!(found, "{structure}");
    }
}

/// Walks and reads everything with errors ignored.
fn exercise(fs: &dyn Filesystem) {
    let mut left = vec![fs.root()];
    for _ in 0..600 {
        let Some(node) = left.pop() else { return };
        let Ok(metadata) = fs.stat(node) else {
            continue;
        };
        let _ = fs.xattrs(node);
        match metadata.kind {
            FileKind::Directory => {
                let entries = fs.entries(node).unwrap_or_default();
                left.extend(entries.iter().map(|entry| entry.node));
            }
            FileKind::Symlink => drop(fs.link_target(node)),
            _ => {
                if let Ok(mut file) = fs.open_node(node) {
                    let mut buf = [0; 4096];
                    for at in [0, metadata.size / 2, metadata.size.saturating_sub(10)] {
                        let _ = file.read_at(&mut buf, at);
                        let _ = file.next_extent(at);
                    }
                }
            }
        }
    }
}

#[test]
fn early_ends_are_errors() {
    for name in ["xfs-v4", "xfs-log"] {
        let image = fixture(name);
        let mut len = image.len() as u64;
        while len > 0 {
            len = len * 3 / 4;
            let error = open(Patched::new(image.clone()).cut(len));
            assert!(error.is_err(), "{name} of {len} bytes");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Damage in places that matter costs no more than the budget allows, and never a panic.
    #[test]
    fn damage_is_survived(
        which in 0..3usize,
        patches in prop::collection::vec((any::<prop::sample::Index>(), 0..512u64, any::<[u8; 4]>()), 1..12),
    ) {
        let image = fixture(["xfs-v4", "xfs-v4-plain", "xfs-log"][which]);
        // Sectors that hold something.
        let used: Vec<u64> = image
            .chunks(512)
            .zip(0u64..)
            .filter(|(sector, _)| sector.iter().any(|b| *b != 0))
            .map(|(_, i)| i * 512)
            .collect();
        let mut volume = Patched::new(image);
        for (sector, within, bytes) in patches {
            volume = volume.with(used[sector.index(used.len())] + within, bytes);
        }
        let limits = Limits::default().with_work(200_000).with_memory(16 << 20);
        if let Ok(fs) = vmie_fs::open(Arc::new(volume), &limits) {
            exercise(&*fs);
        }
    }
}

/// Finding out what a guest is must not read much.
#[test]
fn small_files_cost_little() {
    let meter = Meter::new();
    let fs = open(Metered::new(fixture("xfs-4k"), meter.clone())).unwrap();
    let opened = meter.bytes();
    assert!(opened <= 192 << 10, "{opened} to open");
    let mut file = fs.open(&"/etc/os-release".into()).unwrap();
    let mut buf = [0; 100];
    assert!(file.read_at(&mut buf, 0).unwrap() > 0);
    assert!(meter.bytes() <= opened + (96 << 10), "{}", meter.bytes());
}
