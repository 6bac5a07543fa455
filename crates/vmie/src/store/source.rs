//! Which file a task reads, so that a later run can tell whether it is still the same.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use vmie_io::Fault;

use crate::{Cause, Error};

/// A file as it was when an import was begun. Two are the same when path, length, time of change
/// and inode are; the content is not read for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFile {
    path: StoredPath,
    len: u64,
    mtime: (i64, u32),
    /// Device and inode; zero where there is no such thing.
    inode: (u64, u64),
}

/// A path in JSON: paths need not be UTF-8.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum StoredPath {
    Text(String),
    Bytes(Vec<u8>),
}

impl SourceFile {
    /// The file at `path` as it is now, symbolic links followed.
    ///
    /// # Errors
    /// When it cannot be looked at.
    pub fn look(path: &Path) -> Result<Self, Error> {
        let real = fs::canonicalize(path).map_err(|error| Error::read(path, error))?;
        let metadata = fs::metadata(&real).map_err(|error| Error::read(path, error))?;
        Ok(Self {
            path: StoredPath::from_path(&real),
            len: metadata.len(),
            mtime: mtime(&metadata),
            inode: inode(&metadata),
        })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.path.to_path()
    }

    /// A text that is another one for a file that is not the same.
    pub(crate) fn version(&self) -> String {
        let (seconds, nanos) = self.mtime;
        let (device, inode) = self.inode;
        format!("{:x}-{seconds:x}-{nanos:x}-{device:x}-{inode:x}", self.len)
    }

    /// Looks whether the file is still the same.
    ///
    /// # Errors
    /// [`Cause::SourceChanged`] with the field that differs, or when it cannot be looked at.
    pub fn check(&self) -> Result<(), Error> {
        let path = self.path();
        let now = Self::look(&path)?;
        let changed = |field| {
            let fault = Fault::new(Cause::SourceChanged).in_structure("source");
            Err(Error::from(fault.field(field)).in_file(&path))
        };
        match () {
            () if now.path != self.path => changed("path"),
            () if now.len != self.len => changed("length"),
            () if now.mtime != self.mtime => changed("time of change"),
            () if now.inode != self.inode => changed("inode"),
            () => Ok(()),
        }
    }
}

impl StoredPath {
    fn from_path(path: &Path) -> Self {
        match path.to_str() {
            Some(text) => Self::Text(text.to_owned()),
            None => Self::Bytes(path.as_os_str().as_encoded_bytes().to_vec()),
        }
    }

    fn to_path(&self) -> PathBuf {
        match self {
            Self::Text(text) => text.into(),
            Self::Bytes(bytes) => path_of(bytes),
        }
    }
}

#[cfg(unix)]
fn path_of(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    std::ffi::OsStr::from_bytes(bytes).into()
}

#[cfg(not(unix))]
fn path_of(bytes: &[u8]) -> PathBuf {
    String::from_utf8_lossy(bytes).into_owned().into()
}

fn mtime(metadata: &Metadata) -> (i64, u32) {
    let Ok(time) = metadata.modified() else {
        return (0, 0);
    };
    match jiff::Timestamp::try_from(time) {
        Ok(time) => (
            time.as_second(),
            u32::try_from(time.subsec_nanosecond()).unwrap_or(0),
        ),
        Err(_) => (0, 0),
    }
}

#[cfg(unix)]
fn inode(metadata: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn inode(_: &Metadata) -> (u64, u64) {
    (0, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_file_is_told_with_what_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("disk");
        fs::write(&path, b"one").unwrap();
        let seen = SourceFile::look(&path).unwrap();
        seen.check().unwrap();
        let stored = serde_json::to_string(&seen).unwrap();
        assert_eq!(serde_json::from_str::<SourceFile>(&stored).unwrap(), seen);
        fs::write(&path, b"three").unwrap();
        let error = seen.check().unwrap_err();
        assert_eq!(error.cause(), Some(Cause::SourceChanged));
        assert_eq!(error.field(), "length");
        fs::remove_file(&path).unwrap();
        assert_eq!(seen.check().unwrap_err().kind(), vmie_io::ErrorKind::Io);
    }

    #[cfg(unix)]
    #[test]
    fn names_that_are_not_text_are_kept() {
        use std::os::unix::ffi::OsStrExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(std::ffi::OsStr::from_bytes(b"d\xff"));
        fs::write(&path, b"x").unwrap();
        let seen = SourceFile::look(&path).unwrap();
        let stored = serde_json::to_string(&seen).unwrap();
        let again: SourceFile = serde_json::from_str(&stored).unwrap();
        assert_eq!(again.path(), path.canonicalize().unwrap());
        again.check().unwrap();
    }
}
