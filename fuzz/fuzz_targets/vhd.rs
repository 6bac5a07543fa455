//! VHD: two openings say the same; extents tile the disk and tell the truth, by blocks and by
//! sectors; reads of any size agree; the budget is never passed and given back whole. The first byte
//! says whether checksums are made right, so that mutations get past them.
#![no_main]

mod passing;

use std::sync::Arc;

use vmie_formats::vhd::{self, Vhd};
use vmie_formats::{
    DiskImage as _, Error, ExtentKind, Limits, OpenOptions, ReadAt, Reference, Resolver,
};
use vmie_io::Budget;
use vmie_testkit::vhd::{Builder, fix};

/// Bytes of the largest disk that is read whole.
const WHOLE: u64 = 1 << 20;
const MEMORY: u64 = 8 << 20;

/// Every name is that of one parent, whose id the seeds name.
struct Parent;

impl Resolver for Parent {
    fn resolve(&self, _: &Reference) -> Result<Arc<dyn ReadAt>, Error> {
        let disk: Vec<u8> = (0..9000u32).map(|n| (n % 251) as u8).collect();
        Ok(Arc::new(Builder::dynamic(&disk).build().bytes))
    }
}

fn repaired(data: &[u8]) -> Vec<u8> {
    let Some((flags, file)) = data.split_first() else {
        return Vec::new();
    };
    let mut file = file.to_vec();
    if flags & 1 != 0 {
        let end = file.len();
        for start in [0, end.saturating_sub(512)] {
            if let Some(footer) = file.get_mut(start..start + 512) {
                fix(footer, 64);
            }
        }
        if let Some(header) = file.get_mut(512..1536) {
            fix(header, 36);
        }
    }
    file
}

fn open(file: &[u8], budget: &Budget) -> Result<Vhd, Error> {
    let options = OpenOptions::new()
        .charged_to(budget)
        .resolver(Arc::new(Parent));
    vhd::open(Arc::new(file.to_vec()), &options)
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let file = repaired(data);
    let budget = Budget::new(Limits::default().with_memory(MEMORY));
    let (first, second) = (open(&file, &budget), open(&file, &budget));
    let (disk, again) = match (first, second) {
        (Ok(disk), Ok(again)) => (disk, again),
        (Err(one), Err(two)) => {
            assert_eq!((one.cause(), one.offset()), (two.cause(), two.offset()));
            assert_eq!(budget.memory_used(), 0);
            return;
        }
        _ => panic!("one opening fails and another does not"),
    };
    assert_eq!(disk.info(), again.info());
    let options = OpenOptions::new().format(Some(vmie_formats::Format::Vhd));
    let other = passing::difference(file.clone(), &options, |_| {
        let disk = vhd::open(Arc::new(file.clone()), &options).ok()?;
        Some(Box::new(disk))
    });
    assert_eq!(other, None, "other bytes come by in one pass");
    if disk.len() <= WHOLE {
        check(&disk, &again);
    } else {
        let mut buf = [0; 700];
        for at in [0, 1 << 20, disk.len() / 2, disk.len() - 700] {
            let _ = disk.read_exact_at(&mut buf, at);
            let _ = disk.sector_extent(at);
        }
    }
    assert!(budget.memory_used() <= MEMORY);
    drop((disk, again));
    assert_eq!(budget.memory_used(), 0);
});

fn check(disk: &Vhd, again: &Vhd) {
    let by_blocks = |at| disk.next_extent(at).ok();
    let by_sectors = |at| disk.sector_extent(at).ok();
    let mut whole = vec![0xa5; disk.len() as usize];
    let read = disk.read_exact_at(&mut whole, 0).is_ok();
    for tell in [
        &by_blocks as &dyn Fn(u64) -> Option<vmie_formats::Extent>,
        &by_sectors,
    ] {
        let mut at = 0;
        while let Some(extent) = tell(at) {
            if at >= disk.len() {
                assert_eq!(extent.len, 0);
                break;
            }
            assert!(extent.start == at && extent.len > 0 && extent.end() <= disk.len());
            if extent.kind != ExtentKind::Data {
                let mut part = vec![0xa5; extent.len as usize];
                disk.read_exact_at(&mut part, at)
                    .expect("zeroes can be read");
                assert!(part.iter().all(|byte| *byte == 0));
            }
            at = extent.end();
        }
    }
    if read {
        let mut piece = [0; 1000];
        for (index, part) in whole.chunks(1000).enumerate() {
            let piece = &mut piece[..part.len()];
            again
                .read_exact_at(piece, index as u64 * 1000)
                .expect("the whole could");
            assert!(piece == part);
        }
    }
}
