//! What a GUID partition table looks like on disk, with the names of
//! [UEFI 2.10, 5.3](https://uefi.org/specs/UEFI/2.10/05_GUID_Partition_Table_Format.html#gpt-header).

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The signature of a header.
pub(super) const SIGNATURE: [u8; 8] = *b"EFI PART";
/// The revision of all headers so far: 1.0.
pub(super) const REVISION: u32 = 0x0001_0000;
/// Bytes of the header's defined part; `HeaderSize` may be larger, up to a sector.
pub(super) const HEADER_LEN: u32 = 92;
/// The sector sizes that disks have; the one of the table is told by where its header stands.
pub(super) const SECTOR_SIZES: [u32; 2] = [512, 4096];
/// Bytes of an entry's defined part, and the smallest entry.
pub(super) const ENTRY_LEN: u32 = 128;
/// The largest entry: the specification gives no bound, and a sector is 32 times what is defined.
pub(super) const MAX_ENTRY_LEN: u32 = 4096;
/// Bytes of the largest array that is read: 64 times the usual 16 KiB. The checksum is over the
/// whole array, so it has to be in memory; a count of 2^32 entries would be 512 GiB.
pub(super) const MAX_ARRAY_LEN: u64 = 1 << 20;

/// The header.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
#[allow(non_snake_case, reason = "the specification's own names")]
pub(super) struct RawHeader {
    pub(super) Signature: [u8; 8],
    pub(super) Revision: U32,
    pub(super) HeaderSize: U32,
    pub(super) HeaderCRC32: U32,
    pub(super) Reserved: U32,
    pub(super) MyLBA: U64,
    pub(super) AlternateLBA: U64,
    pub(super) FirstUsableLBA: U64,
    pub(super) LastUsableLBA: U64,
    pub(super) DiskGUID: [u8; 16],
    pub(super) PartitionEntryLBA: U64,
    pub(super) NumberOfPartitionEntries: U32,
    pub(super) SizeOfPartitionEntry: U32,
    pub(super) PartitionEntryArrayCRC32: U32,
}

const _: () = assert!(size_of::<RawHeader>() == 92);

/// Byte offsets of the header's fields, for errors.
pub(super) mod at {
    pub(in super::super) const REVISION: u64 = 8;
    pub(in super::super) const HEADER_SIZE: u64 = 12;
    pub(in super::super) const HEADER_CRC32: u64 = 16;
    pub(in super::super) const MY_LBA: u64 = 24;
    pub(in super::super) const ALTERNATE_LBA: u64 = 32;
    pub(in super::super) const FIRST_USABLE_LBA: u64 = 40;
    pub(in super::super) const LAST_USABLE_LBA: u64 = 48;
    pub(in super::super) const PARTITION_ENTRY_LBA: u64 = 72;
    pub(in super::super) const NUMBER_OF_PARTITION_ENTRIES: u64 = 80;
    pub(in super::super) const SIZE_OF_PARTITION_ENTRY: u64 = 84;
    pub(in super::super) const PARTITION_ENTRY_ARRAY_CRC32: u64 = 88;
    /// Of an entry: where it starts and ends.
    pub(in super::super) const STARTING_LBA: u64 = 32;
    pub(in super::super) const ENDING_LBA: u64 = 40;
}
