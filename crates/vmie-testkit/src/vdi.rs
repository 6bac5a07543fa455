//! Builds VDI files, byte for byte the same every time.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing,
    reason = "a builder of small test images"
)]

use std::collections::BTreeMap;

/// What to build: a disk of holes to which blocks are added.
#[derive(Clone, Debug)]
pub struct Builder {
    size: u64,
    block: u32,
    extra: u32,
    kind: u32,
    /// This image, and the parent.
    ids: [[u8; 16]; 2],
    blocks: BTreeMap<u32, Option<Vec<u8>>>,
}

impl Builder {
    /// A dynamic disk of so many bytes, in blocks of 1 MiB.
    #[must_use]
    pub fn new(size: u64) -> Self {
        Self {
            size,
            block: 1 << 20,
            extra: 0,
            kind: 1,
            ids: [[1; 16], [0; 16]],
            blocks: BTreeMap::new(),
        }
    }

    /// Blocks of so many bytes, each after `extra` bytes of something else.
    #[must_use]
    pub fn block_size(mut self, block: u32, extra: u32) -> Self {
        (self.block, self.extra) = (block, extra);
        self
    }

    /// The type: 1 dynamic, 2 fixed, 4 differencing.
    #[must_use]
    pub fn kind(mut self, kind: u32) -> Self {
        self.kind = kind;
        self
    }

    /// The id of this image's last change, and that of the parent's.
    #[must_use]
    pub fn ids(mut self, own: [u8; 16], parent: [u8; 16]) -> Self {
        self.ids = [own, parent];
        self
    }

    /// A block, padded with zeroes.
    #[must_use]
    pub fn block(mut self, index: u32, bytes: &[u8]) -> Self {
        let mut bytes = bytes.to_vec();
        bytes.resize(self.block as usize, 0);
        self.blocks.insert(index, Some(bytes));
        self
    }

    /// A block that was discarded.
    #[must_use]
    pub fn zero(mut self, index: u32) -> Self {
        self.blocks.insert(index, None);
        self
    }

    /// What the disk holds over a parent that shows `below` (zeroes past its end).
    #[must_use]
    pub fn disk(&self, below: &[u8]) -> Vec<u8> {
        let block = self.block as usize;
        let mut disk = below.to_vec();
        disk.resize((self.size as usize).next_multiple_of(block), 0);
        for (index, bytes) in &self.blocks {
            let start = *index as usize * block;
            match bytes {
                Some(bytes) => disk[start..start + block].copy_from_slice(bytes),
                None => disk[start..start + block].fill(0),
            }
        }
        disk.truncate(self.size as usize);
        disk
    }

    /// The file.
    #[must_use]
    pub fn build(&self) -> Vec<u8> {
        let count = self.size.div_ceil(self.block.into()) as u32;
        let map_at = 512u32;
        let data_at = (map_at + count * 4).next_multiple_of(512);
        let stored: Vec<_> = self.blocks.values().flatten().collect();
        let mut out = b"<<< Oracle VM VirtualBox Disk Image >>>\n".to_vec();
        out.resize(64, 0);
        let comment = [0u8; 256];
        for number in [0xbeda_107f, 0x0001_0001, 0x190, self.kind, 0] {
            out.extend_from_slice(&u32::to_le_bytes(number));
        }
        out.extend_from_slice(&comment);
        for number in [map_at, data_at, 0, 0, 0, 512, 0] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&self.size.to_le_bytes());
        for number in [self.block, self.extra, count, stored.len() as u32] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&[9; 16]);
        out.extend_from_slice(&self.ids[0]);
        out.extend_from_slice(&self.ids[1]);
        out.extend_from_slice(&self.ids[1]);
        out.resize(map_at as usize, 0);
        let mut next = 0u32;
        for index in 0..count {
            let entry = match self.blocks.get(&index) {
                None => u32::MAX,
                Some(None) => u32::MAX - 1,
                Some(Some(_)) => {
                    next += 1;
                    next - 1
                }
            };
            out.extend_from_slice(&entry.to_le_bytes());
        }
        out.resize(data_at as usize, 0);
        for bytes in stored {
            out.resize(out.len() + self.extra as usize, 0xee);
            out.extend_from_slice(bytes);
        }
        out
    }
}
