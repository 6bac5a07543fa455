//! Looks into raw disks and says what is there: `cargo run --example look -- DISK…`.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use vmie_guest::{Date, ImportRequest, Matrix, Mode, inspect, judge};
use vmie_io::{FileSource, Limits, Meter, Metered, ReadAt};
use vmie_rules::matrix::Edition;

fn main() -> Result<(), Box<dyn Error>> {
    let meter = Meter::new();
    let mut disks: Vec<Arc<dyn ReadAt>> = Vec::new();
    for path in std::env::args().skip(1) {
        let file = FileSource::open(&path)?;
        disks.push(Arc::new(Metered::new(file, meter.clone())));
    }
    let start = Instant::now();
    let inspection = inspect(&disks, &Limits::default())?;
    let took = start.elapsed();
    for system in &inspection.systems {
        println!(
            "{} on {}: version {}, {}, default kernel {}",
            system.os.pretty_name,
            system.root,
            system.os.version.get().map_or("?", String::as_str),
            system.os.arch.get().map_or("?", |arch| arch.name()),
            system
                .default_kernel
                .get()
                .map_or("?", |kernel| kernel.release.as_str()),
        );
    }
    let modes = inspection.boot.modes.get().map(Vec::as_slice);
    println!("boots by {:?}", modes.unwrap_or_default());
    let as_of = Date::DEPRECATION_2026;
    for mode in [Mode::Practical, Mode::Strict] {
        let matrix = Matrix::edition(Edition::E2026);
        let verdict = judge(&inspection, &ImportRequest::new(), &matrix, mode, as_of);
        println!("{mode}: {}", verdict.decision);
        for finding in &verdict.findings {
            println!("  {} {}: {}", finding.severity, finding.code, finding.title);
            for evidence in &finding.evidence {
                println!("      {evidence}");
            }
        }
    }
    println!(
        "read {} bytes in {} reads, {took:?}",
        meter.bytes(),
        meter.reads()
    );
    Ok(())
}
