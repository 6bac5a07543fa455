//! A file that is stored as a gzip stream (RFC 1952), read at any offset.
//!
//! One pass over the stream when it is opened finds its length and leaves states of the inflater at
//! regular distances; a read goes on from the nearest one before it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::TINFL_FLAG_HAS_MORE_INPUT;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};
use vmie_io::{Budget, Charge, ReadAt, ReadAtExt, ReadError, int};

use crate::{Cause, Error};

/// Bytes of DEFLATE's window.
const WINDOW: usize = 32 << 10;
/// Compressed bytes that are read at once.
const INPUT: usize = 64 << 10;
/// Bytes between two states at first; doubled whenever there are too many of them.
const SPACING: u64 = 1 << 20;
const MOST_STATES: usize = 256;
/// Bytes of a state: the window, and the inflater's tables and registers.
const STATE_COST: u64 = 48 << 10;
/// Readers whose place is kept, so that reading on costs no going back.
const CURSORS_KEPT: usize = 4;

/// The header's flags, and those that bring a field with them.
const FLAG_HEADER_CRC: u8 = 1 << 1;
const FLAG_EXTRA: u8 = 1 << 2;
const FLAG_NAME: u8 = 1 << 3;
const FLAG_COMMENT: u8 = 1 << 4;
/// Bytes of the fixed part of a header, and of the trailer.
const HEADER: u64 = 10;
const TRAILER: u64 = 8;
/// Bytes of a name or comment that are passed over.
const MAX_TEXT: u64 = 4096;

/// A state of the inflater: all that is needed to go on from it.
#[derive(Clone)]
struct State {
    inflater: Box<DecompressorOxide>,
    window: Box<[u8]>,
    /// Where the next byte goes in the window.
    at: usize,
    /// The next compressed byte.
    input: u64,
    /// Bytes that came out so far.
    output: u64,
}

/// The content of a gzip stream.
pub(super) struct Unpacked {
    source: Arc<dyn ReadAt>,
    len: u64,
    states: Vec<State>,
    cursors: Mutex<VecDeque<State>>,
    _charge: Charge,
}

fn fault(at: u64) -> Error {
    Error::new(Cause::GzipData).at("gzip stream", at)
}

impl State {
    /// At the start of the compressed data that begins at byte `input`.
    fn new(input: u64, output: u64) -> Self {
        Self {
            inflater: Box::default(),
            window: vec![0; WINDOW].into(),
            at: 0,
            input,
            output,
        }
    }

    /// Goes on until the window is full or the stream ends, and hands over what came out. Says
    /// whether the stream has ended.
    fn step(
        &mut self,
        source: &dyn ReadAt,
        buffer: &mut Vec<u8>,
        mut take: impl FnMut(u64, &[u8]),
    ) -> Result<bool, Error> {
        let n = int::min_usize(source.len().saturating_sub(self.input), INPUT);
        buffer.resize(n, 0);
        source.read_exact_at(buffer, self.input)?;
        let mut given: &[u8] = buffer;
        loop {
            let (status, taken, out) = decompress(
                &mut self.inflater,
                given,
                &mut self.window,
                self.at,
                TINFL_FLAG_HAS_MORE_INPUT,
            );
            given = given.get(taken..).unwrap_or_default();
            self.input = self.input.saturating_add(int::u64_of(taken));
            let end = self.at.saturating_add(out);
            take(
                self.output,
                self.window.get(self.at..end).unwrap_or_default(),
            );
            self.output = self.output.saturating_add(int::u64_of(out));
            self.at = if end >= WINDOW { 0 } else { end };
            match status {
                TINFLStatus::Done => return Ok(true),
                TINFLStatus::HasMoreOutput => {}
                TINFLStatus::NeedsMoreInput if n > 0 => return Ok(false),
                _ => return Err(fault(self.input)),
            }
        }
    }
}

/// Where the compressed data of the member at `at` begins.
fn member(source: &dyn ReadAt, at: u64) -> Result<u64, Error> {
    let head = source.read_array::<10>(at).map_err(|_| fault(at))?;
    let [0x1f, 0x8b, 8, flags, ..] = head else {
        return Err(fault(at).found(&head[..4]));
    };
    let mut next = at.saturating_add(HEADER);
    if flags & FLAG_EXTRA != 0 {
        let len = source.read_array::<2>(next).map_err(|_| fault(next))?;
        next = next
            .saturating_add(2)
            .saturating_add(u16::from_le_bytes(len).into());
    }
    for flag in [FLAG_NAME, FLAG_COMMENT] {
        if flags & flag != 0 {
            let mut text = [0; 4096];
            let n = source.read_up_to(&mut text, next)?;
            let end = text
                .get(..n)
                .and_then(|text| text.iter().position(|b| *b == 0));
            let end = end.ok_or_else(|| fault(next).found(MAX_TEXT))?;
            next = next.saturating_add(int::u64_of(end)).saturating_add(1);
        }
    }
    if flags & FLAG_HEADER_CRC != 0 {
        next = next.saturating_add(2);
    }
    Ok(next)
}

impl Unpacked {
    /// Goes through the stream once. More than `longest` bytes are refused.
    pub(super) fn open(
        source: Arc<dyn ReadAt>,
        longest: u64,
        budget: &Budget,
    ) -> Result<Self, Error> {
        let states_kept = int::u64_of(MOST_STATES.saturating_add(CURSORS_KEPT));
        let charge = budget.memory("gzip index", states_kept.saturating_mul(STATE_COST))?;
        let mut spacing = SPACING;
        let mut state = State::new(member(&*source, 0)?, 0);
        let mut states = vec![state.clone()];
        let mut buffer = Vec::new();
        let mut member_start = 0;
        loop {
            let mut crc = crc32fast::Hasher::new();
            loop {
                budget.work("gzip stream", 1)?;
                let ended = state.step(&*source, &mut buffer, |_, bytes| crc.update(bytes))?;
                if state.output > longest {
                    return Err(Error::new(Cause::GzipLength)
                        .at("gzip stream", state.input)
                        .found(state.output));
                }
                if ended {
                    break;
                }
                let last = states.last().map_or(0, |state: &State| state.output);
                if state.output.saturating_sub(last) >= spacing {
                    states.push(state.clone());
                }
                if states.len() >= MOST_STATES {
                    let mut index = 0usize;
                    states.retain(|_| {
                        index = index.saturating_add(1);
                        index % 2 == 1
                    });
                    spacing = spacing.saturating_mul(2);
                }
            }
            let len = state.output.saturating_sub(member_start);
            check_trailer(&*source, state.input, crc.finalize(), len)?;
            let next = state.input.saturating_add(TRAILER);
            // Another member may follow; anything else is padding.
            if source.read_array::<2>(next).ok() != Some([0x1f, 0x8b]) {
                break;
            }
            member_start = state.output;
            state = State::new(member(&*source, next)?, state.output);
            states.push(state.clone());
        }
        Ok(Self {
            source,
            len: state.output,
            states,
            cursors: Mutex::default(),
            _charge: charge,
        })
    }

    /// The nearest state at or before a byte: a reader that came by, or one of the index.
    fn state_before(&self, offset: u64) -> Option<State> {
        let mut cursors = self.cursors.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = self
            .states
            .iter()
            .rev()
            .find(|state| state.output <= offset);
        let from = kept.map_or(0, |state| state.output);
        let near = (0..cursors.len())
            .filter(|index| {
                let at = cursors.get(*index).map_or(u64::MAX, |state| state.output);
                (from..=offset).contains(&at)
            })
            .max_by_key(|index| cursors.get(*index).map(|state| state.output));
        match near {
            Some(index) => cursors.remove(index),
            None => kept.cloned(),
        }
    }

    fn read(&self, buf: &mut [u8], offset: u64) -> Result<(), Error> {
        let end = offset.saturating_add(int::u64_of(buf.len()));
        let mut state = self.state_before(offset).ok_or_else(|| fault(0))?;
        let mut input = Vec::new();
        // What comes out of one step and lies past the end is lost for the next reader, so a state
        // from before the step is kept.
        let mut before = state.clone();
        while state.output < end {
            before.clone_from(&state);
            let ended = state.step(&*self.source, &mut input, |at, bytes| {
                copy_overlap(buf, offset, bytes, at);
            })?;
            if ended && state.output < end {
                let next = state.input.saturating_add(TRAILER);
                state = State::new(member(&*self.source, next)?, state.output);
            }
        }
        let mut cursors = self.cursors.lock().unwrap_or_else(PoisonError::into_inner);
        if cursors.len() >= CURSORS_KEPT {
            cursors.pop_front();
        }
        cursors.push_back(if state.output == end { state } else { before });
        Ok(())
    }
}

/// Copies the bytes that begin at `at` of the content into a buffer that begins at `offset` of it,
/// as far as they meet.
fn copy_overlap(buf: &mut [u8], offset: u64, bytes: &[u8], at: u64) {
    let skip = int::usize_of(offset.saturating_sub(at));
    let to = int::usize_of(at.saturating_sub(offset));
    let from = bytes.get(skip..).unwrap_or_default();
    let Some(room) = buf.get_mut(to..) else {
        return;
    };
    for (to, from) in room.iter_mut().zip(from) {
        *to = *from;
    }
}

fn check_trailer(source: &dyn ReadAt, at: u64, crc: u32, len: u64) -> Result<(), Error> {
    let trailer = source.read_array::<8>(at).map_err(|_| fault(at))?;
    let [a, b, c, d, e, f, g, h] = trailer;
    let stated = u32::from_le_bytes([a, b, c, d]);
    if stated != crc {
        return Err(fault(at).field("CRC32").found(stated));
    }
    let stated = u32::from_le_bytes([e, f, g, h]);
    if u64::from(stated) != len & u64::from(u32::MAX) {
        return Err(fault(at).field("ISIZE").found(stated));
    }
    Ok(())
}

impl ReadAt for Unpacked {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<(), ReadError> {
        let end = offset.checked_add(int::u64_of(buf.len()));
        if end.is_none_or(|end| end > self.len) {
            return Err(ReadError::past_end("gzip", offset, buf.len(), self.len));
        }
        if buf.is_empty() {
            return Ok(());
        }
        Ok(self.read(buf, offset)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use vmie_testkit::conformance;
    use vmie_testkit::ova::gzip;

    fn noise(len: u32) -> Vec<u8> {
        (0..len).map(|i| (i.wrapping_mul(i) >> 7) as u8).collect()
    }

    fn open(bytes: &[u8], longest: u64) -> Result<Unpacked, Error> {
        Unpacked::open(Arc::new(bytes.to_vec()), longest, &Budget::default())
    }

    #[test]
    fn the_content_is_read_at_any_offset() {
        for content in [noise(3_000_000), noise(100), Vec::new()] {
            let unpacked = open(&gzip(&content), 1 << 30).unwrap();
            conformance::read_at(&unpacked, &content);
        }
        // Two members, and padding.
        let two = [gzip(b"one, "), gzip(&noise(70_000)), vec![0; 512]].concat();
        let content = [b"one, ".to_vec(), noise(70_000)].concat();
        conformance::read_at(&open(&two, 1 << 30).unwrap(), &content);
    }

    #[test]
    fn damage_and_bombs_are_told() {
        let good = gzip(&noise(5000));
        for len in 0..good.len() {
            assert_eq!(
                open(&good[..len], 1 << 20).err().unwrap().cause(),
                Cause::GzipData,
                "{len}"
            );
        }
        for at in [0, 2, 30, good.len() - 1, good.len() - 5] {
            let mut bad = good.clone();
            bad[at] ^= 0x55;
            assert_eq!(
                open(&bad, 1 << 20).err().unwrap().cause(),
                Cause::GzipData,
                "{at}"
            );
        }
        let bomb = gzip(&vec![0; 10 << 20]);
        assert_eq!(
            open(&bomb, 1 << 20).err().unwrap().cause(),
            Cause::GzipLength
        );
        let small = Budget::new(vmie_io::Limits::default().with_memory(1000));
        let error = Unpacked::open(Arc::new(good), 1 << 20, &small)
            .err()
            .unwrap();
        assert_eq!(error.cause(), Cause::Limit);
    }
}
