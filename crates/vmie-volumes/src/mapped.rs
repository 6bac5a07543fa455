//! A volume put together of parts of others.

use std::sync::Arc;

use vmie_io::{Extent, ExtentKind, ReadAt, ReadError, int};

use crate::Error;

/// What a part is read from.
pub(crate) type Source = Arc<dyn ReadAt>;

/// Copies of a mirror that are tried when reading one fails. A mirror may stand on mirrors: this
/// bounds how often one failing read is tried again.
pub(crate) const MAX_COPIES: usize = 3;

/// A place on a source.
#[derive(Clone)]
pub(crate) struct Leg {
    pub(crate) source: Source,
    /// First byte.
    pub(crate) offset: u64,
}

impl Leg {
    pub(crate) fn new(source: Source, offset: u64) -> Self {
        Self { source, offset }
    }

    fn holds(&self, len: u64) -> bool {
        let end = self.offset.checked_add(len);
        end.is_some_and(|end| end <= self.source.len())
    }
}

/// How a piece is read.
pub(crate) enum Map {
    /// As it stands.
    Linear(Leg),
    /// In chunks, by turns: chunk `c` of the piece is on leg `(first + c) mod n`, in row `c / n`.
    Striped {
        legs: Vec<Leg>,
        /// Bytes of a chunk.
        chunk: u64,
        /// The leg of the first chunk.
        first: u64,
    },
    /// From the first copy that can be read.
    Mirror(Vec<Leg>),
    /// Zeroes that stand nowhere.
    Zero,
    /// Nothing: every read fails for this reason.
    Fails(Error),
}

struct Piece {
    start: u64,
    len: u64,
    map: Map,
}

impl Piece {
    fn end(&self) -> u64 {
        self.start.saturating_add(self.len)
    }
}

/// Why a piece cannot be a part of a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Misfit {
    /// It has no length, no legs, or chunks of no length; or the volume would be too long.
    Empty,
    /// It does not lie within what it is read from.
    Outside,
}

/// A volume put together of pieces.
#[derive(Default)]
pub(crate) struct Mapped {
    pieces: Vec<Piece>,
    len: u64,
}

impl Mapped {
    /// Adds a piece of `len` bytes at the end.
    pub(crate) fn push(&mut self, len: u64, map: Map) -> Result<(), Misfit> {
        let end = self.len.checked_add(len).filter(|_| len > 0);
        let end = end.ok_or(Misfit::Empty)?;
        match &map {
            Map::Linear(leg) if leg.holds(len) => {}
            Map::Linear(_) => return Err(Misfit::Outside),
            Map::Mirror(legs) if legs.is_empty() => return Err(Misfit::Empty),
            Map::Mirror(legs) if legs.iter().all(|leg| leg.holds(len)) => {}
            Map::Mirror(_) => return Err(Misfit::Outside),
            Map::Striped { legs, chunk, .. } => {
                let needed = longest_leg(len, *chunk, int::u64_of(legs.len()));
                let needed = needed.ok_or(Misfit::Empty)?;
                if !legs.iter().all(|leg| leg.holds(needed)) {
                    return Err(Misfit::Outside);
                }
            }
            Map::Zero | Map::Fails(_) => {}
        }
        let start = self.len;
        self.len = end;
        self.pieces.push(Piece { start, len, map });
        Ok(())
    }

    /// The piece that a byte is in, when there is one.
    fn piece(&self, offset: u64) -> Option<&Piece> {
        let after = self.pieces.partition_point(|piece| piece.start <= offset);
        let piece = self.pieces.get(after.checked_sub(1)?)?;
        (offset < piece.end()).then_some(piece)
    }
}

/// Bytes of the fullest of `legs` that hold `len` bytes in chunks; `None` when there are no legs, or
/// when a row of chunks is longer than numbers are.
fn longest_leg(len: u64, chunk: u64, legs: u64) -> Option<u64> {
    let row = chunk.checked_mul(legs)?;
    let rows = len.checked_div(row)?;
    let rest = len.checked_rem(row)?;
    rows.checked_mul(chunk)?.checked_add(rest.min(chunk))
}

/// Where a byte of a striped piece is: the leg, the byte there, and how many bytes follow it.
fn place(legs: &[Leg], chunk: u64, first: u64, within: u64) -> Option<(&Leg, u64, u64)> {
    let count = int::u64_of(legs.len());
    let number = within.checked_div(chunk)?;
    let inside = within.checked_rem(chunk)?;
    let index = first
        .checked_rem(count)?
        .checked_add(number.checked_rem(count)?)?
        .checked_rem(count)?;
    let leg = legs.get(int::usize_of(index))?;
    let row = number.checked_div(count)?;
    let at = leg
        .offset
        .checked_add(row.checked_mul(chunk)?)?
        .checked_add(inside)?;
    Some((leg, at, chunk.saturating_sub(inside)))
}

impl Map {
    /// Reads up to the end of `buf` or of a chunk from byte `within` of the piece on; says how much.
    fn read(&self, buf: &mut [u8], within: u64) -> Result<usize, ReadError> {
        let whole = buf.len();
        match self {
            Self::Linear(leg) => {
                leg.source
                    .read_exact_at(buf, leg.offset.saturating_add(within))?;
                Ok(whole)
            }
            Self::Striped { legs, chunk, first } => {
                let found = place(legs, *chunk, *first, within);
                // Cannot be: `push` let no such piece in.
                let (leg, at, left) = found.ok_or_else(|| outside(within, whole))?;
                let n = int::min_usize(left, whole);
                let part = buf.get_mut(..n).unwrap_or_default();
                leg.source.read_exact_at(part, at)?;
                Ok(n)
            }
            Self::Mirror(legs) => {
                let mut failed = None;
                for leg in legs.iter().take(MAX_COPIES) {
                    let at = leg.offset.saturating_add(within);
                    match leg.source.read_exact_at(buf, at) {
                        Ok(()) => return Ok(whole),
                        Err(error) => failed = failed.or(Some(error)),
                    }
                }
                Err(failed.unwrap_or_else(|| outside(within, whole)))
            }
            Self::Zero => {
                buf.fill(0);
                Ok(whole)
            }
            Self::Fails(error) => Err(error.clone().into()),
        }
    }

    /// What is known of the bytes from `within` on, at most `left` of them.
    fn extent(&self, within: u64, left: u64) -> Result<(ExtentKind, u64), ReadError> {
        let of = |leg: &Leg, at: u64, left: u64| {
            let below = leg.source.next_extent(at)?;
            Ok((below.kind, below.len.min(left)))
        };
        match self {
            Self::Linear(leg) => of(leg, leg.offset.saturating_add(within), left),
            Self::Mirror(legs) => match legs.first() {
                Some(leg) => of(leg, leg.offset.saturating_add(within), left),
                None => Ok((ExtentKind::Data, left)),
            },
            Self::Striped { legs, chunk, first } => match place(legs, *chunk, *first, within) {
                Some((leg, at, in_chunk)) => of(leg, at, left.min(in_chunk)),
                None => Ok((ExtentKind::Data, left)),
            },
            Self::Zero => Ok((ExtentKind::Zero, left)),
            Self::Fails(_) => Ok((ExtentKind::Data, left)),
        }
    }
}

fn outside(offset: u64, wanted: usize) -> ReadError {
    ReadError::past_end("volume", offset, wanted, offset)
}

impl ReadAt for Mapped {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<(), ReadError> {
        let wanted = buf.len();
        let past = || ReadError::past_end("volume", offset, wanted, self.len);
        let end = offset.checked_add(int::u64_of(wanted)).ok_or_else(past)?;
        if end > self.len {
            return Err(past());
        }
        let mut rest = buf;
        let mut at = offset;
        while !rest.is_empty() {
            let piece = self.piece(at).ok_or_else(past)?;
            let n = int::min_usize(piece.end().saturating_sub(at), rest.len());
            let (part, _) = rest.split_at_mut(n);
            let n = piece.map.read(part, at.saturating_sub(piece.start))?;
            at = at.saturating_add(int::u64_of(n));
            rest = rest.split_at_mut(n).1;
        }
        Ok(())
    }

    fn next_extent(&self, offset: u64) -> Result<Extent, ReadError> {
        let Some(piece) = self.piece(offset) else {
            return Ok(Extent::new(ExtentKind::Hole, offset, 0));
        };
        let left = piece.end().saturating_sub(offset);
        let (kind, len) = piece.map.extent(offset.saturating_sub(piece.start), left)?;
        Ok(Extent::new(kind, offset, len))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cause;
    use proptest::prelude::*;

    fn bytes(len: usize, seed: u8) -> Source {
        Arc::new(
            (0..len)
                .map(|i| (i as u8).wrapping_mul(31) ^ seed)
                .collect::<Vec<u8>>(),
        )
    }

    fn read(source: &dyn ReadAt, at: u64, len: usize) -> Vec<u8> {
        let mut buf = vec![0; len];
        source.read_exact_at(&mut buf, at).unwrap();
        buf
    }

    fn stripes(lens: &[usize], chunk: u64, first: u64) -> Map {
        let leg = |(i, len): (usize, &usize)| Leg::new(bytes(*len, i as u8), 0);
        let legs = lens.iter().enumerate().map(leg).collect();
        Map::Striped { legs, chunk, first }
    }

    #[test]
    fn pieces_that_do_not_fit_are_refused() {
        let mut mapped = Mapped::default();
        let leg = |offset| Leg::new(bytes(100, 0), offset);
        for (len, map, misfit) in [
            (0, Map::Zero, Misfit::Empty),
            (101, Map::Linear(leg(0)), Misfit::Outside),
            (100, Map::Linear(leg(1)), Misfit::Outside),
            (2, Map::Linear(leg(u64::MAX)), Misfit::Outside),
            (1, Map::Mirror(vec![]), Misfit::Empty),
            (100, Map::Mirror(vec![leg(0), leg(1)]), Misfit::Outside),
            (10, stripes(&[], 4, 0), Misfit::Empty),
            (10, stripes(&[100, 100], 0, 0), Misfit::Empty),
            (10, stripes(&[100, 100], 1 << 63, 0), Misfit::Empty),
            (201, stripes(&[100, 100], 100, 0), Misfit::Outside),
            (8, stripes(&[3, 4], 4, 0), Misfit::Outside),
        ] {
            assert_eq!(mapped.push(len, map), Err(misfit));
        }
        mapped.push(u64::MAX, Map::Zero).unwrap();
        assert_eq!(mapped.push(1, Map::Zero), Err(Misfit::Empty));
    }

    #[test]
    fn a_mirror_goes_on_with_the_next_copy() {
        struct Broken;
        impl ReadAt for Broken {
            fn len(&self) -> u64 {
                100
            }
            fn read_exact_at(&self, _: &mut [u8], offset: u64) -> Result<(), ReadError> {
                Err(ReadError::new("broken", vmie_io::ErrorKind::Io, offset))
            }
        }
        let broken = || Leg::new(Arc::new(Broken), 0);
        let mut mapped = Mapped::default();
        let good = Leg::new(bytes(100, 7), 10);
        mapped.push(90, Map::Mirror(vec![broken(), good])).unwrap();
        assert_eq!(read(&mapped, 1, 80), read(&*bytes(100, 7), 11, 80));
        mapped
            .push(9, Map::Mirror(vec![broken(), broken()]))
            .unwrap();
        let error = mapped.read_exact_at(&mut [0; 3], 89).unwrap_err();
        assert_eq!((error.layer(), error.offset()), ("broken", 0));
        mapped
            .push(9, Map::Fails(Error::new(Cause::LvmSegmentKind)))
            .unwrap();
        let error = mapped.read_exact_at(&mut [0; 1], 99).unwrap_err();
        assert_eq!(error.kind(), vmie_io::ErrorKind::Unsupported);
    }

    proptest! {
        #[test]
        fn a_volume_of_pieces_is_a_good_source(
            chunk in 1u64..40, first in 0u64..5, rows in 1u64..6, zeroes in 1u64..50, skip in 0u64..20,
        ) {
            let row = chunk * 3;
            let legs: Vec<Source> = (0..3).map(|i| bytes(300, i)).collect();
            let mut expected = read(&*legs[0], skip, 33);
            for c in 0..rows * 3 {
                let leg = &legs[((first + c) % 3) as usize];
                expected.extend(read(&**leg, 5 + c / 3 * chunk, chunk as usize));
            }
            expected.extend(vec![0; zeroes as usize]);
            let mut mapped = Mapped::default();
            mapped.push(33, Map::Linear(Leg::new(Arc::clone(&legs[0]), skip))).unwrap();
            let legs = legs.iter().map(|leg| Leg::new(Arc::clone(leg), 5)).collect();
            mapped.push(rows * row, Map::Striped { legs, chunk, first }).unwrap();
            mapped.push(zeroes, Map::Zero).unwrap();
            vmie_testkit::conformance::read_at(&mapped, &expected);
        }
    }
}
