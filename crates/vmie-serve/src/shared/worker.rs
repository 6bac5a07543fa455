//! A worker that runs.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use vmie::work::WebOptions;

use super::{Crew, Ear, Shared, Tools};
use crate::engine::Work;
use crate::metrics::Metrics;
use crate::server::{Folders, shop};
use crate::{Error, random};

/// Settings of a worker.
#[derive(Debug)]
#[non_exhaustive]
pub struct WorkerOptions {
    /// The database that it shares with servers and other workers.
    pub shared: Shared,
    /// The data folder of the servers, as it is seen here.
    pub data: PathBuf,
    /// The folder whose folders are the buckets; `buckets` in the data folder when it is not told.
    pub buckets: Option<PathBuf>,
    /// An endpoint that has the buckets, in place of folders.
    #[cfg(feature = "object-store")]
    pub objects: Option<crate::ObjectEndpoint>,
    /// How many disks are converted at a time.
    pub conversions: NonZeroUsize,
    /// Whether the data folder is encrypted at rest.
    pub encrypted_at_rest: bool,
    /// Where signed addresses may lead to; nowhere when no host is listed.
    pub web: WebOptions,
}

impl WorkerOptions {
    /// A worker with the defaults of a server.
    #[must_use]
    pub fn new(shared: Shared, data: impl Into<PathBuf>) -> Self {
        Self {
            shared,
            data: data.into(),
            buckets: None,
            #[cfg(feature = "object-store")]
            objects: None,
            conversions: NonZeroUsize::MIN.saturating_add(1),
            encrypted_at_rest: false,
            web: WebOptions::default(),
        }
    }
}

/// A worker that runs, until it is stopped: it does the work behind the tasks of servers that share
/// its database and its folders.
#[derive(Debug)]
pub struct Worker {
    name: String,
    crew: Crew,
    _ear: Ear,
}

impl Worker {
    /// Begins to work.
    ///
    /// # Errors
    /// What keeps it from that: the database cannot be reached, the folders cannot be used.
    pub fn start(options: WorkerOptions) -> Result<Self, Error> {
        let shared = options.shared;
        shared.reach()?;
        let folders = Folders {
            data: options.data,
            buckets: options.buckets,
            #[cfg(feature = "object-store")]
            objects: options.objects,
            demo: false,
            encrypted: options.encrypted_at_rest,
            is_shared: true,
        };
        let work: Arc<dyn Work> = Arc::new(shop(folders, options.web)?);
        let name = random::name()?;
        let ear = Ear::start(&shared, &name)?;
        let crew = Crew::start(Tools {
            bell: ear.work(),
            shared,
            work,
            metrics: Arc::new(Metrics::default()),
            conversions: options.conversions.get(),
            name: name.clone(),
        })?;
        tracing::info!(worker = name, "working");
        Ok(Self {
            name,
            crew,
            _ear: ear,
        })
    }

    /// Its name, under which its claims stand in the database.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it still does what it is for.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.crew.is_running()
    }

    /// Stops the work under way, and ends. Other workers go on with it.
    pub fn stop(self) {
        self.crew.stop();
        tracing::info!("stopped");
    }
}
