//! Fixtures, and what holds of every filesystem.
#![allow(dead_code, reason = "each test takes what it needs")]
#![allow(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests may panic"
)]
#![allow(unreachable_pub, reason = "shared by several test binaries")]

use std::collections::BTreeMap;
use std::sync::Arc;

use vmie_fs::{Cause, Error, FileKind, FileRead, Filesystem, GuestPath, Metadata};
use vmie_io::{Limits, ReadAt};
use vmie_testkit::fsimage::unpack;

macro_rules! fixtures {
    ($($name:literal),*) => {
        /// The content of a fixture.
        pub fn fixture(name: &str) -> Arc<Vec<u8>> {
            Arc::new(match name {
                $($name => unpack(include_bytes!(concat!("../data/", $name, ".img.gz"))),)*
                _ => panic!("no fixture {name}"),
            })
        }
    };
}

fixtures!(
    "ext2-1k",
    "ext2-rev0",
    "ext3-journal",
    "ext4-1k",
    "ext4-4k",
    "ext4-bigalloc",
    "ext4-inline",
    "ext4-journal",
    "ext4-metabg",
    "ext4-prealloc",
    "fat12",
    "fat16",
    "fat32"
);

pub fn open(volume: impl ReadAt + 'static) -> Result<Box<dyn Filesystem>, Error> {
    vmie_fs::open(Arc::new(volume), &Limits::default())
}

pub fn open_fixture(name: &str) -> Box<dyn Filesystem> {
    open(fixture(name)).unwrap()
}

/// A whole file, read through one open handle.
pub fn read(fs: &dyn Filesystem, path: &GuestPath) -> Result<Vec<u8>, Error> {
    let mut file = fs.open(path)?;
    let mut bytes = vec![0; usize::try_from(file.len()).unwrap()];
    let n = file.read_at(&mut bytes, 0)?;
    assert_eq!(n, bytes.len(), "a file is read up to its length");
    Ok(bytes)
}

/// What a walk found at a path.
#[derive(Debug, PartialEq, Eq)]
pub struct Item {
    pub metadata: Metadata,
    /// A file's bytes or a link's target.
    pub content: Vec<u8>,
}

/// Everything below the root, by path, each checked for what holds of every filesystem.
pub fn walk(fs: &dyn Filesystem) -> BTreeMap<GuestPath, Item> {
    let mut found = BTreeMap::new();
    let root = GuestPath::root();
    assert_eq!(fs.metadata(&root).unwrap().kind, FileKind::Directory);
    let mut left = vec![root];
    while let Some(dir) = left.pop() {
        let entries = fs.read_dir(&dir).unwrap();
        for entry in entries {
            let name = &entry.name;
            assert!(!name.is_empty() && !name.contains(&b'/') && !name.contains(&0));
            assert!(name != b"." && name != b"..");
            let path = dir.join(name);
            assert_eq!(path.file_name(), Some(name.as_slice()));
            let metadata = fs.metadata(&path).unwrap();
            assert_eq!(metadata.kind, entry.kind, "{path:?}");
            let content = check(fs, &path, &metadata);
            if metadata.kind == FileKind::Directory {
                left.push(path.clone());
            }
            let before = found.insert(path, Item { metadata, content });
            assert!(before.is_none(), "a name is there twice");
        }
    }
    found
}

fn cause<T>(result: Result<T, Error>) -> Cause {
    match result {
        Ok(_) => panic!("an error was expected"),
        Err(error) => error.cause(),
    }
}

/// What holds of each path; gives the content.
fn check(fs: &dyn Filesystem, path: &GuestPath, metadata: &Metadata) -> Vec<u8> {
    let below = path.join("below");
    match metadata.kind {
        FileKind::Directory => {
            assert_eq!(cause(fs.metadata(&below)), Cause::NotFound);
            assert_eq!(cause(fs.open(path)), Cause::NotAFile);
            assert_eq!(cause(fs.read_link(path)), Cause::NotASymlink);
            Vec::new()
        }
        FileKind::Symlink => {
            assert_eq!(cause(fs.open(path)), Cause::NotAFile);
            assert_eq!(cause(fs.read_dir(path)), Cause::NotADirectory);
            assert_eq!(cause(fs.metadata(&below)), Cause::NotADirectory);
            let target = fs.read_link(path).unwrap();
            assert_eq!(target.len() as u64, metadata.size);
            target
        }
        FileKind::File => {
            assert_eq!(cause(fs.read_link(path)), Cause::NotASymlink);
            assert_eq!(cause(fs.read_dir(path)), Cause::NotADirectory);
            assert_eq!(cause(fs.metadata(&below)), Cause::NotADirectory);
            let whole = read(fs, path).unwrap();
            assert_eq!(whole.len() as u64, metadata.size);
            pieces(&mut *fs.open(path).unwrap(), &whole);
            whole
        }
        _ => Vec::new(),
    }
}

/// Any part of a file reads like the same part of the whole, forwards and backwards.
pub fn pieces(file: &mut dyn FileRead, whole: &[u8]) {
    let len = whole.len();
    let mut buf = vec![0xaa; 5000];
    assert_eq!(file.read_at(&mut buf, len as u64).unwrap(), 0);
    assert_eq!(file.read_at(&mut buf, u64::MAX).unwrap(), 0);
    assert_eq!(file.read_at(&mut [], 0).unwrap(), 0);
    for size in [1usize, 1023, 4096, 5000] {
        let starts = (0..len).step_by((len / 7).max(1));
        for start in starts.rev().chain([len.saturating_sub(1)]) {
            let n = file.read_at(&mut buf[..size], start as u64).unwrap();
            assert_eq!(n, size.min(len - start), "short only at the end");
            assert_eq!(buf[..n], whole[start..start + n], "{start}+{size}");
        }
    }
}
