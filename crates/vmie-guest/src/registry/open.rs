//! Opening a hive, its logs replayed.

use std::collections::BTreeMap;
use std::fmt;

use vmie_io::{BlockCache, Budget, ReadAt, ReadAtExt, int};
use zerocopy::FromBytes;

use super::Key;
use super::format::{BINS, BaseBlock, CellSize, MAX_BINS, NOWHERE, SECTOR, SIGNATURE};
use super::log;
use crate::{Cause, Error};

/// Pages of a hive that are kept: what Windows reads at once, and as many as a look at the usual
/// keys of a large hive touches.
const PAGE: u32 = 4096;
const KEPT: usize = 1 << 20;

/// An open hive.
pub struct Hive<'a> {
    source: BlockCache<Box<dyn ReadAt + 'a>>,
    logs: Vec<Box<dyn ReadAt + 'a>>,
    /// Sectors of the bins that a log has a newer form of: which log, and at which byte of it.
    newer: BTreeMap<u64, (usize, u64)>,
    /// Bytes of the bins.
    size: u64,
    root: u32,
    pub(super) minor: u32,
    pub(super) budget: Budget,
    replayed: Replayed,
}

/// What became of a hive's transaction logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Replayed {
    /// The hive was written completely; logs are not needed.
    Clean,
    /// The hive was not written completely, and this many entries of its logs make it whole.
    Entries(u32),
    /// The hive was not written completely, and no log fits: it is read as it is.
    Missing,
}

impl fmt::Debug for Hive<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hive")
            .field("size", &self.size)
            .field("root", &self.root)
            .field("replayed", &self.replayed)
            .finish_non_exhaustive()
    }
}

impl<'a> Hive<'a> {
    /// Opens a hive. `logs` are its transaction logs, `.LOG1` before `.LOG2`; they are looked at
    /// only when the hive was not written completely.
    ///
    /// # Errors
    /// [`Cause::NotAHive`], [`Cause::HiveVersion`], [`Cause::HiveChecksum`]; a hive or log that cannot be
    /// read.
    pub fn open(
        source: impl ReadAt + 'a,
        logs: Vec<Box<dyn ReadAt + 'a>>,
        budget: &Budget,
    ) -> Result<Self, Error> {
        let source: Box<dyn ReadAt + 'a> = Box::new(source);
        let source = BlockCache::new(source, PAGE, KEPT);
        if source.len() < SECTOR {
            return Err(Error::new(Cause::NotAHive)
                .at("base block", 0)
                .found(source.len()));
        }
        let bytes = source.read_array::<512>(0)?;
        let mut base = parse(&bytes).ok_or_else(|| {
            Error::new(Cause::NotAHive)
                .at("base block", 0)
                .field("signature")
                .found(bytes.get(..4).unwrap_or_default())
        })?;
        let valid = BaseBlock::sum(&bytes) == base.checksum.get();
        let dirty = !valid || base.primary_sequence != base.secondary_sequence;
        let mut replay = log::Replay::default();
        let mut replayed = Replayed::Clean;
        if dirty {
            replay = log::replay(&source, &base, valid, &logs, budget)?;
            match &replay.base {
                Some(copy) if !valid => base = copy.clone(),
                None if !valid => {
                    return Err(Error::new(Cause::HiveChecksum)
                        .at("base block", 508)
                        .field("checksum")
                        .found(base.checksum.get()));
                }
                _ => {}
            }
            replayed = match replay.entries {
                0 => Replayed::Missing,
                n => Replayed::Entries(n),
            };
        }
        check_version(&base)?;
        let stored = source.len().saturating_sub(BINS);
        let size = replay.size.unwrap_or(u64::from(base.bins_size.get()));
        // A hive that was cut off is read as far as it goes.
        let reach = replay
            .newer
            .last_key_value()
            .map_or(0, |(sector, _)| {
                sector.saturating_add(1).saturating_mul(SECTOR)
            })
            .max(stored);
        Ok(Self {
            source,
            logs,
            size: size.min(reach).min(MAX_BINS),
            newer: replay.newer,
            root: base.root.get(),
            minor: base.minor.get(),
            budget: budget.clone(),
            replayed,
        })
    }

    /// What became of the logs.
    #[must_use]
    pub fn replayed(&self) -> Replayed {
        self.replayed
    }

    /// Bytes of the bins, where all cells lie.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The key that all others are below.
    ///
    /// # Errors
    /// When its cell is damaged.
    pub fn root(&self) -> Result<Key<'_>, Error> {
        Key::at(self, self.root)
    }

    /// The key of a path with `\` between the names, from the root on; `None` when there is none.
    /// Links that lead to the same hive are followed.
    ///
    /// # Errors
    /// When a cell on the way is damaged.
    pub fn key(&self, path: &str) -> Result<Option<Key<'_>>, Error> {
        self.root()?.descend(path)
    }

    /// Bytes of the bins from `offset` on, the newer form where a log has one.
    pub(super) fn read(&self, buf: &mut [u8], offset: u64) -> Result<(), Error> {
        let end = offset.checked_add(int::u64_of(buf.len()));
        if end.is_none_or(|end| end > self.size) {
            return Err(Error::new(Cause::CellOutside).at("cell", offset.saturating_add(BINS)));
        }
        if self.newer.is_empty() {
            self.source
                .read_exact_at(buf, offset.saturating_add(BINS))?;
            return Ok(());
        }
        let mut at = offset;
        let mut rest = buf;
        while !rest.is_empty() {
            let sector = at.checked_div(SECTOR).unwrap_or(0);
            let within = at.saturating_sub(sector.saturating_mul(SECTOR));
            let n = int::min_usize(SECTOR.saturating_sub(within), rest.len());
            let (part, tail) = rest.split_at_mut(n);
            match self.newer.get(&sector) {
                Some((log, place)) => {
                    if let Some(log) = self.logs.get(*log) {
                        log.read_exact_at(part, place.saturating_add(within))?;
                    }
                }
                // Between what the hive holds and what the logs add there may be nothing.
                None if at.saturating_add(BINS).saturating_add(int::u64_of(n))
                    > self.source.len() =>
                {
                    part.fill(0);
                }
                None => self.source.read_exact_at(part, at.saturating_add(BINS))?,
            }
            rest = tail;
            at = at.saturating_add(int::u64_of(n));
        }
        Ok(())
    }

    /// The place and length of what a cell holds.
    pub(super) fn cell(&self, offset: u32, what: &'static str) -> Result<(u64, u64), Error> {
        self.budget.work(what, 1)?;
        let at = u64::from(offset);
        let fault = |cause| Error::new(cause).at(what, at.saturating_add(BINS));
        if offset == NOWHERE || offset & 7 != 0 {
            return Err(fault(Cause::CellOutside).found(offset));
        }
        let mut size = [0; 4];
        self.read(&mut size, at)?;
        let size = CellSize::from_bytes(size).get();
        if size >= 0 {
            return Err(fault(Cause::CellFree).field("size").found(int_of(size)));
        }
        let len = u64::from(size.unsigned_abs());
        if at.checked_add(len).is_none_or(|end| end > self.size) {
            return Err(fault(Cause::CellOutside).field("size").found(len));
        }
        let len = len
            .checked_sub(4)
            .ok_or_else(|| fault(Cause::CellShort).field("size"))?;
        Ok((at.saturating_add(4), len))
    }

    /// The first `len` bytes of what a cell holds.
    pub(super) fn cell_bytes(
        &self,
        offset: u32,
        len: usize,
        what: &'static str,
    ) -> Result<Vec<u8>, Error> {
        let (at, has) = self.cell(offset, what)?;
        if has < int::u64_of(len) {
            return Err(Error::new(Cause::CellShort)
                .at(what, at.saturating_add(BINS))
                .found(has));
        }
        let (mut bytes, _charge) = self.budget.buffer(what, int::u64_of(len))?;
        self.read(&mut bytes, at)?;
        Ok(bytes)
    }

    /// A structure at the start of a cell, and the cell's place and length.
    pub(super) fn structure<T: FromBytes + zerocopy::KnownLayout + zerocopy::Immutable>(
        &self,
        offset: u32,
        what: &'static str,
    ) -> Result<(T, u64, u64), Error> {
        let (at, len) = self.cell(offset, what)?;
        let short = || {
            Error::new(Cause::CellShort)
                .at(what, at.saturating_add(BINS))
                .found(len)
        };
        let need = size_of::<T>();
        if len < int::u64_of(need) {
            return Err(short());
        }
        let mut bytes = [0u8; 96];
        let bytes = bytes.get_mut(..need).ok_or_else(short)?;
        self.read(bytes, at)?;
        let (value, _) = T::read_from_prefix(bytes).map_err(|_| short())?;
        Ok((value, at, len))
    }
}

fn int_of(n: i32) -> u64 {
    u64::from(n.unsigned_abs())
}

/// A base block, if there is the signature of one.
pub(super) fn parse(bytes: &[u8]) -> Option<BaseBlock> {
    let (base, _) = BaseBlock::read_from_prefix(bytes).ok()?;
    (base.signature == SIGNATURE).then_some(base)
}

fn check_version(base: &BaseBlock) -> Result<(), Error> {
    // Version 1.2 and older order their lists in other ways; Windows NT 4 writes 1.3 already.
    if base.major.get() != 1 || !(3..=6).contains(&base.minor.get()) {
        let (field, found) = match base.major.get() {
            1 => ("minor version", base.minor.get()),
            major => ("major version", major),
        };
        return Err(Error::new(Cause::HiveVersion)
            .at("base block", 20)
            .field(field)
            .found(found));
    }
    Ok(())
}
