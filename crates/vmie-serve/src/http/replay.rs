//! Signed requests that came already: whoever recorded one cannot use it again.
//!
//! A signature covers the content and the second in which it was signed. So two equal calls of one second have the same
//! signature, and are yet two. Clients tell them apart by headers that they do not sign:
//! `amz-sdk-invocation-id`, one per call, and `amz-sdk-request`, one per attempt. They are believed as
//! long as such calls can come, [`TOGETHER`] after the first; later every signature is good for no
//! other request.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyper::HeaderMap;
use sha2::{Digest as _, Sha256};
use vmie_rules::api::ApiCode;
use vmie_tasks::ApiError;

/// How long a signature can be used: 15 minutes on each side of its time.
const GOOD_FOR: Duration = Duration::from_secs(30 * 60);
/// How long after the first request others with its signature are taken for calls of the same second.
const TOGETHER: Duration = Duration::from_secs(2);
/// The most signatures that are remembered, of calls that change something and of the others; the
/// oldest go first.
const MOST: usize = 1 << 16;
/// The most calls with one signature.
const MOST_TOGETHER: usize = 1 << 12;

/// What a client says of a call without signing it; `None` when it says nothing.
type Mark = Option<[u8; 16]>;

/// The signatures that came.
#[derive(Debug, Default)]
pub(crate) struct Replays {
    changing: Mutex<Seen>,
    reading: Mutex<Seen>,
}

impl Replays {
    /// Notes a verified request.
    ///
    /// # Errors
    /// `AuthFailure` when it came already.
    pub(super) fn admit(
        &self,
        signature: [u8; 32],
        headers: &HeaderMap,
        changes: bool,
    ) -> Result<(), ApiError> {
        let seen = if changes {
            &self.changing
        } else {
            &self.reading
        };
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.admit(Instant::now(), signature, mark(headers), changes) {
            Ok(())
        } else {
            let text = "This request was received already. Sign each request anew.";
            Err(ApiError::new(ApiCode::AuthFailure, text))
        }
    }
}

fn mark(headers: &HeaderMap) -> Mark {
    let mut hash = Sha256::new();
    hash.update(headers.get("amz-sdk-invocation-id")?.as_bytes());
    if let Some(attempt) = headers.get("amz-sdk-request") {
        hash.update(b"\n");
        hash.update(attempt.as_bytes());
    }
    let digest: [u8; 32] = hash.finalize().into();
    digest.first_chunk().copied()
}

#[derive(Debug, Default)]
struct Seen {
    calls: HashMap<[u8; 32], (Instant, HashSet<[u8; 16]>)>,
    order: VecDeque<(Instant, [u8; 32])>,
}

impl Seen {
    fn admit(&mut self, now: Instant, signature: [u8; 32], mark: Mark, changes: bool) -> bool {
        if let Some((first, marks)) = self.calls.get_mut(&signature) {
            let together = now.saturating_duration_since(*first) <= TOGETHER;
            return together
                && match mark {
                    Some(mark) => marks.len() < MOST_TOGETHER && marks.insert(mark),
                    // Who reads twice in a second, and says nothing, does no harm.
                    None => !changes,
                };
        }
        while let Some((at, oldest)) = self.order.front() {
            let is_old = now.saturating_duration_since(*at) > GOOD_FOR;
            if self.order.len() < MOST && !is_old {
                break;
            }
            self.calls.remove(oldest);
            self.order.pop_front();
        }
        self.calls
            .insert(signature, (now, mark.into_iter().collect()));
        self.order.push_back((now, signature));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_calls_of_a_second_are_several_and_copies_are_none() {
        let (mut seen, now) = (Seen::default(), Instant::now());
        assert!(seen.admit(now, [1; 32], Some([1; 16]), true));
        assert!(seen.admit(now, [1; 32], Some([2; 16]), true));
        assert!(!seen.admit(now, [1; 32], Some([1; 16]), true));
        let later = now + TOGETHER + Duration::from_millis(1);
        assert!(!seen.admit(later, [1; 32], Some([3; 16]), true));
        // Without a mark.
        assert!(seen.admit(now, [2; 32], None, true));
        assert!(!seen.admit(now, [2; 32], None, true));
        assert!(seen.admit(now, [3; 32], None, false));
        assert!(seen.admit(now, [3; 32], None, false));
        assert!(!seen.admit(later, [3; 32], None, false));
    }

    #[test]
    fn they_are_remembered_for_their_time_and_up_to_a_number() {
        let (mut seen, start) = (Seen::default(), Instant::now());
        assert!(seen.admit(start, [255; 32], None, true));
        let old = start + GOOD_FOR + Duration::from_secs(1);
        for n in 0..MOST + 9 {
            let mut signature = [9; 32];
            signature[..8].copy_from_slice(&(n as u64).to_le_bytes());
            assert!(seen.admit(old, signature, None, true));
        }
        assert_eq!(seen.calls.len(), MOST);
        assert_eq!(seen.order.len(), MOST);
        assert!(!seen.calls.contains_key(&[255; 32]));
    }
}
