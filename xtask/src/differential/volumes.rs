//! Partition tables by sfdisk, read by us.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::Result;
use crate::run::{Tally, json, text, tool};

/// Tables as sfdisk takes them; the number is the sector size.
const TABLES: [(&str, u64, &str); 7] = [
    (
        "mbr",
        512,
        "label: dos\nlabel-id: 0x12ab0001\nstart=2048, size=20480, type=83, bootable\nstart=22528, size=2048, type=82\n",
    ),
    (
        "mbr-logical",
        512,
        "label: dos\nstart=2048, size=20480, type=83\nstart=22528, type=5\nsize=4096, type=83\nsize=4096, type=82\nsize=8192, type=8e\n",
    ),
    (
        "mbr-one-logical",
        512,
        "label: dos\nstart=2048, type=f\nstart=6144, size=4096, type=7\n",
    ),
    (
        "gpt",
        512,
        "label: gpt\nsize=4096, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, name=\"EFI System Partition\"\nsize=2048, type=21686148-6449-6E6F-744E-656564454649\ntype=0FC63DAF-8483-4772-8E79-3D69D8477DE4, name=\"rööt\", attrs=LegacyBIOSBootable\n",
    ),
    (
        "gpt-4k",
        4096,
        "label: gpt\nsize=256, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B\ntype=0FC63DAF-8483-4772-8E79-3D69D8477DE4, name=\"root\"\n",
    ),
    (
        "gpt-many",
        512,
        "label: gpt\ntable-length: 256\nsize=2048\nsize=2048\nsize=2048\nsize=2048\nsize=2048\n",
    ),
    ("empty-mbr", 512, "label: dos\n"),
];

pub(super) fn run(vmie: &Path, folder: &Path, tally: &mut Tally) -> Result<()> {
    for (name, sector, script) in TABLES {
        let path = folder.join(name);
        File::create(&path)?.set_len(64 << 20)?;
        sfdisk(&path, sector, script)?;
        let size = sector.to_string();
        let theirs: Value = serde_json::from_str(&tool(
            "sfdisk",
            &["--sector-size", &size, "-J", text(&path)],
        )?)?;
        compare(vmie, &path, name, sector, &theirs["partitiontable"], tally)?;
        if name.starts_with("gpt") {
            // Spoil the primary header: the backup must say the same.
            let file = File::options().write(true).open(&path)?;
            std::os::unix::fs::FileExt::write_all_at(&file, &[0xff; 16], sector + 24)?;
            let what = format!("{name} by its backup");
            compare(vmie, &path, &what, sector, &theirs["partitiontable"], tally)?;
        }
    }
    Ok(())
}

fn sfdisk(path: &Path, sector: u64, script: &str) -> Result<()> {
    let mut child = Command::new("sfdisk")
        .args(["-q", "--sector-size", &sector.to_string(), text(path)])
        .stdin(Stdio::piped())
        .spawn()
        .map_err(|error| format!("sfdisk cannot be run ({error}): install it"))?;
    child
        .stdin
        .take()
        .ok_or("no pipe")?
        .write_all(script.as_bytes())?;
    if child.wait()?.success() {
        Ok(())
    } else {
        Err(format!("sfdisk refuses {script}").into())
    }
}

fn compare(
    vmie: &Path,
    path: &Path,
    what: &str,
    sector: u64,
    theirs: &Value,
    tally: &mut Tally,
) -> Result<()> {
    let (document, code) = json(vmie, &["volumes", "--json", "-f", "raw", text(path)])?;
    tally.same(&format!("{what}: exit"), code, 0);
    let ours = &document["disks"][0];
    let table = if theirs["label"] == "dos" {
        "mbr"
    } else {
        "gpt"
    };
    tally.same(
        &format!("{what}: table"),
        ours["table"].as_str(),
        Some(table),
    );
    let partitions: Vec<&Value> = ours["volumes"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|volume| volume["kind"] != "disk")
        .collect();
    if !partitions.is_empty() {
        tally.same(
            &format!("{what}: sector"),
            ours["sector_size"].as_u64(),
            Some(sector),
        );
    }
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
            let bytes = theirs[other].as_u64().map(|sectors| sectors * sector);
            // An extended partition is told with its whole length by us and by sfdisk alike.
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
