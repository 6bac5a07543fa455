//! Targets that are written from front to back: compressed streams, and any format on a sink that
//! cannot seek.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use sha2::{Digest, Sha256};
use vmie_io::{CancelToken, ExtentKind, ReadAt, ReadAtExt, ReadError, WriteAt, int};

use super::pieces::Piece;
use super::{ConvertOptions, Encoder, PIECE, Report, Run, Target, Work, encoder, write_error};
use crate::vmdk::{GrainPacker, Packed, StreamSequencer};
use crate::{Cause, Error, Progress, error_of};

/// Pieces under way for each worker: one that it fills, and two that wait for their turn.
const PIECES_PER_WORKER: usize = 3;

/// How long to wait for a buffer between looks at whether to stop.
const WAIT: Duration = Duration::from_millis(20);

/// A sink that can seek, written from front to back.
pub(super) struct SinkWriter<'a> {
    sink: &'a dyn WriteAt,
    at: u64,
}

impl<'a> SinkWriter<'a> {
    pub(super) fn new(sink: &'a dyn WriteAt) -> Self {
        Self { sink, at: 0 }
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
    data: Vec<u8>,
    packed: Packed,
}

/// A piece that is ready for its turn; nothing was made of known zeroes.
struct Ready {
    piece: Piece,
    made: Option<Made>,
}

/// Writes a disk as a stream-optimized VMDK.
pub(super) fn convert_grains(
    source: &dyn ReadAt,
    out: impl Write + Send,
    options: &ConvertOptions,
    progress: &dyn Progress,
    cancel: &CancelToken,
) -> Result<Report, Error> {
    let run = Run::new(
        source,
        &Nowhere,
        Work::Grains(options.level),
        progress,
        cancel,
    );
    let mut sequencer = StreamSequencer::begin(out, run.total, &options.stamp)?;
    let sha256 = in_order(&run, options, &mut |ready| match &ready.made {
        Some(made) => sequencer.take(&made.packed),
        None => Ok(()),
    });
    if run.failed() {
        return run.end(None, 0);
    }
    let (_, len) = sequencer.finish()?;
    run.end(sha256, len)
}

/// Runs workers, and hands what they make to `take`, in the order of the disk. Gives the digest of
/// the disk, when one is wanted and all went well.
fn in_order(
    run: &Run<'_>,
    options: &ConvertOptions,
    take: &mut (dyn FnMut(&Ready) -> Result<(), Error> + Send),
) -> Option<[u8; 32]> {
    let workers = options.workers();
    let count = workers.saturating_mul(PIECES_PER_WORKER);
    let (give, pool) = bounded::<Made>(count);
    for _ in 0..count {
        let _ = give.try_send(Made::default());
    }
    let (to_order, from_workers) = bounded(count);
    run.progress.update(0, run.total);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            let (pool, to_order) = (pool.clone(), to_order.clone());
            scope.spawn(move || worker(run, &pool, &to_order));
        }
        drop(to_order);
        let digest = options.digest.then(Sha256::new);
        sequence(run, from_workers, &give, take, digest)
    })
}

/// Makes pieces until there are none left, or all are to stop.
fn worker(run: &Run<'_>, pool: &Receiver<Made>, to_order: &Sender<Ready>) {
    let mut packer = match run.work {
        Work::Grains(level) => match GrainPacker::new(level) {
            Ok(packer) => Some(packer),
            Err(error) => return run.fail(error),
        },
        _ => None,
    };
    // What it needs first, then the piece: the piece that is waited for always has what it needs.
    loop {
        let mut made = match pool.recv_timeout(WAIT) {
            Ok(made) => made,
            // An error elsewhere may have kept what would have come.
            Err(RecvTimeoutError::Timeout) if !run.stopped() => continue,
            Err(_) => return,
        };
        let piece = loop {
            if run.stopped() {
                return;
            }
            let mut pieces = run.pieces.lock().unwrap_or_else(PoisonError::into_inner);
            let next = pieces.next(run.source);
            drop(pieces);
            match next {
                Ok(Some(piece)) if piece.zero => {
                    if to_order.send(Ready { piece, made: None }).is_err() {
                        return;
                    }
                }
                Ok(Some(piece)) => break piece,
                Ok(None) => return,
                Err(error) => return run.fail(error_of(error)),
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
    made.data.resize(int::usize_of(piece.len), 0);
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
    give: &Sender<Made>,
    take: &mut (dyn FnMut(&Ready) -> Result<(), Error> + Send),
    mut digest: Option<Sha256>,
) -> Option<[u8; 32]> {
    let mut waiting = BTreeMap::new();
    let mut next: u64 = 0;
    let mut seen: u64 = 0;
    while let Ok(ready) = from_workers.recv() {
        waiting.insert(ready.piece.number, ready);
        while let Some(ready) = waiting.remove(&next) {
            if run.stopped() {
                return None;
            }
            if let Err(error) = take(&ready) {
                run.fail(error);
                return None;
            }
            let len = ready.piece.len;
            if let Some(hasher) = &mut digest {
                match &ready.made {
                    Some(made) => hasher.update(&made.data),
                    None => hash_zeroes(run, hasher, len)?,
                }
            }
            if let Some(made) = ready.made {
                run.written.fetch_add(len, Ordering::Relaxed);
                let _ = give.try_send(made);
            }
            run.tell(len);
            seen = seen.saturating_add(len);
            next = next.saturating_add(1);
        }
    }
    let whole = seen == run.total;
    digest
        .filter(|_| whole)
        .map(|hasher| hasher.finalize().into())
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

/// Writes `source` to a sink that cannot seek (a pipe, an upload), as the target of `options`.
///
/// What of the disk is stored is decided by the source's extents before the first byte is written,
/// so data that turns out to be zero is stored all the same, except in a stream of compressed
/// grains. Tables are kept in memory until they are written: some bytes for each block that is
/// stored.
///
/// # Errors
/// As [`convert`](super::convert()).
pub fn convert_to_stream(
    source: &dyn ReadAt,
    mut out: impl Write + Send,
    options: &ConvertOptions,
    progress: &dyn Progress,
    cancel: &CancelToken,
) -> Result<Report, Error> {
    let Some(encoder) = encoder(source.len(), options)? else {
        return convert_grains(source, out, options, progress, cancel);
    };
    let plan = Plan::make(source, &*encoder, options.target)?;
    let run = Run::new(source, &Nowhere, Work::Plain, progress, cancel);
    let sha256 = plan.write(&run, &*encoder, &mut out, options)?;
    out.flush().map_err(|error| {
        Error::new(Cause::Write)
            .in_structure("target")
            .with_source(error)
    })?;
    run.end(sha256, plan.len)
}

/// What a file will look like: its metadata, and where each block that is stored goes.
struct Plan {
    metadata: BTreeMap<u64, Vec<u8>>,
    /// Place in the file and number on the disk, by place.
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
                blocks.push((placer.place(number)?, number));
                placer.done()?;
            }
        }
        if matches!(target, Target::Raw | Target::VhdFixed) && !source.is_empty() {
            blocks = vec![(0, 0)];
        }
        let len = encoder.finish(&kept)?;
        blocks.sort_unstable();
        Ok(Self {
            metadata: kept.0.into_inner().unwrap_or_else(PoisonError::into_inner),
            blocks,
            block,
            len,
        })
    }

    /// Writes the file from front to back.
    fn write(
        &self,
        run: &Run<'_>,
        encoder: &dyn Encoder,
        out: &mut (impl Write + Send),
        options: &ConvertOptions,
    ) -> Result<Option<[u8; 32]>, Error> {
        let mut file = Front { out, at: 0 };
        let mut metadata = self.metadata.iter().peekable();
        let mut hasher = options.digest.then(Sha256::new);
        let mut hashed = 0;
        let mut buffer = vec![0; int::min_usize(PIECE, usize::MAX)];
        debug_assert_eq!(encoder.block(), self.block);
        for (place, number) in &self.blocks {
            while let Some((at, bytes)) = metadata.next_if(|(at, _)| *at < place) {
                file.put(*at, bytes)?;
            }
            let start = number.saturating_mul(self.block);
            let end = start.saturating_add(self.block).min(run.total);
            let mut at = start;
            while at < end {
                if run.stopped() {
                    return Ok(None);
                }
                let n = int::min_usize(end.saturating_sub(at), buffer.len());
                let piece = buffer.get_mut(..n).unwrap_or_default();
                run.source.read_exact_at(piece, at).map_err(error_of)?;
                file.put(place.saturating_add(at.saturating_sub(start)), piece)?;
                if let Some(hasher) = &mut hasher {
                    if hash_zeroes(run, hasher, at.saturating_sub(hashed)).is_none() {
                        return Ok(None);
                    }
                    hasher.update(&*piece);
                    hashed = at.saturating_add(int::u64_of(n));
                }
                run.written.fetch_add(int::u64_of(n), Ordering::Relaxed);
                at = at.saturating_add(int::u64_of(n));
                run.progress.update(at, run.total);
            }
        }
        for (at, bytes) in metadata {
            file.put(*at, bytes)?;
        }
        file.pad(self.len)?;
        run.progress.update(run.total, run.total);
        if let Some(hasher) = &mut hasher
            && hash_zeroes(run, hasher, run.total.saturating_sub(hashed)).is_none()
        {
            return Ok(None);
        }
        Ok(hasher.map(|hasher| hasher.finalize().into()))
    }
}

/// A file that is written from front to back.
struct Front<'a, W> {
    out: &'a mut W,
    at: u64,
}

impl<W: Write> Front<'_, W> {
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
            .map_err(|error| write_error(ReadError::io("stream", self.at, error)))?;
        self.at = self.at.saturating_add(int::u64_of(bytes.len()));
        Ok(())
    }
}
