//! What does the work behind the engine's orders.

use serde_json::Value;
use vmie_io::CancelToken;
use vmie_tasks::{Begin, Change, RecordKey, TaskId, WorkerEvent};

/// What lies in a folder that several processes share.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Tasks with unfinished data.
    pub tasks: Vec<String>,
    /// Names of files that were about to be something, and that their writer may never end.
    pub temporary: Vec<String>,
    /// Images, snapshots, volumes and instances, each with the task that made it.
    pub made: Vec<(RecordKey, Option<TaskId>)>,
}

/// The work behind orders. Many threads use it at once.
pub trait Work: Send + Sync {
    /// Does an order and says how it ended; what happens meanwhile goes to `say`. It can be called
    /// again for an order that an earlier attempt did in part or whole.
    fn perform(
        &self,
        begin: &Begin,
        cancel: &CancelToken,
        say: &mut (dyn FnMut(WorkerEvent) + Send),
    ) -> WorkerEvent;

    /// Does to the data what changes of the records mean for it. They are durable already.
    ///
    /// # Errors
    /// When it cannot be done; it will be done again at the next start.
    fn settle(&self, changes: &[Change]) -> Result<(), vmie::Error>;

    /// Removes what an earlier process left: unfinished data of tasks that are not `active`, and
    /// what is not `known`. Called before any work.
    ///
    /// # Errors
    /// When something cannot be removed.
    fn recover(
        &self,
        known: &dyn Fn(&RecordKey) -> bool,
        active: &dyn Fn(&str) -> bool,
    ) -> Result<(), vmie::Error>;

    /// What lies in a folder that several processes share; asked before [`Work::discard`].
    ///
    /// # Errors
    /// When the folder cannot be read.
    fn found(&self) -> Result<Found, vmie::Error> {
        Ok(Found::default())
    }

    /// The part of [`Work::found`] that is quickly told: tasks with unfinished data.
    ///
    /// # Errors
    /// When the folder cannot be read.
    fn unfinished(&self) -> Result<Vec<String>, vmie::Error> {
        Ok(Vec::new())
    }

    /// Removes data that belongs to nobody any more, while other processes are at work.
    ///
    /// # Errors
    /// When something cannot be removed.
    fn discard(&self, _garbage: &Found) -> Result<(), vmie::Error> {
        Ok(())
    }

    /// What was found of the guest of a task, as a document, while there is one.
    fn report(&self, _task: &TaskId) -> Option<Value> {
        None
    }
}
