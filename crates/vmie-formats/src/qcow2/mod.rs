//! qcow2: QEMU's copy-on-write images, version 2 and 3.
//!
//! Clusters are stored plain or compressed (zlib, zstd), with extended L2 entries or without. A
//! backing file and an external data file are opened through the caller's
//! [`Resolver`](crate::Resolver) only. Encrypted images are refused. Internal snapshots are listed
//! ([`Qcow2::snapshots`]); what is read is the current state.
//!
//! ```
//! use std::sync::Arc;
//! use vmie_formats::{Cause, OpenOptions, ReadAt as _, qcow2};
//! # let file = vmie_testkit::qcow2::Builder::new(1 << 20).build();
//! # let child = vmie_testkit::qcow2::Builder::new(1 << 20).backing("/etc/shadow", Some("raw")).build();
//!
//! let disk = qcow2::open(Arc::new(file), &OpenOptions::new())?;
//! assert_eq!(disk.len(), 1 << 20);
//! for snapshot in disk.snapshots() {
//!     println!("{} {}", snapshot.id, snapshot.name.escape_debug());
//! }
//!
//! // `child` names a backing file. Nobody allowed opening it, so it is not even looked for.
//! let error = qcow2::open(Arc::new(child), &OpenOptions::new()).unwrap_err();
//! assert_eq!(error.cause(), Cause::ReferenceDenied);
//! # Ok::<(), vmie_formats::Error>(())
//! ```

mod check;
mod compressed;
mod entry;
mod extension;
mod format;
mod header;
mod open;
mod read;
mod snapshot;
mod write;

pub use open::open;
pub use read::Qcow2;
pub use snapshot::Snapshot;
pub(crate) use write::Qcow2Encoder;

#[cfg(test)]
mod tests;
