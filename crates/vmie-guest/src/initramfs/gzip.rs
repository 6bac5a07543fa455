//! gzip ([RFC 1952](https://www.rfc-editor.org/rfc/rfc1952)).

use std::io::{self, BufRead, Read};

use zlib_rs::{Inflate, InflateFlush, Status};

use super::stream::Raw;

/// Bits of `FLG`, section 2.3.1.
const FHCRC: u8 = 2;
const FEXTRA: u8 = 4;
const FNAME: u8 = 8;
const FCOMMENT: u8 = 16;

/// The window of deflate, as a power of two: 32 KiB.
const WINDOW_BITS: u8 = 15;

/// The longest name or comment that is passed over.
const MAX_TEXT: usize = 64 << 10;

fn bad(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Passes over a member's header (section 2.3).
pub(super) fn header(raw: &mut Raw<'_>) -> io::Result<()> {
    let mut head = [0u8; 10];
    raw.read_exact(&mut head)?;
    let [_, _, method, flags, ..] = head;
    if method != 8 {
        return Err(bad("the compression method of gzip is not deflate"));
    }
    if flags & FEXTRA != 0 {
        let mut len = [0u8; 2];
        raw.read_exact(&mut len)?;
        let mut extra = vec![0u8; usize::from(u16::from_le_bytes(len))];
        raw.read_exact(&mut extra)?;
    }
    for flag in [FNAME, FCOMMENT] {
        if flags & flag != 0 {
            text(raw)?;
        }
    }
    if flags & FHCRC != 0 {
        raw.read_exact(&mut [0u8; 2])?;
    }
    Ok(())
}

/// Passes over a text that a zero ends.
fn text(raw: &mut Raw<'_>) -> io::Result<()> {
    for _ in 0..MAX_TEXT {
        let mut byte = [0u8];
        raw.read_exact(&mut byte)?;
        if byte == [0] {
            return Ok(());
        }
    }
    Err(bad("a name in the header of gzip does not end"))
}

/// The content of a member, checked against its trailer.
pub(super) struct Gunzip<'r, 's> {
    raw: &'r mut Raw<'s>,
    inflate: Inflate,
    sum: crc32fast::Hasher,
    done: bool,
}

impl<'r, 's> Gunzip<'r, 's> {
    pub(super) fn new(raw: &'r mut Raw<'s>) -> Self {
        Self {
            raw,
            inflate: Inflate::new(false, WINDOW_BITS),
            sum: crc32fast::Hasher::new(),
            done: false,
        }
    }

    fn trailer(&mut self) -> io::Result<()> {
        self.done = true;
        let mut trailer = [0u8; 8];
        self.raw.read_exact(&mut trailer)?;
        let [a, b, c, d, e, f, g, h] = trailer;
        let sum = u32::from_le_bytes([a, b, c, d]);
        let len = u32::from_le_bytes([e, f, g, h]);
        if sum != self.sum.clone().finalize() {
            return Err(bad("the checksum of gzip differs"));
        }
        if u64::from(len) != self.inflate.total_out() & u64::from(u32::MAX) {
            return Err(bad("the length in the trailer of gzip differs"));
        }
        Ok(())
    }
}

impl Read for Gunzip<'_, '_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        while !self.done {
            let input = self.raw.fill_buf()?;
            if input.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let (taken, given) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self
                .inflate
                .decompress(input, buf, InflateFlush::NoFlush)
                .map_err(|error| bad(error.as_str()))?;
            let taken = self.inflate.total_in().saturating_sub(taken);
            let given = self.inflate.total_out().saturating_sub(given);
            self.raw.consume(vmie_io::int::usize_of(taken));
            let given = vmie_io::int::min_usize(given, buf.len());
            self.sum.update(buf.get(..given).unwrap_or_default());
            if status == Status::StreamEnd {
                self.trailer()?;
            } else if given == 0 && taken == 0 {
                return Err(bad("the data of gzip lead nowhere"));
            }
            if given > 0 {
                return Ok(given);
            }
        }
        Ok(0)
    }
}
