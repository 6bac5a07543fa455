//! Hosted sparse extents on disk, as in VMware's technical note "Virtual Disk Format 1.1"
//! (sections "Hosted Sparse Extents", "Stream-Optimized Compressed Sparse Extents"). All numbers are
//! little-endian, all offsets in sectors of 512 bytes.

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
