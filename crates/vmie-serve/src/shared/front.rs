//! Calls that came to a server that has not the chair.

use std::collections::HashMap;

use postgres::Client;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use vmie_tasks::ApiCall;

use super::address::{Shared, database, failed};
use super::seat::text;
use super::sql;
use crate::Error;
use crate::engine::{Answer, Input, Overview, unavailable};

/// What is asked of the chair.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Question {
    Call(Box<ApiCall>),
    Overview(usize),
}

/// What it answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Reply {
    Call(Box<Answer>),
    Overview(Overview),
}

/// Who waits for it.
enum Waiting {
    Call(oneshot::Sender<Answer>),
    Overview(oneshot::Sender<Overview>),
}

impl Waiting {
    fn is_gone(&self) -> bool {
        match self {
            Self::Call(answer) => answer.is_closed(),
            Self::Overview(answer) => answer.is_closed(),
        }
    }
}

/// The calls of this server that the chair has to answer.
pub(super) struct Front {
    shared: Shared,
    server: String,
    client: Option<Client>,
    waiting: HashMap<String, Waiting>,
    count: u64,
}

impl Front {
    pub(super) fn new(shared: Shared, server: String) -> Self {
        Self {
            shared,
            server,
            client: None,
            waiting: HashMap::new(),
            count: 0,
        }
    }

    /// Sends calls to the chair. Who cannot be sent is told to come later.
    pub(super) fn send(&mut self, inputs: Vec<Input>) -> Result<(), Error> {
        let (mut ids, mut servers, mut texts) = (Vec::new(), Vec::new(), Vec::new());
        for input in inputs {
            let (question, waiting) = match input {
                Input::Call { call, answer } => (Question::Call(call), Waiting::Call(answer)),
                Input::Overview { most, answer } => {
                    (Question::Overview(most), Waiting::Overview(answer))
                }
                Input::Stop => continue,
            };
            self.count = self.count.saturating_add(1);
            let id = format!("{}-{}", self.server, self.count);
            texts.push(text(&question)?);
            servers.push(self.server.clone());
            self.waiting.insert(id.clone(), waiting);
            ids.push(id);
        }
        if ids.is_empty() {
            return Ok(());
        }
        let sent = self.with(|client| {
            let mut transaction = client.transaction().map_err(failed)?;
            transaction
                .execute(sql::ASK, &[&ids, &servers, &texts])
                .map_err(failed)?;
            transaction
                .execute(sql::NOTIFY, &[&sql::CHAIR, &""])
                .map_err(failed)?;
            transaction.commit().map_err(failed)
        });
        if sent.is_err() {
            for id in &ids {
                if let Some(Waiting::Call(answer)) = self.waiting.remove(id) {
                    // Who asked may have gone.
                    let _ = answer.send(Err(unavailable()));
                }
            }
        }
        sent
    }

    /// Fetches replies and hands them on, also those that nobody waits for any more; unless somebody
    /// waits, only when there are some.
    pub(super) fn collect(&mut self, are_there: bool) -> Result<(), Error> {
        self.waiting.retain(|_, waiting| !waiting.is_gone());
        if self.waiting.is_empty() && !are_there {
            return Ok(());
        }
        let server = self.server.clone();
        let rows = self.with(|client| client.query(sql::ANSWERS, &[&server]).map_err(failed))?;
        for row in rows {
            let Some(waiting) = self.waiting.remove(row.get::<_, &str>(0)) else {
                continue;
            };
            let reply: Reply = serde_json::from_str(row.get(1))
                .map_err(|_| database("a reply cannot be read; it is of another version"))?;
            match (waiting, reply) {
                (Waiting::Call(to), Reply::Call(answer)) => {
                    let _ = to.send(*answer);
                }
                (Waiting::Overview(to), Reply::Overview(overview)) => {
                    let _ = to.send(overview);
                }
                _ => return Err(database("a reply is not of the kind of its call")),
            }
        }
        Ok(())
    }

    /// Does something over the session, which is made anew after a failure.
    fn with<T>(&mut self, what: impl FnOnce(&mut Client) -> Result<T, Error>) -> Result<T, Error> {
        let mut client = match self.client.take() {
            Some(client) if !client.is_closed() => client,
            _ => self.shared.connect()?,
        };
        let done = what(&mut client)?;
        self.client = Some(client);
        Ok(done)
    }
}
