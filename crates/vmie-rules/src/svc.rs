//! The ids of the service's points, one per fact, cited by findings, errors, tests and docs.

use core::fmt;
use core::str::FromStr;

macro_rules! svc_ids {
    ($($group:literal { $($variant:ident $number:literal $summary:literal)+ })+) => {
        /// A point of what the service says: `SVC-FMT-2`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum SvcId {
            $($(#[doc = $summary] $variant,)+)+
        }

        impl SvcId {
            /// Every point, by group and number.
            pub const ALL: &'static [Self] = &[$($(Self::$variant,)+)+];

            /// The id as it is cited: `SVC-FMT-2`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $($(Self::$variant => concat!("SVC-", $group, "-", $number),)+)+
                }
            }

            /// What the point is about, in one line.
            #[must_use]
            pub const fn summary(self) -> &'static str {
                match self {
                    $($(Self::$variant => $summary,)+)+
                }
            }
        }
    };
}

svc_ids! {
    "FMT" {
        Fmt1 1 "OVA: a tar with an OVF descriptor and disks."
        Fmt2 2 "VMDK is taken stream-optimized only."
        Fmt3 3 "VHD and VHDX: fixed and dynamic, not differencing."
        Fmt4 4 "Raw disk images."
        Fmt5 5 "Which action takes which formats, and how many disks."
        Fmt6 6 "Which formats an export makes, for which hypervisor."
        Fmt7 7 "A disk in several files is refused."
        Fmt8 8 "A VMDK whose grains are damaged or not compressed."
        Fmt9 9 "How large a disk may be."
        Fmt10 10 "A size of 0 in the request for an unsupported format."
    }
    "OS" {
        Os1 1 "Client Windows must be set to US English."
        Os2 2 "Windows 11 boots by UEFI only."
        Os3 3 "What is said of an unknown system and of an unlisted kernel."
        Os4 4 "What the column about opt-in Regions means."
    }
    "BOOT" {
        Boot1 1 "Legacy BIOS and UEFI, and the parameter that chooses."
        Boot2 2 "How the boot mode of a Windows guest is chosen."
        Boot3 3 "When a GPT boot volume of Windows becomes an MBR one."
        Boot4 4 "Linux by UEFI needs the fallback binary BOOTX64.EFI."
        Boot5 5 "A UEFI import from a snapshot needs the platform named."
        Boot6 6 "The root partition should lie on the disk of the MBR."
        Boot7 7 "Without a bootable partition nothing is imported."
        Boot8 8 "GRUB 2 for export: BIOS or UEFI, not both."
        Boot9 9 "Since when UEFI is supported everywhere."
    }
    "VOL" {
        Vol1 1 "Linux: MBR or GPT with ext2, ext3, ext4, Btrfs, JFS or XFS."
        Vol2 2 "Windows: MBR or GPT with NTFS."
        Vol3 3 "An LVM2 volume group must be activatable."
        Vol4 4 "Encrypted volumes are not supported."
    }
    "LIM" {
        Lim1 1 "Systems converted from a physical machine are not supported."
        Lim2 2 "Dual boot is not supported, and its signs."
        Lim3 3 "Raw Device Mapping is not supported."
        Lim4 4 "At most 21 volumes."
        Lim5 5 "One private IPv4 address, one network card, by DHCP."
        Lim6 6 "Linux must be 64-bit and should run its default kernel."
        Lim7 7 "Free space on the root volume; 6 GiB for Windows."
        Lim8 8 "NVMe and ENA drivers for Nitro."
        Lim9 9 "Predictable network interface names are not supported."
        Lim10 10 "Windows: EMS, language packs, Hyper-V role, SR-IOV."
        Lim11 11 "VMware SEsparse deltas are not supported."
    }
    "CFG" {
        Cfg1 1 "Advice for every source machine."
        Cfg2 2 "Advice for Linux."
        Cfg3 3 "Advice for Windows."
        Cfg4 4 "The answer file of Sysprep."
    }
    "MOD" {
        Mod1 1 "The management agent is installed."
        Mod2 2 "What is changed in Windows."
        Mod3 3 "Drivers in a Linux initramfs."
        Mod4 4 "Linux network scripts become dynamic."
        Mod5 5 "What is changed in fstab."
        Mod6 6 "GRUB's default entry and timeout."
        Mod7 7 "An import without changes goes through a snapshot."
    }
    "LIC" {
        Lic1 1 "License type or usage operation, not both."
        Lic2 2 "The default license type, and what each system allows."
        Lic3 3 "RHEL and SLES bring their own subscription."
        Lic4 4 "The usage operations."
        Lic5 5 "Windows with one's own license runs on dedicated hosts."
    }
    "IAM" {
        Iam1 1 "The caller's policy."
        Iam2 2 "The trust policy of the service role."
        Iam3 3 "The policy of the service role."
        Iam4 4 "What is said of a missing or weak role."
        Iam5 5 "The canonical ids that write instance exports."
        Iam6 6 "The key policy for encrypted sources."
        Iam7 7 "Export by a bucket policy instead of an ACL."
    }
    "TASK" {
        Task1 1 "ImportImage: ids, statuses, details."
        Task2 2 "ImportSnapshot: ids, statuses, details."
        Task3 3 "ImportInstance and ImportVolume."
        Task4 4 "CreateInstanceExportTask and its limits."
        Task5 5 "ExportImage and its limits."
        Task6 6 "What cancelling does."
        Task7 7 "Encryption, and temporary data per task."
        Task8 8 "Disk containers."
        Task9 9 "Progress and messages are reported while a task runs."
        Task10 10 "Enumerations are taken without regard to case."
        Task11 11 "Which source holds where they differ."
    }
    "ERR" {
        Err1 1 "A disk image size that has an invalid format."
        Err2 2 "Syntax errors in a policy."
        Err3 3 "An OVA with chunked disk files."
        Err4 4 "An unsupported kind of VMDK."
        Err5 5 "Several different GRUB menus."
        Err6 6 "A service role that is missing or too weak."
        Err7 7 "No bootable partition."
        Err8 8 "VHD footers that are not identical."
        Err9 9 "A VMDK grain of a wrong length."
        Err10 10 "A bucket in another Region."
        Err11 11 "An unsupported compression algorithm."
        Err12 12 "An invalid S3 location."
        Err13 13 "A bucket that is not local."
        Err14 14 "An unknown system, or missing files of one."
        Err15 15 "An export of an instance with several volumes."
        Err16 16 "An instance that cannot be exported."
        Err17 17 "An instance started before its conversion ended."
        Err18 18 "An S3 object that is not local."
        Err19 19 "Windows without .NET 3.5 SP1."
        Err20 20 "The first boot failed."
        Err21 21 "An unreadable fstab."
        Err22 22 "A BLS-style GRUB without a default kernel."
        Err23 23 "An unreadable initramfs."
        Err24 24 "A volume group that cannot be activated."
        Err25 25 "Several directories where one is expected."
        Err26 26 "An unsupported kernel version."
        Err27 27 "An instance type that takes no Linux."
        Err28 28 "No valid partitions."
        Err29 29 "No kernel could be named."
        Err30 30 "An unsupported file format."
        Err31 31 "A source that may not be read."
        Err32 32 "An image with encrypted devices."
        Err33 33 "A bucket's ACL that does not let the service write."
    }
    "OBS" {
        Obs1 1 "The order of status messages."
        Obs2 2 "Progress by stage."
        Obs3 3 "What the first and later replies hold."
        Obs4 4 "The shapes of ids."
        Obs5 5 "What lists hold, filters, pages."
        Obs6 6 "Client tokens."
        Obs7 7 "Names of images; the size of an exported VHD."
        Obs8 8 "What users complain of."
    }
    "MAN" {
        Man1 1 "The size and the tiling of parts."
        Man2 2 "Signed addresses, and the smallest volume."
        Man3 3 "When a task expires, and how an upload resumes."
    }
    "SEC" {
        Sec1 1 "Nothing is kept at rest."
        Sec2 2 "Transport security and signed requests."
        Sec3 3 "Pre-signed addresses are secrets."
    }
}

impl fmt::Display for SvcId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The text is no id of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownSvcId;

impl fmt::Display for UnknownSvcId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no such point; ids look like SVC-FMT-2")
    }
}

impl core::error::Error for UnknownSvcId {}

impl FromStr for SvcId {
    type Err = UnknownSvcId;

    fn from_str(text: &str) -> Result<Self, UnknownSvcId> {
        Self::ALL
            .iter()
            .copied()
            .find(|id| id.as_str() == text)
            .ok_or(UnknownSvcId)
    }
}

crate::serde_by_text!(SvcId, "the id of a point, such as SVC-FMT-2");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_comes_back_from_its_text() {
        for id in SvcId::ALL {
            assert_eq!(id.as_str().parse(), Ok(*id));
            assert!(id.summary().ends_with('.'), "{id}");
        }
        assert_eq!(SvcId::Fmt2.as_str(), "SVC-FMT-2");
        assert_eq!("SVC-FMT-11".parse::<SvcId>(), Err(UnknownSvcId));
        assert_eq!("svc-fmt-1".parse::<SvcId>(), Err(UnknownSvcId));
    }

    #[test]
    fn groups_have_as_many_points_as_the_service_states() {
        for (group, count) in [
            ("FMT", 10),
            ("OS", 4),
            ("BOOT", 9),
            ("VOL", 4),
            ("LIM", 11),
            ("CFG", 4),
            ("MOD", 7),
            ("LIC", 5),
            ("IAM", 7),
            ("TASK", 11),
            ("ERR", 33),
            ("OBS", 8),
            ("MAN", 3),
            ("SEC", 3),
        ] {
            let of_group = |id: &&SvcId| id.as_str().split('-').nth(1) == Some(group);
            assert_eq!(SvcId::ALL.iter().filter(of_group).count(), count, "{group}");
        }
        assert_eq!(SvcId::ALL.len(), 119);
    }
}
