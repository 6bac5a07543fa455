//! A handful of things by number, the longest unused given up first.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vmie_io::Charge;

/// Up to a fixed number of shared values. The number is small, so that looking through all of them
/// under the lock is cheaper than keeping order among them.
#[derive(Debug)]
pub(crate) struct Recent<T: ?Sized> {
    slots: usize,
    kept: Mutex<Kept<T>>,
}

#[derive(Debug)]
struct Kept<T: ?Sized> {
    clock: u64,
    entries: Vec<Entry<T>>,
}

#[derive(Debug)]
struct Entry<T: ?Sized> {
    number: u64,
    used: u64,
    value: Arc<T>,
    _charge: Charge,
}

impl<T: ?Sized> Recent<T> {
    /// Keeps up to `slots` values, at least one.
    pub(crate) fn new(slots: usize) -> Self {
        Self {
            slots: slots.max(1),
            kept: Mutex::new(Kept {
                clock: 0,
                entries: Vec::new(),
            }),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept<T>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value of this number, if it is still there.
    pub(crate) fn get(&self, number: u64) -> Option<Arc<T>> {
        let mut kept = self.kept();
        kept.clock = kept.clock.saturating_add(1);
        let now = kept.clock;
        let entry = kept.entries.iter_mut().find(|e| e.number == number)?;
        entry.used = now;
        Some(Arc::clone(&entry.value))
    }

    /// Keeps a value, with the charge for its memory.
    pub(crate) fn put(&self, number: u64, value: Arc<T>, charge: Charge) {
        let mut kept = self.kept();
        kept.clock = kept.clock.saturating_add(1);
        let entry = Entry {
            number,
            used: kept.clock,
            value,
            _charge: charge,
        };
        // Another thread may have read the same.
        let place = kept.entries.iter().position(|e| e.number == number);
        let oldest = || {
            let by_use = kept.entries.iter().enumerate().min_by_key(|(_, e)| e.used);
            by_use.map(|(index, _)| index)
        };
        let place = match place {
            None if kept.entries.len() >= self.slots => oldest(),
            place => place,
        };
        match place.and_then(|index| kept.entries.get_mut(index)) {
            Some(slot) => *slot = entry,
            None => kept.entries.push(entry),
        }
    }

    /// Gives up everything.
    pub(crate) fn clear(&self) {
        self.kept().entries.clear();
    }
}

#[cfg(test)]
mod tests {
    use vmie_io::{Budget, Limits};

    use super::*;

    #[test]
    fn the_longest_unused_goes_and_its_charge_with_it() {
        let budget = Budget::new(Limits::default().with_memory(30));
        let recent: Recent<str> = Recent::new(2);
        for (number, text) in [(1, "a"), (2, "b"), (2, "b")] {
            recent.put(number, text.into(), budget.memory("x", 10).unwrap());
        }
        assert_eq!(recent.get(1).as_deref(), Some("a"));
        recent.put(3, "c".into(), budget.memory("x", 10).unwrap());
        assert_eq!(recent.get(2), None);
        assert_eq!(recent.get(1).as_deref(), Some("a"));
        assert_eq!(budget.memory_used(), 20);
        recent.clear();
        assert_eq!((recent.get(1), budget.memory_used()), (None, 0));
    }
}
