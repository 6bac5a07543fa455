//! Chunks: where on which devices a logical address is ("Chunk tree").

use std::collections::BTreeMap;

use vmie_io::{Budget, Charge, int};

use super::format::{BlockGroup, BtrfsChunk, BtrfsStripe, STRIPE_LEN, split};
use crate::{Cause, Error};

const STRUCTURE: &str = "Btrfs chunk";

/// A part of a chunk on one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stripe {
    pub(super) devid: u64,
    pub(super) uuid: [u8; 16],
    /// The byte of the device that it starts at.
    pub(super) offset: u64,
}

/// A range of logical addresses and where it is. It has as many stripes as its profile wants, at
/// least one, and does not wrap around.
#[derive(Clone, Debug)]
pub(super) struct Chunk {
    pub(super) start: u64,
    pub(super) len: u64,
    pub(super) flags: BlockGroup,
    pub(super) stripes: Vec<Stripe>,
    /// Stripes that hold the same: 1, but for RAID10.
    sub_stripes: u64,
}

/// A place on a device that holds a logical address, and how far it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) stripe: Stripe,
    pub(super) physical: u64,
    pub(super) len: u64,
}

impl Chunk {
    /// Reads a chunk that starts at a logical address, and says what follows it.
    pub(super) fn parse(start: u64, bytes: &[u8], sector: u64) -> Result<(Self, &[u8]), Error> {
        let wrong = |name, found: u64| {
            Error::new(Cause::Value)
                .in_structure(STRUCTURE)
                .field(name)
                .found(found)
        };
        let (raw, mut rest) =
            split::<BtrfsChunk>(bytes).ok_or_else(|| wrong("size", int::u64_of(bytes.len())))?;
        let len = raw.length.get();
        let aligned = |n: u64| n.checked_rem(sector) == Some(0);
        if len == 0 || !aligned(len) || !aligned(start) || start.checked_add(len).is_none() {
            return Err(wrong("length", len));
        }
        if raw.stripe_len.get() != STRIPE_LEN {
            return Err(wrong("stripe_len", raw.stripe_len.get()));
        }
        let flags = BlockGroup::from_bits_retain(raw.chunk_type.get());
        let unknown = flags.difference(BlockGroup::all());
        if !unknown.is_empty() || !flags.intersects(BlockGroup::TYPES) {
            return Err(wrong("type", flags.bits()));
        }
        let count = u64::from(raw.num_stripes.get());
        let sub_stripes = shape(flags, count, raw.sub_stripes.get().into())
            .ok_or_else(|| wrong("num_stripes", count))?;
        let mut stripes = Vec::new();
        for _ in 0..count {
            let (stripe, after) =
                split::<BtrfsStripe>(rest).ok_or_else(|| wrong("num_stripes", count))?;
            rest = after;
            stripes.push(Stripe {
                devid: stripe.devid.get(),
                uuid: stripe.dev_uuid,
                offset: stripe.offset.get(),
            });
        }
        let chunk = Self {
            start,
            len,
            flags,
            stripes,
            sub_stripes,
        };
        Ok((chunk, rest))
    }

    fn profile(&self) -> BlockGroup {
        self.flags.intersection(BlockGroup::PROFILES)
    }

    /// How often everything is there.
    pub(super) fn copies(&self) -> u64 {
        let profile = self.profile();
        if profile == BlockGroup::RAID10 {
            self.sub_stripes
        } else if profile.is_empty() || profile == BlockGroup::RAID0 || self.parity() > 0 {
            1
        } else {
            int::u64_of(self.stripes.len())
        }
    }

    /// Stripes of a row that hold parity.
    pub(super) fn parity(&self) -> u64 {
        match self.profile() {
            BlockGroup::RAID5 => 1,
            BlockGroup::RAID6 => 2,
            _ => 0,
        }
    }

    /// Bytes of devices for one byte of data, as a fraction.
    pub(super) fn cost(&self) -> (u64, u64) {
        let n = int::u64_of(self.stripes.len());
        match self.parity() {
            0 => (self.copies(), 1),
            parity => (n, n.saturating_sub(parity)),
        }
    }

    /// Where a copy of a logical address of this chunk is. `None` when there is no such copy.
    pub(super) fn place(&self, logical: u64, copy: u64) -> Option<Place> {
        let within = logical.checked_sub(self.start).filter(|n| *n < self.len)?;
        let rest = self.len.saturating_sub(within);
        if copy >= self.copies() {
            return None;
        }
        let n = int::u64_of(self.stripes.len());
        let (row, column, striped) = match self.profile() {
            BlockGroup::RAID0 => striped(within, n)?,
            BlockGroup::RAID10 => {
                let (row, column, at) = striped(within, n.checked_div(self.sub_stripes)?)?;
                let column = column.checked_mul(self.sub_stripes)?.checked_add(copy)?;
                (row, column, at)
            }
            BlockGroup::RAID5 | BlockGroup::RAID6 => {
                let (row, column, at) = striped(within, n.checked_sub(self.parity())?)?;
                // The row's stripes move on by one device from row to row.
                (row, row.checked_add(column)?.checked_rem(n)?, at)
            }
            _ => return self.at(copy, within, rest),
        };
        let at = row.checked_mul(STRIPE_LEN)?.checked_add(striped)?;
        self.at(column, at, rest.min(STRIPE_LEN.saturating_sub(striped)))
    }

    /// The places whose exclusive-or is what the place of a logical address holds, where the
    /// profile has parity: the others of its row, but not the second parity of RAID6.
    pub(super) fn parity_places(&self, logical: u64) -> Option<Vec<Place>> {
        let own = self.place(logical, 0)?;
        let n = int::u64_of(self.stripes.len());
        let data = n.checked_sub(self.parity()).filter(|_| self.parity() > 0)?;
        let within = logical.checked_sub(self.start)?;
        let (row, own_column, striped) = striped(within, data)?;
        let at = row.checked_mul(STRIPE_LEN)?.checked_add(striped)?;
        let others = (0..=data).filter(|column| *column != own_column);
        others
            .map(|column| {
                let column = row.checked_add(column)?.checked_rem(n)?;
                self.at(column, at, own.len)
            })
            .collect()
    }

    fn at(&self, column: u64, within: u64, len: u64) -> Option<Place> {
        let stripe = *self.stripes.get(int::usize_of(column))?;
        Some(Place {
            stripe,
            physical: stripe.offset.checked_add(within)?,
            len,
        })
    }
}

/// The row and column of a byte that is spread over so many columns, and the byte within its
/// stripe element.
fn striped(within: u64, columns: u64) -> Option<(u64, u64, u64)> {
    let element = within.checked_div(STRIPE_LEN)?;
    Some((
        element.checked_div(columns)?,
        element.checked_rem(columns)?,
        within.checked_rem(STRIPE_LEN)?,
    ))
}

/// Whether a profile can have so many stripes; gives how many of them hold the same side by side.
fn shape(flags: BlockGroup, count: u64, sub_stripes: u64) -> Option<u64> {
    let profile = flags.intersection(BlockGroup::PROFILES);
    let fits = match profile {
        p if p.is_empty() => count == 1,
        BlockGroup::RAID0 => count >= 1,
        BlockGroup::DUP | BlockGroup::RAID1 => count == 2,
        BlockGroup::RAID1C3 => count == 3,
        BlockGroup::RAID1C4 => count == 4,
        BlockGroup::RAID10 => {
            let pairs = sub_stripes == 2 && count.checked_rem(2) == Some(0) && count >= 2;
            return pairs.then_some(2);
        }
        BlockGroup::RAID5 => count >= 2,
        BlockGroup::RAID6 => count >= 3,
        _ => false,
    };
    fits.then_some(1)
}

/// All chunks by their first address. They do not overlap.
#[derive(Default)]
pub(super) struct Chunks {
    by_start: BTreeMap<u64, Chunk>,
    charges: Vec<Charge>,
}

impl Chunks {
    /// Adds a chunk; one that starts where another does takes its place.
    pub(super) fn add(&mut self, chunk: Chunk, budget: &Budget) -> Result<(), Error> {
        let overlaps = |other: &Chunk| {
            other.start != chunk.start
                && other.start < chunk.start.saturating_add(chunk.len)
                && chunk.start < other.start.saturating_add(other.len)
        };
        let before = self.by_start.range(..chunk.start).next_back();
        let after = self
            .by_start
            .range(chunk.start..)
            .find(|(at, _)| **at != chunk.start);
        if before.is_some_and(|(_, c)| overlaps(c)) || after.is_some_and(|(_, c)| overlaps(c)) {
            return Err(Error::new(Cause::Value)
                .in_structure(STRUCTURE)
                .field("offset")
                .found(chunk.start));
        }
        let stripes = chunk.stripes.len().saturating_mul(size_of::<Stripe>());
        let bytes = size_of::<Chunk>().saturating_add(stripes);
        self.charges
            .push(budget.memory("chunk tree", int::u64_of(bytes))?);
        self.by_start.insert(chunk.start, chunk);
        Ok(())
    }

    /// The chunk that holds a logical address.
    pub(super) fn find(&self, logical: u64) -> Option<&Chunk> {
        let (_, chunk) = self.by_start.range(..=logical).next_back()?;
        (logical.saturating_sub(chunk.start) < chunk.len).then_some(chunk)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Chunk> {
        self.by_start.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(flags: BlockGroup, stripes: u64, sub_stripes: u64) -> Chunk {
        assert_eq!(shape(flags, stripes, sub_stripes), Some(sub_stripes));
        let stripes = (0..stripes).map(|i| Stripe {
            devid: i + 1,
            uuid: [0; 16],
            offset: (i + 1) << 30,
        });
        Chunk {
            start: 1 << 20,
            len: 16 << 20,
            flags: flags | BlockGroup::DATA,
            stripes: stripes.collect(),
            sub_stripes,
        }
    }

    fn at(chunk: &Chunk, within: u64, copy: u64) -> (u64, u64, u64) {
        let place = chunk.place((1 << 20) + within, copy).unwrap();
        let within = place.physical - place.stripe.offset;
        (place.stripe.devid, within, place.len)
    }

    const K: u64 = 1024;

    #[test]
    fn every_profile_finds_its_bytes() {
        let single = chunk(BlockGroup::empty(), 1, 1);
        assert_eq!(at(&single, 100 * K, 0), (1, 100 * K, (16 << 20) - 100 * K));
        assert_eq!(single.place((1 << 20) + 5, 1), None);
        assert_eq!(single.place(17 << 20, 0), None);
        let mirrored = chunk(BlockGroup::RAID1C3, 3, 1);
        assert_eq!(at(&mirrored, 70 * K, 2), (3, 70 * K, (16 << 20) - 70 * K));
        let raid0 = chunk(BlockGroup::RAID0, 3, 1);
        // Element 4 is the second of row 1.
        assert_eq!(at(&raid0, 4 * 64 * K + 5, 0), (2, 64 * K + 5, 64 * K - 5));
        let raid10 = chunk(BlockGroup::RAID10, 4, 2);
        assert_eq!(at(&raid10, 3 * 64 * K, 0), (3, 64 * K, 64 * K));
        assert_eq!(at(&raid10, 3 * 64 * K, 1), (4, 64 * K, 64 * K));
        let raid5 = chunk(BlockGroup::RAID5, 3, 1);
        // Row 1 starts on the second device: data on 2 and 3, parity on 1.
        assert_eq!(at(&raid5, 2 * 64 * K, 0).0, 2);
        assert_eq!(at(&raid5, 3 * 64 * K, 0).0, 3);
        let places = raid5.parity_places((1 << 20) + 3 * 64 * K).unwrap();
        let devices: Vec<u64> = places.iter().map(|p| p.stripe.devid).collect();
        assert_eq!(devices, [2, 1]);
        let raid6 = chunk(BlockGroup::RAID6, 4, 1);
        let places = raid6.parity_places(1 << 20).unwrap();
        let devices: Vec<u64> = places.iter().map(|p| p.stripe.devid).collect();
        assert_eq!(devices, [2, 3]);
        assert_eq!(raid6.cost(), (4, 2));
    }

    #[test]
    fn shapes_that_cannot_be() {
        for (flags, count, sub) in [
            (BlockGroup::empty(), 2, 1),
            (BlockGroup::RAID0, 0, 1),
            (BlockGroup::RAID1, 3, 1),
            (BlockGroup::RAID10, 3, 2),
            (BlockGroup::RAID10, 4, 0),
            (BlockGroup::RAID5, 1, 1),
            (BlockGroup::RAID6, 2, 1),
            (BlockGroup::RAID0 | BlockGroup::RAID1, 2, 1),
        ] {
            assert_eq!(shape(flags, count, sub), None, "{flags:?}");
        }
    }

    #[test]
    fn chunks_may_not_overlap() {
        let budget = Budget::default();
        let mut chunks = Chunks::default();
        chunks
            .add(chunk(BlockGroup::empty(), 1, 1), &budget)
            .unwrap();
        // The same again: it was in the superblock, too.
        chunks
            .add(chunk(BlockGroup::empty(), 1, 1), &budget)
            .unwrap();
        let mut other = chunk(BlockGroup::empty(), 1, 1);
        other.start = 16 << 20;
        let error = chunks.add(other, &budget).unwrap_err();
        assert_eq!(
            (error.cause(), error.field_name()),
            (Cause::Value, "offset")
        );
        assert!(chunks.find(1 << 20).is_some());
        assert!(chunks.find((17 << 20) - 1).is_some());
        assert!(chunks.find(17 << 20).is_none() && chunks.find(5).is_none());
    }
}
