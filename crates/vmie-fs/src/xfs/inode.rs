//! Inodes.

use vmie_io::{ReadAt, int};
use zerocopy::FromBytes;

use super::checksum;
use super::format::{
    BIGTIME_EPOCH, DINODE_CRC_OFFSET, DINODE_V2_LEN, DINODE_V3_LEN, DiFlags, DiFlags2, EXTENT_LEN,
    FORMAT_EXTENTS, XFS_DINODE_MAGIC, XfsDinode, XfsDinode3,
};
use super::log::Change;
use super::open::Xfs;
use crate::{Cause, Error, FileKind, Metadata};

const STRUCTURE: &str = "XFS inode";

/// One of the two things that an inode says where they are.
#[derive(Clone, Debug)]
pub(super) struct Fork {
    /// `di_format`, `di_aformat`.
    pub(super) format: u8,
    /// What stands in the inode: content, extents, or the root of a tree of them.
    pub(super) bytes: Vec<u8>,
    /// How many extents there are in all.
    pub(super) extents: u64,
    /// What is still to be changed about where its blocks are, in this order.
    pub(super) changes: Vec<Change>,
}

/// An inode, checked as far as it can be by itself.
#[derive(Clone, Debug)]
pub(super) struct Inode {
    pub(super) number: u64,
    /// Where it is on the volume.
    pub(super) at: u64,
    pub(super) metadata: Metadata,
    pub(super) flags: DiFlags,
    pub(super) data: Fork,
    /// Extended attributes.
    pub(super) attr: Option<Fork>,
}

impl Inode {
    /// Reads the inode of this number.
    pub(super) fn read(xfs: &Xfs, number: u64) -> Result<Self, Error> {
        let at = xfs.geometry.inode_at(number).ok_or_else(|| {
            Error::new(Cause::OutOfRange)
                .in_structure(STRUCTURE)
                .field("number")
                .found(number)
        })?;
        let mut bytes = vec![0; xfs.geometry.inode_len()];
        xfs.meta.read_exact_at(&mut bytes, at)?;
        Self::parse(xfs, number, at, &bytes)
    }

    fn parse(xfs: &Xfs, number: u64, at: u64, bytes: &[u8]) -> Result<Self, Error> {
        let error = |cause, field, found: u64| {
            Error::new(cause)
                .at(STRUCTURE, at)
                .field(field)
                .found(found)
        };
        let (raw, after) =
            XfsDinode::read_from_prefix(bytes).map_err(|_| error(Cause::Value, "di_magic", 0))?;
        if raw.di_magic.get() != XFS_DINODE_MAGIC {
            return Err(error(Cause::Magic, "di_magic", raw.di_magic.get().into()));
        }
        let right_version = match raw.di_version {
            1 | 2 => !xfs.geometry.checksums,
            3 => xfs.geometry.checksums,
            _ => false,
        };
        if !right_version {
            return Err(error(Cause::Value, "di_version", raw.di_version.into()));
        }
        let mut flags2 = DiFlags2::empty();
        let mut core = DINODE_V2_LEN;
        if raw.di_version == 3 {
            core = DINODE_V3_LEN;
            let (more, _) = XfsDinode3::read_from_prefix(after)
                .map_err(|_| error(Cause::Value, "di_version", 3))?;
            let known = xfs.is_recovered(at, int::u64_of(bytes.len()));
            if !known && !checksum::fits(bytes, DINODE_CRC_OFFSET) {
                return Err(error(Cause::Checksum, "di_crc", more.di_crc.get().into()));
            }
            if more.di_ino.get() != number {
                return Err(error(Cause::Value, "di_ino", more.di_ino.get()));
            }
            flags2 = DiFlags2::from_bits_retain(more.di_flags2.get());
        }
        if raw.di_mode.get() == 0 {
            return Err(error(Cause::Value, "di_mode", 0));
        }
        if raw.di_size.get() > i64::MAX.cast_unsigned() {
            return Err(error(Cause::Value, "di_size", raw.di_size.get()));
        }
        let (mut data, attr) = forks(&raw, flags2, bytes.get(core..).unwrap_or_default())
            .map_err(|(field, found)| error(Cause::Value, field, found))?;
        data.changes = xfs.changes_of(number);
        Ok(Self {
            number,
            at,
            metadata: metadata(&raw, flags2),
            flags: DiFlags::from_bits_retain(raw.di_flags.get()),
            data,
            attr,
        })
    }

    /// Refuses a file whose content is on another device, or is not known.
    pub(super) fn readable(&self, xfs: &Xfs) -> Result<(), Error> {
        if self.flags.contains(DiFlags::REALTIME) && self.metadata.kind == FileKind::File {
            let bits = self.flags.bits().into();
            return Err(self.error(Cause::Feature, "di_flags", bits));
        }
        if xfs.is_unfinished(self.number) {
            return Err(self.error(Cause::Journal, "di_ino", self.number));
        }
        Ok(())
    }

    pub(super) fn error(&self, cause: Cause, field: &'static str, found: u64) -> Error {
        Error::new(cause)
            .at(STRUCTURE, self.at)
            .field(field)
            .found(found)
    }
}

/// The two forks, in what follows the core; or the field that does not fit, and its value.
fn forks(
    raw: &XfsDinode,
    flags2: DiFlags2,
    area: &[u8],
) -> Result<(Fork, Option<Fork>), (&'static str, u64)> {
    let (data_extents, attr_extents) = if flags2.contains(DiFlags2::NREXT64) {
        (raw.di_big_nextents.get(), raw.di_nextents.get().into())
    } else {
        (
            u64::from(raw.di_nextents.get()),
            u64::from(raw.di_anextents.get()),
        )
    };
    let offset = usize::from(raw.di_forkoff).saturating_mul(8);
    let split = match offset {
        0 => area.len(),
        offset => offset,
    };
    let (data, attr) = area
        .split_at_checked(split)
        .filter(|(_, attr)| offset == 0 || !attr.is_empty())
        .ok_or(("di_forkoff", u64::from(raw.di_forkoff)))?;
    let data = fork(raw.di_format, data, data_extents).ok_or(("di_nextents", data_extents))?;
    let attr = match offset {
        0 => None,
        _ => Some(fork(raw.di_aformat, attr, attr_extents).ok_or(("di_anextents", attr_extents))?),
    };
    Ok((data, attr))
}

/// A fork, unless it has more extents than fit where it keeps them.
fn fork(format: u8, bytes: &[u8], extents: u64) -> Option<Fork> {
    let room = int::u64_of(bytes.len().checked_div(EXTENT_LEN).unwrap_or(0));
    if format == FORMAT_EXTENTS && extents > room {
        return None;
    }
    Some(Fork {
        format,
        bytes: bytes.to_vec(),
        extents,
        changes: Vec::new(),
    })
}

fn metadata(raw: &XfsDinode, flags2: DiFlags2) -> Metadata {
    let mode = raw.di_mode.get();
    let kind = match mode >> 12 {
        0x1 => FileKind::Fifo,
        0x2 => FileKind::CharDevice,
        0x4 => FileKind::Directory,
        0x6 => FileKind::BlockDevice,
        0x8 => FileKind::File,
        0xa => FileKind::Symlink,
        0xc => FileKind::Socket,
        _ => FileKind::Other,
    };
    let mut metadata = Metadata::new(kind, raw.di_size.get());
    metadata.mode = mode & 0o7777;
    metadata.uid = raw.di_uid.get();
    metadata.gid = raw.di_gid.get();
    metadata.mtime = Some(time(raw.di_mtime.get(), flags2));
    metadata
}

/// Nanoseconds since 1901, or in the older form seconds since 1970 in the upper half (signed) and
/// nanoseconds in the lower.
fn time(raw: u64, flags2: DiFlags2) -> (i64, u32) {
    const NANOS: u64 = 1_000_000_000;
    let nanos = |n: u64| u32::try_from(n).unwrap_or(0).min(999_999_999);
    if flags2.contains(DiFlags2::BIGTIME) {
        let seconds = i64::try_from(raw / NANOS).unwrap_or(0);
        return (seconds.saturating_sub(BIGTIME_EPOCH), nanos(raw % NANOS));
    }
    let seconds = u32::try_from(raw >> 32).unwrap_or(0).cast_signed();
    (seconds.into(), nanos(raw & 0xffff_ffff))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_time() {
        assert_eq!(time(0, DiFlags2::empty()), (0, 0));
        assert_eq!(time(0xffff_ffff_0000_0007, DiFlags2::empty()), (-1, 7));
        assert_eq!(time(0, DiFlags2::BIGTIME), (-(1 << 31), 0));
        assert_eq!(
            time(((1u64 << 31) + 5) * 1_000_000_000 + 9, DiFlags2::BIGTIME),
            (5, 9)
        );
    }
}
