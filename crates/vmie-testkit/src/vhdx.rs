//! Builds VHDX files: fixed, dynamic and differencing, with and without a log, byte for byte the
//! same every time.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a builder of small test images, and a test may panic"
)]

/// A mebibyte.
pub const MIB: usize = 1 << 20;
/// Byte offset of the log, a mebibyte long.
pub const LOG: usize = MIB;
/// Byte offset of the metadata region, a mebibyte long.
pub const METADATA: usize = 2 * MIB;
/// Byte offset of the first item of metadata: the file parameters.
pub const ITEMS: usize = METADATA + (64 << 10);
/// Byte offset of the block allocation table, a mebibyte long.
pub const BAT: usize = 3 * MIB;
/// Byte offset of the first block.
pub const BLOCKS: usize = 4 * MIB;

/// The `DataWriteGuid` of what is built, unless another is set.
pub const DATA_ID: [u8; 16] = guid(0x00112233_4455_6677_8899_aabbccddeeff);
/// The `LogGuid` of images with a log.
pub const LOG_ID: [u8; 16] = guid(0x01020304_0506_0708_090a_0b0c0d0e0f10);

/// A payload block that is not there.
pub const NOT_PRESENT: u64 = 0;
/// A payload block that is all there.
pub const FULLY_PRESENT: u64 = 6;
/// A payload block of which some sectors are there.
pub const PARTIALLY_PRESENT: u64 = 7;

/// The id whose usual text is the number's hexadecimal form, as it is stored.
#[must_use]
pub const fn guid(number: u128) -> [u8; 16] {
    let b = number.to_be_bytes();
    [
        b[3], b[2], b[1], b[0], b[5], b[4], b[7], b[6], b[8], b[9], b[10], b[11], b[12], b[13],
        b[14], b[15],
    ]
}

/// What to build.
#[derive(Clone, Debug)]
pub struct Builder {
    disk: Vec<u8>,
    block: usize,
    sector: usize,
    physical: u32,
    leave: bool,
    /// For blocks that are not simply there or not: their number and state.
    states: Vec<(usize, u64)>,
    /// Which sectors the file holds, of a differencing disk.
    present: Option<Vec<bool>>,
    locator: Vec<(String, String)>,
    sequence: [u64; 2],
    data_id: [u8; 16],
    log: bool,
    reverse: bool,
}

impl Builder {
    /// A dynamic VHDX with blocks of 1 MiB and sectors of 512 bytes; blocks of zeroes are left out.
    /// The disk is padded to whole sectors.
    #[must_use]
    pub fn dynamic(disk: &[u8]) -> Self {
        Self {
            disk: disk.to_vec(),
            block: MIB,
            sector: 512,
            physical: 4096,
            leave: false,
            states: Vec::new(),
            present: None,
            locator: Vec::new(),
            sequence: [7, 8],
            data_id: DATA_ID,
            log: false,
            reverse: false,
        }
    }

    /// A fixed VHDX: all blocks are there.
    #[must_use]
    pub fn fixed(disk: &[u8]) -> Self {
        Self {
            leave: true,
            ..Self::dynamic(disk)
        }
    }

    /// A differencing VHDX that holds those sectors of `disk` which `present` says; its parent has
    /// the id [`DATA_ID`] and is called `.\parent.vhdx`.
    #[must_use]
    pub fn differencing(disk: &[u8], present: &[bool]) -> Self {
        Self {
            present: Some(present.to_vec()),
            data_id: guid(0x99999999_4455_6677_8899_aabbccddeeff),
            ..Self::dynamic(disk)
        }
        .pair("parent_linkage", "{00112233-4455-6677-8899-AABBCCDDEEFF}")
        .pair("relative_path", ".\\parent.vhdx")
    }

    /// Mebibytes of a block.
    #[must_use]
    pub fn block_mib(mut self, mib: usize) -> Self {
        self.block = mib * MIB;
        self
    }

    /// Bytes of a logical sector.
    #[must_use]
    pub fn sector(mut self, bytes: usize) -> Self {
        self.sector = bytes;
        self
    }

    /// Gives a block a state of which the data in the file says nothing.
    #[must_use]
    pub fn state(mut self, block: usize, state: u64) -> Self {
        self.states.push((block, state));
        self
    }

    /// Sets a pair of the parent locator; an empty value leaves the key out.
    #[must_use]
    pub fn pair(mut self, key: &str, value: &str) -> Self {
        self.locator.retain(|(known, _)| known != key);
        if !value.is_empty() {
            self.locator.push((key.to_owned(), value.to_owned()));
        }
        self
    }

    /// The sequence numbers of the two headers.
    #[must_use]
    pub fn sequence(mut self, first: u64, second: u64) -> Self {
        self.sequence = [first, second];
        self
    }

    /// Another `DataWriteGuid`.
    #[must_use]
    pub fn data_id(mut self, id: [u8; 16]) -> Self {
        self.data_id = id;
        self
    }

    /// Says in both headers that a log waits, of the id [`LOG_ID`]; [`put_log`] writes it.
    #[must_use]
    pub fn log(mut self) -> Self {
        self.log = true;
        self
    }

    /// Puts the blocks into the file the last one first.
    #[must_use]
    pub fn reverse(mut self) -> Self {
        self.reverse = true;
        self
    }

    fn padded(&self) -> Vec<u8> {
        let mut disk = self.disk.clone();
        disk.resize(disk.len().next_multiple_of(self.sector).max(self.sector), 0);
        disk
    }

    fn state_of(&self, block: usize) -> Option<u64> {
        let set = self.states.iter().rev().find(|(b, _)| *b == block);
        set.map(|(_, state)| *state)
    }

    /// What the guest sees; over a parent, if it is a differencing one.
    #[must_use]
    pub fn over(&self, parent: &[u8]) -> Vec<u8> {
        let mut disk = self.padded();
        let mut below = parent.to_vec();
        below.resize(disk.len(), 0);
        let sectors = disk.chunks_mut(self.sector).zip(below.chunks(self.sector));
        for (index, (sector, below)) in sectors.enumerate() {
            let set = self.state_of(index * self.sector / self.block);
            let present = self.present.as_ref();
            let held = present.is_none_or(|p| p.get(index) == Some(&true));
            match set {
                Some(NOT_PRESENT) => sector.copy_from_slice(below),
                Some(1..=3) => sector.fill(0),
                Some(FULLY_PRESENT) => {}
                _ if !held => sector.copy_from_slice(below),
                _ => {}
            }
        }
        disk
    }

    /// What the guest sees.
    #[must_use]
    pub fn disk(&self) -> Vec<u8> {
        self.over(&[])
    }

    /// Payload blocks for each sector bitmap.
    #[must_use]
    pub fn chunk_ratio(&self) -> usize {
        (1 << 23) * self.sector / self.block
    }

    /// Byte offset of the table's entry for a payload block.
    #[must_use]
    pub fn entry(&self, block: usize) -> usize {
        BAT + 8 * (block + block / self.chunk_ratio())
    }

    /// Byte offset of the table's entry for the sector bitmap of a chunk.
    #[must_use]
    pub fn bitmap_entry(&self, chunk: usize) -> usize {
        BAT + 8 * ((chunk + 1) * self.chunk_ratio() + chunk)
    }

    fn metadata(&self, disk_len: u64, bytes: &mut [u8]) {
        let mut parameters = (self.block as u32).to_le_bytes().to_vec();
        let flags = u32::from(self.leave) | u32::from(self.present.is_some()) << 1;
        parameters.extend(flags.to_le_bytes());
        let mut items = vec![
            (0xCAA16737_FA36_4D43_B3B6_33F0AA44E76B, 4, parameters),
            (
                0x2FA54224_CD1B_4876_B211_5DBED83BF4B8,
                6,
                disk_len.to_le_bytes().to_vec(),
            ),
            (
                0xBECA12AB_B2E6_4523_93EF_C309E000C746,
                6,
                guid(0xabcd).to_vec(),
            ),
            (
                0x8141BF1D_A96F_4709_BA47_F233A8FAAB5F,
                6,
                (self.sector as u32).to_le_bytes().to_vec(),
            ),
            (
                0xCDA348C7_445D_4471_9CC9_E9885251C556,
                6,
                self.physical.to_le_bytes().to_vec(),
            ),
        ];
        if self.present.is_some() {
            items.push((
                0xA8D35F2D_B30B_454D_ABF7_D3D84834AB0C,
                4,
                locator(&self.locator),
            ));
        }
        put(bytes, METADATA, b"metadata");
        put(bytes, METADATA + 10, &(items.len() as u16).to_le_bytes());
        let mut at = ITEMS;
        for (index, (id, flags, data)) in items.iter().enumerate() {
            let entry = METADATA + 32 + 32 * index;
            put(bytes, entry, &guid(*id));
            put(bytes, entry + 16, &((at - METADATA) as u32).to_le_bytes());
            put(bytes, entry + 20, &(data.len() as u32).to_le_bytes());
            put(bytes, entry + 24, &(*flags as u32).to_le_bytes());
            put(bytes, at, data);
            at += data.len().next_multiple_of(16);
        }
    }

    /// Builds it.
    #[must_use]
    pub fn build(&self) -> Vec<u8> {
        let disk = self.padded();
        let mut bytes = vec![0; BLOCKS];
        put(&mut bytes, 0, b"vhdxfile");
        put(
            &mut bytes,
            8,
            &"vmie testkit"
                .encode_utf16()
                .flat_map(u16::to_le_bytes)
                .collect::<Vec<_>>(),
        );
        for (at, number) in [64 << 10, 128 << 10].into_iter().zip(self.sequence) {
            put(&mut bytes, at, b"head");
            put(&mut bytes, at + 8, &number.to_le_bytes());
            put(&mut bytes, at + 32, &self.data_id);
            if self.log {
                put(&mut bytes, at + 48, &LOG_ID);
            }
            put(&mut bytes, at + 66, &1u16.to_le_bytes());
            put(&mut bytes, at + 68, &(MIB as u32).to_le_bytes());
            put(&mut bytes, at + 72, &(LOG as u64).to_le_bytes());
        }
        for at in [192 << 10, 256 << 10] {
            put(&mut bytes, at, b"regi");
            put(&mut bytes, at + 8, &2u32.to_le_bytes());
            let regions = [
                (0x2DC27766_F623_4200_9D64_115E9BFD4A08, BAT),
                (0x8B7CA206_4790_4B9A_B8FE_575F050F886E, METADATA),
            ];
            for (index, (id, place)) in regions.into_iter().enumerate() {
                let entry = at + 16 + 32 * index;
                put(&mut bytes, entry, &guid(id));
                put(&mut bytes, entry + 16, &(place as u64).to_le_bytes());
                put(&mut bytes, entry + 24, &(MIB as u32).to_le_bytes());
                put(&mut bytes, entry + 28, &1u32.to_le_bytes());
            }
        }
        self.metadata(disk.len() as u64, &mut bytes);
        self.blocks(&disk, &mut bytes);
        fix(&mut bytes);
        bytes
    }

    fn blocks(&self, disk: &[u8], bytes: &mut Vec<u8>) {
        let count = disk.len().div_ceil(self.block);
        let sectors = self.block / self.sector;
        let mut partial = Vec::new();
        let mut order: Vec<usize> = (0..count).collect();
        if self.reverse {
            order.reverse();
        }
        for block in order {
            let data = &disk[block * self.block..disk.len().min((block + 1) * self.block)];
            let held: Vec<bool> = (block * sectors..(block + 1) * sectors)
                .map(|s| {
                    self.present
                        .as_ref()
                        .is_none_or(|p| p.get(s) == Some(&true))
                })
                .collect();
            let zero = data.iter().all(|b| *b == 0);
            let state = self.state_of(block).unwrap_or(match &self.present {
                Some(_) if held.iter().all(|h| *h) => FULLY_PRESENT,
                Some(_) if held.iter().any(|h| *h) => PARTIALLY_PRESENT,
                Some(_) => NOT_PRESENT,
                None if zero && !self.leave => NOT_PRESENT,
                None => FULLY_PRESENT,
            });
            let mut entry = state;
            if state == FULLY_PRESENT || state == PARTIALLY_PRESENT {
                entry |= bytes.len() as u64;
                let start = bytes.len();
                bytes.resize(start + self.block, 0);
                put(bytes, start, data);
            }
            if state == PARTIALLY_PRESENT {
                partial.push((block, held));
            }
            put(bytes, self.entry(block), &entry.to_le_bytes());
        }
        for (block, held) in partial {
            self.bitmap(block, &held, bytes);
        }
    }

    /// Writes a block's part of its chunk's bitmap, which is made if it is not there.
    fn bitmap(&self, block: usize, held: &[bool], bytes: &mut Vec<u8>) {
        let chunk = block / self.chunk_ratio();
        let entry = self.bitmap_entry(chunk);
        let mut known = u64::from_le_bytes(bytes[entry..entry + 8].try_into().unwrap());
        if known == 0 {
            known = bytes.len() as u64 | FULLY_PRESENT;
            put(bytes, entry, &known.to_le_bytes());
            bytes.resize(bytes.len() + MIB, 0);
        }
        let first = (block % self.chunk_ratio()) * held.len();
        for (index, held) in held.iter().enumerate() {
            let bit = first + index;
            let byte = (known & !7) as usize + bit / 8;
            bytes[byte] |= u8::from(*held) << (bit % 8);
        }
    }
}

fn locator(pairs: &[(String, String)]) -> Vec<u8> {
    let mut out = vec![0; 20 + 12 * pairs.len()];
    put(&mut out, 0, &guid(0xB04AEFB7_D19E_4A81_B789_25B8E9445913));
    put(&mut out, 18, &(pairs.len() as u16).to_le_bytes());
    for (index, (key, value)) in pairs.iter().enumerate() {
        let text = |text: &str| {
            text.encode_utf16()
                .flat_map(u16::to_le_bytes)
                .collect::<Vec<u8>>()
        };
        let (key, value) = (text(key), text(value));
        let entry = 20 + 12 * index;
        let at = out.len();
        put(&mut out, entry, &(at as u32).to_le_bytes());
        put(
            &mut out,
            entry + 4,
            &((at + key.len()) as u32).to_le_bytes(),
        );
        put(&mut out, entry + 8, &(key.len() as u16).to_le_bytes());
        put(&mut out, entry + 10, &(value.len() as u16).to_le_bytes());
        out.extend(key);
        out.extend(value);
    }
    out
}

/// Makes the checksums of headers and region tables right.
pub fn fix(bytes: &mut [u8]) {
    for (at, len) in [
        (64 << 10, 4096),
        (128 << 10, 4096),
        (192 << 10, 64 << 10),
        (256 << 10, 64 << 10),
    ] {
        if let Some(structure) = bytes.get_mut(at..at + len) {
            fix_one(structure);
        }
    }
}

/// Makes the checksum of one structure right: of a header, a region table or a log entry.
pub fn fix_one(structure: &mut [u8]) {
    structure[4..8].fill(0);
    let crc = crc32c::crc32c(structure);
    put(structure, 4, &crc.to_le_bytes());
}

/// A change that a log entry makes to the file.
#[derive(Clone, Debug)]
pub enum Change {
    /// So many bytes of zeroes at a byte of the file.
    Zero(u64, u64),
    /// 4096 bytes at a byte of the file.
    Data(u64, Vec<u8>),
}

/// A log entry.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its sequence number.
    pub number: u64,
    /// Byte offset in the log of the sequence's first entry.
    pub tail: u32,
    /// Bytes that the file had at least.
    pub flushed: u64,
    /// Bytes that the file has at least afterwards.
    pub last: u64,
    /// What it changes.
    pub changes: Vec<Change>,
}

impl Entry {
    /// The entry's bytes: whole sectors of 4096.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let descriptors = 64 + 32 * self.changes.len();
        let mut out = vec![0; descriptors.next_multiple_of(4096)];
        put(&mut out, 0, b"loge");
        put(&mut out, 12, &self.tail.to_le_bytes());
        put(&mut out, 16, &self.number.to_le_bytes());
        put(&mut out, 24, &(self.changes.len() as u32).to_le_bytes());
        put(&mut out, 32, &LOG_ID);
        put(&mut out, 48, &self.flushed.to_le_bytes());
        put(&mut out, 56, &self.last.to_le_bytes());
        for (index, change) in self.changes.iter().enumerate() {
            let at = 64 + 32 * index;
            put(&mut out, at + 24, &self.number.to_le_bytes());
            match change {
                Change::Zero(offset, len) => {
                    put(&mut out, at, b"zero");
                    put(&mut out, at + 8, &len.to_le_bytes());
                    put(&mut out, at + 16, &offset.to_le_bytes());
                }
                Change::Data(offset, data) => {
                    put(&mut out, at, b"desc");
                    put(&mut out, at + 4, &data[4092..]);
                    put(&mut out, at + 8, &data[..8]);
                    put(&mut out, at + 16, &offset.to_le_bytes());
                    let mut sector = b"data".to_vec();
                    sector.extend(((self.number >> 32) as u32).to_le_bytes());
                    sector.extend(&data[8..4092]);
                    sector.extend((self.number as u32).to_le_bytes());
                    out.extend(sector);
                }
            }
        }
        let len = out.len() as u32;
        put(&mut out, 8, &len.to_le_bytes());
        fix_one(&mut out);
        out
    }
}

/// Writes a log entry at a byte of the log, which wraps around at its end.
pub fn put_log(bytes: &mut [u8], at: usize, entry: &[u8]) {
    for (index, sector) in entry.chunks(4096).enumerate() {
        put(bytes, LOG + (at + index * 4096) % MIB, sector);
    }
}

fn put(bytes: &mut [u8], at: usize, what: &[u8]) {
    bytes[at..at + what.len()].copy_from_slice(what);
}
