//! The engine of a service that runs: its own, or one that it shares with other servers.

use std::sync::Arc;
use std::thread::JoinHandle;

use vmie_tasks::Config;

use crate::Error;
use crate::engine::{self, Desk, Scene, Settings, Work};
use crate::metrics::Metrics;
use crate::options::Options;
#[cfg(feature = "postgres")]
use crate::random;
#[cfg(feature = "postgres")]
use crate::shared::{self, Crew, Ear, Shared, Tools};
use crate::state::{self, Embedded};

/// Where the records are.
pub(crate) enum State {
    Own(Box<dyn state::State>),
    #[cfg(feature = "postgres")]
    Shared {
        shared: Box<Shared>,
        works: bool,
    },
}

/// What the engine needs besides.
pub(crate) struct Parts {
    pub(crate) config: Config,
    pub(crate) scene: Scene,
    pub(crate) work: Arc<dyn Work>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) conversions: usize,
}

/// What runs.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) desk: Desk,
    pub(crate) engine: JoinHandle<Result<(), Error>>,
    #[cfg(feature = "postgres")]
    crew: Option<Crew>,
}

impl State {
    pub(crate) fn open(options: &mut Options) -> Result<Self, Error> {
        #[cfg(feature = "postgres")]
        if let Some(shared) = options.shared.take() {
            state::make_private(&options.data)?;
            let (shared, works) = (Box::new(shared), options.works);
            return Ok(Self::Shared { shared, works });
        }
        Ok(Self::Own(match options.state.take() {
            Some(state) => state,
            None => Box::new(Embedded::open(&options.data)?),
        }))
    }

    /// Whether other processes use the same records and folders.
    pub(crate) fn is_shared(&self) -> bool {
        !matches!(self, Self::Own(_))
    }

    pub(crate) fn start(self, parts: Parts) -> Result<Running, Error> {
        match self {
            Self::Own(state) => {
                let (desk, engine) = engine::start(Settings {
                    config: parts.config,
                    scene: parts.scene,
                    state,
                    work: parts.work,
                    metrics: parts.metrics,
                    conversions: parts.conversions,
                })?;
                Ok(Running {
                    desk,
                    engine,
                    #[cfg(feature = "postgres")]
                    crew: None,
                })
            }
            #[cfg(feature = "postgres")]
            Self::Shared { shared, works } => start_shared(*shared, works, parts),
        }
    }
}

#[cfg(feature = "postgres")]
fn start_shared(shared: Shared, works: bool, parts: Parts) -> Result<Running, Error> {
    let name = random::name()?;
    // The database has to be there at the start, and may go away later.
    shared.reach()?;
    let ear = Ear::start(&shared, &name)?;
    let tools = Tools {
        shared: shared.clone(),
        work: Arc::clone(&parts.work),
        metrics: Arc::clone(&parts.metrics),
        conversions: parts.conversions,
        name: name.clone(),
        bell: ear.work(),
    };
    let settings = shared::Settings {
        config: parts.config,
        scene: parts.scene,
        shared,
        work: parts.work,
        metrics: parts.metrics,
        name,
    };
    let (desk, engine) = shared::start(settings, ear)?;
    let crew = works.then(|| Crew::start(tools)).transpose()?;
    Ok(Running { desk, engine, crew })
}

impl Running {
    /// Stops the engine and the work.
    pub(crate) fn stop(self) -> Result<(), Error> {
        #[cfg(feature = "postgres")]
        if let Some(crew) = self.crew {
            crew.stop();
        }
        self.desk.stop();
        self.engine.join().unwrap_or_else(|_| {
            Err(Error::Machine {
                what: "the engine's thread",
                source: std::io::Error::other("it panicked"),
            })
        })
    }
}
