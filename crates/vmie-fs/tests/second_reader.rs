//! The crate `ext4-view`, where it reads a filesystem right, must see what we see.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

mod fixtures;

use ext4_view::{Ext4, Path};
use fixtures::{fixture, open, walk};
use vmie_fs::FileKind;

#[test]
fn ext4_view_sees_the_same() {
    // Not the others: it does not read inline data, meta block groups or the first revision; its
    // files with a missing indirect block are errors; and it shows what stands in preallocated
    // blocks.
    for name in ["ext4-4k", "ext4-1k", "ext4-bigalloc"] {
        let image = fixture(name);
        let second = Ext4::load(Box::new(image.to_vec())).unwrap();
        let ours = walk(&*open(image).unwrap());
        for (path, item) in &ours {
            let path = Path::try_from(path.as_bytes()).unwrap();
            let theirs = second.symlink_metadata(path).unwrap();
            let metadata = &item.metadata;
            assert_eq!(theirs.len(), metadata.size, "{path:?}");
            assert_eq!(theirs.mode(), metadata.mode);
            assert_eq!((theirs.uid(), theirs.gid()), (metadata.uid, metadata.gid));
            match metadata.kind {
                FileKind::Directory => assert!(theirs.is_dir()),
                FileKind::Symlink => {
                    assert_eq!(second.read_link(path).unwrap().as_ref(), item.content);
                }
                _ => assert_eq!(second.read(path).unwrap(), item.content),
            }
        }
        assert!(ours.len() > 300);
    }
}
