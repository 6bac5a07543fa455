//! `vmie convert`

use std::io::Write as _;
use std::path::Path;

use serde_json::json;
use vmie::formats::{ConvertOptions, DiskImage, Report, Stamp, Target, convert_to_stream};
use vmie::io::CancelToken;

use super::{open, passing, stop};
use crate::args::ConvertArgs;
use crate::failure::{Exit, Failure};
use crate::out::{Out, Tone};
use crate::progress::Bar;
use crate::size::Bytes;
use crate::text::Safe;

pub(super) fn run(out: &Out, args: &ConvertArgs) -> Result<Exit, Failure> {
    let format = open::format_of(args.output_format);
    let target = Target::of(format, args.subformat.as_deref()).ok_or_else(|| {
        let name = args.subformat.as_deref().unwrap_or_default();
        Failure::usage(format!("'{}' of {format} is not written here", Safe(name)))
    })?;
    if args.source == Path::new("-") {
        return passing::convert(out, args, target);
    }
    let paths = std::slice::from_ref(&args.source);
    let images = open::images(out, paths, &args.opening, Exit::Failed)?;
    let cancel = stop::on_signals();
    for image in &images {
        let fail = |error: &vmie::Error| Failure::of(Exit::Failed, error);
        if image.disk_count() > 1 && args.disk.is_none() {
            let count = image.disk_count();
            return Err(Failure::usage(format!(
                "the appliance has {count} disks; --disk says which"
            )));
        }
        let disk = image
            .disk(args.disk.unwrap_or(0))
            .map_err(|error| fail(&error))?;
        let options = options(target, args);
        let bar = Bar::new(out, "converting");
        let report = if args.target == Path::new("-") {
            to_pipe(&*disk, &options, &bar, &cancel)
        } else {
            vmie::convert_to_file(&disk, &args.target, &options, true, &bar, &cancel)
        };
        bar.end();
        let report = report.map_err(|error| fail(&error))?;
        if args.target != Path::new("-") {
            tell(out, args, target, &report)?;
        }
    }
    Ok(Exit::Done)
}

fn options(target: Target, args: &ConvertArgs) -> ConvertOptions {
    let mut stamp = Stamp::default();
    stamp.time = u64::try_from(vmie::now().secs).unwrap_or(0);
    if let Some(adapter) = &args.adapter {
        stamp.adapter.clone_from(adapter);
    }
    ConvertOptions::new()
        .target(target)
        .level(args.level)
        .digest(args.digest)
        .stamp(stamp)
}

fn to_pipe(
    disk: &dyn DiskImage,
    options: &ConvertOptions,
    bar: &Bar,
    cancel: &CancelToken,
) -> Result<Report, vmie::Error> {
    let mut out = std::io::stdout();
    let report = convert_to_stream(&disk, &mut out, options, bar, cancel)?;
    out.flush().map_err(|error| {
        let cause = vmie::formats::Cause::Write;
        vmie::formats::Error::new(cause).with_source(error)
    })?;
    Ok(report)
}

fn tell(out: &Out, args: &ConvertArgs, target: Target, report: &Report) -> Result<(), Failure> {
    let path = args.target.to_string_lossy();
    let sha256 = report
        .sha256
        .map(|bytes| -> String { bytes.iter().map(|byte| format!("{byte:02x}")).collect() });
    if out.is_json() {
        let document = json!({
            "path": path,
            "format": target.format().name(),
            "variant": target.subformat(),
            "virtual_size": report.bytes,
            "data_bytes": report.data_bytes_written,
            "file_size": report.file_bytes,
            "sha256": sha256,
        });
        return out.document("vmie.convert", document);
    }
    let good = out.paint(Tone::Good, "converted");
    let mut text = format!(
        "{good} {} to {} ({target}, {}, {} of data)\n",
        Safe(&args.source.to_string_lossy()),
        Safe(&path),
        Bytes(report.file_bytes),
        Bytes(report.data_bytes_written)
    );
    if let Some(sha256) = sha256 {
        text.push_str(&format!("sha256 of the disk: {sha256}\n"));
    }
    out.text(&text)
}
