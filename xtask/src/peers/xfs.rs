//! XFS, with every option of mkfs that changes the layout, against the kernel.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::{XattrFlags, ioctl_ficlone, setxattr};
use vmie::fs::{Filesystem, State};

use super::Report;
use super::compare::{Except, compare, limits, volume};
use super::crash::Crashes;
use super::mount::{Mount, image};
use super::populate::{Plan, Random, fill, populate};
use crate::Result;
use crate::run::{text, tool};

const MIB: u64 = 1 << 20;

/// A name, and the options of mkfs.xfs.
type Variant = (&'static str, &'static [&'static str]);

const VARIANTS: &[Variant] = &[
    ("defaults", &[]),
    ("blocks of 1 KiB", &["-b", "size=1024"]),
    ("blocks of 2 KiB", &["-b", "size=2048"]),
    ("blocks of 8 KiB", &["-b", "size=8192"]),
    ("blocks of 64 KiB", &["-b", "size=65536"]),
    ("inodes of 1 KiB", &["-i", "size=1024"]),
    ("inodes of 2 KiB", &["-i", "size=2048"]),
    ("directory blocks of 8 KiB", &["-n", "size=8192"]),
    ("directory blocks of 64 KiB", &["-n", "size=65536"]),
    (
        "small blocks, large directory blocks",
        &["-b", "size=1024", "-n", "size=32768"],
    ),
    ("times of 32 bits", &["-m", "bigtime=0"]),
    ("64-bit counts of extents", &["-i", "nrext64=1"]),
    ("no sparse inodes", &["-i", "sparse=0"]),
    ("reverse mapping", &["-m", "rmapbt=1,reflink=1,finobt=1"]),
    ("no reflink", &["-m", "reflink=0,finobt=0,inobtcount=0"]),
    ("sectors of 4 KiB", &["-s", "size=4096"]),
    ("many groups", &["-d", "agcount=16"]),
    ("log stripes", &["-l", "su=262144"]),
    ("another UUID", &[]),
];

/// Kernels of today do not mount version 4: mkfs fills it itself.
const VERSION_4: &[Variant] = &[
    ("version 4", &["-m", "crc=0"]),
    (
        "version 4, blocks of 512 bytes",
        &["-m", "crc=0", "-b", "size=512"],
    ),
    (
        "version 4, no file types",
        &["-m", "crc=0", "-n", "ftype=0"],
    ),
    (
        "version 4, small inodes",
        &["-m", "crc=0", "-i", "size=256,attr=1,projid32bit=0"],
    ),
    (
        "version 4, log of version 1, no lazy counts",
        &["-m", "crc=0", "-l", "version=1,lazy-count=0"],
    ),
];

pub(super) fn run(report: &mut Report) -> Result<()> {
    for (seed, variant) in (1..).zip(report.chosen(VARIANTS)) {
        report.part(variant.0, |report, folder| {
            one(report, variant, seed, folder)
        })?;
    }
    for variant in report.chosen(VERSION_4) {
        report.part(variant.0, |report, folder| {
            version_4(report, variant, folder)
        })?;
    }
    report.long(&[
        ("large", large),
        ("nearly full", full),
        ("crash images", |report, folder| CRASHES.run(report, folder)),
    ])
}

fn make(path: &Path, mebibytes: u64, options: &[&str]) -> Result<()> {
    image(path, mebibytes * MIB)?;
    let mut arguments = vec!["-q", "-f", "-L", "peers"];
    arguments.extend_from_slice(options);
    arguments.push(text(path));
    tool("mkfs.xfs", &arguments)?;
    Ok(())
}

fn open(path: &Path) -> Result<Box<dyn Filesystem>> {
    Ok(vmie::fs::open(volume(path)?, &limits())?)
}

/// Compares an image with the kernel's mount of it, which may write to it.
fn against(
    report: &mut Report,
    name: &str,
    fs: &dyn Filesystem,
    image: &Path,
    options: &str,
) -> Result<()> {
    let at = image.with_extension("mnt");
    let mount = Mount::new(&[image.to_owned()], &at, "xfs", options)?;
    compare(report, name, fs, fs.root(), &mount.at, Except::default())?;
    if let Some(space) = fs.space() {
        let theirs = rustix::fs::statvfs(&mount.at)?;
        report
            .tally
            .same(name, space.total, theirs.f_blocks * theirs.f_frsize);
    }
    Ok(())
}

fn one(report: &mut Report, variant: &Variant, seed: u64, folder: &Path) -> Result<()> {
    let (name, mkfs) = *variant;
    let image = folder.join("image");
    // Large enough for the log that many groups want; what is not written takes no room.
    make(&image, 1300, mkfs)?;
    let at = folder.join("mnt");
    {
        let mount = Mount::new(std::slice::from_ref(&image), &at, "xfs", "rw")?;
        let plan = Plan {
            files: 600,
            many: 3000,
            ..Plan::small(seed)
        };
        populate(&mount.at, &plan)?;
        values(&mount.at)?;
        if name != "no reflink" {
            clones(&mount.at)?;
        }
    }
    if name == "another UUID" {
        tool("xfs_admin", &["-U", "generate", text(&image)])?;
    }
    let fs = open(&image)?;
    report.tally.same(name, fs.state(), State::Clean);
    against(report, name, &*fs, &image, "ro")
}

/// A filesystem that mkfs fills from a list of files, against the folder that the list is of. Such a
/// list has no times, and no spaces in names.
fn version_4(report: &mut Report, variant: &Variant, folder: &Path) -> Result<()> {
    let (name, mkfs) = *variant;
    let tree = folder.join("tree");
    let mut random = Random::new(4);
    for (dir, files) in [("short", 3), ("block", 20), ("leaf", 150), ("node", 3000)] {
        fs::create_dir_all(tree.join(dir).join("below"))?;
        for i in 0..files {
            let path = tree
                .join(dir)
                .join(format!("an-entry-among-many-number-{i}"));
            fs::write(path, random.up_to(if i % 50 == 0 { 300_000 } else { 1500 }))?;
        }
    }
    for len in [1, 60, 155, 156, 157, 300, 1000] {
        std::os::unix::fs::symlink("t".repeat(len), tree.join(format!("symlink{len}")))?;
    }
    let mut list = b"/none\n0 0\nd--755 0 0\n".to_vec();
    proto(&tree, &mut list)?;
    let path = folder.join("list");
    fs::write(&path, list)?;
    let image = folder.join("image");
    make(&image, 400, &[mkfs, &["-p", text(&path)]].concat())?;
    let fs = open(&image)?;
    report.tally.same(name, fs.state(), State::Clean);
    let except = Except {
        times: true,
        directory_sizes: true,
        ..Except::default()
    };
    compare(report, name, &*fs, fs.root(), &tree, except)
}

/// Lists a folder as mkfs.xfs wants it.
fn proto(folder: &Path, list: &mut Vec<u8>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let mode = fs::symlink_metadata(&path)?.mode() & 0o777;
        let line = if kind.is_dir() {
            format!("{name} d--{mode:03o} 0 0\n")
        } else if kind.is_symlink() {
            let target = fs::read_link(&path)?;
            format!("{name} l--{mode:03o} 0 0 {}\n", target.display())
        } else {
            format!("{name} ---{mode:03o} 0 0 {}\n", path.display())
        };
        list.extend_from_slice(line.as_bytes());
        if kind.is_dir() {
            proto(&path, list)?;
        }
    }
    list.extend_from_slice(b"$\n");
    Ok(())
}

/// Attributes with values of all lengths, and many of them.
fn values(at: &Path) -> Result<()> {
    let dir = at.join("values");
    fs::create_dir(&dir)?;
    for i in 0..24u64 {
        let path = dir.join(format!("long value {i}"));
        fs::write(&path, b"")?;
        let value = Random::new(i).content(2700 * (i + 1));
        setxattr(&path, "user.long", &value, XattrFlags::empty())?;
        setxattr(&path, "user.short", b"beside", XattrFlags::empty())?;
        if i % 8 == 0 {
            for j in 0..150 * (i + 1) / 4 {
                let name = format!("user.one attribute of many, number {j}");
                setxattr(&path, name, format!("{j}").as_bytes(), XattrFlags::empty())?;
            }
        }
    }
    Ok(())
}

/// Files that share extents, whole and in part, in so many pieces that their maps are trees.
fn clones(at: &Path) -> Result<()> {
    let dir = at.join("clones");
    fs::create_dir(&dir)?;
    let mut random = Random::new(99);
    let original = dir.join("original");
    fs::write(&original, random.content(4_000_000))?;
    for i in 0..6u64 {
        let path = dir.join(format!("clone{i}"));
        fs::write(&path, b"")?;
        let from = fs::File::open(&original)?;
        let to = fs::OpenOptions::new().write(true).open(&path)?;
        ioctl_ficlone(&to, &from)?;
        for _ in 0..i * 60 {
            let at = random.below(3_900_000);
            std::os::unix::fs::FileExt::write_all_at(&to, &random.content(4096), at)?;
        }
    }
    Ok(())
}

fn large(report: &mut Report, folder: &Path) -> Result<()> {
    let image = folder.join("large.img");
    make(&image, 3072, &[])?;
    {
        let at = folder.join("mnt");
        let mount = Mount::new(std::slice::from_ref(&image), &at, "xfs", "rw")?;
        populate(&mount.at, &Plan::large())?;
    }
    let fs = open(&image)?;
    against(report, "large", &*fs, &image, "ro")
}

fn full(report: &mut Report, folder: &Path) -> Result<()> {
    for (name, options) in [
        ("full", &[][..]),
        ("full, blocks of 1 KiB", &["-b", "size=1024"][..]),
    ] {
        let image = folder.join("full.img");
        make(&image, 320, options)?;
        {
            let at = folder.join("mnt");
            let mount = Mount::new(std::slice::from_ref(&image), &at, "xfs", "rw")?;
            fill(&mount.at, &mut Random::new(5))?;
        }
        let fs = open(&image)?;
        against(report, name, &*fs, &image, "ro")?;
        fs::remove_file(&image)?;
    }
    Ok(())
}

/// As the kernel has them once it has recovered them.
const CRASHES: Crashes = Crashes {
    kind: "xfs",
    mount: "rw,nouuid",
    make,
    mebibytes: 320,
    variants: &[
        ("crash", &[]),
        (
            "crash, blocks of 1 KiB",
            &["-b", "size=1024", "-n", "size=8192"],
        ),
        (
            "crash, 64-bit counts, reverse mapping",
            &["-i", "nrext64=1", "-m", "rmapbt=1"],
        ),
        ("crash, log stripes", &["-l", "su=262144"]),
        ("crash, blocks of 64 KiB", &["-b", "size=65536"]),
    ],
    except: Except::NOTHING,
};
