//! VHDX: two openings say the same; extents tile the disk and tell the truth; reads of any size
//! agree; the budget is never passed and given back whole. Files are packed, for even the smallest
//! has megabytes; the first byte says whether checksums are made right.
#![no_main]

mod passing;

use std::sync::Arc;

use vmie_formats::vhdx::{self, Vhdx};
use vmie_formats::{
    DiskImage as _, Error, ExtentKind, Limits, OpenOptions, ReadAt, Reference, Resolver,
};
use vmie_io::Budget;
use vmie_testkit::sparse::Sparse;
use vmie_testkit::vhdx::{Builder, LOG, MIB, fix_one};

/// Bytes of the largest disk that is read whole.
const WHOLE: u64 = 4 << 20;
const MEMORY: u64 = 8 << 20;

/// Every name is that of one parent, whose id the seeds name.
struct Parent;

impl Resolver for Parent {
    fn resolve(&self, _: &Reference) -> Result<Arc<dyn ReadAt>, Error> {
        let file = Builder::dynamic(b"the parent").build();
        Ok(Arc::new(Sparse::parse(&Sparse::pack(&file))))
    }
}

/// The file, with right checksums of headers, region tables and log entries if that is wanted.
fn repaired(data: &[u8]) -> Sparse {
    let Some((flags, packed)) = data.split_first() else {
        return Sparse::default();
    };
    let mut file = Sparse::parse(packed);
    if flags & 1 == 0 {
        return file;
    }
    let mut structures = vec![
        (64 << 10, 4096),
        (128 << 10, 4096),
        (192 << 10, 64 << 10),
        (256 << 10, 64 << 10),
    ];
    let starts: Vec<u64> = file.parts.iter().map(|(at, _)| *at).collect();
    for at in starts {
        let mut head = [0; 12];
        let in_log = (LOG as u64..(LOG + MIB) as u64).contains(&at) && at % 4096 == 0;
        if in_log && file.read_exact_at(&mut head, at).is_ok() && head.starts_with(b"loge") {
            let len = u32::from_le_bytes([head[8], head[9], head[10], head[11]]) as usize;
            if (4096..=64 << 10).contains(&len) {
                structures.push((at, len));
            }
        }
    }
    for (at, len) in structures {
        let mut bytes = vec![0; len];
        if file.read_exact_at(&mut bytes, at).is_ok() {
            fix_one(&mut bytes);
            file.parts.push((at + 4, bytes[4..8].to_vec()));
        }
    }
    file
}

fn open(file: &Sparse, budget: &Budget) -> Result<Vhdx, Error> {
    let options = OpenOptions::new()
        .charged_to(budget)
        .resolver(Arc::new(Parent));
    vhdx::open(Arc::new(file.clone()), &options)
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if data.len() > 100_000 {
        return;
    }
    let file = repaired(data);
    let budget = Budget::new(Limits::default().with_memory(MEMORY).with_work(4_000_000));
    let (first, second) = (open(&file, &budget), open(&file, &budget));
    let (disk, again) = match (first, second) {
        (Ok(disk), Ok(again)) => (disk, again),
        (Err(one), Err(two)) => {
            assert_eq!((one.cause(), one.offset()), (two.cause(), two.offset()));
            assert_eq!(budget.memory_used(), 0);
            return;
        }
        // The work of both is on one account.
        (Ok(_), Err(error)) if error.cause() == vmie_formats::Cause::Limit => return,
        _ => panic!("one opening fails and another does not"),
    };
    assert_eq!(disk.info(), again.info());
    // Megabytes each time: not every time.
    if data.iter().fold(0, |sum, byte| sum ^ byte) % 8 == 0 {
        let options = OpenOptions::new().format(Some(vmie_formats::Format::Vhdx));
        let other = passing::difference(file.clone(), &options, |_| {
            let disk = vhdx::open(Arc::new(file.clone()), &options).ok()?;
            Some(Box::new(disk))
        });
        assert_eq!(other, None, "other bytes come by in one pass");
    }
    if disk.len() <= WHOLE {
        check(&disk, &again);
    } else {
        let mut buf = [0; 700];
        for at in [0, 1 << 20, disk.len() / 2, disk.len() - 700] {
            let _ = disk.read_exact_at(&mut buf, at);
            let _ = disk.next_extent(at);
        }
    }
    assert!(budget.memory_used() <= MEMORY);
    drop((disk, again));
    assert_eq!(budget.memory_used(), 0);
});

fn check(disk: &Vhdx, again: &Vhdx) {
    let mut whole = vec![0xa5; disk.len() as usize];
    let read = disk.read_exact_at(&mut whole, 0).is_ok();
    let mut at = 0;
    while let Ok(extent) = disk.next_extent(at) {
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
    if read {
        let mut piece = [0; 40_000];
        for (index, part) in whole.chunks(40_000).enumerate() {
            let piece = &mut piece[..part.len()];
            again
                .read_exact_at(piece, index as u64 * 40_000)
                .expect("the whole could");
            assert!(piece == part);
        }
    }
}
