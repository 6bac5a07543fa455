//! The initial RAM filesystem: what the kernel has before it has a root.
//!
//! A file is one archive after another, each as it is or compressed, with zeroes between them
//! ([initramfs buffer format](https://docs.kernel.org/driver-api/early-userspace/buffer-format.html)):
//! microcode uncompressed in front, the rest behind it as gzip, bzip2, LZMA, xz, LZO, LZ4 or zstd
//! ([early userspace](https://docs.kernel.org/driver-api/early-userspace/early_userspace_support.html)).
//! The names of its members tell which drivers can be loaded before the root is there.

mod blocks;
mod cpio;
mod gzip;
mod stream;
mod zstd;

use std::io::{self, BufRead, BufReader, Read};

use crate::{Cause, Error, Source};
use cpio::{Ended, Listing};
use stream::{Raw, Skip, Unpacked};

/// How much of a file is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes that are unpacked. A system with firmware for everything has some 600 MiB.
    pub unpacked: u64,
    /// Members that are listed. A full one has some 20 000.
    pub entries: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            unpacked: 1 << 30,
            entries: 200_000,
        }
    }
}

/// How an archive is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip ([RFC 1952](https://www.rfc-editor.org/rfc/rfc1952)).
    Gzip,
    /// bzip2.
    Bzip2,
    /// LZMA alone, the format before xz.
    Lzma,
    /// xz ([format](https://tukaani.org/xz/xz-file-format.txt)).
    Xz,
    /// LZO in the frame of lzop.
    Lzo,
    /// LZ4 in its legacy frame
    /// ([format](https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md)).
    Lz4,
    /// Zstandard ([RFC 8878](https://www.rfc-editor.org/rfc/rfc8878)).
    Zstd,
}

impl Compression {
    /// The name, as programs see it: `none`, `gzip`, `bzip2`, `lzma`, `xz`, `lzo`, `lz4`, `zstd`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Bzip2 => "bzip2",
            Self::Lzma => "lzma",
            Self::Xz => "xz",
            Self::Lzo => "lzo",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// Tells it from the first bytes, as the kernel does.
    fn of(head: &[u8]) -> Option<Self> {
        const MAGICS: &[(&[u8], Compression)] = &[
            (b"07070", Compression::None),
            (b"\x1f\x8b", Compression::Gzip),
            (b"BZh", Compression::Bzip2),
            (b"\x5d\x00\x00", Compression::Lzma),
            (b"\xfd7zXZ\0", Compression::Xz),
            (blocks::LZOP_MAGIC, Compression::Lzo),
            (blocks::LZ4_MAGIC, Compression::Lz4),
            (b"\x28\xb5\x2f\xfd", Compression::Zstd),
        ];
        let found = MAGICS.iter().find(|(magic, _)| head.starts_with(magic));
        found.map(|(_, compression)| *compression)
    }
}

/// What an initial RAM filesystem holds, as far as it decides whether a machine starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Contents {
    /// How its archives are compressed, in their order.
    pub compressions: Vec<Compression>,
    /// Which of the drivers asked for are in it, in the order asked for.
    pub drivers: Vec<String>,
    /// The kernels that it has modules for.
    pub releases: Vec<String>,
    /// Members that were listed.
    pub entries: u64,
    /// Bytes that were unpacked.
    pub unpacked: u64,
    /// Whether everything was listed. Otherwise the list of modules was met, and every driver that
    /// it names had been seen: what follows can add none.
    pub complete: bool,
}

/// Lists an initial RAM filesystem, and says which of `wanted` it holds (names of modules as the
/// kernel has them, `-` and `_` being the same).
///
/// Stops as soon as nothing that is asked can change.
///
/// # Errors
/// [`Cause::Archive`] and [`Cause::Compressed`] when it is damaged, [`Cause::Truncated`] when it
/// ends too early, [`Cause::UnknownCompression`] when it starts with nothing that the kernel
/// knows, [`Cause::Limit`] when `bounds` are passed, [`Cause::Read`] when the file cannot be read.
pub fn read(source: &mut dyn Source, wanted: &[&str], bounds: Bounds) -> Result<Contents, Error> {
    Begun::new(wanted, bounds).finish(source)
}

/// An initial RAM filesystem that is listed in two steps: what is not compressed first, where most can be
/// passed over without reading it; then the rest, which is for another thread, as unpacking takes
/// longer than everything else that an inspection does.
pub(crate) struct Begun<'w> {
    listing: Listing<'w>,
    compressions: Vec<Compression>,
    bounds: Bounds,
    /// Where in the file the next archive is, or zeroes before it.
    at: u64,
    ended: Option<Ended>,
}

impl<'w> Begun<'w> {
    pub(crate) fn new(wanted: &'w [&'w str], bounds: Bounds) -> Self {
        Self {
            listing: Listing::new(wanted, bounds),
            compressions: Vec::new(),
            bounds,
            at: 0,
            ended: None,
        }
    }

    /// Where in the file the rest begins.
    pub(crate) fn offset(&self) -> u64 {
        self.at
    }

    /// Lists the archives before the first that is compressed.
    pub(crate) fn plain(&mut self, source: &mut dyn Source) -> Result<(), Error> {
        self.go(source, false)
    }

    /// Lists the rest.
    pub(crate) fn finish(mut self, source: &mut dyn Source) -> Result<Contents, Error> {
        self.go(source, true)?;
        if self.compressions.is_empty() {
            return Err(Error::new(Cause::Truncated).at("initramfs", 0));
        }
        let complete = self.ended != Some(Ended::Enough);
        Ok(self.listing.contents(self.compressions, complete))
    }

    fn go(&mut self, source: &mut dyn Source, packed: bool) -> Result<(), Error> {
        let mut raw = Raw::new(source, self.at);
        while self.ended.is_none() {
            let zeroes = raw.zeroes().map_err(|error| raw.fault(&error))?;
            let at = raw.offset();
            let head = raw.peek(16).map_err(|error| raw.fault(&error))?;
            if head.is_empty() {
                self.ended = Some(Ended::Trailer);
                break;
            }
            // An archive that is not compressed starts at a multiple of four, counted from the start.
            let Some(compression) = Compression::of(&head) else {
                // The kernel says so and goes on to boot: junk behind the last archive harms nothing.
                if !self.compressions.is_empty() && zeroes > 0 {
                    self.ended = Some(Ended::Trailer);
                    break;
                }
                return Err(Error::new(Cause::UnknownCompression)
                    .at("initramfs", at)
                    .field("magic")
                    .found(head.as_slice()));
            };
            if compression != Compression::None && !packed {
                self.at = at;
                break;
            }
            self.compressions.push(compression);
            let ended = one(&mut raw, compression, &mut self.listing, self.bounds, at)?;
            if ended == Ended::Enough {
                self.ended = Some(ended);
            }
            self.at = raw.offset();
        }
        Ok(())
    }
}

/// The archives of one compressed stream, or one archive that is not compressed.
fn one(
    raw: &mut Raw<'_>,
    compression: Compression,
    listing: &mut Listing<'_>,
    bounds: Bounds,
    at: u64,
) -> Result<Ended, Error> {
    let left = bounds.unpacked.saturating_sub(listing.unpacked());
    let result = match compression {
        Compression::None => listing.archive(raw),
        Compression::Gzip => {
            gzip::header(raw).and_then(|()| unpacked(gzip::Gunzip::new(raw), listing, left))
        }
        Compression::Bzip2 => unpacked(bzip2::bufread::BzDecoder::new(raw), listing, left),
        Compression::Lzma => lzma_rust2::LzmaReader::new_mem_limit(raw, MEMORY_KIB, None)
            .and_then(|lzma| unpacked(lzma, listing, left)),
        Compression::Xz => {
            let xz = lzma_rust2::XzReader::new_mem_limit(raw, false, MEMORY_KIB);
            unpacked(xz, listing, left)
        }
        Compression::Lzo => blocks::lzop(raw).and_then(|lzop| unpacked(lzop, listing, left)),
        Compression::Lz4 => unpacked(blocks::Lz4::new(raw), listing, left),
        Compression::Zstd => zstd::frame(raw).and_then(|zstd| unpacked(zstd, listing, left)),
    };
    result.map_err(|error| stream::fault(&error, compression, at))
}

/// Memory that a decoder of xz or LZMA may take, in KiB.
const MEMORY_KIB: u32 = 160 << 10;
/// Bytes that are unpacked at a time.
const CHUNK: usize = 64 << 10;

/// Archive after archive of what a decoder gives.
fn unpacked<R: Read>(decoder: R, listing: &mut Listing<'_>, left: u64) -> io::Result<Ended> {
    let mut stream = BufReader::with_capacity(CHUNK, Unpacked::new(decoder, left));
    loop {
        let chunk = stream.fill_buf()?;
        let zeroes = chunk.iter().take_while(|b| **b == 0).count();
        match chunk.get(zeroes) {
            None if chunk.is_empty() => return Ok(Ended::Trailer),
            None => stream.consume(zeroes),
            Some(b'0') => {
                stream.consume(zeroes);
                if listing.archive(&mut stream)? == Ended::Enough {
                    return Ok(Ended::Enough);
                }
            }
            // Junk inside a compressed archive: the kernel stops there.
            Some(_) if listing.has_any() => {
                return stream.skip(u64::MAX).map(|()| Ended::Trailer);
            }
            Some(_) => return Err(stream::damaged("what it unpacks to is no archive")),
        }
    }
}

#[cfg(test)]
mod tests;
