//! The engine, in the process that has the chair.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use tokio::sync::oneshot;
use vmie_rules::api::ApiCode;
use vmie_tasks::{
    ApiCall, ApiError, Attempt, Change, Engine, OrderId, Output, Record, RecordKey, ReportError,
    RequestId, Timestamp, WorkerEvent,
};

use super::front::{Question, Reply};
use super::office::Settings;
use super::seat::{Letter, News, Seat, Turn, text};
use crate::engine::{Answer, Found, Overview, Scene, Work, log, overview};
use crate::metrics::Metrics;
use crate::state::State as _;
use crate::{Error, random};

/// Where an answer goes.
enum To<T> {
    /// To a client of this server.
    Here(oneshot::Sender<T>),
    /// To another server: the call and the server.
    There { id: String, server: String },
}

/// An overview that waits for replies.
struct Asked {
    overview: Overview,
    asked: Vec<RequestId>,
    to: To<Overview>,
}

/// How much of an attempt the engine has heard.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Heard {
    done: u64,
    total: u64,
}

/// What goes out once the turn is durable.
#[derive(Default)]
struct Outgoing {
    answers: Vec<(oneshot::Sender<Answer>, Answer)>,
    overviews: Vec<(oneshot::Sender<Overview>, Overview)>,
}

/// The engine and the seat that it is turned from. Dropping it gives the chair up.
pub(super) struct Chair {
    seat: Seat,
    engine: Engine<Scene>,
    work: Arc<dyn Work>,
    metrics: Arc<Metrics>,
    turn: Turn,
    answers: HashMap<RequestId, To<Answer>>,
    overviews: Vec<Asked>,
    heard: HashMap<i64, Heard>,
    wake_at: Option<Timestamp>,
}

impl Chair {
    /// Takes the engine up where the last one had it.
    pub(super) fn take(mut seat: Seat, settings: &Settings) -> Result<Self, Error> {
        let running = seat.running()?;
        let records = seat.load()?;
        let known: HashSet<RecordKey> = records.iter().map(Record::key).collect();
        let puts = records
            .iter()
            .filter(|record| record.key() != RecordKey::Engine);
        let puts: Vec<Change> = puts
            .map(|record| Change::Put {
                record: record.clone(),
            })
            .collect();
        let goes_on =
            |order: &OrderId, attempt: Attempt| running.contains(&(order.clone(), attempt));
        let (config, seed) = (settings.config, random::seed()?);
        let engine = Engine::restore_beside(config, seed, settings.scene.clone(), records, goes_on)
            .map_err(|error| Error::Corrupt {
                path: "the shared state".into(),
                what: error.to_string(),
            })?;
        let mut chair = Self {
            seat,
            engine,
            work: Arc::clone(&settings.work),
            metrics: Arc::clone(&settings.metrics),
            turn: Turn::default(),
            answers: HashMap::new(),
            overviews: Vec::new(),
            heard: HashMap::new(),
            wake_at: None,
        };
        chair.work.settle(&puts)?;
        chair.sweep(&known)?;
        chair.settle()?;
        let tasks = chair.engine.tasks().count();
        tracing::info!(tasks, running = running.len(), "this server has the chair");
        Ok(chair)
    }

    /// When the engine wants to be woken.
    pub(super) fn wake_at(&self) -> Option<Timestamp> {
        self.wake_at
    }

    /// A call of a client of this server.
    pub(super) fn call(&mut self, call: ApiCall, answer: oneshot::Sender<Answer>) {
        let request = self.engine.request(vmie::now(), call);
        self.answers.insert(request, To::Here(answer));
    }

    /// A question of this server's page.
    pub(super) fn overview(&mut self, most: usize, answer: oneshot::Sender<Overview>) {
        self.look_over(most, To::Here(answer));
    }

    fn look_over(&mut self, most: usize, to: To<Overview>) {
        let (overview, calls) = overview::questions(&self.engine, most);
        let now = vmie::now();
        let asked = calls.into_iter().map(|call| self.engine.request(now, call));
        let asked = asked.collect();
        self.overviews.push(Asked {
            overview,
            asked,
            to,
        });
    }

    /// Takes what other servers and workers have put into the database.
    pub(super) fn look(&mut self) -> Result<(), Error> {
        for letter in self.seat.calls()? {
            self.open(letter);
        }
        let news = self.seat.news()?;
        let rows: HashSet<i64> = news.iter().map(|one| one.row).collect();
        self.heard.retain(|row, _| rows.contains(row));
        for one in news {
            self.hear(one);
        }
        Ok(())
    }

    fn open(&mut self, letter: Letter) {
        let Letter { id, server, text } = letter;
        self.turn.calls.push(id.clone());
        let to = (id, server);
        match serde_json::from_str(&text) {
            Ok(Question::Call(call)) => {
                let request = self.engine.request(vmie::now(), *call);
                let (id, server) = to;
                self.answers.insert(request, To::There { id, server });
            }
            Ok(Question::Overview(most)) => {
                let (id, server) = to;
                self.look_over(most, To::There { id, server });
            }
            Err(_) => {
                // The text can hold secrets.
                tracing::error!(
                    "a call of another server cannot be read; it is of another version"
                );
                let text = "The servers of this service have different versions.";
                let error = Err(ApiError::new(ApiCode::Unavailable, text));
                self.reply(to, &Reply::Call(Box::new(error)));
            }
        }
    }

    fn reply(&mut self, (id, server): (String, String), reply: &Reply) {
        match text(reply) {
            Ok(text) => self.turn.replies.push((id, server, text)),
            // Whoever waits is told so in time.
            Err(error) => tracing::error!(%error, "a reply cannot be written"),
        }
    }

    fn hear(&mut self, news: News) {
        let News {
            row,
            order,
            attempt,
            done,
            total,
            result,
            late,
        } = news;
        let heard = Heard { done, total };
        if !self.heard.contains_key(&row) {
            self.report(&order, attempt, WorkerEvent::Started);
        }
        if self.heard.insert(row, heard) != Some(heard) && total > 0 {
            self.report(&order, attempt, WorkerEvent::Progress { done, total });
        }
        if let Some(event) = result {
            if let WorkerEvent::Failed(failure) = &event {
                self.metrics.failed_attempts.fetch_add(1, Ordering::Relaxed);
                tracing::info!(%order, %attempt, code = failure.code, detail = failure.detail, "attempt failed");
            }
            self.report(&order, attempt, event);
            self.turn.ended.push(row);
        } else if late {
            // Of an attempt that was aborted, only the row goes.
            if self.engine.lost(vmie::now(), &order, attempt).is_ok() {
                tracing::warn!(%order, %attempt, "its worker is lost; another gets the order");
            }
            self.turn.ended.push(row);
        }
    }

    fn report(&mut self, order: &OrderId, attempt: Attempt, event: WorkerEvent) {
        match self.engine.report(vmie::now(), order, attempt, event) {
            Ok(()) => {}
            Err(ReportError::Stale) => tracing::debug!(%order, %attempt, "late report"),
            Err(error) => tracing::error!(%order, %attempt, %error, "report not taken"),
        }
    }

    /// Makes durable what changed, then lets out what follows from it. After an error the chair has to
    /// be given up, and whoever waits for an answer is told to come later.
    pub(super) fn settle(&mut self) -> Result<(), Error> {
        let now = vmie::now();
        if self.wake_at.is_some_and(|at| at <= now) {
            self.engine.tick(now);
        }
        let mut outgoing = Outgoing::default();
        loop {
            match self.engine.poll() {
                Output::Commit(commit) => self.turn.changes.extend(commit.changes),
                Output::Reply { request, reply } => self.answer(request, reply, &mut outgoing),
                Output::Begin(begin) => self.turn.begins.push(begin),
                Output::Abort { order, attempt } => self.turn.aborts.push((order, attempt)),
                Output::Event(event) => log(&event),
                Output::Idle { wake_at } => {
                    self.wake_at = wake_at;
                    break;
                }
            }
        }
        for asked in std::mem::take(&mut self.overviews) {
            match asked.to {
                To::Here(answer) => outgoing.overviews.push((answer, asked.overview)),
                To::There { id, server } => {
                    self.reply((id, server), &Reply::Overview(asked.overview));
                }
            }
        }
        self.commit()?;
        // Who asked may have gone.
        for (to, answer) in outgoing.answers {
            let _ = to.send(answer);
        }
        for (to, overview) in outgoing.overviews {
            let _ = to.send(overview);
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<(), Error> {
        let turn = std::mem::take(&mut self.turn);
        if turn.is_empty() {
            // What is read out of memory is as good as the chair.
            return self.seat.be_sure();
        }
        let start = Instant::now();
        self.seat.commit_turn(&turn)?;
        self.metrics.commit_times.add(start.elapsed());
        let begun = u64::try_from(turn.begins.len()).unwrap_or(0);
        self.metrics.attempts.fetch_add(begun, Ordering::Relaxed);
        if let Err(error) = self.work.settle(&turn.changes) {
            tracing::error!(%error, "the data does not follow the records; it will when the chair changes");
        }
        Ok(())
    }

    fn answer(&mut self, request: RequestId, reply: Answer, outgoing: &mut Outgoing) {
        match self.answers.remove(&request) {
            Some(To::Here(answer)) => outgoing.answers.push((answer, reply)),
            Some(To::There { id, server }) => {
                self.reply((id, server), &Reply::Call(Box::new(reply)));
            }
            None => {
                let asked = self.overviews.iter_mut();
                let one = asked.into_iter().find(|one| one.asked.contains(&request));
                if let (Some(one), Ok(reply)) = (one, reply) {
                    overview::learn(&mut one.overview, reply);
                }
            }
        }
    }

    /// Removes data that belongs to nobody: what lies there is listed first, then it is proved that
    /// this process has the chair, and so knows all that it can belong to. What belongs to nobody then
    /// never will again.
    fn sweep(&mut self, known: &HashSet<RecordKey>) -> Result<(), Error> {
        let mut found = self.work.found()?;
        self.seat.prove()?;
        let active = self.active();
        found.tasks.retain(|task| !active.contains(task));
        found.made.retain(|(key, task)| {
            let in_work = task
                .as_ref()
                .is_some_and(|task| active.contains(task.as_str()));
            !in_work && !known.contains(key)
        });
        self.work.discard(&found)?;
        Ok(())
    }

    /// Removes what workers that came late have left, and calls and replies that nobody waits for.
    pub(super) fn tidy(&mut self) -> Result<(), Error> {
        self.seat.tidy()?;
        let mut tasks = self.work.unfinished()?;
        if tasks.is_empty() {
            return Ok(());
        }
        self.seat.prove()?;
        let active = self.active();
        tasks.retain(|task| !active.contains(task));
        let garbage = Found {
            tasks,
            ..Found::default()
        };
        self.work.discard(&garbage)?;
        Ok(())
    }

    fn active(&self) -> HashSet<String> {
        let tasks = self.engine.tasks();
        let active = tasks.filter(|(_, _, ended)| ended.is_none());
        active.map(|(_, id, _)| id.as_str().to_owned()).collect()
    }
}
