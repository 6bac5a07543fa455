//! The VM import service over HTTP: what the official clients talk to.
//!
//! ```no_run
//! use vmie_serve::{Options, Server};
//!
//! let options = Options::demo("/srv/vmie".as_ref())?;
//! let server = Server::start(options)?;
//! println!("aws --endpoint-url {} ec2 describe-import-image-tasks", server.url());
//! println!("the page: {}", server.page_url());
//! server.stop()?;
//! # Ok::<(), vmie_serve::Error>(())
//! ```
//!
//! # What is where
//!
//! ```text
//! connections ──▶ http ──▶ sigv4 ──▶ vmie-ec2 ──▶ engine ──▶ state        a transaction, synced
//!  (tokio)         limits    whose     form ⇄ XML    one       │
//!                                                    thread ◀──┴─▶ staff ──▶ vmie::work
//!                                                                   threads
//! ```
//!
//! - [`sigv4`]: whose a request is.
//! - `engine`: the engine of `vmie-tasks` on the one thread that changes it. Many requests share a
//!   transaction; a reply leaves when what it promises is on the disk. So a kill at any moment loses
//!   no request that was answered, and what was under way is begun again at the next start.
//! - [`state`]: where the records are; an embedded store, behind a trait.
//! - `shared` (with the feature `postgres`): the state in PostgreSQL, for several servers and workers.
//! - `objects` (with the feature `object-store`): buckets at an endpoint that speaks S3; folders otherwise.
//! - `http`: limits on everything that a client can make grow: bytes, headers, time, connections.
//! - `page`: tasks with their progress, for people.
//!
//! # What is safe
//!
//! Without a certificate and an address it listens on loopback only. Secrets (keys, session tokens,
//! signed addresses, the page's token) stand in no log and no error (SVC-SEC-3). The page shows
//! nothing without the token that the start printed, and answers no request that was addressed to
//! another name, so no page elsewhere can read it.
#![cfg_attr(
    test,
    allow(
        clippy::as_conversions,
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests may panic"
    )
)]

pub mod demo;
mod engine;
mod error;
mod http;
mod metrics;
#[cfg(feature = "object-store")]
mod objects;
mod options;
mod page;
mod random;
#[cfg(feature = "client")]
mod remote;
mod running;
mod server;
#[cfg(feature = "postgres")]
pub mod shared;
pub mod sigv4;
pub mod state;
mod work;

pub use engine::{Found, Scene, Work};
pub use error::Error;
pub use http::{HttpLimits, Tls};
#[cfg(feature = "object-store")]
pub use objects::{ObjectBuckets, ObjectEndpoint, Requests};
pub use options::{Options, own_keys};
#[cfg(feature = "client")]
pub use remote::Remote;
pub use server::Server;
pub use vmie::work::{AllowedHost, WebOptions};
