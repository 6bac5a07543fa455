//! VDI: what opens, opens twice alike; extents tile the disk and tell the truth; pieces of any size and
//! one pass agree with the whole; what it is a child of is asked for through the gate; a check of the
//! block map ends and says the same twice; memory is given back.
#![no_main]

mod passing;
mod tiled;

use std::sync::Arc;

use vmie_formats::vdi::{self, Vdi};
use vmie_formats::{
    DiskImage as _, Error, Format, Limits, OpenOptions, ReadAt, Reference, Resolver,
};
use vmie_io::{Budget, CancelToken};

/// Every file that is asked for is the same short one.
struct Base;

impl Resolver for Base {
    fn resolve(&self, _: &Reference) -> Result<Arc<dyn ReadAt>, Error> {
        Ok(Arc::new(vec![0x11u8; 5000]))
    }
}

fn options(budget: &Budget) -> OpenOptions {
    OpenOptions::new()
        .charged_to(budget)
        .resolver(Arc::new(Base))
}

fn open(data: &[u8], budget: &Budget) -> Option<Vdi> {
    vdi::open(Arc::new(data.to_vec()), &options(budget)).ok()
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let budget = Budget::new(Limits::default().with_memory(16 << 20));
    let again = open(data, &budget).map(|disk| disk.info().clone());
    let Some(disk) = open(data, &budget) else {
        assert!(again.is_none());
        return;
    };
    assert_eq!(again.as_ref(), Some(disk.info()));
    let size = disk.len();
    tiled::check(&disk);
    drop(disk);
    let source: Arc<dyn ReadAt> = Arc::new(data.to_vec());
    let checked = |quick| {
        let (options, source) = (options(&budget), Arc::clone(&source));
        let options = options.format(Some(Format::Vdi));
        vmie_formats::check(source, &options, quick, &(), &CancelToken::new())
    };
    if let (Ok(quick), true) = (checked(true), size <= 4 << 20) {
        let whole = checked(false).expect("what the tables say was read before");
        assert!(whole.damaged >= quick.damaged && whole.leaked == quick.leaked);
    }
    let forward = OpenOptions::new().format(Some(Format::Vdi));
    let other = passing::difference(data.to_vec(), &forward, |_| {
        let disk = vdi::open(Arc::new(data.to_vec()), &forward).ok()?;
        Some(Box::new(disk))
    });
    assert_eq!(other, None, "other bytes come by in one pass");
    assert_eq!(budget.memory_used(), 0);
});
