//! A filesystem in memory, for tests and for programs that describe a guest without a disk.

use std::collections::BTreeMap;

use vmie_io::int;

use crate::{
    Cause, DirEntry, Error, FileKind, FileRead, Filesystem, FsKind, GuestPath, Identity, Metadata,
    Node, Space, State, Subvolume,
};

/// A filesystem in memory: files, directories and symbolic links as they were put in.
///
/// Directories on the way to what is put in are made; putting something where something is
/// replaces it, with what lies below it.
///
/// ```
/// use vmie_fs::{Filesystem, FsKind, GuestPath, MemoryFs};
///
/// let fs = MemoryFs::new(FsKind::Ext4)
///     .with_file("/usr/lib/os-release", "ID=debian\n")
///     .with_symlink("/etc/os-release", "../usr/lib/os-release")
///     .with_dir("/boot");
/// let target = fs.read_link(&GuestPath::from("/etc/os-release"))?;
/// assert_eq!(target, b"../usr/lib/os-release");
/// # Ok::<(), vmie_fs::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct MemoryFs {
    identity: Identity,
    state: State,
    space: Option<Space>,
    nodes: BTreeMap<GuestPath, Stored>,
    /// The paths by the numbers of what is stored there.
    paths: BTreeMap<u64, GuestPath>,
    /// The number of what is put in next.
    next: u64,
    /// The directories that are subvolumes.
    subvolumes: Vec<Part>,
}

/// A directory that is a subvolume.
#[derive(Clone, Debug)]
struct Part {
    id: u64,
    path: GuestPath,
    read_only: bool,
    is_default: bool,
}

/// The number of the top-level subvolume of Btrfs.
const TOP_LEVEL: u64 = 5;

#[derive(Clone, Debug)]
struct Stored {
    number: u64,
    metadata: Metadata,
    /// A file's bytes, a symbolic link's target.
    content: Vec<u8>,
}

impl Stored {
    fn new(number: u64, kind: FileKind, content: Vec<u8>) -> Self {
        let mut metadata = Metadata::new(kind, int::u64_of(content.len()));
        metadata.mode = match kind {
            FileKind::Directory => 0o755,
            FileKind::Symlink => 0o777,
            _ => 0o644,
        };
        Self {
            number,
            metadata,
            content,
        }
    }
}

impl MemoryFs {
    /// An empty filesystem that says it is of this kind, and clean.
    #[must_use]
    pub fn new(kind: FsKind) -> Self {
        let root = Stored::new(0, FileKind::Directory, Vec::new());
        Self {
            identity: Identity::new(kind),
            state: State::Clean,
            space: None,
            nodes: BTreeMap::from([(GuestPath::root(), root)]),
            paths: BTreeMap::from([(0, GuestPath::root())]),
            next: 1,
            subvolumes: Vec::new(),
        }
    }

    /// With a regular file.
    #[must_use]
    pub fn with_file(mut self, path: impl AsRef<[u8]>, content: impl Into<Vec<u8>>) -> Self {
        self.add(path, FileKind::File, content);
        self
    }

    /// With a directory.
    #[must_use]
    pub fn with_dir(mut self, path: impl AsRef<[u8]>) -> Self {
        self.add(path, FileKind::Directory, Vec::new());
        self
    }

    /// With a symbolic link that points to `target`, which is kept as it is.
    #[must_use]
    pub fn with_symlink(mut self, path: impl AsRef<[u8]>, target: impl Into<Vec<u8>>) -> Self {
        self.add(path, FileKind::Symlink, target);
        self
    }

    /// With another identity.
    #[must_use]
    pub fn with_identity(mut self, identity: Identity) -> Self {
        self.identity = identity;
        self
    }

    /// With another state.
    #[must_use]
    pub fn with_state(mut self, state: State) -> Self {
        self.state = state;
        self
    }

    /// With this much room.
    #[must_use]
    pub fn with_space(mut self, space: Space) -> Self {
        self.space = Some(space);
        self
    }

    /// With the directory at `path` being a subvolume of this number that may be written. The root is the
    /// top-level one then.
    #[must_use]
    pub fn with_subvolume(self, path: impl AsRef<[u8]>, id: u64) -> Self {
        self.with_part(path, id, false, false)
    }

    /// As [`MemoryFs::with_subvolume`], of one that is mounted where no option names one.
    #[must_use]
    pub fn with_default_subvolume(self, path: impl AsRef<[u8]>, id: u64) -> Self {
        self.with_part(path, id, false, true)
    }

    /// As [`MemoryFs::with_subvolume`], of a snapshot that may not be written.
    #[must_use]
    pub fn with_snapshot(self, path: impl AsRef<[u8]>, id: u64) -> Self {
        self.with_part(path, id, true, false)
    }

    fn with_part(
        mut self,
        path: impl AsRef<[u8]>,
        id: u64,
        read_only: bool,
        is_default: bool,
    ) -> Self {
        let path = GuestPath::new(path);
        self.subvolumes.push(Part {
            id,
            path,
            read_only,
            is_default,
        });
        self
    }

    fn node_at(&self, path: &GuestPath) -> Option<Node> {
        let stored = self.nodes.get(path)?;
        (stored.metadata.kind == FileKind::Directory).then(|| Node::new(stored.number))
    }

    /// Puts a file of any kind at `path`; `content` is a file's bytes or a symbolic link's target.
    /// Nothing replaces the root.
    pub fn add(&mut self, path: impl AsRef<[u8]>, kind: FileKind, content: impl Into<Vec<u8>>) {
        let path = GuestPath::new(path);
        let mut parent = path.parent();
        if parent.is_none() {
            return;
        }
        while let Some(dir) = parent {
            let is_dir = self
                .nodes
                .get(&dir)
                .is_some_and(|node| node.metadata.kind == FileKind::Directory);
            if !is_dir {
                self.put(dir.clone(), FileKind::Directory, Vec::new());
            }
            parent = dir.parent();
        }
        let is_old_dir = kind == FileKind::Directory
            && self
                .nodes
                .get(&path)
                .is_some_and(|node| node.metadata.kind == kind);
        if is_old_dir {
            return;
        }
        let paths = &mut self.paths;
        self.nodes.retain(|other, node| {
            let stays = other.strip_prefix(&path).is_none();
            if !stays {
                paths.remove(&node.number);
            }
            stays
        });
        self.put(path, kind, content.into());
    }

    fn put(&mut self, path: GuestPath, kind: FileKind, content: Vec<u8>) {
        let number = self.next;
        self.next = number.saturating_add(1);
        self.paths.insert(number, path.clone());
        let old = self.nodes.insert(path, Stored::new(number, kind, content));
        if let Some(old) = old {
            self.paths.remove(&old.number);
        }
    }

    /// Says what the filesystem tells of the file at `path`: its mode, owner and times. Kind and
    /// size stay as they are. Nothing happens when there is no such file.
    pub fn set_metadata(&mut self, path: impl AsRef<[u8]>, change: impl FnOnce(&mut Metadata)) {
        if let Some(node) = self.nodes.get_mut(&GuestPath::new(path)) {
            let (kind, size) = (node.metadata.kind, node.metadata.size);
            change(&mut node.metadata);
            (node.metadata.kind, node.metadata.size) = (kind, size);
        }
    }

    fn stored(&self, node: Node) -> Result<(&GuestPath, &Stored), Error> {
        let path = self.paths.get(&node.number);
        path.and_then(|path| Some((path, self.nodes.get(path)?)))
            .ok_or_else(|| kind_error(Cause::NotFound, node))
    }

    fn of_kind(&self, node: Node, kind: FileKind, cause: Cause) -> Result<&Stored, Error> {
        let (_, stored) = self.stored(node)?;
        if stored.metadata.kind != kind {
            return Err(kind_error(cause, node));
        }
        Ok(stored)
    }
}

/// An error about what kind of file a node is.
pub(crate) fn kind_error(cause: Cause, node: Node) -> Error {
    Error::new(cause)
        .in_structure("file")
        .field("number")
        .found(node.number)
}

/// An error about a path, which it shows.
pub(crate) fn path_error(cause: Cause, path: &GuestPath) -> Error {
    Error::new(cause)
        .in_structure("path")
        .found(path.to_string_lossy().as_str())
}

impl Filesystem for MemoryFs {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn state(&self) -> State {
        self.state
    }

    fn space(&self) -> Option<Space> {
        self.space
    }

    fn root(&self) -> Node {
        let mut parts = self.subvolumes.iter();
        let default = parts.find(|part| part.is_default);
        default
            .and_then(|part| self.node_at(&part.path))
            .unwrap_or_else(|| Node::new(0))
    }

    fn lookup(&self, dir: Node, name: &[u8]) -> Result<Option<Node>, Error> {
        self.of_kind(dir, FileKind::Directory, Cause::NotADirectory)?;
        let (path, _) = self.stored(dir)?;
        let found = self.nodes.get(&path.join(name));
        Ok(found.map(|stored| Node::new(stored.number)))
    }

    fn stat(&self, node: Node) -> Result<Metadata, Error> {
        Ok(self.stored(node)?.1.metadata)
    }

    fn entries(&self, dir: Node) -> Result<Vec<DirEntry>, Error> {
        self.of_kind(dir, FileKind::Directory, Cause::NotADirectory)?;
        let (path, _) = self.stored(dir)?;
        let below = self
            .nodes
            .iter()
            .filter(|(other, _)| other.parent().as_ref() == Some(path));
        Ok(below
            .filter_map(|(other, stored)| {
                Some(DirEntry {
                    name: other.file_name()?.to_vec(),
                    kind: stored.metadata.kind,
                    node: Node::new(stored.number),
                })
            })
            .collect())
    }

    fn link_target(&self, node: Node) -> Result<Vec<u8>, Error> {
        let stored = self.of_kind(node, FileKind::Symlink, Cause::NotASymlink)?;
        Ok(stored.content.clone())
    }

    fn open_node<'a>(&'a self, node: Node) -> Result<Box<dyn FileRead + 'a>, Error> {
        let stored = self.of_kind(node, FileKind::File, Cause::NotAFile)?;
        Ok(Box::new(MemoryFile {
            bytes: &stored.content,
        }))
    }

    fn subvolumes(&self) -> Result<Vec<Subvolume>, Error> {
        if self.subvolumes.is_empty() {
            return Ok(Vec::new());
        }
        let top = Subvolume {
            id: TOP_LEVEL,
            path: Some(GuestPath::root()),
            parent: None,
            root: Node::new(0),
            is_default: !self.subvolumes.iter().any(|part| part.is_default),
            read_only: false,
            uuid: None,
            snapshot_of: None,
        };
        let parts = self.subvolumes.iter().filter_map(|part| {
            Some(Subvolume {
                id: part.id,
                path: Some(part.path.clone()),
                parent: Some(TOP_LEVEL),
                root: self.node_at(&part.path)?,
                is_default: part.is_default,
                read_only: part.read_only,
                uuid: None,
                snapshot_of: part.read_only.then(|| part.path.to_string_lossy()),
            })
        });
        Ok(std::iter::once(top).chain(parts).collect())
    }
}

#[derive(Debug)]
struct MemoryFile<'a> {
    bytes: &'a [u8],
}

impl FileRead for MemoryFile<'_> {
    fn len(&self) -> u64 {
        int::u64_of(self.bytes.len())
    }

    fn read_at(&mut self, buf: &mut [u8], offset: u64) -> Result<usize, Error> {
        let rest = self.bytes.get(int::usize_of(offset)..).unwrap_or_default();
        let n = rest.len().min(buf.len());
        if let (Some(to), Some(from)) = (buf.get_mut(..n), rest.get(..n)) {
            to.copy_from_slice(from);
        }
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_on_the_way_are_made_and_what_is_there_is_replaced() {
        let mut fs = MemoryFs::new(FsKind::Ext4).with_file("/a/b/c", "x");
        let names = |fs: &MemoryFs, at: &str| -> Vec<Vec<u8>> {
            let entries = fs.read_dir(&at.into()).unwrap();
            entries.into_iter().map(|entry| entry.name).collect()
        };
        assert_eq!(names(&fs, "/a"), [b"b"]);
        fs.add("/a/b", FileKind::File, "y");
        assert_eq!(
            fs.metadata(&"/a/b/c".into()).unwrap_err().cause(),
            Cause::NotADirectory
        );
        fs.add("/a", FileKind::Directory, "");
        assert_eq!(names(&fs, "/a"), [b"b"], "a directory is not emptied");
        fs.add("/", FileKind::File, "");
        assert_eq!(names(&fs, "/"), [b"a"]);
    }

    #[test]
    fn directories_can_be_subvolumes() {
        let plain = MemoryFs::new(FsKind::Btrfs).with_file("/@/etc/fstab", "x");
        assert_eq!(plain.subvolumes().unwrap(), []);
        let fs = plain
            .with_subvolume("/@", 256)
            .with_snapshot("/gone", 257)
            .with_subvolume("/@/etc/fstab", 258);
        let subvolumes = fs.subvolumes().unwrap();
        let told: Vec<_> = subvolumes
            .iter()
            .map(|sub| (sub.id, sub.is_default, sub.read_only))
            .collect();
        assert_eq!(told, [(5, true, false), (256, false, false)]);
        assert!(fs.metadata(&"/@/etc/fstab".into()).is_ok());
        let fs = fs.with_default_subvolume("/@/etc", 259);
        assert!(fs.metadata(&"/fstab".into()).is_ok());
        assert!(!fs.subvolumes().unwrap()[0].is_default);
    }
}
