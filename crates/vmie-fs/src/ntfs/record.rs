//! Records of the master file table, and the attributes in them.

use vmie_io::int;
use zerocopy::FromBytes;

use super::format::{
    ATTR_END, AttrRecord, FIXUP_STRIDE, MftRecord, NON_RESIDENT_OFFSET, NonResidentAttr,
    RECORD_IN_USE, RECORD_IS_DIRECTORY,
};
use crate::{Cause, Error};

const STRUCTURE: &str = "MFT record";
pub(super) const ATTRIBUTE: &str = "NTFS attribute";

/// A reference to a record: its number, and how often the record had been used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reference(pub(super) u64);

impl Reference {
    /// The record's number.
    pub(super) fn number(self) -> u64 {
        self.0 & 0x0000_ffff_ffff_ffff
    }

    /// How often the record had been used; zero when that does not matter.
    pub(super) fn sequence(self) -> u16 {
        u16::try_from(self.0 >> 48).unwrap_or(0)
    }
}

/// Puts back the bytes that the update sequence took from the end of each 512 bytes of a block
/// that starts at byte `at` of the volume.
pub(super) fn fix_up(block: &mut [u8], structure: &'static str, at: u64) -> Result<(), Error> {
    let word = |at: usize| {
        let word = block.get(at..).and_then(<[u8]>::first_chunk::<2>);
        word.map_or(0, |word| u16::from_le_bytes(*word))
    };
    let (start, count) = (usize::from(word(4)), usize::from(word(6)));
    let error = |cause, field, offset: usize| {
        let offset = at.saturating_add(int::u64_of(offset));
        Error::new(cause).at(structure, offset).field(field)
    };
    let strides = block.len().checked_div(FIXUP_STRIDE).unwrap_or(0);
    if count != strides.saturating_add(1) {
        return Err(error(Cause::Value, "usa_count", 6).found(count));
    }
    let end = start.saturating_add(count.saturating_mul(2));
    // The array lies before the end of the first stride, which it could not mend otherwise.
    let array = match block.get(start..end) {
        Some(array) if end <= FIXUP_STRIDE.saturating_sub(2) => array.to_vec(),
        _ => return Err(error(Cause::Value, "usa_ofs", 4).found(start)),
    };
    let (words, _) = array.as_chunks::<2>();
    let Some((number, saved)) = words.split_first() else {
        return Err(error(Cause::Value, "usa_count", 6).found(count));
    };
    let strides = block.chunks_exact_mut(FIXUP_STRIDE);
    for ((stride, old), index) in strides.zip(saved).zip(0usize..) {
        let Some(last) = stride.last_chunk_mut::<2>() else {
            continue;
        };
        if last != number {
            let found = u16::from_le_bytes(*last);
            let offset = index
                .saturating_mul(FIXUP_STRIDE)
                .saturating_add(FIXUP_STRIDE.saturating_sub(2));
            return Err(error(Cause::Torn, "update sequence number", offset).found(found));
        }
        *last = *old;
    }
    Ok(())
}

/// A record, its update sequence undone.
#[derive(Debug)]
pub(super) struct Record {
    bytes: Vec<u8>,
    /// Where it is on the volume.
    pub(super) at: u64,
    pub(super) number: u64,
    pub(super) sequence: u16,
    flags: u16,
    /// The record that this one goes on from; zero for none.
    pub(super) base: Reference,
    attributes: usize,
    in_use: usize,
}

impl Record {
    /// The record of these bytes.
    pub(super) fn new(mut bytes: Vec<u8>, number: u64, at: u64) -> Result<Self, Error> {
        let Ok((header, _)) = MftRecord::read_from_prefix(&bytes) else {
            return Err(Error::new(Cause::Magic).at(STRUCTURE, at).field("magic"));
        };
        if &header.magic != b"FILE" {
            return Err(Error::new(Cause::Magic)
                .at(STRUCTURE, at)
                .field("magic")
                .found(&header.magic[..]));
        }
        fix_up(&mut bytes, STRUCTURE, at)?;
        let attributes = usize::from(header.attrs_offset.get());
        let in_use = header.bytes_in_use.get();
        let end = usize::try_from(in_use).unwrap_or(usize::MAX);
        let error = |field, offset| {
            Error::new(Cause::Value)
                .at(STRUCTURE, at.saturating_add(offset))
                .field(field)
        };
        if end > bytes.len() {
            return Err(error("bytes_in_use", 24).found(in_use));
        }
        if attributes < size_of::<MftRecord>() || attributes > end {
            return Err(error("attrs_offset", 20).found(attributes));
        }
        Ok(Self {
            at,
            number,
            sequence: header.sequence_number.get(),
            flags: header.flags.get(),
            base: Reference(header.base_mft_record.get()),
            attributes,
            in_use: end,
            bytes,
        })
    }

    pub(super) fn is_in_use(&self) -> bool {
        self.flags & RECORD_IN_USE != 0
    }

    pub(super) fn is_directory(&self) -> bool {
        self.flags & RECORD_IS_DIRECTORY != 0
    }

    /// The record's own reference.
    pub(super) fn reference(&self) -> Reference {
        Reference(self.number | (u64::from(self.sequence) << 48))
    }

    /// That the record is free, or in use for something else than was meant.
    pub(super) fn stale(&self, reference: Reference) -> Error {
        Error::new(Cause::Stale)
            .at(STRUCTURE, self.at)
            .field("sequence_number")
            .found(reference.0)
    }

    /// The attributes, in their order.
    pub(super) fn attributes(&self) -> Attributes<'_> {
        Attributes {
            record: self,
            offset: self.attributes,
            before: None,
            over: false,
        }
    }

    /// The first attribute of this type and name (in UTF-16).
    pub(super) fn find(&self, kind: u32, name: &[u16]) -> Result<Option<Attribute<'_>>, Error> {
        for attribute in self.attributes() {
            let attribute = attribute?;
            if attribute.kind == kind && attribute.name_is(name) {
                return Ok(Some(attribute));
            }
        }
        Ok(None)
    }
}

/// An attribute in a record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attribute<'a> {
    pub(super) kind: u32,
    /// UTF-16, two bytes a unit.
    name: &'a [u8],
    pub(super) flags: u16,
    pub(super) body: Body<'a>,
    /// Where it is on the volume.
    pub(super) at: u64,
}

/// Where an attribute's value is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Body<'a> {
    /// In the record.
    Resident(&'a [u8]),
    /// In clusters, which the mapping pairs tell.
    NonResident(NonResident<'a>),
}

/// The part of an attribute that lies in clusters.
#[derive(Clone, Copy, Debug)]
pub(super) struct NonResident<'a> {
    pub(super) lowest_vcn: u64,
    pub(super) compression_unit: u8,
    pub(super) data_size: u64,
    pub(super) initialized_size: u64,
    pub(super) mapping_pairs: &'a [u8],
    /// Where the mapping pairs are on the volume.
    pub(super) pairs_at: u64,
}

impl<'a> Attribute<'a> {
    /// The units of the name.
    pub(super) fn name(&self) -> impl Iterator<Item = u16> + 'a {
        let (units, _) = self.name.as_chunks::<2>();
        units.iter().map(|unit| u16::from_le_bytes(*unit))
    }

    pub(super) fn name_is(&self, name: &[u16]) -> bool {
        self.name.len() == name.len().saturating_mul(2) && self.name().eq(name.iter().copied())
    }

    /// The value, when it is in the record.
    pub(super) fn resident(&self) -> Option<&'a [u8]> {
        match self.body {
            Body::Resident(value) => Some(value),
            Body::NonResident(_) => None,
        }
    }

    /// The first cluster that this part of the attribute is about.
    pub(super) fn lowest_vcn(&self) -> u64 {
        match &self.body {
            Body::Resident(_) => 0,
            Body::NonResident(part) => part.lowest_vcn,
        }
    }

    /// What is wrong with a field of it.
    pub(super) fn error(&self, cause: Cause, field: &'static str) -> Error {
        Error::new(cause).at(ATTRIBUTE, self.at).field(field)
    }
}

/// Goes through the attributes of a record. After an error it ends.
#[derive(Debug)]
pub(super) struct Attributes<'a> {
    record: &'a Record,
    offset: usize,
    before: Option<u32>,
    over: bool,
}

impl<'a> Attributes<'a> {
    fn step(&mut self) -> Result<Option<Attribute<'a>>, Error> {
        let record = self.record;
        let rest = record
            .bytes
            .get(self.offset..record.in_use)
            .unwrap_or_default();
        let at = record.at.saturating_add(int::u64_of(self.offset));
        let error = |field, offset: u64| {
            Error::new(Cause::Attribute)
                .at(ATTRIBUTE, at.saturating_add(offset))
                .field(field)
        };
        let Some(kind) = rest.first_chunk::<4>() else {
            return Err(error("type", 0));
        };
        let kind = u32::from_le_bytes(*kind);
        if kind == ATTR_END {
            return Ok(None);
        }
        let Ok((header, _)) = AttrRecord::read_from_prefix(rest) else {
            return Err(error("length", 4));
        };
        // Attributes are sorted by their types.
        if kind == 0 || self.before.is_some_and(|before| before > kind) {
            return Err(error("type", 0).found(kind));
        }
        let len = usize::try_from(header.length.get()).unwrap_or(usize::MAX);
        let Some(whole) = rest.get(..len) else {
            return Err(error("length", 4).found(len));
        };
        if len < size_of::<AttrRecord>() || !len.is_multiple_of(8) {
            return Err(error("length", 4).found(len));
        }
        let name_len = usize::from(header.name_length).saturating_mul(2);
        let name = part(whole, header.name_offset.get().into(), name_len)
            .or((name_len == 0).then_some(&[][..]))
            .ok_or_else(|| error("name_offset", 10).found(header.name_offset.get()))?;
        let body = if header.non_resident == 0 {
            let len = usize::try_from(header.value_length.get()).unwrap_or(usize::MAX);
            let value = part(whole, header.value_offset.get().into(), len)
                .ok_or_else(|| error("value_length", 16).found(len))?;
            Body::Resident(value)
        } else {
            Body::NonResident(non_resident(whole, at)?)
        };
        self.offset = self.offset.saturating_add(len);
        self.before = Some(kind);
        Ok(Some(Attribute {
            kind,
            name,
            flags: header.flags.get(),
            body,
            at,
        }))
    }
}

fn part(whole: &[u8], start: usize, len: usize) -> Option<&[u8]> {
    whole.get(start..start.checked_add(len)?)
}

fn non_resident(whole: &[u8], at: u64) -> Result<NonResident<'_>, Error> {
    let error = |field, offset: u64| {
        Error::new(Cause::Attribute)
            .at(ATTRIBUTE, at.saturating_add(offset))
            .field(field)
    };
    let rest = whole.get(NON_RESIDENT_OFFSET..).unwrap_or_default();
    let Ok((header, _)) = NonResidentAttr::read_from_prefix(rest) else {
        return Err(error("length", 4).found(whole.len()));
    };
    let offset = header.mapping_pairs_offset.get();
    let Some(mapping_pairs) = whole.get(usize::from(offset)..) else {
        return Err(error("mapping_pairs_offset", 32).found(offset));
    };
    // Sizes are signed on the disk; what is negative there would be exabytes here.
    for (field, offset, size) in [
        ("lowest_vcn", 16, header.lowest_vcn),
        ("data_size", 48, header.data_size),
        ("initialized_size", 56, header.initialized_size),
    ] {
        if i64::try_from(size.get()).is_err() {
            return Err(error(field, offset).found(size.get()));
        }
    }
    Ok(NonResident {
        lowest_vcn: header.lowest_vcn.get(),
        compression_unit: header.compression_unit,
        data_size: header.data_size.get(),
        initialized_size: header.initialized_size.get().min(header.data_size.get()),
        mapping_pairs,
        pairs_at: at.saturating_add(offset.into()),
    })
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<Attribute<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let step = self.step();
        if step.is_err() {
            self.over = true;
        }
        step.transpose()
    }
}
