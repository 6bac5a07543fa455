//! Btrfs: what the images hold, several devices, subvolumes; the exact cause and place of damage;
//! mutations behind right checksums.
#![allow(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests may panic"
)]

mod fixtures;

use std::sync::{Arc, OnceLock};

use fixtures::{fixture, open, open_fixture, read, walk};
use proptest::prelude::*;
use vmie_fs::btrfs::open_devices;
use vmie_fs::{Cause, Error, FileKind, Filesystem, GuestPath, Namespace, State};
use vmie_io::{ErrorKind, ExtentKind, Limits, ReadAt};
use vmie_testkit::fsimage::Patched;

const SUPER: u64 = 64 << 10;

/// A row of `tree.txt` for each path but the mode's and the name's bytes, which `conformance` holds
/// against every filesystem.
fn holds_the_tree(fs: &dyn Filesystem, space: u64) {
    assert_eq!(fs.state(), State::Clean);
    assert_eq!(fs.identity().label.as_deref(), Some("fixture"));
    let uuid = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";
    assert_eq!(fs.identity().uuid.as_deref(), Some(uuid));
    let total = fs.space().unwrap();
    assert_eq!(total.total, space);
    assert!(total.free > 0 && total.free < total.total);
    let found = walk(fs);
    let ext = walk(&*open_fixture("ext4-4k"));
    assert_eq!(found.len(), 318);
    for (path, item) in &found {
        let theirs = &ext[path];
        assert_eq!(item.content, theirs.content, "{path:?}");
        let (mut ours, mut other) = (item.metadata, theirs.metadata);
        if ours.kind == FileKind::Directory {
            // A matter of the filesystem.
            (ours.size, other.size) = (0, 0);
        }
        assert_eq!(ours, other, "{path:?}");
    }
}

#[test]
fn every_compression_and_checksum() {
    for name in ["btrfs-zstd", "btrfs-lzo", "btrfs-zlib", "btrfs-plain"] {
        holds_the_tree(&*open_fixture(name), 16 << 20);
    }
}

/// `mkfs.btrfs --rootdir` stores a zero behind the target of a symbolic link, which its size does not count.
#[test]
fn links_made_by_mkfs_end_where_their_size_says() {
    let image = fixture("btrfs-rootdir");
    let stored = b"../os-release\0";
    assert!(image.windows(stored.len()).any(|bytes| bytes == stored));
    let fs = open_fixture("btrfs-rootdir");
    for (path, target) in [
        ("/etc/os-release", "../os-release"),
        ("/long", &"a".repeat(200)),
    ] {
        let node = fs.find(&GuestPath::from(path)).unwrap();
        assert_eq!(fs.link_target(node).unwrap(), target.as_bytes());
        assert_eq!(fs.stat(node).unwrap().size, target.len() as u64, "{path}");
    }
    let tree = Namespace::new(fs);
    let text = tree
        .read(&GuestPath::from("/etc/os-release"), 4096)
        .unwrap();
    assert!(text.starts_with(b"ID="));
}

#[test]
fn chunks_of_their_own_for_metadata() {
    holds_the_tree(&*open_fixture("btrfs-16k"), 112 << 20);
}

fn devices(names: &[Patched]) -> Result<Box<dyn Filesystem>, Error> {
    let volumes: Vec<Arc<dyn ReadAt>> = names
        .iter()
        .map(|volume| Arc::new(volume.clone()) as Arc<dyn ReadAt>)
        .collect();
    open_devices(&volumes, &Limits::default())
}

#[test]
fn mirrors_stand_in_for_each_other() {
    let [a, b] = ["btrfs-raid1-a", "btrfs-raid1-b"].map(|name| Patched::new(fixture(name)));
    // Both in either order, and each alone.
    holds_the_tree(&*devices(&[a.clone(), b.clone()]).unwrap(), 96 << 20);
    holds_the_tree(&*devices(&[b.clone(), a.clone()]).unwrap(), 96 << 20);
    holds_the_tree(&*devices(std::slice::from_ref(&a)).unwrap(), 96 << 20);
    holds_the_tree(&*devices(std::slice::from_ref(&b)).unwrap(), 96 << 20);
    // All of the first one's content is gone, but for the superblock.
    let mut damaged = fixture("btrfs-raid1-a").to_vec();
    damaged[1 << 20..].fill(0x5a);
    let damaged = Patched::new(Arc::new(damaged));
    holds_the_tree(&*devices(&[damaged.clone(), b]).unwrap(), 96 << 20);
    let error = refused(devices(&[damaged]));
    assert_eq!(error.cause(), Cause::Checksum, "{error}");
    // A device of another filesystem is not taken for one of this.
    let mut other = fixture("btrfs-raid1-b").to_vec();
    other[SUPER as usize + 0x20] ^= 1;
    let at = SUPER as usize;
    let sum = crc32c::crc32c(&other[at + 32..at + 4096]);
    other[at..at + 4].copy_from_slice(&sum.to_le_bytes());
    let error = refused(devices(&[a, Patched::new(Arc::new(other))]));
    assert_eq!((error.cause(), error.field_name()), (Cause::Value, "fsid"));
}

#[test]
fn other_devices_are_looked_for_on_other_volumes() {
    let [a, b] = ["btrfs-raid1-a", "btrfs-raid1-b"].map(|name| Patched::new(fixture(name)));
    let shared = |volume: &Patched| Arc::new(volume.clone()) as Arc<dyn ReadAt>;
    let beside: Vec<Arc<dyn ReadAt>> = vec![Arc::new(fixture("ext4-4k")), shared(&a), shared(&b)];
    assert!(vmie_fs::btrfs::is_one_filesystem(&a, &b));
    assert!(!vmie_fs::btrfs::is_one_filesystem(&a, &a));
    assert!(!vmie_fs::btrfs::is_one_filesystem(&a, &*fixture("ext4-4k")));
    // The first one's content is gone, but for the superblock: the second one has it all.
    let mut damaged = fixture("btrfs-raid1-a").to_vec();
    damaged[1 << 20..].fill(0x5a);
    let damaged: Arc<dyn ReadAt> = Arc::new(damaged);
    let open = |others: &[Arc<dyn ReadAt>]| {
        vmie_fs::open_beside(Arc::clone(&damaged), others, &Limits::default())
    };
    assert_eq!(refused(open(&[])).cause(), Cause::Checksum);
    // A copy of the same device is no other one.
    assert_eq!(refused(open(&beside[..2])).cause(), Cause::Checksum);
    holds_the_tree(&*open(&beside).unwrap(), 96 << 20);
}

fn refused(result: Result<Box<dyn Filesystem>, Error>) -> Error {
    match result {
        Ok(_) => panic!("it was opened"),
        Err(error) => error,
    }
}

#[test]
fn subvolumes_are_found_and_crossed() {
    let fs = open_fixture("btrfs-trees");
    let found = walk(&*fs);
    let content = |path: &str| found[&GuestPath::from(path)].content.clone();
    assert_eq!(content("/@/etc/os-release"), b"changed\n");
    assert_eq!(content("/@/nested/file"), b"nested\n");
    let old = "/snapshots/1/snapshot/etc/os-release";
    assert_eq!(content(old), b"ID=demo\nVERSION_ID=\"1\"\n");
    // Snapshots are not deep: a subvolume in what they were made of is an empty directory.
    let stub = &found[&GuestPath::from("/snapshots/1/snapshot/nested")];
    assert_eq!(stub.metadata.kind, FileKind::Directory);
    assert!(!found.contains_key(&GuestPath::from("/snapshots/1/snapshot/nested/file")));
    let list = fs.subvolumes().unwrap();
    let paths: Vec<_> = list
        .iter()
        .map(|s| (s.id, s.path.as_ref().unwrap().to_string_lossy(), s.parent))
        .collect();
    let expected = [
        (5, "/".to_owned(), None),
        (256, "/@".to_owned(), Some(5)),
        (257, "/@/nested".to_owned(), Some(256)),
        (258, "/snapshots/1/snapshot".to_owned(), Some(5)),
    ];
    assert_eq!(paths, expected);
    let flags: Vec<_> = list.iter().map(|s| (s.is_default, s.read_only)).collect();
    assert_eq!(
        flags,
        [(true, false), (false, false), (false, false), (false, true)]
    );
    assert_eq!(list[3].snapshot_of, list[1].uuid);
    assert!(list[1].snapshot_of.is_none() && list[1].uuid.is_some());
    let dir = fs.lookup(list[1].root, b"etc").unwrap().unwrap();
    let file = fs.lookup(dir, b"os-release").unwrap().unwrap();
    let mut attributes = fs.xattrs(file).unwrap();
    attributes.sort();
    let expected = [("user.empty", ""), ("user.note", "value")];
    let expected = expected.map(|(name, value)| (name.into(), value.into()));
    assert_eq!(attributes, expected);
    for (path, kind) in [("/fifo", FileKind::Fifo), ("/device", FileKind::CharDevice)] {
        assert_eq!(found[&GuestPath::from(path)].metadata.kind, kind);
    }
}

#[test]
fn shared_and_preallocated_extents() {
    let fs = open_fixture("btrfs-trees");
    let mut clone = read(&*fs, &"/clone".into()).unwrap();
    assert_eq!(clone[150_000], b'B');
    clone[150_000] = b'a';
    assert!(clone.iter().all(|b| *b == b'a') && clone.len() == 300_000);
    assert_eq!(clone, read(&*fs, &"/original".into()).unwrap());
    let mut file = fs.open(&"/prealloc".into()).unwrap();
    let extent = file.next_extent(0).unwrap();
    assert_eq!((extent.kind, extent.len), (ExtentKind::Zero, 20480));
    let fs = open_fixture("btrfs-plain");
    let mut file = fs.open(&"/data/holes".into()).unwrap();
    let extent = file.next_extent(0).unwrap();
    assert_eq!((extent.kind, extent.len), (ExtentKind::Hole, 4096));
    assert_eq!(file.next_extent(4096).unwrap().kind, ExtentKind::Data);
}

#[test]
fn a_log_makes_it_dirty() {
    let fs = open_fixture("btrfs-log");
    assert_eq!(fs.state(), State::Dirty);
    let found = walk(&*fs);
    assert_eq!(
        found[&GuestPath::from("/committed")].content,
        b"committed\n"
    );
    // As of the last commit.
    assert!(!found.contains_key(&GuestPath::from("/logged")));
}

/// The image with its superblock changed and sealed again.
fn with_super(name: &str, within: u64, bytes: &[u8]) -> Patched {
    let image = fixture(name);
    let at = SUPER as usize;
    let mut sb = image[at..at + 4096].to_vec();
    sb[within as usize..within as usize + bytes.len()].copy_from_slice(bytes);
    let sum = crc32c::crc32c(&sb[32..]);
    sb[..4].copy_from_slice(&sum.to_le_bytes());
    Patched::new(image).with(SUPER, sb)
}

#[track_caller]
fn is(error: &Error, cause: Cause, field: &str, offset: u64) {
    let found = (error.cause(), error.field_name(), error.offset());
    assert_eq!(found, (cause, field, Some(offset)), "{error}");
}

#[test]
fn superblocks_that_cannot_be() {
    let cases: [(u64, &[u8], Cause, &str); 9] = [
        (0x30, &[1], Cause::Value, "bytenr"),
        (0x90, &[0xff; 4], Cause::Value, "sectorsize"),
        (0x94, &[0, 8, 0, 0], Cause::Value, "nodesize"),
        (0xa0, &[0xff; 4], Cause::Value, "sys_chunk_array_size"),
        (0xbc, &[0, 0, 0, 0x80], Cause::Feature, "incompat_flags"),
        (0xbd, &[0x13], Cause::Feature, "incompat_flags"),
        (0xc4, &[9], Cause::Feature, "csum_type"),
        (0xc6, &[8], Cause::Value, "root_level"),
        (0x32b + 8, &[1], Cause::Value, "sys_chunk_array"),
    ];
    for (within, bytes, cause, field) in cases {
        let error = refused(open(with_super("btrfs-zstd", within, bytes)));
        let whole = match field {
            "incompat_flags" => 0xbc,
            "sys_chunk_array" => 0x32b,
            _ => within,
        };
        is(&error, cause, field, SUPER + whole);
        let kind = match cause {
            Cause::Feature => ErrorKind::Unsupported,
            _ => ErrorKind::Corrupt,
        };
        assert_eq!(error.kind(), kind);
    }
    let error = refused(open(
        Patched::new(fixture("btrfs-zstd")).with(SUPER + 0x100, [1]),
    ));
    is(&error, Cause::Checksum, "csum", SUPER);
    // The root of all trees from another time.
    let error = refused(open(with_super("btrfs-zstd", 0x48, &[0x77])));
    assert_eq!(
        (error.cause(), error.field_name()),
        (Cause::Generation, "generation")
    );
    // And outside of all chunks.
    let error = refused(open(with_super("btrfs-zstd", 0x50, &[0, 0, 0, 0, 1])));
    assert_eq!(
        (error.cause(), error.field_name()),
        (Cause::OutOfRange, "node")
    );
}

#[test]
fn a_copy_of_the_superblock_stands_in() {
    // The copy at 64 MiB needs a longer volume; the image is sparse behind its end.
    let mut image = fixture("btrfs-16k").to_vec();
    image.resize(112 << 20, 0);
    let copy = 64 << 20;
    let mut sb = image[SUPER as usize..SUPER as usize + 4096].to_vec();
    sb[0x30..0x38].copy_from_slice(&(copy as u64).to_le_bytes());
    let sum = crc32c::crc32c(&sb[32..]);
    sb[..4].copy_from_slice(&sum.to_le_bytes());
    image[copy..copy + 4096].copy_from_slice(&sb);
    image[SUPER as usize + 0x120] ^= 0xff;
    let fs = open(Arc::new(image)).unwrap();
    assert!(fs.metadata(&"/etc/os-release".into()).is_ok());
}

#[test]
fn data_that_does_not_match_its_checksum_is_not_given() {
    let image = fixture("btrfs-plain");
    let at = image
        .windows(16)
        .position(|w| w == b"ID=demo\nVERSION_")
        .unwrap() as u64;
    let fs = open(Patched::new(image).with(at, *b"x")).unwrap();
    let error = read(&*fs, &"/etc/os-release".into()).unwrap_err();
    is(&error, Cause::Checksum, "checksum", at & !0xfff);
    // The rest goes on.
    assert!(read(&*fs, &"/data/mid".into()).is_ok());
}

#[test]
fn an_early_end_is_an_error_at_every_length() {
    let image = fixture("btrfs-zstd");
    let whole = ReadAt::len(&image);
    for len in (0..whole).step_by(37_123) {
        if let Ok(fs) = open(Patched::new(image.clone()).cut(len)) {
            exercise(&*fs);
        }
    }
}

/// Walks and reads everything with errors ignored; says how many paths there were.
fn exercise(fs: &dyn Filesystem) -> usize {
    let mut left = vec![fs.root()];
    let mut seen = 0;
    while let Some(node) = left.pop() {
        seen += 1;
        // A directory may be inside of itself.
        if seen > 1500 {
            break;
        }
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
                    let mut buf = [0; 6000];
                    for at in [0, metadata.size / 2, metadata.size.saturating_sub(10)] {
                        let _ = file.read_at(&mut buf, at);
                        let _ = file.next_extent(at);
                    }
                }
            }
        }
    }
    let _ = fs.subvolumes();
    seen
}

/// Where the nodes of an image are, by their bytes: 4 KiB that carry the filesystem's UUID and
/// their own checksum.
fn nodes(image: &[u8]) -> Vec<usize> {
    let uuid = &image[SUPER as usize + 0x20..SUPER as usize + 0x30];
    let sealed = |at: &usize| {
        let node = &image[*at..*at + 4096];
        &node[32..48] == uuid && node[..4] == crc32c::crc32c(&node[32..]).to_le_bytes()
    };
    (1 << 20..image.len() - 4096)
        .step_by(4096)
        .filter(sealed)
        .collect()
}

/// An image, and where its nodes with right checksums are.
type Sealed = (Arc<Vec<u8>>, Vec<usize>);

proptest! {
    /// Nodes are changed and given the right checksum again, so that what stands behind the
    /// checksums is what has to hold.
    #[test]
    fn changes_behind_right_checksums_are_survived(
        changes in prop::collection::vec((any::<prop::sample::Index>(), 32..4096usize, any::<u8>()), 1..12),
        trees in any::<bool>(),
    ) {
        static FOUND: OnceLock<[Sealed; 2]> = OnceLock::new();
        let found = FOUND.get_or_init(|| ["btrfs-zstd", "btrfs-trees"].map(|name| {
            let image = fixture(name);
            let nodes = nodes(&image);
            assert!(nodes.len() > 10);
            (image, nodes)
        }));
        let (image, nodes) = &found[usize::from(trees)];
        let mut volume = Patched::new(image.clone());
        for (index, within, byte) in changes {
            let at = *index.get(nodes);
            let mut node = vec![0; 4096];
            volume.read_exact_at(&mut node, at as u64).unwrap();
            // Near the start, where the header and the keys are, as often as anywhere.
            let within = if byte % 2 == 0 { 32 + within % 300 } else { within };
            node[within] = byte;
            let sum = crc32c::crc32c(&node[32..]);
            node[..4].copy_from_slice(&sum.to_le_bytes());
            volume = volume.with(at as u64, node);
        }
        let limits = Limits::default().with_work(200_000).with_memory(16 << 20);
        if let Ok(fs) = vmie_fs::open(Arc::new(volume), &limits) {
            exercise(&*fs);
        }
    }
}
