//! The partition types of an MBR. There is no registry; these are the ones that
//! [the list kept by Andries Brouwer](https://www.win.tue.nl/~aeb/partitions/partition_types-1.html)
//! and the systems that are imported agree on.

use crate::PartitionRole;

/// The type that protects a GPT.
pub(super) const PROTECTIVE: u8 = 0xee;

/// What a type is called and what it is for.
pub(super) fn describe(os_type: u8) -> (Option<&'static str>, PartitionRole) {
    use PartitionRole as Role;
    let (name, role) = match os_type {
        0x00 => ("Empty", Role::Other),
        0x01 => ("FAT12", Role::MicrosoftBasicData),
        0x04 => ("FAT16 <32M", Role::MicrosoftBasicData),
        0x05 => ("Extended", Role::Extended),
        0x06 => ("FAT16", Role::MicrosoftBasicData),
        0x07 => ("HPFS/NTFS/exFAT", Role::MicrosoftBasicData),
        0x0b => ("W95 FAT32", Role::MicrosoftBasicData),
        0x0c => ("W95 FAT32 (LBA)", Role::MicrosoftBasicData),
        0x0e => ("W95 FAT16 (LBA)", Role::MicrosoftBasicData),
        0x0f => ("W95 Extended (LBA)", Role::Extended),
        0x11 => ("Hidden FAT12", Role::MicrosoftBasicData),
        0x12 => ("Compaq diagnostics", Role::Other),
        0x14 => ("Hidden FAT16 <32M", Role::MicrosoftBasicData),
        0x16 => ("Hidden FAT16", Role::MicrosoftBasicData),
        0x17 => ("Hidden HPFS/NTFS", Role::MicrosoftBasicData),
        0x1b => ("Hidden W95 FAT32", Role::MicrosoftBasicData),
        0x1c => ("Hidden W95 FAT32 (LBA)", Role::MicrosoftBasicData),
        0x1e => ("Hidden W95 FAT16 (LBA)", Role::MicrosoftBasicData),
        0x27 => ("Hidden NTFS WinRE", Role::WindowsRecovery),
        0x39 => ("Plan 9", Role::Other),
        0x41 => ("PPC PReP Boot", Role::Other),
        0x42 => ("Windows dynamic disk", Role::LdmData),
        0x63 => ("GNU HURD or SysV", Role::Other),
        0x64 => ("Novell Netware 286", Role::Other),
        0x65 => ("Novell Netware 386", Role::Other),
        0x82 => ("Linux swap", Role::Swap),
        0x83 => ("Linux", Role::LinuxFilesystem),
        0x85 => ("Linux extended", Role::Extended),
        0x88 => ("Linux plaintext", Role::Other),
        0x8e => ("Linux LVM", Role::Lvm),
        0xa5 => ("FreeBSD", Role::Other),
        0xa6 => ("OpenBSD", Role::Other),
        0xa8 => ("Darwin UFS", Role::Other),
        0xa9 => ("NetBSD", Role::Other),
        0xab => ("Darwin boot", Role::Other),
        0xaf => ("HFS/HFS+", Role::Other),
        0xbe => ("Solaris boot", Role::Other),
        0xbf => ("Solaris", Role::Other),
        0xda => ("Non-FS data", Role::Other),
        0xde => ("Dell Utility", Role::Other),
        0xea => ("Linux extended boot", Role::LinuxFilesystem),
        0xeb => ("BeOS", Role::Other),
        PROTECTIVE => ("GPT protective", Role::Protective),
        0xef => ("EFI System", Role::EfiSystem),
        0xfb => ("VMware VMFS", Role::Other),
        0xfc => ("VMware VMKCORE", Role::Other),
        0xfd => ("Linux raid autodetect", Role::Raid),
        _ => return (None, Role::Other),
    };
    (Some(name), role)
}
