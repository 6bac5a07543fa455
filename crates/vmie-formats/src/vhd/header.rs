//! The dynamic disk header's numbers, checked once, and the names of the parent.

use vmie_io::{Budget, ReadAt, int};
use zerocopy::FromBytes;

use super::format::{
    HEADER_COOKIE, LONGEST_LOCATOR, MAJOR_VERSION, MAX_BLOCK, MIN_BLOCK, RawHeader, RawLocator,
    SECTOR, checksum_of, header_at,
};
use crate::{Cause, Error, ImageNote, NoteKind};

/// A header whose numbers make sense: what later arithmetic relies on.
#[derive(Clone, Debug)]
pub(super) struct Header {
    pub(super) raw: RawHeader,
    /// Where it was, in bytes.
    pub(super) at: u64,
    /// Bytes of a block: a power of two, 512 bytes to 1 GiB.
    pub(super) block_bytes: u64,
    /// Bytes of a block's sector bitmap: a bit for each sector, padded to whole sectors.
    pub(super) bitmap_bytes: u64,
    /// Byte offset of the block allocation table.
    pub(super) table_at: u64,
    /// Blocks of the disk: entries of the table that count.
    pub(super) blocks: u64,
}

impl Header {
    /// Checks the header at `at` of a disk of `disk_bytes`, in a file of `file_size`.
    pub(super) fn parse(
        bytes: &[u8; 1024],
        at: u64,
        disk_bytes: u64,
        file_size: u64,
        notes: &mut Vec<ImageNote>,
    ) -> Result<Self, Error> {
        let fault = |cause, field, offset: u64| {
            Error::new(cause)
                .at("VHD dynamic disk header", at.saturating_add(offset))
                .field(field)
        };
        let raw = RawHeader::read_from_bytes(bytes)
            .map_err(|_| Error::new(Cause::VhdHeader).at("VHD dynamic disk header", at))?;
        if raw.cookie != HEADER_COOKIE {
            return Err(fault(Cause::VhdHeader, "Cookie", 0).found(&raw.cookie[..]));
        }
        let version = raw.header_version.get();
        if version >> 16 != MAJOR_VERSION {
            let error = fault(Cause::VhdVersion, "Header Version", header_at::VERSION);
            return Err(error.found(version));
        }
        if checksum_of(bytes, raw.checksum) != raw.checksum.get() {
            // There is no second copy. Every number is held against the file below, so what a
            // wrong one could do is be refused.
            let what = "the checksum of the dynamic disk header is wrong";
            let at = at.saturating_add(header_at::CHECKSUM);
            notes.push(ImageNote::new(NoteKind::Checksum, Some(at), what));
        }
        let block = raw.block_size.get();
        if !block.is_power_of_two() || !(MIN_BLOCK..=MAX_BLOCK).contains(&block) {
            let error = fault(Cause::VhdBlockSize, "Block Size", header_at::BLOCK_SIZE);
            return Err(error.found(block));
        }
        let block_bytes = u64::from(block);
        let blocks = disk_bytes.div_ceil(block_bytes.max(1));
        let entries = raw.max_table_entries.get();
        if u64::from(entries) < blocks {
            let error = fault(
                Cause::VhdTable,
                "Max Table Entries",
                header_at::MAX_TABLE_ENTRIES,
            );
            return Err(error.found(entries));
        }
        let table_at = raw.table_offset.get();
        let table_end = table_at.checked_add(blocks.saturating_mul(4));
        if table_end.is_none_or(|end| end > file_size) {
            let error = fault(Cause::VhdOffset, "Table Offset", header_at::TABLE_OFFSET);
            return Err(error.found(table_at));
        }
        let bitmap_bytes = (block_bytes / SECTOR).div_ceil(8);
        Ok(Self {
            raw,
            at,
            block_bytes,
            bitmap_bytes: bitmap_bytes.next_multiple_of(SECTOR),
            table_at,
            blocks,
        })
    }

    /// What the parent may be called, the likeliest first: paths relative to this image, its name,
    /// absolute paths, and last the bare file names of all these.
    pub(super) fn parent_names(
        &self,
        source: &dyn ReadAt,
        budget: &Budget,
    ) -> Result<Vec<String>, Error> {
        let (mut relative, mut absolute) = (Vec::new(), Vec::new());
        for locator in &self.raw.parent_locators {
            let Some((name, is_relative)) = locator_name(locator, source, budget)? else {
                continue;
            };
            if is_relative {
                relative.push(name);
            } else {
                absolute.push(name);
            }
        }
        let (units, _) = self.raw.parent_unicode_name.as_chunks::<2>();
        let unicode = utf16(units.iter().map(|unit| u16::from_be_bytes(*unit)));
        let mut names: Vec<String> = Vec::new();
        let mut add = |name: &str| {
            if !name.is_empty() && !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        };
        relative.iter().for_each(|name| add(name));
        add(&unicode);
        absolute.iter().for_each(|name| add(name));
        let all = relative.iter().chain([&unicode]).chain(&absolute);
        all.for_each(|name| add(name.rsplit(['\\', '/']).next().unwrap_or_default()));
        Ok(names)
    }
}

/// The name in a parent locator, and whether it is relative to the child; `None` for those that are
/// empty, of a platform that has no text, or damaged.
fn locator_name(
    locator: &RawLocator,
    source: &dyn ReadAt,
    budget: &Budget,
) -> Result<Option<(String, bool)>, Error> {
    let code = &locator.platform_code;
    // "Parent Locator": W2ru and W2ku hold UTF-16, little-endian; Wi2r and Wi2k, which they took
    // the place of, text in some code page; MacX a file URL in UTF-8; "Mac " an alias, which is no
    // text.
    let (wide, relative) = match code {
        b"W2ru" => (true, true),
        b"W2ku" => (true, false),
        b"Wi2r" => (false, true),
        b"Wi2k" | b"MacX" => (false, false),
        _ => return Ok(None),
    };
    let len = locator.platform_data_length.get();
    let at = locator.platform_data_offset.get();
    let end = at.checked_add(u64::from(len));
    let inside = end.is_some_and(|end| end <= source.len());
    if len == 0 || len > LONGEST_LOCATOR || !inside {
        return Ok(None);
    }
    let (mut bytes, _charge) = budget.buffer("parent locator", u64::from(len))?;
    source.read_exact_at(&mut bytes, at)?;
    let name = if wide {
        let (units, _) = bytes.as_chunks::<2>();
        utf16(units.iter().map(|unit| u16::from_le_bytes(*unit)))
    } else {
        let text = String::from_utf8_lossy(&bytes);
        let end = text.find('\0').unwrap_or(text.len());
        let text = text.get(..end).unwrap_or_default();
        text.strip_prefix("file://localhost")
            .unwrap_or(text)
            .to_owned()
    };
    Ok((!name.is_empty()).then_some((name, relative)))
}

/// The text up to the first zero.
fn utf16(units: impl Iterator<Item = u16>) -> String {
    let units = units.take_while(|unit| *unit != 0);
    char::decode_utf16(units)
        .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

impl Header {
    /// The error of a child whose parent has another id.
    pub(super) fn mismatch(&self, found: &str) -> Error {
        let at = self.at.saturating_add(header_at::PARENT_UNIQUE_ID);
        Error::new(Cause::ParentMismatch)
            .at("VHD dynamic disk header", at)
            .field("Parent Unique ID")
            .found(found)
    }

    /// Where the names of the parent are, for errors.
    pub(super) fn locators_at(&self) -> u64 {
        self.at.saturating_add(header_at::PARENT_LOCATORS)
    }

    /// Bytes of the table that count.
    pub(super) fn table_bytes(&self) -> u64 {
        self.blocks.saturating_mul(4)
    }

    /// Bytes of a block with its bitmap.
    pub(super) fn stride(&self) -> u64 {
        self.block_bytes.saturating_add(self.bitmap_bytes)
    }

    /// Sectors of a block, which a bitmap has bits for.
    pub(super) fn block_sectors(&self) -> usize {
        int::usize_of(self.block_bytes / SECTOR)
    }
}
