//! Disks compared by what they hold.

use vmie_formats::{Progress, error_of};
use vmie_io::{CancelToken, ExtentKind, Fault, ReadAt, ReadAtExt, int};

use crate::{Cause, Error};

/// Bytes that are compared at once.
const PIECE: usize = 1 << 20;

/// How two disks differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Difference {
    /// In this byte, the first that differs.
    Byte(u64),
    /// In length only: one goes on with something else than zeroes from this byte on.
    Length(u64),
}

/// Compares what two disks hold; `None` when it is the same. Where one is longer, it must go on
/// with zeroes, unless `strict`, where the lengths must be the same. What both know to be zero is
/// not read.
///
/// # Errors
/// When one cannot be read, or the work was cancelled.
pub fn compare(
    a: &dyn ReadAt,
    b: &dyn ReadAt,
    strict: bool,
    progress: &dyn Progress,
    cancel: &CancelToken,
) -> Result<Option<Difference>, Error> {
    let (short, long) = (a.len().min(b.len()), a.len().max(b.len()));
    if strict && short != long {
        return Ok(Some(Difference::Length(short)));
    }
    let (mut left, mut right) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < long {
        if cancel.is_cancelled() {
            return Err(Fault::new(Cause::Cancelled)
                .in_structure("comparison")
                .into());
        }
        progress.update(at, long);
        let known = [a, b].map(|disk| zeroes_at(disk, at, long));
        let [known_a, known_b] = known.map(|n| n.map_err(|error| Error::from(error_of(error))));
        let both = known_a?.min(known_b?);
        if both > 0 {
            at = at.saturating_add(both);
            continue;
        }
        let n = int::min_usize(long.saturating_sub(at), PIECE);
        for (disk, buffer) in [(a, &mut left), (b, &mut right)] {
            buffer.clear();
            buffer.resize(n, 0);
            disk.read_up_to(buffer, at)
                .map_err(|error| Error::from(error_of(error)))?;
        }
        if let Some(place) = left.iter().zip(&right).position(|(a, b)| a != b) {
            let place = at.saturating_add(int::u64_of(place));
            return Ok(Some(if place < short {
                Difference::Byte(place)
            } else {
                Difference::Length(place)
            }));
        }
        at = at.saturating_add(int::u64_of(n));
    }
    progress.update(long, long);
    Ok(None)
}

/// Bytes from `at` on that a disk knows to be zero, those past its end among them.
fn zeroes_at(disk: &dyn ReadAt, at: u64, end: u64) -> Result<u64, vmie_io::ReadError> {
    if at >= disk.len() {
        return Ok(end.saturating_sub(at));
    }
    let extent = disk.next_extent(at)?;
    Ok(match extent.kind {
        ExtentKind::Data => 0,
        _ if extent.end() >= disk.len() => end.saturating_sub(at),
        _ => extent.len,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disks_are_compared_by_what_they_hold() {
        let cancel = CancelToken::new();
        let same = |a: &[u8], b: &[u8], strict| {
            compare(&a.to_vec(), &b.to_vec(), strict, &(), &cancel).unwrap()
        };
        let mut long = vec![1u8; 3 << 20];
        assert_eq!(same(&long, &long, true), None);
        long.resize(4 << 20, 0);
        assert_eq!(same(&long[..3 << 20], &long, false), None);
        assert_eq!(
            same(&long, &long[..3 << 20], true),
            Some(Difference::Length(3 << 20))
        );
        long[(3 << 20) + 5] = 1;
        let place = Some(Difference::Length((3 << 20) + 5));
        assert_eq!(same(&long[..3 << 20], &long, false), place);
        let mut other = long.clone();
        other[77] = 2;
        assert_eq!(same(&long, &other, false), Some(Difference::Byte(77)));
        let stop = CancelToken::new();
        stop.cancel();
        assert!(compare(&long, &other, false, &(), &stop).is_err());
    }
}
