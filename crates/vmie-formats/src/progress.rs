//! Telling how far long work has come.

/// Is told how far long work has come, by whichever thread does the work, often: a call should
/// cost little.
pub trait Progress: Sync {
    /// `done` of `total` bytes are done. Calls of different threads may overtake each other; the
    /// last one has `done == total` unless the work failed.
    fn update(&self, done: u64, total: u64);
}

/// Nobody is told.
impl Progress for () {
    fn update(&self, _done: u64, _total: u64) {}
}

impl<F: Fn(u64, u64) + Sync> Progress for F {
    fn update(&self, done: u64, total: u64) {
        self(done, total);
    }
}
