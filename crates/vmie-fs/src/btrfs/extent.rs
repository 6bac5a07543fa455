//! The parts of a file ("EXTENT_DATA").

use vmie_io::int;

use super::compress::Compression;
use super::format::{
    BTRFS_COMPRESS_NONE, BTRFS_FILE_EXTENT_INLINE, BTRFS_FILE_EXTENT_PREALLOC,
    BTRFS_FILE_EXTENT_REG, BtrfsFileExtentDisk, BtrfsFileExtentItem, EXTENT_DATA, FILE_EXTENT_SIZE,
    Key, MAX_BLOCK, MAX_COMPRESSED, split,
};
use super::pool::Pool;
use super::tree::{Cursor, Root};
use crate::{Cause, Error};

const STRUCTURE: &str = "Btrfs file extent";

/// A compressed extent: where it is, and what it expands to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Packed {
    pub(super) compression: Compression,
    pub(super) logical: u64,
    /// At most 128 KiB.
    pub(super) disk_len: u64,
    /// At most 128 KiB.
    pub(super) ram_len: u64,
}

/// What a part of a file is made of.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// Nothing was ever written.
    Hole,
    /// Preallocated: reads as zeroes.
    Unwritten,
    /// In the tree itself, decompressed.
    Inline(Vec<u8>),
    /// From a logical address on.
    Plain { logical: u64 },
    /// From a byte of a compressed extent on.
    Packed { packed: Packed, skip: u64 },
}

/// A part of a file: `[start, end)` in bytes of it, not empty.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) content: Content,
}

/// The part of a file that holds a byte.
pub(super) fn run(pool: &Pool, root: &Root, inode: u64, at: u64) -> Result<Run, Error> {
    let mut cursor = Cursor::at_or_before(pool, root, Key::new(inode, EXTENT_DATA, at))?;
    let mut start = 0;
    if let Some((key, data)) = cursor.item() {
        if key.objectid == inode && key.kind == EXTENT_DATA && key.offset <= at {
            let run = parse(pool, &cursor, key.offset, data)?;
            if at < run.end {
                return Ok(run);
            }
            start = run.end;
        }
        // Up to the next part, everything is a hole, whether an item says so or not.
        if key < Key::new(inode, EXTENT_DATA, at) || key.offset <= at {
            cursor.advance(pool)?;
        }
    }
    let end = cursor
        .key()
        .filter(|key| key.objectid == inode && key.kind == EXTENT_DATA && key.offset > at)
        .map_or(u64::MAX, |key| key.offset);
    Ok(Run {
        start,
        end,
        content: Content::Hole,
    })
}

fn parse(pool: &Pool, cursor: &Cursor, start: u64, data: &[u8]) -> Result<Run, Error> {
    let wrong = |cause, name, found: u64| {
        Error::new(cause)
            .at(STRUCTURE, cursor.place())
            .field(name)
            .found(found)
    };
    let (item, rest) = split::<BtrfsFileExtentItem>(data)
        .ok_or_else(|| wrong(Cause::Value, "size", int::u64_of(data.len())))?;
    if item.encryption != 0 || item.other_encoding.get() != 0 {
        return Err(wrong(Cause::Feature, "encryption", item.encryption.into()));
    }
    let compression = match item.compression {
        BTRFS_COMPRESS_NONE => None,
        number => Some(
            Compression::new(number)
                .ok_or_else(|| wrong(Cause::Feature, "compression", number.into()))?,
        ),
    };
    let ram_len = item.ram_bytes.get();
    if item.kind == BTRFS_FILE_EXTENT_INLINE {
        if start != 0 {
            return Err(wrong(Cause::Value, "type", item.kind.into()));
        }
        let content = inline(pool, compression, ram_len, rest)
            .ok_or_else(|| wrong(Cause::Compressed, "data", ram_len))?;
        let end = int::u64_of(content.len()).max(1);
        return Ok(Run {
            start: 0,
            // The rest of the sector is zero.
            end: int::round_up(end, pool.sector.into()).unwrap_or(end),
            content: Content::Inline(content),
        });
    }
    if !matches!(
        item.kind,
        BTRFS_FILE_EXTENT_REG | BTRFS_FILE_EXTENT_PREALLOC
    ) {
        return Err(wrong(Cause::Value, "type", item.kind.into()));
    }
    let (disk, _) = split::<BtrfsFileExtentDisk>(rest)
        .ok_or_else(|| wrong(Cause::Value, "size", int::u64_of(data.len())))?;
    let (logical, disk_len) = (disk.disk_bytenr.get(), disk.disk_num_bytes.get());
    let (skip, len) = (disk.offset.get(), disk.num_bytes.get());
    let sector = u64::from(pool.sector);
    for (name, n) in [
        ("key.offset", start),
        ("disk_bytenr", logical),
        ("disk_num_bytes", disk_len),
        ("offset", skip),
        ("num_bytes", len),
    ] {
        if n.checked_rem(sector) != Some(0) {
            return Err(wrong(Cause::Value, name, n));
        }
    }
    let end = start.checked_add(len).filter(|_| len > 0);
    let end = end.ok_or_else(|| wrong(Cause::Value, "num_bytes", len))?;
    let whole = |extent: u64| skip.checked_add(len).is_some_and(|end| end <= extent);
    let content = if logical == 0 {
        Content::Hole
    } else if item.kind == BTRFS_FILE_EXTENT_PREALLOC {
        Content::Unwritten
    } else if let Some(compression) = compression {
        for (name, n) in [("disk_num_bytes", disk_len), ("ram_bytes", ram_len)] {
            if n == 0 || n > MAX_COMPRESSED {
                return Err(wrong(Cause::Value, name, n));
            }
        }
        if !whole(ram_len) {
            return Err(wrong(Cause::Value, "offset", skip));
        }
        let packed = Packed {
            compression,
            logical,
            disk_len,
            ram_len,
        };
        Content::Packed { packed, skip }
    } else {
        let logical = logical.checked_add(skip).filter(|_| whole(disk_len));
        let logical = logical.ok_or_else(|| wrong(Cause::Value, "offset", skip))?;
        Content::Plain { logical }
    };
    Ok(Run {
        start,
        end,
        content,
    })
}

/// The data that follows the head of an item. One that is longer than a sector may be is damaged.
fn inline(
    pool: &Pool,
    compression: Option<Compression>,
    ram_len: u64,
    data: &[u8],
) -> Option<Vec<u8>> {
    let Some(compression) = compression else {
        return Some(data.to_vec());
    };
    if ram_len > u64::from(MAX_BLOCK) || data.len() > int::usize_of(MAX_BLOCK.into()) {
        return None;
    }
    let mut content = vec![0; int::usize_of(ram_len)];
    compression.expand(data, &mut content, pool.sector)?;
    Some(content)
}

/// The whole of a symbolic link's target, which is inline and not compressed.
pub(super) fn inline_target(
    pool: &Pool,
    root: &Root,
    inode: u64,
) -> Result<Option<Vec<u8>>, Error> {
    let key = Key::new(inode, EXTENT_DATA, 0);
    let Some(cursor) = Cursor::exactly(pool, root, key)? else {
        return Ok(None);
    };
    let (_, data) = cursor.item().unwrap_or((key, &[]));
    if data.len() < FILE_EXTENT_SIZE {
        return Ok(None);
    }
    Ok(match parse(pool, &cursor, 0, data)?.content {
        Content::Inline(target) => Some(target),
        _ => None,
    })
}
