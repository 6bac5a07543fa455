//! Small indexes beside the tasks: by account and Region, and by the time of the next look.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::call::Caller;
use crate::id::{TaskId, TaskKind};
use crate::task::Task;
use crate::time::Timestamp;

#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    owners: BTreeMap<Caller, Owned>,
    wakes: BTreeSet<(Timestamp, TaskId)>,
    wake_of: BTreeMap<TaskId, Timestamp>,
}

/// The tasks of an account in a Region.
#[derive(Clone, Debug, Default)]
struct Owned {
    /// In the order of creation.
    tasks: BTreeMap<(TaskKind, u64), TaskId>,
    tokens: BTreeMap<(TaskKind, String), TaskId>,
}

impl Index {
    pub(super) fn insert(&mut self, task: &Task) {
        let owned = self.owners.entry(task.head.caller.clone()).or_default();
        owned
            .tasks
            .insert((task.kind(), task.head.sequence), task.head.id.clone());
        if let Some(token) = task.client_token() {
            owned
                .tokens
                .insert((task.kind(), token.to_string()), task.head.id.clone());
        }
    }

    pub(super) fn remove(&mut self, task: &Task) {
        self.wake(&task.head.id, None);
        let Some(owned) = self.owners.get_mut(&task.head.caller) else {
            return;
        };
        owned.tasks.remove(&(task.kind(), task.head.sequence));
        // A token can have made a later task by now.
        if let Some(token) = task.client_token() {
            let key = (task.kind(), token.to_string());
            if owned.tokens.get(&key) == Some(&task.head.id) {
                owned.tokens.remove(&key);
            }
        }
        if owned.tasks.is_empty() {
            self.owners.remove(&task.head.caller);
        }
    }

    /// The task that a token made.
    pub(super) fn by_token(&self, caller: &Caller, kind: TaskKind, token: &str) -> Option<&TaskId> {
        self.owners
            .get(caller)?
            .tokens
            .get(&(kind, token.to_string()))
    }

    /// The tasks of a kind that were made after a number, in the order of creation.
    pub(super) fn after(
        &self,
        caller: &Caller,
        kind: TaskKind,
        sequence: u64,
    ) -> impl Iterator<Item = (u64, &TaskId)> {
        use core::ops::Bound::{Excluded, Included};
        let span = (Excluded((kind, sequence)), Included((kind, u64::MAX)));
        let tasks = self.owners.get(caller).map(|owned| owned.tasks.range(span));
        tasks
            .into_iter()
            .flatten()
            .map(|((_, sequence), id)| (*sequence, id))
    }

    /// Sets when to look at a task again.
    pub(super) fn wake(&mut self, id: &TaskId, at: Option<Timestamp>) {
        if let Some(old) = self.wake_of.remove(id) {
            self.wakes.remove(&(old, id.clone()));
        }
        if let Some(at) = at {
            self.wake_of.insert(id.clone(), at);
            self.wakes.insert((at, id.clone()));
        }
    }

    pub(super) fn first_wake(&self) -> Option<Timestamp> {
        self.wakes.first().map(|(at, _)| *at)
    }

    /// The tasks whose moment has come.
    pub(super) fn due(&self, now: Timestamp) -> Vec<TaskId> {
        self.wakes
            .iter()
            .take_while(|(at, _)| *at <= now)
            .map(|(_, id)| id.clone())
            .collect()
    }
}
