//! What the page shows of tasks.

use std::collections::BTreeMap;

use vmie_tasks::{
    Action, ApiCall, Caller, ConversionTask, DescribeConversionTasksRequest,
    DescribeExportImageTasksRequest, DescribeExportTasksRequest, DescribeRequest, Engine,
    ExportImageTask, ExportTask, ImportImageTask, ImportSnapshotTask, Reply, TaskId, TaskKind,
    World,
};

/// The newest tasks of all accounts.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Overview {
    /// Tasks that have not ended.
    pub active: usize,
    /// All tasks that are remembered.
    pub total: usize,
    /// The newest first.
    pub tasks: Vec<Shown>,
}

/// A task as the page shows it. There is no address in it, which could be signed (SVC-SEC-3).
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Shown {
    /// Its id.
    pub id: String,
    /// `import-image`, `export-instance` …
    pub kind: String,
    /// Whose it is.
    pub account: String,
    /// Where it is.
    pub region: String,
    /// `active`, `completed` …
    pub status: String,
    /// The service's text.
    pub message: Option<String>,
    /// In percent.
    pub progress: Option<u8>,
    /// As requested.
    pub description: Option<String>,
    /// Names of what it reads and what it made.
    pub about: Vec<String>,
    /// When it ended, in seconds since 1970.
    pub ended: Option<i64>,
    /// Why it failed, with what mends it.
    pub failure: Option<ShownFailure>,
}

/// Why a task failed.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct ShownFailure {
    /// A stable name.
    pub code: String,
    /// What exactly, where, and what mends it.
    pub detail: String,
    /// The points that say so.
    pub svc: Vec<String>,
}

/// The calls that tell of the newest tasks, and what is known of these without them.
pub(crate) fn questions<W: World>(engine: &Engine<W>, most: usize) -> (Overview, Vec<ApiCall>) {
    let mut overview = Overview::default();
    let mut by_list: BTreeMap<(Caller, &'static str), (TaskKind, Vec<String>)> = BTreeMap::new();
    for (caller, id, ended) in engine.tasks().rev() {
        overview.total = overview.total.saturating_add(1);
        if ended.is_none() {
            overview.active = overview.active.saturating_add(1);
        }
        if overview.tasks.len() >= most {
            continue;
        }
        let Some(kind) = kind_of(id) else { continue };
        let failure = engine.failure(id).map(|failure| ShownFailure {
            code: failure.code.clone(),
            detail: failure.detail.clone(),
            svc: failure.svc.iter().map(ToString::to_string).collect(),
        });
        overview.tasks.push(Shown {
            id: id.to_string(),
            kind: name_of(kind).to_owned(),
            account: caller.account.clone(),
            region: caller.region.clone(),
            ended: ended.map(|at| at.secs),
            failure,
            ..Shown::default()
        });
        let list = by_list
            .entry((caller.clone(), name_of(kind)))
            .or_insert_with(|| (kind, Vec::new()));
        list.1.push(id.to_string());
    }
    let calls = by_list
        .into_iter()
        .filter_map(|((caller, _), (kind, ids))| {
            let action = list(kind, ids)?;
            Some(ApiCall { caller, action })
        });
    (overview, calls.collect())
}

fn kind_of(id: &TaskId) -> Option<TaskKind> {
    TaskKind::ALL
        .into_iter()
        .find(|kind| TaskId::parse(id.as_str(), *kind).is_some())
}

fn name_of(kind: TaskKind) -> &'static str {
    match kind {
        TaskKind::ImportImage => "import-image",
        TaskKind::ImportSnapshot => "import-snapshot",
        TaskKind::ImportInstance => "import-instance",
        TaskKind::ImportVolume => "import-volume",
        TaskKind::ExportInstance => "export-instance",
        TaskKind::ExportImage => "export-image",
        _ => "task",
    }
}

fn list(kind: TaskKind, ids: Vec<String>) -> Option<Action> {
    let imports = |ids| DescribeRequest {
        import_task_ids: ids,
        ..DescribeRequest::default()
    };
    Some(match kind {
        TaskKind::ImportImage => Action::DescribeImportImageTasks(imports(ids)),
        TaskKind::ImportSnapshot => Action::DescribeImportSnapshotTasks(imports(ids)),
        TaskKind::ImportInstance | TaskKind::ImportVolume => {
            Action::DescribeConversionTasks(DescribeConversionTasksRequest {
                conversion_task_ids: ids,
                ..DescribeConversionTasksRequest::default()
            })
        }
        TaskKind::ExportInstance => Action::DescribeExportTasks(DescribeExportTasksRequest {
            export_task_ids: ids,
            ..DescribeExportTasksRequest::default()
        }),
        TaskKind::ExportImage => {
            Action::DescribeExportImageTasks(DescribeExportImageTasksRequest {
                export_image_task_ids: ids,
                ..DescribeExportImageTasksRequest::default()
            })
        }
        _ => return None,
    })
}

/// Takes in what a reply tells.
pub(crate) fn learn(overview: &mut Overview, reply: Reply) {
    let told: Vec<Shown> = match reply {
        Reply::DescribeImportImageTasks { tasks, .. } => tasks.into_iter().map(image).collect(),
        Reply::DescribeImportSnapshotTasks { tasks, .. } => {
            tasks.into_iter().map(snapshot).collect()
        }
        Reply::DescribeConversionTasks { tasks } => tasks.into_iter().map(conversion).collect(),
        Reply::DescribeExportTasks { tasks } => tasks.into_iter().map(export).collect(),
        Reply::DescribeExportImageTasks { tasks, .. } => {
            tasks.into_iter().map(export_image).collect()
        }
        _ => Vec::new(),
    };
    let mut told: BTreeMap<String, Shown> =
        told.into_iter().map(|one| (one.id.clone(), one)).collect();
    for task in &mut overview.tasks {
        if let Some(one) = told.remove(&task.id) {
            task.status = one.status;
            task.message = one.message;
            task.progress = one.progress;
            task.description = one.description;
            task.about = one.about;
        }
    }
}

fn image(task: ImportImageTask) -> Shown {
    let mut about: Vec<String> = task.image_id.iter().map(ToString::to_string).collect();
    for disk in task.snapshot_details {
        about.extend(
            disk.user_bucket
                .map(|at| format!("s3://{}/{}", at.bucket, at.key)),
        );
        about.extend(disk.snapshot_id.map(|id| id.to_string()));
    }
    Shown {
        id: task.import_task_id.to_string(),
        status: task.status.as_str().to_owned(),
        message: task.status_message,
        progress: task.progress,
        description: task.description,
        about,
        ..Shown::default()
    }
}

fn snapshot(task: ImportSnapshotTask) -> Shown {
    let detail = task.snapshot_task_detail;
    let mut about: Vec<String> = detail.snapshot_id.iter().map(ToString::to_string).collect();
    about.extend(
        detail
            .user_bucket
            .map(|at| format!("s3://{}/{}", at.bucket, at.key)),
    );
    Shown {
        id: task.import_task_id.to_string(),
        status: detail.status.as_str().to_owned(),
        message: detail.status_message,
        progress: detail.progress,
        description: task.description,
        about,
        ..Shown::default()
    }
}

fn conversion(task: ConversionTask) -> Shown {
    let mut shown = Shown {
        id: task.conversion_task_id.to_string(),
        status: task.state.as_str().to_owned(),
        message: task.status_message,
        ..Shown::default()
    };
    if let Some(instance) = task.import_instance {
        shown
            .about
            .extend(instance.instance_id.map(|id| id.to_string()));
        shown.description = instance.description;
    }
    if let Some(volume) = task.import_volume {
        shown
            .about
            .extend(volume.volume.id.map(|id| id.to_string()));
        shown.description = volume.description;
    }
    shown
}

fn export(task: ExportTask) -> Shown {
    let to = task.export_to_s3;
    let to = to.and_then(|to| Some(format!("s3://{}/{}", to.s3_bucket?, to.s3_key?)));
    let from = task.instance_export.and_then(|from| from.instance_id);
    Shown {
        id: task.export_task_id.to_string(),
        status: task.state.as_str().to_owned(),
        message: task.status_message,
        description: task.description,
        about: from.into_iter().chain(to).collect(),
        ..Shown::default()
    }
}

fn export_image(task: ExportImageTask) -> Shown {
    let to = task.s3_export_location;
    let to = to.and_then(|to| {
        let prefix = to.s3_prefix.unwrap_or_default();
        Some(format!("s3://{}/{prefix}", to.s3_bucket?))
    });
    Shown {
        id: task.export_image_task_id.to_string(),
        status: task.status.as_str().to_owned(),
        message: task.status_message,
        progress: task.progress,
        description: task.description,
        about: task.image_id.into_iter().chain(to).collect(),
        ..Shown::default()
    }
}
