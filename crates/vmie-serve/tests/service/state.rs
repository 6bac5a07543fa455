//! What is kept through restarts, failures and damage.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use vmie_serve::state::{Embedded, State};
use vmie_serve::{Error, Server};
use vmie_tasks::{Change, Record};

use super::client::{call, element, get, options};
use super::{bucket, ended, import};

#[test]
fn tasks_go_on_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    bucket(folder.path());
    let mut tasks = Vec::new();
    for round in 0..3 {
        // Stopped at once, in the middle of what was begun.
        let server = Server::start(options(folder.path())).unwrap();
        for n in 0..3 {
            let (status, body) = call(&server, &import(round * 3 + n));
            assert_eq!(status, 200, "{body}");
            tasks.push(element(&body, "importTaskId"));
        }
        server.stop().unwrap();
    }
    let server = Server::start(options(folder.path())).unwrap();
    for task in &tasks {
        let body = ended(&server, task);
        assert_eq!(element(&body, "status"), "completed", "{body}");
    }
    server.stop().unwrap();
    let work = fs::read_dir(folder.path().join("store/work")).unwrap();
    assert_eq!(work.count(), 0);
    let disks = fs::read_dir(folder.path().join("store")).unwrap();
    let disks = disks.filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().ends_with(".raw")
    });
    assert_eq!(disks.count(), tasks.len());
}

#[test]
fn one_service_has_a_folder_and_a_damaged_state_starts_none() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(options(folder.path())).unwrap();
    let second = Server::start(options(folder.path()));
    assert!(matches!(second, Err(Error::Busy { .. })), "{second:?}");
    server.stop().unwrap();
    let state = folder.path().join("state.redb");
    let mut bytes = fs::read(&state).unwrap();
    bytes[..512].fill(0x5a);
    fs::write(&state, &bytes).unwrap();
    let error = Server::start(options(folder.path())).unwrap_err();
    assert!(error.is_corrupt(), "{error}");
    assert!(error.to_string().contains("backup"), "{error}");
    assert_eq!(fs::read(&state).unwrap(), bytes, "it is left as it was");
}

/// A disk that is full for a while.
struct Full {
    inner: Embedded,
    is_full: Arc<AtomicBool>,
}

impl State for Full {
    fn load(&mut self) -> Result<Vec<Record>, Error> {
        self.inner.load()
    }
    fn commit(&mut self, changes: &[Change]) -> Result<(), Error> {
        if self.is_full.load(Ordering::Relaxed) {
            let (path, what) = (PathBuf::from("state.redb"), "no space left".to_owned());
            return Err(Error::State { path, what });
        }
        self.inner.commit(changes)
    }
}

#[test]
fn a_full_disk_refuses_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    bucket(folder.path());
    let is_full = Arc::new(AtomicBool::new(false));
    let mut options = options(folder.path());
    options.state = Some(Box::new(Full {
        inner: Embedded::open(folder.path()).unwrap(),
        is_full: Arc::clone(&is_full),
    }));
    options.limits.answer_time = std::time::Duration::from_millis(300);
    let server = Server::start(options).unwrap();
    let (_, body) = call(&server, &import(0));
    let before = element(&body, "importTaskId");
    ended(&server, &before);
    is_full.store(true, Ordering::Relaxed);
    for n in 1..4 {
        let (status, body) = call(&server, &import(n));
        assert_eq!(
            (status, &*element(&body, "Code")),
            (503, "Unavailable"),
            "{body}"
        );
    }
    assert_eq!(get(&server, "/healthz", "Host: a\r\n").0, 503);
    is_full.store(false, Ordering::Relaxed);
    let body = loop {
        let (status, body) = call(&server, &import(4));
        if status == 200 {
            break body;
        }
    };
    let after = element(&body, "importTaskId");
    for task in [before, after] {
        assert_eq!(element(&ended(&server, &task), "status"), "completed");
    }
    assert_eq!(get(&server, "/healthz", "Host: a\r\n").0, 200);
    server.stop().unwrap();
}
