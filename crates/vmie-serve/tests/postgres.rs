//! The state in PostgreSQL holds what every state has to, and what only a shared one can.
//!
//! The address of a database is in `VMIE_POSTGRES`, where the tests may make schemas of their own;
//! `cargo xtask peers shared` starts one and runs them.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

#[path = "state/suite.rs"]
mod suite;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use postgres::{Client, NoTls};
use suite::Place;
use vmie_serve::Error;
use vmie_serve::shared::{Seat, Shared};
use vmie_serve::state::State;
use vmie_tasks::{Change, RecordKey};

/// A schema of its own.
struct Schema {
    name: String,
    shared: Shared,
}

fn address() -> String {
    std::env::var("VMIE_POSTGRES").expect("VMIE_POSTGRES has the address of a database")
}

fn client() -> Client {
    Client::connect(&address(), NoTls).unwrap()
}

impl Schema {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{count}", std::process::id());
        client()
            .batch_execute(&format!("CREATE SCHEMA {name}"))
            .unwrap();
        let join = if address().contains('?') { '&' } else { '?' };
        let address = format!("{}{join}options=-c%20search_path%3D{name}", address());
        let shared = Shared::new(&address).unwrap();
        Self { name, shared }
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        let drop = format!("DROP SCHEMA {} CASCADE", self.name);
        client().batch_execute(&drop).unwrap();
    }
}

impl Place for Schema {
    fn open(&self) -> Result<Box<dyn State>, Error> {
        // A session that was left may take the database a moment to end.
        let start = Instant::now();
        loop {
            match Seat::take(&self.shared) {
                Err(Error::Busy { .. }) if start.elapsed() < Duration::from_millis(300) => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                taken => return Ok(Box::new(taken?)),
            }
        }
    }

    fn damage(&self) {
        let damage = format!(
            "UPDATE {}.vmie_records SET content = set_byte(content, 20, 1) WHERE key <> 'engine'",
            self.name
        );
        client().batch_execute(&damage).unwrap();
    }
}

#[test]
fn the_shared_state_conforms() {
    suite::holds(Schema::new);
}

fn removal() -> Vec<Change> {
    vec![Change::Remove {
        key: RecordKey::Engine,
    }]
}

#[test]
fn who_says_nothing_for_a_lease_loses_the_chair_and_changes_nothing_late() {
    let schema = Schema::new();
    let shared = schema.shared.clone().with_lease(Duration::from_secs(1));
    let mut late = Seat::take(&shared).unwrap();
    late.commit(&suite::tasks(3, "three")).unwrap();
    let records = late.load().unwrap().len();
    std::thread::sleep(Duration::from_millis(1600));
    let mut next = Seat::take(&shared).unwrap();
    let error = late.commit(&removal()).unwrap_err();
    assert!(matches!(error, Error::Database { .. }), "{error}");
    assert_eq!(next.load().unwrap().len(), records);
    // It stays so.
    assert!(late.commit(&removal()).is_err());
    next.commit(&suite::tasks(4, "four")).unwrap();
    assert_eq!(next.load().unwrap().len(), 5);
}

#[test]
fn schemas_of_one_database_are_apart() {
    let (one, other) = (Schema::new(), Schema::new());
    let mut seat = Seat::take(&one.shared).unwrap();
    seat.commit(&suite::tasks(1, "one")).unwrap();
    let mut seat = Seat::take(&other.shared).unwrap();
    assert_eq!(seat.load().unwrap().len(), 0);
}

#[test]
fn tables_of_another_version_are_not_touched() {
    let schema = Schema::new();
    drop(Seat::take(&schema.shared).unwrap());
    let update = format!("UPDATE {}.vmie_about SET version = 99", schema.name);
    client().batch_execute(&update).unwrap();
    let error = Seat::take(&schema.shared).unwrap_err();
    assert!(error.to_string().contains("version 99"), "{error}");
}
