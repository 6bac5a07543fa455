//! Uploads in parts.

use std::fs::File;
use std::io::{self, Read as _, Write};
use std::path::Path;
use std::sync::Arc;

use object_store::aws::AmazonS3;
use object_store::multipart::{MultipartStore as _, PartId};
use object_store::path::Path as Key;
use object_store::{MultipartId, PutPayload};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use vmie::work::ObjectWriter;
use vmie::{Cause, Error};
use vmie_io::{CancelToken, int};

use super::{ObjectBuckets, failed, path, shown, wait};

/// The least that a part has, but for the last one.
const PART: u64 = 8 << 20;
/// The most parts of an upload.
const MAX_PARTS: u64 = 10_000;
/// How many parts are on their way at a time.
const AT_A_TIME: usize = 3;
/// After so many parts of an upload whose length is not known, parts are twice as long.
const STEP: usize = 1000;

/// An upload that was begun. When it is dropped before its end, it is given up.
pub(super) struct Upload {
    store: Arc<AmazonS3>,
    runtime: Arc<Runtime>,
    name: (String, String),
    path: Key,
    id: MultipartId,
    parts: Vec<PartId>,
    pending: Vec<u8>,
    is_over: bool,
}

impl Upload {
    pub(super) fn begin(buckets: &ObjectBuckets, bucket: &str, key: &str) -> Result<Self, Error> {
        let (store, path) = (buckets.store(bucket)?, path(key)?);
        let begun = buckets.runtime.block_on(store.create_multipart(&path));
        let id = begun.map_err(|error| failed(bucket, key, error))?;
        Ok(Self {
            store,
            runtime: Arc::clone(&buckets.runtime),
            name: (bucket.to_owned(), key.to_owned()),
            path,
            id,
            parts: Vec::new(),
            pending: Vec::new(),
            is_over: false,
        })
    }

    fn failed(&self, error: object_store::Error) -> Error {
        failed(&self.name.0, &self.name.1, error)
    }

    /// How long the next part of an upload is whose length is not known.
    fn next_len(&self) -> usize {
        let doublings = self.parts.len().checked_div(STEP).unwrap_or(0);
        let doublings = u32::try_from(doublings).unwrap_or(u32::MAX);
        int::usize_of(PART.checked_shl(doublings).unwrap_or(PART))
    }

    fn put(&mut self, content: Vec<u8>) -> Result<(), Error> {
        let number = self.parts.len();
        let put = self
            .store
            .put_part(&self.path, &self.id, number, content.into());
        let part = self.runtime.block_on(put);
        let part = part.map_err(|error| self.failed(error))?;
        self.parts.push(part);
        Ok(())
    }

    async fn complete(&mut self) -> Result<(), Error> {
        let parts = std::mem::take(&mut self.parts);
        let done = self.store.complete_multipart(&self.path, &self.id, parts);
        match done.await {
            Ok(_) => {
                self.is_over = true;
                Ok(())
            }
            Err(error) => Err(self.failed(error)),
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let abort = self.store.abort_multipart(&self.path, &self.id);
        if let Err(error) = self.runtime.block_on(abort) {
            // The next attempt at the object, or the end of its task, gives it up.
            tracing::debug!(%error, "an upload cannot be given up");
        }
    }
}

impl Write for Upload {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.pending.extend_from_slice(buf);
        let len = self.next_len();
        while self.pending.len() >= len {
            let rest = self.pending.split_off(len);
            let part = std::mem::replace(&mut self.pending, rest);
            self.put(part).map_err(io::Error::other)?;
        }
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl ObjectWriter for Upload {
    fn finish(mut self: Box<Self>) -> Result<(), Error> {
        let last = std::mem::take(&mut self.pending);
        if !last.is_empty() || self.parts.is_empty() {
            self.put(last)?;
        }
        let runtime = Arc::clone(&self.runtime);
        runtime.block_on(self.complete())
    }
}

/// Uploads a file, several parts at a time.
pub(super) fn file(
    buckets: &ObjectBuckets,
    (bucket, key): (&str, &str),
    file: &Path,
    cancel: &CancelToken,
) -> Result<(), Error> {
    let unread = |error| Error::read(file, error);
    let mut from = File::open(file).map_err(unread)?;
    let len = from.metadata().map_err(unread)?.len();
    let part = part_len(len);
    let mut upload = Upload::begin(buckets, bucket, key)?;
    let numbers = 0..int::usize_of(len.div_ceil(part).max(1));
    wait(&buckets.runtime, cancel, async {
        let (mut on_their_way, mut done) = (JoinSet::new(), Vec::new());
        for number in numbers {
            if on_their_way.len() >= AT_A_TIME {
                take(on_their_way.join_next().await, &mut done, (bucket, key))?;
            }
            let mut content = Vec::new();
            (&mut from)
                .take(part)
                .read_to_end(&mut content)
                .map_err(unread)?;
            let (store, path, id) = (
                Arc::clone(&upload.store),
                upload.path.clone(),
                upload.id.clone(),
            );
            on_their_way.spawn(async move {
                let content = PutPayload::from(content);
                let part = store.put_part(&path, &id, number, content).await;
                part.map(|part| (number, part))
            });
        }
        while let Some(one) = on_their_way.join_next().await {
            take(Some(one), &mut done, (bucket, key))?;
        }
        done.sort_by_key(|(number, _)| *number);
        upload.parts = done.into_iter().map(|(_, part)| part).collect();
        Ok(())
    })?;
    // An attempt that is over lost its file; what it says is not listened to, and it makes nothing visible.
    if !file.exists() || cancel.is_cancelled() {
        return Err(Error::new(Cause::Cancelled).in_file(shown(bucket, key)));
    }
    buckets.runtime.block_on(upload.complete())
}

type Sent = Result<Result<(usize, PartId), object_store::Error>, tokio::task::JoinError>;

fn take(
    sent: Option<Sent>,
    done: &mut Vec<(usize, PartId)>,
    (bucket, key): (&str, &str),
) -> Result<(), Error> {
    match sent {
        Some(Ok(Ok(part))) => done.push(part),
        Some(Ok(Err(error))) => return Err(failed(bucket, key, error)),
        Some(Err(error)) => {
            return Err(Error::write(shown(bucket, key), io::Error::other(error)));
        }
        None => {}
    }
    Ok(())
}

/// Parts of one length, so that there are not too many.
fn part_len(len: u64) -> u64 {
    let least = len.div_ceil(MAX_PARTS);
    least.next_multiple_of(1 << 20).max(PART)
}

#[cfg(test)]
pub(super) fn part_len_of(len: u64) -> u64 {
    part_len(len)
}
