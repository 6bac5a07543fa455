//! Paths inside a guest.

use std::borrow::Borrow;
use std::fmt;

/// An absolute path inside a guest: bytes, not text, since filesystems promise no encoding.
///
/// Always normalised: it starts with `/`, holds no empty, `.` or `..` component, and does not end
/// in `/` unless it is the root. `..` is resolved by text, and stops at the root.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GuestPath {
    bytes: Vec<u8>,
}

impl GuestPath {
    /// The root directory.
    #[must_use]
    pub fn root() -> Self {
        Self {
            bytes: b"/".to_vec(),
        }
    }

    /// The normal form of any path; a relative one is taken from the root.
    #[must_use]
    pub fn new(path: impl AsRef<[u8]>) -> Self {
        Self::root().join(path)
    }

    /// `path` taken from here: appended when it is relative, and in its place when it is absolute.
    #[must_use]
    pub fn join(&self, path: impl AsRef<[u8]>) -> Self {
        let path = path.as_ref();
        let mut stack: Vec<&[u8]> = if path.first() == Some(&b'/') {
            Vec::new()
        } else {
            self.components().collect()
        };
        for component in path.split(|b| *b == b'/') {
            match component {
                b"" | b"." => {}
                b".." => {
                    stack.pop();
                }
                name => stack.push(name),
            }
        }
        let mut bytes = Vec::with_capacity(path.len().saturating_add(self.bytes.len()));
        for name in stack {
            bytes.push(b'/');
            bytes.extend_from_slice(name);
        }
        if bytes.is_empty() {
            bytes.push(b'/');
        }
        Self { bytes }
    }

    /// The path of an entry: a name without `/` that is not `.` or `..`. Unlike [`Self::join`] it
    /// does not look at what is there already.
    pub(crate) fn child(&self, name: &[u8]) -> Self {
        if name.is_empty() || matches!(name, b"." | b"..") || name.contains(&b'/') {
            return self.join(name);
        }
        let above = self.bytes.strip_suffix(b"/").unwrap_or(&self.bytes);
        Self {
            bytes: [above, b"/", name].concat(),
        }
    }

    /// The bytes of the path.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The names along the path, from the root down.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.bytes
            .split(|b| *b == b'/')
            .filter(|name| !name.is_empty())
    }

    /// The last name; `None` for the root.
    #[must_use]
    pub fn file_name(&self) -> Option<&[u8]> {
        self.components().next_back()
    }

    /// The directory that it is in; `None` for the root.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        self.file_name()?;
        Some(self.join(b".."))
    }

    /// What is left of the path below `base`; `None` when it is not at or below it.
    #[must_use]
    pub fn strip_prefix(&self, base: &Self) -> Option<Self> {
        let mut own = self.components();
        for name in base.components() {
            if own.next() != Some(name) {
                return None;
            }
        }
        let mut rest = Self::root();
        for name in own {
            rest = rest.join(name);
        }
        Some(rest)
    }

    /// The path as text, with what is not UTF-8 replaced.
    #[must_use]
    pub fn to_string_lossy(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

impl fmt::Display for GuestPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_string_lossy())
    }
}

impl fmt::Debug for GuestPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.bytes.escape_ascii())
    }
}

impl From<&str> for GuestPath {
    fn from(path: &str) -> Self {
        Self::new(path)
    }
}

impl Borrow<[u8]> for GuestPath {
    fn borrow(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_normal() {
        for (from, to) in [
            ("", "/"),
            ("/", "/"),
            ("etc//fstab/", "/etc/fstab"),
            ("/a/./b/../c", "/a/c"),
            ("/../../etc", "/etc"),
        ] {
            assert_eq!(GuestPath::new(from).as_bytes(), to.as_bytes(), "{from}");
        }
        let etc = GuestPath::from("/etc");
        assert_eq!(etc.join("../usr/lib"), GuestPath::from("/usr/lib"));
        assert_eq!(etc.join("/x"), GuestPath::from("/x"));
        assert_eq!(etc.parent(), Some(GuestPath::root()));
        assert_eq!(GuestPath::root().parent(), None);
        assert_eq!(
            GuestPath::from("/a/b").strip_prefix(&"/a".into()),
            Some("/b".into())
        );
        assert_eq!(GuestPath::from("/ab").strip_prefix(&"/a".into()), None);
    }
}
