//! What every implementation of `State` has to hold: one suite, run by each.

use std::collections::BTreeMap;

use vmie_serve::Error;
use vmie_serve::state::State;
use vmie_tasks::{
    Action, ApiCall, Caller, Change, Config, DeleteSnapshotRequest, DiskContainer, Engine,
    ImportImageRequest, ImportSnapshotRequest, Output, Record, RecordKey, SourceUrl, Timestamp,
};

/// A place where a state is kept, and everything is gone with the value.
pub(crate) trait Place {
    /// Opens the state, for as long as the value lives.
    fn open(&self) -> Result<Box<dyn State>, Error>;
    /// Changes a byte of what is stored of a record, behind the back of the state.
    fn damage(&self);
}

/// Runs the suite; `fresh` gives an empty place each time.
pub(crate) fn holds<P: Place>(fresh: impl Fn() -> P) {
    nothing_is_there_at_first(&fresh());
    what_was_committed_is_there_after_a_restart(&fresh());
    changes_count_in_their_order(&fresh());
    the_same_changes_twice_are_the_same_once(&fresh());
    an_empty_commit_is_one(&fresh());
    an_engine_goes_on_from_it(&fresh());
    many_and_large_records_are_kept(&fresh());
    one_has_it_at_a_time(&fresh());
    damage_is_said(&fresh());
}

const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);

fn caller() -> Caller {
    Caller {
        account: "111122223333".into(),
        region: "us-east-1".into(),
    }
}

fn import(description: &str) -> ApiCall {
    let request = ImportSnapshotRequest {
        description: Some(description.to_owned()),
        disk_container: Some(DiskContainer {
            format: Some("raw".into()),
            url: Some(SourceUrl::new("s3://images/disk.raw")),
            ..DiskContainer::default()
        }),
        ..ImportSnapshotRequest::default()
    };
    ApiCall {
        caller: caller(),
        action: Action::ImportSnapshot(request),
    }
}

/// The changes that are due.
fn due(engine: &mut Engine) -> Vec<Change> {
    let mut changes = Vec::new();
    loop {
        match engine.poll() {
            Output::Commit(commit) => changes.extend(commit.changes),
            Output::Idle { .. } => return changes,
            _ => {}
        }
    }
}

/// The changes that so many new tasks make.
pub(crate) fn tasks(n: usize, description: &str) -> Vec<Change> {
    let mut engine = Engine::new(Config::default(), 7);
    for _ in 0..n {
        engine.request(NOW, import(description));
    }
    due(&mut engine)
}

/// What changes come to.
fn sum(changes: &[Change]) -> BTreeMap<RecordKey, Record> {
    let mut records = BTreeMap::new();
    for change in changes {
        match change {
            Change::Put { record } => {
                records.insert(record.key(), record.clone());
            }
            Change::Remove { key } => {
                records.remove(key);
            }
        }
    }
    records
}

fn loaded(state: &mut dyn State) -> BTreeMap<RecordKey, Record> {
    let records = state.load().unwrap();
    let count = records.len();
    let by_key: BTreeMap<_, _> = records.into_iter().map(|one| (one.key(), one)).collect();
    assert_eq!(by_key.len(), count, "a key comes twice");
    by_key
}

fn nothing_is_there_at_first(place: &impl Place) {
    let mut state = place.open().unwrap();
    assert_eq!(loaded(&mut *state), BTreeMap::new());
}

fn what_was_committed_is_there_after_a_restart(place: &impl Place) {
    let changes = tasks(3, "three");
    let mut state = place.open().unwrap();
    state.commit(&changes).unwrap();
    assert_eq!(loaded(&mut *state), sum(&changes));
    drop(state);
    let mut state = place.open().unwrap();
    // Three tasks, and the engine's own record.
    assert_eq!(loaded(&mut *state).len(), 4);
    assert_eq!(loaded(&mut *state), sum(&changes));
}

fn changes_count_in_their_order(place: &impl Place) {
    let changes = tasks(4, "four");
    let keys: Vec<RecordKey> = sum(&changes).into_keys().collect();
    let put = |key: &RecordKey| Change::Put {
        record: sum(&changes)[key].clone(),
    };
    let remove = |key: &RecordKey| Change::Remove { key: key.clone() };
    let mut state = place.open().unwrap();
    state.commit(&changes).unwrap();
    // Removed and put again, put and removed, removed twice; and one that never was.
    let never = RecordKey::Image {
        id: vmie_tasks::ImageId::parse("ami-0123456789abcdef0").unwrap(),
    };
    let next = [
        remove(&keys[1]),
        put(&keys[1]),
        put(&keys[2]),
        remove(&keys[2]),
        remove(&keys[3]),
        remove(&keys[3]),
        remove(&never),
    ];
    state.commit(&next).unwrap();
    let all: Vec<Change> = changes.iter().cloned().chain(next).collect();
    assert_eq!(loaded(&mut *state), sum(&all));
    assert_eq!(sum(&all).len(), 3);
}

fn the_same_changes_twice_are_the_same_once(place: &impl Place) {
    let changes = tasks(2, "two");
    let mut state = place.open().unwrap();
    for _ in 0..2 {
        state.commit(&changes).unwrap();
    }
    assert_eq!(loaded(&mut *state), sum(&changes));
}

fn an_empty_commit_is_one(place: &impl Place) {
    let mut state = place.open().unwrap();
    state.commit(&[]).unwrap();
    assert_eq!(loaded(&mut *state).len(), 0);
}

fn an_engine_goes_on_from_it(place: &impl Place) {
    let mut state = place.open().unwrap();
    state.commit(&tasks(5, "five")).unwrap();
    drop(state);
    let mut state = place.open().unwrap();
    let mut engine = Engine::restore(Config::default(), 8, state.load().unwrap()).unwrap();
    assert_eq!(engine.tasks().count(), 5);
    let id = "snap-0123456789abcdef0".to_owned();
    let action = Action::DeleteSnapshot(DeleteSnapshotRequest {
        snapshot_id: Some(id),
        ..DeleteSnapshotRequest::default()
    });
    let caller = caller();
    engine.request(NOW, ApiCall { caller, action });
    engine.request(NOW, import("a sixth"));
    state.commit(&due(&mut engine)).unwrap();
    let again = Engine::restore(Config::default(), 9, state.load().unwrap()).unwrap();
    assert_eq!(again.tasks().count(), 6);
}

/// The records of a task that says as much as the engine takes.
fn largest() -> Vec<Change> {
    let text = "\u{1f980}".repeat(1024);
    let disk = |number: usize| DiskContainer {
        format: Some("raw".into()),
        description: Some(text.clone()),
        url: Some(SourceUrl::new(format!(
            "s3://images/{number}/{}",
            "k".repeat(900)
        ))),
        ..DiskContainer::default()
    };
    let request = ImportImageRequest {
        description: Some(text.clone()),
        disk_containers: (0..21).map(disk).collect(),
        ..ImportImageRequest::default()
    };
    let mut engine = Engine::new(Config::default(), 7);
    let call = ApiCall {
        caller: caller(),
        action: Action::ImportImage(request),
    };
    engine.request(NOW, call);
    assert_eq!(engine.tasks().count(), 1, "it is not taken");
    let changes = due(&mut engine);
    let bytes: usize = sum(&changes)
        .values()
        .map(|record| serde_json::to_vec(record).unwrap().len())
        .sum();
    assert!(
        bytes > 21 * (4096 + 900),
        "{bytes} bytes are no large record"
    );
    changes
}

fn many_and_large_records_are_kept(place: &impl Place) {
    // Quotation marks, zeroes and other letters are texts like any.
    let mut changes = tasks(500, "d\u{e9}j\u{e0} vu '\" \\ \u{1} \u{1f980}");
    let mut state = place.open().unwrap();
    state.commit(&changes).unwrap();
    let large = largest();
    state.commit(&large).unwrap();
    changes.extend(large);
    assert!(loaded(&mut *state) == sum(&changes));
}

fn one_has_it_at_a_time(place: &impl Place) {
    let first = place.open().unwrap();
    let second = place.open().map(drop);
    assert!(matches!(second, Err(Error::Busy { .. })), "{second:?}");
    drop(first);
    // A session that was left may take the database a moment to end.
    for _ in 0..100 {
        match place.open() {
            Ok(_) => return,
            Err(Error::Busy { .. }) => std::thread::sleep(std::time::Duration::from_millis(20)),
            Err(error) => panic!("{error}"),
        }
    }
    panic!("nobody has it, and it cannot be had");
}

fn damage_is_said(place: &impl Place) {
    let mut state = place.open().unwrap();
    state.commit(&tasks(3, "three")).unwrap();
    drop(state);
    place.damage();
    let error = place
        .open()
        .and_then(|mut state| state.load().map(drop))
        .unwrap_err();
    assert!(error.is_corrupt(), "{error}");
}
