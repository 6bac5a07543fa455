//! Builds VHD files: fixed, dynamic and differencing, byte for byte the same every time.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a builder of small test images, and a test may panic"
)]

const SECTOR: usize = 512;
/// What stands in the file for sectors that nobody wrote.
const GARBAGE: u8 = 0xee;

/// The unique id of what is built, unless another is set.
pub const UNIQUE_ID: [u8; 16] = *b"vmie-testkit-vhd";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Fixed = 2,
    Dynamic = 3,
    Differencing = 4,
}

/// What to build.
#[derive(Clone, Debug)]
pub struct Builder {
    kind: Kind,
    disk: Vec<u8>,
    /// Which sectors the file holds; of a dynamic disk, those of its blocks that are there.
    present: Vec<bool>,
    block: usize,
    creator: [u8; 4],
    geometry: (u16, u8, u8),
    current_size: Option<u64>,
    unique_id: [u8; 16],
    saved_state: u8,
    short_footer: bool,
    end: bool,
    start: bool,
    reverse: bool,
    batmap: bool,
    extra_entries: u32,
    parent_id: [u8; 16],
    parent_name: String,
    locators: Vec<([u8; 4], Vec<u8>)>,
}

/// A VHD and where its parts are.
#[derive(Clone, Debug)]
pub struct Built {
    /// The file.
    pub bytes: Vec<u8>,
    /// Byte offset of the footer at the end; of nothing, if it was left out.
    pub footer: usize,
    /// Byte offset of the dynamic disk header; zero in a fixed disk.
    pub header: usize,
    /// Byte offset of the block allocation table; zero in a fixed disk.
    pub table: usize,
    /// Byte offset of each block's sector bitmap; `None` for those that are not there.
    pub blocks: Vec<Option<usize>>,
}

impl Builder {
    fn new(kind: Kind, disk: &[u8]) -> Self {
        let mut disk = disk.to_vec();
        disk.resize(disk.len().next_multiple_of(SECTOR).max(SECTOR), 0);
        Self {
            kind,
            present: vec![true; disk.len() / SECTOR],
            disk,
            block: 4096,
            creator: *b"win ",
            geometry: (0, 0, 0),
            current_size: None,
            unique_id: UNIQUE_ID,
            saved_state: 0,
            short_footer: false,
            end: true,
            start: true,
            reverse: false,
            batmap: false,
            extra_entries: 0,
            parent_id: [0; 16],
            parent_name: String::new(),
            locators: Vec::new(),
        }
    }

    /// A fixed VHD of a disk, which is padded to whole sectors.
    #[must_use]
    pub fn fixed(disk: &[u8]) -> Self {
        Self::new(Kind::Fixed, disk)
    }

    /// A dynamic VHD with blocks of 4 KiB; blocks of zeroes are left out.
    #[must_use]
    pub fn dynamic(disk: &[u8]) -> Self {
        Self::new(Kind::Dynamic, disk)
    }

    /// A differencing VHD that holds those sectors of `disk` which `present` says; its parent has
    /// the id [`UNIQUE_ID`] and is called `parent.vhd`.
    #[must_use]
    pub fn differencing(disk: &[u8], present: &[bool]) -> Self {
        let mut builder = Self::new(Kind::Differencing, disk);
        builder.present.fill(false);
        let known = builder.present.iter_mut().zip(present);
        known.for_each(|(to, from)| *to = *from);
        builder.unique_id = *b"vmie-differences";
        builder.parent_id = UNIQUE_ID;
        builder.parent_name = "parent.vhd".to_owned();
        builder
    }

    /// Bytes of a block.
    #[must_use]
    pub fn block_bytes(mut self, bytes: usize) -> Self {
        self.block = bytes;
        self
    }

    /// Which sectors of a dynamic disk's blocks were written; the others have garbage in the file
    /// and read as zeroes.
    #[must_use]
    pub fn written(mut self, present: &[bool]) -> Self {
        let known = self.present.iter_mut().zip(present);
        known.for_each(|(to, from)| *to = *from);
        self
    }

    /// The code of the program that made it.
    #[must_use]
    pub fn creator(mut self, code: [u8; 4]) -> Self {
        self.creator = code;
        self
    }

    /// Cylinders, heads and sectors per track.
    #[must_use]
    pub fn geometry(mut self, cylinders: u16, heads: u8, sectors: u8) -> Self {
        self.geometry = (cylinders, heads, sectors);
        self
    }

    /// Another current size than the disk's.
    #[must_use]
    pub fn current_size(mut self, bytes: u64) -> Self {
        self.current_size = Some(bytes);
        self
    }

    /// Another id.
    #[must_use]
    pub fn unique_id(mut self, id: [u8; 16]) -> Self {
        self.unique_id = id;
        self
    }

    /// Marks the machine as suspended.
    #[must_use]
    pub fn saved_state(mut self) -> Self {
        self.saved_state = 1;
        self
    }

    /// A footer of 511 bytes at the end.
    #[must_use]
    pub fn short_footer(mut self) -> Self {
        self.short_footer = true;
        self
    }

    /// Leaves out the footer at the end.
    #[must_use]
    pub fn no_end(mut self) -> Self {
        self.end = false;
        self
    }

    /// Leaves out the footer's copy at the start.
    #[must_use]
    pub fn no_start(mut self) -> Self {
        self.start = false;
        self
    }

    /// Puts the blocks into the file the last one first.
    #[must_use]
    pub fn reverse(mut self) -> Self {
        self.reverse = true;
        self
    }

    /// Adds the batmap that XenServer puts behind the table, and some entries for blocks past the
    /// disk's end.
    #[must_use]
    pub fn batmap(mut self) -> Self {
        self.batmap = true;
        self.extra_entries = 3;
        self
    }

    /// The id of the parent.
    #[must_use]
    pub fn parent_id(mut self, id: [u8; 16]) -> Self {
        self.parent_id = id;
        self
    }

    /// The parent's name in the header.
    #[must_use]
    pub fn parent_name(mut self, name: &str) -> Self {
        self.parent_name = name.to_owned();
        self
    }

    /// Adds a parent locator of a platform.
    #[must_use]
    pub fn locator(mut self, platform: [u8; 4], data: Vec<u8>) -> Self {
        self.locators.push((platform, data));
        self
    }

    /// What the guest sees, without a parent.
    #[must_use]
    pub fn disk(&self) -> Vec<u8> {
        let mut disk = self.disk.clone();
        for (sector, present) in disk.chunks_mut(SECTOR).zip(&self.present) {
            if !present {
                sector.fill(0);
            }
        }
        disk
    }

    /// What the guest sees over a parent.
    #[must_use]
    pub fn over(&self, parent: &[u8]) -> Vec<u8> {
        let mut disk = self.disk.clone();
        let mut below = parent.to_vec();
        below.resize(disk.len(), 0);
        let sectors = disk.chunks_mut(SECTOR).zip(below.chunks(SECTOR));
        for ((sector, below), present) in sectors.zip(&self.present) {
            if !present {
                sector.copy_from_slice(below);
            }
        }
        disk
    }

    fn footer(&self, header: u64) -> [u8; SECTOR] {
        let mut footer = [0; SECTOR];
        let size = self.current_size.unwrap_or(self.disk.len() as u64);
        put(&mut footer, 0, b"conectix");
        put(&mut footer, 8, &2u32.to_be_bytes());
        put(&mut footer, 12, &0x0001_0000u32.to_be_bytes());
        put(&mut footer, 16, &header.to_be_bytes());
        put(&mut footer, 24, &0x1a39_73eau32.to_be_bytes());
        put(&mut footer, 28, &self.creator);
        put(&mut footer, 32, &0x000a_0001u32.to_be_bytes());
        put(&mut footer, 36, b"Wi2k");
        put(&mut footer, 40, &size.to_be_bytes());
        put(&mut footer, 48, &size.to_be_bytes());
        put(&mut footer, 56, &self.geometry.0.to_be_bytes());
        put(&mut footer, 58, &[self.geometry.1, self.geometry.2]);
        put(&mut footer, 60, &(self.kind as u32).to_be_bytes());
        put(&mut footer, 68, &self.unique_id);
        footer[84] = self.saved_state;
        fix(&mut footer, 64);
        footer
    }

    fn header(&self, table: u64, entries: u32, locators: &[(usize, usize)]) -> Vec<u8> {
        let mut header = vec![0; 1024];
        put(&mut header, 0, b"cxsparse");
        put(&mut header, 8, &u64::MAX.to_be_bytes());
        put(&mut header, 16, &table.to_be_bytes());
        put(&mut header, 24, &0x0001_0000u32.to_be_bytes());
        put(&mut header, 28, &entries.to_be_bytes());
        put(&mut header, 32, &(self.block as u32).to_be_bytes());
        put(&mut header, 40, &self.parent_id);
        for (index, unit) in self.parent_name.encode_utf16().enumerate() {
            put(&mut header, 64 + 2 * index, &unit.to_be_bytes());
        }
        for (index, ((platform, data), (at, _))) in self.locators.iter().zip(locators).enumerate() {
            let entry = 576 + 24 * index;
            put(&mut header, entry, platform);
            put(&mut header, entry + 4, &512u32.to_be_bytes());
            put(&mut header, entry + 8, &(data.len() as u32).to_be_bytes());
            put(&mut header, entry + 16, &(*at as u64).to_be_bytes());
        }
        fix(&mut header, 36);
        header
    }

    /// Builds it.
    #[must_use]
    pub fn build(&self) -> Built {
        if self.kind == Kind::Fixed {
            let mut bytes = self.disk.clone();
            let footer = bytes.len();
            self.finish(&mut bytes, u64::MAX);
            return Built {
                bytes,
                footer,
                header: 0,
                table: 0,
                blocks: Vec::new(),
            };
        }
        let count = self.disk.len().div_ceil(self.block);
        let entries = count as u32 + self.extra_entries;
        let mut at = 1536;
        let mut locators = Vec::new();
        for (_, data) in &self.locators {
            locators.push((at, data.len()));
            at += data.len().next_multiple_of(SECTOR);
        }
        let table = at;
        let mut bytes = vec![0; table + (entries as usize * 4).next_multiple_of(SECTOR)];
        if self.start {
            put(&mut bytes, 0, &self.footer(512));
        }
        put(
            &mut bytes,
            512,
            &self.header(table as u64, entries, &locators),
        );
        for ((_, data), (at, _)) in self.locators.iter().zip(&locators) {
            put(&mut bytes, *at, data);
        }
        bytes[table..].fill(0xff);
        if self.batmap {
            let mut map = vec![0; 2 * SECTOR];
            put(&mut map, 0, b"tdbatmap");
            bytes.extend(map);
        }
        let mut blocks = vec![None; count];
        let mut order: Vec<usize> = (0..count).collect();
        if self.reverse {
            order.reverse();
        }
        for block in order {
            if let Some(stored) = self.stored(block) {
                let entry = (bytes.len() / SECTOR) as u32;
                put(&mut bytes, table + 4 * block, &entry.to_be_bytes());
                blocks[block] = Some(bytes.len());
                bytes.extend(stored);
            }
        }
        let footer = bytes.len();
        self.finish(&mut bytes, 512);
        Built {
            bytes,
            footer,
            header: 512,
            table,
            blocks,
        }
    }

    /// A block's bitmap and data; `None` when it is left out.
    fn stored(&self, block: usize) -> Option<Vec<u8>> {
        let sectors = self.block / SECTOR;
        let bitmap = sectors.div_ceil(8).next_multiple_of(SECTOR);
        let mut out = vec![0; bitmap];
        out.resize(bitmap + self.block, GARBAGE);
        let mut any = false;
        let first = block * sectors;
        for (index, sector) in self
            .disk
            .chunks(SECTOR)
            .enumerate()
            .skip(first)
            .take(sectors)
        {
            if self.present[index] {
                let within = index - first;
                out[within / 8] |= 0x80 >> (within % 8);
                put(&mut out, bitmap + within * SECTOR, sector);
                any |= self.kind == Kind::Differencing || sector.iter().any(|b| *b != 0);
            }
        }
        any.then_some(out)
    }

    fn finish(&self, bytes: &mut Vec<u8>, header: u64) {
        if self.end {
            let len = if self.short_footer { 511 } else { 512 };
            bytes.extend(&self.footer(header)[..len]);
        }
    }
}

/// The bytes of a locator whose text is UTF-16, little-endian.
#[must_use]
pub fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Makes the checksum at byte `at` of a footer (64) or header (36) right.
pub fn fix(structure: &mut [u8], at: usize) {
    structure[at..at + 4].fill(0);
    let sum = structure
        .iter()
        .fold(0u32, |sum, byte| sum + u32::from(*byte));
    put(structure, at, &(!sum).to_be_bytes());
}

fn put(bytes: &mut [u8], at: usize, what: &[u8]) {
    bytes[at..at + what.len()].copy_from_slice(what);
}
