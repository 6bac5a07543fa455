//! Opening whatever is on a volume.

use std::sync::Arc;

use vmie_io::{Limits, ReadAt};

use crate::{Cause, Error, Filesystem, FsKind, btrfs, ext, fat, jfs, ntfs, probe, xfs};

/// Opens the filesystem on a volume for reading, within `limits`.
///
/// Of a filesystem that is spread over several devices only this one is there; see [`open_beside`].
///
/// # Errors
/// [`Cause::UnknownFilesystem`] when nothing known is on it; [`Cause::NotRead`] with the kind when
/// it is known but its files are not read here (or are encrypted); otherwise what is wrong with
/// the filesystem.
pub fn open(volume: Arc<dyn ReadAt>, limits: &Limits) -> Result<Box<dyn Filesystem>, Error> {
    open_beside(volume, &[], limits)
}

/// Opens the filesystem on a volume for reading, within `limits`; what of it lies on other devices (Btrfs) is
/// looked for on the `others`, which are a machine's other volumes, whatever they hold.
///
/// # Errors
/// As [`open`]; [`Cause::MissingDevice`] when a device that is needed is not among them.
pub fn open_beside(
    volume: Arc<dyn ReadAt>,
    others: &[Arc<dyn ReadAt>],
    limits: &Limits,
) -> Result<Box<dyn Filesystem>, Error> {
    let Some(identity) = probe(&*volume)? else {
        return Err(Error::new(Cause::UnknownFilesystem).in_structure("volume"));
    };
    match identity.kind {
        FsKind::Ext2 | FsKind::Ext3 | FsKind::Ext4 => ext::open(volume, limits),
        FsKind::Fat12 | FsKind::Fat16 | FsKind::Fat32 => fat::open(volume, limits),
        FsKind::Btrfs => btrfs::open_beside(volume, others, limits),
        FsKind::Jfs => jfs::open(volume, limits),
        FsKind::Xfs => xfs::open(volume, limits),
        FsKind::Ntfs => ntfs::open(volume, limits),
        kind => Err(Error::new(Cause::NotRead(kind)).in_structure("volume")),
    }
}
