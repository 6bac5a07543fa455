//! A Windows guest against the matrix.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use super::row::WindowsRow;
use super::{Matrix, Mode, Outcome, Weight, outcome_of};
use crate::region::Region;
use crate::{Date, SvcId};

/// What is known of a Windows guest. `None` means that it could not be established.
#[derive(Clone, Copy, Debug)]
pub struct WindowsQuery<'a> {
    /// The product as the guide names it (`Windows Server 2012 R2`), without the edition.
    pub product: &'a str,
    /// The edition: `Standard`, `Datacenter`, `Web Server`, `Home`, …
    pub edition: Option<&'a str>,
    /// The installation where it is not the usual one: `Nano Server`.
    pub installation: Option<&'a str>,
    /// The service pack, 0 for none.
    pub service_pack: u32,
    /// The word size of the system, 32 or 64.
    pub bits: Option<u8>,
    /// The Region of the import; without one, Regions are not judged.
    pub region: Option<&'a Region>,
    /// Whether the guest is to boot by UEFI, if that is known.
    pub uefi: Option<bool>,
    /// The day to judge for.
    pub as_of: Date,
}

/// In what a guest differs from the row it was held against.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(tag = "kind", rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum WindowsMissKind {
    /// No row names the product.
    ProductUnlisted {
        /// The product.
        found: String,
    },
    /// The edition could not be established.
    EditionUnknown,
    /// The edition is not listed.
    EditionUnlisted {
        /// The guest's.
        found: String,
        /// Those of the row.
        listed: Vec<String>,
    },
    /// The row excludes this installation.
    InstallationExcluded {
        /// The guest's.
        found: String,
    },
    /// The service pack is below the row's.
    ServicePackTooLow {
        /// The guest's.
        found: u32,
        /// The lowest that is taken.
        lowest: u32,
    },
    /// The word size could not be established.
    BitsUnknown,
    /// The word size is not listed.
    BitsUnlisted {
        /// The guest's.
        found: u8,
        /// Those of the row, in this Region.
        listed: Vec<u8>,
    },
    /// The row does not hold in the Region.
    RegionExcluded {
        /// The Region's code.
        region: String,
    },
    /// The system boots by UEFI only (SVC-OS-2).
    UefiRequired,
    /// Whether the system boots by UEFI could not be established.
    BootUnknown,
    /// The row, or 32-bit x86, is deprecated.
    Deprecated {
        /// Since when.
        since: Date,
    },
}

impl WindowsMissKind {
    /// The points that say so.
    #[must_use]
    pub fn svc(&self) -> &'static [SvcId] {
        match self {
            Self::ProductUnlisted { .. }
            | Self::EditionUnknown
            | Self::EditionUnlisted { .. }
            | Self::InstallationExcluded { .. }
            | Self::ServicePackTooLow { .. }
            | Self::BitsUnknown
            | Self::BitsUnlisted { .. } => &[SvcId::Os3, SvcId::Err14],
            Self::RegionExcluded { .. } => &[SvcId::Os4],
            Self::UefiRequired | Self::BootUnknown => &[SvcId::Os2],
            Self::Deprecated { .. } => &[],
        }
    }
}

impl fmt::Display for WindowsMissKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ProductUnlisted { found } => write!(f, "no row lists the product `{found}`"),
            Self::EditionUnknown => f.write_str("the edition is not known"),
            Self::EditionUnlisted { found, listed } => {
                write!(f, "the edition {found} is not among ")?;
                super::row::list(f, listed)
            }
            Self::InstallationExcluded { found } => write!(f, "{found} is excluded by name"),
            Self::ServicePackTooLow { found, lowest } => {
                write!(f, "service pack {found} is below {lowest}")
            }
            Self::BitsUnknown => f.write_str("whether it is 32-bit or 64-bit is not known"),
            Self::BitsUnlisted { found, listed } => {
                write!(f, "{found}-bit is not among ")?;
                super::row::list(f, listed)
            }
            Self::RegionExcluded { region } => write!(f, "not supported in Region {region}"),
            Self::UefiRequired => f.write_str("it boots by UEFI only"),
            Self::BootUnknown => f.write_str("it needs UEFI; how it boots is not known"),
            Self::Deprecated { since } => write!(f, "deprecated since {since}"),
        }
    }
}

/// A difference and what it means in the mode asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct WindowsMiss {
    /// The difference.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub kind: WindowsMissKind,
    /// What it means.
    pub weight: Weight,
}

/// The row of a product, and everything in which the guest misses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowsMatch<'m> {
    /// The product's row.
    pub row: Option<&'m WindowsRow>,
    /// The mode that the weights are for.
    pub mode: Mode,
    /// What differs. Only deprecation weighs less in practical mode.
    pub misses: Vec<WindowsMiss>,
}

impl WindowsMatch<'_> {
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

pub(super) fn match_windows<'m>(
    matrix: &'m Matrix,
    query: &WindowsQuery<'_>,
    mode: Mode,
) -> WindowsMatch<'m> {
    let row = matrix
        .windows
        .iter()
        .find(|row| row.product.eq_ignore_ascii_case(query.product));
    let Some(row) = row else {
        let kind = WindowsMissKind::ProductUnlisted {
            found: query.product.to_string(),
        };
        let misses = [WindowsMiss {
            kind,
            weight: Weight::Refuses,
        }]
        .into();
        return WindowsMatch {
            row: None,
            mode,
            misses,
        };
    };
    let mut misses = Vec::new();
    misses.extend(edition_miss(row, query));
    misses.extend(installation_miss(row, query));
    if query.service_pack < row.min_service_pack {
        misses.push(refusal(WindowsMissKind::ServicePackTooLow {
            found: query.service_pack,
            lowest: row.min_service_pack,
        }));
    }
    misses.extend(region_miss(row, query));
    misses.extend(boot_miss(row, query));
    let old_bits = matrix
        .i386_deprecated_from
        .filter(|from| query.bits == Some(32) && *from <= query.as_of);
    if let Some(since) = row.deprecated(query.as_of).or(old_bits) {
        let weight = match mode {
            Mode::Strict => Weight::Refuses,
            Mode::Practical => Weight::Advises,
        };
        misses.push(WindowsMiss {
            kind: WindowsMissKind::Deprecated { since },
            weight,
        });
    }
    WindowsMatch {
        row: Some(row),
        mode,
        misses,
    }
}

fn refusal(kind: WindowsMissKind) -> WindowsMiss {
    WindowsMiss {
        kind,
        weight: Weight::Refuses,
    }
}

fn undecided(kind: WindowsMissKind) -> WindowsMiss {
    WindowsMiss {
        kind,
        weight: Weight::Undecided,
    }
}

fn edition_miss(row: &WindowsRow, query: &WindowsQuery<'_>) -> Option<WindowsMiss> {
    let Some(edition) = query.edition else {
        return Some(undecided(WindowsMissKind::EditionUnknown));
    };
    let listed = row
        .editions
        .iter()
        .any(|one| one.eq_ignore_ascii_case(edition));
    (!listed).then(|| {
        refusal(WindowsMissKind::EditionUnlisted {
            found: edition.to_string(),
            listed: row.editions.clone(),
        })
    })
}

fn installation_miss(row: &WindowsRow, query: &WindowsQuery<'_>) -> Option<WindowsMiss> {
    let found = query.installation?;
    let excluded = row
        .excluded
        .iter()
        .any(|one| one.eq_ignore_ascii_case(found));
    excluded.then(|| {
        refusal(WindowsMissKind::InstallationExcluded {
            found: found.to_string(),
        })
    })
}

/// The Region and the word size, which depends on the Region.
fn region_miss(row: &WindowsRow, query: &WindowsQuery<'_>) -> Option<WindowsMiss> {
    let opt_in = query.region.is_some_and(|region| region.opt_in);
    let listed = if opt_in { &row.opt_in_bits } else { &row.bits };
    if let Some(region) = query.region
        && (listed.is_empty() || row.not_in.iter().any(|code| code == region.code))
    {
        let region = region.code.to_string();
        return Some(refusal(WindowsMissKind::RegionExcluded { region }));
    }
    match query.bits {
        None => Some(undecided(WindowsMissKind::BitsUnknown)),
        Some(bits) if listed.contains(&bits) => None,
        Some(found) => Some(refusal(WindowsMissKind::BitsUnlisted {
            found,
            listed: listed.clone(),
        })),
    }
}

fn boot_miss(row: &WindowsRow, query: &WindowsQuery<'_>) -> Option<WindowsMiss> {
    match (row.uefi_only, query.uefi) {
        (true, Some(false)) => Some(refusal(WindowsMissKind::UefiRequired)),
        (true, None) => Some(undecided(WindowsMissKind::BootUnknown)),
        _ => None,
    }
}
