//! Registry hives as dissect.regf, regipy and hivexget read them: the values that tell a system apart,
//! every key and every byte of every value, and what transaction logs make of a hive that was not
//! written completely.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;
use serde_json::Value as Json;
use vmie::fs::{FsKind, MemoryFs};
use vmie::guest::registry::{Hive, Key, Kind, Replayed};
use vmie::guest::windows::Windows;
use vmie::guest::{GuestVolume, Inspection, inspect_volumes};
use vmie::io::{Budget, Limits, ReadAt};
use vmie::volumes::VolumeId;

use super::python::python_with;
use crate::Result;
use crate::run::{Tally, sha256_of, text, tool};

/// Which hives, and who else reads them.
#[derive(Args)]
pub(crate) struct Hives {
    /// A folder with hives, plain or packed by zstd or xz, and their logs beside them.
    folder: PathBuf,
    /// A Python interpreter that has dissect.regf and regipy; without it, one is made in target/.
    #[arg(long, default_value = "python3")]
    python: PathBuf,
}

const CURRENT: &str = "Microsoft\\Windows NT\\CurrentVersion";
/// Values that tell a system, by the hive that has them.
const WANTED: &[(&str, &str)] = &[
    (CURRENT, "ProductName"),
    (CURRENT, "CurrentBuild"),
    (CURRENT, "EditionID"),
    (CURRENT, "InstallationType"),
    (CURRENT, "CSDVersion"),
    ("Select", "Current"),
    (
        "ControlSet001\\Control\\ComputerName\\ComputerName",
        "ComputerName",
    ),
    (
        "ControlSet001\\Control\\Session Manager\\Environment",
        "PROCESSOR_ARCHITECTURE",
    ),
    ("ControlSet001\\Control\\ProductOptions", "ProductType"),
];

/// A hive with its logs, unpacked.
struct Set {
    name: String,
    hive: PathBuf,
    logs: Vec<PathBuf>,
    /// What Windows made of it, where the folder has that.
    recovered: Option<PathBuf>,
}

/// Keys, values, and one digest over all.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Walk {
    keys: u64,
    values: u64,
    digest: String,
}

impl Walk {
    fn of(answer: &Json) -> Self {
        Self {
            keys: answer["keys"].as_u64().unwrap_or_default(),
            values: answer["values"].as_u64().unwrap_or_default(),
            digest: answer["digest"].as_str().unwrap_or_default().to_owned(),
        }
    }
}

impl std::fmt::Display for Walk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let short = self.digest.get(..12).unwrap_or_default();
        write!(f, "{} keys, {} values, {short}", self.keys, self.values)
    }
}

pub(crate) fn run(arguments: &Hives) -> Result<()> {
    tool("hivexget", &["--help"]).or_else(|_| tool("sh", &["-c", "command -v hivexget"]))?;
    let python = python_with(&arguments.python, &["dissect.regf", "regipy"])?;
    let scratch = tempfile::tempdir()?;
    let sets = sets(&arguments.folder, scratch.path())?;
    if sets.is_empty() {
        return Err(format!("{} holds no hive", arguments.folder.display()).into());
    }
    let mut tally = Tally::default();
    println!(
        "| hive | what | vmie | dissect.regf | regipy | hivexget |\n|---|---|---|---|---|---|"
    );
    for set in &sets {
        let outcome = compare(set, &python, scratch.path(), &mut tally);
        tally.attempt(&set.name, outcome);
    }
    tally.finish("peers hives")
}

/// Every hive below a folder.
fn sets(folder: &Path, scratch: &Path) -> Result<Vec<Set>> {
    let mut files = Vec::new();
    walk_folder(folder, &mut files)?;
    files.sort();
    let mut unpacked: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
    for (number, file) in files.iter().enumerate() {
        let (name, packer) = match file.extension().and_then(|end| end.to_str()) {
            Some("zst") => (file.with_extension(""), Some("zstd")),
            Some("xz") => (file.with_extension(""), Some("xz")),
            _ => (file.clone(), None),
        };
        let Some(packer) = packer else {
            unpacked.insert(name, file.clone());
            continue;
        };
        let target = scratch.join(format!("{number}"));
        let bytes = Command::new(packer).arg("-dc").arg(file).output()?;
        if !bytes.status.success() {
            return Err(format!("{packer} cannot unpack {}", file.display()).into());
        }
        fs::write(&target, bytes.stdout)?;
        unpacked.insert(name, target);
    }
    let is_hive = |path: &Path| fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"regf"));
    let last = |path: &Path| {
        path.file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    let is_log = |path: &Path| {
        let end = path.extension().unwrap_or_default();
        end.to_string_lossy()
            .to_ascii_uppercase()
            .starts_with("LOG")
    };
    let mut sets = Vec::new();
    for (name, hive) in &unpacked {
        if is_log(name) || last(name).starts_with("Recovered") || !is_hive(hive) {
            continue;
        }
        let beside = |end: &str| {
            let log = PathBuf::from(format!("{}.{end}", name.display()));
            unpacked.get(&log).cloned()
        };
        sets.push(Set {
            name: last(name),
            hive: hive.clone(),
            logs: ["LOG1", "LOG2", "LOG"]
                .into_iter()
                .filter_map(beside)
                .collect(),
            recovered: unpacked
                .iter()
                .find(|(other, _)| {
                    other.parent() == name.parent() && last(other).starts_with("Recovered")
                })
                .map(|(_, path)| path.clone()),
        });
    }
    Ok(sets)
}

fn walk_folder(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            walk_folder(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn compare(set: &Set, python: &Path, scratch: &Path, tally: &mut Tally) -> Result<()> {
    let wanted: Vec<String> = WANTED
        .iter()
        .map(|(key, value)| format!("{key}\t{value}"))
        .collect();
    let logs: Vec<&str> = set.logs.iter().map(|log| text(log)).collect();
    let logs = logs.join(",");
    let place = scratch.join("recovered");
    let mut call = vec![
        "-c",
        include_str!("hives.py"),
        text(&set.hive),
        &logs,
        text(&place),
    ];
    call.extend(wanted.iter().map(String::as_str));
    let theirs: Json = serde_json::from_str(&tool(text(python), &call)?)?;
    let budget = Budget::new(Limits::default().with_work(u64::MAX));
    let bytes = fs::read(&set.hive)?;
    let alone = Hive::open(bytes.as_slice(), Vec::new(), &budget)?;
    let sources: Vec<Vec<u8>> = set
        .logs
        .iter()
        .map(fs::read)
        .collect::<std::io::Result<_>>()?;
    let readers = sources
        .iter()
        .map(|log| Box::new(log.as_slice()) as Box<dyn ReadAt + '_>)
        .collect();
    let whole = Hive::open(bytes.as_slice(), readers, &budget)?;
    // Neither dissect.regf nor hivexget replays logs: they see the hive as it is.
    let ours = walk(&alone)?;
    let dissect = Walk::of(&theirs["walk"]);
    row(
        &set.name,
        "as it is",
        [&ours.to_string(), &dissect.to_string(), "", ""],
    );
    tally.same(&format!("{}: every value", set.name), ours, dissect);
    for (line, (key, name)) in wanted.iter().zip(WANTED) {
        let ours = value(&alone, key, name)?;
        let told = |reader: &str| theirs[reader][line].as_str().map(str::to_owned);
        let hivex = by_hivex(&set.hive, key, name);
        let all = [ours.clone(), told("dissect"), told("regipy"), hivex];
        if all.iter().all(Option::is_none) {
            continue;
        }
        let shown = all.clone().map(Option::unwrap_or_default);
        row(
            &set.name,
            name,
            [&shown[0], &shown[1], &shown[2], &shown[3]],
        );
        for (reader, their) in ["dissect.regf", "regipy", "hivexget"]
            .into_iter()
            .zip(&all[1..])
        {
            let what = format!("{}: {name} by {reader}", set.name);
            tally.same(&what, ours.clone(), their.clone());
        }
    }
    replayed(set, &whole, &theirs, tally)?;
    facts(set, &bytes, &sources, &theirs, tally);
    Ok(())
}

/// What the logs make of the hive, beside what regipy and Windows made of it.
fn replayed(set: &Set, whole: &Hive<'_>, theirs: &Json, tally: &mut Tally) -> Result<()> {
    if set.logs.is_empty() || whole.replayed() == Replayed::Clean {
        return Ok(());
    }
    let ours = walk(whole)?;
    let regipy = match theirs.get("recovered") {
        Some(walk) => Walk::of(walk).to_string(),
        None => theirs["recovery"].as_str().unwrap_or_default().to_owned(),
    };
    let what = format!("with its logs ({:?})", whole.replayed());
    row(
        &set.name,
        &what,
        [
            &ours.to_string(),
            "does not replay",
            &regipy,
            "does not replay",
        ],
    );
    if let Some(path) = &set.recovered {
        let bytes = fs::read(path)?;
        let windows = walk(&Hive::open(
            bytes.as_slice(),
            Vec::new(),
            &Budget::default(),
        )?)?;
        row(
            &set.name,
            "as Windows recovered it",
            [&windows.to_string(), "", "", ""],
        );
        tally.same(
            &format!("{}: as Windows recovered it", set.name),
            ours,
            windows,
        );
    } else if let Some(walk) = theirs.get("recovered") {
        tally.same(
            &format!("{}: as regipy recovered it", set.name),
            ours,
            Walk::of(walk),
        );
    }
    Ok(())
}

/// The facts of a guest that has this hive alone, held against what the others read in it.
fn facts(set: &Set, bytes: &[u8], logs: &[Vec<u8>], theirs: &Json, tally: &mut Tally) {
    for hive in ["SOFTWARE", "SYSTEM"] {
        let path = format!("/Windows/System32/config/{hive}");
        let mut files = MemoryFs::new(FsKind::Ntfs).with_file(&path, bytes);
        for (log, number) in logs.iter().zip(1..) {
            files = files.with_file(format!("{path}.LOG{number}"), log.as_slice());
        }
        let id = VolumeId::partition(0, 1);
        let volumes = [GuestVolume::new(id, 1 << 30, None, files)];
        let found = inspect_volumes(Vec::new(), &volumes, &Limits::default());
        let Some(windows) = found.systems.first().and_then(|one| one.windows.as_deref()) else {
            continue;
        };
        let told = |key: &str, name: &str| {
            theirs["dissect"][format!("{key}\t{name}")]
                .as_str()
                .map(str::to_owned)
        };
        if hive == "SOFTWARE" && told(CURRENT, "ProductName").is_some() {
            software(set, windows, &told, tally);
        }
        if hive == "SYSTEM" && told("Select", "Current").is_some() {
            system(set, &found, windows, &told, tally);
        }
    }
}

type Told<'t> = &'t dyn Fn(&str, &str) -> Option<String>;

fn software(set: &Set, windows: &Windows, told: Told<'_>, tally: &mut Tally) {
    let product = windows.product.get().cloned().unwrap_or_default();
    let edition = windows.edition.get().cloned().unwrap_or_default();
    let line = format!(
        "{product} {edition}, build {:?}, SP{}",
        windows.build, windows.service_pack
    );
    let full = told(CURRENT, "ProductName").unwrap_or_default();
    row(&set.name, "the guest", [&line, &full, "", ""]);
    let name = &set.name;
    tally.same(
        &format!("{name}: product"),
        format!("{product} {edition}"),
        full,
    );
    let build = told(CURRENT, "CurrentBuild").and_then(|build| build.parse().ok());
    tally.same(&format!("{name}: build"), windows.build, build);
    tally.same(
        &format!("{name}: edition id"),
        windows.edition_id.clone(),
        told(CURRENT, "EditionID"),
    );
    let pack = told(CURRENT, "CSDVersion").unwrap_or_default();
    let number = pack.rsplit(' ').next().and_then(|n| n.parse().ok());
    tally.same(
        &format!("{name}: service pack"),
        windows.service_pack,
        number.unwrap_or(0),
    );
}

fn system(set: &Set, found: &Inspection, windows: &Windows, told: Told<'_>, tally: &mut Tally) {
    let arch = found.systems[0]
        .os
        .arch
        .get()
        .map_or("", |arch| arch.name());
    let line = format!(
        "{arch}, {:?}, server: {:?}",
        windows.computer_name, windows.server
    );
    let environment = "ControlSet001\\Control\\Session Manager\\Environment";
    let theirs = told(environment, "PROCESSOR_ARCHITECTURE").unwrap_or_default();
    row(&set.name, "the guest", [&line, &theirs, "", ""]);
    let known = match theirs.as_str() {
        "AMD64" => "x86_64",
        "x86" => "i386",
        other => other,
    };
    tally.same(&format!("{}: architecture", set.name), arch, known);
    let key = "ControlSet001\\Control\\ComputerName\\ComputerName";
    tally.same(
        &format!("{}: computer's name", set.name),
        windows.computer_name.clone(),
        told(key, "ComputerName"),
    );
    let kind = told("ControlSet001\\Control\\ProductOptions", "ProductType");
    tally.same(
        &format!("{}: server", set.name),
        windows.server,
        kind.map(|kind| kind != "WinNT"),
    );
}

fn row(name: &str, what: &str, told: [&str; 4]) {
    println!("| {name} | {what} | {} |", told.join(" | "));
}

/// A value as a text, numbers in decimal.
fn value(hive: &Hive<'_>, key: &str, name: &str) -> Result<Option<String>> {
    let Some(key) = hive.key(key)? else {
        return Ok(None);
    };
    let value = key.value(name)?;
    Ok(value.and_then(|value| match value.number() {
        Some(number) => Some(number.to_string()),
        None => value.text(),
    }))
}

fn by_hivex(hive: &Path, key: &str, name: &str) -> Option<String> {
    let key = format!("\\{key}");
    let said = tool("hivexget", &[text(hive), &key, name]).ok()?;
    let said = said.trim_end_matches('\n');
    // Numbers are written as `dword:00000001`, or plain.
    let number = said
        .strip_prefix("dword:")
        .and_then(|digits| u32::from_str_radix(digits, 16).ok());
    Some(number.map_or_else(|| said.to_owned(), |number| number.to_string()))
}

fn number(kind: Kind) -> u32 {
    match kind {
        Kind::Text => 1,
        Kind::ExpandText => 2,
        Kind::Binary => 3,
        Kind::Number => 4,
        Kind::NumberBigEndian => 5,
        Kind::Link => 6,
        Kind::Texts => 7,
        Kind::LongNumber => 11,
        Kind::Other(other) => other,
        _ => u32::MAX,
    }
}

/// Goes through every key and value, as the other reader does.
fn walk(hive: &Hive<'_>) -> Result<Walk> {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    let mut keys = 0;
    let mut waiting: Vec<(Key<'_>, String)> = vec![(hive.root()?, String::new())];
    while let Some((key, place)) = waiting.pop() {
        keys += 1;
        for value in key.values()? {
            let value = value?;
            let name = match value.name() {
                "" => "(Default)",
                name => name,
            };
            let data = value.data();
            let (kind, len, sum) = (number(value.kind()), data.len(), sha256_of(data));
            lines.push(format!("{place}\0{name}\0{kind}\0{len}\0{sum}").into_bytes());
        }
        for below in key.subkeys()? {
            let below = below?;
            let place = format!("{place}\\{}", below.name());
            waiting.push((below, place));
        }
    }
    lines.sort();
    Ok(Walk {
        keys,
        values: u64::try_from(lines.len())?,
        digest: sha256_of(&lines.join(&b'\n')),
    })
}
