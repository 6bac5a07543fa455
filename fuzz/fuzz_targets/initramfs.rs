//! Initial RAM filesystems: bounded, the same every time, and nothing is in it that was not asked
//! for.
#![no_main]

use vmie_guest::initramfs::{Bounds, read};

const WANTED: &[&str] = &["nvme", "ena", "xen-blkfront", "virtio_blk"];

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let bounds = Bounds {
        unpacked: 4 << 20,
        entries: 2000,
    };
    let look = || read(&mut { data }, WANTED, bounds).map_err(|error| error.cause());
    let first = look();
    if let Ok(contents) = &first {
        assert!(contents.entries <= bounds.entries);
        assert!(!contents.compressions.is_empty());
        assert!(
            contents
                .drivers
                .iter()
                .all(|driver| WANTED.contains(&driver.as_str()))
        );
    }
    assert_eq!(first, look());
});
