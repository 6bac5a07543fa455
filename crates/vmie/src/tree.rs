//! The guest's own tree of files.

use std::sync::Arc;

use vmie_fs::{GuestPath, Namespace};
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
    let mut tree = Namespace::new(filesystem_in(&graph, &system.root, limits)?);
    for mount in &system.mounts {
        if let MountOutcome::Joined(volume) = &mount.outcome
            && *volume != system.root
            && let Ok(filesystem) = filesystem_in(&graph, volume, limits)
        {
            tree.mount(GuestPath::new(&mount.target), filesystem);
        }
    }
    Ok(tree)
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
