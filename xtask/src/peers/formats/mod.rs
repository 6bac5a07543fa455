//! Images of every kind that qemu-img writes, as it reads them: `cargo xtask peers formats`.
//!
//! Disks of several sizes and fills are converted by qemu-img into every variant of every format that
//! it writes. Of each image, the kind, the size, every byte and every extent that vmie reads are
//! compared with what qemu-img says; then those over other images: children of VMDKs and qcow2s,
//! external data files, zeroed and discarded ranges.

mod chains;
pub(crate) mod compare;
pub(crate) mod fills;
mod variants;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use self::compare::Extents;
use self::fills::Fill;
use self::variants::{VARIANTS, Variant};
use crate::Result;
use crate::run::{Tally, text, tool};

/// Sizes of disks, in bytes: none, a sector, many, an odd number of them past one table of grains.
const SMALL: [u64; 4] = [0, 512, 1 << 20, (63 << 20) + 512];
/// Sizes of disks that are holes for the most part. A VHD ends at 2040 GiB.
const SPARSE: [u64; 3] = [10 << 30, 2040 << 30, 2 << 40];

/// What is compared.
#[derive(clap::Args)]
pub(crate) struct Formats {
    /// Small disks of one fill only: some seconds.
    #[arg(long)]
    quick: bool,
    /// Which formats, by qemu-img's names (raw, vpc, vhdx, vmdk, qcow2, vdi); all when none is named.
    only: Vec<String>,
}

/// A disk that is written in every variant.
#[derive(Clone, Copy)]
pub(crate) struct Disk<'a> {
    pub(crate) raw: &'a Path,
    pub(crate) size: u64,
    pub(crate) fill: Fill,
}

impl Disk<'_> {
    /// Whether it is small enough to be compared byte by byte, holes and all.
    pub(crate) fn is_small(&self) -> bool {
        SMALL.contains(&self.size)
    }
}

/// Images compared, by format.
type Counts = BTreeMap<&'static str, u64>;

pub(crate) fn run(arguments: &Formats) -> Result<()> {
    for name in &arguments.only {
        if !VARIANTS.iter().any(|variant| variant.format == name) {
            return Err(format!("there is no format {name} to compare").into());
        }
    }
    let wanted = |variant: &&Variant| {
        arguments.only.is_empty() || arguments.only.iter().any(|name| name == variant.format)
    };
    let variants: Vec<&Variant> = VARIANTS.iter().filter(wanted).collect();
    let folder = tempfile::tempdir()?;
    let (mut tally, mut counts) = (Tally::default(), Counts::new());
    let sizes = if arguments.quick {
        SMALL[..3].to_vec()
    } else {
        [&SMALL[..], &SPARSE].concat()
    };
    for size in sizes {
        for &fill in Fill::of(size, arguments.quick) {
            let raw = folder.path().join("disk.raw");
            fill.write(&raw, size)?;
            let disk = Disk {
                raw: &raw,
                size,
                fill,
            };
            let start = std::time::Instant::now();
            let (part, more) = disk_in_all(&disk, &variants)?;
            let images: u64 = more.values().sum();
            let took = start.elapsed();
            println!(
                "{size} bytes, {}: {images} images in {took:.0?}",
                fill.name()
            );
            tally.join(part);
            for (format, count) in more {
                *counts.entry(format).or_default() += count;
            }
            fs::remove_file(&raw)?;
        }
    }
    for (format, count) in counts {
        println!("{format}: {count} images");
    }
    tally.finish("peers formats")
}

/// One disk in all variants that can hold it, on all cores.
fn disk_in_all(disk: &Disk<'_>, variants: &[&Variant]) -> Result<(Tally, Counts)> {
    let next = AtomicUsize::new(0);
    let work = || -> Result<(Tally, Counts)> {
        let (mut tally, mut counts) = (Tally::default(), Counts::new());
        while let Some(variant) = variants.get(next.fetch_add(1, Ordering::Relaxed)) {
            if !(variant.smallest..=variant.largest).contains(&disk.size) {
                continue;
            }
            let folder = tempfile::tempdir()?;
            let what = format!("{} bytes, {}, as {variant}", disk.size, disk.fill.name());
            tally.attempt(&what, written(folder.path(), disk, variant));
            *counts.entry(variant.format).or_default() += 1;
            for (name, chain) in chains::over(variant, disk) {
                let made = chain(folder.path(), disk, variant);
                tally.attempt(&format!("{name} of {what}"), made);
                *counts.entry(variant.format).or_default() += 1;
            }
        }
        Ok((tally, counts))
    };
    let workers = std::thread::available_parallelism()?.get();
    let parts: Vec<Result<(Tally, Counts)>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers)
            .map(|_| scope.spawn(|| work().map_err(|error| error.to_string())))
            .collect();
        workers
            .into_iter()
            .map(|worker| Ok(worker.join().map_err(|_| "a worker panicked")??))
            .collect()
    });
    let (mut tally, mut counts) = (Tally::default(), Counts::new());
    for part in parts {
        let (part, more) = part?;
        tally.join(part);
        for (format, count) in more {
            *counts.entry(format).or_default() += count;
        }
    }
    Ok((tally, counts))
}

/// The image that qemu-img makes of a disk, compared.
fn written(folder: &Path, disk: &Disk<'_>, variant: &Variant) -> Result<()> {
    let image = folder.join(variant.file_name());
    let mut arguments = vec!["convert", "-f", "raw", "-O", variant.format];
    if variant.compressed {
        arguments.push("-c");
    }
    if !variant.options.is_empty() {
        arguments.extend(["-o", variant.options]);
    }
    arguments.extend([text(disk.raw), text(&image)]);
    tool("qemu-img", &arguments)?;
    if disk.size == 0 && matches!(variant.format, "vpc" | "vhdx") {
        return refused_as_empty(&image);
    }
    compare::with_qemu_img(folder, &image, disk, variant, Extents::Same)
}

/// qemu-img reads a VHD and a VHDX of no bytes; to us such a size is damage.
fn refused_as_empty(image: &Path) -> Result<()> {
    match vmie::Image::open(image, &vmie::ImageOptions::new()) {
        Ok(_) => Err("an empty disk is taken".into()),
        Err(error) if error.to_string().contains("the size of the disk is zero") => Ok(()),
        Err(error) => Err(error.into()),
    }
}
