//! Finding a physical volume's label and the descriptions of its volume group.

use vmie_io::{Budget, Charge, ReadAt, ReadAtExt, int};
use zerocopy::FromBytes;

use super::format::{
    DiskLocn, FMTT_MAGIC, FMTT_VERSION, LABEL_CRC_START, LABEL_ID, LABEL_SECTORS, LABEL_TYPE,
    LabelHeader, MAX_TEXT, MDA_HEADER_SIZE, MdaHeader, PvHeader, RAW_LOCN_IGNORED, RawLocn, SECTOR,
    crc, uuid,
};
use crate::{Cause, Error};

const LABEL: &str = "LVM label";
const PV_HEADER: &str = "LVM physical volume header";
const AREA: &str = "LVM metadata area";

/// A physical volume.
#[derive(Debug)]
pub(crate) struct PhysicalVolume {
    /// Its UUID with dashes.
    pub(crate) uuid: String,
    /// The descriptions found on it, one for each good metadata area.
    pub(crate) texts: Vec<Text>,
    /// Whether it has metadata areas that are damaged.
    pub(crate) damaged: bool,
}

/// A volume group's description as it stands on a physical volume.
#[derive(Debug)]
pub(crate) struct Text {
    pub(crate) bytes: Vec<u8>,
    pub(crate) crc: u32,
    /// Where its first byte is, on the volume.
    pub(crate) start: u64,
    /// How many of its bytes are there, and where the others are.
    first: u64,
    wrapped: u64,
    _charge: Charge,
}

impl Text {
    /// Where on the volume a byte of the text is.
    pub(crate) fn offset(&self, at: usize) -> u64 {
        let at = int::u64_of(at);
        match at.checked_sub(self.first) {
            Some(after) => self.wrapped.saturating_add(after),
            None => self.start.saturating_add(at),
        }
    }
}

/// Looks for a label; what is odd about it goes to `notes`.
///
/// # Errors
/// Only when the budget is used up.
pub(crate) fn probe(
    volume: &dyn ReadAt,
    budget: &Budget,
    notes: &mut Vec<Error>,
) -> Result<Option<PhysicalVolume>, Error> {
    let mut head = [0u8; 2048];
    let n = volume.read_up_to(&mut head, 0).unwrap_or(0);
    let head = head.get(..n).unwrap_or_default();
    for (number, sector) in (0..LABEL_SECTORS).zip(head.chunks_exact(512)) {
        let start = number.saturating_mul(SECTOR);
        let Ok((label, _)) = LabelHeader::read_from_prefix(sector) else {
            continue;
        };
        if label.id != LABEL_ID || label.kind != LABEL_TYPE || label.sector_xl.get() != number {
            continue;
        }
        let covered = sector.get(LABEL_CRC_START..).unwrap_or_default();
        if crc(&[covered]) != label.crc_xl.get() {
            notes.push(
                Error::new(Cause::LvmLabelCrc)
                    .at(LABEL, start.saturating_add(16))
                    .field("crc_xl")
                    .found(label.crc_xl.get()),
            );
            continue;
        }
        let offset = label.offset_xl.get();
        let header = usize::try_from(offset)
            .ok()
            .and_then(|at| sector.get(at..))
            .and_then(areas);
        let Some((pv, areas)) = header else {
            let fault = Error::new(Cause::LvmPvHeader).at(PV_HEADER, start);
            notes.push(fault.field("offset_xl").found(offset));
            continue;
        };
        return with_texts(volume, &pv, &areas, budget, notes).map(Some);
    }
    Ok(None)
}

/// The header of a physical volume and its metadata areas.
fn areas(bytes: &[u8]) -> Option<(PvHeader, Vec<DiskLocn>)> {
    let (pv, mut rest) = PvHeader::read_from_prefix(bytes).ok()?;
    let mut found = Vec::new();
    // The data areas are where the description says that extents start, too.
    for list in 0..2 {
        loop {
            let (area, after) = DiskLocn::read_from_prefix(rest).ok()?;
            rest = after;
            if area.offset.get() == 0 {
                break;
            }
            if list == 1 {
                found.push(area);
            }
        }
    }
    Some((pv, found))
}

fn with_texts(
    volume: &dyn ReadAt,
    pv: &PvHeader,
    areas: &[DiskLocn],
    budget: &Budget,
    notes: &mut Vec<Error>,
) -> Result<PhysicalVolume, Error> {
    let mut found = PhysicalVolume {
        uuid: uuid(&pv.pv_uuid),
        texts: Vec::new(),
        damaged: false,
    };
    for area in areas {
        budget.work(AREA, 1)?;
        match text(volume, area, budget) {
            Ok(text) => found.texts.extend(text),
            Err(error) if error.cause() == Cause::Limit => return Err(error),
            Err(error) => {
                found.damaged = true;
                notes.push(error);
            }
        }
    }
    Ok(found)
}

/// The committed description in an area; `None` when it holds none.
fn text(volume: &dyn ReadAt, area: &DiskLocn, budget: &Budget) -> Result<Option<Text>, Error> {
    let start = area.offset.get();
    let bad = |field: &'static str, at: u64| {
        Error::new(Cause::LvmArea)
            .at(AREA, start.saturating_add(at))
            .field(field)
    };
    let bytes: [u8; 512] = volume.read_array(start)?;
    let header = MdaHeader::read_from_prefix(&bytes);
    let (header, _) = header.map_err(|_| bad("", 0))?;
    let covered = bytes.get(4..).unwrap_or_default();
    if header.magic != FMTT_MAGIC {
        return Err(bad("magic", 4).found(header.magic.as_slice()));
    }
    if crc(&[covered]) != header.checksum_xl.get() {
        return Err(bad("checksum_xl", 0).found(header.checksum_xl.get()));
    }
    if header.version.get() != FMTT_VERSION {
        return Err(bad("version", 20).found(header.version.get()));
    }
    if header.start.get() != start {
        return Err(bad("start", 24).found(header.start.get()));
    }
    let size = header.size.get();
    if start.checked_add(size).is_none_or(|end| end > volume.len()) {
        return Err(bad("size", 32).found(size));
    }
    let locn = header.committed;
    if locn.offset.get() == 0 || locn.flags.get() & RAW_LOCN_IGNORED != 0 {
        return Ok(None);
    }
    ring(volume, start, size, &locn, budget).map(Some)
}

/// A description out of the ring that the rest of the area is.
fn ring(
    volume: &dyn ReadAt,
    start: u64,
    size: u64,
    locn: &RawLocn,
    budget: &Budget,
) -> Result<Text, Error> {
    let (offset, len) = (locn.offset.get(), locn.size.get());
    let bad = |field: &'static str, at: u64, found: u64| {
        Error::new(Cause::LvmArea)
            .at(AREA, start.saturating_add(at))
            .field(field)
            .found(found)
    };
    if offset < MDA_HEADER_SIZE || offset >= size {
        return Err(bad("raw_locns[0].offset", 40, offset));
    }
    if len == 0 || len > size.saturating_sub(MDA_HEADER_SIZE) || len > MAX_TEXT {
        return Err(bad("raw_locns[0].size", 48, len));
    }
    let (mut bytes, charge) = budget.buffer(AREA, len)?;
    let first = len.min(size.saturating_sub(offset));
    let wrapped = start.saturating_add(MDA_HEADER_SIZE);
    let at = start.saturating_add(offset);
    let (head, tail) = bytes.split_at_mut(int::usize_of(first));
    volume.read_exact_at(head, at)?;
    if !tail.is_empty() {
        volume.read_exact_at(tail, wrapped)?;
    }
    let found = crc(&[head, tail]);
    if found != locn.checksum.get() {
        return Err(Error::new(Cause::LvmMetadataCrc)
            .at(AREA, start.saturating_add(56))
            .field("raw_locns[0].checksum")
            .found(locn.checksum.get()));
    }
    let text_len = bytes.iter().rposition(|b| *b != 0).unwrap_or(0);
    bytes.truncate(text_len.saturating_add(1));
    Ok(Text {
        bytes,
        crc: found,
        start: at,
        first,
        wrapped,
        _charge: charge,
    })
}
