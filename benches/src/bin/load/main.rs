//! The service under load: describes of one task beside many, idle, and while it converts.
//!
//! ```sh
//! cargo build --release -p vmie-cli && cargo run --release -p vmie-benches --bin load -- target/release/vmie
//! ```
//!
//! Requests are due at fixed moments, and a request's time is counted from when it was due: one that waits
//! behind a slow one counts as slow, too. Fails when a limit is not held.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark, run on its own machine's data"
)]

mod client;
mod fill;
mod service;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use client::{Client, element};
use service::Service;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[derive(Parser)]
struct Arguments {
    /// The command, built for release.
    vmie: PathBuf,
    /// How many tasks there are.
    #[arg(long, default_value_t = 100_000)]
    tasks: usize,
    /// Describes in a second.
    #[arg(long, default_value_t = 2000)]
    rate: u32,
    /// How long each part lasts, in seconds.
    #[arg(long, default_value_t = 20)]
    seconds: u32,
    /// Connections.
    #[arg(long, default_value_t = 8)]
    clients: u32,
    /// MiB of the disk that is converted meanwhile.
    #[arg(long, default_value_t = 256)]
    disk: usize,
    /// Describes in a second while it converts.
    #[arg(long, default_value_t = 200)]
    beside: u32,
}

/// What may not be exceeded, in milliseconds and MiB.
const IDLE_P99: f64 = 20.0;
const BUSY_P99: f64 = 50.0;
const MEMORY: f64 = 50.0;

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let folder = tempfile::tempdir()?;
    let mut held = true;
    let idle = Service::start(&arguments.vmie, &folder.path().join("idle"))?;
    thread::sleep(Duration::from_secs(2));
    let memory = idle.memory()?;
    held &= says("memory of an idle service, MiB", memory, MEMORY);
    idle.stop()?;
    let data = folder.path().join("data");
    let ids = fill::fill(&data, arguments.tasks)?;
    let start = Instant::now();
    let service = Service::start(&arguments.vmie, &data)?;
    println!(
        "{} tasks are loaded in {:.1} s",
        ids.len(),
        start.elapsed().as_secs_f64()
    );
    thread::sleep(Duration::from_secs(2));
    println!("memory with them: {:.1} MiB", service.memory()?);
    let times = describe(&arguments, &service, &ids, arguments.rate)?;
    held &= report("describes", &times, arguments.rate, IDLE_P99);
    held &= converting(&arguments, &service, &data, &ids)?;
    println!("memory at last: {:.1} MiB", service.memory()?);
    service.stop()?;
    match held {
        true => Ok(()),
        false => Err("a limit is not held".into()),
    }
}

/// The same while disks are converted, one after the other.
fn converting(
    arguments: &Arguments,
    service: &Service,
    data: &Path,
    ids: &[String],
) -> Result<bool> {
    fill::disk(&data.join("buckets/images/disk.raw"), arguments.disk)?;
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let work = scope.spawn(|| convert(service, &is_over));
        let times = describe(arguments, service, ids, arguments.beside);
        is_over.store(true, Ordering::Relaxed);
        let converted = work
            .join()
            .map_err(|_| "the clients of conversions panicked")??;
        println!(
            "{converted} disks of {} MiB were converted meanwhile",
            arguments.disk
        );
        if converted == 0 {
            return Err("nothing was converted; give a smaller --disk or more --seconds".into());
        }
        Ok(report(
            "describes while it converts",
            &times?,
            arguments.beside,
            BUSY_P99,
        ))
    })
}

fn convert(service: &Service, is_over: &AtomicBool) -> Result<u32> {
    let mut client = Client::connect(service)?;
    let mut converted = 0;
    while !is_over.load(Ordering::Relaxed) {
        let body = client.call(
            "Action=ImportSnapshot&DiskContainer.Format=RAW\
             &DiskContainer.UserBucket.S3Bucket=images&DiskContainer.UserBucket.S3Key=disk.raw",
        )?;
        let task = element(&body, "importTaskId").ok_or("no task")?.to_owned();
        loop {
            let form = format!("Action=DescribeImportSnapshotTasks&ImportTaskId.1={task}");
            let body = client.call(&form)?;
            match element(&body, "status") {
                Some("completed") => break,
                Some("active") if !is_over.load(Ordering::Relaxed) => {
                    thread::sleep(Duration::from_millis(50));
                }
                Some("active") => return Ok(converted),
                other => return Err(format!("a conversion came to {other:?}").into()),
            }
        }
        converted += 1;
    }
    Ok(converted)
}

/// Describes one task each, at a rate, over several connections; how long each took from when it was due.
fn describe(
    arguments: &Arguments,
    service: &Service,
    ids: &[String],
    rate: u32,
) -> Result<Vec<Duration>> {
    let clients = arguments.clients.max(1);
    let count = rate * arguments.seconds;
    let start = Instant::now() + Duration::from_millis(200);
    thread::scope(|scope| {
        let mut threads = Vec::new();
        for first in 0..clients {
            threads.push(scope.spawn(move || -> Result<Vec<Duration>> {
                let mut client = Client::connect(service)?;
                let mut times = Vec::new();
                for number in (first..count).step_by(clients as usize) {
                    let due = start + Duration::from_secs(1) / rate * number;
                    thread::sleep(due.saturating_duration_since(Instant::now()));
                    let task = &ids[number as usize * 7919 % ids.len()];
                    let form = format!("Action=DescribeImportSnapshotTasks&ImportTaskId.1={task}");
                    let body = client.call(&form)?;
                    times.push(due.elapsed());
                    if element(&body, "importTaskId") != Some(task.as_str()) {
                        return Err(format!("another task than {task} came: {body}").into());
                    }
                }
                Ok(times)
            }));
        }
        let mut all = Vec::new();
        for thread in threads {
            all.extend(thread.join().map_err(|_| "a client panicked")??);
        }
        all.sort();
        Ok(all)
    })
}

fn report(what: &str, times: &[Duration], rate: u32, limit: f64) -> bool {
    let at = |share: f64| {
        let place = (times.len() as f64 * share) as usize;
        times[place.min(times.len() - 1)].as_secs_f64() * 1000.0
    };
    println!(
        "{what}, {rate} a second, {} in all: half within {:.2} ms, 99 of 100 within {:.2} ms, all within {:.2} ms",
        times.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
    says(&format!("{what}, 99 of 100, ms"), at(0.99), limit)
}

fn says(what: &str, value: f64, limit: f64) -> bool {
    let held = value <= limit;
    println!(
        "{} {what}: {value:.2} of {limit:.0}",
        if held { "held    " } else { "NOT HELD" }
    );
    held
}
