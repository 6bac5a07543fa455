//! The content of files: as it is, with holes, or compressed in units of clusters.

use vmie_io::{Charge, Extent, ExtentKind, int};

use super::open::Ntfs;
use super::stream::Stream;
use crate::decompress::lznt1;
use crate::{Cause, Error, FileRead};

/// Compression units whose kind is looked up for one answer about extents.
const UNITS_PER_EXTENT: u64 = 1024;

/// A file that is open.
pub(super) struct NtfsFile<'a> {
    ntfs: &'a Ntfs,
    stream: Stream,
    /// Bytes of a compression unit; zero when it is not compressed.
    unit: u64,
    /// The compressed bytes of a unit.
    packed: Vec<u8>,
    /// The unit that was decompressed last, when only a part of it was wanted.
    last: Option<(u64, Vec<u8>)>,
    _charge: Option<Charge>,
}

/// What the clusters of a compression unit hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    /// Nothing.
    Hole,
    /// The content as it is.
    Stored,
    /// The content compressed, in so many bytes.
    Packed(u64),
}

impl<'a> NtfsFile<'a> {
    pub(super) fn new(ntfs: &'a Ntfs, stream: Stream) -> Result<Self, Error> {
        if stream.is_encrypted() {
            return Err(stream.error(Cause::Encrypted, "flags"));
        }
        let unit = stream.unit(ntfs).unwrap_or(0);
        let charge = match unit {
            0 => None,
            unit => Some(
                ntfs.budget
                    .memory("compression unit", unit.saturating_mul(2))?,
            ),
        };
        Ok(Self {
            ntfs,
            stream,
            unit,
            packed: Vec::new(),
            last: None,
            _charge: charge,
        })
    }

    /// What unit `index` holds. Its clusters come first, and what it did not need is a hole.
    fn kind_of(&self, index: u64) -> Result<Unit, Error> {
        let cluster_size = self.ntfs.geometry.cluster_size;
        let clusters = self.unit.checked_div(cluster_size).unwrap_or(1);
        let first = index.saturating_mul(clusters);
        let end = first.saturating_add(clusters);
        let mut vcn = first;
        let mut used = 0u64;
        let mut has_hole = false;
        while vcn < end {
            let Some(run) = self.stream.run(vcn) else {
                // The last unit may lack its hole.
                if vcn == first {
                    let error = self.stream.error(Cause::Runs, "mapping_pairs");
                    return Err(error.found(vcn));
                }
                has_hole = true;
                break;
            };
            let len = run.len.min(end.saturating_sub(vcn));
            match run.lcn {
                None => has_hole = true,
                Some(_) if has_hole => {
                    let error = self.stream.error(Cause::Compressed, "mapping_pairs");
                    return Err(error.found(vcn));
                }
                Some(_) => used = used.saturating_add(len),
            }
            vcn = vcn.saturating_add(len);
        }
        Ok(match used {
            0 => Unit::Hole,
            _ if has_hole => Unit::Packed(used.saturating_mul(cluster_size)),
            _ => Unit::Stored,
        })
    }

    /// Decompresses a unit into `output`.
    fn decompress(&mut self, index: u64, packed: u64, output: &mut [u8]) -> Result<(), Error> {
        self.ntfs.budget.work("compression unit", 1)?;
        self.packed.resize(int::usize_of(packed), 0);
        let start = index.saturating_mul(self.unit);
        let mut done = 0usize;
        while done < self.packed.len() {
            let at = start.saturating_add(int::u64_of(done));
            // Clusters are read whole, past the end of what is valid in the last of them.
            let vcn = at
                .checked_shr(self.ntfs.geometry.cluster_shift)
                .unwrap_or(0);
            let run = self
                .stream
                .run(vcn)
                .and_then(|run| Some((run.len, run.lcn?)));
            let Some((len, lcn)) = run else {
                return Err(self.stream.error(Cause::Runs, "mapping_pairs").found(vcn));
            };
            let rest = self.packed.get_mut(done..).unwrap_or_default();
            let n = int::min_usize(self.ntfs.geometry.byte_of(len), rest.len());
            let part = rest.get_mut(..n).unwrap_or_default();
            self.ntfs
                .data
                .read_exact_at(part, self.ntfs.geometry.byte_of(lcn))?;
            done = done.saturating_add(n);
        }
        lznt1(&self.packed, output).map_err(|damaged| {
            let error = self.stream.error(Cause::Compressed, "compression unit");
            error.found(index).with_source(damaged)
        })
    }

    /// Reads up to the end of a unit.
    fn read_unit(&mut self, buf: &mut [u8], offset: u64) -> Result<usize, Error> {
        let valid = self.stream.initialized;
        if offset >= valid {
            buf.fill(0);
            return Ok(buf.len());
        }
        let index = offset.checked_div(self.unit).unwrap_or(0);
        let first = index.saturating_mul(self.unit);
        let unit_len = int::usize_of(self.unit.min(valid.saturating_sub(first)));
        let within = int::usize_of(offset.saturating_sub(first));
        let n = unit_len.saturating_sub(within).min(buf.len());
        let part = buf.get_mut(..n).unwrap_or_default();
        match self.kind_of(index)? {
            Unit::Hole => part.fill(0),
            Unit::Stored => drop(self.stream.read_data(self.ntfs, part, offset)?),
            Unit::Packed(packed) if n == unit_len => self.decompress(index, packed, part)?,
            Unit::Packed(packed) => {
                let whole = match self.last.take() {
                    Some((last, whole)) if last == index => whole,
                    other => {
                        let mut whole = other.map_or_else(Vec::new, |(_, whole)| whole);
                        whole.resize(unit_len, 0);
                        self.decompress(index, packed, &mut whole)?;
                        whole
                    }
                };
                let end = within.saturating_add(n);
                part.copy_from_slice(whole.get(within..end).unwrap_or_default());
                self.last = Some((index, whole));
            }
        }
        Ok(n)
    }

    fn unit_extent(&self, offset: u64) -> Result<Extent, Error> {
        let first = offset.checked_div(self.unit).unwrap_or(0);
        let end = self.stream.initialized.div_ceil(self.unit.max(1));
        let is_hole = self.kind_of(first)? == Unit::Hole;
        let mut next = first.saturating_add(1);
        let limit = end.min(first.saturating_add(UNITS_PER_EXTENT));
        while next < limit && (self.kind_of(next)? == Unit::Hole) == is_hole {
            next = next.saturating_add(1);
        }
        let end = next.saturating_mul(self.unit).min(self.stream.initialized);
        let kind = if is_hole {
            ExtentKind::Hole
        } else {
            ExtentKind::Data
        };
        Ok(Extent::new(kind, offset, end.saturating_sub(offset)))
    }
}

impl FileRead for NtfsFile<'_> {
    fn len(&self) -> u64 {
        self.stream.len
    }

    fn read_at(&mut self, buf: &mut [u8], offset: u64) -> Result<usize, Error> {
        if self.unit == 0 {
            return self.stream.read_data(self.ntfs, buf, offset);
        }
        let len = int::min_usize(self.len().saturating_sub(offset), buf.len());
        let buf = buf.get_mut(..len).unwrap_or_default();
        let mut done = 0usize;
        while done < len {
            let rest = buf.get_mut(done..).unwrap_or_default();
            let at = offset.saturating_add(int::u64_of(done));
            // Each unit gives at least one byte.
            done = done.saturating_add(self.read_unit(rest, at)?);
        }
        Ok(len)
    }

    fn next_extent(&mut self, offset: u64) -> Result<Extent, Error> {
        let rest = self.len().saturating_sub(offset);
        if self.stream.resident().is_some() || rest == 0 {
            return Ok(Extent::new(ExtentKind::Data, offset, rest));
        }
        if self.unit != 0 && offset < self.stream.initialized {
            return self.unit_extent(offset);
        }
        let piece = self.stream.piece(self.ntfs, offset)?;
        let kind = match piece.at {
            Some(_) => ExtentKind::Data,
            // What was allocated and never written is as good as a hole.
            None => ExtentKind::Hole,
        };
        Ok(Extent::new(kind, offset, piece.len.min(rest)))
    }
}
