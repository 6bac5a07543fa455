//! FAT12, FAT16 and FAT32.
//!
//! The first byte chooses: a small sound image with patches of eight bytes each (one that chooses
//! a region, two for the place in it, one that says how many of the last four to write), or the
//! rest as the volume itself.
//!
//! The oracle: no panic, an end within the budget, and reading again, or in pieces, gives the same.
#![no_main]

mod walked;

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use vmie_io::{Limits, ReadAt};
use vmie_testkit::fsimage::{Patched, unpack};

use walked::walk;

static IMAGES: LazyLock<[Arc<Vec<u8>>; 2]> = LazyLock::new(|| {
    [
        Arc::new(unpack(include_bytes!(
            "../../crates/vmie-fs/tests/data/fat12.img.gz"
        ))),
        Arc::new(unpack(include_bytes!(
            "../../crates/vmie-fs/tests/data/fat16.img.gz"
        ))),
    ]
});

fuzz_target!(|data: &[u8]| {
    let [which, rest @ ..] = data else { return };
    let volume: Arc<dyn ReadAt> = match which % 3 {
        2 => Arc::new(rest.to_vec()),
        which => {
            let mut volume = Patched::new(Arc::clone(&IMAGES[usize::from(which)]));
            for patch in rest.chunks_exact(8).take(32) {
                // The boot sector, the FAT, directories, anywhere.
                let (start, span) =
                    [(0, 64), (512, 9000), (512, 40_000), (0, 65536)][usize::from(patch[0]) % 4];
                let place = u64::from(u16::from_le_bytes([patch[1], patch[2]])) % span;
                let len = usize::from(patch[3] % 4) + 1;
                volume = volume.with(start + place, &patch[4..4 + len]);
            }
            Arc::new(volume)
        }
    };
    let limits = Limits::default().with_work(100_000).with_memory(8 << 20);
    if let Ok(fs) = vmie_fs::open(volume, &limits) {
        let _ = fs.space();
        walk(&*fs, 11_000, false);
    }
});
