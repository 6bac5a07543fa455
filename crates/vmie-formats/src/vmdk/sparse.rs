//! Random access to a sparse extent.

use std::sync::Arc;

use vmie_io::{CancelToken, ErrorKind, Extent, ExtentKind, ReadError, int};
use zerocopy::FromBytes;

use super::format::{GRAIN_MARKER, Marker, SECTOR};
use super::grain::{check_size, inflate_grain, wrong_length};
use super::markers;
use super::shape::{Entry, Shape};
use super::shared::{Shared, key};
use super::tables::{Table, Tables};
use crate::check::{Check, Claims};
use crate::parent::Parent;
use crate::{Cause, Error, error_of};

/// Bytes read of a grain of which no table entry tells where the next one starts: most grains
/// that are worth compressing are longer, but a second read costs less than a useless long one.
const FIRST_READ: u64 = 4096;
/// Entries looked at for the next grain, so that reading a table's grains one by one stays linear.
const LOOK_AHEAD: u64 = 32;
/// Tables that one look for the end of a hole passes over, so that a look stays cheap however the
/// holes of an image and of its parent interleave.
const TABLES_PER_LOOK: u64 = 1024;

/// An extent whose grains are placed by tables.
pub(super) struct Sparse {
    tables: Tables,
}

/// Bytes of one kind, from some byte on.
#[derive(Clone, Copy, Debug)]
struct Run {
    place: Place,
    len: u64,
}

/// Where bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Hole,
    Zero,
    /// As they are, from this byte of the file on.
    Plain(u64),
    /// In a compressed grain: its number, where its marker is, and how far away the next grain of
    /// the table is at most.
    Packed {
        grain: u64,
        start: u64,
        room: u64,
    },
}

impl Sparse {
    pub(super) fn new(tables: Tables) -> Self {
        Self { tables }
    }

    /// Looks at what of the extent's file belongs to what; the grains themselves only with `grains`.
    pub(super) fn check(
        &self,
        shared: &Shared,
        check: &mut Check,
        (grains, cancel): (bool, &CancelToken),
    ) -> Result<(), Error> {
        let source = &self.tables.source;
        let mut claims = Claims::new(source.len(), cancel);
        self.tables.claims(shared, &mut claims, check)?;
        claims.finish(check)?;
        if grains && self.shape().compressed {
            markers::compare(self, source, shared, check, cancel)?;
        }
        Ok(())
    }

    pub(super) fn shape(&self) -> &Shape {
        &self.tables.shape
    }

    /// Bytes of the extent.
    pub(super) fn bytes(&self) -> u64 {
        self.shape().grains.disk_bytes
    }

    fn grain_bytes(&self) -> u64 {
        self.shape().grains.grain_bytes
    }

    /// Number of the grain that holds a byte. Grains are not empty, so the division is defined.
    fn grain_of(&self, offset: u64) -> u64 {
        offset.checked_div(self.grain_bytes()).unwrap_or(0)
    }

    /// The number of a grain's table, and the grain's number in it.
    fn split(&self, grain: u64) -> (u64, u64) {
        let entries = self.shape().entries;
        let number = grain.checked_div(entries).unwrap_or(0);
        let within = grain.saturating_sub(number.saturating_mul(entries));
        (number, within)
    }

    /// Byte offset in the file of the grain that holds a byte of the extent.
    pub(super) fn stored_at(&self, shared: &Shared, offset: u64) -> Result<Option<u64>, Error> {
        let (number, within) = self.split(self.grain_of(offset));
        let table = self.tables.table(shared, number)?;
        Ok(match table.entry(self.shape(), within) {
            Entry::At(start) => Some(start),
            Entry::Hole | Entry::Zero | Entry::Bad => None,
        })
    }

    /// Fills `buf` from the extent's byte `offset` on; where nobody wrote, with what the parent
    /// shows. The extent's first byte is byte `base` of the disk.
    pub(super) fn read(
        &self,
        shared: &Shared,
        buf: &mut [u8],
        offset: u64,
        below: Option<&Parent>,
        base: u64,
    ) -> Result<(), Error> {
        let mut at = offset;
        let mut rest = buf;
        while !rest.is_empty() {
            let run = self.run(shared, at, int::u64_of(rest.len()))?;
            let (head, tail) = rest.split_at_mut(int::min_usize(run.len, rest.len()));
            if head.is_empty() {
                return Err(ReadError::new("VMDK", ErrorKind::Corrupt, at).into());
            }
            match (run.place, below) {
                (Place::Hole, Some(parent)) => {
                    let at = base.saturating_add(at);
                    parent.read(head, at).map_err(error_of)?;
                }
                (Place::Hole, None) | (Place::Zero, _) => head.fill(0),
                (Place::Plain(start), _) => self.plain(head, start, at)?,
                (Place::Packed { grain, start, room }, _) => {
                    let first = grain.saturating_mul(self.grain_bytes());
                    let within = at.saturating_sub(first);
                    self.packed(shared, head, grain, (start, room), within)?;
                }
            }
            at = at.saturating_add(int::u64_of(head.len()));
            rest = tail;
        }
        Ok(())
    }

    /// The bytes of one kind from `offset` on, at most about `want` of them. Grains that follow each
    /// other in the file, too, are one run: one read serves them all.
    fn run(&self, shared: &Shared, offset: u64, want: u64) -> Result<Run, Error> {
        let grain_bytes = self.grain_bytes();
        let mut grain = self.grain_of(offset);
        let within = offset.saturating_sub(grain.saturating_mul(grain_bytes));
        let (mut number, mut index) = self.split(grain);
        let mut table = self.tables.table(shared, number)?;
        let place = match self.place(&table, number, index, grain)? {
            Place::Plain(start) => Place::Plain(start.saturating_add(within)),
            place => place,
        };
        let mut len = grain_bytes.saturating_sub(within);
        if matches!(place, Place::Packed { .. }) {
            return Ok(Run { place, len });
        }
        while len < want {
            grain = grain.saturating_add(1);
            index = index.saturating_add(1);
            if index >= self.shape().entries {
                (number, index) = (number.saturating_add(1), 0);
                // What is wrong with the next table is told when it is that table's turn.
                match self.tables.table(shared, number) {
                    Ok(next) => table = next,
                    Err(_) => break,
                }
            }
            let next = match self.place(&table, number, index, grain) {
                Ok(next) => next,
                Err(_) => break,
            };
            let goes_on = match (place, next) {
                (Place::Hole, Place::Hole) | (Place::Zero, Place::Zero) => true,
                (Place::Plain(start), Place::Plain(next)) => {
                    let needed = want.saturating_sub(len).min(grain_bytes);
                    start.checked_add(len) == Some(next)
                        && next.saturating_add(needed) <= self.tables.source.len()
                }
                _ => false,
            };
            if !goes_on {
                break;
            }
            len = len.saturating_add(grain_bytes);
        }
        Ok(Run { place, len })
    }

    fn place(&self, table: &Table, number: u64, index: u64, grain: u64) -> Result<Place, Error> {
        Ok(match table.entry(self.shape(), index) {
            Entry::Hole => Place::Hole,
            Entry::Zero => Place::Zero,
            Entry::Bad => {
                let raw = table.raw(index).unwrap_or(0);
                return Err(self.tables.bad_grain(number, index, raw));
            }
            Entry::At(start) if self.shape().compressed => {
                let after = index.saturating_add(1)..index.saturating_add(LOOK_AHEAD);
                let mut near = after.map(|index| table.entry(self.shape(), index));
                let next = near.find_map(|entry| match entry {
                    Entry::At(next) => Some(next),
                    _ => None,
                });
                Place::Packed {
                    grain,
                    start,
                    room: next.and_then(|next| next.checked_sub(start)).unwrap_or(0),
                }
            }
            Entry::At(start) => Place::Plain(start),
        })
    }

    fn plain(&self, buf: &mut [u8], start: u64, at: u64) -> Result<(), Error> {
        let left = self.tables.source.len().saturating_sub(start);
        if int::u64_of(buf.len()) > left {
            let first = self.grain_of(at).saturating_mul(self.grain_bytes());
            let within = at.saturating_sub(first);
            let grain = start.saturating_sub(within);
            return Err(Error::new(Cause::VmdkOffset).at("grain", grain));
        }
        self.tables
            .source
            .read_exact_at(buf, start)
            .map_err(error_of)
    }

    /// Fills `buf` from the byte `within` of a compressed grain on: whole grains at once, others
    /// through the cache.
    fn packed(
        &self,
        shared: &Shared,
        buf: &mut [u8],
        grain: u64,
        place: (u64, u64),
        within: u64,
    ) -> Result<(), Error> {
        if int::u64_of(buf.len()) == self.grain_bytes() {
            self.decode(shared, grain, place, buf)?;
            return Ok(());
        }
        let bytes = match shared.grains().get(key(self.tables.extent, grain)) {
            Some(bytes) => bytes,
            None => self.keep(shared, grain, place)?,
        };
        let from = int::usize_of(within);
        match bytes.get(from..from.saturating_add(buf.len())) {
            Some(part) => buf.copy_from_slice(part),
            // The decoded length was checked to reach to the disk's end.
            None => return Err(wrong_length(place.0, <[u8]>::len(&bytes))),
        }
        Ok(())
    }

    /// Inflates a grain and keeps it for the next small read.
    fn keep(&self, shared: &Shared, grain: u64, place: (u64, u64)) -> Result<Arc<[u8]>, Error> {
        let charge = shared.charge("grain", self.grain_bytes())?;
        let mut bytes = vec![0; int::usize_of(self.grain_bytes())];
        let len = self.decode(shared, grain, place, &mut bytes)?;
        bytes.truncate(len);
        let bytes: Arc<[u8]> = bytes.into();
        shared.keep_grain(key(self.tables.extent, grain), &bytes, charge);
        Ok(bytes)
    }

    /// Inflates the grain that is stored at `place` into `out`, which is a grain long, and says
    /// how many bytes it had: a grain, or what of it lies on the disk.
    fn decode(
        &self,
        shared: &Shared,
        grain: u64,
        place: (u64, u64),
        out: &mut [u8],
    ) -> Result<usize, Error> {
        let mut scratch = shared.take_scratch()?;
        let result = self.decode_with(&mut scratch.bytes, grain, place, out);
        shared.put_scratch(scratch);
        result
    }

    fn decode_with(
        &self,
        scratch: &mut [u8],
        grain: u64,
        (start, room): (u64, u64),
        out: &mut [u8],
    ) -> Result<usize, Error> {
        let source = &self.tables.source;
        let left = source.len().saturating_sub(start);
        if left < int::u64_of(GRAIN_MARKER) {
            return Err(Error::new(Cause::VmdkOffset).at("grain", start));
        }
        let guess = if room > 0 { room } else { FIRST_READ };
        let first = int::min_usize(guess.min(left), scratch.len());
        let head = scratch.get_mut(..first).unwrap_or_default();
        source.read_exact_at(head, start).map_err(error_of)?;
        let Ok((marker, _)) = Marker::ref_from_prefix(head) else {
            return Err(Error::new(Cause::VmdkOffset).at("grain", start));
        };
        let disk_offset = grain.saturating_mul(self.grain_bytes());
        if marker.val.get().checked_mul(SECTOR) != Some(disk_offset) {
            return Err(Error::new(Cause::VmdkGrainMarker)
                .at("grain marker", start)
                .field("lba")
                .found(marker.val.get()));
        }
        let size = marker.size.get();
        let end = check_size(self.grain_bytes(), size, start)?;
        if int::u64_of(end) > left {
            return Err(Error::new(Cause::VmdkOffset)
                .at("grain marker", start.saturating_add(8))
                .field("size")
                .found(size));
        }
        if end > first {
            let rest = scratch.get_mut(first..end).unwrap_or_default();
            let at = start.saturating_add(int::u64_of(first));
            source.read_exact_at(rest, at).map_err(error_of)?;
        }
        let data = scratch.get(GRAIN_MARKER..end).unwrap_or_default();
        inflate_grain(self.shape().grains, data, disk_offset, start, out)
    }

    /// What the byte `offset` of the extent is.
    pub(super) fn kind(&self, shared: &Shared, offset: u64) -> Result<ExtentKind, Error> {
        let (number, within) = self.split(self.grain_of(offset));
        let table = self.tables.table(shared, number)?;
        Ok(kind_of(table.entry(self.shape(), within)))
    }

    /// The extent of one kind from `offset` on, which lies within: as far as one table tells, and
    /// over tables that are not there, until `limit` is passed.
    pub(super) fn extent_at(
        &self,
        shared: &Shared,
        offset: u64,
        limit: u64,
    ) -> Result<Extent, Error> {
        let shape = self.shape();
        let (mut number, mut within) = self.split(self.grain_of(offset));
        let last = number.saturating_add(TABLES_PER_LOOK);
        let mut kind = None;
        let mut looked_into = false;
        let end = loop {
            let start = number.saturating_mul(shape.table_span());
            if start >= self.bytes() || start >= limit && kind.is_some() || number > last {
                break start;
            }
            match self.tables.without_table(number) {
                Some(all) => {
                    let here = kind_of(all);
                    if *kind.get_or_insert(here) != here {
                        break start;
                    }
                }
                None if looked_into => break start,
                None => {
                    looked_into = true;
                    let table = self.tables.table(shared, number)?;
                    let mut index = within;
                    while index < shape.entries {
                        let here = kind_of(table.entry(shape, index));
                        if *kind.get_or_insert(here) != here {
                            break;
                        }
                        index = index.saturating_add(1);
                    }
                    if index < shape.entries {
                        let grains = index.saturating_mul(self.grain_bytes());
                        break start.saturating_add(grains);
                    }
                }
            }
            number = number.saturating_add(1);
            within = 0;
        };
        let end = end.min(self.bytes());
        let kind = kind.unwrap_or(ExtentKind::Hole);
        Ok(Extent::new(kind, offset, end.saturating_sub(offset)))
    }
}

/// An entry that nobody understands may be data: reading it says what is wrong with it.
fn kind_of(entry: Entry) -> ExtentKind {
    match entry {
        Entry::Hole => ExtentKind::Hole,
        Entry::Zero => ExtentKind::Zero,
        Entry::At(_) | Entry::Bad => ExtentKind::Data,
    }
}
