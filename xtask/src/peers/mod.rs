//! What vmie reads as its second readers see it: images as qemu-img does (`cargo xtask peers formats`),
//! the wire codec as botocore does (`cargo xtask peers ec2`), the service as the AWS CLI does
//! (`cargo xtask peers serve`) and its page as a browser does (`cargo xtask peers page`), filesystems as the kernel does
//! (`cargo xtask peers fs`), and what lvm2 and mdadm put together (`cargo xtask peers volumes`).
//!
//! What needs a kernel with more than this one's is run in an appliance (`cargo xtask peers appliance`).
//!
//! Filesystems' images are made by each filesystem's own mkfs and filled through a mount of the kernel; then
//! every path, attribute and byte that vmie reads is compared with what the kernel shows. Needs
//! root, for loop mounts. NTFS is mounted by ntfs-3g; FAT is filled and read by mtools.

pub(crate) mod appliance;
mod btrfs;
mod compare;
mod crash;
pub(crate) mod ec2;
mod ext;
mod fat;
pub(crate) mod formats;
pub(crate) mod hives;
mod jfs;
pub(crate) mod mount;
mod ntfs;
pub(crate) mod page;
mod populate;
pub(crate) mod python;
pub(crate) mod sdk;
pub(crate) mod serve;
pub(crate) mod shared;
pub(crate) mod stores;
pub(crate) mod volumes;
pub(crate) mod walks;
mod xfs;

use std::path::Path;

use crate::Result;
use crate::run::Tally;
use compare::Counts;

/// What every filesystem's module keeps: what held, and how much was compared.
#[derive(Default)]
struct Report {
    tally: Tally,
    counts: Counts,
    quick: bool,
    /// The text that the names of the parts hold which are gone through; of all, when there is none.
    part: Option<String>,
}

impl Report {
    /// The ways to make a filesystem that are gone through: the first two, when it shall be quick.
    fn chosen<'a, T>(&self, all: &'a [T]) -> &'a [T] {
        if self.quick {
            &all[..all.len().min(2)]
        } else {
            all
        }
    }

    /// One part in a folder of its own, which is gone afterwards. Its failure is a difference, and
    /// the others are gone through all the same.
    fn part(
        &mut self,
        name: &str,
        part: impl FnOnce(&mut Self, &Path) -> Result<()>,
    ) -> Result<()> {
        if self.part.as_ref().is_some_and(|text| !name.contains(text)) {
            return Ok(());
        }
        let folder = tempfile::tempdir()?;
        let outcome = part(self, folder.path());
        self.tally.attempt(name, outcome);
        Ok(())
    }

    /// What is large, full or crashed, unless it shall be quick.
    fn long(&mut self, steps: &[(&str, Step)]) -> Result<()> {
        for (name, step) in steps {
            if !self.quick {
                self.part(name, step)?;
            }
        }
        Ok(())
    }
}

type Step = fn(&mut Report, &Path) -> Result<()>;

type Check = fn(&mut Report) -> Result<()>;

/// Filesystems that few kernels have: compared when they are named.
const RARE: [&str; 1] = ["jfs"];

/// Compares the filesystems that were asked for; all that are not rare when none was named. Of their parts, those
/// whose names hold a text, where one is given.
pub(crate) fn fs(only: &[String], quick: bool, part: Option<&str>) -> Result<()> {
    let all: [(&str, Check); 6] = [
        ("btrfs", btrfs::run),
        ("ext", ext::run),
        ("fat", fat::run),
        ("jfs", jfs::run),
        ("ntfs", ntfs::run),
        ("xfs", xfs::run),
    ];
    for name in only {
        if !all.iter().any(|(known, _)| known == name) {
            return Err(format!("there is no filesystem {name} to compare").into());
        }
    }
    let mut whole = Tally::default();
    for (name, run) in all {
        let named = only.iter().any(|wanted| wanted == name);
        if !(named || only.is_empty() && !RARE.contains(&name)) {
            continue;
        }
        let mut report = Report {
            quick,
            part: part.map(str::to_owned),
            ..Report::default()
        };
        let start = std::time::Instant::now();
        let outcome = run(&mut report);
        println!("{name}: {} in {:.0?}", report.counts, start.elapsed());
        whole.attempt(name, outcome);
        let nothing = report.counts.images() == 0;
        whole.check(!nothing, || format!("{name}: nothing was compared"));
        whole.attempt(name, report.tally.finish(name));
    }
    whole.finish("peers fs")
}
