//! Reads that do not outlast a cancel.
//!
//! The client blocks until there is an answer or its time is over, which is half a minute. So what it does
//! is on a thread of its own, which nobody waits for any more once the order is cancelled: it ends with its
//! request. A request takes so much longer than a thread that this costs nothing.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use vmie_io::{CancelToken, ErrorKind, ReadAt, ReadError};

use crate::{Cause, Error};

/// How often it is looked whether it is cancelled.
const LOOK: Duration = Duration::from_millis(20);

/// Does something that may take long, unless it is cancelled meanwhile.
pub(super) fn meanwhile<T: Send + 'static>(
    cancel: &CancelToken,
    what: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let cancelled = || Err(Error::new(Cause::Cancelled));
    if cancel.is_cancelled() {
        return cancelled();
    }
    let (sender, done) = sync_channel(1);
    let thread = thread::Builder::new().name("address".to_owned());
    // Who waited may have gone.
    let spawned = thread.spawn(move || drop(sender.send(what())));
    spawned.map_err(|error| Error::read("a thread", error))?;
    loop {
        match done.recv_timeout(LOOK) {
            Ok(result) => return result,
            Err(RecvTimeoutError::Timeout) if !cancel.is_cancelled() => {}
            // One that panicked is cancelled, too.
            Err(_) => return cancelled(),
        }
    }
}

/// A source whose reads end when the order is cancelled.
pub(super) struct Impatient<R> {
    source: Arc<R>,
    cancel: CancelToken,
}

impl<R> Impatient<R> {
    pub(super) fn new(source: R, cancel: &CancelToken) -> Self {
        Self {
            source: Arc::new(source),
            cancel: cancel.clone(),
        }
    }
}

impl<R: ReadAt + 'static> ReadAt for Impatient<R> {
    fn len(&self) -> u64 {
        self.source.len()
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<(), ReadError> {
        let (source, mut bytes) = (Arc::clone(&self.source), vec![0; buf.len()]);
        let read = meanwhile(&self.cancel, move || {
            let read = source.read_exact_at(&mut bytes, offset);
            Ok((bytes, read))
        });
        match read {
            Ok((bytes, Ok(()))) => {
                buf.copy_from_slice(&bytes);
                Ok(())
            }
            Ok((_, Err(error))) => Err(error),
            Err(error) if error.cause() == Some(Cause::Cancelled) => {
                Err(ReadError::new("address", ErrorKind::Cancelled, offset))
            }
            Err(error) => {
                let kind = error.kind();
                Err(ReadError::new("address", kind, offset).with_source(error))
            }
        }
    }
}
