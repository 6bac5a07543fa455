//! A Python interpreter with the packages that a peer needs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Result;
use crate::run::{text, tool};

/// dissect.target with what reads filesystems for it: it takes a disk whose filesystem it does not know for one
/// without a system, and says no more.
pub(crate) const DISSECT: &[&str] = &[
    "dissect.target",
    "dissect.btrfs",
    "dissect.extfs",
    "dissect.fat",
    "dissect.ntfs",
    "dissect.xfs",
];

/// An interpreter that has the packages: the given one, or one of an environment made in target/.
pub(crate) fn python_with(python: &Path, packages: &[&str]) -> Result<PathBuf> {
    let import = format!("import {}", packages.join(", "));
    let import = ["-c", import.as_str()];
    if tool(text(python), &import).is_ok() {
        return Ok(python.to_owned());
    }
    let environment = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/peers-python");
    let own = environment.join("bin/python");
    if tool(text(&own), &import).is_err() {
        println!(
            "getting {} into {}",
            packages.join(", "),
            environment.display()
        );
        tool(text(python), &["-m", "venv", text(&environment)])?;
        tool(
            text(&own),
            &[&["-m", "pip", "install", "-q"], packages].concat(),
        )?;
        tool(text(&own), &import)?;
    }
    Ok(own)
}

/// Runs a script of `service/`; when it fails, it has said why.
pub(crate) fn drive(python: &Path, script: &str, arguments: &[&str]) -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/peers/service");
    let status = Command::new(python)
        .arg(folder.join(script))
        .args(arguments)
        .env("PYTHONUTF8", "1")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .status()?;
    match status.success() {
        true => Ok(()),
        false => Err(format!("{script} found what does not hold").into()),
    }
}
