//! VMDK: the reader of one pass and the reader at offsets agree on every grain that both find at
//! one place of the file; extents tile the disk and tell the truth; reads of any size agree.
#![no_main]

use std::sync::Arc;

use vmie_formats::vmdk::{self, StreamReader};
use vmie_formats::{ExtentKind, Limits, OpenOptions, ReadAt};
use vmie_io::Budget;

/// Bytes of the largest disk that is read whole.
const WHOLE: u64 = 4 << 20;

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
    if image.len() > WHOLE {
        return;
    }
    let mut at = 0;
    while let Ok(extent) = image.next_extent(at) {
        if at >= image.len() {
            assert_eq!(extent.len, 0);
            break;
        }
        assert!(extent.start == at && extent.len > 0 && extent.end() <= image.len());
        let mut whole = vec![0xa5; extent.len as usize];
        let read = image.read_exact_at(&mut whole, at);
        if extent.kind != ExtentKind::Data {
            read.expect("zeroes can be read");
            assert!(whole.iter().all(|b| *b == 0));
        } else if read.is_ok() {
            // Small pieces go through the cache of grains.
            let mut piece = [0xa5; 1000];
            for (index, part) in whole.chunks(1000).enumerate().take(70) {
                let piece = &mut piece[..part.len()];
                image
                    .read_exact_at(piece, at + index as u64 * 1000)
                    .expect("the whole could");
                assert!(piece == part);
            }
        }
        at = extent.end();
    }
    drop(image);
    assert_eq!(budget.memory_used(), 0);
});
