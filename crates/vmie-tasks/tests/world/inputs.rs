//! What goes into the engine.

use vmie_rules::format::ImageFormat;
use vmie_rules::guest::{BootMode, Platform};
use vmie_rules::license::LicensedSystem;
use vmie_rules::manifest::Manifest;
use vmie_tasks::{
    Action, ApiCall, Attempt, Begin, Caller, CancelConversionTaskRequest, CancelExportTaskRequest,
    CancelRequest, Converted, CreateInstanceExportTaskRequest, DescribeConversionTasksRequest,
    DescribeExportImageTasksRequest, DescribeExportTasksRequest, DescribeRequest, DiskContainer,
    DiskFacts, DiskImage, DiskImageDetail, ExportImageRequest, ExportToS3, Failure, GuestFacts,
    ImportImageRequest, ImportInstanceRequest, ImportSnapshotRequest, ImportVolumeRequest,
    KeyRecord, KeyState, OrderId, Output, ReportError, S3ExportLocation, SourceUrl, Step, TaskId,
    TaskKind, Uploaded, Validated, Verdict, Work, WorkerEvent,
};

use super::planet::{self, ACCOUNTS, KEY, REGION};
use super::{Asked, Choices, World};

fn failure(retryable: bool) -> Failure {
    Failure {
        code: "simulated".into(),
        message: "ClientError: simulated".into(),
        detail: "the simulation says so".into(),
        svc: Vec::new(),
        retryable,
    }
}

impl<C: Choices> World<C> {
    fn caller(&mut self) -> Caller {
        let [first, second] = planet::callers();
        if self.choices.below(2) == 0 {
            first
        } else {
            second
        }
    }

    fn ask(&mut self, caller: Caller, action: Action, asked: Asked) {
        let request = self.engine.request(self.now, ApiCall { caller, action });
        self.asked.insert(request, asked);
    }

    fn container(&mut self) -> DiskContainer {
        DiskContainer {
            format: ["OVA", "vmdk", "qcow2"]
                .get(self.choices.below(3) as usize)
                .map(|f| (*f).into()),
            url: (self.choices.below(8) != 0).then(|| SourceUrl::new("s3://images/disk")),
            ..DiskContainer::default()
        }
    }

    fn token(&mut self) -> Option<String> {
        (self.choices.below(3) == 0).then(|| ["a", "b"][self.choices.below(2) as usize].into())
    }

    pub fn import_image(&mut self) {
        let caller = self.caller();
        let request = ImportImageRequest {
            client_token: self.token(),
            disk_containers: (0..self.choices.below(4))
                .map(|_| self.container())
                .collect(),
            dry_run: self.choices.below(16) == 1,
            license_type: (self.choices.below(6) == 1).then(|| "aws".into()),
            encrypted: Some(true),
            kms_key_id: (self.choices.below(4) == 1).then(|| KEY.into()),
            ..ImportImageRequest::default()
        };
        let asked = Asked::Import(caller.clone(), TaskKind::ImportImage);
        self.ask(caller, Action::ImportImage(request), asked);
    }

    pub fn import_snapshot(&mut self) {
        let caller = self.caller();
        let request = ImportSnapshotRequest {
            client_token: self.token(),
            disk_container: Some(self.container()),
            ..ImportSnapshotRequest::default()
        };
        let asked = Asked::Import(caller.clone(), TaskKind::ImportSnapshot);
        self.ask(caller, Action::ImportSnapshot(request), asked);
    }

    pub fn import_instance(&mut self) {
        let caller = self.caller();
        let disks = 1 + self.choices.below(2);
        let disk = || DiskImage {
            description: None,
            image: Some(file()),
            volume_size: Some(1),
        };
        let request = ImportInstanceRequest {
            disk_images: (0..disks).map(|_| disk()).collect(),
            platform: Some(["Linux", "windows", "BeOS"][self.choices.below(3) as usize].into()),
            ..ImportInstanceRequest::default()
        };
        let asked = Asked::Import(caller.clone(), TaskKind::ImportInstance);
        self.ask(caller, Action::ImportInstance(request), asked);
    }

    pub fn import_volume(&mut self) {
        let caller = self.caller();
        let request = ImportVolumeRequest {
            availability_zone: Some("eu-central-1a".into()),
            image: Some(file()),
            volume_size: (self.choices.below(8) != 1).then_some(1),
            ..ImportVolumeRequest::default()
        };
        let asked = Asked::Import(caller.clone(), TaskKind::ImportVolume);
        self.ask(caller, Action::ImportVolume(request), asked);
    }

    /// The number of one of eight things, and the account's own bucket.
    fn place(&mut self, caller: &Caller) -> (u32, String) {
        let bucket = if caller.account == ACCOUNTS[0] {
            "exports-1"
        } else {
            "exports-2"
        };
        (self.choices.below(8), bucket.into())
    }

    pub fn export_instance(&mut self) {
        let caller = self.caller();
        let (n, bucket) = self.place(&caller);
        let request = CreateInstanceExportTaskRequest {
            instance_id: Some(planet::id("i-", &caller.account, n)),
            target_environment: Some("vmware".into()),
            export_to_s3: Some(ExportToS3 {
                s3_bucket: Some(bucket),
                ..ExportToS3::default()
            }),
            ..CreateInstanceExportTaskRequest::default()
        };
        let asked = Asked::Import(caller.clone(), TaskKind::ExportInstance);
        self.ask(caller, Action::CreateInstanceExportTask(request), asked);
    }

    pub fn export_image(&mut self) {
        let caller = self.caller();
        let (n, bucket) = self.place(&caller);
        let request = ExportImageRequest {
            client_token: self.token(),
            disk_image_format: Some("raw".into()),
            image_id: Some(planet::id("ami-", &caller.account, n)),
            s3_export_location: Some(S3ExportLocation {
                s3_bucket: Some(bucket),
                s3_prefix: None,
            }),
            ..ExportImageRequest::default()
        };
        let asked = Asked::Import(caller.clone(), TaskKind::ExportImage);
        self.ask(caller, Action::ExportImage(request), asked);
    }

    /// The key of an account is disabled, or enabled again.
    pub fn turn_key(&mut self) {
        let caller = self.caller();
        let state = if self.choices.below(2) == 0 {
            KeyState::Enabled
        } else {
            KeyState::Disabled
        };
        self.engine.world_mut().put_key(KeyRecord {
            id: KEY.into(),
            owner: caller.account,
            region: REGION.into(),
            state,
            open: true,
            ..KeyRecord::default()
        });
    }

    pub fn cancel(&mut self) {
        let caller = self.caller();
        let count = self.tasks.len() as u32 + 1;
        let place = self.choices.below(count) as usize;
        let known = self.tasks.keys().nth(place).cloned();
        let id = known
            .as_ref()
            .map_or_else(|| "import-ami-00000000".to_owned(), ToString::to_string);
        let kind = TaskKind::ALL
            .into_iter()
            .find(|kind| TaskId::parse(&id, *kind).is_some());
        let action = match kind {
            Some(TaskKind::ImportInstance | TaskKind::ImportVolume) => {
                Action::CancelConversionTask(CancelConversionTaskRequest {
                    conversion_task_id: Some(id),
                    ..CancelConversionTaskRequest::default()
                })
            }
            Some(TaskKind::ExportInstance | TaskKind::ExportImage) => {
                Action::CancelExportTask(CancelExportTaskRequest {
                    export_task_id: Some(id),
                })
            }
            _ => Action::CancelImportTask(CancelRequest {
                import_task_id: Some(id),
                ..CancelRequest::default()
            }),
        };
        self.ask(caller, action, Asked::Cancel(known));
    }

    pub fn list(&mut self) {
        let caller = self.caller();
        for kind in TaskKind::ALL {
            self.list_of(caller.clone(), kind);
        }
    }

    pub fn list_of(&mut self, caller: Caller, kind: TaskKind) {
        let asked = Asked::List(caller.clone(), kind);
        self.ask(caller, list(kind), asked);
    }

    pub fn pass_time(&mut self) {
        let seconds = [0, 1, 30, 3_600, 604_800][self.choices.below(5) as usize];
        // A host wakes up when it is asked to, however long it sleeps otherwise.
        let until = self.now.plus_secs(seconds);
        for _ in 0..10 {
            let Output::Idle { wake_at: Some(at) } = self.engine.poll() else {
                break;
            };
            if at >= until {
                break;
            }
            self.now = self.now.max(at);
            self.engine.tick(self.now);
            self.drain(None);
        }
        self.now = until;
        self.engine.tick(self.now);
    }

    /// A worker says something of what it is at.
    pub fn report(&mut self) {
        let count = self.running.len() as u32;
        if count == 0 {
            return;
        }
        let place = self.choices.below(count) as usize;
        let begin = self
            .running
            .values()
            .nth(place)
            .cloned()
            .expect("there are as many");
        let event = match self.choices.below(12) {
            0 | 1 => WorkerEvent::Started,
            2 | 3 => {
                let total = u64::from(self.choices.below(1000));
                WorkerEvent::Progress {
                    done: u64::from(self.choices.below(1100)),
                    total,
                }
            }
            4 => WorkerEvent::Failed(failure(true)),
            5 if self.choices.below(4) == 0 => WorkerEvent::Failed(failure(false)),
            _ => self.end_of(&begin),
        };
        self.tell(&begin, event);
    }

    /// Reports an event that the engine must take.
    pub fn tell(&mut self, begin: &Begin, event: WorkerEvent) {
        let order = &begin.order;
        let over = !matches!(event, WorkerEvent::Started | WorkerEvent::Progress { .. });
        let published = event == WorkerEvent::Published;
        self.engine
            .report(self.now, order, begin.attempt, event)
            .expect("a report of what runs is taken");
        if let Some(heard) = self.heard.get_mut(order) {
            heard.last = self.now;
            heard.since = if heard.started { heard.since } else { self.now };
            heard.started = true;
        }
        if over {
            self.heard.remove(order);
            self.running.remove(order);
            self.over.push((order.clone(), begin.attempt));
        }
        // An import whose key was disabled fails at the end of whatever step.
        let lost = self
            .engine
            .failure(&order.task)
            .is_some_and(|why| why.code == "key-disabled");
        if published && !lost {
            self.tasks.get_mut(&order.task).expect("known").published = true;
        }
    }

    /// How an order can end well, by what it asks for.
    fn end_of(&mut self, begin: &Begin) -> WorkerEvent {
        match &begin.work {
            Work::Validate(work) => {
                let disks = work.sources.iter().flat_map(|source| {
                    let count = if source.format == Some(ImageFormat::Ova) {
                        2
                    } else {
                        1
                    };
                    (0..count).map(move |member| DiskFacts {
                        container: source.container,
                        member,
                        format: ImageFormat::Vmdk,
                        stored_size: 1 << 20,
                        virtual_size: 1 << 30,
                    })
                });
                let disks = disks.collect();
                let verdict = match self.choices.below(8) {
                    1 => Verdict::Refused(failure(false)),
                    2 => Verdict::Undetermined(failure(false)),
                    _ => Verdict::Accepted,
                };
                WorkerEvent::Validated(Validated {
                    disks,
                    guest: guest(),
                    verdict,
                })
            }
            Work::Convert(work) => WorkerEvent::Converted(Converted {
                sha256: "ab".repeat(32),
                virtual_size: work.disk.virtual_size,
                data_bytes: 4096,
            }),
            Work::CheckUpload(_) => {
                let mut manifest = Manifest::plan(ImageFormat::Raw, 25 << 20, Some(1));
                let present = match self.choices.below(6) {
                    1 => return WorkerEvent::Uploaded(Uploaded::default()),
                    2 => 1,
                    3 => {
                        manifest.parts.pop();
                        3
                    }
                    _ => 3,
                };
                WorkerEvent::Uploaded(Uploaded {
                    manifest: Some(manifest),
                    present,
                })
            }
            Work::CheckExport(_) => WorkerEvent::Validated(Validated {
                disks: Vec::new(),
                guest: GuestFacts::default(),
                verdict: match self.choices.below(8) {
                    1 => Verdict::Refused(failure(false)),
                    _ => Verdict::Accepted,
                },
            }),
            Work::ExportDisk(_) => WorkerEvent::Converted(Converted {
                sha256: "cd".repeat(32),
                virtual_size: 1 << 30,
                data_bytes: 4096,
            }),
            Work::Update(_) | Work::PrepareExport(_) => WorkerEvent::Updated { changed: false },
            Work::Boot(_) => WorkerEvent::Booted,
            Work::PublishImage(_)
            | Work::PublishSnapshot(_)
            | Work::PublishVolumes(_)
            | Work::Transfer(_) => WorkerEvent::Published,
            _ => WorkerEvent::Cleaned,
        }
    }

    /// Reports of attempts that are over are refused and change nothing.
    pub fn stale_report(&mut self) {
        let count = self.over.len() as u32;
        if count == 0 {
            return;
        }
        let place = self.choices.below(count) as usize;
        let (order, attempt) = self.over[place].clone();
        self.refused(&order, attempt, WorkerEvent::Started, ReportError::Stale);
        let never = Attempt(u32::MAX);
        self.refused(&order, never, WorkerEvent::Cleaned, ReportError::Stale);
    }

    /// Events of another step are refused and change nothing.
    pub fn misplaced_report(&mut self) {
        let Some(begin) = self.running.values().next().cloned() else {
            return;
        };
        let event = match begin.order.step {
            Step::Publish => WorkerEvent::Cleaned,
            _ => WorkerEvent::Published,
        };
        self.refused(&begin.order, begin.attempt, event, ReportError::Misplaced);
    }

    fn refused(&mut self, order: &OrderId, attempt: Attempt, event: WorkerEvent, why: ReportError) {
        assert_eq!(
            self.engine.report(self.now, order, attempt, event),
            Err(why)
        );
        assert!(matches!(self.engine.poll(), Output::Idle { .. }));
    }

    /// Answers everything well and lets time pass until nothing is left to do.
    pub fn finish(&mut self) {
        for round in 0.. {
            assert!(round < 10_000, "the tasks do not come to an end");
            self.drain(None);
            if let Some(begin) = self.running.values().next().cloned() {
                self.tell(&begin, WorkerEvent::Started);
                let event = self.end_of(&begin);
                self.tell(&begin, event);
                continue;
            }
            if self.tasks.values().all(|seen| seen.ended.is_some()) {
                break;
            }
            let Output::Idle { wake_at } = self.engine.poll() else {
                panic!("just drained")
            };
            self.now = self.now.max(wake_at.expect("what waits has a moment"));
            self.engine.tick(self.now);
        }
        self.check_all_ended();
    }
}

fn guest() -> GuestFacts {
    GuestFacts {
        platform: Some(Platform::Linux),
        system: Some(LicensedSystem::Linux),
        architecture: Some("x86_64".into()),
        boot_mode: Some(BootMode::LegacyBios),
        ena_support: None,
    }
}

fn file() -> DiskImageDetail {
    DiskImageDetail {
        format: Some("RAW".into()),
        bytes: Some(25 << 20),
        import_manifest_url: Some(SourceUrl::new("https://host.example/manifest.xml?signed")),
    }
}

/// The action that lists a kind.
pub fn list(kind: TaskKind) -> Action {
    match kind {
        TaskKind::ImportImage => Action::DescribeImportImageTasks(DescribeRequest::default()),
        TaskKind::ImportSnapshot => Action::DescribeImportSnapshotTasks(DescribeRequest::default()),
        TaskKind::ImportInstance | TaskKind::ImportVolume => {
            Action::DescribeConversionTasks(DescribeConversionTasksRequest::default())
        }
        TaskKind::ExportInstance => {
            Action::DescribeExportTasks(DescribeExportTasksRequest::default())
        }
        _ => Action::DescribeExportImageTasks(DescribeExportImageTasksRequest::default()),
    }
}
