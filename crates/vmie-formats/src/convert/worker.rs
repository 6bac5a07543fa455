//! Reading, looking for zeroes, writing.

use std::sync::atomic::Ordering;
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
pub(super) fn run(run: &Run<'_>, pool: &Pool<PageBuffer>, to_digest: Option<&Sender<Done>>) {
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
        if let Err(error) = copy(run, piece, &mut buffer) {
            return run.fail(error);
        }
        run.tell(piece.len);
        match to_digest {
            Some(_) => {
                if !pass(to_digest, piece, Some(buffer)) {
                    return;
                }
            }
            None => {
                pool.give(buffer);
            }
        }
        run.landed();
    }
}

/// Hands a piece to the digest; `false` when nobody takes it any more.
fn pass(to_digest: Option<&Sender<Done>>, piece: Piece, data: Option<PageBuffer>) -> bool {
    match to_digest {
        Some(sender) => sender.send(Done { piece, data }).is_ok(),
        None => true,
    }
}

fn copy(run: &Run<'_>, piece: Piece, buffer: &mut PageBuffer) -> Result<(), Error> {
    buffer.resize(int::usize_of(piece.len));
    run.source
        .read_exact_at(buffer, piece.start)
        .map_err(error_of)?;
    if let Work::Blocks(encoder) = run.work {
        let written = lay(encoder, run.sink, piece.start, buffer, &mut |at, len| {
            clear(run, at, len)
        })?;
        run.written.fetch_add(written, Ordering::Relaxed);
    }
    Ok(())
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
