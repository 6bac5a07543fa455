//! An object, read in ranges.

use std::ops::Range;
use std::sync::Arc;

use object_store::aws::AmazonS3;
use object_store::path::Path as Key;
use object_store::{GetOptions, GetRange, ObjectStore as _};
use tokio::runtime::Runtime;
use vmie::Error;
use vmie_io::{CancelToken, ErrorKind, ReadAt, ReadError, int};

use super::{failed, wait};

/// One version of an object.
pub(super) struct ObjectSource {
    pub(super) store: Arc<AmazonS3>,
    pub(super) runtime: Arc<Runtime>,
    pub(super) path: Key,
    pub(super) cancel: CancelToken,
    pub(super) len: u64,
    /// Which version it is; another is not read.
    pub(super) tag: Option<String>,
}

impl ObjectSource {
    fn get(&self, range: Range<u64>) -> Result<bytes::Bytes, Error> {
        let options = GetOptions {
            if_match: self.tag.clone(),
            range: Some(GetRange::Bounded(range)),
            ..GetOptions::default()
        };
        wait(&self.runtime, &self.cancel, async {
            let found = self.store.get_opts(&self.path, options).await;
            let read = match found {
                Ok(found) => found.bytes().await,
                Err(error) => Err(error),
            };
            read.map_err(|error| failed("", self.path.as_ref(), error))
        })
    }
}

impl ReadAt for ObjectSource {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<(), ReadError> {
        let end = offset.checked_add(int::u64_of(buf.len()));
        let Some(end) = end.filter(|end| *end <= self.len) else {
            return Err(ReadError::past_end("object", offset, buf.len(), self.len));
        };
        if buf.is_empty() {
            return Ok(());
        }
        let read = self
            .get(offset..end)
            .map_err(|error| ReadError::new("object", error.kind(), offset).with_source(error))?;
        // The endpoint may say one length and send another.
        if read.len() != buf.len() {
            return Err(ReadError::new("object", ErrorKind::Io, offset));
        }
        buf.copy_from_slice(&read);
        Ok(())
    }
}
