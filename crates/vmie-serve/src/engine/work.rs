//! What does the work behind the engine's orders.

use serde_json::Value;
use vmie_io::CancelToken;
use vmie_tasks::{Begin, Change, RecordKey, TaskId, WorkerEvent};

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

    /// What was found of the guest of a task, as a document, while there is one.
    fn report(&self, _task: &TaskId) -> Option<Value> {
        None
    }
}
