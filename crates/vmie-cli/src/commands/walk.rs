//! Going through the folders of a guest.

use vmie::fs::{FileKind, GuestPath, Metadata, Namespace};

/// How deep folders are followed: deeper ones are only met on a filesystem whose folders contain
/// themselves.
pub(super) const MAX_DEPTH: usize = 256;
/// Files that are visited: a disk full of the smallest has fewer, and a filesystem whose folders
/// contain themselves has no end.
const MAX_FILES: u64 = 100_000_000;

/// A file with what is known of it.
pub(super) struct Visited {
    pub(super) path: GuestPath,
    /// How many folders below the first it is.
    pub(super) depth: usize,
    pub(super) metadata: Metadata,
}

/// Visits a file and, when it is a folder, what is below it, each folder before what is in it and in
/// the order of names. Symbolic links are not followed. What cannot be looked at goes to `failed`,
/// and the walk goes on. `visit` says whether a folder is gone into.
pub(super) fn walk<E>(
    tree: &Namespace,
    start: GuestPath,
    visit: &mut dyn FnMut(&Visited) -> Result<bool, E>,
    failed: &mut dyn FnMut(&GuestPath, &vmie::fs::Error),
) -> Result<(), E> {
    let mut left = vec![(start, 0usize)];
    let mut seen = 0u64;
    while let Some((path, depth)) = left.pop() {
        seen = seen.saturating_add(1);
        if seen > MAX_FILES {
            return Ok(());
        }
        let metadata = match tree.symlink_metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) => {
                failed(&path, &error);
                continue;
            }
        };
        let visited = Visited {
            path,
            depth,
            metadata,
        };
        let enter = visit(&visited)? && metadata.kind == FileKind::Directory;
        if !enter || depth >= MAX_DEPTH {
            continue;
        }
        match tree.read_dir(&visited.path) {
            Ok(mut entries) => {
                entries.sort_by(|a, b| b.name.cmp(&a.name));
                let below = entries.iter().map(|entry| visited.path.join(&entry.name));
                left.extend(below.map(|path| (path, depth.saturating_add(1))));
            }
            Err(error) => failed(&visited.path, &error),
        }
    }
    Ok(())
}
