//! Parts of an image's tables, read when they are needed and kept for a while.

use std::fmt;
use std::sync::Arc;

use vmie_io::Budget;

use crate::Error;
use crate::recent::Recent;

/// Up to a fixed number of parts by their number, each read when it is asked for first.
pub(crate) struct Kept<T> {
    what: &'static str,
    recent: Recent<T>,
    budget: Budget,
}

impl<T> fmt::Debug for Kept<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept")
            .field("what", &self.what)
            .finish_non_exhaustive()
    }
}

impl<T> Kept<T> {
    /// Keeps up to `slots` parts of `what`, at least one, charged to `budget`.
    pub(crate) fn new(what: &'static str, slots: usize, budget: &Budget) -> Self {
        Self {
            what,
            recent: Recent::new(slots),
            budget: budget.clone(),
        }
    }

    /// The part of this number: the one that is kept, or what `load` makes, which takes `bytes` of
    /// memory. Loading happens outside of the lock, so two threads may load the same.
    pub(crate) fn get_or(
        &self,
        number: u64,
        bytes: u64,
        load: impl FnOnce() -> Result<T, Error>,
    ) -> Result<Arc<T>, Error> {
        if let Some(value) = self.recent.get(number) {
            return Ok(value);
        }
        let charge = match self.budget.memory(self.what, bytes) {
            Ok(charge) => charge,
            Err(_) => {
                self.recent.clear();
                self.budget.memory(self.what, bytes)?
            }
        };
        let value = Arc::new(load()?);
        self.recent.put(number, Arc::clone(&value), charge);
        Ok(value)
    }
}

/// The indexes whose places lie closer to another one than `room`, in order. `places` are pairs of
/// place and index.
pub(crate) fn overlapping(mut places: Vec<(u64, u64)>, room: u64) -> Vec<u64> {
    places.sort_unstable();
    let mut found = Vec::new();
    for pair in places.windows(2) {
        if let [(one, a), (two, b)] = pair
            && two.saturating_sub(*one) < room
        {
            found.extend([*a, *b]);
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use vmie_io::Limits;

    use super::*;
    use crate::Cause;

    #[test]
    fn the_longest_unused_goes_and_its_charge_with_it() {
        let budget = Budget::new(Limits::default().with_memory(25));
        let kept = Kept::new("piece", 2, &budget);
        let load = |n: u64| kept.get_or(n, 10, || Ok(n * 2)).map(|v| *v);
        assert_eq!(load(1).unwrap(), 2);
        assert_eq!(load(2).unwrap(), 4);
        // A third does not fit into the budget beside them, so they make room.
        assert_eq!(load(3).unwrap(), 6);
        assert_eq!(budget.memory_used(), 10);
        let again = kept.get_or(3, 10, || panic!("it is kept")).unwrap();
        assert_eq!(*again, 6);
        let error = kept.get_or(4, 26, || Ok(0)).unwrap_err();
        assert_eq!(error.cause(), Cause::Limit);
        drop(kept);
        assert_eq!(budget.memory_used(), 0);
    }

    #[test]
    fn what_lies_too_close_is_found() {
        let places = vec![(100, 0), (10, 1), (19, 2), (30, 3), (100, 4)];
        assert_eq!(overlapping(places, 10), [0, 1, 2, 4]);
        assert!(overlapping(vec![(5, 0), (6, 1)], 1).is_empty());
    }
}
