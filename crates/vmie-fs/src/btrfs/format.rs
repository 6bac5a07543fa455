//! On-disk structures of Btrfs and what bounds them
//! (<https://btrfs.readthedocs.io/en/latest/dev/On-disk-format.html>; the names are those of the
//! Linux uapi header `btrfs_tree.h`, which the page describes).
//!
//! All integers are little-endian. Logical addresses are those of the chunk tree; physical ones are
//! bytes of a device.

use bitflags::bitflags;
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

/// Where the primary superblock is.
pub(super) const BTRFS_SUPER_INFO_OFFSET: usize = 64 << 10;
/// Where the superblock and its copies are, as far as the device reaches ("Superblock").
pub(super) const SUPER_OFFSETS: [u64; 3] = [64 << 10, 64 << 20, 256 << 30];
/// Bytes of a superblock.
pub(super) const SUPER_SIZE: usize = 4096;
/// Where in it the magic is.
pub(super) const MAGIC_OFFSET: usize = BTRFS_SUPER_INFO_OFFSET + 0x40;
pub(super) const BTRFS_MAGIC: &[u8] = b"_BHRfS_M";
/// Bytes at the start of superblocks and nodes that hold the checksum of what follows them.
pub(super) const CSUM_SIZE: usize = 32;

/// Sector and node sizes that the format allows: powers of two from 4 KiB to 64 KiB.
pub(super) const MIN_BLOCK: u32 = 4 << 10;
pub(super) const MAX_BLOCK: u32 = 64 << 10;
/// Levels of a tree: a leaf is level 0 (`BTRFS_MAX_LEVEL` is 8).
pub(super) const MAX_LEVEL: u8 = 7;
/// What one stripe element of a chunk has, in bytes (`BTRFS_STRIPE_LEN`); nothing else was ever
/// written.
pub(super) const STRIPE_LEN: u64 = 64 << 10;
/// Bytes that one compressed extent may expand to, and may take (`BTRFS_MAX_COMPRESSED` and
/// `BTRFS_MAX_UNCOMPRESSED`): so a read of one byte costs at most this much work.
pub(super) const MAX_COMPRESSED: u64 = 128 << 10;
/// The longest target of a symbolic link that Linux makes or follows (`PATH_MAX`).
pub(super) const MAX_SYMLINK: u64 = 4096;
/// The longest name (`BTRFS_NAME_LEN`).
pub(super) const MAX_NAME: usize = 255;
/// Devices of one filesystem that are taken.
pub(super) const MAX_DEVICES: usize = 1024;

/// A superblock that makes a read-only source of other filesystems.
pub(super) const BTRFS_SUPER_FLAG_SEEDING: u64 = 1 << 32;
/// A superblock whose metadata is being given another UUID.
pub(super) const BTRFS_SUPER_FLAG_CHANGING_FSID: u64 = (1 << 35) | (1 << 36);
/// A superblock that describes a dump of metadata, not a filesystem.
pub(super) const BTRFS_SUPER_FLAG_METADUMP: u64 = (1 << 33) | (1 << 34);

/// `struct btrfs_dev_item`.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct BtrfsDevItem {
    pub(super) devid: U64,
    pub(super) total_bytes: U64,
    pub(super) bytes_used: U64,
    pub(super) io_align: U32,
    pub(super) io_width: U32,
    pub(super) sector_size: U32,
    pub(super) device_type: U64,
    pub(super) generation: U64,
    pub(super) start_offset: U64,
    pub(super) dev_group: U32,
    pub(super) seek_speed: u8,
    pub(super) bandwidth: u8,
    pub(super) uuid: [u8; 16],
    pub(super) fsid: [u8; 16],
}

const _: () = assert!(size_of::<BtrfsDevItem>() == 98);

/// `struct btrfs_super_block`, up to the label.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct BtrfsSuperBlock {
    pub(super) csum: [u8; 32],
    pub(super) fsid: [u8; 16],
    pub(super) bytenr: U64,
    pub(super) flags: U64,
    pub(super) magic: [u8; 8],
    pub(super) generation: U64,
    pub(super) root: U64,
    pub(super) chunk_root: U64,
    pub(super) log_root: U64,
    pub(super) log_root_transid: U64,
    pub(super) total_bytes: U64,
    pub(super) bytes_used: U64,
    pub(super) root_dir_objectid: U64,
    pub(super) num_devices: U64,
    pub(super) sectorsize: U32,
    pub(super) nodesize: U32,
    pub(super) leafsize: U32,
    pub(super) stripesize: U32,
    pub(super) sys_chunk_array_size: U32,
    pub(super) chunk_root_generation: U64,
    pub(super) compat_flags: U64,
    pub(super) compat_ro_flags: U64,
    pub(super) incompat_flags: U64,
    pub(super) csum_type: U16,
    pub(super) root_level: u8,
    pub(super) chunk_root_level: u8,
    pub(super) log_root_level: u8,
    pub(super) dev_item: BtrfsDevItem,
    pub(super) label: [u8; 256],
    pub(super) cache_generation: U64,
    pub(super) uuid_tree_generation: U64,
    pub(super) metadata_uuid: [u8; 16],
}

const _: () = assert!(size_of::<BtrfsSuperBlock>() == 0x24b);

/// Where in the superblock the chunks are that hold the chunk tree, and how many bytes there are.
pub(super) const SYS_CHUNK_ARRAY: usize = 0x32b;
pub(super) const SYS_CHUNK_ARRAY_SIZE: usize = 2048;

bitflags! {
    /// Features without whose knowledge a filesystem cannot be read ("incompat").
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct Incompat: u64 {
        const MIXED_BACKREF = 1;
        const DEFAULT_SUBVOL = 1 << 1;
        const MIXED_GROUPS = 1 << 2;
        const COMPRESS_LZO = 1 << 3;
        const COMPRESS_ZSTD = 1 << 4;
        const BIG_METADATA = 1 << 5;
        const EXTENDED_IREF = 1 << 6;
        const RAID56 = 1 << 7;
        const SKINNY_METADATA = 1 << 8;
        const NO_HOLES = 1 << 9;
        const METADATA_UUID = 1 << 10;
        const RAID1C34 = 1 << 11;
        const ZONED = 1 << 12;
        const EXTENT_TREE_V2 = 1 << 13;
        const RAID_STRIPE_TREE = 1 << 14;
        const SIMPLE_QUOTA = 1 << 16;

        /// Those that are read here. Zoned devices are not: their superblocks are elsewhere.
        const READ = ((1 << 12) - 1) | (1 << 13) | (1 << 14) | (1 << 16);
    }
}

bitflags! {
    /// What a chunk is for, and how it is spread over devices.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct BlockGroup: u64 {
        const DATA = 1;
        const SYSTEM = 1 << 1;
        const METADATA = 1 << 2;
        const RAID0 = 1 << 3;
        const RAID1 = 1 << 4;
        const DUP = 1 << 5;
        const RAID10 = 1 << 6;
        const RAID5 = 1 << 7;
        const RAID6 = 1 << 8;
        const RAID1C3 = 1 << 9;
        const RAID1C4 = 1 << 10;

        const TYPES = 0x7;
        const PROFILES = 0x7f8;
    }
}

/// `struct btrfs_disk_key`.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct BtrfsDiskKey {
    pub(super) objectid: U64,
    pub(super) kind: u8,
    pub(super) offset: U64,
}

/// A key of a tree, ordered as trees are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) objectid: u64,
    pub(super) kind: u8,
    pub(super) offset: u64,
}

impl Key {
    pub(super) fn new(objectid: u64, kind: u8, offset: u64) -> Self {
        Self {
            objectid,
            kind,
            offset,
        }
    }
}

impl From<BtrfsDiskKey> for Key {
    fn from(key: BtrfsDiskKey) -> Self {
        Self::new(key.objectid.get(), key.kind, key.offset.get())
    }
}

/// `struct btrfs_header`, which every node of a tree starts with.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct BtrfsHeader {
    pub(super) csum: [u8; 32],
    pub(super) fsid: [u8; 16],
    pub(super) bytenr: U64,
    pub(super) flags: U64,
    pub(super) chunk_tree_uuid: [u8; 16],
    pub(super) generation: U64,
    pub(super) owner: U64,
    pub(super) nritems: U32,
    pub(super) level: u8,
}

pub(super) const HEADER_SIZE: usize = 101;
const _: () = assert!(size_of::<BtrfsHeader>() == HEADER_SIZE);

/// `struct btrfs_item`, an entry of a leaf; `offset` counts from the end of the header.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct BtrfsItem {
    pub(super) key: BtrfsDiskKey,
    pub(super) offset: U32,
    pub(super) size: U32,
}

pub(super) const ITEM_SIZE: usize = 25;
const _: () = assert!(size_of::<BtrfsItem>() == ITEM_SIZE);

/// `struct btrfs_key_ptr`, an entry of an inner node.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct BtrfsKeyPtr {
    pub(super) key: BtrfsDiskKey,
    pub(super) blockptr: U64,
    pub(super) generation: U64,
}

pub(super) const KEY_PTR_SIZE: usize = 33;
const _: () = assert!(size_of::<BtrfsKeyPtr>() == KEY_PTR_SIZE);

/// `struct btrfs_chunk`, without its stripes.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct BtrfsChunk {
    pub(super) length: U64,
    pub(super) owner: U64,
    pub(super) stripe_len: U64,
    pub(super) chunk_type: U64,
    pub(super) io_align: U32,
    pub(super) io_width: U32,
    pub(super) sector_size: U32,
    pub(super) num_stripes: U16,
    pub(super) sub_stripes: U16,
}

const _: () = assert!(size_of::<BtrfsChunk>() == 48);

/// `struct btrfs_stripe`.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct BtrfsStripe {
    pub(super) devid: U64,
    pub(super) offset: U64,
    pub(super) dev_uuid: [u8; 16],
}

const _: () = assert!(size_of::<BtrfsStripe>() == 32);

/// `struct btrfs_timespec`.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct BtrfsTimespec {
    pub(super) sec: U64,
    pub(super) nsec: U32,
}

/// `struct btrfs_inode_item`.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct BtrfsInodeItem {
    pub(super) generation: U64,
    pub(super) transid: U64,
    pub(super) size: U64,
    pub(super) nbytes: U64,
    pub(super) block_group: U64,
    pub(super) nlink: U32,
    pub(super) uid: U32,
    pub(super) gid: U32,
    pub(super) mode: U32,
    pub(super) rdev: U64,
    pub(super) flags: U64,
    pub(super) sequence: U64,
    pub(super) reserved: [U64; 4],
    pub(super) atime: BtrfsTimespec,
    pub(super) ctime: BtrfsTimespec,
    pub(super) mtime: BtrfsTimespec,
    pub(super) otime: BtrfsTimespec,
}

const _: () = assert!(size_of::<BtrfsInodeItem>() == 160);

/// A file whose data has no checksums.
pub(super) const BTRFS_INODE_NODATASUM: u64 = 1;

/// `struct btrfs_root_item`, as the first version had it.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct BtrfsRootItem {
    pub(super) inode: BtrfsInodeItem,
    pub(super) generation: U64,
    pub(super) root_dirid: U64,
    pub(super) bytenr: U64,
    pub(super) byte_limit: U64,
    pub(super) bytes_used: U64,
    pub(super) last_snapshot: U64,
    pub(super) flags: U64,
    pub(super) refs: U32,
    pub(super) drop_progress: BtrfsDiskKey,
    pub(super) drop_level: u8,
    pub(super) level: u8,
}

const _: () = assert!(size_of::<BtrfsRootItem>() == 239);

/// What later versions of `struct btrfs_root_item` have after it, up to the UUIDs. It counts only
/// when `generation_v2` is the item's generation: an old kernel leaves it alone.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct BtrfsRootItemV2 {
    pub(super) generation_v2: U64,
    pub(super) uuid: [u8; 16],
    pub(super) parent_uuid: [u8; 16],
    pub(super) received_uuid: [u8; 16],
}

/// A subvolume that may not be written.
pub(super) const BTRFS_ROOT_SUBVOL_RDONLY: u64 = 1;

/// `struct btrfs_root_ref`, before the name.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct BtrfsRootRef {
    pub(super) dirid: U64,
    pub(super) sequence: U64,
    pub(super) name_len: U16,
}

/// `struct btrfs_dir_item`, before the name and the data.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct BtrfsDirItem {
    pub(super) location: BtrfsDiskKey,
    pub(super) transid: U64,
    pub(super) data_len: U16,
    pub(super) name_len: U16,
    pub(super) kind: u8,
}

const _: () = assert!(size_of::<BtrfsDirItem>() == 30);

/// `struct btrfs_inode_ref`, before the name.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct BtrfsInodeRef {
    pub(super) index: U64,
    pub(super) name_len: U16,
}

/// `struct btrfs_inode_extref`, before the name.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct BtrfsInodeExtref {
    pub(super) parent: U64,
    pub(super) index: U64,
    pub(super) name_len: U16,
}

/// `struct btrfs_file_extent_item`, up to where inline data starts.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct BtrfsFileExtentItem {
    pub(super) generation: U64,
    pub(super) ram_bytes: U64,
    pub(super) compression: u8,
    pub(super) encryption: u8,
    pub(super) other_encoding: U16,
    pub(super) kind: u8,
}

pub(super) const FILE_EXTENT_SIZE: usize = 21;
const _: () = assert!(size_of::<BtrfsFileExtentItem>() == FILE_EXTENT_SIZE);

/// The rest of `struct btrfs_file_extent_item` where the data is elsewhere.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct BtrfsFileExtentDisk {
    pub(super) disk_bytenr: U64,
    pub(super) disk_num_bytes: U64,
    pub(super) offset: U64,
    pub(super) num_bytes: U64,
}

/// Kinds of file extents.
pub(super) const BTRFS_FILE_EXTENT_INLINE: u8 = 0;
pub(super) const BTRFS_FILE_EXTENT_REG: u8 = 1;
pub(super) const BTRFS_FILE_EXTENT_PREALLOC: u8 = 2;

/// Kinds of compression.
pub(super) const BTRFS_COMPRESS_NONE: u8 = 0;
pub(super) const BTRFS_COMPRESS_ZLIB: u8 = 1;
pub(super) const BTRFS_COMPRESS_LZO: u8 = 2;
pub(super) const BTRFS_COMPRESS_ZSTD: u8 = 3;

/// Kinds of items ("Key types").
pub(super) const INODE_ITEM: u8 = 1;
pub(super) const INODE_REF: u8 = 12;
pub(super) const INODE_EXTREF: u8 = 13;
pub(super) const XATTR_ITEM: u8 = 24;
pub(super) const DIR_ITEM: u8 = 84;
pub(super) const DIR_INDEX: u8 = 96;
pub(super) const EXTENT_DATA: u8 = 108;
pub(super) const EXTENT_CSUM: u8 = 128;
pub(super) const ROOT_ITEM: u8 = 132;
pub(super) const ROOT_BACKREF: u8 = 144;
pub(super) const ROOT_REF: u8 = 156;
pub(super) const CHUNK_ITEM: u8 = 228;

/// Object ids that are set ("Reserved objectids").
pub(super) const ROOT_TREE: u64 = 1;
pub(super) const CHUNK_TREE: u64 = 3;
pub(super) const FS_TREE: u64 = 5;
pub(super) const CSUM_TREE: u64 = 7;
pub(super) const FIRST_CHUNK_TREE_OBJECTID: u64 = 256;
/// What checksums of data are listed under: -10.
pub(super) const EXTENT_CSUM_OBJECTID: u64 = u64::MAX - 9;
pub(super) const FIRST_FREE_OBJECTID: u64 = 256;
/// -256, the last id of a subvolume or file.
pub(super) const LAST_FREE_OBJECTID: u64 = u64::MAX - 255;

/// Whether a tree is one of files: the top-level one or a subvolume's.
pub(super) fn is_subvolume(tree: u64) -> bool {
    tree == FS_TREE || (FIRST_FREE_OBJECTID..=LAST_FREE_OBJECTID).contains(&tree)
}

/// The structure at the start of `bytes`, and what follows it.
pub(super) fn split<T: FromBytes + KnownLayout + Immutable + Unaligned>(
    bytes: &[u8],
) -> Option<(T, &[u8])> {
    T::read_from_prefix(bytes).ok()
}

/// The first `len` bytes, and what follows them.
pub(super) fn split_len(bytes: &[u8], len: u16) -> Option<(&[u8], &[u8])> {
    bytes.split_at_checked(usize::from(len))
}
