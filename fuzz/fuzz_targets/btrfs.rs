//! Btrfs: trees, chunks, compressed and shared extents, subvolumes.
//!
//! The first byte chooses a small sound image; the rest are patches of eight bytes each: two that
//! choose a node of the image, two for the place in it, one that says how many of the last three to
//! write. A node that was changed is given the right checksum again, and so is the superblock, so
//! that patches reach what lies behind the checksums.
//!
//! The oracle: no panic, an end within the budget, and reading again, or in pieces, gives the same.
#![no_main]

mod walked;

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use vmie_io::{Limits, ReadAt};
use vmie_testkit::fsimage::{Patched, unpack};

use walked::walk;

const SUPER: usize = 64 << 10;
const NODE: usize = 4096;

/// An image and where its superblock and nodes are.
struct Image {
    bytes: Arc<Vec<u8>>,
    blocks: Vec<usize>,
}

fn image(packed: &[u8]) -> Image {
    let bytes = unpack(packed);
    let uuid = bytes[SUPER + 0x20..SUPER + 0x30].to_vec();
    let sealed = |at: &usize| {
        let node = &bytes[*at..*at + NODE];
        node[32..48] == uuid && node[..4] == crc32c::crc32c(&node[32..]).to_le_bytes()
    };
    let mut blocks = vec![SUPER];
    blocks.extend((1 << 20..bytes.len() - NODE).step_by(NODE).filter(sealed));
    Image {
        bytes: Arc::new(bytes),
        blocks,
    }
}

static IMAGES: LazyLock<[Image; 2]> = LazyLock::new(|| {
    [
        image(include_bytes!(
            "../../crates/vmie-fs/tests/data/btrfs-zstd.img.gz"
        )),
        image(include_bytes!(
            "../../crates/vmie-fs/tests/data/btrfs-trees.img.gz"
        )),
    ]
});

fuzz_target!(|data: &[u8]| {
    let [which, patches @ ..] = data else { return };
    let image = &IMAGES[usize::from(*which) % IMAGES.len()];
    let mut volume = Patched::new(Arc::clone(&image.bytes));
    for patch in patches.chunks_exact(8).take(24) {
        let block = usize::from(u16::from_le_bytes([patch[0], patch[1]])) % image.blocks.len();
        let place = usize::from(u16::from_le_bytes([patch[2], patch[3]])) % (NODE - 36) + 32;
        let at = image.blocks[block] as u64;
        let mut node = vec![0; NODE];
        if volume.read_exact_at(&mut node, at).is_err() {
            return;
        }
        let len = usize::from(patch[4] % 3) + 1;
        node[place..place + len].copy_from_slice(&patch[5..5 + len]);
        let sum = crc32c::crc32c(&node[32..]);
        node[..4].copy_from_slice(&sum.to_le_bytes());
        volume = volume.with(at, node);
    }
    let limits = Limits::default().with_work(20_000).with_memory(8 << 20);
    if let Ok(fs) = vmie_fs::open(Arc::new(volume), &limits) {
        let _ = fs.space();
        walk(&*fs, 140_000, false);
        let _ = fs.subvolumes();
    }
});
