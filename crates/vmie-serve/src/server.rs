//! A service that runs.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use vmie::work::{Buckets, FolderBuckets, WebAddresses, WebOptions, Workshop, WorkshopOptions};

use crate::engine::Work;
use crate::http::{Guard, House, Replays, listen};
use crate::metrics::Metrics;
use crate::options::Options;
use crate::running::{Parts, Running, State};
use crate::work::Shop;
use crate::{Error, demo, random};

/// Threads for connections. The work itself has threads of its own.
const THREADS: usize = 2;

/// A service that runs, until it is stopped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    scheme: &'static str,
    token: String,
    running: Running,
    runtime: Runtime,
    stop: watch::Sender<bool>,
    listening: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Takes up what an earlier run left, and listens.
    ///
    /// # Errors
    /// What keeps it from that; nothing is left running then.
    pub fn start(mut options: Options) -> Result<Self, Error> {
        let state = State::open(&mut options)?;
        let folders = Folders {
            data: options.data,
            buckets: options.buckets,
            #[cfg(feature = "object-store")]
            objects: options.objects,
            demo: options.demo,
            encrypted: options.encrypted_at_rest,
            is_shared: state.is_shared(),
        };
        let work: Arc<dyn Work> = match options.work {
            Some(work) => work,
            None => Arc::new(shop(folders, options.web)?),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .enable_all()
            .build()
            .map_err(|source| Error::Machine {
                what: "threads for connections",
                source,
            })?;
        let unheard = |source| Error::Listen {
            address: options.listen,
            source,
        };
        // Before the engine: if the address is taken, nothing has begun.
        let listener = runtime
            .block_on(TcpListener::bind(options.listen))
            .map_err(unheard)?;
        let address = listener.local_addr().map_err(unheard)?;
        let token = options.token.map_or_else(random::token, Ok)?;
        let guard = Guard::new(&token, address, &options.names);
        let metrics = Arc::new(Metrics::default());
        let parts = Parts {
            config: options.config,
            scene: options.scene,
            work: Arc::clone(&work),
            metrics: Arc::clone(&metrics),
            conversions: options.conversions.get(),
        };
        let running = state.start(parts)?;
        let desk = running.desk.clone();
        let wire = vmie_ec2::Limits {
            form_bytes: options.limits.body,
            ..vmie_ec2::Limits::default()
        };
        let house = House {
            desk,
            keys: options.keys,
            replays: Replays::default(),
            work,
            metrics,
            guard,
            limits: options.limits,
            wire,
        };
        let scheme = if options.tls.is_some() {
            "https"
        } else {
            "http"
        };
        let (stop, stopped) = watch::channel(false);
        let listening = runtime.spawn(listen(listener, options.tls, Arc::new(house), stopped));
        tracing::info!(%address, scheme, "listening");
        Ok(Self {
            address,
            scheme,
            token,
            running,
            runtime,
            stop,
            listening,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What clients are told: `--endpoint-url`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// The page, with its token: a secret of whoever started the service.
    #[must_use]
    pub fn page_url(&self) -> String {
        format!("{}/#token={}", self.url(), self.token)
    }

    /// Whether it still does what it is for; when not, [`Server::stop`] says why.
    #[must_use]
    pub fn is_running(&self) -> bool {
        !self.running.engine.is_finished()
    }

    /// Answers what is under way, stops the work, and ends. Tasks that have not ended go on with the
    /// next start.
    ///
    /// # Errors
    /// Why the engine had ended before.
    pub fn stop(self) -> Result<(), Error> {
        // Nobody listens when the listener has ended.
        let _ = self.stop.send(true);
        let _ = self.runtime.block_on(self.listening);
        let ended = self.running.stop();
        self.runtime.shutdown_background();
        tracing::info!("stopped");
        ended
    }
}

/// The folders that the work is done in.
pub(crate) struct Folders {
    pub(crate) data: PathBuf,
    pub(crate) buckets: Option<PathBuf>,
    /// Where the buckets are when they are no folders.
    #[cfg(feature = "object-store")]
    pub(crate) objects: Option<crate::ObjectEndpoint>,
    pub(crate) demo: bool,
    pub(crate) encrypted: bool,
    /// Whether other processes are at work in them.
    pub(crate) is_shared: bool,
}

/// A workshop in folders.
pub(crate) fn shop(folders: Folders, web: WebOptions) -> Result<Shop, Error> {
    let root = folders.data.join("store");
    let options = WorkshopOptions::new().with_encryption(folders.encrypted);
    let addresses = WebAddresses::new(web)?;
    let shop = Workshop::new(&root, options, buckets(folders)?)?;
    let shop = shop.with_addresses(Arc::new(addresses));
    Ok(Shop { shop, root })
}

/// Buckets at an endpoint when there is one, and folders otherwise.
fn buckets(folders: Folders) -> Result<Arc<dyn Buckets>, Error> {
    #[cfg(feature = "object-store")]
    if let Some(endpoint) = folders.objects {
        let buckets = crate::ObjectBuckets::new(endpoint)?;
        if folders.demo {
            demo::put(&buckets)?;
        }
        return Ok(Arc::new(buckets));
    }
    let folder = folders.buckets;
    let buckets = FolderBuckets::new(folder.unwrap_or_else(|| folders.data.join("buckets")));
    if folders.demo {
        demo::fill(&buckets)?;
    }
    if !folders.is_shared {
        // Nobody writes yet: what is unfinished was left by a run that was killed.
        buckets.sweep()?;
    }
    Ok(Arc::new(buckets))
}
