//! The buckets of a command: folders, the files that were named on the command line, and the folder
//! from which exports are handed out.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use vmie_formats::error_of;
use vmie_io::{CancelToken, FileSource};
use vmie_tasks::{Begin, Location, Source, UserBucket, Work};

use crate::buckets::{
    Buckets, FolderBuckets, Object, ObjectHead, ObjectWriter, no_such_object, shown,
};
use crate::store::{ImportEntry, SourceFile};
use crate::{Error, Judging};

/// The bucket whose objects are files named on the command line. Its keys are
/// `TOKEN/NUMBER/NAME`; token and number lead to the file, the name is for people. A folder of this
/// name is never looked at.
const FILES: &str = "vmie.local.files";

/// The bucket that exports go to on their way to the file that was asked for.
pub(super) const EXPORTS: &str = "vmie.local.exports";

/// The buckets of a command.
#[derive(Clone, Debug)]
pub(super) struct LocalBuckets {
    folders: FolderBuckets,
    /// Holds [`EXPORTS`].
    own: FolderBuckets,
    /// The imports whose files have been asked for, by their tokens.
    imports: Arc<Mutex<BTreeMap<String, ImportEntry>>>,
}

impl LocalBuckets {
    pub(super) fn new(folders: FolderBuckets, own: FolderBuckets) -> Self {
        Self {
            folders,
            own,
            imports: Arc::default(),
        }
    }

    /// Remembers the import whose files an order is about.
    pub(super) fn learn<'a>(&self, begin: &Begin, find: impl Fn(&str) -> Option<&'a ImportEntry>) {
        let Some(token) = token(begin) else {
            return;
        };
        if let Some(import) = find(token) {
            let mut imports = self.imports.lock().unwrap_or_else(PoisonError::into_inner);
            imports.insert(token.to_owned(), import.clone());
        }
    }

    /// How the import that an order belongs to wants it judged.
    pub(super) fn judging(&self, begin: &Begin) -> Judging {
        let mut judging = Judging::default();
        if let Some(import) = token(begin).and_then(|token| self.import(token)) {
            judging.mode = import.mode;
            judging.edition = import.edition;
            judging.as_of = import.day().unwrap_or(judging.as_of);
            judging.region = import.region;
        }
        judging
    }

    /// Where exports are put into.
    pub(super) fn exports(&self) -> &FolderBuckets {
        &self.own
    }

    fn import(&self, token: &str) -> Option<ImportEntry> {
        let imports = self.imports.lock().unwrap_or_else(PoisonError::into_inner);
        imports.get(token).cloned()
    }

    /// The file that a key of [`FILES`] names.
    fn file(&self, key: &str) -> Result<SourceFile, Error> {
        let mut parts = key.splitn(3, '/');
        let import = parts.next().and_then(|token| self.import(token));
        let number: Option<usize> = parts.next().and_then(|number| number.parse().ok());
        let file = import.and_then(|import| import.sources.get(number?).cloned());
        file.ok_or_else(|| no_such_object(FILES, key))
    }

    fn of(&self, bucket: &str) -> Result<&FolderBuckets, Error> {
        match bucket {
            EXPORTS => Ok(&self.own),
            FILES => {
                let error = std::io::Error::from(ErrorKind::PermissionDenied);
                Err(Error::write(shown(FILES, ""), error))
            }
            _ => Ok(&self.folders),
        }
    }
}

impl Buckets for LocalBuckets {
    fn open(&self, bucket: &str, key: &str, cancel: &CancelToken) -> Result<Object, Error> {
        if bucket != FILES {
            return self.of(bucket)?.open(bucket, key, cancel);
        }
        let file = self.file(key)?;
        file.check()?;
        let path = file.path();
        let fail = |error| Error::from(error_of(error)).in_file(&path);
        let source = FileSource::open(&path).map_err(fail)?;
        // From here on, another file under the name is not this one.
        file.check()?;
        Ok(Object {
            name: path,
            source: Arc::new(source),
            version: Some(file.version()),
        })
    }

    fn head(&self, bucket: &str, key: &str) -> Result<Option<ObjectHead>, Error> {
        if bucket != FILES {
            return self.of(bucket)?.head(bucket, key);
        }
        let file = self.file(key)?;
        file.check()?;
        let path = file.path();
        let found = std::fs::metadata(&path).map_err(|error| Error::read(&path, error))?;
        Ok(Some(ObjectHead {
            key: key.to_owned(),
            len: found.len(),
            version: Some(file.version()),
        }))
    }

    fn create(&self, bucket: &str, key: &str) -> Result<Box<dyn ObjectWriter>, Error> {
        self.of(bucket)?.create(bucket, key)
    }

    fn delete(&self, bucket: &str, key: &str) -> Result<(), Error> {
        self.of(bucket)?.delete(bucket, key)
    }

    fn list(
        &self,
        bucket: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<ObjectHead>, Error> {
        self.of(bucket)?.list(bucket, prefix, after, limit)
    }

    fn put_file(
        &self,
        bucket: &str,
        key: &str,
        file: &Path,
        cancel: &CancelToken,
    ) -> Result<(), Error> {
        self.of(bucket)?.put_file(bucket, key, file, cancel)
    }
}

/// The address under which the engine knows a file of an import.
pub(super) fn address(token: &str, number: usize, file: &SourceFile) -> UserBucket {
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

/// The token of the import that an order is about.
fn token(begin: &Begin) -> Option<&str> {
    let source: &Source = match &begin.work {
        Work::Validate(work) => work.sources.first()?,
        Work::Convert(work) => &work.source,
        _ => return None,
    };
    let Location::Bucket(place) = &source.location else {
        return None;
    };
    if place.bucket != FILES {
        return None;
    }
    place.key.split('/').next()
}
