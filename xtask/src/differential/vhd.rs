//! VHDs and VHDXs of every kind that qemu-img writes: the bytes and the extents that we read are
//! its own.

use std::fs;
use std::path::Path;

use vmie::io::{ExtentKind, FileSource, ReadAt, ReadAtExt as _};

use super::images::{options, patterned};
use super::vmdk::{islands, join, qemu_map};
use crate::Result;
use crate::run::{Tally, text, tool};

/// Disks that are compared byte by byte: a sector, many, an odd number.
const WHOLE: [u64; 3] = [512, 1 << 20, (63 << 20) + 512];
/// Disks with some data here and there, compared where that is. A VHD ends at 2040 GiB.
const SPARSE_VHD: [u64; 2] = [10 << 30, 2040 << 30];
const SPARSE_VHDX: [u64; 2] = [10 << 30, 2 << 40];
/// Bytes read at once.
const PIECE: u64 = 1 << 20;

/// qemu-img's name of the format, options, and our name of the variant.
const VHD: [(&str, &str); 4] = [
    ("subformat=fixed,force_size=off", "fixed"),
    ("subformat=fixed,force_size=on", "fixed"),
    ("subformat=dynamic,force_size=off", "dynamic"),
    ("subformat=dynamic,force_size=on", "dynamic"),
];
const VHDX: [(&str, &str); 5] = [
    ("subformat=fixed", "fixed"),
    ("subformat=dynamic", "dynamic"),
    ("subformat=dynamic,block_size=1M", "dynamic"),
    ("subformat=dynamic,block_size=8M", "dynamic"),
    ("subformat=dynamic,block_size=256M", "dynamic"),
];

pub(super) fn run(folder: &Path, tally: &mut Tally) -> Result<()> {
    let folder = folder.join("vhd");
    for (format, kinds, sparse) in [
        ("vpc", VHD.as_slice(), SPARSE_VHD),
        ("vhdx", &VHDX, SPARSE_VHDX),
    ] {
        for (seed, size) in (31..).zip(WHOLE.into_iter().chain(sparse)) {
            fs::create_dir(&folder)?;
            let raw = folder.join("disk.raw");
            let whole = WHOLE.contains(&size);
            if whole {
                patterned(&raw, size, seed)?;
            } else {
                islands(&raw, size)?;
            }
            for (option, variant) in kinds {
                // All blocks of a fixed VHDX are data, terabytes of it.
                if format == "vhdx" && *variant == "fixed" && !whole {
                    continue;
                }
                let what = format!("{format} {option} of {size} bytes");
                tally.attempt(&what, written(&folder, &raw, format, option, variant));
            }
            fs::remove_dir_all(&folder)?;
        }
    }
    Ok(())
}

fn written(folder: &Path, raw: &Path, format: &str, option: &str, variant: &str) -> Result<()> {
    let image = folder.join("image");
    let from = ["convert", "-f", "raw", "-O", format, "-o", option];
    tool(
        "qemu-img",
        &[&from[..], &[text(raw), text(&image)]].concat(),
    )?;
    // Without force_size a VHD is as large as its geometry says, which is more than the raw disk.
    let back = folder.join("back.raw");
    let to = ["convert", "-f", format, "-O", "raw"];
    tool(
        "qemu-img",
        &[&to[..], &[text(&image), text(&back)]].concat(),
    )?;
    let disk = vmie::Image::open(&image, &options(None))?.disk(0)?;
    let found = disk.info().variant.map(|variant| variant.name());
    if found != Some(variant) {
        return Err(format!("read as {found:?}").into());
    }
    if !disk
        .info()
        .notes
        .iter()
        .all(|note| note.kind.name() == "disagreement")
    {
        return Err(format!("{:?}", disk.info().notes).into());
    }
    same_bytes(&disk, &back)?;
    // Of a VHDX, qemu-img tells no extents: all of it is data. What is none of ours was compared.
    if format == "vpc" {
        let mut ours: Vec<(u64, u64)> = Vec::new();
        for extent in disk.extents(0..disk.len()) {
            let extent = extent?;
            if extent.kind == ExtentKind::Data {
                join(&mut ours, extent.start, extent.len);
            }
        }
        let theirs = qemu_map(format, &image)?;
        if ours != theirs {
            let place = ours.iter().zip(&theirs).find(|(a, b)| a != b);
            let counts = (ours.len(), theirs.len());
            return Err(format!("other extents: {place:?} of {counts:?}").into());
        }
    }
    fs::remove_file(&image)?;
    fs::remove_file(&back)?;
    Ok(())
}

/// Compares a disk with a raw file, wherever one of them has data.
pub(crate) fn same_bytes(disk: &dyn ReadAt, raw: &Path) -> Result<()> {
    let raw = FileSource::open(raw)?;
    if disk.len() != raw.len() {
        return Err(format!("{} bytes, and not {}", disk.len(), raw.len()).into());
    }
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for source in [disk, &raw as &dyn ReadAt] {
        for extent in source.extents(0..raw.len()) {
            let extent = extent?;
            let mut at = extent.start;
            while extent.kind == ExtentKind::Data && at < extent.end() {
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
    Ok(())
}
