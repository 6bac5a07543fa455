//! Extended attributes: in the inode, or in blocks of leaves, with long values in blocks of their own.

use std::collections::HashSet;

use vmie_io::{Charge, int};
use zerocopy::{FromBytes, Immutable, KnownLayout};

use super::checksum;
use super::file::read_blocks;
use super::format::{
    ATTR_LEAF_HEADER, ATTR_LEAF_MAGIC, ATTR3_LEAF_HEADER, ATTR3_LEAF_MAGIC, ATTR3_RMT_MAGIC,
    AttrFlags, AttrLeafEntry, AttrNameLocal, AttrNameRemote, DA_INFO, DA_MAX_DEPTH, DA_NODE_HEADER,
    DA_NODE_MAGIC, DA3_CRC_OFFSET, DA3_INFO, DA3_NODE_HEADER, DA3_NODE_MAGIC, DaBlkinfo,
    FORMAT_LOCAL, REMOTE_CRC_OFFSET, REMOTE_HEADER, RemoteHeader, XATTR_SIZE_MAX,
};
use super::inode::{Fork, Inode};
use super::map::Map;
use super::open::Xfs;
use crate::{Cause, Error, Xattr};

const STRUCTURE: &str = "XFS attribute block";

/// All extended attributes of a file, as Linux shows them to the superuser.
pub(super) fn read(xfs: &Xfs, inode: &Inode) -> Result<Vec<Xattr>, Error> {
    let Some(fork) = &inode.attr else {
        return Ok(Vec::new());
    };
    if xfs.is_unfinished(inode.number) {
        return Err(inode.error(Cause::Journal, "di_ino", inode.number));
    }
    let mut reader = Reader {
        xfs,
        inode,
        fork,
        map: Map::default(),
        found: Vec::new(),
        charges: Vec::new(),
    };
    if fork.format == FORMAT_LOCAL {
        reader.short_form()?;
    } else if fork.extents > 0 {
        reader.leaves()?;
    }
    Ok(reader.found)
}

struct Reader<'a> {
    xfs: &'a Xfs,
    inode: &'a Inode,
    fork: &'a Fork,
    map: Map,
    found: Vec<Xattr>,
    charges: Vec<Charge>,
}

impl Reader<'_> {
    /// `totsize`, `count` and padding, then for each: lengths of name and value, flags, both.
    fn short_form(&mut self) -> Result<(), Error> {
        let broken = |found: u8| self.inode.error(Cause::Value, "namelen", found.into());
        let [_, _, count, _, rest @ ..] = self.fork.bytes.as_slice() else {
            return Err(broken(0));
        };
        let mut rest = rest;
        for _ in 0..*count {
            let [name_len, value_len, flags, after @ ..] = rest else {
                return Err(broken(0));
            };
            let error = || broken(*name_len);
            let (name, after) = after
                .split_at_checked(usize::from(*name_len))
                .ok_or_else(error)?;
            let (value, after) = after
                .split_at_checked(usize::from(*value_len))
                .ok_or_else(error)?;
            add(&mut self.found, *flags, name, value);
            rest = after;
        }
        Ok(())
    }

    /// From the first leaf on along the chain of leaves.
    fn leaves(&mut self) -> Result<(), Error> {
        let mut visited = HashSet::new();
        let mut number = 0u32;
        let mut depth = 0u32;
        loop {
            if !visited.insert(number) {
                return Err(self.inode.error(Cause::Cycle, "forw", number.into()));
            }
            let steps = 1u64 << self.xfs.geometry.block_log.saturating_sub(9);
            self.xfs.budget.work("extended attributes", steps)?;
            let (bytes, at) = self.block(number)?;
            let (info, _) = DaBlkinfo::read_from_prefix(&bytes)
                .map_err(|_| self.inode.error(Cause::Value, "magic", 0))?;
            let error = |cause, field, found: u32| {
                Err(Error::new(cause)
                    .at(STRUCTURE, at)
                    .field(field)
                    .found(found))
            };
            let magic = info.magic.get();
            let checksums = self.xfs.geometry.checksums;
            let leaf = match (magic, checksums) {
                (ATTR_LEAF_MAGIC, false) | (ATTR3_LEAF_MAGIC, true) => true,
                (DA_NODE_MAGIC, false) | (DA3_NODE_MAGIC, true) => false,
                _ => return error(Cause::Magic, "magic", magic.into()),
            };
            let known = self.xfs.is_recovered(at, int::u64_of(bytes.len()));
            if checksums && !known && !checksum::fits(&bytes, DA3_CRC_OFFSET) {
                let found = checksum::found(&bytes, DA3_CRC_OFFSET);
                return error(Cause::Checksum, "crc", found);
            }
            if leaf {
                self.leaf(&bytes, at)?;
                number = info.forw.get();
                if number == 0 {
                    return Ok(());
                }
                depth = DA_MAX_DEPTH;
            } else {
                depth = depth.saturating_add(1);
                let header = if checksums {
                    DA3_NODE_HEADER
                } else {
                    DA_NODE_HEADER
                };
                // A hash and the block of the first child.
                let child = bytes.get(header.saturating_add(4)..);
                let child = child.and_then(|child| child.first_chunk());
                number = child.map_or(0, |child| u32::from_be_bytes(*child));
                if depth > DA_MAX_DEPTH || number == 0 {
                    return error(Cause::Value, "before", number);
                }
            }
        }
    }

    fn block(&mut self, number: u32) -> Result<(Vec<u8>, u64), Error> {
        let mut bytes = vec![0; self.xfs.geometry.block_len()];
        let first = u64::from(number);
        let at = read_blocks(
            self.xfs,
            self.inode,
            self.fork,
            &mut self.map,
            first,
            &mut bytes,
        )?;
        Ok((bytes, at))
    }

    fn leaf(&mut self, bytes: &[u8], at: u64) -> Result<(), Error> {
        let (info, header) = if self.xfs.geometry.checksums {
            (DA3_INFO, ATTR3_LEAF_HEADER)
        } else {
            (DA_INFO, ATTR_LEAF_HEADER)
        };
        let count = bytes.get(info..).and_then(|rest| rest.first_chunk());
        let count = count.map_or(0, |count| u16::from_be_bytes(*count));
        for index in 0..count {
            let place = header.saturating_add(usize::from(index).saturating_mul(8));
            let error = |field, found: u32| {
                Error::new(Cause::Value)
                    .at(STRUCTURE, at.saturating_add(int::u64_of(place)))
                    .field(field)
                    .found(found)
            };
            let entry: AttrLeafEntry =
                prefix(bytes, place).ok_or_else(|| error("count", count.into()))?;
            let start = usize::from(entry.nameidx.get());
            let wrong = || error("nameidx", u32::try_from(start).unwrap_or(0));
            let flags = AttrFlags::from_bits_retain(entry.flags);
            if flags.contains(AttrFlags::LOCAL) {
                let head: AttrNameLocal = prefix(bytes, start).ok_or_else(wrong)?;
                let name = start.saturating_add(size_of::<AttrNameLocal>());
                let value = name.saturating_add(head.namelen.into());
                let end = value.saturating_add(head.valuelen.get().into());
                let (name, value) = bytes
                    .get(name..value)
                    .zip(bytes.get(value..end))
                    .ok_or_else(wrong)?;
                self.charge(value.len())?;
                add(&mut self.found, entry.flags, name, value);
                continue;
            }
            // A value that was not written whole is not there.
            if flags.intersects(AttrFlags::INCOMPLETE | AttrFlags::PARENT) {
                continue;
            }
            let head: AttrNameRemote = prefix(bytes, start).ok_or_else(wrong)?;
            let name = start.saturating_add(size_of::<AttrNameRemote>());
            let end = name.saturating_add(head.namelen.into());
            let name = bytes.get(name..end).ok_or_else(wrong)?;
            let len = head.valuelen.get();
            if len > XATTR_SIZE_MAX {
                return Err(error("valuelen", len));
            }
            self.charge(int::usize_of(len.into()))?;
            let value = self.remote(head.valueblk.get(), int::usize_of(len.into()))?;
            add(&mut self.found, entry.flags, name, &value);
        }
        Ok(())
    }

    fn charge(&mut self, len: usize) -> Result<(), Error> {
        // Many entries may name one long value.
        self.xfs
            .budget
            .work("extended attributes", int::u64_of(len >> 9))?;
        let bytes = int::u64_of(len).saturating_add(64);
        let charge = self.xfs.budget.memory("extended attributes", bytes)?;
        self.charges.push(charge);
        Ok(())
    }

    /// A value in blocks, each with a header where there are checksums.
    fn remote(&mut self, first: u32, len: usize) -> Result<Vec<u8>, Error> {
        let mut value = Vec::with_capacity(len);
        let mut number = first;
        while value.len() < len {
            let (bytes, at) = self.block(number)?;
            let rest = len.saturating_sub(value.len());
            let part = if self.xfs.geometry.checksums {
                remote_part(&bytes, at, value.len())?
            } else {
                &bytes
            };
            value.extend_from_slice(part.get(..rest).unwrap_or(part));
            number = number.saturating_add(1);
        }
        Ok(value)
    }
}

/// What is behind the header, which must fit what came before.
fn remote_part(bytes: &[u8], at: u64, before: usize) -> Result<&[u8], Error> {
    let error = |cause, field, found: u32| {
        Error::new(cause)
            .at("XFS attribute value", at)
            .field(field)
            .found(found)
    };
    let (header, _) =
        RemoteHeader::read_from_prefix(bytes).map_err(|_| error(Cause::Magic, "rm_magic", 0))?;
    if header.magic.get() != ATTR3_RMT_MAGIC {
        return Err(error(Cause::Magic, "rm_magic", header.magic.get()));
    }
    if !checksum::fits(bytes, REMOTE_CRC_OFFSET) {
        let found = checksum::found(bytes, REMOTE_CRC_OFFSET);
        return Err(error(Cause::Checksum, "rm_crc", found));
    }
    if int::usize_of(header.offset.get().into()) != before {
        return Err(error(Cause::Value, "rm_offset", header.offset.get()));
    }
    let len = int::usize_of(header.bytes.get().into());
    match bytes.get(REMOTE_HEADER..REMOTE_HEADER.saturating_add(len)) {
        Some(part) if len > 0 => Ok(part),
        _ => Err(error(Cause::Value, "rm_bytes", header.bytes.get())),
    }
}

fn prefix<T: FromBytes + KnownLayout + Immutable>(bytes: &[u8], at: usize) -> Option<T> {
    Some(T::read_from_prefix(bytes.get(at..)?).ok()?.0)
}

/// Adds an attribute under the name that Linux gives it.
fn add(found: &mut Vec<Xattr>, flags: u8, name: &[u8], value: &[u8]) {
    let flags = AttrFlags::from_bits_retain(flags);
    if flags.intersects(AttrFlags::INCOMPLETE | AttrFlags::PARENT) {
        return;
    }
    let namespace: &[u8] = if flags.contains(AttrFlags::ROOT) {
        let acl: Option<&[u8]> = match name {
            b"SGI_ACL_FILE" => Some(b"system.posix_acl_access"),
            b"SGI_ACL_DEFAULT" => Some(b"system.posix_acl_default"),
            _ => None,
        };
        if let Some(acl) = acl {
            found.push((acl.to_vec(), posix_acl(value)));
        }
        b"trusted."
    } else if flags.contains(AttrFlags::SECURE) {
        b"security."
    } else {
        b"user."
    };
    found.push(([namespace, name].concat(), value.to_vec()));
}

/// An access control list as the kernel hands it out: version 2, then of each entry tag, permissions
/// and id, little-endian. On disk: a count, then of each tag, id, permissions and padding.
fn posix_acl(value: &[u8]) -> Vec<u8> {
    let mut acl = 2u32.to_le_bytes().to_vec();
    let entries = value.get(4..).unwrap_or_default();
    for [t0, t1, t2, t3, id @ .., p0, p1, _, _] in entries.as_chunks::<12>().0 {
        let tag = u32::from_be_bytes([*t0, *t1, *t2, *t3]);
        let id: &[u8; 4] = id;
        // Only entries about a named user (2) or group (8) have an id.
        let id = match tag {
            2 | 8 => u32::from_be_bytes(*id),
            _ => u32::MAX,
        };
        acl.extend_from_slice(&u16::try_from(tag).unwrap_or(0).to_le_bytes());
        acl.extend_from_slice(&[*p1, *p0]);
        acl.extend_from_slice(&id.to_le_bytes());
    }
    acl
}
