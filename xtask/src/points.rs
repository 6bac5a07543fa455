//! Which test and which code stands for which point of the service: a table made of the sources.
//!
//! A test stands for a point when its name holds the point's id (`svc_task_6_…`), or when a comment
//! of a test file cites it. Code stands for a point when it cites the id or the variant of `SvcId`.
//! In some groups no point may be without a test of its name and code.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use vmie_rules::SvcId;

use crate::Result;

/// Groups of which every point needs a test and code.
const GROUPS: [&str; 11] = [
    "OS", "BOOT", "VOL", "LIM", "CFG", "TASK", "IAM", "LIC", "ERR", "MAN", "OBS",
];

#[derive(Default)]
struct Found {
    tests: BTreeSet<String>,
    code: BTreeSet<String>,
}

pub(crate) fn run(check: bool) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .ok_or("no workspace")?;
    let mut found: BTreeMap<&'static str, Found> = BTreeMap::new();
    let mut files = Vec::new();
    sources(&root.join("crates"), &mut files)?;
    sources(&root.join("fuzz/fuzz_targets"), &mut files)?;
    files.sort();
    for file in &files {
        let text = std::fs::read_to_string(file)?;
        let name = file
            .strip_prefix(root)?
            .to_string_lossy()
            .replace('\\', "/");
        scan(&name, &text, &mut found);
    }
    let mut table = String::from(
        "# The points of the service, their tests and their code\n\n\
         Made by `cargo xtask points`; do not edit.\n\n| point | says | tests | code |\n|---|---|---|---|\n",
    );
    let mut empty: Vec<String> = Vec::new();
    let mut counts = (0, 0);
    for id in SvcId::ALL {
        let point = id.as_str();
        let nothing = Found::default();
        let of = found.get(point).unwrap_or(&nothing);
        let list = |set: &BTreeSet<String>| {
            let names: Vec<String> = set.iter().map(|one| format!("`{one}`")).collect();
            names.join("<br>")
        };
        writeln!(
            table,
            "| {point} | {} | {} | {} |",
            id.summary(),
            list(&of.tests),
            list(&of.code)
        )?;
        counts.0 += usize::from(!of.tests.is_empty());
        counts.1 += usize::from(!of.code.is_empty());
        let group = point.split('-').nth(1).unwrap_or_default();
        if GROUPS.contains(&group) {
            // A comment is not enough here.
            if !of.tests.iter().any(|test| test.contains("::")) {
                empty.push(format!("{point} has no test of its name"));
            }
            if of.code.is_empty() {
                empty.push(format!("{point} has no code"));
            }
        }
    }
    println!(
        "{} points: {} with tests, {} with code",
        SvcId::ALL.len(),
        counts.0,
        counts.1
    );
    let path = root.join("docs/points.md");
    if !check {
        std::fs::write(&path, table)?;
    } else if std::fs::read_to_string(&path)? != table {
        empty.push("docs/points.md is not what `cargo xtask points` writes".to_owned());
    }
    if empty.is_empty() {
        Ok(())
    } else {
        Err(empty.join("\n").into())
    }
}

fn sources(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if path.file_name().is_none_or(|name| name != "target") {
                sources(&path, files)?;
            }
        } else if path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

fn scan(name: &str, text: &str, found: &mut BTreeMap<&'static str, Found>) {
    let test_file = name.contains("/tests/") || name.contains("/testkit/");
    // The list of the points itself stands for none of them.
    let list = name.ends_with("vmie-rules/src/svc.rs");
    // The table of messages writes the variants without the name of their type.
    let messages = name.ends_with("vmie-rules/src/message.rs");
    let mut in_tests = test_file;
    for line in text.lines() {
        in_tests |= line.trim_start().starts_with("#[cfg(test)]");
        for id in SvcId::ALL {
            let point = id.as_str();
            let entry = found.entry(point).or_default();
            if in_tests {
                if let Some(test) = line.trim_start().strip_prefix("fn ") {
                    let test = test.split('(').next().unwrap_or_default();
                    let word = point.to_ascii_lowercase().replace('-', "_");
                    if holds(test, &word) {
                        let file = name.rsplit('/').next().unwrap_or(name);
                        entry.tests.insert(format!("{file}::{test}"));
                    }
                } else if line.trim_start().starts_with("//") && holds(line, point) {
                    entry.tests.insert(name.to_owned());
                }
            } else if !list
                && (holds(line, point)
                    || holds(line, &format!("SvcId::{id:?}"))
                    || messages && holds(line, &format!(" {id:?}")))
            {
                entry.code.insert(name.to_owned());
            }
        }
    }
}

/// Whether a text holds a word that no digit follows: `SVC-TASK-1` is not in `SVC-TASK-10`.
fn holds(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let next = text[at + word.len()..].chars().next();
        next.is_none_or(|c| !c.is_ascii_alphanumeric())
    })
}
