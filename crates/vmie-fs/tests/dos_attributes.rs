//! The attributes of DOS and Windows.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "tests may panic"
)]

mod fixtures;

use fixtures::{fixture, open, open_fixture, walk};
use vmie_fs::FileKind;
use vmie_testkit::fsimage::Patched;

const DIRECTORY: u32 = 0x10;

#[test]
fn fat_says_them_of_each_entry() {
    for name in ["fat12", "fat16", "fat32"] {
        let image = fixture(name);
        let found = walk(&*open(image.clone()).unwrap());
        assert!(found.len() > 2);
        for (path, item) in &found {
            let told = item.metadata.dos_attributes.unwrap();
            let is_directory = item.metadata.kind == FileKind::Directory;
            assert_eq!(told & DIRECTORY != 0, is_directory, "{path:?}");
        }
        // Read-only, hidden, system: of every entry, one after the other.
        for path in found.keys() {
            let fs = open(image.clone()).unwrap();
            let node = fs.find(path).unwrap();
            let before = fs.stat(node).unwrap().dos_attributes.unwrap();
            let patched = Patched::new(image.clone()).with(node.number + 11, [before as u8 | 7]);
            let after = open(patched).unwrap().stat(node).unwrap();
            assert_eq!(after.dos_attributes, Some(before | 7), "{path:?}");
        }
    }
}

#[test]
fn ntfs_says_them_in_each_record() {
    let fs = open_fixture("ntfs-4k");
    let root = fs.stat(fs.root()).unwrap().dos_attributes;
    assert_ne!(root.unwrap() & DIRECTORY, 0);
    let found = walk(&*fs);
    let mut archived = 0;
    for (path, item) in &found {
        let told = item.metadata.dos_attributes.unwrap();
        // A junction is a directory, too, which leads elsewhere.
        if item.metadata.kind != FileKind::Symlink {
            let is_directory = item.metadata.kind == FileKind::Directory;
            assert_eq!(told & DIRECTORY != 0, is_directory, "{path:?}");
        }
        archived += u32::from(told & 0x20 != 0);
    }
    assert!(archived > 0);
}

#[test]
fn others_have_none() {
    for name in ["ext4-4k", "xfs-4k", "btrfs-plain", "jfs"] {
        let found = walk(&*open_fixture(name));
        assert!(
            found
                .values()
                .all(|item| item.metadata.dos_attributes.is_none())
        );
    }
}
