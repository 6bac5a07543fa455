//! Replaying: what committed transactions wrote is written to its place, in an overlay.

use std::collections::BTreeMap;
use std::sync::Arc;

use vmie_io::{Budget, Charge, Overlay, ReadAt, WriteAt, int};
use zerocopy::FromBytes;

use super::format::{
    BB, BLF_CHUNK, BufFlags, BufLogFormat, IcreateLog, MAX_ICREATE, XFS_LI_ATTRD, XFS_LI_ATTRI,
    XFS_LI_BUD, XFS_LI_BUF, XFS_LI_BUI, XFS_LI_CUD, XFS_LI_DQUOT, XFS_LI_EFD, XFS_LI_EFI,
    XFS_LI_ICREATE, XFS_LI_INODE, XFS_LI_QUOTAOFF, XFS_LI_RUI, XFS_LI_XMD, XFS_LI_XMI,
};
use super::inode;
use super::intent::Intents;
use super::stamps::lsn_of;
use super::transaction::{Item, Transaction};
use super::{Recovered, stamp};
use crate::xfs::format::{DINODE_CRC_OFFSET, DINODE_V2_LEN, DINODE_V3_LEN, XFS_DINODE_MAGIC};
use crate::xfs::geometry::Geometry;
use crate::{Cause, Error};

/// What a cancelled buffer costs in the table of them.
const CANCEL_COST: u64 = 64;

/// Buffers whose earlier contents must not be replayed, by place and length in the log's own
/// units, and how often that was said.
#[derive(Default)]
pub(super) struct Cancelled {
    counts: BTreeMap<(u64, u16), u32>,
    charges: Vec<Charge>,
}

impl Cancelled {
    /// Notes what a transaction cancels.
    pub(super) fn note(&mut self, transaction: &Transaction, budget: &Budget) -> Result<(), Error> {
        for item in &transaction.items {
            if item.kind() != XFS_LI_BUF {
                continue;
            }
            let Ok((format, _)) = BufLogFormat::read_from_prefix(item.region(0)) else {
                continue;
            };
            if BufFlags::from_bits_retain(format.blf_flags.get()).contains(BufFlags::CANCEL) {
                self.charges.push(budget.memory("log", CANCEL_COST)?);
                let key = (format.blf_blkno.get(), format.blf_len.get());
                let count = self.counts.entry(key).or_default();
                *count = count.saturating_add(1);
            }
        }
        Ok(())
    }

    pub(super) fn contains(&self, place: u64, len: u16) -> bool {
        self.counts.contains_key(&(place, len))
    }

    fn any_in(&self, from: u64, to: u64) -> bool {
        self.counts.range((from, 0)..(to, 0)).next().is_some()
    }

    /// From here on the buffer is something new.
    fn passed(&mut self, place: u64, len: u16) {
        let key = (place, len);
        if let Some(count) = self.counts.get_mut(&key) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.counts.remove(&key);
            }
        }
    }
}

/// Writes transactions to their places.
pub(super) struct Replay<'a> {
    pub(super) geometry: &'a Geometry,
    pub(super) overlay: Overlay<Arc<dyn ReadAt>>,
    pub(super) budget: &'a Budget,
    pub(super) cancelled: Cancelled,
    pub(super) intents: Intents,
    pub(super) recovered: Recovered,
}

/// In which order the items of one transaction are replayed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    /// What buffers hold, and new inodes.
    Buffer,
    /// Inodes on top of that, and everything else.
    Other,
    /// The lists of unlinked inodes.
    InodeBuffer,
    /// What is not there any more.
    Cancel,
}

fn turn(item: &Item) -> Turn {
    match item.kind() {
        XFS_LI_ICREATE => Turn::Buffer,
        XFS_LI_BUF => {
            let format = BufLogFormat::read_from_prefix(item.region(0));
            let flags = format.map_or(0, |(format, _)| format.blf_flags.get());
            let flags = BufFlags::from_bits_retain(flags);
            if flags.contains(BufFlags::CANCEL) {
                Turn::Cancel
            } else if flags.contains(BufFlags::INODE_BUF) {
                Turn::InodeBuffer
            } else {
                Turn::Buffer
            }
        }
        _ => Turn::Other,
    }
}

impl Replay<'_> {
    /// Replays a transaction, whose commit is in the record at byte `at`.
    pub(super) fn transaction(&mut self, transaction: &Transaction, at: u64) -> Result<(), Error> {
        let mut items: Vec<&Item> = transaction.items.iter().collect();
        items.sort_by_key(|item| turn(item));
        for item in items {
            self.budget.work("log", 4)?;
            self.item(item, transaction.lsn)
                .map_err(|what| what.into_error(at))?;
        }
        Ok(())
    }

    fn item(&mut self, item: &Item, lsn: u64) -> Result<(), Wrong> {
        match item.kind() {
            XFS_LI_BUF => self.buffer(item, lsn),
            XFS_LI_INODE => inode::replay(self, item, lsn),
            XFS_LI_ICREATE => self.icreate(item),
            XFS_LI_BUI => self
                .intents
                .map_changes(item.region(0))
                .ok_or(Wrong::Field("bui_size", 0)),
            XFS_LI_ATTRI => self
                .intents
                .inodes(item.region(0), &[16])
                .ok_or(Wrong::Field("alfi_ino", 0)),
            XFS_LI_XMI => self
                .intents
                .inodes(item.region(0), &[16, 24])
                .ok_or(Wrong::Field("xmi_inode1", 0)),
            XFS_LI_BUD | XFS_LI_ATTRD | XFS_LI_XMD => {
                self.intents.done(item.region(0));
                Ok(())
            }
            // Quotas, and what becomes of free space, change no file.
            XFS_LI_DQUOT | XFS_LI_QUOTAOFF | XFS_LI_EFI | XFS_LI_EFD | XFS_LI_RUI..=XFS_LI_CUD => {
                Ok(())
            }
            kind => Err(Wrong::Feature("item type", kind.into())),
        }
    }

    fn buffer(&mut self, item: &Item, lsn: u64) -> Result<(), Wrong> {
        let wrong = |field, found: u64| Wrong::Field(field, found);
        let (format, map) =
            BufLogFormat::read_from_prefix(item.region(0)).map_err(|_| wrong("blf_size", 0))?;
        let (place, blocks) = (format.blf_blkno.get(), format.blf_len.get());
        let flags = BufFlags::from_bits_retain(format.blf_flags.get());
        if flags.contains(BufFlags::CANCEL) {
            self.cancelled.passed(place, blocks);
            return Ok(());
        }
        let quota = BufFlags::UDQUOT_BUF | BufFlags::PDQUOT_BUF | BufFlags::GDQUOT_BUF;
        let skipped = BufFlags::INODE_BUF | quota;
        if flags.intersects(skipped) || self.cancelled.contains(place, blocks) {
            return Ok(());
        }
        let len = usize::from(blocks).saturating_mul(BB);
        let at = self
            .geometry
            .basic(place, int::u64_of(len))
            .filter(|_| len > 0)
            .ok_or(wrong("blf_blkno", place))?;
        if self.geometry.checksums {
            let mut head = [0; BB];
            self.overlay.read_exact_at(&mut head, at)?;
            if lsn_of(&head, &self.geometry.meta_uuid).is_some_and(|newer| newer >= lsn) {
                return Ok(());
            }
        }
        let words = int::usize_of(format.blf_map_size.get().into());
        let map = map
            .get(..words.saturating_mul(4))
            .ok_or(wrong("blf_map_size", int::u64_of(words)))?;
        for (run, region) in runs(map).zip(1..) {
            let bytes = item.region(region);
            let start = run.0.saturating_mul(BLF_CHUNK);
            let end = start.saturating_add(run.1.saturating_mul(BLF_CHUNK));
            let part = bytes.get(..end.saturating_sub(start)).unwrap_or(bytes);
            if end > len {
                return Err(wrong("blf_data_map", int::u64_of(end)));
            }
            self.overlay
                .write_all_at(part, at.saturating_add(int::u64_of(start)))?;
        }
        self.recovered.add(at, int::u64_of(len), self.budget)?;
        Ok(())
    }

    /// New inodes, all free as yet; what the log says of each comes after.
    fn icreate(&mut self, item: &Item) -> Result<(), Wrong> {
        let (log, _) = IcreateLog::read_from_prefix(item.region(0))
            .map_err(|_| Wrong::Field("icl_size", 0))?;
        let geometry = self.geometry;
        let (count, size) = (log.icl_count.get(), log.icl_isize.get());
        let bytes = u64::from(count).saturating_mul(size.into());
        let fits = int::usize_of(size.into()) == geometry.inode_len()
            && (1..=MAX_ICREATE).contains(&count)
            && bytes == u64::from(log.icl_length.get()) << geometry.block_log;
        if !fits {
            return Err(Wrong::Field("icl_count", count.into()));
        }
        let first = geometry.inode_number(log.icl_ag.get(), log.icl_agbno.get());
        let at = geometry
            .inode_at(first)
            .filter(|at| at.saturating_add(bytes) <= geometry.blocks << geometry.block_log)
            .ok_or(Wrong::Field("icl_agbno", log.icl_agbno.get().into()))?;
        let basic = at >> 9;
        if self
            .cancelled
            .any_in(basic, basic.saturating_add(bytes >> 9))
        {
            return Ok(());
        }
        let mut number = first;
        for place in (at..at.saturating_add(bytes)).step_by(geometry.inode_len()) {
            let inode = free_inode(geometry, number, log.icl_gen.get());
            self.overlay.write_all_at(&inode, place)?;
            number = number.saturating_add(1);
        }
        Ok(())
    }
}

/// An inode that is not in use.
fn free_inode(geometry: &Geometry, number: u64, generation: u32) -> Vec<u8> {
    let mut inode = vec![0; geometry.inode_len()];
    let mut put = |at: usize, bytes: &[u8]| {
        let end = at.saturating_add(bytes.len());
        if let Some(field) = inode.get_mut(at..end) {
            field.copy_from_slice(bytes);
        }
    };
    put(0, &XFS_DINODE_MAGIC.to_be_bytes());
    put(4, &[if geometry.checksums { 3 } else { 2 }]);
    put(92, &generation.to_be_bytes());
    // The end of the list of unlinked inodes.
    put(DINODE_V2_LEN.saturating_sub(4), &[0xff; 4]);
    if geometry.checksums {
        put(DINODE_V3_LEN.saturating_sub(24), &number.to_be_bytes());
        put(DINODE_V3_LEN.saturating_sub(16), &geometry.meta_uuid);
        stamp(&mut inode, DINODE_CRC_OFFSET);
    }
    inode
}

/// Runs of set bits: where they start and how many. Bits count from the lowest of each little-endian
/// word.
fn runs(map: &[u8]) -> impl Iterator<Item = (usize, usize)> + '_ {
    let bits = map.len().saturating_mul(8);
    let set = move |bit: usize| {
        map.get(bit / 8)
            .is_some_and(|byte| (byte >> (bit % 8)) & 1 != 0)
    };
    let mut next = 0usize;
    std::iter::from_fn(move || {
        let start = (next..bits).find(|bit| set(*bit))?;
        let len = (start..bits).take_while(|bit| set(*bit)).count();
        next = start.saturating_add(len);
        Some((start, len))
    })
}

/// What is wrong with an item.
pub(super) enum Wrong {
    /// A field cannot be what it is.
    Field(&'static str, u64),
    /// It is of a kind that is not understood.
    Feature(&'static str, u64),
    /// Something else, which says itself where.
    Error(Error),
}

impl<E: Into<Error>> From<E> for Wrong {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

impl Wrong {
    fn into_error(self, at: u64) -> Error {
        let (cause, field, found) = match self {
            Self::Field(field, found) => (Cause::Journal, field, found),
            Self::Feature(field, found) => (Cause::Feature, field, found),
            Self::Error(error) => return error,
        };
        Error::new(cause)
            .at("XFS log item", at)
            .field(field)
            .found(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_bits_go_over_words() {
        let map = [0b1000_0110, 0, 0, 0x80, 0x01, 0, 0, 0];
        let found: Vec<_> = runs(&map).collect();
        assert_eq!(found, [(1, 2), (7, 1), (31, 2)]);
        assert_eq!(runs(&[]).count(), 0);
    }
}
