//! The crate `gpt`, behind a guard.
//!
//! It decodes entries here, and nothing else. Left to itself it stops with an assertion at entries
//! that are not 128 bytes long, reads as many entries as the header says (2^32 if so), takes only
//! headers of 92 bytes, looks for the backup at the end of the device alone, and gives up when the
//! primary header is good and its entries are not. So it gets a table that was found and checked
//! by our own code, brought into the plain form that it knows: a header of 92 bytes with a fresh
//! checksum, right before entries cut to their defined 128 bytes.

use std::io::Cursor;

use gpt::disk::LogicalBlockSize;
use gpt::partition::Partition;
use vmie_io::int;
use zerocopy::IntoBytes;

use super::format::{ENTRY_LEN, HEADER_LEN};
use super::header::Header;

/// Where the plain table's header and its entries stand: sectors 1 and 2, of 512 bytes.
const PLAIN_SECTOR: usize = 512;

/// An entry that is in use. LBAs are in sectors of the table, the last one included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Which entry, from 0.
    pub(super) index: u32,
    /// Upper case.
    pub(super) type_guid: String,
    /// Lower case.
    pub(super) guid: String,
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) attributes: u64,
    pub(super) name: String,
}

/// What the crate makes of a checked header and the bytes of its array.
#[derive(Debug)]
pub(super) struct Decoded {
    /// Lower case.
    pub(super) disk_guid: String,
    pub(super) entries: Vec<Entry>,
}

/// Decodes the entries; an error of the crate's would mean that it wants something of a table that
/// the specification does not.
pub(super) fn decode(header: &Header, array: &[u8]) -> Result<Decoded, std::io::Error> {
    let mut device = Cursor::new(plain_table(header, array));
    let size = LogicalBlockSize::Lb512;
    let plain = gpt::header::read_header_from_arbitrary_device(&mut device, size)
        .map_err(std::io::Error::other)?;
    let entries = gpt::partition::file_read_partitions(&mut device, &plain, size)?;
    Ok(Decoded {
        disk_guid: plain.disk_guid.to_string(),
        entries: entries
            .into_iter()
            .filter(|(_, partition)| partition.is_used())
            .filter_map(|(number, partition)| Some(entry(number.checked_sub(1)?, partition)))
            .collect(),
    })
}

fn entry(index: u32, partition: Partition) -> Entry {
    let mut type_guid = partition.part_type_guid.guid.to_string();
    type_guid.make_ascii_uppercase();
    Entry {
        index,
        type_guid,
        guid: partition.part_guid.to_string(),
        first: partition.first_lba,
        last: partition.last_lba,
        attributes: partition.flags,
        name: partition.name,
    }
}

fn plain_table(header: &Header, array: &[u8]) -> Vec<u8> {
    let entry_len = int::usize_of(header.entry_len.into());
    let plain_len = int::usize_of(ENTRY_LEN.into());
    let entries: Vec<u8> = array
        .chunks_exact(entry_len)
        .filter_map(|entry| entry.get(..plain_len))
        .flatten()
        .copied()
        .collect();
    let mut raw = header.raw;
    raw.HeaderSize = HEADER_LEN.into();
    raw.PartitionEntryLBA = 2.into();
    raw.NumberOfPartitionEntries = header.entries.into();
    raw.SizeOfPartitionEntry = ENTRY_LEN.into();
    raw.PartitionEntryArrayCRC32 = crc32fast::hash(&entries).into();
    raw.HeaderCRC32 = 0.into();
    raw.HeaderCRC32 = crc32fast::hash(raw.as_bytes()).into();
    let mut table = vec![0; PLAIN_SECTOR];
    table.extend_from_slice(raw.as_bytes());
    table.resize(PLAIN_SECTOR.saturating_mul(2), 0);
    table.extend_from_slice(&entries);
    table
}
