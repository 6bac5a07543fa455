//! LVM2 by its own tools.

use std::path::Path;

use serde_json::Value;
use vmie::io::ReadAt as _;
use vmie::volumes::{Volume, VolumeGraph};

use super::places::Places;
use super::{BLOCK, Counts, Disks, differs, fill, pattern};
use crate::Result;
use crate::run::{Tally, tool};

/// A way to make a group: its name, the options of pvcreate and of vgcreate.
type Variant = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

const VARIANTS: &[Variant] = &[
    ("plain", &[], &[]),
    ("small-extents", &[], &["-s", "64k"]),
    ("two-copies", &["--metadatacopies", "2"], &["-s", "1m"]),
    (
        "aligned",
        &["--dataalignment", "3m", "--metadatasize", "2m"],
        &["-s", "2m"],
    ),
    ("label-3", &["--labelsector", "3"], &["-s", "512k"]),
    (
        "shifted",
        &["--dataalignment", "1m", "--dataalignmentoffset", "7s"],
        &["-s", "1m"],
    ),
];

/// Logical volumes: name, and the options of lvcreate but for the name and the group; `{0}` is the
/// first disk.
type Plan = (&'static str, &'static str);

const PLAIN: &[Plan] = &[
    ("linear", "-l 5%VG"),
    ("on-the-last", "-l 3%VG {3}"),
    ("striped", "-l 6%VG -i 3 -I 64k"),
    ("striped-4k", "-l 4%VG -i 2 -I 4k"),
    ("wide", "-l 4%VG -i 4 -I 16k"),
    ("raid0", "-l 4%VG --type raid0 -i 2 -I 32k"),
    ("r.o-name_with+all", "-l 2%VG -p r {4}"),
];

/// Those that are only made where the kernel maps devices; the ones from here on are named, not read.
const MAPPED: &[Plan] = &[
    ("raid1", "-l 3%VG --type raid1 -m 1 --nosync"),
    ("raid1-3", "-l 2%VG --type raid1 -m 2"),
    ("mirror", "-l 2%VG --type mirror -m 1 --mirrorlog core"),
    ("raid0-meta", "-l 3%VG --type raid0_meta -i 2"),
];
const NAMED: &[Plan] = &[
    // First, as it wants room on every disk.
    ("raid6", "-l 3%VG --type raid6 -i 3 {0} {1} {2} {3} {4}"),
    ("raid5", "-l 3%VG --type raid5 -i 2"),
    ("raid10", "-l 3%VG --type raid10 -m 1 -i 2"),
    ("pool", "-l 4%VG --type thin-pool"),
    ("cached", "-l 3%VG"),
    ("cache", "-l 4%VG --type cache-pool"),
    ("snap", "-l 2%VG -s GROUP/linear"),
];

/// What is there when the kernel maps devices.
pub(super) const DEVICE_MAPPER: &str = "/sys/class/misc/device-mapper";

pub(super) fn run(tally: &mut Tally, counts: &mut Counts) -> Result<()> {
    let maps = Path::new(DEVICE_MAPPER).exists();
    for (number, variant) in (0..).zip(VARIANTS) {
        let folder = tempfile::tempdir()?;
        let outcome = one(tally, counts, variant, number, folder.path(), maps);
        tally.attempt(variant.0, outcome);
    }
    Ok(())
}

/// The tools of lvm2, which see nothing but the disks of one group.
pub(super) struct Lvm {
    settings: String,
    maps: bool,
}

impl Lvm {
    fn new(disks: &Disks, maps: bool) -> Self {
        let ours: Vec<String> = disks
            .devices()
            .iter()
            .map(|device| format!("\"a|^{device}$|\""))
            .collect();
        let settings = format!(
            "global {{ thin_check_executable=\"\" cache_check_executable=\"\" }} \
             activation {{ monitoring=0 udev_sync=0 udev_rules=0 }} backup {{ backup=0 archive=0 }} \
             devices {{ use_devicesfile=0 filter=[{},\"r|.*|\"] }}",
            ours.join(",")
        );
        Self { settings, maps }
    }

    pub(super) fn run(&self, arguments: &[&str]) -> Result<String> {
        let mut all = arguments.to_vec();
        all.extend(["--config", &self.settings]);
        if !self.maps {
            all.extend(["--driverloaded", "n"]);
        }
        tool("lvm", &all)
    }

    /// A report as JSON: the rows.
    pub(super) fn report(&self, command: &str, fields: &str, more: &[&str]) -> Result<Vec<Value>> {
        let base = [
            command,
            "--reportformat",
            "json",
            "--units",
            "b",
            "--nosuffix",
            "-o",
            fields,
        ];
        let text = self.run(&[&base[..], more].concat())?;
        let document: Value = serde_json::from_str(&text)?;
        let rows = document["report"][0]
            .as_object()
            .and_then(|kinds| kinds.values().next());
        let rows = rows.and_then(Value::as_array).ok_or("an empty report")?;
        Ok(rows.clone())
    }
}

fn one(
    tally: &mut Tally,
    counts: &mut Counts,
    variant: &Variant,
    number: usize,
    folder: &Path,
    maps: bool,
) -> Result<()> {
    let (name, pvcreate, vgcreate) = *variant;
    // Pools have metadata of some MiB, which no kernel needs to make the others.
    let disks = Disks::new(folder, 5, if maps { 128 } else { 48 })?;
    let lvm = Lvm::new(&disks, maps);
    let devices = disks.devices();
    lvm.run(&[&["pvcreate", "-y", "-ff"], pvcreate, &devices].concat())?;
    // A name of its own, as those of all groups are in one folder of devices.
    let group = format!("peers{number}");
    lvm.run(&[&["vgcreate"], vgcreate, &[group.as_str()], &devices].concat())?;
    let mut filled = Vec::new();
    create(&lvm, &disks, &group, PLAIN)?;
    lvm.run(&[
        "lvextend",
        "-l",
        "+2%VG",
        &format!("{group}/linear"),
        devices[2],
    ])?;
    lvm.run(&[
        "lvextend",
        "-l",
        "+1%VG",
        &format!("{group}/linear"),
        devices[0],
    ])?;
    lvm.run(&["lvremove", "-y", &format!("{group}/on-the-last")])?;
    create(
        &lvm,
        &disks,
        &group,
        &[("again", "-l 4%VG {3} {4}"), ("stays", "-l 2%VG {4}")],
    )?;
    lvm.run(&["lvrename", &group, "stays", "renamed"])?;
    if maps {
        create(&lvm, &disks, &group, MAPPED)?;
        lvm.run(&["vgchange", "-ay", &group])?;
        synchronised(&lvm, &group)?;
        filled = through_the_kernel(&lvm, &group)?;
        create(&lvm, &disks, &group, NAMED)?;
        let thin = [
            "lvcreate",
            "-y",
            "-V",
            "1g",
            "-n",
            "thin",
            "--thinpool",
            "pool",
            &group,
        ];
        lvm.run(&thin)?;
        let cached = format!("{group}/cached");
        let convert = ["lvconvert", "-y", "--type", "cache", "--cachepool", "cache"];
        lvm.run(&[&convert[..], &[cached.as_str()]].concat())?;
        lvm.run(&["vgchange", "-an", &group])?;
    }
    let graph = disks.read(&[])?;
    counts.groups += 1;
    names(tally, name, &lvm, &graph, &group)?;
    if maps {
        for (volume, len, seed) in &filled {
            bytes(tally, counts, name, &graph, volume, *len, *seed)?;
        }
        degraded(tally, counts, name, &disks, &filled)?;
        // The pool of a cache is hidden.
        let hidden = ["cache"];
        let named = NAMED.iter().chain(&[("thin", "")]);
        for (plan, _) in named.filter(|(plan, _)| !hidden.contains(plan)) {
            let id = format!("{group}/{plan}").parse()?;
            let found = graph
                .volume(&id)
                .ok_or_else(|| format!("there is no {plan}"))?;
            tally.check(found.fault().is_some(), || format!("{name}: {plan} opens"));
        }
    } else {
        let places = Places::read(&lvm, &disks, &group)?;
        for volume in volumes(&graph) {
            by_places(tally, counts, name, volume, &places)?;
        }
    }
    without_a_disk(tally, name, &lvm, &disks, &group)
}

fn create(lvm: &Lvm, disks: &Disks, group: &str, plans: &[Plan]) -> Result<()> {
    for (name, options) in plans {
        let mut options = options.replace("GROUP", group);
        for (number, device) in disks.devices().iter().enumerate() {
            options = options.replace(&format!("{{{number}}}"), device);
        }
        let mut arguments = vec!["lvcreate", "-y", "-n", name];
        if !lvm.maps {
            arguments.extend(["-an", "-Zn", "-Wn"]);
        }
        let words: Vec<&str> = options.split(' ').collect();
        // A snapshot names its origin, and a group comes before the disks that it may lie on.
        let disks = words.iter().position(|word| word.starts_with("/dev/"));
        let (words, disks) = words.split_at(disks.unwrap_or(words.len()));
        arguments.extend(words);
        if !words.contains(&"-s") {
            arguments.push(group);
        }
        arguments.extend(disks);
        lvm.run(&arguments)?;
    }
    Ok(())
}

fn volumes(graph: &VolumeGraph) -> Vec<&Volume> {
    let all = graph.volumes.iter();
    all.filter(|volume| volume.kind == vmie::volumes::VolumeKind::Lvm)
        .collect()
}

/// Fills every volume that can be written: name, length and seed of each.
fn through_the_kernel(lvm: &Lvm, group: &str) -> Result<Vec<(String, u64, u64)>> {
    let mut filled = Vec::new();
    let rows = lvm.report("lvs", "lv_name,lv_size,lv_permissions", &[group])?;
    for (seed, row) in (1..).zip(&rows) {
        let field = |name: &str| row[name].as_str().unwrap_or_default();
        if field("lv_permissions").starts_with("read-only") {
            continue;
        }
        let len: u64 = field("lv_size").parse()?;
        let id = format!("{group}/{}", field("lv_name"));
        fill(&format!("/dev/{id}"), len, seed)?;
        filled.push((id, len, seed));
    }
    Ok(filled)
}

fn bytes(
    tally: &mut Tally,
    counts: &mut Counts,
    what: &str,
    graph: &VolumeGraph,
    volume: &str,
    len: u64,
    seed: u64,
) -> Result<()> {
    let source = graph
        .open(&volume.parse()?)
        .map_err(|error| format!("{volume}: {error}"))?;
    tally.same(&format!("{what}: size of {volume}"), source.len(), len);
    let first = differs(&*source, len.min(source.len()), seed)?;
    tally.same(&format!("{what}: where {volume} differs"), first, None);
    counts.volumes += 1;
    counts.bytes += len;
    Ok(())
}

/// Waits until the legs of mirrors hold the same.
fn synchronised(lvm: &Lvm, group: &str) -> Result<()> {
    for _ in 0..600 {
        let rows = lvm.report("lvs", "copy_percent", &[group])?;
        let left = rows.iter().filter_map(|row| row["copy_percent"].as_str());
        if left
            .into_iter()
            .all(|percent| ["", "100.00"].contains(&percent))
        {
            return Ok(());
        }
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    Err(format!("{group} does not come to rest").into())
}

/// Without one disk, whatever opens holds what was written, and whatever has another leg opens.
fn degraded(
    tally: &mut Tally,
    counts: &mut Counts,
    what: &str,
    disks: &Disks,
    filled: &[(String, u64, u64)],
) -> Result<()> {
    for lost in 0..disks.devices().len() {
        let graph = disks.read(&[lost])?;
        for (id, len, seed) in filled {
            let is_twofold = MAPPED[..3].iter().any(|(name, _)| id.ends_with(name));
            match graph.open(&id.parse()?) {
                Ok(source) => {
                    let first = differs(&*source, (*len).min(source.len()), *seed)?;
                    tally.same(
                        &format!("{what}: where {id} differs without {lost}"),
                        first,
                        None,
                    );
                    counts.bytes += len;
                }
                Err(error) => tally.check(!is_twofold, || {
                    format!("{what}: {id} without disk {lost}: {error}")
                }),
            }
        }
    }
    Ok(())
}

/// The volumes with their identifiers, lengths and kinds, as `lvs` lists them.
fn names(tally: &mut Tally, what: &str, lvm: &Lvm, graph: &VolumeGraph, group: &str) -> Result<()> {
    let rows = lvm.report("lvs", "lv_name,lv_uuid,lv_size,segtype", &[group])?;
    let mut theirs = Vec::new();
    for row in &rows {
        let field = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let size: u64 = field("lv_size").parse()?;
        theirs.push((field("lv_name"), field("lv_uuid"), size, field("segtype")));
    }
    let mut ours: Vec<_> = volumes(graph)
        .iter()
        .map(|volume| {
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            // A snapshot is a linear volume to lvs.
            let kind = text(&volume.layout).replace("snapshot", "linear");
            (
                text(&volume.name),
                text(&volume.uuid),
                volume.place.len,
                kind,
            )
        })
        .collect();
    theirs.sort();
    theirs.dedup();
    ours.sort();
    tally.same(&format!("{what}: volumes"), ours, theirs);
    let rows = lvm.report("vgs", "vg_uuid", &[group])?;
    let ours = graph.groups.iter().map(|group| group.uuid.as_deref());
    let theirs = rows.iter().map(|row| row["vg_uuid"].as_str());
    tally.same(
        &format!("{what}: group"),
        ours.collect::<Vec<_>>(),
        theirs.collect(),
    );
    let faults: Vec<String> = graph
        .groups
        .iter()
        .flat_map(|group| &group.faults)
        .map(ToString::to_string)
        .collect();
    tally.same(&format!("{what}: faults"), faults, Vec::new());
    Ok(())
}

/// Every block of a volume against the block of a disk that lvm2 says it is.
fn by_places(
    tally: &mut Tally,
    counts: &mut Counts,
    what: &str,
    volume: &Volume,
    places: &Places,
) -> Result<()> {
    let name = volume.name.as_deref().unwrap_or_default();
    let source = volume.open().map_err(|error| format!("{name}: {error}"))?;
    tally.same(
        &format!("{what}: length of {name}"),
        source.len(),
        places.len(name)?,
    );
    let mut wrong = None;
    for at in (0..source.len()).step_by(BLOCK) {
        let (disk, offset) = places.find(name, at)?;
        // Where places begin at a sector within a block, what says where it is comes later.
        let shift = (BLOCK as u64 - offset % BLOCK as u64) % BLOCK as u64;
        let mut read = [0; 16];
        source.read_exact_at(&mut read, at + shift)?;
        if read != pattern(disk, (offset + shift) / BLOCK as u64) {
            wrong.get_or_insert((at, disk, offset));
        }
    }
    tally.same(&format!("{what}: where {name} differs"), wrong, None);
    counts.volumes += 1;
    counts.bytes += source.len();
    Ok(())
}

/// A disk that is missing is named, and what does not lie on it opens.
fn without_a_disk(
    tally: &mut Tally,
    what: &str,
    lvm: &Lvm,
    disks: &Disks,
    group: &str,
) -> Result<()> {
    let rows = lvm.report("pvs", "pv_name,pv_uuid", &[])?;
    let all = volumes(&disks.read(&[])?).len();
    for (lost, device) in disks.devices().into_iter().enumerate() {
        let row = rows.iter().find(|row| row["pv_name"] == device);
        let uuid = row
            .and_then(|row| row["pv_uuid"].as_str())
            .ok_or("pvs does not list it")?;
        let graph = disks.read(&[lost])?;
        let faults = graph.groups.iter().flat_map(|group| &group.faults);
        let named = faults
            .map(ToString::to_string)
            .any(|fault| fault.contains(uuid));
        tally.check(named, || {
            format!("{what}: {uuid} is missing from {group} and not named")
        });
        tally.same(
            &format!("{what}: volumes without disk {lost}"),
            volumes(&graph).len(),
            all,
        );
    }
    Ok(())
}
