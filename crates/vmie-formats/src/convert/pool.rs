//! Things that are lent out and come back: buffers, for the most part.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A number of things, of which the one that came back last is lent out first: of buffers, that is
/// the one that is most likely still in a core's cache.
#[derive(Debug)]
pub(super) struct Pool<T> {
    free: Mutex<Vec<T>>,
    came_back: Condvar,
}

impl<T: Default> Pool<T> {
    /// So many that are empty until first used: small disks need few of them.
    pub(super) fn new(count: usize) -> Self {
        Self {
            free: Mutex::new(std::iter::repeat_with(T::default).take(count).collect()),
            came_back: Condvar::new(),
        }
    }
}

impl<T> Pool<T> {
    fn free(&self) -> MutexGuard<'_, Vec<T>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One of them; `None` when none came back in time.
    pub(super) fn take(&self, wait: Duration) -> Option<T> {
        let (mut free, _) = self
            .came_back
            .wait_timeout_while(self.free(), wait, |free| free.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        free.pop()
    }

    /// Gives one back.
    pub(super) fn give(&self, thing: T) {
        self.free().push(thing);
        self.came_back.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_back_last_is_lent_first() {
        let pool = Pool::<Vec<u8>>::new(2);
        let wait = Duration::from_millis(1);
        let (mut a, b) = (pool.take(wait).unwrap(), pool.take(wait).unwrap());
        assert!(pool.take(wait).is_none());
        a.push(7);
        pool.give(b);
        pool.give(a);
        assert_eq!(pool.take(wait), Some(vec![7]));
        assert_eq!(pool.take(wait), Some(vec![]));
    }

    #[test]
    fn who_waits_gets_what_comes_back() {
        let pool = Pool::<Vec<u8>>::new(0);
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| pool.take(Duration::from_secs(60)));
            pool.give(vec![1]);
            assert_eq!(waits.join().unwrap(), Some(vec![1]));
        });
    }
}
