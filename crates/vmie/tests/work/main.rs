//! Every kind of work order through a whole life of each kind of task: done twice, killed at every
//! step, cancelled, late.
#![allow(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

#[path = "../guest/mod.rs"]
mod guest;
mod host;
mod stopped;

use std::sync::Arc;
use vmie::Durable;
use vmie::io::CancelToken;
use vmie::tasks::{
    Action, BlockDeviceMapping, CancelExportTaskRequest, CancelRequest, CreateVolumeRequest,
    DeleteSnapshotRequest, DeregisterImageRequest, EbsBlockDevice, Happening,
    ImportSnapshotRequest, ImportVolumeRequest, RecordKey, RegisterImageRequest, Work, WorkerEvent,
};
use vmie::work::{Buckets as _, Workshop, WorkshopOptions};

use guest::{Guest, files};
use host::{Host, Way, container, same_disk};

/// The whole life of every kind of task, one after the other.
fn whole_life(way: Way) -> Host {
    let mut host = Host::new();
    let guest = Guest::appliance(host.folder.path());
    let task = host.import_image(&guest);
    host.finish(way);
    host.completed(&task);

    for format in ["raw", "vhd", "vmdk"] {
        let task = host.export_image(format);
        host.finish(way);
        host.completed(&task);
        for (index, disk) in guest.disks.iter().enumerate() {
            let key = match index {
                0 => format!("out/{task}.{format}"),
                _ => format!("out/{task}-{index}.{format}"),
            };
            let path = host.buckets().path("exports", &key).unwrap();
            assert!(same_disk(&path, disk), "{key}");
        }
    }

    let task = host.import_volume(&guest.disks[1]);
    host.finish(way);
    host.completed(&task);
    let volume = host.only("vol-", ".raw");
    assert!(std::fs::read(&volume).unwrap() == guest.disks[1]);
    for end in [".raw", ".json"] {
        std::fs::remove_file(volume.with_extension(&end[1..])).unwrap();
    }

    let task = host.import_instance(&guest.disks[0]);
    host.finish(way);
    host.completed(&task);
    let heads = host.buckets().list("images", "", None, 99).unwrap();
    let keys: Vec<_> = heads.iter().map(|head| head.key.as_str()).collect();
    // Parts and manifests are deleted in the end (SVC-MAN-3).
    assert_eq!(keys, ["guest.ova"]);

    let task = host.export_instance();
    host.finish(way);
    host.completed(&task);
    let path = host.buckets().path("exports", &format!("vm-{task}.ova"));
    assert!(same_disk(&path.unwrap(), &guest.disks[0]));
    host
}

#[test]
fn every_kind_of_task_lives_and_exports_what_was_imported() {
    whole_life(Way::Plain);
}

#[test]
fn every_order_can_be_done_twice() {
    whole_life(Way::Twice);
}

#[test]
fn every_order_can_be_killed_at_every_step() {
    let host = whole_life(Way::Killed);
    assert!(host.kills > 150, "{} are too few to be true", host.kills);
    assert!(host.orders > 30, "{} are too few to be true", host.orders);
}

#[test]
fn svc_man_3_parts_that_come_later_are_waited_for() {
    let mut host = Host::new();
    let disk = vmie_testkit::vmdk::sample_disk((2 << 20) + 512);
    let detail = host.upload("late", &disk, false);
    let request = ImportVolumeRequest {
        availability_zone: Some("us-east-1a".to_owned()),
        image: Some(detail),
        volume_size: Some(1),
        ..ImportVolumeRequest::default()
    };
    host.call(Action::ImportVolume(request));
    let begin = host.begins.pop_front().unwrap();
    let look = |host: &mut Host| match host.perform(&begin, Way::Plain) {
        WorkerEvent::Uploaded(found) => (found.manifest.map(|m| m.parts.len()), found.present),
        other => panic!("{other:?}"),
    };
    assert_eq!(look(&mut host), (Some(3), 0));
    host.put("late.part0", &disk[..1 << 20]);
    host.put("late.part1", &disk[..1000]);
    assert_eq!(look(&mut host), (Some(3), 1));
    host.put("late.part1", &disk[1 << 20..2 << 20]);
    host.put("late.part2", &disk[2 << 20..]);
    assert_eq!(look(&mut host), (Some(3), 3));
    host.buckets().delete("images", "late.xml").unwrap();
    assert_eq!(look(&mut host), (None, 0));
    host.put("late.xml", b"<manifest/>");
    let WorkerEvent::Failed(failure) = host.perform(&begin, Way::Plain) else {
        panic!("a wrong manifest was taken");
    };
    assert_eq!(failure.code, "manifest-element");
    assert!(!format!("{failure:?}").contains("secret"));
}

#[test]
fn svc_task_6_a_cancel_at_any_stage_leaves_nothing() {
    // How many orders are done before the cancel.
    for orders in 0..6 {
        let mut host = Host::new();
        let guest = Guest::appliance(host.folder.path());
        let task = host.import_image(&guest);
        let mut done = 0;
        host.work(Way::Plain, |host, begin| {
            if done == orders && !matches!(begin.work, Work::Cleanup(_)) {
                // It comes while the order is done.
                host.perform(begin, Way::Plain);
                let cancelled = host.ask(Action::CancelImportTask(CancelRequest {
                    import_task_id: Some(task.to_string()),
                    ..CancelRequest::default()
                }));
                done += 1;
                // While the result is made visible, it is too late.
                return cancelled.is_err();
            }
            done += 1;
            true
        });
        let (_, last) = host.events.last().unwrap();
        match last {
            Happening::Deleted { .. } => {
                assert!(files(&host.path("store")).is_empty(), "{orders}");
            }
            other => assert!(matches!(other, Happening::Completed { .. }), "{other:?}"),
        }
        host.nothing_is_left();
    }
}

#[test]
fn svc_task_6_a_cancelled_export_leaves_no_object() {
    let mut host = Host::new();
    let guest = Guest::appliance(host.folder.path());
    host.import_image(&guest);
    host.finish(Way::Plain);
    let before = files(&host.path("store"));
    let task = host.export_image("vhd");
    let mut cancelled = false;
    host.work(Way::Plain, |host, begin| {
        if matches!(begin.work, Work::ExportDisk(_)) && !cancelled {
            cancelled = true;
            host.perform(begin, Way::Plain);
            // What a writer that was killed has left.
            let key = format!("out/{task}.vhd");
            std::mem::forget(host.buckets().create("exports", &key).unwrap());
            host.call(Action::CancelExportTask(CancelExportTaskRequest {
                export_task_id: Some(task.to_string()),
            }));
            return false;
        }
        true
    });
    assert!(cancelled);
    host.nothing_is_left();
    assert_eq!(host.buckets().list("exports", "", None, 9).unwrap(), []);
    assert_eq!(files(&host.path("store")), before);
}

#[test]
fn an_attempt_that_comes_after_cleaning_up_makes_nothing_visible() {
    let mut host = Host::new();
    let guest = Guest::appliance(host.folder.path());
    let task = host.import_image(&guest);
    let mut late = None;
    host.work(Way::Plain, |host, begin| {
        if matches!(begin.work, Work::PublishImage(_)) {
            late = Some(begin.clone());
            host.engine
                .report(
                    vmie::now(),
                    &begin.order,
                    begin.attempt,
                    WorkerEvent::Failed(vmie::tasks::Failure {
                        code: "lost".to_owned(),
                        message: "ClientError: lost".to_owned(),
                        detail: String::new(),
                        svc: Vec::new(),
                        retryable: false,
                    }),
                )
                .unwrap();
            host.pump();
            return false;
        }
        true
    });
    assert!(matches!(
        host.events.last(),
        Some((id, Happening::Deleted { .. })) if *id == task
    ));
    let done = host.perform(&late.unwrap(), Way::Plain);
    assert!(matches!(done, WorkerEvent::Failed(_)), "{done:?}");
    assert!(files(&host.path("store")).is_empty());
}

#[test]
fn snapshots_and_images_come_and_go_by_calls() {
    let mut host = Host::new();
    let disk = vmie_testkit::vmdk::sample_disk(1 << 20);
    host.put("disk.raw", &disk);
    let request = ImportSnapshotRequest {
        disk_container: Some(container("disk.raw", "raw")),
        ..ImportSnapshotRequest::default()
    };
    host.call(Action::ImportSnapshot(request));
    host.finish(Way::Twice);
    let snapshot = host.only("snap-", ".raw");
    let id = snapshot.file_stem().unwrap().to_str().unwrap().to_owned();

    let request = CreateVolumeRequest {
        availability_zone: Some("us-east-1a".to_owned()),
        snapshot_id: Some(id.clone()),
        ..CreateVolumeRequest::default()
    };
    host.call(Action::CreateVolume(request));
    assert!(std::fs::read(host.only("vol-", ".raw")).unwrap() == disk);

    let request = RegisterImageRequest {
        name: Some("mine".to_owned()),
        root_device_name: Some("/dev/sda1".to_owned()),
        block_device_mappings: vec![BlockDeviceMapping {
            device_name: Some("/dev/sda1".to_owned()),
            ebs: Some(EbsBlockDevice {
                snapshot_id: Some(id.clone()),
                ..EbsBlockDevice::default()
            }),
            ..BlockDeviceMapping::default()
        }],
        ..RegisterImageRequest::default()
    };
    host.call(Action::RegisterImage(request));
    let image = host.image_id();
    // What was registered without a look inside can be exported.
    let task = host.export_image("raw");
    host.finish(Way::Plain);
    host.completed(&task);
    let key = format!("out/{task}.raw");
    let path = host.buckets().path("exports", &key).unwrap();
    assert!(std::fs::read(path).unwrap() == disk);

    host.call(Action::DeregisterImage(DeregisterImageRequest {
        image_id: Some(image),
        ..DeregisterImageRequest::default()
    }));
    host.call(Action::DeleteSnapshot(DeleteSnapshotRequest {
        snapshot_id: Some(id),
        ..DeleteSnapshotRequest::default()
    }));
    // The volume keeps what it was made of.
    assert!(std::fs::read(host.only("vol-", ".raw")).unwrap() == disk);
    let names = files(&host.path("store"));
    assert_eq!(names.len(), 2, "{names:?}");

    // A host whose records do not know it forgets it.
    let shop = host.shop(Durable::default());
    shop.forget(&|key| matches!(key, RecordKey::Volume { .. }), &|_| false)
        .unwrap();
    assert_eq!(files(&host.path("store")), names);
    shop.forget(&|_| false, &|_| false).unwrap();
    assert!(files(&host.path("store")).is_empty());
}

#[test]
fn a_source_that_is_replaced_after_it_was_validated_is_refused() {
    let mut host = Host::new();
    let guest = Guest::appliance(host.folder.path());
    host.import_image(&guest);
    let bytes = std::fs::read(&guest.path).unwrap();
    let mut refused = 0;
    host.work(Way::Plain, |host, begin| {
        if matches!(begin.work, Work::Convert(_)) && refused == 0 {
            host.put("guest.ova", &bytes);
            let WorkerEvent::Failed(failure) = host.perform(begin, Way::Plain) else {
                panic!("a replaced source was converted");
            };
            assert_eq!(failure.code, "source-changed");
            refused += 1;
        }
        true
    });
    assert_eq!(refused, 1);
}

#[test]
fn svc_task_7_nothing_is_called_encrypted_that_is_not() {
    for (at_rest, code) in [(false, Some("encryption-not-offered")), (true, None)] {
        let mut host = Host::new();
        host.put("disk.raw", &vmie_testkit::vmdk::sample_disk(1 << 16));
        let request = ImportSnapshotRequest {
            disk_container: Some(container("disk.raw", "raw")),
            encrypted: Some(true),
            ..ImportSnapshotRequest::default()
        };
        host.call(Action::ImportSnapshot(request));
        let mut failed = None;
        while let Some(begin) = host.begins.pop_front() {
            let options = WorkshopOptions::new().with_encryption(at_rest);
            let shop =
                Workshop::new(host.path("store"), options, Arc::new(host.buckets())).unwrap();
            let done = shop.perform(&begin, &CancelToken::new(), &mut |_| {});
            if let WorkerEvent::Failed(failure) = &done {
                failed = Some(failure.code.clone());
            }
            host.engine
                .report(vmie::now(), &begin.order, begin.attempt, done)
                .unwrap();
            host.pump();
        }
        assert_eq!(failed.as_deref(), code);
        let there = files(&host.path("store")).len();
        assert_eq!(there, if at_rest { 2 } else { 0 });
    }
}
