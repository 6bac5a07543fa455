//! Whether the reference counts are those of what refers to the clusters.

use vmie_io::{CancelToken, ReadAt, ReadAtExt, int};
use zerocopy::FromBytes;

use super::entry::{Entry, Place};
use super::format::{COPIED, L2_COMPRESSED, OFFSET_MASK, RawHeader, RawSnapshot, SNAPSHOT_LEN};
use super::read::Qcow2;
use crate::check::{Check, ProblemKind};
use crate::{Cause, Error, error_of};

/// `autoclear_features`: the image has dirty bitmaps, whose clusters are not looked at here.
const BITMAPS: u64 = 1;

/// Entries that are looked at in all: those of a hundred snapshots of a full disk of 2 TiB.
const MOST_ENTRIES: u64 = 1 << 32;

/// Is told of a part of the file that is referred to: where, how long, what it is, and the flag that
/// there is one reference only, where there is one.
type Tell<'a> = dyn FnMut(u64, u64, &str, Option<bool>, &mut Check) + 'a;

/// How often each cluster of the file is referred to.
struct References {
    cluster: u64,
    counts: Vec<u32>,
}

/// Which tables were looked into on one walk over an L1 table, and what all walks have cost.
struct Walk {
    entries: u64,
    seen: Vec<u64>,
}

impl Walk {
    /// Whether the table in this cluster is new to the walk.
    fn is_new(&mut self, cluster: u64) -> bool {
        let bit = 1u64 << (cluster % 64);
        match self.seen.get_mut(int::usize_of(cluster / 64)) {
            Some(word) if *word & bit == 0 => {
                *word |= bit;
                true
            }
            _ => false,
        }
    }

    /// So many entries more.
    fn spend(&mut self, entries: u64) -> Result<(), Error> {
        self.entries = self.entries.saturating_add(entries);
        match self.entries > MOST_ENTRIES {
            true => Err(Error::new(Cause::Limit).in_structure("qcow2 tables")),
            false => Ok(()),
        }
    }
}

impl References {
    /// A range of the file is referred to once more.
    fn add(&mut self, start: u64, len: u64, what: &str, check: &mut Check) {
        if len == 0 {
            return;
        }
        let last = start.saturating_add(len.saturating_sub(1));
        let (first, last) = (self.number(start), self.number(last));
        if last >= int::u64_of(self.counts.len()) {
            let detail = format!("{what} lies outside of the file");
            check.add(ProblemKind::OutsideFile, Some(start), detail);
            return;
        }
        for number in first..=last {
            if let Some(count) = self.counts.get_mut(int::usize_of(number)) {
                *count = count.saturating_add(1);
            }
        }
    }

    fn number(&self, at: u64) -> u64 {
        at.checked_div(self.cluster).unwrap_or(0)
    }
}

impl Qcow2 {
    /// Counts what refers to each cluster and compares that with the reference counts, and those
    /// with the flags that say that a cluster is referred to once ("Refcount table", "Refcounts").
    pub(crate) fn check(&self, check: &mut Check, cancel: &CancelToken) -> Result<(), Error> {
        let (source, header) = (self.file(), self.header());
        let mut bytes = [0; 112];
        source.read_up_to(&mut bytes, 0)?;
        let raw = RawHeader::ref_from_bytes(&bytes)
            .map_err(|_| Error::new(Cause::WrongFormat).at("qcow2 header", 0))?;
        let cluster = header.cluster();
        let clusters = source.len().div_ceil(cluster);
        let _charge = self.charge("reference counts", clusters.saturating_mul(9))?;
        let mut walk = Walk {
            entries: 0,
            seen: vec![0; int::usize_of(clusters.div_ceil(64))],
        };
        let mut references = References {
            cluster,
            counts: vec![0; int::usize_of(clusters)],
        };
        references.add(0, 1, "the header", check);
        references.add(
            header.l1.0,
            u64::from(header.l1.1).saturating_mul(8),
            "the L1 table",
            check,
        );
        let active = self.table_at(header.l1.0, header.l1.1)?;
        self.entries(
            &active,
            &mut walk,
            cancel,
            check,
            &mut |part, len, what, _, check| {
                references.add(part, len, what, check);
            },
        )?;
        self.snapshot_tables(&mut walk, cancel, check, &mut references)?;
        let counts = self.counts(raw, check, &mut references)?;
        let has_bitmaps = raw.autoclear_features.get() & BITMAPS != 0;
        for (number, (found, counted)) in references.counts.iter().zip(&counts).enumerate() {
            let at = Some(int::u64_of(number).saturating_mul(cluster));
            if found > counted {
                let detail = format!("counted {counted}, referred to {found} times");
                check.add(ProblemKind::Refcount, at, detail);
            } else if found < counted && !has_bitmaps {
                let detail = format!("counted {counted}, referred to {found} times");
                check.add(ProblemKind::Leak, at, detail);
            }
        }
        let count_of = |at: u64| {
            let number = at.checked_div(cluster).unwrap_or(0);
            counts.get(int::usize_of(number)).copied().unwrap_or(0)
        };
        self.entries(
            &active,
            &mut walk,
            cancel,
            &mut Check::nothing(),
            &mut |at, _, what, flag, _| {
                if let Some(flag) = flag
                    && flag != (count_of(at) == 1)
                {
                    let detail = format!(
                        "the flag of {what} says {flag}, its count is {}",
                        count_of(at)
                    );
                    check.add(ProblemKind::Refcount, Some(at), detail);
                }
            },
        )
    }

    /// A table of 64-bit words.
    fn table_at(&self, at: u64, entries: u32) -> Result<Vec<u64>, Error> {
        let len = u64::from(entries).saturating_mul(8);
        if at.saturating_add(len) > self.file().len() {
            return Err(Error::new(Cause::Qcow2Offset).at("qcow2 table", at));
        }
        let _charge = self.charge("table", len)?;
        let mut bytes = vec![0; int::usize_of(len)];
        self.file()
            .read_exact_at(&mut bytes, at)
            .map_err(error_of)?;
        let (words, _) = bytes.as_chunks::<8>();
        Ok(words.iter().map(|word| u64::from_be_bytes(*word)).collect())
    }

    /// Tells of each L2 table of an L1 table, and of what its entries refer to: where, how long,
    /// what, and the flag that there is one reference only, where there is one.
    fn entries(
        &self,
        l1: &[u64],
        walk: &mut Walk,
        cancel: &CancelToken,
        check: &mut Check,
        tell: &mut Tell<'_>,
    ) -> Result<(), Error> {
        let header = self.header();
        let cluster = header.cluster();
        let words = u32::try_from(cluster / 8).unwrap_or(0);
        walk.seen.fill(0);
        walk.spend(int::u64_of(l1.len()))?;
        for word in l1 {
            if cancel.is_cancelled() {
                return Err(Error::new(Cause::Cancelled).in_structure("check"));
            }
            let at = word & OFFSET_MASK;
            if at == 0 {
                continue;
            }
            tell(at, cluster, "an L2 table", Some(word & COPIED != 0), check);
            if !at.is_multiple_of(cluster) || at.saturating_add(cluster) > self.file().len() {
                let detail = "an entry of the L1 table is no place of a table".to_owned();
                check.add(ProblemKind::OutsideFile, Some(at), detail);
                continue;
            }
            // A table that stands in two entries is told by its count; its own entries count once.
            if !walk.is_new(at.checked_div(cluster).unwrap_or(0)) {
                continue;
            }
            walk.spend(words.into())?;
            let table = self.table_at(at, words)?;
            let step = if header.extended() { 2 } else { 1 };
            for (index, entry) in table.chunks(step).enumerate() {
                let word = entry.first().copied().unwrap_or(0);
                let bitmap = entry.get(1).copied().unwrap_or(0);
                let within = int::u64_of(index).saturating_mul(header.entry_bytes());
                let at = at.saturating_add(within);
                self.entry(Entry { word, bitmap, at }, check, tell);
            }
        }
        Ok(())
    }

    fn entry(&self, entry: Entry, check: &mut Check, tell: &mut Tell<'_>) {
        let external = self.is_external();
        if entry.word & L2_COMPRESSED != 0 {
            match entry.place(self.header(), 0, external) {
                Ok(Place::Compressed { start, len }) => {
                    tell(start, len, "a compressed cluster", None, check);
                }
                _ => {
                    let detail = "an L2 entry makes no sense".to_owned();
                    check.add(ProblemKind::Metadata, Some(entry.at), detail);
                }
            }
            return;
        }
        let place = entry.word & OFFSET_MASK;
        if !place.is_multiple_of(self.header().cluster()) {
            let detail = "an L2 entry is no place of a cluster".to_owned();
            check.add(ProblemKind::Metadata, Some(entry.at), detail);
        } else if place != 0 && !external {
            let copied = entry.word & COPIED != 0;
            tell(
                place,
                self.header().cluster(),
                "a cluster",
                Some(copied),
                check,
            );
        }
    }

    /// What the snapshots refer to.
    fn snapshot_tables(
        &self,
        walk: &mut Walk,
        cancel: &CancelToken,
        check: &mut Check,
        references: &mut References,
    ) -> Result<(), Error> {
        let (start, count) = self.header().snapshots;
        let mut at = start;
        for _ in 0..count {
            let bytes = self.file().read_array::<40>(at)?;
            let raw = RawSnapshot::ref_from_bytes(&bytes)
                .map_err(|_| Error::new(Cause::Qcow2Snapshots).at("qcow2 snapshot table", at))?;
            let (table, entries) = (raw.l1_table_offset.get(), raw.l1_size.get());
            let len = u64::from(entries).saturating_mul(8);
            references.add(table, len, "a snapshot's L1 table", check);
            match self.table_at(table, entries) {
                Ok(l1) => {
                    self.entries(&l1, walk, cancel, check, &mut |at, len, what, _, check| {
                        references.add(at, len, what, check);
                    })?
                }
                Err(error) => check.error(error)?,
            }
            let texts = u64::from(raw.extra_data_size.get())
                .saturating_add(raw.id_str_size.get().into())
                .saturating_add(raw.name_size.get().into());
            let len = SNAPSHOT_LEN.saturating_add(texts).next_multiple_of(8);
            at = at.saturating_add(len);
        }
        references.add(start, at.saturating_sub(start), "the snapshot table", check);
        Ok(())
    }

    /// The reference counts of all clusters of the file.
    fn counts(
        &self,
        raw: &RawHeader,
        check: &mut Check,
        references: &mut References,
    ) -> Result<Vec<u32>, Error> {
        let cluster = references.cluster;
        let order = match raw.version.get() {
            2 => 4,
            _ => raw.refcount_order.get(),
        };
        if order > 6 {
            return Err(Error::new(Cause::Qcow2Refcount)
                .at("qcow2 header", 96)
                .field("refcount_order")
                .found(order));
        }
        let table_at = raw.refcount_table_offset.get();
        let table_clusters = raw.refcount_table_clusters.get();
        let table_bytes = u64::from(table_clusters).saturating_mul(cluster);
        references.add(table_at, table_bytes, "the refcount table", check);
        let entries = u32::try_from(table_bytes / 8).unwrap_or(u32::MAX);
        let table = self.table_at(table_at, entries)?;
        let per_block = cluster.saturating_mul(8) >> order;
        let mut counts = Vec::with_capacity(references.counts.len());
        for place in table {
            let left = int::u64_of(references.counts.len().saturating_sub(counts.len()));
            let wanted = int::usize_of(left.min(per_block));
            if place != 0 {
                references.add(place, cluster, "a refcount block", check);
            }
            if place == 0 || place.saturating_add(cluster) > self.file().len() {
                counts.resize(counts.len().saturating_add(wanted), 0);
                continue;
            }
            let mut block = vec![0; int::usize_of(cluster)];
            self.file()
                .read_exact_at(&mut block, place)
                .map_err(error_of)?;
            counts.extend((0..wanted).map(|index| refcount(&block, order, index)));
        }
        counts.resize(references.counts.len(), 0);
        Ok(counts)
    }
}

/// The count `index` of a block whose counts have 2^`order` bits.
fn refcount(block: &[u8], order: u32, index: usize) -> u32 {
    if order < 3 {
        // Several to a byte, the first in the lowest bits.
        let bit = index << order;
        let byte = block.get(bit / 8).copied().unwrap_or(0);
        let shift = bit % 8;
        let mask = (1u32 << (1 << order)).wrapping_sub(1);
        return (u32::from(byte) >> shift) & mask;
    }
    let len = 1usize << (order.saturating_sub(3));
    let start = index.saturating_mul(len);
    let bytes = block
        .get(start..start.saturating_add(len))
        .unwrap_or_default();
    let all = bytes
        .iter()
        .fold(0u64, |sum, byte| (sum << 8) | u64::from(*byte));
    u32::try_from(all).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::refcount;

    #[test]
    fn counts_of_all_widths_are_read() {
        assert_eq!(refcount(&[0b1010_0001], 0, 0), 1);
        assert_eq!(refcount(&[0b1010_0001], 0, 7), 1);
        assert_eq!(refcount(&[0b1010_0001], 1, 2), 2);
        assert_eq!(refcount(&[0x21], 2, 1), 2);
        assert_eq!(refcount(&[1, 7], 3, 1), 7);
        assert_eq!(refcount(&[0, 1, 1, 0], 4, 1), 256);
        assert_eq!(refcount(&[0, 0, 0, 9], 5, 0), 9);
        assert_eq!(refcount(&[1, 0, 0, 0, 0, 0, 0, 0], 6, 0), u32::MAX);
    }
}
