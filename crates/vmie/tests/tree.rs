//! The guest's own tree, joined of its volumes.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

use std::sync::Arc;

use vmie::fs::{Cause, GuestPath, Namespace};
use vmie::io::{Limits, ReadAt};
use vmie_testkit::fsimage::unpack;

fn text(tree: &Namespace, path: &str) -> String {
    String::from_utf8(tree.read(&GuestPath::from(path), 1000).unwrap()).unwrap()
}

#[test]
fn subvolumes_are_joined_as_fstab_names_them() {
    let image = unpack(include_bytes!("data/subvolumes.img.gz"));
    let disks: [Arc<dyn ReadAt>; 1] = [Arc::new(image)];
    let limits = Limits::default();
    let inspection = vmie::guest::inspect(&disks, &limits).unwrap();
    let [system] = &inspection.systems[..] else {
        unreachable!("one system")
    };
    assert_eq!(system.root_subvolume.as_deref(), Some("/@"));
    let tree = vmie::guest_tree(&inspection, &disks, &limits).unwrap();
    assert!(text(&tree, "/etc/os-release").contains("ID=demo"));
    assert_eq!(text(&tree, "/home/user/file"), "home\n");
    assert_eq!(text(&tree, "/var/log/messages"), "log\n");
    // A link in one subvolume leads to another.
    assert_eq!(text(&tree, "/home/user/link"), "log\n");
    // What lies above the root is not the guest's.
    let above = tree.metadata(&GuestPath::from("/@home")).unwrap_err();
    assert_eq!(above.cause(), Cause::NotFound);
    assert_eq!(tree.volumes().count(), 3);
}

#[test]
fn a_filesystem_on_two_disks_is_one() {
    let [a, b] = [
        include_bytes!("../../vmie-fs/tests/data/btrfs-raid1-a.img.gz").as_slice(),
        include_bytes!("../../vmie-fs/tests/data/btrfs-raid1-b.img.gz"),
    ]
    .map(unpack);
    // The first disk has lost all but its superblock.
    let mut lost = a;
    lost[1 << 20..].fill(0x5a);
    let disks: [Arc<dyn ReadAt>; 2] = [Arc::new(lost), Arc::new(b)];
    let limits = Limits::default();
    let id = "disk0".parse().unwrap();
    assert!(vmie::open_filesystem(&disks[..1], &id, &limits).is_err());
    let files = vmie::open_filesystem(&disks, &id, &limits).unwrap();
    assert!(!files.read_dir(&GuestPath::root()).unwrap().is_empty());
    // The second disk is a part of the first one's filesystem, and nothing of its own.
    let inspection = vmie::guest::inspect(&disks, &limits).unwrap();
    let readable: Vec<bool> = inspection
        .filesystems
        .iter()
        .map(|filesystem| filesystem.readable.get().is_some())
        .collect();
    assert_eq!(readable, [true, false]);
    assert!(inspection.unread.is_empty());
}
