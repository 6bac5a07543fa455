//! ext2, ext3 and ext4, with every option of mkfs that changes the layout, against the kernel.

use std::fs;
use std::path::Path;

use vmie::fs::{Filesystem, State};

use super::Report;
use super::compare::{Except, compare, limits, volume};
use super::crash::Crashes;
use super::mount::{Mount, image};
use super::populate::{Plan, Random, fill, populate};
use crate::Result;
use crate::run::{text, tool};

const MIB: u64 = 1 << 20;

/// A name, the kind that it is mounted as, and the options of mkfs.ext4.
type Variant = (&'static str, &'static str, &'static [&'static str]);

const VARIANTS: &[Variant] = &[
    ("ext2", "ext2", &["-t", "ext2"]),
    (
        "ext2, blocks of 1 KiB",
        "ext2",
        &["-t", "ext2", "-b", "1024"],
    ),
    ("ext2, small inodes", "ext2", &["-t", "ext2", "-I", "128"]),
    ("ext3", "ext3", &["-t", "ext3"]),
    (
        "ext3, blocks of 1 KiB",
        "ext3",
        &["-t", "ext3", "-b", "1024", "-I", "256"],
    ),
    ("ext4", "ext4", &["-t", "ext4"]),
    (
        "ext4, blocks of 1 KiB",
        "ext4",
        &["-t", "ext4", "-b", "1024"],
    ),
    (
        "ext4, blocks of 2 KiB",
        "ext4",
        &["-t", "ext4", "-b", "2048"],
    ),
    (
        "ext4, inline data",
        "ext4",
        &["-t", "ext4", "-O", "inline_data", "-I", "512"],
    ),
    (
        "ext4, meta block groups",
        "ext4",
        &["-t", "ext4", "-O", "meta_bg,^resize_inode"],
    ),
    (
        "ext4, clusters",
        "ext4",
        &["-t", "ext4", "-O", "bigalloc", "-C", "65536"],
    ),
    (
        "ext4, no checksums",
        "ext4",
        &["-t", "ext4", "-O", "^metadata_csum,uninit_bg"],
    ),
    (
        "ext4, 32 bits",
        "ext4",
        &["-t", "ext4", "-O", "^64bit,^metadata_csum"],
    ),
    (
        "ext4, checksum seed",
        "ext4",
        &["-t", "ext4", "-O", "metadata_csum_seed"],
    ),
    (
        "ext4, no extents",
        "ext4",
        &["-t", "ext4", "-O", "^extent,^64bit"],
    ),
    (
        "ext4, no flexible groups",
        "ext4",
        &["-t", "ext4", "-O", "^flex_bg"],
    ),
    (
        "ext4, sparse superblocks 2",
        "ext4",
        &["-t", "ext4", "-O", "sparse_super2,^resize_inode"],
    ),
    (
        "ext4, large directories",
        "ext4",
        &["-t", "ext4", "-O", "large_dir", "-b", "1024"],
    ),
    (
        "ext4, attributes in inodes",
        "ext4",
        &["-t", "ext4", "-O", "ea_inode"],
    ),
    (
        "ext4, no index",
        "ext4",
        &["-t", "ext4", "-O", "^dir_index,^filetype"],
    ),
    ("ext4, large inodes", "ext4", &["-t", "ext4", "-I", "1024"]),
    (
        "ext4, no journal",
        "ext4",
        &["-t", "ext4", "-O", "^has_journal"],
    ),
    (
        "ext4, project ids",
        "ext4",
        &["-t", "ext4", "-O", "project"],
    ),
];

pub(super) fn run(report: &mut Report) -> Result<()> {
    for (seed, variant) in (1..).zip(report.chosen(VARIANTS)) {
        report.part(variant.0, |report, folder| {
            one(report, variant, seed, folder)
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
    let mut arguments = vec!["-q", "-F", "-L", "peers"];
    arguments.extend_from_slice(options);
    arguments.push(text(path));
    tool("mkfs.ext4", &arguments)?;
    Ok(())
}

fn open(path: &Path) -> Result<Box<dyn Filesystem>> {
    Ok(vmie::fs::open(volume(path)?, &limits())?)
}

fn one(report: &mut Report, variant: &Variant, seed: u64, folder: &Path) -> Result<()> {
    let (name, kind, mkfs) = *variant;
    let image = folder.join("image");
    let images = [image];
    let at = folder.join("mnt");
    let plan = Plan {
        files: 600,
        many: 2000,
        ..Plan::small(seed)
    };
    if mkfs.contains(&"project") {
        // A kernel without quotas mounts these for reading only: mkfs fills it.
        let tree = folder.join("tree");
        fs::create_dir(&tree)?;
        populate(&tree, &plan)?;
        make(&images[0], 300, &[mkfs, &["-d", text(&tree)]].concat())?;
    } else {
        make(&images[0], 300, mkfs)?;
        let mount = Mount::new(&images, &at, kind, "rw")?;
        populate(&mount.at, &plan)?;
        if name.contains("attributes in inodes") {
            for i in 0..20 {
                let path = mount.at.join(format!("long value {i}"));
                fs::write(&path, b"")?;
                let value = Random::new(i).content(3000 * (i + 1));
                let flags = rustix::fs::XattrFlags::empty();
                rustix::fs::setxattr(&path, "user.long", &value, flags)?;
                rustix::fs::setxattr(&path, "user.short", b"beside", flags)?;
            }
        }
    }
    let fs = open(&images[0])?;
    report.tally.same(name, fs.state(), State::Clean);
    let mount = Mount::new(&images, &at, kind, "ro")?;
    compare(report, name, &*fs, fs.root(), &mount.at, Except::default())
}

fn large(report: &mut Report, folder: &Path) -> Result<()> {
    let images = [folder.join("large.img")];
    make(&images[0], 3072, &["-t", "ext4", "-N", "200000"])?;
    let at = folder.join("mnt");
    {
        let mount = Mount::new(&images, &at, "ext4", "rw")?;
        populate(&mount.at, &Plan::large())?;
    }
    let mount = Mount::new(&images, &at, "ext4", "ro")?;
    let fs = open(&images[0])?;
    compare(
        report,
        "large",
        &*fs,
        fs.root(),
        &mount.at,
        Except::default(),
    )
}

fn full(report: &mut Report, folder: &Path) -> Result<()> {
    for (name, options) in [
        ("full", &["-t", "ext4"][..]),
        ("full, ext3", &["-t", "ext3", "-b", "1024"][..]),
    ] {
        let images = [folder.join("full.img")];
        make(&images[0], 96, options)?;
        let at = folder.join("mnt");
        {
            let mount = Mount::new(&images, &at, "ext4", "rw")?;
            fill(&mount.at, &mut Random::new(5))?;
        }
        let mount = Mount::new(&images, &at, "ext4", "ro")?;
        let fs = open(&images[0])?;
        compare(report, name, &*fs, fs.root(), &mount.at, Except::default())?;
    }
    Ok(())
}

/// As the kernel has them once it has recovered them.
const CRASHES: Crashes = Crashes {
    kind: "ext4",
    mount: "rw",
    make,
    mebibytes: 256,
    variants: &[
        ("crash, ext4", &["-t", "ext4"]),
        (
            "crash, ext4, journal without checksums",
            &["-t", "ext4", "-O", "^metadata_csum"],
        ),
        ("crash, ext4, 32 bits", &["-t", "ext4", "-O", "^64bit"]),
        ("crash, ext3", &["-t", "ext3"]),
        (
            "crash, ext4, blocks of 1 KiB",
            &["-t", "ext4", "-b", "1024"],
        ),
        (
            "crash, ext4, fast commits",
            &["-t", "ext4", "-O", "fast_commit"],
        ),
    ],
    except: Except::NOTHING,
};
