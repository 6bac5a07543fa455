//! The whole life of a task of each kind in virtual time: what lists show of it, moment by moment,
//! as golden files (SVC-OBS-1, SVC-OBS-2, SVC-OBS-3). `VMIE_BLESS=1` writes them anew.
#![allow(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    missing_docs,
    dead_code,
    reason = "a test may stop where it fails, and its parts are shared"
)]

mod told;

use std::fmt::Write as _;
use std::path::Path;

use told::{
    Client, end_of, export_image, export_instance, failure, import_image, import_instance,
    import_snapshot, import_volume,
};
use vmie_tasks::{
    Action, CancelConversionTaskRequest, CancelExportTaskRequest, CancelRequest, Config,
    DescribeConversionTasksRequest, DescribeExportImageTasksRequest, DescribeExportTasksRequest,
    DescribeImagesRequest, DescribeRequest, DescribeSnapshotsRequest, DiskContainer, DiskImage,
    ImportImageRequest, ImportSnapshotRequest, KeyRecord, KeyState, RegisterImageRequest, Reply,
    Step, Tag, TagSpecification, TaskId, Uploaded, Work, WorkerEvent,
};

/// A client whose every change is written down.
struct Diary {
    client: Client,
    text: String,
    last: String,
    kind: &'static str,
}

impl Diary {
    fn of(action: Action, config: Config) -> Self {
        let kind = action.name();
        let mut diary = Self {
            client: Client::with(config, &[]),
            text: String::new(),
            last: String::new(),
            kind,
        };
        let reply = diary.client.call(action).unwrap();
        let json = serde_json::to_string(&reply).unwrap();
        writeln!(diary.text, "reply {json}").unwrap();
        diary.look();
        diary
    }

    /// What lists show of the one task.
    fn view(&mut self) -> String {
        let action = match self.kind {
            "ImportImage" => Action::DescribeImportImageTasks(DescribeRequest::default()),
            "ImportSnapshot" => Action::DescribeImportSnapshotTasks(DescribeRequest::default()),
            "ImportInstance" | "ImportVolume" => {
                Action::DescribeConversionTasks(DescribeConversionTasksRequest::default())
            }
            "CreateInstanceExportTask" => {
                Action::DescribeExportTasks(DescribeExportTasksRequest::default())
            }
            _ => Action::DescribeExportImageTasks(DescribeExportImageTasksRequest::default()),
        };
        let word = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        let number = |number: Option<u8>| number.map_or("-".to_owned(), |n| n.to_string());
        match self.client.call(action).unwrap() {
            Reply::DescribeImportImageTasks { tasks, .. } => tasks.first().map(|task| {
                let disks: Vec<String> = task
                    .snapshot_details
                    .iter()
                    .map(|one| {
                        format!(
                            "[{} {} {} {}]",
                            word(&one.format),
                            one.disk_image_size,
                            word(&one.device_name),
                            one.snapshot_id.is_some()
                        )
                    })
                    .collect();
                format!(
                    "{} {} {} image:{} platform:{:?} {}",
                    task.status,
                    number(task.progress),
                    word(&task.status_message),
                    task.image_id.is_some(),
                    task.platform,
                    disks.join(" ")
                )
            }),
            Reply::DescribeImportSnapshotTasks { tasks, .. } => tasks.first().map(|task| {
                let detail = &task.snapshot_task_detail;
                format!(
                    "{} {} {} {} {} snapshot:{}",
                    detail.status,
                    number(detail.progress),
                    word(&detail.status_message),
                    word(&detail.format),
                    detail.disk_image_size,
                    detail.snapshot_id.is_some()
                )
            }),
            Reply::DescribeConversionTasks { tasks } => tasks.first().map(|task| {
                let instance = task.import_instance.as_ref();
                let volumes = match (instance, &task.import_volume) {
                    (Some(instance), _) => instance.volumes.clone(),
                    (None, Some(volume)) => vec![volume.clone()],
                    (None, None) => Vec::new(),
                };
                let volumes: Vec<String> = volumes
                    .iter()
                    .map(|one| {
                        format!(
                            "[{}/{} {:?} volume:{}]",
                            one.bytes_converted,
                            one.image.size,
                            one.status,
                            one.volume.id.is_some()
                        )
                    })
                    .collect();
                format!(
                    "{} {} {}",
                    task.state,
                    word(&task.status_message),
                    volumes.join(" ")
                )
            }),
            Reply::DescribeExportTasks { tasks } => tasks
                .first()
                .map(|task| format!("{} {}", task.state, word(&task.status_message))),
            Reply::DescribeExportImageTasks { tasks, .. } => tasks.first().map(|task| {
                format!(
                    "{} {} {}",
                    task.status,
                    number(task.progress),
                    word(&task.status_message)
                )
            }),
            other => panic!("{other:?}"),
        }
        .unwrap_or_else(|| "gone".to_owned())
    }

    /// Writes down what is shown, if it is news.
    fn look(&mut self) {
        let seconds = self.client.now.secs - told::NOW.secs;
        let view = self.view();
        if view != self.last {
            writeln!(self.text, "{seconds:>7} {view}").unwrap();
            self.last = view;
        }
    }

    fn note(&mut self, text: &str) {
        writeln!(self.text, "        {text}").unwrap();
    }

    /// Works at the first order that is there: started, half done, done.
    fn work(&mut self) {
        let begin = self.client.begun[0].clone();
        self.note(&format!("begin {} #{}", begin.order.step, begin.attempt));
        self.client.now = self.client.now.plus_secs(60);
        self.client.tell(&begin, WorkerEvent::Started).unwrap();
        self.look();
        self.client.now = self.client.now.plus_secs(60);
        let half = WorkerEvent::Progress { done: 1, total: 2 };
        self.client.tell(&begin, half).unwrap();
        self.look();
        self.client.now = self.client.now.plus_secs(60);
        self.client.tell(&begin, end_of(&begin)).unwrap();
        self.look();
    }

    fn work_all(&mut self) {
        while !self.client.begun.is_empty() {
            self.work();
        }
    }

    /// Seven days after its end a task is gone from lists (SVC-OBS-5).
    fn fade(&mut self) {
        self.client.tick(7 * 86_400 - 1);
        self.look();
        self.client.tick(1);
        self.look();
    }

    fn compare(self, name: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
        let path = path.join(format!("{name}.txt"));
        if std::env::var_os("VMIE_BLESS").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &self.text).unwrap();
        }
        let golden = std::fs::read_to_string(&path).unwrap();
        assert_eq!(self.text, golden, "{}", path.display());
    }
}

fn booting() -> Config {
    Config {
        boots: true,
        ..Config::default()
    }
}

#[test]
fn svc_task_1_svc_obs_1_an_image_import() {
    let request = ImportImageRequest {
        disk_containers: vec![told::container(), told::container()],
        ..import_image()
    };
    let mut diary = Diary::of(Action::ImportImage(request), booting());
    diary.work_all();
    diary.fade();
    diary.compare("import-image");
}

#[test]
fn svc_task_2_a_snapshot_import() {
    let mut diary = Diary::of(Action::ImportSnapshot(import_snapshot()), Config::default());
    diary.work_all();
    diary.fade();
    diary.compare("import-snapshot");
}

#[test]
fn svc_task_3_svc_man_3_an_instance_import_waits_for_its_upload() {
    let mut request = import_instance();
    let second = DiskImage {
        description: Some("data".into()),
        ..request.disk_images[0].clone()
    };
    request.disk_images.push(second);
    let mut diary = Diary::of(Action::ImportInstance(request), Config::default());
    // Nothing is there; then the manifest and a part; then all.
    let begin = diary.client.order(Step::Upload(0));
    let nothing = WorkerEvent::Uploaded(Uploaded::default());
    diary.client.tell(&begin, nothing).unwrap();
    diary.look();
    diary.client.tick(60);
    let begin = diary.client.order(Step::Upload(0));
    diary.note(&format!("begin {} #{}", begin.order.step, begin.attempt));
    let WorkerEvent::Uploaded(all) = end_of(&begin) else {
        panic!()
    };
    let part = WorkerEvent::Uploaded(Uploaded { present: 1, ..all });
    diary.client.tell(&begin, part).unwrap();
    diary.look();
    diary.client.tick(60);
    diary.work_all();
    diary.fade();
    diary.compare("import-instance");
}

#[test]
fn svc_task_3_the_instance_ends_stopped_with_its_volumes() {
    let mut client = Client::new(&[]);
    client
        .call(Action::ImportInstance(import_instance()))
        .unwrap();
    for step in [Step::Upload(0), Step::Validate, Step::Convert(0)] {
        client.ends(step);
    }
    let Work::PublishVolumes(work) = client.order(Step::Publish).work else {
        panic!()
    };
    let instance = work.instance.unwrap();
    assert_eq!(instance.launch.instance_type.as_deref(), Some("m3.large"));
    assert_eq!(work.volumes[0].device_name, "/dev/sda1");
    assert_eq!((work.volumes[0].size, work.uploads.len()), (8, 1));
    client.works();
    assert!(
        client
            .engine
            .check_start(&client.caller, instance.instance_id.as_str())
            .is_ok()
    );
}

#[test]
fn svc_task_3_a_volume_import() {
    let mut diary = Diary::of(Action::ImportVolume(import_volume()), Config::default());
    diary.work_all();
    diary.fade();
    diary.compare("import-volume");
}

#[test]
fn svc_task_4_an_instance_export() {
    let action = Action::CreateInstanceExportTask(export_instance());
    let mut diary = Diary::of(action, Config::default());
    diary.work_all();
    diary.fade();
    diary.compare("export-instance");
}

#[test]
fn svc_task_5_svc_obs_2_an_image_export() {
    let mut diary = Diary::of(Action::ExportImage(export_image()), Config::default());
    diary.work_all();
    diary.fade();
    diary.compare("export-image");
}

#[test]
fn svc_task_9_a_failed_import_says_why_before_it_is_gone() {
    let mut diary = Diary::of(Action::ImportImage(import_image()), Config::default());
    diary.work();
    for _ in 0..3 {
        let begin = diary.client.order(Step::Convert(0));
        diary.note(&format!("begin {} #{}", begin.order.step, begin.attempt));
        let failed = WorkerEvent::Failed(failure("Disk is on fire", true));
        diary.client.tell(&begin, failed).unwrap();
        diary.look();
        diary.client.tick(60);
        diary.look();
    }
    diary.work_all();
    diary.fade();
    diary.compare("import-image-fails");
}

#[test]
fn svc_task_6_cancel_of_an_import() {
    let mut client = Client::new(&[]);
    let Ok(Reply::ImportImage(task)) = client.call(Action::ImportImage(import_image())) else {
        panic!()
    };
    let id = task.import_task_id.to_string();
    let cancel = |reason: &str| {
        Action::CancelImportTask(CancelRequest {
            import_task_id: Some(id.clone()),
            cancel_reason: Some(reason.into()),
            ..CancelRequest::default()
        })
    };
    client.ends(Step::Validate);
    let reply = client.call(cancel("wrong file")).unwrap();
    let Reply::CancelImportTask {
        previous_state,
        state,
        ..
    } = reply
    else {
        panic!()
    };
    assert_eq!(
        (previous_state.as_str(), state.as_str()),
        ("active", "deleting")
    );
    assert_eq!(client.aborted[0].step, Step::Convert(0));
    client.ends(Step::Cleanup);
    assert_eq!(
        client.engine.failure(&task.import_task_id).unwrap().message,
        "wrong file"
    );
    let refused = client.refused(cancel(""));
    assert_eq!(refused.0, "DeleteConversionTaskError");
    assert_eq!(refused.1, "The conversion task cannot be canceled.");
}

#[test]
fn svc_task_6_cancel_of_a_conversion_task() {
    let mut client = Client::new(&[]);
    let Ok(Reply::ImportVolume(task)) = client.call(Action::ImportVolume(import_volume())) else {
        panic!()
    };
    let cancel = |id: &str| {
        Action::CancelConversionTask(CancelConversionTaskRequest {
            conversion_task_id: Some(id.into()),
            reason_message: Some("no more".into()),
            ..CancelConversionTaskRequest::default()
        })
    };
    let id = task.conversion_task_id.to_string();
    for (id, code) in [
        ("import-i-ffffffffffffffff0", "InvalidConversionTaskId"),
        (
            "import-ami-ffffffffffffffff0",
            "InvalidConversionTaskId.Malformed",
        ),
        ("x", "InvalidConversionTaskId.Malformed"),
    ] {
        assert_eq!(client.refused(cancel(id)).0, code);
    }
    assert_eq!(
        client.call(cancel(&id)).unwrap(),
        Reply::CancelConversionTask
    );
    client.works();
    assert_eq!(client.refused(cancel(&id)).0, "DeleteConversionTaskError");
    let list = Action::DescribeConversionTasks(DescribeConversionTasksRequest::default());
    let Ok(Reply::DescribeConversionTasks { tasks }) = client.call(list) else {
        panic!()
    };
    assert_eq!(tasks[0].state.as_str(), "cancelled");
    assert_eq!(tasks[0].status_message.as_deref(), Some("no more"));
}

#[test]
fn svc_task_6_cancel_of_an_export_removes_its_artifacts_and_comes_too_late_while_transferring() {
    let cancel = |id: &TaskId| {
        Action::CancelExportTask(CancelExportTaskRequest {
            export_task_id: Some(id.to_string()),
        })
    };
    let start = || {
        let mut client = Client::new(&[]);
        let reply = client.call(Action::ExportImage(export_image()));
        let Ok(Reply::ExportImage(task)) = reply else {
            panic!("{reply:?}")
        };
        (client, task.export_image_task_id)
    };
    let steps = [Step::Validate, Step::Update, Step::Convert(0)];
    for before in 0..steps.len() {
        let (mut client, id) = start();
        for step in &steps[..before] {
            client.ends(*step);
        }
        assert_eq!(client.call(cancel(&id)).unwrap(), Reply::CancelExportTask);
        let cleanup = client.order(Step::Cleanup);
        let Work::Cleanup(work) = &cleanup.work else {
            panic!()
        };
        assert_eq!(work.objects[0].key, format!("exports/{id}.vmdk"));
        client.works();
    }
    let (mut client, id) = start();
    for step in steps {
        client.ends(step);
    }
    let refused = client.refused(cancel(&id));
    assert_eq!(refused.2, "transferring-final-image");
    client.works();
    assert_eq!(client.refused(cancel(&id)).2, "task-ended");
    let mut client = Client::new(&[]);
    for (id, code) in [
        (
            "export-ami-ffffffffffffffff0",
            "InvalidExportTaskID.NotFound",
        ),
        ("export-i-ffffffffffffffff0", "InvalidExportTaskID.NotFound"),
        (
            "import-i-ffffffffffffffff0",
            "InvalidExportTaskID.Malformed",
        ),
    ] {
        let id = TaskId::parse_any(id).unwrap();
        assert_eq!(client.refused(cancel(&id)).0, code);
    }
}

#[test]
fn svc_man_3_an_upload_that_does_not_come_is_cancelled_after_seven_days() {
    let mut client = Client::new(&[]);
    let Ok(Reply::ImportVolume(task)) = client.call(Action::ImportVolume(import_volume())) else {
        panic!()
    };
    assert_eq!(task.expiration_time, Some(told::NOW.plus_secs(7 * 86_400)));
    for _ in 0..7 * 24 {
        if let Some(begin) = client.begun.first().cloned() {
            let nothing = WorkerEvent::Uploaded(Uploaded::default());
            client.tell(&begin, nothing).unwrap();
        }
        assert!(client.engine.failure(&task.conversion_task_id).is_none());
        client.tick(3600);
    }
    let failure = client.engine.failure(&task.conversion_task_id).unwrap();
    assert_eq!(failure.code, "upload-expired");
    client.works();
    let list = Action::DescribeConversionTasks(DescribeConversionTasksRequest::default());
    let Ok(Reply::DescribeConversionTasks { tasks }) = client.call(list) else {
        panic!()
    };
    assert_eq!(tasks[0].state.as_str(), "cancelled");
}

#[test]
fn svc_man_1_a_wrong_manifest_fails_the_task() {
    for (change, detail) in [
        (0, "the bytes from"),
        (1, "the request says"),
        (2, "the request says"),
    ] {
        let mut client = Client::new(&[]);
        let Ok(Reply::ImportVolume(task)) = client.call(Action::ImportVolume(import_volume()))
        else {
            panic!()
        };
        let begin = client.order(Step::Upload(0));
        let WorkerEvent::Uploaded(mut found) = end_of(&begin) else {
            panic!()
        };
        let manifest = found.manifest.as_mut().unwrap();
        match change {
            0 => {
                manifest.parts.remove(1);
            }
            1 => manifest.file_format = vmie_rules::format::ImageFormat::Vhd,
            _ => {
                *manifest = vmie_rules::manifest::Manifest::plan(manifest.file_format, 77, Some(8))
            }
        }
        client.tell(&begin, WorkerEvent::Uploaded(found)).unwrap();
        let failure = client.engine.failure(&task.conversion_task_id).unwrap();
        assert_eq!(failure.code, "invalid-manifest");
        assert!(failure.detail.contains(detail), "{}", failure.detail);
    }
}

#[test]
fn svc_task_7_a_key_that_is_disabled_fails_the_import_under_way() {
    let plain = ("encryption = \"sse-kms\"", "encryption = \"none\"");
    let id = "1234abcd-12ab-34cd-56ef-1234567890ab";
    let request = ImportSnapshotRequest {
        encrypted: Some(true),
        kms_key_id: Some(id.into()),
        ..import_snapshot()
    };
    let disabled = KeyRecord {
        id: id.into(),
        owner: told::ACCOUNT.into(),
        region: "us-east-1".into(),
        state: KeyState::Disabled,
        ..KeyRecord::default()
    };
    // Found by the watch, and by the end of a step.
    for by_watch in [true, false] {
        let mut client = Client::new(&[plain]);
        let reply = client.call(Action::ImportSnapshot(request.clone()));
        let Ok(Reply::ImportSnapshot(task)) = reply else {
            panic!("{reply:?}")
        };
        client.engine.world_mut().put_key(disabled.clone());
        if by_watch {
            client.tick(60);
        } else {
            client.ends(Step::Validate);
        }
        let failure = client.engine.failure(&task.import_task_id).unwrap();
        assert_eq!(failure.code, "key-disabled");
        client.works();
    }
}

#[test]
fn svc_task_9_svc_obs_8_a_silent_worker_is_given_up_and_always_with_a_cause() {
    let mut client = Client::new(&[]);
    let Ok(Reply::ImportImage(task)) = client.call(Action::ImportImage(import_image())) else {
        panic!()
    };
    let silent = Config::default().limits.validate.silent;
    for attempt in 1..=3 {
        let begin = client.order(Step::Validate);
        assert_eq!(begin.attempt.0, attempt);
        client.tell(&begin, WorkerEvent::Started).unwrap();
        client.tick(silent - 1);
        assert_eq!(client.order(Step::Validate).attempt.0, attempt);
        client.tick(1);
        assert!(client.tell(&begin, WorkerEvent::Started).is_err(), "stale");
        client.tick(60);
    }
    let failure = client.engine.failure(&task.import_task_id).unwrap();
    assert_eq!(failure.code, "worker-silent");
    // The cleanup stalls, too, and the task ends all the same.
    for _ in 0..10 {
        client.tick(86_400);
    }
    assert!(client.begun.is_empty());
}

#[test]
fn svc_mod_7_an_import_without_modification_is_a_snapshot_and_a_register_image() {
    let mut client = Client::new(&[]);
    let tags = vec![TagSpecification {
        resource_type: "import-snapshot-task".into(),
        tags: vec![Tag {
            key: "team".into(),
            value: "blue".into(),
        }],
    }];
    let request = ImportSnapshotRequest {
        tag_specifications: tags,
        ..import_snapshot()
    };
    client.call(Action::ImportSnapshot(request)).unwrap();
    client.works();
    let own = DescribeSnapshotsRequest {
        owner_ids: vec!["self".into()],
        filters: vec![vmie_tasks::Filter {
            name: "tag:team".into(),
            values: vec!["bl*".into()],
        }],
        ..DescribeSnapshotsRequest::default()
    };
    let Ok(Reply::DescribeSnapshots { snapshots, .. }) =
        client.call(Action::DescribeSnapshots(own))
    else {
        panic!()
    };
    assert_eq!(snapshots.len(), 1);
    let register = RegisterImageRequest {
        name: Some("my server".into()),
        architecture: Some("x86_64".into()),
        virtualization_type: Some("hvm".into()),
        boot_mode: Some("uefi".into()),
        ena_support: Some(true),
        root_device_name: Some("/dev/sda1".into()),
        block_device_mappings: vec![vmie_tasks::BlockDeviceMapping {
            device_name: Some("/dev/sda1".into()),
            ebs: Some(vmie_tasks::EbsBlockDevice {
                snapshot_id: Some(snapshots[0].snapshot_id.to_string()),
                ..vmie_tasks::EbsBlockDevice::default()
            }),
            ..vmie_tasks::BlockDeviceMapping::default()
        }],
        ..RegisterImageRequest::default()
    };
    let Ok(Reply::RegisterImage { image_id }) =
        client.call(Action::RegisterImage(register.clone()))
    else {
        panic!()
    };
    assert_eq!(
        client.refused(Action::RegisterImage(register)).2,
        "name-in-use"
    );
    let list = DescribeImagesRequest {
        owners: vec!["self".into()],
        image_ids: vec![image_id.to_string()],
        ..DescribeImagesRequest::default()
    };
    let Ok(Reply::DescribeImages { images, .. }) = client.call(Action::DescribeImages(list)) else {
        panic!()
    };
    assert_eq!(images[0].state, "available");
    assert_eq!(images[0].boot_mode.as_deref(), Some("uefi"));
    assert_eq!(images[0].ena_support, Some(true));
    let ebs = images[0].block_device_mappings[0].ebs.as_ref().unwrap();
    assert_eq!(ebs.volume_size, Some(8));

    // The snapshot stays as long as the image does, and both go together.
    let delete = vmie_tasks::DeleteSnapshotRequest {
        snapshot_id: Some(snapshots[0].snapshot_id.to_string()),
        ..vmie_tasks::DeleteSnapshotRequest::default()
    };
    assert_eq!(
        client.refused(Action::DeleteSnapshot(delete)).0,
        "InvalidSnapshot.InUse"
    );
    let deregister = vmie_tasks::DeregisterImageRequest {
        image_id: Some(image_id.to_string()),
        delete_associated_snapshots: Some(true),
        ..vmie_tasks::DeregisterImageRequest::default()
    };
    let Ok(Reply::DeregisterImage {
        delete_snapshot_results,
    }) = client.call(Action::DeregisterImage(deregister))
    else {
        panic!()
    };
    assert_eq!(delete_snapshot_results[0].return_code, "success");
}

#[test]
fn svc_obs_7_svc_lic_4_the_image_of_an_import() {
    let mut client = Client::new(&[]);
    let Ok(Reply::ImportImage(task)) = client.call(Action::ImportImage(import_image())) else {
        panic!()
    };
    client.works();
    let list = DescribeImagesRequest {
        owners: vec!["self".into()],
        filters: vec![vmie_tasks::Filter {
            name: "name".into(),
            values: vec![task.import_task_id.to_string()],
        }],
        ..DescribeImagesRequest::default()
    };
    let Ok(Reply::DescribeImages { images, .. }) = client.call(Action::DescribeImages(list)) else {
        panic!()
    };
    let image = &images[0];
    assert_eq!(image.platform_details.as_deref(), Some("Linux/UNIX"));
    assert_eq!(image.usage_operation.as_deref(), Some("RunInstances"));
    assert_eq!(image.ena_support, Some(true));
    assert_eq!(image.root_device_name.as_deref(), Some("/dev/sda1"));
    // What was imported can be exported.
    let mut export = export_image();
    export.image_id = Some(image.image_id.to_string());
    assert!(client.call(Action::ExportImage(export)).is_ok());
}

#[test]
fn svc_obs_6_the_token_of_an_image_export() {
    let mut client = Client::new(&[]);
    let request = vmie_tasks::ExportImageRequest {
        client_token: Some("token".into()),
        ..export_image()
    };
    let first = client.call(Action::ExportImage(request.clone())).unwrap();
    client.works();
    assert_eq!(
        client.call(Action::ExportImage(request.clone())).unwrap(),
        first
    );
    let other = vmie_tasks::ExportImageRequest {
        disk_image_format: Some("raw".into()),
        ..request
    };
    let refused = client.refused(Action::ExportImage(other));
    assert_eq!(refused.0, "IdempotentParameterMismatch");
}

#[test]
fn svc_obs_5_lists_filters_and_pages_that_survive_new_tasks() {
    let mut client = Client::new(&[]);
    let mut import = || {
        let request = ImportSnapshotRequest {
            disk_container: Some(DiskContainer {
                format: Some("raw".into()),
                ..told::container()
            }),
            ..ImportSnapshotRequest::default()
        };
        let Ok(Reply::ImportSnapshot(task)) = client.call(Action::ImportSnapshot(request)) else {
            panic!()
        };
        task.import_task_id
    };
    let ids: Vec<TaskId> = (0..5).map(|_| import()).collect();
    let first = client.begun[0].order.task.clone();
    while let Some(begin) = client
        .begun
        .iter()
        .find(|one| one.order.task == first)
        .cloned()
    {
        client.tell(&begin, end_of(&begin)).unwrap();
    }
    let mut page = |filter: Option<&str>, count: Option<i64>, token: Option<String>| {
        let request = DescribeRequest {
            filters: filter
                .map(|word| vmie_tasks::Filter {
                    name: "task-state".into(),
                    values: vec![word.into()],
                })
                .into_iter()
                .collect(),
            max_results: count,
            next_token: token,
            ..DescribeRequest::default()
        };
        match client.call(Action::DescribeImportSnapshotTasks(request)) {
            Ok(Reply::DescribeImportSnapshotTasks { tasks, next_token }) => {
                let ids: Vec<TaskId> = tasks.into_iter().map(|one| one.import_task_id).collect();
                Ok((ids, next_token))
            }
            Err(error) => Err(error.code.to_string()),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        page(Some("completed"), None, None),
        Ok((vec![ids[0].clone()], None))
    );
    assert_eq!(page(Some("Active"), None, None).unwrap().0, ids[1..]);
    assert_eq!(page(Some("deleted"), None, None).unwrap().0, []);
    let (first_page, token) = page(None, Some(2), None).unwrap();
    assert_eq!(first_page, ids[..2]);
    let (second_page, token) = page(None, Some(2), token).unwrap();
    assert_eq!(second_page, ids[2..4]);
    let (third_page, token) = page(None, Some(2), token).unwrap();
    assert_eq!((third_page, token), (ids[4..].to_vec(), None));
    for bad in ["", "x", "import-snap-", "import-ami-0000000000000001"] {
        assert_eq!(
            page(None, None, Some(bad.into())),
            Err("InvalidNextToken".into())
        );
    }
    assert_eq!(page(None, Some(0), None), Err("InvalidMaxResults".into()));
    assert_eq!(
        page(None, Some(1001), None),
        Err("InvalidMaxResults".into())
    );
    assert_eq!(page(Some("done"), None, None), Err("InvalidFilter".into()));
}
