//! Guests with a manifest that says what must be found.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use serde_json::Value;

use crate::Result;
use crate::run::{Tally, build_vmie, json, text, tool};

mod readers;

/// Which guests, and who else reads them.
#[derive(Args)]
pub(crate) struct Guests {
    /// The folder that holds MANIFEST.tsv.
    folder: PathBuf,
    /// Read the raw ones with dissect.target, too, and write what it says beside what we say to this file.
    #[arg(long)]
    readers: Option<PathBuf>,
    /// The command of virt-inspector, for the same table; `virt-inspector` or one that starts it elsewhere.
    #[arg(long, requires = "readers")]
    inspector: Option<String>,
    /// A Python interpreter that has dissect.target; without it, one is made in target/.
    #[arg(long, default_value = "python3")]
    python: PathBuf,
}

pub(crate) fn run(arguments: &Guests) -> Result<()> {
    let folder = arguments.folder.as_path();
    let mut readers = match &arguments.readers {
        Some(page) => Some(readers::Readers::new(
            &arguments.python,
            arguments.inspector.clone(),
            page,
        )?),
        None => None,
    };
    let manifest = fs::read_to_string(folder.join("MANIFEST.tsv"))
        .map_err(|error| format!("{}: {error}", folder.join("MANIFEST.tsv").display()))?;
    let vmie = build_vmie()?;
    let scratch = tempfile::tempdir()?;
    let mut tally = Tally::default();
    let mut lines = manifest.lines();
    let header: Vec<&str> = lines
        .next()
        .ok_or("an empty manifest")?
        .split('\t')
        .collect();
    let mut found = 0;
    for line in lines {
        let row: HashMap<&str, &str> = header.iter().copied().zip(line.split('\t')).collect();
        let mut image = image(folder, row["file"], scratch.path())?;
        // Some guests are there packed only, without a row of their own for that.
        let packed = format!("{}.zst", row["file"]);
        if image.is_none() && !manifest.lines().any(|line| line.starts_with(&packed)) {
            image = self::image(folder, &packed, scratch.path())?;
        }
        let Some(image) = image else {
            continue;
        };
        found += 1;
        tally.attempt(row["file"], check(&vmie, &image, &row));
        if let Some(readers) = &mut readers
            && ["raw", "zst"].contains(&row["format"])
        {
            let start = Instant::now();
            let (document, _) = json(&vmie, &["preflight", "--json", "-f", "raw", text(&image)])?;
            readers.look(row["guest"], &image, &document, start.elapsed(), &mut tally);
        }
        if image.starts_with(scratch.path()) {
            same_when_packed(&vmie, &image, scratch.path(), &mut tally)?;
            fs::remove_file(&image)?;
        }
    }
    if found == 0 {
        return Err(format!("{} holds none of the manifest's images", folder.display()).into());
    }
    if let Some(readers) = readers {
        readers.write()?;
    }
    tally.finish("guests")
}

/// The raw image of a row: beside the manifest or below `mini`, unpacked when need be.
fn image(folder: &Path, file: &str, scratch: &Path) -> Result<Option<PathBuf>> {
    let places = [folder.join(file), folder.join("mini").join(file)];
    let Some(path) = places.into_iter().find(|path| path.exists()) else {
        return Ok(None);
    };
    if file.ends_with(".raw.zst") {
        let target = scratch.join(file.trim_end_matches(".zst"));
        tool(
            "zstd",
            &[
                "-q",
                "-d",
                "--sparse",
                "-f",
                "-o",
                text(&target),
                text(&path),
            ],
        )?;
        return Ok(Some(target));
    }
    Ok(Some(path))
}

fn check(vmie: &Path, image: &Path, row: &HashMap<&str, &str>) -> Result<()> {
    let (document, code) = json(vmie, &["preflight", "--json", text(image)])?;
    let verdict = document["verdict"].as_str().unwrap_or_default();
    let expected = if row["expected_verdict"].starts_with("ACCEPT") {
        "accepted"
    } else {
        "refused"
    };
    let system = &document["systems"][0];
    if verdict != expected {
        return Err(format!(
            "{verdict} (exit {code}), and not {expected}: {}",
            document["findings"]
        )
        .into());
    }
    // Nothing of an encrypted system can be told.
    if row["root_fs"].starts_with("luks") {
        return Ok(());
    }
    let mut differences = Tally::default();
    let mut same = |what: &str, ours: &Value, theirs: &str| {
        let ours = ours.as_str().unwrap_or_default();
        differences.same(&format!("{} {what}", row["file"]), ours, theirs);
    };
    // `debian 12 (12.15)`, `windows 10.0.17763 (…)`: the point release is in the brackets.
    let (id, rest) = row["os"].split_once(' ').ok_or("no version")?;
    let (version, brackets) = rest.split_once(" (").ok_or("no brackets")?;
    let version = match id {
        "windows" => version,
        _ => brackets.trim_end_matches(')'),
    };
    same("os", &system["os"]["id"], id);
    same("version", &system["os"]["version"], version);
    let mut kernels = system["kernels"].as_array().into_iter().flatten();
    let kernel = kernels.find(|kernel| kernel["default"] == true);
    let kernel = kernel.map_or(&Value::Null, |kernel| &kernel["release"]);
    same("default kernel", kernel, row["default_kernel"]);
    same(
        "table",
        &document["disks"][0]["table"],
        table(row["partition_table"]),
    );
    let mut roots = document["filesystems"].as_array().into_iter().flatten();
    let root = roots.find(|one| one["id"] == system["root"]);
    let root = root.map_or(&Value::Null, |root| &root["kind"]);
    let told = row["root_fs"].split('+').next().unwrap_or_default();
    same("root filesystem", root, told);
    let mode = match row["boot_mode"] {
        "bios" => "legacy-bios",
        mode => mode,
    };
    let modes = document["boot"]["modes"].as_array();
    let can = modes.is_some_and(|modes| modes.contains(&Value::from(mode)));
    differences.check(can, || format!("{} boot mode {mode}", row["file"]));
    let ours: Vec<String> = system["fstab"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|entry| {
            format!(
                "{} {}",
                text_of(&entry["source"]),
                text_of(&entry["target"])
            )
        })
        .collect();
    let theirs: Vec<String> = row["fstab"]
        .split('|')
        .filter(|line| *line != "(none)")
        .map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" "))
        .collect();
    differences.same(&format!("{} fstab", row["file"]), ours, theirs);
    differences.finish(row["file"])
}

fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The table of `mbr+lvm2`.
fn table(told: &str) -> &str {
    told.split('+').next().unwrap_or_default()
}

/// The same disk as a stream-optimized VMDK, alone and in an OVA, is the same guest.
fn same_when_packed(vmie: &Path, raw: &Path, scratch: &Path, tally: &mut Tally) -> Result<()> {
    let vmdk = scratch.join("packed.vmdk");
    let option = "subformat=streamOptimized";
    tool(
        "qemu-img",
        &[
            "convert",
            "-f",
            "raw",
            "-O",
            "vmdk",
            "-o",
            option,
            text(raw),
            text(&vmdk),
        ],
    )?;
    fs::write(
        scratch.join("packed.ovf"),
        descriptor(fs::metadata(raw)?.len()),
    )?;
    let ova = scratch.join("packed.ova");
    let tar = [
        "--format=ustar",
        "-C",
        text(scratch),
        "-cf",
        text(&ova),
        "packed.ovf",
        "packed.vmdk",
    ];
    tool("tar", &tar)?;
    let (one, _) = json(vmie, &["preflight", "--json", "-f", "raw", text(raw)])?;
    for packed in [&vmdk, &ova] {
        let (two, _) = json(vmie, &["preflight", "--json", text(packed)])?;
        for key in [
            "systems",
            "boot",
            "filesystems",
            "verdict",
            "row",
            "findings",
        ] {
            let what = format!("{} as {}: {key}", raw.display(), packed.display());
            tally.check(one[key] == two[key], || {
                format!("{what}: {} and {}", one[key], two[key])
            });
        }
        fs::remove_file(packed)?;
    }
    Ok(())
}

/// The least that an OVF descriptor of one disk says.
fn descriptor(capacity: u64) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1">
  <References><File ovf:href="packed.vmdk" ovf:id="file1"/></References>
  <DiskSection><Info/><Disk ovf:capacity="{capacity}" ovf:diskId="disk1" ovf:fileRef="file1"
    ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/></DiskSection>
  <VirtualSystem ovf:id="packed"><Info/></VirtualSystem>
</Envelope>
"#
    )
}
