//! Disks of a store written out as files.

use std::fs;
use std::path::Path;

use vmie_formats::{ConvertOptions, Progress, Report};
use vmie_io::{CancelToken, Fault, FileSource};
use vmie_tasks::SnapshotId;

use crate::convert::{FileOptions, convert_to_file};
use crate::{Cause, Error, ImageNote, SnapshotNote, StoredDisk};

/// The disks of an image (`ami-…`) of a store, the one with the root first, or the one of a snapshot
/// (`snap-…`).
///
/// # Errors
/// [`Cause::NoSuchImage`] when there is none of that id; what is wrong with its record.
pub fn stored_disks(store: &Path, id: &str) -> Result<Vec<StoredDisk>, Error> {
    let plain = id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let none = || {
        let fault = Fault::new(Cause::NoSuchImage)
            .in_structure("store")
            .found(id);
        Error::from(fault).in_file(store)
    };
    if !plain {
        return Err(none());
    }
    let disk = |id: SnapshotId, sha256: String, virtual_size| StoredDisk {
        path: store.join(format!("{id}.raw")),
        id,
        sha256,
        virtual_size,
    };
    if id.starts_with("snap-") {
        let note: SnapshotNote = read(&store.join(format!("{id}.json")), none)?;
        return Ok(vec![disk(note.snapshot_id, note.sha256, note.virtual_size)]);
    }
    let note: ImageNote = read(&store.join(id).join("image.json"), none)?;
    let disks = note.disks.into_iter();
    Ok(disks
        .map(|d| disk(d.snapshot_id, d.sha256, d.virtual_size))
        .collect())
}

fn read<T: serde::de::DeserializeOwned>(path: &Path, none: impl Fn() -> Error) -> Result<T, Error> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(none()),
        Err(error) => return Err(Error::read(path, error)),
    };
    serde_json::from_slice(&text).map_err(|error| {
        let fault = Fault::new(Cause::NotAStore)
            .in_structure("record")
            .with_source(error);
        Error::from(fault).in_file(path)
    })
}

/// Writes a disk of a store as a file. It gets its name only when what was read has the digest that
/// the store keeps.
///
/// # Errors
/// As [`convert_to_file`], and [`Cause::Digest`].
pub fn export_disk(
    disk: &StoredDisk,
    target: &Path,
    options: &ConvertOptions,
    file: &FileOptions<'_>,
    progress: &dyn Progress,
    cancel: &CancelToken,
) -> Result<Report, Error> {
    let source = FileSource::open(&disk.path)
        .map_err(|error| Error::from(vmie_formats::error_of(error)).in_file(&disk.path))?;
    let options = options.clone().digest(true);
    let file = file
        .source(&disk.path, Some("stored disk"))
        .expect_digest(&disk.sha256);
    convert_to_file(&source, target, &options, &file, progress, cancel)
}
