//! Files: a base record, and those that it goes on in.

use vmie_io::{Charge, int};
use zerocopy::FromBytes;

use super::format::{ATTR_LIST, AttrListEntry, MAX_ATTR_LIST};
use super::open::Ntfs;
use super::record::{Attribute, Record, Reference};
use super::stream::Stream;
use crate::{Cause, Error};

const STRUCTURE: &str = "$ATTRIBUTE_LIST";

/// A file's attributes.
#[derive(Debug)]
pub(super) struct File {
    pub(super) record: Record,
    list: Option<List>,
}

/// Which attributes there are, when they do not all fit into one record.
#[derive(Debug)]
struct List {
    bytes: Vec<u8>,
    /// Where the list's attribute is on the volume.
    at: u64,
    _charge: Charge,
}

/// An entry of the list: one part of one attribute.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'a> {
    pub(super) kind: u32,
    name: &'a [u8],
    pub(super) lowest_vcn: u64,
    pub(super) reference: Reference,
}

impl Part<'_> {
    fn is(&self, kind: u32, name: &[u16]) -> bool {
        let (units, _) = self.name.as_chunks::<2>();
        let units = units.iter().map(|unit| u16::from_le_bytes(*unit));
        self.kind == kind && units.eq(name.iter().copied())
    }
}

impl File {
    /// The file that a reference means.
    pub(super) fn open(ntfs: &Ntfs, reference: Reference) -> Result<Self, Error> {
        let record = ntfs.record(reference.number())?;
        let is_meant = reference.sequence() == 0 || reference.sequence() == record.sequence;
        if !record.is_in_use() || !is_meant || record.base.0 != 0 {
            return Err(record.stale(reference));
        }
        Self::of(ntfs, record)
    }

    /// The file of a base record.
    pub(super) fn of(ntfs: &Ntfs, record: Record) -> Result<Self, Error> {
        let list = match record.find(ATTR_LIST, &[])? {
            None => None,
            Some(attribute) => Some(List::read(ntfs, &attribute)?),
        };
        Ok(Self { record, list })
    }

    /// Looks at the first part of an attribute of this type and name; `None` when there is none.
    pub(super) fn with<T>(
        &self,
        ntfs: &Ntfs,
        kind: u32,
        name: &[u16],
        look: impl FnOnce(&Attribute<'_>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        let Some(list) = &self.list else {
            let attribute = self.record.find(kind, name)?;
            return attribute.as_ref().map(look).transpose();
        };
        for part in list.parts() {
            let part = part?;
            if part.is(kind, name) && part.lowest_vcn == 0 {
                let mut other = None;
                let record = self.record_of(ntfs, &part, &mut other)?;
                return look(&list.attribute(record, &part, name)?).map(Some);
            }
        }
        Ok(None)
    }

    /// The value of the attribute of this type and name; `None` when there is none.
    pub(super) fn stream(
        &self,
        ntfs: &Ntfs,
        kind: u32,
        name: &[u16],
    ) -> Result<Option<Stream>, Error> {
        let Some(list) = &self.list else {
            let attribute = self.record.find(kind, name)?;
            return attribute.map(|a| Stream::new(ntfs, &a)).transpose();
        };
        let mut stream: Option<Stream> = None;
        let mut other = None;
        for part in list.parts() {
            let part = part?;
            if !part.is(kind, name) {
                continue;
            }
            let record = self.record_of(ntfs, &part, &mut other)?;
            let attribute = list.attribute(record, &part, name)?;
            match &mut stream {
                None => stream = Some(Stream::new(ntfs, &attribute)?),
                Some(stream) => stream.append(ntfs, &attribute)?,
            }
        }
        Ok(stream)
    }

    /// The names of the attributes of this type that have names, in their order.
    pub(super) fn names(&self, ntfs: &Ntfs, kind: u32) -> Result<Vec<Vec<u16>>, Error> {
        let mut names = Vec::new();
        if let Some(list) = &self.list {
            for part in list.parts() {
                let part = part?;
                if part.kind == kind && part.lowest_vcn == 0 && !part.name.is_empty() {
                    let (units, _) = part.name.as_chunks::<2>();
                    names.push(units.iter().map(|unit| u16::from_le_bytes(*unit)).collect());
                }
            }
        } else {
            for attribute in self.record.attributes() {
                let attribute = attribute?;
                if attribute.kind == kind && !attribute.name_is(&[]) {
                    names.push(attribute.name().collect());
                }
            }
        }
        ntfs.budget
            .work("NTFS attribute", int::u64_of(names.len()))?;
        Ok(names)
    }

    /// The record that a part is in: the base, or another that says that it belongs to it.
    fn record_of<'a>(
        &'a self,
        ntfs: &Ntfs,
        part: &Part<'_>,
        other: &'a mut Option<Record>,
    ) -> Result<&'a Record, Error> {
        let reference = part.reference;
        if reference.number() == self.record.number {
            return Ok(&self.record);
        }
        // The parts of a fragmented file follow each other in the same records.
        if other
            .as_ref()
            .is_none_or(|record| record.number != reference.number())
        {
            *other = Some(ntfs.extension(reference, self.record.number)?);
        }
        Ok(other.as_ref().unwrap_or(&self.record))
    }

    /// The parts that the list tells of, when there is one.
    pub(super) fn parts(&self) -> impl Iterator<Item = Result<Part<'_>, Error>> {
        self.list.iter().flat_map(List::parts)
    }
}

impl List {
    fn read(ntfs: &Ntfs, attribute: &Attribute<'_>) -> Result<Self, Error> {
        let stream = Stream::new(ntfs, attribute)?;
        if stream.unit(ntfs).is_some() {
            return Err(attribute
                .error(Cause::Value, "flags")
                .found(attribute.flags));
        }
        let bytes = stream.whole(ntfs, MAX_ATTR_LIST)?;
        let len = int::u64_of(bytes.len());
        ntfs.budget.work(STRUCTURE, len / 32)?;
        Ok(Self {
            _charge: ntfs.budget.memory(STRUCTURE, len)?,
            bytes,
            at: attribute.at,
        })
    }

    fn parts(&self) -> Parts<'_> {
        Parts {
            list: self,
            offset: 0,
        }
    }

    /// The attribute in `record` that an entry tells of.
    fn attribute<'a>(
        &self,
        record: &'a Record,
        part: &Part<'_>,
        name: &[u16],
    ) -> Result<Attribute<'a>, Error> {
        for attribute in record.attributes() {
            let attribute = attribute?;
            if attribute.kind == part.kind
                && attribute.lowest_vcn() == part.lowest_vcn
                && attribute.name_is(name)
            {
                return Ok(attribute);
            }
        }
        Err(Error::new(Cause::Missing)
            .at(STRUCTURE, self.at)
            .field("mft_reference")
            .found(part.reference.0))
    }
}

struct Parts<'a> {
    list: &'a List,
    offset: usize,
}

impl<'a> Iterator for Parts<'a> {
    type Item = Result<Part<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.list.bytes.get(self.offset..)?;
        if rest.is_empty() {
            return None;
        }
        let found = self.offset;
        let part = AttrListEntry::read_from_prefix(rest)
            .ok()
            .and_then(|(entry, _)| {
                let len = usize::from(entry.length.get());
                let name_len = usize::from(entry.name_length).saturating_mul(2);
                let start = usize::from(entry.name_offset);
                let whole = rest
                    .get(..len)
                    .filter(|_| len >= size_of::<AttrListEntry>())?;
                let name = match name_len {
                    0 => &[],
                    _ => whole.get(start..start.checked_add(name_len)?)?,
                };
                self.offset = self.offset.saturating_add(len);
                Some(Part {
                    kind: entry.attr_type.get(),
                    name,
                    lowest_vcn: entry.lowest_vcn.get(),
                    reference: Reference(entry.mft_reference.get()),
                })
            });
        Some(part.ok_or_else(|| {
            self.offset = self.list.bytes.len();
            Error::new(Cause::Attribute)
                .at(STRUCTURE, self.list.at)
                .field("length")
                .found(found)
        }))
    }
}
