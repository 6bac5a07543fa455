//! FAT with every width, cluster and sector, filled by mtools, read by mtools, checked by dosfstools.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use vmie::fs::{Filesystem, GuestPath, State};

use super::Report;
use super::compare::{Except, compare, limits, volume};
use super::mount::image;
use super::populate::Random;
use crate::Result;
use crate::run::{text, tool};

const KIB: u64 = 1 << 10;

/// A name, KiB, how many files to make, and the options of mkfs.fat.
type Variant = (&'static str, u64, u64, &'static [&'static str]);

const VARIANTS: &[Variant] = &[
    ("FAT12, floppy", 1440, 60, &["-F", "12"]),
    ("FAT16", 64 * KIB, 900, &["-F", "16"]),
    ("FAT32", 300 * KIB, 1500, &["-F", "32"]),
    (
        "FAT12, large clusters",
        60 * KIB,
        300,
        &["-F", "12", "-s", "64"],
    ),
    (
        "FAT12, one FAT",
        2 * KIB,
        60,
        &["-F", "12", "-f", "1", "-s", "1"],
    ),
    (
        "FAT16, clusters of a sector",
        20 * KIB,
        300,
        &["-F", "16", "-s", "1"],
    ),
    (
        "FAT16, large clusters",
        600 * KIB,
        900,
        &["-F", "16", "-s", "64"],
    ),
    (
        "FAT16, a large root",
        64 * KIB,
        900,
        &["-F", "16", "-r", "4096", "-R", "9"],
    ),
    (
        "FAT16, sectors of 2 KiB",
        64 * KIB,
        900,
        &["-F", "16", "-S", "2048"],
    ),
    (
        "FAT32, clusters of a sector",
        64 * KIB,
        1500,
        &["-F", "32", "-s", "1"],
    ),
    (
        "FAT32, clusters of 32 KiB",
        2400 * KIB,
        1500,
        &["-F", "32", "-s", "64"],
    ),
    (
        "FAT32, sectors of 4 KiB",
        400 * KIB,
        1500,
        &["-F", "32", "-S", "4096", "-s", "1"],
    ),
    (
        "FAT32, no alignment, one FAT",
        300 * KIB,
        900,
        &["-F", "32", "-a", "-f", "1"],
    ),
    (
        "FAT32, reserved sectors",
        300 * KIB,
        900,
        &["-F", "32", "-R", "100", "-b", "8"],
    ),
];

pub(super) fn run(report: &mut Report) -> Result<()> {
    for (seed, variant) in (1..).zip(report.chosen(VARIANTS)) {
        report.part(variant.0, |report, folder| {
            one(report, variant, seed, folder)
        })?;
    }
    report.long(&[("large", large), ("nearly full", full)])
}

/// mtools with names in UTF-8, times in UTC, and no settings of the user's.
fn mtools(name: &str, image: &Path, arguments: &[&str]) -> Result<String> {
    let settings = [
        "LC_ALL=C.UTF-8",
        "TZ=UTC",
        "MTOOLSRC=/dev/null",
        "MTOOLS_SKIP_CHECK=1",
    ];
    let command = [name, "-i", text(image)];
    tool("env", &[&settings[..], &command, arguments].concat())
}

fn make(path: &Path, kibibytes: u64, options: &[&str]) -> Result<()> {
    image(path, kibibytes * KIB)?;
    let arguments = [&["-n", "PEERS", "-i", "12ab34cd"], options, &[text(path)]].concat();
    tool("mkfs.fat", &arguments)?;
    Ok(())
}

fn one(report: &mut Report, variant: &Variant, seed: u64, folder: &Path) -> Result<()> {
    let (name, kibibytes, files, options) = *variant;
    let image = folder.join("image");
    make(&image, kibibytes, options)?;
    let tree = folder.join("tree");
    let mut random = Random::new(seed);
    // mtools finds no room for a name that is longer than a cluster.
    let longest_name =
        if (options.ends_with(&["-s", "1"]) || kibibytes == 1440) && !options.contains(&"4096") {
            100
        } else {
            255
        };
    let longest = kibibytes * KIB / files / 3;
    populate(&tree, files, longest, longest_name, &mut random)?;
    fill(&image, &tree, "::/")?;
    // What is written into the gaps is in many pieces.
    for i in (0..files).step_by(3) {
        let path = format!("::/files/d{}/File number {i}.dat", i % 7);
        mtools("mdel", &image, &[&path])?;
    }
    let pieces = folder.join("in pieces");
    write(&pieces, &random.content(kibibytes * KIB / 9), 5)?;
    mtools("mcopy", &image, &["-m", text(&pieces), "::/"])?;
    mtools(
        "mren",
        &image,
        &["::/names/Mixed.Txt", "::/names/renamed to something longer"],
    )?;
    mtools("mattrib", &image, &["+r", "+h", "+s", "::/names/UPPER.TXT"])?;
    mtools("mattrib", &image, &["-a", "+h", "::/names/with space"])?;
    mtools("mattrib", &image, &["+s", "::/deep"])?;
    check(report, name, &image, folder)
}

/// More than twenty thousand files, in directories of many clusters: mtools takes long for those that
/// are as long as they can be.
fn large(report: &mut Report, folder: &Path) -> Result<()> {
    let image = folder.join("image");
    make(&image, 2000 * KIB, &["-F", "32", "-s", "8"])?;
    let tree = folder.join("tree");
    populate(&tree, 9000, 60_000, 255, &mut Random::new(77))?;
    for dir in 0..9 {
        let dir = tree.join(format!("many{dir}"));
        fs::create_dir(&dir)?;
        for i in 0..1500 {
            write(&dir.join(format!("entry{i}.many")), b"", i)?;
        }
    }
    fill(&image, &tree, "::/")?;
    check(report, "large", &image, folder)
}

/// Files until there is no room for another.
fn full(report: &mut Report, folder: &Path) -> Result<()> {
    for (name, kibibytes, options) in [
        ("full, FAT12", 1440, ["-F", "12"]),
        ("full, FAT16", 20 * KIB, ["-F", "16"]),
        ("full, FAT32", 40 * KIB, ["-F", "32"]),
    ] {
        let folder = folder.join(name);
        fs::create_dir(&folder)?;
        let image = folder.join("image");
        make(&image, kibibytes, &options)?;
        let mut random = Random::new(kibibytes);
        for i in 0..1000 {
            let path = folder.join(format!("file {i} of those that fill it"));
            write(&path, &random.content(kibibytes * KIB / 80), i)?;
            if mtools("mcopy", &image, &["-m", text(&path), "::/"]).is_err() {
                break;
            }
        }
        check(report, name, &image, &folder)?;
    }
    Ok(())
}

/// A file with a time that FAT can hold: even seconds.
fn write(path: &Path, content: &[u8], number: u64) -> Result<()> {
    fs::write(path, content)?;
    let time = UNIX_EPOCH + Duration::from_secs(400_000_000 + number * 123_456);
    File::options().write(true).open(path)?.set_modified(time)?;
    Ok(())
}

/// A tree with what FAT can name, but for characters of which mtools makes others: those past 16 bits,
/// dots in a row, and small letters in short names that are not of ASCII.
fn populate(
    tree: &Path,
    files: u64,
    longest: u64,
    longest_name: usize,
    random: &mut Random,
) -> Result<()> {
    for i in 0..files {
        let dir = tree.join(format!("files/d{}", i % 7));
        fs::create_dir_all(&dir)?;
        let content = random.up_to(if i % 4 == 0 { longest } else { longest / 9 });
        write(&dir.join(format!("File number {i}.dat")), &content, i)?;
    }
    let mut dir = tree.join("deep");
    for i in 0..12 {
        fs::create_dir(&dir)?;
        write(&dir.join("here"), format!("{i}").as_bytes(), i)?;
        dir.push(format!("level{i}"));
    }
    let dir = tree.join("names");
    fs::create_dir(&dir)?;
    let long = [
        "n".repeat(longest_name),
        "ü".repeat(longest_name / 2),
        "日".repeat(longest_name / 3),
        "m".repeat(13),
        "m".repeat(26),
    ];
    let names = [
        "UPPER.TXT",
        "lower.txt",
        "small.TXT",
        "Mixed.Txt",
        "noext",
        "NOEXT2",
        "a",
        "12345678.123",
        "123456789.123",
        "1234.5678",
        "many.dots.in.it",
        "with space",
        "+,;=[]",
        "~tilde~1.txt",
        "LONGNA~7.TXT",
        "longname that collides.txt",
        "Grüße 日本語",
        "ÄÖÜ.txt",
        "é and more",
    ];
    for (i, name) in (0..).zip(names.into_iter().chain(long.iter().map(String::as_str))) {
        write(&dir.join(name), format!("{i}").as_bytes(), i)?;
    }
    Ok(())
}

/// Copies what is in a folder into one of the image. Folder by folder: a whole tree at once ends in the
/// middle without a word where names are long.
fn fill(image: &Path, tree: &Path, to: &str) -> Result<()> {
    let mut files = Vec::new();
    for entry in fs::read_dir(tree)? {
        let path = entry?.path();
        if path.is_dir() {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let below = format!("{to}{name}");
            mtools("mmd", image, &[&below])?;
            fill(image, &path, &format!("{below}/"))?;
        } else {
            files.push(path);
        }
    }
    for files in files.chunks(500) {
        let files: Vec<&str> = files.iter().map(|path| text(path)).collect();
        mtools("mcopy", image, &[&["-m", "-Q"], &files[..], &[to]].concat())?;
    }
    Ok(())
}

/// Compares an image with what mtools takes out of it, and with what fsck.fat counts.
fn check(report: &mut Report, what: &str, image: &Path, folder: &Path) -> Result<()> {
    let fs: Box<dyn Filesystem> = vmie::fs::open(volume(image)?, &limits())?;
    let tally = &mut report.tally;
    tally.same(what, fs.state(), State::Clean);
    tally.same(what, fs.identity().label.as_deref(), Some("PEERS"));
    tally.same(what, fs.identity().uuid.as_deref(), Some("12AB-34CD"));
    // It ends with "IMAGE: 37 files, 120/8000 clusters".
    let said = tool("fsck.fat", &["-n", text(image)])?;
    let counts = said.lines().last().and_then(|line| line.rsplit(' ').nth(1));
    let (used, clusters) = counts
        .and_then(|counts| counts.split_once('/'))
        .ok_or_else(|| format!("fsck.fat says {said}"))?;
    let (used, clusters): (u64, u64) = (used.parse()?, clusters.parse()?);
    let space = fs.space().ok_or("there is no space")?;
    let block = fs.identity().block_size.ok_or("there is no block size")?;
    tally.same(what, space.total / block, clusters);
    tally.same(what, (space.total - space.free) / block, used);
    taken_out(report, what, &*fs, image, &folder.join("out"))
}

/// Compares a filesystem with what mtools takes out of its image.
pub(super) fn taken_out(
    report: &mut Report,
    what: &str,
    fs: &dyn Filesystem,
    image: &Path,
    out: &Path,
) -> Result<()> {
    fs::create_dir(out)?;
    mtools("mcopy", image, &["-s", "-m", "-n", "-Q", "::/*", text(out)])?;
    // It does not hand on the times of directories.
    let except = Except {
        directory_sizes: true,
        directory_times: true,
        owners: true,
        ..Except::NOTHING
    };
    compare(report, what, fs, fs.root(), out, except)?;
    attributes(report, what, fs, image)
}

/// Compares the attributes of every file with those that mattrib lists: a line is like `ASHR ::/a path`.
fn attributes(report: &mut Report, what: &str, fs: &dyn Filesystem, image: &Path) -> Result<()> {
    for line in mtools("mattrib", image, &["-/", "-X", "::/"])?.lines() {
        let (letters, path) = line
            .split_once(" ::")
            .ok_or_else(|| format!("mattrib says {line}"))?;
        let node = fs.find(&GuestPath::from(path))?;
        let theirs = letters.chars().fold(0, |bits, letter| bits | bit(letter));
        let ours = fs.stat(node)?.dos_attributes;
        report.counts.of_windows += 1;
        // The root has no entry, and so none of its own.
        if node != fs.root() {
            report
                .tally
                .same(&format!("{what}: attributes of {path}"), ours, Some(theirs));
        }
    }
    Ok(())
}

fn bit(letter: char) -> u32 {
    match letter {
        'R' => 1,
        'H' => 2,
        'S' => 4,
        'D' => 16,
        'A' => 32,
        _ => 0,
    }
}
