//! What a disk's table says, whatever kind of table it is.

use crate::{Cause, Error, PartitionRole};

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

impl Place {
    /// The byte after the last one.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.start.saturating_add(self.len)
    }
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

bitflags::bitflags! {
    /// The attributes of a GPT entry ([UEFI 2.10, 5.3.3](https://uefi.org/specs/UEFI/2.10/05_GUID_Partition_Table_Format.html#defined-gpt-partition-entry-attributes)
    /// and, from bit 60 on, Microsoft's for basic data partitions). Unknown bits are kept.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
    pub struct GptAttributes: u64 {
        /// The platform needs the partition.
        const REQUIRED = 1;
        /// Firmware makes no block device of it.
        const NO_BLOCK_IO = 1 << 1;
        /// Boot code of a legacy BIOS may boot it.
        const LEGACY_BIOS_BOOTABLE = 1 << 2;
        /// Windows mounts it read-only.
        const READ_ONLY = 1 << 60;
        /// A shadow copy of another partition.
        const SHADOW_COPY = 1 << 61;
        /// Windows hides it.
        const HIDDEN = 1 << 62;
        /// Windows gives it no drive letter.
        const NO_DRIVE_LETTER = 1 << 63;
        const _ = !0;
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
    /// clipped, with a [`Note`]) and never empty.
    pub place: Place,
    /// Its type: `0x83` for an MBR, an upper-case GUID such as
    /// `C12A7328-F81F-11D2-BA4B-00A0C93EC93B` for a GPT.
    pub type_code: String,
    /// What that type is called, when it is a known one: `Linux`, `EFI System` …
    pub type_name: Option<&'static str>,
    /// What the type says it is for.
    pub role: PartitionRole,
    /// The name that a GPT entry carries; empty when it has none. From hostile input: escape it
    /// before showing it.
    pub name: String,
    /// The GUID of a GPT entry (lower case, as udev writes PARTUUID), or the disk's signature and
    /// the number in hexadecimal (`12ab0001-01`) for an MBR; `None` when the signature is 0.
    pub part_uuid: Option<String>,
    /// Whether firmware would boot it: the active flag of an MBR entry, the legacy BIOS bootable
    /// attribute of a GPT one.
    pub bootable: bool,
    /// The attributes of a GPT entry; none for an MBR.
    pub attributes: GptAttributes,
}

impl Partition {
    /// Whether it is typed as an EFI system partition.
    #[must_use]
    pub fn is_esp(&self) -> bool {
        self.role == PartitionRole::EfiSystem
    }

    /// Whether it is typed as the place of GRUB's core image on a GPT disk.
    #[must_use]
    pub fn is_bios_boot(&self) -> bool {
        self.role == PartitionRole::BiosBoot
    }

    /// Whether it is typed as swap space.
    #[must_use]
    pub fn is_swap(&self) -> bool {
        self.role == PartitionRole::Swap
    }

    /// Whether it is typed as a physical volume of LVM.
    #[must_use]
    pub fn is_lvm(&self) -> bool {
        self.role == PartitionRole::Lvm
    }

    /// Whether it is typed as a part of a dynamic disk of Windows.
    #[must_use]
    pub fn is_dynamic(&self) -> bool {
        matches!(
            self.role,
            PartitionRole::LdmData | PartitionRole::LdmMetadata
        )
    }

    /// Whether it is the container of logical partitions.
    #[must_use]
    pub fn is_extended(&self) -> bool {
        self.kind == PartitionKind::Extended
    }

    /// Whether it may hold a filesystem or a volume: all but extended partitions and protective
    /// entries.
    #[must_use]
    pub fn holds_data(&self) -> bool {
        !self.is_extended() && self.role != PartitionRole::Protective
    }
}

/// What the code in the first sector is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BootCode {
    /// Nothing to run: all zero, or without the boot signature.
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

impl BootCode {
    /// The code's name, as programs see it: `empty`, `grub2`, `grub-legacy`, `windows`, `lilo`,
    /// `syslinux` or `unknown`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Grub2 => "grub2",
            Self::GrubLegacy => "grub-legacy",
            Self::Windows => "windows",
            Self::Lilo => "lilo",
            Self::Syslinux => "syslinux",
            Self::Unknown => "unknown",
        }
    }
}

/// Something worth knowing about a table that did not keep it from being read.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Note {
    /// What is odd, with its place.
    pub fault: Error,
}

impl Note {
    /// What is odd.
    #[must_use]
    pub fn cause(&self) -> Cause {
        self.fault.cause()
    }
}

/// A disk's table.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DiskLayout {
    /// What kind of table.
    pub table: TableKind,
    /// Bytes per logical sector that the table was written with: 512 or 4096.
    pub sector_size: u32,
    /// The disk's identifier: eight lower-case hexadecimal digits of an MBR's signature (`None`
    /// when it is 0), a lower-case GUID for a GPT.
    pub disk_id: Option<String>,
    /// The partitions, in the order of their numbers, which are unique.
    pub partitions: Vec<Partition>,
    /// What the code in the first sector is.
    pub boot_code: BootCode,
    /// What is odd about the table, in the order it was found; never more than
    /// [`MAX_NOTES`](crate::MAX_NOTES).
    pub notes: Vec<Note>,
}

impl DiskLayout {
    /// The partition of this number.
    #[must_use]
    pub fn partition(&self, number: u32) -> Option<&Partition> {
        self.partitions.iter().find(|p| p.number == number)
    }

    /// How many of an MBR's four entries are in use, extended ones among them; 0 for other tables.
    #[must_use]
    pub fn primary_count(&self) -> usize {
        let primary = |p: &&Partition| {
            matches!(p.kind, PartitionKind::Primary | PartitionKind::Extended) && p.number <= 4
        };
        self.partitions.iter().filter(primary).count()
    }

    /// Whether a GPT has a BIOS boot partition.
    #[must_use]
    pub fn has_bios_boot_partition(&self) -> bool {
        self.partitions.iter().any(Partition::is_bios_boot)
    }

    /// The EFI system partitions.
    pub fn esps(&self) -> impl Iterator<Item = &Partition> {
        self.partitions.iter().filter(|p| p.is_esp())
    }

    /// Whether a note with this cause was made.
    #[must_use]
    pub fn has_note(&self, cause: Cause) -> bool {
        self.notes.iter().any(|note| note.cause() == cause)
    }
}
