//! Opening, and finding files by their numbers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vmie_io::{BlockCache, Budget, Charge, Limits, ReadAt, ReadAtExt, int};
use zerocopy::FromBytes;

use super::dir::Dir;
use super::file::JfsFile;
use super::format::{
    AITBL_OFF, BLOCK_LOG, BMAP_I, FILESYSTEM_I, FM_CLEAN, FM_DIRTY, Flags, JFS_MAGIC, JFS_VERSION,
    JfsSuperblock, MAX_BLOCKS, Pxd, ROOT_I, SUPER1_OFF,
};
use super::inode::{Inode, map_page};
use super::tree::Map;
use super::{attr, probe};
use crate::filesystem::kind_of_entry;
use crate::memory::kind_error;
use crate::{
    Cause, DirEntry, Error, FileKind, FileRead, Filesystem, Identity, Metadata, Node, Space, State,
    Xattr,
};

const STRUCTURE: &str = "JFS superblock";
/// Inodes are made 32 at a time, side by side in 16 KiB.
const CACHE_BLOCK: u32 = 16 << 10;
const CACHE_BYTES: usize = 4 << 20;
/// Directories that are kept as they were read.
const DIRS_KEPT: usize = 64;

/// An open filesystem.
pub(super) struct Jfs {
    /// For metadata: small pieces, kept.
    pub(super) meta: BlockCache<Arc<dyn ReadAt>>,
    /// For the content of files: read once, not kept.
    pub(super) data: Arc<dyn ReadAt>,
    pub(super) budget: Budget,
    pub(super) block_log: u32,
    pub(super) flags: Flags,
    /// Blocks of the aggregate, all of which the volume has.
    pub(super) blocks: u64,
    /// The inode allocation map: where it is, and its length in bytes.
    imap: Mutex<Map>,
    pub(super) imap_size: u64,
    identity: Identity,
    state: State,
    space: Option<Space>,
    dirs: Mutex<HashMap<u32, Arc<Dir>>>,
    _cache: Charge,
}

/// An error about a field of the superblock.
fn field(cause: Cause, name: &'static str, within: u64, found: u64) -> Error {
    let at = int::u64_of(SUPER1_OFF).saturating_add(within);
    Error::new(cause).at(STRUCTURE, at).field(name).found(found)
}

/// Opens JFS.
pub(crate) fn open(volume: Arc<dyn ReadAt>, limits: &Limits) -> Result<Box<dyn Filesystem>, Error> {
    let budget = Budget::new(*limits);
    let bytes = volume.read_array::<{ size_of::<JfsSuperblock>() }>(int::u64_of(SUPER1_OFF))?;
    let sb =
        JfsSuperblock::read_from_bytes(&bytes).map_err(|_| field(Cause::Value, "s_magic", 0, 0))?;
    let flags = Flags::from_bits_retain(sb.s_flag.get());
    let (block_log, blocks) = sizes(&sb, flags, volume.len())?;
    let cache = budget.memory("block cache", int::u64_of(CACHE_BYTES))?;
    let mut jfs = Jfs {
        meta: BlockCache::new(Arc::clone(&volume), CACHE_BLOCK, CACHE_BYTES),
        data: volume,
        budget,
        block_log,
        flags,
        blocks,
        imap: Mutex::new(Map::new(&[], 0)),
        imap_size: 0,
        identity: probe::identity(&sb),
        state: match sb.s_state.get() {
            FM_CLEAN => State::Clean,
            state if state & FM_DIRTY != 0 => State::Errors,
            _ => State::Dirty,
        },
        space: None,
        dirs: Mutex::default(),
        _cache: cache,
    };
    let table = |number: u64| AITBL_OFF.saturating_add(number.saturating_mul(512));
    let fileset = Inode::at(&jfs, table(FILESYSTEM_I))?;
    if u64::from(fileset.number) != FILESYSTEM_I {
        return Err(fileset.error(Cause::Value, "di_number", fileset.number.into()));
    }
    jfs.imap = Mutex::new(fileset.map());
    jfs.imap_size = fileset.metadata.size;
    let bmap = Inode::at(&jfs, table(BMAP_I))?;
    jfs.space = space(&jfs, &bmap, &fileset)?;
    Ok(Box::new(jfs))
}

/// The logarithm of a block's size, and how many blocks there are.
fn sizes(sb: &JfsSuperblock, flags: Flags, volume_len: u64) -> Result<(u32, u64), Error> {
    if sb.s_magic != JFS_MAGIC {
        let found = u32::from_le_bytes(sb.s_magic).into();
        return Err(field(Cause::Magic, "s_magic", 0, found));
    }
    let version = sb.s_version.get();
    if version == 0 || version > JFS_VERSION {
        return Err(field(Cause::Feature, "s_version", 4, version.into()));
    }
    if flags.contains(Flags::SWAP_BYTES) {
        return Err(field(Cause::Feature, "s_flag", 36, flags.bits().into()));
    }
    let (block_log, sector_log) = (sb.s_l2bsize.get(), sb.s_l2pbsize.get());
    let fits = |log: u16, size: u32| BLOCK_LOG.contains(&log) && 1u32 << log.min(31) == size;
    if !fits(block_log, sb.s_bsize.get()) {
        return Err(field(Cause::Value, "s_bsize", 16, sb.s_bsize.get().into()));
    }
    if !fits(sector_log, sb.s_pbsize.get()) || sector_log > block_log {
        return Err(field(
            Cause::Value,
            "s_pbsize",
            24,
            sb.s_pbsize.get().into(),
        ));
    }
    let sectors = sb.s_size.get();
    let blocks = sectors >> block_log.saturating_sub(sector_log).min(3);
    if blocks == 0 || blocks > MAX_BLOCKS {
        return Err(field(Cause::Value, "s_size", 8, sectors));
    }
    let block_log = u32::from(block_log);
    if blocks << block_log > volume_len {
        return Err(field(Cause::VolumeTooShort, "s_size", 8, sectors));
    }
    Ok((block_log, blocks))
}

/// What the first pages of the maps of blocks and of inodes count.
fn space(jfs: &Jfs, bmap: &Inode, fileset: &Inode) -> Result<Option<Space>, Error> {
    let long = |page: &[u8], at: usize| {
        let bytes = page.get(at..).and_then(|rest| rest.first_chunk());
        bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))
    };
    let page = map_page(jfs, bmap, 0)?;
    let (total, free) = (long(&page, 0), long(&page, 8));
    if free > total || total > jfs.blocks {
        return Ok(None);
    }
    let inodes = long(&map_page(jfs, fileset, 0)?, 8);
    let (count, unused) = (inodes & 0xffff_ffff, inodes >> 32);
    let space = Space::new(total << jfs.block_log, free << jfs.block_log);
    Ok(Some(space.with_inodes(count, unused)))
}

impl Jfs {
    /// The first byte of an extent, all of which must be the filesystem's; `at` is where it is said.
    pub(super) fn byte_of(&self, pxd: Pxd, structure: &'static str, at: u64) -> Result<u64, Error> {
        let end = pxd.addr().saturating_add(pxd.len());
        if pxd.len() == 0 || end > self.blocks {
            return Err(Error::new(Cause::OutOfRange)
                .at(structure, at)
                .field("addr")
                .found(pxd.addr()));
        }
        Ok(pxd.addr() << self.block_log)
    }

    /// Where a byte of the inode allocation map is on the volume.
    pub(super) fn place_in_map(&self, offset: u64) -> Result<u64, Error> {
        let mut map = self.imap.lock().unwrap_or_else(PoisonError::into_inner);
        let run = map.run(self, offset >> self.block_log)?;
        let block = run.block.ok_or_else(|| {
            Error::new(Cause::OutOfRange)
                .in_structure("JFS inode allocation map")
                .field("offset")
                .found(offset)
        })?;
        Ok(block << self.block_log)
    }

    fn inode(&self, node: Node) -> Result<Inode, Error> {
        Inode::read(self, u32::try_from(node.number).unwrap_or(u32::MAX))
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<u32, Arc<Dir>>> {
        // What is kept is whole whenever the lock is free, even after a panic elsewhere.
        self.dirs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn directory(&self, node: Node) -> Result<Arc<Dir>, Error> {
        let number = u32::try_from(node.number).unwrap_or(u32::MAX);
        if let Some(dir) = self.kept().get(&number) {
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
        self.kept().insert(number, Arc::clone(&dir));
        Ok(dir)
    }
}

impl Filesystem for Jfs {
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
        Node::new(ROOT_I.into())
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
        for (name, number) in &dir.names {
            let inode = Inode::read(self, *number);
            let kind = kind_of_entry(inode.map(|inode| inode.metadata))?;
            entries.push(DirEntry {
                name: name.clone(),
                kind,
                node: Node::new(u64::from(*number)),
            });
        }
        Ok(entries)
    }

    fn link_target(&self, node: Node) -> Result<Vec<u8>, Error> {
        let inode = self.inode(node)?;
        if inode.metadata.kind != FileKind::Symlink {
            return Err(kind_error(Cause::NotASymlink, node));
        }
        inode.target(self)
    }

    fn open_node<'a>(&'a self, node: Node) -> Result<Box<dyn FileRead + 'a>, Error> {
        let inode = self.inode(node)?;
        if inode.metadata.kind != FileKind::File {
            return Err(kind_error(Cause::NotAFile, node));
        }
        Ok(Box::new(JfsFile::new(self, &inode)))
    }

    fn xattrs(&self, node: Node) -> Result<Vec<Xattr>, Error> {
        attr::read(self, &self.inode(node)?)
    }
}
