//! What LVM2 writes to a physical volume
//! (<https://github.com/libyal/libvslvm/blob/main/documentation/Logical%20Volume%20Manager%20(LVM)%20format.asciidoc>),
//! with LVM2's own names.

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Bytes of a sector; LVM2 counts in them whatever the disk's own sectors are.
pub(super) const SECTOR: u64 = 512;
/// The label is in one of the first four sectors.
pub(super) const LABEL_SECTORS: u64 = 4;
pub(super) const LABEL_ID: [u8; 8] = *b"LABELONE";
pub(super) const LABEL_TYPE: [u8; 8] = *b"LVM2 001";
/// The checksum of a label covers its sector from here on.
pub(super) const LABEL_CRC_START: usize = 20;
/// The start value of LVM's CRC-32, whose result is not inverted.
const INITIAL_CRC: u32 = 0xf597_a6cf;
/// The signature of a metadata area.
pub(super) const FMTT_MAGIC: [u8; 16] = *b" LVM2 x[5A%r0N*>";
pub(super) const FMTT_VERSION: u32 = 1;
/// Bytes of a metadata area's header; the ring of descriptions starts after it.
pub(super) const MDA_HEADER_SIZE: u64 = 512;
/// The description is kept elsewhere on purpose.
pub(super) const RAW_LOCN_IGNORED: u32 = 1;
/// Descriptions longer than this are not read: with 32 KiB for each of 1000 logical volumes there
/// would be room to spare.
pub(super) const MAX_TEXT: u64 = 32 << 20;
/// How deep sections nest: a segment in a logical volume in the list of them in the group is 4.
pub(super) const MAX_SECTIONS: usize = 8;
/// How many logical volumes stand on each other at most: a snapshot of a cached RAID needs 4.
pub(super) const MAX_NESTING: usize = 12;
/// How many mirrors of those at most, so that a failed read is not tried without end.
pub(super) const MAX_MIRRORS: usize = 2;

/// The start of a label.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct LabelHeader {
    pub(super) id: [u8; 8],
    /// The sector that the label stands in.
    pub(super) sector_xl: U64,
    pub(super) crc_xl: U32,
    /// Bytes from the label's start to the [`PvHeader`].
    pub(super) offset_xl: U32,
    pub(super) kind: [u8; 8],
}

/// The start of a physical volume's header: then come [`DiskLocn`]s of the data areas and of the
/// metadata areas, each list ended by one that is all zero.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct PvHeader {
    pub(super) pv_uuid: [u8; 32],
    pub(super) device_size_xl: U64,
}

/// An area: bytes from the start of the volume.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct DiskLocn {
    pub(super) offset: U64,
    pub(super) size: U64,
}

/// The start of a metadata area's header: then come [`RawLocn`]s.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct MdaHeader {
    /// Of the rest of the header.
    pub(super) checksum_xl: U32,
    pub(super) magic: [u8; 16],
    pub(super) version: U32,
    /// Where the area starts on the volume, and its length.
    pub(super) start: U64,
    pub(super) size: U64,
    /// The committed description.
    pub(super) committed: RawLocn,
}

/// A description in a metadata area.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct RawLocn {
    /// From the start of the area; 0 when there is none.
    pub(super) offset: U64,
    pub(super) size: U64,
    pub(super) checksum: U32,
    pub(super) flags: U32,
}

/// The superblock in the metadata sub-volume of a RAID leg
/// (<https://docs.kernel.org/admin-guide/device-mapper/dm-raid.html>), as far as it tells who is in
/// sync.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct DmRaidSuperblock {
    pub(super) magic: U32,
    pub(super) compat_features: U32,
    pub(super) num_devices: U32,
    pub(super) array_position: U32,
    pub(super) events: U64,
    /// One bit for each leg that failed.
    pub(super) failed_devices: U64,
    /// How far the leg was rebuilt, in sectors; all ones when it is whole.
    pub(super) disk_recovery_offset: U64,
}

pub(super) const DM_RAID_MAGIC: u32 = 0x6452_6d44;

/// LVM's CRC-32.
pub(super) fn crc(parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(!INITIAL_CRC);
    for part in parts {
        hasher.update(part);
    }
    !hasher.finalize()
}

/// A UUID as LVM2 writes it: 32 characters in groups of 6-4-4-4-4-4-6.
pub(super) fn uuid(bytes: &[u8; 32]) -> String {
    let mut text = String::with_capacity(38);
    for (i, c) in bytes.iter().enumerate() {
        if matches!(i, 6 | 10 | 14 | 18 | 22 | 26) {
            text.push('-');
        }
        text.push(if c.is_ascii_graphic() {
            char::from(*c)
        } else {
            '?'
        });
    }
    text
}
