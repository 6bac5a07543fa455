//! Conversions that are stopped in their middle.

use sha2::Digest as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use vmie::Error;
use vmie::io::{CancelToken, ReadAt, ReadError};
use vmie::tasks::{Action, Attempt, Begin, ImportSnapshotRequest, WorkerEvent};
use vmie::work::{Buckets, Object, ObjectHead, ObjectWriter, Workshop, WorkshopOptions};

use crate::guest::files;
use crate::host::{Host, container};

/// Bytes of the slow disk.
const SLOW: u64 = 24 << 20;

/// A disk that is read slowly; its reads are counted.
struct Slow {
    millis: u64,
    reads: Arc<AtomicUsize>,
}

impl ReadAt for Slow {
    fn len(&self) -> u64 {
        SLOW
    }
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<(), ReadError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(self.millis));
        buf.fill((offset >> 20) as u8 + 1);
        Ok(())
    }
}

/// Buckets that hold one slow object.
#[derive(Clone, Debug)]
struct SlowBuckets {
    millis: u64,
    version: &'static str,
    reads: Arc<AtomicUsize>,
}

impl Buckets for SlowBuckets {
    fn open(&self, _: &str, key: &str, _: &CancelToken) -> Result<Object, Error> {
        Ok(Object {
            name: key.into(),
            source: Arc::new(Slow {
                millis: self.millis,
                reads: Arc::clone(&self.reads),
            }),
            version: Some(self.version.to_owned()),
        })
    }
    fn head(&self, _: &str, key: &str) -> Result<Option<ObjectHead>, Error> {
        Ok(Some(ObjectHead {
            key: key.to_owned(),
            len: SLOW,
            version: Some(self.version.to_owned()),
        }))
    }
    fn create(&self, _: &str, _: &str) -> Result<Box<dyn ObjectWriter>, Error> {
        panic!("nothing is written here")
    }
    fn delete(&self, _: &str, _: &str) -> Result<(), Error> {
        Ok(())
    }
    fn list(&self, _: &str, _: &str, _: Option<&str>, _: usize) -> Result<Vec<ObjectHead>, Error> {
        Ok(Vec::new())
    }
}

impl SlowBuckets {
    fn new(millis: u64, version: &'static str) -> Self {
        Self {
            millis,
            version,
            reads: Arc::default(),
        }
    }

    fn shop(&self, host: &Host) -> Workshop {
        let options = WorkshopOptions::new().with_journal_every(Duration::ZERO);
        Workshop::new(host.path("store"), options, Arc::new(self.clone())).unwrap()
    }
}

/// The order to convert the slow disk.
fn slow_conversion(host: &mut Host) -> Begin {
    let buckets = SlowBuckets::new(0, "one");
    let request = ImportSnapshotRequest {
        disk_container: Some(container("disk.raw", "raw")),
        ..ImportSnapshotRequest::default()
    };
    host.call(Action::ImportSnapshot(request));
    let begin = host.begins.pop_front().unwrap();
    let go_on = CancelToken::new();
    let done = buckets.shop(host).perform(&begin, &go_on, &mut |_| {});
    let now = vmie::now();
    host.engine
        .report(now, &begin.order, begin.attempt, done)
        .unwrap();
    host.pump();
    host.begins.pop_front().unwrap()
}

/// Performs an order, cancels it some reads after it has a journal, and says how long it went on.
fn cancelled(host: &Host, slow: &SlowBuckets, begin: &Begin) -> Duration {
    let shop = slow.shop(host);
    let reads = || slow.reads.load(Ordering::SeqCst);
    let begun = || {
        let names = files(&host.path("store/work"));
        names.iter().any(|name| name.ends_with(".journal"))
    };
    let wait_for = |what: &dyn Fn() -> bool| {
        for _ in 0..3000 {
            if what() {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("it does not come");
    };
    let cancel = CancelToken::new();
    std::thread::scope(|scope| {
        let thrown = scope.spawn(|| {
            wait_for(&begun);
            let before = reads();
            wait_for(&|| reads() >= before + 8);
            cancel.cancel();
            Instant::now()
        });
        let done = shop.perform(begin, &cancel, &mut |_| {});
        let WorkerEvent::Failed(failure) = done else {
            panic!("{done:?}");
        };
        assert_eq!(failure.code, "cancelled", "{}", begin.order);
        let ended = Instant::now();
        ended.saturating_duration_since(thrown.join().unwrap())
    })
}

#[test]
fn a_conversion_that_was_stopped_goes_on_at_its_journal() {
    for (version, afresh) in [("one", false), ("two", true)] {
        let mut host = Host::new();
        let mut begin = slow_conversion(&mut host);
        let slow = SlowBuckets::new(10, "one");
        cancelled(&host, &slow, &begin);
        let names = files(&host.path("store"));
        let with = |end: &str| names.iter().filter(|name| name.ends_with(end)).count();
        assert_eq!((with(".part"), with(".journal")), (1, 1), "{names:?}");
        let shop = slow.shop(&host);
        // Whoever goes on with the task keeps it.
        shop.sweep(&|_| true).unwrap();
        assert_eq!(files(&host.path("store")).len(), names.len());

        begin.attempt = Attempt(2);
        let fast = SlowBuckets::new(0, version);
        let note = host.path("store/work").join(begin.order.task.as_str());
        if afresh {
            std::fs::remove_file(note.join("sources.json")).unwrap();
        }
        let done = fast
            .shop(&host)
            .perform(&begin, &CancelToken::new(), &mut |_| {});
        let WorkerEvent::Converted(converted) = done else {
            panic!("{done:?}");
        };
        let disk = std::fs::read(note.join("disk0.raw")).unwrap();
        assert!((0..24u8).all(|n| disk[usize::from(n) << 20] == n + 1));
        let digest = vmie_testkit::ova::hex(&sha2::Sha256::digest(&disk));
        assert_eq!(converted.sha256, digest);
        let reads = fast.reads.load(Ordering::SeqCst);
        // 24 MiB of data in pieces of 256 KiB.
        assert_eq!(reads >= 96, afresh, "{reads}");
        let names = files(&note);
        assert!(
            !names.iter().any(|name| name.ends_with(".part")),
            "{names:?}"
        );
        assert!(
            !names.iter().any(|name| name.ends_with(".journal")),
            "{names:?}"
        );
    }
}

#[test]
fn a_cancel_is_heard_at_once() {
    let mut host = Host::new();
    let begin = slow_conversion(&mut host);
    // So slow that it would take seconds.
    let slow = SlowBuckets::new(20, "one");
    let waited = cancelled(&host, &slow, &begin);
    // 100 ms, and what a busy machine adds.
    assert!(waited < Duration::from_millis(400), "{waited:?}");
}
