//! streamOptimized: grains compressed by workers, put into the stream in order.

use std::io::Write;

use vmie_io::int;
use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U32, U64};

use super::super::format::{
    COMPRESSION_DEFLATE, Flags, GD_AT_END, GRAIN_MARKER, MARKER_EOS, MARKER_FOOTER, MARKER_GD,
    MARKER_GT, Marker, SECTOR, SparseExtentHeader,
};
use super::{
    DESCRIPTOR_AT, ENTRIES, GRAIN, STREAM_OVERHEAD, TABLE_BYTES, TABLE_SPAN, descriptor, header,
    sector32,
};
use crate::Error;
use crate::convert::{Stamp, Words, is_zero, numbers, put as put_number, stream_error};
use crate::deflate::Deflater;

/// The grains of one piece of the disk, as they go into the stream.
#[derive(Debug, Default)]
pub(crate) struct Packed {
    /// Markers and data, each grain padded to whole sectors.
    pub(crate) bytes: Vec<u8>,
    /// Each grain's number and its byte offset in `bytes`.
    pub(crate) grains: Vec<(u64, usize)>,
}

/// Compresses grains; each worker has its own.
pub(crate) struct GrainPacker {
    deflater: Deflater,
    grain: Vec<u8>,
}

impl GrainPacker {
    pub(crate) fn new(level: u8) -> Result<Self, Error> {
        Ok(Self {
            deflater: Deflater::new(level)?,
            grain: Vec::new(),
        })
    }

    /// Compresses the grains of a piece that begins at byte `start` of the disk. Grains that are
    /// all zero are left out; one that begins or ends outside of the piece is filled with zeroes.
    pub(crate) fn pack(&mut self, start: u64, piece: &[u8], out: &mut Packed) -> Result<(), Error> {
        out.bytes.clear();
        out.grains.clear();
        let mut at = start;
        let mut rest = piece;
        while !rest.is_empty() {
            let number = at / GRAIN;
            let within = at % GRAIN;
            let n = int::min_usize(GRAIN.saturating_sub(within), rest.len());
            let (head, tail) = rest.split_at(n);
            if !is_zero(head) {
                self.pack_grain(number, int::usize_of(within), head, out)?;
            }
            at = at.saturating_add(int::u64_of(n));
            rest = tail;
        }
        Ok(())
    }

    fn pack_grain(
        &mut self,
        number: u64,
        within: usize,
        part: &[u8],
        out: &mut Packed,
    ) -> Result<(), Error> {
        let whole = int::usize_of(GRAIN);
        let grain = if part.len() == whole {
            part
        } else {
            self.grain.clear();
            self.grain.resize(within, 0);
            self.grain.extend_from_slice(part);
            self.grain.resize(whole, 0);
            &self.grain
        };
        let start = out.bytes.len();
        let data = start.saturating_add(GRAIN_MARKER);
        out.bytes
            .resize(data.saturating_add(Deflater::bound(whole)), 0);
        let room = out.bytes.get_mut(data..).unwrap_or_default();
        let len = self.deflater.compress(grain, room)?;
        let lba = number.saturating_mul(GRAIN / SECTOR);
        let size = u32::try_from(len).unwrap_or(u32::MAX);
        let marker = [&lba.to_le_bytes()[..], &size.to_le_bytes()[..]].concat();
        if let Some(place) = out.bytes.get_mut(start..data) {
            place.copy_from_slice(&marker);
        }
        out.bytes.truncate(data.saturating_add(len));
        let padded = out.bytes.len().next_multiple_of(int::usize_of(SECTOR));
        out.bytes.resize(padded, 0);
        out.grains.push((number, start));
        Ok(())
    }
}

/// The header of a stream: its footer differs in the place of the directory only.
fn stream_header(size: u64) -> SparseExtentHeader {
    let flags = Flags::NEWLINES | Flags::COMPRESSED | Flags::MARKERS;
    let mut header = header(flags, 3, size.div_ceil(SECTOR), STREAM_OVERHEAD);
    header.compressAlgorithm = U16::new(COMPRESSION_DEFLATE);
    header.gdOffset = U64::new(GD_AT_END);
    header
}

/// Puts pieces into the stream, in the order of the disk: the grains, after each grain table's
/// grains the table, and at the end directory and footer.
pub(crate) struct StreamSequencer<W> {
    out: W,
    at: u64,
    header: SparseExtentHeader,
    /// The sectors of the tables, and of the grains of the table that is being filled.
    directory: Vec<u32>,
    table: Vec<u32>,
    /// The number of that table.
    current: u64,
}

impl<W: Write> StreamSequencer<W> {
    /// Writes what goes before the first grain.
    pub(crate) fn begin(mut out: W, size: u64, stamp: &Stamp) -> Result<Self, Error> {
        let sectors = size.div_ceil(SECTOR);
        let header = stream_header(size);
        let tables = size.div_ceil(TABLE_SPAN);
        let mut start = header.as_bytes().to_vec();
        start.resize(int::usize_of(DESCRIPTOR_AT), 0);
        start.extend_from_slice(&descriptor("streamOptimized", sectors, stamp)?);
        start.resize(int::usize_of(STREAM_OVERHEAD), 0);
        put(&mut out, &start, 0)?;
        Ok(Self {
            out,
            at: STREAM_OVERHEAD,
            header,
            directory: vec![0; int::usize_of(tables)],
            table: vec![0; int::usize_of(ENTRIES)],
            current: 0,
        })
    }

    pub(crate) fn out(&self) -> &W {
        &self.out
    }

    pub(crate) fn out_mut(&mut self) -> &mut W {
        &mut self.out
    }

    pub(crate) fn into_out(self) -> W {
        self.out
    }

    /// Bytes of the stream so far.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// Adds to a state what is needed to go on.
    pub(crate) fn save(&self, state: &mut Vec<u8>) {
        put_number(state, self.at);
        put_number(state, self.current);
        numbers(state, &self.directory);
        numbers(state, &self.table);
    }

    /// Goes on with a stream whose beginning is there: the sink is given where to go on.
    pub(crate) fn load(
        out: impl FnOnce(u64) -> W,
        size: u64,
        state: &mut Words<'_>,
    ) -> Option<Self> {
        let at = state.number()?;
        let current = state.number()?;
        let tables = int::usize_of(size.div_ceil(TABLE_SPAN));
        Some(Self {
            at,
            header: stream_header(size),
            directory: state.numbers(tables)?,
            table: state.numbers(int::usize_of(ENTRIES))?,
            current,
            out: out(at),
        })
    }

    /// The next piece.
    pub(crate) fn take(&mut self, packed: &Packed) -> Result<(), Error> {
        let mut from = 0;
        for (number, start) in &packed.grains {
            let table = number / ENTRIES;
            if table != self.current {
                // The grains before go first, then their table.
                self.write(packed.bytes.get(from..*start).unwrap_or_default())?;
                from = *start;
                self.end_table()?;
                self.current = table;
            }
            let at = self
                .at
                .saturating_add(int::u64_of(start.saturating_sub(from)));
            let sector = sector32(at)?;
            if let Some(entry) = self.table.get_mut(int::usize_of(number % ENTRIES)) {
                *entry = sector;
            }
        }
        self.write(packed.bytes.get(from..).unwrap_or_default())
    }

    /// Writes the table of the grains so far, if there are any.
    fn end_table(&mut self) -> Result<(), Error> {
        if self.table.iter().all(|entry| *entry == 0) {
            return Ok(());
        }
        self.marker(MARKER_GT, TABLE_BYTES)?;
        let sector = sector32(self.at)?;
        if let Some(entry) = self.directory.get_mut(int::usize_of(self.current)) {
            *entry = sector;
        }
        let bytes: Vec<u8> = self.table.iter().flat_map(|e| e.to_le_bytes()).collect();
        self.table.fill(0);
        self.write(&bytes)
    }

    /// Writes what goes after the last grain, and gives back the sink and the file's length.
    pub(crate) fn finish(mut self) -> Result<(W, u64), Error> {
        self.end_table()?;
        let mut bytes: Vec<u8> = self
            .directory
            .iter()
            .flat_map(|e| e.to_le_bytes())
            .collect();
        bytes.resize(bytes.len().next_multiple_of(int::usize_of(SECTOR)), 0);
        self.marker(MARKER_GD, int::u64_of(bytes.len()))?;
        let directory = self.at / SECTOR;
        self.write(&bytes)?;
        self.marker(MARKER_FOOTER, SECTOR)?;
        self.header.gdOffset = U64::new(directory);
        let footer = self.header;
        self.write(footer.as_bytes())?;
        self.marker(MARKER_EOS, 0)?;
        self.out
            .flush()
            .map_err(|error| stream_error(error, self.at))?;
        Ok((self.out, self.at))
    }

    /// A marker before metadata of so many bytes.
    fn marker(&mut self, kind: u32, bytes: u64) -> Result<(), Error> {
        let marker = Marker {
            val: U64::new(bytes / SECTOR),
            size: U32::new(0),
            kind: U32::new(kind),
        };
        let mut sector = marker.as_bytes().to_vec();
        sector.resize(int::usize_of(SECTOR), 0);
        self.write(&sector)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        put(&mut self.out, bytes, self.at)?;
        self.at = self.at.saturating_add(int::u64_of(bytes.len()));
        Ok(())
    }
}

fn put(out: &mut impl Write, bytes: &[u8], at: u64) -> Result<(), Error> {
    out.write_all(bytes)
        .map_err(|error| stream_error(error, at))
}
