//! Disks written out as files: nothing under the final name until all of it is there.

use std::fs;
use std::io::ErrorKind as IoErrorKind;
use std::path::{Path, PathBuf};

use vmie_formats::stream::{StreamReader, Written};
use vmie_formats::{ConvertOptions, Progress, Report, error_of};
use vmie_io::{CancelToken, ExtentKind, Fault, FileSink, ReadAt, ReadAtExt, WriteAt, int};

use crate::{Cause, Error};

/// Bytes that are compared at once.
const PIECE: usize = 1 << 20;

/// Writes a disk as a file of the target's format. The file appears under its name when all of it
/// is there and on stable storage (when `sync` is asked for); what an error or a kill leaves is a
/// file beside it whose name ends in `.part`, which the next conversion to that name removes.
///
/// # Errors
/// [`Cause::TargetExists`] when there is something of that name already; [`Cause::DiskFull`]; what is
/// wrong with the source; [`Cause::Cancelled`](vmie_formats::Cause::Cancelled).
pub fn convert_to_file(
    disk: &dyn ReadAt,
    target: &Path,
    options: &ConvertOptions,
    sync: bool,
    progress: &dyn Progress,
    cancel: &CancelToken,
) -> Result<Report, Error> {
    let write = |part: &Path| write_part(disk, part, options, sync, progress, cancel);
    appear(target, write)
}

/// Writes a disk that comes by once, the one of this number, as a raw file, which appears under its
/// name as that of [`convert_to_file`] does.
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
    appear(target, |part| {
        let fail = |error: vmie_io::ReadError| {
            let fault = vmie_formats::Error::new(vmie_formats::Cause::Write).with_source(error);
            Error::from(fault).in_file(part)
        };
        let sink = FileSink::create_new(part).map_err(fail)?;
        let written = stream.write_raw(number, &sink, progress, cancel)?;
        if sync {
            sink.sync().map_err(fail)?;
        }
        Ok(written)
    })
}

/// Has a file written under another name, and gives it its own when it is whole.
fn appear<T>(target: &Path, write: impl FnOnce(&Path) -> Result<T, Error>) -> Result<T, Error> {
    let refuse = |cause| Error::from(Fault::new(cause).in_structure("target")).in_file(target);
    if fs::symlink_metadata(target).is_ok() {
        return Err(refuse(Cause::TargetExists));
    }
    let part = part_of(target).ok_or_else(|| refuse(Cause::Write))?;
    match fs::remove_file(&part) {
        Err(error) if error.kind() != IoErrorKind::NotFound => {
            return Err(Error::write(&part, error));
        }
        _ => {}
    }
    let done = write(&part).and_then(|report| publish(&part, target).map(|()| report));
    if done.is_err() {
        // What cannot be removed is removed by the next conversion to that name.
        let _ = fs::remove_file(&part);
    }
    done
}

fn write_part(
    disk: &dyn ReadAt,
    part: &Path,
    options: &ConvertOptions,
    sync: bool,
    progress: &dyn Progress,
    cancel: &CancelToken,
) -> Result<Report, Error> {
    let fail = |error: vmie_io::ReadError| {
        let fault = vmie_formats::Error::new(vmie_formats::Cause::Write).with_source(error);
        Error::from(fault).in_file(part)
    };
    let sink = FileSink::create_new(part).map_err(fail)?;
    let report = vmie_formats::convert(disk, &sink, options, progress, cancel)
        .map_err(|error| Error::from(error).in_file(part))?;
    if sync {
        sink.sync().map_err(fail)?;
    }
    Ok(report)
}

/// The name that the file has until it is whole: hidden, beside it.
fn part_of(target: &Path) -> Option<PathBuf> {
    let mut name = std::ffi::OsString::from(".");
    name.push(target.file_name()?);
    name.push(".part");
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

/// How two disks differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Difference {
    /// In this byte, the first that differs.
    Byte(u64),
    /// In length only: one goes on with something else than zeroes from this byte on.
    Length(u64),
}

/// Compares what two disks hold; `None` when it is the same. Where one is longer, it must go on
/// with zeroes, unless `strict`, where the lengths must be the same. What both know to be zero is
/// not read.
///
/// # Errors
/// When one cannot be read, or the work was cancelled.
pub fn compare(
    a: &dyn ReadAt,
    b: &dyn ReadAt,
    strict: bool,
    progress: &dyn Progress,
    cancel: &CancelToken,
) -> Result<Option<Difference>, Error> {
    let (short, long) = (a.len().min(b.len()), a.len().max(b.len()));
    if strict && short != long {
        return Ok(Some(Difference::Length(short)));
    }
    let (mut left, mut right) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < long {
        if cancel.is_cancelled() {
            return Err(Fault::new(Cause::Cancelled)
                .in_structure("comparison")
                .into());
        }
        progress.update(at, long);
        let known = [a, b].map(|disk| zeroes_at(disk, at, long));
        let [known_a, known_b] = known.map(|n| n.map_err(|error| Error::from(error_of(error))));
        let both = known_a?.min(known_b?);
        if both > 0 {
            at = at.saturating_add(both);
            continue;
        }
        let n = int::min_usize(long.saturating_sub(at), PIECE);
        for (disk, buffer) in [(a, &mut left), (b, &mut right)] {
            buffer.clear();
            buffer.resize(n, 0);
            disk.read_up_to(buffer, at)
                .map_err(|error| Error::from(error_of(error)))?;
        }
        if let Some(place) = left.iter().zip(&right).position(|(a, b)| a != b) {
            let place = at.saturating_add(int::u64_of(place));
            return Ok(Some(if place < short {
                Difference::Byte(place)
            } else {
                Difference::Length(place)
            }));
        }
        at = at.saturating_add(int::u64_of(n));
    }
    progress.update(long, long);
    Ok(None)
}

/// Bytes from `at` on that a disk knows to be zero, those past its end among them.
fn zeroes_at(disk: &dyn ReadAt, at: u64, end: u64) -> Result<u64, vmie_io::ReadError> {
    if at >= disk.len() {
        return Ok(end.saturating_sub(at));
    }
    let extent = disk.next_extent(at)?;
    Ok(match extent.kind {
        ExtentKind::Data => 0,
        _ if extent.end() >= disk.len() => end.saturating_sub(at),
        _ => extent.len,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use vmie_formats::Target;

    #[test]
    fn nothing_has_the_final_name_before_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("disk.vhd");
        let disk = vec![7u8; 300_000];
        let options = ConvertOptions::new().target(Target::VhdDynamic);
        let cancel = CancelToken::new();
        cancel.cancel();
        let error = convert_to_file(&disk, &target, &options, false, &(), &cancel).unwrap_err();
        assert_eq!(error.kind(), vmie_io::ErrorKind::Cancelled);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        // What a killed conversion left is no hindrance.
        fs::write(folder.path().join(".disk.vhd.part"), "half").unwrap();
        let cancel = CancelToken::new();
        convert_to_file(&disk, &target, &options, true, &(), &cancel).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let error = convert_to_file(&disk, &target, &options, true, &(), &cancel).unwrap_err();
        assert_eq!(error.cause(), Some(Cause::TargetExists));
        let error = convert_to_file(&disk, Path::new("/"), &options, true, &(), &cancel);
        assert!(error.is_err());
    }

    #[test]
    fn disks_are_compared_by_what_they_hold() {
        let cancel = CancelToken::new();
        let same = |a: &[u8], b: &[u8], strict| {
            compare(&a.to_vec(), &b.to_vec(), strict, &(), &cancel).unwrap()
        };
        let mut long = vec![1u8; 3 << 20];
        assert_eq!(same(&long, &long, true), None);
        long.resize(4 << 20, 0);
        assert_eq!(same(&long[..3 << 20], &long, false), None);
        assert_eq!(
            same(&long, &long[..3 << 20], true),
            Some(Difference::Length(3 << 20))
        );
        long[(3 << 20) + 5] = 1;
        let place = Some(Difference::Length((3 << 20) + 5));
        assert_eq!(same(&long[..3 << 20], &long, false), place);
        let mut other = long.clone();
        other[77] = 2;
        assert_eq!(same(&long, &other, false), Some(Difference::Byte(77)));
        let stop = CancelToken::new();
        stop.cancel();
        assert!(compare(&long, &other, false, &(), &stop).is_err());
    }
}
