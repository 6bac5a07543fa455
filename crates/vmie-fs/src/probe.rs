//! What a volume is formatted as.

use vmie_io::{ReadAt, ReadAtExt};

use crate::head::Head;
use crate::{
    Error, Identity, bitlocker, btrfs, exfat, ext, fat, iso9660, jfs, linux_raid, luks, lvm, ntfs,
    refs, swap, xfs,
};

/// The probes, those first whose marks outweigh the others': what wraps a filesystem before
/// filesystems, and those before what has hardly a mark of its own.
const PROBES: [fn(&Head<'_>) -> Option<Identity>; 16] = [
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
    luks::probe_lost,
];

/// What the volume is formatted as; `None` when nothing known is on it.
///
/// Reads the first 68 KiB of the volume, and less than 20 KiB at its end and where some kinds have
/// their label or a second header.
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

/// Whether the start of a volume looks like noise: each byte as often as any other, in a way that
/// hardly anything but encrypted data has. On a volume that nothing known is on, it hints at
/// encryption that does not say its name, as VeraCrypt's; compressed data looks almost like it, so it
/// is no more than a hint.
///
/// Reads the first 64 KiB; a shorter volume is never called noise.
///
/// # Errors
/// When the start of the volume cannot be read.
pub fn looks_random(volume: &dyn ReadAt) -> Result<bool, Error> {
    const LEN: usize = 64 << 10;
    let mut bytes = vec![0; LEN];
    if volume.read_up_to(&mut bytes, 0)? < LEN {
        return Ok(false);
    }
    let mut counts = [0i64; 256];
    for byte in &bytes {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count = count.saturating_add(1);
        }
    }
    // The chi-squared statistic of 255 degrees of freedom, times the 256 of each value that are
    // expected: of noise it is within 255 +- 105 but for one volume in some 100,000.
    let expected = 256;
    let spread: i64 = counts
        .iter()
        .map(|count| count.saturating_sub(expected).saturating_pow(2))
        .fold(0, i64::saturating_add);
    Ok((150 * expected..=360 * expected).contains(&spread))
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
