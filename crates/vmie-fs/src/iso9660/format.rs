//! The primary volume descriptor of ISO 9660 (ECMA-119, section 8.4).

use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

/// The descriptors start at the 17th sector of 2 KiB.
pub(super) const DESCRIPTOR_OFFSET: usize = 16 * 2048;
/// The primary descriptor's type, then the identifier.
pub(super) const PRIMARY: &[u8] = b"\x01CD001";

/// The primary volume descriptor, as far as it says who the filesystem is. Numbers are there in
/// both byte orders, the little-endian one first.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct PrimaryDescriptor {
    pub(super) magic: [u8; 6],
    pub(super) version: u8,
    pub(super) unused0: u8,
    pub(super) system_identifier: [u8; 32],
    pub(super) volume_identifier: [u8; 32],
    pub(super) unused1: [u8; 8],
    pub(super) volume_space_size: U32,
    pub(super) volume_space_size_be: U32,
    pub(super) unused2: [u8; 32],
    pub(super) set_and_sequence: [u8; 8],
    pub(super) logical_block_size: U16,
    pub(super) logical_block_size_be: U16,
}

const _: () = assert!(size_of::<PrimaryDescriptor>() == 132);
