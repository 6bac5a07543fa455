//! XFS and its log.
//!
//! The first byte chooses a small sound image; the rest are patches to it of nine bytes each: two
//! that choose a sector that holds something, two for the place in it, one that says how many of the
//! last four to write. Version 4 has no checksums, so that patches reach what lies behind them.
//!
//! The oracle: no panic, an end within the budget, names that can be looked up, lengths that agree, and
//! reading again, or in pieces, gives the same.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use vmie_fs::{FileKind, Filesystem};
use vmie_io::Limits;
use vmie_testkit::fsimage::{Patched, unpack};

macro_rules! images {
    ($($name:literal),*) => {
        LazyLock::new(|| vec![$(Image::new(unpack(include_bytes!(
            concat!("../../crates/vmie-fs/tests/data/", $name, ".img.gz")
        )))),*])
    };
}

static IMAGES: LazyLock<Vec<Image>> = images!("xfs-v4", "xfs-v4-plain", "xfs-log", "xfs-1k");

/// An image and where its sectors are that hold something.
struct Image {
    bytes: Arc<Vec<u8>>,
    used: Vec<u64>,
}

impl Image {
    fn new(bytes: Vec<u8>) -> Self {
        let used = (bytes.chunks(512).zip(0u64..))
            .filter(|(sector, _)| sector.iter().any(|b| *b != 0))
            .map(|(_, i)| i * 512)
            .collect();
        Self {
            bytes: Arc::new(bytes),
            used,
        }
    }
}

fn walk(fs: &dyn Filesystem) {
    let mut left = vec![fs.root()];
    for _ in 0..60 {
        let Some(node) = left.pop() else { return };
        let Ok(metadata) = fs.stat(node) else {
            continue;
        };
        if let Ok(again) = fs.stat(node) {
            assert_eq!(again, metadata);
        }
        if let (Ok(first), Ok(second)) = (fs.xattrs(node), fs.xattrs(node)) {
            assert_eq!(first, second);
        }
        match metadata.kind {
            FileKind::Directory => {
                let (Ok(entries), Ok(again)) = (fs.entries(node), fs.entries(node)) else {
                    continue;
                };
                assert_eq!(entries, again);
                for entry in entries.iter().take(16) {
                    assert!(!entry.name.contains(&b'/') && !entry.name.is_empty());
                    assert!(
                        fs.lookup(node, &entry.name)
                            .is_ok_and(|found| found.is_some())
                    );
                    left.push(entry.node);
                }
            }
            FileKind::Symlink => {
                if let Ok(target) = fs.link_target(node) {
                    assert_eq!(target.len() as u64, metadata.size);
                }
            }
            FileKind::File => file(fs, node, metadata.size),
            _ => {}
        }
    }
}

fn file(fs: &dyn Filesystem, node: vmie_fs::Node, size: u64) {
    let (Ok(mut first), Ok(mut second)) = (fs.open_node(node), fs.open_node(node)) else {
        return;
    };
    assert_eq!(first.len(), size);
    for at in [0, 11_000, size / 2, size.saturating_sub(3000), size] {
        if let Ok(extent) = first.next_extent(at) {
            assert!(extent.len <= size.saturating_sub(at));
        }
        let (mut whole, mut parts) = ([1; 3000], [2; 3000]);
        let Ok(n) = first.read_at(&mut whole, at) else {
            continue;
        };
        assert_eq!(n as u64, size.saturating_sub(at).min(3000));
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
    let mut volume = Patched::new(Arc::clone(&image.bytes));
    for patch in patches.chunks_exact(9).take(32) {
        let sector = usize::from(u16::from_le_bytes([patch[0], patch[1]])) % image.used.len();
        let within = u64::from(u16::from_le_bytes([patch[2], patch[3]])) % 512;
        let len = usize::from(patch[4] % 4) + 1;
        volume = volume.with(image.used[sector] + within, &patch[5..5 + len]);
    }
    let limits = Limits::default().with_work(60_000).with_memory(16 << 20);
    if let Ok(fs) = vmie_fs::open(Arc::new(volume), &limits) {
        let _ = fs.space();
        walk(&*fs);
    }
});
