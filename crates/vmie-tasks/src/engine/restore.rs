//! An engine from the records of an earlier one.

use alloc::collections::BTreeSet;

use super::index::Place;
use super::{Engine, Slot, Turn};
use crate::config::Config;
use crate::order::{Attempt, OrderId};
use crate::record::{Content, RECORD_VERSION, Record, RestoreError};
use crate::world::{OpenWorld, World};

impl Engine<OpenWorld> {
    /// Goes on from records, in any order. Orders that were under way are begun again with the
    /// next attempt: [`poll`](Self::poll) gives a commit of that and then the orders.
    ///
    /// Without any record this is [`Engine::new`]; with some, the seed is the one that the records
    /// were begun with, and `seed` is not used.
    ///
    /// # Errors
    ///
    /// Records of another version, a record that comes twice, tasks without the engine's own
    /// record, two tasks in one place.
    pub fn restore(
        config: Config,
        seed: u64,
        records: impl IntoIterator<Item = Record>,
    ) -> Result<Self, RestoreError> {
        Self::restore_in(config, seed, OpenWorld, records)
    }
}

impl<W: World> Engine<W> {
    /// [`restore`](Engine::restore) in a world.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn restore_in(
        config: Config,
        seed: u64,
        world: W,
        records: impl IntoIterator<Item = Record>,
    ) -> Result<Self, RestoreError> {
        Self::restore_beside(config, seed, world, records, |_, _| false)
    }

    /// [`restore_in`](Self::restore_in), when workers outlived the engine that the records are of:
    /// attempts that are `running` go on, and are reported on as if nothing had happened.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn restore_beside(
        config: Config,
        seed: u64,
        world: W,
        records: impl IntoIterator<Item = Record>,
        running: impl Fn(&OrderId, Attempt) -> bool,
    ) -> Result<Self, RestoreError> {
        let mut engine = Self::in_world(config, seed, world);
        let mut seen = BTreeSet::new();
        let mut found_ids = false;
        for record in records {
            let key = record.key();
            if record.version() != RECORD_VERSION {
                return Err(RestoreError::Version {
                    key,
                    version: record.version(),
                });
            }
            if !seen.insert(key.clone()) {
                return Err(RestoreError::Duplicate { key });
            }
            match record.into_content() {
                Content::Engine { ids } => {
                    engine.ids = ids;
                    found_ids = true;
                }
                Content::Task(mut task) => {
                    task.head.caller = engine.index.caller(&task.head.caller);
                    engine.index.insert(&task);
                    let place = task.head.sequence;
                    if engine.tasks.contains_key(&place) {
                        return Err(RestoreError::Misplaced { key });
                    }
                    let slot = Slot { task, wake: None };
                    engine.tasks.insert(place, alloc::boxed::Box::new(slot));
                }
                Content::Resource(resource) => engine.book.put(resource),
            }
        }
        if !seen.is_empty() && !found_ids {
            return Err(RestoreError::NoEngine);
        }
        engine.resume(running);
        Ok(engine)
    }

    /// Begins again what was under way and is `running` no more.
    fn resume(&mut self, running: impl Fn(&OrderId, Attempt) -> bool) {
        let mut turn = Turn::new(None, &mut self.spare);
        let places: alloc::vec::Vec<Place> = self.tasks.keys().copied().collect();
        for place in places {
            let Some(slot) = self.tasks.get_mut(&place) else {
                continue;
            };
            let (mut resumed, task) = (false, slot.task.head.id.clone());
            for (step, ticket) in slot.task.tickets() {
                let order = OrderId {
                    task: task.clone(),
                    step,
                };
                let goes_on = ticket
                    .running()
                    .is_some_and(|attempt| running(&order, attempt));
                resumed |= !goes_on && ticket.resume();
            }
            if resumed {
                self.keep(place, &mut turn);
            } else {
                self.rewake(place, None, true);
            }
        }
        self.close(turn);
    }
}
