//! The metadata: what kind of disk it is, and its parent's names (2.6).

use std::ops::Range;

use vmie_io::{Budget, LimitExceeded, ReadAt, int};
use zerocopy::FromBytes;

use super::format::{
    BLOCK_SIZES, CHUNK_SECTORS, FILE_PARAMETERS, Guid, HAS_PARENT, ITEM_IS_REQUIRED, ITEM_IS_USER,
    LEAVE_BLOCKS_ALLOCATED, LOGICAL_SECTOR_SIZE, MAX_DISK, MAX_ENTRIES, MAX_ITEM, METADATA_READ,
    METADATA_SIGNATURE, METADATA_TABLE, PARENT_LOCATOR, PHYSICAL_SECTOR_SIZE, RawItem, RawKeyValue,
    RawMetadataTable, RawParentLocator, VHDX_LOCATOR, VIRTUAL_DISK_ID, VIRTUAL_DISK_SIZE,
    guid_text, utf16,
};
use crate::{Cause, Error};

/// Metadata whose numbers make sense: what later arithmetic relies on.
#[derive(Clone, Debug)]
pub(super) struct Metadata {
    /// Bytes of a block: a power of two, 1 MiB to 256 MiB.
    pub(super) block_bytes: u64,
    /// No block is ever given back.
    pub(super) leave_allocated: bool,
    pub(super) has_parent: bool,
    /// Bytes of the disk: whole sectors, not zero, at most 64 TiB.
    pub(super) disk_bytes: u64,
    /// 512 or 4096.
    pub(super) sector: u32,
    /// 512 or 4096.
    pub(super) physical_sector: u32,
    pub(super) disk_id: Guid,
    /// Only with a parent.
    pub(super) locator: Option<Locator>,
}

/// What the image says of its parent.
#[derive(Clone, Debug, Default)]
pub(super) struct Locator {
    /// Where it is, in bytes.
    pub(super) at: u64,
    /// Ids that the parent may have, in the form of [`guid_text`].
    pub(super) linkages: Vec<String>,
    /// What the parent may be called, the likeliest first.
    pub(super) names: Vec<String>,
}

impl Metadata {
    /// Payload blocks of the disk.
    pub(super) fn blocks(&self) -> u64 {
        self.disk_bytes.div_ceil(self.block_bytes.max(1))
    }

    /// Payload blocks that one sector bitmap block goes with: 16 to 32768 (2.5).
    pub(super) fn chunk_ratio(&self) -> u64 {
        let bytes = CHUNK_SECTORS.saturating_mul(u64::from(self.sector));
        bytes.checked_div(self.block_bytes).unwrap_or(1).max(1)
    }

    /// Entries that the block allocation table has at least.
    pub(super) fn entries(&self) -> u64 {
        let chunks = self.blocks().div_ceil(self.chunk_ratio());
        if self.has_parent {
            chunks.saturating_mul(self.chunk_ratio().saturating_add(1))
        } else {
            // The bitmaps between the payload blocks; the last one may be left out.
            self.blocks().saturating_add(chunks).saturating_sub(1)
        }
    }
}

/// The region's content, as far as it was read.
struct Region<'a> {
    source: &'a dyn ReadAt,
    range: Range<u64>,
    head: Vec<u8>,
}

/// The items that are known, by where they are in the file and how long.
#[derive(Default)]
struct Items {
    found: Vec<(Guid, u64, u64)>,
}

/// Reads the metadata region.
pub(super) fn read(
    source: &dyn ReadAt,
    range: &Range<u64>,
    budget: &Budget,
) -> Result<Metadata, Error> {
    let len = range.end.saturating_sub(range.start).min(METADATA_READ);
    let (mut head, _charge) = budget.buffer("metadata", len)?;
    source.read_exact_at(&mut head, range.start)?;
    let region = Region {
        source,
        range: range.clone(),
        head,
    };
    let items = region.table()?;
    let (at, parameters) = region.item::<8>(&items, &FILE_PARAMETERS, "File Parameters")?;
    let (block, flags) = halves(parameters);
    if !block.is_power_of_two() || !BLOCK_SIZES.contains(&block) {
        return Err(fault(Cause::VhdxBlockSize, "BlockSize", at).found(block));
    }
    let (at, size) = region.item::<8>(&items, &VIRTUAL_DISK_SIZE, "Virtual Disk Size")?;
    let disk_bytes = u64::from_le_bytes(size);
    let size_at = at;
    let (at, sector) = region.item::<4>(&items, &LOGICAL_SECTOR_SIZE, "Logical Sector Size")?;
    let sector = sector_size(sector, "LogicalSectorSize", at)?;
    let (at, physical) = region.item::<4>(&items, &PHYSICAL_SECTOR_SIZE, "Physical Sector Size")?;
    let physical_sector = sector_size(physical, "PhysicalSectorSize", at)?;
    let odd = disk_bytes.checked_rem(u64::from(sector)) != Some(0);
    if disk_bytes == 0 || disk_bytes > MAX_DISK || odd {
        return Err(fault(Cause::VhdxSize, "VirtualDiskSize", size_at).found(disk_bytes));
    }
    if disk_bytes > budget.limits().virtual_size {
        let limit = budget.limits().virtual_size;
        return Err(LimitExceeded::new("virtual disk", "bytes", disk_bytes, limit).into());
    }
    let (_, disk_id) = region.item::<16>(&items, &VIRTUAL_DISK_ID, "Virtual Disk ID")?;
    let has_parent = flags & HAS_PARENT != 0;
    Ok(Metadata {
        block_bytes: u64::from(block),
        leave_allocated: flags & LEAVE_BLOCKS_ALLOCATED != 0,
        has_parent,
        disk_bytes,
        sector,
        physical_sector,
        disk_id,
        locator: match has_parent {
            true => Some(region.locator(&items, budget)?),
            false => None,
        },
    })
}

fn fault(cause: Cause, field: &'static str, at: u64) -> Error {
    Error::new(cause).at("VHDX metadata", at).field(field)
}

fn halves(bytes: [u8; 8]) -> (u32, u32) {
    let [a, b, c, d, e, f, g, h] = bytes;
    (
        u32::from_le_bytes([a, b, c, d]),
        u32::from_le_bytes([e, f, g, h]),
    )
}

fn sector_size(bytes: [u8; 4], field: &'static str, at: u64) -> Result<u32, Error> {
    let size = u32::from_le_bytes(bytes);
    if size == 512 || size == 4096 {
        return Ok(size);
    }
    Err(fault(Cause::VhdxSectorSize, field, at).found(size))
}

impl Region<'_> {
    fn len(&self) -> u64 {
        self.range.end.saturating_sub(self.range.start)
    }

    /// Goes through the metadata table.
    fn table(&self) -> Result<Items, Error> {
        let base = self.range.start;
        let header = RawMetadataTable::ref_from_prefix(&self.head).ok();
        let header = header.filter(|(header, _)| header.Signature == METADATA_SIGNATURE);
        let Some((header, entries)) = header else {
            let found = self.head.get(..8).unwrap_or_default();
            return Err(fault(Cause::VhdxMetadata, "Signature", base).found(found));
        };
        let count = u32::from(header.EntryCount.get());
        if count > MAX_ENTRIES {
            let error = fault(Cause::VhdxMetadata, "EntryCount", base.saturating_add(10));
            return Err(error.found(count));
        }
        let mut items = Items::default();
        let places = (base.saturating_add(32)..).step_by(32);
        let entries = entries.chunks_exact(32).zip(places);
        for (entry, at) in entries.take(int::usize_of(count.into())) {
            if let Ok(raw) = RawItem::ref_from_bytes(entry) {
                self.note_item(raw, at, &mut items)?;
            }
        }
        Ok(items)
    }

    fn note_item(&self, raw: &RawItem, at: u64, items: &mut Items) -> Result<(), Error> {
        const KNOWN: [Guid; 6] = [
            FILE_PARAMETERS,
            VIRTUAL_DISK_SIZE,
            VIRTUAL_DISK_ID,
            LOGICAL_SECTOR_SIZE,
            PHYSICAL_SECTOR_SIZE,
            PARENT_LOCATOR,
        ];
        let flags = raw.Flags.get();
        if flags & ITEM_IS_USER != 0 || !KNOWN.contains(&raw.ItemId) {
            if flags & ITEM_IS_REQUIRED != 0 {
                let error = fault(Cause::VhdxMetadataUnknown, "ItemId", at);
                return Err(error.found(guid_text(&raw.ItemId).as_str()));
            }
            return Ok(());
        }
        let (offset, len) = (raw.Offset.get(), raw.Length.get());
        let end = u64::from(offset).saturating_add(u64::from(len));
        if offset < METADATA_TABLE || len == 0 || len > MAX_ITEM || end > self.len() {
            let error = fault(Cause::VhdxMetadata, "Offset", at.saturating_add(16));
            return Err(error.found(offset));
        }
        if items.found.iter().any(|(id, ..)| *id == raw.ItemId) {
            let error = fault(Cause::VhdxMetadata, "ItemId", at);
            return Err(error.found(guid_text(&raw.ItemId).as_str()));
        }
        let place = self.range.start.saturating_add(u64::from(offset));
        items.found.push((raw.ItemId, place, u64::from(len)));
        Ok(())
    }

    /// Where an item is that has to be there.
    fn place(&self, items: &Items, id: &Guid, name: &'static str) -> Result<(u64, u64), Error> {
        let found = items.found.iter().find(|(known, ..)| known == id);
        match found {
            Some((_, at, len)) => Ok((*at, *len)),
            None => {
                let error = fault(Cause::VhdxMetadataMissing, "EntryCount", self.range.start);
                Err(error.found(name))
            }
        }
    }

    /// The first bytes of an item, and where it is.
    fn item<const N: usize>(
        &self,
        items: &Items,
        id: &Guid,
        name: &'static str,
    ) -> Result<(u64, [u8; N]), Error> {
        let (at, len) = self.place(items, id, name)?;
        let mut bytes = [0; N];
        if len < int::u64_of(N) {
            return Err(fault(Cause::VhdxMetadata, name, at).found(len));
        }
        self.bytes(&mut bytes, at)?;
        Ok((at, bytes))
    }

    /// Bytes of the region, from what was read already if they are there.
    fn bytes(&self, buf: &mut [u8], at: u64) -> Result<(), Error> {
        let from = int::usize_of(at.saturating_sub(self.range.start));
        match self.head.get(from..from.saturating_add(buf.len())) {
            Some(bytes) => buf.copy_from_slice(bytes),
            None => self.source.read_exact_at(buf, at)?,
        }
        Ok(())
    }

    /// The parent locator (2.6.2.6).
    fn locator(&self, items: &Items, budget: &Budget) -> Result<Locator, Error> {
        let (at, len) = self.place(items, &PARENT_LOCATOR, "Parent Locator")?;
        let (mut bytes, _charge) = budget.buffer("parent locator", len)?;
        self.bytes(&mut bytes, at)?;
        let broken = |field, offset: u64| {
            let error = Error::new(Cause::VhdxParentLocator);
            let error = error.at("VHDX parent locator", at.saturating_add(offset));
            error.field(field)
        };
        let Ok((header, entries)) = RawParentLocator::ref_from_prefix(&bytes) else {
            return Err(broken("LocatorType", 0).found(len));
        };
        if header.LocatorType != VHDX_LOCATOR {
            let found = guid_text(&header.LocatorType);
            return Err(broken("LocatorType", 0).found(found.as_str()));
        }
        let count = usize::from(header.KeyValueCount.get());
        let text = |offset: u32, len: u16| {
            let start = int::usize_of(offset.into());
            let end = start.saturating_add(usize::from(len));
            bytes.get(start..end).map(utf16)
        };
        if int::usize_of(len.saturating_sub(20) / 12) < count {
            return Err(broken("KeyValueCount", 18).found(count));
        }
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (entry, place) in entries.chunks_exact(12).zip((20..).step_by(12)).take(count) {
            let Ok(raw) = RawKeyValue::ref_from_bytes(entry) else {
                continue;
            };
            // Only the keys that are known, and each once: texts may lie over each other, so that
            // all of them together could be far longer than the item.
            let longest = raw.KeyLength.get().min(LONGEST_KEY);
            let Some(key) = text(raw.KeyOffset.get(), longest) else {
                return Err(broken("KeyOffset", place).found(raw.KeyOffset.get()));
            };
            if !KEYS.contains(&key.as_str()) || pairs.iter().any(|(known, _)| *known == key) {
                continue;
            }
            let Some(value) = text(raw.ValueOffset.get(), raw.ValueLength.get()) else {
                let error = broken("ValueOffset", place.saturating_add(4));
                return Err(error.found(raw.ValueOffset.get()));
            };
            pairs.push((key, value));
        }
        let locator = Locator::of(at, &pairs);
        if locator.linkages.is_empty() {
            return Err(broken("parent_linkage", 0));
        }
        Ok(locator)
    }
}

/// The keys of a parent locator of a VHDX (2.6.2.6.3).
const KEYS: [&str; 5] = [
    "parent_linkage",
    "parent_linkage2",
    "relative_path",
    "volume_path",
    "absolute_win32_path",
];
/// Bytes of a key that are looked at: more than the longest known one has.
const LONGEST_KEY: u16 = 64;

impl Locator {
    fn of(at: u64, pairs: &[(String, String)]) -> Self {
        let value = |key: &str| {
            let found = pairs.iter().find(|(known, _)| known == key);
            found
                .map(|(_, value)| value.as_str())
                .filter(|value| !value.is_empty())
        };
        let linkages = ["parent_linkage", "parent_linkage2"]
            .into_iter()
            .filter_map(value);
        let linkages = linkages.map(|id| id.trim_matches(['{', '}']).to_ascii_lowercase());
        let paths = ["relative_path", "volume_path", "absolute_win32_path"];
        let paths: Vec<&str> = paths.into_iter().filter_map(value).collect();
        let bare = paths
            .iter()
            .map(|path| path.rsplit(['\\', '/']).next().unwrap_or_default());
        let mut names: Vec<String> = Vec::new();
        for name in paths.iter().copied().chain(bare) {
            if !name.is_empty() && !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        Self {
            at,
            linkages: linkages.collect(),
            names,
        }
    }
}
