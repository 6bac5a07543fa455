//! VHDX on disk, as in [MS-VHDX] "Virtual Hard Disk v2 (VHDX) File Format", section 2. All numbers are
//! little-endian; ids (GUIDs) are stored with their first three parts little-endian.

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// A mebibyte: regions, blocks and the log are aligned to it and counted in it (2.1).
pub(super) const MIB: u64 = 1 << 20;
/// A mebibyte as a mask of what lies below.
pub(super) const BELOW_MIB: u64 = MIB - 1;

/// `Signature` of the file type identifier (2.2.1).
pub(super) const FILE_SIGNATURE: [u8; 8] = *b"vhdxfile";
/// Byte offset and length of `Creator`: UTF-16.
pub(super) const CREATOR: std::ops::Range<usize> = 8..520;

/// Byte offsets of the two headers (2.2.2).
pub(super) const HEADERS: [u64; 2] = [64 << 10, 128 << 10];
/// Byte offsets of the two region tables (2.2.3).
pub(super) const REGION_TABLES: [u64; 2] = [192 << 10, 256 << 10];
/// Bytes of a region table.
pub(super) const REGION_TABLE: usize = 64 << 10;
/// Bytes of the header section that are read at once: up to the end of the second region table.
pub(super) const HEADER_SECTION: usize = 320 << 10;
/// The same as a number of bytes to charge.
pub(super) const HEADER_SECTION_BYTES: u64 = 320 << 10;

/// An id as it is stored.
pub(super) type Guid = [u8; 16];

/// The id whose usual text is the number's hexadecimal form: the first three parts are stored with
/// their bytes turned around.
pub(super) const fn guid(number: u128) -> Guid {
    let b = number.to_be_bytes();
    [
        b[3], b[2], b[1], b[0], b[5], b[4], b[7], b[6], b[8], b[9], b[10], b[11], b[12], b[13],
        b[14], b[15],
    ]
}

/// The usual text of an id, in small letters.
pub(super) fn guid_text(id: &Guid) -> String {
    let number = u128::from_be_bytes(guid(u128::from_be_bytes(*id)));
    let hex = format!("{number:032x}");
    let part = |range: std::ops::Range<usize>| hex.get(range).unwrap_or_default().to_owned();
    [
        part(0..8),
        part(8..12),
        part(12..16),
        part(16..20),
        part(20..32),
    ]
    .join("-")
}

/// A header (2.2.2): the first of its 4096 bytes; the rest is reserved.
#[derive(
    Clone, Copy, Debug, FromBytes, Immutable, IntoBytes, KnownLayout, PartialEq, Eq, Unaligned,
)]
#[repr(C)]
#[expect(non_snake_case, reason = "the specification's own names")]
pub(super) struct RawHeader {
    pub(super) Signature: [u8; 4],
    pub(super) Checksum: U32,
    pub(super) SequenceNumber: U64,
    pub(super) FileWriteGuid: Guid,
    /// Changes with every change of the disk; what children name this image by.
    pub(super) DataWriteGuid: Guid,
    /// Zero when no log waits to be replayed.
    pub(super) LogGuid: Guid,
    pub(super) LogVersion: U16,
    pub(super) Version: U16,
    pub(super) LogLength: U32,
    pub(super) LogOffset: U64,
}

/// `Signature` of a header.
pub(super) const HEADER_SIGNATURE: [u8; 4] = *b"head";
/// Bytes that a header's checksum covers.
pub(super) const HEADER: usize = 4096;
/// The only version there is.
pub(super) const VERSION: u16 = 1;
/// The only version of the log there is.
pub(super) const LOG_VERSION: u16 = 0;

/// A region table header (2.2.3.1).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
#[expect(non_snake_case, reason = "the specification's own names")]
pub(super) struct RawRegionTable {
    pub(super) Signature: [u8; 4],
    pub(super) Checksum: U32,
    pub(super) EntryCount: U32,
    pub(super) Reserved: U32,
}

/// `Signature` of a region table.
pub(super) const REGION_SIGNATURE: [u8; 4] = *b"regi";
/// Entries of a region table, and of a metadata table, at most: what fits into 64 KiB (2.2.3.1,
/// 2.6.1.1).
pub(super) const MAX_ENTRIES: u32 = 2047;

/// A region table entry (2.2.3.2).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
#[expect(non_snake_case, reason = "the specification's own names")]
pub(super) struct RawRegion {
    pub(super) Guid: Guid,
    pub(super) FileOffset: U64,
    pub(super) Length: U32,
    /// The lowest bit: whoever does not know the region may not open the file.
    pub(super) Required: U32,
}

/// The region with the block allocation table.
pub(super) const BAT_REGION: Guid = guid(0x2DC2_7766_F623_4200_9D64_115E_9BFD_4A08);
/// The region with the metadata.
pub(super) const METADATA_REGION: Guid = guid(0x8B7C_A206_4790_4B9A_B8FE_575F_050F_886E);

/// A log entry header (2.3.1.1).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
#[expect(non_snake_case, reason = "the specification's own names")]
pub(super) struct RawLogEntry {
    pub(super) Signature: [u8; 4],
    pub(super) Checksum: U32,
    pub(super) EntryLength: U32,
    /// Byte offset in the log of the first entry of the sequence that this one is the last of.
    pub(super) Tail: U32,
    pub(super) SequenceNumber: U64,
    pub(super) DescriptorCount: U32,
    pub(super) Reserved: U32,
    pub(super) LogGuid: Guid,
    /// Bytes that the file has at least.
    pub(super) FlushedFileOffset: U64,
    /// Bytes that the file has at least once the log is replayed.
    pub(super) LastFileOffset: U64,
}

/// `Signature` of a log entry.
pub(super) const LOG_SIGNATURE: [u8; 4] = *b"loge";
/// Unit of the log in bytes: entries, descriptors' areas and data come in it.
pub(super) const LOG_SECTOR: u64 = 4096;
/// Bytes of a log entry's header.
pub(super) const LOG_HEADER: u64 = 64;
/// Bytes of a descriptor.
pub(super) const LOG_DESCRIPTOR: u64 = 32;

/// A descriptor of either kind (2.3.1.2, 2.3.1.3). `first` and `second` are Reserved and
/// ZeroLength, or TrailingBytes and LeadingBytes.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
#[expect(non_snake_case, reason = "the specification's own names")]
pub(super) struct RawDescriptor {
    pub(super) Signature: [u8; 4],
    pub(super) first: [u8; 4],
    pub(super) second: [u8; 8],
    pub(super) FileOffset: U64,
    pub(super) SequenceNumber: U64,
}

/// `ZeroSignature`.
pub(super) const ZERO_SIGNATURE: [u8; 4] = *b"zero";
/// `DataSignature` of a descriptor.
pub(super) const DESCRIPTOR_SIGNATURE: [u8; 4] = *b"desc";
/// `DataSignature` of a data sector (2.3.1.4).
pub(super) const DATA_SIGNATURE: [u8; 4] = *b"data";

/// A metadata table header (2.6.1.1).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
#[expect(non_snake_case, reason = "the specification's own names")]
pub(super) struct RawMetadataTable {
    pub(super) Signature: [u8; 8],
    pub(super) Reserved: U16,
    pub(super) EntryCount: U16,
    pub(super) Reserved2: [u8; 20],
}

/// `Signature` of the metadata table.
pub(super) const METADATA_SIGNATURE: [u8; 8] = *b"metadata";
/// Bytes of the metadata table; items come after it.
pub(super) const METADATA_TABLE: u32 = 64 << 10;
/// Bytes of the metadata region that are read at once: the table and what writers put behind it.
pub(super) const METADATA_READ: u64 = 128 << 10;
/// Bytes of the longest item (2.6.1.2).
pub(super) const MAX_ITEM: u32 = 1 << 20;

/// A metadata table entry (2.6.1.2).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
#[expect(non_snake_case, reason = "the specification's own names")]
pub(super) struct RawItem {
    pub(super) ItemId: Guid,
    /// From the region's start.
    pub(super) Offset: U32,
    pub(super) Length: U32,
    pub(super) Flags: U32,
    pub(super) Reserved2: U32,
}

/// `IsUser` of an item's flags.
pub(super) const ITEM_IS_USER: u32 = 1;
/// `IsRequired` of an item's flags.
pub(super) const ITEM_IS_REQUIRED: u32 = 4;

/// File Parameters (2.6.2.1).
pub(super) const FILE_PARAMETERS: Guid = guid(0xCAA1_6737_FA36_4D43_B3B6_33F0_AA44_E76B);
/// Virtual Disk Size (2.6.2.2).
pub(super) const VIRTUAL_DISK_SIZE: Guid = guid(0x2FA5_4224_CD1B_4876_B211_5DBE_D83B_F4B8);
/// Virtual Disk ID (2.6.2.3).
pub(super) const VIRTUAL_DISK_ID: Guid = guid(0xBECA_12AB_B2E6_4523_93EF_C309_E000_C746);
/// Logical Sector Size (2.6.2.4).
pub(super) const LOGICAL_SECTOR_SIZE: Guid = guid(0x8141_BF1D_A96F_4709_BA47_F233_A8FA_AB5F);
/// Physical Sector Size (2.6.2.5).
pub(super) const PHYSICAL_SECTOR_SIZE: Guid = guid(0xCDA3_48C7_445D_4471_9CC9_E988_5251_C556);
/// Parent Locator (2.6.2.6).
pub(super) const PARENT_LOCATOR: Guid = guid(0xA8D3_5F2D_B30B_454D_ABF7_D3D8_4834_AB0C);

/// `LeaveBlocksAllocated` of the file parameters' flags.
pub(super) const LEAVE_BLOCKS_ALLOCATED: u32 = 1;
/// `HasParent` of the file parameters' flags.
pub(super) const HAS_PARENT: u32 = 2;

/// Bytes of the smallest and largest block (2.6.2.1); a power of two.
pub(super) const BLOCK_SIZES: std::ops::RangeInclusive<u32> = 1 << 20..=256 << 20;
/// Bytes of the largest disk (2.6.2.2). With the smallest blocks that is 2^26 of them, so that
/// nothing that counts blocks or entries overflows.
pub(super) const MAX_DISK: u64 = 64 << 40;

/// `LocatorType` of a parent that is a VHDX (2.6.2.6.3).
pub(super) const VHDX_LOCATOR: Guid = guid(0xB04A_EFB7_D19E_4A81_B789_25B8_E944_5913);

/// A parent locator header (2.6.2.6.1).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
#[expect(non_snake_case, reason = "the specification's own names")]
pub(super) struct RawParentLocator {
    pub(super) LocatorType: Guid,
    pub(super) Reserved: U16,
    pub(super) KeyValueCount: U16,
}

/// A parent locator entry (2.6.2.6.2); offsets are from the item's start.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
#[expect(non_snake_case, reason = "the specification's own names")]
pub(super) struct RawKeyValue {
    pub(super) KeyOffset: U32,
    pub(super) ValueOffset: U32,
    pub(super) KeyLength: U16,
    pub(super) ValueLength: U16,
}

/// Sectors that one sector bitmap block has bits for (2.4).
pub(super) const CHUNK_SECTORS: u64 = 1 << 23;

/// Entries of the block allocation table that are read at once: 64 KiB, 256 GiB of disk with blocks
/// of 32 MiB.
pub(super) const PIECE: u64 = 8192;

/// State of a payload block (2.5.1.1): not there; its parent's, if there is one.
pub(super) const NOT_PRESENT: u64 = 0;
/// State of a payload block: nobody may rely on what it holds.
pub(super) const UNDEFINED: u64 = 1;
/// State of a payload block: zeroes.
pub(super) const ZERO: u64 = 2;
/// State of a payload block: given back by the guest.
pub(super) const UNMAPPED: u64 = 3;
/// State of a payload block, and of a sector bitmap block (2.5.1.2): in the file.
pub(super) const FULLY_PRESENT: u64 = 6;
/// State of a payload block: some sectors are in the file, some in the parent.
pub(super) const PARTIALLY_PRESENT: u64 = 7;

/// The state of an entry: its lowest three bits.
pub(super) fn state(entry: u64) -> u64 {
    entry & 7
}

/// The byte offset of an entry: its upper 44 bits count mebibytes.
pub(super) fn offset(entry: u64) -> u64 {
    entry & !BELOW_MIB
}

/// CRC-32C of a structure whose four bytes at 4 hold it; they count as zero.
pub(super) fn checksum(bytes: &[u8]) -> u32 {
    let (before, after) = bytes.split_at(bytes.len().min(4));
    let after = after.get(4..).unwrap_or_default();
    let crc = crc32c::crc32c_append(crc32c::crc32c(before), &[0; 4]);
    crc32c::crc32c_append(crc, after)
}

/// The text of UTF-16, little-endian, up to the first zero.
pub(super) fn utf16(bytes: &[u8]) -> String {
    let (units, _) = bytes.as_chunks::<2>();
    let units = units.iter().map(|unit| u16::from_le_bytes(*unit));
    char::decode_utf16(units.take_while(|unit| *unit != 0))
        .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_stored_with_their_first_parts_turned_around() {
        assert_eq!(
            BAT_REGION[..8],
            [0x66, 0x77, 0xc2, 0x2d, 0x23, 0xf6, 0x00, 0x42]
        );
        assert_eq!(
            guid_text(&BAT_REGION),
            "2dc27766-f623-4200-9d64-115e9bfd4a08"
        );
    }

    #[test]
    fn the_checksum_counts_its_own_place_as_zero() {
        let mut bytes = *b"head\x01\x02\x03\x04 and so on";
        let crc = checksum(&bytes);
        bytes[4..8].fill(0);
        assert_eq!(crc, crc32c::crc32c(&bytes));
    }
}
