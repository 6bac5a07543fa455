//! What partition types mean.

/// What a partition's type says it is for. The type is a label that anyone can write: what is in
/// the partition is told by its first sectors, not by this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PartitionRole {
    /// The EFI system partition: the boot loaders of UEFI firmware, on FAT.
    EfiSystem,
    /// The BIOS boot partition of a GPT: GRUB's core image, no filesystem.
    BiosBoot,
    /// A Linux filesystem of any kind, whatever it is mounted on.
    LinuxFilesystem,
    /// The root filesystem of a Linux (the discoverable partitions specification).
    LinuxRoot,
    /// Swap space.
    Swap,
    /// A physical volume of LVM.
    Lvm,
    /// A member of a Linux software RAID.
    Raid,
    /// Microsoft's reserved partition: room for its own bookkeeping, no filesystem.
    MicrosoftReserved,
    /// A partition that Windows gives a drive letter: NTFS, FAT, exFAT.
    MicrosoftBasicData,
    /// The Windows recovery environment.
    WindowsRecovery,
    /// The database of Windows dynamic disks.
    LdmMetadata,
    /// The data of Windows dynamic disks.
    LdmData,
    /// The container of logical partitions.
    Extended,
    /// The entry of a protective MBR that stands for the GPT.
    Protective,
    /// Anything else.
    Other,
}

impl PartitionRole {
    /// The role's name, as programs see it: `efi-system`, `bios-boot`, `linux-filesystem`,
    /// `linux-root`, `swap`, `lvm`, `raid`, `microsoft-reserved`, `microsoft-basic-data`,
    /// `windows-recovery`, `ldm-metadata`, `ldm-data`, `extended`, `protective` or `other`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::EfiSystem => "efi-system",
            Self::BiosBoot => "bios-boot",
            Self::LinuxFilesystem => "linux-filesystem",
            Self::LinuxRoot => "linux-root",
            Self::Swap => "swap",
            Self::Lvm => "lvm",
            Self::Raid => "raid",
            Self::MicrosoftReserved => "microsoft-reserved",
            Self::MicrosoftBasicData => "microsoft-basic-data",
            Self::WindowsRecovery => "windows-recovery",
            Self::LdmMetadata => "ldm-metadata",
            Self::LdmData => "ldm-data",
            Self::Extended => "extended",
            Self::Protective => "protective",
            Self::Other => "other",
        }
    }
}
