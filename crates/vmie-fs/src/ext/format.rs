//! What ext2, ext3 and ext4 have on disk
//! (<https://docs.kernel.org/filesystems/ext4/globals.html>; names and offsets as there).

use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The superblock starts after the boot sectors, whatever the block size.
pub(super) const SUPERBLOCK_OFFSET: usize = 1024;
pub(super) const EXT4_SUPER_MAGIC: u16 = 0xef53;
/// `EXT4_MAX_BLOCK_LOG_SIZE` less 10: blocks of 1 KiB to 64 KiB, so a block fits in memory and
/// a 48-bit block number times its size fits in 64 bits.
pub(super) const MAX_LOG_BLOCK_SIZE: u32 = 6;
/// Block numbers have 48 bits in extents.
pub(super) const MAX_BLOCKS: u64 = 1 << 48;
/// `s_rev_level` that has no `s_inode_size` and no features.
pub(super) const GOOD_OLD_REV: u32 = 0;
/// The only other `s_rev_level`.
pub(super) const DYNAMIC_REV: u32 = 1;
pub(super) const GOOD_OLD_INODE_SIZE: u16 = 128;
pub(super) const MIN_DESC_SIZE: u16 = 32;
pub(super) const MIN_DESC_SIZE_64BIT: u16 = 64;
/// `EXT4_MAX_DESC_SIZE`: the smallest block, so that at least one descriptor fits in a block.
pub(super) const MAX_DESC_SIZE: u16 = 1024;
/// `s_checksum_type` of CRC-32C, the only one there is.
pub(super) const CRC32C_CHKSUM: u8 = 1;
pub(super) const ROOT_INODE: u32 = 2;

bitflags::bitflags! {
    /// `s_feature_compat`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct Compat: u32 {
        const HAS_JOURNAL = 0x4;
        const SPARSE_SUPER2 = 0x200;
        const _ = !0;
    }

    /// `s_feature_incompat`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct Incompat: u32 {
        const COMPRESSION = 0x1;
        const FILETYPE = 0x2;
        const RECOVER = 0x4;
        const JOURNAL_DEV = 0x8;
        const META_BG = 0x10;
        const EXTENTS = 0x40;
        const BIT64 = 0x80;
        const MMP = 0x100;
        const FLEX_BG = 0x200;
        const EA_INODE = 0x400;
        const DIRDATA = 0x1000;
        const CSUM_SEED = 0x2000;
        const LARGEDIR = 0x4000;
        const INLINE_DATA = 0x8000;
        const ENCRYPT = 0x1_0000;
        const CASEFOLD = 0x2_0000;
        const _ = !0;
    }

    /// `s_feature_ro_compat`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct RoCompat: u32 {
        const SPARSE_SUPER = 0x1;
        const LARGE_FILE = 0x2;
        const BTREE_DIR = 0x4;
        const GDT_CSUM = 0x10;
        const METADATA_CSUM = 0x400;
        const _ = !0;
    }

    /// `i_flags`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct InodeFlags: u32 {
        const ENCRYPT = 0x800;
        const INDEX = 0x1000;
        const EXTENTS = 0x8_0000;
        const EA_INODE = 0x20_0000;
        const INLINE_DATA = 0x1000_0000;
        const _ = !0;
    }
}

impl Incompat {
    /// What is understood here. Of these, `MMP`, `FLEX_BG`, `LARGEDIR`, `CASEFOLD` and `EA_INODE`
    /// change nothing for who only reads names and data; `ENCRYPT` is refused file by file.
    pub(super) const READ: Self = Self::FILETYPE
        .union(Self::RECOVER)
        .union(Self::META_BG)
        .union(Self::EXTENTS)
        .union(Self::BIT64)
        .union(Self::MMP)
        .union(Self::FLEX_BG)
        .union(Self::EA_INODE)
        .union(Self::CSUM_SEED)
        .union(Self::LARGEDIR)
        .union(Self::INLINE_DATA)
        .union(Self::ENCRYPT)
        .union(Self::CASEFOLD);
    /// What ext2 has.
    pub(super) const EXT2: Self = Self::FILETYPE.union(Self::META_BG);
    /// What ext3 has.
    pub(super) const EXT3: Self = Self::EXT2.union(Self::RECOVER);
}

impl RoCompat {
    /// What ext2 and ext3 have.
    pub(super) const EXT3: Self = Self::SPARSE_SUPER
        .union(Self::LARGE_FILE)
        .union(Self::BTREE_DIR);
}

/// `s_state`: cleanly unmounted, and errors were detected.
pub(super) const VALID_FS: u16 = 0x1;
pub(super) const ERROR_FS: u16 = 0x2;

/// `struct ext4_super_block`.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Superblock {
    pub(super) s_inodes_count: U32,
    pub(super) s_blocks_count_lo: U32,
    pub(super) s_r_blocks_count_lo: U32,
    pub(super) s_free_blocks_count_lo: U32,
    pub(super) s_free_inodes_count: U32,
    pub(super) s_first_data_block: U32,
    pub(super) s_log_block_size: U32,
    pub(super) s_log_cluster_size: U32,
    pub(super) s_blocks_per_group: U32,
    pub(super) s_clusters_per_group: U32,
    pub(super) s_inodes_per_group: U32,
    pub(super) s_mtime: U32,
    pub(super) s_wtime: U32,
    pub(super) s_mnt_count: U16,
    pub(super) s_max_mnt_count: U16,
    pub(super) s_magic: U16,
    pub(super) s_state: U16,
    pub(super) s_errors: U16,
    pub(super) s_minor_rev_level: U16,
    pub(super) s_lastcheck: U32,
    pub(super) s_checkinterval: U32,
    pub(super) s_creator_os: U32,
    pub(super) s_rev_level: U32,
    pub(super) s_def_resuid: U16,
    pub(super) s_def_resgid: U16,
    pub(super) s_first_ino: U32,
    pub(super) s_inode_size: U16,
    pub(super) s_block_group_nr: U16,
    pub(super) s_feature_compat: U32,
    pub(super) s_feature_incompat: U32,
    pub(super) s_feature_ro_compat: U32,
    pub(super) s_uuid: [u8; 16],
    pub(super) s_volume_name: [u8; 16],
    pub(super) s_last_mounted: [u8; 64],
    pub(super) s_algorithm_usage_bitmap: U32,
    pub(super) s_prealloc: [u8; 4],
    pub(super) s_journal_uuid: [u8; 16],
    pub(super) s_journal_inum: U32,
    pub(super) s_journal_dev: U32,
    pub(super) s_last_orphan: U32,
    pub(super) s_hash_seed: [u8; 16],
    pub(super) s_def_hash_version: u8,
    pub(super) s_jnl_backup_type: u8,
    pub(super) s_desc_size: U16,
    pub(super) s_default_mount_opts: U32,
    pub(super) s_first_meta_bg: U32,
    pub(super) s_mkfs_time: U32,
    pub(super) s_jnl_blocks: [u8; 68],
    pub(super) s_blocks_count_hi: U32,
    pub(super) s_r_blocks_count_hi: U32,
    pub(super) s_free_blocks_count_hi: U32,
    pub(super) later0: [u8; 0x175 - 0x15c],
    pub(super) s_checksum_type: u8,
    pub(super) later1: [u8; 0x24c - 0x176],
    pub(super) s_backup_bgs: [U32; 2],
    pub(super) later2: [u8; 0x270 - 0x254],
    pub(super) s_checksum_seed: U32,
    pub(super) later3: [u8; 0x3fc - 0x274],
    pub(super) s_checksum: U32,
}

const _: () = assert!(size_of::<Superblock>() == 1024);

/// `struct ext4_group_desc`: the first 32 bytes, which all have, and the upper halves.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct GroupDesc {
    pub(super) bg_block_bitmap_lo: U32,
    pub(super) bg_inode_bitmap_lo: U32,
    pub(super) bg_inode_table_lo: U32,
    pub(super) bg_free_blocks_count_lo: U16,
    pub(super) bg_free_inodes_count_lo: U16,
    pub(super) bg_used_dirs_count_lo: U16,
    pub(super) bg_flags: U16,
    pub(super) bg_exclude_bitmap_lo: U32,
    pub(super) bg_block_bitmap_csum_lo: U16,
    pub(super) bg_inode_bitmap_csum_lo: U16,
    pub(super) bg_itable_unused_lo: U16,
    pub(super) bg_checksum: U16,
}

/// Where `bg_checksum` is, and where `bg_inode_table_hi` is when descriptors are long enough.
pub(super) const BG_CHECKSUM_OFFSET: usize = 0x1e;
pub(super) const BG_INODE_TABLE_HI_OFFSET: usize = 0x28;

/// `struct ext4_inode`: the first 128 bytes, which all have.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct RawInode {
    pub(super) i_mode: U16,
    pub(super) i_uid: U16,
    pub(super) i_size_lo: U32,
    pub(super) i_atime: U32,
    pub(super) i_ctime: U32,
    pub(super) i_mtime: U32,
    pub(super) i_dtime: U32,
    pub(super) i_gid: U16,
    pub(super) i_links_count: U16,
    pub(super) i_blocks_lo: U32,
    pub(super) i_flags: U32,
    pub(super) i_osd1: U32,
    pub(super) i_block: [u8; 60],
    pub(super) i_generation: U32,
    pub(super) i_file_acl_lo: U32,
    pub(super) i_size_high: U32,
    pub(super) i_obso_faddr: U32,
    pub(super) l_i_blocks_high: U16,
    pub(super) l_i_file_acl_high: U16,
    pub(super) l_i_uid_high: U16,
    pub(super) l_i_gid_high: U16,
    pub(super) l_i_checksum_lo: U16,
    pub(super) l_i_reserved: U16,
}

const _: () = assert!(size_of::<RawInode>() == 128);

/// The fields after the first 128 bytes, of which `i_extra_isize` says how many there are.
#[derive(Clone, Copy, Default, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct ExtraInode {
    pub(super) i_extra_isize: U16,
    pub(super) i_checksum_hi: U16,
    pub(super) i_ctime_extra: U32,
    pub(super) i_mtime_extra: U32,
    pub(super) i_atime_extra: U32,
    pub(super) i_crtime: U32,
    pub(super) i_crtime_extra: U32,
    pub(super) i_version_hi: U32,
    pub(super) i_projid: U32,
}

pub(super) const CHECKSUM_LO_OFFSET: usize = 0x7c;
pub(super) const CHECKSUM_HI_OFFSET: usize = 0x82;
/// `i_extra_isize` that reaches past `i_checksum_hi`, and past `i_mtime_extra`.
pub(super) const EXTRA_WITH_CHECKSUM: u16 = 4;
pub(super) const EXTRA_WITH_MTIME: u16 = 12;
/// In-inode extended attributes start with this after the extra fields.
pub(super) const XATTR_MAGIC: u32 = 0xea02_0000;
/// The name index of `system.*`, whose attribute `data` holds what of an inline file does not fit
/// in `i_block`.
pub(super) const XATTR_INDEX_SYSTEM: u8 = 7;
pub(super) const XATTR_NAME_DATA: &[u8] = b"data";
/// Bytes before the entries of a block of attributes.
pub(super) const XATTR_HEADER: usize = 32;
/// `XATTR_SIZE_MAX` of the kernel, which hands out no longer value.
pub(super) const XATTR_SIZE_MAX: u32 = 64 << 10;

/// `struct ext4_xattr_header`, which a block of attributes starts with.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct XattrHeader {
    pub(super) h_magic: U32,
    pub(super) h_refcount: U32,
    pub(super) h_blocks: U32,
    pub(super) h_hash: U32,
    pub(super) h_checksum: U32,
    pub(super) h_reserved: [U32; 3],
}

const _: () = assert!(size_of::<XattrHeader>() == XATTR_HEADER);

/// `struct ext4_xattr_entry`, without its name.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct XattrEntry {
    pub(super) e_name_len: u8,
    pub(super) e_name_index: u8,
    pub(super) e_value_offs: U16,
    pub(super) e_value_inum: U32,
    pub(super) e_value_size: U32,
    pub(super) e_hash: U32,
}

/// Blocks of a block map that are in the inode, then one each for the three levels.
pub(super) const NDIR_BLOCKS: usize = 12;
/// `EXT4_MAX_EXTENT_DEPTH`.
pub(super) const MAX_EXTENT_DEPTH: u16 = 5;
/// The kind of file in `i_mode`, and that of folders.
pub(super) const S_IFMT: u16 = 0xf000;
pub(super) const S_IFDIR: u16 = 0x4000;
pub(super) const EXTENT_MAGIC: u16 = 0xf30a;
/// Longest extent; what is longer is preallocated and reads as zeroes, this much less long.
pub(super) const EXT_INIT_MAX_LEN: u16 = 32768;
/// Bytes of a header and of each entry of an extent tree.
pub(super) const EXTENT_ENTRY: usize = 12;

/// `struct ext4_extent_header`.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct ExtentHeader {
    pub(super) eh_magic: U16,
    pub(super) eh_entries: U16,
    pub(super) eh_max: U16,
    pub(super) eh_depth: U16,
    pub(super) eh_generation: U32,
}

/// `struct ext4_extent`.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct ExtentLeaf {
    pub(super) ee_block: U32,
    pub(super) ee_len: U16,
    pub(super) ee_start_hi: U16,
    pub(super) ee_start_lo: U32,
}

/// `struct ext4_extent_idx`.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct ExtentIndex {
    pub(super) ei_block: U32,
    pub(super) ei_leaf_lo: U32,
    pub(super) ei_leaf_hi: U16,
    pub(super) ei_unused: U16,
}

/// `struct ext4_dir_entry_2`, without its name.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct DirEntry2 {
    pub(super) inode: U32,
    pub(super) rec_len: U16,
    pub(super) name_len: u8,
    /// The upper byte of `name_len` where the filesystem lacks `FILETYPE`; zero then, since names
    /// have at most 255 bytes.
    pub(super) file_type: u8,
}

/// `struct ext4_dir_entry_tail`, which ends a leaf where metadata has checksums: bytes of it, and
/// what stands in place of `file_type`.
pub(super) const DIR_TAIL: usize = 12;
pub(super) const DIR_TAIL_FILE_TYPE: u8 = 0xde;
/// An inline directory starts with its parent's inode number instead of `.` and `..`.
pub(super) const INLINE_DOTDOT: usize = 4;
/// `EXT4_INLINE_DATA` that is in `i_block`.
pub(super) const MIN_INLINE_DATA: usize = 60;
/// The kernel reads no longer symbolic link than a block, and no path longer than this
/// (`PATH_MAX`).
pub(super) const MAX_SYMLINK: u64 = 4096;
