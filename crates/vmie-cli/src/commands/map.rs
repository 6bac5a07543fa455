//! `vmie map`

use std::fmt::Write as _;

use serde_json::{Value, json};
use vmie::formats::error_of;
use vmie::io::{ReadAt as _, ReadAtExt as _};

use super::open;
use crate::args::MapArgs;
use crate::failure::{Exit, Failure};
use crate::out::{Out, write_out};
use crate::size::Bytes;

/// Lines that are written at once.
const BATCH: usize = 1024;

pub(super) fn run(out: &Out, args: &MapArgs) -> Result<Exit, Failure> {
    let paths = std::slice::from_ref(&args.image);
    let images = open::images(out, paths, &args.opening, Exit::Unreadable)?;
    for image in &images {
        let fail = |error: &vmie::Error| Failure::of(Exit::Unreadable, error);
        let disk = image.disk(args.disk).map_err(|error| fail(&error))?;
        let mut extents: Vec<Value> = Vec::new();
        let mut text = String::new();
        for (number, extent) in disk.extents(0..disk.len()).enumerate() {
            let extent = extent
                .map_err(|error| fail(&vmie::Error::from(error_of(error)).in_file(image.path())))?;
            let kind = extent.kind.name();
            if out.is_json() {
                extents.push(json!({"offset": extent.start, "length": extent.len, "kind": kind}));
                continue;
            }
            let size = Bytes(extent.len);
            let _ = writeln!(
                text,
                "{:>16} {:>16} {kind:<5} {size}",
                extent.start, extent.len
            );
            if number % BATCH == 0 {
                write_out(std::mem::take(&mut text).as_bytes())?;
            }
        }
        if out.is_json() {
            let assumed = image.format_assumed();
            let document = json!({
                "path": image.path().to_string_lossy(),
                "format": image.format().name(),
                "format_assumed": assumed,
                "disk": args.disk,
                "virtual_size": disk.len(),
                "extents": extents,
            });
            out.document("vmie.map", document)?;
        } else {
            out.text(&text)?;
        }
    }
    Ok(Exit::Done)
}
