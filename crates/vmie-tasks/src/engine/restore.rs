//! An engine from the records of an earlier one.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};

use super::index::Index;
use super::{Engine, Turn};
use crate::config::Config;
use crate::id::{IdSource, TaskId};
use crate::record::{Content, RECORD_VERSION, Record, RestoreError};

impl Engine {
    /// Goes on from records, in any order. Orders that were under way are begun again with the
    /// next attempt: [`poll`](Self::poll) gives a commit of that and then the orders.
    ///
    /// Without any record this is [`Engine::new`]; with some, the seed is the one that the records
    /// were begun with, and `seed` is not used.
    ///
    /// # Errors
    ///
    /// Records of another version, a record that comes twice, tasks without the engine's own
    /// record.
    pub fn restore(
        config: Config,
        seed: u64,
        records: impl IntoIterator<Item = Record>,
    ) -> Result<Self, RestoreError> {
        let mut engine = Self {
            config,
            ids: IdSource::new(seed),
            tasks: BTreeMap::new(),
            index: Index::default(),
            outputs: VecDeque::new(),
            requests: 0,
        };
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
                Content::Task(task) => {
                    engine.index.insert(&task);
                    engine.tasks.insert(task.head.id.clone(), task);
                }
            }
        }
        if !engine.tasks.is_empty() && !found_ids {
            return Err(RestoreError::NoEngine);
        }
        engine.resume();
        Ok(engine)
    }

    /// Begins again what was under way.
    fn resume(&mut self) {
        let mut turn = Turn::default();
        let ids: alloc::vec::Vec<TaskId> = self.tasks.keys().cloned().collect();
        for id in ids {
            let Some(task) = self.tasks.get_mut(&id) else {
                continue;
            };
            let mut resumed = false;
            for (_, ticket) in task.tickets() {
                resumed |= ticket.resume();
            }
            if resumed {
                self.keep(&id, &mut turn);
            } else {
                let wake = task.wake_at(&self.config);
                self.index.wake(&id, wake);
            }
        }
        self.close(turn);
    }
}
