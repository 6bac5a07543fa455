//! What random access needs to know of a sparse extent, whatever its kind.

use super::format::{GTE_HOLE, GTE_ZERO, SECTOR, SESPARSE_ENTRIES};
use super::header::{Grains, Header};

/// A sparse extent's numbers, checked: what later arithmetic relies on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) grains: Grains,
    /// Entries of a grain table; not zero.
    pub(super) entries: u64,
    pub(super) coding: Coding,
    /// Whether the grains are compressed, each behind its marker.
    pub(super) compressed: bool,
}

/// How table entries say where something is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Coding {
    /// Sector numbers of 32 bits.
    Sectors {
        /// Whether the sector number 1 means zeroes.
        zeroed: bool,
    },
    /// 64 bits: a kind and a number, counted within the extent's regions.
    SeSparse {
        /// Byte offset of the first grain table.
        tables_at: u64,
        /// How many grain tables there is room for.
        tables: u64,
        /// Byte offset of the first grain.
        grains_at: u64,
    },
}

/// What a table entry says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// Nobody wrote it: the parent shows.
    Hole,
    /// Zeroes.
    Zero,
    /// It starts at this byte of the file.
    At(u64),
    /// Nothing that is known.
    Bad,
}

/// The kind of an SEsparse entry, its uppermost four bits.
const KIND_SHIFT: u32 = 60;
const KIND_UNMAPPED: u64 = 1;
const KIND_ZERO: u64 = 2;
const KIND_GRAIN: u64 = 3;
/// All of a directory entry of an SEsparse extent but the table's number.
const TABLE_KIND: u64 = 0xffff_ffff_0000_0000;
const TABLE_THERE: u64 = 0x1000_0000_0000_0000;
/// The number of a grain is stored turned: its lowest 12 bits are bits 48 to 59.
const GRAIN_LOW: u64 = 0x0fff_0000_0000_0000;
const GRAIN_HIGH: u64 = 0x0000_ffff_ffff_ffff;

impl Shape {
    /// The shape of a hosted sparse extent.
    pub(super) fn hosted(header: &Header) -> Self {
        Self {
            grains: header.grains(),
            entries: u64::from(header.entries).max(1),
            coding: Coding::Sectors {
                zeroed: header.zeroed_grains,
            },
            compressed: header.compressed,
        }
    }

    /// Bytes of the disk that one grain table covers; not zero.
    pub(super) fn table_span(&self) -> u64 {
        self.grains.grain_bytes.saturating_mul(self.entries).max(1)
    }

    /// How many grain tables there are: entries of the grain directory.
    pub(super) fn tables(&self) -> u64 {
        self.grains.disk_bytes.div_ceil(self.table_span())
    }

    /// Bytes of a table entry.
    pub(super) fn entry_bytes(&self) -> u64 {
        match self.coding {
            Coding::Sectors { .. } => 4,
            Coding::SeSparse { .. } => 8,
        }
    }

    /// Bytes of a grain table in the file.
    pub(super) fn table_bytes(&self) -> u64 {
        self.entries.saturating_mul(self.entry_bytes())
    }

    /// Where a grain table is, by its entry of the grain directory.
    pub(super) fn table(&self, raw: u64) -> Entry {
        match self.coding {
            Coding::Sectors { zeroed } => sector(raw, zeroed),
            Coding::SeSparse { .. } if raw == 0 => Entry::Hole,
            Coding::SeSparse {
                tables_at, tables, ..
            } => {
                let number = raw & !TABLE_KIND;
                if raw & TABLE_KIND != TABLE_THERE || number >= tables {
                    return Entry::Bad;
                }
                at(tables_at, number, self.table_bytes())
            }
        }
    }

    /// Where a grain is, by its entry of a grain table.
    pub(super) fn grain(&self, raw: u64) -> Entry {
        match self.coding {
            Coding::Sectors { zeroed } => sector(raw, zeroed),
            Coding::SeSparse { grains_at, .. } => match raw >> KIND_SHIFT {
                0 if raw == 0 => Entry::Hole,
                KIND_UNMAPPED | KIND_ZERO => Entry::Zero,
                KIND_GRAIN => {
                    let number = ((raw & GRAIN_LOW) >> 48) | ((raw & GRAIN_HIGH) << 12);
                    at(grains_at, number, self.grains.grain_bytes)
                }
                _ => Entry::Bad,
            },
        }
    }
}

fn sector(raw: u64, zeroed: bool) -> Entry {
    match raw {
        raw if raw == u64::from(GTE_HOLE) => Entry::Hole,
        raw if raw == u64::from(GTE_ZERO) && zeroed => Entry::Zero,
        raw => Entry::At(raw.saturating_mul(SECTOR)),
    }
}

fn at(base: u64, number: u64, each: u64) -> Entry {
    let within = number.checked_mul(each);
    match within.and_then(|within| within.checked_add(base)) {
        Some(at) => Entry::At(at),
        None => Entry::Bad,
    }
}

/// Entries of an SEsparse table of so many sectors.
pub(super) fn sesparse_entries(sectors: u64) -> u64 {
    sectors.saturating_mul(SESPARSE_ENTRIES)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sesparse() -> Shape {
        Shape {
            grains: Grains {
                disk_bytes: 1 << 29,
                grain_bytes: 4096,
            },
            entries: 4096,
            coding: Coding::SeSparse {
                tables_at: 0x1800 * 512,
                tables: 32,
                grains_at: 0x3000 * 512,
            },
            compressed: false,
        }
    }

    #[test]
    fn entries_of_64_bits_are_decoded() {
        let shape = sesparse();
        assert_eq!((shape.tables(), shape.table_bytes()), (32, 32 << 10));
        assert_eq!(shape.table(0), Entry::Hole);
        assert_eq!(
            shape.table(0x1000_0000_0000_0002),
            Entry::At(0x1800 * 512 + (64 << 10))
        );
        for bad in [1, 0x1000_0000_0000_0020, 0x2000_0000_0000_0000, u64::MAX] {
            assert_eq!(shape.table(bad), Entry::Bad, "{bad:x}");
        }
        assert_eq!(shape.grain(0), Entry::Hole);
        assert_eq!(shape.grain(0x1000_0000_0000_0000), Entry::Zero);
        assert_eq!(shape.grain(0x2000_0000_0000_0007), Entry::Zero);
        // 5 is in the low bits, 3 in the high ones: 5 + 3 * 4096.
        let number = 5 + 3 * 4096;
        assert_eq!(
            shape.grain(0x3005_0000_0000_0003),
            Entry::At(0x3000 * 512 + number * 4096)
        );
        for bad in [1, 0x4000_0000_0000_0000, 0x3fff_ffff_ffff_ffff] {
            assert_eq!(shape.grain(bad), Entry::Bad, "{bad:x}");
        }
    }

    #[test]
    fn one_is_zeroes_only_where_the_header_says_so() {
        let mut shape = sesparse();
        shape.coding = Coding::Sectors { zeroed: true };
        assert_eq!(shape.grain(1), Entry::Zero);
        shape.coding = Coding::Sectors { zeroed: false };
        assert_eq!(shape.grain(1), Entry::At(512));
        assert_eq!(
            shape.grain(u64::from(u32::MAX)),
            Entry::At(u64::from(u32::MAX) * 512)
        );
    }
}
