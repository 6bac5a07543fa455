//! The guest's own tree, with what it costs to look into it and where each file really is.

use std::io;

use vmie_fs::{Cause, FileKind, FileRead, GuestPath, Namespace};
use vmie_volumes::VolumeId;

use super::volumes::clause;
use crate::{Evidence, Mount, Source};

/// Names that are taken of one directory.
const MAX_NAMES: usize = 4096;

/// A file of the guest, for the readers that take it in pieces.
pub(super) struct File<'a>(pub(super) Box<dyn FileRead + 'a>);

impl Source for File<'_> {
    fn read_at(&mut self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buf, offset).map_err(io::Error::other)
    }
}

/// A tree whose volumes have names.
pub(super) struct Tree {
    pub(super) namespace: Namespace,
    /// The names of the namespace's volumes, in its order.
    pub(super) ids: Vec<VolumeId>,
    pub(super) mounts: Vec<Mount>,
    /// The largest text that is taken whole, in bytes.
    pub(super) text: u64,
    /// Bytes that are unpacked of an archive.
    pub(super) unpacked: u64,
}

impl Tree {
    /// A file of at most the limit's size; `None` when there is none.
    pub(super) fn read(&self, path: &str) -> Result<Option<Vec<u8>>, String> {
        match self.namespace.read(&GuestPath::new(path), self.text) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) => match error.cause() {
                Cause::NotFound | Cause::NotADirectory | Cause::TooManyLinks | Cause::NotAFile => {
                    Ok(None)
                }
                _ => Err(format!("{path} cannot be read: {}", clause(&error))),
            },
        }
    }

    /// As [`Tree::read`], with what cannot be read taken for missing.
    pub(super) fn text(&self, path: &str) -> Option<Vec<u8>> {
        self.read(path).ok().flatten()
    }

    /// Up to `len` bytes of a file from `offset` on.
    pub(super) fn read_at(&self, path: &str, offset: u64, len: usize) -> Option<Vec<u8>> {
        let mut file = self.namespace.open(&GuestPath::new(path)).ok()?;
        let mut bytes = vec![0; len];
        let mut filled = 0usize;
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let at = offset.checked_add(vmie_io::int::u64_of(filled))?;
            match file.read_at(rest, at).ok()? {
                0 => break,
                n => filled = filled.saturating_add(n),
            }
        }
        bytes.truncate(filled);
        Some(bytes)
    }

    pub(super) fn size(&self, path: &str) -> Option<u64> {
        let metadata = self.namespace.metadata(&GuestPath::new(path)).ok()?;
        (metadata.kind == FileKind::File).then_some(metadata.size)
    }

    pub(super) fn is_dir(&self, path: &str) -> bool {
        self.namespace
            .metadata(&GuestPath::new(path))
            .is_ok_and(|metadata| metadata.kind == FileKind::Directory)
    }

    pub(super) fn exists(&self, path: &str) -> bool {
        self.namespace
            .exists(&GuestPath::new(path))
            .unwrap_or(false)
    }

    /// The target of a symbolic link.
    pub(super) fn link(&self, path: &str) -> Option<String> {
        let target = self.namespace.read_link(&GuestPath::new(path)).ok()?;
        Some(String::from_utf8_lossy(&target).into_owned())
    }

    /// The names in a directory, sorted; none when there is no such directory.
    pub(super) fn names(&self, path: &str) -> Vec<String> {
        let entries = self
            .namespace
            .read_dir(&GuestPath::new(path))
            .unwrap_or_default();
        let mut names: Vec<String> = entries
            .into_iter()
            .filter_map(|entry| String::from_utf8(entry.name).ok())
            .take(MAX_NAMES)
            .collect();
        names.sort();
        names
    }

    /// The name in a directory that equals `name` but for its case: FAT keeps no case.
    pub(super) fn name_of(&self, folder: &str, name: &str) -> Option<String> {
        self.names(folder)
            .into_iter()
            .find(|found| found.eq_ignore_ascii_case(name))
    }

    /// The path free of links.
    pub(super) fn resolved(&self, path: &str) -> Option<String> {
        let path = self.namespace.resolve(&GuestPath::new(path)).ok()?;
        Some(path.to_string_lossy())
    }

    /// The volume that a path is on.
    pub(super) fn volume(&self, path: &str) -> Option<VolumeId> {
        let located = self.namespace.locate(&GuestPath::new(path)).ok()?;
        self.ids.get(located.volume).cloned()
    }

    /// Something that a file says.
    pub(super) fn evidence(&self, path: &str, says: impl Into<String>) -> Evidence {
        let mut evidence = Evidence::new(says).path(path);
        evidence.volume = self.volume(path).or_else(|| self.ids.first().cloned());
        evidence
    }

    /// Why what is below `path` cannot be looked at: the volume that belongs there is not read.
    pub(super) fn hidden(&self, path: &str) -> Option<String> {
        crate::inspection::hidden(&self.mounts, path)
    }
}
