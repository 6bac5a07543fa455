//! Inodes ("INODE_ITEM").

use super::format::{BtrfsInodeItem, INODE_ITEM, Key, LAST_FREE_OBJECTID, split};
use super::pool::Pool;
use super::tree::{Cursor, Root};
use crate::{Cause, Error, FileKind, Metadata, Node};

const STRUCTURE: &str = "Btrfs inode";

/// A file's metadata, and what reading it needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inode {
    pub(super) number: u64,
    pub(super) metadata: Metadata,
    pub(super) flags: u64,
    /// The byte of the device that the item is at.
    pub(super) at: u64,
}

impl Inode {
    pub(super) fn read(pool: &Pool, root: &Root, node: Node) -> Result<Self, Error> {
        let number = node.number;
        let no_such = || {
            Error::new(Cause::OutOfRange)
                .in_structure(STRUCTURE)
                .field("objectid")
                .found(number)
        };
        let key = Key::new(number, INODE_ITEM, 0);
        let cursor = Cursor::exactly(pool, root, key)?.ok_or_else(no_such)?;
        let (_, data) = cursor.item().ok_or_else(no_such)?;
        let at = cursor.place();
        let wrong = |name, found: u64| {
            Error::new(Cause::Value)
                .at(STRUCTURE, at)
                .field(name)
                .found(found)
        };
        let (item, _) = split::<BtrfsInodeItem>(data)
            .filter(|_| number <= LAST_FREE_OBJECTID)
            .ok_or_else(|| wrong("size", number))?;
        let mode = item.mode.get();
        // The offsets of files are signed in Linux.
        let size = item.size.get();
        if i64::try_from(size).is_err() {
            return Err(wrong("size", size));
        }
        let mut metadata = Metadata::new(kind(mode), size);
        metadata.mode = u16::try_from(mode & 0o7777).unwrap_or(0);
        metadata.uid = item.uid.get();
        metadata.gid = item.gid.get();
        let seconds = i64::from_le_bytes(item.mtime.sec.get().to_le_bytes());
        metadata.mtime = Some((seconds, item.mtime.nsec.get()));
        Ok(Self {
            number,
            metadata,
            flags: item.flags.get(),
            at,
        })
    }
}

/// By the bits of `st_mode`.
fn kind(mode: u32) -> FileKind {
    match mode & 0o170_000 {
        0o100_000 => FileKind::File,
        0o040_000 => FileKind::Directory,
        0o120_000 => FileKind::Symlink,
        0o060_000 => FileKind::BlockDevice,
        0o020_000 => FileKind::CharDevice,
        0o010_000 => FileKind::Fifo,
        0o140_000 => FileKind::Socket,
        _ => FileKind::Other,
    }
}
