//! What hosts rely on.

use vmie_rules::status::{Stage, Status, TaskState};
use vmie_tasks::{
    ApiCall, Begin, Caller, Engine, ListedWorld, Output, Record, RecordKey, Reply, TaskId,
    TaskKind, Timestamp,
};

use super::inputs::list;
use super::{Choices, Seen, World, planet};

/// What a list says of a task, of whatever kind.
#[derive(Debug, PartialEq)]
struct Line {
    id: TaskId,
    status: Status,
    message: Option<String>,
    progress: Option<u8>,
    has_result: Option<bool>,
}

fn status_of(state: TaskState) -> Status {
    let same = |status: &Status| TaskState::from(*status) == state;
    Status::ALL.into_iter().find(same).expect("each has one")
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
                has_result: Some(task.image_id.is_some()),
            })
            .collect(),
        Reply::DescribeImportSnapshotTasks { tasks, .. } => tasks
            .iter()
            .map(|task| Line {
                id: task.import_task_id.clone(),
                status: task.snapshot_task_detail.status,
                message: task.snapshot_task_detail.status_message.clone(),
                progress: task.snapshot_task_detail.progress,
                has_result: Some(task.snapshot_task_detail.snapshot_id.is_some()),
            })
            .collect(),
        Reply::DescribeConversionTasks { tasks } => tasks
            .iter()
            .map(|task| {
                let instance = task.import_instance.iter().flat_map(|one| &one.volumes);
                let mut volumes = instance.chain(&task.import_volume);
                Line {
                    id: task.conversion_task_id.clone(),
                    status: status_of(task.state),
                    message: task.status_message.clone(),
                    progress: None,
                    has_result: Some(volumes.all(|volume| volume.volume.id.is_some())),
                }
            })
            .collect(),
        Reply::DescribeExportTasks { tasks } => tasks
            .iter()
            .map(|task| Line {
                id: task.export_task_id.clone(),
                status: status_of(task.state),
                message: task.status_message.clone(),
                progress: None,
                has_result: None,
            })
            .collect(),
        Reply::DescribeExportImageTasks { tasks, .. } => tasks
            .iter()
            .map(|task| Line {
                id: task.export_image_task_id.clone(),
                status: task.status,
                message: task.status_message.clone(),
                progress: task.progress,
                has_result: None,
            })
            .collect(),
        other => panic!("{other:?} is no list"),
    }
}

fn engine_of(config: vmie_tasks::Config, records: Vec<Record>) -> Engine<ListedWorld> {
    // What is in the records needs no world to be shown or begun.
    let world = ListedWorld::default();
    Engine::restore_in(config, 1, world, records).expect("what was stored is good")
}

/// The kinds that one list shows.
fn shown_with(kind: TaskKind) -> Vec<TaskKind> {
    let conversions = [TaskKind::ImportInstance, TaskKind::ImportVolume];
    if conversions.contains(&kind) {
        conversions.into()
    } else {
        vec![kind]
    }
}

/// Whether a task can be seen with the one status and later with the other.
fn is_legal(before: Status, after: Status) -> bool {
    match before {
        Status::Active => true,
        Status::Deleting => matches!(after, Status::Deleting | Status::Deleted),
        _ => before == after,
    }
}

/// The place of a stage in the life of a kind.
fn rank(kind: TaskKind, stage: Stage) -> usize {
    let exports = matches!(kind, TaskKind::ExportInstance | TaskKind::ExportImage);
    if exports {
        return usize::from(stage.export_progress().0);
    }
    let place = Stage::ALL.iter().position(|one| *one == stage);
    place.expect("every stage is one of all")
}

/// What a fresh engine on the given records would show of all tasks of a caller.
fn list_from_records(
    config: vmie_tasks::Config,
    records: Vec<Record>,
    now: Timestamp,
    caller: &Caller,
    kind: TaskKind,
) -> Vec<Line> {
    list_of(engine_of(config, records), now, caller, kind)
}

/// What an engine shows of all tasks of a caller.
fn list_of(
    mut engine: Engine<ListedWorld>,
    now: Timestamp,
    caller: &Caller,
    kind: TaskKind,
) -> Vec<Line> {
    let action = list(kind);
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
    let mut engine = engine_of(config, records);
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
            status: Status::Active,
            published: false,
            cancelled: false,
            ended: None,
            finals: 0,
            looked_at: None,
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
        let mut engine = engine_of(self.config, records.collect());
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
            let worked_at = self.running.keys().any(|order| order.task == *id);
            if let Some((same, waits_until)) = &seen.looked_at
                && *same == record
            {
                assert!(worked_at || waits_until.is_some(), "{id} is stuck");
                assert!(
                    worked_at || wake_at <= *waits_until,
                    "{id} would be woken too late"
                );
                continue;
            }
            let looked_at = record.clone();
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
            let waits_until = wake_from_records(self.config, alone);
            seen.looked_at = Some((looked_at, waits_until));
            assert!(worked_at || waits_until.is_some(), "{id} is stuck");
            // What is begun again is looked at at once, to learn when that was.
            assert!(
                worked_at || wake_at <= waits_until,
                "{id} would be woken too late"
            );
        }
    }

    /// No attempt is left alone past its limits, once the host has ticked when it was asked to.
    pub fn check_nobody_is_silent_for_too_long(&self, wake_at: Option<Timestamp>) {
        if wake_at.is_none_or(|at| at <= self.now) {
            return;
        }
        for (order, heard) in &self.heard {
            let limits = self.config.limits.of(order.step);
            let (from, limit) = if heard.started {
                assert!(
                    self.now < heard.since.plus_secs(limits.total),
                    "{order} takes too long"
                );
                (heard.last, limits.silent)
            } else {
                (heard.since, self.config.limits.queued)
            };
            assert!(
                self.now < from.plus_secs(limit),
                "{order} is silent for too long"
            );
        }
    }

    /// What is rebuilt from the records is what runs: the same lists, the same causes.
    pub fn check_rebuilt(&mut self) {
        let records: Vec<Record> = self.store.values().cloned().collect();
        let world = self.engine.world().clone();
        let rebuilt = Engine::restore_in(self.config, 1, world, records).expect("good records");
        for caller in planet::callers() {
            for kind in TaskKind::ALL {
                let ours = list_of(self.engine.clone(), self.now, &caller, kind);
                assert_eq!(list_of(rebuilt.clone(), self.now, &caller, kind), ours);
            }
        }
        for id in self.tasks.keys() {
            assert_eq!(rebuilt.failure(id), self.engine.failure(id), "{id}");
        }
        self.rebuilt += 1;
    }

    /// A list shows all of the caller's tasks, and what it shows never goes back.
    pub fn check_list(&mut self, caller: &Caller, kind: TaskKind, reply: &Reply) {
        let lines = lines(reply);
        let visible = self.config.ended_task_visible;
        let expected: Vec<&TaskId> = self
            .tasks
            .iter()
            .filter(|(_, seen)| seen.caller == *caller && shown_with(kind).contains(&seen.kind))
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
            assert!(
                is_legal(seen.status, line.status),
                "{} goes from {} to {}",
                line.id,
                seen.status,
                line.status
            );
            seen.status = line.status;
            let end = matches!(line.status, Status::Completed | Status::Deleted);
            let silent = matches!(
                seen.kind,
                TaskKind::ImportInstance | TaskKind::ImportVolume | TaskKind::ExportInstance
            );
            assert_eq!(line.progress.is_none(), end || silent);
            assert_eq!(line.message.is_none(), line.status == Status::Completed);
            if let Some(has_result) = line.has_result {
                assert_eq!(has_result, line.status == Status::Completed);
            }
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
                    .into_iter()
                    .find(|stage| stage.message() == message);
                let stage = rank(seen.kind, stage.expect("a message of the service"));
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
        let callers = planet::callers();
        for caller in callers {
            for kind in TaskKind::ALL {
                let records = self.store.values().cloned().collect();
                let at = Timestamp::default();
                for line in list_from_records(self.config, records, at, &caller, kind) {
                    let own = TaskKind::ALL
                        .into_iter()
                        .find(|kind| TaskId::parse(line.id.as_str(), *kind).is_some());
                    self.known(line.id.clone(), caller.clone(), own.expect("it has a kind"));
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
