//! `vmie tasks --endpoint`: the command as a client of a service.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

use std::process::{Command, Output};

use serde_json::Value;
use vmie::tasks::{Action, DiskContainer, ImportSnapshotRequest, Reply, SourceUrl};
use vmie_serve::{Options, Remote, Server};

/// The command, with the key of a service.
fn tasks(server: &Server, key: (&str, &str), arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_vmie"))
        .args(["tasks", "--endpoint", &server.url(), "--json"])
        .args(arguments)
        .env("AWS_ACCESS_KEY_ID", key.0)
        .env("AWS_SECRET_ACCESS_KEY", key.1)
        .env_remove("AWS_SESSION_TOKEN")
        .env_remove("AWS_DEFAULT_REGION")
        .output()
        .unwrap()
}

fn document(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn tasks_of_a_service_are_listed_and_cancelled() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = Options::demo(folder.path()).unwrap();
    options.listen = "127.0.0.1:0".parse().unwrap();
    let key = options.keys.first().unwrap().clone();
    let server = Server::start(options).unwrap();
    let secret = (key.id.as_str(), key.secret.reveal());

    let none = tasks(&server, secret, &[]);
    assert!(none.status.success(), "{none:?}");
    assert_eq!(document(&none)["tasks"], Value::Array(Vec::new()));

    // An object that is not there: the task is accepted, and ends on its own.
    let container = DiskContainer {
        format: Some("raw".into()),
        url: Some(SourceUrl::new("s3://amzn-s3-demo-import-bucket/none.raw")),
        ..DiskContainer::default()
    };
    let asked = Action::ImportSnapshot(ImportSnapshotRequest {
        description: Some("<a & b>".into()),
        disk_container: Some(container),
        ..ImportSnapshotRequest::default()
    });
    let remote = Remote::new(&server.url(), "us-east-1", key.clone(), None).unwrap();
    let Ok(Reply::ImportSnapshot(task)) = remote.call(&asked).unwrap() else {
        panic!("the call is not taken")
    };
    let listed = document(&tasks(&server, secret, &[]));
    assert_eq!(
        listed["tasks"][0]["import_task_id"],
        task.import_task_id.as_str()
    );
    assert_eq!(listed["tasks"][0]["kind"], "import-snapshot");
    // In another Region there are none.
    let elsewhere = document(&tasks(&server, secret, &["--region", "eu-west-1"]));
    assert_eq!(elsewhere["tasks"], Value::Array(Vec::new()));

    for (key, arguments, code) in [
        (
            secret,
            &["cancel", "import-snap-0123456789abcdef0"][..],
            "InvalidConversionTaskId",
        ),
        ((secret.0, "another"), &[], "AuthFailure"),
    ] {
        let refused = tasks(&server, key, arguments);
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        let error = &document(&refused)["error"];
        assert_eq!(error["kind"], "refused", "{refused:?}");
        let said = format!("{error}{}", String::from_utf8_lossy(&refused.stderr));
        assert!(said.contains(code), "{said}");
        assert!(!said.contains(secret.1));
    }
    server.stop().unwrap();
}

#[test]
fn without_a_key_or_a_service_it_is_said() {
    let run = |key: Option<&str>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vmie"));
        command.args(["tasks", "--endpoint", "http://127.0.0.1:1"]);
        command
            .env_remove("AWS_ACCESS_KEY_ID")
            .env("AWS_SECRET_ACCESS_KEY", "hush");
        if let Some(key) = key {
            command.env("AWS_ACCESS_KEY_ID", key);
        }
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(run(None).contains("AWS_ACCESS_KEY_ID"));
    let unreachable = run(Some("AKIDEXAMPLE"));
    assert!(unreachable.contains("127.0.0.1:1"), "{unreachable}");
    assert!(!unreachable.contains("hush"));
}
