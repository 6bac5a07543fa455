//! The guest's own tree: volumes joined, symbolic links followed.

use std::collections::VecDeque;

use vmie_io::int;

use crate::filesystem::about;
use crate::memory::path_error;
use crate::{
    Cause, DirEntry, Error, FileKind, FileRead, Filesystem, GuestPath, Metadata, Node, Xattr,
};

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

/// A file that was found, to be asked about again without being looked up again. It means something
/// to the tree that gave it only.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Found {
    /// The path in the guest's tree, free of symbolic links but for the last name.
    pub path: GuestPath,
    /// What it is.
    pub metadata: Metadata,
    volume: usize,
    node: Node,
}

/// An entry of a directory, or where it is and why it cannot be told what it is.
pub type Listed = Result<Found, (GuestPath, Error)>;

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
        Ok(self.walk(path, true)?.path)
    }

    /// Where the path leads: the path free of symbolic links, the volume, and the path on it.
    ///
    /// # Errors
    /// As [`Namespace::resolve`].
    pub fn locate(&self, path: &GuestPath) -> Result<Located, Error> {
        let found = self.walk(path, true)?;
        let mount = self.mounts.get(found.volume);
        let inner = mount.and_then(|mount| found.path.strip_prefix(&mount.at));
        Ok(Located {
            inner: inner.unwrap_or_else(GuestPath::root),
            path: found.path,
            volume: found.volume,
        })
    }

    /// What the path names, links followed.
    ///
    /// # Errors
    /// As [`Namespace::resolve`].
    pub fn metadata(&self, path: &GuestPath) -> Result<Metadata, Error> {
        Ok(self.walk(path, true)?.metadata)
    }

    /// What the path names; when that is a symbolic link, the link itself.
    ///
    /// # Errors
    /// As [`Namespace::resolve`].
    pub fn symlink_metadata(&self, path: &GuestPath) -> Result<Metadata, Error> {
        Ok(self.walk(path, false)?.metadata)
    }

    /// What the path names, to be asked about again without being looked up again; when that is a
    /// symbolic link, the link itself.
    ///
    /// # Errors
    /// As [`Namespace::resolve`].
    pub fn look(&self, path: &GuestPath) -> Result<Found, Error> {
        self.walk(path, false)
    }

    /// What is in a directory, in the order of names, each with what it is or why that cannot be
    /// told. No link is followed; a volume that is mounted on an entry takes its place.
    ///
    /// # Errors
    /// [`Cause::NotADirectory`], or what is wrong with the filesystem.
    pub fn list(&self, dir: &Found) -> Result<Vec<Listed>, Error> {
        let fs = self.fs(dir.volume, &dir.path)?;
        let mut entries = fs.entries(dir.node).map_err(about(&dir.path))?;
        entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let listed = entries.into_iter().map(|entry| {
            let path = dir.path.child(&entry.name);
            let (volume, node) = match self.mounted(&path) {
                Some((volume, fs)) => (volume, fs.root()),
                None => (dir.volume, entry.node),
            };
            self.found(path, volume, node)
        });
        Ok(listed.collect())
    }

    /// Where a symbolic link that was found points to.
    ///
    /// # Errors
    /// As [`Filesystem::link_target`].
    pub fn link_target(&self, found: &Found) -> Result<Vec<u8>, Error> {
        self.fs(found.volume, &found.path)?
            .link_target(found.node)
            .map_err(about(&found.path))
    }

    /// Opens a regular file that was found.
    ///
    /// # Errors
    /// As [`Filesystem::open_node`].
    pub fn open_found<'a>(&'a self, found: &Found) -> Result<Box<dyn FileRead + 'a>, Error> {
        self.fs(found.volume, &found.path)?
            .open_node(found.node)
            .map_err(about(&found.path))
    }

    /// The extended attributes of a file that was found.
    ///
    /// # Errors
    /// As [`Filesystem::xattrs`].
    pub fn xattrs(&self, found: &Found) -> Result<Vec<Xattr>, Error> {
        self.fs(found.volume, &found.path)?.xattrs(found.node)
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
        let found = self.walk(path, true)?;
        self.fs(found.volume, path)?
            .entries(found.node)
            .map_err(about(path))
    }

    /// Where a symbolic link points to; links on the way to it are followed.
    ///
    /// # Errors
    /// As [`Namespace::resolve`]; [`Cause::NotASymlink`].
    pub fn read_link(&self, path: &GuestPath) -> Result<Vec<u8>, Error> {
        self.link_target(&self.walk(path, false)?)
    }

    /// Opens a regular file, links followed.
    ///
    /// # Errors
    /// As [`Namespace::resolve`]; [`Cause::NotAFile`].
    pub fn open<'a>(&'a self, path: &GuestPath) -> Result<Box<dyn FileRead + 'a>, Error> {
        self.open_found(&self.walk(path, true)?)
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

    fn fs(&self, volume: usize, path: &GuestPath) -> Result<&dyn Filesystem, Error> {
        self.volume(volume)
            .ok_or_else(|| path_error(Cause::NotFound, path))
    }

    /// The volume that is mounted right at a path: the last one, when there are several.
    fn mounted(&self, path: &GuestPath) -> Option<(usize, &dyn Filesystem)> {
        let mut mounts = self.mounts.iter().enumerate().rev();
        let (volume, mount) = mounts.find(|(_, mount)| mount.at == *path)?;
        Some((volume, &*mount.fs))
    }

    fn found(&self, path: GuestPath, volume: usize, node: Node) -> Listed {
        match self.fs(volume, &path).and_then(|fs| fs.stat(node)) {
            Ok(metadata) => Ok(Found {
                path,
                metadata,
                volume,
                node,
            }),
            Err(error) => Err((path, error)),
        }
    }

    /// What a name in a directory stands for.
    fn step(&self, dir: &Found, name: &[u8]) -> Result<Found, Error> {
        let path = dir.path.child(name);
        let (volume, node) = match self.mounted(&path) {
            Some((volume, fs)) => (volume, fs.root()),
            None => {
                let fs = self.fs(dir.volume, &path)?;
                let node = fs.lookup(dir.node, name).map_err(about(&dir.path))?;
                let node = node.ok_or_else(|| path_error(Cause::NotFound, &path))?;
                (dir.volume, node)
            }
        };
        self.found(path, volume, node).map_err(|(_, error)| error)
    }

    fn walk(&self, path: &GuestPath, follow_last: bool) -> Result<Found, Error> {
        let mut names: VecDeque<Vec<u8>> = path.components().map(<[u8]>::to_vec).collect();
        let root = GuestPath::root();
        let (volume, fs) = self
            .mounted(&root)
            .ok_or_else(|| path_error(Cause::NotFound, path))?;
        let root = self
            .found(root, volume, fs.root())
            .map_err(|(_, error)| error)?;
        // The directories from the root to where the walk is, without that itself.
        let mut above: Vec<Found> = Vec::new();
        let mut here = root.clone();
        let (mut links, mut steps) = (0u32, 0u32);
        while let Some(name) = names.pop_front() {
            steps = steps.saturating_add(1);
            if steps > MAX_STEPS {
                return Err(path_error(Cause::TooManyLinks, path));
            }
            if here.metadata.kind != FileKind::Directory {
                return Err(path_error(Cause::NotADirectory, path));
            }
            // `..` is only met in the targets of links: a guest path is free of it.
            if name == b".." {
                here = above.pop().unwrap_or(here);
                continue;
            }
            let next = self.step(&here, &name)?;
            if next.metadata.kind == FileKind::Symlink && (follow_last || !names.is_empty()) {
                links = links.saturating_add(1);
                if links > MAX_LINKS {
                    return Err(path_error(Cause::TooManyLinks, path));
                }
                let target = self.link_target(&next)?;
                if target.first() == Some(&b'/') {
                    above.clear();
                    here = root.clone();
                }
                let parts = target.split(|b| *b == b'/').filter(|part| !part.is_empty());
                for part in parts.rev().filter(|part| *part != b".") {
                    names.push_front(part.to_vec());
                }
            } else {
                above.push(std::mem::replace(&mut here, next));
            }
        }
        Ok(here)
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
    fn lists_show_what_is_mounted_and_follow_nothing() {
        let guest = guest();
        let list = |path: &str| -> Vec<(String, FileKind)> {
            let dir = guest.look(&path.into()).unwrap();
            let entries = guest.list(&dir).unwrap().into_iter();
            entries
                .map(|entry| entry.unwrap())
                .map(|entry| (entry.path.to_string_lossy(), entry.metadata.kind))
                .collect()
        };
        let names: Vec<String> = list("/").into_iter().map(|(path, _)| path).collect();
        let expected = [
            "/abs",
            "/bin",
            "/boot",
            "/dangling",
            "/efi",
            "/loop",
            "/usr",
        ];
        assert_eq!(names, expected);
        let boot = list("/boot");
        assert_eq!(boot[0], ("/boot/efi".into(), FileKind::Directory));
        assert_eq!(boot[3], ("/boot/out".into(), FileKind::Symlink));
        assert_eq!(
            list("/boot/efi"),
            [("/boot/efi/EFI".into(), FileKind::Directory)]
        );
        let link = guest.look(&"/boot/out".into()).unwrap();
        assert_eq!(guest.link_target(&link).unwrap(), b"../usr/bin/sh");
        assert_eq!(guest.list(&link).unwrap_err().cause(), Cause::NotADirectory);
        let shell = guest.look(&"/usr/bin/sh".into()).unwrap();
        assert_eq!(guest.open_found(&shell).unwrap().len(), 3);
    }

    /// Loops, absolute targets and `..` in every number: none leads out of the tree, and each ends.
    #[test]
    fn a_farm_of_hostile_links_stays_inside() {
        let mut fs = MemoryFs::new(FsKind::Ext4)
            .with_file("/etc/passwd", "the guest's own")
            .with_dir("/farm/a/b");
        for n in 0..60 {
            let up = "../".repeat(n);
            fs.add(
                format!("/farm/up{n}"),
                FileKind::Symlink,
                format!("{up}etc/passwd"),
            );
            fs.add(
                format!("/farm/abs{n}"),
                FileKind::Symlink,
                format!("/{up}etc/passwd"),
            );
            let next = (n + 1) % 60;
            fs.add(
                format!("/farm/ring{n}"),
                FileKind::Symlink,
                format!("/farm/ring{next}"),
            );
        }
        for (name, target) in [
            ("self", "self"),
            ("here", "."),
            ("above", ".."),
            ("empty", ""),
            ("slashes", "//..//etc///passwd"),
            ("proc", "/proc/self/root/etc/passwd"),
            ("wide", "here/above/farm/here/above/farm/abs3"),
            ("bomb", "bomb/bomb"),
        ] {
            fs.add(
                format!("/farm/{name}"),
                FileKind::Symlink,
                target.to_owned(),
            );
        }
        let guest = Namespace::new(Box::new(fs));
        let farm = guest.look(&"/farm".into()).unwrap();
        let (mut read, mut refused) = (0, 0);
        for entry in guest.list(&farm).unwrap() {
            let path = entry.unwrap().path;
            match guest.read(&path, 100) {
                Ok(bytes) => {
                    assert_eq!(bytes, b"the guest's own", "{path:?}");
                    read += 1;
                }
                Err(error) => {
                    let told = matches!(
                        error.cause(),
                        Cause::NotFound | Cause::NotAFile | Cause::TooManyLinks
                    );
                    assert!(told, "{path:?}: {error}");
                    refused += 1;
                }
            }
        }
        // All but the first of `up`, whose target is beside it, and those that lead to no file.
        assert_eq!((read, refused), (59 + 60 + 2, 1 + 60 + 7));
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
