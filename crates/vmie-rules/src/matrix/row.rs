//! The rows of the matrix.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use super::kernel::Kernel;
use super::version::{Version, compare_first, precision};
use crate::Date;

/// The versions that a row lists.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Versions {
    /// Whatever version.
    Any,
    /// Each of these, with all that starts with it: `9` lists 9.3, `12.2` lists 12.2 alone.
    Listed(Vec<Version>),
    /// From the first to the last, both included, as precisely as the two are written:
    /// 7.0–7.9 lists 7.9.2009.
    Range {
        /// The earliest.
        first: Version,
        /// The latest.
        last: Version,
    },
}

/// How a guest's version stands to the versions of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VersionFit {
    Listed,
    /// The version is written less precisely than the row and could be in it: `7` and 7.0–7.9.
    Imprecise,
    Unlisted,
}

impl Versions {
    /// One version.
    #[must_use]
    pub fn one(version: &str) -> Self {
        Self::Listed([Version::new(version)].into())
    }

    /// Whether `version` is listed.
    #[must_use]
    pub fn lists(&self, version: &str) -> bool {
        self.fit(version) == VersionFit::Listed
    }

    /// Whether some listed version has the same first `parts` numbers as `version`.
    #[must_use]
    pub fn same_release(&self, version: &str, parts: usize) -> bool {
        if precision(version) == 0 {
            return matches!(self, Self::Any);
        }
        match self {
            Self::Any => true,
            Self::Listed(listed) => listed
                .iter()
                .any(|one| compare_first(one.as_str(), version, parts).is_eq()),
            Self::Range { first, last } => {
                compare_first(first.as_str(), version, parts).is_le()
                    && compare_first(last.as_str(), version, parts).is_ge()
            }
        }
    }

    pub(crate) fn fit(&self, version: &str) -> VersionFit {
        let found = precision(version);
        match self {
            Self::Any => VersionFit::Listed,
            _ if found == 0 => VersionFit::Unlisted,
            Self::Listed(listed) => {
                if listed.iter().any(|one| one.is_prefix_of(version)) {
                    VersionFit::Listed
                } else if listed
                    .iter()
                    .any(|one| Version::new(version).is_prefix_of(one.as_str()))
                {
                    VersionFit::Imprecise
                } else {
                    VersionFit::Unlisted
                }
            }
            Self::Range { first, last } => {
                let needed = precision(first.as_str()).min(precision(last.as_str()));
                let seen = found.min(needed);
                let inside = compare_first(first.as_str(), version, seen).is_le()
                    && compare_first(last.as_str(), version, seen).is_ge();
                match (inside, found < needed) {
                    (true, false) => VersionFit::Listed,
                    (true, true) => VersionFit::Imprecise,
                    (false, _) => VersionFit::Unlisted,
                }
            }
        }
    }
}

impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("–"),
            Self::Listed(listed) => list(f, listed.iter()),
            Self::Range { first, last } => write!(f, "{first}–{last}"),
        }
    }
}

/// Writes items with commas between them.
pub(crate) fn list<T: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    items: impl IntoIterator<Item = T>,
) -> fmt::Result {
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        write!(f, "{item}")?;
    }
    Ok(())
}

/// One row of the Linux/UNIX table. Its [`Display`](fmt::Display) is its label:
/// `Debian 12.2, 12.4 (6.1.0)`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct LinuxRow {
    /// The `ID` of os-release: `amzn`, `centos`, `debian`, `fedora`, `ol`, `rhel`, `rocky`,
    /// `sles`, `ubuntu`; an embedder's own rows may name others.
    pub id: String,
    /// Ids of other systems that the row means, too: `centos-stream` where the guide says CentOS of a
    /// release that there is as a stream alone.
    pub also: Vec<String>,
    /// The name as the guide prints it.
    pub name: String,
    /// The listed versions; without the service pack.
    pub versions: Versions,
    /// How many leading numbers of a version name a major release: 2 for Ubuntu (22.04), else 1.
    pub release_parts: u8,
    /// The listed service packs, 0 being "none"; empty where the system has no such thing.
    pub service_packs: Vec<u32>,
    /// The listed kernels.
    pub kernels: Vec<Kernel>,
    /// The day from which the row is deprecated.
    pub deprecated_from: Option<Date>,
}

impl LinuxRow {
    /// Whether it is a row of the system with this id.
    #[must_use]
    pub fn is_of(&self, id: &str) -> bool {
        let mut ids = core::iter::once(&self.id).chain(&self.also);
        ids.any(|one| one.eq_ignore_ascii_case(id))
    }

    /// Whether the row is deprecated on `as_of`.
    #[must_use]
    pub fn deprecated(&self, as_of: Date) -> Option<Date> {
        self.deprecated_from.filter(|from| *from <= as_of)
    }

    /// The label, as [`Display`](fmt::Display) writes it.
    #[must_use]
    pub fn label(&self) -> String {
        self.to_string()
    }

    /// System, versions and service packs without the kernels: `SLES 12 SP2, SP3`.
    #[must_use]
    pub fn system(&self) -> String {
        SystemOf(self).to_string()
    }

    /// The kernels alone, as the row lists them.
    #[must_use]
    pub fn kernel_list(&self) -> String {
        KernelsOf(self).to_string()
    }
}

struct SystemOf<'r>(&'r LinuxRow);

impl fmt::Display for SystemOf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.name)?;
        if self.0.versions != Versions::Any {
            write!(f, " {}", self.0.versions)?;
        }
        if !self.0.service_packs.is_empty() {
            f.write_str(" ")?;
            list(
                f,
                self.0.service_packs.iter().map(|pack| ServicePack(*pack)),
            )?;
        }
        Ok(())
    }
}

struct KernelsOf<'r>(&'r LinuxRow);

impl fmt::Display for KernelsOf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list(f, &self.0.kernels)
    }
}

/// A service pack for people; 0 is the release without one.
pub(crate) struct ServicePack(pub(crate) u32);

impl fmt::Display for ServicePack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            f.write_str("without SP")
        } else {
            write!(f, "SP{}", self.0)
        }
    }
}

impl fmt::Display for LinuxRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", SystemOf(self), KernelsOf(self))
    }
}

/// One row of the Windows table. Its [`Display`](fmt::Display) is its label.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct WindowsRow {
    /// The product as the guide prints it, without a service pack: `Windows Server 2019`.
    pub product: String,
    /// The lowest service pack, 0 if none is asked for.
    pub min_service_pack: u32,
    /// Whether it is a client system, which must be set to US English (SVC-OS-1).
    pub client: bool,
    /// The listed editions.
    pub editions: Vec<String>,
    /// Installations of a listed edition that do not count: `Nano Server`.
    pub excluded: Vec<String>,
    /// The word sizes, 32 and 64.
    pub bits: Vec<u8>,
    /// The word sizes in opt-in Regions; empty means that the row does not hold there (SVC-OS-4).
    pub opt_in_bits: Vec<u8>,
    /// Codes of the Regions where the row does not hold, whatever else is true.
    pub not_in: Vec<String>,
    /// Whether it boots by UEFI only (SVC-OS-2).
    pub uefi_only: bool,
    /// The day from which the row is deprecated.
    pub deprecated_from: Option<Date>,
}

impl WindowsRow {
    /// Whether the row is deprecated on `as_of`.
    #[must_use]
    pub fn deprecated(&self, as_of: Date) -> Option<Date> {
        self.deprecated_from.filter(|from| *from <= as_of)
    }

    /// The label, as [`Display`](fmt::Display) writes it.
    #[must_use]
    pub fn label(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for WindowsRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.product)?;
        if self.min_service_pack > 0 {
            write!(f, " SP{} or later", self.min_service_pack)?;
        }
        f.write_str(" (")?;
        list(f, &self.editions)?;
        f.write_str("; ")?;
        list(f, &self.bits)?;
        f.write_str("-bit)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn range(first: &str, last: &str) -> Versions {
        Versions::Range {
            first: first.into(),
            last: last.into(),
        }
    }

    #[test]
    fn ranges_compare_as_precisely_as_they_are_written() {
        let seven = range("7.0", "7.9");
        assert_eq!(seven.fit("7.9.2009"), VersionFit::Listed);
        assert_eq!(seven.fit("7.10"), VersionFit::Unlisted);
        assert_eq!(seven.fit("7"), VersionFit::Imprecise);
        assert_eq!(seven.fit("8"), VersionFit::Unlisted);
        assert_eq!(seven.fit(""), VersionFit::Unlisted);
        assert_eq!(range("6.0.0", "6.0.8").fit("6.0.10"), VersionFit::Unlisted);
        assert_eq!(range("6.1", "6.10").fit("6.9"), VersionFit::Listed);
    }

    #[test]
    fn a_listed_version_covers_what_starts_with_it() {
        let twelve = Versions::Listed(vec!["12.2".into(), "12.4".into()]);
        assert_eq!(twelve.fit("12.15"), VersionFit::Unlisted);
        assert_eq!(twelve.fit("12.4"), VersionFit::Listed);
        assert_eq!(twelve.fit("12"), VersionFit::Imprecise);
        assert_eq!(Versions::one("9").fit("9.3"), VersionFit::Listed);
        assert!(twelve.same_release("12.15", 1) && !twelve.same_release("13", 1));
        assert!(!Versions::one("12.04").same_release("12.10", 2));
        assert!(!twelve.same_release("sid", 1));
    }
}
