//! What a VM import and export service says, as data: the ids of its points, its message texts,
//! limits, Regions, licensing, and the matrix of supported systems.
//!
//! The crate holds facts and pure functions over them. It has no clock, no IO and no standard
//! library (`no_std` with `alloc`), so that an engine, a command and a server read the same page.
//! The crates that read disks do not use it: they report typed facts, and whoever judges turns
//! those into the service's words with this crate.
//!
//! ```
//! use vmie_rules::matrix::{Architecture, Edition, LinuxQuery, Matrix, Mode, Outcome};
//! use vmie_rules::Date;
//!
//! let matrix = Matrix::edition(Edition::E2026);
//! let guest = LinuxQuery {
//!     id: "debian",
//!     version: Some("12.15"),
//!     service_pack: None,
//!     kernel: Some("6.1.0-56-cloud-amd64"),
//!     architecture: Some(Architecture::X86_64),
//!     as_of: Date::DEPRECATION_2026,
//! };
//!
//! let practical = matrix.match_linux(&guest, Mode::Practical);
//! assert_eq!(practical.outcome(), Outcome::Accepted);
//!
//! let strict = matrix.match_linux(&guest, Mode::Strict);
//! assert_eq!(strict.outcome(), Outcome::Refused);
//! assert_eq!(strict.row.unwrap().label(), "Debian 12.2, 12.4 (6.1.0)");
//! assert_eq!(strict.misses[0].kind.to_string(), "version 12.15 is not among 12.2, 12.4");
//! ```
//!
//! Features: `serde` serializes the data types that documents and records carry; `iam` (on by
//! default) reads, asks and writes policies, see [`iam`].

#![no_std]

extern crate alloc;

mod by_text;

pub mod api;
mod date;
pub mod format;
pub mod guest;
#[cfg(feature = "iam")]
pub mod iam;
pub mod instance_type;
pub mod license;
pub mod limits;
pub mod manifest;
pub mod matrix;
pub mod message;
pub mod region;
pub mod stated;
pub mod status;
mod svc;

use by_text::serde_by_text;
pub use date::{Date, InvalidDate};
pub use svc::{SvcId, UnknownSvcId};
