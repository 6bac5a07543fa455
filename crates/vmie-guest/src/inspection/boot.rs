//! How firmware starts what is on the disks.

use crate::Fact;
use vmie_volumes::VolumeId;

/// How firmware can start a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum BootMode {
    /// By the BIOS, from the first sector.
    LegacyBios,
    /// By UEFI, from an EFI system partition.
    Uefi,
}

impl BootMode {
    /// The mode's name, as programs and the service write it: `legacy-bios` or `uefi`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::LegacyBios => "legacy-bios",
            Self::Uefi => "uefi",
        }
    }
}

/// How firmware can start what is on the disks.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Boot {
    /// The modes for which there is something to start, legacy BIOS first. Unknown when a part
    /// that would tell could not be read.
    pub modes: Fact<Vec<BootMode>>,
    /// The disk that a BIOS would start from.
    pub bios_disk: Option<u32>,
    /// The EFI system partitions.
    pub esps: Vec<Esp>,
}

/// An EFI system partition.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Esp {
    /// Which volume.
    pub volume: VolumeId,
    /// The programs in `\EFI`, by path (`/EFI/debian/grubx64.efi`).
    pub loaders: Fact<Vec<String>>,
    /// Whether the fallback binary `\EFI\BOOT\BOOTX64.EFI` is there.
    pub fallback: Fact<bool>,
}
