//! Small indexes beside the tasks: by account and Region, and by the time of the next look.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use vmie_rules::status::Status;

use crate::call::Caller;
use crate::id::{TaskId, TaskKind};
use crate::task::Task;
use crate::time::Timestamp;

/// The place of a task: its sequence number.
pub(super) type Place = u64;

#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    by_id: BTreeMap<TaskId, Place>,
    owners: BTreeMap<Arc<Caller>, Owned>,
    wakes: BTreeSet<(Timestamp, Place)>,
}

/// The tasks of an account in a Region.
#[derive(Clone, Debug, Default)]
struct Owned {
    /// By kind and status in the order of creation: a page of whatever statuses is merged from
    /// these, and costs the same however many tasks there are.
    tasks: BTreeSet<(TaskKind, Rank, Place)>,
    tokens: BTreeMap<(TaskKind, String), Place>,
    /// How many of a kind have not ended.
    active: BTreeMap<TaskKind, usize>,
}

/// A status as it is sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank(u8);

impl Rank {
    const ENDED: [Status; 2] = [Status::Completed, Status::Deleted];

    fn of(status: Status) -> Self {
        Self(match status {
            Status::Active => 0,
            Status::Completed => 1,
            Status::Deleting => 2,
            Status::Deleted => 3,
        })
    }
}

impl Index {
    /// The caller as all records of theirs share it.
    pub(super) fn caller(&self, caller: &Caller) -> Arc<Caller> {
        match self.owners.get_key_value(caller) {
            Some((shared, _)) => shared.clone(),
            None => Arc::new(caller.clone()),
        }
    }

    pub(super) fn insert(&mut self, task: &Task) {
        let place = task.head.sequence;
        let (kind, status) = (task.kind(), task.status());
        self.by_id.insert(task.head.id.clone(), place);
        let owned = self.owners.entry(task.head.caller.clone()).or_default();
        owned.tasks.insert((kind, Rank::of(status), place));
        if !Rank::ENDED.contains(&status) {
            let active = owned.active.entry(kind).or_default();
            *active = active.saturating_add(1);
        }
        if let Some(token) = task.client_token() {
            owned.tokens.insert((kind, token.to_string()), place);
        }
    }

    /// Notes that a task came to another status.
    pub(super) fn moved(&mut self, task: &Task, before: Status) {
        let place = task.head.sequence;
        let (kind, status) = (task.kind(), task.status());
        let Some(owned) = self.owners.get_mut(&task.head.caller) else {
            return;
        };
        owned.tasks.remove(&(kind, Rank::of(before), place));
        owned.tasks.insert((kind, Rank::of(status), place));
        if Rank::ENDED.contains(&status)
            && !Rank::ENDED.contains(&before)
            && let Some(active) = owned.active.get_mut(&kind)
        {
            *active = active.saturating_sub(1);
        }
    }

    /// Forgets a task that has ended.
    pub(super) fn remove(&mut self, task: &Task, wake: Option<Timestamp>) {
        let place = task.head.sequence;
        let kind = task.kind();
        self.by_id.remove(&task.head.id);
        self.wake(place, wake, None);
        let Some(owned) = self.owners.get_mut(&task.head.caller) else {
            return;
        };
        owned.tasks.remove(&(kind, Rank::of(task.status()), place));
        // A token can have made a later task by now.
        if let Some(token) = task.client_token() {
            let key = (kind, token.to_string());
            if owned.tokens.get(&key) == Some(&place) {
                owned.tokens.remove(&key);
            }
        }
        if owned.tasks.is_empty() {
            self.owners.remove(&task.head.caller);
        }
    }

    pub(super) fn place(&self, id: &TaskId) -> Option<Place> {
        self.by_id.get(id).copied()
    }

    /// The task that a token made.
    pub(super) fn by_token(&self, caller: &Caller, kind: TaskKind, token: &str) -> Option<Place> {
        let owned = self.owners.get(caller)?;
        owned.tokens.get(&(kind, token.to_string())).copied()
    }

    /// How many tasks of a kind have not ended.
    pub(super) fn active(&self, caller: &Caller, kind: TaskKind) -> usize {
        let owned = self.owners.get(caller);
        owned
            .and_then(|owned| owned.active.get(&kind).copied())
            .unwrap_or(0)
    }

    /// The tasks of a kind and a status that were made after a number, in the order of creation.
    pub(super) fn after(
        &self,
        caller: &Caller,
        kind: TaskKind,
        status: Status,
        after: Place,
    ) -> impl Iterator<Item = Place> {
        use core::ops::Bound::{Excluded, Included};
        let rank = Rank::of(status);
        let span = (
            Excluded((kind, rank, after)),
            Included((kind, rank, Place::MAX)),
        );
        let tasks = self.owners.get(caller).map(|owned| owned.tasks.range(span));
        tasks.into_iter().flatten().map(|(_, _, place)| *place)
    }

    /// Sets when to look at a task again, which was to be looked at `before`.
    pub(super) fn wake(&mut self, place: Place, before: Option<Timestamp>, at: Option<Timestamp>) {
        if before == at {
            return;
        }
        if let Some(before) = before {
            self.wakes.remove(&(before, place));
        }
        if let Some(at) = at {
            self.wakes.insert((at, place));
        }
    }

    pub(super) fn first_wake(&self) -> Option<Timestamp> {
        self.wakes.first().map(|(at, _)| *at)
    }

    /// The tasks whose moment has come.
    pub(super) fn due(&self, now: Timestamp) -> Vec<Place> {
        self.wakes
            .iter()
            .take_while(|(at, _)| *at <= now)
            .map(|(_, place)| *place)
            .collect()
    }
}
