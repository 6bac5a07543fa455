//! A caller in the world of `examples/data/world.toml`, which tests edit as one would edit the
//! file.

use vmie_rules::format::ImageFormat;
use vmie_rules::guest::{BootMode, Platform};
use vmie_rules::license::LicensedSystem;
use vmie_rules::manifest::Manifest;
use vmie_tasks::{
    Action, ApiCall, ApiError, Begin, Caller, Config, Converted, CreateInstanceExportTaskRequest,
    DiskContainer, DiskFacts, DiskImage, DiskImageDetail, Engine, ExportImageRequest, ExportToS3,
    Failure, GuestFacts, ImportImageRequest, ImportInstanceRequest, ImportSnapshotRequest,
    ImportVolumeRequest, LaunchSpecification, ListedWorld, OrderId, Output, Reply, ReportError,
    S3ExportLocation, SourceUrl, Step, Timestamp, Uploaded, UserBucket, Validated, Verdict, Work,
    WorkerEvent,
};

pub const WORLD: &str = include_str!("../../../../examples/data/world.toml");
pub const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);
pub const ACCOUNT: &str = "111122223333";

/// The file with some edits, each of which must find its text.
pub fn edited(edits: &[(&str, &str)]) -> ListedWorld {
    let mut text = WORLD.to_owned();
    for (from, to) in edits {
        assert!(text.contains(from), "the file has no {from}");
        text = text.replace(from, to);
    }
    toml::from_str(&text).unwrap_or_else(|error| panic!("{error}\n{edits:?}"))
}

pub struct Client {
    pub engine: Engine<ListedWorld>,
    pub now: Timestamp,
    pub caller: Caller,
    /// Every order that was begun and not aborted, as the host would have it.
    pub begun: Vec<Begin>,
    pub aborted: Vec<OrderId>,
}

impl Client {
    pub fn new(edits: &[(&str, &str)]) -> Self {
        Self::with(Config::default(), edits)
    }

    pub fn with(config: Config, edits: &[(&str, &str)]) -> Self {
        Self {
            engine: Engine::in_world(config, 7, edited(edits)),
            now: NOW,
            caller: Caller {
                account: ACCOUNT.into(),
                region: "us-east-1".into(),
            },
            begun: Vec::new(),
            aborted: Vec::new(),
        }
    }

    fn drain(&mut self) -> Option<Result<Reply, ApiError>> {
        let mut answer = None;
        loop {
            match self.engine.poll() {
                Output::Reply { reply, .. } => answer = Some(reply),
                Output::Begin(begin) => self.begun.push(begin),
                Output::Abort { order, .. } => {
                    self.begun.retain(|begin| begin.order != order);
                    self.aborted.push(order);
                }
                Output::Idle { .. } => return answer,
                _ => {}
            }
        }
    }

    pub fn call(&mut self, action: Action) -> Result<Reply, ApiError> {
        let caller = self.caller.clone();
        self.engine.request(self.now, ApiCall { caller, action });
        self.drain().unwrap()
    }

    /// Code, text and name of the cause of a refusal.
    pub fn refused(&mut self, action: Action) -> (String, String, String) {
        let error = match self.call(action) {
            Err(error) => error,
            Ok(reply) => panic!("taken: {reply:?}"),
        };
        let cause = error.cause_code().unwrap_or_default().to_owned();
        (error.code.to_string(), error.message, cause)
    }

    pub fn tick(&mut self, seconds: u64) {
        self.now = self.now.plus_secs(seconds);
        self.engine.tick(self.now);
        self.drain();
    }

    /// Reports on an order that was begun.
    pub fn tell(&mut self, begin: &Begin, event: WorkerEvent) -> Result<(), ReportError> {
        let over = !matches!(event, WorkerEvent::Started | WorkerEvent::Progress { .. });
        if over {
            self.begun.retain(|one| one.order != begin.order);
        }
        let result = self
            .engine
            .report(self.now, &begin.order, begin.attempt, event);
        self.drain();
        result
    }

    pub fn order(&self, step: Step) -> Begin {
        let mut begun = self.begun.iter();
        let found = begun.find(|begin| begin.order.step == step);
        found
            .unwrap_or_else(|| panic!("no {step} in {:?}", self.begun))
            .clone()
    }

    /// Works at a step until it ends well.
    pub fn ends(&mut self, step: Step) {
        let begin = self.order(step);
        let event = end_of(&begin);
        self.tell(&begin, event).unwrap();
    }

    /// Works at everything that comes until nothing does.
    pub fn works(&mut self) {
        while let Some(begin) = self.begun.first().cloned() {
            let event = end_of(&begin);
            self.tell(&begin, event).unwrap();
        }
    }
}

pub fn failure(code: &str, retryable: bool) -> Failure {
    Failure {
        code: code.into(),
        message: format!("ClientError: {code}"),
        detail: "in a test".into(),
        svc: Vec::new(),
        retryable,
    }
}

pub fn converted() -> Converted {
    Converted {
        sha256: "0".repeat(64),
        virtual_size: 8 << 30,
        data_bytes: 1 << 20,
    }
}

/// How an order ends well.
pub fn end_of(begin: &Begin) -> WorkerEvent {
    match &begin.work {
        Work::CheckUpload(_) => {
            let manifest = Manifest::plan(ImageFormat::Vmdk, 25 << 20, Some(8));
            WorkerEvent::Uploaded(Uploaded {
                present: 3,
                manifest: Some(manifest),
            })
        }
        Work::Validate(work) => WorkerEvent::Validated(Validated {
            disks: work
                .sources
                .iter()
                .map(|source| DiskFacts {
                    container: source.container,
                    member: 0,
                    format: ImageFormat::Vmdk,
                    stored_size: 705_638_400,
                    virtual_size: 8 << 30,
                })
                .collect(),
            guest: GuestFacts {
                platform: Some(Platform::Linux),
                system: Some(LicensedSystem::Linux),
                architecture: Some("x86_64".into()),
                boot_mode: Some(BootMode::LegacyBios),
                ena_support: Some(true),
            },
            verdict: Verdict::Accepted,
        }),
        Work::CheckExport(_) => WorkerEvent::Validated(Validated {
            disks: Vec::new(),
            guest: GuestFacts::default(),
            verdict: Verdict::Accepted,
        }),
        Work::Convert(_) | Work::ExportDisk(_) => WorkerEvent::Converted(converted()),
        Work::Update(_) | Work::PrepareExport(_) => WorkerEvent::Updated { changed: true },
        Work::Boot(_) => WorkerEvent::Booted,
        Work::PublishImage(_)
        | Work::PublishSnapshot(_)
        | Work::PublishVolumes(_)
        | Work::Transfer(_) => WorkerEvent::Published,
        _ => WorkerEvent::Cleaned,
    }
}

pub fn container() -> DiskContainer {
    DiskContainer {
        format: Some("OVA".into()),
        user_bucket: Some(UserBucket {
            bucket: "amzn-s3-demo-import-bucket".into(),
            key: "vms/my-server-vm.ova".into(),
        }),
        ..DiskContainer::default()
    }
}

pub fn import_image() -> ImportImageRequest {
    ImportImageRequest {
        disk_containers: vec![container()],
        ..ImportImageRequest::default()
    }
}

pub fn import_snapshot() -> ImportSnapshotRequest {
    ImportSnapshotRequest {
        disk_container: Some(DiskContainer {
            format: Some("vmdk".into()),
            ..container()
        }),
        ..ImportSnapshotRequest::default()
    }
}

pub fn disk() -> DiskImageDetail {
    DiskImageDetail {
        format: Some("VMDK".into()),
        bytes: Some(25 << 20),
        import_manifest_url: Some(SourceUrl::new(
            "https://amzn-s3-demo-import-bucket.s3.amazonaws.com/m.xml?X-Amz-Signature=feedface",
        )),
    }
}

pub fn import_instance() -> ImportInstanceRequest {
    ImportInstanceRequest {
        description: Some("My server".into()),
        launch_specification: Some(Box::new(LaunchSpecification {
            architecture: Some("x86_64".into()),
            instance_type: Some("m3.large".into()),
            ..LaunchSpecification::default()
        })),
        disk_images: vec![DiskImage {
            description: Some("root".into()),
            image: Some(disk()),
            volume_size: Some(8),
        }],
        platform: Some("Linux".into()),
        ..ImportInstanceRequest::default()
    }
}

pub fn import_volume() -> ImportVolumeRequest {
    ImportVolumeRequest {
        availability_zone: Some("us-east-1a".into()),
        image: Some(disk()),
        volume_size: Some(8),
        ..ImportVolumeRequest::default()
    }
}

pub fn export_instance() -> CreateInstanceExportTaskRequest {
    CreateInstanceExportTaskRequest {
        instance_id: Some("i-0123456789abcdef0".into()),
        target_environment: Some("VMware".into()),
        export_to_s3: Some(ExportToS3 {
            disk_image_format: Some("VMDK".into()),
            container_format: Some("ova".into()),
            s3_bucket: Some("amzn-s3-demo-export-bucket".into()),
            s3_prefix: Some("vms/".into()),
        }),
        ..CreateInstanceExportTaskRequest::default()
    }
}

pub fn export_image() -> ExportImageRequest {
    ExportImageRequest {
        disk_image_format: Some("vmdk".into()),
        image_id: Some("ami-0123456789abcdef0".into()),
        s3_export_location: Some(S3ExportLocation {
            s3_bucket: Some("amzn-s3-demo-export-bucket".into()),
            s3_prefix: Some("exports/".into()),
        }),
        ..ExportImageRequest::default()
    }
}
