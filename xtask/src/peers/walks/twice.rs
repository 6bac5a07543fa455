//! One walk over all of a filesystem, and another that must see the same.

use std::collections::HashSet;

use sha2::{Digest as _, Sha256};
use vmie::fs::{Cause, Error, FileKind, Filesystem, FsKind, Node};

use crate::Result;

/// Bytes read at once.
const PIECE: usize = 256 << 10;
/// Bytes of a hole that is not read through: what it says of itself is believed.
const HOLE: u64 = 1 << 20;
/// Bytes of one file that are read: those that claim more are made to keep a reader busy.
const LONGEST: u64 = 8 << 30;

/// What a walk saw.
#[derive(Default)]
pub(crate) struct Walked {
    pub(crate) files: u64,
    pub(crate) directories: u64,
    pub(crate) links: u64,
    pub(crate) others: u64,
    pub(crate) bytes: u64,
    /// What could not be read: where, and why.
    pub(crate) errors: Vec<(String, Error)>,
    /// Of everything that was read.
    digest: Vec<u8>,
}

impl Walked {
    /// Errors that are no damage: content that is kept elsewhere or encrypted.
    pub(crate) fn damage(&self) -> impl Iterator<Item = &(String, Error)> {
        let told = |error: &Error| matches!(error.cause(), Cause::Encrypted | Cause::Elsewhere);
        self.errors.iter().filter(move |(_, error)| !told(error))
    }
}

/// Walks twice: both walks see the same, errors and all, and what a file says of its size is true.
pub(crate) fn twice(fs: &dyn Filesystem) -> Result<Walked> {
    let (first, second) = (walk(fs)?, walk(fs)?);
    let told = |walked: &Walked| -> Vec<String> {
        let errors = walked.errors.iter();
        errors
            .map(|(path, error)| format!("{path}: {error}"))
            .collect()
    };
    if first.digest != second.digest {
        return Err("a second walk sees something else".into());
    }
    if told(&first) != told(&second) {
        return Err(format!(
            "a second walk fails otherwise: {:?} and {:?}",
            told(&first),
            told(&second)
        )
        .into());
    }
    Ok(first)
}

struct Walk<'a> {
    fs: &'a dyn Filesystem,
    walked: Walked,
    hash: Sha256,
    buffer: Vec<u8>,
}

fn walk(fs: &dyn Filesystem) -> Result<Walked> {
    let mut walk = Walk {
        fs,
        walked: Walked::default(),
        hash: Sha256::new(),
        buffer: vec![0; PIECE],
    };
    // A damaged directory may lead to itself.
    let mut seen = HashSet::new();
    let mut left = vec![(fs.root(), String::new())];
    while let Some((node, path)) = left.pop() {
        walk.hash.update(path.as_bytes());
        let kind = match walk.item(node) {
            Ok(kind) => kind,
            Err(Failed::Reader(error)) => {
                walk.walked.errors.push((path, error));
                continue;
            }
            Err(Failed::Broken(how)) => return Err(format!("{path}: {how}").into()),
        };
        if kind != FileKind::Directory || !seen.insert(node) {
            continue;
        }
        match fs.entries(node) {
            Ok(entries) => {
                for entry in entries.into_iter().rev() {
                    let path = format!("{path}/{}", entry.name.escape_ascii());
                    match fs.lookup(node, &entry.name) {
                        Ok(Some(_)) => left.push((entry.node, path)),
                        Ok(None) => {
                            return Err(format!("{path}: it is listed and not found").into());
                        }
                        Err(error) => walk.walked.errors.push((path, error)),
                    }
                }
            }
            Err(error) => walk.walked.errors.push((path, error)),
        }
    }
    walk.walked.digest = walk.hash.finalize().to_vec();
    Ok(walk.walked)
}

/// Why an item cannot be gone through.
enum Failed {
    /// The filesystem is damaged.
    Reader(Error),
    /// The reader contradicts itself.
    Broken(String),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Reader(error)
    }
}

impl Walk<'_> {
    fn item(&mut self, node: Node) -> std::result::Result<FileKind, Failed> {
        let metadata = self.fs.stat(node)?;
        self.hash.update(format!("{metadata:?}").as_bytes());
        let mut attributes = self.fs.xattrs(node)?;
        attributes.sort();
        self.hash.update(format!("{attributes:?}").as_bytes());
        match metadata.kind {
            FileKind::Directory => self.walked.directories += 1,
            FileKind::Symlink => {
                let target = self.fs.link_target(node)?;
                // What a reparse point says is another length than that of the data.
                let is_own = self.fs.identity().kind != FsKind::Ntfs;
                if is_own && target.len() as u64 != metadata.size {
                    let len = target.len();
                    let size = metadata.size;
                    return Err(Failed::Broken(format!("a target of {len}, size {size}")));
                }
                self.hash.update(&target);
                self.walked.links += 1;
            }
            FileKind::File => {
                self.content(node, metadata.size)?;
                self.walked.files += 1;
            }
            _ => self.walked.others += 1,
        }
        Ok(metadata.kind)
    }

    fn content(&mut self, node: Node, size: u64) -> std::result::Result<(), Failed> {
        let mut file = self.fs.open_node(node)?;
        if file.len() != size {
            let len = file.len();
            return Err(Failed::Broken(format!("{len} bytes, size {size}")));
        }
        let (mut at, mut read) = (0, 0);
        while at < size && read < LONGEST {
            let extent = file.next_extent(at)?;
            if extent.len == 0 || extent.len > size - at {
                let len = extent.len;
                return Err(Failed::Broken(format!("{len} bytes at {at} of {size}")));
            }
            if extent.kind.reads_zero() && extent.len > HOLE {
                self.hash
                    .update(format!("{} zeroes", extent.len).as_bytes());
                at += extent.len;
                continue;
            }
            let wanted = extent.len.min(self.buffer.len() as u64);
            let part = &mut self.buffer[..wanted as usize];
            let n = file.read_at(part, at)?;
            if n as u64 != wanted {
                return Err(Failed::Broken(format!("{n} bytes at {at} of {size}")));
            }
            self.hash.update(&*part);
            at += wanted;
            read += wanted;
            self.walked.bytes += wanted;
        }
        Ok(())
    }
}
