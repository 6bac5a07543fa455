//! The headers of LUKS (LUKS1 On-Disk Format 1.2.3, section 2;
//! LUKS2 On-Disk Format 1.1.1, section 2.1; <https://gitlab.com/cryptsetup/cryptsetup/-/wikis/Specification>).

use zerocopy::big_endian::{U16, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

pub(super) const LUKS_MAGIC: &[u8] = b"LUKS\xba\xbe";
/// The magic of LUKS2's second header.
pub(super) const LUKS2_MAGIC_2ND: &[u8] = b"SKUL\xba\xbe";
/// Where the second header can be, by the size of the first (LUKS2, section 2.2).
pub(super) const SECOND_OFFSETS: [u64; 9] = [
    0x4000, 0x8000, 0x1_0000, 0x2_0000, 0x4_0000, 0x8_0000, 0x10_0000, 0x20_0000, 0x40_0000,
];
/// Bytes of a second header that are read: the binary header, and as much text as has the segments.
pub(super) const SECOND_LEN: usize = 8192;
/// Bytes of the binary header of LUKS2, after which its text is.
pub(super) const LUKS2_BINARY: usize = 4096;
/// Where `csum` is in it, and what `csum_alg` says where it is SHA-256, as it always is.
pub(super) const CSUM_OFFSET: usize = 448;
pub(super) const CSUM_LEN: usize = 64;
pub(super) const SHA256: &[u8] = b"sha256\0";

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

/// Where version 1 names its cipher and the mode that it is used in.
pub(super) const CIPHER_NAME: std::ops::Range<usize> = 8..40;
pub(super) const CIPHER_MODE: std::ops::Range<usize> = 40..72;
/// Where version 2 names the algorithm of its checksum.
pub(super) const CSUM_ALG: usize = 72;
