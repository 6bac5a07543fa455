//! Keys.

use std::fmt;

use vmie_io::int;

use super::format::{BINS, KEY, KEY_LATIN, KEY_LINK, KeyNode, MAX_LISTED, MAX_NAME, NOWHERE};
use super::{Hive, Value, list, text};
use crate::{Cause, Error};

/// Links that are followed from one path; Windows itself gives up soon.
const MAX_LINKS: u32 = 8;

/// A key of a hive.
#[derive(Clone)]
pub struct Key<'h> {
    hive: &'h Hive<'h>,
    offset: u32,
    node: KeyNode,
    name: String,
}

impl fmt::Debug for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("name", &self.name)
            .field("offset", &self.offset())
            .finish_non_exhaustive()
    }
}

impl<'h> Key<'h> {
    pub(super) fn at(hive: &'h Hive<'h>, offset: u32) -> Result<Self, Error> {
        let what = "key node";
        let (node, at, len) = hive.structure::<KeyNode>(offset, what)?;
        let fault = |cause| Error::new(cause).at(what, at.saturating_add(BINS));
        if node.signature != KEY {
            return Err(fault(Cause::CellKind)
                .field("signature")
                .found(node.signature.as_slice()));
        }
        let head = size_of::<KeyNode>();
        let name_len = usize::from(node.name_len.get());
        if int::u64_of(head.saturating_add(name_len)) > len || name_len > MAX_NAME {
            return Err(fault(Cause::CellShort)
                .field("key name length")
                .found(name_len));
        }
        let mut bytes = vec![0; name_len];
        hive.read(&mut bytes, at.saturating_add(int::u64_of(head)))?;
        let name = match node.flags.get() & KEY_LATIN {
            0 => text::utf16(&bytes),
            _ => text::latin(&bytes),
        };
        Ok(Self {
            hive,
            offset,
            node,
            name,
        })
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// At which byte of the hive's file the key's cell is.
    #[must_use]
    pub fn offset(&self) -> u64 {
        BINS.saturating_add(u64::from(self.offset))
    }

    /// When the key was last changed: units of 100 ns since 1601 (UTC).
    #[must_use]
    pub fn last_written(&self) -> u64 {
        self.node.last_written.get()
    }

    /// Whether the key is a link to another.
    #[must_use]
    pub fn is_link(&self) -> bool {
        self.node.flags.get() & KEY_LINK != 0
    }

    /// The subkeys, in the hive's order. One that is damaged is told in its place.
    ///
    /// # Errors
    /// When the list of them is damaged.
    pub fn subkeys(&self) -> Result<Vec<Result<Key<'h>, Error>>, Error> {
        let listed = self.listed()?;
        Ok(listed
            .into_iter()
            .map(|entry| Key::at(self.hive, entry.offset))
            .collect())
    }

    fn listed(&self) -> Result<Vec<list::Listed>, Error> {
        if self.node.subkeys.get() == 0 || self.node.subkeys_list.get() == NOWHERE {
            return Ok(Vec::new());
        }
        list::subkeys(self.hive, self.node.subkeys_list.get())
    }

    /// The subkey of a name, whatever its case; `None` when there is none.
    ///
    /// # Errors
    /// When the list, or the key itself, is damaged.
    pub fn subkey(&self, name: &str) -> Result<Option<Key<'h>>, Error> {
        let hash = name.is_ascii().then(|| text::leaf_hash(name));
        let mut damaged = None;
        for entry in self.listed()? {
            // A list with hashes spares the look at all keys but one.
            if let (Some(wanted), Some(found)) = (hash, entry.hash)
                && wanted != found
            {
                continue;
            }
            match Key::at(self.hive, entry.offset) {
                Ok(key) if text::same(&key.name, name) => return Ok(Some(key)),
                Ok(_) => {}
                Err(error) => damaged = Some(error),
            }
        }
        damaged.map_or(Ok(None), Err)
    }

    /// The key of a path below this one, with `\` between the names.
    ///
    /// # Errors
    /// As [`Key::subkey`]; [`Cause::TooManyLinks`].
    pub fn descend(&self, path: &str) -> Result<Option<Key<'h>>, Error> {
        let mut links = 0;
        self.descend_with(path, &mut links)
    }

    fn descend_with(&self, path: &str, links: &mut u32) -> Result<Option<Key<'h>>, Error> {
        let mut key = self.clone();
        for name in path.split('\\').filter(|name| !name.is_empty()) {
            match key.subkey(name)? {
                Some(next) => key = next,
                None => return Ok(None),
            }
            if key.is_link() {
                *links = links.saturating_add(1);
                if *links > MAX_LINKS {
                    return Err(Error::new(Cause::TooManyLinks).at("key node", key.offset()));
                }
                match key.link_target()? {
                    Some(target) => match self.hive.root()?.descend_with(&target, links)? {
                        Some(next) => key = next,
                        None => return Ok(None),
                    },
                    None => return Ok(None),
                }
            }
        }
        Ok(Some(key))
    }

    /// Where a link leads, as a path in this hive: the parts of `\Registry\Machine\HIVE\…` behind the
    /// hive's own name. `None` when it has no target.
    fn link_target(&self) -> Result<Option<String>, Error> {
        let Some(value) = self.value("SymbolicLinkValue")? else {
            return Ok(None);
        };
        let target = text::utf16(value.data());
        let mut parts = target.split('\\').filter(|part| !part.is_empty());
        let machine = parts
            .next()
            .is_some_and(|part| part.eq_ignore_ascii_case("registry"))
            && parts
                .next()
                .is_some_and(|part| part.eq_ignore_ascii_case("machine"))
            && parts.next().is_some();
        Ok(machine.then(|| parts.collect::<Vec<_>>().join("\\")))
    }

    /// The values, in the hive's order. One that is damaged is told in its place.
    ///
    /// # Errors
    /// When the list of them is damaged.
    pub fn values(&self) -> Result<Vec<Result<Value, Error>>, Error> {
        Ok(self
            .value_offsets()?
            .into_iter()
            .map(|offset| Value::at(self.hive, offset))
            .collect())
    }

    fn value_offsets(&self) -> Result<Vec<u32>, Error> {
        let count = int::usize_of(u64::from(self.node.values.get()));
        if count == 0 || self.node.values_list.get() == NOWHERE {
            return Ok(Vec::new());
        }
        let count = count.min(MAX_LISTED);
        let len = count.saturating_mul(4);
        let bytes = self
            .hive
            .cell_bytes(self.node.values_list.get(), len, "list of values")?;
        Ok(bytes
            .chunks_exact(4)
            .filter_map(|offset| offset.first_chunk::<4>())
            .map(|offset| u32::from_le_bytes(*offset))
            .collect())
    }

    /// The value of a name, whatever its case; the empty name is the default value. `None` when
    /// there is none.
    ///
    /// # Errors
    /// When the list, or the value itself, is damaged.
    pub fn value(&self, name: &str) -> Result<Option<Value>, Error> {
        let mut damaged = None;
        for offset in self.value_offsets()? {
            match Value::head(self.hive, offset) {
                Ok(head) if text::same(&head.name, name) => {
                    return head.with_data(self.hive).map(Some);
                }
                Ok(_) => {}
                Err(error) => damaged = Some(error),
            }
        }
        damaged.map_or(Ok(None), Err)
    }
}
