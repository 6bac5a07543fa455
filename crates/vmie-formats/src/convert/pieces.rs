//! Cutting a disk into pieces of work.

use vmie_io::{ExtentKind, ReadAt, ReadError};

use super::PIECE;

/// A piece of the disk, numbered in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) number: u64,
    pub(crate) start: u64,
    pub(crate) len: u64,
    /// Whether it is known to be zero; such a piece is as long as the zeroes are, the others are
    /// at most [`PIECE`] bytes long.
    pub(crate) zero: bool,
}

/// The cursor that hands out the pieces.
#[derive(Debug)]
pub(crate) struct Pieces {
    at: u64,
    end: u64,
    number: u64,
    /// Up to where the source is known to hold data: asking costs a file two calls of the kernel.
    data_until: u64,
}

impl Pieces {
    /// From byte `at` on.
    pub(crate) fn new(at: u64, end: u64) -> Self {
        Self {
            at,
            end,
            number: 0,
            data_until: 0,
        }
    }

    /// The byte at which the next piece begins.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// Passes over what would be the next piece.
    pub(crate) fn skip(&mut self) {
        self.at = self.at.saturating_add(PIECE).min(self.end);
    }

    /// The next piece; `None` at the end. After an error it starts there again.
    pub(crate) fn next(&mut self, source: &dyn ReadAt) -> Result<Option<Piece>, ReadError> {
        if self.at >= self.end {
            return Ok(None);
        }
        let start = self.at;
        let mut at = start;
        // Known zeroes, of both kinds.
        while at < self.end && at >= self.data_until {
            let extent = source.next_extent(at)?;
            if extent.kind == ExtentKind::Data || extent.end() <= at {
                self.data_until = extent.end();
                break;
            }
            at = extent.end().min(self.end);
        }
        let zero = at > start;
        if !zero {
            // Up to the next multiple, so that pieces keep to grains after a hole.
            let rest = PIECE.saturating_sub(start.checked_rem(PIECE).unwrap_or(0));
            at = start.saturating_add(rest).min(self.end);
        }
        let number = self.number;
        self.number = number.saturating_add(1);
        self.at = at;
        Ok(Some(Piece {
            number,
            start,
            len: at.saturating_sub(start),
            zero,
        }))
    }
}
