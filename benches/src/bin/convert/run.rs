//! Timing processes in turn.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::Result;

/// What one run took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Once {
    pub(crate) time: Duration,
    /// Peak resident memory in KiB; zero where it is not known.
    pub(crate) peak: u64,
    /// Bytes of the first file that it wrote.
    pub(crate) written: u64,
}

/// A step of a line: what is run, and what it writes.
pub(crate) enum Step<'a> {
    /// A command.
    Process(Vec<String>),
    /// Something in this process.
    Here(Box<dyn Fn() -> Duration + 'a>),
}

/// A command line out of its words.
pub(crate) fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

impl Step<'_> {
    /// Runs it. Before it, what others wrote is on the disk, so that nobody pays for it; after it,
    /// what it wrote is removed. Neither is timed.
    pub(crate) fn once(&self, targets: &[PathBuf]) -> Result<Once> {
        remove(targets);
        let _ = Command::new("sync").status()?;
        let mut once = match self {
            Self::Here(run) => Once {
                time: run(),
                ..Once::default()
            },
            Self::Process(command) => process(command)?,
        };
        let first = targets.first().and_then(|path| path.metadata().ok());
        once.written = first.map_or(0, |metadata| metadata.len());
        remove(targets);
        Ok(once)
    }
}

fn remove(files: &[PathBuf]) {
    for file in files {
        let _ = std::fs::remove_file(file);
    }
}

fn process(command: &[String]) -> Result<Once> {
    let start = Instant::now();
    let mut child = Command::new(&command[0])
        .args(&command[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("{} cannot be run: {error}", command[0]))?;
    let status = format!("/proc/{}/status", child.id());
    let watch = std::thread::spawn(move || {
        let mut peak = 0;
        // The file is there, without this line, until somebody waits for the process.
        while let Some(now) = peak_of(Path::new(&status)) {
            peak = peak.max(now);
            std::thread::sleep(Duration::from_millis(4));
        }
        peak
    });
    let done = child.wait()?;
    let time = start.elapsed();
    let peak = watch.join().unwrap_or(0);
    if !done.success() {
        return Err(format!("{command:?} failed: {done}").into());
    }
    Ok(Once {
        time,
        peak,
        written: 0,
    })
}

/// The high-water mark of a process' resident memory in KiB, as Linux tells it.
fn peak_of(status: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(status).ok()?;
    let line = text.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Runs two steps in turn, `pairs` times after one that does not count.
pub(crate) struct Pair {
    pub(crate) ours: Vec<Once>,
    pub(crate) peer: Vec<Once>,
}

impl Pair {
    pub(crate) fn run(
        pairs: usize,
        ours: (&Step<'_>, &[PathBuf]),
        peer: (&Step<'_>, &[PathBuf]),
    ) -> Result<Self> {
        let mut pair = Self {
            ours: Vec::new(),
            peer: Vec::new(),
        };
        for turn in 0..=pairs {
            let a = ours.0.once(ours.1)?;
            let b = peer.0.once(peer.1)?;
            if turn > 0 {
                pair.ours.push(a);
                pair.peer.push(b);
            }
        }
        Ok(pair)
    }

    /// How many times as long the peer takes: median, least, most.
    pub(crate) fn ratios(&self) -> (f64, f64, f64) {
        let mut ratios: Vec<f64> = self
            .ours
            .iter()
            .zip(&self.peer)
            .map(|(a, b)| b.time.as_secs_f64() / a.time.as_secs_f64())
            .collect();
        ratios.sort_by(f64::total_cmp);
        (
            ratios[ratios.len() / 2],
            ratios[0],
            ratios[ratios.len() - 1],
        )
    }
}

/// The median of what runs took, in seconds.
pub(crate) fn median(runs: &[Once]) -> f64 {
    let mut times: Vec<f64> = runs.iter().map(|run| run.time.as_secs_f64()).collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// The most memory of all runs, in MiB.
pub(crate) fn peak(runs: &[Once]) -> u64 {
    runs.iter().map(|run| run.peak / 1024).max().unwrap_or(0)
}
