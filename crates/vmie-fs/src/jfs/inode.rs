//! Inodes.

use vmie_io::ReadAtExt;
use zerocopy::FromBytes;

use super::format::{
    Dinode, FASTSYMLINK_OFFSET, IAG_EXTENTS_OFFSET, IDATASIZE, INODE_LEN, INODES_PER_EXTENT_LOG,
    INODES_PER_IAG_LOG, MAX_SYMLINK, PAGE, Pxd,
};
use super::open::Jfs;
use super::tree::{self, Map};
use crate::{Cause, Error, FileKind, Metadata};

const STRUCTURE: &str = "JFS inode";

/// An inode, checked as far as it can be by itself.
#[derive(Clone)]
pub(super) struct Inode {
    pub(super) number: u32,
    /// Where it is on the volume.
    pub(super) at: u64,
    pub(super) metadata: Metadata,
    pub(super) raw: Dinode,
}

impl Inode {
    /// Reads an inode of the fileset: the allocation map says where its extent of inodes is.
    pub(super) fn read(jfs: &Jfs, number: u32) -> Result<Self, Error> {
        jfs.budget.work("inode", 1)?;
        let unknown = |field| {
            Error::new(Cause::OutOfRange)
                .in_structure(STRUCTURE)
                .field(field)
                .found(number)
        };
        // The first page of the map is its own; then each group has one.
        let group = u64::from(number >> INODES_PER_IAG_LOG);
        let extent = u64::from(number & 0xfff) >> INODES_PER_EXTENT_LOG;
        let page = group.saturating_add(1).saturating_mul(4096);
        if page >= jfs.imap_size {
            return Err(unknown("number"));
        }
        let at = jfs.place_in_map(page)?;
        let place = at
            .saturating_add(IAG_EXTENTS_OFFSET)
            .saturating_add(extent.saturating_mul(8));
        let pxd = jfs.meta.read_array::<8>(place)?;
        let pxd = Pxd::read_from_bytes(&pxd).map_err(|_| unknown("inoext"))?;
        if pxd.addr() == 0 {
            return Err(unknown("number"));
        }
        let start = jfs.byte_of(pxd, "JFS inode allocation group", place)?;
        let within = u64::from(number & 31).saturating_mul(512);
        let inode = Self::at(jfs, start.saturating_add(within))?;
        if inode.raw.di_number.get() != number {
            let found = inode.raw.di_number.get().into();
            return Err(inode.error(Cause::Value, "di_number", found));
        }
        if inode.raw.di_nlink.get() == 0 {
            return Err(inode.error(Cause::Value, "di_nlink", 0));
        }
        Ok(inode)
    }

    /// The inode at a byte of the volume.
    pub(super) fn at(jfs: &Jfs, at: u64) -> Result<Self, Error> {
        let bytes = jfs.meta.read_array::<INODE_LEN>(at)?;
        let raw = Dinode::read_from_bytes(&bytes)
            .map_err(|_| Error::new(Cause::Value).at(STRUCTURE, at))?;
        let inode = Self {
            number: raw.di_number.get(),
            at,
            metadata: metadata(&raw),
            raw,
        };
        let size = raw.di_size.get();
        if size > i64::MAX.cast_unsigned() {
            return Err(inode.error(Cause::Value, "di_size", size));
        }
        Ok(inode)
    }

    /// Where its blocks are.
    pub(super) fn map(&self) -> Map {
        Map::new(&self.raw.di_data, self.at.saturating_add(224))
    }

    /// Where the symbolic link points to: in the inode, or in blocks.
    pub(super) fn target(&self, jfs: &Jfs) -> Result<Vec<u8>, Error> {
        let size = self.metadata.size;
        if size == 0 || size > MAX_SYMLINK {
            return Err(self.error(Cause::Value, "di_size", size));
        }
        let len = vmie_io::int::usize_of(size);
        if size < IDATASIZE {
            let end = FASTSYMLINK_OFFSET.saturating_add(len);
            let target = self.raw.di_data.get(FASTSYMLINK_OFFSET..end);
            return Ok(target.unwrap_or_default().to_vec());
        }
        let mut target = vec![0; len];
        tree::read(jfs, &mut self.map(), &mut target, 0)?;
        Ok(target)
    }

    pub(super) fn error(&self, cause: Cause, field: &'static str, found: u64) -> Error {
        Error::new(cause)
            .at(STRUCTURE, self.at)
            .field(field)
            .found(found)
    }
}

fn metadata(raw: &Dinode) -> Metadata {
    let bits = raw.di_mode.get();
    let kind = match (bits >> 12) & 0xf {
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
    metadata.mode = u16::try_from(bits & 0o7777).unwrap_or(0);
    metadata.uid = raw.di_uid.get();
    metadata.gid = raw.di_gid.get();
    let [seconds, nanos] = raw.di_mtime;
    metadata.mtime = Some((
        // Without a sign, as Linux has them since 5.4: from 1970 to 2106.
        seconds.get().into(),
        nanos.get().min(999_999_999),
    ));
    metadata
}

/// A page of one of the maps, at a byte of its file.
pub(super) fn map_page(jfs: &Jfs, inode: &Inode, offset: u64) -> Result<Vec<u8>, Error> {
    let mut bytes = vec![0; PAGE];
    tree::read(jfs, &mut inode.map(), &mut bytes, offset)?;
    Ok(bytes)
}
