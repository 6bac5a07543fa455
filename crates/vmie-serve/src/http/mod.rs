//! HTTP: connections and their limits, and what is behind each path.

mod answer;
mod connection;
mod guard;
mod patient;
mod replay;
mod route;
mod tls;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use connection::listen;
pub(crate) use guard::Guard;
pub(crate) use replay::Replays;
pub use tls::Tls;

use crate::engine::{Desk, Work};
use crate::metrics::Metrics;
use crate::sigv4::Keys;

/// What a client may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpLimits {
    /// The longest body, in bytes.
    pub body: usize,
    /// The longest head of a request, in bytes.
    pub head: usize,
    /// The most headers.
    pub headers: usize,
    /// How long a client may take for the head of a request, and be silent between two.
    pub head_time: Duration,
    /// How long it may take for the body.
    pub body_time: Duration,
    /// How long it may take no byte of an answer.
    pub read_time: Duration,
    /// How long the engine may take for an answer.
    pub answer_time: Duration,
    /// The most connections at a time; more wait to be accepted.
    pub connections: usize,
    /// How long requests under way have at the end.
    pub farewell: Duration,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            body: 1 << 20,
            head: 64 << 10,
            headers: 100,
            head_time: Duration::from_secs(15),
            body_time: Duration::from_secs(30),
            read_time: Duration::from_secs(30),
            answer_time: Duration::from_secs(60),
            connections: 1024,
            farewell: Duration::from_secs(10),
        }
    }
}

/// What every request is answered with.
pub(crate) struct House {
    pub(crate) desk: Desk,
    pub(crate) keys: Keys,
    pub(crate) replays: Replays,
    pub(crate) work: Arc<dyn Work>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) guard: Guard,
    pub(crate) limits: HttpLimits,
    pub(crate) wire: vmie_ec2::Limits,
}
