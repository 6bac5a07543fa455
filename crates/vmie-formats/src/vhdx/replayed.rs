//! The file as it is once its log is replayed; the file itself is never written.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use vmie_io::{Charge, ReadAt, ReadError, int};

use super::format::LOG_SECTOR;

/// A source with changes over it, which are multiples of 4 KiB and aligned to it. It may be longer
/// than the source below; what no change covers there is zero.
pub(super) struct Replayed {
    source: Arc<dyn ReadAt>,
    len: u64,
    /// By their start: the end, and what is there. They do not overlap.
    changes: BTreeMap<u64, (u64, Change)>,
    _charge: Charge,
}

/// What a log writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Zeroes.
    Zero,
    /// A sector of the log.
    Sector(Box<[u8]>),
}

impl Replayed {
    /// The source, at least `len` bytes long, with no changes yet; `charge` is for those to come.
    pub(super) fn new(source: Arc<dyn ReadAt>, len: u64, charge: Charge) -> Self {
        Self {
            len: source.len().max(len),
            source,
            changes: BTreeMap::new(),
            _charge: charge,
        }
    }

    /// Puts a change over what is there.
    pub(super) fn put(&mut self, start: u64, len: u64, change: Change) {
        let end = start.saturating_add(len);
        if start >= end {
            return;
        }
        let before = self.changes.range(..start).next_back();
        let first = before
            .filter(|(_, (until, _))| *until > start)
            .map_or(start, |(from, _)| *from);
        let over: Vec<u64> = self.changes.range(first..end).map(|(s, _)| *s).collect();
        for from in over {
            // A sector is covered whole or not at all, so what sticks out is of zeroes.
            if let Some((until, _)) = self.changes.remove(&from) {
                if from < start {
                    self.changes.insert(from, (start, Change::Zero));
                }
                if until > end {
                    self.changes.insert(end, (until, Change::Zero));
                }
            }
        }
        self.changes.insert(start, (end, change));
    }
}

/// The part of a buffer at `offset` that `range` covers.
fn part(buf: &mut [u8], offset: u64, range: &Range<u64>) -> Option<std::ops::Range<usize>> {
    let end = offset.saturating_add(int::u64_of(buf.len()));
    let from = range.start.max(offset);
    let to = range.end.min(end);
    (from < to).then(|| {
        int::usize_of(from.saturating_sub(offset))..int::usize_of(to.saturating_sub(offset))
    })
}

impl ReadAt for Replayed {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<(), ReadError> {
        let end = offset.checked_add(int::u64_of(buf.len()));
        let Some(end) = end.filter(|end| *end <= self.len) else {
            return Err(ReadError::past_end("VHDX", offset, buf.len(), self.len));
        };
        let have = int::min_usize(self.source.len().saturating_sub(offset), buf.len());
        let (inside, past) = buf.split_at_mut(have);
        past.fill(0);
        if !inside.is_empty() {
            self.source.read_exact_at(inside, offset)?;
        }
        let first = self.changes.range(..=offset).next_back();
        let first = first.map_or(offset, |(start, _)| *start);
        for (start, (until, change)) in self.changes.range(first..end) {
            let Some(place) = part(buf, offset, &(*start..*until)) else {
                continue;
            };
            let skip = int::usize_of(offset.saturating_sub(*start));
            let Some(target) = buf.get_mut(place) else {
                continue;
            };
            match change {
                Change::Zero => target.fill(0),
                Change::Sector(bytes) => {
                    let from = skip.min(int::usize_of(LOG_SECTOR));
                    if let Some(bytes) = bytes.get(from..from.saturating_add(target.len())) {
                        target.copy_from_slice(bytes);
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use vmie_io::Budget;

    use super::*;

    proptest! {
        /// Whatever is put over the file, it reads like a plain copy that was written to.
        #[test]
        fn reads_agree_with_a_plain_copy(
            writes in prop::collection::vec((0u64..8, 1u64..5, prop::option::of(any::<u8>())), 0..20),
            short in 0usize..20_000,
        ) {
            let source = vec![7u8; short];
            let mut model = source.clone();
            model.resize(12 * 4096, 0);
            let charge = Budget::default().memory("x", 0).unwrap();
            let mut replayed = Replayed::new(Arc::new(source), model.len() as u64, charge);
            for (sector, count, byte) in writes {
                let at = sector * 4096;
                let (len, change) = match byte {
                    None => (count * 4096, Change::Zero),
                    Some(byte) => (4096, Change::Sector(vec![byte; 4096].into())),
                };
                replayed.put(at, len, change);
                model[at as usize..(at + len) as usize].fill(byte.unwrap_or(0));
            }
            for (start, len) in [(0, model.len()), (1, 5000), (4095, 2), (9000, 30_000)] {
                let mut buf = vec![0xa5; len];
                replayed.read_exact_at(&mut buf, start as u64).unwrap();
                prop_assert!(buf == model[start..start + len]);
            }
            let past = replayed.read_exact_at(&mut [0; 2], model.len() as u64 - 1);
            prop_assert!(past.is_err());
        }
    }
}
