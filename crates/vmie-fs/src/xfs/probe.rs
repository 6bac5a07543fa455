//! Recognising XFS.

use super::format::{BLOCK_LOG, XFS_SB_MAGIC, XfsDsb};
use crate::head::{Head, label, uuid};
use crate::{FsKind, Identity};

/// XFS starts at the volume's first byte. A superblock whose block size contradicts itself, or
/// that has no allocation group, is what is left of something else.
pub(crate) fn probe(head: &Head<'_>) -> Option<Identity> {
    if !head.has(0, XFS_SB_MAGIC) {
        return None;
    }
    let sb: XfsDsb = head.get(0)?;
    let block = u64::from(sb.sb_blocksize.get());
    let fits = BLOCK_LOG.contains(&sb.sb_blocklog)
        && 1u64.checked_shl(u32::from(sb.sb_blocklog)) == Some(block)
        && sb.sb_agcount.get() > 0
        && sb.sb_dblocks.get() > 0;
    if !fits {
        return None;
    }
    Some(identity(&sb))
}

/// Who the superblock says that the filesystem is.
pub(super) fn identity(sb: &XfsDsb) -> Identity {
    let block = u64::from(sb.sb_blocksize.get());
    let mut identity = Identity::new(FsKind::Xfs);
    identity.label = label(&sb.sb_fname);
    identity.uuid = uuid(&sb.sb_uuid);
    identity.block_size = Some(block);
    identity.size = sb.sb_dblocks.get().checked_mul(block);
    identity
}
