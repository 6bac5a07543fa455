//! Edits without touching the source.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::read::check_range;
use crate::{
    Budget, Charge, ErrorKind, Extent, ExtentKind, LimitExceeded, ReadAt, ReadError, WriteAt, int,
};

/// Bytes in one page of an overlay: the unit that is copied on the first write to it.
const PAGE: usize = 4096;
const PAGE_U64: u64 = 4096;

/// A copy-on-write view in memory: reads show the source with everything written on top, and the
/// source is never touched. Pages of 4 KiB are copied on their first write and charged to a
/// [`Budget`].
#[derive(Debug)]
pub struct Overlay<R> {
    source: R,
    budget: Budget,
    pages: RwLock<BTreeMap<u64, Page>>,
}

#[derive(Debug)]
struct Page {
    bytes: Box<[u8]>,
    _charge: Charge,
}

impl<R: ReadAt> Overlay<R> {
    /// An overlay with no edits yet.
    #[must_use]
    pub fn new(source: R, budget: Budget) -> Self {
        Self {
            source,
            budget,
            pages: RwLock::default(),
        }
    }

    /// The source below.
    #[must_use]
    pub fn get_ref(&self) -> &R {
        &self.source
    }

    /// The byte ranges that were written to, in order, whole pages, neighbours joined.
    #[must_use]
    pub fn dirty(&self) -> Vec<Range<u64>> {
        let mut ranges: Vec<Range<u64>> = Vec::new();
        for index in self.pages().keys() {
            let start = index.saturating_mul(PAGE_U64);
            let end = start.saturating_add(PAGE_U64).min(self.source.len());
            match ranges.last_mut() {
                Some(last) if last.end == start => last.end = end,
                _ => ranges.push(start..end),
            }
        }
        ranges
    }

    fn pages(&self) -> RwLockReadGuard<'_, BTreeMap<u64, Page>> {
        match self.pages.read() {
            Ok(guard) => guard,
            Err(poisoned) => poisoned.into_inner(),
        }
    }

    fn pages_mut(&self) -> RwLockWriteGuard<'_, BTreeMap<u64, Page>> {
        match self.pages.write() {
            Ok(guard) => guard,
            Err(poisoned) => poisoned.into_inner(),
        }
    }

    fn new_page(&self, index: u64, keep_old: bool) -> Result<Page, ReadError> {
        let start = index.saturating_mul(PAGE_U64);
        let limit = |error: LimitExceeded| {
            ReadError::new("overlay", ErrorKind::LimitExceeded, start).with_source(error)
        };
        let (mut bytes, charge) = self
            .budget
            .buffer("overlay page", PAGE_U64)
            .map_err(limit)?;
        if keep_old {
            let n = int::min_usize(self.source.len().saturating_sub(start), PAGE);
            if let Some(part) = bytes.get_mut(..n) {
                self.source.read_exact_at(part, start)?;
            }
        }
        Ok(Page {
            bytes: bytes.into(),
            _charge: charge,
        })
    }

    fn write_pages(
        &self,
        len: u64,
        offset: u64,
        mut edit: impl FnMut(&mut [u8], u64),
    ) -> Result<(), ReadError> {
        let end = offset
            .checked_add(len)
            .filter(|end| *end <= self.source.len())
            .ok_or_else(|| {
                ReadError::past_end("overlay", offset, int::usize_of(len), self.len())
            })?;
        let mut pages = self.pages_mut();
        for (index, within) in page_parts(offset, end) {
            let whole = within.len() == PAGE;
            let page = match pages.entry(index) {
                std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::btree_map::Entry::Vacant(entry) => {
                    entry.insert(self.new_page(index, !whole)?)
                }
            };
            let at = index
                .saturating_mul(PAGE_U64)
                .saturating_add(int::u64_of(within.start));
            if let Some(part) = page.bytes.get_mut(within) {
                edit(part, at.saturating_sub(offset));
            }
        }
        Ok(())
    }
}

/// The pages that `[offset, end)` touches, each with the part of the page that it touches.
fn page_parts(offset: u64, end: u64) -> impl Iterator<Item = (u64, Range<usize>)> {
    let first = offset / PAGE_U64;
    let last = if end > offset {
        end.saturating_sub(1) / PAGE_U64
    } else {
        first
    };
    (first..=last)
        .filter(move |_| end > offset)
        .map(move |index| {
            let start = index.saturating_mul(PAGE_U64);
            let from = offset.saturating_sub(start);
            let to = end.saturating_sub(start).min(PAGE_U64);
            (index, int::usize_of(from)..int::usize_of(to))
        })
}

impl<R: ReadAt> ReadAt for Overlay<R> {
    fn len(&self) -> u64 {
        self.source.len()
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<(), ReadError> {
        let end = check_range("overlay", buf, offset, self.len())?;
        let pages = self.pages();
        // Only what no page covers whole is read from below.
        let first = offset / PAGE_U64;
        let touched = pages.range(first..end.div_ceil(PAGE_U64));
        let covered = touched.clone().count();
        let wanted = end.div_ceil(PAGE_U64).saturating_sub(first);
        if int::u64_of(covered) < wanted {
            self.source.read_exact_at(buf, offset)?;
        }
        for (index, page) in touched {
            let start = index.saturating_mul(PAGE_U64);
            let from = offset.max(start);
            let to = end.min(start.saturating_add(PAGE_U64));
            let source = page.bytes.get(
                int::usize_of(from.saturating_sub(start))..int::usize_of(to.saturating_sub(start)),
            );
            let target = buf.get_mut(
                int::usize_of(from.saturating_sub(offset))
                    ..int::usize_of(to.saturating_sub(offset)),
            );
            if let (Some(source), Some(target)) = (source, target) {
                target.copy_from_slice(source);
            }
        }
        Ok(())
    }

    fn next_extent(&self, offset: u64) -> Result<Extent, ReadError> {
        let left = self.len().saturating_sub(offset);
        if left == 0 {
            return Ok(Extent::new(ExtentKind::Hole, offset, 0));
        }
        let index = offset / PAGE_U64;
        let next_dirty = {
            let pages = self.pages();
            if pages.contains_key(&index) {
                let run = (index..).take_while(|i| pages.contains_key(i)).count();
                let end = index
                    .saturating_add(int::u64_of(run))
                    .saturating_mul(PAGE_U64);
                let len = end.saturating_sub(offset).min(left);
                return Ok(Extent::new(ExtentKind::Data, offset, len));
            }
            pages
                .range(index..)
                .next()
                .map(|(i, _)| i.saturating_mul(PAGE_U64))
        };
        let below = self.source.next_extent(offset)?;
        let len = match next_dirty {
            Some(start) => below.len.min(start.saturating_sub(offset)),
            None => below.len,
        };
        Ok(Extent::new(below.kind, offset, len))
    }

    fn prefetch(&self, ranges: &[Range<u64>]) {
        self.source.prefetch(ranges);
    }
}

impl<R: ReadAt> WriteAt for Overlay<R> {
    fn write_all_at(&self, buf: &[u8], offset: u64) -> Result<(), ReadError> {
        self.write_pages(int::u64_of(buf.len()), offset, |part, at| {
            let from = int::usize_of(at);
            if let Some(source) = buf.get(from..from.saturating_add(part.len())) {
                part.copy_from_slice(source);
            }
        })
    }

    fn set_len(&self, len: u64) -> Result<(), ReadError> {
        if len == self.len() {
            return Ok(());
        }
        Err(ReadError::new("overlay", ErrorKind::Misuse, len))
    }

    fn write_zeroes_at(&self, offset: u64, len: u64) -> Result<(), ReadError> {
        self.write_pages(len, offset, |part, _| part.fill(0))
    }

    fn sync(&self) -> Result<(), ReadError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Limits;

    proptest! {
        /// Whatever is written, reads agree with a plain copy, and the source keeps its bytes.
        #[test]
        fn reads_agree_with_a_plain_copy(
            len in 1usize..20_000,
            writes in prop::collection::vec((any::<u16>(), any::<u16>(), any::<u8>()), 0..20),
        ) {
            let source: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
            let mut model = source.clone();
            let overlay = Overlay::new(source.clone(), Budget::default());
            for (at, n, byte) in writes {
                let at = usize::from(at) % len;
                let n = usize::from(n) % (len - at + 1);
                model[at..at + n].fill(byte);
                overlay.write_all_at(&vec![byte; n], at as u64).unwrap();
                let mut buf = vec![0; len];
                overlay.read_exact_at(&mut buf, 0).unwrap();
                prop_assert!(buf == model);
                let mut part = vec![0; n];
                overlay.read_exact_at(&mut part, at as u64).unwrap();
                prop_assert!(part == model[at..at + n]);
            }
            prop_assert_eq!(overlay.get_ref(), &source);
        }
    }

    #[test]
    fn writes_past_the_end_and_past_the_budget_are_refused() {
        let overlay = Overlay::new(
            vec![0u8; 10_000],
            Budget::new(Limits::default().with_memory(4096)),
        );
        assert_eq!(
            overlay.write_all_at(&[1], 10_000).unwrap_err().kind(),
            ErrorKind::Truncated
        );
        overlay.write_all_at(&[1], 0).unwrap();
        assert_eq!(
            overlay.write_all_at(&[1], 4096).unwrap_err().kind(),
            ErrorKind::LimitExceeded
        );
        assert_eq!(overlay.dirty(), vec![0..4096]);
        assert_eq!(
            overlay.next_extent(0).unwrap(),
            Extent::new(ExtentKind::Data, 0, 4096)
        );
    }
}
