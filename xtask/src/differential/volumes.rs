//! Partition tables by sfdisk, read by us.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::Result;
use crate::run::{Tally, json, text, tool};

/// Tables as sfdisk takes them.
const TABLES: [(&str, &str); 6] = [
    (
        "mbr",
        "label: dos\nlabel-id: 0x12ab0001\nstart=2048, size=20480, type=83, bootable\n\
         start=22528, size=2048, type=82\n",
    ),
    (
        "mbr-logical",
        "label: dos\nstart=2048, size=20480, type=83\nstart=22528, type=5\nsize=4096, type=83\n\
         size=4096, type=82\nsize=8192, type=8e\n",
    ),
    (
        "mbr-one-logical",
        "label: dos\nstart=2048, type=f\nstart=6144, size=4096, type=7\n",
    ),
    (
        "gpt",
        "label: gpt\nsize=4096, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, \
         name=\"EFI System Partition\"\nsize=2048, type=21686148-6449-6E6F-744E-656564454649\n\
         type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, name=\"rööt\", attrs=LegacyBIOSBootable\n",
    ),
    (
        "gpt-many",
        "label: gpt\ntable-length: 256\nsize=2048\nsize=2048\nsize=2048\nsize=2048\nsize=2048\n",
    ),
    ("empty-mbr", "label: dos\n"),
];

/// Tables of 4096-byte sectors, as fdisk takes them.
const LARGE_SECTORS: [(&str, &str); 2] = [
    ("gpt-4k", "g\nn\n1\n\n+8M\nn\n2\n\n\nw\n"),
    ("mbr-4k", "o\nn\np\n1\n\n+8M\nn\np\n2\n\n\nw\n"),
];

pub(super) fn run(vmie: &Path, folder: &Path, tally: &mut Tally) -> Result<()> {
    for (name, script) in TABLES {
        let path = empty_disk(folder, name)?;
        feed(&["sfdisk", "-q", text(&path)], script)?;
        let theirs: Value = serde_json::from_str(&tool("sfdisk", &["-J", text(&path)])?)?;
        let theirs = &theirs["partitiontable"];
        compare(vmie, &path, name, theirs, tally)?;
        if name.starts_with("gpt") {
            spoil_primary(&path, 512)?;
            compare(vmie, &path, &format!("{name} by its backup"), theirs, tally)?;
        }
    }
    for (name, script) in LARGE_SECTORS {
        let path = empty_disk(folder, name)?;
        feed(&["fdisk", "-b", "4096", text(&path)], script)?;
        // A table of an MBR does not say how large its sectors are: what stands where they would
        // start does.
        tool(
            "mke2fs",
            &["-q", "-F", "-E", "offset=1048576", text(&path), "4096k"],
        )?;
        compare_places(vmie, &path, name, tally)?;
        if name.starts_with("gpt") {
            spoil_primary(&path, 4096)?;
            compare_places(vmie, &path, &format!("{name} by its backup"), tally)?;
        }
    }
    Ok(())
}

fn empty_disk(folder: &Path, name: &str) -> Result<PathBuf> {
    let path = folder.join(name);
    File::create(&path)?.set_len(64 << 20)?;
    Ok(path)
}

/// Spoils the primary header of a GPT: the backup must say the same.
fn spoil_primary(path: &Path, sector: u64) -> Result<()> {
    let file = File::options().write(true).open(path)?;
    Ok(std::os::unix::fs::FileExt::write_all_at(
        &file,
        &[0xff; 16],
        sector + 24,
    )?)
}

/// Runs a tool that is told what to do on its standard input.
fn feed(command: &[&str], script: &str) -> Result<()> {
    let mut child = Command::new(command[0])
        .args(&command[1..])
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| format!("{} cannot be run ({error}): install it", command[0]))?;
    child
        .stdin
        .take()
        .ok_or("no pipe")?
        .write_all(script.as_bytes())?;
    if child.wait()?.success() {
        Ok(())
    } else {
        Err(format!("{command:?} failed").into())
    }
}

/// The disk's volumes as we tell them, the disk itself left out.
fn ours(vmie: &Path, path: &Path) -> Result<(Value, Vec<Value>)> {
    let (document, code) = json(vmie, &["volumes", "--json", "-f", "raw", text(path)])?;
    if code != 0 {
        return Err(format!("{}: exit {code}: {document}", path.display()).into());
    }
    let disk = document["disks"][0].clone();
    let volumes = disk["volumes"].as_array().cloned().unwrap_or_default();
    Ok((
        disk,
        volumes
            .into_iter()
            .filter(|volume| volume["kind"] != "disk")
            .collect(),
    ))
}

/// Numbers and places as partx tells them, which counts in 512 bytes whatever the sector size.
fn compare_places(vmie: &Path, path: &Path, what: &str, tally: &mut Tally) -> Result<()> {
    let columns = [
        "-S",
        "4096",
        "-b",
        "-g",
        "-o",
        "NR,START,SECTORS",
        text(path),
    ];
    let theirs: Vec<(String, u64, u64)> = tool("partx", &columns)?
        .lines()
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            Ok((
                format!("disk0p{}", words[0]),
                words[1].parse::<u64>()? * 512,
                words[2].parse::<u64>()? * 512,
            ))
        })
        .collect::<Result<_>>()?;
    let (disk, volumes) = ours(vmie, path)?;
    let ours: Vec<(String, u64, u64)> = volumes
        .iter()
        .map(|volume| {
            let number = |key: &str| volume[key].as_u64().unwrap_or_default();
            (
                volume["id"].as_str().unwrap_or_default().to_owned(),
                number("start"),
                number("size"),
            )
        })
        .collect();
    tally.same(
        &format!("{what}: sector"),
        disk["sector_size"].as_u64(),
        Some(4096),
    );
    tally.check(!theirs.is_empty(), || {
        format!("{what}: partx finds nothing")
    });
    tally.same(&format!("{what}: partitions"), ours, theirs);
    Ok(())
}

fn compare(vmie: &Path, path: &Path, what: &str, theirs: &Value, tally: &mut Tally) -> Result<()> {
    let (disk, partitions) = ours(vmie, path)?;
    let table = if theirs["label"] == "dos" {
        "mbr"
    } else {
        "gpt"
    };
    tally.same(
        &format!("{what}: table"),
        disk["table"].as_str(),
        Some(table),
    );
    tally.same(
        &format!("{what}: sector"),
        disk["sector_size"].as_u64(),
        Some(512),
    );
    let empty = Vec::new();
    let reference = theirs["partitions"].as_array().unwrap_or(&empty);
    tally.same(
        &format!("{what}: partitions"),
        partitions.len(),
        reference.len(),
    );
    for (ours, theirs) in partitions.iter().zip(reference) {
        let node = theirs["node"].as_str().unwrap_or_default();
        let number = node.trim_start_matches(text(path)).trim_start_matches('p');
        tally.same(
            &format!("{what}: id"),
            ours["id"].as_str(),
            Some(format!("disk0p{number}").as_str()),
        );
        for (key, other) in [("start", "start"), ("size", "size")] {
            let bytes = theirs[other].as_u64().map(|sectors| sectors * 512);
            tally.same(
                &format!("{what}: {number} {key}"),
                ours[key].as_u64(),
                bytes,
            );
        }
        let kind = ours["type"]
            .as_str()
            .unwrap_or_default()
            .trim_start_matches("0x");
        let other = theirs["type"].as_str().unwrap_or_default();
        let same = kind.eq_ignore_ascii_case(other)
            || u8::from_str_radix(kind, 16).ok() == u8::from_str_radix(other, 16).ok();
        tally.check(same, || {
            format!("{what}: {number} type: vmie {kind}, reference {other}")
        });
        tally.same(
            &format!("{what}: {number} name"),
            ours["name"].as_str().unwrap_or_default(),
            theirs["name"].as_str().unwrap_or_default(),
        );
        let bootable = theirs["bootable"].as_bool().unwrap_or(false)
            || theirs["attrs"]
                .as_str()
                .is_some_and(|attrs| attrs.contains("LegacyBIOSBootable"));
        tally.same(
            &format!("{what}: {number} bootable"),
            ours["bootable"].as_bool(),
            Some(bootable),
        );
    }
    Ok(())
}
