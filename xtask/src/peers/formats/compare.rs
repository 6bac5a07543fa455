//! An image, read by us and by qemu-img.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use vmie::formats::{Check, DiskImage, FolderResolver, OpenOptions};
use vmie::io::{CancelToken, ExtentKind, FileSource, ReadAt, ReadAtExt as _};

use super::Disk;
use super::variants::Variant;
use crate::Result;
use crate::differential::images::options;
use crate::run::{text, tool_in};

/// Bytes read at once.
const PIECE: u64 = 1 << 20;
/// Bytes of data that are compared where nothing was written: the table of a fixed image says that all
/// of its terabytes are data.
const EMPTY_DATA: u64 = 64 << 20;

/// Ranges as first byte and length, in order, neighbours joined.
type Ranges = Vec<(u64, u64)>;

/// How extents compare.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Extents {
    /// As qemu-img says.
    Same,
    /// As qemu-img says, or less: we look for holes of an external data file.
    Within,
    /// They are those of the data file, which is read as it is, whatever the tables say.
    OfFile,
}

/// Compares what we read of an image with what qemu-img does, and with the raw disk that it was made of.
pub(super) fn with_qemu_img(
    folder: &Path,
    image: &Path,
    raw: &Disk<'_>,
    variant: &Variant,
    extents: Extents,
) -> Result<()> {
    // Nothing tells that a raw disk is one.
    let opened = match variant.format {
        "raw" => options(None).with_format(Some(vmie::formats::Format::Raw)),
        _ => options(Some(folder)),
    };
    let disk = vmie::Image::open(image, &opened)?.disk(0)?;
    let found = disk.info().variant.map(|variant| variant.name());
    if found != variant.ours {
        return Err(format!("read as {found:?}").into());
    }
    let notes = &disk.info().notes;
    if !notes.iter().all(|note| note.kind.name() == "disagreement") {
        return Err(format!("{notes:?}").into());
    }
    let said: Value = serde_json::from_str(&tool_in(
        folder,
        "qemu-img",
        &["info", "-f", variant.format, "--output=json", text(image)],
    )?)?;
    if said["virtual-size"] != disk.len() || disk.len() < raw.size {
        return Err(format!("{} bytes, and not {}", disk.len(), said["virtual-size"]).into());
    }
    if raw.is_small() {
        // Past its own end the raw disk counts as zeroes.
        let compared = ["compare", "-f", "raw", "-F", variant.format, text(raw.raw)];
        tool_in(
            folder,
            "qemu-img",
            &[&compared[..], &[text(image)]].concat(),
        )?;
        consistent(folder, image, variant)?;
    }
    same_bytes(&*disk, raw.raw, raw.is_small())?;
    same_extents(&*disk, (folder, image), raw, (variant, extents), &said)
}

/// Our own check finds nothing. qemu-img leaves a part of its VHDXs unused.
fn consistent(folder: &Path, image: &Path, variant: &Variant) -> Result<()> {
    if variant.format == "raw" {
        return Ok(());
    }
    let source = Arc::new(FileSource::open(image)?);
    let options = OpenOptions::new().resolver(Arc::new(FolderResolver::new(folder)));
    let check: Check = vmie::formats::check(source, &options, false, &(), &CancelToken::new())?;
    if check.damaged == 0 && (check.leaked == 0 || variant.format == "vhdx") {
        Ok(())
    } else {
        Err(format!("{:?}", check.problems).into())
    }
}

/// Compares a disk with a raw file that is no longer, wherever one of them has data; past the file's end
/// the disk has zeroes. With `all`, all of the disk's data; else a part of what the file does not have.
pub(crate) fn same_bytes(disk: &dyn ReadAt, raw: &Path, all: bool) -> Result<()> {
    let raw = FileSource::open(raw)?;
    if disk.len() < raw.len() {
        return Err(format!("{} bytes, and not {}", disk.len(), raw.len()).into());
    }
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let of_disk = if all { u64::MAX } else { EMPTY_DATA };
    for (source, mut left) in [(&raw as &dyn ReadAt, u64::MAX), (disk, of_disk)] {
        for extent in source.extents(0..source.len()) {
            let extent = extent?;
            let mut at = extent.start;
            while extent.kind == ExtentKind::Data && at < extent.end() && left > 0 {
                let len = PIECE.min(extent.end() - at);
                ours.resize(usize::try_from(len)?, 1);
                theirs.clear();
                theirs.resize(usize::try_from(len)?, 0);
                disk.read_exact_at(&mut ours, at)?;
                let there = usize::try_from(raw.len().saturating_sub(at).min(len))?;
                if there > 0 {
                    raw.read_exact_at(&mut theirs[..there], at)?;
                }
                if ours != theirs {
                    return Err(format!("other bytes at {at}").into());
                }
                at += len;
                left = left.saturating_sub(len);
            }
        }
    }
    Ok(())
}

/// Compares the extents. qemu-img names what an image has allocated, and in files that have holes, which
/// of that reads as zeroes; we may tell such a hole or not.
fn same_extents(
    disk: &dyn DiskImage,
    (folder, image): (&Path, &Path),
    raw: &Disk<'_>,
    (variant, extents): (&Variant, Extents),
    said: &Value,
) -> Result<()> {
    let mut ours = Ranges::new();
    let mut holes = Ranges::new();
    let mut at = 0;
    for extent in disk.extents(0..disk.len()) {
        let extent = extent?;
        if extent.start != at || extent.len == 0 {
            return Err(format!("an extent at {}, and not at {at}", extent.start).into());
        }
        at = extent.end();
        match extent.kind {
            ExtentKind::Data => join(&mut ours, extent.start, extent.len),
            ExtentKind::Hole => join(&mut holes, extent.start, extent.len),
            ExtentKind::Zero => {}
        }
    }
    if at != disk.len() {
        return Err(format!("extents end at {at}").into());
    }
    // Of a VHDX, qemu-img says that all of it is data: its blocks are those with a byte that is not zero,
    // unless blocks of zeroes are allocated, too.
    if variant.format == "vhdx" {
        let unit = said["cluster-size"].as_u64().ok_or("no cluster size")?;
        let expected = match variant.has("block_state_zero=off") {
            true => Ranges::from_iter((disk.len() > 0).then_some((0, disk.len()))),
            false => blocks_with_data(raw.raw, unit, disk.len())?,
        };
        return equal("blocks", &ours, &expected);
    }
    if extents == Extents::OfFile {
        return Ok(());
    }
    let map = map(folder, variant.format, image)?;
    let whole = |ranges: &Ranges, of: &Ranges| uncovered(ranges, of).is_none();
    if let Some(place) = uncovered(&ours, &map.data) {
        return Err(format!("we have data at {place}, and qemu-img none").into());
    }
    if extents == Extents::Within {
        return Ok(());
    }
    if let Some(place) = uncovered(&map.nonzero, &ours) {
        return Err(format!("qemu-img has data at {place}, and we none").into());
    }
    // Where no file's holes are told, the two are the same, and so are the extents.
    if whole(&map.data, &map.nonzero) {
        equal("extents", &ours, &map.data)?;
    }
    // Only of these does qemu-img tell zeroes that were written from what never was; over a flat file
    // nothing is absent.
    let sparse = variant.ours.is_some_and(|name| name.ends_with("Sparse"));
    let tells = variant.format == "qcow2" || sparse && !variant.options.contains("Flat");
    if tells {
        equal("holes", &holes, &map.absent)?;
    }
    Ok(())
}

fn equal(what: &str, ours: &Ranges, theirs: &Ranges) -> Result<()> {
    if ours == theirs {
        return Ok(());
    }
    let place = ours.iter().zip(theirs).find(|(a, b)| a != b);
    let counts = (ours.len(), theirs.len());
    Err(format!("other {what}: {place:?} of {counts:?}").into())
}

/// The first byte of the ranges that lies in none of the others.
fn uncovered(ranges: &Ranges, others: &Ranges) -> Option<u64> {
    let mut others = others.iter().peekable();
    for &(start, len) in ranges {
        while others.next_if(|(at, long)| at + long <= start).is_some() {}
        match others.peek() {
            Some((at, long)) if *at <= start && start + len <= at + long => {}
            Some((at, long)) if *at <= start => return Some(at + long),
            _ => return Some(start),
        }
    }
    None
}

/// The blocks of a size in which a raw disk has a byte that is not zero.
fn blocks_with_data(raw: &Path, unit: u64, len: u64) -> Result<Ranges> {
    let raw = FileSource::open(raw)?;
    let mut blocks = Ranges::new();
    let mut bytes = Vec::new();
    for extent in raw.extents(0..raw.len()) {
        let extent = extent?;
        let mut at = extent.start;
        while extent.kind == ExtentKind::Data && at < extent.end() {
            let block = at - at % unit;
            let end = (block + unit).min(extent.end()).min(at + PIECE);
            bytes.resize(usize::try_from(end - at)?, 0);
            raw.read_exact_at(&mut bytes, at)?;
            let known = blocks
                .last()
                .is_some_and(|(from, long)| block < from + long);
            if !known && bytes.iter().any(|byte| *byte != 0) {
                join(&mut blocks, block, unit.min(len - block));
            }
            at = end;
        }
    }
    Ok(blocks)
}

/// What `qemu-img map` says.
struct Map {
    /// What is allocated.
    data: Ranges,
    /// What of that is not known to be zero.
    nonzero: Ranges,
    /// What no image of the chain has.
    absent: Ranges,
}

fn map(folder: &Path, format: &str, image: &Path) -> Result<Map> {
    let arguments = ["map", "-f", format, "--output=json", text(image)];
    let entries: Value = serde_json::from_str(&tool_in(folder, "qemu-img", &arguments)?)?;
    let mut map = Map {
        data: Vec::new(),
        nonzero: Vec::new(),
        absent: Vec::new(),
    };
    for entry in entries.as_array().into_iter().flatten() {
        let number = |key: &str| entry[key].as_u64().ok_or("no number");
        let (start, len) = (number("start")?, number("length")?);
        if len == 0 {
            continue;
        }
        if entry["data"] == true {
            join(&mut map.data, start, len);
        }
        if entry["data"] == true && entry["zero"] == false {
            join(&mut map.nonzero, start, len);
        }
        if entry["present"] == false {
            join(&mut map.absent, start, len);
        }
    }
    Ok(map)
}

fn join(ranges: &mut Ranges, start: u64, len: u64) {
    match ranges.last_mut() {
        Some((from, length)) if *from + *length == start => *length += len,
        _ => ranges.push((start, len)),
    }
}
