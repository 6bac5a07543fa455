//! What other inspectors read of the same guests, in a table.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::Result;
use crate::peers::python::{DISSECT, python_with};
use crate::run::{Tally, text};

/// The other inspectors, and where the table goes.
pub(super) struct Readers {
    python: PathBuf,
    inspector: Option<String>,
    page: PathBuf,
    rows: Vec<String>,
}

/// What an inspector says: the system's id, its version, what it is made for; and how long it took.
struct Said {
    id: String,
    version: String,
    arch: String,
    took: Duration,
}

impl Readers {
    pub(super) fn new(python: &Path, inspector: Option<String>, page: &Path) -> Result<Self> {
        Ok(Self {
            python: python_with(python, DISSECT)?,
            inspector,
            page: page.to_owned(),
            rows: Vec::new(),
        })
    }

    /// Asks the others about an image that `vmie` has read.
    pub(super) fn look(
        &mut self,
        name: &str,
        image: &Path,
        document: &Value,
        took: Duration,
        tally: &mut Tally,
    ) {
        let os = &document["systems"][0]["os"];
        let told = |key: &str| os[key].as_str().unwrap_or_default().to_owned();
        let mut version = told("version");
        if told("family") == "windows" {
            version = format!("{} {} ({version})", told("name"), told("edition"));
        }
        let ours = Said {
            id: told("id"),
            version,
            arch: told("arch"),
            took,
        };
        let dissect = by_dissect(&self.python, image);
        let inspector = self
            .inspector
            .as_ref()
            .map(|program| by_inspector(program, image));
        // An encrypted root tells nobody anything.
        if !ours.id.is_empty() {
            for (reader, said) in [
                ("dissect.target", Some(&dissect)),
                ("virt-inspector", inspector.as_ref()),
            ] {
                let Some(said) = said else { continue };
                let what = format!("{name} by {reader}");
                match said {
                    Ok(said) => agree(&what, &ours, said, tally),
                    Err(why) => println!("{what}: {why}"),
                }
            }
        }
        let cell = |said: &Result<Said>| match said {
            Ok(said) => format!(
                "{} · {} · {} ({:.1} s)",
                said.id,
                said.version,
                said.arch,
                said.took.as_secs_f64()
            ),
            Err(why) => why
                .to_string()
                .lines()
                .last()
                .unwrap_or_default()
                .replace('|', "/"),
        };
        self.rows.push(format!(
            "| {name} | {} · {} · {} ({:.3} s) | {} | {} |",
            ours.id,
            ours.version,
            ours.arch,
            ours.took.as_secs_f64(),
            cell(&dissect),
            inspector
                .as_ref()
                .map_or_else(|| "not asked".to_owned(), cell),
        ));
    }

    /// Writes the table.
    pub(super) fn write(&self) -> Result<()> {
        let mut out = String::from(
            "# Guests as three inspectors see them\n\n\
             Written by `cargo xtask guests DIR --readers docs/guest-readers.md`, with `--inspector` for\n\
             virt-inspector: the system, its version and what its programs are made for, by `vmie preflight`, by\n\
             dissect.target (`os`, `version`, `architecture`) and by virt-inspector. The times are those of one\n\
             run of each, and no benchmark.\n\n\
             | guest | vmie | dissect.target | virt-inspector |\n|---|---|---|---|\n",
        );
        for row in &self.rows {
            writeln!(out, "{row}")?;
        }
        Ok(std::fs::write(&self.page, out)?)
    }
}

/// The same system and the same first number of its version; and the same word size.
fn agree(what: &str, ours: &Said, theirs: &Said, tally: &mut Tally) {
    let number = |text: &str| {
        text.split(|c: char| !c.is_ascii_digit())
            .find(|digits| !digits.is_empty())
            .map(str::to_owned)
    };
    let same_id =
        theirs.id.eq_ignore_ascii_case(&ours.id) || (theirs.id == "linux" && ours.id != "windows");
    tally.check(same_id, || {
        format!("{what}: {}, and we say {}", theirs.id, ours.id)
    });
    tally.same(
        &format!("{what}: version"),
        number(&ours.version),
        number(&theirs.version),
    );
    let wide = |arch: &str| arch.contains("64");
    if !theirs.arch.is_empty() && theirs.arch != "None" {
        tally.same(
            &format!("{what}: word size"),
            wide(&ours.arch),
            wide(&theirs.arch),
        );
    }
}

fn by_dissect(python: &Path, image: &Path) -> Result<Said> {
    let start = Instant::now();
    let output = Command::new(python)
        .args(["-c", include_str!("../phony/dissect.py"), text(image)])
        .output()?;
    let took = start.elapsed();
    let line = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let mut fields = line.split('\t').map(str::to_owned);
    let mut next = || fields.next().unwrap_or_default();
    let said = Said {
        id: next(),
        version: next(),
        arch: next(),
        took,
    };
    // It says `default` where it finds no system: on filesystems that it does not read, such as JFS.
    if said.version == "-" || said.id.is_empty() || said.id == "default" {
        return Err(format!("nothing ({})", said.id).into());
    }
    Ok(said)
}

/// What stands between a tag and its end, the first time.
fn tag(xml: &str, name: &str) -> String {
    let inner = xml
        .split_once(&format!("<{name}>"))
        .and_then(|(_, rest)| rest.split_once(&format!("</{name}>")));
    inner.map_or_else(String::new, |(inner, _)| inner.to_owned())
}

fn by_inspector(program: &str, image: &Path) -> Result<Said> {
    let start = Instant::now();
    // A program and its own arguments, such as one that runs in a changed root.
    let mut words = program.split_whitespace();
    let output = Command::new(words.next().ok_or("an inspector without a name")?)
        .args(words)
        .args([
            "--format=raw",
            "--no-applications",
            "--no-icon",
            "-a",
            text(image),
        ])
        .env("LIBGUESTFS_BACKEND", "direct")
        .output()?;
    let took = start.elapsed();
    let xml = String::from_utf8_lossy(&output.stdout);
    let distro = tag(&xml, "distro");
    if distro.is_empty() {
        let why = String::from_utf8_lossy(&output.stderr);
        return Err(format!("nothing ({})", why.lines().last().unwrap_or_default()).into());
    }
    let numbers = format!(
        "{}.{}",
        tag(&xml, "major_version"),
        tag(&xml, "minor_version")
    );
    let version = match distro.as_str() {
        "windows" => format!("{} ({numbers})", tag(&xml, "product_name")),
        _ => numbers,
    };
    Ok(Said {
        id: distro,
        version,
        arch: tag(&xml, "arch"),
        took,
    })
}
