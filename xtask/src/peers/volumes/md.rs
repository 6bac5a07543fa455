//! Linux software RAID by mdadm and the kernel.

use std::path::Path;

use super::{Counts, Disks, differs, fill};
use crate::Result;
use crate::run::{Tally, tool};

/// A level, how many disks, and whether it is read rather than named.
const LEVELS: &[(&str, usize, bool)] = &[
    ("raid1", 2, true),
    ("raid1", 3, true),
    ("raid0", 3, true),
    ("linear", 3, true),
    ("raid5", 3, false),
    ("raid10", 4, false),
];

pub(super) fn run(tally: &mut Tally, counts: &mut Counts) -> Result<()> {
    for version in ["0.90", "1.0", "1.1", "1.2"] {
        for (level, disks, is_read) in LEVELS {
            let name = format!("{level} of {disks}, metadata {version}");
            let folder = tempfile::tempdir()?;
            let plan = (*level, *disks, *is_read);
            let outcome = one(tally, counts, &name, version, plan, folder.path());
            tally.attempt(&name, outcome);
        }
    }
    Ok(())
}

fn one(
    tally: &mut Tally,
    counts: &mut Counts,
    name: &str,
    version: &str,
    (level, count, is_read): (&str, usize, bool),
    folder: &Path,
) -> Result<()> {
    let disks = Disks::new(folder, count, 24)?;
    let number = count.to_string();
    let base = [
        "--create",
        "/dev/md7",
        "--run",
        "--assume-clean",
        "--homehost=none",
        "--name=peers",
    ];
    let shape = [
        "--metadata",
        version,
        "--level",
        level,
        "--raid-devices",
        &number,
    ];
    // Only these have chunks that may be chosen.
    let chunk: &[&str] = match level {
        "raid0" => &["--chunk", "64"],
        _ => &[],
    };
    // The old form of the metadata cannot say how unequal disks are laid out, and these are equal; but some mdadm
    // want to be told that this is known, others do not let themselves be told and leave it to the kernel.
    let layouts: &[&[&str]] = match (level, version) {
        ("raid0", "0.90") => {
            tool("modprobe", &["raid0"])?;
            std::fs::write("/sys/module/raid0/parameters/default_layout", "2")?;
            &[&[], &["--layout", "dangerous"]]
        }
        _ => &[&[]],
    };
    let create = |layout: &&[&str]| {
        let arguments = [&base[..], &shape, chunk, layout, &disks.devices()].concat();
        tool("mdadm", &arguments)
    };
    let mut tries = layouts.iter().map(create);
    let first = tries.next().ok_or("no layout")?;
    let made = first.or_else(|error| tries.next().unwrap_or(Err(error)));
    // Some mdadm, such as Debian 12's, cannot make the oldest form of the kind at all.
    let refused = |text: &str| layouts.len() > 1 && text.contains("does not support layouts");
    match made {
        Err(error) if refused(&error.to_string()) => {
            println!("{name}: not made, as {}", error.to_string().trim());
            return Ok(());
        }
        made => made?,
    };
    let size: u64 = tool("blockdev", &["--getsize64", "/dev/md7"])?
        .trim()
        .parse()?;
    let filled = fill("/dev/md7", size, count as u64);
    tool("mdadm", &["--stop", "/dev/md7"])?;
    filled?;
    let said = tool("mdadm", &["--examine", "--export", disks.devices()[0]])?;
    let said = |field: &str| {
        let line = said
            .lines()
            .find_map(|line| line.strip_prefix(&format!("MD_{field}=")));
        line.unwrap_or_default().to_owned()
    };
    let mut losses: Vec<Vec<usize>> = vec![Vec::new()];
    if level == "raid1" {
        losses.extend((0..count).map(|lost| vec![lost]));
    }
    counts.groups += 1;
    for lost in losses {
        let graph = disks.read(&lost)?;
        let [group] = &graph.groups[..] else {
            return Err(format!("{} groups", graph.groups.len()).into());
        };
        tally.same(name, group.uuid.as_deref(), Some(&*said("UUID")));
        tally.same(name, group.version, Some(version));
        tally.same(name, group.members.len(), count - lost.len());
        let volume = group
            .volumes
            .first()
            .and_then(|id| graph.volume(id))
            .ok_or("no volume")?;
        tally.same(name, volume.layout.as_deref(), Some(&*said("LEVEL")));
        if !is_read {
            tally.check(volume.fault().is_some(), || format!("{name} opens"));
            continue;
        }
        let source = volume.open()?;
        tally.same(&format!("{name}: size"), source.len(), size);
        let first = differs(&*source, size.min(source.len()), count as u64)?;
        tally.same(
            &format!("{name} without {lost:?}: where it differs"),
            first,
            None,
        );
        counts.bytes += size;
    }
    Ok(())
}
