//! Writing a VHD, fixed or dynamic.

use vmie_io::{WriteAt, int};
use zerocopy::big_endian::{U16, U32, U64};
use zerocopy::{FromZeros, IntoBytes};

use super::format::{
    FOOTER, FOOTER_COOKIE, HEADER, HEADER_COOKIE, RawFooter, RawHeader, SECTOR, TYPE_DYNAMIC,
    TYPE_FIXED, UNUSED, checksum_of,
};
use crate::convert::{BlockTable, Encoder, Placer, Stamp, Words, write_error};
use crate::{Cause, Error};

/// Bytes of a block without its sector bitmap: what every tool writes.
const BLOCK: u64 = 2 << 20;
/// Bytes of a block's sector bitmap: a bit for each of its 4096 sectors.
const BITMAP: u64 = 512;
/// Bytes of the largest disk: what Windows attaches.
const MAX_DISK: u64 = 2040 << 30;
/// Seconds from 1970 to 2000, where the format's time begins.
const EPOCH: u64 = 946_684_800;
/// Byte offsets of the dynamic disk header and of the table after the copy of the footer.
const HEADER_AT: u64 = FOOTER;
const TABLE_AT: u64 = FOOTER + HEADER;
/// Data begin at multiples of this, so that they lie on pages of the file; the bitmap is before.
const PAGE: u64 = 4096;

fn check_size(size: u64) -> Result<(), Error> {
    if size > MAX_DISK {
        return Err(Error::new(Cause::TargetTooLarge)
            .in_structure("VHD footer")
            .field("Current Size")
            .found(size));
    }
    Ok(())
}

/// The footer of a disk of `size` bytes, which are whole sectors.
fn footer(size: u64, kind: u32, stamp: &Stamp) -> RawFooter {
    let (cylinders, heads, track) = geometry(size / SECTOR);
    let mut footer = RawFooter::new_zeroed();
    footer.cookie = FOOTER_COOKIE;
    // A reserved bit that is always set.
    footer.features = U32::new(2);
    footer.file_format_version = U32::new(0x0001_0000);
    footer.data_offset = U64::new(if kind == TYPE_FIXED {
        u64::MAX
    } else {
        HEADER_AT
    });
    let seconds = stamp.time.saturating_sub(EPOCH);
    footer.time_stamp = U32::new(u32::try_from(seconds).unwrap_or(u32::MAX));
    // Readers take the current size from Windows' own images and the geometry, which is less, from
    // those of creators that they do not know.
    footer.creator_application = *b"win ";
    footer.creator_version = U32::new(0x000a_0000);
    footer.creator_host_os = *b"Wi2k";
    footer.original_size = U64::new(size);
    footer.current_size = U64::new(size);
    footer.cylinders = U16::new(cylinders);
    footer.heads = heads;
    footer.sectors_per_track = track;
    footer.disk_type = U32::new(kind);
    footer.unique_id = stamp.id;
    footer.checksum = U32::new(checksum_of(footer.as_bytes(), footer.checksum));
    footer
}

/// Cylinders, heads and sectors a track ("CHS Calculation").
fn geometry(sectors: u64) -> (u16, u8, u8) {
    let total = sectors.min(65_535 * 16 * 255);
    let (track, heads, per_head) = if total >= 65_535 * 16 * 63 {
        (255, 16, total / 255)
    } else {
        let per_head = total / 17;
        let heads = per_head.div_ceil(1024).max(4);
        if per_head < heads.saturating_mul(1024) && heads <= 16 {
            (17, heads, per_head)
        } else {
            let per_head = total / 31;
            if per_head < 16 * 1024 {
                (31, 16, per_head)
            } else {
                (63, 16, total / 63)
            }
        }
    };
    let cylinders = per_head.checked_div(heads).unwrap_or(0);
    (
        u16::try_from(cylinders).unwrap_or(u16::MAX),
        u8::try_from(heads).unwrap_or(u8::MAX),
        track,
    )
}

/// Writes a fixed VHD: the disk, and the footer after it.
pub(crate) struct FixedEncoder {
    size: u64,
    footer: RawFooter,
}

impl FixedEncoder {
    pub(crate) fn new(size: u64, stamp: &Stamp) -> Result<Self, Error> {
        let size = size.next_multiple_of(SECTOR);
        check_size(size)?;
        let footer = footer(size, TYPE_FIXED, stamp);
        Ok(Self { size, footer })
    }
}

struct InPlace;

impl Placer for InPlace {
    fn place(&mut self, _: u64) -> Result<u64, Error> {
        Ok(0)
    }

    fn done(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

impl Encoder for FixedEncoder {
    fn block(&self) -> u64 {
        1 << 62
    }

    fn piece<'a>(&'a self, _: &'a dyn WriteAt, _: u64) -> Box<dyn Placer + 'a> {
        Box::new(InPlace)
    }

    fn save(&self, _: &mut Vec<u8>) {}

    fn load(&self, _: &mut Words<'_>) -> Option<u64> {
        Some(self.size)
    }

    fn finish(&self, sink: &dyn WriteAt) -> Result<u64, Error> {
        sink.write_all_at(self.footer.as_bytes(), self.size)
            .map_err(write_error)?;
        Ok(self.size.saturating_add(FOOTER))
    }
}

/// Writes a dynamic VHD: a copy of the footer, the header, the table, then blocks with their
/// bitmaps, and the footer.
pub(crate) struct DynamicEncoder {
    blocks: u64,
    footer: RawFooter,
    table: BlockTable,
}

impl DynamicEncoder {
    pub(crate) fn new(size: u64, stamp: &Stamp) -> Result<Self, Error> {
        let size = size.next_multiple_of(SECTOR);
        check_size(size)?;
        let blocks = size.div_ceil(BLOCK);
        let table_end = TABLE_AT.saturating_add(blocks.saturating_mul(4).next_multiple_of(SECTOR));
        Ok(Self {
            blocks,
            footer: footer(size, TYPE_DYNAMIC, stamp),
            table: BlockTable::new(blocks, UNUSED, table_end),
        })
    }

    fn header(&self) -> RawHeader {
        let mut header = RawHeader::new_zeroed();
        header.cookie = HEADER_COOKIE;
        header.data_offset = U64::new(u64::MAX);
        header.table_offset = U64::new(TABLE_AT);
        header.header_version = U32::new(0x0001_0000);
        header.max_table_entries = U32::new(u32::try_from(self.blocks).unwrap_or(u32::MAX));
        header.block_size = U32::new(2 << 20);
        header.checksum = U32::new(checksum_of(header.as_bytes(), header.checksum));
        header
    }
}

struct Blocks<'a>(&'a DynamicEncoder, &'a dyn WriteAt);

impl Placer for Blocks<'_> {
    fn place(&mut self, block: u64) -> Result<u64, Error> {
        let entry = self.0.table.entry(block, UNUSED, |next| {
            let data = next.saturating_add(BITMAP).next_multiple_of(PAGE);
            let bitmap = data.saturating_sub(BITMAP);
            let sector = u32::try_from(bitmap / SECTOR).map_err(|_| {
                Error::new(Cause::TargetTooLarge).at("VHD block allocation table", bitmap)
            })?;
            // All sectors are there: those that were not written are zero.
            self.1
                .write_all_at(&[0xff; 512], bitmap)
                .map_err(write_error)?;
            Ok((sector, data.saturating_add(BLOCK)))
        })?;
        Ok(u64::from(entry)
            .saturating_mul(SECTOR)
            .saturating_add(BITMAP))
    }

    fn done(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

impl Encoder for DynamicEncoder {
    fn block(&self) -> u64 {
        BLOCK
    }

    fn piece<'a>(&'a self, sink: &'a dyn WriteAt, _: u64) -> Box<dyn Placer + 'a> {
        Box::new(Blocks(self, sink))
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
        let mut table: Vec<u8> = entries.iter().flat_map(|e| e.to_be_bytes()).collect();
        table.resize(table.len().next_multiple_of(int::usize_of(SECTOR)), 0xff);
        write(&table, TABLE_AT)?;
        write(self.header().as_bytes(), HEADER_AT)?;
        write(self.footer.as_bytes(), end)?;
        // The copy at the start last: before it is there, the file is no VHD to most readers.
        write(self.footer.as_bytes(), 0)?;
        Ok(end.saturating_add(FOOTER))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_geometry_is_that_of_the_specification() {
        for (sectors, expected) in [
            (0, (0, 4, 17)),
            (128, (1, 4, 17)),
            // Of disks by other tools: 1 GiB, 127 GiB, and past what a geometry can say.
            (2_097_152, (2080, 16, 63)),
            (266_338_304, (65_278, 16, 255)),
            (1 << 40, (65_535, 16, 255)),
        ] {
            assert_eq!(geometry(sectors), expected, "{sectors}");
        }
    }
}
