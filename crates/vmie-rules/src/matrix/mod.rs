//! The supported systems as dated data, and how a guest is held against them.
//!
//! A [`Matrix`] is an ordinary value: [`Matrix::edition`] gives the guide's own, and an embedder
//! loads another from a document ([`Matrix::from_toml`]) or builds it.
//!
//! Two ways to read it ([`Mode`]):
//!
//! - *strict*: a version is as listed, a kernel starts with the numbers of a listed one, and a
//!   deprecated row refuses;
//! - *practical*: the same system and major release, the same first two numbers of the kernel;
//!   what strict would have missed, and deprecation, become advice. A release that the row
//!   excludes by name (2.6.32-71) is refused in both.
//!
//! A fact that nobody could establish is never guessed: the outcome is then undetermined.

mod kernel;
mod linux;
mod load;
mod row;
mod version;
mod windows;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use crate::guest::UnknownChoice;

pub use kernel::{Flavour, Kernel};
pub use linux::{LinuxMatch, LinuxQuery, Miss, MissKind};
pub use load::{LoadCause, LoadError};
pub use row::{LinuxRow, Versions, WindowsRow};
pub use version::{Version, is_prefix, numbers};
pub use windows::{WindowsMatch, WindowsMiss, WindowsMissKind, WindowsQuery};

/// The English editions of the guide whose tables are built in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Edition {
    /// The edition of 2025.
    #[cfg_attr(feature = "serde", serde(rename = "2025"))]
    E2025,
    /// The edition of 2026: new rows, and rows deprecated from 2026-02-01.
    #[default]
    #[cfg_attr(feature = "serde", serde(rename = "2026"))]
    E2026,
}

impl Edition {
    /// Every edition, oldest first.
    pub const ALL: [Self; 2] = [Self::E2025, Self::E2026];

    /// The year as a word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::E2025 => "2025",
            Self::E2026 => "2026",
        }
    }

    /// The document that its table is read from.
    #[must_use]
    pub const fn document(self) -> &'static str {
        match self {
            Self::E2025 => include_str!("../../matrix/edition-2025.toml"),
            Self::E2026 => include_str!("../../matrix/edition-2026.toml"),
        }
    }
}

impl fmt::Display for Edition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Edition {
    type Err = UnknownChoice;

    fn from_str(text: &str) -> Result<Self, UnknownChoice> {
        let found = Self::ALL
            .into_iter()
            .find(|edition| edition.as_str() == text);
        found.ok_or(UnknownChoice {
            choices: "2025 or 2026",
        })
    }
}

/// How closely a guest must follow the matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Mode {
    /// To the letter.
    Strict,
    /// By major release and kernel series.
    #[default]
    Practical,
}

impl Mode {
    /// The word for it, as the command line takes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Practical => "practical",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Mode {
    type Err = UnknownChoice;

    fn from_str(text: &str) -> Result<Self, UnknownChoice> {
        let found = [Self::Strict, Self::Practical]
            .into_iter()
            .find(|mode| mode.as_str() == text);
        found.ok_or(UnknownChoice {
            choices: "strict or practical",
        })
    }
}

/// What the matrix says of a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum Outcome {
    /// A row takes it.
    Accepted,
    /// Nothing takes it, whatever the missing facts are.
    Refused,
    /// A missing fact decides.
    Undetermined,
}

/// How much a miss weighs in the mode asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum Weight {
    /// The guest is taken all the same; a report should mention it.
    Advises,
    /// A fact is missing, so that nothing can be said.
    Undecided,
    /// The guest is not taken.
    Refuses,
}

/// The processor that a guest's programs are made for, by the API's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Architecture {
    /// x86, 64-bit.
    #[cfg_attr(feature = "serde", serde(rename = "x86_64"))]
    X86_64,
    /// x86, 32-bit.
    #[cfg_attr(feature = "serde", serde(rename = "i386"))]
    I386,
    /// ARM, 64-bit: not supported by any row.
    #[cfg_attr(feature = "serde", serde(rename = "arm64"))]
    Arm64,
    /// Anything else: not supported by any row.
    #[cfg_attr(feature = "serde", serde(rename = "other"))]
    Other,
}

impl Architecture {
    /// The API's name, `other` for those without one.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::I386 => "i386",
            Self::Arm64 => "arm64",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A table of supported systems.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Matrix {
    /// What to call it in a report: the edition, or the embedder's own name.
    pub name: String,
    /// Linux and UNIX.
    pub linux: Vec<LinuxRow>,
    /// Windows.
    pub windows: Vec<WindowsRow>,
    /// The day from which 32-bit x86 is deprecated.
    pub i386_deprecated_from: Option<crate::Date>,
}

impl Matrix {
    /// The table of an edition of the guide, which is read from the document that is part of the
    /// crate: keep it when it is needed often.
    #[must_use]
    pub fn edition(edition: Edition) -> Self {
        // The build reads each. Should one fail nonetheless, a table that takes nothing is safe.
        Self::from_toml(edition.document()).unwrap_or_else(|_| Self {
            name: String::from(edition.as_str()),
            linux: Vec::new(),
            windows: Vec::new(),
            i386_deprecated_from: None,
        })
    }

    /// Reads a table from a document in TOML; `docs/matrix-format.md` says what stands in it, and
    /// [`Edition::document`] is an example.
    ///
    /// ```
    /// use vmie_rules::matrix::{LoadCause, Matrix};
    ///
    /// let text = r#"
    /// format = 1
    /// name = "ours"
    ///
    /// [[linux]]
    /// id = "houselinux"
    /// name = "House Linux"
    /// versions = { first = "1.0", last = "1.4" }
    /// kernels = ["6.12"]
    /// "#;
    /// let matrix = Matrix::from_toml(text)?;
    /// assert_eq!(matrix.linux[0].label(), "House Linux 1.0–1.4 (6.12)");
    ///
    /// let error = Matrix::from_toml(&text.replace("kernels", "kernel")).unwrap_err();
    /// assert_eq!(error.cause(), &LoadCause::Missing);
    /// assert_eq!(error.to_string(), "line 5, column 1: linux[0].kernels: missing");
    /// # Ok::<(), vmie_rules::matrix::LoadError>(())
    /// ```
    ///
    /// # Errors
    /// When the text is no such document: what is wrong, which key, line and column.
    pub fn from_toml(text: &str) -> Result<Self, LoadError> {
        load::matrix(text)
    }

    /// Holds a Linux guest against the table.
    #[must_use]
    pub fn match_linux<'m>(&'m self, query: &LinuxQuery<'_>, mode: Mode) -> LinuxMatch<'m> {
        linux::match_linux(self, query, mode)
    }

    /// Holds a Windows guest against the table.
    #[must_use]
    pub fn match_windows<'m>(&'m self, query: &WindowsQuery<'_>, mode: Mode) -> WindowsMatch<'m> {
        windows::match_windows(self, query, mode)
    }
}

/// The outcome of the heaviest miss.
fn outcome_of(weights: impl Iterator<Item = Weight>) -> Outcome {
    match weights.max() {
        None | Some(Weight::Advises) => Outcome::Accepted,
        Some(Weight::Undecided) => Outcome::Undetermined,
        Some(Weight::Refuses) => Outcome::Refused,
    }
}
