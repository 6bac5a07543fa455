//! A disk that comes by, as a sparse raw file.

use vmie_io::{CancelToken, ExtentKind, WriteAt, int};

use super::{End, Event, Start, StreamReader};
use crate::convert::{is_zero, write_error};
use crate::{Cause, Error, Progress};

/// Bytes that are looked at together for being zero.
const BLOCK: usize = 4096;

/// What was written.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Written {
    /// What was known of the disk before.
    pub start: Start,
    /// What was known of it after.
    pub end: End,
    /// Bytes of the disk that were written; the others are zero and were left out.
    pub data_bytes: u64,
}

impl StreamReader {
    /// Passes over all before the disk of this number, and writes that one to `sink`, which is first
    /// made empty, as a raw disk; blocks of 4 KiB that are all zero are left out.
    ///
    /// # Errors
    /// As [`StreamReader::next_event`]; [`Cause::NoSuchDisk`]; [`Cause::Write`];
    /// [`Cause::Cancelled`]; and [`End::fault`], if there is one, when all that is there was written.
    pub fn write_raw(
        &mut self,
        number: usize,
        sink: &dyn WriteAt,
        progress: &dyn Progress,
        cancel: &CancelToken,
    ) -> Result<Written, Error> {
        let start = self.pass_to(number)?;
        sink.set_len(start.virtual_size.unwrap_or(0))
            .map_err(write_error)?;
        let mut data_bytes: u64 = 0;
        let mut done: u64 = 0;
        loop {
            if cancel.is_cancelled() {
                return Err(Error::new(Cause::Cancelled).in_structure("conversion"));
            }
            match self.next_event()? {
                Some(Event::Piece(piece)) => {
                    if piece.kind == ExtentKind::Data {
                        let written = write_piece(sink, piece.data, piece.offset)?;
                        data_bytes = data_bytes.saturating_add(written);
                    }
                    done = done.saturating_add(piece.len);
                    progress.update(done, start.virtual_size.unwrap_or(done));
                }
                Some(Event::End(end)) => {
                    sink.set_len(end.virtual_size).map_err(write_error)?;
                    if let Some(fault) = end.fault {
                        return Err(fault);
                    }
                    return Ok(Written {
                        start,
                        end,
                        data_bytes,
                    });
                }
                // A disk does not begin within another one.
                Some(Event::Start(_)) | None => {
                    return Err(Error::new(Cause::NoSuchDisk).found(number));
                }
            }
        }
    }

    fn pass_to(&mut self, number: usize) -> Result<Start, Error> {
        while let Some(event) = self.next_event()? {
            if let Event::Start(start) = event
                && start.number == number
            {
                return Ok(start);
            }
        }
        Err(Error::new(Cause::NoSuchDisk)
            .in_structure("stream")
            .found(number))
    }
}

/// Writes what is not zero, neighbours together, and says how much that was.
fn write_piece(sink: &dyn WriteAt, data: &[u8], offset: u64) -> Result<u64, Error> {
    let mut written: u64 = 0;
    let mut at = offset;
    let mut rest = data;
    while !rest.is_empty() {
        let zero = rest.get(..BLOCK).map_or_else(|| is_zero(rest), is_zero);
        let blocks = rest.chunks(BLOCK);
        let run = blocks.take_while(|block| is_zero(block) == zero);
        let len = run.map(<[u8]>::len).fold(0, usize::saturating_add);
        let (head, tail) = rest.split_at(len.max(1).min(rest.len()));
        if !zero {
            sink.write_all_at(head, at).map_err(write_error)?;
            written = written.saturating_add(int::u64_of(head.len()));
        }
        at = at.saturating_add(int::u64_of(head.len()));
        rest = tail;
    }
    Ok(written)
}
