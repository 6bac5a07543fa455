//! The thread of a server that turns the engine while it has the chair, and hands calls to whoever
//! has it otherwise.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, select};
use vmie_tasks::Config;

use super::address::Shared;
use super::chair::Chair;
use super::ear::Ear;
use super::front::Front;
use super::seat::Seat;
use crate::Error;
use crate::engine::{BATCH, Desk, Input, RETRY, Scene, Work, staffed, until};
use crate::metrics::Metrics;

/// How often replies are looked for although nothing was heard of them.
const LOOK: Duration = Duration::from_secs(1);

/// What the thread is made of.
pub(crate) struct Settings {
    pub(crate) config: Config,
    pub(crate) scene: Scene,
    pub(crate) shared: Shared,
    pub(crate) work: Arc<dyn Work>,
    pub(crate) metrics: Arc<Metrics>,
    /// The name of this server, which no other process has.
    pub(crate) name: String,
}

/// Starts the thread. The database has to be there at the start, and may go away later.
pub(crate) fn start(
    settings: Settings,
    ear: Ear,
) -> Result<(Desk, JoinHandle<Result<(), Error>>), Error> {
    let open = |inputs| {
        let shared = settings.shared.clone();
        let candidate = Candidate::start(&shared)?;
        let front = Front::new(shared, settings.name.clone());
        Ok(Office {
            settings,
            ear,
            candidate,
            front,
            inputs,
            is_stopping: false,
        })
    };
    staffed(open, Office::run)
}

/// A thread that waits for the chair.
struct Candidate {
    seats: Receiver<Seat>,
    again: Sender<()>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Candidate {
    fn start(shared: &Shared) -> Result<Self, Error> {
        let (sender, seats) = bounded(0);
        let (again, next) = bounded(1);
        let stop = Arc::new(AtomicBool::new(false));
        let (shared, stopped) = (shared.clone(), Arc::clone(&stop));
        let thread = thread::Builder::new()
            .name("candidate".to_owned())
            .spawn(move || {
                while !stopped.load(Ordering::Relaxed) {
                    let seat = match Seat::wait(&shared, &stopped) {
                        Ok(Some(seat)) => seat,
                        Ok(None) => return,
                        Err(error) => {
                            tracing::warn!(%error, "the chair cannot be waited for; it is tried again");
                            thread::sleep(RETRY);
                            continue;
                        }
                    };
                    // It waits for the next time when it has handed the seat over.
                    if sender.send(seat).is_err() || next.recv().is_err() {
                        return;
                    }
                }
            })
            .map_err(|source| Error::Machine {
                what: "a thread that waits",
                source,
            })?;
        Ok(Self {
            seats,
            again,
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Candidate {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // A seat that is handed over now is dropped with the channels.
        (_, self.seats) = bounded(0);
        (self.again, _) = bounded(0);
        if let Some(thread) = self.thread.take() {
            // It does not panic.
            let _ = thread.join();
        }
    }
}

struct Office {
    settings: Settings,
    ear: Ear,
    candidate: Candidate,
    front: Front,
    inputs: Receiver<Input>,
    is_stopping: bool,
}

impl Office {
    fn run(&mut self) -> Result<(), Error> {
        while !self.is_stopping {
            let Some(seat) = self.wait() else { break };
            let done = self.preside(seat);
            self.failing(done.is_err());
            match done {
                Err(error) if error.is_corrupt() => return Err(error),
                Err(error) => {
                    tracing::warn!(%error, "this server gave up the chair");
                    thread::sleep(RETRY);
                }
                Ok(()) => break,
            }
            // A thread that is gone waits for nothing.
            let _ = self.candidate.again.send(());
        }
        Ok(())
    }

    /// Hands calls on until there is a seat, or it is to stop.
    fn wait(&mut self) -> Option<Seat> {
        let (inputs, seats) = (self.inputs.clone(), self.candidate.seats.clone());
        let replies = self.ear.replies.clone();
        loop {
            select! {
                recv(seats) -> seat => match seat {
                    Ok(seat) => return Some(seat),
                    Err(_) => return None,
                },
                recv(inputs) -> input => {
                    let mut batch: Vec<Input> = input.into_iter().collect();
                    self.is_stopping |= batch.is_empty();
                    batch.extend(inputs.try_iter().take(BATCH));
                    self.is_stopping |= batch.iter().any(|input| matches!(input, Input::Stop));
                    let sent = self.front.send(batch);
                    self.note(sent, "calls cannot be handed on");
                }
                recv(replies) -> _ => self.collect(true),
                default(LOOK) => self.collect(false),
            }
            if self.is_stopping {
                return None;
            }
        }
    }

    fn collect(&mut self, are_there: bool) {
        let collected = self.front.collect(are_there);
        self.note(collected, "replies cannot be fetched");
    }

    fn note(&self, done: Result<(), Error>, what: &str) {
        self.failing(done.is_err());
        if let Err(error) = done {
            tracing::warn!(%error, what, "the shared state");
        }
    }

    fn failing(&self, failing: bool) {
        let metrics = &self.settings.metrics;
        metrics.state_failing.store(failing, Ordering::Relaxed);
    }

    /// Turns the engine until the chair is lost, or it is to stop.
    fn preside(&mut self, seat: Seat) -> Result<(), Error> {
        let lease = self.settings.shared.lease();
        let beat = self.settings.shared.beat();
        let mut chair = Chair::take(seat, &self.settings)?;
        self.failing(false);
        let (mut looked, mut tidied) = (None::<Instant>, Instant::now());
        while !self.is_stopping {
            let is_told = self.take_batch(&mut chair, beat);
            if is_told || looked.is_none_or(|looked| looked.elapsed() >= beat) {
                chair.look()?;
                looked = Some(Instant::now());
            }
            chair.settle()?;
            if tidied.elapsed() >= lease {
                chair.tidy()?;
                tidied = Instant::now();
            }
        }
        Ok(())
    }

    /// Waits for something to do, and takes what else is there. Says whether there is something to
    /// look for in the database.
    fn take_batch(&mut self, chair: &mut Chair, beat: Duration) -> bool {
        let wait = chair.wake_at().map_or(beat, |at| until(at).min(beat));
        let (inputs, news, replies) = (
            self.inputs.clone(),
            self.ear.chair.clone(),
            self.ear.replies.clone(),
        );
        let mut is_told = false;
        select! {
            recv(inputs) -> input => match input {
                Ok(input) => self.take(chair, input),
                Err(_) => self.is_stopping = true,
            },
            recv(news) -> _ => is_told = true,
            // To calls from the time before.
            recv(replies) -> _ => self.collect(true),
            default(wait) => {}
        }
        for input in inputs.try_iter().take(BATCH) {
            self.take(chair, input);
        }
        is_told
    }

    fn take(&mut self, chair: &mut Chair, input: Input) {
        match input {
            Input::Call { call, answer } => chair.call(*call, answer),
            Input::Overview { most, answer } => chair.overview(most, answer),
            Input::Stop => self.is_stopping = true,
        }
    }
}
