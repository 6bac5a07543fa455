//! Where an order stands.

use crate::config::Config;
use crate::order::{Attempt, Step};
use crate::time::Timestamp;

/// An order that is not finished.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Ticket {
    /// The latest attempt, or the next one if there is none under way.
    attempt: Attempt,
    /// Attempts that failed; those that a restart of the host cut off do not count.
    failures: u32,
    /// Attempts in a row whose workers were lost without getting further than one before them.
    #[serde(default)]
    losses: u32,
    /// How far the furthest of those got.
    #[serde(default)]
    furthest: u64,
    phase: Phase,
    /// Done in the latest attempt, in the worker's units.
    done: u64,
    /// All there is to do.
    total: u64,
}

/// The orders of a task that are not finished. Most states have one, which is worth no allocation.
#[derive(Debug)]
pub(crate) enum Tickets<'t> {
    One(Option<(Step, &'t mut Ticket)>),
    Many(alloc::vec::IntoIter<(Step, &'t mut Ticket)>),
}

impl<'t> Tickets<'t> {
    pub(crate) const NONE: Self = Self::One(None);

    pub(crate) fn one(step: Step, ticket: &'t mut Ticket) -> Self {
        Self::One(Some((step, ticket)))
    }
}

impl<'t> FromIterator<(Step, &'t mut Ticket)> for Tickets<'t> {
    fn from_iter<I: IntoIterator<Item = (Step, &'t mut Ticket)>>(tickets: I) -> Self {
        Self::Many(
            tickets
                .into_iter()
                .collect::<alloc::vec::Vec<_>>()
                .into_iter(),
        )
    }
}

impl<'t> Iterator for Tickets<'t> {
    type Item = (Step, &'t mut Ticket);

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::One(ticket) => ticket.take(),
            Self::Many(tickets) => tickets.next(),
        }
    }
}

/// Moments are whole seconds here: there are many tickets, and limits are not finer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Phase {
    /// To be begun as soon as the records are durable.
    New,
    /// Given to the host, at a moment that is not known after a restart.
    Begun { since: Option<i64> },
    /// A worker is at it, and was heard last then.
    Started { since: i64, heard: i64 },
    /// To be begun again at a later moment.
    Waiting { at: Timestamp },
}

/// Why an attempt is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overdue {
    /// No worker took it for this many seconds.
    NotTaken(u64),
    /// Its worker said nothing for this many seconds.
    Silent(u64),
    /// It took this many seconds in all.
    TooLong(u64),
}

impl Ticket {
    pub(crate) fn new() -> Self {
        Self {
            attempt: Attempt::FIRST,
            failures: 0,
            losses: 0,
            furthest: 0,
            phase: Phase::New,
            done: 0,
            total: 0,
        }
    }

    /// The attempt that a worker may report on.
    pub(crate) fn running(&self) -> Option<Attempt> {
        matches!(self.phase, Phase::Begun { .. } | Phase::Started { .. }).then_some(self.attempt)
    }

    pub(crate) fn started(&self) -> bool {
        matches!(self.phase, Phase::Started { .. })
    }

    /// When something is to be done about it without a report: its next attempt, or the moment
    /// when the present one is given up.
    pub(crate) fn due_at(&self, config: &Config, step: Step) -> Option<Timestamp> {
        let limits = config.limits.of(step);
        let within = |from: i64, seconds: u64| {
            i64::try_from(seconds)
                .ok()
                .and_then(|seconds| from.checked_add(seconds))
        };
        let secs = match self.phase {
            Phase::New => return None,
            Phase::Waiting { at } => return Some(at),
            // Its moment becomes known with the first tick, which is wanted at once.
            Phase::Begun { since: None } => Some(i64::MIN),
            Phase::Begun { since: Some(since) } => within(since, config.limits.queued),
            Phase::Started { since, heard } => {
                let silent = within(heard, limits.silent);
                let total = within(since, limits.total);
                silent.into_iter().chain(total).min()
            }
        };
        secs.map(Timestamp::from_secs)
    }

    /// Whether the present attempt is to be given up.
    pub(crate) fn overdue(&self, now: Timestamp, config: &Config, step: Step) -> Option<Overdue> {
        let limits = config.limits.of(step);
        let over = |from: i64, seconds: u64| {
            u64::try_from(now.secs.saturating_sub(from)).is_ok_and(|passed| passed >= seconds)
        };
        match self.phase {
            Phase::Begun { since: Some(since) } if over(since, config.limits.queued) => {
                Some(Overdue::NotTaken(config.limits.queued))
            }
            Phase::Started { since, .. } if over(since, limits.total) => {
                Some(Overdue::TooLong(limits.total))
            }
            Phase::Started { heard, .. } if over(heard, limits.silent) => {
                Some(Overdue::Silent(limits.silent))
            }
            _ => None,
        }
    }

    /// How far the latest attempt is.
    pub(crate) fn progress(&self) -> (u64, u64) {
        (self.done, self.total)
    }

    /// Takes a new ticket as begun and says with which attempt. After a restart nobody knows yet
    /// when that is.
    pub(crate) fn begin(&mut self, now: Option<Timestamp>) -> Option<Attempt> {
        if self.phase != Phase::New {
            return None;
        }
        let since = now.map(|now| now.secs);
        self.phase = Phase::Begun { since };
        Some(self.attempt)
    }

    pub(crate) fn start(&mut self, now: Timestamp) {
        let heard = now.secs;
        self.phase = match self.phase {
            Phase::Started { since, .. } => Phase::Started { since, heard },
            _ => Phase::Started {
                since: heard,
                heard,
            },
        };
    }

    /// Notes how far it is; less than before counts as no news.
    pub(crate) fn advance(&mut self, now: Timestamp, done: u64, total: u64) {
        self.start(now);
        self.total = total;
        self.done = done.min(total).max(self.done).min(total);
    }

    /// After a failure that can pass: waits for another attempt, or `None` if there were enough.
    /// `chance` decides which part of up to half of the wait is left out.
    pub(crate) fn retry(
        &mut self,
        now: Timestamp,
        config: &Config,
        chance: u64,
    ) -> Option<Timestamp> {
        self.failures = self.failures.saturating_add(1);
        self.losses = 0;
        if self.failures >= config.max_failures {
            return None;
        }
        let doublings = self
            .failures
            .saturating_sub(1)
            .min(u64::BITS.saturating_sub(1));
        let delay = config
            .retry_delay
            .saturating_mul(1_u64.checked_shl(doublings).unwrap_or(1))
            .min(config.max_retry_delay)
            .saturating_mul(1000);
        let half = delay / 2;
        let left_out = chance.checked_rem(half.saturating_add(1)).unwrap_or(0);
        let at = now.plus_millis(delay.saturating_sub(left_out));
        self.again(Phase::Waiting { at });
        Some(at)
    }

    /// Waits for another attempt that no failure is the reason of.
    pub(crate) fn wait_until(&mut self, at: Timestamp) {
        self.failures = 0;
        self.again(Phase::Waiting { at });
    }

    /// Ends the wait if its moment has come, and says so; a begin whose moment was not known gets
    /// this one.
    pub(crate) fn wake(&mut self, now: Timestamp) -> bool {
        match self.phase {
            Phase::Waiting { at } if at <= now => {
                self.phase = Phase::New;
                true
            }
            Phase::Begun { since: None } => {
                let since = Some(now.secs);
                self.phase = Phase::Begun { since };
                false
            }
            _ => false,
        }
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

    /// Its worker is gone: it is begun again at once, which counts as no failure. Says when that has come
    /// so often in a row that the order must be what workers die of: how often.
    pub(crate) fn lose(&mut self, config: &Config) -> Option<u32> {
        if self.done > self.furthest {
            self.furthest = self.done;
            self.losses = 0;
        }
        self.losses = self.losses.saturating_add(1);
        if self.losses >= config.max_losses {
            return Some(self.losses);
        }
        self.resume();
        None
    }

    /// The attempt's number as it counts among all of its order.
    pub(crate) fn attempt(&self) -> Attempt {
        self.attempt
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

    fn waiting_until(ticket: &Ticket) -> Option<Timestamp> {
        match ticket.phase {
            Phase::Waiting { at } => Some(at),
            _ => None,
        }
    }

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
            assert_eq!(ticket.begin(Some(now)), Some(Attempt(attempt)));
            assert_eq!(ticket.begin(Some(now)), None);
            let at = Timestamp::from_secs(100 + wait);
            assert_eq!(ticket.retry(now, &config, 0), Some(at));
            assert_eq!(ticket.running(), None);
            assert!(!ticket.wake(now));
            assert_eq!(waiting_until(&ticket), Some(at));
            assert!(ticket.wake(at));
        }
        assert_eq!(ticket.begin(Some(now)), Some(Attempt(5)));
        assert_eq!(ticket.retry(now, &config, 0), None);
    }

    #[test]
    fn chance_leaves_out_up_to_half_of_a_wait() {
        let config = Config::default();
        let now = Timestamp::from_secs(100);
        let mut seen = alloc::collections::BTreeSet::new();
        for chance in 0..5000_u64 {
            let mut ticket = Ticket::new();
            ticket.begin(Some(now));
            let at = ticket.retry(now, &config, chance * 7919).unwrap();
            assert!(at > now.plus_millis(999) && at <= now.plus_secs(2), "{at}");
            seen.insert(at);
        }
        assert!(seen.len() > 900);
    }

    #[test]
    fn a_restart_is_a_new_attempt_and_no_failure() {
        let config = Config {
            max_failures: 2,
            ..Config::default()
        };
        let mut ticket = Ticket::new();
        for attempt in 1..10 {
            assert_eq!(ticket.begin(None), Some(Attempt(attempt)));
            ticket.start(Timestamp::default());
            assert!(ticket.resume());
        }
        ticket.begin(None);
        assert!(ticket.retry(Timestamp::default(), &config, 0).is_some());
        assert!(!ticket.resume());
    }

    #[test]
    fn losses_count_while_the_work_gets_no_further() {
        let config = Config {
            max_losses: 3,
            ..Config::default()
        };
        let now = Timestamp::default();
        let mut ticket = Ticket::new();
        // Each gets further than the one before: that is no order that workers die of.
        for done in 1..10 {
            ticket.begin(Some(now));
            ticket.advance(now, done, 100);
            assert_eq!(ticket.lose(&config), None);
        }
        ticket.begin(Some(now));
        ticket.advance(now, 9, 100);
        assert_eq!(ticket.lose(&config), None);
        // A failure is a word of a worker.
        ticket.begin(Some(now));
        assert!(ticket.retry(now, &config, 0).is_some());
        ticket.wake(Timestamp::from_secs(1000));
        for lost in [None, None, Some(3)] {
            ticket.begin(Some(now));
            assert_eq!(ticket.lose(&config), lost);
        }
    }

    #[test]
    fn progress_of_an_attempt_does_not_go_back() {
        let mut ticket = Ticket::new();
        ticket.begin(None);
        let now = Timestamp::default();
        ticket.advance(now, 5, 10);
        ticket.advance(now, 3, 10);
        assert_eq!(ticket.progress(), (5, 10));
        ticket.advance(now, 50, 10);
        assert_eq!(ticket.progress(), (10, 10));
    }

    #[test]
    fn silence_length_and_waiting_for_a_worker_are_limited() {
        let config = Config::default();
        let step = Step::Convert(0);
        let at = Timestamp::from_secs;
        let mut ticket = Ticket::new();
        ticket.begin(Some(at(0)));
        let queued = i64::try_from(config.limits.queued).unwrap();
        assert_eq!(ticket.due_at(&config, step), Some(at(queued)));
        assert_eq!(ticket.overdue(at(queued - 1), &config, step), None);
        let overdue = ticket.overdue(at(queued), &config, step);
        assert_eq!(overdue, Some(Overdue::NotTaken(config.limits.queued)));
        ticket.start(at(10));
        ticket.advance(at(800), 1, 2);
        assert_eq!(ticket.due_at(&config, step), Some(at(1700)));
        assert_eq!(ticket.overdue(at(1699), &config, step), None);
        assert_eq!(
            ticket.overdue(at(1700), &config, step),
            Some(Overdue::Silent(900))
        );
        ticket.advance(at(10 + 48 * 3600), 2, 2);
        let overdue = ticket.overdue(at(10 + 48 * 3600), &config, step);
        assert_eq!(overdue, Some(Overdue::TooLong(48 * 3600)));
    }

    #[test]
    fn without_limits_nothing_is_due() {
        let config = Config {
            limits: crate::config::Limits::NONE,
            ..Config::default()
        };
        let mut ticket = Ticket::new();
        ticket.begin(Some(Timestamp::from_secs(0)));
        assert_eq!(ticket.due_at(&config, Step::Update), None);
        ticket.start(Timestamp::from_secs(0));
        assert_eq!(ticket.due_at(&config, Step::Update), None);
        let end = Timestamp::from_secs(i64::MAX - 1);
        assert_eq!(ticket.overdue(end, &config, Step::Update), None);
    }
}
