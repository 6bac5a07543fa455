//! NTFS on the disk
//! (<https://flatcap.github.io/linux-ntfs/ntfs/>, the *NTFS Documentation*, by the names it uses;
//! reparse points: [MS-FSCC] 2.1.2).

use std::ops::RangeInclusive;

use zerocopy::little_endian::{I64, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

pub(super) const OEM_OFFSET: usize = 3;
pub(super) const OEM_NTFS: &[u8] = b"NTFS    ";
pub(super) const BOOT_LEN: usize = 0x50;
/// Sector sizes that Windows makes.
pub(super) const SECTOR_SIZES: RangeInclusive<u16> = 256..=4096;
/// The largest cluster that Windows makes, since version 1709.
pub(super) const MAX_CLUSTER_SIZE: u64 = 2 << 20;
/// Records are 1 KiB, or 4 KiB on disks with such sectors; larger ones are not made, and bounding
/// them bounds what an attribute in a record can take.
pub(super) const RECORD_SIZES: RangeInclusive<u64> = 512..=4096;
/// Blocks of an index are mostly 4 KiB, or a cluster that is larger.
pub(super) const INDEX_SIZES: RangeInclusive<u64> = 512..=(2 << 20);
/// The sequence number that ends each 512 bytes of a record, whatever the size of sectors.
pub(super) const FIXUP_STRIDE: usize = 512;
/// What the numbers of index blocks count where clusters are larger than such blocks.
pub(super) const INDEX_UNIT: u64 = 512;

/// Records with a fixed meaning.
pub(super) const MFT_RECORD: u64 = 0;
pub(super) const LOGFILE_RECORD: u64 = 2;
pub(super) const VOLUME_RECORD: u64 = 3;
pub(super) const ROOT_RECORD: u64 = 5;
pub(super) const BITMAP_RECORD: u64 = 6;
pub(super) const UPCASE_RECORD: u64 = 10;
/// The records before are of the filesystem itself, and Windows does not show their names.
pub(super) const FIRST_USER_RECORD: u64 = 16;
/// `$MFTMirr` holds a copy of at least so many records.
pub(super) const MIRRORED_RECORDS: u64 = 4;

pub(super) const ATTR_STANDARD_INFORMATION: u32 = 0x10;
pub(super) const ATTR_LIST: u32 = 0x20;
pub(super) const ATTR_VOLUME_NAME: u32 = 0x60;
pub(super) const ATTR_VOLUME_INFORMATION: u32 = 0x70;
pub(super) const ATTR_DATA: u32 = 0x80;
pub(super) const ATTR_INDEX_ROOT: u32 = 0x90;
pub(super) const ATTR_INDEX_ALLOCATION: u32 = 0xa0;
pub(super) const ATTR_REPARSE_POINT: u32 = 0xc0;
pub(super) const ATTR_END: u32 = 0xffff_ffff;

/// The flags of an attribute: how it is compressed (only one way is known), and more.
pub(super) const ATTR_COMPRESSION_MASK: u16 = 0x00ff;
pub(super) const ATTR_COMPRESSED: u16 = 0x0001;
pub(super) const ATTR_ENCRYPTED: u16 = 0x4000;

/// The largest compression unit, as a logarithm of clusters: Windows makes 4.
pub(super) const MAX_UNIT_SHIFT: u8 = 8;
/// The largest compression unit in bytes: 16 of the largest clusters.
pub(super) const MAX_UNIT: u64 = 16 * MAX_CLUSTER_SIZE;
/// The largest attribute list: Windows stops at 256 KiB.
pub(super) const MAX_ATTR_LIST: u64 = 4 << 20;
/// [MS-FSCC] 2.1.2: reparse data has at most 16 KiB.
pub(super) const MAX_REPARSE: u64 = 16 << 10;
/// Levels of an index: with at least two entries a block, more cannot be filled.
pub(super) const MAX_INDEX_DEPTH: usize = 32;

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

const _: () = assert!(size_of::<BootSector>() == BOOT_LEN);

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
    pub(super) flags: U16,
    pub(super) bytes_in_use: U32,
    pub(super) bytes_allocated: U32,
    pub(super) base_mft_record: U64,
}

const _: () = assert!(size_of::<MftRecord>() == 40);

pub(super) const RECORD_IN_USE: u16 = 0x0001;
pub(super) const RECORD_IS_DIRECTORY: u16 = 0x0002;

/// The start of an attribute, and the rest of one whose value is in the record.
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

const _: () = assert!(size_of::<AttrRecord>() == 22);

/// The rest of an attribute whose value is elsewhere, after the first 16 bytes.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct NonResidentAttr {
    pub(super) lowest_vcn: U64,
    pub(super) highest_vcn: I64,
    pub(super) mapping_pairs_offset: U16,
    pub(super) compression_unit: u8,
    pub(super) reserved: [u8; 5],
    pub(super) allocated_size: U64,
    pub(super) data_size: U64,
    pub(super) initialized_size: U64,
}

pub(super) const NON_RESIDENT_OFFSET: usize = 16;
const _: () = assert!(size_of::<NonResidentAttr>() == 48);

/// An entry of `$ATTRIBUTE_LIST`, without its name.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct AttrListEntry {
    pub(super) attr_type: U32,
    pub(super) length: U16,
    pub(super) name_length: u8,
    pub(super) name_offset: u8,
    pub(super) lowest_vcn: U64,
    pub(super) mft_reference: U64,
    pub(super) instance: U16,
}

const _: () = assert!(size_of::<AttrListEntry>() == 26);

/// The start of `$STANDARD_INFORMATION`; times count 100 ns from 1601.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct StandardInformation {
    pub(super) creation_time: U64,
    pub(super) last_data_change_time: U64,
    pub(super) last_mft_change_time: U64,
    pub(super) last_access_time: U64,
    pub(super) file_attributes: U32,
}

/// [MS-FSCC] 2.6: the attribute of directories, which [`StandardInformation`] does not have.
pub(super) const FILE_DIRECTORY: u32 = 0x0000_0010;
/// The content has to be fetched from elsewhere first.
pub(super) const FILE_OFFLINE: u32 = 0x0000_1000;
pub(super) const FILE_RECALL_ON_DATA_ACCESS: u32 = 0x0040_0000;
pub(super) const FILE_REPARSE_POINT: u32 = 0x0000_0400;
/// Not a file attribute elsewhere: index entries mark directories with it.
pub(super) const NAME_IS_DIRECTORY: u32 = 0x1000_0000;

/// `$VOLUME_INFORMATION`.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct VolumeInformation {
    pub(super) reserved: U64,
    pub(super) major_version: u8,
    pub(super) minor_version: u8,
    pub(super) flags: U16,
}

pub(super) const VOLUME_IS_DIRTY: u16 = 0x0001;

/// The start of `$INDEX_ROOT`.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct IndexRoot {
    pub(super) attr_type: U32,
    pub(super) collation_rule: U32,
    pub(super) index_block_size: U32,
    pub(super) clusters_per_index_block: u8,
    pub(super) reserved: [u8; 3],
    pub(super) index: IndexHeader,
}

/// Where the header of the entries is in `$INDEX_ROOT`, and in a block.
pub(super) const ROOT_HEADER: usize = 16;
pub(super) const BLOCK_HEADER: usize = 24;
pub(super) const COLLATION_FILE_NAME: u32 = 1;

/// What is before the entries of an index; offsets are counted from here.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct IndexHeader {
    pub(super) entries_offset: U32,
    pub(super) index_length: U32,
    pub(super) allocated_size: U32,
    pub(super) flags: u8,
    pub(super) reserved: [u8; 3],
}

/// The start of a block of an index.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct IndexBlock {
    pub(super) magic: [u8; 4],
    pub(super) usa_ofs: U16,
    pub(super) usa_count: U16,
    pub(super) lsn: U64,
    pub(super) index_block_vcn: U64,
    pub(super) index: IndexHeader,
}

const _: () = assert!(size_of::<IndexBlock>() == 40);

/// The start of an entry of a directory's index.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct IndexEntry {
    pub(super) indexed_file: U64,
    pub(super) length: U16,
    pub(super) key_length: U16,
    pub(super) flags: U16,
    pub(super) reserved: U16,
}

pub(super) const ENTRY_LEN: usize = size_of::<IndexEntry>();
pub(super) const ENTRY_NODE: u16 = 0x0001;
pub(super) const ENTRY_END: u16 = 0x0002;

/// `$FILE_NAME` without the name: the key of a directory's entry.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct FileName {
    pub(super) parent_directory: U64,
    pub(super) times: [U64; 4],
    pub(super) allocated_size: U64,
    pub(super) data_size: U64,
    pub(super) file_attributes: U32,
    pub(super) reparse_tag: U32,
    pub(super) name_length: u8,
    pub(super) name_type: u8,
}

const _: () = assert!(size_of::<FileName>() == 66);

/// The namespace of names that only MS-DOS programs see.
pub(super) const NAME_DOS: u8 = 2;

/// A page of `$LogFile` that says where the log is.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct RestartPage {
    pub(super) magic: [u8; 4],
    pub(super) usa_ofs: U16,
    pub(super) usa_count: U16,
    pub(super) chkdsk_lsn: U64,
    pub(super) system_page_size: U32,
    pub(super) log_page_size: U32,
    pub(super) restart_area_offset: U16,
    pub(super) minor_version: U16,
    pub(super) major_version: U16,
}

/// The restart area in it.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct RestartArea {
    pub(super) current_lsn: U64,
    pub(super) log_clients: U16,
    pub(super) client_free_list: U16,
    pub(super) client_in_use_list: U16,
    pub(super) flags: U16,
}

/// No client has the log open.
pub(super) const NO_CLIENT: u16 = 0xffff;
pub(super) const RESTART_VOLUME_IS_CLEAN: u16 = 0x0002;

/// The start of reparse data ([MS-FSCC] 2.1.2.2).
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct ReparsePoint {
    pub(super) tag: U32,
    pub(super) data_length: U16,
    pub(super) reserved: U16,
}

/// What a mount point or a symbolic link says first ([MS-FSCC] 2.1.2.4 and 2.1.2.5).
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct LinkNames {
    pub(super) substitute_name_offset: U16,
    pub(super) substitute_name_length: U16,
    pub(super) print_name_offset: U16,
    pub(super) print_name_length: U16,
}

/// A symbolic link's flag: the target is relative.
pub(super) const SYMLINK_RELATIVE: u32 = 1;

/// Tags ([MS-FSCC] 2.1.2.1).
pub(super) mod tag {
    pub(in super::super) const MOUNT_POINT: u32 = 0xa000_0003;
    pub(in super::super) const SYMLINK: u32 = 0xa000_000c;
    pub(in super::super) const LX_SYMLINK: u32 = 0xa000_001d;
    pub(in super::super) const AF_UNIX: u32 = 0x8000_0023;
    pub(in super::super) const LX_FIFO: u32 = 0x8000_0024;
    pub(in super::super) const LX_CHR: u32 = 0x8000_0025;
    pub(in super::super) const LX_BLK: u32 = 0x8000_0026;
    pub(in super::super) const WOF: u32 = 0x8000_0017;
    pub(in super::super) const DEDUP: u32 = 0x8000_0013;
    pub(in super::super) const SIS: u32 = 0x8000_0007;
    pub(in super::super) const HSM: u32 = 0xc000_0004;
    pub(in super::super) const HSM2: u32 = 0x8000_0006;
    pub(in super::super) const WIM: u32 = 0x8000_0008;
    /// OneDrive and its like use sixteen tags that differ in the third hexadecimal digit.
    pub(in super::super) const CLOUD: u32 = 0x9000_001a;
    pub(in super::super) const CLOUD_MASK: u32 = 0xffff_0fff;
    /// The file stands for another one.
    pub(in super::super) const NAME_SURROGATE: u32 = 0x2000_0000;
}

/// The reparse data of a compacted file: `WOF_EXTERNAL_INFO` and `FILE_PROVIDER_EXTERNAL_INFO`
/// (`ntifs.h`, <https://learn.microsoft.com/en-us/windows-hardware/drivers/ddi/ntifs/>).
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct WofInfo {
    pub(super) wof_version: U32,
    pub(super) provider: U32,
    pub(super) provider_version: U32,
    pub(super) algorithm: U32,
}

pub(super) const WOF_VERSION: u32 = 1;
pub(super) const WOF_PROVIDER_FILE: u32 = 2;
/// The stream that holds the chunks.
pub(super) const WOF_STREAM: &str = "WofCompressedData";
