//! `vmie export`

use serde_json::{Value, json};
use vmie::formats::{ConvertOptions, Format, Target};
use vmie::io::CancelToken;
use vmie::rules::format::ImageFormat;
use vmie::tasks::TaskId;
use vmie::{ExportSpec, FileOptions, HostOptions, LocalHost, StoredDisk};

use super::convert::{options, target};
use super::stop;
use crate::args::ExportArgs;
use crate::failure::{Exit, Failure};
use crate::out::{Out, Tone};
use crate::progress::{Bar, Watch};
use crate::size::Bytes;
use crate::text::Safe;

pub(super) fn run(out: &Out, args: &ExportArgs) -> Result<Exit, Failure> {
    let fail = |error: &vmie::Error| Failure::of(Exit::Failed, error);
    let target = target(
        args.written.output_format,
        args.written.subformat.as_deref(),
    )?;
    let cancel = stop::on_signals();
    let disks = vmie::stored_disks(&args.store, &args.image).map_err(|error| fail(&error))?;
    let disk = match (args.disk, disks.as_slice()) {
        (None, [disk]) => disk,
        (None, _) => {
            let count = disks.len();
            let said = format!("the image has {count} disks; --disk says which");
            return Err(Failure::usage(said));
        }
        (Some(number), disks) => disks
            .get(number)
            .ok_or_else(|| Failure::usage(format!("the image has no disk {number}")))?,
    };
    let options = options(target, &args.made, &args.target).level(args.written.level);
    let format = service_format(target).filter(|_| disks.len() == 1);
    let host = match format.filter(|_| args.image.starts_with("ami-")) {
        Some(format) => host(args, &options)?.map(|host| (host, format)),
        None => None,
    };
    let (task, file_size) = match host {
        Some((host, format)) => {
            let (task, file_size) = by_task(out, args, (target, format), host, &cancel)?;
            (Some(task), file_size)
        }
        None => (None, directly(out, args, disk, &options, &cancel)?),
    };
    tell(out, args, (target, disk), task.as_ref(), file_size)?;
    Ok(Exit::Done)
}

/// The format as ExportImage knows it; `None` for one that it does not export to (SVC-FMT-6).
fn service_format(target: Target) -> Option<ImageFormat> {
    match target.format() {
        Format::Raw => Some(ImageFormat::Raw),
        Format::Vhd => Some(ImageFormat::Vhd),
        Format::Vmdk => Some(ImageFormat::Vmdk),
        _ => None,
    }
}

/// The host of the store; `None` where the store is in use, or is not ours to write: it can be read
/// all the same.
fn host(args: &ExportArgs, options: &ConvertOptions) -> Result<Option<LocalHost>, Failure> {
    use vmie::Cause;
    let settings = HostOptions::new().with_export(options.clone());
    match LocalHost::open(&args.store, settings) {
        Ok(host) => Ok(Some(host)),
        Err(error) => match error.cause() {
            Some(Cause::StoreBusy | Cause::NotAStore | Cause::Write) => Ok(None),
            _ => Err(Failure::of(Exit::Failed, &error)),
        },
    }
}

/// Exports an image by a task, which goes on when it was interrupted.
fn by_task(
    out: &Out,
    args: &ExportArgs,
    (target, format): (Target, ImageFormat),
    mut host: LocalHost,
    cancel: &CancelToken,
) -> Result<(TaskId, u64), Failure> {
    let (level, made) = (args.written.level, &args.made);
    let version = made.hardware_version;
    let written = format!("{target} {level:?} {:?} {version:?}", made.adapter);
    let spec = ExportSpec::new(&args.image, format, &args.target).with_written(written);
    let mut watch = Watch::new(out);
    let exported = host.export(&spec, &mut |event| watch.see(event), cancel);
    watch.end();
    let exported = exported.map_err(|error| Failure::of(Exit::Failed, &error))?;
    match exported.outcome {
        Ok(files) => {
            let size = files.first().map_or(0, |file| file.file_size);
            Ok((exported.task_id, size))
        }
        Err((message, failure)) => {
            let failure = failure.as_ref();
            let kind = "task-failed";
            let advice = failure.map_or("", |failure| failure.detail.as_str());
            Err(Failure::plain(Exit::Failed, kind, message, advice))
        }
    }
}

/// Exports one disk without a task.
fn directly(
    out: &Out,
    args: &ExportArgs,
    disk: &StoredDisk,
    options: &ConvertOptions,
    cancel: &CancelToken,
) -> Result<u64, Failure> {
    let bar = Bar::new(out, "exporting");
    let file = FileOptions::new().sync(args.written.sync);
    let report = vmie::export_disk(disk, &args.target, options, &file, &bar, cancel);
    bar.end();
    let report = report.map_err(|error| Failure::of(Exit::Failed, &error))?;
    Ok(report.file_bytes)
}

fn tell(
    out: &Out,
    args: &ExportArgs,
    (target, disk): (Target, &StoredDisk),
    task: Option<&TaskId>,
    file_size: u64,
) -> Result<(), Failure> {
    let path = args.target.to_string_lossy();
    if out.is_json() {
        let document = json!({
            "task_id": task.map_or(Value::Null, |task| json!(task)),
            "image_id": args.image,
            "snapshot_id": disk.id,
            "path": path,
            "format": target.format().name(),
            "variant": target.subformat(),
            "virtual_size": disk.virtual_size,
            "file_size": file_size,
            "sha256": disk.sha256,
        });
        return out.document("vmie.export", document);
    }
    let good = out.paint(Tone::Good, "exported");
    let mut text = format!(
        "{good} {} to {} ({target}, {})\nsha256 of the disk: {}\n",
        Safe(&args.image),
        Safe(&path),
        Bytes(file_size),
        disk.sha256
    );
    if let Some(task) = task {
        text.push_str(&format!("by the task {task}\n"));
    }
    out.text(&text)
}
