//! Conversions against `qemu-img`, `cp`, `tar` with `sha256sum`, `dd`, and bare libdeflate on all
//! cores, whole processes in turn in one run.
//!
//! ```sh
//! cargo run --release -p vmie-benches --bin convert -- --make disk.raw     # makes the disk: an ext4 of /usr/lib
//! cargo run --release -p vmie-benches --bin convert -- disk.raw            # prints the table
//! cargo run --release -p vmie-benches --bin convert -- disk.raw --write docs/benchmarks.md
//! ```
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark, run on its own machine's data"
)]

mod bare;
mod disk;
mod lines;
mod memory;
mod run;
mod table;

use std::path::PathBuf;
use std::process::Command;

use clap::Parser;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[derive(Parser)]
#[command(about = "Conversions by vmie and by other tools, in turn")]
struct Arguments {
    /// The raw disk that is converted.
    disk: PathBuf,
    /// Make the disk first, with this folder's files in an ext4.
    #[arg(long, value_name = "FOLDER", num_args = 0..=1, default_missing_value = "/usr/lib")]
    make: Option<PathBuf>,
    /// MiB of the disk that is made.
    #[arg(long, default_value_t = 2048)]
    size: u64,
    /// How many pairs of each line.
    #[arg(long, default_value_t = 5)]
    pairs: usize,
    /// Only lines whose name has this in it.
    #[arg(long)]
    only: Option<String>,
    /// Where files are written while it runs; beside the disk if not given.
    #[arg(long)]
    scratch: Option<PathBuf>,
    /// A program `vmie` that is built already.
    #[arg(long)]
    vmie: Option<PathBuf>,
    /// Put the table into this file, between its two marks.
    #[arg(long)]
    write: Option<PathBuf>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if let Some(folder) = &arguments.make {
        return disk::make(&arguments.disk, folder, arguments.size);
    }
    let vmie = match &arguments.vmie {
        Some(vmie) => vmie.clone(),
        None => build()?,
    };
    let beside = arguments.disk.canonicalize()?;
    let beside = beside.parent().ok_or("the disk is in no folder")?;
    let scratch = arguments.scratch.as_deref().unwrap_or(beside);
    let scratch = tempfile::tempdir_in(scratch)?;
    let bench = lines::Bench::new(
        &vmie,
        &arguments.disk,
        scratch.path(),
        arguments.pairs,
        arguments.only.clone(),
    )?;
    let _warm = memory::Warm::new()?;
    let table = bench.run()?;
    println!("\n{table}");
    if let Some(file) = &arguments.write {
        table::put(file, &table)?;
    }
    Ok(())
}

fn build() -> Result<PathBuf> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--release", "-q", "-p", "vmie-cli"])
        .status()?;
    if !status.success() {
        return Err("vmie does not build".into());
    }
    let own = std::env::current_exe()?;
    let folder = own.parent().ok_or("this program is in no folder")?;
    Ok(folder.join("vmie"))
}
