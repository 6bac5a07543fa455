//! Which parts of a source hold data.

use crate::{ReadAt, ReadError};

/// What is known of a range of bytes without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ExtentKind {
    /// The bytes have to be read; they may still all be zero.
    Data,
    /// Somebody wrote zeroes here, and they are known to be zero without reading.
    Zero,
    /// Nobody ever wrote here. It reads as zeroes, but is not the same as written zeroes: over a
    /// parent image, a hole shows the parent and a zero does not.
    Hole,
}

impl ExtentKind {
    /// Whether the range reads as zeroes without being read.
    #[must_use]
    pub fn reads_zero(self) -> bool {
        self != Self::Data
    }

    /// The kind's name, as programs see it: `data`, `zero` or `hole`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Zero => "zero",
            Self::Hole => "hole",
        }
    }
}

/// A range of a source that is all of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Extent {
    /// What is known of it.
    pub kind: ExtentKind,
    /// First byte.
    pub start: u64,
    /// Length in bytes; zero only at the end of the source.
    pub len: u64,
}

impl Extent {
    /// An extent of this kind.
    #[must_use]
    pub fn new(kind: ExtentKind, start: u64, len: u64) -> Self {
        Self { kind, start, len }
    }

    /// The byte after the last one. Saturates, which no extent within a source does.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.start.saturating_add(self.len)
    }
}

/// Iterates over the extents of a range of a source, joining neighbours of one kind; made by
/// [`ReadAtExt::extents`](crate::ReadAtExt::extents). After an error it ends.
#[derive(Debug)]
pub struct Extents<'a, R: ?Sized> {
    source: &'a R,
    at: u64,
    end: u64,
    ahead: Option<Extent>,
}

impl<'a, R: ReadAt + ?Sized> Extents<'a, R> {
    pub(crate) fn new(source: &'a R, start: u64, end: u64) -> Self {
        Self {
            source,
            at: start,
            end: end.min(source.len()),
            ahead: None,
        }
    }

    fn step(&mut self) -> Result<Option<Extent>, ReadError> {
        if self.at >= self.end {
            return Ok(None);
        }
        let extent = self.source.next_extent(self.at)?;
        // A source that answers with an empty or a foreign extent would loop for ever.
        let end = extent.end().min(self.end);
        if end <= self.at {
            let left = self.end.saturating_sub(self.at);
            let rest = Extent::new(ExtentKind::Data, self.at, left);
            self.at = self.end;
            return Ok(Some(rest));
        }
        let clipped = Extent::new(extent.kind, self.at, end.saturating_sub(self.at));
        self.at = end;
        Ok(Some(clipped))
    }
}

impl<R: ReadAt + ?Sized> Iterator for Extents<'_, R> {
    type Item = Result<Extent, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut current = match self.ahead.take() {
            Some(extent) => extent,
            None => match self.step() {
                Ok(extent) => extent?,
                Err(error) => {
                    self.at = self.end;
                    return Some(Err(error));
                }
            },
        };
        loop {
            match self.step() {
                Ok(Some(next)) if next.kind == current.kind => {
                    current.len = current.len.saturating_add(next.len);
                }
                Ok(next) => {
                    self.ahead = next;
                    return Some(Ok(current));
                }
                Err(_) => {
                    // What is known so far goes out first; the same question fails again next time.
                    return Some(Ok(current));
                }
            }
        }
    }
}
