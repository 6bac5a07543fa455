//! A volume with the blocks of its journal in the places that they belong to.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use vmie_io::{Charge, Extent, ExtentKind, ReadAt, ReadError, int};

use super::format::JBD2_MAGIC_NUMBER;

/// Where the newest content of a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Copy {
    /// First byte of it on the volume, in the journal.
    pub(super) at: u64,
    /// Its first four bytes were those of the journal's own blocks, and are zero in the journal.
    pub(super) escaped: bool,
}

/// The volume after the replay. Nothing is copied: reads of a block that the journal holds go to
/// the journal.
pub(super) struct Replayed {
    pub(super) source: Arc<dyn ReadAt>,
    pub(super) block_size: u32,
    /// By block number.
    pub(super) blocks: BTreeMap<u64, Copy>,
    pub(super) _charge: Vec<Charge>,
}

impl Replayed {
    /// The blocks of the journal that `[offset, end)` touches: number, and range of bytes of it.
    fn touched(&self, offset: u64, end: u64) -> impl Iterator<Item = (u64, Copy)> {
        let size = u64::from(self.block_size.max(1));
        let first = offset.checked_div(size).unwrap_or(0);
        let last = end.div_ceil(size).max(first);
        self.blocks
            .range(first..last)
            .map(move |(block, copy)| (block.saturating_mul(size), *copy))
    }

    /// Lays one block over `buf`, which starts at `offset`.
    fn lay(&self, buf: &mut [u8], offset: u64, start: u64, copy: Copy) -> Result<(), ReadError> {
        let end = offset.saturating_add(int::u64_of(buf.len()));
        let from = start.max(offset);
        let to = start.saturating_add(self.block_size.into()).min(end);
        let range =
            int::usize_of(from.saturating_sub(offset))..int::usize_of(to.saturating_sub(offset));
        let Some(part) = buf.get_mut(range) else {
            return Ok(());
        };
        let within = from.saturating_sub(start);
        self.source
            .read_exact_at(part, copy.at.saturating_add(within))?;
        if copy.escaped {
            let magic = JBD2_MAGIC_NUMBER.to_be_bytes();
            let hidden = magic.get(int::usize_of(within)..).unwrap_or_default();
            for (to, from) in part.iter_mut().zip(hidden) {
                *to = *from;
            }
        }
        Ok(())
    }
}

impl ReadAt for Replayed {
    fn len(&self) -> u64 {
        self.source.len()
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<(), ReadError> {
        self.source.read_exact_at(buf, offset)?;
        let end = offset.saturating_add(int::u64_of(buf.len()));
        for (start, copy) in self.touched(offset, end) {
            self.lay(buf, offset, start, copy)?;
        }
        Ok(())
    }

    fn next_extent(&self, offset: u64) -> Result<Extent, ReadError> {
        let below = self.source.next_extent(offset)?;
        if below.kind == ExtentKind::Data {
            return Ok(below);
        }
        // A block of the journal may stand where the source has none.
        Ok(match self.touched(offset, below.end()).next() {
            None => below,
            Some((start, _)) if start > offset => {
                Extent::new(below.kind, offset, start.saturating_sub(offset))
            }
            Some((start, _)) => {
                let end = start.saturating_add(self.block_size.into()).min(self.len());
                Extent::new(ExtentKind::Data, offset, end.saturating_sub(offset))
            }
        })
    }

    fn prefetch(&self, ranges: &[Range<u64>]) {
        self.source.prefetch(ranges);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_journals_blocks_show_in_their_places() {
        let mut bytes: Vec<u8> = (0..8192u32).map(|i| (i / 1024) as u8).collect();
        bytes[6 * 1024..6 * 1024 + 4].fill(0);
        let copy = |block: u64, escaped| Copy {
            at: block * 1024,
            escaped,
        };
        let view = Replayed {
            source: Arc::new(bytes),
            block_size: 1024,
            blocks: BTreeMap::from([(1, copy(5, false)), (2, copy(6, true))]),
            _charge: Vec::new(),
        };
        let mut whole = vec![0; 8192];
        view.read_exact_at(&mut whole, 0).unwrap();
        assert_eq!(whole[1023..1025], [0, 5]);
        assert_eq!(whole[2048..2053], [0xc0, 0x3b, 0x39, 0x98, 6]);
        // Any part of it reads like the same part of the whole.
        for start in (0..4000).step_by(7) {
            for len in [1usize, 3, 1023, 2050] {
                let mut part = vec![0; len];
                view.read_exact_at(&mut part, start as u64).unwrap();
                assert_eq!(part, whole[start..start + len], "{start} {len}");
            }
        }
    }
}
