//! Buckets at an endpoint that speaks S3, through the crate `object_store`.
//!
//! What is imported is read in ranges, each of one version of the object (`If-Match`). What is exported
//! is uploaded in parts, and only the last request makes it visible. An upload that a killed process left is
//! given up with the next attempt at its object, and with the end of its task: then a process that wakes up
//! late has nothing to complete any more.
//!
//! The crate is asynchronous and brings an HTTP client of its own; here requests go through the client that
//! signed addresses are fetched with ([`wire`]), which speaks TLS by the same library as the service.

mod source;
mod upload;
mod uploads;
mod wire;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder, AwsCredential};
use object_store::path::Path as Key;
use object_store::{ObjectStore as _, ObjectStoreExt as _, RetryConfig};
use tokio::runtime::Runtime;
use vmie::work::{Buckets, Object, ObjectHead, ObjectWriter, check_bucket, check_key};
use vmie::{Cause, Error};
use vmie_io::{BlockCache, CancelToken, Fault};
use vmie_tasks::Tag;

use self::source::ObjectSource;
use self::upload::Upload;
pub use self::wire::Requests;
use self::wire::Wire;
use crate::sigv4::Secret;

/// Bytes that are read at a time, and that are kept of an object.
const BLOCK: u32 = 1 << 20;
const KEPT: usize = 32 << 20;
/// How often a request is sent again, and for how long.
const RETRIES: usize = 4;
const RETRY_TIME: Duration = Duration::from_secs(60);
/// How often it is looked whether an upload is to stop.
const LOOK: Duration = Duration::from_millis(50);

/// Where buckets are, and who asks for them.
#[derive(Clone, Debug)]
pub struct ObjectEndpoint {
    /// `https://s3.eu-central-1.amazonaws.com`, `http://127.0.0.1:9000`.
    pub url: String,
    /// The Region that requests are signed for.
    pub region: String,
    /// The id of the access key.
    pub access_key_id: String,
    /// The secret of the access key.
    pub secret_access_key: Secret,
    /// The token that goes with a temporary key.
    pub session_token: Option<Secret>,
    /// Whether a bucket is a part of the host's name, and not the first part of the path.
    pub virtual_hosted: bool,
    /// Certificates to trust, in PEM, in place of those that browsers do.
    pub roots: Option<Vec<u8>>,
}

/// Buckets at an endpoint.
pub struct ObjectBuckets {
    endpoint: ObjectEndpoint,
    wire: Wire,
    runtime: Arc<Runtime>,
    stores: Mutex<HashMap<String, Arc<AmazonS3>>>,
}

impl fmt::Debug for ObjectBuckets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectBuckets")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

impl ObjectBuckets {
    /// Buckets at this endpoint. Nothing is asked of it yet.
    ///
    /// # Errors
    /// When the certificates are none, or the machine has no thread.
    pub fn new(endpoint: ObjectEndpoint) -> Result<Self, Error> {
        let wire = Wire::new(endpoint.roots.as_deref())?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("objects")
            .enable_all()
            .build()
            .map_err(|error| Error::read(&endpoint.url, error))?;
        Ok(Self {
            endpoint,
            wire,
            runtime: Arc::new(runtime),
            stores: Mutex::default(),
        })
    }

    /// The requests so far.
    #[must_use]
    pub fn requests(&self) -> Requests {
        self.wire.requests()
    }

    fn credential(&self) -> AwsCredential {
        let token = self.endpoint.session_token.as_ref();
        AwsCredential {
            key_id: self.endpoint.access_key_id.clone(),
            secret_key: self.endpoint.secret_access_key.reveal().to_owned(),
            token: token.map(|token| token.reveal().to_owned()),
        }
    }

    /// The address of a bucket.
    fn address(&self, bucket: &str) -> String {
        let url = self.endpoint.url.trim_end_matches('/');
        match url.split_once("://") {
            Some((scheme, host)) if self.endpoint.virtual_hosted => {
                format!("{scheme}://{bucket}.{host}")
            }
            _ => format!("{url}/{bucket}"),
        }
    }

    fn store(&self, bucket: &str) -> Result<Arc<AmazonS3>, Error> {
        check_bucket(bucket)?;
        let mut stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = stores.get(bucket) {
            return Ok(Arc::clone(store));
        }
        let url = match self.endpoint.virtual_hosted {
            true => self.address(bucket),
            false => self.endpoint.url.trim_end_matches('/').to_owned(),
        };
        let credential = self.credential();
        let mut builder = AmazonS3Builder::new()
            .with_endpoint(&url)
            .with_allow_http(url.starts_with("http://"))
            .with_region(&self.endpoint.region)
            .with_bucket_name(bucket)
            .with_access_key_id(credential.key_id)
            .with_secret_access_key(credential.secret_key)
            .with_virtual_hosted_style_request(self.endpoint.virtual_hosted)
            .with_retry(RetryConfig {
                max_retries: RETRIES,
                retry_timeout: RETRY_TIME,
                ..RetryConfig::default()
            })
            .with_http_connector(self.wire.clone());
        if let Some(token) = credential.token {
            builder = builder.with_token(token);
        }
        let store = builder.build().map_err(|error| failed(bucket, "", error))?;
        let store = Arc::new(store);
        // A world names few buckets; a request can name any.
        if stores.len() >= 1000 {
            stores.clear();
        }
        stores.insert(bucket.to_owned(), Arc::clone(&store));
        Ok(store)
    }
}

/// Waits for what is asked, unless it is cancelled meanwhile.
fn wait<T>(
    runtime: &Runtime,
    cancel: &CancelToken,
    asked: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    runtime.block_on(async {
        tokio::pin!(asked);
        loop {
            tokio::select! {
                done = &mut asked => return done,
                () = tokio::time::sleep(LOOK) => if cancel.is_cancelled() {
                    return Err(Error::new(Cause::Cancelled));
                },
            }
        }
    })
}

impl Buckets for ObjectBuckets {
    fn open(&self, bucket: &str, key: &str, cancel: &CancelToken) -> Result<Object, Error> {
        let (store, path) = (self.store(bucket)?, path(key)?);
        let found = wait(&self.runtime, cancel, async {
            let found = store.head(&path).await;
            found.map_err(|error| failed(bucket, key, error))
        })?;
        let name = shown(bucket, key);
        let source = ObjectSource {
            store,
            runtime: Arc::clone(&self.runtime),
            path,
            cancel: cancel.clone(),
            len: found.size,
            tag: found.e_tag.clone(),
        };
        Ok(Object {
            name,
            source: Arc::new(BlockCache::new(source, BLOCK, KEPT)),
            version: found.e_tag,
        })
    }

    fn head(&self, bucket: &str, key: &str) -> Result<Option<ObjectHead>, Error> {
        let (store, path) = (self.store(bucket)?, path(key)?);
        match self.runtime.block_on(store.head(&path)) {
            Ok(found) => Ok(Some(ObjectHead {
                key: key.to_owned(),
                len: found.size,
                version: found.e_tag,
            })),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed(bucket, key, error)),
        }
    }

    fn create(&self, bucket: &str, key: &str) -> Result<Box<dyn ObjectWriter>, Error> {
        self.abort_uploads(bucket, key)?;
        Ok(Box::new(Upload::begin(self, bucket, key)?))
    }

    fn delete(&self, bucket: &str, key: &str) -> Result<(), Error> {
        let (store, path) = (self.store(bucket)?, path(key)?);
        // Uploads first: none can be completed after the object is gone.
        self.abort_uploads(bucket, key)?;
        match self.runtime.block_on(store.delete(&path)) {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed(bucket, key, error)),
        }
    }

    fn list(
        &self,
        bucket: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<ObjectHead>, Error> {
        let store = self.store(bucket)?;
        // Prefixes of the crate are whole parts of a path.
        let parent = match prefix.rsplit_once('/') {
            Some((parent, _)) => Some(path(parent)?),
            None => None,
        };
        let after = after.map(path).transpose()?;
        let listed = async {
            let mut stream = match &after {
                Some(after) => store.list_with_offset(parent.as_ref(), after),
                None => store.list(parent.as_ref()),
            };
            let mut found = Vec::new();
            while found.len() < limit {
                let next = std::future::poll_fn(|cx| stream.as_mut().poll_next(cx)).await;
                let Some(one) = next.transpose()? else { break };
                if one.location.as_ref().starts_with(prefix) {
                    found.push(ObjectHead {
                        key: one.location.to_string(),
                        len: one.size,
                        version: one.e_tag,
                    });
                }
            }
            Ok(found)
        };
        let listed = self.runtime.block_on(listed);
        listed.map_err(|error| failed(bucket, prefix, error))
    }

    fn put_file(
        &self,
        bucket: &str,
        key: &str,
        file: &Path,
        cancel: &CancelToken,
    ) -> Result<(), Error> {
        self.abort_uploads(bucket, key)?;
        upload::file(self, (bucket, key), file, cancel)
    }

    fn tag(&self, bucket: &str, key: &str, tags: &[Tag]) -> Result<(), Error> {
        self.put_tags(bucket, key, tags)
    }
}

/// What errors call an object.
fn shown(bucket: &str, key: &str) -> PathBuf {
    PathBuf::from(format!("s3://{bucket}/{key}"))
}

/// A key as the crate has it. It would take a slash at the start or the end away, so that another object would be
/// meant.
fn path(key: &str) -> Result<Key, Error> {
    check_key(key)?;
    Key::parse(key).map_err(|_| {
        let fault = Fault::new(Cause::KeyEscapes).in_structure("address");
        fault.field("key").found(key).into()
    })
}

/// What an error of the crate is here.
fn failed(bucket: &str, key: &str, error: object_store::Error) -> Error {
    use object_store::Error as Told;
    let kind = match &error {
        Told::NotFound { .. } => {
            return Error::new(Cause::NoSuchObject).in_file(shown(bucket, key));
        }
        Told::Precondition { .. } => {
            return Error::new(Cause::SourceChanged).in_file(shown(bucket, key));
        }
        Told::PermissionDenied { .. } | Told::Unauthenticated { .. } => {
            io::ErrorKind::PermissionDenied
        }
        // It was tried again already, for a while.
        Told::Generic { .. } => io::ErrorKind::ResourceBusy,
        _ => io::ErrorKind::Other,
    };
    Error::read(shown(bucket, key), io::Error::new(kind, error))
}
