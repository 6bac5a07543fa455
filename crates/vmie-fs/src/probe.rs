//! What a volume is formatted as.

use vmie_io::ReadAt;

use crate::head::Head;
use crate::{
    Error, Identity, bitlocker, btrfs, exfat, ext, fat, iso9660, jfs, linux_raid, luks, lvm, ntfs,
    refs, swap, xfs,
};

/// The probes, those first whose marks outweigh the others': what wraps a filesystem before
/// filesystems, and those before what has hardly a mark of its own.
const PROBES: [fn(&Head<'_>) -> Option<Identity>; 15] = [
    linux_raid::probe,
    lvm::probe,
    luks::probe,
    bitlocker::probe,
    swap::probe,
    xfs::probe,
    btrfs::probe,
    ext::probe,
    jfs::probe,
    ntfs::probe,
    exfat::probe,
    refs::probe,
    fat::probe,
    iso9660::probe,
    ext::probe_damaged,
];

/// What the volume is formatted as; `None` when nothing known is on it.
///
/// Reads the first 68 KiB of the volume, less than 20 KiB at its end and where some kinds have
/// their label, and nothing else.
///
/// ```
/// let empty = vec![0u8; 1 << 20];
/// assert_eq!(vmie_fs::probe(&empty)?, None);
/// # Ok::<(), vmie_fs::Error>(())
/// ```
///
/// # Errors
/// When the start of the volume cannot be read.
pub fn probe(volume: &dyn ReadAt) -> Result<Option<Identity>, Error> {
    let head = Head::read(volume)?;
    Ok(PROBES.iter().find_map(|probe| probe(&head)))
}

/// Everything that the volume carries the marks of, the likeliest first. More than one means that
/// something is left of what was there before.
///
/// # Errors
/// As [`probe`].
pub fn probe_all(volume: &dyn ReadAt) -> Result<Vec<Identity>, Error> {
    let head = Head::read(volume)?;
    Ok(PROBES.iter().filter_map(|probe| probe(&head)).collect())
}
