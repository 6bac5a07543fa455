//! Compacted files: chunks compressed by XPRESS or LZX in a stream of their own.

use vmie_io::{Charge, int};

use super::open::Ntfs;
use super::stream::Stream;
use crate::decompress::{Lzx, Xpress};
use crate::{Cause, Error, FileRead};

/// Entries of the table of chunks that are read at a time.
const TABLE_PART: u64 = 512;
/// Bytes of chunks that are read at a time, so that small chunks do not cost a read each.
const AHEAD: u64 = 128 << 10;

/// How the chunks are compressed (`FILE_PROVIDER_COMPRESSION_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    /// XPRESS; the bytes of a chunk.
    Xpress(u16),
    /// LZX, in chunks of 32 KiB.
    Lzx,
}

impl Algorithm {
    /// By its number; `None` for one that is not known.
    pub(super) fn of(number: u32) -> Option<Self> {
        match number {
            0 => Some(Self::Xpress(4 << 10)),
            1 => Some(Self::Lzx),
            2 => Some(Self::Xpress(8 << 10)),
            3 => Some(Self::Xpress(16 << 10)),
            _ => None,
        }
    }

    fn chunk_size(self) -> u64 {
        match self {
            Self::Xpress(size) => size.into(),
            Self::Lzx => 32 << 10,
        }
    }
}

enum Decoder {
    Xpress(Box<Xpress>),
    Lzx(Box<Lzx>),
}

/// A compacted file that is open.
pub(super) struct WofFile<'a> {
    ntfs: &'a Ntfs,
    stream: Stream,
    len: u64,
    chunk_size: u64,
    decoder: Decoder,
    /// Bytes of the table of where chunks end.
    table_len: u64,
    /// Bytes of an entry.
    entry_len: usize,
    /// A part of the table: its first entry's number, and the entries.
    table: (u64, Vec<u64>),
    /// Bytes of the stream that were read ahead, and where they start in it.
    ahead: (u64, Vec<u8>),
    /// The chunk that was decompressed last, when only a part of it was wanted.
    last: Option<(u64, Vec<u8>)>,
    _charge: Charge,
}

impl<'a> WofFile<'a> {
    /// A file of `len` bytes, whose chunks are in `stream`.
    pub(super) fn new(
        ntfs: &'a Ntfs,
        stream: Stream,
        len: u64,
        algorithm: Algorithm,
    ) -> Result<Self, Error> {
        let chunk_size = algorithm.chunk_size();
        let entry_len = if u32::try_from(len).is_ok() { 4 } else { 8 };
        let entries = len.div_ceil(chunk_size.max(1)).saturating_sub(1);
        let table_len = entries.saturating_mul(entry_len);
        if table_len > stream.len || stream.unit(ntfs).is_some() {
            return Err(stream
                .error(Cause::Compressed, "data_size")
                .found(stream.len));
        }
        Ok(Self {
            ntfs,
            stream,
            len,
            chunk_size,
            decoder: match algorithm {
                Algorithm::Xpress(_) => Decoder::Xpress(Box::default()),
                Algorithm::Lzx => Decoder::Lzx(Box::default()),
            },
            table_len,
            entry_len: int::usize_of(entry_len),
            table: (0, Vec::new()),
            ahead: (0, Vec::new()),
            last: None,
            _charge: ntfs
                .budget
                .memory("compacted file", AHEAD.saturating_add(64 << 10))?,
        })
    }

    /// Where chunk `index` ends, counted from the end of the table.
    fn end_of(&mut self, index: u64) -> Result<u64, Error> {
        let position = index.saturating_mul(int::u64_of(self.entry_len));
        if position >= self.table_len {
            return Ok(self.stream.len.saturating_sub(self.table_len));
        }
        let (first, entries) = &self.table;
        let known = index.checked_sub(*first);
        let known = known.and_then(|n| entries.get(int::usize_of(n)).copied());
        if let Some(end) = known {
            return Ok(end);
        }
        let part = TABLE_PART.saturating_mul(int::u64_of(self.entry_len));
        let len = self.table_len.saturating_sub(position).min(part);
        let mut bytes = vec![0; int::usize_of(len)];
        self.stream.read_data(self.ntfs, &mut bytes, position)?;
        let entries = bytes.chunks_exact(self.entry_len).map(|entry| {
            let mut whole = [0; 8];
            for (to, from) in whole.iter_mut().zip(entry) {
                *to = *from;
            }
            u64::from_le_bytes(whole)
        });
        self.table = (index, entries.collect());
        Ok(self.table.1.first().copied().unwrap_or(0))
    }

    /// The compressed bytes of a chunk, in the buffer of what was read ahead.
    fn packed(&mut self, start: u64, len: usize) -> Result<std::ops::Range<usize>, Error> {
        let position = self.table_len.saturating_add(start);
        let (from, bytes) = &self.ahead;
        let within = position.checked_sub(*from).map(int::usize_of);
        let within = within.filter(|n| n.checked_add(len).is_some_and(|end| end <= bytes.len()));
        if let Some(within) = within {
            return Ok(within..within.saturating_add(len));
        }
        let wanted = self.stream.len.saturating_sub(position);
        self.ahead
            .1
            .resize(int::min_usize(wanted, int::usize_of(AHEAD)), 0);
        self.ahead.0 = position;
        let read = self
            .stream
            .read_data(self.ntfs, &mut self.ahead.1, position);
        if read.is_err() {
            self.ahead.1.clear();
        }
        read?;
        Ok(0..len)
    }

    /// Decompresses a chunk into `output`, which is as long as the chunk.
    fn decompress(&mut self, index: u64, output: &mut [u8]) -> Result<(), Error> {
        self.ntfs.budget.work("compressed chunk", 1)?;
        let start = match index.checked_sub(1) {
            Some(before) => self.end_of(before)?,
            None => 0,
        };
        let end = self.end_of(index)?;
        let limit = self.stream.len.saturating_sub(self.table_len);
        let len = end
            .checked_sub(start)
            .filter(|_| end <= limit)
            .map(int::usize_of);
        // A chunk that would not become smaller is stored.
        let Some(len) = len.filter(|len| (1..=output.len()).contains(len)) else {
            return Err(self
                .stream
                .error(Cause::Compressed, "chunk offset")
                .found(end));
        };
        let packed = self.packed(start, len)?;
        let packed = self.ahead.1.get(packed).unwrap_or_default();
        if packed.len() == output.len() {
            output.copy_from_slice(packed);
            return Ok(());
        }
        let done = match &mut self.decoder {
            Decoder::Xpress(xpress) => xpress.decompress(packed, output),
            Decoder::Lzx(lzx) => lzx.decompress(packed, output),
        };
        done.map_err(|damaged| {
            let error = self.stream.error(Cause::Compressed, "chunk").found(index);
            error.with_source(damaged)
        })
    }

    /// Reads up to the end of a chunk.
    fn read_chunk(&mut self, buf: &mut [u8], offset: u64) -> Result<usize, Error> {
        let index = offset.checked_div(self.chunk_size).unwrap_or(0);
        let first = index.saturating_mul(self.chunk_size);
        let chunk_len = int::usize_of(self.chunk_size.min(self.len.saturating_sub(first)));
        let within = int::usize_of(offset.saturating_sub(first));
        if within == 0
            && let Some(whole) = buf.get_mut(..chunk_len)
        {
            self.decompress(index, whole)?;
            return Ok(chunk_len);
        }
        let mut chunk = match self.last.take() {
            Some((last, chunk)) if last == index => chunk,
            other => {
                let mut chunk = other.map_or_else(Vec::new, |(_, chunk)| chunk);
                chunk.resize(chunk_len, 0);
                self.decompress(index, &mut chunk)?;
                chunk
            }
        };
        chunk.truncate(chunk_len);
        let from = chunk.get(within..).unwrap_or_default();
        let n = from.len().min(buf.len());
        if let (Some(to), Some(from)) = (buf.get_mut(..n), from.get(..n)) {
            to.copy_from_slice(from);
        }
        self.last = Some((index, chunk));
        Ok(n)
    }
}

impl FileRead for WofFile<'_> {
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
            // Each chunk gives at least one byte.
            done = done.saturating_add(self.read_chunk(rest, at)?);
        }
        Ok(len)
    }
}
