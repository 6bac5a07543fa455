//! A state with many tasks that have ended, and a disk to convert.

use std::io::Write as _;
use std::path::Path;

use vmie::tasks::{
    Action, ApiCall, Caller, Config, DiskContainer, Engine, Failure, ImportSnapshotRequest, Output,
    SourceUrl, Step, WorkerEvent,
};
use vmie_serve::state::{Embedded, State as _};

use super::Result;

pub(crate) const ACCOUNT: &str = "111122223333";
/// Changes that are written at once.
const AT_ONCE: usize = 5000;

/// Writes the state of a service that had so many imports; gives their ids.
pub(crate) fn fill(data: &Path, tasks: usize) -> Result<Vec<String>> {
    std::fs::create_dir_all(data)?;
    vmie_serve::own_keys(data, ACCOUNT)?;
    let mut state = Embedded::open(data)?;
    let mut engine = Engine::new(Config::default(), 7);
    let mut changes = Vec::new();
    for number in 0..tasks {
        let now = vmie::now();
        engine.request(now, import(number));
        loop {
            match engine.poll() {
                Output::Commit(commit) => changes.extend(commit.changes),
                Output::Begin(begin) => {
                    let event = match begin.order.step {
                        Step::Cleanup => WorkerEvent::Cleaned,
                        _ => WorkerEvent::Failed(failure()),
                    };
                    engine.report(now, &begin.order, begin.attempt, event)?;
                }
                Output::Idle { .. } => break,
                _ => {}
            }
        }
        if changes.len() >= AT_ONCE || number + 1 == tasks {
            state.commit(&std::mem::take(&mut changes))?;
        }
    }
    let ids = engine.tasks().map(|(_, id, _)| id.as_str().to_owned());
    Ok(ids.collect())
}

fn import(number: usize) -> ApiCall {
    let container = DiskContainer {
        format: Some("raw".into()),
        url: Some(SourceUrl::new("s3://images/disk.raw")),
        ..DiskContainer::default()
    };
    ApiCall {
        caller: Caller {
            account: ACCOUNT.into(),
            region: "us-east-1".into(),
        },
        action: Action::ImportSnapshot(ImportSnapshotRequest {
            description: Some(format!("number {number}")),
            disk_container: Some(container),
            ..ImportSnapshotRequest::default()
        }),
    }
}

fn failure() -> Failure {
    Failure {
        code: "read".into(),
        message: "ClientError: Disk validation failed [the file cannot be read]".into(),
        detail: "it is not there".into(),
        svc: Vec::new(),
        retryable: false,
    }
}

/// A disk of so many MiB that no two blocks of are alike.
pub(crate) fn disk(path: &Path, mib: usize) -> Result<()> {
    std::fs::create_dir_all(path.parent().ok_or("no folder")?)?;
    let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
    let mut word = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..mib * (1 << 20) / 8 {
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        file.write_all(&word.to_le_bytes())?;
    }
    file.flush()?;
    Ok(())
}
