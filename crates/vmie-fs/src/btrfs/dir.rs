//! Directories, and attributes, which are kept alike ("DIR_ITEM", "DIR_INDEX", "XATTR_ITEM").

use vmie_io::int;

use super::checksum::name_hash;
use super::format::{
    BtrfsDirItem, DIR_INDEX, DIR_ITEM, INODE_ITEM, Key, MAX_NAME, ROOT_ITEM, XATTR_ITEM, split,
    split_len,
};
use super::open::Btrfs;
use super::tree::{Cursor, Root};
use crate::{Cause, DirEntry, Error, FileKind, Node, Xattr};

const STRUCTURE: &str = "Btrfs directory entry";
/// Bytes that one entry takes in memory besides its name.
const ENTRY_COST: u64 = 80;

/// One entry of an item, which has several where the hashes of names are alike.
struct Entry<'a> {
    location: Key,
    kind: u8,
    name: &'a [u8],
    value: &'a [u8],
}

/// The entries of an item; `None` in place of what does not fit it.
struct Entries<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Entries<'a> {
    type Item = Option<Entry<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let entry = self.entry();
        if entry.is_none() {
            self.rest = &[];
        }
        Some(entry)
    }
}

impl<'a> Entries<'a> {
    fn entry(&mut self) -> Option<Entry<'a>> {
        let (head, rest) = split::<BtrfsDirItem>(self.rest)?;
        let (name, rest) = split_len(rest, head.name_len.get())?;
        let (value, rest) = split_len(rest, head.data_len.get())?;
        self.rest = rest;
        Some(Entry {
            location: head.location.into(),
            kind: head.kind,
            name,
            value,
        })
    }
}

fn broken(cursor: &Cursor, field: &'static str, found: &[u8]) -> Error {
    Error::new(Cause::DirEntry)
        .at(STRUCTURE, cursor.place())
        .field(field)
        .found(found)
}

/// Whether a name can be one of a directory's.
fn is_name(name: &[u8]) -> bool {
    let dots = name == b"." || name == b"..";
    !name.is_empty()
        && name.len() <= MAX_NAME
        && !dots
        && !name.contains(&b'/')
        && !name.contains(&0)
}

/// The kind of file that an entry says it names (`BTRFS_FT_*`).
fn kind(number: u8) -> Option<FileKind> {
    Some(match number {
        1 => FileKind::File,
        2 => FileKind::Directory,
        3 => FileKind::CharDevice,
        4 => FileKind::BlockDevice,
        5 => FileKind::Fifo,
        6 => FileKind::Socket,
        7 => FileKind::Symlink,
        _ => return None,
    })
}

impl Btrfs {
    /// What a directory has under a name: the key of the file, or of the subvolume's tree.
    pub(super) fn location(
        &self,
        root: &Root,
        dir: u64,
        name: &[u8],
    ) -> Result<Option<Key>, Error> {
        let key = Key::new(dir, DIR_ITEM, name_hash(name).into());
        let Some(cursor) = Cursor::exactly(&self.pool, root, key)? else {
            return Ok(None);
        };
        let (_, data) = cursor.item().unwrap_or((key, &[]));
        for entry in (Entries { rest: data }) {
            let entry = entry.ok_or_else(|| broken(&cursor, "name_len", &[]))?;
            if entry.name == name {
                return Ok(Some(entry.location));
            }
        }
        Ok(None)
    }

    /// The file that an entry of a directory leads to.
    pub(super) fn target(&self, dir: Node, location: Key, name: &[u8]) -> Result<Node, Error> {
        match location.kind {
            INODE_ITEM => Ok(Node {
                tree: dir.tree,
                number: location.objectid,
            }),
            ROOT_ITEM => self.subvolume_at(dir, location.objectid, name),
            kind => Err(Error::new(Cause::DirEntry)
                .in_structure(STRUCTURE)
                .field("location")
                .found(kind)),
        }
    }

    /// The entries of a directory, in the order in which they were made.
    pub(super) fn list(&self, root: &Root, dir: Node) -> Result<Vec<DirEntry>, Error> {
        let mut entries = Vec::new();
        let mut charges = Vec::new();
        let first = Key::new(dir.number, DIR_INDEX, 0);
        let mut cursor = Cursor::seek(&self.pool, root, first)?;
        while let Some((key, data)) = cursor.item() {
            if key.objectid != dir.number || key.kind != DIR_INDEX {
                break;
            }
            for entry in (Entries { rest: data }) {
                let entry = entry.ok_or_else(|| broken(&cursor, "name_len", &[]))?;
                if !is_name(entry.name) {
                    return Err(broken(&cursor, "name", entry.name));
                }
                let kind =
                    kind(entry.kind).ok_or_else(|| broken(&cursor, "type", &[entry.kind]))?;
                let cost = ENTRY_COST.saturating_add(int::u64_of(entry.name.len()));
                charges.push(self.pool.budget.memory("directory", cost)?);
                entries.push(DirEntry {
                    name: entry.name.to_vec(),
                    kind,
                    node: self.target(dir, entry.location, entry.name)?,
                });
            }
            cursor.advance(&self.pool)?;
        }
        Ok(entries)
    }

    /// The attributes of a file.
    pub(super) fn attributes(&self, root: &Root, inode: u64) -> Result<Vec<Xattr>, Error> {
        let mut found = Vec::new();
        let mut charges = Vec::new();
        let mut cursor = Cursor::seek(&self.pool, root, Key::new(inode, XATTR_ITEM, 0))?;
        while let Some((key, data)) = cursor.item() {
            if key.objectid != inode || key.kind != XATTR_ITEM {
                break;
            }
            for entry in (Entries { rest: data }) {
                let entry = entry.ok_or_else(|| broken(&cursor, "name_len", &[]))?;
                let cost = entry.name.len().saturating_add(entry.value.len());
                let cost = ENTRY_COST.saturating_add(int::u64_of(cost));
                charges.push(self.pool.budget.memory("attributes", cost)?);
                found.push((entry.name.to_vec(), entry.value.to_vec()));
            }
            cursor.advance(&self.pool)?;
        }
        Ok(found)
    }
}
