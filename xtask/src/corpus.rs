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
        let (path, beside) = placed(folder, name, scratch.path())?;
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
            if let Some(beside) = &beside {
                arguments.extend(["--allow-references", text(beside)]);
            }
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
        let facts = line.split('\t').nth(7).unwrap_or_default();
        let image = Image {
            name,
            path: &path,
            beside: beside.as_deref(),
            facts,
        };
        compare(&vmie, &image, scratch.path(), &mut tally)?;
        if let Some(beside) = beside {
            fs::remove_dir_all(&beside)?;
        } else if path.starts_with(scratch.path()) {
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

/// An image of the corpus.
struct Image<'a> {
    name: &'a str,
    path: &'a Path,
    /// The folder with the other files of the same image.
    beside: Option<&'a Path>,
    /// What the index says that other readers found.
    facts: &'a str,
}

/// Where the image is, unpacked; an image of several files is in a folder of its own, which is told,
/// too.
fn placed(folder: &Path, name: &str, scratch: &Path) -> Result<(PathBuf, Option<PathBuf>)> {
    let path = folder.join(name);
    let parent = path.parent().ok_or("no folder")?;
    let is_set = name.matches('/').count() > 1 && fs::read_dir(parent)?.count() > 1;
    if !is_set || !name.starts_with("vmdk/") {
        return Ok((unpacked(&path, scratch)?, None));
    }
    let beside = scratch.join("set");
    fs::create_dir_all(&beside)?;
    let mut placed = None;
    for entry in fs::read_dir(parent)? {
        let from = entry?.path();
        let mut to = unpacked(&from, &beside)?;
        if to == from {
            to = beside.join(from.file_name().ok_or("no name")?);
            fs::copy(&from, &to)?;
        }
        if from == path {
            placed = Some(to);
        }
    }
    Ok((placed.ok_or("not in its folder")?, Some(beside)))
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

/// Disks that we convert are compared with what qemu-img makes of them, when it can read them; with
/// what the index has of another reader when it cannot.
fn compare(vmie: &Path, image: &Image<'_>, scratch: &Path, tally: &mut Tally) -> Result<()> {
    let (name, path) = (image.name, image.path);
    let mut arguments = vec!["info", "--json", text(path)];
    if let Some(beside) = image.beside {
        arguments.extend(["--allow-references", text(beside)]);
    }
    let (info, code) = json(vmie, &arguments)?;
    let probed = tool("qemu-img", &["info", "--output=json", text(path)]);
    let theirs_is_vmdk = probed.is_ok_and(|text| text.contains("\"format\": \"vmdk\""));
    if code != 0 && theirs_is_vmdk {
        println!(
            "qemu-img reads {name}, and vmie does not: {}",
            info["error"]["message"]
        );
    }
    if code != 0 || info["format"] != "vmdk" {
        return Ok(());
    }
    let raw = scratch.join("reference.raw");
    let read = tool(
        "qemu-img",
        &["convert", "-f", "vmdk", "-O", "raw", text(path), text(&raw)],
    );
    let theirs = match (read, told(image.facts)) {
        (Ok(_), _) => sha256(&raw),
        (Err(_), Some(digest)) => {
            println!("qemu-img cannot read {name}; another reader's digest is compared");
            Ok(digest)
        }
        (Err(_), None) => {
            println!("qemu-img cannot read {name}, and nobody else is known to have");
            return Ok(());
        }
    };
    let same = images::convert_beside(path, image.beside, scratch).and_then(|ours| {
        let theirs = theirs?;
        if ours == theirs {
            Ok(())
        } else {
            Err(format!("{ours}, and not {theirs}").into())
        }
    });
    tally.attempt(name, same);
    let _ = fs::remove_file(&raw);
    Ok(())
}

/// The digest of the disk that the index has of dissect.hypervisor.
fn told(facts: &str) -> Option<String> {
    let (_, facts) = facts.split_once("dissect.hypervisor:")?;
    let (_, facts) = facts.split_once("content sha256")?;
    let (_, digest) = facts.split_once('=')?;
    let digest: String = digest.chars().take_while(char::is_ascii_hexdigit).collect();
    (digest.len() == 64).then_some(digest)
}
