//! From the engine's addresses to files on this machine.

use std::path::PathBuf;

use vmie_io::Fault;
use vmie_tasks::{Location, Source, UserBucket};

use crate::store::{Buckets, ImportEntry, SourceFile, Store};
use crate::{Cause, Error};

/// The bucket whose objects are files named on the command line. Its keys are
/// `TOKEN/NUMBER/NAME`; token and number lead to the file, the name is for people. No real bucket
/// can have this name: a folder of it is never looked at.
const FILES: &str = "vmie.local.files";

/// A file on this machine.
#[derive(Clone, Debug)]
pub(crate) struct LocalSource {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// What it was when the import was begun; `None` for an object of a bucket.
    pub(crate) seen: Option<SourceFile>,
    /// The import that it was named in.
    pub(crate) import: Option<ImportEntry>,
}

impl LocalSource {
    /// Looks whether the file is still what it was.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.seen.as_ref().map_or(Ok(()), SourceFile::check)
    }
}

/// The address under which the engine knows a file of an import.
pub(crate) fn address(token: &str, number: usize, file: &SourceFile) -> UserBucket {
    let name = file.path().file_name().map_or_else(String::new, |name| {
        let text = name.to_string_lossy();
        // A key has at most 1024 bytes, and a name at most 255 on any filesystem of today.
        text.chars().filter(|c| !c.is_control()).take(200).collect()
    });
    UserBucket {
        bucket: FILES.to_owned(),
        key: format!("{token}/{number}/{name}"),
    }
}

/// The file that a source is.
pub(crate) fn resolve(
    source: &Source,
    store: &Store,
    buckets: &Buckets,
) -> Result<LocalSource, Error> {
    let Location::Bucket(place) = &source.location else {
        return Err(Fault::new(Cause::NotLocal).in_structure("address").into());
    };
    if place.bucket != FILES {
        return Ok(LocalSource {
            path: buckets.path(&place.bucket, &place.key)?,
            seen: None,
            import: None,
        });
    }
    let mut parts = place.key.splitn(3, '/');
    let import = parts.next().and_then(|token| store.import(token));
    let number: Option<usize> = parts.next().and_then(|number| number.parse().ok());
    let file = import.and_then(|import| import.sources.get(number?));
    match (import, file) {
        (Some(import), Some(file)) => Ok(LocalSource {
            path: file.path(),
            seen: Some(file.clone()),
            import: Some(import.clone()),
        }),
        _ => Err(Fault::new(Cause::NotLocal).in_structure("address").into()),
    }
}
