//! Copies of disks.

use std::path::Path;

use vmie_formats::{ConvertOptions, Progress, Report};
use vmie_io::{CancelToken, FileSink, FileSource, WriteAt as _};

use crate::Error;

/// Copies a disk to a new file, holes left as holes, and says its digest.
pub(crate) fn copy_disk(
    from: &Path,
    to: &Path,
    progress: &dyn Progress,
    cancel: &CancelToken,
) -> Result<Report, Error> {
    let source = FileSource::open(from)
        .map_err(|error| Error::from(vmie_formats::error_of(error)).in_file(from))?;
    let sink = FileSink::create_new(to).map_err(|error| Error::sink(to, error))?;
    let options = ConvertOptions::new();
    let copied = vmie_formats::convert(&source, &sink, &options, progress, cancel);
    let report = copied.map_err(|error| crate::work::placed(error, from, to))?;
    sink.sync().map_err(|error| Error::sink(to, error))?;
    Ok(report)
}

/// Copies a file to a new one.
pub(crate) fn copy_sparse(from: &Path, to: &Path, cancel: &CancelToken) -> Result<(), Error> {
    copy_disk(from, to, &(), cancel).map(drop)
}
