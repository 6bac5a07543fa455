//! Formats that place blocks at offsets: what each has to say, and how data is laid into them.

use vmie_io::{WriteAt, int};

use super::Words;
use super::zero::run_of;
use crate::Error;

/// A format whose file has blocks of the disk at offsets, written by several workers to a sink that
/// is empty at first, so that what is not written reads as zeroes.
pub(crate) trait Encoder: Sync {
    /// Bytes of a block: a power of two, at least 4 KiB.
    fn block(&self) -> u64;

    /// Places the blocks of one piece of the disk, which begins at byte `start`. No block of up to
    /// [`PIECE`](super::PIECE) bytes is in two pieces.
    fn piece<'a>(&'a self, sink: &'a dyn WriteAt, start: u64) -> Box<dyn Placer + 'a>;

    /// Adds to a state what is needed to go on from it; no piece is under way.
    fn save(&self, state: &mut Vec<u8>);

    /// Becomes what it was, and says how many bytes of the sink there were. `None` when that is not
    /// what this encoder saved; it is then good for nothing.
    fn load(&self, state: &mut Words<'_>) -> Option<u64>;

    /// Writes what goes before and after the blocks, and gives the file its length, which it says.
    ///
    /// # Errors
    /// When it cannot be written.
    fn finish(&self, sink: &dyn WriteAt) -> Result<u64, Error>;
}

/// Places the blocks of one piece.
pub(crate) trait Placer {
    /// Where the block of this number is in the file; it is allocated if it was not yet.
    ///
    /// # Errors
    /// When what goes with it cannot be written, or the file would pass what the format can have.
    fn place(&mut self, block: u64) -> Result<u64, Error>;

    /// Writes what is to be remembered of the piece.
    ///
    /// # Errors
    /// When it cannot be written.
    fn done(&mut self) -> Result<(), Error>;
}

/// Writes the parts of `bytes`, which lie at byte `start` of the disk, that are not zero, and says
/// how many bytes that were. The others are told to `zeroes`, as start and length.
pub(super) fn lay(
    encoder: &dyn Encoder,
    sink: &dyn WriteAt,
    start: u64,
    bytes: &[u8],
    zeroes: &mut dyn FnMut(u64, u64) -> Result<(), Error>,
) -> Result<u64, Error> {
    let mut placer = encoder.piece(sink, start);
    let mut written = 0u64;
    let mut at = start;
    let mut rest = bytes;
    while !rest.is_empty() {
        let (none, tail) = rest.split_at(run_of(rest, true));
        let len = int::u64_of(none.len());
        if len > 0 {
            zeroes(at, len)?;
        }
        at = at.saturating_add(len);
        let (data, tail) = tail.split_at(run_of(tail, false));
        if data.is_empty() {
            break;
        }
        put(&mut *placer, encoder.block(), sink, (at, data))?;
        let len = int::u64_of(data.len());
        written = written.saturating_add(len);
        at = at.saturating_add(len);
        rest = tail;
    }
    placer.done()?;
    Ok(written)
}

/// Writes data block by block; what lands side by side is written in one go.
fn put(
    placer: &mut dyn Placer,
    block: u64,
    sink: &dyn WriteAt,
    (start, data): (u64, &[u8]),
) -> Result<(), Error> {
    let mut at = start;
    let mut left = data.len();
    // Where the data that waits to be written goes, how much that is, and all from there on.
    let (mut offset, mut pending, mut waiting) = (0u64, 0usize, data);
    while left > 0 {
        let number = at.checked_div(block).unwrap_or(0);
        let within = at.saturating_sub(number.saturating_mul(block));
        let n = int::min_usize(block.saturating_sub(within), left);
        let to = placer.place(number)?.saturating_add(within);
        if offset.saturating_add(int::u64_of(pending)) == to {
            pending = pending.saturating_add(n);
        } else {
            let (ready, rest) = waiting.split_at(pending.min(waiting.len()));
            flush(sink, ready, offset)?;
            (offset, pending, waiting) = (to, n, rest);
        }
        at = at.saturating_add(int::u64_of(n));
        left = left.saturating_sub(n);
    }
    flush(sink, waiting, offset)
}

fn flush(sink: &dyn WriteAt, bytes: &[u8], offset: u64) -> Result<(), Error> {
    if bytes.is_empty() {
        return Ok(());
    }
    sink.write_all_at(bytes, offset).map_err(super::write_error)
}

/// A raw disk: every block is where it is on the disk.
pub(super) struct RawEncoder {
    pub(super) len: u64,
}

impl Encoder for RawEncoder {
    fn block(&self) -> u64 {
        1 << 62
    }

    fn piece<'a>(&'a self, _: &'a dyn WriteAt, _: u64) -> Box<dyn Placer + 'a> {
        Box::new(InPlace)
    }

    fn save(&self, _: &mut Vec<u8>) {}

    fn load(&self, _: &mut Words<'_>) -> Option<u64> {
        Some(self.len)
    }

    fn finish(&self, sink: &dyn WriteAt) -> Result<u64, Error> {
        sink.set_len(self.len).map_err(super::write_error)?;
        Ok(self.len)
    }
}

struct InPlace;

impl Placer for InPlace {
    fn place(&mut self, _: u64) -> Result<u64, Error> {
        Ok(0)
    }

    fn done(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use vmie_io::ReadError;

    use super::*;

    /// Blocks of 4 KiB at places that a list decides; writes are noted.
    struct Listed<'a>(&'a [u64]);

    impl Encoder for Listed<'_> {
        fn block(&self) -> u64 {
            4096
        }
        fn piece<'a>(&'a self, _: &'a dyn WriteAt, _: u64) -> Box<dyn Placer + 'a> {
            Box::new(Self(self.0))
        }
        fn save(&self, _: &mut Vec<u8>) {}
        fn load(&self, _: &mut Words<'_>) -> Option<u64> {
            None
        }
        fn finish(&self, _: &dyn WriteAt) -> Result<u64, Error> {
            Ok(0)
        }
    }

    impl Placer for Listed<'_> {
        fn place(&mut self, block: u64) -> Result<u64, Error> {
            Ok(self.0[block as usize])
        }
        fn done(&mut self) -> Result<(), Error> {
            Ok(())
        }
    }

    #[derive(Default)]
    struct Noted(Mutex<Vec<(u64, Vec<u8>)>>);

    impl WriteAt for Noted {
        fn write_all_at(&self, buf: &[u8], offset: u64) -> Result<(), ReadError> {
            self.0.lock().unwrap().push((offset, buf.to_vec()));
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

    #[test]
    fn neighbours_are_written_in_one_go_and_zeroes_not_at_all() {
        let sink = Noted::default();
        let mut bytes = vec![1u8; 5 * 4096];
        bytes[4096..8192].fill(2);
        bytes[8192..12_288].fill(3);
        bytes[3 * 4096..4 * 4096].fill(0);
        let places = Listed(&[0, 10_000, 14_096, 50_000, 90_000, 20_000]);
        let written = lay(&places, &sink, 4096, &bytes, &mut |_, _| Ok(())).unwrap();
        assert_eq!(written, 4 * 4096);
        let noted = sink.0.into_inner().unwrap();
        let shown: Vec<_> = noted.iter().map(|(at, b)| (*at, b.len(), b[0])).collect();
        assert_eq!(
            shown,
            [(10_000, 8192, 1), (50_000, 4096, 3), (20_000, 4096, 1)]
        );
        assert_eq!(noted[0].1[..8192], bytes[..8192]);
    }

    #[test]
    fn data_may_begin_and_end_within_blocks() {
        let sink = Noted::default();
        let places = Listed(&[40_000, 80_000]);
        lay(&places, &sink, 4000, &[7; 200], &mut |_, _| Ok(())).unwrap();
        let noted = sink.0.into_inner().unwrap();
        assert_eq!(noted, [(44_000, vec![7; 96]), (80_000, vec![7; 104])]);
    }
}
