//! The service from outside, over sockets: what it answers, and what it bears.
#![allow(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

mod client;
mod hostile;
mod state;
mod tls;

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use client::{call, element, get, options};
use vmie_serve::Server;

const IMPORT: &str =
    "Action=ImportSnapshot&DiskContainer.Format=raw&DiskContainer.Url=s3%3A%2F%2Fimages%2Fdisk.raw";

/// An import that differs from others: equal requests of the same second have one signature.
fn import(n: usize) -> String {
    format!("{IMPORT}&Description=disk{n}")
}

/// A bucket with a disk of 1 MiB.
fn bucket(folder: &std::path::Path) {
    let bucket = folder.join("buckets/images");
    fs::create_dir_all(&bucket).unwrap();
    fs::write(bucket.join("disk.raw"), vec![7; 1 << 20]).unwrap();
}

/// What is said of a task once it has ended.
fn ended(server: &Server, task: &str) -> String {
    let start = Instant::now();
    loop {
        let (status, body) = call(
            server,
            &format!("Action=DescribeImportSnapshotTasks&ImportTaskId.1={task}"),
        );
        assert_eq!(status, 200, "{body}");
        if matches!(&*element(&body, "status"), "completed" | "deleted") {
            return body;
        }
        assert!(start.elapsed() < Duration::from_secs(30), "{body}");
        sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_snapshot_is_imported_and_nothing_temporary_is_left_svc_sec_1() {
    let folder = tempfile::tempdir().unwrap();
    bucket(folder.path());
    let server = Server::start(options(folder.path())).unwrap();
    let (status, body) = call(&server, IMPORT);
    assert_eq!(status, 200, "{body}");
    let task = element(&body, "importTaskId");
    let body = ended(&server, &task);
    assert_eq!(element(&body, "status"), "completed", "{body}");
    let snapshot = element(&body, "snapshotId");
    let disk = folder.path().join(format!("store/{snapshot}.raw"));
    assert_eq!(fs::read(disk).unwrap(), vec![7; 1 << 20]);
    let work = fs::read_dir(folder.path().join("store/work")).unwrap();
    assert_eq!(work.count(), 0);
    server.stop().unwrap();
}

#[test]
fn a_request_that_is_sent_again_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    bucket(folder.path());
    let server = Server::start(options(folder.path())).unwrap();
    let send = |request: &str| client::split(&client::send(server.address(), request.as_bytes()));
    let form = format!("Version=2016-11-15&{IMPORT}");
    let request = client::signed(&server, &form);
    let (status, first) = send(&request);
    assert_eq!(status, 200, "{first}");
    let (status, again) = send(&request);
    assert_eq!((status, &*element(&again, "Code")), (401, "AuthFailure"));
    // An equal call of the same second, which the client calls another one.
    let other =
        |id: &str| request.replacen("\r\n", &format!("\r\namz-sdk-invocation-id: {id}\r\n"), 1);
    let (status, second) = send(&other("one"));
    assert_eq!(status, 200, "{second}");
    assert_ne!(
        element(&first, "importTaskId"),
        element(&second, "importTaskId")
    );
    assert_eq!(send(&other("one")).0, 401);
    let (_, all) = call(&server, "Action=DescribeImportSnapshotTasks");
    assert_eq!(all.matches("<importTaskId>").count(), 2);
    server.stop().unwrap();
}

#[test]
fn the_page_is_for_who_has_the_token_under_our_name() {
    let folder = tempfile::tempdir().unwrap();
    bucket(folder.path());
    let server = Server::start(options(folder.path())).unwrap();
    let (ours, bearer) = ("Host: localhost:1\r\n", "Authorization: Bearer token\r\n");
    let both = format!("{ours}{bearer}");
    let (_, body) = call(&server, IMPORT);
    let task = element(&body, "importTaskId");
    ended(&server, &task);
    for (path, headers, status) in [
        ("/", ours, 200),
        ("/", "Host: evil.example\r\n", 421),
        ("/", "", 421),
        ("/data/tasks", ours, 401),
        (
            "/data/tasks",
            "Host: localhost\r\nAuthorization: Bearer tokem\r\n",
            401,
        ),
        (
            "/data/tasks",
            "Host: evil.example\r\nAuthorization: Bearer token\r\n",
            421,
        ),
        ("/data/tasks", &both, 200),
        ("/data/tasks/../../etc/passwd/report", &both, 404),
        (
            "/data/tasks/import-ami-0123456789abcdef0/report",
            &both,
            204,
        ),
        ("/metrics", ours, 200),
        ("/healthz", "Host: any\r\n", 200),
        ("/elsewhere", &both, 404),
    ] {
        let (found, body) = get(&server, path, headers);
        assert_eq!(found, status, "{path} {headers}: {body}");
    }
    let (_, body) = get(&server, "/data/tasks", &both);
    assert!(
        body.contains(&task) && body.contains("\"completed\""),
        "{body}"
    );
    let (_, metrics) = get(&server, "/metrics", ours);
    let line = "vmie_requests_total{action=\"ImportSnapshot\",code=\"OK\"} 1";
    assert!(metrics.contains(line), "{metrics}");
    server.stop().unwrap();
}
