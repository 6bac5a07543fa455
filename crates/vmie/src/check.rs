//! Whether an image is consistent.

use std::path::Path;
use std::sync::Arc;

use vmie_formats::{Check, Progress};
use vmie_io::{CancelToken, FileSource};

use crate::Error;
use crate::image::ImageOptions;

/// Checks an image; see [`vmie_formats::check()`].
///
/// # Errors
/// When it cannot be told whether the image is consistent.
pub fn check_image(
    path: &Path,
    options: &ImageOptions,
    quick: bool,
    progress: &dyn Progress,
    cancel: &CancelToken,
) -> Result<Check, Error> {
    let fail = |error: vmie_formats::Error| Error::from(error).in_file(path);
    let source = FileSource::open(path).map_err(|error| fail(vmie_formats::error_of(error)))?;
    let options = options.open_options();
    vmie_formats::check(Arc::new(source), &options, quick, progress, cancel).map_err(fail)
}
