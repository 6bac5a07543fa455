//! The headers of LUKS (LUKS1 On-Disk Format 1.2.3, section 2;
//! LUKS2 On-Disk Format 1.1.1, section 2.1; <https://gitlab.com/cryptsetup/cryptsetup/-/wikis/Specification>).

use zerocopy::big_endian::{U16, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

pub(super) const LUKS_MAGIC: &[u8] = b"LUKS\xba\xbe";
/// The magic of LUKS2's second header.
pub(super) const LUKS2_MAGIC_2ND: &[u8] = b"SKUL\xba\xbe";
/// Where the second header can be, by the size of the first; the larger ones lie past what is
/// looked at.
pub(super) const SECOND_OFFSETS: [usize; 3] = [0x4000, 0x8000, 0x1_0000];

/// What both versions have in common: the start, and the UUID at one place.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct LuksHeader {
    pub(super) magic: [u8; 6],
    pub(super) version: U16,
    /// In version 1 the cipher's name starts here.
    pub(super) hdr_size: U64,
    pub(super) seqid: U64,
    /// Version 2 only.
    pub(super) label: [u8; 48],
    pub(super) between: [u8; 96],
    pub(super) uuid: [u8; 40],
}

const _: () = assert!(size_of::<LuksHeader>() == 168 + 40);
