//! VDI on disk, as VirtualBox has it since version 1.1 of the format. There is no specification
//! beyond VirtualBox itself; the layout is told in
//! <https://forums.virtualbox.org/viewtopic.php?t=8046> ("All about VDIs"). All numbers are
//! little-endian, all offsets in bytes.

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// `u32Signature`, after 64 bytes of text.
pub(super) const SIGNATURE: u32 = 0xbeda_107f;
/// `u32Version`: 1.1, the only one that VirtualBox has written since 2007.
pub(super) const VERSION: u32 = 0x0001_0001;
/// Bytes that the header has at the least, counted from `cbHeader` on.
pub(super) const MIN_HEADER: u32 = 0x180;

/// `u32Type`.
pub(super) const TYPE_DYNAMIC: u32 = 1;
pub(super) const TYPE_FIXED: u32 = 2;
pub(super) const TYPE_UNDO: u32 = 3;
pub(super) const TYPE_DIFFERENCING: u32 = 4;

/// A block that was never written: the parent shows, or zeroes.
pub(super) const BLOCK_FREE: u32 = 0xffff_ffff;
/// A block that was discarded: zeroes.
pub(super) const BLOCK_ZERO: u32 = 0xffff_fffe;

/// `cbBlock`: VirtualBox makes 1 MiB; others are bounded so that one block fits in memory.
pub(super) const MIN_BLOCK: u32 = 512;
pub(super) const MAX_BLOCK: u32 = 256 << 20;
/// `cBlocks`: what VirtualBox's own bound on the disk (2 TiB and more) needs with blocks of 1 MiB,
/// with much to spare; the table is read in pieces, so that it costs nothing.
pub(super) const MAX_BLOCKS: u32 = 0x3fff_ffff;

/// The preheader and the header.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
#[expect(non_snake_case, reason = "VirtualBox's own names")]
pub(super) struct RawHeader {
    /// Who made the image, as a line of text.
    pub(super) szFileInfo: [u8; 64],
    pub(super) u32Signature: U32,
    pub(super) u32Version: U32,
    pub(super) cbHeader: U32,
    pub(super) u32Type: U32,
    pub(super) fFlags: U32,
    pub(super) szComment: [u8; 256],
    /// The block map.
    pub(super) offBlocks: U32,
    /// The first block.
    pub(super) offData: U32,
    pub(super) geometry: [U32; 4],
    pub(super) u32Dummy: U32,
    pub(super) cbDisk: U64,
    pub(super) cbBlock: U32,
    /// Bytes before each block.
    pub(super) cbBlockExtra: U32,
    pub(super) cBlocks: U32,
    pub(super) cBlocksAllocated: U32,
    pub(super) uuidCreate: [u8; 16],
    pub(super) uuidModify: [u8; 16],
    pub(super) uuidLinkage: [u8; 16],
    pub(super) uuidParentModify: [u8; 16],
}

/// Bytes of [`RawHeader`].
pub(super) const HEADER_LEN: usize = 456;
/// Byte offset of `cBlocksAllocated`.
pub(super) const ALLOCATED_AT: u64 = 388;
