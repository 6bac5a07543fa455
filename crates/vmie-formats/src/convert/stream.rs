//! Targets that are written from front to back: compressed streams, and any format on a sink that
//! cannot seek.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use sha2::{Digest as _, Sha256};
use vmie_io::{CancelToken, ExtentKind, PageBuffer, ReadAt, ReadAtExt, ReadError, WriteAt, int};

use super::hashing::Hashing;
use super::journal::{self, Journal, Reached, Saved};
use super::pieces::Piece;
use super::pool::Pool;
use super::{
    ConvertOptions, Encoder, Keeper, Report, Run, Target, Work, encoder, stream_error, write_error,
};
use crate::ova;
use crate::vmdk::{GrainPacker, Packed, StreamSequencer};
use crate::{Error, Progress, error_of};

/// Pieces under way for each worker: one that it fills, and some that wait for their turn.
const PIECES_PER_WORKER: usize = 8;

/// How long to wait for a buffer between looks at whether to stop.
const WAIT: Duration = Duration::from_millis(20);

/// A sink that can seek, written from front to back.
pub(crate) struct SinkWriter<'a> {
    sink: &'a dyn WriteAt,
    at: u64,
}

impl<'a> SinkWriter<'a> {
    /// Writes from byte `at` of the sink on.
    pub(crate) fn at(sink: &'a dyn WriteAt, at: u64) -> Self {
        Self { sink, at }
    }
}

impl Write for SinkWriter<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.sink.write_all_at(buf, self.at)?;
        self.at = self.at.saturating_add(int::u64_of(buf.len()));
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a worker makes of a piece.
#[derive(Default)]
struct Made {
    data: PageBuffer,
    packed: Packed,
}

/// A piece that is ready for its turn; nothing was made of known zeroes.
struct Ready {
    piece: Piece,
    made: Option<Made>,
}

/// Takes pieces in the order of the disk.
trait Sequence: Send {
    fn take(&mut self, ready: &Ready) -> Result<(), Error>;

    /// Adds to a state what is needed to go on after the pieces that were taken.
    fn save(&self, state: &mut Vec<u8>);
}

impl<W: Write + Send> Sequence for StreamSequencer<Hashing<W>> {
    fn take(&mut self, ready: &Ready) -> Result<(), Error> {
        match &ready.made {
            Some(made) => StreamSequencer::take(self, &made.packed),
            None => Ok(()),
        }
    }

    fn save(&self, state: &mut Vec<u8>) {
        StreamSequencer::save(self, state);
        journal::hash(state, self.out().hasher());
    }
}

/// What is converted, and how.
pub(super) struct Job<'a> {
    pub(super) source: &'a dyn ReadAt,
    pub(super) options: &'a ConvertOptions,
    pub(super) progress: &'a dyn Progress,
    pub(super) cancel: &'a CancelToken,
}

impl<'a> Job<'a> {
    fn run(&self, work: Work<'a>) -> Run<'a> {
        Run::new(self.source, &Nowhere, work, self.progress, self.cancel)
    }

    /// The digest before the first byte.
    fn hasher(&self) -> Option<Sha256> {
        self.options.digest.then(Sha256::new)
    }
}

/// Writes a disk as a stream-optimized VMDK.
pub(crate) fn convert_grains<W: Write + Send>(
    source: &dyn ReadAt,
    out: Hashing<W>,
    options: &ConvertOptions,
    progress: &dyn Progress,
    cancel: &CancelToken,
) -> Result<(Report, Hashing<W>), Error> {
    let job = Job {
        source,
        options,
        progress,
        cancel,
    };
    let sequencer = StreamSequencer::begin(out, source.len(), &options.stamp)?;
    let run = job.run(Work::Grains(options.level));
    grains(run.from(Reached::default(), job.hasher()), &job, sequencer)
}

fn grains<W: Write + Send>(
    run: Run<'_>,
    job: &Job<'_>,
    mut sequencer: StreamSequencer<Hashing<W>>,
) -> Result<(Report, Hashing<W>), Error> {
    in_order(&run, job.options, &mut sequencer);
    let (out, len) = match run.failed() {
        true => (sequencer.into_out(), 0),
        false => sequencer.finish()?,
    };
    let sha256 = run.digest();
    Ok((run.end(sha256, len)?, out))
}

/// Writes a disk as a stream-optimized VMDK to a sink that can seek, from what was saved on.
pub(super) fn to_sink(
    job: &Job<'_>,
    sink: &dyn WriteAt,
    journal: &dyn Journal,
    saved: Option<Saved<'_>>,
) -> Result<Report, Error> {
    let options = job.options;
    let total = job.source.len();
    let begun = saved.and_then(|saved| {
        let mut words = saved.rest;
        let out = |at| Hashing::new(SinkWriter::at(sink, at), false);
        let mut sequencer = StreamSequencer::load(out, total, &mut words)?;
        if options.file_digest {
            sequencer.out_mut().set_hasher(words.hash()?);
        }
        let hasher = match options.digest {
            true => Some(words.hash()?),
            false => None,
        };
        Some((sequencer, saved.reached, hasher))
    });
    let (sequencer, reached, hasher) = match begun {
        Some(begun) => {
            sink.set_len(begun.0.at()).map_err(write_error)?;
            begun
        }
        None => {
            sink.set_len(0).map_err(write_error)?;
            let out = Hashing::new(SinkWriter::at(sink, 0), options.file_digest);
            let sequencer = StreamSequencer::begin(out, total, &options.stamp)?;
            (sequencer, Reached::default(), job.hasher())
        }
    };
    let mut run = job.run(Work::Grains(options.level)).from(reached, hasher);
    run.keeper = Some(Keeper { journal, options });
    let (report, out) = grains(run, job, sequencer)?;
    Ok(Report {
        file_sha256: out.digest(),
        resumed_at: Some(reached.at).filter(|at| *at > 0),
        ..report
    })
}

/// Runs workers, and hands what they make to `take`, in the order of the disk.
fn in_order(run: &Run<'_>, options: &ConvertOptions, take: &mut dyn Sequence) {
    let workers = options.workers();
    let count = workers.saturating_mul(PIECES_PER_WORKER);
    let pool = &Pool::<Made>::new(count);
    let (to_order, from_workers) = bounded(count);
    run.progress
        .update(run.done.load(Ordering::Relaxed), run.total);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            let to_order = to_order.clone();
            scope.spawn(move || worker(run, pool, &to_order));
        }
        drop(to_order);
        if let Err(error) = sequence(run, from_workers, pool, take) {
            run.fail(error);
        }
    });
}

/// Makes pieces until there are none left, or all are to stop.
fn worker(run: &Run<'_>, pool: &Pool<Made>, to_order: &Sender<Ready>) {
    let mut packer = match run.work {
        Work::Grains(level) => match GrainPacker::new(level) {
            Ok(packer) => Some(packer),
            Err(error) => return run.fail(error),
        },
        _ => None,
    };
    // What it needs first, then the piece: the piece that is waited for always has what it needs.
    loop {
        let mut made = match pool.take(WAIT) {
            Some(made) => made,
            // An error elsewhere may have kept what would have come.
            None if !run.stopped() => continue,
            None => return,
        };
        let piece = loop {
            if run.stopped() {
                return;
            }
            match run.next_piece() {
                Ok(Some(piece)) if piece.zero => {
                    if to_order.send(Ready { piece, made: None }).is_err() {
                        return;
                    }
                }
                Ok(Some(piece)) => break piece,
                Ok(None) => return,
                Err(error) => return run.fail(error),
            }
        };
        if let Err(error) = make(run, piece, packer.as_mut(), &mut made) {
            return run.fail(error);
        }
        let made = Some(made);
        if to_order.send(Ready { piece, made }).is_err() {
            return;
        }
    }
}

fn make(
    run: &Run<'_>,
    piece: Piece,
    packer: Option<&mut GrainPacker>,
    made: &mut Made,
) -> Result<(), Error> {
    made.data.resize(int::usize_of(piece.len));
    run.source
        .read_exact_at(&mut made.data, piece.start)
        .map_err(error_of)?;
    if let Some(packer) = packer {
        packer.pack(piece.start, &made.data, &mut made.packed)?;
    }
    Ok(())
}

/// Takes pieces in order. When it stops, the ends of the channels are dropped, and with them
/// everybody who waits.
fn sequence(
    run: &Run<'_>,
    from_workers: Receiver<Ready>,
    pool: &Pool<Made>,
    take: &mut dyn Sequence,
) -> Result<(), Error> {
    let mut waiting = BTreeMap::new();
    let mut next: u64 = 0;
    let mut at = run.done.load(Ordering::Relaxed);
    while let Ok(ready) = from_workers.recv() {
        waiting.insert(ready.piece.number, ready);
        while let Some(ready) = waiting.remove(&next) {
            if run.stopped() {
                return Ok(());
            }
            take.take(&ready)?;
            let len = ready.piece.len;
            let mut state = run.hasher();
            let (hasher, seen) = &mut *state;
            if let Some(hasher) = hasher {
                match &ready.made {
                    Some(made) => hasher.update(&*made.data),
                    None if hash_zeroes(run, hasher, len).is_none() => return Ok(()),
                    None => {}
                }
                *seen = seen.saturating_add(len);
            }
            drop(state);
            if let Some(made) = ready.made {
                run.written.fetch_add(len, Ordering::Relaxed);
                pool.give(made);
            }
            run.tell(len);
            at = at.saturating_add(len);
            next = next.saturating_add(1);
            if let Some(keeper) = run.keeper.as_ref().filter(|k| k.journal.due()) {
                keep(run, keeper, take, at)?;
            }
        }
    }
    Ok(())
}

/// Keeps the state after all pieces before `at`.
fn keep(run: &Run<'_>, keeper: &Keeper<'_>, take: &dyn Sequence, at: u64) -> Result<(), Error> {
    let reached = Reached {
        at,
        written: run.written.load(Ordering::Relaxed),
    };
    let mut state = journal::begin(keeper.options, run.total, reached);
    take.save(&mut state);
    journal::hash(&mut state, run.hasher().0.as_ref());
    keeper
        .journal
        .save(&journal::end(state))
        .map_err(write_error)
}

/// Hashes so many zeroes; `None` when the work is to stop.
fn hash_zeroes(run: &Run<'_>, hasher: &mut Sha256, len: u64) -> Option<()> {
    let zeroes = vec![0; 1 << 18];
    let mut left = len;
    while left > 0 {
        if run.stopped() {
            return None;
        }
        let n = int::min_usize(left, zeroes.len());
        hasher.update(zeroes.get(..n).unwrap_or_default());
        left = left.saturating_sub(int::u64_of(n));
    }
    Some(())
}

/// A sink for work that writes nothing itself.
struct Nowhere;

impl WriteAt for Nowhere {
    fn write_all_at(&self, _: &[u8], offset: u64) -> Result<(), ReadError> {
        let kind = vmie_io::ErrorKind::Misuse;
        Err(ReadError::new("stream", kind, offset))
    }
    fn set_len(&self, _: u64) -> Result<(), ReadError> {
        Ok(())
    }
    fn write_zeroes_at(&self, _: u64, _: u64) -> Result<(), ReadError> {
        Ok(())
    }
    fn sync(&self) -> Result<(), ReadError> {
        Ok(())
    }
}

/// Writes `source` to a sink that cannot seek (a pipe, an upload), as the target of `options`, read
/// and decoded on all cores.
///
/// What of the disk is stored is decided by the source's extents before the first byte is written,
/// so data that turns out to be zero is stored all the same, except in a stream of compressed
/// grains. Tables are kept in memory until they are written: some bytes for each block that is
/// stored. The disk of an appliance is compressed twice, since its length and digest go before it.
///
/// # Errors
/// As [`convert`](super::convert()); `Cause::SinkClosed` when the other end of a pipe has gone.
pub fn convert_to_stream(
    source: &dyn ReadAt,
    out: impl Write + Send,
    options: &ConvertOptions,
    progress: &dyn Progress,
    cancel: &CancelToken,
) -> Result<Report, Error> {
    if options.target == Target::Ova {
        return ova::write::to_stream(source, out, options, progress, cancel);
    }
    let out = Hashing::new(out, options.file_digest);
    let Some(encoder) = encoder(source.len(), options)? else {
        let (report, out) = convert_grains(source, out, options, progress, cancel)?;
        return Ok(Report {
            file_sha256: out.digest(),
            ..report
        });
    };
    let plan = Plan::make(source, &*encoder, options.target)?;
    let job = Job {
        source,
        options,
        progress,
        cancel,
    };
    let run = job.run(Work::Plain).from(Reached::default(), job.hasher());
    let mut file = Front {
        out,
        at: 0,
        plan: &plan,
        metadata: plan.metadata.iter().peekable(),
    };
    in_order(&run, options, &mut file);
    if !run.failed() {
        file.finish()?;
    }
    let sha256 = run.digest();
    let report = run.end(sha256, plan.len)?;
    Ok(Report {
        file_sha256: file.out.digest(),
        ..report
    })
}

/// What a file will look like: its metadata, and where each block that is stored goes.
struct Plan {
    metadata: BTreeMap<u64, Vec<u8>>,
    /// Numbers on the disk and places in the file; both grow.
    blocks: Vec<(u64, u64)>,
    block: u64,
    len: u64,
}

/// Keeps what is written by its place.
#[derive(Default)]
struct Kept(Mutex<BTreeMap<u64, Vec<u8>>>);

impl WriteAt for Kept {
    fn write_all_at(&self, buf: &[u8], offset: u64) -> Result<(), ReadError> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert(offset, buf.to_vec());
        Ok(())
    }
    fn set_len(&self, _: u64) -> Result<(), ReadError> {
        Ok(())
    }
    fn write_zeroes_at(&self, _: u64, _: u64) -> Result<(), ReadError> {
        Ok(())
    }
    fn sync(&self) -> Result<(), ReadError> {
        Ok(())
    }
}

impl Plan {
    fn make(source: &dyn ReadAt, encoder: &dyn Encoder, target: Target) -> Result<Self, Error> {
        let kept = Kept::default();
        // A raw disk and a fixed VHD are one block, which has all.
        let block = encoder.block();
        let mut blocks = Vec::new();
        let mut last = None;
        for extent in source.extents(0..source.len()) {
            let extent = extent.map_err(error_of)?;
            if extent.kind != ExtentKind::Data {
                continue;
            }
            let first = extent.start.checked_div(block).unwrap_or(0);
            let end = extent
                .end()
                .saturating_sub(1)
                .checked_div(block)
                .unwrap_or(0);
            for number in first..=end {
                if last == Some(number) {
                    continue;
                }
                last = Some(number);
                let start = number.saturating_mul(block);
                let mut placer = encoder.piece(&kept, start);
                blocks.push((number, placer.place(number)?));
                placer.done()?;
            }
        }
        if matches!(target, Target::Raw | Target::VhdFixed) && !source.is_empty() {
            blocks = vec![(0, 0)];
        }
        let len = encoder.finish(&kept)?;
        Ok(Self {
            metadata: kept.0.into_inner().unwrap_or_else(PoisonError::into_inner),
            blocks,
            block,
            len,
        })
    }

    /// Where a block goes; `None` for one of which nothing is stored.
    fn place(&self, number: u64) -> Option<u64> {
        let index = self.blocks.binary_search_by_key(&number, |block| block.0);
        let block = self.blocks.get(index.ok()?)?;
        Some(block.1)
    }
}

type Metadata<'a> = std::iter::Peekable<std::collections::btree_map::Iter<'a, u64, Vec<u8>>>;

/// A file that is written from front to back.
struct Front<'a, W> {
    out: Hashing<W>,
    at: u64,
    plan: &'a Plan,
    metadata: Metadata<'a>,
}

impl<W: Write + Send> Sequence for Front<'_, W> {
    fn take(&mut self, ready: &Ready) -> Result<(), Error> {
        let Some(made) = &ready.made else {
            return Ok(());
        };
        let mut at = ready.piece.start;
        let mut rest = &*made.data;
        while !rest.is_empty() {
            let block = self.plan.block;
            let number = at.checked_div(block).unwrap_or(0);
            let within = at.saturating_sub(number.saturating_mul(block));
            let n = int::min_usize(block.saturating_sub(within), rest.len());
            let (head, tail) = rest.split_at(n);
            // Pieces are longer than extents: what is in no block is zero.
            if let Some(place) = self.plan.place(number) {
                self.metadata(place)?;
                self.put(place.saturating_add(within), head)?;
            }
            at = at.saturating_add(int::u64_of(n));
            rest = tail;
        }
        Ok(())
    }

    fn save(&self, _: &mut Vec<u8>) {}
}

impl<W: Write> Front<'_, W> {
    /// The metadata that goes before this place.
    fn metadata(&mut self, before: u64) -> Result<(), Error> {
        while let Some((at, bytes)) = self.metadata.next_if(|(at, _)| **at < before) {
            self.put(*at, bytes)?;
        }
        Ok(())
    }

    /// What goes after the last block.
    fn finish(&mut self) -> Result<(), Error> {
        self.metadata(u64::MAX)?;
        self.pad(self.plan.len)?;
        self.out
            .flush()
            .map_err(|error| stream_error(error, self.at))
    }

    /// Zeroes up to `to`.
    fn pad(&mut self, to: u64) -> Result<(), Error> {
        let zeroes = [0u8; 16 << 10];
        while self.at < to {
            let n = int::min_usize(to.saturating_sub(self.at), zeroes.len());
            self.write(zeroes.get(..n).unwrap_or_default())?;
        }
        Ok(())
    }

    fn put(&mut self, at: u64, bytes: &[u8]) -> Result<(), Error> {
        self.pad(at)?;
        // Entries of tables are noted one by one, and whole tables after them.
        let behind = int::usize_of(self.at.saturating_sub(at));
        self.write(bytes.get(behind..).unwrap_or_default())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.out
            .write_all(bytes)
            .map_err(|error| stream_error(error, self.at))?;
        self.at = self.at.saturating_add(int::u64_of(bytes.len()));
        Ok(())
    }
}
