//! Why the service does not start, or ends.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// What keeps the service from running.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another process has the state. One process at a time works on a data folder, or has the chair at a
    /// shared database.
    #[error("{}: another process works with this data folder. Stop it, or use another folder", path.display())]
    Busy {
        /// The file of the state.
        path: PathBuf,
    },
    /// The state is damaged. Nothing is started on a part of what was promised.
    #[error("{}: the state is damaged: {what}. Restore the data folder from a backup, or start with an empty one", path.display())]
    Corrupt {
        /// The file of the state.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The state cannot be read or written.
    #[error("{}: the state cannot be used: {what}", path.display())]
    State {
        /// The file of the state.
        path: PathBuf,
        /// Why.
        what: String,
    },
    /// The database that servers share cannot be used. No secret is in the text.
    #[error("the shared state: {what}")]
    Database {
        /// Why.
        what: String,
    },
    /// A file of the configuration is not what it has to be. No secret is in the text.
    #[error("{}: {what}", path.display())]
    Configuration {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// A file or a folder cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Nobody can be listened to at this address.
    #[error("{address}: cannot listen: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The workers' folder cannot be used.
    #[error(transparent)]
    Work(#[from] vmie::Error),
    /// The machine gives no threads, no random numbers or the like.
    #[error("{what}: {source}")]
    Machine {
        /// What was asked for.
        what: &'static str,
        /// Why it was not given.
        source: io::Error,
    },
}

impl Error {
    pub(crate) fn io(path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::Io {
            path: path.into(),
            source,
        }
    }

    /// Whether what is stored is damaged, so that trying again makes no sense.
    #[must_use]
    pub fn is_corrupt(&self) -> bool {
        matches!(self, Self::Corrupt { .. })
    }
}
