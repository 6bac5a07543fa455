//! Targets of symbolic links.

use vmie_io::int;
use zerocopy::FromBytes;

use super::checksum;
use super::file::read_blocks;
use super::format::{
    FORMAT_LOCAL, REMOTE_CRC_OFFSET, REMOTE_HEADER, RemoteHeader, SYMLINK_MAGIC, SYMLINK_MAXLEN,
};
use super::inode::Inode;
use super::map::Map;
use super::open::Xfs;
use crate::{Cause, Error};

const STRUCTURE: &str = "XFS symbolic link";

/// Where the symbolic link that `inode` is points to.
pub(super) fn target(xfs: &Xfs, inode: &Inode) -> Result<Vec<u8>, Error> {
    inode.readable(xfs)?;
    let size = inode.metadata.size;
    let wrong = || inode.error(Cause::Value, "di_size", size);
    if size == 0 || size > SYMLINK_MAXLEN {
        return Err(wrong());
    }
    let len = int::usize_of(size);
    let target = if inode.data.format == FORMAT_LOCAL {
        inode.data.bytes.get(..len).ok_or_else(wrong)?.to_vec()
    } else {
        remote(xfs, inode, len)?
    };
    if target.contains(&0) {
        return Err(inode.error(Cause::Value, "target", 0));
    }
    Ok(target)
}

/// The target in blocks: extent by extent, each with one header where there are checksums.
fn remote(xfs: &Xfs, inode: &Inode, len: usize) -> Result<Vec<u8>, Error> {
    let log = xfs.geometry.block_log;
    let mut target = Vec::with_capacity(len);
    let mut map = Map::default();
    let mut at = 0u64;
    while target.len() < len {
        let run = map.run(xfs, inode, &inode.data, at)?;
        // The longest target and its headers need no more than four of the smallest blocks.
        let blocks = run.len.min(4);
        let mut bytes = vec![0; int::usize_of(blocks << log)];
        let place = read_blocks(xfs, inode, &inode.data, &mut map, at, &mut bytes)?;
        let rest = len.saturating_sub(target.len());
        let part = if xfs.geometry.checksums {
            checked(xfs, &bytes, place, target.len())?
        } else {
            &bytes
        };
        target.extend_from_slice(part.get(..rest).unwrap_or(part));
        at = at.saturating_add(run.len);
    }
    Ok(target)
}

/// What is behind the header, which must fit what came before.
fn checked<'a>(xfs: &Xfs, bytes: &'a [u8], at: u64, before: usize) -> Result<&'a [u8], Error> {
    let error = |cause, field, found: u32| {
        Error::new(cause)
            .at(STRUCTURE, at)
            .field(field)
            .found(found)
    };
    let (header, _) =
        RemoteHeader::read_from_prefix(bytes).map_err(|_| error(Cause::Magic, "sl_magic", 0))?;
    if header.magic.get() != SYMLINK_MAGIC {
        return Err(error(Cause::Magic, "sl_magic", header.magic.get()));
    }
    let known = xfs.is_recovered(at, int::u64_of(bytes.len()));
    if !known && !checksum::fits(bytes, REMOTE_CRC_OFFSET) {
        let found = checksum::found(bytes, REMOTE_CRC_OFFSET);
        return Err(error(Cause::Checksum, "sl_crc", found));
    }
    if int::usize_of(header.offset.get().into()) != before {
        return Err(error(Cause::Value, "sl_offset", header.offset.get()));
    }
    let len = int::usize_of(header.bytes.get().into());
    let end = REMOTE_HEADER.saturating_add(len);
    match bytes.get(REMOTE_HEADER..end) {
        Some(part) if len > 0 => Ok(part),
        _ => Err(error(Cause::Value, "sl_bytes", header.bytes.get())),
    }
}
