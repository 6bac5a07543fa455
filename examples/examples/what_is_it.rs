//! What is this file? The candidates by its magic numbers, and the disks inside.
//!
//! `cargo run -p vmie-examples --example what_is_it -- examples/data/demo-debian12.ova`
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::sync::Arc;

use vmie_formats::{DiskImage as _, OpenOptions, Opened, probe};
use vmie_io::{ExtentKind, FileSource, ReadAtExt as _};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args_os().nth(1).ok_or("name an image")?;
    let source = Arc::new(FileSource::open(&path)?);
    for candidate in probe(&source)? {
        println!(
            "{} ({:?}): {}",
            candidate.format,
            candidate.confidence,
            candidate.evidence.join("; ")
        );
    }
    let disks = match OpenOptions::new().open(source)? {
        Opened::Disk(disk) => vec![disk],
        Opened::Appliance(appliance) => (0..appliance.disks().len())
            .map(|i| appliance.open_disk(i))
            .collect::<Result<_, _>>()?,
    };
    for disk in disks {
        let info = disk.info();
        let mut data = 0_u64;
        for extent in disk.extents(0..info.virtual_size) {
            let extent = extent?;
            if extent.kind == ExtentKind::Data {
                data = extent.len.saturating_add(data);
            }
        }
        println!(
            "a disk of {} bytes, {data} of them stored",
            info.virtual_size
        );
    }
    Ok(())
}
