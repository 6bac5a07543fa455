//! Images of one moment of a busy filesystem: as after the power was cut.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use vmie::fs::{Filesystem, State};

use super::Report;
use super::compare::{Except, compare, limits, volume};
use super::mount::{Mount, image};
use super::populate::busy;
use super::walks::twice;
use crate::Result;
use crate::run::{text, tool};

/// A filesystem that clones files, so that a copy is of one moment.
pub(super) fn cloning(folder: &Path) -> Result<Mount> {
    let outer = [folder.join("outer.img")];
    image(&outer[0], 6 << 30)?;
    tool("mkfs.btrfs", &["-q", text(&outer[0])])?;
    Mount::new(&outer, &folder.join("outer"), "btrfs", "rw")
}

/// Keeps an image, which lies on a filesystem that clones, busy through a mount and clones it three
/// times meanwhile.
pub(super) fn crash(image: &Path, folder: &Path, kind: &str, seed: u64) -> Result<Vec<PathBuf>> {
    let images = [image.to_owned()];
    let mount = Mount::new(&images, &folder.join("busy"), kind, "rw")?;
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for writer in 0..2 {
            let (at, stop) = (&mount.at, &stop);
            scope.spawn(move || busy(at, stop, seed * 2 + writer));
        }
        let copies = (0..3u64).map(|i| {
            std::thread::sleep(Duration::from_millis(900 + 700 * (seed + i)));
            let copy = image.with_extension(format!("{i}.copy"));
            clone(image, &copy)?;
            Ok(copy)
        });
        let copies = copies.collect::<Result<Vec<_>>>();
        stop.store(true, Ordering::Relaxed);
        copies
    })
}

fn clone(from: &Path, to: &Path) -> Result<()> {
    tool("cp", &["--reflink=always", text(from), text(to)])?;
    Ok(())
}

/// How crash images of one kind of filesystem are made, and what the kernel makes of them.
pub(super) struct Crashes {
    /// As mount names it.
    pub(super) kind: &'static str,
    /// The options of the mount that shows a copy: one that recovers it, where the reader does so, too.
    pub(super) mount: &'static str,
    /// Makes a filesystem of so many MiB.
    pub(super) make: fn(&Path, u64, &[&str]) -> Result<()>,
    pub(super) mebibytes: u64,
    /// A name, and the options of mkfs.
    pub(super) variants: &'static [(&'static str, &'static [&'static str])],
    pub(super) except: Except,
}

/// What became of a copy.
enum Copied {
    Clean,
    Dirty,
    /// The kernel does not mount it; why.
    Refused(String),
}

impl Crashes {
    /// Compares three copies of each variant with what the kernel shows of them.
    pub(super) fn run(&self, report: &mut Report, folder: &Path) -> Result<()> {
        let outer = cloning(folder)?;
        let (mut dirty, mut refused, mut all) = (0u32, 0u32, 0u32);
        for (round, (name, options)) in (0..).zip(self.variants) {
            let inner = outer.at.join("inner.img");
            (self.make)(&inner, self.mebibytes, options)?;
            for copy in crash(&inner, folder, self.kind, round % 3)? {
                all += 1;
                let outcome = self.one(report, name, options, &copy);
                let outcome = outcome.map(|copied| match copied {
                    Copied::Clean => {}
                    Copied::Dirty => dirty += 1,
                    Copied::Refused(why) => {
                        refused += 1;
                        println!(
                            "{name}: the kernel refuses copy {all}, which is read here: {why}"
                        );
                    }
                });
                report.tally.attempt(name, outcome);
                fs::remove_file(copy)?;
            }
            fs::remove_file(inner)?;
        }
        let kind = self.kind;
        println!(
            "{kind}: {dirty} of {all} crash images are named dirty and read as the kernel reads them; \
             {refused} more are refused by the kernel"
        );
        report
            .tally
            .check(dirty > 0, || format!("{kind}: no crash image is dirty"));
        // A kernel that refuses many of its own says that something else is wrong.
        report.tally.check(refused * 4 <= all, || {
            format!("{kind}: {refused} of {all} crash images are refused by the kernel")
        });
        Ok(())
    }

    /// Reads a copy as the kernel does, which gets a copy of it, as it may write.
    fn one(
        &self,
        report: &mut Report,
        name: &str,
        options: &[&str],
        copy: &Path,
    ) -> Result<Copied> {
        let fs: Box<dyn Filesystem> = vmie::fs::open(volume(copy)?, &limits())?;
        let recovered = copy.with_extension("recovered");
        clone(copy, &recovered)?;
        let at = copy.with_extension("mnt");
        let images = [recovered];
        {
            let mount = match Mount::new(&images, &at, self.kind, self.mount) {
                Err(error) if error.to_string().starts_with("mount ") => {
                    // What has no second reader reads the same twice, at least.
                    twice(&*fs)?;
                    fs::remove_file(&images[0])?;
                    return Ok(Copied::Refused(error.to_string()));
                }
                mount => mount?,
            };
            // The kernel replays these by making and removing names, as of now.
            let is_fast = options.contains(&"fast_commit");
            let except = Except {
                directory_times: is_fast,
                directory_sizes: is_fast,
                ..self.except
            };
            compare(report, name, &*fs, fs.root(), &mount.at, except)?;
        }
        fs::remove_file(&images[0])?;
        Ok(match fs.state() {
            State::Dirty => Copied::Dirty,
            _ => Copied::Clean,
        })
    }
}
