//! Finding items in trees.

use std::sync::Arc;

use super::format::Key;
use super::node::{Link, TreeNode};
use super::pool::Pool;
use crate::{Cause, Error};

/// A tree: its id, and where its root is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Root {
    pub(super) id: u64,
    pub(super) link: Link,
}

/// A place in a tree: the nodes from the root down to a leaf, each with its current entry.
pub(super) struct Cursor {
    tree: u64,
    /// Never more than 8: levels go down by one.
    path: Vec<(Arc<TreeNode>, usize)>,
}

impl Cursor {
    /// The last item whose key is not above `key`; when there is none, the first item.
    pub(super) fn at_or_before(pool: &Pool, root: &Root, key: Key) -> Result<Self, Error> {
        let mut cursor = Self {
            tree: root.id,
            path: Vec::with_capacity(usize::from(root.link.level).saturating_add(1)),
        };
        let mut link = root.link;
        loop {
            let node = pool.node(&link, root.id)?;
            let index = node.at_or_before(&key);
            let child = node.child(index);
            cursor.path.push((node, index));
            match child {
                Some(child) => link = child,
                None => return Ok(cursor),
            }
        }
    }

    /// The first item whose key is not below `key`.
    pub(super) fn seek(pool: &Pool, root: &Root, key: Key) -> Result<Self, Error> {
        let mut cursor = Self::at_or_before(pool, root, key)?;
        if cursor.key().is_some_and(|found| found < key) {
            cursor.advance(pool)?;
        }
        Ok(cursor)
    }

    /// The item of exactly this key, by a cursor at it.
    pub(super) fn exactly(pool: &Pool, root: &Root, key: Key) -> Result<Option<Self>, Error> {
        let cursor = Self::at_or_before(pool, root, key)?;
        Ok((cursor.key() == Some(key)).then_some(cursor))
    }

    pub(super) fn key(&self) -> Option<Key> {
        let (leaf, index) = self.path.last()?;
        leaf.key(*index)
    }

    /// The current item; `None` past the last.
    pub(super) fn item(&self) -> Option<(Key, &[u8])> {
        let (leaf, index) = self.path.last()?;
        Some((leaf.key(*index)?, leaf.data(*index)?))
    }

    /// The byte of the device at which the current item's data starts.
    pub(super) fn place(&self) -> u64 {
        let leaf = self.path.last();
        leaf.map_or(0, |(leaf, index)| leaf.data_at(*index))
    }

    /// Goes on to the next item.
    pub(super) fn advance(&mut self, pool: &Pool) -> Result<(), Error> {
        let Some((leaf, index)) = self.path.last_mut() else {
            return Ok(());
        };
        let last = leaf.key(*index);
        *index = index.saturating_add(1);
        if *index < leaf.count {
            return Ok(());
        }
        // Up to the nearest node that has more, and down again along first entries.
        while let Some((node, index)) = self.path.last_mut() {
            if node.level > 0 && index.saturating_add(1) < node.count {
                *index = index.saturating_add(1);
                break;
            }
            self.path.pop();
        }
        while let Some(child) = self
            .path
            .last()
            .and_then(|(node, index)| node.child(*index))
        {
            let node = pool.node(&child, self.tree)?;
            // What stands between: so that a walk over a tree always moves forward, and ends.
            if node.key(0) <= last {
                let at = node.physical;
                self.path.clear();
                return Err(Error::new(Cause::Tree).at("Btrfs node", at).field("key"));
            }
            self.path.push((node, 0));
        }
        Ok(())
    }
}
