//! `vmie info`

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Map, Value, json};
use vmie::Image;
use vmie::formats::{DiskImage, ImageInfo, ImageNote, Reference};
use vmie::service::{FileFinding, file_findings};

use super::{open, passing};
use crate::args::InfoArgs;
use crate::failure::{Exit, Failure};
use crate::out::{Out, Tone};
use crate::size::Bytes;
use crate::text::Safe;

/// What is known of one disk.
struct Disk {
    name: String,
    id: Option<String>,
    file_size: Option<u64>,
    found: Result<Found, vmie::Error>,
}

struct Found {
    format: &'static str,
    variant: Option<&'static str>,
    virtual_size: u64,
    allocated: u64,
    info: ImageInfo,
}

pub(super) fn run(out: &Out, args: &InfoArgs) -> Result<Exit, Failure> {
    if args.image == Path::new("-") {
        return passing::info(out, args);
    }
    let paths = std::slice::from_ref(&args.image);
    let images = open::images(out, paths, &args.opening, Exit::Unreadable)?;
    for image in &images {
        let disks: Vec<Disk> = (0..image.disk_count()).map(|n| disk(image, n)).collect();
        let findings = file_findings(image);
        if out.is_json() {
            out.document("vmie.info", document(image, &disks, &findings))?;
        } else {
            out.text(&text(out, image, &disks, &findings))?;
        }
    }
    Ok(Exit::Done)
}

fn disk(image: &Image, number: usize) -> Disk {
    let described = image
        .appliance()
        .and_then(|appliance| appliance.disks().get(number));
    let found = image.disk(number).and_then(|disk| {
        let info = disk.info();
        let allocated = disk
            .allocated()
            .map_err(|error| vmie::Error::from(vmie::formats::error_of(error)))?;
        Ok(Found {
            format: info.format.name(),
            variant: info.variant.map(|variant| variant.name()),
            virtual_size: info.virtual_size,
            allocated,
            info: info.clone(),
        })
    });
    Disk {
        name: image.disk_name(number),
        id: described.map(|disk| disk.id.clone()),
        file_size: match described {
            Some(disk) => disk.file_size,
            None => Some(image.file_size()),
        },
        found: found.map_err(|error| error.in_file(image.path())),
    }
}

/// A sum over all disks, when it is known of each.
fn sum(disks: &[Disk], of: impl Fn(&Found) -> u64) -> Option<u64> {
    disks.iter().try_fold(0u64, |sum, disk| {
        Some(sum.saturating_add(of(disk.found.as_ref().ok()?)))
    })
}

fn document(image: &Image, disks: &[Disk], findings: &[FileFinding]) -> Map<String, Value> {
    let only = match (image.appliance(), disks) {
        (None, [disk]) => disk.found.as_ref().ok(),
        _ => None,
    };
    let listed: Vec<Value> = disks.iter().map(disk_document).collect();
    let mut document = Map::new();
    let mut put = |key: &str, value: Value| document.insert(key.to_owned(), value);
    put("path", image.path().to_string_lossy().into());
    put("format", image.format().name().into());
    put("format_assumed", image.format_assumed().into());
    put("variant", only.and_then(|found| found.variant).into());
    put(
        "virtual_size",
        sum(disks, |found| found.virtual_size).into(),
    );
    put("file_size", image.file_size().into());
    put("allocated", sum(disks, |found| found.allocated).into());
    put("disks", listed.into());
    put("machine", machine(image));
    let findings: Vec<Value> = findings.iter().map(finding).collect();
    put("findings", findings.into());
    document
}

fn disk_document(disk: &Disk) -> Value {
    let found = disk.found.as_ref().ok();
    let error = disk.found.as_ref().err().map(ToString::to_string);
    json!({
        "name": disk.name,
        "id": disk.id,
        "format": found.map(|found| found.format),
        "variant": found.and_then(|found| found.variant),
        "virtual_size": found.map(|found| found.virtual_size),
        "file_size": disk.file_size,
        "allocated": found.map(|found| found.allocated),
        "block_size": found.and_then(|found| found.info.block_size),
        "creator": found.and_then(|found| found.info.creator.as_deref()),
        "references": found.map_or_else(Vec::new, |found| references(&found.info)),
        "notes": found.map_or_else(Vec::new, |found| notes(&found.info)),
        "error": error,
    })
}

/// The files that an image needs beside itself.
fn references(info: &ImageInfo) -> Vec<Value> {
    let reference =
        |reference: &Reference| json!({"kind": reference.kind.name(), "name": reference.name});
    info.references.iter().map(reference).collect()
}

/// What is worth knowing of an image that could be opened.
fn notes(info: &ImageInfo) -> Vec<Value> {
    let note = |note: &ImageNote| json!({"kind": note.kind.name(), "offset": note.offset, "detail": note.detail});
    info.notes.iter().map(note).collect()
}

/// What the descriptor of an appliance says of its machine.
fn machine(image: &Image) -> Value {
    let Some(appliance) = image.appliance() else {
        return Value::Null;
    };
    let descriptor = appliance.descriptor();
    let system = descriptor.systems.first();
    let os = system.and_then(|system| system.os.as_ref());
    json!({
        "name": system.and_then(|system| system.name.clone()),
        "os": os.and_then(|os| os.description.clone().or_else(|| os.os_type.clone())),
        "os_id": os.and_then(|os| os.id),
        "firmware": system.and_then(|system| system.hardware.firmware.clone()),
        "manifest": appliance.manifest().is_some(),
    })
}

fn finding(finding: &FileFinding) -> Value {
    let svc: Vec<&str> = finding.svc.iter().map(|id| id.as_str()).collect();
    json!({
        "disk": finding.disk,
        "code": finding.code,
        "svc": svc,
        "severity": "refuse",
        "title": finding.title,
        "service_message": finding.service_message,
        "offset": finding.offset,
        "remedy": finding.remedy,
    })
}

fn text(out: &Out, image: &Image, disks: &[Disk], findings: &[FileFinding]) -> String {
    let mut text = String::new();
    let path = image.path().to_string_lossy();
    let head = out.paint(Tone::Strong, &Safe(&path).to_string());
    let assumed = if image.format_assumed() {
        " (assumed)"
    } else {
        ""
    };
    let _ = writeln!(text, "{head}: {}{assumed}", image.format());
    let _ = writeln!(text, "  file size     {}", Bytes(image.file_size()));
    if let Some(system) = image
        .appliance()
        .and_then(|appliance| appliance.descriptor().systems.first())
    {
        let name = system.name.as_deref().unwrap_or(&system.id);
        let _ = writeln!(text, "  machine       {}", Safe(name));
    }
    for (number, disk) in disks.iter().enumerate() {
        let _ = write!(text, "  disk {number}        {}: ", Safe(&disk.name));
        let _ = match &disk.found {
            Ok(found) => writeln!(
                text,
                "{}{}, {} for the guest, {} of data",
                found.format,
                found
                    .variant
                    .map_or_else(String::new, |variant| format!(" {variant}")),
                Bytes(found.virtual_size),
                Bytes(found.allocated),
            ),
            Err(error) => writeln!(text, "{}", Safe(&error.to_string())),
        };
        if let Ok(found) = &disk.found {
            for reference in &found.info.references {
                let kind = reference.kind.name();
                let _ = writeln!(
                    text,
                    "                needs its {kind} {}",
                    Safe(&reference.name)
                );
            }
            for note in &found.info.notes {
                let _ = writeln!(text, "                note: {}", Safe(&note.detail));
            }
        }
    }
    if findings.is_empty() {
        let good = out.paint(Tone::Good, "taken");
        let _ = writeln!(text, "  import        files of this kind are {good}");
    }
    for finding in findings {
        let bad = out.paint(Tone::Bad, "refused");
        let _ = writeln!(
            text,
            "  import        {bad}: {} [{}]",
            Safe(&finding.title),
            finding.code
        );
        if let Some(message) = &finding.service_message {
            let _ = writeln!(text, "                the service says: {}", Safe(message));
        }
        let _ = writeln!(text, "                {}.", finding.remedy);
    }
    text
}
