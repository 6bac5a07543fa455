//! What a volume is formatted as.

use vmie_io::ReadAt;

use crate::{Error, Identity};

/// What the volume is formatted as; `None` when nothing known is on it.
///
/// # Errors
/// When the volume cannot be read.
pub fn probe(volume: &dyn ReadAt) -> Result<Option<Identity>, Error> {
    Ok(probe_all(volume)?.into_iter().next())
}

/// Everything that the volume carries the marks of, the likeliest first.
///
/// # Errors
/// When the volume cannot be read.
pub fn probe_all(volume: &dyn ReadAt) -> Result<Vec<Identity>, Error> {
    let _ = volume;
    Ok(Vec::new())
}
