//! Extents on disk, as in VMware's technical notes "Virtual Disk Format 1.1" and "5.0" (sections
//! "Hosted Sparse Extents", "ESXi Host Sparse Extents", "Stream-Optimized Compressed Sparse
//! Extents"). All numbers are little-endian, all offsets in sectors of 512 bytes. SEsparse extents are
//! specified by nobody; what is known of them is what the headers of real ones show and what readers
//! of them agree on.

use bitflags::bitflags;
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Bytes of a sector.
pub(super) const SECTOR: u64 = 512;

/// `magicNumber` of a sparse extent.
pub(super) const MAGIC: [u8; 4] = *b"KDMV";
/// The magic of the copy-on-write extents of old ESX hosts.
pub(super) const COWD_MAGIC: [u8; 4] = *b"COWD";
/// The magic of SEsparse extents, 0xcafebabe as 64 bits.
pub(super) const SESPARSE_MAGIC: [u8; 8] = [0xbe, 0xba, 0xfe, 0xca, 0, 0, 0, 0];
/// How the text of a descriptor file begins; compared without regard to case.
pub(super) const DESCRIPTOR_START: &[u8] = b"# Disk DescriptorFile";

/// `SparseExtentHeader`, the first sector; the footer has the same form.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
#[expect(non_snake_case, reason = "the specification's own names")]
pub(super) struct SparseExtentHeader {
    pub(super) magicNumber: [u8; 4],
    /// 1, 2 with the zeroed-grain flag, 3 as newer tools write. All are laid out the same.
    pub(super) version: U32,
    pub(super) flags: U32,
    /// Sectors of the disk.
    pub(super) capacity: U64,
    /// Sectors of a grain.
    pub(super) grainSize: U64,
    pub(super) descriptorOffset: U64,
    pub(super) descriptorSize: U64,
    pub(super) numGTEsPerGT: U32,
    /// The redundant grain directory.
    pub(super) rgdOffset: U64,
    pub(super) gdOffset: U64,
    /// Sectors of all metadata before the first grain.
    pub(super) overHead: U64,
    pub(super) uncleanShutdown: u8,
    /// `\n`, ` `, `\r`, `\n`: a transfer in text mode changes at least one.
    pub(super) newlines: [u8; 4],
    pub(super) compressAlgorithm: U16,
    pub(super) pad: [u8; 433],
}

bitflags! {
    /// `flags` of the header.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct Flags: u32 {
        /// The newline bytes can be checked.
        const NEWLINES = 1;
        /// The redundant grain directory is there.
        const REDUNDANT = 1 << 1;
        /// A grain table entry of 1 is a grain of zeroes.
        const ZEROED_GRAINS = 1 << 2;
        /// The grains are compressed.
        const COMPRESSED = 1 << 16;
        /// Grains and metadata are preceded by markers.
        const MARKERS = 1 << 17;
        // Later flags do not change what is read here.
        const _ = !0;
    }
}

/// Newest version of the header.
pub(super) const NEWEST_VERSION: u32 = 3;
/// What `newlines` are.
pub(super) const NEWLINES: [u8; 4] = *b"\n \r\n";
/// `gdOffset` of a stream: the grain directory is told by the footer.
pub(super) const GD_AT_END: u64 = u64::MAX;
/// `compressAlgorithm`: none.
pub(super) const COMPRESSION_NONE: u16 = 0;
/// `compressAlgorithm`: deflate, in the zlib format.
pub(super) const COMPRESSION_DEFLATE: u16 = 1;

/// Sectors of the smallest grain: 4 KiB, by the specification.
pub(super) const MIN_GRAIN: u64 = 8;
/// Sectors of the largest grain that is read: 16 MiB. Tools write 64 KiB, old ones up to 1 MiB;
/// the bound keeps the buffers of a few threads below the default limit of memory.
pub(super) const MAX_GRAIN: u64 = 32_768;
/// Entries of the largest grain table that is read. Tools write 512; the bound makes a table
/// 256 KiB at most, and a table of the largest grains 1 TiB of disk, which is far from overflowing.
pub(super) const MAX_TABLE_ENTRIES: u32 = 65_536;

/// A grain table entry for a grain that nobody wrote.
pub(super) const GTE_HOLE: u32 = 0;
/// A grain table entry for a grain of zeroes, with [`Flags::ZEROED_GRAINS`].
pub(super) const GTE_ZERO: u32 = 1;

/// A marker: what precedes grains (`size` is their compressed length and the data follow at once)
/// and metadata (`size` is zero, `type` follows, and the metadata start in the next sector).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Marker {
    /// The grain's first sector on the disk; the number of sectors of the metadata.
    pub(super) val: U64,
    /// Bytes of compressed data.
    pub(super) size: U32,
    /// Only if `size` is zero.
    pub(super) kind: U32,
}

/// Bytes of a grain's marker, before its data.
pub(super) const GRAIN_MARKER: usize = 12;

/// Marker type: the end of the stream.
pub(super) const MARKER_EOS: u32 = 0;
/// Marker type: a grain table.
pub(super) const MARKER_GT: u32 = 1;
/// Marker type: the grain directory.
pub(super) const MARKER_GD: u32 = 2;
/// Marker type: the footer.
pub(super) const MARKER_FOOTER: u32 = 3;

/// `COWDisk_Header` of the copy-on-write extents of ESX hosts, four sectors, as far as it matters.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
#[expect(non_snake_case, reason = "the specification's own names")]
pub(super) struct CowdHeader {
    pub(super) magicNumber: [u8; 4],
    /// 1.
    pub(super) version: U32,
    pub(super) flags: U32,
    /// Sectors of the extent.
    pub(super) numSectors: U32,
    /// Sectors of a grain.
    pub(super) grainSize: U32,
    pub(super) gdOffset: U32,
    pub(super) numGDEntries: U32,
    pub(super) freeSector: U32,
    /// The geometry of a root disk, or the parent's file name, up to a NUL.
    pub(super) parentFileName: [u8; 1024],
    pub(super) parentGeneration: U32,
    pub(super) generation: U32,
    pub(super) name: [u8; 60],
    pub(super) description: [u8; 512],
    pub(super) savedGeneration: U32,
    pub(super) reserved: [u8; 8],
    pub(super) uncleanShutdown: U32,
}

/// Bytes of [`CowdHeader`] that are read.
pub(super) const COWD_HEADER: usize = size_of::<CowdHeader>();
/// The only version of [`CowdHeader`].
pub(super) const COWD_VERSION: u32 = 1;
/// Entries of a grain table of a copy-on-write extent, always.
pub(super) const COWD_ENTRIES: u64 = 4096;

/// The constant header of an SEsparse extent, the first sector.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct SeSparseHeader {
    pub(super) magic: [u8; 8],
    pub(super) version: U64,
    /// Sectors of the extent.
    pub(super) capacity: U64,
    /// Sectors of a grain.
    pub(super) grain_size: U64,
    /// Sectors of a grain table.
    pub(super) grain_table_size: U64,
    pub(super) flags: U64,
    pub(super) reserved: [U64; 4],
    pub(super) volatile_header_offset: U64,
    pub(super) volatile_header_size: U64,
    pub(super) journal_header_offset: U64,
    pub(super) journal_header_size: U64,
    pub(super) journal_offset: U64,
    pub(super) journal_size: U64,
    pub(super) grain_dir_offset: U64,
    pub(super) grain_dir_size: U64,
    pub(super) grain_tables_offset: U64,
    pub(super) grain_tables_size: U64,
    pub(super) free_bitmap_offset: U64,
    pub(super) free_bitmap_size: U64,
    pub(super) backmap_offset: U64,
    pub(super) backmap_size: U64,
    pub(super) grains_offset: U64,
    pub(super) grains_size: U64,
    pub(super) pad: [u8; 304],
}

/// What changes in the header of an SEsparse extent, in a sector of its own.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct SeSparseVolatile {
    pub(super) magic: U64,
    pub(super) free_gt_number: U64,
    pub(super) next_txn_seq_number: U64,
    /// Not zero when the journal holds changes that the tables do not.
    pub(super) replay_journal: U64,
}

/// Version 2.1 of SEsparse extents, the only one seen.
pub(super) const SESPARSE_VERSION: u64 = 0x2_0000_0001;
/// `magic` of [`SeSparseVolatile`].
pub(super) const SESPARSE_VOLATILE_MAGIC: u64 = 0xcafe_cafe;
/// Entries of a sector of an SEsparse table: 8 bytes each.
pub(super) const SESPARSE_ENTRIES: u64 = SECTOR / 8;

/// From the end of a stream: the footer's marker, the footer and the end-of-stream marker.
pub(super) const FOOTER_FROM_END: u64 = 3 * SECTOR;
/// How far before that a footer is looked for when padding follows the stream: what tools that
/// pad to some block size add.
pub(super) const FOOTER_SEARCH: u64 = 64 << 10;

/// Bytes of the longest compressed grain. Deflate stores what does not shrink, at a cost of five
/// bytes for every 16 KiB or more; an eighth and a kilobyte are ample.
pub(super) fn longest_compressed(grain_bytes: u64) -> u64 {
    grain_bytes
        .saturating_add(grain_bytes >> 3)
        .saturating_add(1024)
}
