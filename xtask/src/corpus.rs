//! Every image of a corpus, within bounds; and disks against qemu-img.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::Result;
use crate::differential::images;
use crate::run::{Tally, bounded, build_vmie, json, sha256, text, tool};

/// What reading any image may cost.
const MEBIBYTES: u64 = 1024;
const LIMIT: Duration = Duration::from_secs(20);

pub(crate) fn run(folder: &Path) -> Result<()> {
    let index = fs::read_to_string(folder.join("INDEX.tsv"))
        .map_err(|error| format!("{}: {error}", folder.join("INDEX.tsv").display()))?;
    let vmie = build_vmie()?;
    let scratch = tempfile::tempdir()?;
    let mut tally = Tally::default();
    let mut slowest = (Duration::ZERO, String::new());
    for line in index.lines().skip(1) {
        let name = line.split('\t').next().unwrap_or_default();
        let path = unpacked(&folder.join(name), scratch.path())?;
        for command in [
            ["info"].as_slice(),
            &["volumes"],
            &["ls", "-R"],
            &["inspect"],
            &["preflight"],
        ] {
            // Some members of the corpus are no disks at all; raw is what is left for them.
            let mut arguments = command.to_vec();
            arguments.extend(["--json", text(&path)]);
            if command[0] == "ls" {
                arguments.push("/");
            }
            match bounded(&vmie, &arguments, MEBIBYTES, LIMIT) {
                Ok(run) => {
                    tally.attempt(name, well_formed(&run.document, run.code));
                    if run.took > slowest.0 {
                        slowest = (run.took, format!("{} {name}", command[0]));
                    }
                }
                Err(error) => tally.attempt(name, Err(error)),
            }
        }
        compare(&vmie, name, &path, scratch.path(), &mut tally)?;
        if path.starts_with(scratch.path()) {
            fs::remove_file(&path)?;
        }
    }
    println!("slowest: {} in {:?}", slowest.1, slowest.0);
    tally.finish("corpus")
}

/// A failure says what kind it is and what to do; a success names its schema.
fn well_formed(document: &Value, code: i32) -> Result<()> {
    let error = &document["error"];
    let whole = if code == 2 {
        error["kind"].is_string() && error["advice"].is_string()
    } else {
        document["schema"].is_object() || error["kind"].is_string()
    };
    if whole {
        Ok(())
    } else {
        Err(format!("exit {code} with {document}").into())
    }
}

/// A packed image is unpacked into the scratch folder.
fn unpacked(path: &Path, scratch: &Path) -> Result<PathBuf> {
    let unpack = match path.extension().and_then(|e| e.to_str()) {
        Some("zst") => "zstd -q -d --sparse -f -o \"$2\" \"$1\"",
        Some("gz") => "gzip -dc \"$1\" | cp --sparse=always /dev/stdin \"$2\"",
        Some("bz2") => "bzip2 -dc \"$1\" | cp --sparse=always /dev/stdin \"$2\"",
        Some("xz") => "xz -dc \"$1\" | cp --sparse=always /dev/stdin \"$2\"",
        _ => return Ok(path.to_owned()),
    };
    let target = scratch.join(path.file_stem().ok_or("no name")?);
    let script = format!("set -eo pipefail; {unpack}");
    tool("bash", &["-c", &script, "bash", text(path), text(&target)])?;
    Ok(target)
}

/// Disks that we convert are compared with what qemu-img makes of them, when it can read them.
fn compare(vmie: &Path, name: &str, path: &Path, scratch: &Path, tally: &mut Tally) -> Result<()> {
    let (info, code) = json(vmie, &["info", "--json", text(path)])?;
    if code != 0 || info["format"] != "vmdk" {
        return Ok(());
    }
    let raw = scratch.join("reference.raw");
    if tool(
        "qemu-img",
        &["convert", "-f", "vmdk", "-O", "raw", text(path), text(&raw)],
    )
    .is_err()
    {
        println!("qemu-img cannot read {name}");
        return Ok(());
    }
    let same = images::convert(path, scratch).and_then(|ours| {
        let theirs = sha256(&raw)?;
        if ours == theirs {
            Ok(())
        } else {
            Err(format!("{ours}, and not {theirs}").into())
        }
    });
    tally.attempt(name, same);
    fs::remove_file(&raw)?;
    Ok(())
}
