//! The header's numbers, checked once.

use vmie_io::{LimitExceeded, Limits, ReadAt, int};
use zerocopy::FromBytes;

use super::format::{
    COMPRESSION_DEFLATE, COMPRESSION_NONE, FOOTER_FROM_END, FOOTER_SEARCH, Flags, GD_AT_END, MAGIC,
    MARKER_FOOTER, MAX_GRAIN, MAX_TABLE_ENTRIES, MIN_GRAIN, Marker, NEWEST_VERSION, NEWLINES,
    SECTOR, SparseExtentHeader,
};
use crate::{Cause, Error};

/// A header whose numbers make sense: what later arithmetic relies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) version: u32,
    pub(super) compressed: bool,
    pub(super) zeroed_grains: bool,
    /// Bytes of the disk; not zero.
    pub(super) disk_bytes: u64,
    /// Bytes of a grain: a power of two from 4 KiB to 16 MiB.
    pub(super) grain_bytes: u64,
    /// Entries of a grain table, 1 to 65536.
    pub(super) entries: u32,
    /// Byte offset and length of the descriptor; the length is zero when there is none.
    pub(super) descriptor: (u64, u64),
    /// Sector of the grain directory, or [`GD_AT_END`].
    pub(super) gd_sector: u64,
    /// Sector of the redundant grain directory, when there is one.
    pub(super) redundant: Option<u64>,
    /// Sectors of metadata before the first grain.
    pub(super) overhead: u64,
    /// Whether the writer had the extent open when the file was copied, or crashed.
    pub(super) unclean: bool,
}

/// A disk in grains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grains {
    /// Bytes of the disk, or of the extent; not zero.
    pub(super) disk_bytes: u64,
    /// Bytes of a grain, a power of two.
    pub(super) grain_bytes: u64,
}

impl Grains {
    /// Bytes of the grain that starts at `start` which lie on the disk: the last one may be shorter.
    pub(super) fn grain_len(self, start: u64) -> u64 {
        self.grain_bytes.min(self.disk_bytes.saturating_sub(start))
    }
}

/// Byte offsets of the fields within the header, for errors.
mod at {
    pub(super) const VERSION: u64 = 4;
    pub(super) const FLAGS: u64 = 8;
    pub(super) const CAPACITY: u64 = 12;
    pub(super) const GRAIN_SIZE: u64 = 20;
    pub(super) const DESCRIPTOR_OFFSET: u64 = 28;
    pub(super) const NUM_GTES: u64 = 44;
    pub(super) const NEWLINES: u64 = 73;
    pub(super) const COMPRESS: u64 = 77;
}

impl Header {
    /// Checks the header that was read at byte `base`.
    pub(super) fn parse(bytes: &[u8; 512], base: u64, limits: &Limits) -> Result<Self, Error> {
        let raw = SparseExtentHeader::ref_from_bytes(bytes)
            .map_err(|_| Error::new(Cause::WrongFormat).at("header", base))?;
        let fault = |cause, field, at: u64| {
            Error::new(cause)
                .at("header", base.saturating_add(at))
                .field(field)
        };
        if raw.magicNumber != MAGIC {
            return Err(fault(Cause::WrongFormat, "magicNumber", 0).found(&raw.magicNumber[..]));
        }
        let version = raw.version.get();
        if !(1..=NEWEST_VERSION).contains(&version) {
            return Err(fault(Cause::VmdkVersion, "version", at::VERSION).found(version));
        }
        let flags = Flags::from_bits_retain(raw.flags.get());
        if flags.contains(Flags::NEWLINES) && raw.newlines != NEWLINES {
            let error = fault(Cause::VmdkNewlines, "singleEndLineChar", at::NEWLINES);
            return Err(error.found(&raw.newlines[..]));
        }
        let grain = raw.grainSize.get();
        if !grain.is_power_of_two() || !(MIN_GRAIN..=MAX_GRAIN).contains(&grain) {
            return Err(fault(Cause::VmdkGrainSize, "grainSize", at::GRAIN_SIZE).found(grain));
        }
        let entries = raw.numGTEsPerGT.get();
        if !(1..=MAX_TABLE_ENTRIES).contains(&entries) {
            return Err(fault(Cause::VmdkTableSize, "numGTEsPerGT", at::NUM_GTES).found(entries));
        }
        let capacity = raw.capacity.get();
        let disk_bytes = capacity.checked_mul(SECTOR).filter(|bytes| *bytes > 0);
        let Some(disk_bytes) = disk_bytes else {
            return Err(fault(Cause::VmdkCapacity, "capacity", at::CAPACITY).found(capacity));
        };
        if disk_bytes > limits.virtual_size {
            let limit = limits.virtual_size;
            return Err(LimitExceeded::new("virtual disk", "bytes", disk_bytes, limit).into());
        }
        let compressed = flags.contains(Flags::COMPRESSED);
        let algorithm = raw.compressAlgorithm.get();
        if compressed && algorithm != COMPRESSION_DEFLATE {
            let cause = match algorithm {
                COMPRESSION_NONE => Cause::VmdkCompressionNone,
                _ => Cause::VmdkCompressionUnknown,
            };
            return Err(fault(cause, "compressAlgorithm", at::COMPRESS).found(algorithm));
        }
        if compressed != flags.contains(Flags::MARKERS) {
            // Nobody writes compressed grains without markers, or markers without compression.
            let error = fault(Cause::VmdkKind, "flags", at::FLAGS);
            return Err(error.found(raw.flags.get()));
        }
        let descriptor = (
            raw.descriptorOffset.get().checked_mul(SECTOR),
            raw.descriptorSize.get().checked_mul(SECTOR),
        );
        let (Some(start), Some(len)) = descriptor else {
            let error = fault(Cause::VmdkOffset, "descriptorOffset", at::DESCRIPTOR_OFFSET);
            return Err(error.found(raw.descriptorOffset.get()));
        };
        Ok(Self {
            version,
            compressed,
            zeroed_grains: flags.contains(Flags::ZEROED_GRAINS),
            disk_bytes,
            grain_bytes: grain.saturating_mul(SECTOR),
            entries,
            descriptor: (start, if start == 0 { 0 } else { len }),
            gd_sector: raw.gdOffset.get(),
            redundant: Some(raw.rgdOffset.get())
                .filter(|sector| *sector != 0 && flags.contains(Flags::REDUNDANT)),
            overhead: raw.overHead.get(),
            unclean: raw.uncleanShutdown != 0,
        })
    }

    /// The disk in grains.
    pub(super) fn grains(&self) -> Grains {
        Grains {
            disk_bytes: self.disk_bytes,
            grain_bytes: self.grain_bytes,
        }
    }

    /// Whether a footer says the same of the disk.
    pub(super) fn agrees(&self, footer: &Self) -> bool {
        self.disk_bytes == footer.disk_bytes
            && self.grain_bytes == footer.grain_bytes
            && self.entries == footer.entries
            && self.compressed == footer.compressed
    }
}

/// The footer and its byte offset, checked against the header.
pub(super) fn footer(
    source: &dyn ReadAt,
    header: &Header,
    limits: &Limits,
) -> Result<(Header, u64), Error> {
    let missing = || Error::new(Cause::VmdkFooterMissing).at("footer", source.len());
    let aligned = source.len().saturating_sub(source.len() % SECTOR);
    let last = aligned.checked_sub(FOOTER_FROM_END).ok_or_else(missing)?;
    let first = last.saturating_sub(FOOTER_SEARCH).max(SECTOR);
    // The usual place first; only what is padded costs more than one read.
    let at = match marker_at(source, last, last)? {
        Some(at) => Some(at),
        None => marker_at(source, first, last)?,
    };
    let at = at.ok_or_else(missing)?.saturating_add(SECTOR);
    let mut bytes = [0; 512];
    source.read_exact_at(&mut bytes, at)?;
    let footer = Header::parse(&bytes, at, limits)?;
    if !header.agrees(&footer) {
        return Err(Error::new(Cause::VmdkFooterDisagrees).at("footer", at));
    }
    if footer.gd_sector == GD_AT_END {
        return Err(Error::new(Cause::VmdkFooterDisagrees)
            .at("footer", at)
            .field("gdOffset")
            .found(footer.gd_sector));
    }
    Ok((footer, at))
}

/// Byte offset of the last footer marker between `first` and `last`, both aligned.
fn marker_at(source: &dyn ReadAt, first: u64, last: u64) -> Result<Option<u64>, Error> {
    let len = last.saturating_sub(first).saturating_add(2 * SECTOR);
    let mut bytes = vec![0; int::usize_of(len)];
    source.read_exact_at(&mut bytes, first)?;
    let (sectors, _) = bytes.as_chunks::<512>();
    let found = sectors.windows(2).rposition(|pair| match pair {
        [marker, footer] => {
            let (marker, _) = match Marker::ref_from_prefix(marker) {
                Ok(parts) => parts,
                Err(_) => return false,
            };
            let is_marker = marker.size.get() == 0 && marker.kind.get() == MARKER_FOOTER;
            is_marker && footer.starts_with(&MAGIC)
        }
        _ => false,
    });
    Ok(found.map(|index| first.saturating_add(int::u64_of(index).saturating_mul(SECTOR))))
}
