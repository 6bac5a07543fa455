//! What the engine looks at by itself.

use crate::told::{self, Client, import_image, import_snapshot};
use vmie_tasks::{
    Action, Config, ImportSnapshotRequest, KeyRecord, KeyState, Reply, Step, WorkerEvent,
};

#[test]
fn svc_task_7_a_key_that_is_disabled_fails_the_import_under_way() {
    let plain = ("encryption = \"sse-kms\"", "encryption = \"none\"");
    let id = "1234abcd-12ab-34cd-56ef-1234567890ab";
    let request = ImportSnapshotRequest {
        encrypted: Some(true),
        kms_key_id: Some(id.into()),
        ..import_snapshot()
    };
    let disabled = KeyRecord {
        id: id.into(),
        owner: told::ACCOUNT.into(),
        region: "us-east-1".into(),
        state: KeyState::Disabled,
        ..KeyRecord::default()
    };
    // Found by the watch, and by the end of a step.
    for by_watch in [true, false] {
        let mut client = Client::new(&[plain]);
        let reply = client.call(Action::ImportSnapshot(request.clone()));
        let Ok(Reply::ImportSnapshot(task)) = reply else {
            panic!("{reply:?}")
        };
        client.engine.world_mut().put_key(disabled.clone());
        if by_watch {
            client.tick(60);
        } else {
            client.ends(Step::Validate);
        }
        let failure = client.engine.failure(&task.import_task_id).unwrap();
        assert_eq!(failure.code, "key-disabled");
        client.works();
    }
}

#[test]
fn svc_task_9_svc_obs_8_a_silent_worker_is_given_up_and_always_with_a_cause() {
    let mut client = Client::new(&[]);
    let Ok(Reply::ImportImage(task)) = client.call(Action::ImportImage(import_image())) else {
        panic!()
    };
    let silent = Config::default().limits.validate.silent;
    for attempt in 1..=3 {
        let begin = client.order(Step::Validate);
        assert_eq!(begin.attempt.0, attempt);
        client.tell(&begin, WorkerEvent::Started).unwrap();
        client.tick(silent - 1);
        assert_eq!(client.order(Step::Validate).attempt.0, attempt);
        client.tick(1);
        assert!(client.tell(&begin, WorkerEvent::Started).is_err(), "stale");
        client.tick(60);
    }
    let failure = client.engine.failure(&task.import_task_id).unwrap();
    assert_eq!(failure.code, "worker-silent");
    // The cleanup stalls, too, and the task ends all the same.
    for _ in 0..10 {
        client.tick(86_400);
    }
    assert!(client.begun.is_empty());
}
