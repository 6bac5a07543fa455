//! The volumes of a guest's disks, and what they are formatted as.

use std::sync::Arc;

use vmie_fs::{Filesystem, Identity};
use vmie_io::{Fault, Limits, ReadAt};
use vmie_volumes::{
    DiskLayout, Group, Partition, Place, VolumeGraph, VolumeId, VolumeKind, VolumeNote,
};

use crate::{Cause, Error};

/// The volumes of a machine.
#[derive(Debug)]
#[non_exhaustive]
pub struct Volumes {
    /// The disks, each with the volumes on it.
    pub disks: Vec<DiskVolumes>,
    /// Volume groups, software RAIDs and groups of dynamic disks.
    pub groups: Vec<Group>,
    /// What is odd about what volumes are put together of.
    pub notes: Vec<VolumeNote>,
}

/// A disk and its volumes.
#[derive(Debug)]
#[non_exhaustive]
pub struct DiskVolumes {
    /// Its number, from 0.
    pub index: u32,
    /// Length in bytes.
    pub size: u64,
    /// Its partition table.
    pub layout: DiskLayout,
    /// Whether it is a dynamic disk of Windows (SVC-BOOT-2).
    pub dynamic: bool,
    /// Its volumes: the partitions, or the whole disk when it has no table and holds a filesystem;
    /// then what is put together of volumes of which this disk has the first.
    pub volumes: Vec<Volume>,
}

/// A volume: a range of a disk, or what is put together of some, that may hold a filesystem.
#[derive(Debug)]
#[non_exhaustive]
pub struct Volume {
    /// Its name.
    pub id: VolumeId,
    /// What kind of volume it is.
    pub kind: VolumeKind,
    /// How it is put together, when it is: `linear`, `raid1`, `spanned` …
    pub layout: Option<String>,
    /// Its name within its group.
    pub name: Option<String>,
    /// Its own identifier, as its manager writes it.
    pub volume_uuid: Option<String>,
    /// Where on its disk it is; what is put together starts at 0.
    pub place: Place,
    /// Its entry in the table; `None` for a whole disk, and for what is put together.
    pub partition: Option<Partition>,
    /// What it lies in: the disk, the extended partition, the members of its group; none for a whole
    /// disk.
    pub parents: Vec<VolumeId>,
    /// The place in [`Volumes::groups`] of the group that it is a member of.
    pub member_of: Option<usize>,
    /// What Linux calls it, when that does not depend on the machine.
    pub devices: Vec<String>,
    /// Why its bytes cannot be had.
    pub fault: Option<vmie_volumes::Error>,
    /// What it is formatted as: nothing known, a kind with its name, or why that cannot be told.
    pub identity: Result<Option<Identity>, vmie_fs::Error>,
    /// Nothing known is on it, and it looks like noise: perhaps it is encrypted by something that
    /// does not say its name, such as VeraCrypt. No more than a hint.
    pub seems_random: bool,
}

/// Reads the partition tables of a guest's disks, puts volumes together, and probes each.
///
/// # Errors
/// When a disk's first sectors cannot be read.
pub fn volumes_of(disks: &[Arc<dyn ReadAt>], limits: &Limits) -> Result<Volumes, Error> {
    let graph = VolumeGraph::read(disks, limits);
    let mut listed: Vec<Vec<Volume>> = disks.iter().map(|_| Vec::new()).collect();
    for volume in &graph.volumes {
        let first = volume.disks.first().copied();
        let index = vmie_io::int::usize_of(first.unwrap_or(0).into());
        let whole = first.is_some_and(|disk| graph.is_whole(disk));
        if volume.kind == VolumeKind::Disk && !whole {
            continue;
        }
        let found = described(volume);
        let empty = volume.kind == VolumeKind::Disk && matches!(found.identity, Ok(None));
        if let Some(list) = listed.get_mut(index).filter(|_| !empty) {
            list.push(found);
        }
    }
    let mut found = Vec::with_capacity(disks.len());
    for ((index, disk), volumes) in (0u32..).zip(graph.disks).zip(listed) {
        found.push(DiskVolumes {
            index,
            size: disk.size,
            layout: disk.layout?,
            dynamic: disk.dynamic,
            volumes,
        });
    }
    Ok(Volumes {
        disks: found,
        groups: graph.groups,
        notes: graph.notes,
    })
}

fn described(volume: &vmie_volumes::Volume) -> Volume {
    let container = volume.partition.as_ref().is_some_and(|p| !p.holds_data());
    // Through a part of a dynamic disk shows what is on the volume.
    let dynamic =
        volume.member_of.is_some() && volume.partition.as_ref().is_some_and(Partition::is_dynamic);
    let identity = match volume.open() {
        Ok(source) if !container && !dynamic => vmie_fs::probe(&source),
        _ => Ok(None),
    };
    let seems_random = !container
        && !dynamic
        && volume.kind != VolumeKind::Disk
        && matches!(identity, Ok(None))
        && volume
            .open()
            .is_ok_and(|source| vmie_fs::looks_random(&source).unwrap_or(false));
    Volume {
        id: volume.id.clone(),
        kind: volume.kind,
        layout: volume.layout.clone(),
        name: volume.name.clone(),
        volume_uuid: volume.uuid.clone(),
        place: volume.place,
        partition: volume.partition.clone(),
        parents: volume.parents.clone(),
        member_of: volume.member_of,
        devices: volume.devices.clone(),
        fault: volume.fault().cloned(),
        identity,
        seems_random,
    }
}

/// The bytes of one volume.
///
/// # Errors
/// [`Cause::NoSuchVolume`], or why its bytes cannot be had.
pub fn open_volume(
    disks: &[Arc<dyn ReadAt>],
    id: &VolumeId,
    limits: &Limits,
) -> Result<Arc<dyn ReadAt>, Error> {
    volume_in(&VolumeGraph::read(disks, limits), id)
}

fn volume_in(graph: &VolumeGraph, id: &VolumeId) -> Result<Arc<dyn ReadAt>, Error> {
    match graph.volume(id) {
        Some(volume) => Ok(volume.open()?),
        None => {
            let fault = Fault::new(Cause::NoSuchVolume).in_structure("volume");
            Err(Error::from(fault.found(&*id.to_string())))
        }
    }
}

/// The filesystem on one volume.
///
/// # Errors
/// As [`open_volume`], and what is wrong with the filesystem.
pub fn open_filesystem(
    disks: &[Arc<dyn ReadAt>],
    id: &VolumeId,
    limits: &Limits,
) -> Result<Box<dyn Filesystem>, Error> {
    filesystem_in(&VolumeGraph::read(disks, limits), id, limits)
}

pub(crate) fn filesystem_in(
    graph: &VolumeGraph,
    id: &VolumeId,
    limits: &Limits,
) -> Result<Box<dyn Filesystem>, Error> {
    // Further devices of a filesystem may lie on any other volume.
    let others: Vec<Arc<dyn ReadAt>> = graph
        .volumes
        .iter()
        .filter(|volume| volume.id != *id && volume.holds_data())
        .filter_map(|volume| volume.open().ok())
        .collect();
    Ok(vmie_fs::open_beside(
        volume_in(graph, id)?,
        &others,
        limits,
    )?)
}
