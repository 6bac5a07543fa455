//! What goes into the engine.

use vmie_rules::format::ImageFormat;
use vmie_rules::guest::{BootMode, Platform};
use vmie_rules::license::LicensedSystem;
use vmie_tasks::{
    Action, ApiCall, Attempt, Begin, Caller, CancelRequest, Converted, DescribeRequest,
    DiskContainer, DiskFacts, Failure, GuestFacts, ImportImageRequest, ImportSnapshotRequest,
    OrderId, Output, ReportError, SourceUrl, Step, TaskKind, Validated, Verdict, Work, WorkerEvent,
};

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
        let account = ["111122223333", "444455556666"][self.choices.below(2) as usize];
        Caller {
            account: account.into(),
            region: "eu-central-1".into(),
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

    pub fn cancel(&mut self) {
        let caller = self.caller();
        let count = self.tasks.len() as u32 + 1;
        let place = self.choices.below(count) as usize;
        let id = self.tasks.keys().nth(place).map(ToString::to_string);
        let request = CancelRequest {
            import_task_id: Some(id.unwrap_or_else(|| "import-ami-00000000".into())),
            ..CancelRequest::default()
        };
        self.ask(caller, Action::CancelImportTask(request), Asked::Cancel);
    }

    pub fn list(&mut self) {
        let caller = self.caller();
        for kind in TaskKind::ALL {
            self.list_of(caller.clone(), kind);
        }
    }

    pub fn list_of(&mut self, caller: Caller, kind: TaskKind) {
        let request = DescribeRequest::default();
        let action = match kind {
            TaskKind::ImportImage => Action::DescribeImportImageTasks(request),
            _ => Action::DescribeImportSnapshotTasks(request),
        };
        self.ask(caller.clone(), action, Asked::List(caller, kind));
    }

    pub fn pass_time(&mut self) {
        let seconds = [0, 1, 30, 3_600, 604_800][self.choices.below(5) as usize];
        self.now = self.now.plus_secs(seconds);
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
        if over {
            self.running.remove(order);
            self.over.push((order.clone(), begin.attempt));
        }
        if published {
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
            Work::Update(_) => WorkerEvent::Updated { changed: false },
            Work::Boot(_) => WorkerEvent::Booted,
            Work::PublishImage(_) | Work::PublishSnapshot(_) => WorkerEvent::Published,
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
