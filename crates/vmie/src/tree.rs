//! The guest's own tree of files.

use std::sync::Arc;

use vmie_fs::{Filesystem, GuestPath, Namespace, Rooted};
use vmie_guest::{Inspection, MountOutcome, System};
use vmie_io::{Fault, Limits, ReadAt};
use vmie_volumes::VolumeGraph;

use crate::disks::filesystem_in;
use crate::{Cause, Error};

/// Joins the volumes of a system as its `/etc/fstab` does: the root, and what it mounts by itself.
/// Volumes that could not be read are left out; [`System::mounts`] says which.
///
/// # Errors
/// When the root cannot be opened.
pub fn tree_of(
    system: &System,
    disks: &[Arc<dyn ReadAt>],
    limits: &Limits,
) -> Result<Namespace, Error> {
    let graph = VolumeGraph::read(disks, limits);
    let root = filesystem_in(&graph, &system.root, limits)?;
    let root = match &system.root_subvolume {
        Some(name) => below(root, name)?,
        None => root,
    };
    let mut tree = Namespace::new(root);
    // Those above come before what lies below them.
    for mount in &system.mounts {
        let target = GuestPath::new(&mount.target);
        if let MountOutcome::Joined(volume) = &mount.outcome
            && target != GuestPath::root()
            && (*volume != system.root || mount.subvolume.is_some())
            && let Ok(filesystem) = filesystem_in(&graph, volume, limits)
        {
            let view = match &mount.subvolume {
                Some(name) => below(filesystem, name),
                None => Ok(filesystem),
            };
            if let Ok(view) = view {
                tree.mount(target, view);
            }
        }
    }
    Ok(tree)
}

/// A filesystem as the mount options `subvol` and `subvolid` show it; one that has no subvolumes has no use
/// for them.
fn below(files: Box<dyn Filesystem>, name: &str) -> Result<Box<dyn Filesystem>, Error> {
    let subvolumes = files.subvolumes()?;
    if subvolumes.is_empty() {
        return Ok(files);
    }
    let id = name.strip_prefix("subvolid=").map(str::parse);
    let meant = subvolumes.iter().find(|sub| match &id {
        Some(id) => id.as_ref() == Ok(&sub.id),
        None => sub.path.as_ref() == Some(&GuestPath::new(name)),
    });
    let root = meant.map(|sub| sub.root).ok_or_else(|| {
        Fault::new(Cause::NoSuchVolume)
            .in_structure("subvolume")
            .found(name)
    })?;
    Ok(Box::new(Rooted::new(files, root)))
}

/// The tree of the system that a guest has; of the first, when there are several.
///
/// # Errors
/// [`Cause::NoSystem`] when none was found.
pub fn guest_tree(
    inspection: &Inspection,
    disks: &[Arc<dyn ReadAt>],
    limits: &Limits,
) -> Result<Namespace, Error> {
    let systems = &inspection.systems;
    let system = systems
        .iter()
        .find(|system| system.is_bootable())
        .or_else(|| systems.first())
        .ok_or_else(|| Fault::new(Cause::NoSystem).in_structure("guest"))?;
    tree_of(system, disks, limits)
}
