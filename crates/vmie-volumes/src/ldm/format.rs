//! What Windows writes to a dynamic disk
//! (<https://github.com/libyal/libvsldm/blob/main/documentation/Logical%20Disk%20Manager%20(LDM)%20format.asciidoc>,
//! <https://flatcap.github.io/linux-ntfs/ldm/>). All numbers are big-endian.

use zerocopy::big_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The database counts in sectors of 512 bytes.
pub(super) const SECTOR: u64 = 512;
pub(super) const PRIVHEAD: [u8; 8] = *b"PRIVHEAD";
pub(super) const TOCBLOCK: [u8; 8] = *b"TOCBLOCK";
pub(super) const VMDB: [u8; 4] = *b"VMDB";
pub(super) const VBLK: [u8; 4] = *b"VBLK";
/// Where the private header stands on an MBR disk.
pub(super) const PRIVHEAD_SECTOR: u64 = 6;
/// Where its copies are in the configuration, which is the last MiB of an MBR disk.
pub(super) const PRIVHEAD_COPIES: [u64; 2] = [1856, 2047];
/// Sectors of a configuration of the usual size.
pub(super) const CONFIG_SECTORS: u64 = 2048;
/// Where the tables of contents are in the configuration; the last two from its end.
pub(super) const TOCBLOCKS: [u64; 2] = [1, 2];
pub(super) const TOCBLOCKS_FROM_END: [u64; 2] = [3, 2];
/// The largest database that is read, in bytes. The usual one is 0.7 MiB.
pub(super) const MAX_DATABASE: u64 = 16 << 20;
/// Fragments of one record: a byte says how many of 112 bytes there are in real databases.
pub(super) const MAX_FRAGMENTS: u16 = 64;

/// The private header.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct PrivHead {
    pub(super) magic: [u8; 8],
    /// The sum of the sector's bytes without these four.
    pub(super) checksum: U32,
    pub(super) major: U16,
    pub(super) minor: U16,
    pub(super) timestamp: U64,
    pub(super) sequence: U64,
    pub(super) size: U64,
    pub(super) next: U64,
    pub(super) disk_guid: [u8; 64],
    pub(super) host_guid: [u8; 64],
    pub(super) group_guid: [u8; 64],
    pub(super) group_name: [u8; 32],
    pub(super) unknown: [u8; 11],
    /// The part of the disk for data, in sectors.
    pub(super) logical_disk_start: U64,
    pub(super) logical_disk_size: U64,
    /// The part for the configuration.
    pub(super) config_start: U64,
    pub(super) config_size: U64,
}

/// A table of contents: what is where in the configuration.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct TocBlock {
    pub(super) magic: [u8; 8],
    pub(super) checksum: U32,
    pub(super) sequence: U64,
    pub(super) zero: [u8; 16],
    pub(super) config: TocEntry,
    pub(super) log: TocEntry,
}

#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct TocEntry {
    /// `config` or `log`.
    pub(super) name: [u8; 8],
    pub(super) flags: U16,
    /// Sectors from the start of the configuration.
    pub(super) start: U64,
    pub(super) size: U64,
    pub(super) more: U64,
}

/// The header of the database.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct VmDb {
    pub(super) magic: [u8; 4],
    /// How many record slots there are, the header's own among them.
    pub(super) slots: U32,
    /// Bytes of a slot.
    pub(super) slot_size: U32,
    /// Bytes from here to the first one.
    pub(super) first: U32,
    /// 1 when nothing is being changed.
    pub(super) status: U16,
    pub(super) major: U16,
    pub(super) minor: U16,
    pub(super) group_name: [u8; 31],
    pub(super) group_guid: [u8; 64],
    /// Grows with each change.
    pub(super) committed: U64,
    pub(super) pending: U64,
}

/// The start of a slot: a part of a record.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct VBlk {
    pub(super) magic: [u8; 4],
    pub(super) sequence: U32,
    /// Which record it belongs to, which part of it it is, and how many there are.
    pub(super) group: U32,
    pub(super) part: U16,
    pub(super) parts: U16,
}

/// The start of a record.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct RecordHeader {
    pub(super) status: U16,
    pub(super) flags: u8,
    /// The version in the upper half, the kind in the lower.
    pub(super) kind: u8,
    pub(super) len: U32,
}

/// Kinds of records.
pub(super) mod kind {
    pub(in super::super) const COMPONENT: u8 = 2;
    pub(in super::super) const PARTITION: u8 = 3;
    pub(in super::super) const DISK: u8 = 4;
    pub(in super::super) const VOLUME: u8 = 1;
}

/// Of a component's flags: it has stripes.
pub(super) const COMPONENT_STRIPED: u8 = 0x10;
/// Of a partition's flags: it has a place among its component's columns.
pub(super) const PARTITION_COLUMN: u8 = 0x08;
/// Of a volume's flags: what further names it carries.
pub(super) const VOLUME_ID1: u8 = 0x08;
pub(super) const VOLUME_ID2: u8 = 0x20;
pub(super) const VOLUME_SIZE2: u8 = 0x80;
pub(super) const VOLUME_DRIVE: u8 = 0x02;
/// How a component is laid out.
pub(super) const LAYOUT_STRIPED: u8 = 1;
pub(super) const LAYOUT_SPANNED: u8 = 2;
pub(super) const LAYOUT_RAID5: u8 = 3;

/// The sum of a sector's bytes without the checksum itself.
pub(super) fn checksum(sector: &[u8]) -> u32 {
    let sum = |bytes: &[u8]| -> u32 { bytes.iter().map(|b| u32::from(*b)).sum() };
    let (head, rest) = sector.split_at_checked(8).unwrap_or((sector, &[]));
    let tail = rest.get(4..).unwrap_or_default();
    sum(head).saturating_add(sum(tail))
}
