//! The devices of a filesystem as one space of logical addresses.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vmie_io::{Budget, Charge, Limits, ReadAt, ReadError, int};

use super::checksum::Checksum;
use super::chunk::{Chunk, Chunks, Place};
use super::format::{
    BTRFS_SUPER_FLAG_SEEDING, BlockGroup, BtrfsDiskKey, CHUNK_ITEM, CHUNK_TREE, CSUM_SIZE,
    FIRST_CHUNK_TREE_OBJECTID, HEADER_SIZE, Incompat, Key, MAX_DEVICES, split,
};
use super::node::{Link, TreeNode};
use super::node_cache::NodeCache;
use super::superblock::Superblock;
use super::tree::{Cursor, Root};
use crate::{Cause, Error};

/// Nodes that are kept, in bytes; less where the caller allows little memory.
const NODES_KEPT: u64 = 8 << 20;
/// The share of the caller's memory that kept nodes may take.
const NODES_SHARE: u64 = 4;

/// One device, by what its superblock says it is.
struct Device {
    devid: u64,
    uuid: [u8; 16],
    volume: Arc<dyn ReadAt>,
}

/// Everything below the trees: devices, chunks, checksums, nodes.
pub(super) struct Pool {
    devices: Vec<Device>,
    chunks: Chunks,
    checksum: Checksum,
    /// UUIDs that nodes may carry: the filesystem's, and those of the seeds it grew from.
    uuids: Vec<[u8; 16]>,
    pub(super) node_size: u32,
    pub(super) sector: u32,
    pub(super) budget: Budget,
    /// Data of striped and mirrored chunks is placed by a tree that is not read.
    stripe_tree: bool,
    nodes: Mutex<NodeCache>,
    _charge: Charge,
}

/// The superblock that counts, and the pool.
pub(super) type Opened = (Superblock, Pool);

impl Pool {
    /// Takes the devices of one filesystem, in any order, and reads the chunk tree.
    pub(super) fn open(volumes: &[Arc<dyn ReadAt>], limits: &Limits) -> Result<Opened, Error> {
        if volumes.len() > MAX_DEVICES {
            return Err(Error::new(Cause::Limit)
                .in_structure("Btrfs devices")
                .found(volumes.len()));
        }
        let mut supers = Vec::new();
        for volume in volumes {
            supers.push((Superblock::read(&**volume)?, Arc::clone(volume)));
        }
        let seeds = |sb: &Superblock| sb.raw.flags.get() & BTRFS_SUPER_FLAG_SEEDING != 0;
        // What a seed was grown into counts before the seed, then what was written last.
        let main = supers
            .iter()
            .max_by_key(|(sb, _)| (!seeds(sb), sb.generation()))
            .map(|(sb, _)| sb.clone())
            .ok_or_else(|| Error::new(Cause::UnknownFilesystem).in_structure("volume"))?;
        let mut uuids = vec![main.metadata_uuid()];
        let mut devices = Vec::new();
        for (sb, volume) in supers {
            if sb.raw.fsid != main.raw.fsid {
                if !seeds(&sb) {
                    return Err(sb
                        .error(Cause::Value, "fsid", 0x20, 0)
                        .found(sb.raw.fsid.as_slice()));
                }
                uuids.push(sb.metadata_uuid());
            }
            devices.push(Device {
                devid: sb.raw.dev_item.devid.get(),
                uuid: sb.raw.dev_item.uuid,
                volume,
            });
        }
        let budget = Budget::new(*limits);
        let kept = NODES_KEPT.min(limits.memory.checked_div(NODES_SHARE).unwrap_or(0));
        let charge = budget.memory("node cache", kept)?;
        let node_size = main.raw.nodesize.get();
        let mut pool = Self {
            devices,
            chunks: Chunks::default(),
            checksum: main.checksum,
            uuids,
            node_size,
            sector: main.raw.sectorsize.get(),
            budget,
            stripe_tree: main.incompat.contains(Incompat::RAID_STRIPE_TREE),
            nodes: Mutex::new(NodeCache::new(int::usize_of(
                kept.checked_div(node_size.into()).unwrap_or(0),
            ))),
            _charge: charge,
        };
        pool.system_chunks(&main)?;
        pool.all_chunks(&main)?;
        Ok((main, pool))
    }

    /// The chunks in the superblock, in which the chunk tree lies.
    fn system_chunks(&mut self, sb: &Superblock) -> Result<(), Error> {
        let mut rest = sb.sys_chunks.as_slice();
        while !rest.is_empty() {
            let (key, after) = split::<BtrfsDiskKey>(rest)
                .filter(|(key, _)| key.kind == CHUNK_ITEM)
                .ok_or_else(|| {
                    let within = super::format::SYS_CHUNK_ARRAY;
                    sb.error(Cause::Value, "sys_chunk_array", int::u64_of(within), 0)
                })?;
            let (chunk, after) = Chunk::parse(key.offset.get(), after, self.sector.into())?;
            if !chunk.flags.contains(BlockGroup::SYSTEM) {
                let within = int::u64_of(super::format::SYS_CHUNK_ARRAY);
                return Err(sb.error(Cause::Value, "sys_chunk_array", within, chunk.flags.bits()));
            }
            self.chunks.add(chunk, &self.budget)?;
            rest = after;
        }
        Ok(())
    }

    fn all_chunks(&mut self, sb: &Superblock) -> Result<(), Error> {
        let root = Root {
            id: CHUNK_TREE,
            link: Link {
                bytenr: sb.raw.chunk_root.get(),
                level: sb.raw.chunk_root_level,
                generation: sb.raw.chunk_root_generation.get(),
                first: None,
            },
        };
        let first = Key::new(FIRST_CHUNK_TREE_OBJECTID, CHUNK_ITEM, 0);
        let mut found = Vec::new();
        let mut cursor = Cursor::seek(self, &root, first)?;
        while let Some((key, data)) = cursor.item() {
            if key.objectid != FIRST_CHUNK_TREE_OBJECTID || key.kind != CHUNK_ITEM {
                break;
            }
            self.budget.work("chunk tree", 1)?;
            let (chunk, _) = Chunk::parse(key.offset, data, self.sector.into())
                .map_err(|error| error.at("Btrfs chunk", cursor.place()))?;
            found.push((chunk, cursor.place()));
            cursor.advance(self)?;
        }
        for (chunk, at) in found {
            self.chunks
                .add(chunk, &self.budget)
                .map_err(|error| match error.cause() {
                    Cause::Value => error.at("Btrfs chunk", at),
                    _ => error,
                })?;
        }
        Ok(())
    }

    pub(super) fn chunks(&self) -> &Chunks {
        &self.chunks
    }

    pub(super) fn checksum(&self) -> Checksum {
        self.checksum
    }

    fn kept(&self) -> MutexGuard<'_, NodeCache> {
        // What is kept is whole whenever the lock is free, even after a panic elsewhere.
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The node that a link of a tree leads to: from memory, or the first sound copy of it.
    pub(super) fn node(&self, link: &Link, tree: u64) -> Result<Arc<TreeNode>, Error> {
        if let Some(node) = self.kept().get(link.bytenr) {
            node.answers(link, tree)?;
            return Ok(node);
        }
        self.budget.work("tree node", 1)?;
        let mut first = None;
        for copy in 0..self.ways(link.bytenr, "node")? {
            let read = self.read_node(link.bytenr, copy).and_then(|node| {
                node.answers(link, tree)?;
                Ok(node)
            });
            match read {
                Ok(node) => {
                    let node = Arc::new(node);
                    self.kept().put(link.bytenr, Arc::clone(&node));
                    return Ok(node);
                }
                Err(error) => first = worse(first, error),
            }
        }
        Err(first.unwrap_or_else(|| unmapped("node", link.bytenr)))
    }

    fn read_node(&self, bytenr: u64, way: u64) -> Result<TreeNode, Error> {
        let mut bytes = vec![0; int::usize_of(self.node_size.into())];
        let physical = self.read(&mut bytes, bytenr, way, "node")?;
        let wrong = |cause, name, within: u64| {
            Error::new(cause)
                .at("Btrfs node", physical.saturating_add(within))
                .field(name)
        };
        if !self.checksum.is_sealed(&bytes) {
            let found = bytes.get(..self.checksum.size()).unwrap_or_default();
            return Err(wrong(Cause::Checksum, "csum", 0).found(found));
        }
        let fsid = bytes
            .get(CSUM_SIZE..CSUM_SIZE.saturating_add(16))
            .unwrap_or_default();
        if !self.uuids.iter().any(|uuid| uuid == fsid) || bytes.len() < HEADER_SIZE {
            return Err(wrong(Cause::Tree, "fsid", 32).found(fsid));
        }
        TreeNode::new(bytes, bytenr, physical)
    }

    /// In how many ways what is at a logical address can be had: its copies, or the one and what
    /// parity gives.
    pub(super) fn ways(&self, logical: u64, what: &'static str) -> Result<u64, Error> {
        let chunk = self
            .chunks
            .find(logical)
            .ok_or_else(|| unmapped(what, logical))?;
        Ok(chunk.copies().saturating_add(u64::from(chunk.parity() > 0)))
    }

    /// Reads what is at a logical address, in one of the ways to have it, and says where the first
    /// byte was on its device.
    pub(super) fn read(
        &self,
        buf: &mut [u8],
        logical: u64,
        way: u64,
        what: &'static str,
    ) -> Result<u64, Error> {
        let mut first = None;
        let mut done = 0usize;
        while done < buf.len() {
            let at = logical.saturating_add(int::u64_of(done));
            let chunk = self.chunks.find(at).ok_or_else(|| unmapped(what, at))?;
            let striped = chunk.copies() > 1 || chunk.stripes.len() > 1;
            if self.stripe_tree && striped && chunk.flags.contains(BlockGroup::DATA) {
                return Err(Error::new(Cause::Feature)
                    .in_structure("Btrfs superblock")
                    .field("incompat_flags")
                    .found(Incompat::RAID_STRIPE_TREE.bits()));
            }
            let rest = buf.get_mut(done..).unwrap_or_default();
            let by_parity = way >= chunk.copies();
            let place = chunk.place(at, if by_parity { 0 } else { way });
            let place = place.ok_or_else(|| unmapped(what, at))?;
            let n = int::min_usize(place.len, rest.len());
            let part = rest.get_mut(..n).unwrap_or_default();
            if by_parity {
                let places = chunk.parity_places(at).ok_or_else(|| unmapped(what, at))?;
                self.combine(part, &places)?;
            } else {
                self.read_place(part, &place)?;
            }
            first = first.or(Some(place.physical));
            // Every place has at least one byte.
            done = done.saturating_add(n.max(1));
        }
        Ok(first.unwrap_or(0))
    }

    /// The exclusive-or of some places.
    fn combine(&self, buf: &mut [u8], places: &[Place]) -> Result<(), Error> {
        buf.fill(0);
        let mut other = vec![0; buf.len()];
        for place in places {
            self.read_place(&mut other, place)?;
            for (to, from) in buf.iter_mut().zip(&other) {
                *to ^= from;
            }
        }
        Ok(())
    }

    fn read_place(&self, buf: &mut [u8], place: &Place) -> Result<(), Error> {
        let stripe = &place.stripe;
        let device = self
            .devices
            .iter()
            .find(|device| device.uuid == stripe.uuid && device.devid == stripe.devid)
            .ok_or_else(|| missing(stripe.devid, &stripe.uuid))?;
        let end = place.physical.checked_add(int::u64_of(buf.len()));
        let len = device.volume.len();
        if end.is_none_or(|end| end > len) {
            let early = ReadError::past_end("device", place.physical, buf.len(), len);
            return Err(Error::new(Cause::VolumeTooShort)
                .at("Btrfs device", place.physical)
                .with_source(early));
        }
        device.volume.read_exact_at(buf, place.physical)?;
        Ok(())
    }
}

/// The error to tell of two copies: that of the first, unless its device is only missing.
pub(super) fn worse(first: Option<Error>, next: Error) -> Option<Error> {
    match first {
        Some(first) if first.cause() != Cause::MissingDevice => Some(first),
        _ => Some(next),
    }
}

fn missing(devid: u64, uuid: &[u8; 16]) -> Error {
    let uuid = crate::head::uuid(uuid).unwrap_or_default();
    Error::new(Cause::MissingDevice)
        .in_structure("Btrfs device")
        .field("devid")
        .found(format!("{devid}, UUID {uuid}").as_str())
}

/// The error of a logical address that no chunk holds.
pub(super) fn unmapped(what: &'static str, logical: u64) -> Error {
    Error::new(Cause::OutOfRange)
        .in_structure("Btrfs chunk tree")
        .field(what)
        .found(logical)
}
