//! Images of one moment of a busy filesystem: as after the power was cut.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use vmie::fs::State;

use super::Report;
use super::compare::{Except, compare, limits, volume};
use super::mount::{Mount, image};
use super::populate::busy;
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
}

impl Crashes {
    /// Compares three copies of each variant with what the kernel shows of them.
    pub(super) fn run(&self, report: &mut Report, folder: &Path) -> Result<()> {
        let outer = cloning(folder)?;
        let (mut dirty, mut all) = (0, 0);
        for (round, (name, options)) in (0..).zip(self.variants) {
            let inner = outer.at.join("inner.img");
            (self.make)(&inner, self.mebibytes, options)?;
            for copy in crash(&inner, folder, self.kind, round % 3)? {
                all += 1;
                let outcome = self.one(report, name, options, &copy).map(|is_dirty| {
                    dirty += u32::from(is_dirty);
                });
                report.tally.attempt(name, outcome);
                fs::remove_file(copy)?;
            }
            fs::remove_file(inner)?;
        }
        let kind = self.kind;
        println!("{kind}: {dirty} of {all} crash images are named dirty");
        report
            .tally
            .check(dirty > 0, || format!("{kind}: no crash image is dirty"));
        Ok(())
    }

    /// Says whether the copy is dirty. The kernel gets a copy of it, as it may write.
    fn one(&self, report: &mut Report, name: &str, options: &[&str], copy: &Path) -> Result<bool> {
        let fs = vmie::fs::open(volume(copy)?, &limits())?;
        let recovered = copy.with_extension("recovered");
        clone(copy, &recovered)?;
        let at = copy.with_extension("mnt");
        let images = [recovered];
        {
            let mount = Mount::new(&images, &at, self.kind, self.mount)?;
            let root = fs.root();
            // The kernel replays these by making and removing names, as of now.
            let is_fast = options.contains(&"fast_commit");
            let except = Except {
                directory_times: is_fast,
                directory_sizes: is_fast,
                ..Except::default()
            };
            compare(report, name, &*fs, root, &mount.at, except)?;
        }
        fs::remove_file(&images[0])?;
        Ok(fs.state() == State::Dirty)
    }
}
