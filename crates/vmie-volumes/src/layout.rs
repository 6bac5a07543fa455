//! What a disk's table says, whatever kind of table it is.

use std::fmt;

use crate::Error;

/// A volume's name within one set of disks: `disk0` for a whole disk, `disk0p1` for its first
/// partition (numbered as Linux numbers them: logical partitions from 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VolumeId {
    /// Which disk, from 0.
    pub disk: u32,
    /// Which partition, from 1; `None` for the whole disk.
    pub partition: Option<u32>,
}

impl fmt::Display for VolumeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.partition {
            Some(partition) => write!(f, "disk{}p{partition}", self.disk),
            None => write!(f, "disk{}", self.disk),
        }
    }
}

/// What kind of table a disk has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TableKind {
    /// A master boot record.
    Mbr,
    /// A GUID partition table.
    Gpt,
    /// No table: the disk is empty, or one filesystem spans it.
    None,
}

impl TableKind {
    /// The kind's name, as programs see it: `mbr`, `gpt` or `none`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Mbr => "mbr",
            Self::Gpt => "gpt",
            Self::None => "none",
        }
    }
}

/// A range of bytes on a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// First byte.
    pub start: u64,
    /// Length in bytes.
    pub len: u64,
}

/// Where in the table a partition stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PartitionKind {
    /// One of the four entries of an MBR.
    Primary,
    /// The container of the logical partitions of an MBR.
    Extended,
    /// A logical partition of an MBR.
    Logical,
    /// An entry of a GPT.
    Gpt,
}

impl PartitionKind {
    /// The kind's name, as programs see it: `primary`, `extended`, `logical` or `gpt`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Extended => "extended",
            Self::Logical => "logical",
            Self::Gpt => "gpt",
        }
    }
}

/// A partition.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Partition {
    /// Its number, as Linux numbers it: entries of an MBR 1 to 4, logical ones from 5, entries of
    /// a GPT by their place in the array, from 1.
    pub number: u32,
    /// Where in the table it stands.
    pub kind: PartitionKind,
    /// Where on the disk it is; always within the disk (a partition that reaches past the end is
    /// clipped, with a [`Note`]).
    pub place: Place,
    /// Its type: `0x83` for an MBR, an upper-case GUID such as
    /// `C12A7328-F81F-11D2-BA4B-00A0C93EC93B` for a GPT.
    pub type_code: String,
    /// What that type is called, when it is a known one: `Linux`, `EFI System` …
    pub type_name: Option<&'static str>,
    /// The name that a GPT entry carries; empty when it has none.
    pub name: String,
    /// The GUID of a GPT entry (lower case, as udev writes PARTUUID), or the disk's signature and
    /// the number (`12ab0001-01`) for an MBR.
    pub part_uuid: Option<String>,
    /// Whether firmware would boot it: the active flag of an MBR entry, the legacy BIOS bootable
    /// attribute of a GPT one.
    pub bootable: bool,
}

/// What the code in the first sector is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BootCode {
    /// All zero: nothing to run.
    Empty,
    /// GRUB 2 stage 1.
    Grub2,
    /// GRUB legacy stage 1.
    GrubLegacy,
    /// The Windows boot loader's.
    Windows,
    /// LILO.
    Lilo,
    /// SYSLINUX / EXTLINUX.
    Syslinux,
    /// Some code that is not known here.
    Unknown,
}

/// Something worth knowing about a table that did not keep it from being read.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Note {
    /// What is odd, with its place.
    pub fault: Error,
}

/// A disk's table.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DiskLayout {
    /// What kind of table.
    pub table: TableKind,
    /// Bytes per logical sector that the table was written with: 512 or 4096.
    pub sector_size: u32,
    /// The disk's identifier: eight hexadecimal digits of an MBR's signature, a lower-case GUID for a GPT.
    pub disk_id: Option<String>,
    /// The partitions, in the order of their numbers.
    pub partitions: Vec<Partition>,
    /// What the code in the first sector is.
    pub boot_code: BootCode,
    /// What is odd about the table.
    pub notes: Vec<Note>,
}
