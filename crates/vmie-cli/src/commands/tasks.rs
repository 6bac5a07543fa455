//! `vmie tasks`

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};
use vmie::tasks::{
    Action, CancelRequest, DescribeRequest, ImportImageTask, ImportSnapshotTask, Reply, TaskId,
};
use vmie::{HostOptions, LocalHost};
use vmie_serve::Remote;

use super::{serve, stop};
use crate::args::{TaskAction, TasksArgs};
use crate::failure::{Exit, Failure};
use crate::out::{Out, Tone};
use crate::text::Safe;

/// A line of the list.
struct Line<'a> {
    id: &'a TaskId,
    status: &'static str,
    progress: Option<u8>,
    message: Option<&'a str>,
    result: Option<String>,
}

pub(super) fn run(out: &Out, args: &TasksArgs) -> Result<Exit, Failure> {
    match (&args.endpoint, &args.store) {
        (Some(endpoint), _) => at_service(out, args, endpoint),
        (None, Some(store)) => in_store(out, args, store),
        (None, None) => Err(Failure::usage("name a store or a service.")),
    }
}

/// The tasks of a service.
fn at_service(out: &Out, args: &TasksArgs, endpoint: &str) -> Result<Exit, Failure> {
    let fail = |error: vmie_serve::Error| serve::failure(&error);
    let roots = args.ca.as_deref().map(serve::read).transpose();
    let roots = roots.map_err(|error| Failure::of(Exit::Failed, &error))?;
    let key = serve::key_of_environment("--endpoint").map_err(fail)?;
    let remote = Remote::new(endpoint, &args.region, key, roots.as_deref()).map_err(fail)?;
    if let Some(TaskAction::Cancel { task }) = &args.action {
        let cancel = CancelRequest {
            import_task_id: Some(task.clone()),
            ..CancelRequest::default()
        };
        call(&remote, &Action::CancelImportTask(cancel))?;
    }
    let (mut images, mut snapshots) = (Vec::new(), Vec::new());
    let mut more = Some(DescribeRequest::default());
    while let Some(asked) = more.take() {
        match call(&remote, &Action::DescribeImportImageTasks(asked))? {
            Reply::DescribeImportImageTasks { tasks, next_token } => {
                images.extend(tasks);
                more = next(next_token);
            }
            _ => return Err(other_answer()),
        }
    }
    more = Some(DescribeRequest::default());
    while let Some(asked) = more.take() {
        match call(&remote, &Action::DescribeImportSnapshotTasks(asked))? {
            Reply::DescribeImportSnapshotTasks { tasks, next_token } => {
                snapshots.extend(tasks);
                more = next(next_token);
            }
            _ => return Err(other_answer()),
        }
    }
    // What stands behind a failure stays with the service.
    print(out, &images, &snapshots, &|_| None)
}

/// The next page, when there is one.
fn next(token: Option<String>) -> Option<DescribeRequest> {
    token.map(|token| DescribeRequest {
        next_token: Some(token),
        ..DescribeRequest::default()
    })
}

fn call(remote: &Remote, action: &Action) -> Result<Reply, Failure> {
    match remote
        .call(action)
        .map_err(|error| serve::failure(&error))?
    {
        Ok(reply) => Ok(reply),
        Err((code, message)) => {
            let text = format!(
                "the service says {}: {}.",
                Safe(&code),
                Safe(message.trim_end_matches('.'))
            );
            Err(Failure::plain(
                Exit::Failed,
                "refused",
                text,
                "See the service's log for what stands behind it",
            ))
        }
    }
}

fn other_answer() -> Failure {
    let text = "the service gave the answer to another call.";
    Failure::plain(Exit::Failed, "io", text, "Check the address")
}

/// The tasks of a store.
fn in_store(out: &Out, args: &TasksArgs, store: &Path) -> Result<Exit, Failure> {
    let fail = |error: vmie::Error| Failure::of(Exit::Failed, &error);
    if !store.is_dir() {
        let gone = std::io::Error::from(std::io::ErrorKind::NotFound);
        return Err(fail(vmie::Error::read(store, gone)));
    }
    let mut host = LocalHost::open(store, HostOptions::new()).map_err(fail)?;
    if let Some(TaskAction::Cancel { task }) = &args.action {
        host.cancel(task, &stop::on_signals()).map_err(fail)?;
    }
    let images = host.image_tasks().map_err(fail)?;
    let snapshots = host.snapshot_tasks().map_err(fail)?;
    print(out, &images, &snapshots, &|id| {
        host.failure(id).map(|failure| json!(failure))
    })
}

fn print(
    out: &Out,
    images: &[ImportImageTask],
    snapshots: &[ImportSnapshotTask],
    failure: &dyn Fn(&TaskId) -> Option<Value>,
) -> Result<Exit, Failure> {
    if out.is_json() {
        let tasks = documents(failure, images, snapshots);
        out.document("vmie.tasks", json!({"tasks": tasks}))?;
    } else {
        let lines = lines(images, snapshots);
        out.text(&text(out, &lines))?;
    }
    Ok(Exit::Done)
}

fn documents(
    failure: &dyn Fn(&TaskId) -> Option<Value>,
    images: &[ImportImageTask],
    snapshots: &[ImportSnapshotTask],
) -> Vec<Value> {
    let document = |id: &TaskId, kind: &str, task: Value| {
        let mut task = task;
        if let Some(object) = task.as_object_mut() {
            object.insert("kind".to_owned(), kind.into());
            object.insert("failure".to_owned(), json!(failure(id)));
        }
        task
    };
    let images = images
        .iter()
        .map(|task| document(&task.import_task_id, "import-image", json!(task)));
    let snapshots = snapshots
        .iter()
        .map(|task| document(&task.import_task_id, "import-snapshot", json!(task)));
    images.chain(snapshots).collect()
}

fn lines<'a>(images: &'a [ImportImageTask], snapshots: &'a [ImportSnapshotTask]) -> Vec<Line<'a>> {
    let images = images.iter().map(|task| Line {
        id: &task.import_task_id,
        status: task.status.as_str(),
        progress: task.progress,
        message: task.status_message.as_deref(),
        result: task.image_id.as_ref().map(ToString::to_string),
    });
    let snapshots = snapshots.iter().map(|task| {
        let detail = &task.snapshot_task_detail;
        Line {
            id: &task.import_task_id,
            status: detail.status.as_str(),
            progress: detail.progress,
            message: detail.status_message.as_deref(),
            result: detail.snapshot_id.as_ref().map(ToString::to_string),
        }
    });
    images.chain(snapshots).collect()
}

fn text(out: &Out, lines: &[Line<'_>]) -> String {
    if lines.is_empty() {
        return "There are no tasks.\n".to_owned();
    }
    let mut text = String::new();
    for line in lines {
        let tone = match line.status {
            "completed" => Tone::Good,
            "deleted" => Tone::Bad,
            _ => Tone::Plain,
        };
        let status = out.paint(tone, &format!("{:<9}", line.status));
        let progress = line
            .progress
            .map_or_else(String::new, |percent| format!("{percent}%"));
        let what = line.result.as_deref().or(line.message).unwrap_or_default();
        let _ = writeln!(text, "{} {status} {progress:>4} {}", line.id, Safe(what));
    }
    text
}
