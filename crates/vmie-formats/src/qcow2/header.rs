//! The header's numbers, checked once.

use vmie_io::{Limits, ReadAt, ReadAtExt, int};
use zerocopy::FromBytes;

use super::format::{
    AUTOCLEAR_RAW_EXTERNAL, COMPRESSION_ZLIB, COMPRESSION_ZSTD, CRYPT_NONE, HEADER_V2, HEADER_V3,
    Incompatible, MAGIC, MAX_CLUSTER_BITS, MAX_L1_BYTES, MAX_NAME, MAX_SNAPSHOTS, MIN_CLUSTER_BITS,
    MIN_CLUSTER_BITS_EXTENDED, RawHeader, SUBCLUSTER_BITS,
};
use crate::{Cause, Error};

/// How clusters are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    /// A raw DEFLATE stream (RFC 1951).
    Deflate,
    /// A zstd frame.
    Zstd,
}

/// A header whose numbers make sense: what later arithmetic relies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) version: u32,
    /// 9 to 21.
    pub(super) cluster_bits: u32,
    /// Bytes of the disk.
    pub(super) size: u64,
    /// Byte offset and entries of the L1 table, which covers the disk and is at most 32 MiB.
    pub(super) l1: (u64, u32),
    /// Byte offset and length of the backing file's name; the length is zero when there is none.
    pub(super) backing: (u64, u32),
    /// Byte offset of the snapshot table and its entries.
    pub(super) snapshots: (u64, u32),
    pub(super) features: Incompatible,
    /// The external data file is the disk, byte by byte.
    pub(super) raw_external: bool,
    pub(super) compression: Compression,
    /// Where header extensions begin.
    pub(super) length: u32,
}

fn fault(cause: Cause, field: &'static str, at: u64) -> Error {
    Error::new(cause).at("qcow2 header", at).field(field)
}

impl Header {
    pub(super) fn read(source: &dyn ReadAt, limits: &Limits) -> Result<Self, Error> {
        let mut bytes = [0; 112];
        let n = source.read_up_to(&mut bytes, 0)?;
        let raw = RawHeader::ref_from_bytes(&bytes)
            .map_err(|_| Error::new(Cause::WrongFormat).at("qcow2 header", 0))?;
        if raw.magic != MAGIC {
            return Err(fault(Cause::WrongFormat, "magic", 0).found(&raw.magic[..]));
        }
        let version = raw.version.get();
        let least = match version {
            2 => HEADER_V2,
            3 => HEADER_V3,
            _ => return Err(fault(Cause::Qcow2Version, "version", 4).found(version)),
        };
        if int::u64_of(n) < u64::from(least) {
            return Err(Error::new(Cause::Qcow2Truncated).at("qcow2 header", int::u64_of(n)));
        }
        let header = Self::features(raw, version)?;
        header.check(raw, source, limits)?;
        Ok(header)
    }

    /// The numbers as they stand, with those of version 3 as version 2 has them by default.
    fn features(raw: &RawHeader, version: u32) -> Result<Self, Error> {
        let v3 = version >= 3;
        let bits = if v3 {
            raw.incompatible_features.get()
        } else {
            0
        };
        let features = Incompatible::from_bits(bits).ok_or_else(|| {
            let unknown = bits & !Incompatible::all().bits();
            fault(Cause::Qcow2Feature, "incompatible_features", 72).found(unknown)
        })?;
        let length = if v3 {
            raw.header_length.get()
        } else {
            HEADER_V2
        };
        // A cluster holds the header, so it is never longer than one.
        if v3 && (length < HEADER_V3 || !length.is_multiple_of(8) || length > 1 << MAX_CLUSTER_BITS)
        {
            return Err(fault(Cause::Qcow2HeaderLength, "header_length", 100).found(length));
        }
        let compression = match raw.compression_type {
            _ if !features.contains(Incompatible::COMPRESSION_TYPE) => Compression::Deflate,
            COMPRESSION_ZLIB => Compression::Deflate,
            COMPRESSION_ZSTD if length > HEADER_V3 => Compression::Zstd,
            other => {
                return Err(fault(Cause::Qcow2Compression, "compression_type", 104).found(other));
            }
        };
        Ok(Self {
            version,
            cluster_bits: raw.cluster_bits.get(),
            size: raw.size.get(),
            l1: (raw.l1_table_offset.get(), raw.l1_size.get()),
            backing: (raw.backing_file_offset.get(), raw.backing_file_size.get()),
            snapshots: (raw.snapshots_offset.get(), raw.nb_snapshots.get()),
            features,
            raw_external: v3
                && features.contains(Incompatible::EXTERNAL_DATA)
                && raw.autoclear_features.get() & AUTOCLEAR_RAW_EXTERNAL != 0,
            compression,
            length,
        })
    }

    fn check(&self, raw: &RawHeader, source: &dyn ReadAt, limits: &Limits) -> Result<(), Error> {
        let bits = self.cluster_bits;
        let least = match self.extended() {
            true => MIN_CLUSTER_BITS_EXTENDED,
            false => MIN_CLUSTER_BITS,
        };
        if !(least..=MAX_CLUSTER_BITS).contains(&bits) {
            return Err(fault(Cause::Qcow2ClusterBits, "cluster_bits", 20).found(bits));
        }
        let method = raw.crypt_method.get();
        if method != CRYPT_NONE {
            return Err(fault(Cause::Qcow2Encrypted, "crypt_method", 32).found(method));
        }
        if self.size > limits.virtual_size {
            let limit = vmie_io::LimitExceeded::new(
                "virtual disk",
                "bytes",
                self.size,
                limits.virtual_size,
            );
            return Err(fault(Cause::Limit, "size", 24)
                .found(self.size)
                .with_source(limit));
        }
        let needed = self.size.div_ceil(self.l2_span());
        let l1_bytes = u64::from(self.l1.1).saturating_mul(8);
        if u64::from(self.l1.1) < needed || l1_bytes > MAX_L1_BYTES {
            return Err(fault(Cause::Qcow2L1Size, "l1_size", 36).found(self.l1.1));
        }
        let inside = |at: u64, len: u64| at.checked_add(len).is_some_and(|end| end <= source.len());
        let aligned = self.l1.0.is_multiple_of(self.cluster());
        if l1_bytes > 0 && (!aligned || !inside(self.l1.0, l1_bytes)) {
            return Err(fault(Cause::Qcow2Offset, "l1_table_offset", 40).found(self.l1.0));
        }
        let (name_at, name_len) = self.backing;
        if name_at != 0 && (name_len > MAX_NAME || !inside(name_at, name_len.into())) {
            return Err(fault(Cause::Qcow2Name, "backing_file_size", 16).found(name_len));
        }
        if self.snapshots.1 > MAX_SNAPSHOTS {
            return Err(fault(Cause::Qcow2Snapshots, "nb_snapshots", 60).found(self.snapshots.1));
        }
        Ok(())
    }

    /// Whether L2 entries have a bitmap of subclusters.
    pub(super) fn extended(&self) -> bool {
        self.features.contains(Incompatible::EXTENDED_L2)
    }

    /// Bytes of a cluster.
    pub(super) fn cluster(&self) -> u64 {
        1 << self.cluster_bits
    }

    /// Bytes of a subcluster: the unit that an L2 entry tells apart.
    pub(super) fn unit(&self) -> u64 {
        match self.extended() {
            true => self.cluster() >> SUBCLUSTER_BITS,
            false => self.cluster(),
        }
    }

    /// Bytes of an L2 entry.
    pub(super) fn entry_bytes(&self) -> u64 {
        1 << self.entry_bits()
    }

    /// The same as a power of two.
    pub(super) fn entry_bits(&self) -> u32 {
        if self.extended() { 4 } else { 3 }
    }

    /// Bytes of the disk that an L2 table covers: at most 2^39.
    pub(super) fn l2_span(&self) -> u64 {
        // A cluster is at most 2^21 bytes and an entry at least 2^3.
        (self.cluster() >> self.entry_bits()).saturating_mul(self.cluster())
    }
}
