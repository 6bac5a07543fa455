//! The label of an LVM2 physical volume
//! (<https://github.com/libyal/libvslvm/blob/main/documentation/Logical%20Volume%20Manager%20(LVM)%20format.asciidoc>,
//! "Physical volume label").

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

/// The label is in one of the first four sectors of 512 bytes, mostly the second.
pub(super) const LABEL_SECTORS: [usize; 4] = [1, 0, 2, 3];
pub(super) const SECTOR: usize = 512;
pub(super) const LABEL_ID: &[u8] = b"LABELONE";
pub(super) const LVM2_TYPE: &[u8] = b"LVM2 001";
/// Where the checksum starts to cover the sector.
pub(super) const CRC_START: usize = 20;
/// The start value of LVM's CRC-32, whose result is not inverted.
pub(super) const INITIAL_CRC: u32 = 0xf597_a6cf;
/// The reversed polynomial of CRC-32.
pub(super) const CRC_POLYNOMIAL: u32 = 0xedb8_8320;
/// Where the dashes are in a UUID of LVM: 6-4-4-4-4-4-6.
pub(super) const UUID_GROUPS: [usize; 7] = [6, 4, 4, 4, 4, 4, 6];

/// `struct label_header` and the start of `struct pv_header`.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct LabelHeader {
    pub(super) id: [u8; 8],
    pub(super) sector_xl: U64,
    pub(super) crc_xl: U32,
    /// From the label's start to the header of the physical volume.
    pub(super) offset_xl: U32,
    pub(super) kind: [u8; 8],
}

/// The start of `struct pv_header`.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct PvHeader {
    pub(super) pv_uuid: [u8; 32],
    pub(super) device_size_xl: U64,
}
