//! Dynamic disks of Windows beside ldmtool and the device-mapper (`cargo xtask peers dynamic DISK…`).

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use vmie::io::ReadAt;
use vmie::volumes::{VolumeGraph, VolumeKind};

use super::super::compare::{limits, volume};
use crate::Result;
use crate::run::{Tally, text, tool};

/// Bytes compared at once.
const PIECE: u64 = 1 << 20;

/// Compares what is on dynamic disks with the devices that ldmtool makes of them. Volumes that lack a disk are
/// made by neither, unless a mirror is left.
pub(crate) fn run(disks: &[PathBuf]) -> Result<()> {
    let sources = disks
        .iter()
        .map(|path| volume(path))
        .collect::<Result<Vec<Arc<dyn ReadAt>>>>()?;
    let graph = VolumeGraph::read(&sources, &limits());
    let devices: Vec<&str> = disks.iter().flat_map(|disk| ["-d", text(disk)]).collect();
    let ldmtool = |words: &[&str]| -> Result<Value> {
        let said = tool("ldmtool", &[&devices[..], words].concat())?;
        Ok(serde_json::from_str(&said)?)
    };
    let mut tally = Tally::default();
    let groups = ldmtool(&["scan"])?;
    let groups: Vec<&str> = strings(&groups);
    let ours: Vec<&str> = graph
        .groups
        .iter()
        .filter_map(|group| group.uuid.as_deref())
        .collect();
    tally.same("groups", ours, groups.clone());
    let (mut volumes, mut bytes) = (0, 0);
    for group in groups {
        let said = ldmtool(&["show", "diskgroup", group])?;
        let ours = graph
            .groups
            .iter()
            .find(|ours| ours.uuid.as_deref() == Some(group));
        let ours = ours.ok_or_else(|| format!("{group} is not found"))?;
        tally.same(
            "name",
            ours.name.as_str(),
            said["name"].as_str().unwrap_or_default(),
        );
        let theirs = strings(&said["volumes"]);
        tally.same(group, ours.volumes.len(), theirs.len());
        for name in theirs {
            let said = ldmtool(&["show", "volume", group, name])?;
            volumes += 1;
            bytes += one(&mut tally, &graph, group, name, &said, &devices)?;
        }
    }
    println!("ldm: {volumes} volumes, {bytes} bytes compared");
    tally.check(bytes > 0, || "no volume could be compared".into());
    tally.finish("peers dynamic")
}

fn strings(list: &Value) -> Vec<&str> {
    let all = list.as_array().into_iter().flatten();
    all.filter_map(Value::as_str).collect()
}

/// One volume: its kind, its length, and its bytes where the device-mapper has them. Says how many.
fn one(
    tally: &mut Tally,
    graph: &VolumeGraph,
    group: &str,
    name: &str,
    said: &Value,
    devices: &[&str],
) -> Result<u64> {
    let ours = graph
        .volumes
        .iter()
        .find(|volume| volume.kind == VolumeKind::Ldm && volume.name.as_deref() == Some(name));
    let ours = ours.ok_or_else(|| format!("{name} is not found"))?;
    let kind = said["type"].as_str().unwrap_or_default();
    let layout = ours.layout.as_deref().unwrap_or_default();
    let same = match kind {
        // All on one disk is spanned, too, when it is in several places.
        "simple" => ["simple", "spanned"].contains(&layout),
        kind => kind.eq_ignore_ascii_case(layout),
    };
    tally.check(same, || format!("{name}: {layout}, ldmtool {kind}"));
    // Sectors of 512 bytes.
    let size = said["size"].as_u64().unwrap_or_default() * 512;
    tally.same(&format!("{name}: size"), ours.place.len, size);
    let hint = said["hint"].as_str().map(str::to_owned);
    let drive = ours.drive.as_deref().map(str::to_owned);
    tally.same(&format!("{name}: drive"), drive, hint);
    // The appliance may have made it when it started; and what lacks a disk cannot be made.
    let create = [devices, &["create", "volume", group, name]].concat();
    let why = tool("ldmtool", &create).err();
    let show = [devices, &["show", "volume", group, name]].concat();
    let now: Value = serde_json::from_str(&tool("ldmtool", &show)?)?;
    let device = now["device"].as_str();
    match (device, ours.open()) {
        (None, Err(error)) => {
            let why = why.map_or_else(String::new, |why| why.to_string());
            println!(
                "{name} ({kind}): made by neither: {error}; {}",
                last_line(&why)
            );
            Ok(0)
        }
        (None, Ok(_)) => {
            println!("{name} ({kind}): ldmtool makes no device of it");
            tally.check(false, || {
                format!("{name} opens, and ldmtool makes nothing of it")
            });
            Ok(0)
        }
        (Some(_), Err(error)) if kind.eq_ignore_ascii_case("raid5") => {
            println!("{name} ({kind}): named only: {error}");
            Ok(0)
        }
        (Some(_), Err(error)) => Err(format!("{name}: {error}").into()),
        (Some(device), Ok(source)) => {
            let differs = differs(&*source, Path::new(device))?;
            tally.same(&format!("{name}: where it differs"), differs, None);
            println!("{name} ({kind}): {} bytes", source.len());
            Ok(source.len())
        }
    }
}

/// The end of what a tool says.
fn last_line(said: &str) -> &str {
    said.trim_end().lines().last().unwrap_or_default()
}

/// The first byte of a device that reads otherwise.
fn differs(source: &dyn ReadAt, device: &Path) -> Result<Option<u64>> {
    let device = File::open(device)?;
    let (mut left, mut right) = (vec![0; PIECE as usize], vec![0; PIECE as usize]);
    let mut at = 0;
    while at < source.len() {
        let n = usize::try_from((source.len() - at).min(PIECE))?;
        source.read_exact_at(&mut left[..n], at)?;
        device.read_exact_at(&mut right[..n], at)?;
        if let Some(first) = left[..n].iter().zip(&right[..n]).position(|(a, b)| a != b) {
            return Ok(Some(at + first as u64));
        }
        at += n as u64;
    }
    Ok(None)
}
