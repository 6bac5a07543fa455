//! Recognising Btrfs.

use super::format::{BTRFS_MAGIC, BTRFS_SUPER_INFO_OFFSET, BtrfsSuperBlock, MAGIC_OFFSET};
use crate::head::{Head, label, uuid};
use crate::{FsKind, Identity};

/// The magic has eight bytes and a place of its own: nothing else needs to be looked at.
pub(crate) fn probe(head: &Head<'_>) -> Option<Identity> {
    if !head.has(MAGIC_OFFSET, BTRFS_MAGIC) {
        return None;
    }
    Some(identity(&head.get(BTRFS_SUPER_INFO_OFFSET)?))
}

/// Who a superblock says that its filesystem is.
pub(super) fn identity(sb: &BtrfsSuperBlock) -> Identity {
    let mut identity = Identity::new(FsKind::Btrfs);
    identity.label = label(&sb.label);
    identity.uuid = uuid(&sb.fsid);
    identity.block_size = Some(u64::from(sb.sectorsize.get())).filter(|n| n.is_power_of_two());
    identity.size = Some(sb.total_bytes.get());
    identity
}
