//! `vmie convert`

use std::io::Write as _;
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

use serde_json::json;
use vmie::FileOptions;
use vmie::formats::{
    ConvertOptions, DiskImage, Machine, Report, Stamp, Target, Zeroes, convert_to_stream,
};
use vmie::io::CancelToken;
use vmie::{Image, formats};

use super::{open, passing, stop};
use crate::args::{ConvertArgs, FormatName, Made, ZeroesName};
use crate::failure::{Exit, Failure};
use crate::out::{Out, Tone};
use crate::progress::Bar;
use crate::size::Bytes;
use crate::text::Safe;

pub(super) fn run(out: &Out, args: &ConvertArgs) -> Result<Exit, Failure> {
    let subformat = args.written.subformat.as_deref();
    let in_parts = args.written.output_format == FormatName::Manifest;
    let target = match in_parts {
        true => part_target(subformat.unwrap_or("vmdk"))?,
        false => target(args.written.output_format, subformat)?,
    };
    if in_parts && (args.source == Path::new("-") || args.target == Path::new("-")) {
        let said = "an import manifest is made of a file, and is a file";
        return Err(Failure::usage(said));
    }
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
        let options = options(target, &args.made, &args.target)
            .level(args.written.level)
            .digest(args.digest)
            .file_digest(args.digest)
            .zeroes(match args.zeroes {
                ZeroesName::Omit => Zeroes::Omit,
                ZeroesName::Write => Zeroes::Write,
            });
        let bar = Bar::new(out, "converting");
        let report = verified(image, args, &cancel, |before| {
            if in_parts {
                let (url, to) = (args.url.as_deref(), &args.target);
                let file = FileOptions::new().source(image.path(), None).before(before);
                let how = (&options, &file);
                let made = vmie::convert_to_manifest(&disk, to, how, url, &bar, &cancel);
                return made.map(|(_, report)| report);
            }
            if args.target == Path::new("-") {
                let report = to_pipe(&*disk, &options, &bar, &cancel)?;
                return before().map(|()| report);
            }
            let resume = resume(image, args);
            let file = FileOptions::new()
                .source(image.path(), resume.as_deref())
                .sync(args.written.sync)
                .before(before);
            vmie::convert_to_file(&disk, &args.target, &options, &file, &bar, &cancel)
        });
        bar.end();
        let report = report.map_err(|error| fail(&error))?;
        if args.target != Path::new("-") {
            tell(out, args, target, &report)?;
        }
    }
    Ok(Exit::Done)
}

/// What the parts of an import manifest are.
fn part_target(name: &str) -> Result<Target, Failure> {
    match name.to_ascii_lowercase().as_str() {
        "raw" => Ok(Target::Raw),
        "vhd" => Ok(Target::VhdDynamic),
        "vmdk" => Ok(Target::VmdkStreamOptimized),
        _ => Err(Failure::usage(format!(
            "the parts of an import manifest are raw, vhd or vmdk, not '{}'",
            Safe(name)
        ))),
    }
}

/// What a format and kind on the command line mean.
pub(super) fn target(format: FormatName, subformat: Option<&str>) -> Result<Target, Failure> {
    let format = open::format_of(format);
    Target::of(format, subformat).ok_or_else(|| {
        let name = subformat.unwrap_or_default();
        Failure::usage(format!("'{}' of {format} is not written here", Safe(name)))
    })
}

/// What is made, with what goes into it besides the disk.
pub(super) fn options(target: Target, made: &Made, path: &Path) -> ConvertOptions {
    let mut stamp = Stamp::default();
    stamp.time = u64::try_from(vmie::now().secs).unwrap_or(0);
    if let Some(adapter) = &made.adapter {
        stamp.adapter.clone_from(adapter);
    }
    stamp.hardware_version = made.hardware_version.unwrap_or(stamp.hardware_version);
    let mut machine = Machine::default();
    let own = || {
        path.file_stem()
            .map(|stem| stem.to_string_lossy().into_owned())
    };
    if let Some(name) = made.name.clone().or_else(own) {
        machine.name = name;
    }
    machine.cpus = made.cpus;
    machine.memory = made.memory;
    machine.uefi = made.uefi;
    ConvertOptions::new()
        .target(target)
        .stamp(stamp)
        .machine(machine)
}

/// What decides, besides the source's file, what is read; `None` when other files do.
fn resume(image: &Image, args: &ConvertArgs) -> Option<String> {
    let alone = args.opening.allow_references.is_none();
    alone.then(|| format!("disk {} as {}", args.disk.unwrap_or(0), image.format()))
}

/// Compares an appliance with its digests while it is converted. The conversion is given what to ask
/// before its file gets a name.
fn verified(
    image: &Image,
    args: &ConvertArgs,
    cancel: &CancelToken,
    convert: impl FnOnce(&(dyn Fn() -> Result<(), vmie::Error> + Sync)) -> Result<Report, vmie::Error>,
) -> Result<Report, vmie::Error> {
    let Some(appliance) = image.appliance().filter(|_| !args.no_verify) else {
        return convert(&|| Ok(()));
    };
    std::thread::scope(|scope| {
        let verifier = scope.spawn(|| {
            let checked = appliance.verify(&(), cancel).and_then(|v| v.ensure());
            if checked.is_err() {
                // Nothing more has to be written.
                cancel.cancel();
            }
            checked
        });
        let (verifier, outcome) = (Mutex::new(Some(verifier)), OnceLock::new());
        let ask = || {
            let taken = verifier
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            if let Some(verifier) = taken {
                let lost = || Err(formats::Error::new(formats::Cause::Read));
                let _ = outcome.set(verifier.join().unwrap_or_else(|_| lost()));
            }
            match outcome.get() {
                Some(Err(error)) => Err(vmie::Error::from(error.clone()).in_file(image.path())),
                _ => Ok(()),
            }
        };
        let report = convert(&ask);
        match report {
            // Where a wrong digest stopped it, that is what is told.
            Err(error) if error.kind() == formats::ErrorKind::Cancelled => ask().and(Err(error)),
            Err(error) => {
                cancel.cancel();
                Err(error)
            }
            report => report,
        }
    })
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
        let cause = formats::Cause::Write;
        formats::Error::new(cause).with_source(error)
    })?;
    Ok(report)
}

pub(super) fn hex(digest: Option<[u8; 32]>) -> Option<String> {
    digest.map(|bytes| bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn tell(out: &Out, args: &ConvertArgs, target: Target, report: &Report) -> Result<(), Failure> {
    let path = args.target.to_string_lossy();
    let sha256 = hex(report.sha256);
    let file_sha256 = hex(report.file_sha256);
    if out.is_json() {
        let document = json!({
            "path": path,
            "format": target.format().name(),
            "variant": target.subformat(),
            "virtual_size": report.bytes,
            "data_bytes": report.data_bytes_written,
            "file_size": report.file_bytes,
            "sha256": sha256,
            "file_sha256": file_sha256,
            "resumed_at": report.resumed_at,
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
    if let Some(at) = report.resumed_at {
        text.push_str(&format!("went on from {} of the disk\n", Bytes(at)));
    }
    if let Some(sha256) = sha256 {
        text.push_str(&format!("sha256 of the disk: {sha256}\n"));
    }
    if let Some(sha256) = file_sha256 {
        text.push_str(&format!("sha256 of the file: {sha256}\n"));
    }
    out.text(&text)
}
