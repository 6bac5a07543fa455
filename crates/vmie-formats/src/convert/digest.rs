//! The digest of the disk, computed in order while pieces are done in any order.

use std::collections::BTreeMap;

use crossbeam_channel::Receiver;
use sha2::Digest as _;
use vmie_io::{PageBuffer, int};

use super::Run;
use super::pieces::Piece;
use super::pool::Pool;

/// Zeroes that are hashed at once, between looks at whether to stop.
const ZEROES: usize = 1 << 18;

/// A piece that was copied.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) piece: Piece,
    /// Its bytes; `None` for known zeroes.
    pub(super) data: Option<PageBuffer>,
}

/// Hashes all pieces in order.
///
/// What waits here is bounded: pieces with data by the buffers that there are, and between two
/// of those at most one of zeroes.
#[expect(
    clippy::needless_pass_by_value,
    reason = "dropping the receiver tells the workers"
)]
pub(super) fn run(run: &Run<'_>, from_workers: Receiver<Done>, pool: &Pool<PageBuffer>) {
    let mut waiting = BTreeMap::new();
    let mut next: u64 = 0;
    let zeroes = vec![0; ZEROES];
    while let Ok(done) = from_workers.recv() {
        waiting.insert(done.piece.number, done);
        while let Some(done) = waiting.remove(&next) {
            let mut state = run.hasher();
            let (hasher, seen) = &mut *state;
            let Some(hasher) = hasher else { return };
            match done.data {
                Some(data) => {
                    hasher.update(&*data);
                    pool.give(data);
                }
                None => {
                    let mut left = done.piece.len;
                    while left > 0 {
                        if run.stopped() {
                            return;
                        }
                        let n = int::min_usize(left, ZEROES);
                        hasher.update(zeroes.get(..n).unwrap_or_default());
                        left = left.saturating_sub(int::u64_of(n));
                    }
                }
            }
            *seen = seen.saturating_add(done.piece.len);
            next = next.saturating_add(1);
        }
    }
}
