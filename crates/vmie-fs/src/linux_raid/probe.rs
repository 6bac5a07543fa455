//! Recognising members of a Linux software RAID.

use vmie_io::int;
use zerocopy::FromBytes;

use super::format::{
    MD_SB_MAGIC, MdpSuperblock0, MdpSuperblock1, V0_90_ALIGN, V1_0_ALIGN, V1_0_FROM_END, V1_OFFSETS,
};
use crate::head::{Head, label, uuid};
use crate::{FsKind, Identity};

/// A superblock of version 1 at the start or the end, or of version 0.90 at the end.
pub(crate) fn probe(head: &Head<'_>) -> Option<Identity> {
    V1_OFFSETS
        .into_iter()
        .find_map(|at| version_1(&head.get(at)?))
        .or_else(|| at_the_end(head))
        .or_else(|| version_0_90(head))
}

fn version_1(sb: &MdpSuperblock1) -> Option<Identity> {
    if sb.magic.get() != MD_SB_MAGIC || sb.major_version.get() != 1 {
        return None;
    }
    let mut identity = Identity::new(FsKind::LinuxRaid);
    identity.label = label(&sb.set_name);
    identity.uuid = uuid(&sb.set_uuid);
    Some(identity)
}

fn at_the_end(head: &Head<'_>) -> Option<Identity> {
    let at = head.volume_len().checked_sub(V1_0_FROM_END)?;
    let at = at.checked_sub(at.checked_rem(V1_0_ALIGN)?)?;
    let (start, tail) = head.tail();
    let rest = tail.get(int::usize_of(at.checked_sub(start)?)..)?;
    version_1(&MdpSuperblock1::read_from_prefix(rest).ok()?.0)
}

fn version_0_90(head: &Head<'_>) -> Option<Identity> {
    let len = head.volume_len();
    let at = len
        .checked_sub(len.checked_rem(V0_90_ALIGN)?)?
        .checked_sub(V0_90_ALIGN)?;
    let bytes = head.elsewhere(at, size_of::<MdpSuperblock0>());
    let sb = MdpSuperblock0::read_from_bytes(&bytes).ok()?;
    if sb.md_magic.get() != MD_SB_MAGIC || sb.major_version.get() != 0 {
        return None;
    }
    let mut identity = Identity::new(FsKind::LinuxRaid);
    let mut all = [0; 16];
    // Each word is a number of the machine's byte order; shown with the highest byte first.
    let words = [sb.set_uuid0.as_slice(), sb.set_uuid1.as_slice()].concat();
    for (to, from) in all.chunks_mut(4).zip(words.chunks(4)) {
        to.copy_from_slice(from);
        to.reverse();
    }
    identity.uuid = uuid(&all);
    Some(identity)
}
