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

mod guest;

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use guest::{Guest, files};
use sha2::Digest as _;
use vmie::formats::Format;
use vmie::formats::import_manifest::{ImportManifest, SecretUrl};
use vmie::io::{CancelToken, ReadAt, ReadError};
use vmie::tasks::{
    Action, ApiCall, ApiError, Attempt, Begin, BlockDeviceMapping, Caller, CancelExportTaskRequest,
    CancelRequest, Config, CreateInstanceExportTaskRequest, CreateVolumeRequest,
    DeleteSnapshotRequest, DeregisterImageRequest, DiskContainer, DiskImage, DiskImageDetail,
    EbsBlockDevice, Engine, ExportImageRequest, ExportToS3, Happening, ImportImageRequest,
    ImportInstanceRequest, ImportSnapshotRequest, ImportVolumeRequest, LaunchSpecification, Output,
    Placement, RecordKey, RegisterImageRequest, Reply, S3ExportLocation, SourceUrl, TaskId, Work,
    WorkerEvent,
};
use vmie::work::{
    Addresses, Buckets, FolderBuckets, Object, ObjectHead, ObjectWriter, Workshop, WorkshopOptions,
    split_url,
};
use vmie::{Durable, Error, Image, ImageOptions, compare};

/// `https://BUCKET/KEY` is an object of the buckets.
#[derive(Clone, Debug)]
struct Signed(FolderBuckets);

impl Signed {
    fn at(url: &SourceUrl) -> (String, String) {
        let text = url.reveal().replacen("https://", "s3://", 1);
        let text = text.split('?').next().unwrap();
        let (bucket, key) = split_url(text).unwrap();
        (bucket.to_owned(), key.to_owned())
    }
}

impl Addresses for Signed {
    fn open(&self, url: &SourceUrl) -> Result<Object, Error> {
        let (bucket, key) = Self::at(url);
        self.0.open(&bucket, &key)
    }
    fn head(&self, url: &SourceUrl) -> Result<Option<u64>, Error> {
        let (bucket, key) = Self::at(url);
        Ok(self.0.head(&bucket, &key)?.map(|head| head.len))
    }
    fn delete(&self, url: &SourceUrl) -> Result<(), Error> {
        let (bucket, key) = Self::at(url);
        self.0.delete(&bucket, &key)
    }
}

/// How a test host works on an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Plain,
    /// Every order again when it is done.
    Twice,
    /// Every order is killed at its first step, then at its second, and so on until it is done.
    Killed,
}

/// A host that does one order after the other, on the thread that asks it to.
struct Host {
    folder: tempfile::TempDir,
    engine: Engine,
    begins: VecDeque<Begin>,
    replies: Vec<Result<Reply, ApiError>>,
    events: Vec<(TaskId, Happening)>,
    kills: usize,
    orders: usize,
}

impl Host {
    fn new() -> Self {
        let config = Config {
            boots: false,
            allow_undetermined: true,
            upload_poll: 0,
            ..Config::default()
        };
        let host = Self {
            folder: tempfile::tempdir().unwrap(),
            engine: Engine::new(config, 7),
            begins: VecDeque::new(),
            replies: Vec::new(),
            events: Vec::new(),
            kills: 0,
            orders: 0,
        };
        host.buckets().make("images").unwrap();
        host.buckets().make("exports").unwrap();
        host
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn buckets(&self) -> FolderBuckets {
        FolderBuckets::new(self.path("buckets"))
    }

    fn shop(&self, durable: Durable) -> Workshop {
        let buckets = self.buckets().with_durable(durable.clone());
        let options = WorkshopOptions::new().with_durable(durable);
        Workshop::new(self.path("store"), options, Arc::new(buckets.clone()))
            .unwrap()
            .with_addresses(Arc::new(Signed(buckets)))
    }

    fn put(&self, key: &str, bytes: &[u8]) {
        let mut writer = self.buckets().create("images", key).unwrap();
        writer.write_all(bytes).unwrap();
        writer.finish().unwrap();
    }

    fn call(&mut self, action: Action) -> Reply {
        self.ask(action).unwrap()
    }

    fn ask(&mut self, action: Action) -> Result<Reply, ApiError> {
        let caller = Caller {
            account: "123456789012".to_owned(),
            region: "us-east-1".to_owned(),
        };
        self.engine.request(vmie::now(), ApiCall { caller, action });
        self.pump();
        self.replies.pop().unwrap()
    }

    fn pump(&mut self) {
        loop {
            match self.engine.poll() {
                Output::Commit(commit) => {
                    let shop = self.shop(Durable::default());
                    shop.settle(&commit.changes).unwrap();
                    shop.settle(&commit.changes).unwrap();
                }
                Output::Reply { reply, .. } => self.replies.push(reply),
                Output::Begin(begin) => self.begins.push_back(begin),
                Output::Abort { order, .. } => self.begins.retain(|one| one.order != order),
                Output::Event(event) => self.events.push((event.task, event.event)),
                Output::Idle { .. } => return,
            }
        }
    }

    /// Works until there is nothing to do; `before` is asked before each order whether to do it.
    fn work(&mut self, way: Way, mut before: impl FnMut(&mut Self, &Begin) -> bool) {
        while let Some(begin) = self.begins.pop_front() {
            if !before(self, &begin) {
                continue;
            }
            let done = self.perform(&begin, way);
            let _ = self
                .engine
                .report(vmie::now(), &begin.order, begin.attempt, done);
            self.pump();
        }
    }

    fn perform(&mut self, begin: &Begin, way: Way) -> WorkerEvent {
        self.orders += 1;
        let go_on = CancelToken::new();
        let mut attempt = begin.clone();
        if way == Way::Killed {
            for step in 0.. {
                let (durable, steps) = dying_at(step);
                let _ = self.shop(durable).perform(&attempt, &go_on, &mut |_| {});
                if steps.load(Ordering::SeqCst) <= step {
                    break;
                }
                self.kills += 1;
                attempt.attempt = Attempt(attempt.attempt.0 + 1);
            }
        }
        let shop = self.shop(Durable::default());
        let done = shop.perform(&attempt, &go_on, &mut |_| {});
        if way == Way::Twice {
            attempt.attempt = Attempt(attempt.attempt.0 + 1);
            let again = shop.perform(&attempt, &go_on, &mut |_| {});
            assert_eq!(again, done, "{} done again", begin.order);
        }
        done
    }

    fn finish(&mut self, way: Way) {
        self.work(way, |_, _| true);
    }

    /// Says that a task was completed, and that nothing of any task is left.
    fn completed(&self, task: &TaskId) {
        let ours: Vec<_> = self.events.iter().filter(|(id, _)| id == task).collect();
        assert!(
            matches!(ours.last(), Some((_, Happening::Completed { .. }))),
            "{ours:?}"
        );
        self.nothing_is_left();
    }

    fn nothing_is_left(&self) {
        let left = files(&self.path("store/work"));
        assert!(left.is_empty(), "{left:?}");
        for (folder, bad) in [("store", ".tmp"), ("buckets", ".vmie-")] {
            let names = files(&self.path(folder));
            assert!(names.iter().all(|name| !name.contains(bad)), "{names:?}");
        }
    }

    /// The one file of the store whose name begins and ends so.
    fn only(&self, start: &str, end: &str) -> PathBuf {
        let names = files(&self.path("store"));
        let fits = |name: &&String| name.starts_with(start) && name.ends_with(end);
        let found: Vec<_> = names.iter().filter(fits).collect();
        assert_eq!(found.len(), 1, "{names:?}");
        self.path("store").join(found[0])
    }

    fn import_image(&mut self, guest: &Guest) -> TaskId {
        self.put("guest.ova", &std::fs::read(&guest.path).unwrap());
        let request = ImportImageRequest {
            disk_containers: vec![container("guest.ova", "ova")],
            ..ImportImageRequest::default()
        };
        match self.call(Action::ImportImage(request)) {
            Reply::ImportImage(task) => task.import_task_id,
            other => panic!("{other:?}"),
        }
    }

    fn image_id(&self) -> String {
        guest::only_image(&self.path("store"))
    }

    fn export_image(&mut self, format: &str) -> TaskId {
        let request = ExportImageRequest {
            disk_image_format: Some(format.to_owned()),
            image_id: Some(self.image_id()),
            s3_export_location: Some(S3ExportLocation {
                s3_bucket: Some("exports".to_owned()),
                s3_prefix: Some("out/".to_owned()),
            }),
            ..ExportImageRequest::default()
        };
        match self.call(Action::ExportImage(request)) {
            Reply::ExportImage(task) => task.export_image_task_id,
            other => panic!("{other:?}"),
        }
    }

    /// Uploads a file in parts and its manifest, and returns what asks for it.
    fn upload(&self, name: &str, bytes: &[u8], with_parts: bool) -> DiskImageDetail {
        let size = bytes.len() as u64;
        let mut manifest = ImportManifest::plan(Format::Raw, size, size, 1 << 20, name).unwrap();
        let url = |key: &str| SecretUrl::new(format!("https://images/{key}?signature=secret"));
        manifest.self_destruct_url = url(&format!("{name}.xml"));
        for part in &mut manifest.parts {
            part.head_url = url(&part.key);
            part.get_url = url(&part.key);
            part.delete_url = Some(url(&part.key));
            if with_parts {
                let range = part.start as usize..part.end() as usize;
                self.put(&part.key, &bytes[range]);
            }
        }
        let xml = manifest.to_xml().unwrap();
        self.put(&format!("{name}.xml"), xml.as_bytes());
        let address = format!("https://images/{name}.xml?signature=secret");
        DiskImageDetail {
            format: Some("RAW".to_owned()),
            bytes: Some(i64::try_from(size).unwrap()),
            import_manifest_url: Some(SourceUrl::new(address)),
        }
    }

    fn import_volume(&mut self, bytes: &[u8]) -> TaskId {
        let request = ImportVolumeRequest {
            availability_zone: Some("us-east-1a".to_owned()),
            image: Some(self.upload("disk", bytes, true)),
            volume_size: Some(1),
            ..ImportVolumeRequest::default()
        };
        match self.call(Action::ImportVolume(request)) {
            Reply::ImportVolume(task) => task.conversion_task_id,
            other => panic!("{other:?}"),
        }
    }

    fn import_instance(&mut self, bytes: &[u8]) -> TaskId {
        let request = ImportInstanceRequest {
            platform: Some("Linux".to_owned()),
            disk_images: vec![DiskImage {
                image: Some(self.upload("root", bytes, true)),
                volume_size: Some(1),
                ..DiskImage::default()
            }],
            launch_specification: Some(Box::new(LaunchSpecification {
                architecture: Some("x86_64".to_owned()),
                instance_type: Some("m3.large".to_owned()),
                placement: Some(Box::new(Placement {
                    availability_zone: Some("us-east-1a".to_owned()),
                    ..Placement::default()
                })),
                ..LaunchSpecification::default()
            })),
            ..ImportInstanceRequest::default()
        };
        match self.call(Action::ImportInstance(request)) {
            Reply::ImportInstance(task) => task.conversion_task_id,
            other => panic!("{other:?}"),
        }
    }

    fn export_instance(&mut self) -> TaskId {
        let instance = self.only("i-", ".json");
        let id = instance.file_stem().unwrap().to_str().unwrap().to_owned();
        let request = CreateInstanceExportTaskRequest {
            instance_id: Some(id),
            target_environment: Some("vmware".to_owned()),
            export_to_s3: Some(ExportToS3 {
                container_format: Some("ova".to_owned()),
                disk_image_format: Some("VMDK".to_owned()),
                s3_bucket: Some("exports".to_owned()),
                s3_prefix: Some("vm-".to_owned()),
            }),
            ..CreateInstanceExportTaskRequest::default()
        };
        match self.call(Action::CreateInstanceExportTask(request)) {
            Reply::CreateInstanceExportTask(task) => task.export_task_id,
            other => panic!("{other:?}"),
        }
    }
}

fn container(key: &str, format: &str) -> DiskContainer {
    DiskContainer {
        format: Some(format.to_owned()),
        url: Some(SourceUrl::new(format!("s3://images/{key}"))),
        ..DiskContainer::default()
    }
}

/// A way to change files that dies at the step of this number and stays dead, as a process does.
fn dying_at(step: usize) -> (Durable, Arc<AtomicUsize>) {
    let steps = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&steps);
    let hook = move |_: &'static str| {
        if counted.fetch_add(1, Ordering::SeqCst) >= step {
            return Err(io::Error::other("the power went"));
        }
        Ok(())
    };
    // Making the workshop itself is no step of an order.
    (Durable::with_hook(Arc::new(hook)), steps)
}

/// Whether the disk of a file is this one.
fn same_disk(path: &Path, disk: &[u8]) -> bool {
    let image = Image::open(path, &ImageOptions::new()).unwrap();
    let ours = disk.to_vec();
    let found = compare(
        &image.disk(0).unwrap(),
        &ours,
        false,
        &(),
        &CancelToken::new(),
    )
    .unwrap();
    found.is_none()
}

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

/// Bytes of the slow disk.
const SLOW: u64 = 24 << 20;

/// A disk that is read slowly; its reads are counted.
struct Slow {
    millis: u64,
    reads: Arc<AtomicUsize>,
}

impl ReadAt for Slow {
    fn len(&self) -> u64 {
        SLOW
    }
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<(), ReadError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(self.millis));
        buf.fill((offset >> 20) as u8 + 1);
        Ok(())
    }
}

/// Buckets that hold one slow object.
#[derive(Clone, Debug)]
struct SlowBuckets {
    millis: u64,
    version: &'static str,
    reads: Arc<AtomicUsize>,
}

impl Buckets for SlowBuckets {
    fn open(&self, _: &str, key: &str) -> Result<Object, Error> {
        Ok(Object {
            name: key.into(),
            source: Arc::new(Slow {
                millis: self.millis,
                reads: Arc::clone(&self.reads),
            }),
            version: Some(self.version.to_owned()),
        })
    }
    fn head(&self, _: &str, key: &str) -> Result<Option<ObjectHead>, Error> {
        Ok(Some(ObjectHead {
            key: key.to_owned(),
            len: SLOW,
            version: Some(self.version.to_owned()),
        }))
    }
    fn create(&self, _: &str, _: &str) -> Result<Box<dyn ObjectWriter>, Error> {
        panic!("nothing is written here")
    }
    fn delete(&self, _: &str, _: &str) -> Result<(), Error> {
        Ok(())
    }
    fn list(&self, _: &str, _: &str, _: Option<&str>, _: usize) -> Result<Vec<ObjectHead>, Error> {
        Ok(Vec::new())
    }
}

impl SlowBuckets {
    fn new(millis: u64, version: &'static str) -> Self {
        Self {
            millis,
            version,
            reads: Arc::default(),
        }
    }

    fn shop(&self, host: &Host) -> Workshop {
        let options = WorkshopOptions::new().with_journal_every(Duration::ZERO);
        Workshop::new(host.path("store"), options, Arc::new(self.clone())).unwrap()
    }
}

/// The order to convert the slow disk.
fn slow_conversion(host: &mut Host) -> Begin {
    let buckets = SlowBuckets::new(0, "one");
    let request = ImportSnapshotRequest {
        disk_container: Some(container("disk.raw", "raw")),
        ..ImportSnapshotRequest::default()
    };
    host.call(Action::ImportSnapshot(request));
    let begin = host.begins.pop_front().unwrap();
    let go_on = CancelToken::new();
    let done = buckets.shop(host).perform(&begin, &go_on, &mut |_| {});
    let now = vmie::now();
    host.engine
        .report(now, &begin.order, begin.attempt, done)
        .unwrap();
    host.pump();
    host.begins.pop_front().unwrap()
}

/// Performs an order, cancels it some reads after it has a journal, and says how long it went on.
fn cancelled(host: &Host, slow: &SlowBuckets, begin: &Begin) -> Duration {
    let shop = slow.shop(host);
    let reads = || slow.reads.load(Ordering::SeqCst);
    let begun = || {
        let names = files(&host.path("store/work"));
        names.iter().any(|name| name.ends_with(".journal"))
    };
    let wait_for = |what: &dyn Fn() -> bool| {
        for _ in 0..3000 {
            if what() {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("it does not come");
    };
    let cancel = CancelToken::new();
    std::thread::scope(|scope| {
        let thrown = scope.spawn(|| {
            wait_for(&begun);
            let before = reads();
            wait_for(&|| reads() >= before + 8);
            cancel.cancel();
            Instant::now()
        });
        let done = shop.perform(begin, &cancel, &mut |_| {});
        let WorkerEvent::Failed(failure) = done else {
            panic!("{done:?}");
        };
        assert_eq!(failure.code, "cancelled", "{}", begin.order);
        let ended = Instant::now();
        ended.saturating_duration_since(thrown.join().unwrap())
    })
}

#[test]
fn a_conversion_that_was_stopped_goes_on_at_its_journal() {
    for (version, afresh) in [("one", false), ("two", true)] {
        let mut host = Host::new();
        let mut begin = slow_conversion(&mut host);
        let slow = SlowBuckets::new(10, "one");
        cancelled(&host, &slow, &begin);
        let names = files(&host.path("store"));
        let with = |end: &str| names.iter().filter(|name| name.ends_with(end)).count();
        assert_eq!((with(".part"), with(".journal")), (1, 1), "{names:?}");
        let shop = slow.shop(&host);
        // Whoever goes on with the task keeps it.
        shop.sweep(&|_| true).unwrap();
        assert_eq!(files(&host.path("store")).len(), names.len());

        begin.attempt = Attempt(2);
        let fast = SlowBuckets::new(0, version);
        let note = host.path("store/work").join(begin.order.task.as_str());
        if afresh {
            std::fs::remove_file(note.join("sources.json")).unwrap();
        }
        let done = fast
            .shop(&host)
            .perform(&begin, &CancelToken::new(), &mut |_| {});
        let WorkerEvent::Converted(converted) = done else {
            panic!("{done:?}");
        };
        let disk = std::fs::read(note.join("disk0.raw")).unwrap();
        assert!((0..24u8).all(|n| disk[usize::from(n) << 20] == n + 1));
        let digest = vmie_testkit::ova::hex(&sha2::Sha256::digest(&disk));
        assert_eq!(converted.sha256, digest);
        let reads = fast.reads.load(Ordering::SeqCst);
        assert_eq!(reads >= 24, afresh, "{reads}");
        let names = files(&note);
        assert!(
            !names.iter().any(|name| name.ends_with(".part")),
            "{names:?}"
        );
        assert!(
            !names.iter().any(|name| name.ends_with(".journal")),
            "{names:?}"
        );
    }
}

#[test]
fn a_cancel_is_heard_at_once() {
    let mut host = Host::new();
    let begin = slow_conversion(&mut host);
    // So slow that it would take seconds.
    let slow = SlowBuckets::new(20, "one");
    let waited = cancelled(&host, &slow, &begin);
    // 100 ms, and what a busy machine adds.
    assert!(waited < Duration::from_millis(400), "{waited:?}");
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
