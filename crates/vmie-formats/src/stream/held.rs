//! The beginning of a stream as a source that can be read at any offset, and the rest of it as one
//! that can be read forwards.

use std::io::Read;
use std::sync::{Mutex, MutexGuard, PoisonError};

use vmie_io::{Budget, Charge, ReadAt, ReadError, int};

use super::source::Source;
use crate::{Cause, Error};

/// Most bytes that are kept: tables lie within them, or the image is not read in one pass. Half of
/// the memory that an image may take by default; a VHDX of 64 TiB in blocks of 32 MiB needs 19 MiB.
const MOST_KEPT: u64 = 32 << 20;
/// Bytes by which more is kept.
const STEP: u64 = 64 << 10;
/// What is said of the length before the end was seen: further than any offset that a disk of the
/// largest size needs.
const UNKNOWN: u64 = 1 << 62;

/// A stream of which the beginning is kept.
pub(crate) struct Held {
    state: Mutex<State>,
    budget: Budget,
}

struct State {
    source: Source<Box<dyn Read + Send>>,
    kept: Vec<u8>,
    charges: Vec<Charge>,
    /// Whether nothing more is kept from here on.
    sealed: bool,
    /// Where the stream ends, once that was seen.
    end: Option<u64>,
}

impl Held {
    pub(crate) fn new(reader: Box<dyn Read + Send>, budget: &Budget) -> Self {
        Self {
            state: Mutex::new(State {
                source: Source::new(reader),
                kept: Vec::new(),
                charges: Vec::new(),
                sealed: false,
                end: None,
            }),
            budget: budget.clone(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps nothing more: what is read from here on goes by.
    pub(crate) fn seal(&self) {
        self.state().sealed = true;
    }

    /// Where the stream ends, if that was seen yet.
    pub(crate) fn end(&self) -> Option<u64> {
        self.state().end
    }

    /// Reads on to the end, and gives the stream's last bytes, at most 512, and its length.
    pub(crate) fn drain(&self) -> Result<(Vec<u8>, u64), Error> {
        let mut state = self.state();
        let mut last: Vec<u8> = Vec::new();
        if let Some(from) = state.kept.len().checked_sub(512)
            && int::u64_of(state.kept.len()) == state.source.at
        {
            last.extend(state.kept.get(from..).unwrap_or_default());
        }
        let mut buf = vec![0; 64 << 10];
        loop {
            let n = state.source.fill(&mut buf)?;
            last.extend(buf.get(..n).unwrap_or_default());
            let surplus = last.len().saturating_sub(512);
            last.drain(..surplus);
            if n < buf.len() {
                let end = state.source.at;
                state.end = Some(end);
                return Ok((last, end));
            }
        }
    }

    /// As [`ReadAt::read_exact_at`], up to the end of the stream.
    pub(crate) fn read_forward(&self, buf: &mut [u8], offset: u64) -> Result<usize, Error> {
        self.state().read(buf, offset, &self.budget)
    }
}

impl State {
    fn read(&mut self, buf: &mut [u8], offset: u64, budget: &Budget) -> Result<usize, Error> {
        let wanted = int::u64_of(buf.len());
        if !self.sealed {
            self.keep(offset.saturating_add(wanted), budget)?;
        }
        let mut done = 0;
        let from = int::usize_of(offset);
        if let Some(kept) = self.kept.get(from..).filter(|kept| !kept.is_empty()) {
            done = kept.len().min(buf.len());
            for (to, from) in buf.iter_mut().zip(kept) {
                *to = *from;
            }
        }
        let Some(rest) = buf.get_mut(done..).filter(|rest| !rest.is_empty()) else {
            return Ok(done);
        };
        let at = offset.saturating_add(int::u64_of(done));
        let Some(gap) = at.checked_sub(self.source.at) else {
            return Err(not_streamable(at));
        };
        let mut got = 0;
        if self.source.skip(gap)? == gap {
            got = self.source.fill(rest)?;
        }
        if got < rest.len() {
            self.end = Some(self.source.at);
        }
        Ok(done.saturating_add(got))
    }

    /// Keeps the stream at least up to byte `end` of it.
    fn keep(&mut self, end: u64, budget: &Budget) -> Result<(), Error> {
        let have = int::u64_of(self.kept.len());
        if end <= have || self.end.is_some() {
            return Ok(());
        }
        if end > MOST_KEPT {
            return Err(not_streamable(end));
        }
        let end = end.next_multiple_of(STEP);
        let more = end.saturating_sub(have);
        self.charges
            .push(budget.memory("beginning of the stream", more)?);
        let from = self.kept.len();
        self.kept.resize(int::usize_of(end), 0);
        let got = self
            .source
            .fill(self.kept.get_mut(from..).unwrap_or_default())?;
        if int::u64_of(got) < more {
            self.end = Some(self.source.at);
        }
        self.kept.truncate(from.saturating_add(got));
        Ok(())
    }
}

/// The refusal of what needs a byte that went by, or that lies too far ahead of what is needed
/// first.
fn not_streamable(at: u64) -> Error {
    Error::new(Cause::NotStreamable).at("stream", at)
}

impl ReadAt for Held {
    /// Larger than anything before the end of the stream is seen.
    fn len(&self) -> u64 {
        self.end().unwrap_or(UNKNOWN)
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<(), ReadError> {
        let got = self.read_forward(buf, offset)?;
        if got < buf.len() {
            return Err(ReadError::past_end("stream", offset, buf.len(), self.len()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn held(len: usize) -> Held {
        let bytes: Vec<u8> = (0..len).map(|i| (i / 512) as u8).collect();
        Held::new(Box::new(Cursor::new(bytes)), &Budget::default())
    }

    #[test]
    fn what_went_by_is_gone_and_what_was_kept_is_not() {
        let held = held(1 << 20);
        let mut buf = [0; 512];
        held.read_exact_at(&mut buf, 5120).unwrap();
        assert_eq!(buf, [10; 512]);
        held.read_exact_at(&mut buf, 0).unwrap();
        held.seal();
        held.read_exact_at(&mut buf, 200 << 10).unwrap();
        assert_eq!(buf, [(400 % 256) as u8; 512]);
        held.read_exact_at(&mut buf, 1024).unwrap();
        assert_eq!(buf, [2; 512]);
        let error = crate::error_of(held.read_exact_at(&mut buf, 100 << 10).unwrap_err());
        assert_eq!(error.cause(), Cause::NotStreamable);
        assert_eq!(error.offset(), Some(100 << 10));
        let (last, end) = held.drain().unwrap();
        assert_eq!((last, end), (vec![255; 512], 1 << 20));
        assert_eq!(held.len(), 1 << 20);
    }

    #[test]
    fn no_more_than_a_bounded_beginning_is_kept() {
        let error = held(100).read_forward(&mut [0], MOST_KEPT).unwrap_err();
        assert_eq!(error.cause(), Cause::NotStreamable);
        let small = Budget::new(vmie_io::Limits::default().with_memory(1000));
        let held = Held::new(Box::new(std::io::repeat(0)), &small);
        let error = held.read_forward(&mut [0], 0).unwrap_err();
        assert_eq!(error.cause(), Cause::Limit);
    }
}
