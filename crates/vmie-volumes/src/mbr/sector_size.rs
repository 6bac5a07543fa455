//! Which sectors an MBR counts in.
//!
//! The table does not say. Disks with sectors of 4096 bytes that carry an MBR exist (raw images of
//! 4Kn disks); their entries count in 4096. The rule: 512, unless every partition fits on the disk
//! when counted in 4096, none of them has anything known at its start when counted in 512, and at
//! least one has when counted in 4096. A disk more than an eighth of which is partitioned in
//! sectors of 512 bytes is decided by the first condition, without reading anything.

use vmie_io::ReadAt;

use super::format::Entry;
use crate::content;

/// Bytes per sector for these used entries.
pub(super) fn sector_size(disk: &dyn ReadAt, entries: &[Entry]) -> u32 {
    let fits = |entry: &Entry| entry.end().saturating_mul(4096) <= disk.len();
    if entries.is_empty() || !entries.iter().all(fits) {
        return 512;
    }
    let known = |unit: u64| {
        entries.iter().any(|entry| {
            let start = u64::from(entry.start).saturating_mul(unit);
            // An entry that starts at the table itself proves nothing.
            start != 0 && content::is_known(disk, start)
        })
    };
    if !known(512) && known(4096) {
        4096
    } else {
        512
    }
}
