//! How a service is set up.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use vmie::work::WebOptions;
use vmie_tasks::Config;

use crate::demo;
use crate::engine::{Scene, Work};
use crate::http::{HttpLimits, Tls};
use crate::sigv4::{Keys, write_new_key};
use crate::state::State;
use crate::{Error, state};

/// The port that is listened on when no other is told.
pub(crate) const PORT: u16 = 8774;

/// Settings of a service.
#[non_exhaustive]
pub struct Options {
    /// Where to listen; port 0 takes any that is free.
    pub listen: SocketAddr,
    /// The folder of everything that is kept.
    pub data: PathBuf,
    /// The folder whose folders are the buckets; `buckets` in the data folder when it is not told.
    pub buckets: Option<PathBuf>,
    /// An endpoint that has the buckets, in place of folders.
    #[cfg(feature = "object-store")]
    pub objects: Option<crate::ObjectEndpoint>,
    /// What requests are judged in.
    pub scene: Scene,
    /// The keys that may sign.
    pub keys: Keys,
    /// A certificate, to speak TLS.
    pub tls: Option<Tls>,
    /// Names beside the address by which the page may be asked for.
    pub names: Vec<String>,
    /// The page's token; a new one at each start when it is not told.
    pub token: Option<String>,
    /// Whether the demo buckets are made.
    pub demo: bool,
    /// What clients may cost.
    pub limits: HttpLimits,
    /// Settings of the engine.
    pub config: Config,
    /// How many disks are converted at a time.
    pub conversions: NonZeroUsize,
    /// Whether the data folder is encrypted at rest, so that encrypted imports can be promised.
    pub encrypted_at_rest: bool,
    /// Where signed addresses may lead to; nowhere when no host is listed.
    pub web: WebOptions,
    /// The database that this server shares with others, in place of a state of its own.
    #[cfg(feature = "postgres")]
    pub shared: Option<crate::shared::Shared>,
    /// Whether a server that shares its state works on orders itself; otherwise workers have to run.
    #[cfg(feature = "postgres")]
    pub works: bool,
    /// Another place for the records than the embedded store.
    pub state: Option<Box<dyn State>>,
    /// Something else that does the work.
    pub work: Option<Arc<dyn Work>>,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("listen", &self.listen)
            .field("data", &self.data)
            .field("buckets", &self.buckets)
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}

impl Options {
    /// A service on loopback in a world without limits, with these keys.
    #[must_use]
    pub fn new(data: impl Into<PathBuf>, keys: Keys) -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)),
            data: data.into(),
            buckets: None,
            #[cfg(feature = "object-store")]
            objects: None,
            scene: Scene::Open,
            keys,
            tls: None,
            names: Vec::new(),
            token: None,
            demo: false,
            limits: HttpLimits::default(),
            config: Config::default(),
            conversions: NonZeroUsize::MIN.saturating_add(1),
            encrypted_at_rest: false,
            web: WebOptions::default(),
            #[cfg(feature = "postgres")]
            shared: None,
            #[cfg(feature = "postgres")]
            works: true,
            state: None,
            work: None,
        }
    }

    /// A service to try: the demo world, the demo buckets with the demo guest, and a key of its own.
    ///
    /// # Errors
    /// When the folder cannot be made or written.
    pub fn demo(data: &Path) -> Result<Self, Error> {
        let mut options = Self::new(data, own_keys(data, demo::ACCOUNT)?);
        options.scene = demo::scene()?;
        options.demo = true;
        Ok(options)
    }
}

/// The keys in the data folder, `access-keys.toml`; one is made when there are none.
///
/// # Errors
/// When they cannot be read or made.
pub fn own_keys(data: &Path, account: &str) -> Result<Keys, Error> {
    state::make_private(data)?;
    let path = data.join("access-keys.toml");
    if !path.exists() {
        write_new_key(&path, account)?;
    }
    Keys::read(&path)
}
