//! What the engine looks at by itself: waits that end, attempts that stall, uploads that do not
//! come, keys that are disabled, tasks that ended long ago.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use vmie_rules::SvcId;

use super::index::Place;
use super::{Engine, Turn};
use crate::access::{key_cause, key_detail};
use crate::order::{Attempt, Failure, Step};
use crate::ticket::Overdue;
use crate::time::Timestamp;
use crate::world::{KeyState, World};

impl<W: World> Engine<W> {
    /// Takes the time: what waited is begun again, what stalled is given up, what ended long ago
    /// is forgotten.
    pub fn tick(&mut self, now: Timestamp) {
        let mut turn = Turn::new(Some(now), &mut self.spare);
        for place in self.index.due(now) {
            self.look(place, now, &mut turn);
        }
        self.close(turn);
    }

    fn look(&mut self, place: Place, now: Timestamp, turn: &mut Turn) {
        let config = self.config;
        let Some(slot) = self.tasks.get_mut(&place) else {
            return;
        };
        if let Some(ended) = slot.task.ended() {
            if ended.plus_secs(config.ended_task_visible) <= now {
                self.forget(place, turn);
            }
            return;
        }
        if slot.task.expires(&config).is_some_and(|at| at <= now) {
            self.fail(place, None, expired(config.conversion_expiry), turn);
            return;
        }
        if self.key_lost(place, turn, None) {
            return;
        }
        let Some(slot) = self.tasks.get_mut(&place) else {
            return;
        };
        let mut changed = false;
        for (_, ticket) in slot.task.tickets() {
            changed |= ticket.wake(now);
        }
        let overdue: Vec<(Step, Attempt, Overdue)> = slot
            .task
            .tickets()
            .filter_map(|(step, ticket)| {
                let overdue = ticket.overdue(now, &config, step)?;
                Some((step, ticket.running()?, overdue))
            })
            .collect();
        let id = slot.task.head.id.clone();
        changed |= !overdue.is_empty();
        for (step, attempt, overdue) in overdue {
            // The first that fails the task ends the others, too.
            let slot = self.tasks.get_mut(&place);
            let ticket = slot.and_then(|slot| slot.task.ticket(step));
            if ticket.is_some_and(|ticket| ticket.running() == Some(attempt)) {
                turn.abort(&id, step, attempt);
                self.failed(place, step, stalled(step, overdue), turn);
            }
        }
        if changed {
            self.keep(place, turn);
        } else {
            self.rewake(place, turn.now, true);
        }
    }

    /// Fails a running import whose key can no longer be used (SVC-TASK-7). A step that has just
    /// ended is not aborted.
    pub(super) fn key_lost(&mut self, place: Place, turn: &mut Turn, ended: Option<Step>) -> bool {
        let Some(slot) = self.tasks.get(&place) else {
            return false;
        };
        let Some(id) = slot.task.watched_key() else {
            return false;
        };
        let key = self.world.key(&slot.task.head.caller, id);
        let (cause, detail) = match key.as_ref().map(|key| key.state) {
            Some(KeyState::Enabled) => return false,
            Some(state) => (key_cause(state), key_detail(state)),
            None => ("no-such-key", "the key is no more"),
        };
        let failure = Failure {
            code: cause.to_string(),
            message: "ClientError: The KMS key must stay enabled during the whole import"
                .to_string(),
            detail: detail.to_string(),
            svc: [SvcId::Task7].into(),
            retryable: false,
        };
        self.fail(place, ended, failure, turn);
        true
    }
}

/// SVC-MAN-3.
fn expired(seconds: u64) -> Failure {
    Failure {
        code: "upload-expired".to_string(),
        message: "ClientError: The task expired before its upload was complete".to_string(),
        detail: format!(
            "the manifest and all parts must be there {seconds} seconds after the task is created"
        ),
        svc: [SvcId::Man3].into(),
        retryable: false,
    }
}

/// An attempt that is given up. Silence can pass; taking too long would only come again.
fn stalled(step: Step, overdue: Overdue) -> Failure {
    let (code, detail, retryable) = match overdue {
        Overdue::NotTaken(seconds) => (
            "order-not-taken",
            format!("no worker began {step} within {seconds} seconds"),
            true,
        ),
        Overdue::Silent(seconds) => (
            "worker-silent",
            format!("the worker of {step} said nothing for {seconds} seconds"),
            true,
        ),
        Overdue::TooLong(seconds) => (
            "step-too-long",
            format!("{step} took longer than {seconds} seconds"),
            false,
        ),
    };
    Failure {
        code: code.to_string(),
        message: "ServerError: an internal error has occurred".to_string(),
        detail,
        svc: [SvcId::Task9, SvcId::Obs8].into(),
        retryable,
    }
}

/// An order whose workers are lost one after the other: more of them would be, too.
pub(super) fn deadly(step: Step, lost: u32) -> Failure {
    Failure {
        code: "workers-lost".to_string(),
        message: format!(
            "ServerError: The task was given up after {lost} of its workers in a row were lost"
        ),
        detail: format!(
            "{lost} workers in a row were gone without a word while they were at {step}. Look into their logs for \
             what they died of, and into their machines' for a lack of memory; then ask again"
        ),
        svc: [SvcId::Task9, SvcId::Obs8].into(),
        retryable: false,
    }
}
