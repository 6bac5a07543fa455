//! Random access to a qcow2.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use vmie_io::{Budget, Charge, ErrorKind, Extent, ExtentKind, ReadAt, ReadError, int};

use super::compressed::unpack;
use super::entry::{Entry, Place};
use super::format::OFFSET_MASK;
use super::header::Header;
use super::snapshot::Snapshot;
use crate::parent::Parent;
use crate::recent::Recent;
use crate::{Cause, DiskImage, Error, ImageInfo, error_of};

/// Tables that are not there, joined into one hole.
const JOINED: usize = 16;

/// Bytes of an L2 table that are read at once. A table is a cluster, up to 2 MiB, of which a small
/// read needs one entry.
const SLICE: u64 = 64 << 10;
/// Slices and unpacked clusters that are kept.
const SLICES_KEPT: usize = 16;
const CLUSTER_CACHE: u64 = 4 << 20;

/// Which file the clusters are in.
pub(super) enum Clusters {
    /// The image itself.
    Own(Arc<dyn ReadAt>),
    /// Another file, at the places that the tables say.
    External(Arc<dyn ReadAt>),
    /// Another file that is the disk, byte by byte.
    RawExternal(Arc<dyn ReadAt>),
}

impl Clusters {
    fn file(&self) -> &Arc<dyn ReadAt> {
        match self {
            Self::Own(file) | Self::External(file) | Self::RawExternal(file) => file,
        }
    }

    fn is_external(&self) -> bool {
        !matches!(self, Self::Own(_))
    }
}

/// A disk out of a qcow2. Any number of threads may read at once; plain clusters are read straight
/// into the reader's buffer, neighbours in one go.
pub struct Qcow2 {
    source: Arc<dyn ReadAt>,
    clusters: Clusters,
    header: Header,
    info: ImageInfo,
    snapshots: Vec<Snapshot>,
    parent: Option<Parent>,
    l1: Box<[u64]>,
    _l1_charge: Charge,
    slices: Recent<[u64]>,
    unpacked: Recent<[u8]>,
    scratch: Mutex<Vec<Vec<u8>>>,
    budget: Budget,
}

impl fmt::Debug for Qcow2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Qcow2")
            .field("info", &self.info)
            .field("snapshots", &self.snapshots)
            .finish_non_exhaustive()
    }
}

/// A stretch of the disk that is stored in one piece.
struct Run {
    place: Place,
    len: u64,
}

impl Qcow2 {
    pub(super) fn new(
        (source, clusters): (Arc<dyn ReadAt>, Clusters),
        header: Header,
        info: ImageInfo,
        snapshots: Vec<Snapshot>,
        parent: Option<Parent>,
        (l1, charge): (Box<[u64]>, Charge),
        budget: Budget,
    ) -> Self {
        let kept = (CLUSTER_CACHE >> header.cluster_bits).clamp(1, 64);
        Self {
            source,
            clusters,
            header,
            info,
            snapshots,
            parent,
            l1,
            _l1_charge: charge,
            slices: Recent::new(SLICES_KEPT),
            unpacked: Recent::new(int::usize_of(kept)),
            scratch: Mutex::default(),
            budget,
        }
    }

    /// The snapshots that the image holds beside its current state.
    #[must_use]
    pub fn snapshots(&self) -> &[Snapshot] {
        &self.snapshots
    }

    /// The image's own file.
    pub(super) fn file(&self) -> &Arc<dyn ReadAt> {
        &self.source
    }

    pub(super) fn header(&self) -> &Header {
        &self.header
    }

    /// Whether clusters are in another file.
    pub(super) fn is_external(&self) -> bool {
        self.clusters.is_external()
    }

    /// Charges memory, for which the caches make room if they have to.
    pub(super) fn charge(&self, what: &'static str, bytes: u64) -> Result<Charge, Error> {
        if let Ok(charge) = self.budget.memory(what, bytes) {
            return Ok(charge);
        }
        self.slices.clear();
        self.unpacked.clear();
        Ok(self.budget.memory(what, bytes)?)
    }

    /// Entries of a slice: of `SLICE` bytes, or of a whole table where that is smaller.
    fn slice_entries(&self) -> u64 {
        SLICE.min(self.header.cluster()) >> self.header.entry_bits()
    }

    /// The byte in the image of the L2 table for the byte `offset` of the disk; `None` when there
    /// is none.
    fn table(&self, offset: u64) -> Result<Option<u64>, Error> {
        let index = offset.checked_div(self.header.l2_span()).unwrap_or(0);
        let word = self.l1.get(int::usize_of(index)).copied().unwrap_or(0);
        let table = word & OFFSET_MASK;
        if table == 0 {
            return Ok(None);
        }
        let end = table.checked_add(self.header.cluster());
        let inside = end.is_some_and(|end| end <= self.source.len());
        if !inside || !table.is_multiple_of(self.header.cluster()) {
            let at = self.header.l1.0.saturating_add(index.saturating_mul(8));
            return Err(Error::new(Cause::Qcow2Offset)
                .at("qcow2 L1 table", at)
                .field("entry")
                .found(word));
        }
        Ok(Some(table))
    }

    /// The slice at byte `at` of the image, as words.
    fn slice(&self, at: u64) -> Result<Arc<[u64]>, Error> {
        if let Some(slice) = self.slices.get(at) {
            return Ok(slice);
        }
        let len = SLICE.min(self.header.cluster());
        let charge = self.charge("L2 table", len)?;
        let mut bytes = vec![0; int::usize_of(len)];
        self.source
            .read_exact_at(&mut bytes, at)
            .map_err(error_of)?;
        let (words, _) = bytes.as_chunks::<8>();
        let slice: Arc<[u64]> = words.iter().map(|word| u64::from_be_bytes(*word)).collect();
        self.slices.put(at, Arc::clone(&slice), charge);
        Ok(slice)
    }

    /// The run at `offset`, which lies on the disk, at most `max` bytes of it: as far as one slice
    /// tells, or one L1 entry without a table.
    fn run(&self, offset: u64, max: u64) -> Result<Run, Error> {
        let max = max.min(self.header.size.saturating_sub(offset));
        let span = self.header.l2_span();
        let in_table = offset.checked_rem(span).unwrap_or(0);
        let Some(table) = self.table(offset)? else {
            let len = span.saturating_sub(in_table).min(max);
            let place = Place::Hole;
            return Ok(Run { place, len });
        };
        let number = in_table >> self.header.cluster_bits;
        let entries = self.slice_entries();
        let slice_number = number.checked_div(entries).unwrap_or(0);
        let first = slice_number.saturating_mul(entries);
        let at = table.saturating_add(first.saturating_mul(self.header.entry_bytes()));
        let slice = self.slice(at)?;
        let slice_start = offset
            .saturating_sub(in_table)
            .saturating_add(first << self.header.cluster_bits);
        self.run_in(&slice, at, slice_start, offset, max)
    }

    /// The run at `offset` within a slice that begins at byte `slice_start` of the disk.
    fn run_in(
        &self,
        slice: &[u64],
        at: u64,
        slice_start: u64,
        offset: u64,
        max: u64,
    ) -> Result<Run, Error> {
        let unit = self.header.unit();
        let relative = offset.saturating_sub(slice_start);
        let mut index = relative.checked_div(unit).unwrap_or(0);
        let into = relative.saturating_sub(index.saturating_mul(unit));
        let place = match self.unit_place(slice, at, index)? {
            Some(place) => place,
            None => return Err(self.past_slice(at)),
        };
        if let Place::Compressed { .. } = place {
            let cluster = self.header.cluster();
            let within = offset.checked_rem(cluster).unwrap_or(0);
            let len = cluster.saturating_sub(within).min(max);
            return Ok(Run { place, len });
        }
        let mut len = unit.saturating_sub(into);
        let mut last = place;
        while len < max {
            index = index.saturating_add(1);
            // A bad entry ends the run here and is told when it is come to.
            let Ok(Some(next)) = self.unit_place(slice, at, index) else {
                break;
            };
            let goes_on = match (last, next) {
                (Place::At(a), Place::At(b)) => a.checked_add(unit) == Some(b),
                (a, b) => a == b,
            };
            if !goes_on {
                break;
            }
            last = next;
            len = len.saturating_add(unit);
        }
        let place = match place {
            Place::At(start) => Place::At(start.saturating_add(into)),
            other => other,
        };
        Ok(Run {
            place,
            len: len.min(max),
        })
    }

    fn past_slice(&self, at: u64) -> Error {
        Error::new(Cause::Qcow2Entry).at("qcow2 L2 table", at)
    }

    /// Where the unit `index` of a slice is; `None` past the slice's end.
    fn unit_place(&self, slice: &[u64], at: u64, index: u64) -> Result<Option<Place>, Error> {
        let extended = self.header.extended();
        let (cluster, sub) = if extended {
            (index / 32, u32::try_from(index % 32).unwrap_or(0))
        } else {
            (index, 0)
        };
        let words = if extended { 2 } else { 1 };
        let first = int::usize_of(cluster.saturating_mul(words));
        let Some(word) = slice.get(first).copied() else {
            return Ok(None);
        };
        let bitmap = match extended {
            true => slice.get(first.saturating_add(1)).copied().unwrap_or(0),
            false => 0,
        };
        let entry = Entry {
            word,
            bitmap,
            at: at.saturating_add(cluster.saturating_mul(self.header.entry_bytes())),
        };
        entry
            .place(&self.header, sub, self.clusters.is_external())
            .map(Some)
    }

    fn read_run(&self, run: &Run, buf: &mut [u8], offset: u64) -> Result<(), Error> {
        match run.place {
            Place::Hole => match &self.parent {
                Some(parent) => parent.read(buf, offset).map_err(error_of),
                None => {
                    buf.fill(0);
                    Ok(())
                }
            },
            Place::Zero => {
                buf.fill(0);
                Ok(())
            }
            Place::At(start) => self.read_plain(buf, start),
            Place::Compressed { start, len } => self.read_compressed(buf, offset, start, len),
        }
    }

    fn read_plain(&self, buf: &mut [u8], start: u64) -> Result<(), Error> {
        let file = self.clusters.file();
        let left = file.len().saturating_sub(start);
        let have = int::min_usize(left, buf.len());
        // The last cluster need not be there as a whole: what was never written is zero.
        if have == 0 || (have < buf.len() && !self.clusters.is_external()) {
            return Err(Error::new(Cause::Qcow2Offset)
                .at("qcow2 cluster", start)
                .found(start));
        }
        let (inside, past) = buf.split_at_mut(have);
        past.fill(0);
        file.read_exact_at(inside, start).map_err(error_of)
    }

    fn read_compressed(
        &self,
        buf: &mut [u8],
        offset: u64,
        start: u64,
        len: u64,
    ) -> Result<(), Error> {
        let cluster = self.header.cluster();
        if int::u64_of(buf.len()) == cluster {
            return self.unpack(start, len, buf);
        }
        let number = offset >> self.header.cluster_bits;
        let bytes = match self.unpacked.get(number) {
            Some(bytes) => bytes,
            None => {
                let charge = self.charge("cluster", cluster)?;
                let mut bytes = vec![0; int::usize_of(cluster)];
                self.unpack(start, len, &mut bytes)?;
                let bytes: Arc<[u8]> = bytes.into();
                self.unpacked.put(number, Arc::clone(&bytes), charge);
                bytes
            }
        };
        let within = int::usize_of(offset.checked_rem(cluster).unwrap_or(0));
        match bytes.get(within..within.saturating_add(buf.len())) {
            Some(part) => buf.copy_from_slice(part),
            None => return Err(self.past_slice(start)),
        }
        Ok(())
    }

    fn unpack(&self, start: u64, len: u64, out: &mut [u8]) -> Result<(), Error> {
        let left = self.source.len().saturating_sub(start);
        if left == 0 {
            return Err(Error::new(Cause::Qcow2Offset).at("qcow2 compressed cluster", start));
        }
        // The sectors are rounded up, so that the last may reach past the end of the file. They
        // are at most twice a cluster.
        let len = int::usize_of(len.min(left));
        let mut scratch = self.scratch().pop().unwrap_or_default();
        scratch.resize(len, 0);
        let read = self.source.read_exact_at(&mut scratch, start);
        let done = read
            .map_err(error_of)
            .and_then(|()| unpack(self.header.compression, &scratch, out, start));
        self.scratch().push(scratch);
        done
    }

    fn scratch(&self) -> std::sync::MutexGuard<'_, Vec<Vec<u8>>> {
        self.scratch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn extent_at(&self, offset: u64) -> Result<Extent, Error> {
        let run = self.run(offset, u64::MAX)?;
        let extent = match (run.place, &self.parent) {
            (Place::Hole, Some(parent)) => parent.extent(offset, run.len).map_err(error_of)?,
            (Place::Hole, None) => Extent::new(ExtentKind::Hole, offset, run.len),
            (Place::Zero, _) => Extent::new(ExtentKind::Zero, offset, run.len),
            (Place::At(_) | Place::Compressed { .. }, _) => {
                Extent::new(ExtentKind::Data, offset, run.len)
            }
        };
        Ok(extent)
    }
}

impl ReadAt for Qcow2 {
    fn len(&self) -> u64 {
        self.header.size
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<(), ReadError> {
        let end = offset.checked_add(int::u64_of(buf.len()));
        if end.is_none_or(|end| end > self.header.size) {
            return Err(ReadError::past_end(
                "qcow2",
                offset,
                buf.len(),
                self.header.size,
            ));
        }
        if let Clusters::RawExternal(file) = &self.clusters {
            // The tables only say what is not there.
            return Parentless(file).read(buf, offset);
        }
        let mut at = offset;
        let mut rest = buf;
        while !rest.is_empty() {
            let run = self.run(at, int::u64_of(rest.len()))?;
            let (head, tail) = rest.split_at_mut(int::min_usize(run.len, rest.len()));
            if head.is_empty() {
                return Err(ReadError::new("qcow2", ErrorKind::Corrupt, at));
            }
            self.read_run(&run, head, at)?;
            at = at.saturating_add(int::u64_of(head.len()));
            rest = tail;
        }
        Ok(())
    }

    fn next_extent(&self, offset: u64) -> Result<Extent, ReadError> {
        if offset >= self.header.size {
            return Ok(Extent::new(ExtentKind::Hole, offset, 0));
        }
        if let Clusters::RawExternal(file) = &self.clusters {
            return Parentless(file).extent(offset, self.header.size.saturating_sub(offset));
        }
        let first = self.extent_at(offset)?;
        // Joins what is cheap to join: holes over tables that are not there, some of them. A child that
        // asks again for each of its own clusters would walk them all each time.
        let mut end = first.end();
        for _ in 0..JOINED {
            if first.kind != ExtentKind::Hole || end >= self.header.size {
                break;
            }
            if self.parent.is_some() || self.table(end)?.is_some() {
                break;
            }
            end = end.saturating_add(self.run(end, u64::MAX)?.len.max(1));
        }
        let end = end.min(self.header.size);
        Ok(Extent::new(first.kind, offset, end.saturating_sub(offset)))
    }
}

/// A raw data file, past whose end there are zeroes.
struct Parentless<'a>(&'a Arc<dyn ReadAt>);

impl Parentless<'_> {
    fn read(&self, buf: &mut [u8], offset: u64) -> Result<(), ReadError> {
        let have = int::min_usize(self.0.len().saturating_sub(offset), buf.len());
        let (inside, past) = buf.split_at_mut(have);
        past.fill(0);
        if inside.is_empty() {
            return Ok(());
        }
        self.0.read_exact_at(inside, offset)
    }

    fn extent(&self, offset: u64, len: u64) -> Result<Extent, ReadError> {
        if offset >= self.0.len() {
            return Ok(Extent::new(ExtentKind::Hole, offset, len));
        }
        let extent = self.0.next_extent(offset)?;
        Ok(Extent::new(extent.kind, offset, extent.len.min(len)))
    }
}

impl DiskImage for Qcow2 {
    fn info(&self) -> &ImageInfo {
        &self.info
    }
}
