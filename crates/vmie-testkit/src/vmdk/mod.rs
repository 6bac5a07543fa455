//! Builds VMDK files of all kinds, byte for byte the same every time.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a builder of small test images, and a test may panic"
)]

mod esx;

use std::ops::Range;

use libdeflater::{CompressionLvl, Compressor};

pub use self::esx::{cowd, sesparse};

const SECTOR: usize = 512;

/// What to build.
#[derive(Clone, Debug)]
pub struct Builder {
    disk: Vec<u8>,
    grain_sectors: u64,
    entries: u32,
    version: u32,
    compressed: bool,
    directory_at_end: bool,
    footer: bool,
    mark_zeroes: bool,
    reverse: bool,
    short_last_grain: bool,
    redundant: bool,
    unclean: bool,
    descriptor: Option<String>,
    padding: usize,
}

/// A VMDK and where its parts are.
#[derive(Clone, Debug)]
pub struct Built {
    /// The file.
    pub bytes: Vec<u8>,
    /// For each stored grain, its number and its bytes in the file from the marker (if it has one)
    /// to the end of its data.
    pub grains: Vec<(u64, Range<usize>)>,
    /// Byte offset of each grain table, by its number; zero for those that are not there.
    pub tables: Vec<usize>,
    /// Byte offset of the grain directory.
    pub directory: usize,
    /// Byte offsets of the redundant grain directory and its tables; zero and none without them.
    pub redundant: (usize, Vec<usize>),
    /// Byte offset of the footer (not its marker); zero without one.
    pub footer: usize,
}

impl Builder {
    /// A stream-optimized VMDK of a disk, with its grain directory at the end. The disk is padded
    /// with zeroes to whole sectors; grains of zeroes are left out.
    #[must_use]
    pub fn stream(disk: &[u8]) -> Self {
        let mut disk = disk.to_vec();
        disk.resize(disk.len().next_multiple_of(SECTOR).max(SECTOR), 0);
        Self {
            disk,
            grain_sectors: 128,
            entries: 512,
            version: 3,
            compressed: true,
            directory_at_end: true,
            footer: true,
            mark_zeroes: false,
            reverse: false,
            short_last_grain: false,
            redundant: false,
            unclean: false,
            descriptor: Some(descriptor("streamOptimized")),
            padding: 0,
        }
    }

    /// A monolithicSparse VMDK of a disk.
    #[must_use]
    pub fn sparse(disk: &[u8]) -> Self {
        Self {
            version: 1,
            compressed: false,
            directory_at_end: false,
            footer: false,
            descriptor: Some(descriptor("monolithicSparse")),
            ..Self::stream(disk)
        }
    }

    /// Sectors of a grain.
    #[must_use]
    pub fn grain_sectors(mut self, sectors: u64) -> Self {
        self.grain_sectors = sectors;
        self
    }

    /// Entries of a grain table.
    #[must_use]
    pub fn entries(mut self, entries: u32) -> Self {
        self.entries = entries;
        self
    }

    /// Version of the header.
    #[must_use]
    pub fn version(mut self, version: u32) -> Self {
        self.version = version;
        self
    }

    /// Whether the grain directory and tables follow the grains; else they precede them, and there
    /// are neither footer nor end marker, as some tools write streams.
    #[must_use]
    pub fn directory_at_end(mut self, at_end: bool) -> Self {
        self.directory_at_end = at_end;
        self.footer = at_end;
        self
    }

    /// Whether there are a footer and an end marker.
    #[must_use]
    pub fn footer(mut self, footer: bool) -> Self {
        self.footer = footer;
        self
    }

    /// Whether grains of zeroes are marked as such in the tables, instead of as holes.
    #[must_use]
    pub fn mark_zeroes(mut self, mark: bool) -> Self {
        self.mark_zeroes = mark;
        self
    }

    /// Whether the grains are stored last first.
    #[must_use]
    pub fn reverse(mut self, reverse: bool) -> Self {
        self.reverse = reverse;
        self
    }

    /// Whether the last grain is stored only as far as it lies on the disk.
    #[must_use]
    pub fn short_last_grain(mut self, short: bool) -> Self {
        self.short_last_grain = short;
        self
    }

    /// Whether there are a second grain directory and second tables, before the first ones. Only
    /// where those precede the grains.
    #[must_use]
    pub fn redundant(mut self, redundant: bool) -> Self {
        self.redundant = redundant;
        self
    }

    /// Whether the header says that it was not closed cleanly.
    #[must_use]
    pub fn unclean(mut self, unclean: bool) -> Self {
        self.unclean = unclean;
        self
    }

    /// The embedded descriptor; `None` for none.
    #[must_use]
    pub fn descriptor(mut self, text: Option<&str>) -> Self {
        self.descriptor = text.map(str::to_owned);
        self
    }

    /// Bytes of zeroes after the end.
    #[must_use]
    pub fn padding(mut self, bytes: usize) -> Self {
        self.padding = bytes;
        self
    }

    /// The disk that the file should show.
    #[must_use]
    pub fn disk(&self) -> &[u8] {
        &self.disk
    }

    fn grain_bytes(&self) -> usize {
        self.grain_sectors as usize * SECTOR
    }

    /// Builds it.
    #[must_use]
    pub fn build(&self) -> Built {
        let grains = self.disk.len().div_ceil(self.grain_bytes());
        let mut image = Image {
            builder: self,
            out: Vec::new(),
            entries: vec![0; grains],
            grains: Vec::new(),
        };
        image.out.resize(SECTOR, 0);
        let descriptor_at = image.out.len();
        if let Some(text) = &self.descriptor {
            let size = format!("RW {} SPARSE", self.disk.len() / SECTOR);
            let text = text.replace("RW 1 SPARSE", &size);
            image.out.extend_from_slice(text.as_bytes());
            image.pad();
        }
        let descriptor_len = image.out.len() - descriptor_at;
        let tables = grains.div_ceil(self.entries as usize);
        let mut built = Built {
            bytes: Vec::new(),
            grains: Vec::new(),
            tables: vec![0; tables],
            directory: 0,
            redundant: (0, Vec::new()),
            footer: 0,
        };
        if !self.directory_at_end {
            if self.redundant {
                built.redundant = image.room_for_tables(tables);
            }
            (built.directory, built.tables) = image.room_for_tables(tables);
        }
        let overhead = image.out.len() / SECTOR;
        let order: Vec<usize> = (0..grains).collect();
        for index in if self.reverse {
            order.into_iter().rev().collect()
        } else {
            order
        } {
            image.grain(index);
        }
        if self.directory_at_end {
            image.tables_at_end(&mut built);
        } else {
            image.fill_tables(built.directory, &built.tables);
            if self.redundant {
                image.fill_tables(built.redundant.0, &built.redundant.1);
            }
        }
        let places = (built.directory, built.redundant.0);
        let mut header = self.header(overhead, descriptor_at, descriptor_len, places);
        if self.footer {
            image.marker(1, 0, 3);
            built.footer = image.out.len();
            image.out.extend_from_slice(&header);
            image.marker(0, 0, 0);
        }
        if self.directory_at_end {
            header[56..64].copy_from_slice(&u64::MAX.to_le_bytes());
        }
        image.out[..SECTOR].copy_from_slice(&header);
        image.out.resize(image.out.len() + self.padding, 0);
        built.grains = image.grains;
        built.bytes = image.out;
        built
    }

    fn header(
        &self,
        overhead: usize,
        desc_at: usize,
        desc_len: usize,
        (gd, rgd): (usize, usize),
    ) -> Vec<u8> {
        let mut flags = 1u32;
        if self.redundant {
            flags |= 1 << 1;
        }
        if self.mark_zeroes {
            flags |= 1 << 2;
        }
        if self.compressed {
            flags |= 3 << 16;
        }
        let desc = if desc_len == 0 { 0 } else { desc_at / SECTOR };
        let mut out = Vec::new();
        out.extend_from_slice(b"KDMV");
        out.extend_from_slice(&self.version.to_le_bytes());
        out.extend_from_slice(&flags.to_le_bytes());
        for n in [
            (self.disk.len() / SECTOR) as u64,
            self.grain_sectors,
            desc as u64,
            (desc_len / SECTOR) as u64,
        ] {
            out.extend_from_slice(&n.to_le_bytes());
        }
        out.extend_from_slice(&self.entries.to_le_bytes());
        for n in [(rgd / SECTOR) as u64, (gd / SECTOR) as u64, overhead as u64] {
            out.extend_from_slice(&n.to_le_bytes());
        }
        out.push(u8::from(self.unclean));
        out.extend_from_slice(b"\n \r\n");
        out.extend_from_slice(&u16::from(self.compressed).to_le_bytes());
        out.resize(SECTOR, 0);
        out
    }
}

struct Image<'a> {
    builder: &'a Builder,
    out: Vec<u8>,
    /// Table entries of all grains.
    entries: Vec<u32>,
    grains: Vec<(u64, Range<usize>)>,
}

impl Image<'_> {
    fn pad(&mut self) {
        self.out.resize(self.out.len().next_multiple_of(SECTOR), 0);
    }

    fn marker(&mut self, val: u64, size: u32, kind: u32) {
        self.out.extend_from_slice(&val.to_le_bytes());
        self.out.extend_from_slice(&size.to_le_bytes());
        if size == 0 {
            self.out.extend_from_slice(&kind.to_le_bytes());
            self.pad();
        }
    }

    fn grain(&mut self, index: usize) {
        let bytes = self.builder.grain_bytes();
        let start = index * bytes;
        let end = (start + bytes).min(self.builder.disk.len());
        let mut data = self.builder.disk[start..end].to_vec();
        if data.iter().all(|b| *b == 0) {
            self.entries[index] = u32::from(self.builder.mark_zeroes);
            return;
        }
        if !(self.builder.short_last_grain && self.builder.compressed) {
            data.resize(bytes, 0);
        }
        let at = self.out.len();
        self.entries[index] = (at / SECTOR) as u32;
        if self.builder.compressed {
            let data = deflate(&data);
            self.marker((start / SECTOR) as u64, data.len() as u32, 0);
            self.out.extend_from_slice(&data);
        } else {
            self.out.extend_from_slice(&data);
        }
        self.grains.push((index as u64, at..self.out.len()));
        self.pad();
    }

    fn tables_at_end(&mut self, built: &mut Built) {
        let per_table = self.builder.entries as usize;
        let all = self.entries.clone();
        for (number, entries) in all.chunks(per_table).enumerate() {
            if entries.iter().all(|e| *e == 0) {
                continue;
            }
            self.marker((per_table * 4).div_ceil(SECTOR) as u64, 0, 1);
            built.tables[number] = self.out.len();
            self.table(entries, per_table);
        }
        self.marker((built.tables.len() * 4).div_ceil(SECTOR) as u64, 0, 2);
        built.directory = self.out.len();
        let sectors: Vec<u32> = built.tables.iter().map(|t| (t / SECTOR) as u32).collect();
        self.table(&sectors, sectors.len());
    }

    fn table(&mut self, entries: &[u32], len: usize) {
        let start = self.out.len();
        for entry in entries {
            self.out.extend_from_slice(&entry.to_le_bytes());
        }
        self.out.resize(start + len * 4, 0);
        self.pad();
    }

    /// Makes room for a directory and its tables, and says where they are.
    fn room_for_tables(&mut self, tables: usize) -> (usize, Vec<usize>) {
        let directory = self.out.len();
        let table_bytes = (self.builder.entries as usize * 4).next_multiple_of(SECTOR);
        let first = directory + (tables * 4).next_multiple_of(SECTOR);
        self.out.resize(first + tables * table_bytes, 0);
        let places = (0..tables).map(|n| first + n * table_bytes).collect();
        (directory, places)
    }

    fn fill_tables(&mut self, directory: usize, tables: &[usize]) {
        let put = |out: &mut [u8], at: usize, n: u32| {
            out[at..at + 4].copy_from_slice(&n.to_le_bytes());
        };
        for (number, table) in tables.iter().enumerate() {
            put(
                &mut self.out,
                directory + number * 4,
                (table / SECTOR) as u32,
            );
        }
        for (index, entry) in self.entries.iter().enumerate() {
            let table = tables[index / self.builder.entries as usize];
            let within = index % self.builder.entries as usize;
            put(&mut self.out, table + within * 4, *entry);
        }
    }
}

/// A zlib stream of the data.
#[must_use]
pub fn deflate(data: &[u8]) -> Vec<u8> {
    let mut compressor = Compressor::new(CompressionLvl::new(6).unwrap());
    let mut out = vec![0; compressor.zlib_compress_bound(data.len())];
    let n = compressor.zlib_compress(data, &mut out).unwrap();
    out.truncate(n);
    out
}

/// A descriptor of this kind.
#[must_use]
pub fn descriptor(create_type: &str) -> String {
    format!(
        "# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=ffffffff\n\
         createType=\"{create_type}\"\n\n# Extent description\nRW 1 SPARSE \"disk.vmdk\"\n\n\
         # The Disk Data Base\nddb.adapterType = \"lsilogic\"\nddb.virtualHWVersion = \"7\"\n"
    )
}

/// A descriptor file of this kind over extents: lines such as `RW 8 FLAT "disk-flat.vmdk" 0`.
#[must_use]
pub fn descriptor_file(create_type: &str, extents: &[&str]) -> String {
    format!(
        "# Disk DescriptorFile\nversion=1\nencoding=\"UTF-8\"\nCID=12345678\nparentCID=ffffffff\n\
         createType=\"{create_type}\"\n\n# Extent description\n{}\n\n\
         # The Disk Data Base\n#DDB\n\nddb.adapterType = \"lsilogic\"\n",
        extents.join("\n")
    )
}

/// The same descriptor for the child of a parent with the content id that all of these have.
#[must_use]
pub fn child_of(text: &str, parent: &str) -> String {
    let parent = format!("parentCID=12345678\nparentFileNameHint=\"{parent}\"");
    text.replace("parentCID=ffffffff", &parent)
}

/// A disk that looks like one: data that compresses, zeroes, noise; the same every time.
#[must_use]
pub fn sample_disk(len: usize) -> Vec<u8> {
    let mut out = vec![0; len];
    let mut state: u32 = 1;
    for (index, block) in out.chunks_mut(4096).enumerate() {
        match index % 5 {
            0 => block.fill(index as u8 | 1),
            1 => {
                for byte in block.iter_mut() {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    *byte = (state >> 24) as u8;
                }
            }
            2 => {
                for (i, byte) in block.iter_mut().enumerate() {
                    *byte = (i / 7) as u8;
                }
            }
            _ => {}
        }
    }
    out
}
