//! Which clusters a value is in.

use vmie_io::{Charge, int};

use super::open::Ntfs;
use super::record::NonResident;
use crate::{Cause, Error};

const STRUCTURE: &str = "NTFS mapping pairs";

/// What a run costs in memory.
const RUN_COST: u64 = 24;
/// Runs that are charged at a time.
const RUNS_PER_CHARGE: usize = 512;

/// Clusters of a value that follow each other on the volume, or are nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// First cluster within the value.
    pub(super) vcn: u64,
    /// At least one.
    pub(super) len: u64,
    /// First cluster on the volume; `None` for a hole.
    pub(super) lcn: Option<u64>,
}

impl Run {
    /// The run from `vcn` on, which is in it.
    pub(super) fn from(self, vcn: u64) -> Self {
        let skip = vcn.saturating_sub(self.vcn);
        Self {
            vcn,
            len: self.len.saturating_sub(skip),
            lcn: self.lcn.map(|lcn| lcn.saturating_add(skip)),
        }
    }

    pub(super) fn end(&self) -> u64 {
        self.vcn.saturating_add(self.len)
    }
}

/// The runs of a value, without gaps from its first cluster on.
#[derive(Debug, Default)]
pub(super) struct Runs {
    runs: Vec<Run>,
    charges: Vec<Charge>,
}

impl Runs {
    /// Adds the runs of the next part of the value.
    pub(super) fn append(&mut self, ntfs: &Ntfs, part: &NonResident<'_>) -> Result<(), Error> {
        let mut vcn = self.end();
        if part.lowest_vcn != vcn {
            return Err(Error::new(Cause::Order)
                .at(STRUCTURE, part.pairs_at)
                .field("lowest_vcn")
                .found(part.lowest_vcn));
        }
        let mut lcn = 0i64;
        let mut rest = part.mapping_pairs;
        loop {
            let used = part.mapping_pairs.len().saturating_sub(rest.len());
            let at = part.pairs_at.saturating_add(int::u64_of(used));
            let error = |cause, field| Error::new(cause).at(STRUCTURE, at).field(field);
            // The attribute may end where the end mark would be.
            let Some((head, after)) = rest.split_first() else {
                return Ok(());
            };
            if *head == 0 {
                return Ok(());
            }
            let (len_bytes, lcn_bytes) = (usize::from(head & 15), usize::from(head >> 4));
            let numbers = after.split_at_checked(len_bytes);
            let (len, after) = numbers.ok_or_else(|| error(Cause::Runs, "length").found(*head))?;
            let numbers = after.split_at_checked(lcn_bytes);
            let (delta, after) = numbers.ok_or_else(|| error(Cause::Runs, "lcn").found(*head))?;
            let len = signed(len)
                .and_then(|len| u64::try_from(len).ok())
                .filter(|len| *len > 0)
                .ok_or_else(|| error(Cause::Runs, "length").found(len))?;
            let end = vcn
                .checked_add(len)
                .filter(|end| i64::try_from(*end).is_ok())
                .ok_or_else(|| error(Cause::Runs, "length").found(len))?;
            let start = if delta.is_empty() {
                None
            } else {
                let next = signed(delta).and_then(|delta| lcn.checked_add(delta));
                lcn = next.ok_or_else(|| error(Cause::Runs, "lcn").found(delta))?;
                let start = u64::try_from(lcn).ok().filter(|start| {
                    start
                        .checked_add(len)
                        .is_some_and(|end| end <= ntfs.geometry.clusters)
                });
                let found = lcn.cast_unsigned();
                Some(start.ok_or_else(|| error(Cause::OutOfRange, "lcn").found(found))?)
            };
            self.push(
                ntfs,
                Run {
                    vcn,
                    len,
                    lcn: start,
                },
            )?;
            vcn = end;
            rest = after;
        }
    }

    fn push(&mut self, ntfs: &Ntfs, run: Run) -> Result<(), Error> {
        if let Some(last) = self.runs.last_mut() {
            let follows = match (last.lcn, run.lcn) {
                (Some(before), Some(next)) => before.checked_add(last.len) == Some(next),
                (None, None) => true,
                _ => false,
            };
            if follows {
                last.len = last.len.saturating_add(run.len);
                return Ok(());
            }
        }
        if self.runs.len().is_multiple_of(RUNS_PER_CHARGE) {
            let cost = RUN_COST.saturating_mul(int::u64_of(RUNS_PER_CHARGE));
            // The first few are not worth it.
            if !self.runs.is_empty() {
                self.charges
                    .push(ntfs.budget.memory("mapping pairs", cost)?);
            }
            ntfs.budget
                .work("mapping pairs", int::u64_of(RUNS_PER_CHARGE / 8))?;
        }
        self.runs.push(run);
        Ok(())
    }

    /// The first cluster that is not mapped.
    pub(super) fn end(&self) -> u64 {
        self.runs.last().map_or(0, Run::end)
    }

    /// What is mapped from cluster `vcn` on, up to the end of its run.
    pub(super) fn find(&self, vcn: u64) -> Option<Run> {
        let after = self.runs.partition_point(|run| run.vcn <= vcn);
        let run = self.runs.get(after.checked_sub(1)?)?;
        (vcn < run.end()).then(|| run.from(vcn))
    }
}

/// A little-endian number in two's complement, of 1 to 8 bytes; `None` for any other length.
fn signed(bytes: &[u8]) -> Option<i64> {
    let sign = bytes.last()? & 0x80;
    let mut whole = [if sign == 0 { 0 } else { 0xff }; 8];
    whole.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(i64::from_le_bytes(whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_signs_and_any_length() {
        assert_eq!(signed(&[]), None);
        assert_eq!(signed(&[0x7f]), Some(127));
        assert_eq!(signed(&[0x80]), Some(-128));
        assert_eq!(signed(&[0xff, 0x00]), Some(255));
        assert_eq!(signed(&[0, 0, 0, 0, 0, 0, 0, 0x80]), Some(i64::MIN));
        assert_eq!(signed(&[0; 9]), None);
    }
}
