//! The chair: the one session that commits.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use postgres::error::SqlState;
use postgres::types::ToSql;
use postgres::{Client, Transaction};
use vmie_tasks::{Attempt, Begin, Change, OrderId, Record, Step, TaskId, WorkerEvent};

use super::address::{LOCKS, Shared, database, failed};
use super::sql;
use crate::Error;
use crate::state::{State, coding};

/// How long one wait for the chair lasts, before it is looked whether to go on waiting.
const PATIENCE: Duration = Duration::from_secs(1);
/// The most calls that are read at once.
const CALLS: i64 = 256;

/// All that one turn of the engine changes.
#[derive(Debug, Default)]
pub(super) struct Turn {
    pub(super) changes: Vec<Change>,
    pub(super) begins: Vec<Begin>,
    pub(super) aborts: Vec<(OrderId, Attempt)>,
    /// Rows of attempts that have ended, well or not.
    pub(super) ended: Vec<i64>,
    /// Calls that were taken.
    pub(super) calls: Vec<String>,
    /// Replies: the call, its server, the text.
    pub(super) replies: Vec<(String, String, String)>,
}

impl Turn {
    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty()
            && self.begins.is_empty()
            && self.aborts.is_empty()
            && self.ended.is_empty()
            && self.calls.is_empty()
            && self.replies.is_empty()
    }
}

/// What a worker has said of an attempt so far.
#[derive(Debug)]
pub(super) struct News {
    pub(super) row: i64,
    pub(super) order: OrderId,
    pub(super) attempt: Attempt,
    pub(super) done: u64,
    pub(super) total: u64,
    pub(super) result: Option<WorkerEvent>,
    /// Whether its claim has run out.
    pub(super) late: bool,
}

/// A call of another server's.
#[derive(Debug)]
pub(super) struct Letter {
    pub(super) id: String,
    pub(super) server: String,
    pub(super) text: String,
}

/// A seat at the database: as long as it has one, the process may change the state, and nobody else
/// may. What gives and takes it is told in the [module](crate::shared).
pub struct Seat {
    shared: Shared,
    client: Client,
    /// When something was last begun that proved that the session lives.
    proven: Instant,
}

impl std::fmt::Debug for Seat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seat")
            .field("shared", &self.shared)
            .finish_non_exhaustive()
    }
}

impl Seat {
    /// Takes the chair if it is free.
    ///
    /// # Errors
    /// [`Error::Busy`] when another process has it; [`Error::Database`].
    pub fn take(shared: &Shared) -> Result<Self, Error> {
        let mut client = session(shared)?;
        let proven = Instant::now();
        let sits = client.query_one(sql::TRY_SIT, &[&LOCKS]).map_err(failed)?;
        if !sits.get::<_, bool>(0) {
            let path = PathBuf::from("the shared state");
            return Err(Error::Busy { path });
        }
        let shared = shared.clone();
        Ok(Self {
            shared,
            client,
            proven,
        })
    }

    /// Waits for the chair; `None` when it is to stop waiting.
    pub(super) fn wait(shared: &Shared, stop: &AtomicBool) -> Result<Option<Self>, Error> {
        let mut client = session(shared)?;
        let patience = format!("SET lock_timeout = {}", PATIENCE.as_millis());
        client.batch_execute(&patience).map_err(failed)?;
        while !stop.load(Ordering::Relaxed) {
            let proven = Instant::now();
            match client.execute(sql::SIT, &[&LOCKS]) {
                Ok(_) => {
                    client
                        .batch_execute("SET lock_timeout = 0")
                        .map_err(failed)?;
                    let shared = shared.clone();
                    return Ok(Some(Self {
                        shared,
                        client,
                        proven,
                    }));
                }
                Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
                    let unseated = client
                        .query(sql::UNSEAT, &[&i64::from(LOCKS), &shared.lease_ms()])
                        .map_err(failed)?;
                    if !unseated.is_empty() {
                        tracing::warn!("a session that said nothing was ended");
                    }
                }
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(None)
    }

    /// Proves that nobody else has the chair, now.
    pub(super) fn prove(&mut self) -> Result<(), Error> {
        let begun = Instant::now();
        self.client.execute(sql::PROVE, &[]).map_err(failed)?;
        self.proven = begun;
        Ok(())
    }

    /// Proves it unless that was done so lately that it must still be so.
    pub(super) fn be_sure(&mut self) -> Result<(), Error> {
        match self.proven.elapsed() < self.shared.beat() {
            true => Ok(()),
            false => self.prove(),
        }
    }

    /// The attempts that workers have or may take.
    pub(super) fn running(&mut self) -> Result<HashSet<(OrderId, Attempt)>, Error> {
        let rows = self.client.query(sql::RUNNING, &[]).map_err(failed)?;
        rows.iter()
            .map(|row| order(row.get(0), row.get(1), row.get(2)))
            .collect()
    }

    /// What workers have said.
    pub(super) fn news(&mut self) -> Result<Vec<News>, Error> {
        let begun = Instant::now();
        let rows = self.client.query(sql::NEWS, &[]).map_err(failed)?;
        self.proven = begun;
        let mut news = Vec::with_capacity(rows.len());
        for row in rows {
            let (order, attempt) = order(row.get(1), row.get(2), row.get(3))?;
            let result: Option<&str> = row.get(6);
            let number = |column| u64::try_from(row.get::<_, i64>(column)).unwrap_or(0);
            news.push(News {
                row: row.get(0),
                order,
                attempt,
                done: number(4),
                total: number(5),
                result: result.map(serde_json::from_str).transpose().map_err(|_| {
                    database("a result of a worker cannot be read; it is of another version")
                })?,
                late: row.get(7),
            });
        }
        Ok(news)
    }

    /// Calls that came to other servers, the oldest first.
    pub(super) fn calls(&mut self) -> Result<Vec<Letter>, Error> {
        let rows = self.client.query(sql::CALLS, &[&CALLS]).map_err(failed)?;
        let letter = |row: &postgres::Row| Letter {
            id: row.get(0),
            server: row.get(1),
            text: row.get(2),
        };
        Ok(rows.iter().map(letter).collect())
    }

    /// Forgets what nobody fetched.
    pub(super) fn tidy(&mut self) -> Result<(), Error> {
        self.client
            .execute(sql::FORGET_CALLS, &[])
            .map_err(failed)?;
        self.client
            .execute(sql::FORGET_REPLIES, &[])
            .map_err(failed)?;
        Ok(())
    }

    /// Makes a turn durable, all of it or nothing. After an error the chair has to be given up: it may
    /// be lost, and it is not known whether the turn is durable.
    pub(super) fn commit_turn(&mut self, turn: &Turn) -> Result<(), Error> {
        let begun = Instant::now();
        let mut transaction = self.client.transaction().map_err(failed)?;
        put(&mut transaction, &turn.changes)?;
        end(&mut transaction, turn)?;
        begin(&mut transaction, &turn.begins)?;
        answer(&mut transaction, turn)?;
        transaction.commit().map_err(failed)?;
        self.proven = begun;
        Ok(())
    }
}

impl State for Seat {
    /// Over another session: a process that is stopped in the middle of it must not keep the chair.
    fn load(&mut self) -> Result<Vec<Record>, Error> {
        let mut client = self.shared.connect()?;
        let rows = client.query(sql::LOAD, &[]).map_err(failed)?;
        let read = |row: &postgres::Row| {
            let path = PathBuf::from("the shared state");
            coding::decode(row.get(0), row.get(1)).map_err(|what| Error::Corrupt { path, what })
        };
        let records = rows.iter().map(read).collect();
        self.be_sure()?;
        records
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), Error> {
        let turn = Turn {
            changes: changes.to_vec(),
            ..Turn::default()
        };
        self.commit_turn(&turn)
    }
}

/// A session that the database ends when it says nothing for a lease.
fn session(shared: &Shared) -> Result<Client, Error> {
    let mut client = shared.connect()?;
    let lease = shared.lease_ms();
    let settings = format!(
        "SET idle_session_timeout = {lease}; SET idle_in_transaction_session_timeout = {lease}; \
         SET tcp_user_timeout = {lease}; SET synchronous_commit = on"
    );
    client.batch_execute(&settings).map_err(failed)?;
    Ok(client)
}

fn order(task: &str, step: &str, attempt: i64) -> Result<(OrderId, Attempt), Error> {
    let wrong = || database(format!("it has an order of an unknown kind: {task}/{step}"));
    let task = TaskId::parse_any(task).ok_or_else(wrong)?;
    let step: Step = serde_json::from_str(step).map_err(|_| wrong())?;
    let attempt = Attempt(u32::try_from(attempt).map_err(|_| wrong())?);
    Ok((OrderId { task, step }, attempt))
}

fn run(
    transaction: &mut Transaction<'_>,
    what: &str,
    with: &[&(dyn ToSql + Sync)],
) -> Result<(), Error> {
    transaction.execute(what, with).map_err(failed)?;
    Ok(())
}

/// The last change of a key is what counts.
fn put(transaction: &mut Transaction<'_>, changes: &[Change]) -> Result<(), Error> {
    let mut last: BTreeMap<String, Option<Vec<u8>>> = BTreeMap::new();
    for change in changes {
        match change {
            Change::Put { record } => {
                let key = record.key().to_string();
                let content = coding::encode(&key, record).map_err(unwritable)?;
                last.insert(key, Some(content));
            }
            Change::Remove { key } => {
                last.insert(key.to_string(), None);
            }
        }
    }
    let (mut keys, mut contents, mut gone) = (Vec::new(), Vec::new(), Vec::new());
    for (key, content) in last {
        match content {
            Some(content) => {
                keys.push(key);
                contents.push(content);
            }
            None => gone.push(key),
        }
    }
    if !keys.is_empty() {
        run(transaction, sql::PUT, &[&keys, &contents])?;
    }
    if !gone.is_empty() {
        run(transaction, sql::REMOVE, &[&gone])?;
    }
    Ok(())
}

/// Ends attempts and tells their workers.
fn end(transaction: &mut Transaction<'_>, turn: &Turn) -> Result<(), Error> {
    if !turn.ended.is_empty() {
        run(transaction, sql::END, &[&turn.ended])?;
    }
    if !turn.aborts.is_empty() {
        let aborts = turn.aborts.iter();
        let (mut tasks, mut steps, mut attempts) = (Vec::new(), Vec::new(), Vec::new());
        for (order, attempt) in aborts {
            tasks.push(order.task.as_str());
            steps.push(text(&order.step)?);
            attempts.push(i64::from(attempt.0));
        }
        run(transaction, sql::WITHDRAW, &[&tasks, &steps, &attempts])?;
        run(transaction, sql::ABORT, &[&tasks, &steps, &attempts])?;
    }
    if !(turn.ended.is_empty() && turn.aborts.is_empty() && turn.begins.is_empty()) {
        run(transaction, sql::NOTIFY, &[&sql::WORK, &""])?;
    }
    Ok(())
}

fn begin(transaction: &mut Transaction<'_>, begins: &[Begin]) -> Result<(), Error> {
    if begins.is_empty() {
        return Ok(());
    }
    let (mut tasks, mut steps, mut attempts) = (Vec::new(), Vec::new(), Vec::new());
    let (mut converts, mut cleans, mut contents) = (Vec::new(), Vec::new(), Vec::new());
    for begin in begins {
        let step = begin.order.step;
        tasks.push(begin.order.task.as_str());
        steps.push(text(&step)?);
        attempts.push(i64::from(begin.attempt.0));
        converts.push(matches!(step, Step::Convert(_)));
        cleans.push(step == Step::Cleanup);
        contents.push(text(begin)?);
    }
    let with: [&(dyn ToSql + Sync); 6] = [&tasks, &steps, &attempts, &converts, &cleans, &contents];
    run(transaction, sql::BEGIN, &with)
}

/// Takes calls and gives their replies.
fn answer(transaction: &mut Transaction<'_>, turn: &Turn) -> Result<(), Error> {
    if !turn.calls.is_empty() {
        run(transaction, sql::TAKEN, &[&turn.calls])?;
    }
    if turn.replies.is_empty() {
        return Ok(());
    }
    let (mut ids, mut servers, mut texts) = (Vec::new(), Vec::new(), Vec::new());
    for (id, server, text) in &turn.replies {
        ids.push(id.as_str());
        servers.push(server.as_str());
        texts.push(text.as_str());
    }
    run(transaction, sql::REPLY, &[&ids, &servers, &texts])?;
    let waiting: BTreeSet<&str> = servers.into_iter().collect();
    for server in waiting {
        run(transaction, sql::NOTIFY, &[&sql::REPLIES, &server])?;
    }
    Ok(())
}

pub(super) fn text(value: &impl serde::Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(unwritable)
}

fn unwritable(error: serde_json::Error) -> Error {
    database(format!("a value cannot be written: {error}"))
}
