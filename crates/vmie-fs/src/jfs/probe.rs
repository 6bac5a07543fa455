//! Recognising JFS.

use super::format::{JFS_MAGIC, JfsSuperblock, SUPER1_OFF};
use crate::head::{Head, label, uuid};
use crate::{FsKind, Identity};

fn is_power(size: u32, log: u16) -> bool {
    1u32.checked_shl(u32::from(log)) == Some(size)
}

/// Besides the magic, the sizes must agree with their logarithms.
pub(crate) fn probe(head: &Head<'_>) -> Option<Identity> {
    if !head.has(SUPER1_OFF, JFS_MAGIC) {
        return None;
    }
    let sb: JfsSuperblock = head.get(SUPER1_OFF)?;
    let (block, sector) = (sb.s_bsize.get(), sb.s_pbsize.get());
    if !is_power(block, sb.s_l2bsize.get()) || !is_power(sector, sb.s_l2pbsize.get()) {
        return None;
    }
    Some(identity(&sb))
}

/// Who the superblock says that the filesystem is.
pub(super) fn identity(sb: &JfsSuperblock) -> Identity {
    let (block, sector) = (sb.s_bsize.get(), sb.s_pbsize.get());
    let mut identity = Identity::new(FsKind::Jfs);
    // Before version 2 the label was 11 characters elsewhere.
    identity.label = match sb.s_version.get() {
        1 => label(&sb.s_fpack),
        _ => label(&sb.s_label),
    };
    identity.uuid = uuid(&sb.s_uuid);
    identity.block_size = Some(u64::from(block));
    identity.size = sb.s_size.get().checked_mul(u64::from(sector));
    identity
}
