//! Every filesystem on the images of a folder: walked twice, and compared with a second reader where there is
//! one (`cargo xtask peers walks`).

mod second;
mod twice;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use vmie::fs::{Error, Filesystem};
use vmie::io::{Limits, ReadAt};
use vmie::volumes::{Volume, VolumeGraph, VolumeKind};

use self::second::{Second, compared};
pub(crate) use self::twice::twice;
use super::Report;
use super::compare::limits;
use crate::Result;
use crate::corpus::unpacked;
use crate::differential::images::options;

#[derive(clap::Args)]
pub(crate) struct Walks {
    /// Images, or folders of them, packed (*.zst, *.xz, *.gz) or not.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// A folder among those whose images are broken on purpose: errors are counted, and no second reader,
    /// which may be this machine's kernel, is asked to mount them.
    #[arg(long)]
    hostile: Option<PathBuf>,
    /// Only images whose path holds this text.
    #[arg(long)]
    only: Option<String>,
}

/// How much was walked.
#[derive(Default)]
struct Seen {
    images: u64,
    filesystems: u64,
    compared: u64,
    files: u64,
    bytes: u64,
    /// Errors of images that are broken on purpose, and what is encrypted or kept elsewhere, by cause.
    errors: BTreeMap<String, u64>,
    /// Filesystems without a second reader, by why.
    alone: Vec<String>,
    /// Filesystems that do not open, by why.
    closed: BTreeMap<String, u64>,
}

pub(crate) fn run(arguments: &Walks) -> Result<()> {
    let mut images = Vec::new();
    for path in &arguments.paths {
        images_of(path, &mut images)?;
    }
    images.sort();
    if let Some(only) = &arguments.only {
        images.retain(|image| image.to_string_lossy().contains(only.as_str()));
    }
    let mut report = Report::default();
    let mut seen = Seen::default();
    for path in &images {
        let hostile = arguments.hostile.as_ref();
        let hostile = hostile.is_some_and(|folder| path.starts_with(folder));
        let folder = tempfile::tempdir()?;
        let outcome = image(&mut report, &mut seen, path, hostile, folder.path());
        report.tally.attempt(&path.display().to_string(), outcome);
    }
    for (why, count) in &seen.closed {
        println!("not opened: {count} times: {why}");
    }
    for (cause, count) in &seen.errors {
        println!("not read: {count} times: {cause}");
    }
    for alone in &seen.alone {
        println!("no second reader: {alone}");
    }
    println!(
        "{} of {} files are images: {} filesystems, {} files, {} bytes, each twice; {} filesystems compared: {}",
        seen.images,
        images.len(),
        seen.filesystems,
        seen.files,
        seen.bytes,
        seen.compared,
        report.counts
    );
    report
        .tally
        .check(seen.filesystems > 0, || "there is no filesystem".into());
    report.tally.finish("peers walks")
}

fn images_of(path: &Path, images: &mut Vec<PathBuf>) -> Result<()> {
    if path.is_dir() {
        for entry in std::fs::read_dir(path)? {
            images_of(&entry?.path(), images)?;
        }
    } else {
        images.push(path.to_owned());
    }
    Ok(())
}

/// Every filesystem of an image that opens. What is no image, or is broken on purpose, need not open.
fn image(
    report: &mut Report,
    seen: &mut Seen,
    path: &Path,
    hostile: bool,
    scratch: &Path,
) -> Result<()> {
    let place = unpacked(path, scratch)?;
    // What bounds a stranger's image bounds those, too.
    let limits = if hostile { Limits::default() } else { limits() };
    let beside = place.parent().filter(|_| place == path);
    let opened = vmie::Image::open(&place, &options(beside));
    let Ok(disks) = opened.and_then(|image| vmie::guest_disks(&[image])) else {
        return Ok(());
    };
    seen.images += 1;
    let graph = VolumeGraph::read(&vmie::views(&disks), &limits);
    for volume in graph.volumes.iter().filter(|volume| volume.holds_data()) {
        if volume.kind == VolumeKind::Disk && volume.disks.iter().any(|d| !graph.is_whole(*d)) {
            continue;
        }
        let what = format!("{} {}", path.display(), volume.id);
        let outcome = one(report, seen, &what, volume, hostile, &limits, scratch);
        report.tally.attempt(&what, outcome);
    }
    Ok(())
}

fn one(
    report: &mut Report,
    seen: &mut Seen,
    what: &str,
    volume: &Volume,
    hostile: bool,
    limits: &Limits,
    scratch: &Path,
) -> Result<()> {
    let source: Arc<dyn ReadAt> = match volume.open() {
        Ok(source) => source,
        Err(error) => {
            *seen.closed.entry(error.to_string()).or_default() += 1;
            return Ok(());
        }
    };
    let fs: Box<dyn Filesystem> = match vmie::fs::open(Arc::clone(&source), limits) {
        Ok(fs) => fs,
        Err(error) => {
            let why = summary(&error);
            *seen.closed.entry(why).or_default() += 1;
            let named = matches!(
                error.cause(),
                vmie::fs::Cause::UnknownFilesystem | vmie::fs::Cause::NotRead(_)
            );
            return if hostile || named {
                Ok(())
            } else {
                Err(error.into())
            };
        }
    };
    let start = Instant::now();
    let walked = twice(&*fs)?;
    println!(
        "{what}: {} {:?}, {} files, {} directories, {} links, {} others, {} bytes, {} errors, {:.1?}",
        fs.identity().kind.title(),
        fs.state(),
        walked.files,
        walked.directories,
        walked.links,
        walked.others,
        walked.bytes,
        walked.errors.len(),
        start.elapsed()
    );
    seen.filesystems += 1;
    seen.files += walked.files;
    seen.bytes += walked.bytes;
    for (_, error) in &walked.errors {
        *seen.errors.entry(summary(error)).or_default() += 1;
    }
    if hostile {
        return Ok(());
    }
    for (path, error) in walked.damage() {
        report
            .tally
            .check(false, || format!("{what}: {path}: {error}"));
    }
    match compared(report, what, &*fs, &*source, scratch)? {
        Second::Compared => seen.compared += 1,
        Second::None(why) => seen.alone.push(format!("{what}: {why}")),
    }
    Ok(())
}

/// What is wrong, without where.
fn summary(error: &Error) -> String {
    error.cause().to_string()
}
