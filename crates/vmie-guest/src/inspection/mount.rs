//! What became of the volumes that fstab names.

use vmie_fs::GuestPath;
use vmie_volumes::VolumeId;

/// What became of a volume that fstab names.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mount {
    /// The device as fstab writes it: `UUID=…`, `/dev/sda1`.
    pub source: String,
    /// Where it is mounted.
    pub target: String,
    /// The subvolume that is mounted there, where fstab names one: its path (`/@home`), or `subvolid=` and
    /// its number.
    pub subvolume: Option<String>,
    /// What became of it.
    pub outcome: MountOutcome,
}

/// Why what is below `path` could not be looked at.
pub(crate) fn hidden(mounts: &[Mount], path: &str) -> Option<String> {
    let path = GuestPath::new(path);
    mounts.iter().find_map(|mount| {
        let target = GuestPath::new(&mount.target);
        let covers = path.strip_prefix(&target).is_some() && target != GuestPath::root();
        match (&mount.outcome, covers) {
            (MountOutcome::NotRead { volume, why }, true) => Some(format!(
                "{} ({volume}) could not be read: {why}",
                mount.target
            )),
            (MountOutcome::NotFound, true) => Some(format!(
                "{} is on {}, which is on none of the disks",
                mount.target, mount.source
            )),
            _ => None,
        }
    })
}

/// What became of a mount.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MountOutcome {
    /// The volume is part of the guest's tree.
    Joined(VolumeId),
    /// The volume is there and could not be read.
    NotRead {
        /// Which volume.
        volume: VolumeId,
        /// Why not: a clause without capital or full stop.
        why: String,
    },
    /// No volume of these disks answers to the name.
    NotFound,
    /// It is none that a tree is made of: swap, a network share, a pseudo filesystem, a CD drive.
    Skipped,
}
