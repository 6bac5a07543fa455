//! One pass over a stream-optimized VMDK, from a source that cannot seek.

use std::collections::HashMap;
use std::collections::hash_map::Entry::{Occupied, Vacant};
use std::fmt;
use std::io::Read;

use vmie_io::{Budget, Charge, Limits, int};
use zerocopy::FromBytes;

use super::descriptor::Descriptor;
use super::format::{GD_AT_END, MARKER_EOS, MARKER_FOOTER, MARKER_GD, MARKER_GT, Marker, SECTOR};
use super::grain::{check_size, inflate_grain, scratch_len};
use super::header::Header;
use crate::stream::Source;
use crate::{Cause, Error};

/// Reads the grains of a stream-optimized VMDK in the order of the file, from anything that can be
/// read once: a pipe, a download. The same is checked as for random access, as far as it can be
/// seen in passing; a file that is cut off gives all the grains before the cut.
///
/// ```
/// use vmie_formats::vmdk::{Ending, StreamReader};
/// # if cfg!(not(any(feature = "zlib-rs", feature = "libdeflate"))) { return Ok(()); }
/// # let disk = vec![7u8; 200_000];
/// # let file = vmie_testkit::vmdk::Builder::stream(&disk).build().bytes;
///
/// let mut stream = StreamReader::new(&file[..], &Default::default())?;
/// let mut copy = vec![0; stream.disk_size().try_into().unwrap()];
/// while let Some(grain) = stream.next_grain()? {
///     let start = usize::try_from(grain.offset).unwrap();
///     copy[start..start + grain.data.len()].copy_from_slice(grain.data);
/// }
/// assert_eq!(stream.ending(), Some(Ending::Complete));
/// # assert_eq!(copy[..200_000], disk);
/// # Ok::<(), vmie_formats::Error>(())
/// ```
pub struct StreamReader<R> {
    reader: R,
    /// Bytes taken so far.
    at: u64,
    header: Header,
    descriptor: Option<Descriptor>,
    footer_seen: bool,
    stopped: bool,
    ending: Option<Ending>,
    compressed: Vec<u8>,
    grain: Vec<u8>,
    passed: Passed,
    _charges: [Charge; 2],
}

/// The grains that came by. None comes twice: whoever writes them as they come could not take the first
/// back. Memory grows with the grains, not with the disk.
struct Passed {
    /// A bit for each grain, by [`GRAINS_TOGETHER`].
    bits: HashMap<u64, ([u64; WORDS], Charge)>,
    budget: Budget,
}

/// Grains whose bits lie together.
const GRAINS_TOGETHER: u64 = 4096;
const WORDS: usize = 64;

impl Passed {
    /// Notes a grain; `false` when it came before.
    fn note(&mut self, grain: u64) -> Result<bool, Error> {
        let bits = match self.bits.entry(grain / GRAINS_TOGETHER) {
            Occupied(entry) => entry.into_mut(),
            Vacant(entry) => {
                // With what the map itself takes.
                let charge = self.budget.memory("grains that came by", 600)?;
                entry.insert(([0; WORDS], charge))
            }
        };
        let within = grain % GRAINS_TOGETHER;
        let Some(word) = bits.0.get_mut(int::usize_of(within / 64)) else {
            return Ok(false);
        };
        let bit = 1u64 << (within % 64);
        let is_new = *word & bit == 0;
        *word |= bit;
        Ok(is_new)
    }
}

impl<R> fmt::Debug for StreamReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamReader")
            .field("at", &self.at)
            .field("header", &self.header)
            .field("ending", &self.ending)
            .finish_non_exhaustive()
    }
}

/// A grain as it came by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Grain<'a> {
    /// Byte offset on the disk.
    pub offset: u64,
    /// Its bytes, those that lie on the disk.
    pub data: &'a [u8],
    /// Byte offset in the file.
    pub stored_at: u64,
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// As it should.
    Complete,
    /// After a whole grain at byte `at`, in a stream that has its tables in front and so needs no
    /// mark at its end: whether it is cut off there, only the tables tell.
    Unmarked {
        /// Byte offset of the end.
        at: u64,
    },
    /// After a whole grain or table at byte `at`, without the footer that the header promises: all
    /// grains may have come by, or not.
    FooterMissing {
        /// Byte offset of the end.
        at: u64,
    },
    /// In the middle of something, at byte `at`: what was there is lost.
    Truncated {
        /// Byte offset of the end.
        at: u64,
    },
}

impl Ending {
    /// The ending as an error, if it is one.
    #[must_use]
    pub fn error(self) -> Option<Error> {
        match self {
            Self::Complete | Self::Unmarked { .. } => None,
            Self::FooterMissing { at } => {
                Some(Error::new(Cause::VmdkFooterMissing).at("stream", at))
            }
            Self::Truncated { at } => Some(Error::new(Cause::VmdkTruncated).at("stream", at)),
        }
    }
}

impl<R: Read> StreamReader<R> {
    /// Reads what precedes the grains.
    ///
    /// # Errors
    /// As [`open`](super::open()); [`Cause::VmdkKind`] for an extent whose grains are not a stream.
    pub fn new(reader: R, limits: &Limits) -> Result<Self, Error> {
        let budget = Budget::new(*limits);
        let mut source = Source::new(reader);
        let mut first = [0; 512];
        fill_all(&mut source, &mut first)?;
        let header = Header::parse(&first, 0, limits)?;
        if !header.compressed {
            return Err(Error::new(Cause::VmdkKind).at("header", 8).field("flags"));
        }
        let overhead = header.overhead.checked_mul(SECTOR).filter(|end| *end > 0);
        let bad = |at, field, found: u64| {
            Error::new(Cause::VmdkOffset)
                .at("header", at)
                .field(field)
                .found(found)
        };
        let grains_at = overhead.ok_or_else(|| bad(64, "overHead", header.overhead))?;
        let descriptor = match header.descriptor {
            (_, 0) => None,
            (start, len) => {
                let end = start.checked_add(len).filter(|end| *end <= grains_at);
                if start < SECTOR || end.is_none() {
                    return Err(bad(28, "descriptorOffset", start / SECTOR));
                }
                budget.text("descriptor", len)?;
                skip_before(&mut source, start)?;
                let (mut text, _charge) = budget.buffer("descriptor", len)?;
                fill_all(&mut source, &mut text)?;
                Some(Descriptor::parse(&text, start)?)
            }
        };
        skip_before(&mut source, grains_at)?;
        let (compressed, compressed_charge) =
            budget.buffer("compressed grain", scratch_len(header.grain_bytes))?;
        let (grain, grain_charge) = budget.buffer("grain", header.grain_bytes)?;
        Ok(Self {
            reader: source.reader,
            at: source.at,
            header,
            descriptor,
            footer_seen: false,
            stopped: false,
            ending: None,
            compressed,
            grain,
            passed: Passed {
                bits: HashMap::new(),
                budget,
            },
            _charges: [compressed_charge, grain_charge],
        })
    }

    /// The embedded descriptor.
    #[must_use]
    pub fn descriptor(&self) -> Option<&Descriptor> {
        self.descriptor.as_ref()
    }

    /// Bytes of the disk.
    #[must_use]
    pub fn disk_size(&self) -> u64 {
        self.header.disk_bytes
    }

    /// Bytes of a grain.
    #[must_use]
    pub fn grain_size(&self) -> u64 {
        self.header.grain_bytes
    }

    /// Bytes of the file that were read so far.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.at
    }

    /// How the stream ended; `None` before [`StreamReader::next_grain`] said so, and after an error.
    #[must_use]
    pub fn ending(&self) -> Option<Ending> {
        self.ending
    }

    /// The next grain, or `None` at the end or after an error.
    ///
    /// # Errors
    /// When the stream cannot be read, or what is wrong with it. That it is cut off is none: see
    /// [`StreamReader::ending`].
    pub fn next_grain(&mut self) -> Result<Option<Grain<'_>>, Error> {
        if self.stopped {
            return Ok(None);
        }
        // Until it is known to go on.
        self.stopped = true;
        loop {
            match self.step()? {
                Step::Metadata => {}
                Step::End(ending) => {
                    self.ending = Some(ending);
                    return Ok(None);
                }
                Step::Grain {
                    offset,
                    stored_at,
                    len,
                } => {
                    self.stopped = false;
                    let on_disk = int::min_usize(self.header.grains().grain_len(offset), len);
                    return Ok(Some(Grain {
                        offset,
                        data: self.grain.get(..on_disk).unwrap_or_default(),
                        stored_at,
                    }));
                }
            }
        }
    }

    /// The bytes of the grain that came last, and what is left of others behind them.
    pub(crate) fn last_grain(&self) -> &[u8] {
        &self.grain
    }

    fn step(&mut self) -> Result<Step, Error> {
        let mut source = Source {
            reader: &mut self.reader,
            at: self.at,
        };
        let stored_at = source.at;
        let sector = self.compressed.get_mut(..512).unwrap_or_default();
        let n = source.fill(sector)?;
        self.at = source.at;
        if n == 0 {
            let at = self.at;
            return Ok(Step::End(match self.end() {
                Ending::Complete if !self.footer_seen => Ending::Unmarked { at },
                ending => ending,
            }));
        }
        let Ok((marker, _)) = Marker::read_from_prefix(sector.get(..n).unwrap_or_default()) else {
            return Ok(Step::End(Ending::Truncated { at: self.at }));
        };
        if marker.size.get() != 0 {
            return self.grain(stored_at, n, marker);
        }
        if n < sector.len() {
            return Ok(Step::End(Ending::Truncated { at: self.at }));
        }
        self.metadata(stored_at, marker)
    }

    fn end(&self) -> Ending {
        if self.header.gd_sector == GD_AT_END && !self.footer_seen {
            return Ending::FooterMissing { at: self.at };
        }
        Ending::Complete
    }

    /// A grain whose first sector, of which `have` bytes were there, is in the buffer.
    fn grain(&mut self, stored_at: u64, have: usize, marker: Marker) -> Result<Step, Error> {
        let lba = marker.val.get();
        let offset = lba.checked_mul(SECTOR).filter(|offset| {
            let rest = offset.checked_rem(self.header.grain_bytes);
            rest == Some(0) && *offset < self.header.disk_bytes
        });
        let wrong = |cause| {
            Error::new(cause)
                .at("grain marker", stored_at)
                .field("lba")
                .found(lba)
        };
        let offset = offset.ok_or_else(|| wrong(Cause::VmdkGrainMarker))?;
        let number = offset.checked_div(self.header.grain_bytes).unwrap_or(0);
        if !self.passed.note(number)? {
            return Err(wrong(Cause::VmdkGrainTwice));
        }
        let end = check_size(self.header.grain_bytes, marker.size.get(), stored_at)?;
        let padded = end.checked_next_multiple_of(512).unwrap_or(end);
        let mut got = have;
        if have == 512 && padded > have {
            let mut source = Source {
                reader: &mut self.reader,
                at: self.at,
            };
            let rest = self.compressed.get_mut(have..padded).unwrap_or_default();
            got = got.saturating_add(source.fill(rest)?);
            self.at = source.at;
        }
        // The padding of the last grain may be missing, its data may not.
        if got < end {
            return Ok(Step::End(Ending::Truncated { at: self.at }));
        }
        let data = self.compressed.get(12..end).unwrap_or_default();
        let len = inflate_grain(
            self.header.grains(),
            data,
            offset,
            stored_at,
            &mut self.grain,
        )?;
        Ok(Step::Grain {
            offset,
            stored_at,
            len,
        })
    }

    fn metadata(&mut self, stored_at: u64, marker: Marker) -> Result<Step, Error> {
        let kind = marker.kind.get();
        match kind {
            MARKER_EOS => Ok(Step::End(self.end())),
            MARKER_GT | MARKER_GD => {
                let mut source = Source {
                    reader: &mut self.reader,
                    at: self.at,
                };
                let len = marker.val.get().saturating_mul(SECTOR);
                let skipped = source.skip(len)?;
                self.at = source.at;
                if skipped < len {
                    return Ok(Step::End(Ending::Truncated { at: self.at }));
                }
                Ok(Step::Metadata)
            }
            MARKER_FOOTER => {
                let mut source = Source {
                    reader: &mut self.reader,
                    at: self.at,
                };
                let mut sector = [0; 512];
                let n = source.fill(&mut sector)?;
                let footer_at = self.at;
                self.at = source.at;
                if n < sector.len() {
                    return Ok(Step::End(Ending::Truncated { at: self.at }));
                }
                // The limits were checked on the header, which has to say the same.
                let footer = Header::parse(&sector, footer_at, &Limits::default())?;
                if !self.header.agrees(&footer) {
                    return Err(Error::new(Cause::VmdkFooterDisagrees).at("footer", footer_at));
                }
                self.footer_seen = true;
                Ok(Step::Metadata)
            }
            _ => Err(Error::new(Cause::VmdkMarker)
                .at("marker", stored_at)
                .field("type")
                .found(kind)),
        }
    }
}

enum Step {
    Grain {
        offset: u64,
        stored_at: u64,
        len: usize,
    },
    Metadata,
    End(Ending),
}

fn fill_all<R: Read>(source: &mut Source<R>, buf: &mut [u8]) -> Result<(), Error> {
    if source.fill(buf)? < buf.len() {
        return Err(Error::new(Cause::VmdkTruncated).at("stream", source.at));
    }
    Ok(())
}

/// Passes over what precedes byte `end`.
fn skip_before<R: Read>(source: &mut Source<R>, end: u64) -> Result<(), Error> {
    let len = end.saturating_sub(source.at);
    if source.skip(len)? < len {
        return Err(Error::new(Cause::VmdkTruncated).at("stream", source.at));
    }
    Ok(())
}
