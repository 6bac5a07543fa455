//! Recognising FAT.

use super::format::ENTRY_LEN;
use super::geometry::{BOOT_LEN, Geometry, Root};
use super::name;
use crate::Identity;
use crate::head::{Head, dos_serial};

/// How much of the root directory is looked at for the label, which mostly comes first.
const LABEL_SEARCH: usize = 4 << 10;

/// FAT has no signature to speak of: it is FAT when the whole boot sector makes sense.
pub(crate) fn probe(head: &Head<'_>) -> Option<Identity> {
    let geometry = Geometry::new(head.bytes(0, BOOT_LEN)?).ok()?;
    let mut identity = identity(&geometry);
    let start = match geometry.root {
        Root::Fixed(at, _) => at,
        Root::Cluster(number) if geometry.has_cluster(number) => geometry.byte_of(number),
        Root::Cluster(_) => return Some(identity),
    };
    let len = match geometry.root {
        Root::Fixed(_, len) => vmie_io::int::min_usize(len, LABEL_SEARCH),
        Root::Cluster(_) => vmie_io::int::min_usize(geometry.cluster_size.into(), LABEL_SEARCH),
    };
    identity.label = label(&head.elsewhere(start, len));
    Some(identity)
}

/// Who the boot sector says that the filesystem is.
pub(super) fn identity(geometry: &Geometry) -> Identity {
    let mut identity = Identity::new(geometry.kind);
    identity.uuid = dos_serial(geometry.serial);
    identity.block_size = Some(geometry.cluster_size.into());
    identity.size = Some(geometry.size);
    identity
}

/// The label that the root directory holds. The one in the boot sector is only a copy that may
/// be old.
pub(super) fn label(root: &[u8]) -> Option<String> {
    let (entries, _) = root.as_chunks::<ENTRY_LEN>();
    entries
        .iter()
        .take_while(|entry| !name::is_end(entry))
        .find_map(name::volume_label)
}
