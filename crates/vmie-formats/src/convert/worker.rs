//! Reading, looking for zeroes, writing.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use vmie_io::{ReadError, int};

use super::Run;
use super::digest::Done;
use super::pieces::Piece;
use crate::{Cause, Error, error_of};

/// Bytes that are looked at together for being zero: the block of most filesystems, the least
/// that can be a hole.
const BLOCK: usize = 4096;

/// How long to wait for a buffer between looks at whether to stop: an error elsewhere may have kept
/// the buffers that would have come.
const WAIT: Duration = Duration::from_millis(20);

/// Works until there are no pieces left, or all are to stop.
pub(super) fn run(
    run: &Run<'_>,
    take: &Receiver<Vec<u8>>,
    give: &Sender<Vec<u8>>,
    to_digest: Option<&Sender<Done>>,
) {
    loop {
        // First the buffer, then the piece: see the module above.
        let mut buffer = match take.recv_timeout(WAIT) {
            Ok(buffer) => buffer,
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
                    run.tell(piece.len);
                    if !pass(to_digest, piece, None) {
                        return;
                    }
                }
                Ok(Some(piece)) => break piece,
                Ok(None) => {
                    // Another worker may wait for it, to learn the same.
                    let _ = give.try_send(buffer);
                    return;
                }
                Err(error) => return run.fail(error_of(error)),
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
                let _ = give.try_send(buffer);
            }
        }
    }
}

/// Hands a piece to the digest; `false` when nobody takes it any more.
fn pass(to_digest: Option<&Sender<Done>>, piece: Piece, data: Option<Vec<u8>>) -> bool {
    match to_digest {
        Some(sender) => sender.send(Done { piece, data }).is_ok(),
        None => true,
    }
}

fn copy(run: &Run<'_>, piece: Piece, buffer: &mut Vec<u8>) -> Result<(), Error> {
    buffer.resize(int::usize_of(piece.len), 0);
    run.source
        .read_exact_at(buffer, piece.start)
        .map_err(error_of)?;
    let mut at = piece.start;
    let mut rest = buffer.as_slice();
    while !rest.is_empty() {
        let zeroes = run_of(rest, true);
        let (_, tail) = rest.split_at(zeroes);
        let data = run_of(tail, false);
        let (data, tail) = tail.split_at(data);
        at = at.saturating_add(int::u64_of(zeroes));
        if !data.is_empty() {
            run.sink.write_all_at(data, at).map_err(write_error)?;
        }
        let len = int::u64_of(data.len());
        run.written.fetch_add(len, Ordering::Relaxed);
        at = at.saturating_add(len);
        rest = tail;
    }
    Ok(())
}

/// Bytes at the start that are whole blocks of zeroes, or of data.
fn run_of(bytes: &[u8], zero: bool) -> usize {
    bytes
        .chunks(BLOCK)
        .take_while(|block| is_zero(block) == zero)
        .map(<[u8]>::len)
        .fold(0, usize::saturating_add)
}

/// Whether all bytes are zero. The inner loop has no exit, so that it becomes vector code.
pub(super) fn is_zero(bytes: &[u8]) -> bool {
    let (chunks, rest) = bytes.as_chunks::<64>();
    let none = |chunk: &[u8]| chunk.iter().fold(0, |sum, byte| sum | byte) == 0;
    chunks.iter().all(|chunk| none(chunk)) && none(rest)
}

pub(super) fn write_error(error: ReadError) -> Error {
    Error::new(Cause::Write)
        .at("target", error.offset())
        .with_source(error)
}
