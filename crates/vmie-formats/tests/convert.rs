//! Converting: the same bytes, the same digest, zeroes left out, cancelling, errors.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests may panic"
)]

use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use sha2::{Digest, Sha256};
use vmie_formats::{
    CancelToken, Cause, ConvertOptions, ErrorKind, Extent, ExtentKind, FileSink, FileSource,
    ReadAt, ReadError, Report, WriteAt, convert,
};

/// A sink in memory that remembers what was written to it.
#[derive(Debug, Default)]
struct Sink {
    bytes: Mutex<Vec<u8>>,
    writes: Mutex<Vec<(u64, usize)>>,
    fail_at: Option<u64>,
}

impl WriteAt for Sink {
    fn write_all_at(&self, buf: &[u8], offset: u64) -> Result<(), ReadError> {
        if self
            .fail_at
            .is_some_and(|at| offset <= at && at < offset + buf.len() as u64)
        {
            return Err(ReadError::new("disk", ErrorKind::Io, offset));
        }
        let at = offset as usize;
        self.bytes.lock().unwrap()[at..at + buf.len()].copy_from_slice(buf);
        self.writes.lock().unwrap().push((offset, buf.len()));
        Ok(())
    }
    fn set_len(&self, len: u64) -> Result<(), ReadError> {
        self.bytes.lock().unwrap().resize(len as usize, 0);
        Ok(())
    }
    fn write_zeroes_at(&self, _: u64, _: u64) -> Result<(), ReadError> {
        unreachable!("holes are left out")
    }
    fn sync(&self) -> Result<(), ReadError> {
        Ok(())
    }
}

/// A disk with holes that must not be read, and as long as one likes.
#[derive(Clone, Debug)]
struct Disk {
    bytes: Vec<u8>,
    /// In blocks of 4 KiB: whether it is a known hole.
    holes: Vec<bool>,
    len: u64,
    fail_at: Option<u64>,
    delay: Duration,
}

impl Disk {
    fn new(bytes: Vec<u8>, holes: Vec<bool>) -> Self {
        Self {
            len: bytes.len() as u64,
            bytes,
            holes,
            fail_at: None,
            delay: Duration::ZERO,
        }
    }
}

impl ReadAt for Disk {
    fn len(&self) -> u64 {
        self.len
    }
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<(), ReadError> {
        std::thread::sleep(self.delay);
        if self
            .fail_at
            .is_some_and(|at| offset <= at && at < offset + buf.len() as u64)
        {
            let error = vmie_formats::Error::new(Cause::VmdkGrainLength).at("grain", 77);
            return Err(error.into());
        }
        let start = offset as usize;
        buf.copy_from_slice(&self.bytes[start..start + buf.len()]);
        Ok(())
    }
    fn next_extent(&self, offset: u64) -> Result<Extent, ReadError> {
        let block = (offset / 4096) as usize;
        let hole = |block: usize| self.holes.get(block).copied().unwrap_or(true);
        let same = (block..self.holes.len())
            .take_while(|b| hole(*b) == hole(block))
            .count();
        let end = match block + same {
            end if end >= self.holes.len() && hole(block) => self.len,
            end => (end as u64 * 4096).min(self.len),
        };
        let kind = if hole(block) {
            ExtentKind::Hole
        } else {
            ExtentKind::Data
        };
        Ok(Extent::new(kind, offset, end.saturating_sub(offset)))
    }
}

fn run(disk: &dyn ReadAt, sink: &Sink, threads: usize) -> Report {
    let options = ConvertOptions::new().threads(NonZeroUsize::new(threads));
    convert(disk, sink, &options, &(), &CancelToken::new()).unwrap()
}

fn digest(bytes: &[u8]) -> Option<[u8; 32]> {
    Some(Sha256::digest(bytes).into())
}

#[test]
fn zero_blocks_are_left_out() {
    let mut bytes = vec![0; 3 << 20];
    bytes[5000] = 1;
    bytes[8192..3 * 4096].fill(2);
    bytes[(2 << 20) + 9] = 3;
    let last = bytes.len() - 1;
    bytes[last] = 4;
    let disk = Disk::new(bytes.clone(), vec![false; 768]);
    let sink = Sink::default();
    let report = run(&disk, &sink, 2);
    assert_eq!(*sink.bytes.lock().unwrap(), bytes);
    assert_eq!(report.bytes, 3 << 20);
    assert_eq!(report.data_bytes_written, 4 * 4096);
    assert_eq!(report.sha256, digest(&bytes));
    let mut writes = sink.writes.into_inner().unwrap();
    writes.sort_unstable();
    assert_eq!(
        writes,
        [(4096, 8192), (2 << 20, 4096), ((3 << 20) - 4096, 4096)]
    );
}

#[test]
fn what_was_in_the_sink_before_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disk");
    let sink = FileSink::create_new(&path).unwrap();
    sink.set_len(5 << 20).unwrap();
    sink.write_all_at(&[0xff; 4096], 1 << 20).unwrap();
    let mut bytes = vec![0; (2 << 20) + 100];
    bytes[10] = 1;
    let disk = Disk::new(bytes.clone(), vec![false; 513]);
    let report = convert(
        &disk,
        &sink,
        &ConvertOptions::new(),
        &(),
        &CancelToken::new(),
    )
    .unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    assert_eq!(report.sha256, digest(&bytes));
    // And from a file with holes.
    let again = FileSource::open(&path).unwrap();
    let sink = Sink::default();
    assert_eq!(run(&again, &sink, 3).sha256, digest(&bytes));
    assert_eq!(*sink.bytes.lock().unwrap(), bytes);
}

#[test]
fn an_empty_disk_is_a_disk() {
    let sink = Sink::default();
    let report = run(&Vec::new(), &sink, 2);
    assert_eq!((report.bytes, report.sha256), (0, digest(&[])));
}

#[test]
fn without_a_digest_there_is_none() {
    let sink = Sink::default();
    let options = ConvertOptions::new().digest(false);
    let bytes = vec![7; 5 << 20];
    let report = convert(&bytes, &sink, &options, &(), &CancelToken::new()).unwrap();
    assert_eq!(report.sha256, None);
    assert_eq!(*sink.bytes.lock().unwrap(), bytes);
}

#[test]
fn progress_reaches_the_end() {
    let last = AtomicU64::new(0);
    let progress = |done, total| {
        assert!(done <= total && total == 5_000_000);
        last.fetch_max(done, Ordering::Relaxed);
    };
    let mut holes = vec![false; 1221];
    holes[300..900].fill(true);
    let mut bytes = vec![1; 5_000_000];
    bytes[300 * 4096..900 * 4096].fill(0);
    let disk = Disk::new(bytes, holes);
    let options = ConvertOptions::new();
    convert(
        &disk,
        &Sink::default(),
        &options,
        &progress,
        &CancelToken::new(),
    )
    .unwrap();
    assert_eq!(last.into_inner(), 5_000_000);
}

#[test]
fn a_failed_read_keeps_its_cause_and_stops_all() {
    for threads in [1, 2, 5] {
        for digest in [true, false] {
            let mut disk = Disk::new(vec![1; 40 << 20], vec![false; 10_240]);
            disk.fail_at = Some(7 << 20);
            let options = ConvertOptions::new()
                .threads(NonZeroUsize::new(threads))
                .digest(digest);
            let sink = Sink::default();
            let error = convert(&disk, &sink, &options, &(), &CancelToken::new()).unwrap_err();
            assert_eq!(error.cause(), Cause::VmdkGrainLength);
            assert_eq!(error.offset(), Some(77));
        }
    }
}

#[test]
fn a_failed_write_says_where() {
    let sink = Sink {
        fail_at: Some(3 << 20),
        ..Sink::default()
    };
    let bytes = vec![1; 10 << 20];
    let options = ConvertOptions::new();
    let error = convert(&bytes, &sink, &options, &(), &CancelToken::new()).unwrap_err();
    assert_eq!(
        (error.cause(), error.offset()),
        (Cause::Write, Some(3 << 20))
    );
}

/// Cancels some time after the start, and says how long the rest took.
fn cancelled_after(disk: &dyn ReadAt) -> Duration {
    let cancel = CancelToken::new();
    let options = ConvertOptions::new();
    std::thread::scope(|scope| {
        let thrown = scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(100));
            cancel.cancel();
            Instant::now()
        });
        let sink = Sink::default();
        // A sink that takes any length.
        struct Nowhere<'a>(&'a Sink);
        impl WriteAt for Nowhere<'_> {
            fn write_all_at(&self, _: &[u8], _: u64) -> Result<(), ReadError> {
                Ok(())
            }
            fn set_len(&self, _: u64) -> Result<(), ReadError> {
                self.0.sync()
            }
            fn write_zeroes_at(&self, _: u64, _: u64) -> Result<(), ReadError> {
                Ok(())
            }
            fn sync(&self) -> Result<(), ReadError> {
                Ok(())
            }
        }
        let error = convert(disk, &Nowhere(&sink), &options, &(), &cancel).unwrap_err();
        let ended = Instant::now();
        assert_eq!(error.cause(), Cause::Cancelled);
        assert_eq!(error.kind(), ErrorKind::Cancelled);
        ended - thrown.join().unwrap()
    })
}

#[test]
fn cancelling_is_quick_in_data_and_in_zeroes() {
    // A slow source of 1 GiB at 5 ms for each piece.
    let mut slow = Disk::new(vec![1; 1 << 20], vec![false; 1 << 18]);
    slow.delay = Duration::from_millis(5);
    slow.len = 1 << 30;
    struct Repeat(Disk);
    impl ReadAt for Repeat {
        fn len(&self) -> u64 {
            self.0.len
        }
        fn read_exact_at(&self, buf: &mut [u8], _: u64) -> Result<(), ReadError> {
            self.0.read_exact_at(buf, 0)
        }
    }
    // One hole of 1 PiB, which would be hashed for days.
    let mut hole = Disk::new(Vec::new(), Vec::new());
    hole.len = 1 << 50;
    for took in [cancelled_after(&Repeat(slow)), cancelled_after(&hole)] {
        // 100 ms is the promise; a busy test machine may add to it.
        assert!(took < Duration::from_millis(500), "{took:?}");
    }
}

#[test]
fn work_cancelled_before_it_starts_does_nothing() {
    let cancel = CancelToken::new();
    cancel.cancel();
    let bytes = vec![1; 1 << 20];
    let sink = Sink::default();
    let error = convert(&bytes, &sink, &ConvertOptions::new(), &(), &cancel).unwrap_err();
    assert_eq!(error.cause(), Cause::Cancelled);
    assert!(sink.writes.into_inner().unwrap().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Any disk, with holes anywhere and any number of threads: same bytes, same digest.
    #[test]
    fn any_disk_is_the_same(
        runs in prop::collection::vec((0u8..4, 1usize..300), 0..20),
        tail in 0usize..4096,
        threads in 1usize..6,
    ) {
        let mut bytes = Vec::new();
        let mut holes = Vec::new();
        for (kind, blocks) in runs {
            // Data, zeroes that nobody knows of, holes, and data with few bytes set.
            let start = bytes.len();
            bytes.resize(start + blocks * 4096, if kind == 0 { 0x5a } else { 0 });
            if kind == 3 {
                for block in (0..blocks).step_by(3) {
                    bytes[start + block * 4096 + (block * 37) % 4096] = 1;
                }
            }
            holes.resize(holes.len() + blocks, kind == 2);
        }
        bytes.resize(bytes.len() + tail, 7);
        holes.push(false);
        let sink = Sink::default();
        let report = run(&Disk::new(bytes.clone(), holes), &sink, threads);
        prop_assert!(*sink.bytes.lock().unwrap() == bytes);
        prop_assert_eq!(report.sha256, digest(&bytes));
        let blocks = bytes.chunks(4096).filter(|b| b.iter().any(|b| *b != 0));
        prop_assert_eq!(report.data_bytes_written, blocks.map(|b| b.len() as u64).sum::<u64>());
    }
}
