//! Would this machine import, and why not? Strictly by the guide, and in practice.
//!
//! `cargo run -p vmie-examples --example would_it_import -- examples/data/demo-debian12.ova`
#![allow(clippy::print_stdout, reason = "an example prints")]

use vmie::guest::{ImportRequest, Mode, judge};
use vmie::io::Limits;
use vmie::rules::Date;
use vmie::rules::matrix::{Edition, Matrix};
use vmie::{Image, ImageOptions};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args_os().nth(1).ok_or("name an image")?;
    let image = Image::open(path, &ImageOptions::new())?;
    let disks = vmie::guest_disks(&[image])?;
    // The facts are read once …
    let facts = vmie::inspect(&disks, &Limits::default())?;
    let matrix = Matrix::edition(Edition::E2026);
    let day = Date::new(2026, 7, 1).ok_or("no such day")?;
    // … and judged as often as one likes.
    for mode in [Mode::Strict, Mode::Practical] {
        let verdict = judge(&facts, &ImportRequest::new(), &matrix, mode, day);
        println!("{mode}: {}", verdict.decision);
        for finding in &verdict.findings {
            println!("  {}: {}", finding.severity, finding.title);
        }
    }
    Ok(())
}
