//! Writing a VHDX, fixed or dynamic.

use vmie_io::{WriteAt, int};
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromZeros, IntoBytes};

use super::format::{
    BAT_REGION, CHUNK_SECTORS, FILE_PARAMETERS, FILE_SIGNATURE, FULLY_PRESENT, Guid, HEADER,
    HEADER_SIGNATURE, HEADERS, ITEM_IS_REQUIRED, LEAVE_BLOCKS_ALLOCATED, LOGICAL_SECTOR_SIZE,
    MAX_DISK, METADATA_REGION, METADATA_SIGNATURE, METADATA_TABLE, MIB, PHYSICAL_SECTOR_SIZE,
    REGION_SIGNATURE, REGION_TABLE, REGION_TABLES, RawHeader, RawItem, RawMetadataTable, RawRegion,
    RawRegionTable, VERSION, VIRTUAL_DISK_ID, VIRTUAL_DISK_SIZE, checksum,
};
use crate::convert::{BlockTable, Encoder, Placer, Stamp, Words, write_error};
use crate::{Cause, Error};

/// Bytes of a block of small disks; large disks have larger ones, so that their tables stay small.
const MIN_BLOCK: u64 = 2 << 20;
/// Blocks of a disk at the most, where its blocks are not the largest.
const MANY_BLOCKS: u64 = 1 << 20;
/// Bytes of the largest block (2.6.2.1).
const MAX_BLOCK: u64 = 256 << 20;
/// Bytes of a logical sector of the disk.
const SECTOR: u64 = 512;
/// Where the log, the metadata and the table are. The log is empty, and has to be there.
const LOG_AT: u64 = MIB;
const LOG_BYTES: u64 = MIB;
const METADATA_AT: u64 = 2 * MIB;
const METADATA_BYTES: u64 = MIB;
const BAT_AT: u64 = 3 * MIB;
/// An entry of the block table in memory for a block that is not there; others count mebibytes, of
/// which even the largest disk has fewer than 2^27.
const FREE: u32 = u32::MAX;
/// `IsVirtualDisk` of an item's flags.
const ITEM_IS_VIRTUAL_DISK: u32 = 2;

/// Writes a VHDX: headers, region tables, log, metadata, block allocation table, blocks.
pub(crate) struct VhdxEncoder {
    size: u64,
    block: u64,
    blocks: u64,
    fixed: bool,
    bat_bytes: u64,
    id: Guid,
    table: BlockTable,
}

impl VhdxEncoder {
    pub(crate) fn new(size: u64, fixed: bool, stamp: &Stamp) -> Result<Self, Error> {
        let size = size.next_multiple_of(SECTOR);
        if size > MAX_DISK {
            return Err(Error::new(Cause::TargetTooLarge)
                .in_structure("VHDX metadata")
                .field("VirtualDiskSize")
                .found(size));
        }
        let mut block = MIN_BLOCK;
        while size.div_ceil(block) > MANY_BLOCKS && block < MAX_BLOCK {
            block = block.saturating_mul(2);
        }
        let blocks = size.div_ceil(block);
        // After each chunk's payload entries there is one for its sector bitmap (2.5).
        let ratio = (CHUNK_SECTORS * SECTOR)
            .checked_div(block)
            .unwrap_or(1)
            .max(1);
        let bitmaps = blocks.saturating_sub(1).checked_div(ratio).unwrap_or(0);
        let bat_bytes = blocks.saturating_add(bitmaps).saturating_mul(8);
        let bat_bytes = bat_bytes.next_multiple_of(MIB).max(MIB);
        let first = BAT_AT.saturating_add(bat_bytes);
        let table = BlockTable::new(blocks, FREE, first);
        if fixed {
            for number in 0..blocks {
                table.entry(number, FREE, |next| allocate(next, block))?;
            }
        }
        Ok(Self {
            size,
            block,
            blocks,
            fixed,
            bat_bytes,
            id: stamp.id,
            table,
        })
    }

    /// Payload blocks between two sector bitmap blocks.
    fn ratio(&self) -> u64 {
        (CHUNK_SECTORS * SECTOR)
            .checked_div(self.block)
            .unwrap_or(1)
            .max(1)
    }

    /// Another id made of the image's.
    fn other_id(&self, salt: u8) -> Guid {
        let mut id = self.id;
        if let Some(first) = id.first_mut() {
            *first ^= salt;
        }
        id
    }

    fn header(&self, sequence: u64) -> Vec<u8> {
        let mut header = RawHeader::new_zeroed();
        header.Signature = HEADER_SIGNATURE;
        header.SequenceNumber = U64::new(sequence);
        header.FileWriteGuid = self.other_id(1);
        header.DataWriteGuid = self.other_id(2);
        header.Version = U16::new(VERSION);
        header.LogLength = U32::new(1 << 20);
        header.LogOffset = U64::new(LOG_AT);
        with_checksum(header.as_bytes(), HEADER)
    }

    fn regions(&self) -> Vec<u8> {
        let region = |guid, at, len: u64| RawRegion {
            Guid: guid,
            FileOffset: U64::new(at),
            Length: U32::new(u32::try_from(len).unwrap_or(u32::MAX)),
            Required: U32::new(1),
        };
        let mut table = RawRegionTable::new_zeroed();
        table.Signature = REGION_SIGNATURE;
        table.EntryCount = U32::new(2);
        let mut bytes = table.as_bytes().to_vec();
        for entry in [
            region(BAT_REGION, BAT_AT, self.bat_bytes),
            region(METADATA_REGION, METADATA_AT, METADATA_BYTES),
        ] {
            bytes.extend_from_slice(entry.as_bytes());
        }
        with_checksum(&bytes, REGION_TABLE)
    }

    /// The metadata table and its items, which follow it.
    fn metadata(&self) -> Vec<u8> {
        let small = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        let leave = if self.fixed {
            LEAVE_BLOCKS_ALLOCATED
        } else {
            0
        };
        let parameters = [small(self.block).to_le_bytes(), leave.to_le_bytes()].concat();
        let disk = ITEM_IS_REQUIRED | ITEM_IS_VIRTUAL_DISK;
        let items: [(Guid, Vec<u8>, u32); 5] = [
            (FILE_PARAMETERS, parameters, ITEM_IS_REQUIRED),
            (VIRTUAL_DISK_SIZE, self.size.to_le_bytes().to_vec(), disk),
            (VIRTUAL_DISK_ID, self.other_id(3).to_vec(), disk),
            (LOGICAL_SECTOR_SIZE, 512u32.to_le_bytes().to_vec(), disk),
            (PHYSICAL_SECTOR_SIZE, 4096u32.to_le_bytes().to_vec(), disk),
        ];
        let mut table = RawMetadataTable::new_zeroed();
        table.Signature = METADATA_SIGNATURE;
        table.EntryCount = U16::new(5);
        let mut bytes = table.as_bytes().to_vec();
        let mut content = Vec::new();
        for (guid, data, flags) in items {
            let item = RawItem {
                ItemId: guid,
                Offset: U32::new(METADATA_TABLE.saturating_add(small(int::u64_of(content.len())))),
                Length: U32::new(small(int::u64_of(data.len()))),
                Flags: U32::new(flags),
                Reserved2: U32::new(0),
            };
            bytes.extend_from_slice(item.as_bytes());
            content.extend_from_slice(&data);
        }
        bytes.resize(int::usize_of(METADATA_TABLE.into()), 0);
        bytes.extend_from_slice(&content);
        bytes
    }
}

/// A block at the next place: its entry, and the place after it. Both are whole mebibytes.
fn allocate(next: u64, block: u64) -> Result<(u32, u64), Error> {
    let entry = u32::try_from(next / MIB)
        .map_err(|_| Error::new(Cause::TargetTooLarge).at("VHDX block allocation table", next))?;
    Ok((entry, next.saturating_add(block)))
}

/// A structure of `len` bytes with its CRC-32C at byte 4.
fn with_checksum(bytes: &[u8], len: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.resize(len, 0);
    let crc = checksum(&bytes).to_le_bytes();
    if let Some(place) = bytes.get_mut(4..8) {
        place.copy_from_slice(&crc);
    }
    bytes
}

struct Blocks<'a>(&'a VhdxEncoder);

impl Placer for Blocks<'_> {
    fn place(&mut self, block: u64) -> Result<u64, Error> {
        let size = self.0.block;
        let entry = self
            .0
            .table
            .entry(block, FREE, |next| allocate(next, size))?;
        Ok(u64::from(entry).saturating_mul(MIB))
    }

    fn done(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

impl Encoder for VhdxEncoder {
    fn block(&self) -> u64 {
        self.block
    }

    fn piece<'a>(&'a self, _: &'a dyn WriteAt, _: u64) -> Box<dyn Placer + 'a> {
        Box::new(Blocks(self))
    }

    fn save(&self, state: &mut Vec<u8>) {
        self.table.save(state);
    }

    fn load(&self, state: &mut Words<'_>) -> Option<u64> {
        self.table.load(state)
    }

    fn finish(&self, sink: &dyn WriteAt) -> Result<u64, Error> {
        let write = |bytes: &[u8], at| sink.write_all_at(bytes, at).map_err(write_error);
        let (entries, end) = self.table.finish();
        let ratio = int::usize_of(self.ratio());
        let mut table = Vec::new();
        for chunk in entries.chunks(ratio) {
            for entry in chunk {
                let word = match *entry {
                    FREE => 0,
                    entry => u64::from(entry).saturating_mul(MIB) | FULLY_PRESENT,
                };
                table.extend_from_slice(&word.to_le_bytes());
            }
            // The entry of the chunk's sector bitmap, which only differencing disks have.
            table.extend_from_slice(&[0; 8]);
        }
        table.truncate(int::usize_of(self.bat_bytes));
        debug_assert_eq!(int::u64_of(entries.len()), self.blocks);
        sink.set_len(end).map_err(write_error)?;
        write(&table, BAT_AT)?;
        write(&self.metadata(), METADATA_AT)?;
        debug_assert_eq!(LOG_AT + LOG_BYTES, METADATA_AT);
        let regions = self.regions();
        for at in REGION_TABLES {
            write(&regions, at)?;
        }
        for (sequence, at) in (1..).zip(HEADERS) {
            write(&self.header(sequence), at)?;
        }
        // The identifier last: before it is there, the file is no VHDX.
        let creator: Vec<u8> = "vmie".encode_utf16().flat_map(u16::to_le_bytes).collect();
        write(&[&FILE_SIGNATURE[..], &creator].concat(), 0)?;
        Ok(end)
    }
}
