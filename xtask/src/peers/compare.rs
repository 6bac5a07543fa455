//! Two readers of one filesystem, path by path.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{FileExt as _, FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use vmie::fs::{Cause, FileKind, Filesystem, Node};
use vmie::io::{FileSource, Limits, ReadAt};

use super::Report;
use crate::Result;

/// How much was compared.
#[derive(Default)]
pub(super) struct Counts {
    images: u64,
    files: u64,
    directories: u64,
    links: u64,
    others: u64,
    bytes: u64,
    attributes: u64,
    /// Attributes of DOS and Windows.
    pub(super) of_windows: u64,
    /// What neither reader can read, of images that were copied while they were written.
    torn: u64,
    /// What both say is encrypted file by file.
    encrypted: u64,
}

impl Counts {
    pub(super) fn images(&self) -> u64 {
        self.images
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} images; {} files, {} directories, {} symbolic links, {} others; {} extended \
             attributes, {} of Windows; {} bytes of content; {} that neither can read; {} encrypted",
            self.images,
            self.files,
            self.directories,
            self.links,
            self.others,
            self.attributes,
            self.of_windows,
            self.bytes,
            self.torn,
            self.encrypted
        )
    }
}

/// What the comparison leaves out, where the two cannot agree.
#[derive(Clone, Copy, Default)]
pub(super) struct Except {
    /// Times and owners of the empty directories that stand for subvolumes which are not there:
    /// the kernel makes them up.
    pub(super) stubs: bool,
    /// Sizes of directories.
    pub(super) directory_sizes: bool,
    /// Times of everything: what the image was made from does not hand them on.
    pub(super) times: bool,
    /// Times of directories: the tool that takes them out does not hand them on.
    pub(super) directory_times: bool,
    /// Long holes but for their ends, where the mount cannot tell them from data: reading on through a TiB
    /// of zeroes takes hours.
    pub(super) holes: bool,
    /// Permissions and owners, where the filesystem has none and the mount makes them up.
    pub(super) owners: bool,
    /// The path of the mount before the targets of links that begin at the root of the volume.
    pub(super) links_below_mount: bool,
    /// What neither can read: a copy of a filesystem that was being written, without replay, may name what
    /// is not there yet.
    pub(super) torn: bool,
}

impl Except {
    /// Nothing is left out.
    pub(super) const NOTHING: Self = Self {
        stubs: false,
        directory_sizes: false,
        times: false,
        directory_times: false,
        holes: false,
        owners: false,
        links_below_mount: false,
        torn: false,
    };
}

/// Limits for images of our own making, which may be large.
pub(super) fn limits() -> Limits {
    Limits::default().with_work(u64::MAX).with_memory(256 << 20)
}

/// An image as a volume.
pub(super) fn volume(path: &Path) -> Result<Arc<dyn ReadAt>> {
    Ok(Arc::new(FileSource::open(path)?))
}

/// What a file without any other attribute has.
const FILE_ATTRIBUTE_NORMAL: u32 = 0x80;
/// What a file has that is encrypted by Windows.
const FILE_ATTRIBUTE_ENCRYPTED: u32 = 0x4000;

/// Bytes of a hole that are worth a question to the kernel.
const HOLE: u64 = 1 << 20;

struct Walk<'a> {
    fs: &'a dyn Filesystem,
    what: &'a str,
    /// Where the other reader shows it.
    mount: &'a Path,
    except: Except,
    report: &'a mut Report,
}

/// Compares everything below a directory of a filesystem with a folder that shows the same.
pub(super) fn compare(
    report: &mut Report,
    what: &str,
    fs: &dyn Filesystem,
    root: Node,
    folder: &Path,
    except: Except,
) -> Result<()> {
    report.counts.images += 1;
    let mut walk = Walk {
        fs,
        what,
        mount: folder,
        except,
        report,
    };
    let mut left = vec![(root, folder.to_owned())];
    while let Some((node, path)) = left.pop() {
        let path_text = path.display().to_string();
        match walk.directory(node, &path) {
            Ok(below) => left.extend(below),
            Err(error) => walk.fails(&path, &format!("{path_text}: {error}"), &*error),
        }
    }
    Ok(())
}

/// Whether the other reader, too, fails with what is at a path.
fn is_torn(path: &Path) -> bool {
    let Ok(metadata) = std::fs::symlink_metadata(path) else {
        return true;
    };
    if metadata.is_dir() {
        std::fs::read_dir(path).is_err()
    } else if metadata.is_symlink() {
        std::fs::read_link(path).is_err()
    } else {
        metadata.is_file() && std::fs::read(path).is_err()
    }
}

/// Whether the other reader, too, says that what is at a path is encrypted. Without the key it may still list
/// a directory, by names that stand for those that nobody can read.
fn is_encrypted(path: &Path) -> bool {
    let mut of_windows = [0; 4];
    if rustix::fs::lgetxattr(path, "system.ntfs_attrib", &mut of_windows) == Ok(4) {
        return u32::from_le_bytes(of_windows) & FILE_ATTRIBUTE_ENCRYPTED != 0;
    }
    let flags = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
    let asked = rustix::fs::StatxFlags::empty();
    let told = rustix::fs::statx(rustix::fs::CWD, path, flags, asked);
    told.is_ok_and(|told| {
        told.stx_attributes
            .contains(rustix::fs::StatxAttributes::ENCRYPTED)
    })
}

impl Walk<'_> {
    fn differs(&mut self, path: &Path, how: &str) {
        let what = self.what;
        self.report
            .tally
            .check(false, || format!("{what}: {}: {how}", path.display()));
    }

    /// What one of the two cannot read, or, where that may be, neither.
    fn fails(&mut self, path: &Path, how: &str, error: &(dyn std::error::Error + 'static)) {
        let ours = error.downcast_ref::<vmie::fs::Error>();
        if ours.is_some_and(|ours| ours.cause() == Cause::Encrypted) && is_encrypted(path) {
            self.report.counts.encrypted += 1;
        } else if self.except.torn && is_torn(path) {
            self.report.counts.torn += 1;
        } else {
            self.differs(path, how);
        }
    }

    fn same<T: PartialEq + fmt::Debug>(&mut self, path: &Path, what: &str, ours: T, theirs: T) {
        if ours != theirs {
            self.differs(path, &format!("{what} {ours:?}, kernel {theirs:?}"));
        }
    }

    fn directory(&mut self, node: Node, path: &Path) -> Result<Vec<(Node, PathBuf)>> {
        self.item(node, path)?;
        let mut theirs = BTreeMap::new();
        for entry in std::fs::read_dir(path)? {
            let entry = entry?;
            theirs.insert(entry.file_name().into_vec(), entry.path());
        }
        let ours = self.fs.entries(node)?;
        self.same(path, "number of entries", ours.len(), theirs.len());
        let mut below = Vec::new();
        for entry in ours {
            let Some(path) = theirs.remove(&entry.name) else {
                let name = entry.name.escape_ascii().to_string();
                self.differs(path, &format!("the kernel has no {name}"));
                continue;
            };
            let found = self.fs.lookup(node, &entry.name)?;
            self.same(&path, "what a lookup finds", found, Some(entry.node));
            if entry.kind == FileKind::Directory {
                below.push((entry.node, path));
            } else if let Err(error) = self.item(entry.node, &path) {
                self.fails(&path, &error.to_string(), &*error);
            }
        }
        for path in theirs.into_values() {
            self.differs(&path, "only the kernel has it");
        }
        Ok(below)
    }

    /// One file of any kind.
    fn item(&mut self, node: Node, path: &Path) -> Result<()> {
        let ours = self.fs.stat(node)?;
        let theirs = std::fs::symlink_metadata(path)?;
        self.report.tally.check(true, String::new);
        let kind = theirs.file_type();
        let their_kind = if kind.is_dir() {
            FileKind::Directory
        } else if kind.is_file() {
            FileKind::File
        } else if kind.is_symlink() {
            FileKind::Symlink
        } else if kind.is_block_device() {
            FileKind::BlockDevice
        } else if kind.is_char_device() {
            FileKind::CharDevice
        } else if kind.is_fifo() {
            FileKind::Fifo
        } else {
            FileKind::Socket
        };
        self.same(path, "kind", ours.kind, their_kind);
        if !self.except.owners {
            self.same(path, "mode", u32::from(ours.mode), theirs.mode() & 0o7777);
        }
        // A directory without an inode of its own: the kernel makes its times up.
        let stub = self.except.stubs && ours.kind == FileKind::Directory && ours.mtime.is_none();
        if !stub && !self.except.owners {
            self.same(
                path,
                "owner",
                (ours.uid, ours.gid),
                (theirs.uid(), theirs.gid()),
            );
        }
        if !stub {
            let mtime = (theirs.mtime(), u32::try_from(theirs.mtime_nsec())?);
            if !(self.except.times || self.except.directory_times && kind.is_dir()) {
                self.same(path, "mtime", ours.mtime, Some(mtime));
            }
        }
        let target = match kind.is_symlink() {
            true => Some(self.their_target(path)?),
            false => None,
        };
        if !(self.except.directory_sizes && kind.is_dir()) {
            let size = match &target {
                Some(target) if self.except.links_below_mount => target.len() as u64,
                _ => theirs.size(),
            };
            self.same(path, "size", ours.size, size);
        }
        if !stub {
            self.attributes(node, path)?;
        }
        if let Some(ours) = ours.dos_attributes {
            self.of_windows(path, ours)?;
        }
        match ours.kind {
            FileKind::File => {
                self.report.counts.files += 1;
                self.content(node, path, ours.size)?;
            }
            FileKind::Symlink => {
                self.report.counts.links += 1;
                let ours = self.fs.link_target(node)?;
                self.same(path, "target", Some(ours), target);
            }
            FileKind::Directory => self.report.counts.directories += 1,
            _ => self.report.counts.others += 1,
        }
        Ok(())
    }

    /// The target of a link as the other reader has it, without the mount that it may begin with.
    fn their_target(&self, path: &Path) -> Result<Vec<u8>> {
        let target = std::fs::read_link(path)?.into_os_string().into_vec();
        let mount = self.mount.as_os_str().as_bytes();
        let below = target
            .strip_prefix(mount)
            .filter(|rest| rest.first() == Some(&b'/'));
        Ok(match below {
            Some(below) if self.except.links_below_mount => below.to_vec(),
            _ => target,
        })
    }

    fn attributes(&mut self, node: Node, path: &Path) -> Result<()> {
        let mut ours = self.fs.xattrs(node)?;
        ours.sort();
        let mut names = vec![0; 64 << 10];
        let n = rustix::fs::llistxattr(path, &mut names)?;
        let mut theirs = Vec::new();
        for name in names[..n]
            .split(|b| *b == 0)
            .filter(|name| !name.is_empty())
        {
            let mut value = vec![0; 64 << 10];
            let n = rustix::fs::lgetxattr(path, std::ffi::OsStr::from_bytes(name), &mut value)?;
            value.truncate(n);
            theirs.push((name.to_vec(), value));
        }
        theirs.sort();
        self.report.counts.attributes += theirs.len() as u64;
        self.same(path, "extended attributes", ours, theirs);
        Ok(())
    }

    /// The attributes of Windows, where ntfs-3g shows the other reader's.
    fn of_windows(&mut self, path: &Path, ours: u32) -> Result<()> {
        let mut theirs = [0; 4];
        match rustix::fs::lgetxattr(path, "system.ntfs_attrib", &mut theirs) {
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NODATA) => return Ok(()),
            read => read?,
        };
        // It says of a file without any that it is normal.
        let theirs = u32::from_le_bytes(theirs) & !FILE_ATTRIBUTE_NORMAL;
        self.report.counts.of_windows += 1;
        let ours = ours & !FILE_ATTRIBUTE_NORMAL;
        self.same(path, "attributes", ours, theirs);
        Ok(())
    }

    /// Whether a range of a file reads as zeroes at both ends.
    fn ends(&self, file: &File, start: u64, end: u64) -> Result<bool> {
        let mut part = vec![0; 64 << 10];
        for at in [start, end - part.len() as u64] {
            file.read_exact_at(&mut part, at)?;
            if part.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The content, read in pieces of odd and even lengths; holes that both sides know are passed
    /// over.
    fn content(&mut self, node: Node, path: &Path, size: u64) -> Result<()> {
        let mut ours = self.fs.open_node(node)?;
        let theirs = File::open(path)?;
        let (mut left, mut right) = (vec![0; 256 << 10], vec![0; 256 << 10]);
        let mut at = 0;
        let mut odd = false;
        while at < size {
            let extent = ours.next_extent(at)?;
            if extent.len == 0 {
                self.differs(path, "an extent of nothing before the end");
                return Ok(());
            }
            // A hole as the kernel sees it, too: what is behind it is then not read here.
            if extent.kind.reads_zero() && extent.len > HOLE {
                let end = at + extent.len;
                let is_hole = if self.except.holes {
                    self.ends(&theirs, at, end)?
                } else {
                    let data = rustix::fs::seek(&theirs, rustix::fs::SeekFrom::Data(at));
                    data.is_err() || data.is_ok_and(|data| data >= end)
                };
                if is_hole {
                    at = end;
                    continue;
                }
            }
            let piece = if odd { 70_001 } else { 256 << 10 };
            odd = !odd;
            let n = usize::try_from((size - at).min(piece))?;
            let got = ours.read_at(&mut left[..n], at)?;
            theirs.read_exact_at(&mut right[..n], at)?;
            if got != n || left[..n] != right[..n] {
                let first = left
                    .iter()
                    .zip(&right)
                    .position(|(a, b)| a != b)
                    .unwrap_or(got);
                self.differs(path, &format!("content from byte {} on", at + first as u64));
                return Ok(());
            }
            at += n as u64;
            self.report.counts.bytes += n as u64;
        }
        Ok(())
    }
}
