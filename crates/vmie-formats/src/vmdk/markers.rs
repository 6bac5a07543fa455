//! Whether the grains that lie in a stream-optimized extent are those that its tables name.

use std::io::{self, Read};

use vmie_io::{CancelToken, Limits, ReadAt, int};

use super::StreamReader;
use super::shared::Shared;
use super::sparse::Sparse;
use crate::check::{Check, ProblemKind};
use crate::{Cause, Error};

/// A file from its first byte on.
struct Forward<'a> {
    source: &'a dyn ReadAt,
    at: u64,
}

impl Read for Forward<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let left = self.source.len().saturating_sub(self.at);
        let n = int::min_usize(left, buf.len());
        let part = buf.get_mut(..n).unwrap_or_default();
        self.source
            .read_exact_at(part, self.at)
            .map_err(io::Error::other)?;
        self.at = self.at.saturating_add(int::u64_of(n));
        Ok(n)
    }
}

/// Holds what comes by in one pass, as programs read it that go by the markers, against the tables. What
/// cannot be read so is left to those who read the disk.
pub(super) fn compare(
    sparse: &Sparse,
    source: &dyn ReadAt,
    shared: &Shared,
    check: &mut Check,
    cancel: &CancelToken,
) -> Result<(), Error> {
    let Ok(mut stream) = StreamReader::new(Forward { source, at: 0 }, &Limits::default()) else {
        return Ok(());
    };
    while let Ok(Some(grain)) = stream.next_grain() {
        if cancel.is_cancelled() {
            return Err(Error::new(Cause::Cancelled).in_structure("check"));
        }
        let (offset, at) = (grain.offset, grain.stored_at);
        match sparse.stored_at(shared, offset) {
            Ok(Some(named)) if named == at => {}
            Ok(Some(named)) => {
                let detail = format!(
                    "the grain of the disk's byte {offset} that lies here belongs to nothing: its \
                     table names the one at byte {named}"
                );
                check.add(ProblemKind::Leak, Some(at), detail);
            }
            Ok(None) => {
                let detail = format!(
                    "a grain of the disk's byte {offset} lies here, and its table has none there"
                );
                check.add(ProblemKind::Metadata, Some(at), detail);
            }
            // Told of with the table.
            Err(_) => {}
        }
    }
    Ok(())
}
