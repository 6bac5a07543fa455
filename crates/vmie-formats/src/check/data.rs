//! Reading all data that a disk holds, on all cores, past what cannot be read.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use vmie_io::{CancelToken, PageBuffer, ReadAt, int};

use super::{Check, ProblemKind, sentence};
use crate::convert::Pieces;
use crate::{Cause, Error, Progress, error_of};

/// Bytes in which what cannot be read is told apart: the usual grain and cluster.
const UNIT: u64 = 64 << 10;

struct Walk<'a> {
    disk: &'a dyn ReadAt,
    pieces: Mutex<Pieces>,
    check: Mutex<&'a mut Check>,
    failed: Mutex<Option<Error>>,
    done: AtomicU64,
    read: AtomicU64,
}

/// Reads all data; what cannot be read is told as a problem.
pub(super) fn read(
    disk: &dyn ReadAt,
    check: &mut Check,
    progress: &dyn Progress,
    cancel: &CancelToken,
) -> Result<(), Error> {
    let total = disk.len();
    let walk = Walk {
        disk,
        pieces: Mutex::new(Pieces::new(0, total)),
        check: Mutex::new(check),
        failed: Mutex::default(),
        done: AtomicU64::new(0),
        read: AtomicU64::new(0),
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads.min(32) {
            scope.spawn(|| {
                if let Err(error) = walk.run(progress, cancel) {
                    let mut failed = walk.failed.lock().unwrap_or_else(PoisonError::into_inner);
                    failed.get_or_insert(error);
                }
            });
        }
    });
    let read = walk.read.into_inner();
    let check = walk
        .check
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    check.bytes_read = check.bytes_read.saturating_add(read);
    match walk
        .failed
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
    {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

impl Walk<'_> {
    fn run(&self, progress: &dyn Progress, cancel: &CancelToken) -> Result<(), Error> {
        let mut buffer = PageBuffer::default();
        loop {
            if cancel.is_cancelled() {
                return Err(Error::new(Cause::Cancelled).in_structure("check"));
            }
            if self
                .failed
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .is_some()
            {
                return Ok(());
            }
            let mut pieces = self.pieces.lock().unwrap_or_else(PoisonError::into_inner);
            let at = pieces.at();
            let piece = match pieces.next(self.disk) {
                Ok(Some(piece)) => piece,
                Ok(None) => return Ok(()),
                Err(error) => {
                    // The table for what comes next is damaged; the piece after it may not be.
                    pieces.skip();
                    drop(pieces);
                    self.tell(at, error_of(error))?;
                    continue;
                }
            };
            drop(pieces);
            if !piece.zero {
                buffer.resize(int::usize_of(piece.len));
                self.piece(&mut buffer, piece.start)?;
                self.read.fetch_add(piece.len, Ordering::Relaxed);
            }
            let done = self.done.fetch_add(piece.len, Ordering::Relaxed);
            progress.update(done.saturating_add(piece.len), self.disk.len());
        }
    }

    /// Reads a piece, and where that fails, its parts one by one.
    fn piece(&self, buffer: &mut [u8], start: u64) -> Result<(), Error> {
        if self.disk.read_exact_at(buffer, start).is_ok() {
            return Ok(());
        }
        let mut at = start;
        for part in buffer.chunks_mut(int::usize_of(UNIT)) {
            if let Err(error) = self.disk.read_exact_at(part, at) {
                self.tell(at, error_of(error))?;
            }
            at = at.saturating_add(int::u64_of(part.len()));
        }
        Ok(())
    }

    fn tell(&self, at: u64, error: Error) -> Result<(), Error> {
        use vmie_io::ErrorKind::{Corrupt, Truncated};
        if !matches!(error.kind(), Corrupt | Truncated) {
            return Err(error);
        }
        let detail = match error.offset() {
            Some(offset) => format!("{} at byte {offset} of the file", sentence(&error)),
            None => sentence(&error),
        };
        let mut check = self.check.lock().unwrap_or_else(PoisonError::into_inner);
        check.add(ProblemKind::Unreadable, Some(at), detail);
        Ok(())
    }
}
