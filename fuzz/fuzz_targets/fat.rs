//! FAT12, FAT16 and FAT32.
//!
//! The first byte chooses: a small sound image with patches of eight bytes each (one that chooses
//! a region, two for the place in it, one that says how many of the last four to write), or the
//! rest as the volume itself.
//!
//! The oracle: no panic, an end within the budget, and reading again, or in pieces, gives the same.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use vmie_fs::{FileKind, Filesystem, GuestPath};
use vmie_io::{Limits, ReadAt};
use vmie_testkit::fsimage::{Patched, unpack};

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

fn walk(fs: &dyn Filesystem) {
    let mut left = vec![GuestPath::root()];
    for _ in 0..60 {
        let Some(path) = left.pop() else { return };
        // A name that is only found in another form of itself is no harm.
        let Ok(metadata) = fs.metadata(&path) else {
            continue;
        };
        if metadata.kind == FileKind::Directory {
            let Ok(entries) = fs.read_dir(&path) else {
                continue;
            };
            for entry in entries.iter().take(16) {
                assert!(!entry.name.contains(&b'/') && !entry.name.contains(&0));
                left.push(path.join(&entry.name));
            }
            continue;
        }
        let (Ok(mut first), Ok(mut second)) = (fs.open(&path), fs.open(&path)) else {
            continue;
        };
        let size = metadata.size;
        assert_eq!(first.len(), size);
        for at in [size / 2, 0, size.saturating_sub(700), size] {
            let (mut whole, mut parts) = ([1; 2000], [2; 2000]);
            let Ok(n) = first.read_at(&mut whole, at) else {
                continue;
            };
            let mut done = 0;
            while done < n {
                let end = n.min(done + 700);
                match second.read_at(&mut parts[done..end], at + done as u64) {
                    Ok(got) => done += got,
                    // The budget may end between the two.
                    Err(_) => return,
                }
            }
            assert_eq!(whole[..n], parts[..n]);
        }
    }
}

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
        walk(&*fs);
    }
});
