//! Recognising ReFS.

use super::format::{FSRS, FSRS_OFFSET, SIGNATURE, SIGNATURE_OFFSET};
use crate::head::Head;
use crate::{FsKind, Identity};

/// By both names in the boot sector.
pub(crate) fn probe(head: &Head<'_>) -> Option<Identity> {
    let found = head.has(SIGNATURE_OFFSET, SIGNATURE) && head.has(FSRS_OFFSET, FSRS);
    found.then(|| Identity::new(FsKind::ReFs))
}
