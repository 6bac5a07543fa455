//! Every image of a corpus: read within bounds, and what it is and holds, as its index says.

mod answer;
mod told;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use self::answer::Outcomes;
use crate::Result;
use crate::run::{Tally, bounded, build_vmie, text, tool};

/// What reading any image may cost.
const MEBIBYTES: u64 = 1024;
const LIMIT: Duration = Duration::from_secs(20);
/// An image that takes longer in all is named.
const NOTABLE: Duration = Duration::from_secs(10);

pub(crate) fn run(folder: &Path) -> Result<()> {
    let index = fs::read_to_string(folder.join("INDEX.tsv"))
        .map_err(|error| format!("{}: {error}", folder.join("INDEX.tsv").display()))?;
    let vmie = build_vmie()?;
    let mut lines: Vec<&str> = index.lines().skip(1).collect();
    // Those whose disks are hashed take longest: they are begun first.
    lines.sort_by_key(|line| !line.contains("content sha256"));
    let next = AtomicUsize::new(0);
    let workers = std::thread::available_parallelism()?.get();
    let done: Vec<Result<Part>> = std::thread::scope(|scope| {
        let work = || -> Result<Part> {
            let scratch = tempfile::tempdir()?;
            let mut part = Part::default();
            while let Some(line) = lines.get(next.fetch_add(1, Ordering::Relaxed)) {
                image(&vmie, folder, line, scratch.path(), &mut part)
                    .map_err(|error| format!("{line}: {error}"))?;
            }
            Ok(part)
        };
        let workers: Vec<_> = (0..workers)
            .map(|_| scope.spawn(move || work().map_err(|error| error.to_string())))
            .collect();
        workers
            .into_iter()
            .map(|worker| Ok(worker.join().map_err(|_| "a worker panicked")??))
            .collect()
    });
    let mut whole = Part::default();
    for part in done {
        let part = part?;
        whole.tally.join(part.tally);
        whole.outcomes.join(part.outcomes);
        whole.slowest = whole.slowest.max(part.slowest);
    }
    println!("slowest: {} in {:?}", whole.slowest.1, whole.slowest.0);
    println!("{} images: {}", lines.len(), whole.outcomes);
    let explained = whole.outcomes.explained.len();
    whole.tally.check(explained * 100 <= lines.len() * 3, || {
        format!(
            "{explained} of {} answers have to be explained",
            lines.len()
        )
    });
    whole.tally.finish("corpus")
}

/// What one thread found.
#[derive(Default)]
struct Part {
    tally: Tally,
    outcomes: Outcomes,
    /// The command that took longest, and how long.
    slowest: (Duration, String),
}

/// All that is asked of one line of the index.
fn image(vmie: &Path, folder: &Path, line: &str, scratch: &Path, part: &mut Part) -> Result<()> {
    let start = Instant::now();
    let name = line.split('\t').next().unwrap_or_default();
    let (path, beside) = placed(folder, name, scratch)?;
    let mut info = None;
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
                let whole = well_formed(&run.document, run.code);
                part.tally.attempt(name, whole);
                if run.took > part.slowest.0 {
                    part.slowest = (run.took, format!("{} {name}", command[0]));
                }
                info.get_or_insert((run.document, run.code));
            }
            Err(error) => part.tally.attempt(name, Err(error)),
        }
    }
    if let Some((info, code)) = info.filter(|_| start.elapsed() < LIMIT * 6) {
        let image = Image {
            name,
            path: &path,
            beside: beside.as_deref(),
            told: told::told(line),
        };
        let outcome = answer::compare(&image, &info, code);
        part.outcomes.take(name, outcome, &mut part.tally);
    }
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
    told: told::Told,
}

/// Where the image is, unpacked; an image of several files is in a folder of its own, which is told,
/// too.
fn placed(folder: &Path, name: &str, scratch: &Path) -> Result<(PathBuf, Option<PathBuf>)> {
    let path = folder.join(name);
    let parent = path.parent().ok_or("no folder")?;
    let is_set = name.matches('/').count() > 1 && fs::read_dir(parent)?.count() > 1;
    let kind = name.split('/').next().unwrap_or_default();
    if !is_set || !["vmdk", "vhd", "vhdx", "qcow2", "ova"].contains(&kind) {
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
pub(crate) fn unpacked(path: &Path, scratch: &Path) -> Result<PathBuf> {
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
