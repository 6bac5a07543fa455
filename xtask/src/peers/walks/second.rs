//! The second reader of a volume: the kernel, ntfs-3g or mtools.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use vmie::fs::{Filesystem, FsKind, State};
use vmie::io::{ExtentKind, ReadAt};

use super::super::compare::{Except, compare};
use super::super::mount::Mount;
use super::super::{Report, fat, ntfs};
use crate::Result;

/// Bytes copied at once.
const PIECE: u64 = 1 << 20;

/// What there is to compare with.
pub(super) enum Second {
    Compared,
    /// Nothing here reads such a filesystem, or not this one; why.
    None(String),
}

/// Compares a volume with what its second reader shows, which gets a copy of it, as it may write.
pub(super) fn compared(
    report: &mut Report,
    what: &str,
    fs: &dyn Filesystem,
    source: &dyn ReadAt,
    folder: &Path,
) -> Result<Second> {
    let kind = fs.identity().kind;
    let copy = folder.join("volume");
    save(source, &copy)?;
    let at = folder.join("mnt");
    let is_dirty = fs.state() != State::Clean;
    let outcome = match kind {
        FsKind::Ext2 | FsKind::Ext3 | FsKind::Ext4 => {
            let options = if is_dirty { "rw" } else { "ro" };
            kernel(report, what, fs, &copy, &at, ("ext4", options))
        }
        FsKind::Xfs => {
            let options = if is_dirty { "rw,nouuid" } else { "ro,nouuid" };
            kernel(report, what, fs, &copy, &at, ("xfs", options))
        }
        FsKind::Btrfs => {
            let options = "ro,rescue=nologreplay";
            kernel(report, what, fs, &copy, &at, ("btrfs", options))
        }
        FsKind::Jfs => kernel(report, what, fs, &copy, &at, ("jfs", "ro")),
        FsKind::Ntfs => ntfs::shown(report, what, fs, &copy, &at).map(|()| Second::Compared),
        FsKind::Fat12 | FsKind::Fat16 | FsKind::Fat32 => {
            fat::taken_out(report, what, fs, &copy, &at).map(|()| Second::Compared)
        }
        kind => Ok(Second::None(format!("nothing here reads {}", kind.title()))),
    };
    fs::remove_file(&copy)?;
    if at.exists() {
        fs::remove_dir_all(&at)?;
    }
    outcome
}

fn kernel(
    report: &mut Report,
    what: &str,
    fs: &dyn Filesystem,
    copy: &Path,
    at: &Path,
    (kind, options): (&str, &str),
) -> Result<Second> {
    let images: [PathBuf; 1] = [copy.to_owned()];
    let mount = match Mount::new(&images, at, kind, options) {
        Err(error) if error.to_string().starts_with("mount ") => {
            return Ok(Second::None(error.to_string()));
        }
        mount => mount?,
    };
    let except = Except {
        stubs: kind == "btrfs",
        holes: kind == "jfs",
        torn: true,
        ..Except::NOTHING
    };
    compare(report, what, fs, fs.root(), &mount.at, except)?;
    Ok(Second::Compared)
}

/// The bytes of a volume as a file, sparse where it is.
fn save(source: &dyn ReadAt, path: &Path) -> Result<()> {
    let file = File::create(path)?;
    file.set_len(source.len().next_multiple_of(4096))?;
    let mut buffer = vec![0; PIECE as usize];
    let mut at = 0;
    while at < source.len() {
        let extent = source.next_extent(at)?;
        if extent.kind != ExtentKind::Data {
            at += extent.len.max(1);
            continue;
        }
        let n = (source.len() - at).min(extent.len.max(1)).min(PIECE);
        let part = &mut buffer[..n as usize];
        source.read_exact_at(part, at)?;
        if part.iter().any(|byte| *byte != 0) {
            file.write_all_at(part, at)?;
        }
        at += n;
    }
    Ok(())
}
