//! A simulated host: a store that keeps what was committed, workers that answer as a source of
//! choices says, time that jumps, and crashes at any output. It checks what hosts rely on after
//! every output. The tests drive it by seeds, the fuzz target by bytes.

mod checks;
pub mod choices;
mod inputs;
pub mod planet;

use std::collections::{BTreeMap, BTreeSet};

pub use choices::Choices;
use vmie_rules::status::Status;
use vmie_tasks::{
    Attempt, Begin, Caller, Change, Config, Engine, Happening, ListedWorld, OrderId, Output,
    Record, RecordKey, Reply, RequestId, Step, TaskId, TaskKind, Timestamp, Work,
};

/// What is known of a task from outside.
#[derive(Debug)]
pub struct Seen {
    pub caller: Caller,
    pub kind: TaskKind,
    pub progress: u8,
    pub stage: usize,
    /// What a list said last.
    pub status: Status,
    /// A publish was reported, and the report was taken.
    pub published: bool,
    /// A cancel was answered with yes.
    pub cancelled: bool,
    /// The committed end, and when.
    pub ended: Option<Timestamp>,
    /// Ends that were told of: there is one.
    pub finals: u32,
    /// The record that was looked at last, and when it alone wants to be woken.
    pub looked_at: Option<(Record, Option<Timestamp>)>,
}

/// When a worker began, and was heard last.
#[derive(Clone, Copy, Debug)]
pub struct Heard {
    pub since: Timestamp,
    pub last: Timestamp,
    pub started: bool,
}

/// What was asked of the engine last.
#[derive(Debug)]
pub enum Asked {
    Import(Caller, TaskKind),
    List(Caller, TaskKind),
    Cancel(Option<TaskId>),
    Nothing,
}

pub struct World<C> {
    pub choices: C,
    pub config: Config,
    pub engine: Engine<ListedWorld>,
    pub store: BTreeMap<RecordKey, Record>,
    /// How a record comes back from the store.
    pub round_trip: fn(Record) -> Record,
    pub now: Timestamp,
    /// What workers are at, and whether they said that they started.
    pub running: BTreeMap<OrderId, Begin>,
    pub heard: BTreeMap<OrderId, Heard>,
    /// Attempts that are over.
    pub over: Vec<(OrderId, Attempt)>,
    pub attempts: BTreeMap<OrderId, Attempt>,
    pub tasks: BTreeMap<TaskId, Seen>,
    pub results: BTreeMap<String, TaskId>,
    pub asked: BTreeMap<RequestId, Asked>,
    /// Every output in order, for comparison with another run.
    pub log: Vec<Output>,
    /// Operations that were done, and comparisons with an engine made of the records.
    pub operations: u64,
    pub rebuilt: u64,
}

pub const SEED: u64 = 0x5eed;

impl<C: Choices> World<C> {
    pub fn new(mut choices: C, round_trip: fn(Record) -> Record) -> Self {
        let config = Config {
            max_failures: 1 + choices.below(3),
            allow_undetermined: choices.below(2) == 0,
            boots: choices.below(2) == 0,
            ..Config::default()
        };
        Self {
            choices,
            config,
            engine: Engine::in_world(config, SEED, planet::planet()),
            store: BTreeMap::new(),
            round_trip,
            now: Timestamp::from_secs(1_790_000_000),
            running: BTreeMap::new(),
            heard: BTreeMap::new(),
            over: Vec::new(),
            attempts: BTreeMap::new(),
            tasks: BTreeMap::new(),
            results: BTreeMap::new(),
            asked: BTreeMap::new(),
            log: Vec::new(),
            operations: 0,
            rebuilt: 0,
        }
    }

    /// Some steps as the choices will have them, and then everything is answered: all must end.
    pub fn run(&mut self, steps: u32) {
        for _ in 0..steps {
            if self.choices.over() {
                break;
            }
            self.step();
            self.operations += 1;
            if self.operations.is_multiple_of(64) {
                self.check_rebuilt();
            }
        }
        self.finish();
        self.check_rebuilt();
    }

    fn step(&mut self) {
        match self.choices.below(24) {
            0 | 1 => self.import_image(),
            2 => self.import_snapshot(),
            3 => self.cancel(),
            4 => self.list(),
            5 => self.pass_time(),
            6 => self.stale_report(),
            7 => self.misplaced_report(),
            8 => self.import_instance(),
            9 => self.import_volume(),
            10 => self.export_instance(),
            11 => self.export_image(),
            12 => self.turn_key(),
            _ => self.report(),
        }
        if self.choices.below(24) == 0 {
            let left = self.choices.below(5);
            self.drain(Some(left));
        } else {
            self.drain(None);
        }
    }

    /// Does what the engine gives, all of it or up to a crash.
    pub fn drain(&mut self, crash_after: Option<u32>) {
        let mut left = crash_after;
        loop {
            if left == Some(0) {
                return self.crash();
            }
            left = left.map(|left| left - 1);
            let output = self.engine.poll();
            self.log.push(output.clone());
            match output {
                Output::Commit(commit) => {
                    let mut keys = BTreeSet::new();
                    for change in commit.changes {
                        match change {
                            Change::Put { record } => {
                                assert!(keys.insert(record.key()), "a key comes twice");
                                let record = (self.round_trip)(record);
                                self.store.insert(record.key(), record);
                            }
                            Change::Remove { key } => {
                                assert!(keys.insert(key.clone()), "a key comes twice");
                                self.forget(&key);
                            }
                        }
                    }
                }
                Output::Reply { request, reply } => {
                    let asked = self.asked.remove(&request).expect("one reply per request");
                    self.replied(asked, reply);
                }
                Output::Begin(begin) => self.begin(begin),
                Output::Abort { order, attempt } => {
                    let aborted = self
                        .running
                        .remove(&order)
                        .expect("only what runs is aborted");
                    assert_eq!(aborted.attempt, attempt);
                    self.heard.remove(&order);
                    self.over.push((order, attempt));
                }
                Output::Event(event) => self.happened(&event.task, event.event),
                Output::Idle { wake_at } => {
                    assert_eq!(
                        self.engine.poll(),
                        Output::Idle { wake_at },
                        "idle is the last"
                    );
                    assert!(self.asked.is_empty(), "every request has its reply");
                    self.check_nobody_is_stuck(wake_at);
                    self.check_nobody_is_silent_for_too_long(wake_at);
                    return;
                }
            }
        }
    }

    fn forget(&mut self, key: &RecordKey) {
        let RecordKey::Task { id } = key else {
            panic!("the engine's own record is kept")
        };
        let seen = self.tasks.get(id).expect("only known tasks are forgotten");
        let ended = seen.ended.expect("only ended tasks are forgotten");
        assert!(ended.plus_secs(self.config.ended_task_visible) <= self.now);
        self.store.remove(key);
        self.tasks.remove(id);
    }

    fn begin(&mut self, begin: Begin) {
        let order = begin.order.clone();
        self.check_begin_is_committed(&begin);
        let last = self.attempts.insert(order.clone(), begin.attempt);
        assert!(
            last.is_none_or(|last| last < begin.attempt),
            "attempts count up"
        );
        assert!(
            !self.running.contains_key(&order),
            "an order is begun once at a time"
        );
        if order.step == Step::Cleanup {
            assert!(
                self.running
                    .keys()
                    .all(|running| running.task != order.task),
                "what runs is aborted before the cleanup"
            );
        }
        if let Work::PublishImage(work) = &begin.work {
            self.result(work.image_id.as_str(), &order.task);
            for snapshot in &work.snapshots {
                self.result(snapshot.snapshot_id.as_str(), &order.task);
            }
        }
        if let Work::PublishSnapshot(work) = &begin.work {
            self.result(work.snapshot_id.as_str(), &order.task);
        }
        if let Work::PublishVolumes(work) = &begin.work {
            for volume in &work.volumes {
                self.result(volume.volume_id.as_str(), &order.task);
            }
        }
        let seen = self.tasks.get(&order.task).expect("only known tasks work");
        assert_eq!(seen.finals, 0, "work after the end");
        let heard = Heard {
            since: self.now,
            last: self.now,
            started: false,
        };
        self.heard.insert(order.clone(), heard);
        self.running.insert(order, begin);
    }

    /// An id of a result belongs to one task.
    fn result(&mut self, id: &str, task: &TaskId) {
        let owner = self
            .results
            .entry(id.to_owned())
            .or_insert_with(|| task.clone());
        assert_eq!(owner, task, "{id} is given to two tasks");
    }

    fn happened(&mut self, id: &TaskId, event: Happening) {
        let seen = self.tasks.get_mut(id).expect("events are of known tasks");
        if matches!(
            event,
            Happening::Completed { .. } | Happening::Deleted { .. }
        ) {
            seen.finals += 1;
            assert_eq!(seen.finals, 1, "a second end");
        }
        match event {
            Happening::Progress { percent, .. } => {
                assert!(percent >= seen.progress, "progress goes back");
                seen.progress = percent;
            }
            Happening::Completed {
                image_id,
                snapshots,
            } => {
                assert!(seen.published, "completed without a publish");
                assert!(!seen.cancelled, "completed after a cancel");
                assert_eq!(image_id.is_some(), seen.kind == TaskKind::ImportImage);
                let makes = matches!(seen.kind, TaskKind::ImportImage | TaskKind::ImportSnapshot);
                assert_eq!(!snapshots.is_empty(), makes);
            }
            _ => {}
        }
    }

    /// The process dies: what was not committed is gone, and so is all work.
    pub fn crash(&mut self) {
        for (order, begin) in core::mem::take(&mut self.running) {
            self.over.push((order, begin.attempt));
        }
        self.heard.clear();
        self.asked.clear();
        let records: Vec<Record> = self.store.values().cloned().collect();
        let world = self.engine.world().clone();
        self.engine =
            Engine::restore_in(self.config, 1, world, records).expect("what was stored is good");
        self.after_crash();
        self.drain(None);
    }

    fn replied(&mut self, asked: Asked, reply: Result<Reply, vmie_tasks::ApiError>) {
        let reply = match (reply, asked) {
            (Err(error), Asked::List(..)) => panic!("a plain list is refused: {error}"),
            (Err(_), _) => return,
            (Ok(reply), asked) => (reply, asked),
        };
        match reply {
            (Reply::ImportImage(task), Asked::Import(caller, kind)) => {
                assert_eq!(task.progress, Some(1));
                self.created(task.import_task_id, caller, kind);
            }
            (Reply::ImportSnapshot(task), Asked::Import(caller, kind)) => {
                self.created(task.import_task_id, caller, kind);
            }
            (
                Reply::ImportInstance(task) | Reply::ImportVolume(task),
                Asked::Import(caller, kind),
            ) => {
                self.created(task.conversion_task_id, caller, kind);
            }
            (Reply::CreateInstanceExportTask(task), Asked::Import(caller, kind)) => {
                self.created(task.export_task_id, caller, kind);
            }
            (Reply::ExportImage(task), Asked::Import(caller, kind)) => {
                assert_eq!(task.progress, Some(0));
                self.created(task.export_image_task_id, caller, kind);
            }
            (
                Reply::CancelImportTask { .. }
                | Reply::CancelConversionTask
                | Reply::CancelExportTask,
                Asked::Cancel(id),
            ) => {
                let id = id.expect("nothing else can be cancelled");
                let key = RecordKey::Task { id: id.clone() };
                assert!(self.store.contains_key(&key));
                let publish = OrderId {
                    task: id.clone(),
                    step: Step::Publish,
                };
                assert!(!self.running.contains_key(&publish), "cancelled too late");
                let seen = self.tasks.get_mut(&id).expect("only one's own");
                assert!(
                    !seen.published && seen.ended.is_none(),
                    "cancelled too late"
                );
                seen.cancelled = true;
            }
            (reply, Asked::List(caller, kind)) => self.check_list(&caller, kind, &reply),
            (reply, asked) => panic!("{reply:?} for {asked:?}"),
        }
    }

    fn created(&mut self, id: TaskId, caller: Caller, kind: TaskKind) {
        let key = RecordKey::Task { id: id.clone() };
        assert!(self.store.contains_key(&key), "a reply before its commit");
        self.known(id, caller.clone(), kind);
        if matches!(kind, TaskKind::ExportInstance | TaskKind::ExportImage) {
            let active = self.tasks.values().filter(|seen| {
                seen.kind == kind
                    && seen.caller == caller
                    && seen.ended.is_none()
                    && seen.finals == 0
            });
            assert!(active.count() <= self.config.export_tasks, "past the quota");
        }
    }
}
