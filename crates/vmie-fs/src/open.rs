//! Opening whatever is on a volume.

use std::sync::Arc;

use vmie_io::{Limits, ReadAt};

use crate::{Cause, Error, Filesystem, probe};

/// Opens the filesystem on a volume for reading, within `limits`.
///
/// # Errors
/// [`Cause::UnknownFilesystem`] when nothing known is on it; [`Cause::NotRead`] with the kind when
/// it is known but its files are not read here (or are encrypted); otherwise what is wrong with
/// the filesystem.
pub fn open(volume: Arc<dyn ReadAt>, limits: &Limits) -> Result<Box<dyn Filesystem>, Error> {
    let _ = limits;
    match probe(&*volume)? {
        None => Err(Error::new(Cause::UnknownFilesystem).in_structure("volume")),
        Some(identity) => Err(Error::new(Cause::NotRead(identity.kind)).in_structure("volume")),
    }
}
