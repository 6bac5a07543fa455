//! Opening, and finding files by their references.

use std::collections::HashMap;
use std::sync::atomic::{self, AtomicBool};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use vmie_io::{BlockCache, Budget, Charge, Limits, ReadAt, ReadAtExt, int};

use super::file::File;
use super::format::{
    ATTR_DATA, ATTR_VOLUME_NAME, BITMAP_RECORD, BOOT_LEN, MFT_RECORD, MIRRORED_RECORDS,
    ROOT_RECORD, UPCASE_RECORD, VOLUME_RECORD,
};
use super::geometry::Geometry;
use super::index::Index;
use super::name::{Upcase, to_bytes};
use super::record::{Record, Reference};
use super::stream::Stream;
use super::{probe, state};
use crate::memory::kind_error;
use crate::{Cause, Error, Filesystem, Identity, Node, Space, State};

/// Records and index blocks are small and those of one directory mostly close together: one read
/// of this many bytes serves several of them.
const CACHE_BLOCK: u32 = 16 << 10;
const CACHE_BYTES: usize = 8 << 20;
/// Directories whose roots and runs are kept.
const DIRS_KEPT: usize = 64;
/// Bytes of the bitmap that are counted at a time.
const BITMAP_PART: u64 = 256 << 10;

/// An open filesystem.
pub(super) struct Ntfs {
    /// For metadata: small pieces, kept.
    pub(super) meta: BlockCache<Arc<dyn ReadAt>>,
    /// For the content of files: read once, not kept.
    pub(super) data: Arc<dyn ReadAt>,
    pub(super) geometry: Geometry,
    pub(super) budget: Budget,
    pub(super) upcase: Upcase,
    pub(super) root: Reference,
    pub(super) identity: Identity,
    pub(super) state: State,
    mft: Stream,
    /// Whether a record had to be taken from the mirror.
    mended: AtomicBool,
    free: OnceLock<Option<u64>>,
    dirs: Mutex<HashMap<u64, Arc<Index>>>,
    _cache: Charge,
}

/// Opens NTFS.
pub(crate) fn open(volume: Arc<dyn ReadAt>, limits: &Limits) -> Result<Box<dyn Filesystem>, Error> {
    Ok(Box::new(Ntfs::open(volume, limits)?))
}

impl Ntfs {
    fn open(volume: Arc<dyn ReadAt>, limits: &Limits) -> Result<Self, Error> {
        let budget = Budget::new(*limits);
        // Where memory is short, less is kept.
        let cache_bytes = int::min_usize(limits.memory / 4, CACHE_BYTES);
        let cache = budget.memory("block cache", int::u64_of(cache_bytes))?;
        let geometry = Geometry::new(&volume.read_array::<BOOT_LEN>(0)?)?;
        if volume.len() < geometry.size {
            return Err(Error::new(Cause::VolumeTooShort)
                .at("NTFS boot sector", 40)
                .field("number_of_sectors")
                .found(geometry.size));
        }
        let mut ntfs = Self {
            meta: BlockCache::new(Arc::clone(&volume), CACHE_BLOCK, cache_bytes),
            data: volume,
            identity: probe::identity(&geometry.sizes()),
            state: State::Unknown,
            geometry,
            budget,
            upcase: Upcase::new(Stream::default()),
            root: Reference(ROOT_RECORD),
            mft: Stream::default(),
            mended: AtomicBool::new(false),
            free: OnceLock::new(),
            dirs: Mutex::default(),
            _cache: cache,
        };
        ntfs.find_mft()?;
        let upcase = File::open(&ntfs, Reference(UPCASE_RECORD))?;
        let upcase = upcase.stream(&ntfs, ATTR_DATA, &[])?;
        ntfs.upcase = Upcase::new(upcase.unwrap_or_default());
        let root = File::open(&ntfs, Reference(ROOT_RECORD))?;
        ntfs.root = root.record.reference();
        ntfs.index(ntfs.root)?;
        let volume = File::open(&ntfs, Reference(VOLUME_RECORD))?;
        ntfs.identity.label = ntfs.label(&volume)?;
        ntfs.state = state::read(&ntfs, &volume);
        Ok(ntfs)
    }

    /// Finds all of the MFT. Where its list of attributes leads to other records of itself, they
    /// must be in what is known by then.
    fn find_mft(&mut self) -> Result<(), Error> {
        // Enough to read the first record; then what it says.
        let first = self.first_record()?;
        let Some(attribute) = first.find(ATTR_DATA, &[])? else {
            return Err(Error::new(Cause::Missing)
                .at("MFT record", first.at)
                .field("$DATA"));
        };
        self.mft = Stream::new(self, &attribute)?;
        if self.mft.resident().is_some() || self.mft.unit(self).is_some() {
            return Err(attribute.error(Cause::Value, "non_resident"));
        }
        let file = File::of(self, first)?;
        for part in file.parts() {
            let part = part?;
            if part.kind != ATTR_DATA || part.lowest_vcn == 0 {
                continue;
            }
            let record = self.extension(part.reference, MFT_RECORD)?;
            let attributes = record.attributes();
            let mut mft = std::mem::take(&mut self.mft);
            let mut is_there = false;
            for attribute in attributes {
                let attribute = attribute?;
                if attribute.kind == ATTR_DATA && attribute.lowest_vcn() == part.lowest_vcn {
                    mft.append(self, &attribute)?;
                    is_there = true;
                }
            }
            self.mft = mft;
            if !is_there {
                return Err(Error::new(Cause::Missing)
                    .at("MFT record", record.at)
                    .field("$DATA")
                    .found(part.lowest_vcn));
            }
        }
        Ok(())
    }

    fn first_record(&self) -> Result<Record, Error> {
        let at = self.geometry.mft;
        self.record_at(MFT_RECORD, at)
            .and_then(|record| {
                // It must be good for what it is for.
                record.find(ATTR_DATA, &[])?;
                Ok(record)
            })
            .or_else(|error| self.mirrored(MFT_RECORD, error))
    }

    /// The record of a number, at a place on the volume where it is in one piece.
    fn record_at(&self, number: u64, at: u64) -> Result<Record, Error> {
        let (mut bytes, _charge) = self
            .budget
            .buffer("MFT record", self.geometry.record_size)?;
        self.meta.read_exact_at(&mut bytes, at)?;
        Record::new(bytes, number, at)
    }

    /// The copy of a record that could not be read, where there is one.
    fn mirrored(&self, number: u64, error: Error) -> Result<Record, Error> {
        let is_damage = matches!(
            error.cause(),
            Cause::Magic | Cause::Torn | Cause::Value | Cause::Attribute
        );
        if number >= MIRRORED_RECORDS || !is_damage {
            return Err(error);
        }
        let offset = number.saturating_mul(self.geometry.record_size);
        let at = self.geometry.mirror.saturating_add(offset);
        let record = self.record_at(number, at).map_err(|_| error)?;
        self.mended.store(true, atomic::Ordering::Relaxed);
        Ok(record)
    }

    /// Whether a record had to be taken from the mirror.
    pub(super) fn is_mended(&self) -> bool {
        self.mended.load(atomic::Ordering::Relaxed)
    }

    /// The record of a number, whatever it is in use for.
    pub(super) fn record(&self, number: u64) -> Result<Record, Error> {
        self.budget.work("MFT record", 1)?;
        let size = self.geometry.record_size;
        let out_of_range = || {
            Error::new(Cause::OutOfRange)
                .at("$MFT", self.mft.at)
                .field("record")
                .found(number)
        };
        let offset = number
            .checked_mul(size)
            .filter(|start| {
                start
                    .checked_add(size)
                    .is_some_and(|end| end <= self.mft.len)
            })
            .ok_or_else(out_of_range)?;
        let piece = self.mft.piece(self, offset)?;
        let at = piece.at.ok_or_else(out_of_range)?;
        let record = if piece.len >= size {
            self.record_at(number, at)
        } else {
            let mut bytes = vec![0; int::usize_of(size)];
            self.mft.read_meta(self, &mut bytes, offset)?;
            Record::new(bytes, number, at)
        };
        record.or_else(|error| self.mirrored(number, error))
    }

    /// A record in which the file of record `base` goes on.
    pub(super) fn extension(&self, reference: Reference, base: u64) -> Result<Record, Error> {
        let record = self.record(reference.number())?;
        let is_meant = reference.sequence() == 0 || reference.sequence() == record.sequence;
        if !record.is_in_use() || !is_meant || record.base.number() != base || record.base.0 == 0 {
            return Err(record.stale(reference));
        }
        Ok(record)
    }

    fn label(&self, volume: &File) -> Result<Option<String>, Error> {
        let label = volume.with(self, ATTR_VOLUME_NAME, &[], |attribute| {
            let (units, _) = attribute.resident().unwrap_or_default().as_chunks::<2>();
            let name = to_bytes(units.iter().map(|unit| u16::from_le_bytes(*unit)));
            Ok(String::from_utf8_lossy(&name).into_owned())
        })?;
        Ok(label.filter(|label| !label.is_empty()))
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<u64, Arc<Index>>> {
        // What is kept is whole whenever the lock is free, even after a panic elsewhere.
        self.dirs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The index of a directory's names.
    pub(super) fn index(&self, reference: Reference) -> Result<Arc<Index>, Error> {
        if let Some(index) = self.kept().get(&reference.0) {
            return Ok(Arc::clone(index));
        }
        let file = File::open(self, reference)?;
        if !file.record.is_directory() {
            let node = Node::new(reference.0);
            return Err(kind_error(Cause::NotADirectory, node));
        }
        let index = Arc::new(Index::open(self, &file)?);
        let mut kept = self.kept();
        if kept.len() >= DIRS_KEPT {
            kept.clear();
        }
        kept.insert(reference.0, Arc::clone(&index));
        Ok(index)
    }

    /// How full it is, counted once.
    pub(super) fn count_space(&self) -> Option<Space> {
        let free = *self.free.get_or_init(|| self.count_free().ok());
        let size = self.geometry.cluster_size;
        let total = self.geometry.clusters.saturating_mul(size);
        Some(Space::new(total, free?.saturating_mul(size)))
    }

    fn count_free(&self) -> Result<u64, Error> {
        let file = File::open(self, Reference(BITMAP_RECORD))?;
        let bitmap = file.stream(self, ATTR_DATA, &[])?.unwrap_or_default();
        let bytes = self.geometry.clusters.div_ceil(8);
        if bitmap.len < bytes {
            return Err(bitmap.error(Cause::Value, "data_size").found(bitmap.len));
        }
        let (mut part, _charge) = self.budget.buffer("$Bitmap", BITMAP_PART.min(bytes))?;
        let mut free = 0u64;
        let mut at = 0u64;
        while at < bytes {
            let len = int::min_usize(bytes.saturating_sub(at), part.len());
            let part = part.get_mut(..len).unwrap_or_default();
            self.budget.work("$Bitmap", int::u64_of(len) / 4096)?;
            bitmap.read_data(self, part, at)?;
            let zeroes: u64 = part.iter().map(|byte| u64::from(byte.count_zeros())).sum();
            free = free.saturating_add(zeroes);
            at = at.saturating_add(int::u64_of(len));
            if at >= bytes {
                // The last byte may have bits of clusters that are not there.
                let beyond = bytes
                    .saturating_mul(8)
                    .saturating_sub(self.geometry.clusters);
                let mask = 0xff00u16.checked_shr(u32::try_from(beyond).unwrap_or(0));
                let last = part.last().copied().unwrap_or(0xff);
                let extra = !last & u8::try_from(mask.unwrap_or(0) & 0xff).unwrap_or(0);
                free = free.saturating_sub(u64::from(extra.count_ones()));
            }
        }
        Ok(free)
    }
}
