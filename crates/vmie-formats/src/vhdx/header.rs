//! The two headers, and the region tables.

use std::ops::Range;

use vmie_io::{ReadAt, ReadAtExt, int};
use zerocopy::FromBytes;

use super::format::{
    BAT_REGION, BELOW_MIB, FILE_SIGNATURE, HEADER, HEADER_SECTION, HEADER_SIGNATURE, HEADERS,
    MAX_ENTRIES, METADATA_REGION, MIB, REGION_SIGNATURE, REGION_TABLE, REGION_TABLES, RawHeader,
    RawRegion, RawRegionTable, VERSION, checksum, guid_text,
};
use crate::{Cause, Error, ImageNote, NoteKind};

/// The header section, in one read.
pub(super) fn read_section(source: &dyn ReadAt) -> Result<Vec<u8>, Error> {
    let signature = &mut [0; 8];
    let n = int::min_usize(source.len(), HEADER_SECTION);
    let mut section = vec![0; n];
    source.read_exact_at(&mut section, 0)?;
    let there = section.get(..8).unwrap_or_default();
    if let Some(signature) = signature.get_mut(..there.len()) {
        signature.copy_from_slice(there);
    }
    if *signature != FILE_SIGNATURE {
        return Err(Error::new(Cause::WrongFormat)
            .at("VHDX file type identifier", 0)
            .field("Signature")
            .found(&signature[..]));
    }
    if n < HEADER_SECTION {
        return Err(Error::new(Cause::VhdxOffset)
            .at("VHDX header section", source.len())
            .found(n));
    }
    Ok(section)
}

/// The header that counts, and where it is: the only one that is whole, or the one with the
/// greater sequence number.
pub(super) fn header(
    section: &[u8],
    notes: &mut Vec<ImageNote>,
) -> Result<(RawHeader, u64), Error> {
    let [first, second] = HEADERS.map(|at| (parse_header(section, at), at));
    let (header, at) = match (first, second) {
        ((Some(a), at), (Some(b), other)) => {
            let (one, two) = (a.SequenceNumber.get(), b.SequenceNumber.get());
            if one == two {
                // Two alike, as Sysinternals' Disk2vhd writes them, are one.
                if a != b {
                    return Err(Error::new(Cause::VhdxHeaders)
                        .at("VHDX header", other)
                        .field("SequenceNumber")
                        .found(two));
                }
                let what = "both headers have the same sequence number and content";
                notes.push(ImageNote::new(NoteKind::Quirk, Some(other), what));
            }
            if one >= two { (a, at) } else { (b, other) }
        }
        ((Some(header), at), (None, damaged)) | ((None, damaged), (Some(header), at)) => {
            let what = "a header is damaged, so the other one is used";
            notes.push(ImageNote::new(
                NoteKind::SecondCopyUsed,
                Some(damaged),
                what,
            ));
            (header, at)
        }
        ((None, at), (None, _)) => {
            let found = section.get(int::usize_of(at)..).unwrap_or_default();
            return Err(Error::new(Cause::VhdxHeaders)
                .at("VHDX header", at)
                .field("Signature")
                .found(found.get(..4).unwrap_or_default()));
        }
    };
    if header.Version.get() != VERSION {
        return Err(Error::new(Cause::VhdxVersion)
            .at("VHDX header", at.saturating_add(66))
            .field("Version")
            .found(u64::from(header.Version.get())));
    }
    Ok((header, at))
}

/// The header at `at`, if its signature and checksum are right.
fn parse_header(section: &[u8], at: u64) -> Option<RawHeader> {
    let start = int::usize_of(at);
    let bytes = section.get(start..start.saturating_add(HEADER))?;
    let (header, _) = RawHeader::read_from_prefix(bytes).ok()?;
    let valid = header.Signature == HEADER_SIGNATURE && header.Checksum.get() == checksum(bytes);
    valid.then_some(header)
}

/// Where the two regions that everybody knows are.
#[derive(Clone, Debug)]
pub(super) struct Regions {
    pub(super) bat: Range<u64>,
    pub(super) metadata: Range<u64>,
}

/// The regions, by the first region table that is whole. `source` shows the log's changes.
pub(super) fn regions(
    source: &dyn ReadAt,
    section: Option<&[u8]>,
    notes: &mut Vec<ImageNote>,
) -> Result<Regions, Error> {
    let mut tables = [None, None];
    for (table, at) in tables.iter_mut().zip(REGION_TABLES) {
        let start = int::usize_of(at);
        let read = section.and_then(|s| s.get(start..start.saturating_add(REGION_TABLE)));
        let bytes = match read {
            Some(bytes) => bytes.to_vec(),
            None => source.read_array::<REGION_TABLE>(at)?.to_vec(),
        };
        if is_region_table(&bytes) {
            *table = Some((bytes, at));
        }
    }
    let (bytes, at) = match tables {
        [Some(one), Some(two)] => {
            if one.0 != two.0 {
                let what = "the region tables differ, and the first one is used";
                notes.push(ImageNote::new(NoteKind::Disagreement, Some(two.1), what));
            }
            one
        }
        [Some(one), None] | [None, Some(one)] => {
            let damaged = REGION_TABLES.into_iter().find(|at| *at != one.1);
            let what = "a region table is damaged, so the other one is used";
            notes.push(ImageNote::new(NoteKind::SecondCopyUsed, damaged, what));
            one
        }
        [None, None] => {
            let at = REGION_TABLES.first().copied().unwrap_or(0);
            return Err(Error::new(Cause::VhdxRegionTable).at("VHDX region table", at));
        }
    };
    parse_regions(&bytes, at, source.len())
}

fn is_region_table(bytes: &[u8]) -> bool {
    RawRegionTable::ref_from_prefix(bytes).is_ok_and(|(header, _)| {
        header.Signature == REGION_SIGNATURE && header.Checksum.get() == checksum(bytes)
    })
}

fn parse_regions(bytes: &[u8], at: u64, file_size: u64) -> Result<Regions, Error> {
    let fault = |cause, offset: u64, field| {
        Error::new(cause)
            .at("VHDX region table", at.saturating_add(offset))
            .field(field)
    };
    let count = RawRegionTable::ref_from_prefix(bytes).map_or(0, |(h, _)| h.EntryCount.get());
    if count > MAX_ENTRIES {
        return Err(fault(Cause::VhdxRegionTable, 8, "EntryCount").found(count));
    }
    let (mut bat, mut metadata) = (None, None);
    let mut all: Vec<Range<u64>> = Vec::new();
    let entries = bytes.get(16..).unwrap_or_default().chunks_exact(32);
    let places = (at.saturating_add(16)..).step_by(32);
    for (entry, place) in entries.zip(places).take(int::usize_of(count.into())) {
        let Ok(raw) = RawRegion::ref_from_bytes(entry) else {
            continue;
        };
        let fault = |cause, offset, field| {
            fault(
                cause,
                place.saturating_sub(at).saturating_add(offset),
                field,
            )
        };
        let start = raw.FileOffset.get();
        let len = u64::from(raw.Length.get());
        let known = match raw.Guid {
            BAT_REGION => Some(&mut bat),
            METADATA_REGION => Some(&mut metadata),
            _ => None,
        };
        if known.is_none() && raw.Required.get() & 1 != 0 {
            let error = fault(Cause::VhdxRegionUnknown, 0, "Guid");
            return Err(error.found(guid_text(&raw.Guid).as_str()));
        }
        let aligned = start >= MIB && (start | len) & BELOW_MIB == 0 && len > 0;
        let end = start.checked_add(len).filter(|_| aligned);
        let Some(end) = end else {
            return Err(fault(Cause::VhdxRegion, 16, "FileOffset").found(start));
        };
        if all
            .iter()
            .any(|other| start < other.end && other.start < end)
        {
            return Err(fault(Cause::VhdxRegion, 16, "FileOffset").found(start));
        }
        all.push(start..end);
        if let Some(known) = known {
            if end > file_size {
                return Err(fault(Cause::VhdxOffset, 16, "FileOffset").found(start));
            }
            if known.replace(start..end).is_some() {
                let error = fault(Cause::VhdxRegion, 0, "Guid");
                return Err(error.found(guid_text(&raw.Guid).as_str()));
            }
        }
    }
    let missing = |name: &str| fault(Cause::VhdxRegionMissing, 8, "EntryCount").found(name);
    Ok(Regions {
        bat: bat.ok_or_else(|| missing("BAT"))?,
        metadata: metadata.ok_or_else(|| missing("Metadata"))?,
    })
}
