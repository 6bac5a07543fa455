//! What dissect.target reads of the same disks.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::Result;
use crate::peers::python::{DISSECT, python_with};
use crate::run::{text, tool};

/// A disk, and what we say of it.
pub(super) struct Read {
    pub(super) image: PathBuf,
    name: String,
    ours: String,
}

impl Read {
    pub(super) fn new(image: &Path, name: &str, document: &Value) -> Self {
        let os = &document["systems"][0]["os"];
        let told = |key: &str| os[key].as_str().unwrap_or_default();
        let version = match told("family") {
            "windows" => format!("{} {} {}", told("name"), told("edition"), told("version")),
            _ => format!("{} {}", told("name"), told("version")),
        };
        Self {
            image: image.to_owned(),
            name: name.to_owned(),
            ours: format!("{} | {version} | {}", told("family"), told("arch")),
        }
    }
}

/// Writes a page with both readings of every disk.
pub(super) fn differences(python: &Path, disks: &[Read], page: &Path) -> Result<()> {
    let python = python_with(python, DISSECT)?;
    let images: Vec<&str> = disks.iter().map(|disk| text(&disk.image)).collect();
    let arguments = [&["-c", include_str!("dissect.py")], images.as_slice()].concat();
    let theirs = tool(text(&python), &arguments)?;
    let mut out = String::from(
        "# Phony guests as two readers see them\n\n\
         Written by `cargo xtask phony --quick --dissect FILE`: one guest of each row of the matrix, as a disk whose\n\
         filesystem its own mkfs made, by `vmie preflight` and by dissect.target (`os`, `version`, `architecture`).\n\n\
         | row | vmie | dissect.target |\n|---|---|---|\n",
    );
    for (disk, theirs) in disks.iter().zip(theirs.lines()) {
        let ours = disk.ours.replace('|', "·");
        let theirs = theirs.replace('\t', " · ");
        writeln!(
            out,
            "| {} | {ours} | {theirs} |",
            disk.name.replace('|', "/")
        )?;
    }
    std::fs::write(page, out)?;
    Ok(())
}
