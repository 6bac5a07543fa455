//! Where an order stands.

use crate::config::Config;
use crate::order::Attempt;
use crate::time::Timestamp;

/// An order that is not finished.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Ticket {
    /// The latest attempt, or the next one if there is none under way.
    attempt: Attempt,
    /// Attempts that failed; those that a restart of the host cut off do not count.
    failures: u32,
    phase: Phase,
    /// Done in the latest attempt, in the worker's units.
    done: u64,
    /// All there is to do.
    total: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Phase {
    /// To be begun as soon as the records are durable.
    New,
    /// Given to the host.
    Begun,
    /// A worker is at it.
    Started,
    /// To be begun again at a later moment.
    Waiting { at: Timestamp },
}

impl Ticket {
    pub(crate) fn new() -> Self {
        Self {
            attempt: Attempt::FIRST,
            failures: 0,
            phase: Phase::New,
            done: 0,
            total: 0,
        }
    }

    /// The attempt that a worker may report on.
    pub(crate) fn running(&self) -> Option<Attempt> {
        matches!(self.phase, Phase::Begun | Phase::Started).then_some(self.attempt)
    }

    pub(crate) fn started(&self) -> bool {
        self.phase == Phase::Started
    }

    /// When it is to be begun again.
    pub(crate) fn waiting_until(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Waiting { at } => Some(at),
            _ => None,
        }
    }

    /// How far the latest attempt is.
    pub(crate) fn progress(&self) -> (u64, u64) {
        (self.done, self.total)
    }

    /// Takes a new ticket as begun and says with which attempt.
    pub(crate) fn begin(&mut self) -> Option<Attempt> {
        if self.phase != Phase::New {
            return None;
        }
        self.phase = Phase::Begun;
        Some(self.attempt)
    }

    pub(crate) fn start(&mut self) {
        self.phase = Phase::Started;
    }

    /// Notes how far it is; less than before counts as no news.
    pub(crate) fn advance(&mut self, done: u64, total: u64) {
        self.phase = Phase::Started;
        self.total = total;
        self.done = done.min(total).max(self.done).min(total);
    }

    /// After a failure that can pass: waits for another attempt, or `None` if there were enough.
    pub(crate) fn retry(&mut self, now: Timestamp, config: &Config) -> Option<Timestamp> {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= config.max_failures {
            return None;
        }
        let doublings = self
            .failures
            .saturating_sub(1)
            .min(u64::BITS.saturating_sub(1));
        let delay = config
            .retry_delay
            .saturating_mul(1_u64.checked_shl(doublings).unwrap_or(1));
        let at = now.plus_secs(delay.min(config.max_retry_delay));
        self.again(Phase::Waiting { at });
        Some(at)
    }

    /// Ends the wait if its moment has come.
    pub(crate) fn wake(&mut self, now: Timestamp) -> bool {
        let due = self.waiting_until().is_some_and(|at| at <= now);
        if due {
            self.phase = Phase::New;
        }
        due
    }

    /// After a restart of the host: what was under way is begun again. Returns whether that
    /// changed anything.
    pub(crate) fn resume(&mut self) -> bool {
        let running = self.running().is_some();
        if running {
            self.again(Phase::New);
        }
        running
    }

    fn again(&mut self, phase: Phase) {
        self.attempt = self.attempt.next();
        self.phase = phase;
        self.done = 0;
        self.total = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_end() {
        let config = Config {
            max_failures: 5,
            retry_delay: 2,
            max_retry_delay: 7,
            ..Config::default()
        };
        let now = Timestamp::from_secs(100);
        let mut ticket = Ticket::new();
        for (attempt, wait) in [(1, 2), (2, 4), (3, 7), (4, 7)] {
            assert_eq!(ticket.begin(), Some(Attempt(attempt)));
            assert_eq!(ticket.begin(), None);
            let at = Timestamp::from_secs(100 + wait);
            assert_eq!(ticket.retry(now, &config), Some(at));
            assert_eq!(ticket.running(), None);
            assert!(!ticket.wake(now));
            assert!(ticket.wake(at));
        }
        assert_eq!(ticket.begin(), Some(Attempt(5)));
        assert_eq!(ticket.retry(now, &config), None);
    }

    #[test]
    fn a_restart_is_a_new_attempt_and_no_failure() {
        let config = Config {
            max_failures: 2,
            ..Config::default()
        };
        let mut ticket = Ticket::new();
        for attempt in 1..10 {
            assert_eq!(ticket.begin(), Some(Attempt(attempt)));
            ticket.start();
            assert!(ticket.resume());
        }
        ticket.begin();
        assert!(ticket.retry(Timestamp::default(), &config).is_some());
        assert!(!ticket.resume());
    }

    #[test]
    fn progress_of_an_attempt_does_not_go_back() {
        let mut ticket = Ticket::new();
        ticket.begin();
        ticket.advance(5, 10);
        ticket.advance(3, 10);
        assert_eq!(ticket.progress(), (5, 10));
        ticket.advance(50, 10);
        assert_eq!(ticket.progress(), (10, 10));
    }
}
