//! What a process costs.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::Result;

/// Time and CPU time of one run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    pub(crate) time: Duration,
    /// Of the process and its children, in steps of 10 ms; what the kernel does on its own threads for
    /// a loop device is not in it.
    pub(crate) cpu: Duration,
}

impl Cost {
    /// Runs a command once.
    pub(crate) fn of(command: &[String]) -> Result<Self> {
        let before = of_children()?;
        let start = Instant::now();
        let status = Command::new(&command[0])
            .args(&command[1..])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .map_err(|error| format!("{} cannot be run: {error}", command[0]))?;
        let time = start.elapsed();
        if !status.success() {
            return Err(format!("{command:?} failed: {status}").into());
        }
        let cpu = of_children()?.saturating_sub(before);
        Ok(Self { time, cpu })
    }

    /// Seconds, by the clock or of the processor.
    pub(crate) fn seconds(self, by_cpu: bool) -> f64 {
        let spent = if by_cpu { self.cpu } else { self.time };
        spent.as_secs_f64()
    }
}

/// The CPU time of all children so far that somebody waited for, as Linux tells it.
fn of_children() -> Result<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let after = stat.rsplit(')').next().unwrap_or_default();
    // cutime and cstime are the fields 16 and 17; the first after the name is field 3.
    let ticks = after.split_whitespace().skip(13).take(2);
    let ticks: u64 = ticks.filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(ticks * 10))
}

/// Runs of two commands in turn.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) ours: Vec<Cost>,
    pub(crate) peer: Vec<Cost>,
}

impl Pair {
    /// Runs two commands in turn, each after its own preparation; the first pair does not count.
    pub(crate) fn run(
        pairs: usize,
        ours: &[String],
        peer: &[String],
        before_ours: &dyn Fn() -> Result<()>,
        before_peer: &dyn Fn() -> Result<()>,
    ) -> Result<Self> {
        let mut pair = Self {
            ours: Vec::new(),
            peer: Vec::new(),
        };
        for turn in 0..=pairs {
            before_ours()?;
            let a = Cost::of(ours)?;
            before_peer()?;
            let b = Cost::of(peer)?;
            if turn > 0 {
                pair.ours.push(a);
                pair.peer.push(b);
            }
        }
        Ok(pair)
    }

    /// How many times as much the peer takes: median, least, most.
    pub(crate) fn ratios(&self, by_cpu: bool) -> Option<(f64, f64, f64)> {
        let mut ratios: Vec<f64> = self
            .ours
            .iter()
            .zip(&self.peer)
            .map(|(a, b)| b.seconds(by_cpu) / a.seconds(by_cpu).max(0.001))
            .collect();
        ratios.sort_by(f64::total_cmp);
        Some((
            ratios.get(ratios.len() / 2).copied()?,
            *ratios.first()?,
            *ratios.last()?,
        ))
    }
}

/// The median in seconds.
pub(crate) fn median(runs: &[Cost], by_cpu: bool) -> f64 {
    let mut times: Vec<f64> = runs.iter().map(|run| run.seconds(by_cpu)).collect();
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(0.0)
}
