//! An import that is killed, for real and at any moment, goes on when it is started again.
#![cfg(unix)]
#![allow(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

mod fixtures;
#[path = "../../vmie/tests/guest/mod.rs"]
mod guest;

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, SystemTime};

use fixtures::{code, document, run, stderr, vmie};
use guest::{Guest, files, only_image};

fn import(store: &Path, guest: &Guest, rate: &str) -> Command {
    let mut command = vmie();
    command
        .args([
            "import",
            "--json",
            "--allow-undetermined",
            "--read-rate",
            rate,
            "--store",
        ])
        .args([store, &guest.path])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn check(store: &Path, guest: &Guest) {
    let output = import(store, guest, "1G").output().unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let imported = document(&output, "vmie.import");
    let snapshots = imported["snapshots"].as_array().unwrap();
    let digests: Vec<&str> = snapshots
        .iter()
        .map(|s| s["sha256"].as_str().unwrap())
        .collect();
    assert_eq!(digests, guest.digests());
    for (snapshot, disk) in snapshots.iter().zip(&guest.disks) {
        assert!(std::fs::read(snapshot["path"].as_str().unwrap()).unwrap() == *disk);
    }
    assert_eq!(only_image(store), imported["image_id"].as_str().unwrap());
    // The store's own three files, the image's note, and two for each disk.
    assert_eq!(
        files(store).len(),
        4 + 2 * guest.disks.len(),
        "{:?}",
        files(store)
    );
}

#[test]
fn killed_at_many_moments_it_ends_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let guest = Guest::appliance(folder.path());
    let mut while_writing = 0;
    for round in 0..6u64 {
        let store = folder.path().join(format!("store{round}"));
        for moment in 0..3u64 {
            let before = parts(&store);
            let mut child = import(&store, &guest, "100K").spawn().unwrap();
            if moment > 0 {
                wait_for_a_part(&store, &before);
            }
            thread::sleep(Duration::from_millis(13 * round + 30 * moment));
            child.kill().unwrap();
            child.wait().unwrap();
            while_writing += u32::from(has_part(&store));
        }
        check(&store, &guest);
    }
    assert!(while_writing >= 10, "{while_writing}");
}

fn has_part(store: &Path) -> bool {
    files(store).iter().any(|name| name.ends_with(".part"))
}

/// The files that are being written, each with the time of its making.
fn parts(store: &Path) -> Vec<(String, Option<SystemTime>)> {
    let mut parts = Vec::new();
    for name in files(store) {
        if name.ends_with(".part") {
            let made = store.join(&name).metadata().and_then(|m| m.created());
            parts.push((name, made.ok()));
        }
    }
    parts
}

/// Waits until a disk is being written that was not `before`: what an earlier run left is swept
/// only once the next one is under way.
fn wait_for_a_part(store: &Path, before: &[(String, Option<SystemTime>)]) {
    for _ in 0..3000 {
        thread::sleep(Duration::from_millis(10));
        if parts(store).iter().any(|part| !before.contains(part)) {
            return;
        }
    }
}

#[test]
fn interrupted_it_says_how_to_go_on_and_leaves_what_it_goes_on_from() {
    let folder = tempfile::tempdir().unwrap();
    let guest = Guest::appliance(folder.path());
    let store = folder.path().join("store");
    let child = import(&store, &guest, "60K").spawn().unwrap();
    wait_for_a_part(&store, &[]);
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &id])
            .status()
            .unwrap()
            .success()
    );
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 1);
    let error = &document(&output, "vmie.error")["error"];
    assert_eq!(error["kind"], "cancelled");
    assert!(
        error["advice"]
            .as_str()
            .unwrap()
            .contains("same command again")
    );
    // A file that is half written is there only with the journal from which it is gone on with.
    let left = files(&store);
    for part in left.iter().filter(|name| name.ends_with(".part")) {
        let journal = part.replace(".part", ".journal");
        assert!(left.contains(&journal), "{left:?}");
    }
    let listed = run(&["tasks", "--json", "--store", store.to_str().unwrap()]);
    assert_eq!(
        document(&listed, "vmie.tasks")["tasks"][0]["status"],
        "active"
    );
    check(&store, &guest);
}

#[test]
fn a_second_process_is_told_to_wait() {
    let folder = tempfile::tempdir().unwrap();
    let guest = Guest::appliance(folder.path());
    let store = folder.path().join("store");
    let mut child = import(&store, &guest, "100K").spawn().unwrap();
    for _ in 0..200 {
        thread::sleep(Duration::from_millis(20));
        if store.join("journal").exists() {
            break;
        }
    }
    let output = run(&["tasks", "--store", store.to_str().unwrap()]);
    assert_eq!(code(&output), 1);
    assert!(
        stderr(&output).contains("another process"),
        "{}",
        stderr(&output)
    );
    child.kill().unwrap();
    child.wait().unwrap();
    check(&store, &guest);
}

#[test]
fn a_conversion_that_is_interrupted_leaves_nothing_under_any_name() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("disk.raw");
    let target = folder.path().join("disk.vmdk");
    // Enough of it, and compressed hard enough, that it takes seconds.
    let noise = vmie_testkit::vmdk::sample_disk(1 << 20);
    std::fs::write(&source, noise.repeat(96)).unwrap();
    for signal in ["-INT", "-TERM"] {
        let child = vmie()
            .args(["convert", "--json", "-O", "vmdk", "--level", "12"])
            .args([&source, &target])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        for _ in 0..3000 {
            if files(folder.path()).len() > 1 {
                break;
            }
            thread::sleep(Duration::from_millis(10));
        }
        let id = child.id().to_string();
        let thrown = Command::new("kill").args([signal, &id]).status().unwrap();
        assert!(thrown.success());
        let output = child.wait_with_output().unwrap();
        assert_eq!(code(&output), 1, "{}", stderr(&output));
        let error = &document(&output, "vmie.error")["error"];
        assert_eq!(error["kind"], "cancelled");
        assert_eq!(files(folder.path()), ["disk.raw"]);
    }
}

#[test]
fn an_image_is_exported_by_a_task_and_is_what_was_imported() {
    let folder = tempfile::tempdir().unwrap();
    let guest = Guest::appliance(folder.path());
    let (store, source) = (folder.path().join("store"), folder.path().join("disk.raw"));
    std::fs::write(&source, &guest.disks[0]).unwrap();
    let output = vmie()
        .args(["import", "--allow-undetermined", "--store"])
        .args([&store, &source])
        .output()
        .unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let (image, before) = (only_image(&store), files(&store));
    // What the service exports to is a task of its, the rest is written at once.
    for (format, by_task) in [
        ("vmdk", true),
        ("vhd", true),
        ("raw", true),
        ("qcow2", false),
    ] {
        let target = folder.path().join(format!("out.{format}"));
        let export = || {
            let mut command = vmie();
            command.args(["export", "--json", "-O", format, "--store"]);
            command.args([&store, Path::new(&image), &target]);
            command.output().unwrap()
        };
        let output = export();
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        let exported = document(&output, "vmie.export");
        assert_eq!(exported["sha256"], guest.digests()[0]);
        assert_eq!(exported["task_id"].is_string(), by_task, "{exported}");
        assert_eq!(exported["file_size"], target.metadata().unwrap().len());
        let compared = vmie().arg("compare").args([&source, &target]).output();
        assert_eq!(code(&compared.unwrap()), 0, "{format}");
        let error = document(&export(), "vmie.error");
        let message = error["error"]["message"].as_str().unwrap();
        assert!(message.contains("something of that name"), "{message}");
        assert_eq!(files(&store), before);
    }
}
