//! Intents: changes that take several transactions say first what they are about to do, and at last
//! that it is done. What is still open at the end of the log is finished at the next mount.

use std::collections::{HashMap, HashSet};

use vmie_io::int;
use zerocopy::FromBytes;

use super::format::{BMAP_MAP, BMAP_TYPE_MASK, BMAP_UNMAP, BUI_HEADER, MapExtent, MapFlags};

/// What is open.
#[derive(Default)]
pub(super) struct Intents {
    /// By the intent's own number: changes of maps, and files that cannot be known. In the order in
    /// which they were said.
    open: HashMap<u64, (u64, Vec<MapExtent>, Vec<u64>)>,
    next: u64,
}

fn number(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u64::from_le_bytes(*bytes))
}

impl Intents {
    /// Changes of the maps of files.
    pub(super) fn map_changes(&mut self, intent: &[u8]) -> Option<()> {
        let count = intent.get(4..)?.first_chunk()?;
        let count = int::usize_of(u32::from_le_bytes(*count).into());
        let len = count.checked_mul(size_of::<MapExtent>())?;
        let extents = intent.get(BUI_HEADER..BUI_HEADER.checked_add(len)?)?;
        let extents = extents
            .chunks_exact(size_of::<MapExtent>())
            .filter_map(|extent| MapExtent::read_from_bytes(extent).ok())
            .collect();
        self.add(number(intent, 8)?, extents, Vec::new());
        Some(())
    }

    /// Changes of files whose numbers stand at these places, which are not followed further.
    pub(super) fn inodes(&mut self, intent: &[u8], places: &[usize]) -> Option<()> {
        let inodes: Option<Vec<u64>> = places.iter().map(|at| number(intent, *at)).collect();
        self.add(number(intent, 8)?, Vec::new(), inodes?);
        Some(())
    }

    fn add(&mut self, id: u64, extents: Vec<MapExtent>, inodes: Vec<u64>) {
        self.next = self.next.saturating_add(1);
        self.open.insert(id, (self.next, extents, inodes));
    }

    /// That one is done.
    pub(super) fn done(&mut self, item: &[u8]) {
        if let Some(id) = number(item, 8) {
            self.open.remove(&id);
        }
    }

    /// What is left to be done: by file, changes of its map in order; and the files that cannot be
    /// known.
    pub(super) fn left(self) -> (HashMap<u64, Vec<Change>>, HashSet<u64>) {
        let mut open: Vec<_> = self.open.into_values().collect();
        open.sort_by_key(|(order, ..)| *order);
        let mut changes: HashMap<u64, Vec<Change>> = HashMap::new();
        let mut unknown = HashSet::new();
        for (_, extents, inodes) in open {
            unknown.extend(inodes);
            for extent in extents {
                let owner = extent.me_owner.get();
                match Change::new(&extent) {
                    Some(change) => changes.entry(owner).or_default().push(change),
                    None => {
                        unknown.insert(owner);
                    }
                }
            }
        }
        (changes, unknown)
    }
}

/// A part of a file that is to be elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::xfs) struct Change {
    /// First block within the file.
    pub(in crate::xfs) first: u64,
    /// How many.
    pub(in crate::xfs) len: u64,
    /// The filesystem block; `None` for nothing, and for what is to be read as zeroes.
    pub(in crate::xfs) block: Option<u64>,
}

impl Change {
    /// `None` for what is not about the content of a file on this device.
    fn new(extent: &MapExtent) -> Option<Self> {
        let bits = extent.me_flags.get();
        let flags = MapFlags::from_bits_retain(bits);
        if flags.intersects(MapFlags::ATTR_FORK | MapFlags::REALTIME) {
            return None;
        }
        let block = match bits & BMAP_TYPE_MASK {
            BMAP_MAP if flags.contains(MapFlags::UNWRITTEN) => None,
            BMAP_MAP => Some(extent.me_startblock.get()),
            BMAP_UNMAP => None,
            _ => return None,
        };
        Some(Self {
            first: extent.me_startoff.get(),
            len: extent.me_len.get().into(),
            block,
        })
    }
}
