//! qcow2 on disk, as in QEMU's specification "The qcow2 image format"
//! (<https://www.qemu.org/docs/master/interop/qcow2.html>). All numbers are big-endian, all offsets in
//! bytes.

use bitflags::bitflags;
use zerocopy::big_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// `magic`: "QFI" and 0xfb.
pub(super) const MAGIC: [u8; 4] = [b'Q', b'F', b'I', 0xfb];
/// Bytes of the header of version 2, and the least of version 3.
pub(super) const HEADER_V2: u32 = 72;
pub(super) const HEADER_V3: u32 = 104;

/// "Header": the fields that every version has.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct RawHeader {
    pub(super) magic: [u8; 4],
    pub(super) version: U32,
    pub(super) backing_file_offset: U64,
    pub(super) backing_file_size: U32,
    pub(super) cluster_bits: U32,
    /// Bytes of the disk.
    pub(super) size: U64,
    pub(super) crypt_method: U32,
    /// Entries of the active L1 table.
    pub(super) l1_size: U32,
    pub(super) l1_table_offset: U64,
    pub(super) refcount_table_offset: U64,
    pub(super) refcount_table_clusters: U32,
    pub(super) nb_snapshots: U32,
    pub(super) snapshots_offset: U64,
    // Version 3 on; zero in version 2.
    pub(super) incompatible_features: U64,
    pub(super) compatible_features: U64,
    pub(super) autoclear_features: U64,
    pub(super) refcount_order: U32,
    pub(super) header_length: U32,
    /// Counts only when the header is long enough to have it.
    pub(super) compression_type: u8,
    pub(super) padding: [u8; 7],
}

bitflags! {
    /// `incompatible_features`: who does not know a bit must not open the image.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct Incompatible: u64 {
        /// Reference counts may be wrong. Reading needs none.
        const DIRTY = 1;
        /// Some structure was found to be wrong.
        const CORRUPT = 1 << 1;
        /// The clusters are in another file.
        const EXTERNAL_DATA = 1 << 2;
        /// `compression_type` says how clusters are compressed.
        const COMPRESSION_TYPE = 1 << 3;
        /// L2 entries have a bitmap of subclusters.
        const EXTENDED_L2 = 1 << 4;
    }
}

/// `autoclear_features`, bit 1: the external data file is the disk, byte by byte.
pub(super) const AUTOCLEAR_RAW_EXTERNAL: u64 = 1 << 1;

/// `cluster_bits`: at least 9 by the specification; QEMU makes and opens at most 2 MiB (21).
pub(super) const MIN_CLUSTER_BITS: u32 = 9;
pub(super) const MAX_CLUSTER_BITS: u32 = 21;
/// With extended L2 entries a cluster has 32 subclusters of at least 512 bytes.
pub(super) const MIN_CLUSTER_BITS_EXTENDED: u32 = 14;
/// Subclusters of a cluster, as a power of two: 32.
pub(super) const SUBCLUSTER_BITS: u32 = 5;
/// Bytes of the largest L1 table: QEMU's bound, good for 2 EiB with clusters of 2 MiB.
pub(super) const MAX_L1_BYTES: u64 = 32 << 20;
/// Bytes of a backing file's name.
pub(super) const MAX_NAME: u32 = 1023;
/// Snapshots of one image: QEMU's bound.
pub(super) const MAX_SNAPSHOTS: u32 = 65_536;

/// `crypt_method`.
pub(super) const CRYPT_NONE: u32 = 0;
/// `compression_type`.
pub(super) const COMPRESSION_ZLIB: u8 = 0;
pub(super) const COMPRESSION_ZSTD: u8 = 1;

/// "Header extensions": the type of each, then four bytes of length, then the data padded to 8.
pub(super) const EXT_END: u32 = 0;
pub(super) const EXT_BACKING_FORMAT: u32 = 0xe279_2aca;
pub(super) const EXT_DATA_FILE: u32 = 0x4441_5441;

/// Bits of an L1 or standard L2 entry with the offset: 9 to 55.
pub(super) const OFFSET_MASK: u64 = 0x00ff_ffff_ffff_fe00;
/// Bit 0 of a standard L2 entry: all zero (version 3).
pub(super) const L2_ZERO: u64 = 1;
/// Bit 62 of an L2 entry: compressed.
pub(super) const L2_COMPRESSED: u64 = 1 << 62;
/// Bit 63: the reference count is exactly one.
pub(super) const COPIED: u64 = 1 << 63;
/// Compressed data is counted in sectors.
pub(super) const SECTOR: u64 = 512;

/// "Snapshots": the head of an entry of the table; extra data, id, name and padding follow.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct RawSnapshot {
    pub(super) l1_table_offset: U64,
    pub(super) l1_size: U32,
    pub(super) id_str_size: U16,
    pub(super) name_size: U16,
    pub(super) date_sec: U32,
    pub(super) date_nsec: U32,
    pub(super) vm_clock_nsec: U64,
    pub(super) vm_state_size: U32,
    pub(super) extra_data_size: U32,
}

/// Bytes of [`RawSnapshot`].
pub(super) const SNAPSHOT_LEN: u64 = 40;
/// Bytes of a snapshot's extra data: QEMU's bound.
pub(super) const MAX_SNAPSHOT_EXTRA: u32 = 1024;
