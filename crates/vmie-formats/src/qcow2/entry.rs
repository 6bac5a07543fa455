//! What an L2 entry says.

use super::format::{COPIED, L2_COMPRESSED, L2_ZERO, OFFSET_MASK, SECTOR};
use super::header::Header;
use crate::{Cause, Error};

/// Where a cluster is, or the part of it that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Never written: the backing file shows, or zeroes.
    Hole,
    /// All zero.
    Zero,
    /// Stored as it is from this byte of the file with the clusters on.
    At(u64),
    /// Compressed, from this byte of the image on, in at most so many bytes.
    Compressed { start: u64, len: u64 },
}

/// The two words of an L2 entry; the second is zero where entries have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) word: u64,
    pub(super) bitmap: u64,
    /// Where it stands in the image.
    pub(super) at: u64,
}

impl Entry {
    /// What the entry says of the subcluster `index` (0 where there are none). `external` is
    /// whether clusters are in another file, whose first cluster may be in use.
    pub(super) fn place(
        &self,
        header: &Header,
        index: u32,
        external: bool,
    ) -> Result<Place, Error> {
        if self.word & L2_COMPRESSED != 0 {
            return self.compressed(header, external);
        }
        let offset = self.word & OFFSET_MASK;
        if !offset.is_multiple_of(header.cluster()) {
            return Err(self.fault(Cause::Qcow2Entry));
        }
        let allocated = offset != 0 || (external && self.word & COPIED != 0);
        if !header.extended() {
            return Ok(if header.version >= 3 && self.word & L2_ZERO != 0 {
                Place::Zero
            } else if allocated {
                Place::At(offset)
            } else {
                Place::Hole
            });
        }
        let has = self.bitmap >> index & 1 == 1;
        let zero = self.bitmap >> index >> 32 & 1 == 1;
        match (has, zero) {
            (false, true) => Ok(Place::Zero),
            (false, false) => Ok(Place::Hole),
            (true, false) if allocated => {
                let within = u64::from(index).saturating_mul(header.unit());
                Ok(Place::At(offset.saturating_add(within)))
            }
            // Both bits, or data that is nowhere.
            (true, _) => Err(self.fault(Cause::Qcow2Entry)),
        }
    }

    fn compressed(&self, header: &Header, external: bool) -> Result<Place, Error> {
        // Compressed clusters are never in another file, and have no subclusters.
        if external || self.bitmap != 0 {
            return Err(self.fault(Cause::Qcow2Entry));
        }
        // "Compressed Clusters Descriptor": x = 62 - (cluster_bits - 8). The header's check keeps
        // x between 49 and 61.
        let x = 70u32.saturating_sub(header.cluster_bits);
        let offsets = (1u64 << x).saturating_sub(1);
        let start = self.word & offsets;
        let more = (self.word & !(L2_COMPRESSED | COPIED)) >> x;
        let len = more
            .saturating_add(1)
            .saturating_mul(SECTOR)
            .saturating_sub(start % SECTOR);
        Ok(Place::Compressed { start, len })
    }

    fn fault(&self, cause: Cause) -> Error {
        Error::new(cause)
            .at("qcow2 L2 table", self.at)
            .field("entry")
            .found(self.word)
    }
}
