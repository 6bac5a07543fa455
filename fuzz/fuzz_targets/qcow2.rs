//! qcow2 and VDI: what opens, opens twice alike; extents tile the disk and tell the truth; pieces
//! of any size agree with the whole; no file is asked for but through the gate; memory is given back.
#![no_main]

mod passing;

use std::sync::Arc;

use vmie_formats::{
    DiskImage, Error, ExtentKind, Limits, OpenOptions, ReadAt, Reference, Resolver, qcow2, vdi,
};
use vmie_io::Budget;

/// Bytes of the largest disk that is read whole.
const WHOLE: u64 = 4 << 20;

/// Every file that is asked for is the same short one.
struct Base;

impl Resolver for Base {
    fn resolve(&self, _: &Reference) -> Result<Arc<dyn ReadAt>, Error> {
        Ok(Arc::new(vec![0x11u8; 5000]))
    }
}

fn open(data: &[u8], budget: &Budget) -> Option<Box<dyn DiskImage>> {
    let options = OpenOptions::new()
        .charged_to(budget)
        .resolver(Arc::new(Base));
    let source = Arc::new(data.to_vec());
    if let Ok(disk) = qcow2::open(source.clone(), &options) {
        return Some(Box::new(disk));
    }
    Some(Box::new(vdi::open(source, &options).ok()?))
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let budget = Budget::new(Limits::default().with_memory(16 << 20));
    let again = open(data, &budget).map(|disk| disk.info().clone());
    let Some(disk) = open(data, &budget) else {
        assert!(again.is_none());
        return;
    };
    assert_eq!(again.as_ref(), Some(disk.info()));
    let options = OpenOptions::new().format(Some(vmie_formats::Format::Vdi));
    let other = passing::difference(data.to_vec(), &options, |_| {
        let disk = vdi::open(Arc::new(data.to_vec()), &options).ok()?;
        Some(Box::new(disk))
    });
    assert_eq!(other, None, "other bytes come by in one pass");
    let mut at = 0;
    for _ in 0..2000 {
        let Ok(extent) = disk.next_extent(at) else {
            break;
        };
        if at >= disk.len() {
            assert_eq!(extent.len, 0);
            break;
        }
        assert!(extent.start == at && extent.len > 0 && extent.end() <= disk.len());
        if disk.len() <= WHOLE {
            let mut whole = vec![0xa5; extent.len as usize];
            let read = disk.read_exact_at(&mut whole, at);
            if extent.kind != ExtentKind::Data {
                read.expect("zeroes can be read");
                assert!(whole.iter().all(|b| *b == 0));
            } else if read.is_ok() {
                let mut piece = [0xa5; 1000];
                for (index, part) in whole.chunks(1000).enumerate().take(70) {
                    let piece = &mut piece[..part.len()];
                    disk.read_exact_at(piece, at + index as u64 * 1000)
                        .expect("the whole could");
                    assert!(piece == part);
                }
            }
        }
        at = extent.end();
    }
    drop(disk);
    assert_eq!(budget.memory_used(), 0);
});
