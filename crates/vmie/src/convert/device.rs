//! Block devices as targets: written in place, zeroes among the rest.

use std::path::Path;

use vmie_formats::{ConvertOptions, Progress, Report, Target, Zeroes};
use vmie_io::{CancelToken, Fault, FileSink, ReadAt, WriteAt};

use super::{FileOptions, of_formats, of_write};
use crate::{Cause, Error};

/// Whether a name is that of a block device.
pub(super) fn is_device(path: &Path) -> bool {
    #[cfg(unix)]
    if let Ok(metadata) = std::fs::metadata(path) {
        use std::os::unix::fs::FileTypeExt as _;
        return metadata.file_type().is_block_device();
    }
    let _ = path;
    false
}

/// Writes a disk to a block device. What an error leaves is a part of the disk.
pub(super) fn convert_to_device(
    disk: &dyn ReadAt,
    target: &Path,
    options: &ConvertOptions,
    file: &FileOptions<'_>,
    progress: &dyn Progress,
    cancel: &CancelToken,
) -> Result<Report, Error> {
    let refuse = |cause| Fault::new(cause).in_structure("target");
    if options.target_kind() != Target::Raw {
        return Err(Error::from(refuse(Cause::DeviceNotRaw)).in_file(target));
    }
    let sink = FileSink::open_device(target).map_err(|error| of_write(&error, target))?;
    let room = sink.device_len().unwrap_or(0);
    if room < disk.len() {
        return Err(Error::from(refuse(Cause::DeviceTooSmall).found(room)).in_file(target));
    }
    let options = options.clone().zeroes(Zeroes::Punch);
    let report = vmie_formats::convert(disk, &sink, &options, progress, cancel)
        .map_err(|error| of_formats(error, target, file.source))?;
    sink.sync().map_err(|error| of_write(&error, target))?;
    file.before.map_or(Ok(()), |before| before())?;
    Ok(report)
}
