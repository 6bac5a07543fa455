//! The boot sector of NTFS and as much of the master file table as holds the label
//! (<https://flatcap.github.io/linux-ntfs/ntfs/files/boot.html>, `$Boot` and `$Volume`).

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

pub(super) const OEM_OFFSET: usize = 3;
pub(super) const OEM_NTFS: &[u8] = b"NTFS    ";
/// Sector sizes that Windows makes; with at most 2^7 sectors a cluster, or the 2 MiB that the
/// negative form goes to, a cluster number times its size is checked.
pub(super) const SECTOR_SIZES: std::ops::RangeInclusive<u16> = 256..=4096;
/// The record of `$Volume` in the master file table.
pub(super) const VOLUME_RECORD: u64 = 3;
/// Records are 1 KiB, or 4 KiB on disks with such sectors.
pub(super) const RECORD_SIZES: std::ops::RangeInclusive<u64> = 512..=4096;
/// The sequence number that ends each 512 bytes of a record.
pub(super) const FIXUP_STRIDE: usize = 512;
pub(super) const ATTR_VOLUME_NAME: u32 = 0x60;
pub(super) const ATTR_END: u32 = 0xffff_ffff;

/// The boot sector.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct BootSector {
    pub(super) jump: [u8; 3],
    pub(super) oem_id: [u8; 8],
    pub(super) bytes_per_sector: U16,
    /// A power of two; above 0x80, minus the logarithm of it.
    pub(super) sectors_per_cluster: u8,
    pub(super) unused: [u8; 26],
    pub(super) number_of_sectors: U64,
    pub(super) mft_lcn: U64,
    pub(super) mftmirr_lcn: U64,
    /// In clusters; when negative, minus the logarithm of the bytes.
    pub(super) clusters_per_mft_record: i8,
    pub(super) reserved0: [u8; 3],
    pub(super) clusters_per_index_record: i8,
    pub(super) reserved1: [u8; 3],
    pub(super) volume_serial_number: U64,
}

const _: () = assert!(size_of::<BootSector>() == 0x50);

/// The start of a record of the master file table.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct MftRecord {
    pub(super) magic: [u8; 4],
    pub(super) usa_ofs: U16,
    pub(super) usa_count: U16,
    pub(super) lsn: U64,
    pub(super) sequence_number: U16,
    pub(super) link_count: U16,
    pub(super) attrs_offset: U16,
}

/// The start of a resident attribute.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct AttrRecord {
    pub(super) attr_type: U32,
    pub(super) length: U32,
    pub(super) non_resident: u8,
    pub(super) name_length: u8,
    pub(super) name_offset: U16,
    pub(super) flags: U16,
    pub(super) instance: U16,
    pub(super) value_length: U32,
    pub(super) value_offset: U16,
}
