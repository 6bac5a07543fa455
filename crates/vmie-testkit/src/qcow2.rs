//! Builds qcow2 files, byte for byte the same every time.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a builder of small test images, and a test may panic"
)]

use std::collections::BTreeMap;

use libdeflater::{CompressionLvl, Compressor};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

/// What a cluster is to be.
#[derive(Clone, Debug)]
enum Cluster {
    Plain(Vec<u8>),
    Compressed(Vec<u8>),
    Zero,
    /// Data with one bit for each subcluster that is allocated, and one for each that is zero.
    Parts(Vec<u8>, u32, u32),
}

/// What to build: a disk of holes to which clusters are added.
#[derive(Clone, Debug)]
pub struct Builder {
    size: u64,
    version: u32,
    bits: u32,
    extended: bool,
    zstd: bool,
    features: u64,
    autoclear: u64,
    backing: Option<(String, Option<String>)>,
    data_file: Option<String>,
    snapshots: Vec<(String, String)>,
    clusters: BTreeMap<u64, Cluster>,
}

impl Builder {
    /// A disk of so many bytes, version 3 with clusters of 64 KiB.
    #[must_use]
    pub fn new(size: u64) -> Self {
        Self {
            size,
            version: 3,
            bits: 16,
            extended: false,
            zstd: false,
            features: 0,
            autoclear: 0,
            backing: None,
            data_file: None,
            snapshots: Vec::new(),
            clusters: BTreeMap::new(),
        }
    }

    /// Another version, 2 or 3.
    #[must_use]
    pub fn version(mut self, version: u32) -> Self {
        self.version = version;
        self
    }

    /// Clusters of two to the power of `bits` bytes.
    #[must_use]
    pub fn cluster_bits(mut self, bits: u32) -> Self {
        self.bits = bits;
        self
    }

    /// L2 entries with bitmaps of subclusters.
    #[must_use]
    pub fn extended(mut self) -> Self {
        self.extended = true;
        self.features |= 1 << 4;
        self
    }

    /// Compressed clusters are zstd frames.
    #[must_use]
    pub fn zstd(mut self) -> Self {
        self.zstd = true;
        self.features |= 1 << 3;
        self
    }

    /// More bits of `incompatible_features`.
    #[must_use]
    pub fn features(mut self, bits: u64) -> Self {
        self.features |= bits;
        self
    }

    /// A backing file, and what format it is said to be of.
    #[must_use]
    pub fn backing(mut self, name: &str, format: Option<&str>) -> Self {
        self.backing = Some((name.to_owned(), format.map(str::to_owned)));
        self
    }

    /// An external data file; `raw` says that it is the disk byte by byte.
    #[must_use]
    pub fn data_file(mut self, name: &str, raw: bool) -> Self {
        self.data_file = Some(name.to_owned());
        self.features |= 1 << 2;
        self.autoclear |= u64::from(raw) << 1;
        self
    }

    /// An internal snapshot, of which only the entry in the table is made.
    #[must_use]
    pub fn snapshot(mut self, id: &str, name: &str) -> Self {
        self.snapshots.push((id.to_owned(), name.to_owned()));
        self
    }

    /// A plain cluster, padded with zeroes.
    #[must_use]
    pub fn cluster(mut self, index: u64, bytes: &[u8]) -> Self {
        let bytes = self.padded(bytes);
        self.clusters.insert(index, Cluster::Plain(bytes));
        self
    }

    /// A compressed cluster, padded with zeroes.
    #[must_use]
    pub fn compressed(mut self, index: u64, bytes: &[u8]) -> Self {
        let bytes = self.padded(bytes);
        self.clusters.insert(index, Cluster::Compressed(bytes));
        self
    }

    /// A cluster that is said to be zero (version 3).
    #[must_use]
    pub fn zero(mut self, index: u64) -> Self {
        self.clusters.insert(index, Cluster::Zero);
        self
    }

    /// A cluster of which the subclusters in `allocated` are there and those in `zero` are zero.
    #[must_use]
    pub fn parts(mut self, index: u64, bytes: &[u8], allocated: u32, zero: u32) -> Self {
        let bytes = self.padded(bytes);
        let parts = Cluster::Parts(bytes, allocated, zero);
        self.clusters.insert(index, parts);
        self
    }

    fn padded(&self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        bytes.resize(1 << self.bits, 0);
        bytes
    }

    /// What the disk holds over a backing file that shows `below` (zeroes past its end).
    #[must_use]
    pub fn disk(&self, below: &[u8]) -> Vec<u8> {
        let cluster = 1usize << self.bits;
        let mut disk = below.to_vec();
        disk.resize((self.size as usize).next_multiple_of(cluster), 0);
        for (index, what) in &self.clusters {
            let start = *index as usize * cluster;
            let to = &mut disk[start..start + cluster];
            match what {
                Cluster::Plain(bytes) | Cluster::Compressed(bytes) => to.copy_from_slice(bytes),
                Cluster::Zero => to.fill(0),
                Cluster::Parts(bytes, allocated, zero) => {
                    let part = cluster / 32;
                    for sub in 0..32 {
                        let range = sub * part..(sub + 1) * part;
                        if allocated >> sub & 1 == 1 {
                            to[range.clone()].copy_from_slice(&bytes[range]);
                        } else if zero >> sub & 1 == 1 {
                            to[range].fill(0);
                        }
                    }
                }
            }
        }
        disk.truncate(self.size as usize);
        disk
    }

    /// The file, and the external data file beside it.
    #[must_use]
    pub fn build_both(&self) -> (Vec<u8>, Vec<u8>) {
        let cluster = 1u64 << self.bits;
        let entry = if self.extended { 16 } else { 8 };
        let per_table = cluster / entry;
        let tables = self.size.div_ceil(cluster * per_table);
        let l1_at = cluster;
        let mut next = l1_at + (tables * 8).next_multiple_of(cluster);
        let mut file = vec![0u8; next as usize];
        let mut data = Vec::new();
        let mut l1 = vec![0u64; tables as usize];
        for table in 0..tables {
            let range = table * per_table..(table + 1) * per_table;
            let here: Vec<_> = self.clusters.range(range).collect();
            if here.is_empty() {
                continue;
            }
            l1[table as usize] = next | 1 << 63;
            let l2_at = next as usize;
            next += cluster;
            file.resize(next as usize, 0);
            for (index, what) in here {
                let words = self.store(what, &mut file, &mut data);
                next = file.len() as u64;
                let at = l2_at + ((index % per_table) * entry) as usize;
                file[at..at + 8].copy_from_slice(&words[0].to_be_bytes());
                if self.extended {
                    file[at + 8..at + 16].copy_from_slice(&words[1].to_be_bytes());
                }
            }
            file.resize((next.next_multiple_of(cluster)) as usize, 0);
            next = file.len() as u64;
        }
        for (index, word) in l1.iter().enumerate() {
            let at = l1_at as usize + index * 8;
            file[at..at + 8].copy_from_slice(&word.to_be_bytes());
        }
        let snapshots_at = file.len() as u64;
        self.snapshot_table(&mut file);
        self.header(&mut file, l1_at, tables as u32, snapshots_at);
        (file, data)
    }

    /// The file.
    #[must_use]
    pub fn build(&self) -> Vec<u8> {
        self.build_both().0
    }

    /// Stores a cluster and gives the words of its L2 entry.
    fn store(&self, what: &Cluster, file: &mut Vec<u8>, data: &mut Vec<u8>) -> [u64; 2] {
        let all: u64 = if self.extended { u32::MAX.into() } else { 0 };
        match what {
            Cluster::Zero if self.extended => [0, all << 32],
            Cluster::Zero => [1, 0],
            Cluster::Plain(bytes) => [self.plain(bytes, file, data), all],
            Cluster::Parts(bytes, allocated, zero) => {
                let offset = if *allocated == 0 {
                    0
                } else {
                    self.plain(bytes, file, data)
                };
                [offset, u64::from(*allocated) | u64::from(*zero) << 32]
            }
            Cluster::Compressed(bytes) => {
                let packed = if self.zstd {
                    compress_to_vec(&bytes[..], CompressionLevel::Fastest)
                } else {
                    deflate(bytes)
                };
                let start = file.len() as u64;
                file.extend_from_slice(&packed);
                let sectors = (start % 512 + packed.len() as u64).div_ceil(512) - 1;
                let x = 62 - (self.bits - 8);
                [1 << 62 | sectors << x | start, 0]
            }
        }
    }

    fn plain(&self, bytes: &[u8], file: &mut Vec<u8>, data: &mut Vec<u8>) -> u64 {
        let to = if self.data_file.is_some() { data } else { file };
        to.resize(to.len().next_multiple_of(1 << self.bits), 0);
        let at = to.len() as u64;
        to.extend_from_slice(bytes);
        at | 1 << 63
    }

    fn snapshot_table(&self, file: &mut Vec<u8>) {
        for (id, name) in &self.snapshots {
            file.extend_from_slice(&[0; 12]);
            file.extend_from_slice(&(id.len() as u16).to_be_bytes());
            file.extend_from_slice(&(name.len() as u16).to_be_bytes());
            file.extend_from_slice(&1_700_000_000u32.to_be_bytes());
            file.extend_from_slice(&[0; 12]);
            file.extend_from_slice(&[0; 4]);
            file.extend_from_slice(&16u32.to_be_bytes());
            file.extend_from_slice(&0u64.to_be_bytes());
            file.extend_from_slice(&self.size.to_be_bytes());
            file.extend_from_slice(id.as_bytes());
            file.extend_from_slice(name.as_bytes());
            file.resize(file.len().next_multiple_of(8), 0);
        }
    }

    fn header(&self, file: &mut [u8], l1_at: u64, l1_size: u32, snapshots_at: u64) {
        let mut out = Vec::new();
        let length: u32 = match self.version {
            2 => 72,
            _ => 112,
        };
        let mut extensions = Vec::new();
        let mut extension = |kind: u32, text: &str| {
            extensions.extend_from_slice(&kind.to_be_bytes());
            extensions.extend_from_slice(&(text.len() as u32).to_be_bytes());
            extensions.extend_from_slice(text.as_bytes());
            extensions.resize(extensions.len().next_multiple_of(8), 0);
        };
        if let Some((_, Some(format))) = &self.backing {
            extension(0xe279_2aca, format);
        }
        if let Some(name) = &self.data_file {
            extension(0x4441_5441, name);
        }
        extension(0, "");
        let name = self.backing.as_ref().map_or("", |(name, _)| name.as_str());
        let name_at = match name {
            "" => 0,
            _ => u64::from(length) + extensions.len() as u64,
        };
        out.extend_from_slice(b"QFI\xfb");
        out.extend_from_slice(&self.version.to_be_bytes());
        out.extend_from_slice(&name_at.to_be_bytes());
        out.extend_from_slice(&(name.len() as u32).to_be_bytes());
        out.extend_from_slice(&self.bits.to_be_bytes());
        out.extend_from_slice(&self.size.to_be_bytes());
        out.extend_from_slice(&0u32.to_be_bytes());
        out.extend_from_slice(&l1_size.to_be_bytes());
        out.extend_from_slice(&l1_at.to_be_bytes());
        out.extend_from_slice(&[0; 12]);
        out.extend_from_slice(&(self.snapshots.len() as u32).to_be_bytes());
        out.extend_from_slice(&snapshots_at.to_be_bytes());
        if self.version >= 3 {
            out.extend_from_slice(&self.features.to_be_bytes());
            out.extend_from_slice(&0u64.to_be_bytes());
            out.extend_from_slice(&self.autoclear.to_be_bytes());
            out.extend_from_slice(&4u32.to_be_bytes());
            out.extend_from_slice(&length.to_be_bytes());
            out.push(u8::from(self.zstd));
            out.extend_from_slice(&[0; 7]);
        }
        out.extend_from_slice(&extensions);
        out.extend_from_slice(name.as_bytes());
        file[..out.len()].copy_from_slice(&out);
    }
}

/// A raw DEFLATE stream of the data.
fn deflate(data: &[u8]) -> Vec<u8> {
    let mut compressor = Compressor::new(CompressionLvl::new(6).unwrap());
    let mut out = vec![0; compressor.deflate_compress_bound(data.len())];
    let len = compressor.deflate_compress(data, &mut out).unwrap();
    out.truncate(len);
    out
}
