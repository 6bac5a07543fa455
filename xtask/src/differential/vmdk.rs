//! VMDKs of every kind that qemu-img writes: the bytes and the extents that we read are its own.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use serde_json::Value;
use vmie::io::{ExtentKind, ReadAt, ReadAtExt as _};

use super::images::{options, patterned};
use crate::Result;
use crate::run::{Tally, text, tool};

const SUBFORMATS: [&str; 5] = [
    "monolithicSparse",
    "monolithicFlat",
    "twoGbMaxExtentSparse",
    "twoGbMaxExtentFlat",
    "streamOptimized",
];
/// Disks that are compared byte by byte: a sector, many, more than a table of grains.
const WHOLE: [u64; 3] = [512, 1 << 20, (63 << 20) + 512];
/// Disks with some data here and there, compared where that is: more than one extent of 2 GiB, and
/// a thousand of them.
const SPARSE: [u64; 2] = [10 << 30, 2 << 40];
/// Bytes read at once.
const PIECE: u64 = 1 << 20;

pub(super) fn run(folder: &Path, tally: &mut Tally) -> Result<()> {
    let folder = folder.join("vmdk");
    for (seed, size) in (11..).zip(WHOLE.into_iter().chain(SPARSE)) {
        fs::create_dir(&folder)?;
        let raw = folder.join("disk.raw");
        if WHOLE.contains(&size) {
            patterned(&raw, size, seed)?;
        } else {
            islands(&raw, size)?;
        }
        for subformat in SUBFORMATS {
            let what = format!("vmdk {subformat} of {size} bytes");
            tally.attempt(&what, written(&folder, &raw, subformat));
            // Over a flat parent, qemu-img would read 2 TiB of zeroes to merge the two.
            if size < 1 << 40 || !is_flat(subformat) {
                tally.attempt(&format!("child of {what}"), child(&folder, &raw, subformat));
            }
        }
        fs::remove_dir_all(&folder)?;
    }
    Ok(())
}

fn is_flat(subformat: &str) -> bool {
    subformat.ends_with("Flat")
}

/// A disk of holes with some data: at both ends, and around the borders of extents of 2 GiB.
pub(super) fn islands(path: &Path, size: u64) -> Result<()> {
    let file = File::create(path)?;
    file.set_len(size)?;
    let borders = (1..size >> 31).step_by(97).map(|n| n << 31);
    let ends = [0, size / 3, size - (1 << 20)];
    for at in borders.flat_map(|at| [at - 70_000, at]).chain(ends) {
        let byte = u8::try_from(at % 251)? + 1;
        file.write_all_at(&vec![byte; 40_000], at)?;
    }
    Ok(())
}

fn written(folder: &Path, raw: &Path, subformat: &str) -> Result<()> {
    let vmdk = folder.join(format!("{subformat}.vmdk"));
    let option = format!("subformat={subformat}");
    tool(
        "qemu-img",
        &[
            "convert",
            "-f",
            "raw",
            "-O",
            "vmdk",
            "-o",
            &option,
            text(raw),
            text(&vmdk),
        ],
    )?;
    same(folder, &vmdk, raw, subformat, !is_flat(subformat))
}

/// A disk over the one that [`written`] made, with data, zeroes and holes of its own.
fn child(folder: &Path, raw: &Path, subformat: &str) -> Result<()> {
    // qemu-img makes children of these kinds only.
    let own = match subformat {
        "twoGbMaxExtentSparse" => "twoGbMaxExtentSparse",
        _ => "monolithicSparse",
    };
    let parent = format!("{subformat}.vmdk");
    let vmdk = folder.join(format!("{subformat}-child.vmdk"));
    let option = format!("subformat={own},zeroed_grain=on");
    tool(
        "qemu-img",
        &[
            "create",
            "-q",
            "-f",
            "vmdk",
            "-o",
            &option,
            "-F",
            "vmdk",
            "-b",
            text(&folder.join(&parent)),
            text(&vmdk),
        ],
    )?;
    // The name of the parent is written as it was given; what lies in a folder is named without it.
    let mut bytes = fs::read(&vmdk)?;
    let whole = format!("\"{}\"", text(&folder.join(&parent)));
    if let Some(at) = find(&bytes, whole.as_bytes()) {
        let mut short = format!("\"{parent}\"");
        short.push_str(&" ".repeat(whole.len() - short.len()));
        bytes[at..at + whole.len()].copy_from_slice(short.as_bytes());
        fs::write(&vmdk, &bytes)?;
    }
    let size = fs::metadata(raw)?.len();
    let mut commands = vec!["write -P 90 0 512".to_owned()];
    if size > 1 << 20 {
        commands.push("write -P 91 1000k 300k".to_owned());
        commands.push("write -z 2M 1M".to_owned());
        commands.push(format!("write -P 92 {} 512", size - 512));
    }
    let mut arguments = vec!["-f", "vmdk"];
    for command in &commands {
        arguments.extend(["-c", command]);
    }
    arguments.push(text(&vmdk));
    tool("qemu-io", &arguments)?;
    let merged = folder.join("merged.raw");
    tool(
        "qemu-img",
        &[
            "convert",
            "-f",
            "vmdk",
            "-O",
            "raw",
            text(&vmdk),
            text(&merged),
        ],
    )?;
    let result = same(folder, &vmdk, &merged, own, !is_flat(subformat));
    fs::remove_file(&merged)?;
    result
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|part| part == what)
}

/// Compares the kind, the bytes with those of a raw file, and the extents with qemu-img's: they are
/// the same, except that qemu-img takes all of a flat extent for data, and we tell its holes.
fn same(folder: &Path, vmdk: &Path, raw: &Path, subformat: &str, exact: bool) -> Result<()> {
    let image = vmie::Image::open(vmdk, &options(Some(folder)))?;
    let disk = image.disk(0)?;
    let variant = disk.info().variant.map(|variant| variant.name());
    if variant != Some(subformat) {
        return Err(format!("read as {variant:?}").into());
    }
    let raw = vmie::io::FileSource::open(raw)?;
    if disk.len() != raw.len() {
        return Err(format!("{} bytes, and not {}", disk.len(), raw.len()).into());
    }
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for source in [&disk as &dyn ReadAt, &raw] {
        for extent in source.extents(0..raw.len()) {
            let extent = extent?;
            if extent.kind != ExtentKind::Data {
                continue;
            }
            let mut at = extent.start;
            while at < extent.end() {
                let len = usize::try_from(PIECE.min(extent.end() - at))?;
                ours.resize(len, 1);
                theirs.resize(len, 2);
                disk.read_exact_at(&mut ours, at)?;
                raw.read_exact_at(&mut theirs, at)?;
                if ours != theirs {
                    return Err(format!("other bytes at {at}").into());
                }
                at += PIECE;
            }
        }
    }
    let mut ours: Vec<(u64, u64)> = Vec::new();
    for extent in disk.extents(0..disk.len()) {
        let extent = extent?;
        if extent.kind == ExtentKind::Data {
            join(&mut ours, extent.start, extent.len);
        }
    }
    let theirs = qemu_map("vmdk", vmdk)?;
    let within = |(start, len): &(u64, u64)| {
        let holds = |(from, all): &(u64, u64)| from <= start && start + len <= from + all;
        theirs.iter().any(holds)
    };
    if exact && ours != theirs || !ours.iter().all(within) {
        let place = ours.iter().zip(&theirs).find(|(a, b)| a != b);
        return Err(format!(
            "other extents: {place:?}, {} and {}",
            ours.len(),
            theirs.len()
        )
        .into());
    }
    Ok(())
}

/// The ranges that qemu-img says are data, neighbours joined.
pub(super) fn qemu_map(format: &str, image: &Path) -> Result<Vec<(u64, u64)>> {
    let arguments = ["map", "-f", format, "--output=json", text(image)];
    let map: Value = serde_json::from_str(&tool("qemu-img", &arguments)?)?;
    let mut extents = Vec::new();
    for entry in map.as_array().into_iter().flatten() {
        if entry["data"] == true {
            let number = |key: &str| entry[key].as_u64().ok_or("no number");
            join(&mut extents, number("start")?, number("length")?);
        }
    }
    Ok(extents)
}

pub(super) fn join(extents: &mut Vec<(u64, u64)>, start: u64, len: u64) {
    match extents.last_mut() {
        Some((from, length)) if *from + *length == start => *length += len,
        _ => extents.push((start, len)),
    }
}
