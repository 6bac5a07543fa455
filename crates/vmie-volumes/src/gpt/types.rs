//! The partition types of a GPT, from the specifications that define them: UEFI; Microsoft's
//! `PARTITION_INFORMATION_GPT`; the
//! [discoverable partitions specification](https://uapi-group.org/specifications/specs/discoverable_partitions_specification/);
//! the manuals of GRUB, FreeBSD, VMware, Apple and ChromeOS for the others.

use crate::PartitionRole;
use crate::PartitionRole as Role;

/// GUID in upper case, name, role.
const TYPES: &[(&str, &str, Role)] = &[
    (
        "C12A7328-F81F-11D2-BA4B-00A0C93EC93B",
        "EFI System",
        Role::EfiSystem,
    ),
    (
        "21686148-6449-6E6F-744E-656564454649",
        "BIOS boot",
        Role::BiosBoot,
    ),
    (
        "024DEE41-33E7-11D3-9D69-0008C781F39F",
        "MBR partition scheme",
        Role::Other,
    ),
    (
        "E3C9E316-0B5C-4DB8-817D-F92DF00215AE",
        "Microsoft reserved",
        Role::MicrosoftReserved,
    ),
    (
        "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7",
        "Microsoft basic data",
        Role::MicrosoftBasicData,
    ),
    (
        "DE94BBA4-06D1-4D40-A16A-BFD50179D6AC",
        "Windows recovery environment",
        Role::WindowsRecovery,
    ),
    (
        "5808C8AA-7E8F-42E0-85D2-E1E90434CFB3",
        "Microsoft LDM metadata",
        Role::LdmMetadata,
    ),
    (
        "AF9B60A0-1431-4F62-BC68-3311714A69AD",
        "Microsoft LDM data",
        Role::LdmData,
    ),
    (
        "E75CAF8F-F680-4CEE-AFA3-B001E56EFC2D",
        "Microsoft Storage Spaces",
        Role::Other,
    ),
    (
        "558D43C5-A1AC-43C0-AAC8-D1472B2923D1",
        "Microsoft Storage Replica",
        Role::Other,
    ),
    (
        "37AFFC90-EF7D-4E96-91C3-2D7AE055B174",
        "IBM General Parallel Fs",
        Role::Other,
    ),
    (
        "0FC63DAF-8483-4772-8E79-3D69D8477DE4",
        "Linux filesystem",
        Role::LinuxFilesystem,
    ),
    (
        "0657FD6D-A4AB-43C4-84E5-0933C84B4F4F",
        "Linux swap",
        Role::Swap,
    ),
    (
        "E6D6D379-F507-44C2-A23C-238F2A3DF928",
        "Linux LVM",
        Role::Lvm,
    ),
    (
        "A19D880F-05FC-4D3B-A006-743F0F84911E",
        "Linux RAID",
        Role::Raid,
    ),
    (
        "44479540-F297-41B2-9AF7-D131D5F0458A",
        "Linux root (x86)",
        Role::LinuxRoot,
    ),
    (
        "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709",
        "Linux root (x86-64)",
        Role::LinuxRoot,
    ),
    (
        "69DAD710-2CE4-4E3C-B16C-21A1D49ABED3",
        "Linux root (ARM)",
        Role::LinuxRoot,
    ),
    (
        "B921B045-1DF0-41C3-AF44-4C6F280D3FAE",
        "Linux root (ARM-64)",
        Role::LinuxRoot,
    ),
    (
        "72EC70A6-CF74-40E6-BD49-4BDA08E8F224",
        "Linux root (RISC-V-64)",
        Role::LinuxRoot,
    ),
    (
        "933AC7E1-2EB4-4F13-B844-0E14E2AEF915",
        "Linux home",
        Role::LinuxFilesystem,
    ),
    (
        "3B8F8425-20E0-4F3B-907F-1A25A76F98E8",
        "Linux server data",
        Role::LinuxFilesystem,
    ),
    (
        "4D21B016-B534-45C2-A9FB-5C16E091FD2D",
        "Linux variable data",
        Role::LinuxFilesystem,
    ),
    (
        "7EC6F557-3BC5-4ACA-B293-16EF5DF639D1",
        "Linux temporary data",
        Role::LinuxFilesystem,
    ),
    (
        "773F91EF-66D4-49B5-BD83-D683BF40AD16",
        "Linux user's home",
        Role::LinuxFilesystem,
    ),
    (
        "75250D76-8CC6-458E-BD66-BD47CC81A812",
        "Linux /usr (x86)",
        Role::LinuxFilesystem,
    ),
    (
        "8484680C-9521-48C6-9C11-B0720656F69E",
        "Linux /usr (x86-64)",
        Role::LinuxFilesystem,
    ),
    (
        "B0E01050-EE5F-4390-949A-9101B17104E9",
        "Linux /usr (ARM-64)",
        Role::LinuxFilesystem,
    ),
    (
        "BC13C2FF-59E6-4262-A352-B275FD6F7172",
        "Linux extended boot",
        Role::LinuxFilesystem,
    ),
    (
        "D13C5D3B-B5D1-422A-B29F-9454FDC89D76",
        "Linux root verity (x86)",
        Role::Other,
    ),
    (
        "2C7357ED-EBD2-46D9-AEC1-23D437EC2BF5",
        "Linux root verity (x86-64)",
        Role::Other,
    ),
    (
        "8DA63339-0007-60C0-C436-083AC8230908",
        "Linux reserved",
        Role::Other,
    ),
    (
        "7FFEC5C9-2D00-49B7-8941-3EA10A5586B7",
        "Linux plain dm-crypt",
        Role::Other,
    ),
    (
        "CA7D7CCB-63ED-4C53-861C-1742536059CC",
        "Linux LUKS",
        Role::Other,
    ),
    (
        "9E1A2D38-C612-4316-AA26-8B49521E5A8B",
        "PowerPC PReP boot",
        Role::Other,
    ),
    (
        "83BD6B9D-7F41-11DC-BE0B-001560B84F0F",
        "FreeBSD boot",
        Role::Other,
    ),
    (
        "516E7CB4-6ECF-11D6-8FF8-00022D09712B",
        "FreeBSD data",
        Role::Other,
    ),
    (
        "516E7CB5-6ECF-11D6-8FF8-00022D09712B",
        "FreeBSD swap",
        Role::Other,
    ),
    (
        "516E7CB6-6ECF-11D6-8FF8-00022D09712B",
        "FreeBSD UFS",
        Role::Other,
    ),
    (
        "516E7CBA-6ECF-11D6-8FF8-00022D09712B",
        "FreeBSD ZFS",
        Role::Other,
    ),
    (
        "48465300-0000-11AA-AA11-00306543ECAC",
        "Apple HFS/HFS+",
        Role::Other,
    ),
    (
        "7C3457EF-0000-11AA-AA11-00306543ECAC",
        "Apple APFS",
        Role::Other,
    ),
    (
        "55465300-0000-11AA-AA11-00306543ECAC",
        "Apple UFS",
        Role::Other,
    ),
    (
        "426F6F74-0000-11AA-AA11-00306543ECAC",
        "Apple boot",
        Role::Other,
    ),
    (
        "6A82CB45-1DD2-11B2-99A6-080020736631",
        "Solaris boot",
        Role::Other,
    ),
    (
        "6A85CF4D-1DD2-11B2-99A6-080020736631",
        "Solaris root",
        Role::Other,
    ),
    (
        "6A898CC3-1DD2-11B2-99A6-080020736631",
        "Solaris /usr or Apple ZFS",
        Role::Other,
    ),
    (
        "FE3A2A5D-4F32-41A7-B725-ACCC3285A309",
        "ChromeOS kernel",
        Role::Other,
    ),
    (
        "3CB8E202-3B7E-47DD-8A3C-7FF2A13CFCEC",
        "ChromeOS root fs",
        Role::Other,
    ),
    (
        "2E0A753D-9E48-43B0-8337-B15192CB1B5E",
        "ChromeOS reserved",
        Role::Other,
    ),
    (
        "5DFBF5F4-2848-4BAC-AA5E-0D9A20B745A6",
        "CoreOS /usr",
        Role::Other,
    ),
    (
        "AA31E02A-400F-11DB-9590-000C2911D1B8",
        "VMware VMFS",
        Role::Other,
    ),
    (
        "9D275380-40AD-11DB-BF97-000C2911D1B8",
        "VMware diagnostic",
        Role::Other,
    ),
    (
        "9198EFFC-31C0-11DB-8F78-000C2911D1B8",
        "VMware reserved",
        Role::Other,
    ),
    (
        "45B0969E-9B03-4F30-B4C6-B4B80CEFF106",
        "Ceph journal",
        Role::Other,
    ),
    (
        "4FBD7E29-9D25-41B8-AFD0-062C0CEFF05D",
        "Ceph OSD",
        Role::Other,
    ),
];

/// What a type is called and what it is for; the GUID is in upper case.
pub(super) fn describe(guid: &str) -> (Option<&'static str>, PartitionRole) {
    match TYPES.iter().find(|(known, _, _)| *known == guid) {
        Some((_, name, role)) => (Some(name), *role),
        None => (None, Role::Other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_written_as_it_is_looked_up() {
        for (index, (guid, name, _)) in TYPES.iter().enumerate() {
            assert_eq!(guid.len(), 36, "{name}");
            assert_eq!(guid.to_uppercase(), **guid);
            let lengths: Vec<usize> = guid.split('-').map(str::len).collect();
            assert_eq!(lengths, [8, 4, 4, 4, 12], "{name}");
            assert!(
                TYPES
                    .iter()
                    .skip(index + 1)
                    .all(|(other, ..)| other != guid),
                "{name}"
            );
        }
    }
}
