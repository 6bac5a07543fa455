//! The kernels a row lists.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::version::{Version, is_prefix, numbers};

/// Which of Oracle Linux's two kernels a row means; every other system's rows say [`Flavour::Any`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Flavour {
    /// Whatever kernel the release is.
    Any,
    /// Red Hat Compatible Kernel: a release without `uek` in it.
    Rhck,
    /// Unbreakable Enterprise Kernel: a release with `uek` in it.
    Uek,
}

/// One kernel of a row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Kernel {
    /// The numbers a release starts with; `None` if the row names a flavour or a suffix only.
    pub series: Option<Version>,
    /// Which kernel it must be.
    pub flavour: Flavour,
    /// A word that the release must hold between its separators, such as `el8uek`.
    pub suffix: Option<String>,
    /// Releases that start with `series` and yet do not count, such as `2.6.32-71`.
    pub excluded: Vec<Version>,
}

/// How a kernel release stands to a row's kernels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fit<'r> {
    /// As listed.
    Listed,
    /// Not as listed, with the same first two numbers as a listed one.
    SameSeries,
    /// A listed kernel excludes this release.
    Excluded(&'r Version),
    /// None of it.
    None,
}

impl Kernel {
    /// A kernel of whatever flavour.
    #[must_use]
    pub fn series(series: &str) -> Self {
        Self {
            series: Some(Version::new(series)),
            flavour: Flavour::Any,
            suffix: None,
            excluded: Vec::new(),
        }
    }

    /// Whether `release` is as this kernel is listed.
    #[must_use]
    pub fn lists(&self, release: &str) -> bool {
        let series = self
            .series
            .as_ref()
            .is_none_or(|series| series.is_prefix_of(release));
        series && self.words_fit(release) && self.exclusion_of(release).is_none()
    }

    /// Whether `release` has the same first two numbers as this kernel; where the row names no
    /// numbers, flavour and suffix decide.
    #[must_use]
    pub fn same_series(&self, release: &str) -> bool {
        match &self.series {
            None => self.words_fit(release),
            Some(series) => {
                let mut ours = series.numbers();
                let mut theirs = numbers(release);
                let first = (ours.next(), ours.next());
                first.0.is_some() && first == (theirs.next(), theirs.next())
            }
        }
    }

    /// The exclusion that `release` falls under.
    #[must_use]
    pub fn exclusion_of(&self, release: &str) -> Option<&Version> {
        self.excluded
            .iter()
            .find(|excluded| is_prefix(excluded.as_str(), release))
    }

    fn words_fit(&self, release: &str) -> bool {
        let flavour = match self.flavour {
            Flavour::Any => true,
            Flavour::Rhck => !is_uek(release),
            Flavour::Uek => is_uek(release),
        };
        let suffix = self.suffix.as_deref().is_none_or(|suffix| {
            release
                .split(['.', '-', '_', '+'])
                .any(|word| word == suffix)
        });
        flavour && suffix
    }

    /// How `release` stands to a row's kernels. An exclusion holds against every kernel of the row.
    pub(crate) fn fit<'r>(kernels: &'r [Self], release: &str) -> Fit<'r> {
        if let Some(excluded) = kernels
            .iter()
            .find_map(|kernel| kernel.exclusion_of(release))
        {
            return Fit::Excluded(excluded);
        }
        if kernels.iter().any(|kernel| kernel.lists(release)) {
            Fit::Listed
        } else if kernels.iter().any(|kernel| kernel.same_series(release)) {
            Fit::SameSeries
        } else {
            Fit::None
        }
    }
}

/// Oracle's UEK carries its name in the release (`5.4.17-2136.300.7.el8uek.x86_64`).
fn is_uek(release: &str) -> bool {
    release.to_ascii_lowercase().contains("uek")
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut gap = "";
        match self.flavour {
            Flavour::Any => {}
            Flavour::Rhck => {
                f.write_str("RHCK")?;
                gap = " ";
            }
            Flavour::Uek => {
                f.write_str("UEK")?;
                gap = " ";
            }
        }
        if let Some(series) = &self.series {
            write!(f, "{gap}{series}")?;
            gap = " ";
        }
        if let Some(suffix) = &self.suffix {
            write!(f, "{gap}({suffix})")?;
            gap = " ";
        }
        for excluded in &self.excluded {
            write!(f, "{gap}(not {excluded})")?;
            gap = " ";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec;

    fn rhel6() -> Vec<Kernel> {
        vec![Kernel {
            excluded: vec!["2.6.32-71".into()],
            ..Kernel::series("2.6.32")
        }]
    }

    #[test]
    fn the_excluded_release_does_not_fit() {
        let kernels = rhel6();
        assert_eq!(
            Kernel::fit(&kernels, "2.6.32-71.el6.x86_64"),
            Fit::Excluded(&"2.6.32-71".into())
        );
        assert_eq!(Kernel::fit(&kernels, "2.6.32-754.el6.x86_64"), Fit::Listed);
        assert_eq!(Kernel::fit(&kernels, "2.6.39-1.el6"), Fit::SameSeries);
        assert_eq!(Kernel::fit(&kernels, "3.10.0-1.el6"), Fit::None);
        assert_eq!(kernels[0].to_string(), "2.6.32 (not 2.6.32-71)");
    }

    #[test]
    fn flavours_are_told_by_the_release() {
        let uek = Kernel {
            flavour: Flavour::Uek,
            suffix: Some("el8uek".into()),
            ..Kernel::series("5.15.0")
        };
        assert!(uek.lists("5.15.0-101.103.2.1.el8uek.x86_64"));
        assert!(!uek.lists("5.15.0-101.103.2.1.el9uek.x86_64"));
        assert!(!uek.lists("5.15.0-101.el8.x86_64"));
        let rhck = Kernel {
            flavour: Flavour::Rhck,
            ..Kernel::series("4.18.0")
        };
        assert!(rhck.lists("4.18.0-553.el8_10.x86_64"));
        assert!(!rhck.lists("4.18.0-553.el8uek.x86_64"));
        let old = Kernel {
            series: None,
            flavour: Flavour::Uek,
            suffix: Some("el5uek".into()),
            excluded: vec![],
        };
        assert!(old.lists("2.6.39-400.el5uek") && old.same_series("2.6.39-400.el5uek"));
        assert!(!old.same_series("2.6.18-400.el5"));
    }
}
