//! Subvolumes and snapshots ("ROOT_ITEM", "ROOT_REF", "ROOT_BACKREF").

use vmie_io::int;

use super::format::{
    BTRFS_ROOT_SUBVOL_RDONLY, BtrfsInodeExtref, BtrfsInodeRef, BtrfsRootItem, BtrfsRootItemV2,
    BtrfsRootRef, FS_TREE, INODE_EXTREF, INODE_REF, Key, MAX_LEVEL, ROOT_BACKREF, ROOT_ITEM,
    ROOT_REF, is_subvolume, split, split_len,
};
use super::node::Link;
use super::open::{Btrfs, NO_SUBVOLUME};
use super::tree::{Cursor, Root};
use crate::head::uuid;
use crate::{Cause, Error, GuestPath, Node, Subvolume};

const STRUCTURE: &str = "Btrfs root item";
/// Names of one path of a subvolume that are followed: a path of Linux has 4 096 bytes.
const MAX_STEPS: usize = 2048;
/// Subvolumes that are listed.
const MAX_LISTED: usize = 100_000;

/// A tree of files: where its root is, and which directory all paths begin at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tree {
    pub(super) root: Root,
    pub(super) dir: u64,
}

/// What an item says of a tree.
pub(super) fn parse_root(id: u64, cursor: &Cursor, data: &[u8]) -> Result<Option<Tree>, Error> {
    let wrong = |name, found: u64| {
        Error::new(Cause::Value)
            .at(STRUCTURE, cursor.place())
            .field(name)
            .found(found)
    };
    let (item, _) =
        split::<BtrfsRootItem>(data).ok_or_else(|| wrong("size", int::u64_of(data.len())))?;
    if item.level > MAX_LEVEL {
        return Err(wrong("level", item.level.into()));
    }
    // Deleted, and being cleaned up.
    if item.refs.get() == 0 && is_subvolume(id) {
        return Ok(None);
    }
    let link = Link {
        bytenr: item.bytenr.get(),
        level: item.level,
        generation: item.generation.get(),
        first: None,
    };
    Ok(Some(Tree {
        root: Root { id, link },
        dir: item.root_dirid.get(),
    }))
}

impl Btrfs {
    /// A tree by its id; `None` when there is none, or it was deleted.
    pub(super) fn find_tree(&self, id: u64) -> Result<Option<Tree>, Error> {
        if let Some(tree) = self.kept_trees().get(&id) {
            return Ok(Some(*tree));
        }
        let key = Key::new(id, ROOT_ITEM, 0);
        let mut cursor = Cursor::seek(&self.pool, &self.root_tree, key)?;
        let mut last = None;
        // The offset of a snapshot's key is the transaction that made it.
        while let Some((key, data)) = cursor.item() {
            if key.objectid != id || key.kind != ROOT_ITEM {
                break;
            }
            last = parse_root(id, &cursor, data)?;
            cursor.advance(&self.pool)?;
        }
        if let Some(tree) = last {
            self.keep_tree(id, tree);
        }
        Ok(last)
    }

    /// The root of the subvolume that a directory's entry leads to. Snapshots are not deep: where
    /// the subvolume is not this directory's own, it is an empty directory.
    pub(super) fn subvolume_at(&self, dir: Node, id: u64, name: &[u8]) -> Result<Node, Error> {
        let key = Key::new(dir.tree, ROOT_REF, id);
        let cursor = Cursor::exactly(&self.pool, &self.root_tree, key)?;
        let own = cursor.and_then(|cursor| {
            let (_, data) = cursor.item()?;
            let (head, rest) = split::<BtrfsRootRef>(data)?;
            let (found, _) = split_len(rest, head.name_len.get())?;
            Some(head.dirid.get() == dir.number && found == name)
        });
        if own == Some(true)
            && let Some(tree) = self.find_tree(id)?
        {
            return Ok(Node {
                tree: id,
                number: tree.dir,
            });
        }
        Ok(Node {
            tree: dir.tree | NO_SUBVOLUME,
            number: dir.number,
        })
    }

    /// All subvolumes that are not deleted, the top-level one first.
    pub(super) fn list_subvolumes(&self) -> Result<Vec<Subvolume>, Error> {
        let mut found: Vec<Subvolume> = Vec::new();
        let mut charges = Vec::new();
        let first = Key::new(FS_TREE, ROOT_ITEM, 0);
        let mut cursor = Cursor::seek(&self.pool, &self.root_tree, first)?;
        while let Some((key, data)) = cursor.item() {
            if key.kind == ROOT_ITEM
                && is_subvolume(key.objectid)
                && parse_root(key.objectid, &cursor, data)?.is_some()
                && let Some(subvolume) = describe(key.objectid, data)
            {
                if found.len() >= MAX_LISTED {
                    return Err(Error::new(Cause::Limit)
                        .in_structure("Btrfs subvolumes")
                        .found(found.len()));
                }
                self.pool.budget.work("subvolume", 1)?;
                charges.push(self.pool.budget.memory("subvolumes", 256)?);
                found.push(subvolume);
            }
            cursor.advance(&self.pool)?;
        }
        for subvolume in &mut found {
            let (path, parent) = self.subvolume_path(subvolume.id)?;
            subvolume.path = path;
            subvolume.parent = parent;
            subvolume.is_default = subvolume.id == self.default.root.id;
        }
        Ok(found)
    }

    /// The path of a subvolume from the top-level one, as far as it has one, and the id of the
    /// subvolume that it lies in.
    fn subvolume_path(&self, id: u64) -> Result<(Option<GuestPath>, Option<u64>), Error> {
        if id == FS_TREE {
            return Ok((Some(GuestPath::root()), None));
        }
        let mut names = Vec::new();
        let mut parent = None;
        let mut tree = id;
        while tree != FS_TREE {
            let Some((above, dir, name)) = self.place_of(tree)? else {
                return Ok((None, parent));
            };
            parent = parent.or(Some(above));
            names.push(name);
            if names.len() > MAX_STEPS || !self.climb(above, dir, &mut names)? {
                return Ok((None, parent));
            }
            tree = above;
        }
        let mut path = GuestPath::root();
        for name in names.iter().rev() {
            path = path.join(name);
        }
        Ok((Some(path), parent))
    }

    /// Which subvolume another lies in, in which directory of it and under which name.
    fn place_of(&self, id: u64) -> Result<Option<(u64, u64, Vec<u8>)>, Error> {
        let first = Key::new(id, ROOT_BACKREF, 0);
        let cursor = Cursor::seek(&self.pool, &self.root_tree, first)?;
        let place = cursor.item().and_then(|(key, data)| {
            let ours = key.objectid == id && key.kind == ROOT_BACKREF;
            let (head, rest) = split::<BtrfsRootRef>(data).filter(|_| ours)?;
            let (name, _) = split_len(rest, head.name_len.get())?;
            Some((key.offset, head.dirid.get(), name.to_vec()))
        });
        Ok(place)
    }

    /// Adds the names of a directory and of those above it, up to its subvolume's root. False when
    /// they do not lead there.
    fn climb(&self, tree: u64, mut dir: u64, names: &mut Vec<Vec<u8>>) -> Result<bool, Error> {
        let Some(tree) = self.find_tree(tree)? else {
            return Ok(false);
        };
        while dir != tree.dir {
            self.pool.budget.work("path of a subvolume", 1)?;
            let first = Key::new(dir, INODE_REF, 0);
            let cursor = Cursor::seek(&self.pool, &tree.root, first)?;
            let above = cursor.item().and_then(|(key, data)| {
                if key.objectid != dir {
                    return None;
                }
                let (parent, name_len, rest) = match key.kind {
                    INODE_REF => {
                        let (head, rest) = split::<BtrfsInodeRef>(data)?;
                        (key.offset, head.name_len, rest)
                    }
                    INODE_EXTREF => {
                        let (head, rest) = split::<BtrfsInodeExtref>(data)?;
                        (head.parent.get(), head.name_len, rest)
                    }
                    _ => return None,
                };
                let (name, _) = split_len(rest, name_len.get())?;
                Some((parent, name.to_vec()))
            });
            let Some((parent, name)) = above.filter(|_| names.len() < MAX_STEPS) else {
                return Ok(false);
            };
            names.push(name);
            dir = parent;
        }
        Ok(true)
    }
}

/// What an item tells of a subvolume; its path is found later.
fn describe(id: u64, data: &[u8]) -> Option<Subvolume> {
    let (item, rest) = split::<BtrfsRootItem>(data)?;
    let later = split::<BtrfsRootItemV2>(rest)
        .map(|(later, _)| later)
        .filter(|later| later.generation_v2 == item.generation);
    Some(Subvolume {
        id,
        path: None,
        parent: None,
        root: Node {
            tree: id,
            number: item.root_dirid.get(),
        },
        is_default: false,
        read_only: item.flags.get() & BTRFS_ROOT_SUBVOL_RDONLY != 0,
        uuid: later.as_ref().and_then(|later| uuid(&later.uuid)),
        snapshot_of: later.as_ref().and_then(|later| uuid(&later.parent_uuid)),
    })
}
