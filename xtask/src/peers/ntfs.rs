//! NTFS with every size of clusters, sectors and records, against ntfs-3g.

use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::fs::XattrFlags;
use vmie::fs::{Filesystem, State};

use super::Report;
use super::compare::{Except, compare, limits, volume};
use super::mount::image;
use super::populate::{Plan, Random, busy, churn, deep, fill, many};
use crate::Result;
use crate::run::{text, tool};

const MIB: u64 = 1 << 20;

/// Bytes of a cluster and of a sector; ntfs-3g compresses only where clusters have at most 4 KiB.
const VARIANTS: [(u64, u64); 16] = [
    (512, 512),
    (1024, 512),
    (2048, 512),
    (4096, 512),
    (8192, 512),
    (16_384, 512),
    (32_768, 512),
    (65_536, 512),
    (131_072, 512),
    (262_144, 512),
    (524_288, 512),
    (1_048_576, 512),
    (2_097_152, 512),
    (4096, 4096),
    (65_536, 4096),
    (2048, 1024),
];

/// A filesystem that ntfs-3g shows.
struct Mount {
    at: PathBuf,
}

impl Mount {
    fn new(image: &Path, at: &Path, options: &str) -> Result<Self> {
        fs::create_dir_all(at)?;
        // Symbolic links and the like as Windows knows them, too.
        let options = format!("{options},special_files=wsl,streams_interface=xattr");
        tool("ntfs-3g", &["-o", &options, text(image), text(at)])?;
        Ok(Self { at: at.to_owned() })
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Waits until the driver has written everything.
        if let Err(error) = tool("umount", &[text(&self.at)]) {
            println!("{error}");
        }
    }
}

pub(super) fn run(report: &mut Report) -> Result<()> {
    for (seed, &(cluster, sector)) in (1..).zip(report.chosen(&VARIANTS)) {
        let name = format!("clusters of {cluster} bytes, sectors of {sector}");
        report.part(&name, |report, folder| {
            one(report, &name, cluster, sector, seed, folder)
        })?;
    }
    report.long(&[("large", large), ("nearly full", full), ("killed", killed)])
}

fn make(path: &Path, mebibytes: u64, cluster: u64, sector: u64) -> Result<()> {
    image(path, mebibytes * MIB)?;
    let (cluster, sector) = (cluster.to_string(), sector.to_string());
    let arguments = ["-q", "-F", "-L", "peers", "-c", &cluster, "-s", &sector];
    tool("mkntfs", &[&arguments[..], &[text(path)]].concat())?;
    Ok(())
}

/// Compares an image with what ntfs-3g shows of it.
fn check(report: &mut Report, what: &str, image: &Path, at: &Path) -> Result<()> {
    let fs: Box<dyn Filesystem> = vmie::fs::open(volume(image)?, &limits())?;
    report.tally.same(what, fs.state(), State::Clean);
    report
        .tally
        .same(what, fs.identity().label.as_deref(), Some("peers"));
    let space = fs.space().ok_or("there is no space")?;
    let theirs = {
        let mount = Mount::new(image, at, "ro")?;
        rustix::fs::statvfs(&mount.at)?
    };
    let theirs = theirs.f_bfree * theirs.f_frsize;
    report
        .tally
        .same(&format!("{what}: free"), space.free, theirs);
    shown(report, what, &*fs, image, at)
}

/// Compares a filesystem with what ntfs-3g shows of its image.
pub(super) fn shown(
    report: &mut Report,
    what: &str,
    fs: &dyn Filesystem,
    image: &Path,
    at: &Path,
) -> Result<()> {
    shown_as(report, what, fs, image, at, fs.state() != State::Clean)
}

fn shown_as(
    report: &mut Report,
    what: &str,
    fs: &dyn Filesystem,
    image: &Path,
    at: &Path,
    torn: bool,
) -> Result<()> {
    let mount = Mount::new(image, at, "ro")?;
    let except = Except {
        directory_sizes: true,
        // FUSE hands no question about holes on to ntfs-3g.
        holes: true,
        owners: true,
        links_below_mount: true,
        torn,
        ..Except::NOTHING
    };
    compare(report, what, fs, fs.root(), &mount.at, except)
}

fn one(
    report: &mut Report,
    name: &str,
    cluster: u64,
    sector: u64,
    seed: u64,
    folder: &Path,
) -> Result<()> {
    let image = folder.join("image");
    // Some hundreds of clusters at least, beside the filesystem's own.
    make(&image, 500 + cluster * 1200 / MIB, cluster, sector)?;
    let at = folder.join("mnt");
    let is_small = cluster <= 4096;
    {
        let options = if is_small { "compression" } else { "rw" };
        let mount = Mount::new(&image, &at, options)?;
        let files = if cluster > 131_072 { 100 } else { 500 };
        let plan = Plan {
            files,
            many: 2000,
            deep: 50,
            ..Plan::small(seed)
        };
        populate(&mount.at, &plan, is_small)?;
    }
    check(report, name, &image, &at)
}

fn large(report: &mut Report, folder: &Path) -> Result<()> {
    let image = folder.join("image");
    make(&image, 3072, 4096, 512)?;
    let at = folder.join("mnt");
    {
        let mount = Mount::new(&image, &at, "compression")?;
        let plan = Plan {
            files: 4000,
            many: 100_000,
            deep: 200,
            ..Plan::small(77)
        };
        populate(&mount.at, &plan, true)?;
    }
    check(report, "large", &image, &at)
}

fn full(report: &mut Report, folder: &Path) -> Result<()> {
    for cluster in [512, 4096] {
        let image = folder.join("image");
        make(&image, 64, cluster, 512)?;
        let at = folder.join("mnt");
        {
            let mount = Mount::new(&image, &at, "rw")?;
            fill(&mount.at, &mut Random::new(cluster))?;
            // What is written into the gaps is in many pieces.
            for i in (0..400).step_by(2) {
                let _ = fs::remove_file(mount.at.join(format!("full/f{i}")));
            }
            let _ = fs::write(mount.at.join("pieces"), Random::new(9).content(9_000_000));
        }
        check(report, "nearly full", &image, &at)?;
        fs::remove_file(&image)?;
    }
    Ok(())
}

/// Fills a folder with everything that ntfs-3g can make.
fn populate(root: &Path, plan: &Plan, compressed: bool) -> Result<()> {
    let mut random = Random::new(plan.seed);
    for i in 0..plan.files {
        let dir = root.join(format!("files/d{}", i % 23));
        fs::create_dir_all(&dir)?;
        let lengths = [200, 1000, 20_000, 70_000, 300_000];
        fs::write(
            dir.join(format!("file {i}")),
            random.up_to(lengths[i as usize % 5]),
        )?;
    }
    many(root, plan)?;
    deep(root, plan)?;
    names(root)?;
    links(root)?;
    sparse(root, &mut random)?;
    streams(root, &mut random)?;
    if compressed {
        compress(root, &mut random)?;
    }
    churn(root, plan, &mut random)
}

/// Names of all kinds: pairs that differ in case only, the longest, and lone surrogates.
fn names(root: &Path) -> Result<()> {
    let dir = root.join("names");
    fs::create_dir(&dir)?;
    let long = ["n".repeat(255), "é".repeat(255), "🦀".repeat(127)];
    let mut names: Vec<&[u8]> = vec![
        "Grüße 日本語 🦀".as_bytes(),
        b"\x01\x02\n\t\x7f",
        b" leading and trailing ",
        b"back\\slash",
        b"colon:inside",
        b"...",
        b"a",
        b"A",
        b"lone \xed\xa0\x80 surrogates \xed\xbf\xbf",
    ];
    names.extend(long.iter().map(String::as_bytes));
    for text in [
        "ÄÖÜ", "äöü", "ß", "ſ", "ı", "İ", "Σ", "σ", "ς", "ǅ", "ÿ", "Ÿ",
    ] {
        names.push(text.as_bytes());
    }
    for (i, name) in names.into_iter().enumerate() {
        fs::write(dir.join(std::ffi::OsStr::from_bytes(name)), format!("{i}"))?;
    }
    Ok(())
}

fn links(root: &Path) -> Result<()> {
    let dir = root.join("links");
    fs::create_dir(&dir)?;
    fs::write(dir.join("one"), b"linked")?;
    for i in 0..120 {
        let other = dir.join(format!("another name, and a long one, {i}"));
        fs::hard_link(dir.join("one"), other)?;
    }
    for len in [1, 10, 60, 255, 1000] {
        symlink("t".repeat(len), dir.join(format!("symlink{len}")))?;
    }
    Ok(())
}

fn sparse(root: &Path, random: &mut Random) -> Result<()> {
    let dir = root.join("sparse");
    fs::create_dir(&dir)?;
    for i in 0..12u64 {
        let file = File::create(dir.join(format!("sparse{i}")))?;
        // Some with so many parts that they do not fit into a record.
        for _ in 0..random.below(150) {
            let len = 1 + random.below(9000);
            file.write_all_at(&random.content(len), random.below(9_000_000))?;
        }
        if i % 3 == 0 {
            file.set_len(12_000_000 + i)?;
        }
    }
    let file = File::create(dir.join("huge"))?;
    file.write_all_at(b"start", 0)?;
    for shift in [31, 32, 40] {
        file.write_all_at(b"somewhere", (1 << shift) - 3)?;
    }
    Ok(())
}

fn streams(root: &Path, random: &mut Random) -> Result<()> {
    let dir = root.join("streams");
    fs::create_dir(&dir)?;
    for i in 0..40u64 {
        let path = dir.join(format!("file{i}"));
        fs::write(&path, random.up_to(3000))?;
        for j in 0..i % 7 {
            let value = random.up_to(4000);
            let name = format!("user.number {j}");
            rustix::fs::setxattr(&path, name.as_str(), &value, XattrFlags::empty())?;
        }
    }
    Ok(())
}

fn compress(root: &Path, random: &mut Random) -> Result<()> {
    let dir = root.join("compressed");
    fs::create_dir(&dir)?;
    // FILE_ATTRIBUTE_COMPRESSED, which the files in it inherit.
    let attributes = 0x800u32.to_le_bytes();
    rustix::fs::setxattr(&dir, "system.ntfs_attrib", &attributes, XattrFlags::empty())?;
    for i in 0..150 {
        let mut content = random.up_to(90_000);
        content.extend(random.up_to(90_000));
        let zeroes = random.below(3) * 70_000;
        content.extend(std::iter::repeat_n(0, zeroes as usize));
        content.extend(random.up_to(30_000));
        let file = File::create(dir.join(format!("c{i}")))?;
        file.write_all_at(&content, 0)?;
        if i % 3 == 0 {
            let len = 1 + random.below(20_000);
            file.write_all_at(&random.content(len), random.below(100_000))?;
        }
    }
    Ok(())
}

/// Images that ntfs-3g was writing when it was killed, as another ntfs-3g shows them. It never says on the
/// volume that it writes, so what it leaves is no dirtier than what it unmounts; what ntfsfix marks for
/// Windows to check is.
fn killed(report: &mut Report, folder: &Path) -> Result<()> {
    let (mut torn, mut all) = (0u32, 0u32);
    for (round, cluster) in (0..).zip([4096, 4096, 512, 65_536]) {
        let image = folder.join("image");
        make(&image, 256, cluster, 512)?;
        let at = folder.join("mnt");
        kill_busy(&image, &at, round)?;
        let what = format!("killed, clusters of {cluster} bytes, {round}");
        let fs: Box<dyn Filesystem> = vmie::fs::open(volume(&image)?, &limits())?;
        let walked = super::walks::twice(&*fs)?;
        println!(
            "{what}: {:?}, {} files, {} not readable",
            fs.state(),
            walked.files,
            walked.errors.len()
        );
        torn += u32::from(!walked.errors.is_empty());
        all += 1;
        report.tally.check(walked.files > 100, || {
            format!("{what}: {} files", walked.files)
        });
        let at = folder.join("shown");
        // A file that was being made may be named and not there.
        shown_as(report, &what, &*fs, &image, &at, true)?;
        tool("ntfsfix", &[text(&image)])?;
        let fs = vmie::fs::open(volume(&image)?, &limits())?;
        report
            .tally
            .same(&format!("{what}, marked"), fs.state(), State::Dirty);
    }
    println!("ntfs: {torn} of {all} images of a killed ntfs-3g name what is not there");
    Ok(())
}

/// Mounts an image, keeps it busy, and kills the driver in the middle.
fn kill_busy(image: &Path, at: &Path, seed: u64) -> Result<()> {
    fs::create_dir_all(at)?;
    let mut driver = Command::new("ntfs-3g")
        .args(["-o", "no_detach", text(image), text(at)])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("ntfs-3g cannot be run ({error}): install it"))?;
    let stop = AtomicBool::new(false);
    let ended = std::thread::scope(|scope| -> Result<()> {
        while tool("mountpoint", &["-q", text(at)]).is_err() {
            if driver.try_wait()?.is_some() {
                return Err("ntfs-3g ended".into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        for writer in 0..2 {
            let stop = &stop;
            scope.spawn(move || busy(at, stop, seed * 2 + writer));
        }
        std::thread::sleep(Duration::from_millis(2500 + 400 * seed));
        let killed = driver.kill();
        stop.store(true, Ordering::Relaxed);
        killed?;
        Ok(())
    });
    driver.wait()?;
    tool("umount", &["-l", text(at)])?;
    ended
}
