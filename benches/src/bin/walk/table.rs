//! The table in Markdown.

use std::fmt::Write as _;
use std::path::Path;

use crate::Result;
use crate::cost::{Pair, median};

const BEGIN: &str = "<!-- walks: begin -->";
const END: &str = "<!-- walks: end -->";

/// A line of the table.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) kind: String,
    pub(crate) work: String,
    pub(crate) peer: String,
    /// How many times as long the peer shall take at least.
    pub(crate) wanted: f64,
    /// Without a peer, the time is the wanted one: 10 ms.
    pub(crate) pair: Pair,
}

/// All lines; the verdicts are by the clock or by CPU seconds.
pub(crate) fn show(lines: &[Line], by_cpu: bool, head: &str) -> Result<String> {
    let mut text = String::new();
    let judged = if by_cpu { "CPU seconds" } else { "the clock" };
    writeln!(text, "{head} Judged by {judged}.\n")?;
    writeln!(
        text,
        "| filesystem | work | vmie: time, CPU | peer | peer: time, CPU | peer / vmie, median (least to most) | wanted |"
    )?;
    writeln!(text, "|---|---|---|---|---|---|---|")?;
    for line in lines {
        let both = |runs: &[crate::cost::Cost]| {
            format!("{:.3} s, {:.2} s", median(runs, false), median(runs, true))
        };
        let (ratio, range) = match line.pair.ratios(by_cpu) {
            Some((ratio, least, most)) => (ratio, format!("{ratio:.2} ({least:.2} to {most:.2})")),
            None => (0.010 / median(&line.pair.ours, false), String::new()),
        };
        let verdict = if ratio >= line.wanted {
            ""
        } else {
            " **missed**"
        };
        writeln!(
            text,
            "| {} | {} | {} | {} | {} | {range} | {}{verdict} |",
            line.kind,
            line.work,
            both(&line.pair.ours),
            line.peer,
            if line.pair.peer.is_empty() {
                String::new()
            } else {
                both(&line.pair.peer)
            },
            line.wanted,
        )?;
    }
    Ok(text)
}

/// Puts the table between the two marks of a file.
pub(crate) fn put(file: &Path, table: &str) -> Result<()> {
    let text = std::fs::read_to_string(file)?;
    let (before, rest) = text.split_once(BEGIN).ok_or("the file has no mark")?;
    let (_, after) = rest.split_once(END).ok_or("the file has no second mark")?;
    std::fs::write(file, format!("{before}{BEGIN}\n{table}{END}{after}"))?;
    Ok(())
}
