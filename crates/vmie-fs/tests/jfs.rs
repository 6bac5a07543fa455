//! JFS: what its image must hold, and what damage to it is said to be.
#![allow(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests may panic"
)]

mod fixtures;

use std::sync::Arc;

use fixtures::{fixture, open, open_fixture, walk};
use proptest::prelude::*;
use vmie_fs::{Cause, Error, FileKind, Filesystem, FsKind, GuestPath, State};
use vmie_io::Limits;
use vmie_testkit::fsimage::Patched;

const BLOCK: usize = 4096;

/// What the script writes.
fn pattern(len: usize, salt: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 7 + i / 251 + salt) as u8).collect()
}

#[test]
fn trees_of_two_levels_names_links_holes() {
    let fs = open_fixture("jfs");
    let identity = fs.identity();
    assert_eq!(identity.kind, FsKind::Jfs);
    assert_eq!(identity.label.as_deref(), Some("fixture"));
    assert_eq!(fs.state(), State::Clean);
    let space = fs.space().unwrap();
    assert!(space.free > 0 && space.free < space.total);
    let found = walk(&*fs);
    assert_eq!(found.len(), 7 + 63);
    for item in found.values() {
        let metadata = item.metadata;
        assert_eq!((metadata.uid, metadata.gid), (1000, 100));
        assert_eq!(metadata.mtime, Some((1_600_000_000, 5)));
    }
    let get = |path: &[u8]| &found[&GuestPath::new(path)];

    let mut sparse = vec![0; 11 * BLOCK];
    sparse[2 * BLOCK..4 * BLOCK].copy_from_slice(&pattern(8192, 1));
    sparse[10 * BLOCK..].copy_from_slice(&pattern(BLOCK, 2));
    sparse.truncate(11 * BLOCK - 100);
    assert!(get(b"/sparse").content == sparse);
    assert_eq!(get(b"/sparse").metadata.mode, 0o644);

    let mut tree = vec![0; 100 * BLOCK];
    for (page, i) in (0..3).flat_map(|page| (0..10).map(move |i| (page, i))) {
        let at = (page * 40 + i * 2) * BLOCK;
        tree[at..at + BLOCK].copy_from_slice(&pattern(BLOCK, page * 16 + i));
    }
    assert!(get(b"/tree").content == tree);

    assert_eq!(
        get(b"/link").content,
        format!("/{}", "s".repeat(199)).as_bytes()
    );
    assert_eq!(
        get(b"/longlink").content,
        format!("/{}", "l".repeat(299)).as_bytes()
    );
    assert_eq!(get(b"/null").metadata.kind, FileKind::CharDevice);
    assert_eq!(get(b"/ea").metadata.mode, 0o4755);

    let mut names: Vec<Vec<u8>> = (0..3)
        .flat_map(|p| (0..20).map(move |i| format!("{p}{i:02} a name that is rather long")))
        .map(String::into_bytes)
        .collect();
    names.push("~ 日本".into());
    names.push([b"~", [b'n'; 254].as_slice()].concat());
    names.push(b"~caf\xe9".to_vec());
    let dir = fs.find(&"/many".into()).unwrap();
    let listed: Vec<_> = fs
        .entries(dir)
        .unwrap()
        .into_iter()
        .map(|e| e.name)
        .collect();
    assert_eq!(listed, names);
    for name in &names {
        assert!(fs.lookup(dir, name).unwrap().is_some());
    }
    assert!(fs.lookup(dir, b"nothing").unwrap().is_none());

    let xattrs = fs.xattrs(fs.find(&"/ea".into()).unwrap()).unwrap();
    let expected = [
        (b"user.a".to_vec(), b"value".to_vec()),
        (b"os2.OLD".to_vec(), vec![b'o'; 1024]),
    ];
    assert_eq!(xattrs, expected);
}

#[test]
fn any_case_only_where_the_filesystem_says_so() {
    let image = fixture("jfs");
    let path = GuestPath::from("/Sparse");
    assert!(open(image.clone()).unwrap().find(&path).is_err());
    let flags = u32::from_le_bytes(image[0x8024..0x8028].try_into().unwrap()) | 0x4000_0000;
    let os2 = open(Patched::new(image).with(0x8024, flags.to_le_bytes())).unwrap();
    assert!(os2.find(&path).is_ok());
}

#[test]
fn a_damaged_inode_hides_no_other() {
    let image = fixture("jfs");
    let fs = open(image.clone()).unwrap();
    let names = |fs: &dyn Filesystem| -> Vec<(Vec<u8>, FileKind)> {
        let entries = fs.entries(fs.root()).unwrap();
        entries.into_iter().map(|e| (e.name, e.kind)).collect()
    };
    let whole = names(&*fs);
    let node = fs.find(&"/sparse".into()).unwrap();
    let at = inode_at(&image, node.number);
    let damaged = open(Patched::new(image).with(at + 8, [0xff; 4])).unwrap();
    let expected = whole.into_iter().map(|(name, kind)| match &*name {
        b"sparse" => (name, FileKind::Other),
        _ => (name, kind),
    });
    assert_eq!(names(&*damaged), expected.collect::<Vec<_>>());
    is(
        &damaged.stat(node).unwrap_err(),
        Cause::Value,
        "di_number",
        at,
    );
}

#[test]
fn times_have_no_sign() {
    let image = fixture("jfs");
    let path = GuestPath::from("/sparse");
    let node = open(image.clone()).unwrap().find(&path).unwrap();
    // di_mtime.
    let at = inode_at(&image, node.number) + 72;
    let late = open(Patched::new(image).with(at, 3_000_000_000u32.to_le_bytes())).unwrap();
    let mtime = late.stat(node).unwrap().mtime;
    assert_eq!(mtime, Some((3_000_000_000, 5)));
}

#[track_caller]
fn is(error: &Error, cause: Cause, field: &str, offset: u64) {
    let found = (error.cause(), error.field_name(), error.offset());
    assert_eq!(found, (cause, field, Some(offset)), "{error}");
}

#[test]
fn superblocks_that_cannot_be() {
    let image = fixture("jfs");
    let cases: [(u64, &[u8], Cause, &str); 4] = [
        (4, &[3], Cause::Feature, "s_version"),
        (36, &[0, 0, 0x30], Cause::Feature, "s_flag"),
        (8, &[0; 8], Cause::Value, "s_size"),
        (8, &[0xff; 5], Cause::VolumeTooShort, "s_size"),
    ];
    for (at, bytes, cause, field) in cases {
        let volume = Patched::new(image.clone()).with(0x8000 + at, bytes);
        let error = match open(volume) {
            Ok(_) => panic!("{field}"),
            Err(error) => error,
        };
        is(&error, cause, field, 0x8000 + at);
    }
    for (state, said) in [(1u8, State::Dirty), (2, State::Errors), (4, State::Dirty)] {
        let volume = Patched::new(image.clone()).with(0x8000 + 40, [state]);
        assert_eq!(open(volume).unwrap().state(), said);
    }
}

/// Where the inode with this number is: the fixture's are all in one extent.
fn inode_at(image: &[u8], number: u64) -> u64 {
    let word = |at: usize| u32::from_le_bytes(image[at..at + 4].try_into().unwrap());
    let imap = word(0xb000 + 16 * 512 + 224 + 32 + 12) as usize;
    let iag = (imap + 1) * BLOCK;
    u64::from(word(iag + 3072 + 4)) * 4096 + number * 512
}

#[test]
fn damage_has_a_cause_and_a_place() {
    let image = fixture("jfs");
    let inode = inode_at(&image, 4);
    let root = GuestPath::root();
    let sparse = GuestPath::from("/sparse");
    let damaged =
        |at: u64, bytes: &[u8]| open(Patched::new(image.clone()).with(at, bytes)).unwrap();
    let error = damaged(inode + 8, &[9]).metadata(&sparse).unwrap_err();
    is(&error, Cause::Value, "di_number", inode);
    let error = damaged(inode + 40, &[0; 4]).metadata(&sparse).unwrap_err();
    is(&error, Cause::Value, "di_nlink", inode);
    let mut buf = [0; 20_000];
    let mut read = |at: u64, bytes: &[u8]| {
        let fs = damaged(at, bytes);
        let mut file = fs.open(&sparse).unwrap();
        file.read_at(&mut buf, 0).unwrap_err()
    };
    let tree = inode + 224;
    is(&read(tree + 16, &[0]), Cause::Value, "flag", tree);
    is(&read(tree + 18, &[200]), Cause::Value, "nextindex", tree);
    is(
        &read(tree + 32 + 12, &[0xff; 4]),
        Cause::OutOfRange,
        "addr",
        tree,
    );
    is(
        &read(tree + 48 + 4, &[0; 4]),
        Cause::Order,
        "off",
        tree + 48,
    );
    let dir = inode_at(&image, 2) + 224;
    let error = damaged(dir + 24, &[100]).read_dir(&root).unwrap_err();
    is(&error, Cause::DirEntry, "stbl", dir);
    // Leaves that follow each other in a circle, or lead out of the volume; an inner page with nothing below.
    let many = inode_at(&image, 8) + 224;
    let listed = |at: u64, bytes: &[u8]| damaged(at, bytes).read_dir(&"/many".into()).unwrap_err();
    let [first, _, last] = leaves(&image, many);
    let to_first = (first / 4096).to_le_bytes();
    is(&listed(last, &to_first), Cause::Cycle, "next", first);
    is(&listed(last, &[0xff; 8]), Cause::OutOfRange, "next", last);
    is(&listed(many + 17, &[0]), Cause::Value, "nextindex", many);
}

/// Where the three leaves of a directory are, whose inner root is at `root`.
fn leaves(image: &[u8], root: u64) -> [u64; 3] {
    [1, 2, 3].map(|slot| {
        let at = root as usize + slot * 32 + 4;
        let block = u32::from_le_bytes(image[at..at + 4].try_into().unwrap());
        u64::from(block) * 4096
    })
}

/// Linux lists a directory from leaf to leaf. One that was copied while it was written may have a leaf that its
/// neighbour names already and the inner page does not, or the other way round.
#[test]
fn leaves_are_listed_as_they_follow_each_other() {
    let image = fixture("jfs");
    let root = inode_at(&image, 8) + 224;
    let names = |fs: Box<dyn Filesystem>| -> Vec<Vec<u8>> {
        let entries = fs.read_dir(&"/many".into()).unwrap();
        entries.into_iter().map(|entry| entry.name).collect()
    };
    let whole = names(open(image.clone()).unwrap());
    assert_eq!(whole.len(), 63);
    // Nothing but the first leaf is in the inner page.
    let early = Patched::new(image.clone()).with(root + 17, [1]);
    let fs = open(early).unwrap();
    assert!(
        fs.find(
            &format!("/many/{}", String::from_utf8_lossy(&whole[50]))
                .as_str()
                .into()
        )
        .is_ok()
    );
    assert_eq!(names(fs), whole);
    // The second leaf does not name the third yet.
    let [_, second, _] = leaves(&image, root);
    let late = Patched::new(image).with(second, [0; 8]);
    assert_eq!(names(open(late).unwrap()), whole[..40]);
}

/// Walks and reads everything with errors ignored.
fn exercise(fs: &dyn Filesystem) {
    let mut left = vec![fs.root()];
    for _ in 0..300 {
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
    let image = fixture("jfs");
    let mut len = image.len() as u64;
    while len > 0 {
        len = len * 3 / 4;
        assert!(open(Patched::new(image.clone()).cut(len)).is_err(), "{len}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Damage in places that matter costs no more than the budget allows, and never a panic.
    #[test]
    fn damage_is_survived(
        patches in prop::collection::vec((any::<prop::sample::Index>(), 0..512u64, any::<[u8; 4]>()), 1..12),
    ) {
        let image = fixture("jfs");
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
