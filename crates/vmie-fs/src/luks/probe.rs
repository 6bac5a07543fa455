//! Recognising LUKS.

use super::format::{LUKS_MAGIC, LUKS2_MAGIC_2ND, LuksHeader, SECOND_OFFSETS};
use crate::head::{Head, label};
use crate::{FsKind, Identity};

/// The first header, or the second of LUKS2 when the first is damaged.
pub(crate) fn probe(head: &Head<'_>) -> Option<Identity> {
    if head.has(0, LUKS_MAGIC) {
        return identity(head.get(0)?);
    }
    let second = SECOND_OFFSETS
        .into_iter()
        .find(|at| head.has(*at, LUKS2_MAGIC_2ND))?;
    identity(head.get(second)?).filter(|found| found.kind == FsKind::Luks2)
}

fn identity(header: LuksHeader) -> Option<Identity> {
    let mut identity = match header.version.get() {
        1 => Identity::new(FsKind::Luks1),
        2 => {
            let mut identity = Identity::new(FsKind::Luks2);
            identity.label = label(&header.label);
            identity
        }
        _ => return None,
    };
    identity.uuid = label(&header.uuid);
    Some(identity)
}
