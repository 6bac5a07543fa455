//! Files of a Windows volume, found whatever the case of their names.

use std::sync::{Mutex, PoisonError};

use vmie_fs::{FileKind, FileRead, Filesystem, Node};
use vmie_io::{ReadAt, ReadError, int};
use vmie_volumes::VolumeId;

use crate::Evidence;

/// Folders that a system may be in: `WINNT` is what an upgrade from Windows 2000 keeps.
const FOLDERS: &[&str] = &["/Windows", "/WINNT"];

/// A volume's files, with the volume's name for evidence.
#[derive(Clone, Copy)]
pub(crate) struct Files<'a> {
    pub(crate) files: &'a dyn Filesystem,
    pub(crate) volume: &'a VolumeId,
}

impl<'a> Files<'a> {
    /// The file of a path, whatever the case of its names: readers of NTFS and FAT mind none, those
    /// of other filesystems do.
    pub(crate) fn find(&self, path: &str) -> Result<Option<Node>, vmie_fs::Error> {
        let mut node = self.files.root();
        for name in path.split('/').filter(|name| !name.is_empty()) {
            if self.files.stat(node)?.kind != FileKind::Directory {
                return Ok(None);
            }
            node = match self.files.lookup(node, name.as_bytes())? {
                Some(next) => next,
                None => {
                    let entries = self.files.entries(node)?;
                    let same = |entry: &&vmie_fs::DirEntry| {
                        entry.name.eq_ignore_ascii_case(name.as_bytes())
                    };
                    match entries.iter().find(same) {
                        Some(entry) => entry.node,
                        None => return Ok(None),
                    }
                }
            };
        }
        Ok(Some(node))
    }

    /// Whether there is a file of this path.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.find(path).is_ok_and(|found| found.is_some())
    }

    /// Opens a file, to be read at any place.
    pub(crate) fn open(&self, path: &str) -> Result<Option<FileSource<'a>>, vmie_fs::Error> {
        let Some(node) = self.find(path)? else {
            return Ok(None);
        };
        if self.files.stat(node)?.kind != FileKind::File {
            return Ok(None);
        }
        let file = self.files.open_node(node)?;
        Ok(Some(FileSource {
            len: file.len(),
            file: Mutex::new(file),
        }))
    }

    pub(crate) fn evidence(&self, path: &str, says: impl Into<String>) -> Evidence {
        Evidence::new(says).on(self.volume).path(path)
    }
}

/// The folder of the Windows that is on a volume: it has the hives of a system.
pub(crate) fn folder(files: &Files<'_>) -> Option<&'static str> {
    FOLDERS.iter().copied().find(|folder| {
        ["SOFTWARE", "SYSTEM"]
            .iter()
            .any(|hive| files.has(&format!("{folder}/System32/config/{hive}")))
    })
}

/// A file of a filesystem as a source of bytes.
pub(crate) struct FileSource<'a> {
    file: Mutex<Box<dyn FileRead + 'a>>,
    len: u64,
}

impl ReadAt for FileSource<'_> {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<(), ReadError> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let mut at = offset;
        let wanted = buf.len();
        let mut rest = buf;
        while !rest.is_empty() {
            let n = file.read_at(rest, at).map_err(ReadError::from)?;
            if n == 0 {
                return Err(ReadError::past_end("file", offset, wanted, self.len));
            }
            rest = rest.get_mut(n..).unwrap_or_default();
            at = at.saturating_add(int::u64_of(n));
        }
        Ok(())
    }
}
