//! Opening, and what the trait asks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vmie_io::{Limits, ReadAt};

use super::extent::inline_target;
use super::file::BtrfsFile;
use super::format::{
    BlockGroup, CSUM_TREE, FS_TREE, Key, MAX_DEVICES, MAX_SYMLINK, ROOT_ITEM, ROOT_TREE,
};
use super::inode::Inode;
use super::node::Link;
use super::pool::Pool;
use super::probe::identity;
use super::subvolume::{Tree, parse_root};
use super::superblock::Superblock;
use super::tree::{Cursor, Root};
use crate::memory::kind_error;
use crate::{
    Cause, DirEntry, Error, FileKind, FileRead, Filesystem, Identity, Metadata, Node, Space, State,
    Subvolume, Xattr,
};

/// Marks the tree of a node that stands for a subvolume which is not there: an empty directory.
/// The node's number is then that of the directory it lies in. Ids of trees are made one by one
/// and never come so far.
pub(super) const NO_SUBVOLUME: u64 = 1 << 63;
/// Trees whose places are remembered.
const TREES_KEPT: usize = 256;
/// Volumes that are looked at for further devices.
const MAX_LOOKED_AT: usize = 512;
/// Trees of checksums: one, but for filesystems with several of each tree.
const MAX_CSUM_ROOTS: usize = 64;

/// An open filesystem.
pub(super) struct Btrfs {
    pub(super) pool: Pool,
    pub(super) root_tree: Root,
    pub(super) csum_roots: Vec<Root>,
    /// The subvolume that all paths begin in.
    pub(super) default: Tree,
    identity: Identity,
    state: State,
    space: Space,
    trees: Mutex<HashMap<u64, Tree>>,
}

/// Opens a Btrfs filesystem that is spread over several devices, given in any order. All paths
/// begin at its default subvolume, as in a mount without the option `subvol`.
///
/// Devices may be missing: what the others hold another copy of (RAID1, RAID10), or parity for
/// (RAID5, RAID6), is read from there.
///
/// # Errors
/// [`Cause::MissingDevice`] when nothing else holds what the missing device had; its number and
/// UUID are told. [`Cause::Value`] for a device of another filesystem. Otherwise what is wrong
/// with the filesystem.
pub fn open_devices(
    volumes: &[Arc<dyn ReadAt>],
    limits: &Limits,
) -> Result<Box<dyn Filesystem>, Error> {
    Ok(Box::new(Btrfs::open(volumes, limits)?))
}

/// Opens the filesystem on a volume with what of it lies on others.
pub(crate) fn open_beside(
    volume: Arc<dyn ReadAt>,
    others: &[Arc<dyn ReadAt>],
    limits: &Limits,
) -> Result<Box<dyn Filesystem>, Error> {
    let own = Superblock::read(&*volume)?;
    let mut volumes = vec![volume];
    if own.raw.num_devices.get() > 1 {
        let mut seen = vec![own.raw.dev_item.uuid];
        for other in others.iter().take(MAX_LOOKED_AT) {
            if let Ok(sb) = Superblock::read(&**other)
                && sb.raw.fsid == own.raw.fsid
                && !seen.contains(&sb.raw.dev_item.uuid)
                && volumes.len() < MAX_DEVICES
            {
                seen.push(sb.raw.dev_item.uuid);
                volumes.push(Arc::clone(other));
            }
        }
    }
    open_devices(&volumes, limits)
}

/// Whether two volumes are devices of one Btrfs filesystem, and not copies of the same device.
#[must_use]
pub fn is_one_filesystem(one: &dyn ReadAt, other: &dyn ReadAt) -> bool {
    match (Superblock::read(one), Superblock::read(other)) {
        (Ok(one), Ok(other)) => {
            one.raw.fsid == other.raw.fsid && one.raw.dev_item.uuid != other.raw.dev_item.uuid
        }
        _ => false,
    }
}

impl Btrfs {
    fn open(volumes: &[Arc<dyn ReadAt>], limits: &Limits) -> Result<Self, Error> {
        let (sb, pool) = Pool::open(volumes, limits)?;
        let root_tree = Root {
            id: ROOT_TREE,
            link: Link {
                bytenr: sb.raw.root.get(),
                level: sb.raw.root_level,
                generation: sb.generation(),
                first: None,
            },
        };
        let csum_roots = csum_roots(&pool, &root_tree)?;
        let space = space(&sb, &pool);
        // Nothing marks a filesystem that is mounted; but what fsync wrote since the last commit
        // waits in a tree of its own.
        let state = match sb.raw.log_root.get() {
            0 => State::Clean,
            _ => State::Dirty,
        };
        let no_tree = Tree {
            root: root_tree,
            dir: 0,
        };
        let mut fs = Self {
            pool,
            root_tree,
            csum_roots,
            default: no_tree,
            identity: identity(&sb.raw),
            state,
            space,
            trees: Mutex::default(),
        };
        let name = fs.location(&root_tree, sb.raw.root_dir_objectid.get(), b"default")?;
        let id = name.map_or(FS_TREE, |location| location.objectid);
        fs.default = fs.tree(id)?;
        Ok(fs)
    }

    pub(super) fn kept_trees(&self) -> MutexGuard<'_, HashMap<u64, Tree>> {
        // What is kept is whole whenever the lock is free, even after a panic elsewhere.
        self.trees.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn keep_tree(&self, id: u64, tree: Tree) {
        let mut kept = self.kept_trees();
        if kept.len() >= TREES_KEPT {
            kept.clear();
        }
        kept.insert(id, tree);
    }

    fn tree(&self, id: u64) -> Result<Tree, Error> {
        if id == self.default.root.id {
            return Ok(self.default);
        }
        self.find_tree(id)?.ok_or_else(|| {
            Error::new(Cause::OutOfRange)
                .in_structure("Btrfs root tree")
                .field("objectid")
                .found(id)
        })
    }

    fn inode(&self, node: Node) -> Result<(Root, Inode), Error> {
        let root = self.tree(node.tree)?.root;
        Ok((root, Inode::read(&self.pool, &root, node)?))
    }

    /// What a subvolume that is not there looks like: an empty directory of its parent's owner.
    fn no_subvolume(&self, node: Node) -> Result<Option<Metadata>, Error> {
        if node.tree & NO_SUBVOLUME == 0 {
            return Ok(None);
        }
        let parent = Node {
            tree: node.tree & !NO_SUBVOLUME,
            number: node.number,
        };
        let (_, above) = self.inode(parent)?;
        let mut metadata = Metadata::new(FileKind::Directory, 0);
        metadata.mode = 0o755;
        metadata.uid = above.metadata.uid;
        metadata.gid = above.metadata.gid;
        Ok(Some(metadata))
    }

    fn must_be_directory(&self, root: &Root, node: Node) -> Result<(), Error> {
        let inode = Inode::read(&self.pool, root, node)?;
        if inode.metadata.kind != FileKind::Directory {
            return Err(kind_error(Cause::NotADirectory, node));
        }
        Ok(())
    }
}

fn csum_roots(pool: &Pool, root_tree: &Root) -> Result<Vec<Root>, Error> {
    let mut roots = Vec::new();
    let mut cursor = Cursor::seek(pool, root_tree, Key::new(CSUM_TREE, ROOT_ITEM, 0))?;
    while let Some((key, data)) = cursor.item() {
        if key.objectid != CSUM_TREE || key.kind != ROOT_ITEM || roots.len() >= MAX_CSUM_ROOTS {
            break;
        }
        roots.extend(parse_root(CSUM_TREE, &cursor, data)?.map(|tree| tree.root));
        cursor.advance(pool)?;
    }
    Ok(roots)
}

/// Bytes as `df` counts them: of all devices, divided by what the profile of data costs.
fn space(sb: &Superblock, pool: &Pool) -> Space {
    let data = pool
        .chunks()
        .iter()
        .filter(|chunk| chunk.flags.contains(BlockGroup::DATA));
    let (cost, of) = data.map(super::chunk::Chunk::cost).max().unwrap_or((1, 1));
    let raw = u128::from(sb.raw.total_bytes.get());
    let total = raw.saturating_mul(of.into()).checked_div(cost.into());
    let total = u64::try_from(total.unwrap_or(0)).unwrap_or(u64::MAX);
    Space::new(total, total.saturating_sub(sb.raw.bytes_used.get()))
}

impl Filesystem for Btrfs {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn state(&self) -> State {
        self.state
    }

    fn space(&self) -> Option<Space> {
        Some(self.space)
    }

    fn root(&self) -> Node {
        Node {
            tree: self.default.root.id,
            number: self.default.dir,
        }
    }

    fn lookup(&self, dir: Node, name: &[u8]) -> Result<Option<Node>, Error> {
        if self.no_subvolume(dir)?.is_some() {
            return Ok(None);
        }
        let root = self.tree(dir.tree)?.root;
        match self.location(&root, dir.number, name)? {
            Some(location) => self.target(dir, location, name).map(Some),
            None => self.must_be_directory(&root, dir).map(|()| None),
        }
    }

    fn stat(&self, node: Node) -> Result<Metadata, Error> {
        if let Some(metadata) = self.no_subvolume(node)? {
            return Ok(metadata);
        }
        Ok(self.inode(node)?.1.metadata)
    }

    fn entries(&self, dir: Node) -> Result<Vec<DirEntry>, Error> {
        if self.no_subvolume(dir)?.is_some() {
            return Ok(Vec::new());
        }
        let root = self.tree(dir.tree)?.root;
        self.must_be_directory(&root, dir)?;
        self.list(&root, dir)
    }

    fn link_target(&self, node: Node) -> Result<Vec<u8>, Error> {
        if self.no_subvolume(node)?.is_some() {
            return Err(kind_error(Cause::NotASymlink, node));
        }
        let (root, inode) = self.inode(node)?;
        if inode.metadata.kind != FileKind::Symlink {
            return Err(kind_error(Cause::NotASymlink, node));
        }
        let size = inode.metadata.size;
        let wrong = || {
            Error::new(Cause::Value)
                .at("Btrfs inode", inode.at)
                .field("size")
                .found(size)
        };
        if size == 0 || size > MAX_SYMLINK {
            return Err(wrong());
        }
        let mut target = inline_target(&self.pool, &root, inode.number)?.ok_or_else(wrong)?;
        // The inode's size counts, as it does for Linux: `mkfs.btrfs --rootdir` puts the zero that
        // ends the text into the extent, too.
        let len = usize::try_from(size).map_err(|_| wrong())?;
        match target.get(len..) {
            Some([] | [0]) => target.truncate(len),
            _ => return Err(wrong()),
        }
        Ok(target)
    }

    fn open_node<'a>(&'a self, node: Node) -> Result<Box<dyn FileRead + 'a>, Error> {
        if self.no_subvolume(node)?.is_some() {
            return Err(kind_error(Cause::NotAFile, node));
        }
        let (root, inode) = self.inode(node)?;
        if inode.metadata.kind != FileKind::File {
            return Err(kind_error(Cause::NotAFile, node));
        }
        Ok(Box::new(BtrfsFile::new(self, root, &inode)?))
    }

    fn xattrs(&self, node: Node) -> Result<Vec<Xattr>, Error> {
        if self.no_subvolume(node)?.is_some() {
            return Ok(Vec::new());
        }
        let (root, inode) = self.inode(node)?;
        self.attributes(&root, inode.number)
    }

    fn subvolumes(&self) -> Result<Vec<Subvolume>, Error> {
        self.list_subvolumes()
    }
}
