//! One pass over an image that cannot be read at offsets: a pipe, a download, an object of a store.
//!
//! What can be read so are raw disks, stream-optimized VMDKs, fixed and dynamic VHDs, VHDXs and VDIs
//! whose tables stand before their blocks (as all writers known here put them), and OVAs of those,
//! whose descriptor stands first (DSP0243 demands it). The rest is refused with
//! [`Cause::NotStreamable`] at the first byte that shows it.
//!
//! Memory is bounded: tables are kept, up to 32 MiB from the beginning, and of the data one piece.
//!
//! ```
//! use vmie_formats::stream::{self, Event};
//! use vmie_formats::{ExtentKind, OpenOptions};
//! # let file = vmie_testkit::vhdx::Builder::dynamic(&[7; 70_000]).build();
//!
//! // `file` is a VHDX; standard input would do as well.
//! let mut stream = stream::open(std::io::Cursor::new(file), &OpenOptions::new())?;
//! let mut data = 0;
//! while let Some(event) = stream.next_event()? {
//!     match event {
//!         Event::Start(disk) => assert_eq!(disk.virtual_size, Some(70_144)),
//!         Event::Piece(piece) if piece.kind == ExtentKind::Data => data += piece.len,
//!         Event::Piece(_) => {}
//!         Event::End(disk) => assert_eq!(disk.format.name(), "vhdx"),
//!         _ => {}
//!     }
//! }
//! assert_eq!(data, 70_144);
//! # Ok::<(), vmie_formats::Error>(())
//! ```

mod held;
mod placed;
mod plain;
mod source;
mod write;

use std::fmt;
use std::io::{Cursor, Read};
use std::sync::Arc;

use vmie_io::{Budget, ExtentKind, int};

pub(crate) use self::held::Held;
use self::placed::Placed;
pub(crate) use self::placed::Places;
use self::plain::Plain;
pub(crate) use self::source::Source;
pub use self::write::Written;
use crate::open::not_read;
use crate::ova::Archive;
use crate::{Cause, Error, Format, OpenOptions, Variant, probe, vhd, vmdk};

/// Bytes at the beginning by which the format is told: the last magic number stands before them.
const HEAD: usize = 64 << 10;

/// What came by.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A disk begins: the pieces up to its end are of it.
    Start(Start),
    /// A part of the disk. They come in the order of the file, not of the disk; none of them
    /// overlap. What no piece covers is a hole.
    Piece(Piece<'a>),
    /// The disk's end.
    End(End),
}

/// What is known of a disk before its data comes by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Start {
    /// Its place among the disks of the machine; 0 for an image that is one disk.
    pub number: usize,
    /// How many disks the machine has; 1 for an image that is one disk.
    pub count: usize,
    /// Name of the member of the archive that holds it.
    pub member: Option<String>,
    /// The format; `None` when only the end tells: it is raw or a fixed VHD.
    pub format: Option<Format>,
    /// Which kind of the format.
    pub variant: Option<Variant>,
    /// Bytes of the disk; `None` when only the end tells.
    pub virtual_size: Option<u64>,
    /// Bytes of an allocation unit, where there is such a thing.
    pub block_size: Option<u64>,
}

/// A part of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Piece<'a> {
    /// Its first byte on the disk.
    pub offset: u64,
    /// Bytes of the disk that it covers.
    pub len: u64,
    /// What is known of them.
    pub kind: ExtentKind,
    /// The bytes, `len` of them; empty when they are no data.
    pub data: &'a [u8],
}

/// A piece without its bytes.
#[derive(Clone, Copy)]
struct Part {
    offset: u64,
    len: u64,
    kind: ExtentKind,
}

/// What is known of a disk after all of it came by.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct End {
    /// The format.
    pub format: Format,
    /// Which kind of the format.
    pub variant: Option<Variant>,
    /// Bytes of the disk. Where the beginning did not tell it, pieces may have reached past it:
    /// what lies past it is not of the disk.
    pub virtual_size: u64,
    /// Why something may be missing, when the stream ended too early for all to have come by. What
    /// came by is right.
    pub fault: Option<Error>,
}

/// Begins to read an image that comes by once. `reader` is read in steps of at least 512 bytes where
/// it gives so many, so it needs no buffer.
///
/// # Errors
/// [`Cause::NotStreamable`] for what has to be read at offsets; else as [`OpenOptions::open`], as far
/// as the beginning of the stream shows it.
pub fn open(
    reader: impl Read + Send + 'static,
    options: &OpenOptions,
) -> Result<StreamReader, Error> {
    let budget = options.budget();
    let options = options.clone().charged_to(&budget);
    let (head, reader) = head(Box::new(reader))?;
    let format = match options.format_ref() {
        Some(format) => Some(format),
        None => guess(&head)?,
    };
    let state = match format {
        Some(Format::Ova) => {
            let held = Arc::new(Held::new(reader, &budget));
            State::Archive(Box::new(Archive::new(held, &budget)))
        }
        Some(Format::Ovf | Format::ImportManifest) => {
            // What is described lies in other files.
            return Err(refused(format.unwrap_or(Format::Ovf)));
        }
        _ => {
            let disk = Disk::open(head, reader, format, &options, &budget)?;
            State::Disk(Box::new(disk), 1)
        }
    };
    Ok(StreamReader {
        state,
        current: None,
        stated: None,
        options: options.format(None),
        budget,
    })
}

/// The refusal of a format that is read at offsets only.
fn refused(format: Format) -> Error {
    Error::new(Cause::NotStreamable)
        .at("stream", 0)
        .found(format.name())
}

/// The beginning of a stream, and the stream from its first byte on.
fn head(mut reader: Box<dyn Read + Send>) -> Result<(Vec<u8>, Box<dyn Read + Send>), Error> {
    let mut head = vec![0; HEAD];
    let n = Source::new(&mut reader).fill(&mut head)?;
    head.truncate(n);
    let whole = Cursor::new(head.clone()).chain(reader);
    Ok((head, Box::new(whole)))
}

/// The format by the beginning of a file; `None` when it does not tell: raw, or a fixed VHD.
fn guess(head: &[u8]) -> Result<Option<Format>, Error> {
    let mut head = head.to_vec();
    if head.len() == HEAD {
        // The file goes on: what stands here is not its end.
        head.resize(HEAD.saturating_add(512), 0);
    }
    let likeliest = probe(&head)?.into_iter().next();
    Ok(match likeliest.map(|candidate| candidate.format) {
        Some(Format::Raw) => None,
        Some(Format::Vhd) if !vhd::is_start_of_blocks(&head) => None,
        format => format,
    })
}

/// Reads disks that come by once; made by [`open`].
pub struct StreamReader {
    state: State,
    /// The disk that comes by.
    current: Option<Box<Disk>>,
    /// What the descriptor says that it is.
    stated: Option<Format>,
    options: OpenOptions,
    budget: Budget,
}

impl fmt::Debug for StreamReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamReader").finish_non_exhaustive()
    }
}

/// What comes after the current disk.
enum State {
    /// This disk, of so many.
    Disk(Box<Disk>, usize),
    /// What an archive holds.
    Archive(Box<Archive>),
    /// Nothing: it was the last, or there was an error.
    Over,
}

/// A disk that comes by.
enum Disk {
    Plain(Plain),
    Placed(Box<Placed>),
    Vmdk(Box<vmdk::StreamReader<Box<dyn Read + Send>>>),
}

impl Disk {
    fn open(
        head: Vec<u8>,
        reader: Box<dyn Read + Send>,
        format: Option<Format>,
        options: &OpenOptions,
        budget: &Budget,
    ) -> Result<Self, Error> {
        let held = |reader| Arc::new(Held::new(reader, budget));
        let placed = |placed: Placed| Self::Placed(Box::new(placed));
        Ok(match format {
            None | Some(Format::Raw) => Self::Plain(Plain::new(reader, format, budget)?),
            Some(Format::Vhd)
                if head.starts_with(b"conectix") && vhd::is_start_of_blocks(&head) =>
            {
                placed(Placed::vhd(held(reader), options, budget)?)
            }
            Some(Format::Vhd) => Self::Plain(Plain::new(reader, format, budget)?),
            #[cfg(feature = "vhdx")]
            Some(Format::Vhdx) => placed(Placed::vhdx(held(reader), options, budget)?),
            #[cfg(feature = "vdi")]
            Some(Format::Vdi) => placed(Placed::vdi(held(reader), options, budget)?),
            Some(Format::Vmdk) if !head.starts_with(b"KDMV") => return Err(refused(Format::Vmdk)),
            Some(Format::Vmdk) => {
                // The descriptor, the tables or the data of any other kind lie elsewhere.
                let stream = vmdk::StreamReader::new(reader, budget.limits());
                Self::Vmdk(Box::new(stream.map_err(|error| {
                    match error.cause() {
                        Cause::VmdkKind => Error::new(Cause::NotStreamable)
                            .at("header", 8)
                            .field("flags")
                            .found("vmdk"),
                        _ => error,
                    }
                })?))
            }
            #[cfg(feature = "qcow2")]
            Some(format @ Format::Qcow2) => return Err(refused(format)),
            Some(format) => return Err(not_read(format)),
        })
    }

    fn start(&self) -> Start {
        match self {
            Self::Plain(plain) => plain.start(),
            Self::Placed(placed) => placed.start(),
            Self::Vmdk(stream) => Start {
                format: Some(Format::Vmdk),
                variant: Some(Variant::VmdkStreamOptimized),
                virtual_size: Some(stream.disk_size()),
                block_size: Some(stream.grain_size()),
                ..Start::default()
            },
        }
    }

    /// What comes next of the disk.
    fn next(&mut self) -> Result<Option<Part>, Error> {
        match self {
            Self::Plain(plain) => plain.next(),
            Self::Placed(placed) => placed.next(),
            Self::Vmdk(stream) => Ok(stream.next_grain()?.map(|grain| Part {
                offset: grain.offset,
                len: int::u64_of(grain.data.len()),
                kind: ExtentKind::Data,
            })),
        }
    }

    /// The bytes of what came last.
    fn data(&self, part: Part) -> &[u8] {
        if part.kind != ExtentKind::Data {
            return &[];
        }
        let buf = match self {
            Self::Plain(plain) => plain.buf(),
            Self::Placed(placed) => placed.buf(),
            Self::Vmdk(stream) => stream.last_grain(),
        };
        buf.get(..int::usize_of(part.len)).unwrap_or_default()
    }

    fn finish(&mut self) -> Result<End, Error> {
        match self {
            Self::Plain(plain) => plain
                .finish()
                .ok_or_else(|| Error::new(Cause::Read).in_structure("stream")),
            Self::Placed(placed) => placed.finish(),
            Self::Vmdk(stream) => Ok(End {
                format: Format::Vmdk,
                variant: Some(Variant::VmdkStreamOptimized),
                virtual_size: stream.disk_size(),
                fault: stream.ending().and_then(vmdk::Ending::error),
            }),
        }
    }
}

impl StreamReader {
    /// What comes by next, or `None` after the last of all and after an error.
    ///
    /// # Errors
    /// When the stream cannot be read, or what is wrong with the image. What came by before is
    /// right.
    pub fn next_event(&mut self) -> Result<Option<Event<'_>>, Error> {
        let Some(mut disk) = self.current.take() else {
            return self.next_disk();
        };
        // Until it is known to go on; an error ends everything.
        let state = std::mem::replace(&mut self.state, State::Over);
        if let Some(part) = disk.next()? {
            self.state = state;
            let data = self.current.insert(disk).data(part);
            return Ok(Some(Event::Piece(Piece {
                offset: part.offset,
                len: part.len,
                kind: part.kind,
                data,
            })));
        }
        let end = disk.finish()?;
        self.check_stated(end.format)?;
        self.state = state;
        Ok(Some(Event::End(end)))
    }

    fn next_disk(&mut self) -> Result<Option<Event<'_>>, Error> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Over => Ok(None),
            State::Disk(disk, count) => {
                let mut start = disk.start();
                start.count = count;
                self.current = Some(disk);
                Ok(Some(Event::Start(start)))
            }
            State::Archive(mut archive) => {
                let Some(member) = archive.next_disk()? else {
                    return Ok(None);
                };
                let (head, reader) = head(Box::new(member.body))?;
                let disk = Disk::open(
                    head.clone(),
                    reader,
                    guess(&head)?,
                    &self.options,
                    &self.budget,
                )?;
                let mut start = disk.start();
                start.number = member.file.number;
                start.count = archive.disk_count();
                start.member = Some(member.name);
                self.stated = member.file.format;
                if let Some(format) = start.format {
                    self.check_stated(format)?;
                }
                self.current = Some(Box::new(disk));
                self.state = State::Archive(archive);
                Ok(Some(Event::Start(start)))
            }
        }
    }

    /// Whether a disk is what the descriptor says, where it says so.
    fn check_stated(&self, format: Format) -> Result<(), Error> {
        match self.stated {
            Some(stated) if stated != format => Err(Error::new(Cause::DiskFormat)
                .in_structure("Disk")
                .field("format")
                .found(format.name())),
            _ => Ok(()),
        }
    }
}
