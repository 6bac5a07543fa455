//! What FAT has on disk (Microsoft "FAT32 File System Specification" 1.03,
//! <https://download.microsoft.com/download/1/6/1/161ba512-40e2-4cc9-843a-923143f3456c/fatgen103.doc>,
//! sections "Boot Sector and BPB", "FAT Data Structure", "FAT Directory Structure",
//! "FAT Long Directory Entries"; names as there).

use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

/// `BPB_BytsPerSec`: with at most 2^32 sectors and 2^28 clusters of 2^19 bytes, every byte offset
/// fits in 64 bits.
pub(super) const SECTOR_SIZES: std::ops::RangeInclusive<u16> = 512..=4096;
/// `BPB_Media`: 0xf0, or any from 0xf8 on.
pub(super) const MEDIA_REMOVABLE: u8 = 0xf0;
pub(super) const MEDIA_FIXED: u8 = 0xf8;
/// `BS_jmpBoot` starts with one of these.
pub(super) const JUMPS: [u8; 2] = [0xeb, 0xe9];
pub(super) const SIGNATURE_OFFSET: usize = 510;
pub(super) const SIGNATURE: &[u8] = &[0x55, 0xaa];
/// Clusters below which a FAT has 12-bit entries.
pub(super) const FAT16_CLUSTERS: u32 = 4085;
/// Clusters that the three widths can number at most.
pub(super) const MAX_CLUSTERS_12: u32 = 0xff4;
pub(super) const MAX_CLUSTERS_16: u32 = 0xfff4;
pub(super) const MAX_CLUSTERS_32: u32 = 0x0fff_fff4;
/// The first two entries of a FAT stand for no cluster.
pub(super) const FIRST_CLUSTER: u32 = 2;
pub(super) const ENTRY_LEN: usize = 32;
/// `BPB_ExtFlags`: only one FAT is active, and which.
pub(super) const EXT_FLAGS_ONE_FAT: u16 = 0x80;
pub(super) const EXT_FLAGS_ACTIVE: u16 = 0x0f;
/// `BS_Reserved1`, as Windows NT and Linux use it: the volume was mounted and not unmounted.
pub(super) const RESERVED_DIRTY: u8 = 0x01;

/// The boot sector up to where the widths part.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Bpb {
    pub(super) jmp_boot: [u8; 3],
    pub(super) oem_name: [u8; 8],
    pub(super) byts_per_sec: U16,
    pub(super) sec_per_clus: u8,
    pub(super) rsvd_sec_cnt: U16,
    pub(super) num_fats: u8,
    pub(super) root_ent_cnt: U16,
    pub(super) tot_sec16: U16,
    pub(super) media: u8,
    pub(super) fat_sz16: U16,
    pub(super) sec_per_trk: U16,
    pub(super) num_heads: U16,
    pub(super) hidd_sec: U32,
    pub(super) tot_sec32: U32,
}

pub(super) const BPB_LEN: usize = 36;
const _: () = assert!(size_of::<Bpb>() == BPB_LEN);

/// What only FAT32 has after that.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Bpb32 {
    pub(super) fat_sz32: U32,
    pub(super) ext_flags: U16,
    pub(super) fs_ver: U16,
    pub(super) root_clus: U32,
    pub(super) fs_info: U16,
    pub(super) bk_boot_sec: U16,
    pub(super) reserved: [u8; 12],
}

/// What follows: after [`Bpb`] for FAT12 and FAT16, after [`Bpb32`] for FAT32.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct BootEnd {
    pub(super) drv_num: u8,
    pub(super) reserved1: u8,
    pub(super) boot_sig: u8,
    pub(super) vol_id: U32,
    pub(super) vol_lab: [u8; 11],
    pub(super) fil_sys_type: [u8; 8],
}

/// The sector `BPB_FSInfo`.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct FsInfo {
    pub(super) lead_sig: U32,
    pub(super) reserved1: [u8; 480],
    pub(super) struc_sig: U32,
    pub(super) free_count: U32,
}

pub(super) const FSI_LEAD_SIG: u32 = 0x4161_5252;
pub(super) const FSI_STRUC_SIG: u32 = 0x6141_7272;

pub(super) const ATTR_VOLUME_ID: u8 = 0x08;
pub(super) const ATTR_DIRECTORY: u8 = 0x10;
/// `ATTR_LONG_NAME` within `ATTR_LONG_NAME_MASK`.
pub(super) const ATTR_LONG_NAME: u8 = 0x0f;
pub(super) const ATTR_LONG_NAME_MASK: u8 = 0x3f;
/// First bytes of an entry: none from here on; a free one; and what stands for a name that starts
/// with the byte of a free one.
pub(super) const NAME_END: u8 = 0x00;
pub(super) const NAME_FREE: u8 = 0xe5;
pub(super) const NAME_KANJI: u8 = 0x05;
/// `DIR_NTRes`: name and extension are in lower case.
pub(super) const LOWER_BASE: u8 = 0x08;
pub(super) const LOWER_EXT: u8 = 0x10;
/// `LDIR_Ord` of the last part of a long name, which comes first.
pub(super) const LAST_LONG_ENTRY: u8 = 0x40;
/// Parts of the longest name, of 255 characters in UTF-16.
pub(super) const MAX_LONG_ENTRIES: u8 = 20;

/// A directory entry.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct DirEntryRaw {
    pub(super) name: [u8; 11],
    pub(super) attr: u8,
    pub(super) nt_res: u8,
    pub(super) crt_time_tenth: u8,
    pub(super) crt_time: U16,
    pub(super) crt_date: U16,
    pub(super) lst_acc_date: U16,
    pub(super) fst_clus_hi: U16,
    pub(super) wrt_time: U16,
    pub(super) wrt_date: U16,
    pub(super) fst_clus_lo: U16,
    pub(super) file_size: U32,
}

/// An entry that holds a part of a long name.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct LongEntryRaw {
    pub(super) ord: u8,
    pub(super) name1: [u8; 10],
    pub(super) attr: u8,
    pub(super) kind: u8,
    pub(super) chksum: u8,
    pub(super) name2: [u8; 12],
    pub(super) fst_clus_lo: U16,
    pub(super) name3: [u8; 4],
}

const _: () =
    assert!(size_of::<DirEntryRaw>() == ENTRY_LEN && size_of::<LongEntryRaw>() == ENTRY_LEN);
