//! Reading data and holding it against its checksums ("Checksum tree").

use vmie_io::int;

use super::extent::Packed;
use super::format::{EXTENT_CSUM, EXTENT_CSUM_OBJECTID, Key};
use super::open::Btrfs;
use super::pool::{unmapped, worse};
use super::tree::Cursor;
use crate::{Cause, Error};

const STRUCTURE: &str = "Btrfs file data";

/// The checksums of some sectors, one after the other; `None` where there is none.
type Sums = Vec<Option<[u8; 32]>>;

impl Btrfs {
    /// Reads whole sectors. Where the data has checksums, what does not match is taken from another
    /// copy.
    pub(super) fn read_data(&self, buf: &mut [u8], logical: u64, sums: bool) -> Result<(), Error> {
        if !sums {
            return self.read_unchecked(buf, logical);
        }
        let sums = self.sums(logical, int::u64_of(buf.len()))?;
        let physical = match self.pool.read(buf, logical, 0, "data") {
            Ok(physical) => Some(physical),
            Err(_) if self.pool.ways(logical, "data")? > 1 => None,
            Err(error) => return Err(error),
        };
        let sector = int::usize_of(self.pool.sector.into());
        let checksum = self.pool.checksum();
        for (index, (part, sum)) in (0u64..).zip(buf.chunks_mut(sector).zip(&sums)) {
            let matches = |part: &[u8]| sum.is_some_and(|sum| checksum.matches(part, &sum));
            let within = index.saturating_mul(self.pool.sector.into());
            if physical.is_none() || !matches(part) {
                let at = logical.saturating_add(within);
                self.repair(part, at, sum.is_some(), matches)?;
            }
        }
        Ok(())
    }

    fn read_unchecked(&self, buf: &mut [u8], logical: u64) -> Result<(), Error> {
        let mut first = None;
        for way in 0..self.pool.ways(logical, "data")? {
            match self.pool.read(buf, logical, way, "data") {
                Ok(_) => return Ok(()),
                Err(error) => first = worse(first, error),
            }
        }
        Err(first.unwrap_or_else(|| unmapped("data", logical)))
    }

    /// Reads one sector in every way until one matches.
    fn repair(
        &self,
        part: &mut [u8],
        logical: u64,
        has_sum: bool,
        matches: impl Fn(&[u8]) -> bool,
    ) -> Result<(), Error> {
        let mut first = None;
        for way in 0..self.pool.ways(logical, "data")? {
            self.pool.budget.work("file data", 1)?;
            match self.pool.read(part, logical, way, "data") {
                Ok(_) if matches(part) => return Ok(()),
                Ok(physical) => {
                    let field = if has_sum { "checksum" } else { "no checksum" };
                    let error = Error::new(Cause::Checksum)
                        .at(STRUCTURE, physical)
                        .field(field)
                        .found(logical);
                    first = worse(first, error);
                }
                Err(error) => first = worse(first, error),
            }
        }
        Err(first.unwrap_or_else(|| unmapped("data", logical)))
    }

    /// The checksums of the sectors from a logical address on.
    fn sums(&self, logical: u64, len: u64) -> Result<Sums, Error> {
        let sector = u64::from(self.pool.sector);
        let size = self.pool.checksum().size();
        let count = len.div_ceil(sector);
        let mut sums: Sums = vec![None; int::usize_of(count)];
        let end = logical.saturating_add(len);
        for root in &self.csum_roots {
            let key = Key::new(EXTENT_CSUM_OBJECTID, EXTENT_CSUM, logical);
            let mut cursor = Cursor::at_or_before(&self.pool, root, key)?;
            while let Some((key, data)) = cursor.item() {
                let ours = key.objectid == EXTENT_CSUM_OBJECTID && key.kind == EXTENT_CSUM;
                if ours && key.offset >= end {
                    break;
                }
                if ours {
                    // Sectors between the item's start and ours, on either side.
                    let skip = logical.saturating_sub(key.offset).div_ceil(sector);
                    let into = key.offset.saturating_sub(logical).div_ceil(sector);
                    let from = data.chunks_exact(size).skip(int::usize_of(skip));
                    for (to, from) in sums.iter_mut().skip(int::usize_of(into)).zip(from) {
                        let mut sum = [0; 32];
                        for (to, from) in sum.iter_mut().zip(from) {
                            *to = *from;
                        }
                        *to = Some(sum);
                    }
                }
                cursor.advance(&self.pool)?;
            }
        }
        Ok(sums)
    }

    /// What a compressed extent expands to.
    pub(super) fn unpack(&self, packed: &Packed, sums: bool) -> Result<Vec<u8>, Error> {
        let mut input = vec![0; int::usize_of(packed.disk_len)];
        self.read_data(&mut input, packed.logical, sums)?;
        let mut output = vec![0; int::usize_of(packed.ram_len)];
        packed
            .compression
            .expand(&input, &mut output, self.pool.sector)
            .ok_or_else(|| {
                Error::new(Cause::Compressed)
                    .in_structure(STRUCTURE)
                    .field("logical address")
                    .found(packed.logical)
            })?;
        Ok(output)
    }
}
