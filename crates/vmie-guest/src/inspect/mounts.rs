//! Joining the volumes that fstab names into one tree.

use vmie_fs::{FsKind, GuestPath, MemoryFs, Namespace};
use vmie_io::Limits;
use vmie_volumes::VolumeId;

use super::subvolumes;
use super::tree::Tree;
use super::volumes::GuestVolume;
use crate::fstab::{Device, Fstab, FstabEntry};
use crate::{Mount, MountOutcome};

/// Volumes that are joined into one tree.
const MAX_MOUNTS: usize = 64;

/// Joins what an fstab names, parents before what lies below them.
pub(super) fn join(
    root: VolumeId,
    namespace: Namespace,
    table: &Fstab,
    volumes: &[GuestVolume<'_>],
    limits: &Limits,
) -> Tree {
    let mut tree = Tree {
        namespace,
        ids: vec![root],
        mounts: Vec::new(),
        text: limits.text,
        unpacked: limits.unpacked,
    };
    let mut entries: Vec<&FstabEntry> = table.entries.iter().collect();
    entries.sort_by_key(|entry| GuestPath::new(&entry.target).components().count());
    for entry in entries {
        let outcome = outcome(&mut tree, entry, volumes);
        tree.mounts.push(Mount {
            source: entry.source.clone(),
            target: entry.target.clone(),
            subvolume: subvolumes::named(entry),
            outcome,
        });
    }
    tree
}

/// Joins a volume at `/usr`, if its files can be opened.
pub(super) fn join_usr(tree: &mut Tree, usr: &GuestVolume<'_>) {
    if let Ok(files) = usr.files() {
        tree.namespace.mount(GuestPath::from("/usr"), files);
        tree.ids.push(usr.id.clone());
    }
}

fn outcome(tree: &mut Tree, entry: &FstabEntry, volumes: &[GuestVolume<'_>]) -> MountOutcome {
    let device = entry.device();
    let no_tree = entry.is_swap() || entry.is_pseudo() || entry.is_shared();
    if no_tree || !entry.target.starts_with('/') || is_removable(entry) {
        return MountOutcome::Skipped;
    }
    let Some(volume) = find(device, volumes) else {
        return match (device, stacked(volumes)) {
            (Device::NotADevice(_), _) => MountOutcome::Skipped,
            // A name of device-mapper or software RAID: the volume below is what could not be read.
            (Device::Other(_), Some((volume, why))) => MountOutcome::NotRead { volume, why },
            _ => MountOutcome::NotFound,
        };
    };
    let target = GuestPath::new(&entry.target);
    let again = tree.ids.contains(&volume.id) && !subvolumes::is_asked_for(entry);
    if again || target == GuestPath::root() {
        return MountOutcome::Joined(volume.id.clone());
    }
    if tree.ids.len() >= MAX_MOUNTS {
        return MountOutcome::NotRead {
            volume: volume.id.clone(),
            why: "there are too many mounts".to_owned(),
        };
    }
    let files = volume
        .files()
        .and_then(|files| subvolumes::mounted(files, entry));
    match files {
        Ok(files) => {
            tree.namespace.mount(target, files);
            tree.ids.push(volume.id.clone());
            MountOutcome::Joined(volume.id.clone())
        }
        Err(why) => {
            // What the folder below it holds is not what is there once the system runs.
            let kind = volume.kind().unwrap_or(FsKind::Ext4);
            tree.namespace.mount(target, Box::new(MemoryFs::new(kind)));
            tree.ids.push(volume.id.clone());
            MountOutcome::NotRead {
                volume: volume.id.clone(),
                why,
            }
        }
    }
}

fn is_removable(entry: &FstabEntry) -> bool {
    ["/dev/sr", "/dev/cdrom", "/dev/dvd", "/dev/fd", "/dev/scd"]
        .iter()
        .any(|prefix| entry.source.starts_with(prefix))
        || entry
            .fstype
            .split(',')
            .all(|kind| matches!(kind, "iso9660" | "udf"))
}

/// A volume that other volumes may lie in, and that is part of no group that is known.
pub(super) fn stacked(volumes: &[GuestVolume<'_>]) -> Option<(VolumeId, String)> {
    let alone = volumes.iter().filter(|volume| !volume.member);
    alone.into_iter().find_map(|volume| match volume.kind()? {
        kind @ (FsKind::Lvm2Pv
        | FsKind::LinuxRaid
        | FsKind::Luks1
        | FsKind::Luks2
        | FsKind::BitLocker) => Some((
            volume.id.clone(),
            format!("the volume is {}, which is not read", kind.title()),
        )),
        _ => None,
    })
}

/// The volume that a device's name stands for.
pub(super) fn find<'v, 'a>(
    device: Device<'_>,
    volumes: &'v [GuestVolume<'a>],
) -> Option<&'v GuestVolume<'a>> {
    volumes.iter().find(|volume| {
        let identity = volume.identity.as_ref().ok().and_then(Option::as_ref);
        let partition = volume.partition.as_ref();
        match device {
            Device::Uuid(uuid) => identity
                .and_then(|identity| identity.uuid.as_deref())
                .is_some_and(|own| own.eq_ignore_ascii_case(uuid)),
            Device::Label(label) => {
                identity.and_then(|identity| identity.label.as_deref()) == Some(label)
            }
            Device::PartUuid(uuid) => partition
                .and_then(|partition| partition.part_uuid.as_deref())
                .is_some_and(|own| own.eq_ignore_ascii_case(uuid)),
            Device::PartLabel(label) => {
                partition.is_some_and(|partition| !label.is_empty() && partition.name == label)
            }
            Device::Kernel { disk, partition } => {
                volume.id
                    == match partition {
                        Some(number) => VolumeId::partition(disk, number),
                        None => VolumeId::disk(disk),
                    }
            }
            Device::Other(name) => volume.devices.iter().any(|device| device == name),
            Device::NotADevice(_) => false,
        }
    })
}
