//! The volumes of a guest's disks, and what they are formatted as.

use std::sync::Arc;

use vmie_fs::{Filesystem, Identity};
use vmie_io::{Budget, Fault, Limits, ReadAt, int};
use vmie_volumes::{DiskLayout, Partition, PartitionKind, Place, VolumeId};

use crate::{Cause, Error};

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
    /// Its volumes: the partitions, or the whole disk when it has no table and holds a filesystem.
    pub volumes: Vec<Volume>,
}

/// A volume: a range of a disk that may hold a filesystem.
#[derive(Debug)]
#[non_exhaustive]
pub struct Volume {
    /// Its name.
    pub id: VolumeId,
    /// Where on the disk it is.
    pub place: Place,
    /// Its entry in the table; `None` for a whole disk.
    pub partition: Option<Partition>,
    /// What it lies in: the disk, the extended partition; `None` for a whole disk.
    pub parent: Option<VolumeId>,
    /// What it is formatted as: nothing known, a kind with its name, or why that cannot be told.
    pub identity: Result<Option<Identity>, vmie_fs::Error>,
}

/// Reads the partition tables of a guest's disks and probes each volume.
///
/// # Errors
/// When a disk's first sectors cannot be read.
pub fn volumes_of(disks: &[Arc<dyn ReadAt>], limits: &Limits) -> Result<Vec<DiskVolumes>, Error> {
    let mut found = Vec::with_capacity(disks.len());
    for (index, disk) in (0u32..).zip(disks) {
        let layout = vmie_volumes::read_layout(disk, &Budget::new(*limits))?;
        let volumes = volumes_on(index, disk, &layout);
        found.push(DiskVolumes {
            index,
            size: disk.len(),
            layout,
            volumes,
        });
    }
    Ok(found)
}

fn volumes_on(index: u32, disk: &Arc<dyn ReadAt>, layout: &DiskLayout) -> Vec<Volume> {
    let whole = VolumeId {
        disk: index,
        partition: None,
    };
    if layout.partitions.is_empty() {
        let place = Place {
            start: 0,
            len: disk.len(),
        };
        let identity = vmie_fs::probe(disk);
        let volume = Volume {
            id: whole,
            place,
            partition: None,
            parent: None,
            identity,
        };
        return match volume.identity {
            Ok(None) => Vec::new(),
            _ => vec![volume],
        };
    }
    let extended = layout.partitions.iter().find(|p| p.is_extended());
    let named = |partition: &Partition| VolumeId {
        disk: index,
        partition: Some(partition.number),
    };
    let volume = |partition: &Partition| {
        let probed = |window| vmie_fs::probe(&window);
        let parent = match extended {
            Some(extended) if partition.kind == PartitionKind::Logical => named(extended),
            _ => whole,
        };
        Volume {
            id: named(partition),
            place: partition.place,
            partition: Some(partition.clone()),
            parent: Some(parent),
            identity: match vmie_volumes::open_partition(disk, partition) {
                Ok(window) if partition.holds_data() => probed(window),
                _ => Ok(None),
            },
        }
    };
    layout.partitions.iter().map(volume).collect()
}

/// The bytes of one volume.
///
/// # Errors
/// [`Cause::NoSuchVolume`], or when the disk's table cannot be read.
pub fn open_volume(
    disks: &[Arc<dyn ReadAt>],
    id: VolumeId,
    limits: &Limits,
) -> Result<Arc<dyn ReadAt>, Error> {
    let missing = || {
        let fault = Fault::new(Cause::NoSuchVolume).in_structure("volume");
        Error::from(fault.found(&*id.to_string()))
    };
    let disk = disks
        .get(int::usize_of(id.disk.into()))
        .ok_or_else(missing)?;
    let Some(number) = id.partition else {
        return Ok(Arc::clone(disk));
    };
    let layout = vmie_volumes::read_layout(disk, &Budget::new(*limits))?;
    let partition = layout.partition(number).ok_or_else(missing)?;
    let window = vmie_volumes::open_partition(Arc::clone(disk), partition)?;
    Ok(Arc::new(window))
}

/// The filesystem on one volume.
///
/// # Errors
/// As [`open_volume`], and what is wrong with the filesystem.
pub fn open_filesystem(
    disks: &[Arc<dyn ReadAt>],
    id: VolumeId,
    limits: &Limits,
) -> Result<Box<dyn Filesystem>, Error> {
    Ok(vmie_fs::open(open_volume(disks, id, limits)?, limits)?)
}
