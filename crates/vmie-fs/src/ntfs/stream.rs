//! Values of attributes: bytes in the record, or in clusters.

use vmie_io::{ReadAt, int};

use super::format::{
    ATTR_COMPRESSED, ATTR_COMPRESSION_MASK, ATTR_ENCRYPTED, MAX_UNIT, MAX_UNIT_SHIFT,
};
use super::open::Ntfs;
use super::record::{ATTRIBUTE, Attribute, Body};
use super::runs::{Run, Runs};
use crate::{Cause, Error};

/// A value that can be read.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// Length in bytes.
    pub(super) len: u64,
    /// What is there from here on was never written, and reads as zeroes.
    pub(super) initialized: u64,
    content: Content,
    /// Clusters of a compression unit as a logarithm, when it is compressed.
    unit_shift: Option<u8>,
    is_encrypted: bool,
    /// Where the attribute is on the volume.
    pub(super) at: u64,
}

#[derive(Debug)]
enum Content {
    Resident(Vec<u8>),
    Clusters(Runs),
}

impl Default for Content {
    fn default() -> Self {
        Self::Resident(Vec::new())
    }
}

/// Part of a value that is in one piece on the volume, or nowhere.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    /// Where it is on the volume; `None` for zeroes.
    pub(super) at: Option<u64>,
    /// Bytes, at least one.
    pub(super) len: u64,
}

impl Stream {
    /// The value whose first part is `attribute`.
    pub(super) fn new(ntfs: &Ntfs, attribute: &Attribute<'_>) -> Result<Self, Error> {
        let mut stream = Self {
            is_encrypted: attribute.flags & ATTR_ENCRYPTED != 0,
            at: attribute.at,
            ..Self::default()
        };
        match attribute.body {
            Body::Resident(value) => {
                stream.len = int::u64_of(value.len());
                stream.initialized = stream.len;
                stream.content = Content::Resident(value.to_vec());
            }
            Body::NonResident(part) => {
                stream.len = part.data_size;
                stream.initialized = part.initialized_size;
                stream.unit_shift = unit_shift(ntfs, attribute, part.compression_unit)?;
                let mut runs = Runs::default();
                runs.append(ntfs, &part)?;
                stream.content = Content::Clusters(runs);
            }
        }
        Ok(stream)
    }

    /// Adds the next part of the value.
    pub(super) fn append(&mut self, ntfs: &Ntfs, attribute: &Attribute<'_>) -> Result<(), Error> {
        match (&mut self.content, &attribute.body) {
            (Content::Clusters(runs), Body::NonResident(part)) => runs.append(ntfs, part),
            _ => Err(attribute.error(Cause::Order, "non_resident")),
        }
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.is_encrypted
    }

    /// Bytes of a compression unit, when it is compressed.
    pub(super) fn unit(&self, ntfs: &Ntfs) -> Option<u64> {
        let shift = self.unit_shift?;
        ntfs.geometry.cluster_size.checked_shl(shift.into())
    }

    /// What is wrong with the value.
    pub(super) fn error(&self, cause: Cause, field: &'static str) -> Error {
        Error::new(cause).at(ATTRIBUTE, self.at).field(field)
    }

    /// The value, when the record holds it.
    pub(super) fn resident(&self) -> Option<&[u8]> {
        match &self.content {
            Content::Resident(value) => Some(value),
            Content::Clusters(_) => None,
        }
    }

    /// The run that cluster `vcn` of the value is in, from there on.
    pub(super) fn run(&self, vcn: u64) -> Option<Run> {
        match &self.content {
            Content::Resident(_) => None,
            Content::Clusters(runs) => runs.find(vcn),
        }
    }

    /// Where byte `offset` (below `len`) of a value in clusters is, and how far it goes on there.
    pub(super) fn piece(&self, ntfs: &Ntfs, offset: u64) -> Result<Piece, Error> {
        if offset >= self.initialized {
            let len = self.len.saturating_sub(offset);
            return Ok(Piece { at: None, len });
        }
        let geometry = &ntfs.geometry;
        let vcn = offset.checked_shr(geometry.cluster_shift).unwrap_or(0);
        let within = offset.saturating_sub(geometry.byte_of(vcn));
        let Some(run) = self.run(vcn) else {
            return Err(self.error(Cause::Runs, "mapping_pairs").found(vcn));
        };
        let len = run.len.saturating_mul(geometry.cluster_size);
        Ok(Piece {
            at: run
                .lcn
                .map(|lcn| geometry.byte_of(lcn).saturating_add(within)),
            len: len
                .saturating_sub(within)
                .min(self.initialized.saturating_sub(offset)),
        })
    }

    /// Reads metadata, which is kept.
    pub(super) fn read_meta(
        &self,
        ntfs: &Ntfs,
        buf: &mut [u8],
        offset: u64,
    ) -> Result<usize, Error> {
        self.read_plain(ntfs, &ntfs.meta, buf, offset)
    }

    /// Reads content, which is not kept.
    pub(super) fn read_data(
        &self,
        ntfs: &Ntfs,
        buf: &mut [u8],
        offset: u64,
    ) -> Result<usize, Error> {
        self.read_plain(ntfs, &ntfs.data, buf, offset)
    }

    /// Reads a value that is not compressed; says how many bytes, less than were wanted only at the
    /// end.
    fn read_plain(
        &self,
        ntfs: &Ntfs,
        source: &dyn ReadAt,
        buf: &mut [u8],
        offset: u64,
    ) -> Result<usize, Error> {
        let len = int::min_usize(self.len.saturating_sub(offset), buf.len());
        let mut rest = buf.get_mut(..len).unwrap_or_default();
        if let Content::Resident(value) = &self.content {
            let from = value.get(int::usize_of(offset)..).unwrap_or_default();
            rest.copy_from_slice(from.get(..len).unwrap_or_default());
            return Ok(len);
        }
        let mut at = offset;
        while !rest.is_empty() {
            let piece = self.piece(ntfs, at)?;
            let n = int::min_usize(piece.len, rest.len());
            let (part, after) = rest.split_at_mut(n);
            match piece.at {
                Some(start) => source.read_exact_at(part, start)?,
                None => part.fill(0),
            }
            rest = after;
            at = at.saturating_add(int::u64_of(n));
        }
        Ok(len)
    }

    /// The whole of a value of at most `max` bytes.
    pub(super) fn whole(&self, ntfs: &Ntfs, max: u64) -> Result<Vec<u8>, Error> {
        if self.len > max {
            return Err(self.error(Cause::Value, "data_size").found(self.len));
        }
        let (mut bytes, _charge) = ntfs.budget.buffer("NTFS attribute", self.len)?;
        self.read_meta(ntfs, &mut bytes, 0)?;
        Ok(bytes)
    }
}

fn unit_shift(ntfs: &Ntfs, attribute: &Attribute<'_>, unit: u8) -> Result<Option<u8>, Error> {
    match attribute.flags & ATTR_COMPRESSION_MASK {
        0 => return Ok(None),
        ATTR_COMPRESSED => {}
        _ => {
            return Err(attribute
                .error(Cause::Feature, "flags")
                .found(attribute.flags));
        }
    }
    let bytes = ntfs.geometry.cluster_size.checked_shl(unit.into());
    let fits = (1..=MAX_UNIT_SHIFT).contains(&unit) && bytes.is_some_and(|n| n <= MAX_UNIT);
    if !fits {
        return Err(attribute
            .error(Cause::Value, "compression_unit")
            .found(unit));
    }
    Ok(Some(unit))
}
