//! `vmie import`

use std::fmt::Write as _;

use serde_json::{Value, json};
use vmie::guest::Decision;
use vmie::io::Limits;
use vmie::tasks::Failure as TaskFailure;
use vmie::{HostOptions, ImportSpec, Imported, LocalHost, Outcome, Preflight, StoredDisk};

use super::preflight::{edition, judging, mode};
use super::{open, stop};
use crate::args::ImportArgs;
use crate::failure::{Exit, Failure};
use crate::out::{Out, Tone};
use crate::progress::Watch;
use crate::report;
use crate::size::Bytes;
use crate::text::{Safe, safe_lines};

pub(super) fn run(out: &Out, args: &ImportArgs) -> Result<Exit, Failure> {
    let fail = |error: &vmie::Error| Failure::of(Exit::Failed, error);
    let stop = stop::on_signals();
    let report = if args.snapshot {
        None
    } else {
        Some(look(out, args)?)
    };
    if let Some(report) = report.as_ref().filter(|_| !out.is_json()) {
        let mut text = report::inspection(out, &report.inspection);
        text.push_str(&report::verdict(out, &report.verdict));
        out.text(&text)?;
    }
    let options = HostOptions::new()
        .with_images(open::options(&args.opening).with_read_rate(args.read_rate))
        .with_undetermined(args.allow_undetermined);
    let mut host = LocalHost::open(&args.store, options).map_err(|error| fail(&error))?;
    let mut watch = Watch::new(out);
    let imported = host.import(&spec(args), &mut |event| watch.see(event), &stop);
    watch.end();
    let imported = match imported {
        Ok(imported) => imported,
        Err(error) if stop.is_cancelled() => {
            return Err(interrupted(&error));
        }
        Err(error) if error.cause() == Some(vmie::Cause::RequestRefused) => {
            return Err(Failure::of(Exit::Usage, &error));
        }
        Err(error) => return Err(fail(&error)),
    };
    if out.is_json() {
        out.document("vmie.import", document(&imported, report.as_ref()))?;
    } else {
        out.text(&text(out, &imported))?;
    }
    // Only now: had this process died before, the same command would tell the outcome again.
    host.acknowledge(&imported).map_err(|error| fail(&error))?;
    Ok(match imported.outcome {
        Outcome::Completed { .. } | Outcome::Snapshot { .. } => Exit::Done,
        _ => Exit::Failed,
    })
}

/// What the guest is and what is said of it, before anything is begun.
fn look(out: &Out, args: &ImportArgs) -> Result<Preflight, Failure> {
    let images = open::images(out, &args.images.images, &args.opening, Exit::Failed)?;
    let preflight = vmie::preflight(&images, &judging(&args.request), &Limits::default())
        .map_err(|error| Failure::of(Exit::Failed, &error))?;
    if preflight.verdict.decision == Decision::Undetermined && !args.allow_undetermined {
        out.note("the guest is undetermined, so the import will be refused; --allow-undetermined imports it all the same");
    }
    Ok(preflight)
}

fn spec(args: &ImportArgs) -> ImportSpec {
    let request = &args.request;
    let mut spec = ImportSpec::new(args.images.images.clone());
    spec.format = open::format(&args.opening);
    spec.mode = mode(request);
    spec.edition = edition(request);
    spec.as_of = request.as_of;
    spec.region.clone_from(&request.region);
    spec.description.clone_from(&args.description);
    spec.license_type = request.license_type.map(|kind| kind.as_str().to_owned());
    spec.usage_operation.clone_from(&args.usage_operation);
    spec.boot_mode = request.boot_mode.map(|mode| mode.as_str().to_owned());
    spec.platform = args.platform.map(|platform| platform.as_str().to_owned());
    spec.architecture.clone_from(&args.architecture);
    spec.tags.clone_from(&args.tags);
    spec.allow_undetermined = args.allow_undetermined;
    spec.snapshot = args.snapshot;
    spec
}

fn interrupted(error: &vmie::Error) -> Failure {
    let message = match error.cause() {
        Some(vmie::Cause::Cancelled) => "interrupted; the task waits in the store.".to_owned(),
        _ => format!("interrupted; {error}"),
    };
    let advice = "Run the same command again to go on, or cancel the task with 'vmie tasks'";
    Failure::plain(Exit::Failed, "cancelled", message, advice)
}

fn document(imported: &Imported, report: Option<&Preflight>) -> Value {
    let mut document = json!({
        "task_id": imported.task_id,
        "resumed": imported.resumed,
        "image_id": Value::Null,
        "image_path": Value::Null,
        "snapshots": [],
        "status_message": Value::Null,
        "failure": Value::Null,
    });
    let mut put = |key: &str, value: Value| {
        if let Some(object) = document.as_object_mut() {
            object.insert(key.to_owned(), value);
        }
    };
    match &imported.outcome {
        Outcome::Completed {
            image,
            folder,
            disks,
        } => {
            put("image_id", json!(image.image_id));
            put("image_path", folder.to_string_lossy().into());
            put("snapshots", disks.iter().map(snapshot).collect());
        }
        Outcome::Snapshot { disk } => put("snapshots", [disk].into_iter().map(snapshot).collect()),
        Outcome::Failed { message, failure } => {
            put("status_message", message.clone().into());
            put("failure", json!(failure));
            put("error", error(message, failure.as_ref()));
        }
        _ => {}
    }
    put("report", json!(report.map(Preflight::document)));
    document
}

/// The failed task as the error that every failure of the command has.
fn error(message: &str, failure: Option<&TaskFailure>) -> Value {
    json!({
        "kind": "task-failed",
        "message": message,
        "structure": "task",
        "field": Value::Null,
        "offset": Value::Null,
        "value": failure.map(|failure| &failure.code),
        "advice": failure.map(|failure| &failure.detail),
    })
}

fn snapshot(disk: &StoredDisk) -> Value {
    json!({
        "id": disk.id,
        "path": disk.path.to_string_lossy(),
        "sha256": disk.sha256,
        "virtual_size": disk.virtual_size,
    })
}

fn text(out: &Out, imported: &Imported) -> String {
    let mut text = String::new();
    let resumed = if imported.resumed { " (continued)" } else { "" };
    let _ = writeln!(text, "Task {}{resumed}", imported.task_id);
    match &imported.outcome {
        Outcome::Completed {
            image,
            folder,
            disks,
        } => {
            let folder = folder.to_string_lossy();
            let good = out.paint(Tone::Good, "imported");
            let _ = writeln!(text, "  {good} as {} in {}", image.image_id, Safe(&folder));
            for disk in disks {
                let _ = writeln!(text, "  {}", line(disk));
            }
        }
        Outcome::Snapshot { disk } => {
            let good = out.paint(Tone::Good, "imported");
            let _ = writeln!(text, "  {good} as {}", disk.id);
            let _ = writeln!(text, "  {}", line(disk));
        }
        Outcome::Failed { message, failure } => {
            let bad = out.paint(Tone::Bad, "not imported");
            let _ = writeln!(text, "  {bad}: {}", Safe(message));
            if let Some(failure) = failure {
                for line in safe_lines(&failure.detail).lines() {
                    let _ = writeln!(text, "  {line}");
                }
            }
        }
        _ => {}
    }
    text
}

fn line(disk: &StoredDisk) -> String {
    let path = disk.path.to_string_lossy();
    let size = Bytes(disk.virtual_size);
    format!("{} {size}, sha256 {}", Safe(&path), disk.sha256)
}
