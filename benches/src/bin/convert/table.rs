//! The table in Markdown.

use std::fmt::{self, Write as _};
use std::path::Path;

use crate::Result;
use crate::run::{Pair, median, peak};

const BEGIN: &str = "<!-- conversions: begin -->";
const END: &str = "<!-- conversions: end -->";

/// A line of the table.
pub(crate) struct Line {
    pub(crate) work: String,
    pub(crate) peer: String,
    /// How many times as long the peer shall take at least.
    pub(crate) target: f64,
    pub(crate) pair: Pair,
    pub(crate) note: String,
}

/// All lines.
#[derive(Default)]
pub(crate) struct Table {
    pub(crate) head: String,
    pub(crate) lines: Vec<Line>,
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.head)?;
        writeln!(
            f,
            "| work | vmie, median | peer | peer, median | peer / vmie, median (least to most) | wanted | vmie's peak memory | |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|")?;
        for line in &self.lines {
            let (ratio, least, most) = line.pair.ratios();
            let verdict = if ratio >= line.target {
                ""
            } else {
                " **missed**"
            };
            writeln!(
                f,
                "| {} | {:.3} s | {} | {:.3} s | {ratio:.2} ({least:.2} to {most:.2}) | {:.2}{verdict} | {} MiB | {} |",
                line.work,
                median(&line.pair.ours),
                line.peer,
                median(&line.pair.peer),
                line.target,
                peak(&line.pair.ours),
                line.note,
            )?;
        }
        Ok(())
    }
}

/// Puts the table between the two marks of a file.
pub(crate) fn put(file: &Path, table: &Table) -> Result<()> {
    let text = std::fs::read_to_string(file)?;
    let (before, rest) = text.split_once(BEGIN).ok_or("the file has no mark")?;
    let (_, after) = rest.split_once(END).ok_or("the file has no second mark")?;
    let mut out = String::new();
    write!(out, "{before}{BEGIN}\n{table}{END}{after}")?;
    std::fs::write(file, out)?;
    Ok(())
}
