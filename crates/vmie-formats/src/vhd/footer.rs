//! The footer and its copy, and which of them counts.

use vmie_io::{LimitExceeded, Limits, ReadAt, ReadAtExt, int};
use zerocopy::FromBytes;

use super::format::{
    FEATURE_TEMPORARY, FOOTER, FOOTER_COOKIE, GEOMETRY_CREATORS, HEADER, MAJOR_VERSION,
    MAX_GEOMETRY, RawFooter, SECTOR, SHORT_FOOTER, TYPE_DIFFERENCING, TYPE_DYNAMIC, TYPE_FIXED,
    checksum_of, footer_at,
};
use crate::{Cause, Error, ImageNote, NoteKind, Variant};

/// A footer whose checksum is right.
#[derive(Clone, Copy, Debug)]
pub(super) struct Footer {
    pub(super) raw: RawFooter,
    /// Where it was, in bytes.
    pub(super) at: u64,
}

/// What the ends of a file hold.
#[derive(Debug)]
pub(super) struct Ends {
    /// The file's first bytes: the footer's copy and usually the dynamic disk header.
    pub(super) head: Vec<u8>,
    /// The footer at the end, when its cookie is there.
    end: Option<Result<Footer, Error>>,
    /// Its copy at the start, when its cookie is there.
    start: Option<Result<Footer, Error>>,
    file_size: u64,
}

/// Bytes of the file's beginning that are read at once: the copy of the footer and the header.
const HEAD: usize = 1536;

impl Ends {
    /// Reads both ends of a file, which takes two reads.
    pub(super) fn read(source: &dyn ReadAt) -> Result<Self, Error> {
        let file_size = source.len();
        let mut head = vec![0; HEAD];
        let n = source.read_up_to(&mut head, 0)?;
        head.truncate(n);
        let start = head.first_chunk::<512>().and_then(|copy| parse(copy, 0));
        let mut tail = [0; 512];
        let from = file_size.saturating_sub(FOOTER);
        let n = source.read_up_to(&mut tail, from)?;
        let end = end_footer(tail.get(..n).unwrap_or_default(), file_size);
        Ok(Self {
            head,
            end,
            start,
            file_size,
        })
    }

    /// Reads the start of a file whose end is not there yet.
    pub(super) fn start(source: &dyn ReadAt) -> Result<Self, Error> {
        let head = source.read_array::<HEAD>(0)?.to_vec();
        let start = head.first_chunk::<512>().and_then(|copy| parse(copy, 0));
        Ok(Self {
            head,
            end: None,
            start,
            file_size: source.len(),
        })
    }

    /// Whether there is a cookie where one belongs, and the footer there, if it is whole.
    pub(super) fn found(&self) -> Vec<(u64, &'static str, Option<&Footer>)> {
        let mut found = Vec::new();
        if let Some(end) = &self.end {
            let what = "the VHD cookie in the footer";
            let at = end.as_ref().map_or_else(
                |e| e.offset().unwrap_or(0).saturating_sub(footer_at::CHECKSUM),
                |f| f.at,
            );
            found.push((at, what, end.as_ref().ok()));
        }
        if let Some(start) = &self.start {
            let what = "the VHD cookie in the footer's copy";
            found.push((0, what, start.as_ref().ok()));
        }
        found
    }

    /// The footer that counts: the one at the end, unless it is damaged or missing and its copy is
    /// whole.
    pub(super) fn choose(&self, notes: &mut Vec<ImageNote>) -> Result<Footer, Error> {
        let missing = Error::new(Cause::VhdFooterMissing)
            .at("VHD footer", self.file_size.saturating_sub(FOOTER));
        match (&self.end, &self.start) {
            (None, None) => Err(Error::new(Cause::WrongFormat)
                .at("VHD footer", self.file_size.saturating_sub(FOOTER))
                .field("Cookie")),
            (Some(Ok(end)), start) => {
                if end.raw.disk_type.get() != TYPE_FIXED {
                    compare(end, start.as_ref(), notes);
                }
                Ok(*end)
            }
            (None | Some(Err(_)), Some(Ok(start))) => {
                // A fixed disk has no copy at its start: that is what the guest wrote there.
                if start.raw.disk_type.get() == TYPE_FIXED {
                    return Err(match &self.end {
                        Some(Err(error)) => error.clone(),
                        _ => missing,
                    });
                }
                let what = match self.end {
                    None => "the footer at the end is missing, so its copy at the start is used",
                    Some(_) => "the footer at the end is damaged, so its copy at the start is used",
                };
                let at = self.file_size.saturating_sub(FOOTER);
                notes.push(ImageNote::new(NoteKind::SecondCopyUsed, Some(at), what));
                Ok(*start)
            }
            (Some(Err(error)), _) => Err(error.clone()),
            (None, Some(Err(error))) => Err(error.clone()),
        }
    }

    /// The bytes of the dynamic disk header at `at`, from what was read already if they are there.
    pub(super) fn header(&self, source: &dyn ReadAt, at: u64) -> Result<[u8; 1024], Error> {
        let from = int::usize_of(at);
        let head = self.head.get(from..).and_then(<[u8]>::first_chunk::<1024>);
        if let Some(bytes) = head {
            return Ok(*bytes);
        }
        let end = at.checked_add(HEADER).filter(|end| *end <= self.file_size);
        if end.is_none() {
            return Err(Error::new(Cause::VhdOffset)
                .at("VHD footer", footer_at::DATA_OFFSET)
                .field("Data Offset")
                .found(at));
        }
        Ok(source.read_array::<1024>(at)?)
    }
}

/// The footer at the end of a file, of which `last` are the last bytes, at most 512.
pub(super) fn end_footer(last: &[u8], file_size: u64) -> Option<Result<Footer, Error>> {
    let whole = last.last_chunk::<512>();
    let whole = whole.and_then(|bytes| parse(bytes, file_size.checked_sub(FOOTER)?));
    whole.or_else(|| {
        // A footer of 511 bytes is the same with its last byte left out.
        let mut bytes = [0; 512];
        let short = last.last_chunk::<511>()?;
        bytes.first_chunk_mut::<511>()?.copy_from_slice(short);
        parse(&bytes, file_size.checked_sub(SHORT_FOOTER)?)
    })
}

/// The footer in these bytes, which stand at `at`; `None` when there is no cookie.
fn parse(bytes: &[u8; 512], at: u64) -> Option<Result<Footer, Error>> {
    let raw = RawFooter::read_from_bytes(bytes).ok()?;
    if raw.cookie != FOOTER_COOKIE {
        return None;
    }
    if checksum_of(bytes, raw.checksum) != raw.checksum.get() {
        return Some(Err(Error::new(Cause::VhdChecksum)
            .at("VHD footer", at.saturating_add(footer_at::CHECKSUM))
            .field("Checksum")
            .found(raw.checksum.get())));
    }
    Some(Ok(Footer { raw, at }))
}

/// Notes where the copy at the start is not what the footer at the end is (SVC-ERR-8).
fn compare(end: &Footer, start: Option<&Result<Footer, Error>>, notes: &mut Vec<ImageNote>) {
    use zerocopy::IntoBytes as _;
    let what = match start {
        Some(Ok(start)) if start.raw.as_bytes() == end.raw.as_bytes() => return,
        Some(Ok(_)) => "the footer at the end and its copy at the start differ; the former is used",
        Some(Err(_)) => "the footer's copy at the start is damaged",
        None => "the footer's copy at the start is missing",
    };
    notes.push(ImageNote::new(NoteKind::FootersDiffer, Some(0), what));
}

impl Footer {
    fn fault(&self, cause: Cause, field: &'static str, at: u64) -> Error {
        Error::new(cause)
            .at("VHD footer", self.at.saturating_add(at))
            .field(field)
    }

    /// Which kind of VHD it is.
    pub(super) fn variant(&self) -> Result<Variant, Error> {
        let version = self.raw.file_format_version.get();
        if version >> 16 != MAJOR_VERSION {
            let error = self.fault(Cause::VhdVersion, "File Format Version", footer_at::VERSION);
            return Err(error.found(version));
        }
        match self.raw.disk_type.get() {
            TYPE_FIXED => Ok(Variant::VhdFixed),
            TYPE_DYNAMIC => Ok(Variant::VhdDynamic),
            TYPE_DIFFERENCING => Ok(Variant::VhdDifferencing),
            other => {
                let error = self.fault(Cause::VhdType, "Disk Type", footer_at::DISK_TYPE);
                Err(error.found(other))
            }
        }
    }

    /// Bytes of the disk: whole sectors, and by the creator either the current size or what the
    /// geometry comes to.
    pub(super) fn disk_bytes(
        &self,
        limits: &Limits,
        notes: &mut Vec<ImageNote>,
    ) -> Result<u64, Error> {
        let raw = &self.raw;
        let current = raw.current_size.get();
        let sectors = u64::from(raw.cylinders.get())
            .saturating_mul(u64::from(raw.heads))
            .saturating_mul(u64::from(raw.sectors_per_track));
        let by_geometry = GEOMETRY_CREATORS.contains(&raw.creator_application)
            && sectors != MAX_GEOMETRY
            && sectors > 0;
        let whole = current.saturating_sub(current % SECTOR);
        let bytes = if by_geometry {
            sectors.saturating_mul(SECTOR)
        } else {
            whole
        };
        let at = self.at.saturating_add(footer_at::CURRENT_SIZE);
        if bytes != current {
            let taken = if by_geometry {
                "the creator means the geometry, which is used"
            } else {
                "a part of a sector at the end is left out"
            };
            let detail = format!("the current size is {current} bytes, the disk {bytes}: {taken}");
            notes.push(ImageNote::new(NoteKind::Disagreement, Some(at), detail));
        }
        if bytes == 0 {
            let error = self.fault(Cause::VhdSize, "Current Size", footer_at::CURRENT_SIZE);
            return Err(error.found(current));
        }
        if bytes > limits.virtual_size {
            let limit = limits.virtual_size;
            return Err(LimitExceeded::new("virtual disk", "bytes", bytes, limit).into());
        }
        Ok(bytes)
    }

    /// What else is worth knowing.
    pub(super) fn notes(&self, notes: &mut Vec<ImageNote>) {
        if self.raw.saved_state != 0 {
            let at = self.at.saturating_add(footer_at::SAVED_STATE);
            let what = "the machine was suspended; its memory is not in the image";
            notes.push(ImageNote::new(NoteKind::SavedState, Some(at), what));
        }
        if self.raw.features.get() & FEATURE_TEMPORARY != 0 {
            let at = self.at.saturating_add(8);
            let what = "the disk is marked as temporary, to be deleted on shutdown";
            notes.push(ImageNote::new(NoteKind::Quirk, Some(at), what));
        }
    }

    /// The creator's code and version: `win 10.0`.
    pub(super) fn creator(&self) -> Option<String> {
        let code = String::from_utf8_lossy(&self.raw.creator_application);
        let code = code.trim_matches(['\0', ' ']);
        let version = self.raw.creator_version.get();
        let (major, minor) = (version >> 16, version & 0xffff);
        (!code.is_empty()).then(|| format!("{code} {major}.{minor}"))
    }

    /// What children name this disk by.
    pub(super) fn identity(&self) -> String {
        guid(&self.raw.unique_id)
    }
}

/// The usual text of an id, its bytes in the order in which they are stored.
pub(super) fn guid(id: &[u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (index, byte) in id.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        let digit = |n: u8| char::from_digit(u32::from(n), 16).unwrap_or('0');
        text.push(digit(byte >> 4));
        text.push(digit(byte & 15));
    }
    text
}
