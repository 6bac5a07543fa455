//! What hosts rely on.

use vmie_rules::status::{Stage, Status};
use vmie_tasks::{
    Action, ApiCall, Begin, Caller, DescribeRequest, Engine, Output, Record, RecordKey, Reply,
    TaskId, TaskKind, Timestamp,
};

use super::{Choices, Seen, World};

/// What a list says of a task, of either kind.
struct Line {
    id: TaskId,
    status: Status,
    message: Option<String>,
    progress: Option<u8>,
    has_result: bool,
}

fn lines(reply: &Reply) -> Vec<Line> {
    match reply {
        Reply::DescribeImportImageTasks { tasks, .. } => tasks
            .iter()
            .map(|task| Line {
                id: task.import_task_id.clone(),
                status: task.status,
                message: task.status_message.clone(),
                progress: task.progress,
                has_result: task.image_id.is_some(),
            })
            .collect(),
        Reply::DescribeImportSnapshotTasks { tasks, .. } => tasks
            .iter()
            .map(|task| Line {
                id: task.import_task_id.clone(),
                status: task.snapshot_task_detail.status,
                message: task.snapshot_task_detail.status_message.clone(),
                progress: task.snapshot_task_detail.progress,
                has_result: task.snapshot_task_detail.snapshot_id.is_some(),
            })
            .collect(),
        other => panic!("{other:?} is no list"),
    }
}

/// What a fresh engine on the given records would show of all tasks of a caller.
fn list_from_records(
    config: vmie_tasks::Config,
    records: Vec<Record>,
    now: Timestamp,
    caller: &Caller,
    kind: TaskKind,
) -> Vec<Line> {
    let mut engine = Engine::restore(config, 1, records).expect("what was stored is good");
    let request = DescribeRequest::default();
    let action = match kind {
        TaskKind::ImportImage => Action::DescribeImportImageTasks(request),
        _ => Action::DescribeImportSnapshotTasks(request),
    };
    engine.request(
        now,
        ApiCall {
            caller: caller.clone(),
            action,
        },
    );
    loop {
        match engine.poll() {
            Output::Reply { reply, .. } => return lines(&reply.expect("a plain list")),
            Output::Idle { .. } => panic!("a request without a reply"),
            _ => {}
        }
    }
}

/// When an engine on the given records wants to be woken.
fn wake_from_records(config: vmie_tasks::Config, records: Vec<Record>) -> Option<Timestamp> {
    let mut engine = Engine::restore(config, 1, records).expect("what was stored is good");
    loop {
        if let Output::Idle { wake_at } = engine.poll() {
            return wake_at;
        }
    }
}

impl<C: Choices> World<C> {
    pub fn known(&mut self, id: TaskId, caller: Caller, kind: TaskKind) {
        let seen = self.tasks.entry(id).or_insert_with(|| Seen {
            caller: caller.clone(),
            kind,
            progress: 0,
            stage: 0,
            published: false,
            cancelled: false,
            ended: None,
        });
        assert_eq!(
            (&seen.caller, seen.kind),
            (&caller, kind),
            "an id is given twice"
        );
    }

    /// An engine made of the store alone begins the same order with the same work, as the next
    /// attempt: nothing is begun that is not durable.
    pub fn check_begin_is_committed(&self, begin: &Begin) {
        let task = RecordKey::Task {
            id: begin.order.task.clone(),
        };
        let records = [RecordKey::Engine, task].map(|key| self.store.get(&key).cloned());
        let records = records.into_iter().flatten();
        let mut engine = Engine::restore(self.config, 1, records).expect("it is stored");
        loop {
            match engine.poll() {
                Output::Begin(again) if again.order == begin.order => {
                    assert_eq!(again.work, begin.work);
                    assert_eq!(again.attempt.0, begin.attempt.0 + 1);
                    return;
                }
                Output::Idle { .. } => panic!("{} is begun before its commit", begin.order),
                _ => {}
            }
        }
    }

    /// Every task that has not ended is being worked at or waits for a moment that is known.
    pub fn check_nobody_is_stuck(&mut self, wake_at: Option<Timestamp>) {
        // An end is for ever: nothing but forgetting comes after it.
        for (id, seen) in self
            .tasks
            .iter_mut()
            .filter(|(_, seen)| seen.ended.is_none())
        {
            let key = RecordKey::Task { id: id.clone() };
            let record = self.store.get(&key).cloned().expect("every task is stored");
            let engine = self
                .store
                .get(&RecordKey::Engine)
                .cloned()
                .expect("so is the engine");
            let alone = vec![engine, record];
            let at = Timestamp::default();
            let line = list_from_records(self.config, alone.clone(), at, &seen.caller, seen.kind);
            if matches!(line[0].status, Status::Completed | Status::Deleted) {
                seen.ended = seen.ended.or(Some(self.now));
                assert!(wake_at.is_some(), "an end is to be forgotten one day");
                continue;
            }
            let worked_at = self.running.keys().any(|order| order.task == *id);
            let waits_until = wake_from_records(self.config, alone);
            assert!(worked_at || waits_until.is_some(), "{id} is stuck");
            assert!(
                waits_until.is_none() || wake_at <= waits_until,
                "{id} would be woken too late"
            );
        }
    }

    /// A list shows all of the caller's tasks, and what it shows never goes back.
    pub fn check_list(&mut self, caller: &Caller, kind: TaskKind, reply: &Reply) {
        let lines = lines(reply);
        let visible = self.config.ended_task_visible;
        let expected: Vec<&TaskId> = self
            .tasks
            .iter()
            .filter(|(_, seen)| seen.caller == *caller && seen.kind == kind)
            .filter(|(_, seen)| {
                seen.ended
                    .is_none_or(|end| self.now < end.plus_secs(visible))
            })
            .map(|(id, _)| id)
            .collect();
        let mut listed: Vec<&TaskId> = lines.iter().map(|line| &line.id).collect();
        listed.sort();
        assert_eq!(listed, expected);
        for line in &lines {
            let seen = self
                .tasks
                .get_mut(&line.id)
                .expect("only known tasks are listed");
            let end = matches!(line.status, Status::Completed | Status::Deleted);
            assert_eq!(line.progress.is_none(), end);
            assert_eq!(line.message.is_none(), line.status == Status::Completed);
            assert_eq!(line.has_result, line.status == Status::Completed);
            assert!(line.status != Status::Completed || seen.published && !seen.cancelled);
            if let Some(progress) = line.progress {
                assert!(
                    progress >= seen.progress && progress < 100,
                    "progress goes back"
                );
                seen.progress = progress;
            }
            if line.status == Status::Active {
                assert!(!seen.cancelled);
                let message = line
                    .message
                    .as_deref()
                    .expect("an active task says where it is");
                let stage = Stage::ALL
                    .iter()
                    .position(|stage| stage.message() == message);
                let stage = stage.expect("a message of the service");
                assert!(stage >= seen.stage, "the stage goes back");
                seen.stage = stage;
            }
        }
    }

    /// What the store says of tasks whose reply was lost in a crash.
    pub fn after_crash(&mut self) {
        let ids: Vec<TaskId> = self.tasks.keys().cloned().collect();
        for id in ids {
            if !self.store.contains_key(&RecordKey::Task { id: id.clone() }) {
                self.tasks.remove(&id);
            }
        }
        let callers = ["111122223333", "444455556666"].map(|account| Caller {
            account: account.into(),
            region: "eu-central-1".into(),
        });
        for caller in callers {
            for kind in TaskKind::ALL {
                let records = self.store.values().cloned().collect();
                let at = Timestamp::default();
                for line in list_from_records(self.config, records, at, &caller, kind) {
                    self.known(line.id.clone(), caller.clone(), kind);
                    let seen = self.tasks.get_mut(&line.id).expect("just made known");
                    // A report or a cancel whose commit came through counts, and no other.
                    seen.published = line.status == Status::Completed;
                    seen.cancelled &= line.status != Status::Active;
                }
            }
        }
    }

    pub fn check_all_ended(&mut self) {
        self.drain(None);
        for (id, seen) in &self.tasks {
            assert!(seen.ended.is_some(), "{id} has not ended");
        }
        assert!(self.running.is_empty());
    }
}
