//! Recognising NTFS.

use vmie_io::int;

use super::format::{ATTR_VOLUME_NAME, BOOT_LEN, OEM_NTFS, OEM_OFFSET, VOLUME_RECORD};
use super::geometry::{Geometry, Sizes};
use super::record::Record;
use crate::head::Head;
use crate::{FsKind, Identity};

/// A boot sector with the OEM name and sizes that are possible. The label is in the master file
/// table; when it cannot be read there, there is none.
pub(crate) fn probe(head: &Head<'_>) -> Option<Identity> {
    if !head.has(OEM_OFFSET, OEM_NTFS) {
        return None;
    }
    let boot = head.bytes(0, BOOT_LEN)?.first_chunk::<BOOT_LEN>()?;
    let mut identity = identity(&Sizes::probe(boot)?);
    identity.label = Geometry::new(boot)
        .ok()
        .and_then(|geometry| label(head, &geometry));
    Some(identity)
}

/// Who the boot sector says that the filesystem is.
pub(super) fn identity(sizes: &Sizes) -> Identity {
    let mut identity = Identity::new(FsKind::Ntfs);
    identity.uuid = Some(format!("{:016X}", sizes.serial));
    identity.block_size = Some(sizes.cluster_size);
    identity.size = Some(sizes.size);
    identity
}

/// The label, when the record of `$Volume` is where the MFT starts, or its copy is in the mirror.
fn label(head: &Head<'_>, geometry: &Geometry) -> Option<String> {
    let offset = VOLUME_RECORD.saturating_mul(geometry.record_size);
    [geometry.mft, geometry.mirror].iter().find_map(|start| {
        let at = start.checked_add(offset)?;
        let bytes = head.elsewhere(at, int::usize_of(geometry.record_size));
        let record = Record::new(bytes, VOLUME_RECORD, at).ok()?;
        let name = record.find(ATTR_VOLUME_NAME, &[]).ok()??;
        let (units, _) = name.resident()?.as_chunks::<2>();
        let units: Vec<_> = units.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
        let label = String::from_utf16_lossy(&units);
        (!label.is_empty()).then_some(label)
    })
}
