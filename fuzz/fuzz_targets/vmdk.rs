//! VMDK: the reader of one pass and the reader at offsets agree on every grain that both find at
//! one place of the file; extents tile the disk and tell the truth; reads of any size agree.
#![no_main]

mod tiled;

use std::sync::Arc;

use vmie_formats::vmdk::{self, StreamReader};
use vmie_formats::{Limits, OpenOptions, ReadAt as _};
use vmie_io::Budget;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let limits = Limits::default().with_memory(16 << 20);
    let budget = Budget::new(limits);
    let image = vmdk::open(
        Arc::new(data.to_vec()),
        &OpenOptions::new().charged_to(&budget),
    );
    if let Ok(mut stream) = StreamReader::new(data, &limits) {
        let grain_size = stream.grain_size();
        while let Ok(Some(grain)) = stream.next_grain() {
            assert!(grain.offset.is_multiple_of(grain_size));
            let Ok(image) = &image else { continue };
            if image.stored_at(grain.offset).ok().flatten() != Some(grain.stored_at) {
                continue;
            }
            // The footer may say less of the disk than the header, but never something else.
            let mut copy = vec![0xa5; grain.data.len()];
            image
                .read_exact_at(&mut copy, grain.offset)
                .expect("the stream could");
            assert!(copy == grain.data, "grain at {}", grain.offset);
        }
        if let Some(error) = stream.ending().and_then(|ending| ending.error()) {
            assert!(error.offset() <= Some(data.len() as u64));
        }
    }
    let Ok(image) = image else { return };
    // Small pieces go through the cache of grains.
    tiled::check(&image);
    drop(image);
    assert_eq!(budget.memory_used(), 0);
});
