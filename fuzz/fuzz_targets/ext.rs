//! ext2, ext3, ext4 and their journals.
//!
//! The first byte chooses a small sound image; the rest are patches to it of eight bytes each: one
//! that chooses a region, two for the place in it, one that says how many of the last four to write.
//! Most images have no checksums, so that patches reach what lies behind them.
//!
//! The oracle: no panic, an end within the budget, and reading again, or in pieces, gives the same.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use vmie_fs::{FileKind, Filesystem, GuestPath};
use vmie_io::Limits;
use vmie_testkit::fsimage::{Patched, unpack};

macro_rules! images {
    ($($name:literal),*) => {
        LazyLock::new(|| vec![$(Arc::new(unpack(include_bytes!(
            concat!("../../crates/vmie-fs/tests/data/", $name, ".img.gz")
        )))),*])
    };
}

static IMAGES: LazyLock<Vec<Arc<Vec<u8>>>> = images!(
    "ext2-1k",
    "ext2-rev0",
    "ext4-1k",
    "ext4-inline",
    "ext3-journal",
    "ext4-journal",
    "ext4-prealloc",
    "ext4-4k",
    "ext4-attr"
);

/// Where each region starts: the superblock, descriptors, what is near them, and the journal.
const REGIONS: [u64; 8] = [1024, 1024, 2048, 8 << 10, 24 << 10, 42 << 10, 64 << 10, 0];

fn walk(fs: &dyn Filesystem) {
    let mut left = vec![GuestPath::root()];
    for _ in 0..60 {
        let Some(path) = left.pop() else { return };
        let Ok(metadata) = fs.metadata(&path) else {
            continue;
        };
        assert_eq!(fs.metadata(&path).ok(), Some(metadata));
        if let Ok(node) = fs.find(&path)
            && let Ok(first) = fs.xattrs(node)
            && let Ok(again) = fs.xattrs(node)
        {
            assert_eq!(first, again);
        }
        match metadata.kind {
            FileKind::Directory => {
                let Ok(entries) = fs.read_dir(&path) else {
                    continue;
                };
                for entry in entries.iter().take(16) {
                    assert!(!entry.name.contains(&b'/'));
                    left.push(path.join(&entry.name));
                }
            }
            FileKind::Symlink => drop(fs.read_link(&path)),
            FileKind::File => file(fs, &path, metadata.size),
            _ => {}
        }
    }
}

fn file(fs: &dyn Filesystem, path: &GuestPath, size: u64) {
    let Ok(mut first) = fs.open(path) else { return };
    let Ok(mut second) = fs.open(path) else {
        return;
    };
    for at in [0, 11_000, size / 2, size.saturating_sub(3000), size] {
        let (mut whole, mut parts) = ([1; 3000], [2; 3000]);
        let Ok(n) = first.read_at(&mut whole, at) else {
            continue;
        };
        assert!(n as u64 <= size.saturating_sub(at));
        let mut done = 0;
        while done < n {
            let end = n.min(done + 1000);
            match second.read_at(&mut parts[done..end], at + done as u64) {
                Ok(got) => done += got,
                // The budget may end between the two.
                Err(_) => return,
            }
        }
        assert_eq!(whole[..n], parts[..n]);
    }
}

fuzz_target!(|data: &[u8]| {
    let [which, patches @ ..] = data else { return };
    let image = &IMAGES[usize::from(*which) % IMAGES.len()];
    let mut volume = Patched::new(Arc::clone(image));
    for patch in patches.chunks_exact(8).take(32) {
        let region = REGIONS[usize::from(patch[0]) % REGIONS.len()];
        let span = if region == 1024 { 1024 } else { 65536 };
        let place = u64::from(u16::from_le_bytes([patch[1], patch[2]])) % span;
        let len = usize::from(patch[3] % 4) + 1;
        volume = volume.with(region + place, &patch[4..4 + len]);
    }
    let limits = Limits::default().with_work(20_000).with_memory(8 << 20);
    if let Ok(fs) = vmie_fs::open(Arc::new(volume), &limits) {
        let _ = fs.space();
        walk(&*fs);
    }
});
