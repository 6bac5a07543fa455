//! VHD on disk, as in Microsoft's "Virtual Hard Disk Image Format Specification" (2006), sections
//! "Hard Disk Footer Format", "Dynamic Disk Header Format", "Block Allocation Table and Data Blocks".
//! All numbers are big-endian.

use zerocopy::big_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Bytes of a sector; offsets of the block allocation table count these.
pub(super) const SECTOR: u64 = 512;
/// Bytes of a footer.
pub(super) const FOOTER: u64 = 512;
/// Bytes of a footer as Virtual PC before 2004 wrote it: the last reserved byte is left out.
pub(super) const SHORT_FOOTER: u64 = 511;
/// Bytes of the dynamic disk header.
pub(super) const HEADER: u64 = 1024;

/// `Cookie` of a footer.
pub(super) const FOOTER_COOKIE: [u8; 8] = *b"conectix";
/// `Cookie` of a dynamic disk header.
pub(super) const HEADER_COOKIE: [u8; 8] = *b"cxsparse";

/// "Hard Disk Footer": at the end of the file, and a copy at the start of dynamic and differencing
/// ones.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct RawFooter {
    pub(super) cookie: [u8; 8],
    pub(super) features: U32,
    /// Major version in the upper half.
    pub(super) file_format_version: U32,
    /// Byte offset of the dynamic disk header; all ones in a fixed disk.
    pub(super) data_offset: U64,
    /// Seconds since 2000-01-01 00:00 UTC.
    pub(super) time_stamp: U32,
    pub(super) creator_application: [u8; 4],
    pub(super) creator_version: U32,
    pub(super) creator_host_os: [u8; 4],
    pub(super) original_size: U64,
    /// Bytes of the disk.
    pub(super) current_size: U64,
    pub(super) cylinders: U16,
    pub(super) heads: u8,
    pub(super) sectors_per_track: u8,
    pub(super) disk_type: U32,
    /// One's complement of the sum of all other bytes.
    pub(super) checksum: U32,
    pub(super) unique_id: [u8; 16],
    pub(super) saved_state: u8,
    pub(super) reserved: [u8; 427],
}

/// Byte offsets of the footer's fields, for errors.
pub(super) mod footer_at {
    pub(in super::super) const VERSION: u64 = 12;
    pub(in super::super) const DATA_OFFSET: u64 = 16;
    pub(in super::super) const CURRENT_SIZE: u64 = 48;
    pub(in super::super) const DISK_TYPE: u64 = 60;
    pub(in super::super) const DISK_TYPE_BYTES: std::ops::Range<usize> = 60..64;
    pub(in super::super) const CHECKSUM: u64 = 64;
    pub(in super::super) const SAVED_STATE: u64 = 84;
}

/// `Features`: the disk is temporary.
pub(super) const FEATURE_TEMPORARY: u32 = 1;

/// `Disk Type`: fixed.
pub(super) const TYPE_FIXED: u32 = 2;
/// `Disk Type`: dynamic.
pub(super) const TYPE_DYNAMIC: u32 = 3;
/// `Disk Type`: differencing.
pub(super) const TYPE_DIFFERENCING: u32 = 4;

/// The largest geometry that the footer can describe: 65535 cylinders, 16 heads, 255 sectors a
/// track ("CHS Calculation"). A disk with it may be larger than it.
pub(super) const MAX_GEOMETRY: u64 = 65_535 * 16 * 255;

/// Creators whose disks are as large as their geometry says, unless that is [`MAX_GEOMETRY`]:
/// Virtual PC, and qemu-img without `force_size`. Everyone else means the current size. The
/// specification leaves it open; this is how Hyper-V and QEMU treat them.
pub(super) const GEOMETRY_CREATORS: [[u8; 4]; 2] = [*b"vpc ", *b"qemu"];

/// "Dynamic Disk Header".
#[derive(Clone, Copy, Debug, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct RawHeader {
    pub(super) cookie: [u8; 8],
    pub(super) data_offset: U64,
    /// Byte offset of the block allocation table.
    pub(super) table_offset: U64,
    pub(super) header_version: U32,
    pub(super) max_table_entries: U32,
    /// Bytes of a block, without its sector bitmap.
    pub(super) block_size: U32,
    pub(super) checksum: U32,
    pub(super) parent_unique_id: [u8; 16],
    pub(super) parent_time_stamp: U32,
    pub(super) reserved: U32,
    /// UTF-16, big-endian.
    pub(super) parent_unicode_name: [u8; 512],
    pub(super) parent_locators: [RawLocator; 8],
    pub(super) reserved2: [u8; 256],
}

/// Byte offsets of the header's fields, for errors.
pub(super) mod header_at {
    pub(in super::super) const TABLE_OFFSET: u64 = 16;
    pub(in super::super) const VERSION: u64 = 24;
    pub(in super::super) const MAX_TABLE_ENTRIES: u64 = 28;
    pub(in super::super) const BLOCK_SIZE: u64 = 32;
    pub(in super::super) const CHECKSUM: u64 = 36;
    pub(in super::super) const PARENT_UNIQUE_ID: u64 = 40;
    pub(in super::super) const PARENT_LOCATORS: u64 = 576;
}

/// A parent locator entry.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct RawLocator {
    pub(super) platform_code: [u8; 4],
    pub(super) platform_data_space: U32,
    /// Bytes of the locator.
    pub(super) platform_data_length: U32,
    pub(super) reserved: U32,
    /// Byte offset of the locator.
    pub(super) platform_data_offset: U64,
}

/// Bytes of the longest parent locator that is read: paths of 32767 UTF-16 units, the longest that
/// Windows has.
pub(super) const LONGEST_LOCATOR: u32 = 65_536;

/// Major version of footer and header, in the upper half of their version fields.
pub(super) const MAJOR_VERSION: u32 = 1;

/// Bytes of the smallest block: a sector.
pub(super) const MIN_BLOCK: u32 = 512;
/// Bytes of the largest block that is read. Tools write 512 KiB to 2 MiB; the bound makes a sector
/// bitmap 256 KiB at most.
pub(super) const MAX_BLOCK: u32 = 1 << 30;

/// An entry of the block allocation table for a block that is not there.
pub(super) const UNUSED: u32 = u32::MAX;

/// Entries of the block allocation table that are read at once: 64 KiB, 32 GiB of disk with blocks
/// of 2 MiB.
pub(super) const PIECE: u64 = 16_384;

/// The checksum of a structure of which `checksum` is the stored one: one's complement of the sum
/// of all bytes but the checksum's own.
pub(super) fn checksum_of(bytes: &[u8], checksum: U32) -> u32 {
    let sum = |bytes: &[u8]| {
        let each = bytes.iter().map(|byte| u32::from(*byte));
        each.fold(0u32, u32::wrapping_add)
    };
    !sum(bytes).wrapping_sub(sum(checksum.as_bytes()))
}
