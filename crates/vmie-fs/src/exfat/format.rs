//! The boot sector of exFAT
//! (<https://learn.microsoft.com/en-us/windows/win32/fileio/exfat-specification>, section 3.1).

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

pub(super) const FILE_SYSTEM_NAME_OFFSET: usize = 3;
pub(super) const FILE_SYSTEM_NAME: &[u8] = b"EXFAT   ";
/// Section 3.1.14: sectors of 512 to 4096 bytes.
pub(super) const SECTOR_SHIFT: std::ops::RangeInclusive<u8> = 9..=12;
/// Section 3.1.15: a cluster has at most 32 MiB.
pub(super) const MAX_CLUSTER_SHIFT: u32 = 25;

/// The boot sector's parameters.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct BootSector {
    pub(super) jump_boot: [u8; 3],
    pub(super) file_system_name: [u8; 8],
    pub(super) must_be_zero: [u8; 53],
    pub(super) partition_offset: U64,
    pub(super) volume_length: U64,
    pub(super) fat_offset: U32,
    pub(super) fat_length: U32,
    pub(super) cluster_heap_offset: U32,
    pub(super) cluster_count: U32,
    pub(super) first_cluster_of_root_directory: U32,
    pub(super) volume_serial_number: U32,
    pub(super) file_system_revision: U16,
    pub(super) volume_flags: U16,
    pub(super) bytes_per_sector_shift: u8,
    pub(super) sectors_per_cluster_shift: u8,
}

const _: () = assert!(size_of::<BootSector>() == 110);

/// Sections 6.2 and 7.3: a directory is made of entries of this many bytes, of which the one of this
/// type in the root directory holds the label: its length in characters, then UTF-16.
pub(super) const ENTRY_LEN: usize = 32;
pub(super) const TYPE_LABEL: u8 = 0x83;
pub(super) const TYPE_END: u8 = 0;
/// Section 7.3.2: a label has at most so many characters.
pub(super) const MAX_LABEL: usize = 11;
/// Section 4.1: the number of the first cluster.
pub(super) const FIRST_CLUSTER: u32 = 2;
/// Bytes of the root directory that are looked at: the label is among its first entries.
pub(super) const ROOT_LEN: usize = 4096;
