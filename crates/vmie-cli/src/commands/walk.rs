//! Going through the folders of a guest.

use vmie::fs::{FileKind, Found, GuestPath, Namespace};

/// How deep folders are followed: deeper ones are only met on a filesystem whose folders contain
/// themselves.
pub(super) const MAX_DEPTH: usize = 256;
/// Files that are visited: a disk full of the smallest has fewer, and a filesystem whose folders
/// contain themselves has no end.
const MAX_FILES: u64 = 100_000_000;

/// A file with what is known of it.
pub(super) struct Visited {
    pub(super) found: Found,
    /// How many folders below the first it is.
    pub(super) depth: usize,
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
    let mut left = match tree.look(&start) {
        Ok(found) => vec![(found, 0usize)],
        Err(error) => {
            failed(&start, &error);
            Vec::new()
        }
    };
    let mut seen = 0u64;
    while let Some((found, depth)) = left.pop() {
        seen = seen.saturating_add(1);
        if seen > MAX_FILES {
            return Ok(());
        }
        let visited = Visited { found, depth };
        let found = &visited.found;
        let enter = visit(&visited)? && found.metadata.kind == FileKind::Directory;
        if !enter || depth >= MAX_DEPTH {
            continue;
        }
        match tree.list(found) {
            Ok(entries) => {
                for entry in entries.into_iter().rev() {
                    match entry {
                        Ok(found) => left.push((found, depth.saturating_add(1))),
                        Err((path, error)) => failed(&path, &error),
                    }
                }
            }
            Err(error) => failed(&found.path, &error),
        }
    }
    Ok(())
}
