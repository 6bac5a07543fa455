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
mod hashing;
mod journal;
mod pieces;
mod pool;
mod stream;
mod table;
mod target;
mod worker;
mod zero;

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crossbeam_channel::bounded;
use sha2::{Digest as _, Sha256};
use vmie_io::{CancelToken, PageBuffer, ReadAt, ReadError, WriteAt};

pub(crate) use self::encoder::{Encoder, Placer};
pub(crate) use self::entries::{Entries, SmallBlocks};
pub(crate) use self::hashing::Hashing;
pub use self::journal::Journal;
use self::journal::{Reached, Saved};
pub(crate) use self::journal::{Words, numbers, put};
use self::pieces::Piece;
pub(crate) use self::pieces::Pieces;
use self::pool::Pool;
pub use self::stream::convert_to_stream;
pub(crate) use self::stream::{SinkWriter, convert_grains};
pub(crate) use self::table::BlockTable;
pub use self::target::{Stamp, Target, Zeroes};
pub(crate) use self::zero::is_zero;
#[cfg(not(all(feature = "qcow2", feature = "vhdx")))]
use crate::open::not_read;
use crate::ova::{self, Machine};
#[cfg(feature = "qcow2")]
use crate::qcow2;
#[cfg(feature = "vhdx")]
use crate::vhdx;
use crate::{Cause, Error, Progress, deflate, error_of, vhd, vmdk};

/// Bytes of the largest piece of work: a multiple of the usual grain, large enough that handing it
/// out costs nothing, small enough that it stays in a core's cache from the read to the write.
const PIECE: u64 = 256 << 10;

/// Buffers of [`PIECE`] bytes for each worker: one that it fills, and some that wait for the digest.
const BUFFERS_PER_WORKER: usize = 8;

/// The same where one thread writes for all: they wait for it.
const BUFFERS_IN_QUEUE: usize = 2;

/// Most workers: so many, with their buffers, take 64 MiB, and no target takes data faster.
const MOST_WORKERS: usize = 32;

/// How to convert.
#[derive(Clone, Debug)]
pub struct ConvertOptions {
    threads: Option<NonZeroUsize>,
    digest: bool,
    target: Target,
    level: u8,
    stamp: Stamp,
    machine: Machine,
    file_digest: bool,
    zeroes: Zeroes,
}

impl Default for ConvertOptions {
    fn default() -> Self {
        Self {
            threads: None,
            digest: true,
            target: Target::Raw,
            level: deflate::DEFAULT_LEVEL,
            stamp: Stamp::default(),
            machine: Machine::default(),
            file_digest: false,
            zeroes: Zeroes::default(),
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

    /// The machine that an appliance describes.
    #[must_use]
    pub fn machine(mut self, machine: Machine) -> Self {
        self.machine = machine;
        self
    }

    /// Whether the SHA-256 of the file is computed in passing, too, where the file is written from
    /// front to back: stream-optimized VMDK, and every target on a sink that cannot seek. Raw disks
    /// have that of the disk. Other files get their first bytes last, so that their digest would take
    /// a second read.
    #[must_use]
    pub fn file_digest(mut self, digest: bool) -> Self {
        self.file_digest = digest;
        self
    }

    /// What becomes of zeroes in a raw disk or fixed VHD on a sink that can seek.
    #[must_use]
    pub fn zeroes(mut self, zeroes: Zeroes) -> Self {
        self.zeroes = zeroes;
        self
    }

    /// What is made.
    #[must_use]
    pub fn target_kind(&self) -> Target {
        self.target
    }

    pub(crate) fn wants_file_digest(&self) -> bool {
        self.file_digest
    }

    pub(crate) fn machine_ref(&self) -> &Machine {
        &self.machine
    }

    pub(crate) fn stamp_ref(&self) -> &Stamp {
        &self.stamp
    }

    /// How zeroes are treated; other formats always leave them out.
    fn zeroes_here(&self) -> Zeroes {
        match self.target {
            Target::Raw | Target::VhdFixed => self.zeroes,
            _ => Zeroes::Omit,
        }
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
    /// SHA-256 of the file; see [`ConvertOptions::file_digest`].
    pub file_sha256: Option<[u8; 32]>,
    /// The byte of the disk from which on a conversion that was killed was gone on with.
    pub resumed_at: Option<u64>,
}

/// What all threads share.
struct Run<'a> {
    source: &'a dyn ReadAt,
    sink: &'a dyn WriteAt,
    work: Work<'a>,
    progress: &'a dyn Progress,
    cancel: &'a CancelToken,
    total: u64,
    zeroes: Zeroes,
    pieces: Mutex<Pieces>,
    /// Pieces that were handed out and are not done.
    flying: AtomicUsize,
    /// The digest of the disk, and how many bytes it has seen.
    hasher: Mutex<(Option<Sha256>, u64)>,
    keeper: Option<Keeper<'a>>,
    done: AtomicU64,
    written: AtomicU64,
    stop: AtomicBool,
    failed: Mutex<Option<Error>>,
}

/// Who keeps the state, and the options that it is for.
#[derive(Clone, Copy)]
struct Keeper<'a> {
    journal: &'a dyn Journal,
    options: &'a ConvertOptions,
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
            zeroes: Zeroes::Omit,
            pieces: Mutex::new(Pieces::new(0, total)),
            flying: AtomicUsize::new(0),
            hasher: Mutex::default(),
            keeper: None,
            done: AtomicU64::new(0),
            written: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            failed: Mutex::new(None),
        }
    }

    /// From where on to go, with what is known of what is before.
    fn from(mut self, reached: Reached, hasher: Option<Sha256>) -> Self {
        self.pieces = Mutex::new(Pieces::new(reached.at, self.total));
        self.hasher = Mutex::new((hasher, reached.at));
        self.done = AtomicU64::new(reached.at);
        self.written = AtomicU64::new(reached.written);
        self
    }

    fn hasher(&self) -> MutexGuard<'_, (Option<Sha256>, u64)> {
        self.hasher.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The digest of the whole disk, if it was hashed to its end.
    fn digest(&self) -> Option<[u8; 32]> {
        let (hasher, seen) = std::mem::take(&mut *self.hasher());
        let hasher = hasher.filter(|_| seen == self.total)?;
        Some(hasher.finalize().into())
    }

    /// The next piece, counted as under way. Before it is handed out, the state may be kept.
    fn next_piece(&self) -> Result<Option<Piece>, Error> {
        let mut pieces = self.pieces.lock().unwrap_or_else(PoisonError::into_inner);
        // A stream keeps the state where its pieces come together.
        let keeper = self
            .keeper
            .as_ref()
            .filter(|_| matches!(self.work, Work::Blocks(_)));
        if let Some(keeper) = keeper.filter(|k| k.journal.due()) {
            self.keep(keeper, pieces.at())?;
        }
        let next = pieces.next(self.source).map_err(error_of)?;
        if next.is_some() {
            self.flying.fetch_add(1, Ordering::AcqRel);
        }
        Ok(next)
    }

    /// A piece is done, its digest apart.
    fn landed(&self) {
        self.flying.fetch_sub(1, Ordering::AcqRel);
    }

    /// Waits until all before `at` is done, and keeps the state.
    fn keep(&self, keeper: &Keeper<'_>, at: u64) -> Result<(), Error> {
        let quiet = || {
            let hasher = self.hasher();
            self.flying.load(Ordering::Acquire) == 0 && (hasher.0.is_none() || hasher.1 == at)
        };
        while !quiet() {
            if self.stopped() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        let reached = Reached {
            at,
            written: self.written.load(Ordering::Relaxed),
        };
        let mut state = journal::begin(keeper.options, self.total, reached);
        if let Work::Blocks(encoder) = self.work {
            encoder.save(&mut state);
        }
        journal::hash(&mut state, self.hasher().0.as_ref());
        keeper
            .journal
            .save(&journal::end(state))
            .map_err(write_error)
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
                file_sha256: None,
                resumed_at: None,
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
/// first made empty, so what is not written reads as zeroes ([`ConvertOptions::zeroes`] can say
/// otherwise). Memory is bounded by some MiB for each worker, and the table of the target's blocks,
/// whatever the size of the disk. The sink is not synced.
///
/// # Errors
/// The first error of any thread stops all: what is wrong with the source (a disk image's own
/// [`Cause`] when it is one), [`Cause::Write`], [`Cause::TargetTooLarge`] for a disk that the format
/// cannot hold, [`Cause::FormatNotBuilt`], or [`Cause::Cancelled`] within some milliseconds. The sink
/// then holds an unspecified part of the disk.
pub fn convert(
    source: &dyn ReadAt,
    sink: &dyn WriteAt,
    options: &ConvertOptions,
    progress: &dyn Progress,
    cancel: &CancelToken,
) -> Result<Report, Error> {
    convert_resumable(source, sink, options, (&(), None), progress, cancel)
}

/// As [`convert()`], for conversions that may be killed: `journal` is given the state now and then,
/// and what it was given last makes another conversion of the same source with the same options to
/// the same sink go on from there. A state that is not of this conversion is not used, and neither
/// is one of an appliance: the conversion then begins anew, with an empty sink. It is the caller who
/// sees to it that source and sink are what they were.
///
/// # Errors
/// As [`convert()`], and when the journal cannot be written.
pub fn convert_resumable(
    source: &dyn ReadAt,
    sink: &dyn WriteAt,
    options: &ConvertOptions,
    (journal, state): (&dyn Journal, Option<&[u8]>),
    progress: &dyn Progress,
    cancel: &CancelToken,
) -> Result<Report, Error> {
    let mut options = options.clone();
    let total = source.len();
    let saved = state.and_then(|state| journal::parse(state, &mut options, total));
    if options.target == Target::Ova {
        sink.set_len(0).map_err(write_error)?;
        return ova::write::to_sink(source, sink, &options, progress, cancel);
    }
    let Some(mut encoder) = encoder(total, &options)? else {
        let job = stream::Job {
            source,
            options: &options,
            progress,
            cancel,
        };
        return stream::to_sink(&job, sink, journal, saved);
    };
    let begun = saved.and_then(|saved| load(&*encoder, saved, &options));
    if saved.is_some() && begun.is_none() {
        // It may have taken over a part of what it did not understand.
        encoder = self::encoder(total, &options)?.unwrap_or(encoder);
    }
    let (reached, hasher, len) = begun.unwrap_or_else(|| {
        let hasher = options.digest.then(Sha256::new);
        (Reached::default(), hasher, 0)
    });
    if options.zeroes_here() == Zeroes::Omit {
        sink.set_len(len).map_err(write_error)?;
    }
    let mut run = Run::new(source, sink, Work::Blocks(&*encoder), progress, cancel);
    run = run.from(reached, hasher);
    run.zeroes = options.zeroes_here();
    run.keeper = Some(Keeper {
        journal,
        options: &options,
    });
    if options.target == Target::Raw {
        // Known at once, so that a sink that cannot hold it says so first.
        sink.set_len(run.total).map_err(write_error)?;
    }
    progress.update(reached.at, run.total);
    work(&run, &options);
    if run.failed() {
        return run.end(None, 0);
    }
    let len = encoder.finish(sink)?;
    let sha256 = run.digest();
    let report = run.end(sha256, len)?;
    Ok(Report {
        file_sha256: report.sha256.filter(|_| options.target == Target::Raw),
        resumed_at: Some(reached.at).filter(|at| *at > 0),
        ..report
    })
}

/// Makes the encoder what it was, and says how far the conversion was, what the digest was, and how
/// long the sink was.
fn load(
    encoder: &dyn Encoder,
    saved: Saved<'_>,
    options: &ConvertOptions,
) -> Option<(Reached, Option<Sha256>, u64)> {
    let mut words = saved.rest;
    let len = encoder.load(&mut words)?;
    let hasher = match options.digest {
        true => Some(words.hash()?),
        false => None,
    };
    Some((saved.reached, hasher, len))
}

/// Who lays the disk into blocks; `None` for a stream, which has none.
fn encoder(size: u64, options: &ConvertOptions) -> Result<Option<Box<dyn Encoder>>, Error> {
    let stamp = &options.stamp;
    Ok(Some(match options.target {
        Target::Raw => Box::new(encoder::RawEncoder { len: size }),
        Target::VhdFixed => Box::new(vhd::FixedEncoder::new(size, stamp)?),
        Target::VhdDynamic => Box::new(vhd::DynamicEncoder::new(size, stamp)?),
        #[cfg(feature = "vhdx")]
        Target::VhdxFixed => Box::new(vhdx::VhdxEncoder::new(size, true, stamp)?),
        #[cfg(feature = "vhdx")]
        Target::VhdxDynamic => Box::new(vhdx::VhdxEncoder::new(size, false, stamp)?),
        Target::VmdkMonolithicSparse => Box::new(vmdk::SparseEncoder::new(size, stamp)?),
        #[cfg(feature = "qcow2")]
        Target::Qcow2 => Box::new(qcow2::Qcow2Encoder::new(size)?),
        Target::VmdkStreamOptimized | Target::Ova => return Ok(None),
        #[cfg(not(all(feature = "qcow2", feature = "vhdx")))]
        other => return Err(not_read(other.format())),
    }))
}

/// Runs the threads to their end.
fn work(run: &Run<'_>, options: &ConvertOptions) {
    let workers = options.workers();
    let queue = run.sink.takes_turns().then(worker::Queue::default);
    let queue = queue.as_ref();
    let each = match (options.digest, queue) {
        (true, _) => BUFFERS_PER_WORKER,
        (false, Some(_)) => BUFFERS_IN_QUEUE,
        // A worker has its buffer back as soon as it is written.
        (false, None) => 1,
    };
    let buffers = workers.saturating_mul(each);
    let pool = &Pool::<PageBuffer>::new(buffers);
    let (to_digest, from_workers) = bounded(buffers);
    std::thread::scope(|scope| {
        // The thread owns its end of the channel: when it stops, nobody waits to send to it.
        let digest = options
            .digest
            .then(|| scope.spawn(move || digest::run(run, from_workers, pool)));
        for _ in 0..workers {
            let to_digest = options.digest.then(|| to_digest.clone());
            scope.spawn(move || worker::run(run, pool, queue, to_digest.as_ref()));
        }
        // Only the workers' ends keep the channel open now.
        drop(to_digest);
        if let Some(thread) = digest {
            let _ = thread.join();
        }
    });
}

/// A failed write of a stream at a byte of it.
pub(crate) fn stream_error(error: std::io::Error, at: u64) -> Error {
    let cause = match error.kind() {
        std::io::ErrorKind::BrokenPipe => Cause::SinkClosed,
        _ => Cause::Write,
    };
    Error::new(cause).at("target", at).with_source(error)
}

/// A failed write of the target.
pub(crate) fn write_error(error: ReadError) -> Error {
    Error::new(Cause::Write)
        .at("target", error.offset())
        .with_source(error)
}
