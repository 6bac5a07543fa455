//! A host that does one order after the other, and the tasks that it is asked for.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use vmie::formats::Format;
use vmie::formats::import_manifest::{ImportManifest, SecretUrl};
use vmie::io::CancelToken;
use vmie::tasks::{
    Action, ApiCall, ApiError, Attempt, Begin, Caller, Config, CreateInstanceExportTaskRequest,
    DiskContainer, DiskImage, DiskImageDetail, Engine, ExportImageRequest, ExportToS3, Happening,
    ImportImageRequest, ImportInstanceRequest, ImportVolumeRequest, LaunchSpecification, Output,
    Placement, Reply, S3ExportLocation, SourceUrl, TaskId, WorkerEvent,
};
use vmie::work::{
    Addresses, Buckets as _, FolderBuckets, Object, Workshop, WorkshopOptions, split_url,
};
use vmie::{Durable, Error, Image, ImageOptions, compare};

use crate::guest::{Guest, files};

/// `https://BUCKET/KEY` is an object of the buckets.
#[derive(Clone, Debug)]
pub(crate) struct Signed(FolderBuckets);

impl Signed {
    pub(crate) fn at(url: &SourceUrl) -> (String, String) {
        let text = url.reveal().replacen("https://", "s3://", 1);
        let text = text.split('?').next().unwrap();
        let (bucket, key) = split_url(text).unwrap();
        (bucket.to_owned(), key.to_owned())
    }
}

impl Addresses for Signed {
    fn open(&self, url: &SourceUrl, cancel: &CancelToken) -> Result<Object, Error> {
        let (bucket, key) = Self::at(url);
        self.0.open(&bucket, &key, cancel)
    }
    fn head(&self, url: &SourceUrl, _: &CancelToken) -> Result<Option<u64>, Error> {
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
pub(crate) enum Way {
    Plain,
    /// Every order again when it is done.
    Twice,
    /// Every order is killed at its first step, then at its second, and so on until it is done.
    Killed,
}

/// A host that does one order after the other, on the thread that asks it to.
pub(crate) struct Host {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) engine: Engine,
    pub(crate) begins: VecDeque<Begin>,
    pub(crate) replies: Vec<Result<Reply, ApiError>>,
    pub(crate) events: Vec<(TaskId, Happening)>,
    pub(crate) kills: usize,
    pub(crate) orders: usize,
}

impl Host {
    pub(crate) fn new() -> Self {
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

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn buckets(&self) -> FolderBuckets {
        FolderBuckets::new(self.path("buckets"))
    }

    pub(crate) fn shop(&self, durable: Durable) -> Workshop {
        let buckets = self.buckets().with_durable(durable.clone());
        let options = WorkshopOptions::new().with_durable(durable);
        Workshop::new(self.path("store"), options, Arc::new(buckets.clone()))
            .unwrap()
            .with_addresses(Arc::new(Signed(buckets)))
    }

    pub(crate) fn put(&self, key: &str, bytes: &[u8]) {
        let mut writer = self.buckets().create("images", key).unwrap();
        writer.write_all(bytes).unwrap();
        writer.finish().unwrap();
    }

    pub(crate) fn call(&mut self, action: Action) -> Reply {
        self.ask(action).unwrap()
    }

    pub(crate) fn ask(&mut self, action: Action) -> Result<Reply, ApiError> {
        let caller = Caller {
            account: "123456789012".to_owned(),
            region: "us-east-1".to_owned(),
        };
        self.engine.request(vmie::now(), ApiCall { caller, action });
        self.pump();
        self.replies.pop().unwrap()
    }

    pub(crate) fn pump(&mut self) {
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
    pub(crate) fn work(&mut self, way: Way, mut before: impl FnMut(&mut Self, &Begin) -> bool) {
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

    pub(crate) fn perform(&mut self, begin: &Begin, way: Way) -> WorkerEvent {
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

    pub(crate) fn finish(&mut self, way: Way) {
        self.work(way, |_, _| true);
    }

    /// Says that a task was completed, and that nothing of any task is left.
    pub(crate) fn completed(&self, task: &TaskId) {
        let ours: Vec<_> = self.events.iter().filter(|(id, _)| id == task).collect();
        assert!(
            matches!(ours.last(), Some((_, Happening::Completed { .. }))),
            "{ours:?}"
        );
        self.nothing_is_left();
    }

    pub(crate) fn nothing_is_left(&self) {
        let left = files(&self.path("store/work"));
        assert!(left.is_empty(), "{left:?}");
        for (folder, bad) in [("store", ".tmp"), ("buckets", ".vmie-")] {
            let names = files(&self.path(folder));
            assert!(names.iter().all(|name| !name.contains(bad)), "{names:?}");
        }
    }

    /// The one file of the store whose name begins and ends so.
    pub(crate) fn only(&self, start: &str, end: &str) -> PathBuf {
        let names = files(&self.path("store"));
        let fits = |name: &&String| name.starts_with(start) && name.ends_with(end);
        let found: Vec<_> = names.iter().filter(fits).collect();
        assert_eq!(found.len(), 1, "{names:?}");
        self.path("store").join(found[0])
    }

    pub(crate) fn import_image(&mut self, guest: &Guest) -> TaskId {
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

    pub(crate) fn image_id(&self) -> String {
        crate::guest::only_image(&self.path("store"))
    }

    pub(crate) fn export_image(&mut self, format: &str) -> TaskId {
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
    pub(crate) fn upload(&self, name: &str, bytes: &[u8], with_parts: bool) -> DiskImageDetail {
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

    pub(crate) fn import_volume(&mut self, bytes: &[u8]) -> TaskId {
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

    pub(crate) fn import_instance(&mut self, bytes: &[u8]) -> TaskId {
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

    pub(crate) fn export_instance(&mut self) -> TaskId {
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

pub(crate) fn container(key: &str, format: &str) -> DiskContainer {
    DiskContainer {
        format: Some(format.to_owned()),
        url: Some(SourceUrl::new(format!("s3://images/{key}"))),
        ..DiskContainer::default()
    }
}

/// A way to change files that dies at the step of this number and stays dead, as a process does.
pub(crate) fn dying_at(step: usize) -> (Durable, Arc<AtomicUsize>) {
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
pub(crate) fn same_disk(path: &Path, disk: &[u8]) -> bool {
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
