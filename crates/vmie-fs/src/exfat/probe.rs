//! Recognising exFAT.

use super::format::{
    BootSector, ENTRY_LEN, FILE_SYSTEM_NAME, FILE_SYSTEM_NAME_OFFSET, FIRST_CLUSTER,
    MAX_CLUSTER_SHIFT, MAX_LABEL, ROOT_LEN, SECTOR_SHIFT, TYPE_END, TYPE_LABEL,
};
use crate::head::{Head, dos_serial};
use crate::{FsKind, Identity};

/// A boot sector with the name and with sizes that are possible.
pub(crate) fn probe(head: &Head<'_>) -> Option<Identity> {
    if !head.has(FILE_SYSTEM_NAME_OFFSET, FILE_SYSTEM_NAME) {
        return None;
    }
    let boot: BootSector = head.get(0)?;
    let sector = boot.bytes_per_sector_shift;
    let shift = u32::from(sector).checked_add(u32::from(boot.sectors_per_cluster_shift))?;
    if !SECTOR_SHIFT.contains(&sector) || shift > MAX_CLUSTER_SHIFT {
        return None;
    }
    let mut identity = Identity::new(FsKind::ExFat);
    identity.uuid = dos_serial(boot.volume_serial_number.get());
    identity.block_size = 1u64.checked_shl(shift);
    identity.size = 1u64
        .checked_shl(u32::from(sector))
        .and_then(|size| boot.volume_length.get().checked_mul(size));
    identity.label = root(&boot).and_then(|at| label(&head.elsewhere(at, ROOT_LEN)));
    Some(identity)
}

/// The first byte of the root directory.
fn root(boot: &BootSector) -> Option<u64> {
    let cluster = boot.first_cluster_of_root_directory.get();
    let cluster = cluster.checked_sub(FIRST_CLUSTER)?;
    let sector = u32::from(boot.bytes_per_sector_shift);
    let heap = u64::from(boot.cluster_heap_offset.get()).checked_shl(sector)?;
    let shift = sector.checked_add(boot.sectors_per_cluster_shift.into())?;
    u64::from(cluster).checked_shl(shift)?.checked_add(heap)
}

fn label(directory: &[u8]) -> Option<String> {
    let (entries, _) = directory.as_chunks::<ENTRY_LEN>();
    let [_, len, rest @ ..] = entries
        .iter()
        .take_while(|entry| !entry.starts_with(&[TYPE_END]))
        .find(|entry| entry.starts_with(&[TYPE_LABEL]))?;
    let (units, _) = rest.as_chunks::<2>();
    let units = units.get(..usize::from(*len).min(MAX_LABEL))?;
    let units = units.iter().map(|unit| u16::from_le_bytes(*unit));
    let text: String = char::decode_utf16(units)
        .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect();
    (!text.is_empty()).then_some(text)
}
