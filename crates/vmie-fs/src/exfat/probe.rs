//! Recognising exFAT.

use super::format::{
    BootSector, FILE_SYSTEM_NAME, FILE_SYSTEM_NAME_OFFSET, MAX_CLUSTER_SHIFT, SECTOR_SHIFT,
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
    Some(identity)
}
