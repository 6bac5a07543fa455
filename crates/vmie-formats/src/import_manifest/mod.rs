//! The import manifest: an XML document that lists the parts that a disk image was uploaded in
//! (SVC-MAN-1 to SVC-MAN-3).
//!
//! [`ImportManifest::parse`] reads and checks one, [`ImportManifest::to_xml`] writes one,
//! [`ImportManifest::plan`] cuts a file into parts, and [`ImportManifest::source`] shows the parts as
//! the file that they were, so that it can be opened like any image.

mod format;
mod model;
mod parse;
mod parts;
mod probe;
mod write;

pub use format::DEFAULT_PART_SIZE;
pub use model::{ImportManifest, Importer, Part, SecretUrl};
pub(crate) use probe::probe;

pub use parts::{PartSource, ResolvedParts};

#[cfg(test)]
mod tests;
