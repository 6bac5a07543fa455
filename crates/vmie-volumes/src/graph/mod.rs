//! All volumes of a machine: disks, partitions, and what is put together of them.

mod build;
mod lvm;
mod names;
mod raid;

use std::sync::Arc;

use vmie_io::{Limits, ReadAt};

use crate::mapped::Source;
use crate::{Cause, DiskLayout, Error, Partition, PartitionKind, Place, VolumeId};

/// Volumes that are looked at: a machine of 21 disks, each with as many partitions as a GPT usually
/// has room for, has fewer.
pub const MAX_VOLUMES: usize = 4096;
/// Notes that are kept.
pub const MAX_VOLUME_NOTES: usize = 256;

/// All volumes of a machine's disks.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct VolumeGraph {
    /// The disks with their tables, in the order given.
    pub disks: Vec<GraphDisk>,
    /// Every volume: each comes after those that it lies on.
    pub volumes: Vec<Volume>,
    /// What volumes are put together by.
    pub groups: Vec<Group>,
    /// What is odd about any of it, but for the tables, whose notes are in their layouts.
    pub notes: Vec<VolumeNote>,
}

/// A disk and its partition table.
#[derive(Debug)]
#[non_exhaustive]
pub struct GraphDisk {
    /// Bytes.
    pub size: u64,
    /// Its table, or why that cannot be read.
    pub layout: Result<DiskLayout, Error>,
    /// Whether it is a dynamic disk of Windows (SVC-BOOT-2), as its table says.
    pub dynamic: bool,
}

/// Something odd, and on which volume; the offset in the fault is from that volume's start.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct VolumeNote {
    /// Where it was seen.
    pub volume: VolumeId,
    /// What is odd.
    pub fault: Error,
}

/// What kind of volume it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum VolumeKind {
    /// A whole disk.
    Disk,
    /// A partition.
    Partition(PartitionKind),
    /// A logical volume of LVM2.
    Lvm,
    /// A Linux software RAID.
    Md,
    /// A volume of Windows dynamic disks.
    Ldm,
}

impl VolumeKind {
    /// The kind's name, as programs see it: `disk`, `primary`, `extended`, `logical`, `gpt`, `lvm`,
    /// `md` or `ldm`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Disk => "disk",
            Self::Partition(kind) => kind.name(),
            Self::Lvm => "lvm",
            Self::Md => "md",
            Self::Ldm => "ldm",
        }
    }
}

/// A volume.
#[non_exhaustive]
pub struct Volume {
    /// Its name.
    pub id: VolumeId,
    /// What kind of volume it is.
    pub kind: VolumeKind,
    /// How it is put together: `linear`, `striped`, `raid1`, `thin`, `spanned` … `None` for disks and
    /// partitions.
    pub layout: Option<String>,
    /// Its own name within its group. From hostile input: escape it before showing it.
    pub name: Option<String>,
    /// Its own identifier as its manager writes it.
    pub uuid: Option<String>,
    /// Where on its disk it is; what is put together of parts starts at 0.
    pub place: Place,
    /// Its entry in a table.
    pub partition: Option<Partition>,
    /// What it lies on: none for a disk.
    pub parents: Vec<VolumeId>,
    /// The numbers of all disks that it lies on.
    pub disks: Vec<u32>,
    /// The group that it is a member of, by its place in [`VolumeGraph::groups`]: then its bytes are
    /// a part of something else.
    pub member_of: Option<usize>,
    /// What Linux calls it: `/dev/mapper/vg0-root`, `/dev/vg0/root`, `/dev/md127`. Disks and
    /// partitions have no name that does not depend on the machine.
    pub devices: Vec<String>,
    /// The drive letter that Windows gives it, when its database says so: `C:`.
    pub drive: Option<String>,
    pub(crate) source: Result<Source, Error>,
    /// How often it lies on something that is put together.
    pub(crate) level: u32,
}

impl std::fmt::Debug for Volume {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Volume")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("layout", &self.layout)
            .field("uuid", &self.uuid)
            .field("place", &self.place)
            .field("parents", &self.parents)
            .field("disks", &self.disks)
            .field("member_of", &self.member_of)
            .field("devices", &self.devices)
            .field("fault", &self.fault())
            .finish_non_exhaustive()
    }
}

impl Volume {
    /// Its bytes.
    ///
    /// # Errors
    /// Why they cannot be had: a part is missing, the layout is not read here.
    pub fn open(&self) -> Result<Arc<dyn ReadAt>, Error> {
        self.source.clone()
    }

    /// Why its bytes cannot be had.
    #[must_use]
    pub fn fault(&self) -> Option<&Error> {
        self.source.as_ref().err()
    }

    /// Whether a filesystem may be on it: it is neither a container of partitions nor a member of a
    /// group.
    #[must_use]
    pub fn holds_data(&self) -> bool {
        let partition = self.partition.as_ref();
        self.member_of.is_none() && partition.is_none_or(Partition::holds_data)
    }
}

/// What kind of group it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GroupKind {
    /// A volume group of LVM2.
    Lvm,
    /// A Linux software RAID.
    Md,
    /// A group of Windows dynamic disks.
    Ldm,
}

impl GroupKind {
    /// The kind's name, as programs see it: `lvm`, `md` or `ldm`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Lvm => "lvm",
            Self::Md => "md",
            Self::Ldm => "ldm",
        }
    }
}

/// A group: volumes put together, and what is made of them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Group {
    /// What kind of group it is.
    pub kind: GroupKind,
    /// Its name; empty when that is not known. From hostile input: escape it before showing it.
    pub name: String,
    /// Its identifier as its manager writes it.
    pub uuid: Option<String>,
    /// The version of its metadata, where there are several: `0.90`, `1.0`, `1.1` and `1.2` of a RAID.
    pub version: Option<&'static str>,
    /// The volumes that it is put together of, as far as they are there.
    pub members: Vec<VolumeId>,
    /// The volumes that it gives.
    pub volumes: Vec<VolumeId>,
    /// What keeps it from being put together whole, such as a member that is missing (SVC-VOL-3).
    pub faults: Vec<Error>,
}

impl Group {
    fn new(kind: GroupKind, name: &str, uuid: Option<String>) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            uuid,
            version: None,
            members: Vec::new(),
            volumes: Vec::new(),
            faults: Vec::new(),
        }
    }
}

impl VolumeGraph {
    /// Finds all volumes on a machine's disks, in the order that the machine has them.
    ///
    /// Whatever is wrong is said in the parts that it is wrong with; of a group that lacks a member,
    /// the volumes that do not need it open all the same.
    #[must_use]
    pub fn read(disks: &[Arc<dyn ReadAt>], limits: &Limits) -> Self {
        build::build(disks, limits)
    }

    /// The volume of this name.
    #[must_use]
    pub fn volume(&self, id: &VolumeId) -> Option<&Volume> {
        self.volumes.iter().find(|volume| volume.id == *id)
    }

    /// The bytes of the volume of this name.
    ///
    /// # Errors
    /// [`Cause::NoSuchVolume`], or why its bytes cannot be had.
    pub fn open(&self, id: &VolumeId) -> Result<Arc<dyn ReadAt>, Error> {
        match self.volume(id) {
            Some(volume) => volume.open(),
            None => Err(Error::new(Cause::NoSuchVolume)
                .in_structure("volume")
                .found(&*id.to_string())),
        }
    }

    /// Whether a disk has no partitions, so that it may be one volume as a whole.
    #[must_use]
    pub fn is_whole(&self, disk: u32) -> bool {
        let index = vmie_io::int::usize_of(disk.into());
        self.disks.get(index).is_some_and(|disk| {
            let layout = disk.layout.as_ref();
            layout.is_ok_and(|layout| layout.partitions.is_empty())
        })
    }
}
