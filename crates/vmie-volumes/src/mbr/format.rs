//! What a master boot record looks like on disk, with the names of
//! [UEFI 2.10, 5.2.1](https://uefi.org/specs/UEFI/2.10/05_GUID_Partition_Table_Format.html#legacy-master-boot-record-mbr);
//! extended boot records have the same form.

use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

/// Bytes of a boot record, whatever the sector size.
pub(super) const RECORD_LEN: usize = 512;
/// Where the four entries start.
pub(super) const ENTRIES_OFFSET: u64 = 446;
/// Bytes of an entry.
pub(super) const ENTRY_LEN: u64 = 16;
/// Where the boot signature stands, and what it is.
pub(super) const SIGNATURE_OFFSET: u64 = 510;
/// The boot signature.
pub(super) const SIGNATURE: [u8; 2] = [0x55, 0xaa];
/// The active flag of a partition that boots; every other one has 0.
pub(super) const ACTIVE: u8 = 0x80;
/// How many extended boot records are followed. Linux numbers at most 255 partitions of a disk,
/// and every record is a read of its own: 256 keep a hostile chain to 128 KiB.
pub(super) const MAX_RECORDS: u32 = 256;
/// The first number of a logical partition.
pub(super) const FIRST_LOGICAL: u32 = 5;

/// A partition record.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
#[allow(
    non_snake_case,
    dead_code,
    reason = "the specification's own names; CHS is not used"
)]
pub(super) struct PartitionRecord {
    pub(super) BootIndicator: u8,
    pub(super) StartingCHS: [u8; 3],
    pub(super) OSType: u8,
    pub(super) EndingCHS: [u8; 3],
    pub(super) StartingLBA: U32,
    pub(super) SizeInLBA: U32,
}

/// A boot record.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
#[allow(
    non_snake_case,
    dead_code,
    reason = "the specification's own names; all fields stand for the layout"
)]
pub(super) struct BootRecord {
    pub(super) BootCode: [u8; 440],
    pub(super) UniqueMBRDiskSignature: U32,
    pub(super) Unknown: [u8; 2],
    pub(super) PartitionRecord: [PartitionRecord; 4],
    pub(super) Signature: [u8; 2],
}

const _: () = assert!(size_of::<BootRecord>() == RECORD_LEN);

/// An entry in the machine's own numbers. Start and size are in sectors and 32 bits wide: with
/// sectors of at most 4096 bytes no place computed from them reaches 2^45.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Entry {
    pub(super) flag: u8,
    pub(super) os_type: u8,
    pub(super) start: u32,
    pub(super) sectors: u32,
}

impl From<&PartitionRecord> for Entry {
    fn from(record: &PartitionRecord) -> Self {
        Self {
            flag: record.BootIndicator,
            os_type: record.OSType,
            start: record.StartingLBA.get(),
            sectors: record.SizeInLBA.get(),
        }
    }
}

impl Entry {
    /// Whether it is a partition at all: Linux goes by the size alone.
    pub(super) fn is_used(&self) -> bool {
        self.sectors > 0
    }

    /// Whether its type is one of the three that Linux takes for a container.
    pub(super) fn is_extended(&self) -> bool {
        matches!(self.os_type, 0x05 | 0x0f | 0x85)
    }

    /// Whether it is the entry of a protective MBR.
    pub(super) fn is_protective(&self) -> bool {
        self.os_type == super::types::PROTECTIVE
    }

    /// The sector after its last one, relative to what its start is relative to.
    pub(super) fn end(&self) -> u64 {
        u64::from(self.start).saturating_add(u64::from(self.sectors))
    }
}

/// The offset of entry `index` (0 to 3) of the record at byte `record` of the disk.
pub(super) fn entry_offset(record: u64, index: usize) -> u64 {
    record
        .saturating_add(ENTRIES_OFFSET)
        .saturating_add(ENTRY_LEN.saturating_mul(vmie_io::int::u64_of(index)))
}
