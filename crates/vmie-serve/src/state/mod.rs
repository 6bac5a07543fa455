//! What is remembered across a restart: the engine's records.

pub(crate) mod coding;
mod embedded;

use vmie_tasks::{Change, Record};

pub use embedded::Embedded;
pub(crate) use embedded::make_private;

use crate::Error;

/// Where the engine's records are kept. The engine works on one thread, and so does this.
///
/// [`Embedded`] is one implementation, for one process; a seat at a shared database is another.
pub trait State: Send {
    /// All records.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when any of them is not as it was written.
    fn load(&mut self) -> Result<Vec<Record>, Error>;

    /// Makes changes durable, all or none of them, in their order. When it returns without an
    /// error, they survive a crash of the process and of the machine. After an error it can be
    /// called again with the same changes.
    ///
    /// # Errors
    /// When they cannot be written: the disk is full, for example.
    fn commit(&mut self, changes: &[Change]) -> Result<(), Error>;
}
