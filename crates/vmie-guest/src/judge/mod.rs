//! From facts to a verdict.

use vmie_rules::Date;
use vmie_rules::matrix::{Matrix, Mode};

use crate::{Decision, ImportRequest, Inspection, Verdict};

/// Holds what a guest is and what is asked for against what the service says, for the day
/// `as_of`. Reads no disk.
#[must_use]
pub fn judge(
    inspection: &Inspection,
    request: &ImportRequest,
    matrix: &Matrix,
    mode: Mode,
    as_of: Date,
) -> Verdict {
    let _ = (inspection, request);
    Verdict {
        decision: Decision::Undetermined,
        mode,
        edition: matrix.name.clone(),
        as_of,
        row: None,
        findings: Vec::new(),
    }
}
