//! Opening, and finding files by their paths.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vmie_io::{BlockCache, Budget, Charge, Limits, ReadAt, ReadAtExt, int};
use zerocopy::FromBytes;

use super::dir::Dir;
use super::file::ExtFile;
use super::format::{
    Compat, ERROR_FS, Incompat, InodeFlags, MAX_SYMLINK, MIN_INLINE_DATA, ROOT_INODE,
    SUPERBLOCK_OFFSET, Superblock, VALID_FS,
};
use super::geometry::Geometry;
use super::inode::Inode;
use super::journal::Fast;
use super::{attr, journal, probe};
use crate::filesystem::kind_of_entry;
use crate::memory::kind_error;
use crate::{
    Cause, DirEntry, Error, FileKind, FileRead, Filesystem, Identity, Metadata, Node, Space, State,
    Xattr,
};

/// Descriptors, inodes and directories are small and close together: one read of this many bytes
/// serves several of them.
const CACHE_BLOCK: u32 = 8 << 10;
const CACHE_BYTES: usize = 1 << 20;
/// Directories that are kept as they were read.
const DIRS_KEPT: usize = 64;

/// An open filesystem.
pub(super) struct Ext {
    /// For metadata: small pieces, kept.
    pub(super) meta: BlockCache<Arc<dyn ReadAt>>,
    /// For the content of files: read once, not kept.
    pub(super) data: Arc<dyn ReadAt>,
    pub(super) geometry: Geometry,
    pub(super) budget: Budget,
    identity: Identity,
    state: State,
    space: Space,
    /// What fast commits changed that wait to be replayed.
    pub(super) fast: Fast,
    dirs: Mutex<HashMap<u32, Arc<Dir>>>,
    _cache: Charge,
}

/// Opens ext2, ext3 or ext4. A journal that waits to be replayed is replayed in memory.
pub(crate) fn open(volume: Arc<dyn ReadAt>, limits: &Limits) -> Result<Box<dyn Filesystem>, Error> {
    let ext = Ext::open(volume, limits)?;
    Ok(Box::new(ext))
}

fn superblock(volume: &dyn ReadAt) -> Result<Superblock, Error> {
    let at = int::u64_of(SUPERBLOCK_OFFSET);
    let bytes = volume.read_array::<1024>(at)?;
    Superblock::read_from_bytes(&bytes)
        .map_err(|_| Error::new(Cause::Value).at("ext superblock", at))
}

impl Ext {
    fn open(volume: Arc<dyn ReadAt>, limits: &Limits) -> Result<Self, Error> {
        let budget = Budget::new(*limits);
        let sb = superblock(&*volume)?;
        let geometry = Geometry::new(&sb, volume.len())?;
        let ext = Self::new(Arc::clone(&volume), &sb, geometry, budget)?;
        let compat = Compat::from_bits_retain(sb.s_feature_compat.get());
        if !geometry.incompat.contains(Incompat::RECOVER) || !compat.contains(Compat::HAS_JOURNAL) {
            return Ok(ext);
        }
        let (replayed, fast) = journal::replay(&ext, &sb, volume)?;
        // The superblock itself may be among what was replayed.
        let sb = superblock(&*replayed)?;
        let geometry = Geometry::new(&sb, replayed.len())?;
        let mut after = Self::new(replayed, &sb, geometry, ext.budget.clone())?;
        after.fast = fast;
        if after.state == State::Clean {
            after.state = State::Dirty;
        }
        Ok(after)
    }

    fn new(
        volume: Arc<dyn ReadAt>,
        sb: &Superblock,
        geometry: Geometry,
        budget: Budget,
    ) -> Result<Self, Error> {
        let cache = budget.memory("block cache", int::u64_of(CACHE_BYTES))?;
        let free = probe::wide(
            sb,
            sb.s_free_blocks_count_hi.get(),
            sb.s_free_blocks_count_lo.get(),
        );
        let block = u64::from(geometry.block_size);
        let total = geometry.blocks.saturating_mul(block);
        Ok(Self {
            meta: BlockCache::new(Arc::clone(&volume), CACHE_BLOCK, CACHE_BYTES),
            data: volume,
            identity: probe::identity(sb),
            state: state(sb, &geometry),
            space: Space::new(total, free.saturating_mul(block).min(total)).with_inodes(
                sb.s_inodes_count.get().into(),
                sb.s_free_inodes_count.get().into(),
            ),
            geometry,
            budget,
            fast: Fast::default(),
            dirs: Mutex::default(),
            _cache: cache,
        })
    }

    fn inode(&self, node: Node) -> Result<Inode, Error> {
        Inode::read(self, u32::try_from(node.number).unwrap_or(u32::MAX))
    }

    fn directory(&self, node: Node) -> Result<Arc<Dir>, Error> {
        let number = u32::try_from(node.number).unwrap_or(u32::MAX);
        if let Some(dir) = self.kept().get(&number) {
            return Ok(Arc::clone(dir));
        }
        let inode = Inode::read(self, number)?;
        if inode.metadata.kind != FileKind::Directory {
            return Err(kind_error(Cause::NotADirectory, node));
        }
        self.dir(&inode)
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<u32, Arc<Dir>>> {
        // What is kept is whole whenever the lock is free, even after a panic elsewhere.
        self.dirs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a symbolic link's target stands in place of its block map. Told as the kernel does:
    /// by its having no blocks, unless blocks may be those of attributes in inodes of their own.
    fn is_fast_symlink(&self, inode: &Inode) -> bool {
        if inode.flags.contains(InodeFlags::INLINE_DATA) {
            return false;
        }
        if self.geometry.incompat.contains(Incompat::EA_INODE) {
            return inode.metadata.size < int::u64_of(MIN_INLINE_DATA);
        }
        !inode.has_blocks
    }

    fn dir(&self, inode: &Inode) -> Result<Arc<Dir>, Error> {
        if self.kept().len() >= DIRS_KEPT {
            self.kept().clear();
        }
        let read = match Dir::read(self, inode) {
            // The memory may be taken by directories that are only kept.
            Err(error) if error.cause() == Cause::Limit && !self.kept().is_empty() => {
                self.kept().clear();
                Dir::read(self, inode)?
            }
            read => read?,
        };
        let dir = Arc::new(read);
        self.kept().insert(inode.number, Arc::clone(&dir));
        Ok(dir)
    }
}

fn state(sb: &Superblock, geometry: &Geometry) -> State {
    let bits = sb.s_state.get();
    if bits & ERROR_FS != 0 {
        State::Errors
    } else if geometry.incompat.contains(Incompat::RECOVER) || bits & VALID_FS == 0 {
        State::Dirty
    } else {
        State::Clean
    }
}

impl Filesystem for Ext {
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
        Node::new(ROOT_INODE.into())
    }

    fn lookup(&self, dir: Node, name: &[u8]) -> Result<Option<Node>, Error> {
        let found = self.directory(dir)?.get(name);
        Ok(found.map(|number| Node::new(number.into())))
    }

    fn stat(&self, node: Node) -> Result<Metadata, Error> {
        Ok(self.inode(node)?.metadata)
    }

    fn entries(&self, dir: Node) -> Result<Vec<DirEntry>, Error> {
        let dir = self.directory(dir)?;
        let mut entries = Vec::with_capacity(dir.names.len());
        for name in &dir.names {
            let kind = match name.kind {
                Some(kind) => kind,
                // Filesystems older than the feature say it only in the inode.
                None => kind_of_entry(Inode::read(self, name.inode).map(|inode| inode.metadata))?,
            };
            entries.push(DirEntry {
                name: name.bytes.to_vec(),
                kind,
                node: Node::new(name.inode.into()),
            });
        }
        Ok(entries)
    }

    fn link_target(&self, node: Node) -> Result<Vec<u8>, Error> {
        let inode = self.inode(node)?;
        if inode.metadata.kind != FileKind::Symlink {
            return Err(kind_error(Cause::NotASymlink, node));
        }
        let size = inode.metadata.size;
        if size == 0 || size > MAX_SYMLINK {
            return Err(inode.error(Cause::Value, "i_size", size));
        }
        if self.is_fast_symlink(&inode) {
            if size >= int::u64_of(MIN_INLINE_DATA) {
                return Err(inode.error(Cause::Value, "i_size", size));
            }
            inode.readable()?;
            let target = inode.block.get(..int::usize_of(size));
            return Ok(target.unwrap_or_default().to_vec());
        }
        let mut target = vec![0; int::usize_of(size)];
        ExtFile::new(self, inode)?.read_at(&mut target, 0)?;
        Ok(target)
    }

    fn open_node<'a>(&'a self, node: Node) -> Result<Box<dyn FileRead + 'a>, Error> {
        let inode = self.inode(node)?;
        if inode.metadata.kind != FileKind::File {
            return Err(kind_error(Cause::NotAFile, node));
        }
        Ok(Box::new(ExtFile::new(self, inode)?))
    }

    fn xattrs(&self, node: Node) -> Result<Vec<Xattr>, Error> {
        attr::read(self, &self.inode(node)?)
    }
}
