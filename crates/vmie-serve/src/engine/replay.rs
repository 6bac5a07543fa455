//! Signed requests that were answered already.

use std::collections::{HashMap, VecDeque};

use vmie_tasks::{ApiError, Reply};

/// How long a request can be sent again: a signature is good for 15 minutes on each side of its time.
const SECONDS: i64 = 30 * 60;
/// The most that are remembered; the oldest go first.
const MOST: usize = 10_000;

/// The answer to a call.
pub(crate) type Answer = Result<Reply, ApiError>;

/// The answers to requests that changed something, by their signatures. Who sends one again within
/// its time, a client whose connection broke or somebody who recorded it, gets the same answer, and
/// nothing changes twice.
#[derive(Debug, Default)]
pub(super) struct Replays {
    answers: HashMap<[u8; 32], Answer>,
    order: VecDeque<(i64, [u8; 32])>,
}

impl Replays {
    pub(super) fn get(&self, signature: &[u8; 32]) -> Option<&Answer> {
        self.answers.get(signature)
    }

    pub(super) fn put(&mut self, now: i64, signature: [u8; 32], answer: Answer) {
        while let Some((at, oldest)) = self.order.front() {
            if self.order.len() < MOST && at.saturating_add(SECONDS) > now {
                break;
            }
            self.answers.remove(oldest);
            self.order.pop_front();
        }
        if self.answers.insert(signature, answer).is_none() {
            self.order.push_back((now, signature));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_kept_for_their_time_and_number() {
        let mut replays = Replays::default();
        replays.put(0, [1; 32], Ok(Reply::DeleteSnapshot));
        replays.put(SECONDS - 1, [2; 32], Ok(Reply::DeleteSnapshot));
        assert!(replays.get(&[1; 32]).is_some());
        replays.put(SECONDS, [3; 32], Ok(Reply::DeleteSnapshot));
        assert!(replays.get(&[1; 32]).is_none());
        for n in 0..2 * MOST {
            let mut signature = [9; 32];
            signature[..8].copy_from_slice(&(n as u64).to_le_bytes());
            replays.put(SECONDS, signature, Ok(Reply::DeleteSnapshot));
        }
        assert_eq!(replays.answers.len(), MOST);
        assert_eq!(replays.order.len(), MOST);
    }
}
