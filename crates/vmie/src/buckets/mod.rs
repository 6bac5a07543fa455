//! Where the objects are that a service reads from and writes to: images that are imported, parts
//! that a manifest names, results of exports.

mod address;
mod folder;
mod name;
#[cfg(feature = "web")]
mod web;

use std::fmt;
use std::io::{Read as _, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use vmie_io::{CancelToken, ReadAt};
use vmie_tasks::{SourceUrl, Tag};

pub use self::address::split_url;
pub use self::folder::FolderBuckets;
pub use self::name::{check_bucket, check_key};
#[cfg(feature = "web")]
pub use self::web::{AllowedHost, WebAddresses, WebOptions, trusted_roots};
use crate::{Cause, Error};

/// Bytes of a file that are handed on at a time.
const CHUNK: usize = 1 << 20;

/// An object that is open for reading.
#[derive(Clone)]
pub struct Object {
    /// What errors call it; its last part is taken for a file's name. Never a signed address
    /// (SVC-SEC-3).
    pub name: PathBuf,
    /// Its bytes. Whatever is read is of one version of the object.
    pub source: Arc<dyn ReadAt>,
    /// Which version it is; `None` where that cannot be told.
    pub version: Option<String>,
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Object")
            .field("name", &self.name)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// What is known of an object without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectHead {
    /// Its key.
    pub key: String,
    /// Its length in bytes.
    pub len: u64,
    /// Which version it is: another text for another content; `None` where that cannot be told.
    pub version: Option<String>,
}

/// An object that is being written, from front to back. When it is dropped without
/// [`finish`](Self::finish), there is nothing.
pub trait ObjectWriter: Write + Send {
    /// Makes the object visible, in place of one that has its key, and durable.
    ///
    /// # Errors
    /// When it cannot be made visible.
    fn finish(self: Box<Self>) -> Result<(), Error>;
}

/// Buckets with objects. Names come from requests: an implementation takes them for hostile.
///
/// An object is absent or whole, whatever happens to the process that writes it. Errors of the store
/// carry an [`std::io::Error`] as their source: its kind decides whether another attempt makes
/// sense, and [`PermissionDenied`](std::io::ErrorKind::PermissionDenied) is told to the user as the
/// service tells it (SVC-ERR-31).
pub trait Buckets: Send + Sync + fmt::Debug {
    /// Opens an object for reads at offsets. When `cancel` is thrown, what waits for a slow store, here or
    /// in a read, ends soon.
    ///
    /// # Errors
    /// [`Cause::NoSuchObject`], [`Cause::BucketName`], [`Cause::KeyEscapes`], [`Cause::Cancelled`], or why
    /// it cannot be read.
    fn open(&self, bucket: &str, key: &str, cancel: &CancelToken) -> Result<Object, Error>;

    /// What is known of an object; `None` when there is none.
    ///
    /// # Errors
    /// As [`open`](Self::open), except that an object that is not there is none.
    fn head(&self, bucket: &str, key: &str) -> Result<Option<ObjectHead>, Error>;

    /// Begins to write an object.
    ///
    /// # Errors
    /// When the bucket is not there or may not be written.
    fn create(&self, bucket: &str, key: &str) -> Result<Box<dyn ObjectWriter>, Error>;

    /// Removes an object, and what writers that were killed have left of it; one that is not there
    /// is fine.
    ///
    /// # Errors
    /// When it may not or cannot be removed.
    fn delete(&self, bucket: &str, key: &str) -> Result<(), Error>;

    /// The objects whose keys begin with `prefix` and come after `after`, in the order of their keys'
    /// bytes, at most `limit` of them.
    ///
    /// # Errors
    /// When the bucket is not there or may not be read.
    fn list(
        &self,
        bucket: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<ObjectHead>, Error>;

    /// Makes an object of a file. Afterwards the file may be gone, and must not be written to. What earlier calls for
    /// the same object have not finished is given up: one attempt at a time is listened to.
    ///
    /// # Errors
    /// As [`create`](Self::create); [`Cause::Cancelled`].
    fn put_file(
        &self,
        bucket: &str,
        key: &str,
        file: &Path,
        cancel: &CancelToken,
    ) -> Result<(), Error> {
        let mut writer = self.create(bucket, key)?;
        let mut from = std::fs::File::open(file).map_err(|error| Error::read(file, error))?;
        let mut buf = vec![0; CHUNK];
        loop {
            if cancel.is_cancelled() {
                return Err(Error::new(Cause::Cancelled));
            }
            let n = match from.read(&mut buf) {
                Ok(0) => return writer.finish(),
                Ok(n) => n,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Error::read(file, error)),
            };
            let all = buf.get(..n).unwrap_or_default();
            writer
                .write_all(all)
                .map_err(|error| Error::write(shown(bucket, key), error))?;
        }
    }

    /// Gives an object tags, where objects have such.
    ///
    /// # Errors
    /// When that is not permitted.
    fn tag(&self, bucket: &str, key: &str, tags: &[Tag]) -> Result<(), Error> {
        let _ = (bucket, key, tags);
        Ok(())
    }
}

/// What signed addresses lead to: whole images (`Url` of a request), import manifests and their
/// parts. Addresses are secrets; they must be in no error and no log (SVC-SEC-3).
pub trait Addresses: Send + Sync + fmt::Debug {
    /// Opens what is there for reads at offsets. When `cancel` is thrown, what waits for an answer, here
    /// or in a read, ends soon.
    ///
    /// # Errors
    /// [`Cause::NoSuchObject`], [`Cause::NotLocal`] for an address that is not allowed,
    /// [`Cause::Cancelled`], or why it cannot be read.
    fn open(&self, url: &SourceUrl, cancel: &CancelToken) -> Result<Object, Error>;

    /// The length of what is there; `None` when nothing is, or when that may not be seen.
    ///
    /// # Errors
    /// As [`open`](Self::open), except that nothing being there is none.
    fn head(&self, url: &SourceUrl, cancel: &CancelToken) -> Result<Option<u64>, Error>;

    /// Removes what is there; nothing being there is fine.
    ///
    /// # Errors
    /// When it may not or cannot be removed.
    fn delete(&self, url: &SourceUrl) -> Result<(), Error>;
}

/// No address leads anywhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoAddresses;

impl Addresses for NoAddresses {
    fn open(&self, _: &SourceUrl, _: &CancelToken) -> Result<Object, Error> {
        Err(address::not_local())
    }
    fn head(&self, _: &SourceUrl, _: &CancelToken) -> Result<Option<u64>, Error> {
        Err(address::not_local())
    }
    fn delete(&self, _: &SourceUrl) -> Result<(), Error> {
        Err(address::not_local())
    }
}

/// What errors call an object.
pub(crate) fn shown(bucket: &str, key: &str) -> PathBuf {
    PathBuf::from(format!("s3://{bucket}/{key}"))
}

/// There is no object of that name.
pub(crate) fn no_such_object(bucket: &str, key: &str) -> Error {
    Error::new(Cause::NoSuchObject).in_file(shown(bucket, key))
}
