//! The whole life of a task of each kind in virtual time: what lists show of it, moment by moment,
//! as golden files (SVC-OBS-1, SVC-OBS-2, SVC-OBS-3). `VMIE_BLESS=1` writes them anew.

use crate::told::{
    self, Client, end_of, export_image, export_instance, failure, import_image, import_instance,
    import_snapshot, import_volume,
};
use std::fmt::Write as _;
use std::path::Path;
use vmie_tasks::{
    Action, Config, DescribeConversionTasksRequest, DescribeExportImageTasksRequest,
    DescribeExportTasksRequest, DescribeRequest, DiskImage, ImportImageRequest, Reply, Step,
    Uploaded, WorkerEvent,
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
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/service/golden");
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
