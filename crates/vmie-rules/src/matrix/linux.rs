//! A Linux guest against the matrix.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use super::kernel::{Fit, Kernel};
use super::row::{LinuxRow, ServicePack, VersionFit};
use super::version::numbers;
use super::{Architecture, Matrix, Mode, Outcome, Weight, outcome_of};
use crate::{Date, SvcId};

/// What is known of a Linux guest. `None` means that it could not be established.
#[derive(Clone, Copy, Debug)]
pub struct LinuxQuery<'a> {
    /// The `ID` of os-release, or what the release files say in its words; `centos-stream` for
    /// CentOS Stream, which has the `ID` of CentOS Linux.
    pub id: &'a str,
    /// The most precise version known: `12.15`, `7.9.2009`, `22.04`. For a system with service
    /// packs, the second number is the service pack unless `service_pack` says it: `15.4`.
    pub version: Option<&'a str>,
    /// The service pack, 0 for none, where it is known apart from the version.
    pub service_pack: Option<u32>,
    /// The release of the kernel that boots by default: `6.1.0-56-cloud-amd64`.
    pub kernel: Option<&'a str>,
    /// What the programs are made for.
    pub architecture: Option<Architecture>,
    /// The day to judge for.
    pub as_of: Date,
}

/// In what a guest differs from the row it was held against.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(tag = "kind", rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum MissKind {
    /// No row names the system.
    SystemUnlisted {
        /// The system's id.
        found: String,
    },
    /// The version could not be established.
    VersionUnknown,
    /// The version is less precise than the row, and may or may not be in it.
    VersionImprecise {
        /// The guest's version.
        found: String,
        /// What the row lists.
        listed: String,
    },
    /// The version is not listed.
    VersionUnlisted {
        /// The guest's version.
        found: String,
        /// What the row lists, or what all rows of the system list if no row is near.
        listed: String,
    },
    /// The service pack is not listed.
    ServicePackUnlisted {
        /// The guest's service pack, 0 for none.
        found: u32,
        /// Those of the row.
        listed: Vec<u32>,
    },
    /// The kernel could not be established.
    KernelUnknown,
    /// The kernel is not listed.
    KernelUnlisted {
        /// The guest's kernel release.
        found: String,
        /// What the row lists.
        listed: String,
    },
    /// The row excludes this very kernel.
    KernelExcluded {
        /// The guest's kernel release.
        found: String,
        /// The exclusion.
        excluded: String,
    },
    /// The row is deprecated.
    Deprecated {
        /// Since when.
        since: Date,
    },
    /// The architecture could not be established.
    ArchitectureUnknown,
    /// Linux is taken as x86_64 only.
    ArchitectureUnsupported {
        /// The guest's.
        found: Architecture,
    },
}

impl MissKind {
    /// The points that say so.
    #[must_use]
    pub fn svc(&self) -> &'static [SvcId] {
        match self {
            Self::SystemUnlisted { .. }
            | Self::VersionUnknown
            | Self::VersionImprecise { .. }
            | Self::VersionUnlisted { .. }
            | Self::ServicePackUnlisted { .. } => &[SvcId::Os3, SvcId::Err14],
            Self::KernelUnknown => &[SvcId::Os3, SvcId::Err29],
            Self::KernelUnlisted { .. } | Self::KernelExcluded { .. } => {
                &[SvcId::Os3, SvcId::Err26]
            }
            Self::Deprecated { .. } => &[],
            Self::ArchitectureUnknown | Self::ArchitectureUnsupported { .. } => &[SvcId::Lim6],
        }
    }
}

impl fmt::Display for MissKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SystemUnlisted { found } => write!(f, "no row lists the system `{found}`"),
            Self::VersionUnknown => f.write_str("the version is not known"),
            Self::VersionImprecise { found, listed } => {
                write!(
                    f,
                    "version {found} does not say whether it is among {listed}"
                )
            }
            Self::VersionUnlisted { found, listed } => {
                write!(f, "version {found} is not among {listed}")
            }
            Self::ServicePackUnlisted { found, listed } => {
                write!(f, "{} is not among ", ServicePack(*found))?;
                super::row::list(f, listed.iter().map(|pack| ServicePack(*pack)))
            }
            Self::KernelUnknown => f.write_str("the kernel is not known"),
            Self::KernelUnlisted { found, listed } => {
                write!(f, "kernel {found} is not among {listed}")
            }
            Self::KernelExcluded { found, excluded } => {
                write!(f, "kernel {found} is excluded by name ({excluded})")
            }
            Self::Deprecated { since } => write!(f, "the row is deprecated since {since}"),
            Self::ArchitectureUnknown => f.write_str("the architecture is not known"),
            Self::ArchitectureUnsupported { found } => {
                write!(f, "the architecture is {found}, not x86_64")
            }
        }
    }
}

/// A difference and what it means in the mode asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Miss {
    /// The difference.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub kind: MissKind,
    /// What it means.
    pub weight: Weight,
}

/// The row nearest to a guest, and everything in which the guest misses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinuxMatch<'m> {
    /// The nearest row of the same system and release, whether or not it takes the guest.
    pub row: Option<&'m LinuxRow>,
    /// The mode that the weights are for.
    pub mode: Mode,
    /// What differs from the row as listed. Practical mode lists what strict mode would miss, too,
    /// as advice.
    pub misses: Vec<Miss>,
}

impl LinuxMatch<'_> {
    /// Whether the guest is taken.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        outcome_of(self.misses.iter().map(|miss| miss.weight))
    }

    /// Whether the guest is taken.
    #[must_use]
    pub fn accepted(&self) -> bool {
        self.outcome() == Outcome::Accepted
    }
}

/// Version and service pack, told apart.
struct Release<'q> {
    version: &'q str,
    service_pack: Option<u32>,
}

impl<'q> Release<'q> {
    /// For a row with service packs, the second number is the pack unless it is known apart.
    fn of(query: &LinuxQuery<'q>, row: &LinuxRow) -> Option<Self> {
        let version = query.version?;
        if row.service_packs.is_empty() {
            return Some(Self {
                version,
                service_pack: None,
            });
        }
        let second = numbers(version)
            .nth(1)
            .and_then(|pack| u32::try_from(pack).ok());
        let pack = query.service_pack.or(second).unwrap_or(0);
        Some(Self {
            version,
            service_pack: Some(pack),
        })
    }

    /// Whether this is of the row's major release (and service pack).
    fn is_of(&self, row: &LinuxRow) -> bool {
        row.versions
            .same_release(self.version, usize::from(row.release_parts))
            && self
                .service_pack
                .is_none_or(|pack| row.service_packs.contains(&pack))
    }
}

pub(super) fn match_linux<'m>(
    matrix: &'m Matrix,
    query: &LinuxQuery<'_>,
    mode: Mode,
) -> LinuxMatch<'m> {
    let rows: Vec<&LinuxRow> = matrix
        .linux
        .iter()
        .filter(|row| row.is_of(query.id))
        .collect();
    let release_rows = rows
        .iter()
        .filter(|row| Release::of(query, row).is_some_and(|release| release.is_of(row)));
    // The first of the rows with the lightest misses: a table's own order decides ties.
    let best = release_rows
        .map(|row| (*row, against_row(row, query, mode)))
        .min_by_key(|(_, misses)| (heaviest(misses), misses.len()));
    let (row, mut misses) = match best {
        Some((row, misses)) => (Some(row), misses),
        None => (None, [without_row(&rows, query)].into()),
    };
    misses.extend(architecture(query));
    LinuxMatch { row, mode, misses }
}

fn heaviest(misses: &[Miss]) -> Option<Weight> {
    misses.iter().map(|miss| miss.weight).max()
}

/// Why no row is near.
fn without_row(rows: &[&LinuxRow], query: &LinuxQuery<'_>) -> Miss {
    if rows.is_empty() {
        let kind = MissKind::SystemUnlisted {
            found: query.id.to_string(),
        };
        return Miss {
            kind,
            weight: Weight::Refuses,
        };
    }
    let Some(found) = query
        .version
        .filter(|version| numbers(version).next().is_some())
    else {
        return Miss {
            kind: MissKind::VersionUnknown,
            weight: Weight::Undecided,
        };
    };
    let mut listed = String::new();
    for row in rows {
        if !listed.is_empty() {
            listed.push_str(", ");
        }
        listed.push_str(&row.versions.to_string());
        if !row.service_packs.is_empty() {
            for pack in &row.service_packs {
                listed.push(' ');
                listed.push_str(&ServicePack(*pack).to_string());
            }
        }
    }
    let kind = MissKind::VersionUnlisted {
        found: found.to_string(),
        listed,
    };
    Miss {
        kind,
        weight: Weight::Refuses,
    }
}

fn against_row(row: &LinuxRow, query: &LinuxQuery<'_>, mode: Mode) -> Vec<Miss> {
    let mut misses = Vec::new();
    // What is wrong in strict mode and good advice in practical mode, the release being the same.
    let lenient = match mode {
        Mode::Strict => Weight::Refuses,
        Mode::Practical => Weight::Advises,
    };
    if let Some(kind) = version_miss(row, query) {
        let unsure = matches!(kind, MissKind::VersionImprecise { .. });
        let weight = if unsure && mode == Mode::Strict {
            Weight::Undecided
        } else {
            lenient
        };
        misses.push(Miss { kind, weight });
    }
    misses.extend(kernel_miss(row, query, lenient));
    if let Some(since) = row.deprecated(query.as_of) {
        misses.push(Miss {
            kind: MissKind::Deprecated { since },
            weight: lenient,
        });
    }
    misses
}

fn version_miss(row: &LinuxRow, query: &LinuxQuery<'_>) -> Option<MissKind> {
    let release = Release::of(query, row)?;
    let found = release.version.to_string();
    let listed = row.versions.to_string();
    match row.versions.fit(release.version) {
        VersionFit::Listed => None,
        VersionFit::Imprecise => Some(MissKind::VersionImprecise { found, listed }),
        VersionFit::Unlisted => Some(MissKind::VersionUnlisted { found, listed }),
    }
}

fn kernel_miss(row: &LinuxRow, query: &LinuxQuery<'_>, lenient: Weight) -> Option<Miss> {
    let Some(release) = query.kernel else {
        return Some(Miss {
            kind: MissKind::KernelUnknown,
            weight: Weight::Undecided,
        });
    };
    let found = release.to_string();
    match Kernel::fit(&row.kernels, release) {
        Fit::Listed => None,
        Fit::Excluded(excluded) => {
            let kind = MissKind::KernelExcluded {
                found,
                excluded: excluded.to_string(),
            };
            Some(Miss {
                kind,
                weight: Weight::Refuses,
            })
        }
        fit => {
            let kind = MissKind::KernelUnlisted {
                found,
                listed: row.kernel_list(),
            };
            let weight = if fit == Fit::SameSeries {
                lenient
            } else {
                Weight::Refuses
            };
            Some(Miss { kind, weight })
        }
    }
}

fn architecture(query: &LinuxQuery<'_>) -> Option<Miss> {
    match query.architecture {
        Some(Architecture::X86_64) => None,
        Some(found) => Some(Miss {
            kind: MissKind::ArchitectureUnsupported { found },
            weight: Weight::Refuses,
        }),
        None => Some(Miss {
            kind: MissKind::ArchitectureUnknown,
            weight: Weight::Undecided,
        }),
    }
}
