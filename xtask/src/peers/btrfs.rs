//! Btrfs, with every option of mkfs that changes the layout, against the kernel.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::ioctl_ficlone;
use vmie::fs::btrfs::open_devices;
use vmie::fs::{Filesystem, State};
use vmie::io::ReadAt;

use super::Report;
use super::compare::{Except, compare, limits, volume};
use super::crash::Crashes;
use super::mount::{Mount, image};
use super::populate::{Plan, Random, fill, populate};
use crate::Result;
use crate::run::{text, tool};

const MIB: u64 = 1 << 20;
const EXCEPT: Except = Except {
    stubs: true,
    ..Except::NOTHING
};

/// One way to make the filesystem.
struct Variant {
    name: &'static str,
    mkfs: &'static [&'static str],
    devices: usize,
    mebibytes: u64,
    /// Options of the mount it is filled through, but for compression.
    mount: &'static str,
    /// Devices that may be lost without anything being lost.
    spare: usize,
}

const fn variant(name: &'static str, mkfs: &'static [&'static str]) -> Variant {
    Variant {
        name,
        mkfs,
        devices: 1,
        mebibytes: 512,
        mount: "rw",
        spare: 0,
    }
}

const fn spread(
    name: &'static str,
    mkfs: &'static [&'static str],
    devices: usize,
    spare: usize,
) -> Variant {
    Variant {
        name,
        mkfs,
        devices,
        mebibytes: 384,
        mount: "rw",
        spare,
    }
}

const VARIANTS: &[Variant] = &[
    variant("defaults", &[]),
    variant("nodes of 4 KiB", &["-n", "4096"]),
    variant("nodes of 8 KiB", &["-n", "8192"]),
    variant("nodes of 32 KiB", &["-n", "32768"]),
    variant("nodes of 64 KiB", &["-n", "65536", "-m", "single"]),
    variant("xxhash", &["--csum", "xxhash"]),
    variant("sha256", &["--csum", "sha256"]),
    variant("blake2", &["--csum", "blake2"]),
    variant("mixed", &["--mixed"]),
    variant(
        "mixed, dup",
        &["--mixed", "-m", "dup", "-d", "dup", "-n", "4096"],
    ),
    variant("data dup", &["-d", "dup", "-m", "dup"]),
    variant("with holes", &["-O", "^no-holes"]),
    variant("no free space tree", &["-R", "^free-space-tree"]),
    variant(
        "fat references",
        &["-O", "^extref,^skinny-metadata,^no-holes"],
    ),
    variant("quota", &["-R", "quota"]),
    Variant {
        mount: "rw,nodatasum",
        ..variant("no checksums of data", &[])
    },
    Variant {
        mount: "rw,nodatacow",
        ..variant("no copy on write", &[])
    },
    Variant {
        mount: "rw,max_inline=0",
        ..variant("nothing inline", &[])
    },
    spread("single over 3", &["-d", "single", "-m", "single"], 3, 0),
    spread("raid0 over 3", &["-d", "raid0", "-m", "raid0"], 3, 0),
    spread("raid1 over 2", &["-d", "raid1", "-m", "raid1"], 2, 1),
    spread("raid1 over 3", &["-d", "raid1", "-m", "raid1"], 3, 1),
    spread("raid1c3", &["-d", "raid1c3", "-m", "raid1c3"], 3, 2),
    spread("raid1c4", &["-d", "raid1c4", "-m", "raid1c4"], 4, 3),
    spread("raid10", &["-d", "raid10", "-m", "raid10"], 4, 1),
    spread("raid5 over 3", &["-d", "raid5", "-m", "raid1"], 3, 1),
    spread("raid5 metadata, too", &["-d", "raid5", "-m", "raid5"], 4, 1),
    spread("raid6", &["-d", "raid6", "-m", "raid6"], 4, 1),
];

pub(super) fn run(report: &mut Report) -> Result<()> {
    for (seed, variant) in (1..).zip(report.chosen(VARIANTS)) {
        report.part(variant.name, |report, folder| {
            one(report, variant, seed, folder)
        })?;
    }
    report.long(&[
        ("large", large),
        ("nearly full", full),
        ("subvolumes", subvolumes),
        ("crash images", |report, folder| CRASHES.run(report, folder)),
    ])
}

fn make(images: &[PathBuf], mebibytes: u64, options: &[&str]) -> Result<()> {
    for path in images {
        image(path, mebibytes * MIB)?;
    }
    let mut arguments = vec!["-q", "-f", "-L", "peers"];
    arguments.extend_from_slice(options);
    arguments.extend(images.iter().map(|path| text(path)));
    tool("mkfs.btrfs", &arguments)?;
    Ok(())
}

fn open(images: &[PathBuf]) -> Result<Box<dyn Filesystem>> {
    let volumes = images
        .iter()
        .map(|path| volume(path))
        .collect::<Result<Vec<Arc<dyn ReadAt>>>>()?;
    Ok(open_devices(&volumes, &limits())?)
}

fn one(report: &mut Report, variant: &Variant, seed: u64, folder: &Path) -> Result<()> {
    let images: Vec<PathBuf> = (0..variant.devices)
        .map(|i| folder.join(format!("{i}.img")))
        .collect();
    make(&images, variant.mebibytes, variant.mkfs)?;
    let at = folder.join("mnt");
    {
        let mount = Mount::new(&images, &at, "btrfs", variant.mount)?;
        for (i, compression) in ["no", "zlib", "lzo", "zstd"].into_iter().enumerate() {
            let option = format!("remount,compress-force={compression}");
            if variant.mount == "rw" {
                tool("mount", &["-o", &option, text(&mount.at)])?;
            } else if i > 0 {
                break;
            }
            let top = mount.at.join(compression);
            fs::create_dir(&top)?;
            populate(&top, &Plan::small(seed * 10 + i as u64))?;
            clones(&top)?;
        }
        trees(&mount.at)?;
    }
    let mount = Mount::new(&images, &at, "btrfs", "ro")?;
    let fs = open(&images)?;
    report.tally.same(variant.name, fs.state(), State::Clean);
    compare(report, variant.name, &*fs, fs.root(), &mount.at, EXCEPT)?;
    for lost in 0..variant.devices.min(variant.spare * variant.devices) {
        let mut left = images.clone();
        left.remove(lost);
        let name = format!("{} without device {lost}", variant.name);
        let fs = open(&left)?;
        compare(report, &name, &*fs, fs.root(), &mount.at, EXCEPT)?;
    }
    if variant.spare > 0 {
        // A device that is there, but whose content is not what it was.
        let mut damaged = images.clone();
        let path = folder.join("damaged.img");
        damage(&images[0], &path)?;
        damaged[0] = path;
        let name = format!("{} with a damaged device", variant.name);
        let fs = open(&damaged)?;
        compare(report, &name, &*fs, fs.root(), &mount.at, EXCEPT)?;
    }
    Ok(())
}

/// A copy with one byte in every 4 KiB changed, but for the superblocks.
fn damage(from: &Path, to: &Path) -> Result<()> {
    tool("cp", &["--sparse=always", text(from), text(to)])?;
    let file = OpenOptions::new().write(true).open(to)?;
    let len = file.metadata()?.len();
    for at in (MIB..len).step_by(4096) {
        if at != 64 * MIB {
            file.write_all_at(&[0x5a; 3], at + 777)?;
        }
    }
    Ok(())
}

/// Files that share extents, whole and in part, and parts that were written again.
fn clones(top: &Path) -> Result<()> {
    let dir = top.join("clones");
    fs::create_dir(&dir)?;
    let mut random = Random::new(99);
    let original = dir.join("original");
    fs::write(&original, random.content(1_000_000))?;
    for i in 0..8u64 {
        let path = dir.join(format!("clone{i}"));
        fs::write(&path, b"")?;
        let (from, to) = (
            fs::File::open(&original)?,
            OpenOptions::new().write(true).open(&path)?,
        );
        from.sync_all()?;
        ioctl_ficlone(&to, &from)?;
        for _ in 0..i {
            to.write_all_at(&random.content(4096), random.below(900_000))?;
            to.sync_all()?;
        }
    }
    Ok(())
}

/// Subvolumes in directories, snapshots of what has subvolumes in it, and one that was deleted.
fn trees(at: &Path) -> Result<()> {
    let sub = |name: &str| at.join(name);
    for name in ["sub", "sub/inner", "sub/gone"] {
        tool("btrfs", &["subvolume", "create", text(&sub(name))])?;
        fs::write(sub(name).join("file"), name)?;
    }
    fs::create_dir_all(sub("dir/below"))?;
    let snapshot = |options: &[&str], from: &str, to: &str| -> Result<()> {
        let (from, to) = (sub(from), sub(to));
        let mut arguments = vec!["subvolume", "snapshot"];
        arguments.extend_from_slice(options);
        arguments.extend([text(&from), text(&to)]);
        tool("btrfs", &arguments)?;
        Ok(())
    };
    snapshot(&[], "sub", "dir/below/snap")?;
    snapshot(&["-r"], "sub", "read-only")?;
    snapshot(&["-r"], "dir/below/snap", "sub/of-snap")?;
    fs::write(sub("sub/file"), "changed since")?;
    fs::rename(sub("sub/inner"), sub("sub/renamed"))?;
    tool("btrfs", &["subvolume", "delete", text(&sub("sub/gone"))])?;
    Ok(())
}

fn large(report: &mut Report, folder: &Path) -> Result<()> {
    let images = [folder.join("large.img")];
    make(&images, 3072, &[])?;
    let at = folder.join("mnt");
    {
        let mount = Mount::new(&images, &at, "btrfs", "rw,compress=zstd")?;
        populate(&mount.at, &Plan::large())?;
    }
    let mount = Mount::new(&images, &at, "btrfs", "ro")?;
    let fs = open(&images)?;
    compare(report, "large", &*fs, fs.root(), &mount.at, EXCEPT)
}

fn full(report: &mut Report, folder: &Path) -> Result<()> {
    for (name, mkfs) in [("full", &[][..]), ("full, mixed", &["--mixed"][..])] {
        let images = [folder.join("full.img")];
        make(&images, 160, mkfs)?;
        let at = folder.join("mnt");
        {
            let mount = Mount::new(&images, &at, "btrfs", "rw")?;
            fill(&mount.at, &mut Random::new(5))?;
        }
        let mount = Mount::new(&images, &at, "btrfs", "ro")?;
        let fs = open(&images)?;
        compare(report, name, &*fs, fs.root(), &mount.at, EXCEPT)?;
    }
    Ok(())
}

/// The list of subvolumes as `btrfs subvolume list` has it, each of them as it is when mounted by
/// itself, and a default that is another than the top-level one.
fn subvolumes(report: &mut Report, folder: &Path) -> Result<()> {
    let images = [folder.join("subvolumes.img")];
    make(&images, 256, &[])?;
    let at = folder.join("mnt");
    let default = {
        let mount = Mount::new(&images, &at, "btrfs", "rw")?;
        trees(&mount.at)?;
        let snap = mount.at.join("dir/below/snap");
        fs::write(snap.join("only here"), b"default")?;
        tool("btrfs", &["subvolume", "set-default", text(&snap)])?;
        let list = tool("btrfs", &["subvolume", "get-default", text(&mount.at)])?;
        list.split(' ').nth(1).unwrap_or_default().parse::<u64>()?
    };
    let fs = open(&images)?;
    {
        let mount = Mount::new(&images, &at, "btrfs", "ro")?;
        compare(
            report,
            "default subvolume",
            &*fs,
            fs.root(),
            &mount.at,
            EXCEPT,
        )?;
    }
    let ours = fs.subvolumes()?;
    let tally = &mut report.tally;
    tally.same(
        "default",
        ours.iter().find(|s| s.is_default).map(|s| s.id),
        Some(default),
    );
    let mount = Mount::new(&images, &at, "btrfs", "ro,subvolid=5")?;
    let lists = ["-pqu", "-pqur"]
        .map(|option| tool("btrfs", &["subvolume", "list", option, text(&mount.at)]));
    let [all, read_only] = lists;
    let lines = |list: Result<String>| -> Result<Vec<String>> {
        Ok(list?.lines().map(str::to_owned).collect())
    };
    let mut mine = [Vec::new(), Vec::new()];
    for subvolume in ours.iter().filter(|subvolume| subvolume.id != 5) {
        let path = subvolume
            .path
            .as_ref()
            .map(vmie::fs::GuestPath::to_string_lossy);
        let line = format!(
            "{} parent {} parent_uuid {} uuid {} path {}",
            subvolume.id,
            subvolume.parent.unwrap_or_default(),
            subvolume.snapshot_of.as_deref().unwrap_or("-"),
            subvolume.uuid.as_deref().unwrap_or("-"),
            path.as_deref().unwrap_or_default().trim_start_matches('/')
        );
        if subvolume.read_only {
            mine[1].push(line.clone());
        }
        mine[0].push(line);
    }
    for (ours, theirs) in mine.into_iter().zip([lines(all)?, lines(read_only)?]) {
        let theirs: Vec<String> = theirs.iter().map(|line| plain(line)).collect();
        tally.same("list of subvolumes", ours, theirs);
    }
    drop(mount);
    for subvolume in ours {
        let options = format!("ro,subvolid={}", subvolume.id);
        let mount = Mount::new(&images, &at, "btrfs", &options)?;
        compare(report, &options, &*fs, subvolume.root, &mount.at, EXCEPT)?;
    }
    Ok(())
}

/// A line of `btrfs subvolume list` without the generation and what is said twice.
fn plain(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let value = |name: &str| {
        let at = words.iter().position(|word| *word == name);
        at.and_then(|at| words.get(at + 1))
            .copied()
            .unwrap_or_default()
    };
    format!(
        "{} parent {} parent_uuid {} uuid {} path {}",
        value("ID"),
        value("parent"),
        value("parent_uuid"),
        value("uuid"),
        value("path")
    )
}

/// As the kernel has them when it leaves the log alone, which is what is read here.
const CRASHES: Crashes = Crashes {
    kind: "btrfs",
    mount: "ro,rescue=nologreplay",
    make: |path, mebibytes, options| make(&[path.to_owned()], mebibytes, options),
    mebibytes: 512,
    variants: &[
        ("crash", &[]),
        ("crash, nodes of 4 KiB", &["-n", "4096"]),
        ("crash, mixed", &["--mixed"]),
        ("crash, one copy", &["-m", "single"]),
    ],
    except: Except::NOTHING,
};
