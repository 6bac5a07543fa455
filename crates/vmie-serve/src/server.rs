//! A service that runs.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use vmie::work::{FolderBuckets, WebAddresses, WebOptions, Workshop, WorkshopOptions};

use crate::engine::{self, Desk, Settings, Work};
use crate::http::{Guard, House, Replays, listen};
use crate::metrics::Metrics;
use crate::options::Options;
use crate::state::{Embedded, State};
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
    desk: Desk,
    engine: JoinHandle<Result<(), Error>>,
    runtime: Runtime,
    stop: watch::Sender<bool>,
    listening: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Takes up what an earlier run left, and listens.
    ///
    /// # Errors
    /// What keeps it from that; nothing is left running then.
    pub fn start(options: Options) -> Result<Self, Error> {
        let state: Box<dyn State> = match options.state {
            Some(state) => state,
            None => Box::new(Embedded::open(&options.data)?),
        };
        let folder = options
            .buckets
            .unwrap_or_else(|| options.data.join("buckets"));
        let work: Arc<dyn Work> = match options.work {
            Some(work) => work,
            None => Arc::new(shop(
                options.data.join("store"),
                folder,
                options.demo,
                options.encrypted_at_rest,
                options.web,
            )?),
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
        let (desk, engine) = engine::start(Settings {
            config: options.config,
            scene: options.scene,
            state,
            work: Arc::clone(&work),
            metrics: Arc::clone(&metrics),
            conversions: options.conversions.get(),
        })?;
        let wire = vmie_ec2::Limits {
            form_bytes: options.limits.body,
            ..vmie_ec2::Limits::default()
        };
        let house = House {
            desk: desk.clone(),
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
            desk,
            engine,
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
        !self.engine.is_finished()
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
        self.desk.stop();
        let ended = self.engine.join();
        self.runtime.shutdown_background();
        tracing::info!("stopped");
        ended.unwrap_or_else(|_| {
            Err(Error::Machine {
                what: "the engine's thread",
                source: std::io::Error::other("it panicked"),
            })
        })
    }
}

fn shop(
    root: PathBuf,
    folder: PathBuf,
    demo: bool,
    encrypted: bool,
    web: WebOptions,
) -> Result<Shop, Error> {
    let buckets = FolderBuckets::new(folder);
    if demo {
        demo::fill(&buckets)?;
    }
    // Nobody writes yet: what is unfinished was left by a run that was killed.
    buckets.sweep()?;
    let options = WorkshopOptions::new().with_encryption(encrypted);
    let addresses = WebAddresses::new(web)?;
    let shop = Workshop::new(&root, options, Arc::new(buckets))?;
    let shop = shop.with_addresses(Arc::new(addresses));
    Ok(Shop { shop, root })
}
