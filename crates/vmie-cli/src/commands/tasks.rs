//! `vmie tasks`

use std::fmt::Write as _;

use serde_json::{Value, json};
use vmie::tasks::{ImportImageTask, ImportSnapshotTask, TaskId};
use vmie::{HostOptions, LocalHost};

use super::stop;
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
    let fail = |error: vmie::Error| Failure::of(Exit::Failed, &error);
    if !args.store.is_dir() {
        let gone = std::io::Error::from(std::io::ErrorKind::NotFound);
        return Err(fail(vmie::Error::read(&args.store, gone)));
    }
    let mut host = LocalHost::open(&args.store, HostOptions::new()).map_err(fail)?;
    if let Some(TaskAction::Cancel { task }) = &args.action {
        host.cancel(task, &stop::on_signals()).map_err(fail)?;
    }
    let images = host.image_tasks().map_err(fail)?;
    let snapshots = host.snapshot_tasks().map_err(fail)?;
    if out.is_json() {
        let tasks = documents(&host, &images, &snapshots);
        out.document("vmie.tasks", json!({"tasks": tasks}))?;
    } else {
        let lines = lines(&images, &snapshots);
        out.text(&text(out, &lines))?;
    }
    Ok(Exit::Done)
}

fn documents(
    host: &LocalHost,
    images: &[ImportImageTask],
    snapshots: &[ImportSnapshotTask],
) -> Vec<Value> {
    let document = |id: &TaskId, kind: &str, task: Value| {
        let mut task = task;
        if let Some(object) = task.as_object_mut() {
            object.insert("kind".to_owned(), kind.into());
            object.insert("failure".to_owned(), json!(host.failure(id)));
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
