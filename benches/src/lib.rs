//! What the benchmarks share: which image they run on, and how two programs are timed in one run.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "benchmarks run on their own machine's data"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The image that is measured: `VMIE_BENCH_IMAGE`, or the demo appliance.
#[must_use]
pub fn image() -> PathBuf {
    std::env::var_os("VMIE_BENCH_IMAGE").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/data/demo-debian12.ova"),
        PathBuf::from,
    )
}

/// Whole-process times of one of two programs.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// The fastest run.
    pub min: Duration,
    /// The middle one.
    pub median: Duration,
    /// The slowest.
    pub max: Duration,
}

fn times(mut runs: Vec<Duration>) -> Times {
    runs.sort();
    Times {
        min: runs[0],
        median: runs[runs.len() / 2],
        max: runs[runs.len() - 1],
    }
}

/// A program that is timed: what makes the command, anew for each run.
pub type Program<'a> = &'a dyn Fn() -> Command;

fn once(program: Program<'_>) -> Option<Duration> {
    let mut command = program();
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let start = Instant::now();
    let status = command.status().ok()?;
    // 1 and 3 are answers of ours, too: refused, undetermined.
    status.code().filter(|code| [0, 1, 3].contains(code))?;
    Some(start.elapsed())
}

/// Times two programs in turn (A B A B …) after one run of each that is not counted, and prints
/// the times and the ratio pair by pair. A peer that is not installed is named as such.
pub fn pair(name: &str, ours: Program<'_>, peer_name: &str, peer: Program<'_>, runs: usize) {
    if once(ours).is_none() {
        println!("{name}: vmie failed");
        std::process::exit(1);
    }
    if once(peer).is_none() {
        println!("{name}: {peer_name} is not installed or cannot do it; nothing to compare with");
        return;
    }
    let mut a = Vec::new();
    let mut b = Vec::new();
    for _ in 0..runs {
        if let (Some(x), Some(y)) = (once(ours), once(peer)) {
            a.push(x);
            b.push(y);
        }
    }
    if a.is_empty() {
        println!("{name}: no pair of runs ended");
        return;
    }
    let mut ratios: Vec<f64> = a
        .iter()
        .zip(&b)
        .map(|(x, y)| y.as_secs_f64() / x.as_secs_f64())
        .collect();
    ratios.sort_by(f64::total_cmp);
    let median = ratios[ratios.len() / 2];
    let (low, high) = (ratios[0], ratios[ratios.len() - 1]);
    println!("{name}: vmie {:?}, {peer_name} {:?}", times(a), times(b));
    println!(
        "{name}: {peer_name} takes {median:.2} times as long ({low:.2} to {high:.2}, {runs} pairs)"
    );
}
