//! Recognising BitLocker.

use super::format::{BITLOCKER_GUID, OEM_FVE, OEM_OFFSET, OEM_TO_GO, TO_GO_GUID_OFFSET};
use crate::head::Head;
use crate::{FsKind, Identity};

/// By the OEM name, or for To Go by the identifier inside what looks like FAT.
pub(crate) fn probe(head: &Head<'_>) -> Option<Identity> {
    let to_go = head.has(OEM_OFFSET, OEM_TO_GO) && head.has(TO_GO_GUID_OFFSET, BITLOCKER_GUID);
    (to_go || head.has(OEM_OFFSET, OEM_FVE)).then(|| Identity::new(FsKind::BitLocker))
}
