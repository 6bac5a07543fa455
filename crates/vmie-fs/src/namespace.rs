//! The guest's own tree: volumes joined, symbolic links followed.

use std::collections::VecDeque;

use vmie_io::int;

use crate::memory::path_error;
use crate::{Cause, DirEntry, Error, FileKind, FileRead, Filesystem, GuestPath, Metadata};

/// Symbolic links that one path may lead through: what the Linux kernel allows
/// (path_resolution(7)).
const MAX_LINKS: u32 = 40;

/// Names that one path may lead through, links and all: 40 links of 4 096 bytes each hold fewer.
const MAX_STEPS: u32 = 100_000;

/// Volumes joined into one tree, as the guest itself sees them.
///
/// Symbolic links are followed inside the tree and never leave it: an absolute target starts at
/// the guest's root, and `..` at the root stays there. `..` in a link goes up from where the link
/// really is, across mounts too.
///
/// ```
/// use vmie_fs::{FsKind, GuestPath, MemoryFs, Namespace};
///
/// let root = MemoryFs::new(FsKind::Ext4).with_dir("/boot").with_symlink("/vmlinuz", "boot/vmlinuz-6.1");
/// let boot = MemoryFs::new(FsKind::Ext4).with_file("/vmlinuz-6.1", "MZ");
/// let mut guest = Namespace::new(Box::new(root));
/// guest.mount(GuestPath::from("/boot"), Box::new(boot));
/// assert_eq!(guest.read(&"/vmlinuz".into(), 100)?, b"MZ");
/// assert_eq!(guest.locate(&"/vmlinuz".into())?.volume, 1);
/// # Ok::<(), vmie_fs::Error>(())
/// ```
pub struct Namespace {
    /// The root first; a later mount at the same place covers an earlier one.
    mounts: Vec<Mount>,
}

struct Mount {
    at: GuestPath,
    fs: Box<dyn Filesystem>,
}

impl std::fmt::Debug for Namespace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.mounts.iter().map(|mount| &mount.at))
            .finish()
    }
}

/// Where a path leads.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Located {
    /// The path in the guest's tree, free of symbolic links (but for the last name, where the
    /// link itself was asked for).
    pub path: GuestPath,
    /// The volume it is on: 0 is the root, then in the order of [`Namespace::mount`].
    pub volume: usize,
    /// The path on that volume.
    pub inner: GuestPath,
}

impl Namespace {
    /// A tree with one volume, the root.
    #[must_use]
    pub fn new(root: Box<dyn Filesystem>) -> Self {
        Self {
            mounts: vec![Mount {
                at: GuestPath::root(),
                fs: root,
            }],
        }
    }

    /// Joins a volume in at a directory and says which number it got.
    ///
    /// Symbolic links on the way to the directory are followed, as mount(8) does. The directory
    /// need not exist: a guest that is not running may lack it.
    pub fn mount(&mut self, at: GuestPath, fs: Box<dyn Filesystem>) -> usize {
        let at = self.resolve(&at).unwrap_or(at);
        self.mounts.push(Mount { at, fs });
        self.mounts.len().saturating_sub(1)
    }

    /// The volumes, with where they are mounted; the first is the root.
    pub fn volumes(&self) -> impl Iterator<Item = (&GuestPath, &dyn Filesystem)> {
        self.mounts.iter().map(|mount| (&mount.at, &*mount.fs))
    }

    /// The volume of a number that [`Namespace::mount`] or [`Namespace::locate`] gave.
    #[must_use]
    pub fn volume(&self, number: usize) -> Option<&dyn Filesystem> {
        self.mounts.get(number).map(|mount| &*mount.fs)
    }

    /// The same file by a path free of symbolic links.
    ///
    /// # Errors
    /// [`Cause::NotFound`], [`Cause::NotADirectory`], [`Cause::TooManyLinks`] when it leads
    /// through more than 40 links, or what is wrong with a filesystem.
    pub fn resolve(&self, path: &GuestPath) -> Result<GuestPath, Error> {
        Ok(self.walk(path, true)?.0.path)
    }

    /// Where the path leads: the path free of symbolic links, the volume, and the path on it.
    ///
    /// # Errors
    /// As [`Namespace::resolve`].
    pub fn locate(&self, path: &GuestPath) -> Result<Located, Error> {
        Ok(self.walk(path, true)?.0)
    }

    /// What the path names, links followed.
    ///
    /// # Errors
    /// As [`Namespace::resolve`].
    pub fn metadata(&self, path: &GuestPath) -> Result<Metadata, Error> {
        Ok(self.walk(path, true)?.1)
    }

    /// What the path names; when that is a symbolic link, the link itself.
    ///
    /// # Errors
    /// As [`Namespace::resolve`].
    pub fn symlink_metadata(&self, path: &GuestPath) -> Result<Metadata, Error> {
        Ok(self.walk(path, false)?.1)
    }

    /// Whether the path leads to something. A link to nowhere does not exist.
    ///
    /// # Errors
    /// Only what is wrong with a filesystem, so that a damaged directory is not taken for an
    /// empty one.
    pub fn exists(&self, path: &GuestPath) -> Result<bool, Error> {
        match self.walk(path, true) {
            Ok(_) => Ok(true),
            Err(error) => match error.cause() {
                Cause::NotFound | Cause::NotADirectory | Cause::TooManyLinks => Ok(false),
                _ => Err(error),
            },
        }
    }

    /// The entries of a directory, links on the way followed, in the filesystem's order.
    ///
    /// # Errors
    /// As [`Namespace::resolve`]; [`Cause::NotADirectory`].
    pub fn read_dir(&self, path: &GuestPath) -> Result<Vec<DirEntry>, Error> {
        let (located, _) = self.walk(path, true)?;
        self.fs(&located)?.read_dir(&located.inner)
    }

    /// Where a symbolic link points to; links on the way to it are followed.
    ///
    /// # Errors
    /// As [`Namespace::resolve`]; [`Cause::NotASymlink`].
    pub fn read_link(&self, path: &GuestPath) -> Result<Vec<u8>, Error> {
        let (located, _) = self.walk(path, false)?;
        self.fs(&located)?.read_link(&located.inner)
    }

    /// Opens a regular file, links followed.
    ///
    /// # Errors
    /// As [`Namespace::resolve`]; [`Cause::NotAFile`].
    pub fn open<'a>(&'a self, path: &GuestPath) -> Result<Box<dyn FileRead + 'a>, Error> {
        let (located, _) = self.walk(path, true)?;
        self.fs(&located)?.open(&located.inner)
    }

    /// A whole file of at most `max` bytes.
    ///
    /// # Errors
    /// As [`Namespace::open`]; [`Cause::TooLong`] when it is longer than `max`, before anything is
    /// read.
    pub fn read(&self, path: &GuestPath, max: u64) -> Result<Vec<u8>, Error> {
        let mut file = self.open(path)?;
        if file.len() > max {
            return Err(Error::new(Cause::TooLong)
                .in_structure("file")
                .field("size")
                .found(file.len()));
        }
        read_up_to(&mut *file, max)
    }

    /// The first `max` bytes of a file, or all of it when it is shorter.
    ///
    /// # Errors
    /// As [`Namespace::open`].
    pub fn read_prefix(&self, path: &GuestPath, max: u64) -> Result<Vec<u8>, Error> {
        read_up_to(&mut *self.open(path)?, max)
    }

    fn fs(&self, located: &Located) -> Result<&dyn Filesystem, Error> {
        self.volume(located.volume)
            .ok_or_else(|| path_error(Cause::NotFound, &located.path))
    }

    /// The volume that a path free of links is on, and the path on it.
    fn place(&self, path: &GuestPath) -> Located {
        let mut best = (0, GuestPath::root(), path.clone());
        for (number, mount) in self.mounts.iter().enumerate() {
            if let Some(inner) = path.strip_prefix(&mount.at)
                && mount.at.as_bytes().len() >= best.1.as_bytes().len()
            {
                best = (number, mount.at.clone(), inner);
            }
        }
        Located {
            path: path.clone(),
            volume: best.0,
            inner: best.2,
        }
    }

    fn walk(&self, path: &GuestPath, follow_last: bool) -> Result<(Located, Metadata), Error> {
        let mut names: VecDeque<Vec<u8>> = path.components().map(<[u8]>::to_vec).collect();
        let mut here = self.place(&GuestPath::root());
        let mut metadata = self.fs(&here)?.metadata(&here.inner)?;
        let (mut links, mut steps) = (0u32, 0u32);
        while let Some(name) = names.pop_front() {
            steps = steps.saturating_add(1);
            if steps > MAX_STEPS {
                return Err(path_error(Cause::TooManyLinks, path));
            }
            if metadata.kind != FileKind::Directory {
                return Err(path_error(Cause::NotADirectory, path));
            }
            // `..` is only met in the targets of links: a guest path is free of it.
            let next = self.place(&here.path.join(&name));
            let found = self.fs(&next)?.metadata(&next.inner)?;
            if found.kind == FileKind::Symlink && (follow_last || !names.is_empty()) {
                links = links.saturating_add(1);
                if links > MAX_LINKS {
                    return Err(path_error(Cause::TooManyLinks, path));
                }
                let target = self.fs(&next)?.read_link(&next.inner)?;
                if target.first() == Some(&b'/') {
                    here = self.place(&GuestPath::root());
                    metadata = self.fs(&here)?.metadata(&here.inner)?;
                }
                let parts = target.split(|b| *b == b'/').filter(|part| !part.is_empty());
                for part in parts.rev().filter(|part| *part != b".") {
                    names.push_front(part.to_vec());
                }
            } else {
                (here, metadata) = (next, found);
            }
        }
        Ok((here, metadata))
    }
}

/// The first `max` bytes of a file. What a file says of its own length is not trusted with memory:
/// the buffer grows as bytes arrive.
fn read_up_to(file: &mut dyn FileRead, max: u64) -> Result<Vec<u8>, Error> {
    const STEP: u64 = 256 << 10;
    let wanted = file.len().min(max);
    let mut bytes = Vec::new();
    loop {
        let have = int::u64_of(bytes.len());
        let step = wanted.saturating_sub(have).min(STEP);
        if step == 0 {
            return Ok(bytes);
        }
        bytes.resize(int::usize_of(have.saturating_add(step)), 0);
        let buf = bytes.get_mut(int::usize_of(have)..).unwrap_or_default();
        let n = file.read_at(buf, have)?;
        bytes.truncate(int::usize_of(have).saturating_add(n));
        if n == 0 {
            return Ok(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FsKind, MemoryFs};

    fn guest() -> Namespace {
        let root = MemoryFs::new(FsKind::Ext4)
            .with_dir("/boot/efi")
            .with_file("/usr/bin/sh", "elf")
            .with_symlink("/bin", "usr/bin")
            .with_symlink("/abs", "/usr/bin/sh")
            .with_symlink("/usr/lib/up", "../../../../bin/sh")
            .with_symlink("/loop", "loop")
            .with_symlink("/dangling", "/nowhere")
            .with_symlink("/efi", "boot/efi");
        let boot = MemoryFs::new(FsKind::Ext2)
            .with_dir("/efi")
            .with_symlink("/out", "../usr/bin/sh")
            .with_symlink("/inside", "/boot/grub/grub.cfg")
            .with_file("/grub/grub.cfg", "set timeout=5\n");
        let efi = MemoryFs::new(FsKind::Fat32).with_file("/EFI/BOOT/BOOTX64.EFI", "MZ");
        let mut guest = Namespace::new(Box::new(root));
        assert_eq!(guest.mount("/boot".into(), Box::new(boot)), 1);
        assert_eq!(guest.mount("/efi".into(), Box::new(efi)), 2);
        guest
    }

    #[test]
    fn links_stay_inside_and_cross_mounts() {
        let guest = guest();
        for (path, to, volume) in [
            ("/bin/sh", "/usr/bin/sh", 0),
            ("/abs", "/usr/bin/sh", 0),
            ("/usr/lib/up", "/usr/bin/sh", 0),
            ("/boot/out", "/usr/bin/sh", 0),
            ("/boot/inside", "/boot/grub/grub.cfg", 1),
            ("/boot", "/boot", 1),
            (
                "/efi/EFI/BOOT/BOOTX64.EFI",
                "/boot/efi/EFI/BOOT/BOOTX64.EFI",
                2,
            ),
        ] {
            let located = guest.locate(&path.into()).unwrap();
            assert_eq!(
                (located.path, located.volume),
                (to.into(), volume),
                "{path}"
            );
        }
        assert_eq!(guest.read(&"/boot/out".into(), 3).unwrap(), b"elf");
        assert_eq!(
            guest.symlink_metadata(&"/abs".into()).unwrap().kind,
            FileKind::Symlink
        );
        assert_eq!(
            guest.read_link(&"/boot/out".into()).unwrap(),
            b"../usr/bin/sh"
        );
        assert_eq!(guest.read_dir(&"/boot/efi".into()).unwrap()[0].name, b"EFI");
    }

    #[test]
    fn what_leads_nowhere_says_why() {
        let guest = guest();
        for (path, cause) in [
            ("/loop", Cause::TooManyLinks),
            ("/loop/x", Cause::TooManyLinks),
            ("/dangling", Cause::NotFound),
            ("/usr/bin/sh/x", Cause::NotADirectory),
            ("/boot/nothing", Cause::NotFound),
        ] {
            assert_eq!(guest.resolve(&path.into()).unwrap_err().cause(), cause);
            assert!(!guest.exists(&path.into()).unwrap(), "{path}");
        }
        assert!(guest.exists(&"/efi".into()).unwrap());
    }

    #[test]
    fn reading_is_bounded() {
        let guest = guest();
        let error = guest.read(&"/abs".into(), 2).unwrap_err();
        assert_eq!(error.cause(), Cause::TooLong);
        assert_eq!(guest.read_prefix(&"/abs".into(), 2).unwrap(), b"el");
        assert_eq!(guest.read_prefix(&"/abs".into(), 99).unwrap(), b"elf");
        assert_eq!(
            guest.read(&"/boot".into(), 9).unwrap_err().cause(),
            Cause::NotAFile
        );
    }

    #[test]
    fn forty_links_are_followed_and_no_more() {
        let mut fs = MemoryFs::new(FsKind::Ext4).with_file("/0", "end");
        for n in 1..=41 {
            fs.add(format!("/{n}"), FileKind::Symlink, format!("{}", n - 1));
        }
        let guest = Namespace::new(Box::new(fs));
        assert_eq!(guest.read(&"/40".into(), 9).unwrap(), b"end");
        assert_eq!(
            guest.resolve(&"/41".into()).unwrap_err().cause(),
            Cause::TooManyLinks
        );
    }
}
