//! Opening, and finding files by their paths.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vmie_io::{BlockCache, Budget, Charge, Limits, ReadAt, ReadAtExt, int};
use zerocopy::FromBytes;

use super::chain::{self, Chain};
use super::dir::{Dir, Entry};
use super::format::{FIRST_CLUSTER, FSI_LEAD_SIG, FSI_STRUC_SIG, FsInfo, RESERVED_DIRTY};
use super::geometry::{BOOT_LEN, Geometry, Root};
use super::probe;
use crate::memory::kind_error;
use crate::{
    Cause, DirEntry, Error, FileKind, FileRead, Filesystem, FsKind, Identity, Metadata, Node,
    Space, State,
};

/// The FAT and directories are read in small pieces that lie close together.
const CACHE_BLOCK: u32 = 4 << 10;
const CACHE_BYTES: usize = 256 << 10;
/// Directories that are kept as they were read.
const DIRS_KEPT: usize = 64;

/// The root has no directory entry; no other file's entry is in the boot sector.
const ROOT: Node = Node { tree: 0, number: 0 };

/// Where a directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Place {
    /// The root of FAT12 and FAT16: first byte and length.
    Fixed(u64, u64),
    /// In clusters, of which this is the first.
    Chain(u32),
}

/// An open filesystem.
pub(super) struct Fat {
    /// For the FAT and directories.
    pub(super) meta: BlockCache<Arc<dyn ReadAt>>,
    /// For the content of files.
    data: Arc<dyn ReadAt>,
    pub(super) geometry: Geometry,
    pub(super) budget: Budget,
    identity: Identity,
    state: State,
    dirs: Mutex<HashMap<Place, Arc<Dir>>>,
    _cache: Charge,
}

/// Opens FAT12, FAT16 or FAT32.
pub(crate) fn open(volume: Arc<dyn ReadAt>, limits: &Limits) -> Result<Box<dyn Filesystem>, Error> {
    let budget = Budget::new(*limits);
    let cache = budget.memory("block cache", int::u64_of(CACHE_BYTES))?;
    let geometry = Geometry::new(&volume.read_array::<BOOT_LEN>(0)?)?;
    geometry.fits(volume.len())?;
    let mut fat = Fat {
        meta: BlockCache::new(Arc::clone(&volume), CACHE_BLOCK, CACHE_BYTES),
        data: volume,
        identity: probe::identity(&geometry),
        state: State::Unknown,
        geometry,
        budget,
        dirs: Mutex::default(),
        _cache: cache,
    };
    fat.state = fat.read_state()?;
    fat.identity.label = fat.label();
    Ok(Box::new(fat))
}

impl Fat {
    fn root_place(&self) -> Place {
        match self.geometry.root {
            Root::Fixed(at, len) => Place::Fixed(at, len),
            Root::Cluster(first) => Place::Chain(first),
        }
    }

    /// The label, when the start of the root directory has one and can be read.
    fn label(&self) -> Option<String> {
        let (at, len) = match self.root_place() {
            Place::Fixed(at, len) => (at, len),
            Place::Chain(first) if self.geometry.has_cluster(first) => (
                self.geometry.byte_of(first),
                self.geometry.cluster_size.into(),
            ),
            Place::Chain(_) => return None,
        };
        let (mut bytes, _charge) = self.budget.buffer("directory", len).ok()?;
        self.meta.read_exact_at(&mut bytes, at).ok()?;
        probe::label(&bytes)
    }

    /// The second entry of the FAT has two flags, which are set while all is well; and the boot
    /// sector has one that is set while it is not.
    fn read_state(&self) -> Result<State, Error> {
        let second = chain::entry(self, 1)?;
        let (clean, sound) = match self.geometry.kind {
            FsKind::Fat32 => (0x0800_0000, 0x0400_0000),
            FsKind::Fat16 => (0x8000, 0x4000),
            // FAT12 has no room for flags.
            _ => (0, 0),
        };
        Ok(if second & sound != sound {
            State::Errors
        } else if second & clean != clean || self.geometry.flags & RESERVED_DIRTY != 0 {
            State::Dirty
        } else {
            State::Clean
        })
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<Place, Arc<Dir>>> {
        // What is kept is whole whenever the lock is free, even after a panic elsewhere.
        self.dirs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn dir(&self, place: Place) -> Result<Arc<Dir>, Error> {
        if let Some(dir) = self.kept().get(&place) {
            return Ok(Arc::clone(dir));
        }
        if self.kept().len() >= DIRS_KEPT {
            self.kept().clear();
        }
        let read = match Dir::read(self, place) {
            // The memory may be taken by directories that are only kept.
            Err(error) if error.cause() == Cause::Limit && !self.kept().is_empty() => {
                self.kept().clear();
                Dir::read(self, place)?
            }
            read => read?,
        };
        let dir = Arc::new(read);
        self.kept().insert(place, Arc::clone(&dir));
        Ok(dir)
    }

    /// Where the directory is that a node stands for.
    fn place(&self, node: Node) -> Result<Place, Error> {
        if node == ROOT {
            return Ok(self.root_place());
        }
        let entry = self.entry(node)?;
        if entry.metadata.kind != FileKind::Directory {
            return Err(kind_error(Cause::NotADirectory, node));
        }
        Ok(Place::Chain(entry.cluster))
    }

    fn entry(&self, node: Node) -> Result<Entry, Error> {
        Entry::at(self, node.number)
    }

    /// Free clusters: as `FSInfo` says, or counted where the FAT is short.
    fn free(&self) -> Option<u64> {
        if self.geometry.kind == FsKind::Fat32 {
            let bytes = self.meta.read_array::<512>(self.geometry.fs_info?).ok()?;
            let (info, _) = FsInfo::read_from_prefix(&bytes).ok()?;
            let fits = info.lead_sig.get() == FSI_LEAD_SIG
                && info.struc_sig.get() == FSI_STRUC_SIG
                && info.free_count.get() <= self.geometry.clusters;
            return fits.then(|| info.free_count.get().into());
        }
        let numbers = FIRST_CLUSTER..self.geometry.clusters.checked_add(FIRST_CLUSTER)?;
        let mut free = 0u64;
        for number in numbers {
            if chain::entry(self, number).ok()? == 0 {
                free = free.saturating_add(1);
            }
        }
        Some(free)
    }
}

impl Filesystem for Fat {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn state(&self) -> State {
        self.state
    }

    fn space(&self) -> Option<Space> {
        let size = u64::from(self.geometry.cluster_size);
        let total = u64::from(self.geometry.clusters).saturating_mul(size);
        Some(Space::new(total, self.free()?.saturating_mul(size)))
    }

    fn root(&self) -> Node {
        ROOT
    }

    fn lookup(&self, dir: Node, name: &[u8]) -> Result<Option<Node>, Error> {
        let dir = self.dir(self.place(dir)?)?;
        Ok(dir.get(name).map(|entry| Node::new(entry.at)))
    }

    fn stat(&self, node: Node) -> Result<Metadata, Error> {
        if node == ROOT {
            return Ok(Metadata::new(FileKind::Directory, 0));
        }
        Ok(self.entry(node)?.metadata)
    }

    fn entries(&self, dir: Node) -> Result<Vec<DirEntry>, Error> {
        let dir = self.dir(self.place(dir)?)?;
        let entries = dir.entries.iter().map(|entry| DirEntry {
            name: entry.name.clone().into_bytes(),
            kind: entry.metadata.kind,
            node: Node::new(entry.at),
        });
        Ok(entries.collect())
    }

    fn link_target(&self, node: Node) -> Result<Vec<u8>, Error> {
        self.stat(node)?;
        Err(kind_error(Cause::NotASymlink, node))
    }

    fn open_node<'a>(&'a self, node: Node) -> Result<Box<dyn FileRead + 'a>, Error> {
        if node == ROOT {
            return Err(kind_error(Cause::NotAFile, node));
        }
        let entry = self.entry(node)?;
        if entry.metadata.kind != FileKind::File {
            return Err(kind_error(Cause::NotAFile, node));
        }
        Ok(Box::new(FatFile::new(self, &entry)?))
    }
}

struct FatFile<'a> {
    fat: &'a Fat,
    len: u64,
    at: u64,
    /// None for an empty file, which has no cluster.
    chain: Option<Chain>,
}

impl<'a> FatFile<'a> {
    fn new(fat: &'a Fat, entry: &Entry) -> Result<Self, Error> {
        let len = entry.metadata.size;
        Ok(Self {
            fat,
            len,
            at: entry.at,
            chain: if len == 0 {
                None
            } else {
                Some(Chain::new(fat, entry.cluster)?)
            },
        })
    }

    /// Reads up to the end of one run of clusters.
    fn read_run(&mut self, buf: &mut [u8], offset: u64) -> Result<usize, Error> {
        let cluster_size = u64::from(self.fat.geometry.cluster_size);
        let index = offset.checked_div(cluster_size).unwrap_or(0);
        let within = offset.checked_rem(cluster_size).unwrap_or(0);
        // Files have less than 2^32 bytes.
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        let run = match &mut self.chain {
            Some(chain) => chain.run(self.fat, index)?,
            None => None,
        };
        let Some(run) = run else {
            return Err(Error::new(Cause::BrokenChain)
                .at("FAT directory entry", self.at)
                .field("DIR_FileSize")
                .found(self.len));
        };
        let skip = index.saturating_sub(run.first);
        let at = self.fat.geometry.byte_of(run.cluster.saturating_add(skip));
        let left = u64::from(run.len.saturating_sub(skip)).saturating_mul(cluster_size);
        let n = int::min_usize(left.saturating_sub(within), buf.len());
        let part = buf.get_mut(..n).unwrap_or_default();
        self.fat
            .data
            .read_exact_at(part, at.saturating_add(within))?;
        Ok(n)
    }
}

impl FileRead for FatFile<'_> {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&mut self, buf: &mut [u8], offset: u64) -> Result<usize, Error> {
        let len = int::min_usize(self.len.saturating_sub(offset), buf.len());
        let buf = buf.get_mut(..len).unwrap_or_default();
        let mut done = 0usize;
        while done < len {
            let rest = buf.get_mut(done..).unwrap_or_default();
            let at = offset.saturating_add(int::u64_of(done));
            // Each run gives at least one byte.
            done = done.saturating_add(self.read_run(rest, at)?);
        }
        Ok(len)
    }
}
