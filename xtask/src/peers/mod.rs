//! What vmie reads as its second readers see it: images as qemu-img does (`cargo xtask peers formats`),
//! the wire codec as botocore does (`cargo xtask peers ec2`), the service as the AWS CLI does
//! (`cargo xtask peers serve`), and filesystems as the kernel does
//! (`cargo xtask peers fs`).
//!
//! Filesystems' images are made by each filesystem's own mkfs and filled through a mount of the kernel; then
//! every path, attribute and byte that vmie reads is compared with what the kernel shows. Needs
//! root, for loop mounts. NTFS is mounted by ntfs-3g.

mod btrfs;
mod compare;
pub(crate) mod ec2;
mod ext;
pub(crate) mod formats;
mod mount;
mod ntfs;
mod populate;
pub(crate) mod python;
pub(crate) mod serve;
mod xfs;

use crate::Result;
use crate::run::Tally;
use compare::Counts;

/// What every filesystem's module keeps: what held, and how much was compared.
#[derive(Default)]
struct Report {
    tally: Tally,
    counts: Counts,
    quick: bool,
}

impl Report {
    /// The ways to make a filesystem that are gone through.
    fn chosen<'a, T>(&self, all: &'a [T]) -> &'a [T] {
        if self.quick {
            &all[..all.len().min(3)]
        } else {
            all
        }
    }
}

type Check = fn(&mut Report) -> Result<()>;

/// Compares the filesystems that were asked for; all when none was named.
pub(crate) fn fs(only: &[String], quick: bool) -> Result<()> {
    let all: [(&str, Check); 4] = [
        ("btrfs", btrfs::run),
        ("ext", ext::run),
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
        if !only.is_empty() && !only.iter().any(|wanted| wanted == name) {
            continue;
        }
        let mut report = Report {
            quick,
            ..Report::default()
        };
        let outcome = run(&mut report);
        println!("{name}: {}", report.counts);
        whole.attempt(name, outcome);
        whole.attempt(name, report.tally.finish(name));
    }
    whole.finish("peers fs")
}
