//! qcow2: QEMU's copy-on-write images, version 2 and 3.
//!
//! Clusters are stored plain or compressed (zlib, zstd), with extended L2 entries or without. A
//! backing file and an external data file are opened through the caller's
//! [`Resolver`](crate::Resolver) only. Encrypted images are refused. Internal snapshots are listed
//! ([`Qcow2::snapshots`]); what is read is the current state.

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
