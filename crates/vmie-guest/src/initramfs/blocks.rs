//! The two frames that are a row of blocks, each decoded whole: LZ4's legacy one and lzop's.

use std::io::{self, BufRead, Read};

use super::stream::Raw;

/// The magic of LZ4's legacy frame, 0x184C2102
/// ([format](https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md), "Legacy frame").
pub(super) const LZ4_MAGIC: &[u8] = b"\x02\x21\x4c\x18";
/// The magic of lzop's frame.
pub(super) const LZOP_MAGIC: &[u8] = b"\x89LZO\0\r\n\x1a\n";

/// A legacy block unpacks to at most 8 MiB.
const LZ4_BLOCK: usize = 8 << 20;
/// The largest compressed block: what cannot be compressed grows by a 255th and 16 bytes.
const LZ4_PACKED: u32 = (8 << 20) + (8 << 20) / 255 + 16;
/// The largest block of lzop; it writes 256 KiB, and reads up to 64 MiB. The kernel takes its own
/// 256 KiB only.
const LZO_BLOCK: u32 = 8 << 20;

fn bad(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// What of a decoded block has not been given on.
#[derive(Default)]
struct Decoded {
    bytes: Vec<u8>,
    /// What of the bytes is decoded and not yet given: from, to.
    at: usize,
    end: usize,
}

impl Decoded {
    fn give(&mut self, buf: &mut [u8]) -> usize {
        let rest = self.bytes.get(self.at..self.end).unwrap_or_default();
        let len = rest.len().min(buf.len());
        for (to, from) in buf.iter_mut().zip(rest) {
            *to = *from;
        }
        self.at = self.at.saturating_add(len);
        len
    }
}

/// `len` bytes, memory taken only for what is really there.
fn block(raw: &mut Raw<'_>, len: u32) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = raw.take(u64::from(len)).read_to_end(&mut bytes)?;
    if vmie_io::int::u64_of(read) < u64::from(len) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes)
}

/// LZ4's legacy frame: lengths and blocks until the file ends or another magic follows.
pub(super) struct Lz4<'r, 's> {
    raw: &'r mut Raw<'s>,
    decoded: Decoded,
    started: bool,
}

impl<'r, 's> Lz4<'r, 's> {
    pub(super) fn new(raw: &'r mut Raw<'s>) -> Self {
        Self {
            raw,
            decoded: Decoded::default(),
            started: false,
        }
    }

    /// Decodes the next block; whether there was one.
    fn next(&mut self) -> io::Result<bool> {
        loop {
            let head = self.raw.peek(4)?;
            if !self.started || head == LZ4_MAGIC {
                self.raw.consume(4);
                self.started = true;
                continue;
            }
            let Ok(head) = <[u8; 4]>::try_from(head.as_slice()) else {
                // Up to three bytes are padding.
                self.raw.consume(head.len());
                return Ok(false);
            };
            let len = u32::from_le_bytes(head);
            // Padding, or the start of something else.
            if len == 0 || len > LZ4_PACKED {
                return Ok(false);
            }
            self.raw.consume(4);
            let packed = block(self.raw, len)?;
            // The frame does not say how long a block gets: room for the longest, made once.
            self.decoded.bytes.resize(LZ4_BLOCK, 0);
            let end = lz4_flex::block::decompress_into(&packed, &mut self.decoded.bytes)
                .map_err(|_| bad("a block of LZ4 cannot be unpacked"))?;
            self.decoded.at = 0;
            self.decoded.end = end;
            return Ok(true);
        }
    }
}

impl Read for Lz4<'_, '_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            let given = self.decoded.give(buf);
            if given > 0 || buf.is_empty() || !self.next()? {
                return Ok(given);
            }
        }
    }
}

/// Bits of lzop's flags: which sums follow the lengths of a block, and parts of the header.
const ADLER32_D: u32 = 0x1;
const ADLER32_C: u32 = 0x2;
const EXTRA_FIELD: u32 = 0x40;
const CRC32_D: u32 = 0x100;
const CRC32_C: u32 = 0x200;
const FILTER: u32 = 0x800;
/// The version of the format that has a level and 64 bits of time.
const VERSION_LEVEL: u16 = 0x940;

/// lzop's frame after its header.
pub(super) struct Lzop<'r, 's> {
    raw: &'r mut Raw<'s>,
    flags: u32,
    decoded: Decoded,
    done: bool,
}

fn number(raw: &mut Raw<'_>) -> io::Result<u32> {
    let mut bytes = [0u8; 4];
    raw.read_exact(&mut bytes)?;
    Ok(u32::from_be_bytes(bytes))
}

fn byte(raw: &mut Raw<'_>) -> io::Result<u8> {
    let mut bytes = [0u8];
    raw.read_exact(&mut bytes)?;
    let [byte] = bytes;
    Ok(byte)
}

/// Reads lzop's header: magic, versions, method, flags, mode, times, name, sum.
pub(super) fn lzop<'r, 's>(raw: &'r mut Raw<'s>) -> io::Result<Lzop<'r, 's>> {
    raw.consume(LZOP_MAGIC.len());
    let mut two = [0u8; 2];
    raw.read_exact(&mut two)?;
    let version = u16::from_be_bytes(two);
    raw.read_exact(&mut two)?;
    if version >= VERSION_LEVEL {
        raw.read_exact(&mut two)?;
    }
    let method = byte(raw)?;
    if !(1..=3).contains(&method) {
        return Err(bad("a method of lzop that is not LZO1X"));
    }
    if version >= VERSION_LEVEL {
        byte(raw)?;
    }
    let flags = number(raw)?;
    if flags & FILTER != 0 {
        number(raw)?;
    }
    number(raw)?;
    number(raw)?;
    if version >= VERSION_LEVEL {
        number(raw)?;
    }
    let mut name = vec![0u8; usize::from(byte(raw)?)];
    raw.read_exact(&mut name)?;
    number(raw)?;
    if flags & EXTRA_FIELD != 0 {
        let len = number(raw)?.min(LZO_BLOCK);
        block(raw, len)?;
        number(raw)?;
    }
    Ok(Lzop {
        raw,
        flags,
        decoded: Decoded::default(),
        done: false,
    })
}

impl Lzop<'_, '_> {
    /// Decodes the next block; whether there was one.
    fn next(&mut self) -> io::Result<bool> {
        if self.done {
            return Ok(false);
        }
        let unpacked = number(self.raw)?;
        if unpacked == 0 {
            self.done = true;
            return Ok(false);
        }
        let packed = number(self.raw)?;
        if unpacked > LZO_BLOCK || packed > unpacked {
            return Err(bad("a block of lzop is longer than it can be"));
        }
        for sum in [ADLER32_D, CRC32_D] {
            if self.flags & sum != 0 {
                number(self.raw)?;
            }
        }
        // What could not be compressed is stored, with the sums of the content alone.
        let stored = packed == unpacked;
        for sum in [ADLER32_C, CRC32_C] {
            if self.flags & sum != 0 && !stored {
                number(self.raw)?;
            }
        }
        let bytes = block(self.raw, packed)?;
        let bytes = if stored {
            bytes
        } else {
            let mut out = vec![0; vmie_io::int::usize_of(u64::from(unpacked))];
            let len = lzokay::decompress::decompress(&bytes, &mut out)
                .map_err(|_| bad("a block of LZO cannot be unpacked"))?;
            if len != out.len() {
                return Err(bad("a block of LZO unpacks to another length than it says"));
            }
            out
        };
        self.decoded = Decoded {
            at: 0,
            end: bytes.len(),
            bytes,
        };
        Ok(true)
    }
}

impl Read for Lzop<'_, '_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            let given = self.decoded.give(buf);
            if given > 0 || buf.is_empty() || !self.next()? {
                return Ok(given);
            }
        }
    }
}
