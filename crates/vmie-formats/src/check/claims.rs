//! Which parts of a file belong to what.

use vmie_io::CancelToken;

use super::{Check, ProblemKind};
use crate::{Cause, Error};

/// Claims that are kept apart: 80 MiB of them. Neighbours of one kind are one claim, so that only a
/// file that is scattered beyond all measure has more.
const MOST: usize = 2 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Claim {
    start: u64,
    end: u64,
    what: &'static str,
}

/// The parts of a file that belong to something.
#[derive(Debug)]
pub(crate) struct Claims {
    len: u64,
    claims: Vec<Claim>,
    /// Bytes that lie between two claims and are no leak: less than this.
    slack: Option<u64>,
    full: bool,
    cancel: CancelToken,
}

impl Claims {
    /// Of a file of so many bytes; `cancel` ends the gathering of them.
    pub(crate) fn new(len: u64, cancel: &CancelToken) -> Self {
        Self {
            len,
            claims: Vec::new(),
            slack: None,
            full: false,
            cancel: cancel.clone(),
        }
    }

    /// Asked once for each piece of a table: a hostile one has billions of entries.
    ///
    /// # Errors
    /// [`Cause::Cancelled`]; [`Cause::Limit`] when the file is scattered too much to tell.
    pub(crate) fn go_on(&self) -> Result<(), Error> {
        if self.full {
            return Err(Error::new(Cause::Limit).in_structure("check"));
        }
        if self.cancel.is_cancelled() {
            return Err(Error::new(Cause::Cancelled).in_structure("check"));
        }
        Ok(())
    }

    /// Parts of at least so many bytes that belong to nothing are leaks.
    pub(crate) fn leaks_from(&mut self, bytes: u64) {
        self.slack = Some(bytes.max(1));
    }

    /// These bytes belong to `what`.
    pub(crate) fn add(&mut self, start: u64, len: u64, what: &'static str) {
        let end = start.saturating_add(len);
        if start >= end {
            return;
        }
        if let Some(last) = self.claims.last_mut()
            && last.end == start
            && last.what == what
        {
            last.end = end;
        } else if self.claims.len() < MOST {
            self.claims.push(Claim { start, end, what });
        } else {
            self.full = true;
        }
    }

    /// Tells what lies over something else, outside of the file, or belongs to nothing.
    ///
    /// # Errors
    /// [`Cause::Limit`] when the file is scattered too much to tell.
    pub(crate) fn finish(mut self, check: &mut Check) -> Result<(), Error> {
        if self.full {
            return Err(Error::new(Cause::Limit).in_structure("check"));
        }
        self.claims
            .sort_unstable_by_key(|claim| (claim.start, claim.end));
        let mut reached = 0;
        let mut before = "";
        for claim in &self.claims {
            if claim.end > self.len {
                let detail = format!("{} reaches past the end of the file", claim.what);
                check.add(ProblemKind::OutsideFile, Some(claim.start), detail);
            }
            if claim.start < reached {
                let detail = format!("{} lies over {before}", claim.what);
                check.add(ProblemKind::Overlap, Some(claim.start), detail);
            }
            self.gap(reached, claim.start, check);
            if claim.end > reached {
                reached = claim.end;
                before = claim.what;
            }
        }
        self.gap(reached, self.len, check);
        Ok(())
    }

    fn gap(&self, from: u64, to: u64, check: &mut Check) {
        let len = to.min(self.len).saturating_sub(from);
        if self.slack.is_some_and(|slack| len >= slack) {
            let detail = format!("{len} bytes belong to nothing");
            check.add(ProblemKind::Leak, Some(from), detail);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Format;

    fn found(claims: Claims) -> Vec<(ProblemKind, Option<u64>)> {
        let mut check = Check::new(Format::Vhd);
        claims.finish(&mut check).unwrap();
        check.problems.iter().map(|p| (p.kind, p.offset)).collect()
    }

    #[test]
    fn overlaps_leaks_and_what_is_outside_are_found() {
        let mut claims = Claims::new(1000, &CancelToken::new());
        claims.leaks_from(100);
        claims.add(0, 100, "header");
        claims.add(100, 100, "header");
        claims.add(250, 100, "block");
        claims.add(349, 51, "table");
        claims.add(950, 51, "block");
        let expected = [
            (ProblemKind::Overlap, Some(349)),
            (ProblemKind::OutsideFile, Some(950)),
            (ProblemKind::Leak, Some(400)),
        ];
        assert_eq!(found(claims), expected);
        let mut claims = Claims::new(10, &CancelToken::new());
        claims.add(3, 0, "nothing");
        assert_eq!(found(claims), []);
    }
}
