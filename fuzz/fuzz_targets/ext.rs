//! ext2, ext3, ext4 and their journals.
//!
//! The first byte chooses a small sound image; the rest are patches to it of eight bytes each: one
//! that chooses a region, two for the place in it, one that says how many of the last four to write.
//! Most images have no checksums, so that patches reach what lies behind them.
//!
//! The oracle: no panic, an end within the budget, and reading again, or in pieces, gives the same.
#![no_main]

mod walked;

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use vmie_io::Limits;
use vmie_testkit::fsimage::{Patched, unpack};

use walked::walk;

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
        walk(&*fs, 11_000, false);
    }
});
