//! Every reader on what it must hold, path by path.
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

use fixtures::{Item, fixture, open, open_fixture, pieces, read, walk};
use vmie_fs::{Cause, FileKind, FsKind, GuestPath, MemoryFs, Namespace, State};
use vmie_io::{Meter, Metered};

/// The rows of `tree.txt`: path; kind, mode, size, and CRC-32 or target.
fn tree() -> BTreeMap<GuestPath, [String; 4]> {
    parse_tree(include_str!("data/tree.txt"))
}

fn parse_tree<const N: usize>(text: &str) -> BTreeMap<GuestPath, [String; N]> {
    let unescape = |text: &str| -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("\\x") {
            bytes.extend_from_slice(before.as_bytes());
            bytes.push(u8::from_str_radix(&after[..2], 16).unwrap());
            rest = &after[2..];
        }
        bytes.extend_from_slice(rest.as_bytes());
        bytes
    };
    text.lines()
        .map(|line| {
            let mut columns = line.split('\t');
            let path = GuestPath::new(unescape(columns.next().unwrap()));
            (
                path,
                std::array::from_fn(|_| columns.next().unwrap().into()),
            )
        })
        .collect()
}

fn row(item: &Item) -> [String; 4] {
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
    [
        metadata.kind.name().into(),
        format!("{:o}", metadata.mode),
        size.to_string(),
        content,
    ]
}

fn ext_holds_the_tree(name: &str, kind: FsKind) {
    let fs = open_fixture(name);
    assert_eq!(fs.identity().kind, kind);
    assert_eq!(fs.identity().label.as_deref(), Some("fixture"));
    assert_eq!(fs.state(), State::Clean);
    let space = fs.space().unwrap();
    assert!(space.free > 0 && space.free < space.total);
    let mut found = walk(&*fs);
    let lost = found.remove(&GuestPath::from("/lost+found")).unwrap();
    assert_eq!(lost.metadata.mode, 0o700);
    let tree = tree();
    assert_eq!(tree.len(), 318);
    for (path, item) in &found {
        assert_eq!(Some(&row(item)), tree.get(path), "{path:?}");
        assert_eq!((item.metadata.uid, item.metadata.gid), (0, 0));
        assert_eq!(item.metadata.mtime, Some((1_600_000_000, 0)), "{path:?}");
    }
    assert_eq!(found.len(), tree.len());
}

#[test]
fn ext2_with_indirect_blocks() {
    ext_holds_the_tree("ext2-1k", FsKind::Ext2);
}

#[test]
fn ext2_of_the_first_revision() {
    let fs = open_fixture("ext2-rev0");
    assert_eq!(fs.identity().kind, FsKind::Ext2);
    ext_holds_the_tree("ext2-rev0", FsKind::Ext2);
}

#[test]
fn ext4_with_extents_checksums_and_4k_blocks() {
    ext_holds_the_tree("ext4-4k", FsKind::Ext4);
}

#[test]
fn ext4_without_checksums_and_64_bits() {
    ext_holds_the_tree("ext4-1k", FsKind::Ext4);
}

#[test]
fn ext4_with_inline_data() {
    ext_holds_the_tree("ext4-inline", FsKind::Ext4);
}

#[test]
fn ext4_with_meta_block_groups() {
    ext_holds_the_tree("ext4-metabg", FsKind::Ext4);
}

#[test]
fn ext4_with_clusters() {
    ext_holds_the_tree("ext4-bigalloc", FsKind::Ext4);
}

#[test]
fn preallocated_blocks_read_as_zeroes() {
    let image = fixture("ext4-prealloc");
    let fs = open(image.clone()).unwrap();
    let one = walk(&*fs).remove(&GuestPath::from("/one")).unwrap();
    assert_eq!(one.content.len(), 20480);
    assert_eq!(one.content[0], b'x');
    assert!(one.content[1..].iter().all(|b| *b == 0));
    // What the blocks themselves hold is something else.
    assert!(image[23 * 1024..36 * 1024].iter().all(|b| *b == b'J'));
}

#[test]
fn a_journal_is_replayed_without_touching_the_volume() {
    for (name, kind) in [
        ("ext3-journal", FsKind::Ext3),
        ("ext4-journal", FsKind::Ext4),
    ] {
        let image = fixture(name);
        let before = crc32fast::hash(&image);
        let fs = open(image.clone()).unwrap();
        assert_eq!(fs.identity().kind, kind);
        assert_eq!(fs.state(), State::Dirty);
        let found = walk(&*fs);
        let content = |path: &str| found[&GuestPath::from(path)].content.clone();
        assert_eq!(content("/replayed"), [b'2'; 1024], "the newest content");
        assert_eq!(
            content("/revoked"),
            [b'o'; 1024],
            "what was revoked is not replayed"
        );
        let escaped = content("/escaped");
        assert_eq!(escaped[..5], [0xc0, 0x3b, 0x39, 0x98, b'e']);
        assert_eq!(crc32fast::hash(&image), before);
    }
}

fn fat_holds_its_files(name: &str, kind: FsKind) {
    let fs = open_fixture(name);
    assert_eq!(fs.identity().kind, kind);
    assert_eq!(fs.identity().label.as_deref(), Some("FIXTURE"));
    assert_eq!(fs.identity().uuid.as_deref(), Some("1A2B-3C4D"));
    assert_eq!(fs.state(), State::Clean);
    let space = fs.space().unwrap();
    assert!(space.free > 0 && space.free < space.total);
    let found = walk(&*fs);
    assert_eq!(found.len(), 4 + 5 + 60);
    let tool = read(&*fs, &"/EFI/BOOT/BOOTX64.EFI".into()).unwrap();
    let pattern: Vec<u8> = (0..9000u32).map(|i| (i * 7 + i / 251 + 3) as u8).collect();
    assert_eq!(tool, pattern);
    for i in 0..60 {
        let path = GuestPath::from(format!("/many/a long name, number {i}.dat").as_str());
        assert_eq!(found[&path].content, i.to_string().into_bytes());
    }
    assert_eq!(found[&GuestPath::from("/Grüße 日本.txt")].content, b"utf8");
    assert_eq!(found[&GuestPath::from("/lower.txt")].content, b"lower");
    // Any case, and the short name too.
    for other in [
        "/efi/boot/bootx64.efi",
        "/MANY/ALONGN~1.DAT",
        "/LOWER.TXT",
        "/GRÜSSE 日本.TXT",
    ] {
        assert!(fs.open(&other.into()).is_ok(), "{other}");
    }
}

#[test]
fn fat12() {
    fat_holds_its_files("fat12", FsKind::Fat12);
}

#[test]
fn fat16() {
    fat_holds_its_files("fat16", FsKind::Fat16);
}

#[test]
fn fat32() {
    fat_holds_its_files("fat32", FsKind::Fat32);
}

/// The rows of `ntfs-tree.txt`, of which only one image in two has compressed files.
fn ntfs_holds_its_tree(name: &str, block_size: u64, compressed: bool) {
    let fs = open_fixture(name);
    let identity = fs.identity();
    assert_eq!(identity.kind, FsKind::Ntfs);
    assert_eq!(identity.label.as_deref(), Some("fixture"));
    assert_eq!(identity.uuid.as_deref(), Some("0123456789ABCDEF"));
    assert_eq!(identity.block_size, Some(block_size));
    assert_eq!(fs.state(), State::Clean);
    let space = fs.space().unwrap();
    assert!(space.free > 0 && space.free < space.total);
    let mut tree = parse_tree(include_str!("data/ntfs-tree.txt"));
    assert_eq!(tree.len(), 240);
    if !compressed {
        tree.retain(|path, _| path.strip_prefix(&"/lznt1".into()).is_none());
    }
    let found = walk(&*fs);
    for (path, item) in &found {
        let [kind, _, size, content] = row(item);
        assert_eq!(Some(&[kind, size, content]), tree.get(path), "{path:?}");
        assert_eq!(item.metadata.mtime, Some((1_600_000_000, 0)), "{path:?}");
    }
    assert_eq!(found.len(), tree.len());
}

#[test]
fn ntfs_with_clusters_of_a_sector_and_attribute_lists() {
    ntfs_holds_its_tree("ntfs-512", 512, true);
}

#[test]
fn ntfs_with_the_usual_clusters() {
    ntfs_holds_its_tree("ntfs-4k", 4096, true);
}

#[test]
fn ntfs_with_large_sectors_and_records() {
    ntfs_holds_its_tree("ntfs-4kn", 4096, false);
}

#[test]
fn ntfs_with_clusters_larger_than_index_blocks() {
    ntfs_holds_its_tree("ntfs-64k", 65536, false);
}

#[test]
fn ntfs_finds_names_as_windows_does() {
    let fs = open_fixture("ntfs-4k");
    let content = |path: &str| read(&*fs, &path.into()).unwrap();
    let tool = content("/bin/Tool.exe");
    assert_eq!(content("/BIN/tool.EXE"), tool);
    assert_eq!(content("/windows/system32/CONFIG/system").len(), 3004);
    assert_eq!(content("/NAMES/GRÜßE 日本 🦀"), b"utf8");
    // The very name comes before one that differs in case.
    assert_eq!(content("/names/case"), b"lower");
    assert_eq!(content("/names/Case"), b"upper");
    assert!(!content("/names/CASE").is_empty());
    // Names that are not there, before, between and after those that are.
    for name in ["!", "a name that is rather long, number 0", "n", "~"] {
        let error = fs
            .metadata(&GuestPath::from("/many").join(name))
            .unwrap_err();
        assert_eq!(error.cause(), Cause::NotFound, "{name}");
    }
    // Files of the filesystem itself are found, and not listed.
    let mft = fs.metadata(&"/$MFT".into()).unwrap();
    assert!(mft.kind == FileKind::File && mft.size > 100 << 10);
    assert!(content("/$MFT").starts_with(b"FILE"));
    assert_eq!(
        fs.metadata(&"/$Extend".into()).unwrap().kind,
        FileKind::Directory
    );
    assert!(!fs.read_dir(&"/$Extend".into()).unwrap().is_empty());
}

#[test]
fn ntfs_streams_are_found_by_their_names() {
    let fs = open_fixture("ntfs-512");
    let content = |path: &str| read(&*fs, &path.into()).unwrap();
    assert_eq!(content("/streams/file"), b"the content");
    let zone = b"[ZoneTransfer]\r\nZoneId=3\r\n";
    assert_eq!(content("/streams/file:Zone.Identifier"), zone);
    assert_eq!(content("/streams/FILE:zone.identifier:$data"), zone);
    assert_eq!(content("/streams/file::$DATA"), b"the content");
    let long = content("/streams/file:long");
    assert_eq!(long.len(), 70000);
    let path = GuestPath::from("/streams/file:long");
    pieces(&mut *fs.open(&path).unwrap(), &long);
    for name in ["file:none", "file:long:$INDEX", "none:long"] {
        let error = fs
            .metadata(&GuestPath::from("/streams").join(name))
            .unwrap_err();
        assert_eq!(error.cause(), Cause::NotFound, "{name}");
    }
    let node = fs.find(&"/streams/file".into()).unwrap();
    let xattrs = fs.xattrs(node).unwrap();
    assert_eq!(xattrs, [(b"user.Zone.Identifier".to_vec(), zone.to_vec())]);
}

#[test]
fn ntfs_links_stay_in_the_guest() {
    let guest = Namespace::new(open_fixture("ntfs-4k"));
    for path in [
        "/links/junction/CONFIG/system",
        "/Windows/System32/config/SYSTEM",
    ] {
        assert_eq!(
            guest.read(&path.into(), 1 << 20).unwrap().len(),
            3004,
            "{path}"
        );
    }
    assert_eq!(guest.read(&"/links/wsl".into(), 9).unwrap(), b"x");
    assert_eq!(guest.read(&"/links/file".into(), 9000).unwrap().len(), 5000);
    assert_eq!(
        guest
            .read(&"/links/directory/mid".into(), 1 << 20)
            .unwrap()
            .len(),
        70000
    );
}

#[test]
fn ntfs_knows_its_holes() {
    let fs = open_fixture("ntfs-4k");
    for (path, data) in [("/data/holes", 24 << 10), ("/lznt1/mixed", 208 << 10)] {
        let mut file = fs.open(&path.into()).unwrap();
        let whole = read(&*fs, &path.into()).unwrap();
        let (mut at, mut found) = (0, 0);
        while at < file.len() {
            let extent = file.next_extent(at).unwrap();
            assert!(extent.start == at && extent.len > 0 && extent.end() <= file.len());
            if extent.kind.reads_zero() {
                let part = &whole[at as usize..extent.end() as usize];
                assert!(part.iter().all(|byte| *byte == 0));
            } else {
                found += extent.len;
            }
            at = extent.end();
        }
        assert!(
            found > 0 && found <= data,
            "{path}: {found} of {}",
            file.len()
        );
    }
}

#[test]
fn memory() {
    let fs = MemoryFs::new(FsKind::Ext4)
        .with_file("/a/b", "content")
        .with_file(b"/a/\xff", "")
        .with_symlink("/a/l", "b");
    assert_eq!(walk(&fs).len(), 4);
}

/// Finding out what a guest is must not read much.
#[test]
fn small_files_cost_little() {
    for name in ["ext4-4k", "ext2-1k", "fat32", "ntfs-4k"] {
        // Windows spreads its own files over the volume.
        let more = if name == "ntfs-4k" { 96 << 10 } else { 0 };
        let meter = Meter::new();
        let fs = open(Metered::new(fixture(name), meter.clone())).unwrap();
        assert!(
            meter.bytes() <= (96 << 10) + more,
            "{name}: {} to open",
            meter.bytes()
        );
        let guest = Namespace::new(fs);
        let path = match name {
            "fat32" => "/efi/debian/grub.cfg",
            "ntfs-4k" => "/windows/system32/config/SYSTEM",
            _ => "/etc/os-release",
        };
        assert!(!guest.read(&path.into(), 1 << 20).unwrap().is_empty());
        assert!(
            meter.bytes() <= (160 << 10) + more,
            "{name}: {} in all",
            meter.bytes()
        );
        let before = meter.bytes();
        guest.metadata(&path.into()).unwrap();
        assert_eq!(meter.bytes(), before, "looking again reads nothing");
    }
}
