//! JFS against the kernel, which has to have it: most run it in an appliance (`cargo xtask peers appliance`).

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use vmie::fs::{Filesystem, State};

use super::Report;
use super::compare::{Except, compare, limits, volume};
use super::crash::Crashes;
use super::mount::{Loop, Mount, image};
use super::populate::{Plan, Random, fill, populate};
use crate::Result;
use crate::run::{text, tool};

const MIB: u64 = 1 << 20;

/// A name, MiB, the options of mkfs.jfs, and those of the mount that fills it. Linux reads blocks of 4 KiB
/// only.
type Variant = (&'static str, u64, &'static [&'static str], &'static str);

const VARIANTS: &[Variant] = &[
    ("plain", 256, &[], "rw"),
    ("the smallest", 16, &[], "rw"),
    ("names in UTF-16", 256, &[], "rw,iocharset=utf8"),
    ("names of any case", 256, &["-O"], "rw"),
    ("a short log, many groups", 1200, &["-s", "1"], "rw"),
];

/// JFS knows no place of data to seek to, and a hole of some TiB takes hours to read.
const EXCEPT: Except = Except {
    holes: true,
    ..Except::NOTHING
};

pub(super) fn run(report: &mut Report) -> Result<()> {
    for (seed, variant) in (1..).zip(report.chosen(VARIANTS)) {
        report.part(variant.0, |report, folder| {
            one(report, variant, seed, folder)
        })?;
    }
    report.long(&[
        ("log on another device", external),
        ("large", large),
        ("nearly full", full),
        ("crash images", |report, folder| CRASHES.run(report, folder)),
    ])
}

fn make(path: &Path, mebibytes: u64, options: &[&str]) -> Result<()> {
    image(path, mebibytes * MIB)?;
    tool(
        "mkfs.jfs",
        &[&["-q", "-L", "peers"], options, &[text(path)]].concat(),
    )?;
    Ok(())
}

/// Compares an image with what the kernel shows of it.
fn check(report: &mut Report, what: &str, path: &Path, options: &str) -> Result<()> {
    let fs: Box<dyn Filesystem> = vmie::fs::open(volume(path)?, &limits())?;
    report.tally.same(what, fs.state(), State::Clean);
    report
        .tally
        .same(what, fs.identity().label.as_deref(), Some("peers"));
    let at = path.with_extension("mnt");
    let mount = Mount::new(&[path.to_owned()], &at, "jfs", options)?;
    let space = fs.space().ok_or("there is no space")?;
    let theirs = rustix::fs::statvfs(&mount.at)?;
    let theirs = theirs.f_bfree * theirs.f_frsize;
    report
        .tally
        .same(&format!("{what}: free"), space.free, theirs);
    compare(report, what, &*fs, fs.root(), &mount.at, EXCEPT)
}

fn one(report: &mut Report, variant: &Variant, seed: u64, folder: &Path) -> Result<()> {
    let (name, mebibytes, mkfs, mount) = *variant;
    let image = folder.join("image");
    make(&image, mebibytes, mkfs)?;
    {
        let at = folder.join("mnt");
        let mount = Mount::new(std::slice::from_ref(&image), &at, "jfs", mount)?;
        let plan = if mebibytes < 100 {
            Plan {
                files: 20,
                many: 700,
                ..Plan::small(seed)
            }
        } else {
            Plan {
                files: 600,
                many: 2000,
                deep: 60,
                ..Plan::small(seed)
            }
        };
        if mount_says_characters(variant) || mkfs.contains(&"-O") {
            // Bytes that are no text cannot be names here.
            characters(&mount.at, &plan)?;
        } else {
            populate(&mount.at, &plan)?;
        }
    }
    check(report, name, &image, &mount.replace("rw", "ro"))
}

fn mount_says_characters(variant: &Variant) -> bool {
    variant.3.contains("iocharset")
}

/// Files of all lengths under names of all characters, some of which need 16 bits, or two times 16.
fn characters(root: &Path, plan: &Plan) -> Result<()> {
    let mut random = Random::new(plan.seed);
    for i in 0..plan.files {
        let dir = root.join(format!("files {}", i % 23));
        fs::create_dir_all(&dir)?;
        fs::write(dir.join(format!("file {i}")), random.up_to(90_000))?;
    }
    let long = ["n".repeat(255), "日".repeat(80)];
    let names = [
        "Mixed Case",
        "日本語",
        "Жизнь",
        "a",
        "x日",
        "€ 12",
        "ａｂｃ",
    ];
    for (i, name) in names
        .into_iter()
        .chain(long.iter().map(String::as_str))
        .enumerate()
    {
        fs::write(
            root.join(std::ffi::OsStr::from_bytes(name.as_bytes())),
            format!("{i}"),
        )?;
    }
    super::populate::many(root, plan)?;
    super::populate::churn(root, plan, &mut random)
}

/// The log on a device of its own, which is not needed to read what was unmounted.
fn external(report: &mut Report, folder: &Path) -> Result<()> {
    let (path, log) = (folder.join("image"), folder.join("log"));
    image(&path, 256 * MIB)?;
    image(&log, 32 * MIB)?;
    let (device, journal) = (Loop::new(&path)?, Loop::new(&log)?);
    tool("mkfs.jfs", &["-q", "-J", "journal_dev", &journal.device])?;
    let with = format!("device={}", journal.device);
    tool(
        "mkfs.jfs",
        &["-q", "-L", "peers", "-J", &with, &device.device],
    )?;
    let at = folder.join("mnt");
    fs::create_dir(&at)?;
    tool("mount", &["-t", "jfs", &device.device, text(&at)])?;
    let filled = populate(&at, &Plan::small(21));
    tool("umount", &[text(&at)])?;
    filled?;
    drop(device);
    check(report, "log on another device", &path, "ro")
}

/// More than twenty thousand files, most of them in one directory, and directories that are deep.
fn large(report: &mut Report, folder: &Path) -> Result<()> {
    let image = folder.join("image");
    make(&image, 3072, &[])?;
    {
        let at = folder.join("mnt");
        let mount = Mount::new(std::slice::from_ref(&image), &at, "jfs", "rw")?;
        let plan = Plan {
            files: 3000,
            many: 24_000,
            ..Plan::large()
        };
        populate(&mount.at, &plan)?;
    }
    check(report, "large", &image, "ro")
}

fn full(report: &mut Report, folder: &Path) -> Result<()> {
    let image: PathBuf = folder.join("image");
    make(&image, 48, &[])?;
    {
        let at = folder.join("mnt");
        let mount = Mount::new(std::slice::from_ref(&image), &at, "jfs", "rw")?;
        fill(&mount.at, &mut Random::new(5))?;
        // What is written into the gaps is in many pieces.
        for i in (0..400).step_by(2) {
            let _ = fs::remove_file(mount.at.join(format!("full/f{i}")));
        }
        let _ = fs::write(mount.at.join("pieces"), Random::new(9).content(9_000_000));
    }
    check(report, "nearly full", &image, "ro")
}

/// As the kernel has them when it may not write, so that it replays nothing.
const CRASHES: Crashes = Crashes {
    kind: "jfs",
    mount: "ro",
    make,
    mebibytes: 256,
    variants: &[("crash", &[]), ("crash, a short log", &["-s", "1"])],
    except: Except {
        torn: true,
        ..EXCEPT
    },
};
