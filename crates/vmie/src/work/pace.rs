//! What a worker says, at a pace that a person and a journal can follow, and how it is stopped.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use vmie_io::{CancelToken, ErrorKind, Extent, ReadAt, ReadError};
use vmie_tasks::WorkerEvent;

/// Reports of progress come no more often than this.
const PROGRESS_EVERY: Duration = Duration::from_millis(200);

/// How a worker tells its host.
pub(super) struct Tell<'a> {
    say: Mutex<&'a mut (dyn FnMut(WorkerEvent) + Send)>,
}

impl<'a> Tell<'a> {
    pub(super) fn new(say: &'a mut (dyn FnMut(WorkerEvent) + Send)) -> Self {
        Self {
            say: Mutex::new(say),
        }
    }

    pub(super) fn say(&self, event: WorkerEvent) {
        let mut say = self.say.lock().unwrap_or_else(PoisonError::into_inner);
        say(event);
    }
}

/// Progress of one piece of work, and the switch that stops its threads: it is thrown when the
/// order is cancelled, and can be thrown without cancelling the order.
pub(super) struct Paced<'a> {
    tell: &'a Tell<'a>,
    order: &'a CancelToken,
    pub(super) threads: CancelToken,
    last: Mutex<Instant>,
}

impl<'a> Paced<'a> {
    pub(super) fn new(tell: &'a Tell<'a>, order: &'a CancelToken) -> Self {
        Self {
            tell,
            order,
            threads: CancelToken::new(),
            last: Mutex::new(Instant::now()),
        }
    }
}

impl vmie_formats::Progress for Paced<'_> {
    fn update(&self, done: u64, total: u64) {
        if self.order.is_cancelled() {
            self.threads.cancel();
        }
        {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            if last.elapsed() < PROGRESS_EVERY {
                return;
            }
            *last = Instant::now();
        }
        self.tell.say(WorkerEvent::Progress { done, total });
    }
}

/// A source whose reads fail once the order is cancelled: what looks into it ends soon, whatever it
/// is looking for.
pub(super) struct Stoppable<R> {
    source: R,
    cancel: CancelToken,
}

impl<R> Stoppable<R> {
    pub(super) fn new(source: R, cancel: &CancelToken) -> Self {
        Self {
            source,
            cancel: cancel.clone(),
        }
    }

    fn go_on(&self, offset: u64) -> Result<(), ReadError> {
        match self.cancel.is_cancelled() {
            true => Err(ReadError::new("source", ErrorKind::Cancelled, offset)),
            false => Ok(()),
        }
    }
}

impl<R: ReadAt> ReadAt for Stoppable<R> {
    fn len(&self) -> u64 {
        self.source.len()
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<(), ReadError> {
        self.go_on(offset)?;
        self.source.read_exact_at(buf, offset)
    }

    fn next_extent(&self, offset: u64) -> Result<Extent, ReadError> {
        self.go_on(offset)?;
        self.source.next_extent(offset)
    }

    fn prefetch(&self, ranges: &[Range<u64>]) {
        self.source.prefetch(ranges);
    }
}
