//! What is said of a guest: the judgement.

use std::fmt;

use vmie_rules::matrix::Mode;
use vmie_rules::{Date, SvcId};

use crate::Evidence;

/// Whether a guest can be imported, and everything there is to say about it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verdict {
    /// The answer.
    pub decision: Decision,
    /// How closely the matrix was followed.
    pub mode: Mode,
    /// The matrix's name: its edition.
    pub edition: String,
    /// The day that was judged for.
    pub as_of: Date,
    /// The row of the matrix nearest to the guest, as it prints itself
    /// (`Debian 12.2, 12.4 (6.1.0)`); whether the row takes the guest is the findings' business.
    pub row: Option<String>,
    /// What was found: refusals first, then what could not be established, then changes, then
    /// advice.
    pub findings: Vec<Finding>,
}

impl Verdict {
    /// The finding of this code.
    #[must_use]
    pub fn finding(&self, code: &str) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.code == code)
    }
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// It can be imported.
    Accepted,
    /// It cannot, for at least one reason.
    Refused,
    /// Nothing refuses it, and at least one fact that decides could not be established.
    Undetermined,
}

impl Decision {
    /// The word, as programs see it: `accepted`, `refused` or `undetermined`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Undetermined => "undetermined",
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What a finding means for the import.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// The import is refused.
    Refuse,
    /// The import changes something in the guest.
    Change,
    /// Worth knowing or doing.
    Advise,
}

impl Severity {
    /// The word, as programs see it: `refuse`, `change` or `advise`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Change => "change",
            Self::Advise => "advise",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One thing to say about a guest.
///
/// A fact that decides and could not be established is a finding, too: its code starts with
/// `undetermined-`, its severity is [`Severity::Advise`] (it refuses nothing), and
/// [`Finding::is_undetermined`] tells it apart.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The stable name of the cause: `kernel-not-in-matrix`. Many causes can share a point.
    pub code: &'static str,
    /// The points that it rests on.
    pub svc: Vec<SvcId>,
    /// What it means.
    pub severity: Severity,
    /// What is the matter, as a sentence without its full stop.
    pub title: String,
    /// The text that the service itself would give, where it has one.
    pub service_message: Option<String>,
    /// Where that was seen.
    pub evidence: Vec<Evidence>,
    /// What to do, as an imperative sentence without its full stop; empty when there is nothing
    /// to do.
    pub remedy: String,
}

impl Finding {
    /// Whether this says that a fact could not be established.
    #[must_use]
    pub fn is_undetermined(&self) -> bool {
        self.code.starts_with("undetermined-")
    }
}
