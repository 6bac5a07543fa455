//! Walking a filesystem that may be damaged: what is asked twice, or in pieces, is answered the same.

use vmie_fs::{FileKind, Filesystem, Node};

/// Walks from the root; `place` is a byte of files that is worth reading from. A reader that is `whole` finds every
/// name that it lists, has targets as long as their sizes say, and reads to where the file ends; another may find
/// names in another form only, and end a read early.
pub fn walk(fs: &dyn Filesystem, place: u64, whole: bool) {
    let mut left = vec![fs.root()];
    for _ in 0..60 {
        let Some(node) = left.pop() else { return };
        let Ok(metadata) = fs.stat(node) else {
            continue;
        };
        // The budget may end between the two.
        if let Ok(again) = fs.stat(node) {
            assert_eq!(again, metadata);
        }
        if let (Ok(first), Ok(second)) = (fs.xattrs(node), fs.xattrs(node)) {
            assert_eq!(first, second);
        }
        match metadata.kind {
            FileKind::Directory => {
                let (Ok(entries), Ok(again)) = (fs.entries(node), fs.entries(node)) else {
                    continue;
                };
                assert_eq!(entries, again);
                for entry in entries.iter().take(16) {
                    assert!(!entry.name.contains(&b'/') && !entry.name.is_empty());
                    let found = fs.lookup(node, &entry.name);
                    assert!(!whole || found.is_ok_and(|found| found.is_some()));
                    left.push(entry.node);
                }
            }
            FileKind::Symlink => {
                if let Ok(target) = fs.link_target(node) {
                    let len = target.len() as u64;
                    assert!(!whole || len == metadata.size);
                }
            }
            FileKind::File => drop(file(fs, node, metadata.size, place, whole)),
            _ => {}
        }
    }
}

fn file(fs: &dyn Filesystem, node: Node, size: u64, place: u64, whole: bool) -> Option<()> {
    let (mut first, mut second) = (fs.open_node(node).ok()?, fs.open_node(node).ok()?);
    assert_eq!(first.len(), size);
    for at in [0, place, size / 2, size.saturating_sub(3000), size] {
        let (mut once, mut parts) = ([1; 3000], [2; 3000]);
        let Ok(n) = first.read_at(&mut once, at) else {
            continue;
        };
        let most = size.saturating_sub(at).min(3000);
        assert!(n as u64 == most || !whole && (n as u64) < most);
        let mut done = 0;
        while done < n {
            let end = n.min(done + 1000);
            // The budget may end between the two.
            done += second
                .read_at(&mut parts[done..end], at + done as u64)
                .ok()?;
        }
        assert_eq!(once[..n], parts[..n]);
        if let Ok(extent) = first.next_extent(at) {
            assert!(extent.start == at && extent.len <= size.saturating_sub(at));
            if extent.kind.reads_zero() {
                let n = n.min(extent.len as usize);
                assert!(once[..n].iter().all(|byte| *byte == 0));
            }
        }
    }
    Some(())
}
