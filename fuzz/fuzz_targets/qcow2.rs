//! qcow2: what opens, opens twice alike; extents tile the disk and tell the truth; pieces of any size
//! agree with the whole; no file is asked for but through the gate; memory is given back.
#![no_main]

mod tiled;

use std::sync::Arc;

use vmie_formats::qcow2::{self, Qcow2};
use vmie_formats::{DiskImage as _, Error, Limits, OpenOptions, ReadAt, Reference, Resolver};
use vmie_io::Budget;

/// Every file that is asked for is the same short one.
struct Base;

impl Resolver for Base {
    fn resolve(&self, _: &Reference) -> Result<Arc<dyn ReadAt>, Error> {
        Ok(Arc::new(vec![0x11u8; 5000]))
    }
}

fn open(data: &[u8], budget: &Budget) -> Option<Qcow2> {
    let options = OpenOptions::new()
        .charged_to(budget)
        .resolver(Arc::new(Base));
    qcow2::open(Arc::new(data.to_vec()), &options).ok()
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let budget = Budget::new(Limits::default().with_memory(16 << 20));
    let again = open(data, &budget).map(|disk| disk.info().clone());
    let Some(disk) = open(data, &budget) else {
        assert!(again.is_none());
        return;
    };
    assert_eq!(again.as_ref(), Some(disk.info()));
    tiled::check(&disk);
    drop(disk);
    assert_eq!(budget.memory_used(), 0);
});
