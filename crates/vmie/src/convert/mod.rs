//! Disks written out as files: nothing under the final name until all of it is there.

mod device;
mod journal;
mod manifest;

use std::fs;
use std::io::ErrorKind as IoErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use vmie_formats::stream::{StreamReader, Written};
use vmie_formats::{Cause as FormatCause, ConvertOptions, Journal, Progress, Report};
use vmie_io::{CancelToken, Fault, FileSink, ReadAt, WriteAt};

pub(crate) use self::journal::FileJournal;
pub use self::manifest::convert_to_manifest;
use crate::error::{os_error, says, says_full};
use crate::{Cause, Error};

/// How often what is needed to go on after a kill is kept.
pub(crate) const KEEP_EVERY: Duration = Duration::from_secs(1);

/// How a file is written.
#[derive(Clone, Copy, Default)]
#[non_exhaustive]
pub struct FileOptions<'a> {
    /// Whether all is on stable storage before the file gets its name. Without it, the file survives
    /// whatever happens to this process, but not the loss of power in the next seconds.
    pub sync: bool,
    /// The file that the disk is read from. It must not be the target.
    pub source: Option<&'a Path>,
    /// What else decides what is read from the source (which disk of it, as which format); with it,
    /// a conversion that was killed is gone on with when it is begun again before the machine is
    /// restarted. It must not be given for a disk that is read from more files than the source.
    pub resume: Option<&'a str>,
    /// The digest, in lower-case hexadecimal, that the disk must have for the file to get its name;
    /// the conversion has to compute it.
    pub digest: Option<&'a str>,
    /// Asked before the file gets its name.
    pub before: Option<&'a (dyn Fn() -> Result<(), Error> + Sync)>,
}

impl<'a> FileOptions<'a> {
    /// Nothing special.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The file that the disk is read from, and what else decides what is read.
    #[must_use]
    pub fn source(mut self, source: &'a Path, resume: Option<&'a str>) -> Self {
        self.source = Some(source);
        self.resume = resume;
        self
    }

    /// Whether all is on stable storage before the file gets its name.
    #[must_use]
    pub fn sync(mut self, sync: bool) -> Self {
        self.sync = sync;
        self
    }

    /// The digest that the disk must have, in lower-case hexadecimal.
    #[must_use]
    pub fn expect_digest(mut self, digest: &'a str) -> Self {
        self.digest = Some(digest);
        self
    }

    /// What is asked before the file gets its name.
    #[must_use]
    pub fn before(mut self, before: &'a (dyn Fn() -> Result<(), Error> + Sync)) -> Self {
        self.before = Some(before);
        self
    }
}

/// Writes a disk as a file of the target's format. The file appears under its name when all of it
/// is there. What an error leaves is nothing; what a kill leaves is a hidden file beside it, whose
/// name ends in `.part`, and its journal: the next conversion to that name goes on with it, when it
/// is the same conversion, or removes it.
///
/// A target that is a block device is written in place, and has to be as large as the disk at least:
/// zeroes are written there, too.
///
/// # Errors
/// [`Cause::TargetExists`] when there is a file of that name already; [`Cause::TargetIsSource`];
/// [`Cause::TargetBusy`] when another process writes it; [`Cause::DiskFull`]; [`Cause::WriteDenied`];
/// what is wrong with the source; [`Cancelled`](vmie_formats::Cause::Cancelled).
pub fn convert_to_file(
    disk: &dyn ReadAt,
    target: &Path,
    options: &ConvertOptions,
    file: &FileOptions<'_>,
    progress: &dyn Progress,
    cancel: &CancelToken,
) -> Result<Report, Error> {
    let refuse = |cause| Error::from(Fault::new(cause).in_structure("target")).in_file(target);
    if fs::symlink_metadata(target).is_ok() {
        if file.source.is_some_and(|source| is_same(source, target)) {
            return Err(refuse(Cause::TargetIsSource));
        }
        if device::is_device(target) {
            return device::convert_to_device(disk, target, options, file, progress, cancel);
        }
        return Err(refuse(Cause::TargetExists));
    }
    let part = beside(target, ".part").ok_or_else(|| refuse(Cause::Write))?;
    let kept = beside(target, ".part.journal").ok_or_else(|| refuse(Cause::Write))?;
    let journal = FileJournal::new(&kept, file, KEEP_EVERY);
    let state = journal.as_ref().and_then(FileJournal::read);
    let (sink, state) = open_part(&part, target, state)?;
    let keeper: &dyn Journal = match &journal {
        Some(journal) => journal,
        None => &(),
    };
    let resume = (keeper, state.as_deref());
    let done = vmie_formats::convert_resumable(disk, &sink, options, resume, progress, cancel)
        .map_err(|error| of_formats(error, target, file.source))
        .and_then(|report| {
            if file.sync {
                let fail = |error| Error::sink(target, error);
                sink.sync().map_err(fail)?;
            }
            check_digest(&report, file)?;
            file.before.map_or(Ok(()), |before| before())?;
            publish(&part, target)?;
            Ok(report)
        });
    if done.is_err() {
        // What cannot be removed is removed by the next conversion to that name.
        let _ = fs::remove_file(&part);
    }
    let _ = fs::remove_file(&kept);
    done
}

/// Writes a disk that comes by once, the one of this number, as a raw file, which appears under its
/// name when all of it is there. An error leaves nothing, and a kill a hidden file beside it that the
/// next conversion to that name removes.
///
/// # Errors
/// As [`convert_to_file`]; [`NotStreamable`](vmie_formats::Cause::NotStreamable) for an image that has
/// to be read at offsets.
pub fn stream_to_file(
    stream: &mut StreamReader,
    number: usize,
    target: &Path,
    sync: bool,
    progress: &dyn Progress,
    cancel: &CancelToken,
) -> Result<Written, Error> {
    let refuse = |cause| Error::from(Fault::new(cause).in_structure("target")).in_file(target);
    if fs::symlink_metadata(target).is_ok() {
        return Err(refuse(Cause::TargetExists));
    }
    let part = beside(target, ".part").ok_or_else(|| refuse(Cause::Write))?;
    let (sink, _) = open_part(&part, target, None)?;
    let done = stream
        .write_raw(number, &sink, progress, cancel)
        .map_err(|error| of_formats(error, target, None))
        .and_then(|written| {
            if sync {
                sink.sync().map_err(|error| Error::sink(target, error))?;
            }
            publish(&part, target)?;
            Ok(written)
        });
    if done.is_err() {
        // What cannot be removed is removed by the next conversion to that name.
        let _ = fs::remove_file(&part);
    }
    done
}

/// The file to write to, which nobody else writes to: the one that a killed conversion left, if its
/// state was kept, or a new one.
fn open_part(
    part: &Path,
    target: &Path,
    state: Option<Vec<u8>>,
) -> Result<(FileSink, Option<Vec<u8>>), Error> {
    let busy = || Error::from(Fault::new(Cause::TargetBusy).in_structure("target")).in_file(target);
    let fail = |error: vmie_io::ReadError| of_write(&error, target);
    if fs::symlink_metadata(part).is_ok() {
        let there = FileSink::open(part);
        if let Ok(sink) = &there
            && !sink.try_lock().map_err(fail)?
        {
            return Err(busy());
        }
        if let (Ok(sink), Some(state)) = (there, state) {
            return Ok((sink, Some(state)));
        }
        fs::remove_file(part).map_err(|error| Error::write(part, error))?;
    }
    let sink = FileSink::create_new(part).map_err(fail)?;
    if !sink.try_lock().map_err(fail)? {
        return Err(busy());
    }
    Ok((sink, None))
}

/// Whether the disk had the digest that it must have.
fn check_digest(report: &Report, file: &FileOptions<'_>) -> Result<(), Error> {
    let Some(expected) = file.digest else {
        return Ok(());
    };
    let bytes = report.sha256.iter().flatten();
    let found: String = bytes.map(|byte| format!("{byte:02x}")).collect();
    if found == expected {
        return Ok(());
    }
    let fault = Fault::new(Cause::Digest)
        .in_structure("disk")
        .found(found.as_str());
    let error = Error::from(fault);
    Err(match file.source {
        Some(source) => error.in_file(source),
        None => error,
    })
}

/// An error of a conversion, in the file whose fault it is.
fn of_formats(error: vmie_formats::Error, target: &Path, source: Option<&Path>) -> Error {
    match error.cause() {
        FormatCause::Write => of_write(&error, target),
        FormatCause::TargetTooLarge | FormatCause::Cancelled => Error::from(error).in_file(target),
        _ => match source {
            Some(source) => Error::from(error).in_file(source),
            None => Error::from(error),
        },
    }
}

/// An error of writing: a full disk, and one that may not be written, are told apart.
fn of_write(
    error: &(impl std::error::Error + Clone + Send + Sync + 'static),
    target: &Path,
) -> Error {
    let denied = |error: &std::io::Error| {
        matches!(
            error.kind(),
            IoErrorKind::PermissionDenied | IoErrorKind::ReadOnlyFilesystem
        )
    };
    let cause = if says_full(error) {
        Cause::DiskFull
    } else if says(error, &denied) {
        Cause::WriteDenied
    } else {
        Cause::Write
    };
    let fault = Fault::new(cause).in_structure("target");
    // It says itself that it could not be written, and the advice is here.
    let fault = match os_error(error) {
        Some(lowest) => fault.with_source(lowest),
        None => fault.with_source(error.clone()),
    };
    Error::from(fault).in_file(target)
}

/// Whether two names are of one file.
fn is_same(a: &Path, b: &Path) -> bool {
    #[cfg(unix)]
    if let (Ok(a), Ok(b)) = (fs::metadata(a), fs::metadata(b)) {
        use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
        let devices = a.file_type().is_block_device() && b.file_type().is_block_device();
        return (a.dev(), a.ino()) == (b.dev(), b.ino()) || devices && a.rdev() == b.rdev();
    }
    matches!((fs::canonicalize(a), fs::canonicalize(b)), (Ok(a), Ok(b)) if a == b)
}

/// The name of a file that goes with the target until it is whole: hidden, beside it.
fn beside(target: &Path, suffix: &str) -> Option<PathBuf> {
    let mut name = std::ffi::OsString::from(".");
    name.push(target.file_name()?);
    name.push(suffix);
    Some(target.with_file_name(name))
}

/// Gives the file its name, unless somebody else took the name in the meantime.
fn publish(part: &Path, target: &Path) -> Result<(), Error> {
    match fs::hard_link(part, target) {
        Ok(()) => fs::remove_file(part).map_err(|error| Error::write(part, error)),
        Err(error) if error.kind() == IoErrorKind::AlreadyExists => {
            let fault = Fault::new(Cause::TargetExists).in_structure("target");
            Err(Error::from(fault).in_file(target))
        }
        // Not all filesystems have hard links.
        Err(_) => fs::rename(part, target).map_err(|error| Error::write(target, error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vmie_formats::Target;

    fn run(disk: &dyn ReadAt, target: &Path, cancel: &CancelToken) -> Result<Report, Error> {
        let options = ConvertOptions::new().target(Target::VhdDynamic);
        let file = FileOptions::new().sync(true);
        convert_to_file(disk, target, &options, &file, &(), cancel)
    }

    #[test]
    fn nothing_has_the_final_name_before_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("disk.vhd");
        let disk = vec![7u8; 300_000];
        let cancel = CancelToken::new();
        cancel.cancel();
        let error = run(&disk, &target, &cancel).unwrap_err();
        assert_eq!(error.kind(), vmie_io::ErrorKind::Cancelled);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        // What a killed conversion left is no hindrance.
        fs::write(folder.path().join(".disk.vhd.part"), "half").unwrap();
        let cancel = CancelToken::new();
        run(&disk, &target, &cancel).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let error = run(&disk, &target, &cancel).unwrap_err();
        assert_eq!(error.cause(), Some(Cause::TargetExists));
        assert!(run(&disk, Path::new("/"), &cancel).is_err());
    }

    #[test]
    fn a_target_that_is_the_source_or_in_use_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("disk.raw");
        fs::write(&source, vec![1; 4096]).unwrap();
        let link = folder.path().join("link.raw");
        fs::hard_link(&source, &link).unwrap();
        let options = ConvertOptions::new();
        let file = FileOptions::new().source(&source, None);
        let cancel = CancelToken::new();
        let disk = vec![1u8; 4096];
        let refused = |target: &Path| {
            let done = convert_to_file(&disk, target, &options, &file, &(), &cancel);
            done.unwrap_err().cause()
        };
        assert_eq!(refused(&link), Some(Cause::TargetIsSource));
        let other = FileSink::create_new(folder.path().join(".new.raw.part")).unwrap();
        assert!(other.try_lock().unwrap());
        let target = folder.path().join("new.raw");
        assert_eq!(refused(&target), Some(Cause::TargetBusy));
        drop(other);
        convert_to_file(&disk, &target, &options, &file, &(), &cancel).unwrap();
    }

    #[test]
    fn what_is_asked_before_the_end_can_still_refuse() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("disk.raw");
        let no = || Err(Error::new(Cause::Digest));
        let file = FileOptions::new().before(&no);
        let disk = vec![1u8; 4096];
        let options = ConvertOptions::new();
        let done = convert_to_file(&disk, &target, &options, &file, &(), &CancelToken::new());
        assert_eq!(done.unwrap_err().cause(), Some(Cause::Digest));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
