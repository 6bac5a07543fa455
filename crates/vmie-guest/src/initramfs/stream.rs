//! The bytes of the file, and those that a decoder gives.

use std::io::{self, BufRead, BufReader, Read};

use super::Compression;
use crate::{Cause, Error, Source};

/// Bytes that are read at a time.
const READ: usize = 128 << 10;

/// Something to be passed over.
pub(super) trait Skip: BufRead {
    /// Passes over `n` bytes, or what there is.
    fn skip(&mut self, mut n: u64) -> io::Result<()> {
        while n > 0 {
            let here = self.fill_buf()?.len();
            if here == 0 {
                break;
            }
            let step = vmie_io::int::min_usize(n, here);
            self.consume(step);
            n = n.saturating_sub(vmie_io::int::u64_of(step));
        }
        Ok(())
    }
}

impl<R: Read> Skip for BufReader<R> {}

/// The file itself, from front to back.
pub(super) struct Raw<'s> {
    source: &'s mut dyn Source,
    buffer: Vec<u8>,
    /// What of the buffer has not been taken: from, to.
    from: usize,
    to: usize,
    /// Where in the file the rest of the buffer begins.
    offset: u64,
    /// The file could not be read.
    failed: bool,
}

impl<'s> Raw<'s> {
    /// The file from byte `offset` on.
    pub(super) fn new(source: &'s mut dyn Source, offset: u64) -> Self {
        Self {
            source,
            buffer: vec![0; READ],
            from: 0,
            to: 0,
            offset,
            failed: false,
        }
    }

    /// Where in the file the next byte is.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    fn left(&self) -> &[u8] {
        self.buffer.get(self.from..self.to).unwrap_or_default()
    }

    /// Passes over zeroes, and says how many.
    pub(super) fn zeroes(&mut self) -> io::Result<u64> {
        let start = self.offset;
        loop {
            let chunk = self.fill_buf()?;
            let zeroes = chunk.iter().take_while(|b| **b == 0).count();
            let more = zeroes == chunk.len() && zeroes > 0;
            self.consume(zeroes);
            if !more {
                return Ok(self.offset.saturating_sub(start));
            }
        }
    }

    /// Up to `n` of the next bytes, without taking them.
    pub(super) fn peek(&mut self, n: usize) -> io::Result<Vec<u8>> {
        if self.left().len() < n {
            self.buffer.copy_within(self.from..self.to, 0);
            self.to = self.to.saturating_sub(self.from);
            self.from = 0;
            while self.to < n {
                let at = self.offset.saturating_add(vmie_io::int::u64_of(self.to));
                let Some(room) = self.buffer.get_mut(self.to..) else {
                    break;
                };
                match self.source.read_at(room, at) {
                    Ok(0) => break,
                    Ok(read) => self.to = self.to.saturating_add(read),
                    Err(error) => {
                        self.failed = true;
                        return Err(error);
                    }
                }
            }
        }
        let left = self.left();
        Ok(left.get(..n).unwrap_or(left).to_vec())
    }

    /// An error of the file itself.
    pub(super) fn fault(&self, error: &io::Error) -> Error {
        Error::new(Cause::Read)
            .at("initramfs", self.offset)
            .found(error.to_string().as_str())
    }
}

impl Read for Raw<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let chunk = self.fill_buf()?;
        let len = chunk.len().min(buf.len());
        for (to, from) in buf.iter_mut().zip(chunk) {
            *to = *from;
        }
        self.consume(len);
        Ok(len)
    }
}

impl BufRead for Raw<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.from >= self.to {
            self.from = 0;
            self.to = 0;
            match self.source.read_at(&mut self.buffer, self.offset) {
                Ok(read) => self.to = read,
                Err(error) => {
                    self.failed = true;
                    return Err(io::Error::new(io::ErrorKind::PermissionDenied, error));
                }
            }
        }
        Ok(self.left())
    }

    fn consume(&mut self, n: usize) {
        let n = n.min(self.to.saturating_sub(self.from));
        self.from = self.from.saturating_add(n);
        self.offset = self.offset.saturating_add(vmie_io::int::u64_of(n));
    }
}

impl Skip for Raw<'_> {
    /// Without reading what is passed over.
    fn skip(&mut self, n: u64) -> io::Result<()> {
        let here = vmie_io::int::min_usize(n, self.to.saturating_sub(self.from));
        self.consume(here);
        let rest = n.saturating_sub(vmie_io::int::u64_of(here));
        self.offset = self.offset.saturating_add(rest);
        Ok(())
    }
}

/// What a decoder gives, up to a bound.
pub(super) struct Unpacked<R> {
    decoder: R,
    left: u64,
}

impl<R> Unpacked<R> {
    pub(super) fn new(decoder: R, left: u64) -> Self {
        Self { decoder, left }
    }
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(too_much());
        }
        let len = vmie_io::int::min_usize(self.left, buf.len());
        let room = buf.get_mut(..len).unwrap_or_default();
        let read = self.decoder.read(room)?;
        self.left = self.left.saturating_sub(vmie_io::int::u64_of(read));
        Ok(read)
    }
}

/// The kind of error of this module's own, told apart from a decoder's by what it carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Own {
    #[error("{0}")]
    Damaged(&'static str),
    #[error("more than is looked at")]
    TooMuch,
}

/// What is unpacked is not as it should be.
pub(super) fn damaged(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, Own::Damaged(what))
}

/// A bound was passed.
pub(super) fn too_much() -> io::Error {
    io::Error::new(io::ErrorKind::QuotaExceeded, Own::TooMuch)
}

/// An error while a stream was read that starts at byte `at` of the file.
pub(super) fn fault(error: &io::Error, compression: Compression, at: u64) -> Error {
    let own = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<Own>())
        .copied();
    let cause = match (own, error.kind()) {
        (Some(Own::TooMuch), _) => Cause::Limit,
        (Some(Own::Damaged(_)), _) => Cause::Archive,
        (None, io::ErrorKind::UnexpectedEof) => Cause::Truncated,
        (None, io::ErrorKind::PermissionDenied) => Cause::Read,
        (None, io::ErrorKind::OutOfMemory) => Cause::Limit,
        (None, _) => Cause::Compressed,
    };
    Error::new(cause)
        .at("initramfs", at)
        .field(compression.name())
        .found(error.to_string().as_str())
}
