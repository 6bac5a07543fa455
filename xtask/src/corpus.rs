//! Every image of a corpus, within bounds; and disks against qemu-img.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::Result;
use crate::differential::{images, vhd};
use crate::run::{Tally, bounded, build_vmie, json, text, tool};

/// What reading any image may cost.
const MEBIBYTES: u64 = 1024;
const LIMIT: Duration = Duration::from_secs(20);
/// An image that takes longer in all is named.
const NOTABLE: Duration = Duration::from_secs(10);

pub(crate) fn run(folder: &Path) -> Result<()> {
    let index = fs::read_to_string(folder.join("INDEX.tsv"))
        .map_err(|error| format!("{}: {error}", folder.join("INDEX.tsv").display()))?;
    let vmie = build_vmie()?;
    let lines: Vec<&str> = index.lines().skip(1).collect();
    let next = AtomicUsize::new(0);
    let workers = std::thread::available_parallelism()?.get();
    let done: Vec<Result<(Tally, Slowest)>> = std::thread::scope(|scope| {
        let work = || -> Result<(Tally, Slowest)> {
            let scratch = tempfile::tempdir()?;
            let (mut tally, mut slowest) = (Tally::default(), Slowest::default());
            while let Some(line) = lines.get(next.fetch_add(1, Ordering::Relaxed)) {
                image(
                    &vmie,
                    folder,
                    line,
                    scratch.path(),
                    &mut tally,
                    &mut slowest,
                )
                .map_err(|error| format!("{line}: {error}"))?;
            }
            Ok((tally, slowest))
        };
        let workers: Vec<_> = (0..workers)
            .map(|_| scope.spawn(move || work().map_err(|error| error.to_string())))
            .collect();
        workers
            .into_iter()
            .map(|worker| Ok(worker.join().map_err(|_| "a worker panicked")??))
            .collect()
    });
    let (mut tally, mut slowest) = (Tally::default(), Slowest::default());
    for part in done {
        let (its_tally, its_slowest) = part?;
        tally.join(its_tally);
        slowest = slowest.max(its_slowest);
    }
    println!("slowest: {} in {:?}", slowest.1, slowest.0);
    tally.finish("corpus")
}

/// The command that took longest, and how long.
type Slowest = (Duration, String);

/// All that is asked of one line of the index.
fn image(
    vmie: &Path,
    folder: &Path,
    line: &str,
    scratch: &Path,
    tally: &mut Tally,
    slowest: &mut Slowest,
) -> Result<()> {
    let start = Instant::now();
    let name = line.split('\t').next().unwrap_or_default();
    let (path, beside) = placed(folder, name, scratch)?;
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
        match bounded(vmie, &arguments, MEBIBYTES, LIMIT) {
            Ok(run) => {
                tally.attempt(name, well_formed(&run.document, run.code));
                if run.took > slowest.0 {
                    *slowest = (run.took, format!("{} {name}", command[0]));
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
    compare(vmie, &image, scratch, tally)?;
    if let Some(beside) = beside {
        fs::remove_dir_all(&beside)?;
    } else if path.starts_with(scratch) {
        fs::remove_file(&path)?;
    }
    if start.elapsed() > NOTABLE {
        println!("{name}: {:.0?}", start.elapsed());
    }
    Ok(())
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
    let kind = name.split('/').next().unwrap_or_default();
    if !is_set || !["vmdk", "vhd", "vhdx"].contains(&kind) {
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

/// The formats that are compared, and qemu-img's names of them.
const COMPARED: [(&str, &str); 3] = [("vmdk", "vmdk"), ("vhd", "vpc"), ("vhdx", "vhdx")];

/// Disks that we convert are compared with what qemu-img makes of them, when it can read them; with
/// what the index has of another reader when it cannot, and for VHDs with a parent, which qemu-img
/// leaves out.
fn compare(vmie: &Path, image: &Image<'_>, scratch: &Path, tally: &mut Tally) -> Result<()> {
    let (name, path) = (image.name, image.path);
    let mut arguments = vec!["info", "--json", text(path)];
    if let Some(beside) = image.beside {
        arguments.extend(["--allow-references", text(beside)]);
    }
    let (info, code) = json(vmie, &arguments)?;
    let probed = tool("qemu-img", &["info", "--output=json", text(path)]).unwrap_or_default();
    let theirs = |format: &str| probed.contains(&format!("\"format\": \"{format}\""));
    if code != 0 && COMPARED.iter().any(|(_, format)| theirs(format)) {
        println!(
            "qemu-img reads {name}, and vmie does not: {}",
            info["error"]["message"]
        );
    }
    let ours = COMPARED.iter().find(|(ours, _)| info["format"] == *ours);
    let Some((format, qemu)) = ours.filter(|_| code == 0) else {
        return Ok(());
    };
    let raw = scratch.join("reference.raw");
    let convert = ["convert", "-f", qemu, "-O", "raw", text(path), text(&raw)];
    let without_parent = *format == "vhd" && info["variant"] == "differencing";
    let read = !without_parent && tool("qemu-img", &convert).is_ok();
    let told = told(image.facts).filter(|_| !read);
    // Holes are skipped on both sides: a digest would take the time of the disk's size.
    let same = if read {
        let disk = vmie::Image::open(path, &images::options(image.beside))?.disk(0)?;
        vhd::same_bytes(&disk, &raw)
    } else if let Some(theirs) = told {
        let ours = images::convert_beside(path, image.beside, scratch);
        ours.and_then(|ours| match theirs {
            theirs if ours == theirs => Ok(()),
            theirs => Err(format!("{ours}, and not {theirs}").into()),
        })
    } else {
        println!("qemu-img cannot read {name}, and nobody else is known to have");
        return Ok(());
    };
    if !read {
        println!("qemu-img cannot read {name}; another reader's digest is compared");
    }
    tally.attempt(name, same);
    let _ = fs::remove_file(&raw);
    Ok(())
}

/// The digest of the disk that the index has of a reader other than qemu-img as it is: of
/// dissect.hypervisor, libvhdi, or qemu-img on a copy that it repaired.
fn told(facts: &str) -> Option<String> {
    let readers = ["dissect.hypervisor:", "libvhdi:", "qemu-img (on a copy"];
    let after = |reader: &&str| Some(facts.split_once(*reader)?.1);
    let (_, facts) = readers
        .iter()
        .find_map(after)?
        .split_once("content sha256")?;
    let (_, digest) = facts.split_once('=')?;
    let digest: String = digest.chars().take_while(char::is_ascii_hexdigit).collect();
    (digest.len() == 64).then_some(digest)
}
