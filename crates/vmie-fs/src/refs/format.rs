//! The boot sector of ReFS
//! (<https://github.com/libyal/libfsrefs/blob/main/documentation/Resilient%20File%20System%20(ReFS).asciidoc>,
//! "Volume header").

pub(super) const SIGNATURE_OFFSET: usize = 3;
pub(super) const SIGNATURE: &[u8] = b"ReFS\0\0\0\0";
/// The structure's own identifier.
pub(super) const FSRS_OFFSET: usize = 16;
pub(super) const FSRS: &[u8] = b"FSRS";
