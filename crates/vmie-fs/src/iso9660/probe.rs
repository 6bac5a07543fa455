//! Recognising ISO 9660.

use super::format::{DESCRIPTOR_OFFSET, PRIMARY, PrimaryDescriptor};
use crate::head::{Head, label};
use crate::{FsKind, Identity};

/// By the type and identifier of the first descriptor.
pub(crate) fn probe(head: &Head<'_>) -> Option<Identity> {
    if !head.has(DESCRIPTOR_OFFSET, PRIMARY) {
        return None;
    }
    let pvd: PrimaryDescriptor = head.get(DESCRIPTOR_OFFSET)?;
    let block = u64::from(pvd.logical_block_size.get());
    let mut identity = Identity::new(FsKind::Iso9660);
    identity.label = label(&pvd.volume_identifier);
    identity.block_size = Some(block);
    identity.size = u64::from(pvd.volume_space_size.get()).checked_mul(block);
    Some(identity)
}
