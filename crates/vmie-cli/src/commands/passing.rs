//! Images that come by on standard input, read once.

use std::io::stdin;
use std::path::Path;

use serde_json::{Value, json};
use vmie::formats::stream::{self, End, Event, Start, StreamReader};
use vmie::formats::{ExtentKind, OpenOptions, Target};

use super::{open, stop};
use crate::args::{ConvertArgs, InfoArgs, Opening, ZeroesName};
use crate::failure::{Exit, Failure};
use crate::out::{Out, Tone};
use crate::progress::Bar;
use crate::size::Bytes;
use crate::text::Safe;

fn begin(opening: &Opening, exit: Exit) -> Result<StreamReader, Failure> {
    let options = OpenOptions::new().format(open::format(opening));
    stream::open(stdin(), &options).map_err(|error| Failure::of(exit, &error.into()))
}

/// `vmie convert - DST`: a raw disk is what can be written while it comes by, in whatever order. The
/// manifest of an appliance, which may come last, is not compared with its files.
pub(super) fn convert(out: &Out, args: &ConvertArgs, target: Target) -> Result<Exit, Failure> {
    let filled = args.zeroes == ZeroesName::Write;
    if target != Target::Raw || args.digest || filled || args.target == Path::new("-") {
        return Err(Failure::usage(
            "of standard input, a sparse raw file is made, without a digest: -O raw".to_owned(),
        ));
    }
    let mut stream = begin(&args.opening, Exit::Failed)?;
    let cancel = stop::on_signals();
    let bar = Bar::new(out, "converting");
    let number = args.disk.unwrap_or(0);
    let written = vmie::stream_to_file(
        &mut stream,
        number,
        &args.target,
        args.written.sync,
        &bar,
        &cancel,
    );
    bar.end();
    let written = written.map_err(|error| Failure::of(Exit::Failed, &error))?;
    if written.start.member.is_some() && !args.no_verify {
        out.note("the digests of the appliance's manifest were not compared: it came by once; convert it from a file for that");
    }
    let path = args.target.to_string_lossy();
    let (size, data) = (written.end.virtual_size, written.data_bytes);
    if out.is_json() {
        let document = json!({
            "path": path,
            "format": target.format().name(),
            "variant": target.subformat(),
            "virtual_size": size,
            "data_bytes": data,
            "file_size": size,
            "sha256": Value::Null,
            "file_sha256": Value::Null,
            "resumed_at": Value::Null,
        });
        out.document("vmie.convert", document)?;
        return Ok(Exit::Done);
    }
    let good = out.paint(Tone::Good, "converted");
    out.text(&format!(
        "{good} standard input ({}) to {} ({target}, {}, {} of data)\n",
        kind(&written.end),
        Safe(&path),
        Bytes(size),
        Bytes(data)
    ))?;
    Ok(Exit::Done)
}

fn kind(end: &End) -> String {
    let variant = end.variant.map(|variant| format!(" {}", variant.name()));
    format!("{}{}", end.format.name(), variant.unwrap_or_default())
}

/// `vmie info -`
pub(super) fn info(out: &Out, args: &InfoArgs) -> Result<Exit, Failure> {
    let mut stream = begin(&args.opening, Exit::Unreadable)?;
    let mut disks: Vec<(Start, u64, Option<End>)> = Vec::new();
    loop {
        let event = stream.next_event();
        match event.map_err(|error| Failure::of(Exit::Unreadable, &error.into()))? {
            None => break,
            Some(Event::Start(start)) => disks.push((start, 0, None)),
            Some(Event::Piece(piece)) if piece.kind == ExtentKind::Data => {
                if let Some((_, data, _)) = disks.last_mut() {
                    *data = data.saturating_add(piece.len);
                }
            }
            Some(Event::End(end)) => {
                if let Some((_, _, slot)) = disks.last_mut() {
                    *slot = Some(end);
                }
            }
            Some(_) => {}
        }
    }
    if out.is_json() {
        let listed: Vec<Value> = disks.iter().map(document).collect();
        out.document("vmie.info-stream", json!({ "disks": listed }))?;
    } else {
        let lines = disks.iter().map(|disk| line(out, disk));
        out.text(&lines.collect::<String>())?;
    }
    let whole = |(_, _, end): &(Start, u64, Option<End>)| {
        end.as_ref().is_some_and(|end| end.fault.is_none())
    };
    Ok(if disks.iter().all(whole) {
        Exit::Done
    } else {
        Exit::Unreadable
    })
}

fn document((start, data, end): &(Start, u64, Option<End>)) -> Value {
    let fault = end.as_ref().and_then(|end| end.fault.as_ref());
    json!({
        "number": start.number,
        "name": start.member,
        "format": end.as_ref().map(|end| end.format.name()),
        "variant": end.as_ref().and_then(|end| end.variant).map(|variant| variant.name()),
        "virtual_size": end.as_ref().map(|end| end.virtual_size),
        "block_size": start.block_size,
        "allocated": data,
        "error": fault.map(ToString::to_string),
    })
}

fn line(out: &Out, (start, data, end): &(Start, u64, Option<End>)) -> String {
    let name = start.member.as_deref().unwrap_or("standard input");
    let name = out.paint(Tone::Strong, &Safe(name).to_string());
    let Some(end) = end else {
        return format!("{name}: no end\n");
    };
    let mut line = format!(
        "{name}: {}, {} for the guest, {} of data\n",
        kind(end),
        Bytes(end.virtual_size),
        Bytes(*data)
    );
    if let Some(fault) = &end.fault {
        let bad = out.paint(Tone::Bad, "cut off");
        line.push_str(&format!("  {bad}: {}\n", Safe(&fault.to_string())));
    }
    line
}
