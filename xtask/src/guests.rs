//! Guests with a manifest that says what must be found.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::Result;
use crate::run::{Tally, build_vmie, json, text, tool};

pub(crate) fn run(folder: &Path) -> Result<()> {
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
        let Some(image) = image(folder, row["file"], scratch.path())? else {
            continue;
        };
        found += 1;
        tally.attempt(row["file"], check(&vmie, &image, &row));
        if image.starts_with(scratch.path()) {
            same_when_packed(&vmie, &image, scratch.path(), &mut tally)?;
            fs::remove_file(&image)?;
        }
    }
    if found == 0 {
        return Err(format!("{} holds none of the manifest's images", folder.display()).into());
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
    // What is not read yet is never guessed.
    let system = &document["systems"][0];
    // What is read must be judged.
    if verdict == "undetermined" && !row["root_fs"].starts_with("ext") {
        println!("{}: undetermined ({expected} expected)", row["file"]);
        return Ok(());
    }
    if verdict != expected {
        return Err(format!(
            "{verdict} (exit {code}), and not {expected}: {}",
            document["findings"]
        )
        .into());
    }
    let id = row["os"].split(' ').next().unwrap_or_default();
    let kernel = system["kernels"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|kernel| kernel["default"] == true)
        .and_then(|kernel| kernel["release"].as_str());
    let mode = if row["boot_mode"] == "bios" {
        "legacy-bios"
    } else {
        "uefi"
    };
    let modes = &document["boot"]["modes"];
    let facts = [
        ("os", system["os"]["id"].as_str() == Some(id)),
        (
            "kernel",
            id == "windows" || kernel == Some(row["default_kernel"]),
        ),
        (
            "boot mode",
            modes
                .as_array()
                .is_some_and(|modes| modes.contains(&Value::from(mode))),
        ),
        (
            "table",
            document["disks"][0]["table"].is_null()
                || document["disks"][0]["table"] == row["partition_table"],
        ),
    ];
    match facts.iter().find(|(_, holds)| !holds) {
        None => Ok(()),
        Some((fact, _)) => Err(format!("{fact} of {row:?} is not in {document}").into()),
    }
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
