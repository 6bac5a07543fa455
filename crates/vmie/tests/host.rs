//! The local host, stopped at every step there is.
#![allow(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

mod guest;

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use guest::{Guest, files, only_image};

use vmie::io::{CancelToken, Limits};
use vmie::rules::format::ImageFormat;
use vmie::tasks::{DiskContainer, Happening, ImportSnapshotRequest, SourceUrl, TaskEvent};
use vmie::{
    Cause, Durable, Error, ExportSpec, HostOptions, Image, ImageOptions, ImportSpec, Imported,
    Judging, LocalHost, Outcome, compare, preflight,
};

fn options() -> HostOptions {
    HostOptions::new().with_undetermined(true)
}

fn import(store: &Path, spec: &ImportSpec, options: HostOptions) -> Result<Imported, Error> {
    let mut host = LocalHost::open(store, options)?;
    let imported = host.import(spec, &mut |_| {}, &CancelToken::new())?;
    host.acknowledge(&imported)?;
    Ok(imported)
}

/// A way to change files that dies at the step of this number (from 0) and stays dead, as a process
/// does; and the number of steps so far.
fn dying_at(step: usize) -> (HostOptions, Arc<AtomicUsize>) {
    let steps = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&steps);
    let hook = move |_: &'static str| {
        if counted.fetch_add(1, Ordering::SeqCst) >= step {
            return Err(io::Error::other("the power went"));
        }
        Ok(())
    };
    let durable = Durable::with_hook(Arc::new(hook));
    (options().with_durable(durable), steps)
}

/// Imports again until it is done, and looks whether what is there is what should be.
fn finish(store: &Path, guest: &Guest, what: &str) {
    let imported =
        import(store, &guest.spec(), options()).unwrap_or_else(|e| panic!("{what}: {e}"));
    check(store, guest, &imported, what);
}

fn check(store: &Path, guest: &Guest, imported: &Imported, what: &str) {
    let Outcome::Completed { disks, image, .. } = &imported.outcome else {
        panic!("{what}: {:?}", imported.outcome);
    };
    let digests: Vec<&str> = disks.iter().map(|disk| disk.sha256.as_str()).collect();
    assert_eq!(digests, guest.digests(), "{what}");
    for (disk, bytes) in disks.iter().zip(&guest.disks) {
        assert!(std::fs::read(&disk.path).unwrap() == *bytes, "{what}");
    }
    let mut expected = vec![
        "journal".to_owned(),
        "lock".to_owned(),
        "vmie-store.json".to_owned(),
        format!("{}/image.json", image.image_id),
    ];
    for disk in disks {
        expected.push(format!("{}.json", disk.id));
        expected.push(format!("{}.raw", disk.id));
    }
    expected.sort();
    assert_eq!(files(store), expected, "{what}");
    assert_eq!(only_image(store), image.image_id.as_str(), "{what}");
}

#[test]
fn an_import_ends_with_the_disks_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let guest = Guest::appliance(folder.path());
    let store = folder.path().join("store");
    let imported = import(&store, &guest.spec(), options()).unwrap();
    assert!(!imported.resumed);
    check(&store, &guest, &imported, "plain");
}

#[test]
fn stopped_at_any_step_it_goes_on_and_ends_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let guest = Guest::appliance(folder.path());
    let next = AtomicUsize::new(0);
    let last = AtomicUsize::new(usize::MAX);
    // Waiting for the disk is most of it, so several stores are stopped at a time.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let step = next.fetch_add(1, Ordering::SeqCst);
                    if step > last.load(Ordering::SeqCst) {
                        return;
                    }
                    if !stop_at(step, folder.path(), &guest) {
                        last.fetch_min(step, Ordering::SeqCst);
                    }
                }
            });
        }
    });
    let steps = last.load(Ordering::SeqCst);
    assert!(steps > 40, "{steps} steps are too few to be true");
}

/// Stops an import at a step, and finishes it; says whether it came to that step.
fn stop_at(step: usize, folder: &Path, guest: &Guest) -> bool {
    let store = folder.join(format!("store{step}"));
    let (dying, steps) = dying_at(step);
    let what = format!("stopped at step {step}");
    let first = LocalHost::open(&store, dying).and_then(|mut host| {
        let imported = host.import(&guest.spec(), &mut |_| {}, &CancelToken::new())?;
        // Whether the note that its news arrived was written in time or not, the image is there.
        let _ = host.acknowledge(&imported);
        Ok(imported)
    });
    match first {
        Ok(imported) => check(&store, guest, &imported, &what),
        Err(_) => finish(&store, guest, &what),
    }
    std::fs::remove_dir_all(&store).unwrap();
    steps.load(Ordering::SeqCst) > step
}

#[test]
fn stopped_again_and_again_it_still_ends_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let guest = Guest::appliance(folder.path());
    for seed in 0..12usize {
        let store = folder.path().join(format!("store{seed}"));
        // Steps in no order at all, the same in every run.
        let mut random = seed * 2_654_435_761 + 12_345;
        for _ in 0..6 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let (dying, _) = dying_at((random >> 33) % 70);
            let _ = import(&store, &guest.spec(), dying);
        }
        // However often the image was finished and acknowledged in between, the last run is whole.
        let imported = import(&store, &guest.spec(), options()).unwrap();
        let Outcome::Completed { disks, .. } = &imported.outcome else {
            panic!("{:?}", imported.outcome);
        };
        let digests: Vec<&str> = disks.iter().map(|disk| disk.sha256.as_str()).collect();
        assert_eq!(digests, guest.digests());
        let left = files(&store);
        assert!(
            left.iter().all(|name| !name.contains("work/")
                && !name.ends_with(".part")
                && !name.contains(".tmp")),
            "{left:?}"
        );
    }
}

#[test]
fn a_full_disk_fails_the_task_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let guest = Guest::appliance(folder.path());
    let store = folder.path().join("store");
    let writes = AtomicUsize::new(0);
    let hook = move |name: &'static str| {
        if name == "write disk" && writes.fetch_add(1, Ordering::SeqCst) == 2 {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        Ok(())
    };
    let options = options().with_durable(Durable::with_hook(Arc::new(hook)));
    let imported = import(&store, &guest.spec(), options).unwrap();
    let Outcome::Failed { message, failure } = &imported.outcome else {
        panic!("{:?}", imported.outcome);
    };
    let failure = failure.as_ref().unwrap();
    assert_eq!(failure.code, "disk-full");
    assert!(failure.detail.contains("Make room"), "{}", failure.detail);
    assert_eq!(message, &failure.message);
    assert_eq!(files(&store), ["journal", "lock", "vmie-store.json"]);
    finish(&store, &guest, "after room was made");
}

#[test]
fn a_wish_to_stop_leaves_the_task_for_the_next_run() {
    let folder = tempfile::tempdir().unwrap();
    let guest = Guest::appliance(folder.path());
    let store = folder.path().join("store");
    let stop = CancelToken::new();
    let mut host = LocalHost::open(&store, options()).unwrap();
    let thrown = stop.clone();
    let mut watch = |event: &TaskEvent| {
        if matches!(event.event, Happening::Stage { .. }) {
            thrown.cancel();
        }
    };
    let error = host.import(&guest.spec(), &mut watch, &stop).unwrap_err();
    assert_eq!(error.cause(), Some(Cause::Cancelled));
    let tasks = host.image_tasks().unwrap();
    assert_eq!(tasks.len(), 1);
    assert!(!files(&store).iter().any(|name| name.ends_with(".part")));
    drop(host);
    let mut host = LocalHost::open(&store, options()).unwrap();
    let imported = host
        .import(&guest.spec(), &mut |_| {}, &CancelToken::new())
        .unwrap();
    assert!(imported.resumed);
    assert_eq!(imported.task_id, tasks[0].import_task_id);
    // Nobody noted that the outcome arrived, so it is told again, and nothing is done.
    let again = host
        .import(&guest.spec(), &mut |_| {}, &CancelToken::new())
        .unwrap();
    assert_eq!(again.task_id, imported.task_id);
    assert_eq!(again.outcome, imported.outcome);
    host.acknowledge(&again).unwrap();
    check(&store, &guest, &again, "told again");
    // From here on it is another import.
    let other = host
        .import(&guest.spec(), &mut |_| {}, &CancelToken::new())
        .unwrap();
    assert!(!other.resumed);
    assert_ne!(other.task_id, imported.task_id);
}

#[test]
fn a_source_that_has_changed_fails_the_task() {
    let folder = tempfile::tempdir().unwrap();
    let guest = Guest::appliance(folder.path());
    let store = folder.path().join("store");
    // Far enough that there is a task, not so far that the disks are written.
    let failed = Arc::new(Mutex::new(false));
    let seen = Arc::clone(&failed);
    let hook = move |name: &'static str| {
        let mut dead = seen.lock().unwrap();
        *dead |= name == "write disk";
        if *dead {
            return Err(io::Error::other("the power went"));
        }
        Ok(())
    };
    let dying = options().with_durable(Durable::with_hook(Arc::new(hook)));
    import(&store, &guest.spec(), dying).unwrap_err();
    assert!(*failed.lock().unwrap());
    let mut bytes = std::fs::read(&guest.path).unwrap();
    bytes.extend_from_slice(&[0; 512]);
    std::fs::write(&guest.path, &bytes).unwrap();
    let imported = import(&store, &guest.spec(), options()).unwrap();
    assert!(imported.resumed);
    let Outcome::Failed {
        failure: Some(failure),
        ..
    } = &imported.outcome
    else {
        panic!("{:?}", imported.outcome);
    };
    assert_eq!(failure.code, "source-changed");
    assert!(failure.detail.contains("length"), "{}", failure.detail);
    finish(&store, &guest, "as it is now");
}

#[test]
fn tasks_of_other_commands_wait_and_can_be_cancelled() {
    let folder = tempfile::tempdir().unwrap();
    let guest = Guest::appliance(folder.path());
    let store = folder.path().join("store");
    let (dying, _) = dying_at(30);
    import(&store, &guest.spec(), dying).unwrap_err();
    let mut other = guest.spec();
    other.description = Some("another one".to_owned());
    let mut host = LocalHost::open(&store, options()).unwrap();
    let imported = host
        .import(&other, &mut |_| {}, &CancelToken::new())
        .unwrap();
    host.acknowledge(&imported).unwrap();
    assert!(matches!(imported.outcome, Outcome::Completed { .. }));
    let tasks = host.image_tasks().unwrap();
    let waiting: Vec<_> = tasks
        .iter()
        .filter(|task| task.import_task_id != imported.task_id)
        .collect();
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].status.as_str(), "active");
    let id = waiting[0].import_task_id.clone();
    host.cancel(id.as_str(), &CancelToken::new()).unwrap();
    let tasks = host.image_tasks().unwrap();
    let cancelled = tasks.iter().find(|task| task.import_task_id == id).unwrap();
    assert_eq!(cancelled.status.as_str(), "deleted");
    check(&store, &guest, &imported, "beside a cancelled one");
    let error = host.cancel(id.as_str(), &CancelToken::new()).unwrap_err();
    assert_eq!(error.cause(), Some(Cause::RequestRefused));
    let error = host.cancel("nonsense", &CancelToken::new()).unwrap_err();
    assert_eq!(error.cause(), Some(Cause::NoSuchTask));
}

#[test]
fn damage_is_named_and_nothing_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let guest = Guest::appliance(folder.path());
    let store = folder.path().join("store");
    let mut bytes = std::fs::read(&guest.path).unwrap();
    // The last bytes of the last disk: only the manifest can tell.
    let at = guest.last_member_end - 20;
    bytes[at] ^= 1;
    std::fs::write(&guest.path, &bytes).unwrap();
    let imported = import(&store, &guest.spec(), options()).unwrap();
    let Outcome::Failed {
        failure: Some(failure),
        ..
    } = &imported.outcome
    else {
        panic!("{:?}", imported.outcome);
    };
    assert_eq!(failure.code, "digest-mismatch");
    assert!(failure.detail.contains("disk2.vmdk"), "{}", failure.detail);
    assert_eq!(files(&store), ["journal", "lock", "vmie-store.json"]);
}

#[test]
fn an_undetermined_guest_is_refused_unless_that_is_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let guest = Guest::appliance(folder.path());
    let store = folder.path().join("store");
    let imported = import(&store, &guest.spec(), HostOptions::new()).unwrap();
    let Outcome::Failed {
        failure: Some(failure),
        ..
    } = &imported.outcome
    else {
        panic!("{:?}", imported.outcome);
    };
    assert!(failure.code.starts_with("undetermined-"), "{failure:?}");
    assert_eq!(files(&store), ["journal", "lock", "vmie-store.json"]);
}

#[test]
fn a_failure_tells_of_all_that_has_to_be_mended() {
    let folder = tempfile::tempdir().unwrap();
    let guest = Guest::appliance(folder.path());
    let paths = ["a.raw", "b.raw"].map(|name| folder.path().join(name));
    for path in &paths {
        std::fs::write(path, &guest.disks[0]).unwrap();
    }
    let images = paths
        .each_ref()
        .map(|path| Image::open(path, &ImageOptions::new()).unwrap());
    let judged = preflight(&images, &Judging::default(), &Limits::default()).unwrap();
    let findings = &judged.verdict.findings;
    assert_eq!(findings.len(), 2, "{findings:?}");
    let store = folder.path().join("store");
    let spec = ImportSpec::new(paths.to_vec());
    let imported = import(&store, &spec, HostOptions::new()).unwrap();
    let Outcome::Failed {
        failure: Some(failure),
        ..
    } = &imported.outcome
    else {
        panic!("{:?}", imported.outcome);
    };
    let paragraphs: Vec<&str> = failure.detail.split("\n\n").collect();
    assert_eq!(paragraphs.len(), findings.len(), "{paragraphs:?}");
    for (paragraph, finding) in paragraphs.iter().zip(findings) {
        assert!(paragraph.starts_with(&finding.title), "{paragraph}");
        assert!(paragraph.contains(&finding.remedy), "{paragraph}");
    }
    assert_ne!(paragraphs[0], paragraphs[1]);
}

#[test]
fn objects_of_buckets_are_imported_as_snapshots() {
    let folder = tempfile::tempdir().unwrap();
    let disk = vmie_testkit::vmdk::sample_disk(1 << 20);
    let bucket = folder.path().join("buckets/images");
    std::fs::create_dir_all(&bucket).unwrap();
    let bytes = vmie_testkit::vmdk::Builder::stream(&disk).build().bytes;
    std::fs::write(bucket.join("disk.vmdk"), bytes).unwrap();
    let mut options = options();
    options.buckets = Some(folder.path().join("buckets"));
    let store = folder.path().join("store");
    let mut host = LocalHost::open(&store, options).unwrap();
    let request = |url: &str| ImportSnapshotRequest {
        disk_container: Some(DiskContainer {
            format: Some("vmdk".to_owned()),
            url: Some(SourceUrl::new(url)),
            ..DiskContainer::default()
        }),
        ..ImportSnapshotRequest::default()
    };
    let go_on = CancelToken::new();
    let task = host
        .import_snapshot(request("s3://images/disk.vmdk"))
        .unwrap();
    let outcome = host.finish(&task, &mut |_| {}, &go_on).unwrap();
    let Outcome::Snapshot { disk: stored } = &outcome else {
        panic!("{outcome:?}");
    };
    assert!(std::fs::read(&stored.path).unwrap() == disk);
    // Asked again, it tells the same.
    assert_eq!(host.finish(&task, &mut |_| {}, &go_on).unwrap(), outcome);

    for (url, code) in [
        ("s3://images/../../etc/passwd", "key-escapes"),
        ("s3://images/none.vmdk", "no-such-object"),
        (
            "https://images.example/disk.vmdk?signature=secret",
            "not-local",
        ),
    ] {
        let task = host.import_snapshot(request(url)).unwrap();
        let outcome = host.finish(&task, &mut |_| {}, &go_on).unwrap();
        let Outcome::Failed {
            failure: Some(failure),
            ..
        } = &outcome
        else {
            panic!("{outcome:?}");
        };
        assert_eq!(failure.code, code);
        assert!(!format!("{failure:?}").contains("secret"));
    }
}

#[test]
fn one_process_has_the_store_and_strangers_folders_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let host = LocalHost::open(&store, options()).unwrap();
    let error = LocalHost::open(&store, options()).unwrap_err();
    assert_eq!(error.cause(), Some(Cause::StoreBusy));
    drop(host);
    LocalHost::open(&store, options()).unwrap();

    let other = folder.path().join("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("letter.txt"), "dear").unwrap();
    let error = LocalHost::open(&other, options()).unwrap_err();
    assert_eq!(error.cause(), Some(Cause::NotAStore));
    assert_eq!(files(&other), ["letter.txt"]);

    let later = r#"{"schema": {"name": "vmie.store", "version": 2}}"#;
    std::fs::write(store.join("vmie-store.json"), later).unwrap();
    let error = LocalHost::open(&store, options()).unwrap_err();
    assert_eq!(error.cause(), Some(Cause::StoreVersion));
}

/// A store with an image of one disk, which is returned.
fn one_disk_image(folder: &Path) -> (std::path::PathBuf, Vec<u8>, String) {
    let guest = Guest::appliance(folder);
    let disk = guest.disks[0].clone();
    let path = folder.join("disk.raw");
    std::fs::write(&path, &disk).unwrap();
    let store = folder.join("store");
    import(&store, &ImportSpec::new(vec![path]), options()).unwrap();
    let image = only_image(&store);
    (store, disk, image)
}

fn same_disk(path: &Path, disk: &[u8]) -> bool {
    let image = Image::open(path, &ImageOptions::new()).unwrap();
    let ours = disk.to_vec();
    let go_on = CancelToken::new();
    compare(&image.disk(0).unwrap(), &ours, false, &(), &go_on)
        .unwrap()
        .is_none()
}

#[test]
fn an_export_gives_back_what_was_imported() {
    let folder = tempfile::tempdir().unwrap();
    let (store, disk, image) = one_disk_image(folder.path());
    let before = files(&store);
    let go_on = CancelToken::new();
    let mut host = LocalHost::open(&store, options()).unwrap();
    for format in [ImageFormat::Raw, ImageFormat::Vhd, ImageFormat::Vmdk] {
        let target = folder.path().join(format!("out.{format}"));
        let spec = ExportSpec::new(&image, format, &target);
        let exported = host.export(&spec, &mut |_| {}, &go_on).unwrap();
        assert!(!exported.resumed);
        let made = exported.outcome.unwrap();
        assert_eq!(made[0].file_size, std::fs::metadata(&target).unwrap().len());
        assert!(same_disk(&target, &disk), "{format}");
        let error = host.export(&spec, &mut |_| {}, &go_on).unwrap_err();
        assert_eq!(error.cause(), Some(Cause::TargetExists));
    }
    assert_eq!(files(&store), before);
    let spec = ExportSpec::new("ami-0123456789abcdef0", ImageFormat::Raw, "none");
    let error = host.export(&spec, &mut |_| {}, &go_on).unwrap_err();
    assert_eq!(error.cause(), Some(Cause::NoSuchImage));
    drop(host);

    // Damage in the store is not handed out.
    let note = std::fs::read_dir(&store).unwrap().find_map(|entry| {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name.starts_with("snap-") && name.ends_with(".raw")).then_some(path)
    });
    let mut bytes = disk.clone();
    bytes[2 << 20] ^= 1;
    std::fs::write(note.unwrap(), &bytes).unwrap();
    let mut host = LocalHost::open(&store, options()).unwrap();
    let target = folder.path().join("damaged.raw");
    let spec = ExportSpec::new(&image, ImageFormat::Raw, &target);
    let exported = host.export(&spec, &mut |_| {}, &go_on).unwrap();
    let (_, failure) = exported.outcome.unwrap_err();
    assert_eq!(failure.unwrap().code, "digest");
    assert!(!target.exists());
    assert_eq!(files(&store), before);
}

#[test]
fn an_export_that_is_stopped_at_any_step_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (store, disk, image) = one_disk_image(folder.path());
    let before = files(&store);
    let go_on = CancelToken::new();
    let (mut steps, mut resumed) = (0, 0);
    // Each step of one and the same export in turn: what is done before it is kept.
    for step in 0.. {
        let target = folder.path().join(format!("out{step}.vmdk"));
        let spec = ExportSpec::new(&image, ImageFormat::Vmdk, &target);
        let (dying, count) = dying_at(step * 3);
        let first = LocalHost::open(&store, dying)
            .and_then(|mut host| host.export(&spec, &mut |_| {}, &go_on));
        if first.is_err() || first.is_ok_and(|done| done.outcome.is_err()) {
            let _ = std::fs::remove_file(&target);
            let mut host = LocalHost::open(&store, options()).unwrap();
            let exported = host.export(&spec, &mut |_| {}, &go_on).unwrap();
            resumed += usize::from(exported.resumed);
            exported.outcome.unwrap();
        }
        assert!(same_disk(&target, &disk), "{step}");
        std::fs::remove_file(&target).unwrap();
        assert_eq!(files(&store), before, "{step}");
        steps = step;
        if count.load(Ordering::SeqCst) <= step * 3 {
            break;
        }
    }
    assert!(steps > 10 && resumed > 5, "{steps} {resumed}");
}

#[test]
fn another_export_of_the_same_image_takes_over() {
    let folder = tempfile::tempdir().unwrap();
    let (store, disk, image) = one_disk_image(folder.path());
    let stop = CancelToken::new();
    let mut host = LocalHost::open(&store, options()).unwrap();
    let thrown = stop.clone();
    let mut watch = |_: &TaskEvent| thrown.cancel();
    let target = folder.path().join("out");
    let spec = ExportSpec::new(&image, ImageFormat::Vmdk, &target);
    let error = host.export(&spec, &mut watch, &stop).unwrap_err();
    assert_eq!(error.cause(), Some(Cause::Cancelled));
    let other = ExportSpec::new(&image, ImageFormat::Raw, &target);
    let go_on = CancelToken::new();
    let exported = host.export(&other, &mut |_| {}, &go_on).unwrap();
    assert!(!exported.resumed);
    exported.outcome.unwrap();
    assert!(std::fs::read(&target).unwrap() == disk);
    let tasks = host.export_tasks().unwrap();
    let ended: Vec<&str> = tasks.iter().map(|task| task.status.as_str()).collect();
    assert_eq!(ended, ["deleted", "completed"]);
}
