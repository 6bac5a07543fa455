//! Opening, and finding files by their numbers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vmie_io::{BlockCache, Budget, Charge, Limits, ReadAt, ReadAtExt, int};
use zerocopy::FromBytes;

use super::dir::Dir;
use super::file::XfsFile;
use super::format::{Incompat, XfsDsb};
use super::geometry::{self, Geometry};
use super::inode::Inode;
use super::log::{self, Change, Outcome, Recovered};
use super::{attr, link, probe, space};
use crate::filesystem::kind_of_entry;
use crate::memory::kind_error;
use crate::{
    Cause, DirEntry, Error, FileKind, FileRead, Filesystem, Identity, Metadata, Node, Space, State,
    Xattr,
};

/// Inodes are made 64 at a time, side by side, and directories name them in that order: one read of
/// this many bytes serves many of them.
const CACHE_BLOCK: u32 = 16 << 10;
const CACHE_BYTES: usize = 4 << 20;
/// Directories that are kept as they were read.
const DIRS_KEPT: usize = 64;

/// An open filesystem.
pub(super) struct Xfs {
    /// For metadata: small pieces, kept.
    pub(super) meta: BlockCache<Arc<dyn ReadAt>>,
    /// For the content of files: read once, not kept.
    pub(super) data: Arc<dyn ReadAt>,
    pub(super) geometry: Geometry,
    pub(super) budget: Budget,
    identity: Identity,
    state: State,
    space: Space,
    recovered: Recovered,
    dirs: Mutex<HashMap<u64, Arc<Dir>>>,
    _cache: Charge,
}

/// Opens XFS. What waits in its log is replayed in memory.
pub(crate) fn open(volume: Arc<dyn ReadAt>, limits: &Limits) -> Result<Box<dyn Filesystem>, Error> {
    let budget = Budget::new(*limits);
    let (sb, geometry) = superblock(&*volume)?;
    let (source, recovered, mut state) = match log::recover(&volume, &geometry, &budget)? {
        Outcome::Clean => (volume, Recovered::default(), State::Clean),
        // The log is not on this volume.
        Outcome::Elsewhere => (volume, Recovered::default(), State::Unknown),
        Outcome::Replayed(source, recovered) => (source, recovered, State::Dirty),
    };
    let (sb, geometry) = match state {
        // The superblock may be among what was replayed.
        State::Dirty => superblock_after(&*source)?,
        _ => (sb, geometry),
    };
    let clean = state != State::Dirty;
    let space = space::space(&*source, &sb, &geometry, clean, &budget)?;
    if geometry.incompat.contains(Incompat::NEEDSREPAIR) {
        state = State::Errors;
    }
    let cache = budget.memory("block cache", int::u64_of(CACHE_BYTES))?;
    Ok(Box::new(Xfs {
        meta: BlockCache::new(Arc::clone(&source), CACHE_BLOCK, CACHE_BYTES),
        data: source,
        identity: probe::identity(&sb),
        state,
        space,
        geometry,
        budget,
        recovered,
        dirs: Mutex::default(),
        _cache: cache,
    }))
}

fn superblock(volume: &dyn ReadAt) -> Result<(XfsDsb, Geometry), Error> {
    let (sb, sector) = sector(volume)?;
    let geometry = Geometry::new(&sb, &sector, volume.len())?;
    Ok((sb, geometry))
}

/// The superblock once the log was replayed over it, which leaves its checksum behind.
fn superblock_after(volume: &dyn ReadAt) -> Result<(XfsDsb, Geometry), Error> {
    let (sb, mut sector) = sector(volume)?;
    super::log::stamp(&mut sector, super::format::SB_CRC_OFFSET);
    let geometry = Geometry::new(&sb, &sector, volume.len())?;
    Ok((sb, geometry))
}

fn sector(volume: &dyn ReadAt) -> Result<(XfsDsb, Vec<u8>), Error> {
    let corrupt = || Error::new(Cause::Value).at("XFS superblock", 0);
    let first = volume.read_array::<512>(0)?;
    let (sb, _) = XfsDsb::read_from_prefix(&first).map_err(|_| corrupt())?;
    let mut sector = vec![0; int::usize_of(geometry::sector_len(&sb))];
    volume.read_exact_at(&mut sector, 0)?;
    let (sb, _) = XfsDsb::read_from_prefix(&sector).map_err(|_| corrupt())?;
    Ok((sb, sector))
}

impl Xfs {
    fn inode(&self, node: Node) -> Result<Inode, Error> {
        Inode::read(self, node.number)
    }

    /// Whether part of these bytes came out of the log: their checksums are those of before.
    pub(super) fn is_recovered(&self, at: u64, len: u64) -> bool {
        self.recovered.touches(at, len)
    }

    /// Whether the log says that this file's map was about to change further.
    pub(super) fn is_unfinished(&self, number: u64) -> bool {
        self.recovered.unfinished.contains(&number)
    }

    /// What the log says that is still to be changed about a file's map.
    pub(super) fn changes_of(&self, number: u64) -> Vec<Change> {
        let changes = self.recovered.changes.get(&number);
        changes.cloned().unwrap_or_default()
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<u64, Arc<Dir>>> {
        // What is kept is whole whenever the lock is free, even after a panic elsewhere.
        self.dirs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn directory(&self, node: Node) -> Result<Arc<Dir>, Error> {
        if let Some(dir) = self.kept().get(&node.number) {
            return Ok(Arc::clone(dir));
        }
        let inode = self.inode(node)?;
        if inode.metadata.kind != FileKind::Directory {
            return Err(kind_error(Cause::NotADirectory, node));
        }
        if self.kept().len() >= DIRS_KEPT {
            self.kept().clear();
        }
        let read = match Dir::read(self, &inode) {
            // The memory may be taken by directories that are only kept.
            Err(error) if error.cause() == Cause::Limit && !self.kept().is_empty() => {
                self.kept().clear();
                Dir::read(self, &inode)?
            }
            read => read?,
        };
        let dir = Arc::new(read);
        self.kept().insert(inode.number, Arc::clone(&dir));
        Ok(dir)
    }
}

impl Filesystem for Xfs {
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
        Node::new(self.geometry.root)
    }

    fn lookup(&self, dir: Node, name: &[u8]) -> Result<Option<Node>, Error> {
        Ok(self.directory(dir)?.lookup(name).map(Node::new))
    }

    fn stat(&self, node: Node) -> Result<Metadata, Error> {
        Ok(self.inode(node)?.metadata)
    }

    fn entries(&self, dir: Node) -> Result<Vec<DirEntry>, Error> {
        let dir = self.directory(dir)?;
        let mut entries = Vec::with_capacity(dir.len());
        for (name, inode, kind) in dir.iter() {
            let kind = match kind {
                Some(kind) => kind,
                // Filesystems without the feature say it only in the inode.
                None => kind_of_entry(Inode::read(self, inode).map(|inode| inode.metadata))?,
            };
            entries.push(DirEntry {
                name: name.to_vec(),
                kind,
                node: Node::new(inode),
            });
        }
        Ok(entries)
    }

    fn link_target(&self, node: Node) -> Result<Vec<u8>, Error> {
        let inode = self.inode(node)?;
        if inode.metadata.kind != FileKind::Symlink {
            return Err(kind_error(Cause::NotASymlink, node));
        }
        link::target(self, &inode)
    }

    fn open_node<'a>(&'a self, node: Node) -> Result<Box<dyn FileRead + 'a>, Error> {
        let inode = self.inode(node)?;
        if inode.metadata.kind != FileKind::File {
            return Err(kind_error(Cause::NotAFile, node));
        }
        Ok(Box::new(XfsFile::new(self, inode)?))
    }

    fn xattrs(&self, node: Node) -> Result<Vec<Xattr>, Error> {
        attr::read(self, &self.inode(node)?)
    }
}
