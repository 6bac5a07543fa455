//! Who is told when there is something to do: the database's notifications.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use postgres::Client;
use postgres::fallible_iterator::FallibleIterator as _;

use super::address::{Shared, database, failed};
use super::sql;
use crate::Error;

/// How often it is looked whether to stop.
const LOOK: Duration = Duration::from_millis(250);
/// How long it waits after a failure.
const PAUSE: Duration = Duration::from_millis(500);

/// A thread that listens. What it misses while there is no session is made up for: everybody is told
/// to look when there is one again.
#[derive(Debug)]
pub(crate) struct Ear {
    /// For whoever has the chair.
    pub(super) chair: Receiver<()>,
    /// For a server that waits for replies.
    pub(super) replies: Receiver<()>,
    /// For workers.
    work: Receiver<()>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

struct Bells {
    chair: Sender<()>,
    replies: Sender<()>,
    work: Sender<()>,
}

impl Ear {
    /// The bell of workers.
    pub(crate) fn work(&self) -> Receiver<()> {
        self.work.clone()
    }

    /// Listens; of replies, for those to `server`.
    pub(crate) fn start(shared: &Shared, server: &str) -> Result<Self, Error> {
        // A bell that rings already need not ring twice.
        let ((chair, a), (replies, b), (work, c)) = (bounded(1), bounded(1), bounded(1));
        let bells = Bells {
            chair,
            replies,
            work,
        };
        let stop = Arc::new(AtomicBool::new(false));
        let (shared, server, stopped) = (shared.clone(), server.to_owned(), Arc::clone(&stop));
        let thread = thread::Builder::new()
            .name("ear".to_owned())
            .spawn(move || {
                while !stopped.load(Ordering::Relaxed) {
                    if let Err(error) = listen(&shared, &server, &bells, &stopped) {
                        tracing::warn!(%error, "nothing is heard of the shared state; it is tried again");
                        thread::sleep(PAUSE);
                    }
                }
            })
            .map_err(|source| Error::Machine {
                what: "a thread that listens",
                source,
            })?;
        Ok(Self {
            chair: a,
            replies: b,
            work: c,
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It does not panic.
            let _ = thread.join();
        }
    }
}

fn listen(shared: &Shared, server: &str, bells: &Bells, stop: &AtomicBool) -> Result<(), Error> {
    let mut client = shared.connect()?;
    for channel in [sql::CHAIR, sql::REPLIES, sql::WORK] {
        client
            .batch_execute(&format!("LISTEN {channel}"))
            .map_err(failed)?;
    }
    for bell in [&bells.chair, &bells.replies, &bells.work] {
        ring(bell);
    }
    while !stop.load(Ordering::Relaxed) {
        hear(&mut client, server, bells)?;
        if client.is_closed() {
            return Err(database("the session was ended"));
        }
    }
    Ok(())
}

fn hear(client: &mut Client, server: &str, bells: &Bells) -> Result<(), Error> {
    let mut heard = client.notifications();
    let mut heard = heard.timeout_iter(LOOK);
    while let Some(one) = heard.next().map_err(failed)? {
        match one.channel() {
            sql::CHAIR => ring(&bells.chair),
            sql::REPLIES if one.payload() == server => ring(&bells.replies),
            sql::WORK => ring(&bells.work),
            _ => {}
        }
    }
    Ok(())
}

fn ring(bell: &Sender<()>) {
    // It rings already, or nobody is there.
    let _ = bell.try_send(());
}
