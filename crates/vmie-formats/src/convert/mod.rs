//! Writing a disk out as a file of any format that is written here, on all cores.
//!
//! One cursor hands out the disk piece by piece, in order; workers read (and inflate), find the
//! zeroes and write at offsets; one thread computes the digest in order. A worker takes a buffer
//! before it takes a piece, so the pieces under way are never more than the buffers, and the one
//! that the digest waits for always has its buffer already.
//!
//! What happens to a piece depends on the target. Formats that place blocks at offsets
//! ([`Encoder`]) are written by the workers themselves, wherever the block goes. A stream is put
//! together by one thread, in order, from what the workers compressed.

mod digest;
mod encoder;
mod entries;
mod pieces;
mod stream;
mod table;
mod target;
mod worker;
mod zero;

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crossbeam_channel::bounded;
use vmie_io::{CancelToken, ReadAt, ReadError, WriteAt};

pub(crate) use self::encoder::{Encoder, Placer};
pub(crate) use self::entries::{Entries, SmallBlocks};
use self::pieces::Pieces;
pub use self::stream::convert_to_stream;
pub(crate) use self::table::BlockTable;
pub use self::target::{Stamp, Target};
pub(crate) use self::zero::is_zero;
use crate::{Cause, Error, Progress, deflate, qcow2, vhd, vhdx, vmdk};

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
    target: Target,
    level: u8,
    stamp: Stamp,
}

impl Default for ConvertOptions {
    fn default() -> Self {
        Self {
            threads: None,
            digest: true,
            target: Target::Raw,
            level: deflate::DEFAULT_LEVEL,
            stamp: Stamp::default(),
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

    /// What is made; raw by default.
    #[must_use]
    pub fn target(mut self, target: Target) -> Self {
        self.target = target;
        self
    }

    /// How hard compressing formats compress, from 1 (fastest) to 12 (smallest); the default is the
    /// fastest level whose output is no larger than that of zlib at its default.
    #[must_use]
    pub fn level(mut self, level: Option<u8>) -> Self {
        self.level = level
            .unwrap_or(deflate::DEFAULT_LEVEL)
            .clamp(1, deflate::MAX_LEVEL);
        self
    }

    /// What is put into the image besides the disk: its id, its time, the adapter.
    #[must_use]
    pub fn stamp(mut self, stamp: Stamp) -> Self {
        self.stamp = stamp;
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
    /// Bytes of the disk that were written, before compression; the others are zero and were left
    /// out.
    pub data_bytes_written: u64,
    /// Bytes of the file that was made.
    pub file_bytes: u64,
    /// SHA-256 of the disk as the guest sees it, holes as zeroes.
    pub sha256: Option<[u8; 32]>,
}

/// What all threads share.
struct Run<'a> {
    source: &'a dyn ReadAt,
    sink: &'a dyn WriteAt,
    work: Work<'a>,
    progress: &'a dyn Progress,
    cancel: &'a CancelToken,
    total: u64,
    pieces: Mutex<Pieces>,
    done: AtomicU64,
    written: AtomicU64,
    stop: AtomicBool,
    failed: Mutex<Option<Error>>,
}

/// What is done with a piece.
enum Work<'a> {
    /// It is laid into blocks.
    Blocks(&'a dyn Encoder),
    /// Its grains are compressed at this level, for a stream.
    Grains(u8),
    /// It is handed on as it is, for a stream.
    Plain,
}

impl<'a> Run<'a> {
    fn new(
        source: &'a dyn ReadAt,
        sink: &'a dyn WriteAt,
        work: Work<'a>,
        progress: &'a dyn Progress,
        cancel: &'a CancelToken,
    ) -> Self {
        let total = source.len();
        Self {
            source,
            sink,
            work,
            progress,
            cancel,
            total,
            pieces: Mutex::new(Pieces::new(total)),
            done: AtomicU64::new(0),
            written: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            failed: Mutex::new(None),
        }
    }

    /// What came of it: the first error, or the report.
    fn end(self, sha256: Option<[u8; 32]>, file_bytes: u64) -> Result<Report, Error> {
        let failed = self.failed.into_inner();
        match failed.unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(error),
            None => Ok(Report {
                bytes: self.total,
                data_bytes_written: self.written.into_inner(),
                file_bytes,
                sha256,
            }),
        }
    }

    fn failed(&self) -> bool {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.is_some()
    }

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

/// Writes `source` to `sink` as the target of `options`, on all cores, zeroes left out: known holes
/// are not read, and of what is read, blocks of 4 KiB that are all zero are not written. The sink is
/// first made empty, so what is not written reads as zeroes. Memory is bounded by some MiB for each
/// worker, and the table of the target's blocks, whatever the size of the disk. The sink is not
/// synced.
///
/// # Errors
/// The first error of any thread stops all: what is wrong with the source (a disk image's own
/// [`Cause`] when it is one), [`Cause::Write`], [`Cause::TargetTooLarge`] for a disk that the format
/// cannot hold, or [`Cause::Cancelled`] within some milliseconds. The sink then holds an unspecified
/// part of the disk.
pub fn convert(
    source: &dyn ReadAt,
    sink: &dyn WriteAt,
    options: &ConvertOptions,
    progress: &dyn Progress,
    cancel: &CancelToken,
) -> Result<Report, Error> {
    let encoder = encoder(source.len(), options)?;
    sink.set_len(0).map_err(write_error)?;
    let Some(encoder) = encoder else {
        let out = stream::SinkWriter::new(sink);
        return stream::convert_grains(source, out, options, progress, cancel);
    };
    let run = Run::new(source, sink, Work::Blocks(&*encoder), progress, cancel);
    if options.target == Target::Raw {
        // Known at once, so that a sink that cannot hold it says so first.
        sink.set_len(run.total).map_err(write_error)?;
    }
    progress.update(0, run.total);
    let sha256 = work(&run, options);
    if run.failed() {
        return run.end(None, 0);
    }
    let len = encoder.finish(sink)?;
    run.end(sha256, len)
}

/// Who lays the disk into blocks; `None` for a stream, which has none.
fn encoder(size: u64, options: &ConvertOptions) -> Result<Option<Box<dyn Encoder>>, Error> {
    let stamp = &options.stamp;
    Ok(Some(match options.target {
        Target::Raw => Box::new(encoder::RawEncoder { len: size }),
        Target::VhdFixed => Box::new(vhd::FixedEncoder::new(size, stamp)?),
        Target::VhdDynamic => Box::new(vhd::DynamicEncoder::new(size, stamp)?),
        Target::VhdxFixed => Box::new(vhdx::VhdxEncoder::new(size, true, stamp)?),
        Target::VhdxDynamic => Box::new(vhdx::VhdxEncoder::new(size, false, stamp)?),
        Target::VmdkMonolithicSparse => Box::new(vmdk::SparseEncoder::new(size, stamp)?),
        Target::Qcow2 => Box::new(qcow2::Qcow2Encoder::new(size)?),
        Target::VmdkStreamOptimized => return Ok(None),
    }))
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

/// A failed write of the target.
pub(crate) fn write_error(error: ReadError) -> Error {
    Error::new(Cause::Write)
        .at("target", error.offset())
        .with_source(error)
}
