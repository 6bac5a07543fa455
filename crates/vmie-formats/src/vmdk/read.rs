//! Random access to a VMDK.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vmie_io::{Budget, Charge, ErrorKind, Extent, ExtentKind, ReadAt, ReadError, int};

use super::descriptor::Descriptor;
use super::format::{GRAIN_MARKER, GTE_HOLE, GTE_ZERO, Marker, SECTOR, longest_compressed};
use super::header::Header;
use super::open::read_table;
use crate::inflate::{InflateError, inflate};
use crate::recent::Recent;
use crate::{Cause, DiskImage, Error, ImageInfo, error_of};
use zerocopy::FromBytes;

/// Bytes of grain tables that are kept. Each is 2 KiB usually and covers 32 MiB of disk.
const TABLE_CACHE: u64 = 512 << 10;
/// Bytes of inflated grains that are kept for small reads: filesystems read their metadata in
/// pieces of some kilobytes, often from the same few grains.
const GRAIN_CACHE: u64 = 4 << 20;
/// Tables and grains that are kept at most: what is looked through under a lock.
const MOST_KEPT: u64 = 256;
/// Bytes read of a grain of which no table entry tells where the next one starts: most grains
/// that are worth compressing are longer, but a second read costs less than a useless long one.
const FIRST_READ: u64 = 4096;
/// Entries looked at for the next grain, so that reading a table's grains one by one stays linear.
const LOOK_AHEAD: usize = 32;

/// A disk out of a VMDK. Any number of threads may read at once; whole grains are inflated straight
/// into the reader's buffer.
pub struct Vmdk {
    source: Arc<dyn ReadAt>,
    header: Header,
    descriptor: Option<Descriptor>,
    info: ImageInfo,
    directory: Box<[u32]>,
    directory_at: u64,
    _directory_charge: Charge,
    tables: Recent<[u32]>,
    grains: Recent<[u8]>,
    /// Buffers for compressed grains that no thread uses at the moment.
    scratch: Mutex<Vec<Scratch>>,
    budget: Budget,
}

struct Scratch {
    bytes: Vec<u8>,
    _charge: Charge,
}

/// Where a grain is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Hole,
    Zero,
    /// Byte offset in the file, and how far away the next grain of the table is at most.
    At {
        start: u64,
        room: u64,
    },
}

impl fmt::Debug for Vmdk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vmdk")
            .field("info", &self.info)
            .field("descriptor", &self.descriptor)
            .finish_non_exhaustive()
    }
}

impl Vmdk {
    pub(super) fn new(
        source: Arc<dyn ReadAt>,
        header: Header,
        descriptor: Option<Descriptor>,
        info: ImageInfo,
        (directory, directory_at, charge): (Box<[u32]>, u64, Charge),
        budget: Budget,
    ) -> Self {
        let slots = |bytes: u64, each: u64| {
            let slots = bytes.checked_div(each).unwrap_or(0).clamp(1, MOST_KEPT);
            int::usize_of(slots)
        };
        Self {
            tables: Recent::new(slots(TABLE_CACHE, header.table_bytes())),
            grains: Recent::new(slots(GRAIN_CACHE, header.grain_bytes)),
            source,
            header,
            descriptor,
            info,
            directory,
            directory_at,
            _directory_charge: charge,
            scratch: Mutex::default(),
            budget,
        }
    }

    /// The embedded descriptor.
    #[must_use]
    pub fn descriptor(&self) -> Option<&Descriptor> {
        self.descriptor.as_ref()
    }

    /// Bytes of a grain, the unit in which the disk is stored: a power of two.
    #[must_use]
    pub fn grain_size(&self) -> u64 {
        self.header.grain_bytes
    }

    /// Byte offset in the file of the grain that holds byte `offset` of the disk; `None` when it
    /// is not stored, being zero.
    ///
    /// # Errors
    /// When its grain table cannot be read.
    pub fn stored_at(&self, offset: u64) -> Result<Option<u64>, Error> {
        if offset >= self.header.disk_bytes {
            return Ok(None);
        }
        match self.place(self.grain_of(offset))? {
            Place::At { start, .. } => Ok(Some(start)),
            Place::Hole | Place::Zero => Ok(None),
        }
    }

    /// Number of the grain that holds a byte. Grains are not empty, so the division is defined.
    fn grain_of(&self, offset: u64) -> u64 {
        offset.checked_div(self.header.grain_bytes).unwrap_or(0)
    }

    fn entries(&self) -> u64 {
        u64::from(self.header.entries)
    }

    /// The grain table of this number; `None` when there is none, all of it being a hole.
    fn table(&self, number: u64) -> Result<Option<Arc<[u32]>>, Error> {
        let sector = self.directory.get(int::usize_of(number)).copied();
        let sector = sector.unwrap_or(GTE_HOLE);
        if sector == GTE_HOLE {
            return Ok(None);
        }
        if let Some(table) = self.tables.get(number) {
            return Ok(Some(table));
        }
        let start = u64::from(sector).saturating_mul(SECTOR);
        let bytes = self.header.table_bytes();
        if start.saturating_add(bytes) > self.source.len() {
            let at = self.directory_at.saturating_add(number.saturating_mul(4));
            return Err(Error::new(Cause::VmdkOffset)
                .at("grain directory", at)
                .field("entry")
                .found(sector));
        }
        let charge = self.charge("grain table", bytes)?;
        let table: Arc<[u32]> = read_table(&self.source, start, bytes)?.into();
        self.tables.put(number, Arc::clone(&table), charge);
        Ok(Some(table))
    }

    /// Charges memory, for which the caches make room if they have to.
    fn charge(&self, what: &'static str, bytes: u64) -> Result<Charge, Error> {
        if let Ok(charge) = self.budget.memory(what, bytes) {
            return Ok(charge);
        }
        self.grains.clear();
        self.tables.clear();
        Ok(self.budget.memory(what, bytes)?)
    }

    fn place(&self, grain: u64) -> Result<Place, Error> {
        let number = grain.checked_div(self.entries()).unwrap_or(0);
        let within = grain.saturating_sub(number.saturating_mul(self.entries()));
        Ok(match self.table(number)? {
            None => Place::Hole,
            Some(table) => self.place_in(&table, int::usize_of(within)),
        })
    }

    fn place_in(&self, table: &[u32], index: usize) -> Place {
        match table.get(index).copied() {
            None | Some(GTE_HOLE) => Place::Hole,
            Some(GTE_ZERO) if self.header.zeroed_grains => Place::Zero,
            Some(sector) => {
                let after = table.get(index.saturating_add(1)..).unwrap_or_default();
                let near = after.iter().copied().take(LOOK_AHEAD);
                let next = near.into_iter().find(|next| *next > GTE_ZERO);
                let room = next.and_then(|next| next.checked_sub(sector)).unwrap_or(0);
                Place::At {
                    start: u64::from(sector).saturating_mul(SECTOR),
                    room: u64::from(room).saturating_mul(SECTOR),
                }
            }
        }
    }

    /// Fills `buf` from the grain's byte `within` on.
    fn read_grain(&self, grain: u64, within: u64, buf: &mut [u8]) -> Result<(), Error> {
        let (start, room) = match self.place(grain)? {
            Place::Hole | Place::Zero => {
                buf.fill(0);
                return Ok(());
            }
            Place::At { start, room } => (start, room),
        };
        if !self.header.compressed {
            let at = start.saturating_add(within);
            let left = self.source.len().saturating_sub(at);
            if int::u64_of(buf.len()) > left {
                return Err(Error::new(Cause::VmdkOffset).at("grain", start));
            }
            return self.source.read_exact_at(buf, at).map_err(error_of);
        }
        if int::u64_of(buf.len()) == self.header.grain_bytes {
            self.decode(grain, start, room, buf)?;
            return Ok(());
        }
        let bytes = match self.grains.get(grain) {
            Some(bytes) => bytes,
            None => self.keep(grain, start, room)?,
        };
        let from = int::usize_of(within);
        match bytes.get(from..from.saturating_add(buf.len())) {
            Some(part) => buf.copy_from_slice(part),
            // The decoded length was checked to reach to the disk's end.
            None => return Err(wrong_length(start, <[u8]>::len(&bytes))),
        }
        Ok(())
    }

    /// Inflates a grain and keeps it for the next small read.
    fn keep(&self, grain: u64, start: u64, room: u64) -> Result<Arc<[u8]>, Error> {
        let charge = self.charge("grain", self.header.grain_bytes)?;
        let mut bytes = vec![0; int::usize_of(self.header.grain_bytes)];
        let len = self.decode(grain, start, room, &mut bytes)?;
        bytes.truncate(len);
        let bytes: Arc<[u8]> = bytes.into();
        self.grains.put(grain, Arc::clone(&bytes), charge);
        Ok(bytes)
    }

    /// Inflates the grain that is stored at `start` into `out`, which is a grain long, and says
    /// how many bytes it had: a grain, or what of it lies on the disk.
    fn decode(&self, grain: u64, start: u64, room: u64, out: &mut [u8]) -> Result<usize, Error> {
        let mut scratch = self.take_scratch()?;
        let result = self.decode_with(&mut scratch.bytes, grain, start, room, out);
        self.scratch().push(scratch);
        result
    }

    fn decode_with(
        &self,
        scratch: &mut [u8],
        grain: u64,
        start: u64,
        room: u64,
        out: &mut [u8],
    ) -> Result<usize, Error> {
        let left = self.source.len().saturating_sub(start);
        if left < int::u64_of(GRAIN_MARKER) {
            return Err(Error::new(Cause::VmdkOffset).at("grain", start));
        }
        let guess = if room > 0 { room } else { FIRST_READ };
        let first = int::min_usize(guess.min(left), scratch.len());
        let head = scratch.get_mut(..first).unwrap_or_default();
        self.source.read_exact_at(head, start).map_err(error_of)?;
        let Ok((marker, _)) = Marker::ref_from_prefix(head) else {
            return Err(Error::new(Cause::VmdkOffset).at("grain", start));
        };
        let disk_offset = grain.saturating_mul(self.header.grain_bytes);
        if marker.val.get().checked_mul(SECTOR) != Some(disk_offset) {
            return Err(Error::new(Cause::VmdkGrainMarker)
                .at("grain marker", start)
                .field("lba")
                .found(marker.val.get()));
        }
        let size = marker.size.get();
        let end = check_size(&self.header, size, start)?;
        if int::u64_of(end) > left {
            return Err(Error::new(Cause::VmdkOffset)
                .at("grain marker", start.saturating_add(8))
                .field("size")
                .found(size));
        }
        if end > first {
            let rest = scratch.get_mut(first..end).unwrap_or_default();
            let at = start.saturating_add(int::u64_of(first));
            self.source.read_exact_at(rest, at).map_err(error_of)?;
        }
        let data = scratch.get(GRAIN_MARKER..end).unwrap_or_default();
        inflate_grain(&self.header, data, disk_offset, start, out)
    }

    fn scratch(&self) -> MutexGuard<'_, Vec<Scratch>> {
        self.scratch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A buffer for the longest compressed grain and its marker, as many as there are threads.
    fn take_scratch(&self) -> Result<Scratch, Error> {
        if let Some(scratch) = self.scratch().pop() {
            return Ok(scratch);
        }
        let len = scratch_len(&self.header);
        let charge = self.charge("compressed grain", len)?;
        Ok(Scratch {
            bytes: vec![0; int::usize_of(len)],
            _charge: charge,
        })
    }

    /// The extent from `offset`, which lies on the disk: as far as one table tells, and over all
    /// tables that are not there.
    fn extent_at(&self, offset: u64) -> Result<Extent, Error> {
        let grain = self.grain_of(offset);
        let mut number = grain.checked_div(self.entries()).unwrap_or(0);
        let mut within = int::usize_of(grain.saturating_sub(number.saturating_mul(self.entries())));
        let mut kind = None;
        let mut looked_into = false;
        let end = loop {
            let start = number.saturating_mul(self.header.table_span());
            let missing = self.directory.get(int::usize_of(number)) == Some(&GTE_HOLE);
            if start >= self.header.disk_bytes {
                break self.header.disk_bytes;
            }
            if missing {
                if kind.is_some_and(|kind| kind != ExtentKind::Hole) {
                    break start;
                }
                kind = Some(ExtentKind::Hole);
            } else {
                if looked_into {
                    break start;
                }
                looked_into = true;
                let table = self.table(number)?.unwrap_or_default();
                let len = table.len();
                let mut index = within;
                while index < len {
                    let here = self.place_in_kind(&table, index);
                    if *kind.get_or_insert(here) != here {
                        break;
                    }
                    index = index.saturating_add(1);
                }
                if index < len {
                    let grains = int::u64_of(index).saturating_mul(self.header.grain_bytes);
                    break start.saturating_add(grains);
                }
            }
            number = number.saturating_add(1);
            within = 0;
        };
        let end = end.min(self.header.disk_bytes);
        let kind = kind.unwrap_or(ExtentKind::Hole);
        Ok(Extent::new(kind, offset, end.saturating_sub(offset)))
    }

    /// As [`Vmdk::place_in`], without looking where the next grain is.
    fn place_in_kind(&self, table: &[u32], index: usize) -> ExtentKind {
        match table.get(index).copied() {
            None | Some(GTE_HOLE) => ExtentKind::Hole,
            Some(GTE_ZERO) if self.header.zeroed_grains => ExtentKind::Zero,
            Some(_) => ExtentKind::Data,
        }
    }
}

/// Bytes of a buffer for the longest compressed grain, its marker, and the padding after it that
/// comes along when a grain is read up to the next.
pub(super) fn scratch_len(header: &Header) -> u64 {
    longest_compressed(header.grain_bytes).saturating_add(2 * SECTOR)
}

/// Where the compressed data of this length end, counted from the marker's start.
pub(super) fn check_size(header: &Header, size: u32, start: u64) -> Result<usize, Error> {
    if size == 0 || u64::from(size) > longest_compressed(header.grain_bytes) {
        return Err(Error::new(Cause::VmdkGrainSizeField)
            .at("grain marker", start.saturating_add(8))
            .field("size")
            .found(size));
    }
    Ok(int::usize_of(u64::from(size)).saturating_add(GRAIN_MARKER))
}

/// Inflates a grain into `out`, which is a grain long, and says how many bytes it had. `start` is
/// where its marker is.
pub(super) fn inflate_grain(
    header: &Header,
    data: &[u8],
    disk_offset: u64,
    start: u64,
    out: &mut [u8],
) -> Result<usize, Error> {
    let fault = |cause| Error::new(cause).at("grain", start);
    let len = inflate(data, out).map_err(|error| match error {
        InflateError::Damaged => fault(Cause::VmdkGrainData),
        InflateError::TooLong => fault(Cause::VmdkGrainLength),
        InflateError::Unavailable => fault(Cause::NoInflate),
    })?;
    let n = int::u64_of(len);
    if n != header.grain_bytes && n != header.grain_len(disk_offset) {
        return Err(wrong_length(start, len));
    }
    Ok(len)
}

fn wrong_length(start: u64, len: usize) -> Error {
    Error::new(Cause::VmdkGrainLength)
        .at("grain", start)
        .found(len)
}

impl ReadAt for Vmdk {
    fn len(&self) -> u64 {
        self.header.disk_bytes
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<(), ReadError> {
        let len = int::u64_of(buf.len());
        let end = offset.checked_add(len);
        if end.is_none_or(|end| end > self.header.disk_bytes) {
            let disk = self.header.disk_bytes;
            return Err(ReadError::past_end("VMDK", offset, buf.len(), disk));
        }
        let mut at = offset;
        let mut rest = buf;
        while !rest.is_empty() {
            let grain = self.grain_of(at);
            let within = at.saturating_sub(grain.saturating_mul(self.header.grain_bytes));
            let left = self.header.grain_bytes.saturating_sub(within);
            let (head, tail) = rest.split_at_mut(int::min_usize(left, rest.len()));
            if head.is_empty() {
                return Err(ReadError::new("VMDK", ErrorKind::Corrupt, at));
            }
            self.read_grain(grain, within, head)?;
            at = at.saturating_add(int::u64_of(head.len()));
            rest = tail;
        }
        Ok(())
    }

    fn next_extent(&self, offset: u64) -> Result<Extent, ReadError> {
        if offset >= self.header.disk_bytes {
            return Ok(Extent::new(ExtentKind::Hole, offset, 0));
        }
        Ok(self.extent_at(offset)?)
    }
}

impl DiskImage for Vmdk {
    fn info(&self) -> &ImageInfo {
        &self.info
    }
}
