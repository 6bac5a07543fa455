//! Threads that work on orders which stand in the database.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, select};
use postgres::Client;
use vmie_tasks::{Begin, WorkerEvent};

use super::address::{Shared, database, failed};
use super::seat::text;
use super::sql;
use crate::Error;
use crate::engine::hands::{Hands, Word};
use crate::engine::{FAREWELL, RETRY, Work};
use crate::metrics::Metrics;

/// How often it is told how far the work is.
const TELL: Duration = Duration::from_millis(500);

/// What a crew works with.
pub(crate) struct Tools {
    pub(crate) shared: Shared,
    pub(crate) work: Arc<dyn Work>,
    pub(crate) metrics: Arc<Metrics>,
    /// How many disks are converted at a time.
    pub(crate) conversions: usize,
    /// The name of this process, which no other has.
    pub(crate) name: String,
    /// Rings when there may be work.
    pub(crate) bell: Receiver<()>,
}

/// Threads that work, until it is stopped.
#[derive(Debug)]
pub(crate) struct Crew {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Crew {
    pub(crate) fn start(tools: Tools) -> Result<Self, Error> {
        let (stop, stopped) = bounded(1);
        let (work, metrics) = (Arc::clone(&tools.work), Arc::clone(&tools.metrics));
        let mut foreman = Foreman {
            hands: Hands::new(work, metrics, tools.conversions),
            tools,
            bench: None,
            claims: HashMap::new(),
            stopped,
            leaving: None,
            told: Instant::now(),
            renewed: Instant::now(),
        };
        let thread = thread::Builder::new()
            .name("crew".to_owned())
            .spawn(move || foreman.run())
            .map_err(|source| Error::Machine {
                what: "a thread for workers",
                source,
            })?;
        Ok(Self { stop, thread })
    }

    /// Whether it still works.
    pub(crate) fn is_running(&self) -> bool {
        !self.thread.is_finished()
    }

    /// Stops the work under way; others get the orders at once.
    pub(crate) fn stop(self) {
        // A thread that is gone has stopped.
        let _ = self.stop.send(());
        let _ = self.thread.join();
    }
}

/// What the database is to be told of an attempt that it gave to this process.
#[derive(Default)]
struct Claim {
    /// How far it is, when that was not told yet.
    progress: Option<(u64, u64)>,
    /// How it ended, when that was not told yet.
    result: Option<WorkerEvent>,
}

/// The session of a worker. What it says may be lost in a crash of the database: then the claim is
/// lost, too, or the work is done once more.
struct Bench {
    client: Client,
    name: String,
    lease: i64,
}

struct Foreman {
    tools: Tools,
    bench: Option<Bench>,
    /// The threads at work, by the rows of their attempts.
    hands: Hands<i64>,
    /// The attempts whose end is not told yet.
    claims: HashMap<i64, Claim>,
    stopped: Receiver<()>,
    /// Until when the work under way has time to stop.
    leaving: Option<Instant>,
    told: Instant,
    renewed: Instant,
}

impl Foreman {
    fn run(&mut self) {
        loop {
            let is_told = self.listen();
            if let Err(error) = self.turn(is_told) {
                tracing::warn!(%error, "work is not heard of; it is tried again");
                self.bench = None;
                thread::sleep(RETRY);
            }
            if let Some(until) = self.leaving {
                if self.claims.is_empty() {
                    return;
                }
                if Instant::now() >= until {
                    tracing::warn!("workers did not stop in time");
                    return;
                }
            }
        }
    }

    /// Waits for something to do; says whether there may be work.
    fn listen(&mut self) -> bool {
        let wait = match self.claims.is_empty() && self.leaving.is_none() {
            true => self.beat(),
            false => TELL.min(self.beat()),
        };
        let (said, bell, stopped) = (
            self.hands.words().clone(),
            self.tools.bell.clone(),
            self.stopped.clone(),
        );
        let mut is_told = false;
        select! {
            recv(said) -> said => if let Ok(said) = said { self.take(said) },
            recv(bell) -> rung => match rung {
                Ok(()) => is_told = true,
                // Nobody listens any more: it is the end.
                Err(_) => thread::sleep(TELL),
            },
            recv(stopped) -> _ => self.leave(),
            default(wait) => {}
        }
        for said in said.try_iter() {
            self.take(said);
        }
        is_told
    }

    /// How often claims are renewed, and work is looked for although nothing was heard of it.
    fn beat(&self) -> Duration {
        self.tools.shared.beat()
    }

    fn take(&mut self, said: Word<i64>) {
        if said.is_last {
            self.hands.ended(&said.name);
        }
        let Some(claim) = self.claims.get_mut(&said.name) else {
            return;
        };
        match said.event {
            WorkerEvent::Progress { done, total } => claim.progress = Some((done, total)),
            event if said.is_last => claim.result = Some(event),
            // A claim says that it has started.
            _ => {}
        }
    }

    fn leave(&mut self) {
        if self.leaving.is_none() {
            self.leaving = Instant::now().checked_add(FAREWELL);
            self.hands.cancel_all();
        }
    }

    fn turn(&mut self, is_told: bool) -> Result<(), Error> {
        let mut bench = match self.bench.take() {
            Some(bench) => bench,
            None => Bench::open(&self.tools)?,
        };
        let ended = self.tell_results(&mut bench)?;
        if self.told.elapsed() >= TELL {
            self.tell_progress(&mut bench)?;
            self.told = Instant::now();
        }
        let is_time = self.renewed.elapsed() >= self.beat();
        if is_time {
            self.renew(&mut bench)?;
            self.renewed = Instant::now();
        }
        if is_told {
            for row in bench.aborted()? {
                self.hands.cancel(&row);
            }
        }
        if (is_told || is_time || ended) && self.leaving.is_none() {
            self.claim(&mut bench)?;
        }
        self.bench = Some(bench);
        Ok(())
    }

    /// Tells how attempts ended; says whether any did. What was stopped because the process ends is
    /// given back instead.
    fn tell_results(&mut self, bench: &mut Bench) -> Result<bool, Error> {
        let done = self
            .claims
            .iter()
            .filter(|(_, claim)| claim.result.is_some());
        let rows: Vec<i64> = done.map(|(row, _)| *row).collect();
        for row in &rows {
            let Some(claim) = self.claims.get(row) else {
                continue;
            };
            match (&claim.result, self.leaving) {
                (Some(WorkerEvent::Failed(_)), Some(_)) => bench.release(*row)?,
                (Some(event), _) => bench.end(*row, event)?,
                (None, _) => continue,
            }
            self.claims.remove(row);
        }
        Ok(!rows.is_empty())
    }

    fn tell_progress(&mut self, bench: &mut Bench) -> Result<(), Error> {
        let mut said = false;
        for (row, claim) in &mut self.claims {
            if let Some((done, total)) = claim.progress.take() {
                bench.progress(*row, done, total)?;
                said = true;
            }
        }
        match said {
            true => bench.notify(sql::CHAIR),
            false => Ok(()),
        }
    }

    /// Renews the claims. Where there is nothing to renew, another has the order: its work stops.
    fn renew(&mut self, bench: &mut Bench) -> Result<(), Error> {
        for row in self.claims.keys() {
            if bench.renew(*row)? != Some(false) {
                self.hands.cancel(row);
            }
        }
        Ok(())
    }

    fn claim(&mut self, bench: &mut Bench) -> Result<(), Error> {
        let mut claimed = false;
        while self.hands.has_room() {
            let Some((row, begin)) = bench.claim(self.hands.may_convert())? else {
                break;
            };
            claimed = true;
            tracing::debug!(order = %begin.order, attempt = %begin.attempt, "claimed");
            if let Err(error) = self.hands.start(row, begin) {
                tracing::error!(%error, "no thread for an order");
                bench.release(row)?;
                break;
            }
            self.claims.insert(row, Claim::default());
        }
        match claimed {
            true => bench.notify(sql::CHAIR),
            false => Ok(()),
        }
    }
}

impl Bench {
    fn open(tools: &Tools) -> Result<Self, Error> {
        let mut client = tools.shared.connect()?;
        let quick = "SET synchronous_commit = off";
        client.batch_execute(quick).map_err(failed)?;
        Ok(Self {
            client,
            name: tools.name.clone(),
            lease: tools.shared.lease_ms(),
        })
    }

    fn claim(&mut self, may_convert: bool) -> Result<Option<(i64, Begin)>, Error> {
        let row = self
            .client
            .query_opt(sql::CLAIM, &[&self.name, &self.lease, &may_convert])
            .map_err(failed)?;
        let Some(row) = row else { return Ok(None) };
        let begin = serde_json::from_str(row.get(1)).map_err(|_| {
            database("an order cannot be read: this worker is of another version than the server")
        })?;
        Ok(Some((row.get(0), begin)))
    }

    /// Whether the attempt was aborted; `None` when it is over.
    fn renew(&mut self, row: i64) -> Result<Option<bool>, Error> {
        let renewed = self
            .client
            .query_opt(sql::RENEW, &[&row, &self.name, &self.lease])
            .map_err(failed)?;
        Ok(renewed.map(|row| row.get(0)))
    }

    fn aborted(&mut self) -> Result<Vec<i64>, Error> {
        let rows = self
            .client
            .query(sql::ABORTED, &[&self.name])
            .map_err(failed)?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    fn progress(&mut self, row: i64, done: u64, total: u64) -> Result<(), Error> {
        let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        self.client
            .execute(
                sql::PROGRESS,
                &[&row, &self.name, &number(done), &number(total)],
            )
            .map_err(failed)?;
        Ok(())
    }

    /// Says how an attempt ended; of one that is over, nobody hears it.
    fn end(&mut self, row: i64, event: &WorkerEvent) -> Result<(), Error> {
        let result = text(event)?;
        self.client
            .execute(sql::RESULT, &[&row, &self.name, &result])
            .map_err(failed)?;
        self.notify(sql::CHAIR)
    }

    fn release(&mut self, row: i64) -> Result<(), Error> {
        self.client
            .execute(sql::RELEASE, &[&row, &self.name])
            .map_err(failed)?;
        self.notify(sql::CHAIR)
    }

    fn notify(&mut self, channel: &str) -> Result<(), Error> {
        self.client
            .execute(sql::NOTIFY, &[&channel, &""])
            .map_err(failed)?;
        Ok(())
    }
}
