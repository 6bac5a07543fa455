//! The system that a descriptor says a machine runs, held against the matrix.
//!
//! An OVF descriptor names it by a number (`OperatingSystemSection`, DSP0243 9.8) from the values of
//! `CIM_OperatingSystem.OsType`, and VMware's also by a guest id (`vmw:osType`), which says more. Neither
//! is believed: what is on the disk counts.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;

use crate::guest::Platform;
use crate::matrix::Matrix;

/// A system as a descriptor names it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StatedSystem {
    /// The name for people: `Debian 12`.
    pub name: String,
    /// Its platform, when the service has such a one.
    pub platform: Option<Platform>,
    /// What the rows of the matrix call it: the `ID` of os-release or the product, several where one
    /// name stands for several systems. Empty for what no row ever named.
    pub rows: &'static [&'static str],
    /// The release, when it is told: `12`.
    pub release: Option<String>,
    /// Bits of a word, when told.
    pub bits: Option<u8>,
}

/// A name, its platform, and its rows.
type System = (&'static str, Option<Platform>, &'static [&'static str]);

const LINUX: Option<Platform> = Some(Platform::Linux);
const WINDOWS: Option<Platform> = Some(Platform::Windows);

/// Numbers of `CIM_OperatingSystem.OsType` with their systems and bits; 0 where it says nothing of
/// them.
const BY_NUMBER: &[(u32, System, u8)] = &[
    (36, ("Linux", LINUX, &[]), 0),
    (58, ("Windows 2000", None, &[]), 32),
    (67, ("Windows XP", None, &[]), 32),
    (69, ("Windows Server 2003", WINDOWS, SERVER_2003), 32),
    (70, ("Windows Server 2003", WINDOWS, SERVER_2003), 64),
    (71, ("Windows XP", None, &[]), 64),
    (73, ("Windows Vista", None, &[]), 32),
    (74, ("Windows Vista", None, &[]), 64),
    (
        76,
        ("Windows Server 2008", WINDOWS, &["Windows Server 2008"]),
        32,
    ),
    (
        77,
        ("Windows Server 2008", WINDOWS, &["Windows Server 2008"]),
        64,
    ),
    (42, ("FreeBSD", None, &[]), 32),
    (78, ("FreeBSD", None, &[]), 64),
    (79, ("Red Hat Enterprise Linux", LINUX, &["rhel"]), 32),
    (80, ("Red Hat Enterprise Linux", LINUX, &["rhel"]), 64),
    (81, ("Solaris", None, &[]), 64),
    (82, ("SUSE", LINUX, &["sles"]), 32),
    (83, ("SUSE", LINUX, &["sles"]), 64),
    (84, ("SUSE Linux Enterprise Server", LINUX, &["sles"]), 32),
    (85, ("SUSE Linux Enterprise Server", LINUX, &["sles"]), 64),
    (93, ("Ubuntu", LINUX, &["ubuntu"]), 32),
    (94, ("Ubuntu", LINUX, &["ubuntu"]), 64),
    (95, ("Debian", LINUX, &["debian"]), 32),
    (96, ("Debian", LINUX, &["debian"]), 64),
    (97, ("Linux 2.4", LINUX, &[]), 32),
    (98, ("Linux 2.4", LINUX, &[]), 64),
    (99, ("Linux 2.6", LINUX, &[]), 32),
    (100, ("Linux 2.6", LINUX, &[]), 64),
    (101, ("Linux", LINUX, &[]), 64),
    (
        103,
        (
            "Windows Server 2008 R2",
            WINDOWS,
            &["Windows Server 2008 R2"],
        ),
        64,
    ),
    (104, ("VMware ESXi", None, &[]), 64),
    (105, ("Windows 7", WINDOWS, &["Windows 7"]), 0),
    (106, ("CentOS", LINUX, &["centos"]), 32),
    (107, ("CentOS", LINUX, &["centos"]), 64),
    (108, ("Oracle Linux", LINUX, &["ol"]), 32),
    (109, ("Oracle Linux", LINUX, &["ol"]), 64),
    (112, ("Windows Server 2012", WINDOWS, SERVER_2012), 64),
    (113, ("Windows 8", WINDOWS, CLIENT_8), 32),
    (114, ("Windows 8", WINDOWS, CLIENT_8), 64),
    (
        115,
        (
            "Windows Server 2012 R2",
            WINDOWS,
            &["Windows Server 2012 R2"],
        ),
        64,
    ),
];

const SERVER_2003: &[&str] = &["Windows Server 2003", "Windows Server 2003 R2"];
const SERVER_2012: &[&str] = &["Windows Server 2012", "Windows Server 2012 R2"];
const CLIENT_8: &[&str] = &["Windows 8", "Windows 8.1"];

/// VMware's guest ids of Windows, without `_64` and `Guest` (`VirtualMachineGuestOsIdentifier`).
const WINDOWS_BY_ID: &[(&str, System)] = &[
    (
        "winLonghorn",
        ("Windows Server 2008", WINDOWS, &["Windows Server 2008"]),
    ),
    ("windows7", ("Windows 7", WINDOWS, &["Windows 7"])),
    (
        "windows7Server",
        (
            "Windows Server 2008 R2",
            WINDOWS,
            &["Windows Server 2008 R2"],
        ),
    ),
    ("windows8", ("Windows 8", WINDOWS, CLIENT_8)),
    (
        "windows8Server",
        ("Windows Server 2012", WINDOWS, SERVER_2012),
    ),
    ("windows9", ("Windows 10", WINDOWS, &["Windows 10"])),
    (
        "windows9Server",
        ("Windows Server 2016", WINDOWS, &["Windows Server 2016"]),
    ),
    ("windows11", ("Windows 11", WINDOWS, &["Windows 11"])),
    (
        "windows2019srv",
        ("Windows Server 2019", WINDOWS, &["Windows Server 2019"]),
    ),
    (
        "windows2019srvNext",
        ("Windows Server 2022", WINDOWS, &["Windows Server 2022"]),
    ),
    (
        "windows2022srvNext",
        ("Windows Server 2025", WINDOWS, &["Windows Server 2025"]),
    ),
];

/// How VMware's guest ids of Linux begin; a release may follow.
const LINUX_BY_ID: &[(&str, System)] = &[
    ("amazonlinux", ("Amazon Linux", LINUX, &["amzn"])),
    ("centos", ("CentOS", LINUX, &["centos"])),
    ("debian", ("Debian", LINUX, &["debian"])),
    ("fedora", ("Fedora", LINUX, &["fedora"])),
    ("oracleLinux", ("Oracle Linux", LINUX, &["ol"])),
    ("rhel", ("Red Hat Enterprise Linux", LINUX, &["rhel"])),
    ("rockylinux", ("Rocky Linux", LINUX, &["rocky"])),
    ("sles", ("SUSE Linux Enterprise Server", LINUX, &["sles"])),
    ("ubuntu", ("Ubuntu", LINUX, &["ubuntu"])),
];

impl StatedSystem {
    fn of(system: &System, release: &str, bits: u8) -> Self {
        let (name, platform, rows) = *system;
        let release = Some(release).filter(|release| !release.is_empty());
        Self {
            name: match release {
                Some(release) => format!("{name} {release}"),
                None => name.to_owned(),
            },
            platform,
            rows,
            release: release.map(str::to_owned),
            bits: Some(bits).filter(|bits| *bits != 0),
        }
    }

    /// The system of a number of `CIM_OperatingSystem.OsType`. `None` for a number that names none
    /// (0, 1, 102: unknown and others) or that is not known here.
    #[must_use]
    pub fn by_number(number: u32) -> Option<Self> {
        let (_, system, bits) = BY_NUMBER.iter().find(|(known, ..)| *known == number)?;
        Some(Self::of(system, "", *bits))
    }

    /// The system of one of VMware's guest ids: `debian12_64Guest`, `windows2019srv_64Guest`. `None` for
    /// an id that names none (`otherGuest64`) or that is not known here.
    #[must_use]
    pub fn by_guest_id(id: &str) -> Option<Self> {
        let id = id.strip_suffix("Guest").unwrap_or(id);
        let (id, bits) = match id.strip_suffix("_64").or_else(|| id.strip_suffix("64")) {
            Some(id) => (id.strip_suffix('_').unwrap_or(id), 64),
            None => (id, 32),
        };
        let windows = WINDOWS_BY_ID.iter().find(|(known, _)| *known == id);
        if let Some((_, system)) = windows {
            return Some(Self::of(system, "", bits));
        }
        LINUX_BY_ID.iter().find_map(|(start, system)| {
            let release = id.strip_prefix(start)?;
            let is_number = release.chars().all(|c| c.is_ascii_digit());
            is_number.then(|| Self::of(system, release, bits))
        })
    }

    /// Whether a found system can be the stated one: `known_as` is the `ID` of its os-release, or its
    /// name. What a descriptor leaves open fits.
    #[must_use]
    pub fn fits(&self, platform: Platform, known_as: &str, version: Option<&str>) -> bool {
        if self.platform != Some(platform) {
            return false;
        }
        let named = self.rows.is_empty()
            || self.rows.iter().any(|row| match platform {
                Platform::Linux => *row == known_as,
                Platform::Windows => known_as
                    .strip_prefix(row)
                    .is_some_and(|edition| !edition.starts_with(" R2")),
            });
        let same = |release: &String| {
            version.is_none_or(|version| version.split(['.', '-']).next() == Some(release))
        };
        named && self.release.as_ref().is_none_or(same)
    }
}

impl Matrix {
    /// Whether some row of the matrix is the system that a descriptor names, or could be: `None` when the
    /// descriptor leaves open which system it is.
    #[must_use]
    pub fn lists(&self, stated: &StatedSystem) -> Option<bool> {
        let Some(platform) = stated.platform else {
            return Some(false);
        };
        if stated.rows.is_empty() {
            return None;
        }
        Some(match platform {
            Platform::Linux => {
                let bits = stated.bits != Some(32);
                bits && self.linux.iter().any(|row| {
                    let release = |release: &String| row.versions.same_release(release, 1);
                    stated.rows.contains(&row.id.as_str())
                        && stated.release.as_ref().is_none_or(release)
                })
            }
            Platform::Windows => self.windows.iter().any(|row| {
                let bits = stated.bits.is_none_or(|bits| row.bits.contains(&bits));
                bits && stated.rows.iter().any(|name| row.product == *name)
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::Edition;

    fn listed(stated: Option<StatedSystem>) -> Option<bool> {
        Matrix::edition(Edition::E2026).lists(&stated?)
    }

    #[test]
    fn numbers_are_mapped_to_rows() {
        assert_eq!(listed(StatedSystem::by_number(96)), Some(true));
        assert_eq!(listed(StatedSystem::by_number(95)), Some(false), "32-bit");
        assert_eq!(listed(StatedSystem::by_number(103)), Some(true));
        assert_eq!(listed(StatedSystem::by_number(81)), Some(false));
        assert_eq!(listed(StatedSystem::by_number(101)), None);
        assert_eq!(StatedSystem::by_number(1), None);
        for (number, ..) in BY_NUMBER {
            let same = BY_NUMBER.iter().filter(|(other, ..)| other == number);
            assert_eq!(same.count(), 1, "{number}");
        }
    }

    #[test]
    fn guest_ids_say_the_release() {
        let debian = StatedSystem::by_guest_id("debian12_64Guest").unwrap();
        assert_eq!(debian.name, "Debian 12");
        assert_eq!(debian.bits, Some(64));
        assert_eq!(listed(Some(debian.clone())), Some(true));
        assert!(debian.fits(Platform::Linux, "debian", Some("12.5")));
        assert!(!debian.fits(Platform::Linux, "debian", Some("11")));
        assert!(!debian.fits(Platform::Linux, "ubuntu", Some("12.04")));
        assert!(!debian.fits(Platform::Windows, "Windows 11", None));
        assert_eq!(
            listed(StatedSystem::by_guest_id("debian4Guest")),
            Some(false)
        );
        let ubuntu = StatedSystem::by_guest_id("ubuntu64Guest").unwrap();
        assert_eq!((ubuntu.release.as_deref(), ubuntu.bits), (None, Some(64)));
        assert_eq!(StatedSystem::by_guest_id("otherGuest64"), None);
        assert_eq!(StatedSystem::by_guest_id("other5xLinux64Guest"), None);
        for (id, (name, ..)) in WINDOWS_BY_ID {
            let of_id = StatedSystem::by_guest_id(&format!("{id}_64Guest")).unwrap();
            assert_eq!(of_id.name, *name);
            assert_eq!(listed(Some(of_id)), Some(true), "{id}");
        }
        let older = StatedSystem::by_number(77).unwrap();
        assert!(older.fits(Platform::Windows, "Windows Server 2008 Standard", None));
        assert!(!older.fits(Platform::Windows, "Windows Server 2008 R2 Standard", None));
        let server = StatedSystem::by_guest_id("windows9Server64Guest").unwrap();
        assert!(server.fits(Platform::Windows, "Windows Server 2016 Standard", None));
    }
}
