//! Writing a disk out as a sparse raw file, on all cores.
//!
//! One cursor hands out the disk piece by piece, in order; workers read (and inflate), find the
//! zeroes and write at offsets; one thread computes the digest in order. A worker takes a buffer
//! before it takes a piece, so the pieces under way are never more than the buffers, and the one
//! that the digest waits for always has its buffer already.

mod digest;
mod pieces;
mod worker;

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crossbeam_channel::bounded;
use vmie_io::{CancelToken, ReadAt, WriteAt};

use self::pieces::Pieces;
use crate::{Cause, Error, Progress};

/// Bytes of the largest piece of work: a multiple of the usual grain, large enough that handing it
/// out costs nothing, small enough that cancelling is quick and that buffers stay small.
const PIECE: u64 = 1 << 20;

/// Buffers of [`PIECE`] bytes for each worker: one that it fills, and two that wait for the digest.
const BUFFERS_PER_WORKER: usize = 3;

/// Most workers: so many, with their buffers, take 96 MiB, and no target takes data faster.
const MOST_WORKERS: usize = 32;

/// How to convert.
#[derive(Clone, Debug)]
pub struct ConvertOptions {
    threads: Option<NonZeroUsize>,
    digest: bool,
}

impl Default for ConvertOptions {
    fn default() -> Self {
        Self {
            threads: None,
            digest: true,
        }
    }
}

impl ConvertOptions {
    /// The defaults: as many workers as there are cores, and a digest.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many workers read and write; `None` for as many as there are cores. At most 32.
    #[must_use]
    pub fn threads(mut self, threads: Option<NonZeroUsize>) -> Self {
        self.threads = threads;
        self
    }

    /// Whether the SHA-256 of the disk is computed in passing.
    #[must_use]
    pub fn digest(mut self, digest: bool) -> Self {
        self.digest = digest;
        self
    }

    fn workers(&self) -> usize {
        let threads = self
            .threads
            .or_else(|| std::thread::available_parallelism().ok())
            .map_or(1, NonZeroUsize::get);
        threads.min(MOST_WORKERS)
    }
}

/// What a conversion did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Bytes of the disk.
    pub bytes: u64,
    /// Bytes that were written; the others are zero and were left as holes.
    pub data_bytes_written: u64,
    /// SHA-256 of the disk as the guest sees it, holes as zeroes.
    pub sha256: Option<[u8; 32]>,
}

/// What all threads share.
struct Run<'a> {
    source: &'a dyn ReadAt,
    sink: &'a dyn WriteAt,
    progress: &'a dyn Progress,
    cancel: &'a CancelToken,
    total: u64,
    pieces: Mutex<Pieces>,
    done: AtomicU64,
    written: AtomicU64,
    stop: AtomicBool,
    failed: Mutex<Option<Error>>,
}

impl Run<'_> {
    /// Keeps the first error and stops everybody.
    fn fail(&self, error: Error) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.get_or_insert(error);
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Whether to stop, for an error elsewhere or because the caller said so.
    fn stopped(&self) -> bool {
        if self.cancel.is_cancelled() {
            self.fail(Error::new(Cause::Cancelled).in_structure("conversion"));
        }
        self.stop.load(Ordering::Relaxed)
    }

    fn tell(&self, bytes: u64) {
        let done = self.done.fetch_add(bytes, Ordering::Relaxed);
        self.progress.update(done.saturating_add(bytes), self.total);
    }
}

/// Writes `source` to `sink` as it is, on all cores, zeroes left out: known holes are not read,
/// and of what is read, blocks of 4 KiB that are all zero are not written. The sink is first made
/// empty and then as long as the source, so what is not written reads as zeroes. Memory is bounded by
/// 3 MiB for each worker whatever the size of the disk. The sink is not synced.
///
/// # Errors
/// The first error of any thread stops all: what is wrong with the source (a disk image's own
/// [`Cause`] when it is one), [`Cause::Write`], or [`Cause::Cancelled`] within some milliseconds. The
/// sink then holds an unspecified part of the disk.
pub fn convert(
    source: &dyn ReadAt,
    sink: &dyn WriteAt,
    options: &ConvertOptions,
    progress: &dyn Progress,
    cancel: &CancelToken,
) -> Result<Report, Error> {
    let total = source.len();
    let run = Run {
        source,
        sink,
        progress,
        cancel,
        total,
        pieces: Mutex::new(Pieces::new(total)),
        done: AtomicU64::new(0),
        written: AtomicU64::new(0),
        stop: AtomicBool::new(false),
        failed: Mutex::new(None),
    };
    sink.set_len(0).map_err(worker::write_error)?;
    sink.set_len(total).map_err(worker::write_error)?;
    progress.update(0, total);
    let sha256 = work(&run, options);
    if let Some(error) = run
        .failed
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
    {
        return Err(error);
    }
    Ok(Report {
        bytes: total,
        data_bytes_written: run.written.into_inner(),
        sha256,
    })
}

/// Runs the threads to their end.
fn work(run: &Run<'_>, options: &ConvertOptions) -> Option<[u8; 32]> {
    let workers = options.workers();
    let buffers = workers.saturating_mul(BUFFERS_PER_WORKER);
    let (give, take) = bounded::<Vec<u8>>(buffers);
    for _ in 0..buffers {
        // Empty until first used: small disks need few of them.
        let _ = give.try_send(Vec::new());
    }
    let (to_digest, from_workers) = bounded(buffers);
    std::thread::scope(|scope| {
        // The thread owns its end of the channel: when it stops, nobody waits to send to it.
        let digest = options.digest.then(|| {
            let give = give.clone();
            scope.spawn(move || digest::run(run, from_workers, &give))
        });
        for _ in 0..workers {
            let (take, give) = (take.clone(), give.clone());
            let to_digest = options.digest.then(|| to_digest.clone());
            scope.spawn(move || worker::run(run, &take, &give, to_digest.as_ref()));
        }
        // Only the workers' ends keep the channel open now.
        drop(to_digest);
        digest.and_then(|thread| thread.join().ok()).flatten()
    })
}
