//! Reading, looking for zeroes, writing.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crossbeam_channel::Sender;
use vmie_io::{PageBuffer, int};

use super::digest::Done;
use super::encoder::lay;
use super::pieces::Piece;
use super::pool::Pool;
use super::{Run, Work, Zeroes, write_error};
use crate::{Error, error_of};

/// How long to wait for a buffer between looks at whether to stop: an error elsewhere may have kept
/// the buffers that would have come.
const WAIT: Duration = Duration::from_millis(20);

/// Works until there are no pieces left, or all are to stop.
pub(super) fn run(
    run: &Run<'_>,
    pool: &Pool<PageBuffer>,
    queue: Option<&Queue>,
    to_digest: Option<&Sender<Done>>,
) {
    loop {
        // First the buffer, then the piece: see the module above.
        let mut buffer = match pool.take(WAIT) {
            Some(buffer) => buffer,
            None if !run.stopped() => continue,
            None => return,
        };
        let piece = loop {
            if run.stopped() {
                return;
            }
            match run.next_piece() {
                Ok(Some(piece)) if piece.zero => {
                    if let Err(error) = clear(run, piece.start, piece.len) {
                        return run.fail(error);
                    }
                    run.tell(piece.len);
                    if !pass(to_digest, piece, None) {
                        return;
                    }
                    run.landed();
                }
                Ok(Some(piece)) => break piece,
                Ok(None) => {
                    // Another worker may wait for it, to learn the same.
                    pool.give(buffer);
                    return;
                }
                Err(error) => return run.fail(error),
            }
        };
        buffer.resize(int::usize_of(piece.len));
        if let Err(error) = run.source.read_exact_at(&mut buffer, piece.start) {
            return run.fail(error_of(error));
        }
        let filled = Filled { piece, buffer };
        let going_on = match queue {
            Some(queue) => queue.write(filled, |filled| write(run, pool, to_digest, filled)),
            None => write(run, pool, to_digest, filled),
        };
        if !going_on {
            return;
        }
    }
}

/// A piece that was read.
struct Filled {
    piece: Piece,
    buffer: PageBuffer,
}

/// Pieces that wait to be written to a sink that takes one write at a time. Whoever brings one while
/// nobody writes, writes: that one and all that others bring meanwhile, who go on reading.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<(VecDeque<Filled>, bool)>,
}

impl Queue {
    fn waiting(&self) -> MutexGuard<'_, (VecDeque<Filled>, bool)> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a piece written, by this thread or another; `false` when all is to stop.
    fn write(&self, filled: Filled, mut write: impl FnMut(Filled) -> bool) -> bool {
        let mut waiting = self.waiting();
        if waiting.1 {
            waiting.0.push_back(filled);
            return true;
        }
        waiting.1 = true;
        drop(waiting);
        let mut next = filled;
        loop {
            if !write(next) {
                return false;
            }
            let mut waiting = self.waiting();
            next = match waiting.0.pop_front() {
                Some(filled) => filled,
                None => {
                    waiting.1 = false;
                    return true;
                }
            };
        }
    }
}

/// Writes a piece, and hands its buffer on; `false` when all is to stop.
fn write(
    run: &Run<'_>,
    pool: &Pool<PageBuffer>,
    to_digest: Option<&Sender<Done>>,
    Filled { piece, buffer }: Filled,
) -> bool {
    if let Work::Blocks(encoder) = run.work {
        let zeroes = &mut |at, len| clear(run, at, len);
        match lay(encoder, run.sink, piece.start, &buffer, zeroes) {
            Ok(written) => run.written.fetch_add(written, Ordering::Relaxed),
            Err(error) => {
                run.fail(error);
                return false;
            }
        };
    }
    run.tell(piece.len);
    match to_digest {
        Some(_) => {
            if !pass(to_digest, piece, Some(buffer)) {
                return false;
            }
        }
        None => pool.give(buffer),
    }
    run.landed();
    !run.stopped()
}

/// Hands a piece to the digest; `false` when nobody takes it any more.
fn pass(to_digest: Option<&Sender<Done>>, piece: Piece, data: Option<PageBuffer>) -> bool {
    match to_digest {
        Some(sender) => sender.send(Done { piece, data }).is_ok(),
        None => true,
    }
}

/// Zeroes that are written at once.
static ZEROES: [u8; 64 << 10] = [0; 64 << 10];

/// Makes a part of the target zero, where that is not done by leaving it out.
fn clear(run: &Run<'_>, start: u64, len: u64) -> Result<(), Error> {
    match run.zeroes {
        Zeroes::Omit => {}
        Zeroes::Punch => run.sink.write_zeroes_at(start, len).map_err(write_error)?,
        Zeroes::Write => {
            let mut done = 0;
            while done < len && !run.stopped() {
                let n = int::min_usize(len.saturating_sub(done), ZEROES.len());
                let part = ZEROES.get(..n).unwrap_or_default();
                let at = start.saturating_add(done);
                run.sink.write_all_at(part, at).map_err(write_error)?;
                done = done.saturating_add(int::u64_of(n));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU64};

    use super::*;

    fn filled(number: u64) -> Filled {
        let (start, len) = (number * 4096, 4096);
        Filled {
            piece: Piece {
                number,
                start,
                len,
                zero: false,
            },
            buffer: PageBuffer::default(),
        }
    }

    #[test]
    fn one_writes_at_a_time_and_all_that_was_brought() {
        let (queue, busy, sum) = (Queue::default(), AtomicBool::new(false), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for worker in 0..4u64 {
                let (queue, busy, sum) = (&queue, &busy, &sum);
                scope.spawn(move || {
                    for number in 0..1000 {
                        assert!(queue.write(filled(worker * 1000 + number), |filled| {
                            assert!(!busy.swap(true, Ordering::SeqCst));
                            sum.fetch_add(filled.piece.number, Ordering::SeqCst);
                            busy.store(false, Ordering::SeqCst);
                            true
                        }));
                    }
                });
            }
        });
        assert_eq!(sum.into_inner(), (0..4000).sum::<u64>());
        assert!(queue.waiting().0.is_empty());
    }

    #[test]
    fn what_is_brought_meanwhile_is_written_by_whoever_writes() {
        let queue = Queue::default();
        let mut written = Vec::new();
        assert!(queue.write(filled(1), |filled| {
            written.push(filled.piece.number);
            if filled.piece.number == 1 {
                assert!(queue.write(self::filled(2), |_| panic!("somebody writes")));
            }
            true
        }));
        assert_eq!(written, [1, 2]);
        // A write that failed stops all; nobody writes after it.
        assert!(!queue.write(filled(3), |_| false));
        assert!(queue.write(filled(4), |_| panic!("all is to stop")));
    }
}
