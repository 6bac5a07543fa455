//! What the service says of a guest apart from its version: platform, boot mode, filesystems.

use core::fmt;
use core::str::FromStr;

/// The platform of a guest, in the words of `Platform`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Platform {
    /// Linux.
    Linux,
    /// Windows.
    Windows,
}

impl Platform {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Linux => "Linux",
            Self::Windows => "Windows",
        }
    }

    /// The filesystems that a guest's volumes may have, by the names `vmie-fs` gives them
    /// (SVC-VOL-1, SVC-VOL-2).
    #[must_use]
    pub const fn filesystems(self) -> &'static [&'static str] {
        match self {
            Self::Linux => &["ext2", "ext3", "ext4", "btrfs", "jfs", "xfs"],
            Self::Windows => &["ntfs"],
        }
    }
}

/// The text names no choice of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownChoice {
    /// What can be written instead.
    pub choices: &'static str,
}

impl fmt::Display for UnknownChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not one of the choices; write {}", self.choices)
    }
}

impl core::error::Error for UnknownChoice {}

impl FromStr for Platform {
    type Err = UnknownChoice;

    /// Takes the word whatever its case (SVC-TASK-10).
    fn from_str(text: &str) -> Result<Self, UnknownChoice> {
        let found = [Self::Linux, Self::Windows]
            .into_iter()
            .find(|platform| platform.as_str().eq_ignore_ascii_case(text));
        found.ok_or(UnknownChoice {
            choices: "Linux or Windows",
        })
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How an imported machine boots (SVC-BOOT-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum BootMode {
    /// By the BIOS.
    LegacyBios,
    /// By UEFI.
    Uefi,
    /// By UEFI where the instance type has it, else by the BIOS (the API's, not the guide's).
    UefiPreferred,
}

impl BootMode {
    /// Every mode.
    pub const ALL: [Self; 3] = [Self::LegacyBios, Self::Uefi, Self::UefiPreferred];

    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LegacyBios => "legacy-bios",
            Self::Uefi => "uefi",
            Self::UefiPreferred => "uefi-preferred",
        }
    }
}

impl fmt::Display for BootMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for BootMode {
    type Err = UnknownChoice;

    /// Takes the word whatever its case (SVC-TASK-10).
    fn from_str(text: &str) -> Result<Self, UnknownChoice> {
        let found = Self::ALL
            .into_iter()
            .find(|mode| mode.as_str().eq_ignore_ascii_case(text));
        found.ok_or(UnknownChoice {
            choices: "legacy-bios, uefi or uefi-preferred",
        })
    }
}

/// The path of the binary that a Linux guest by UEFI must have on its EFI system partition
/// (SVC-BOOT-4).
pub const FALLBACK_EFI_BINARY: &str = "/EFI/BOOT/BOOTX64.EFI";
