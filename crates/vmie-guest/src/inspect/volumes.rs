//! Disks, their partitions, and what those are formatted as.

use std::sync::Arc;

use vmie_fs::{Filesystem, FsKind, Identity};
use vmie_io::{Limits, ReadAt};
use vmie_volumes::{DiskLayout, Group, Partition, Volume, VolumeGraph, VolumeId, VolumeKind};

use crate::{Disk, Evidence, Fact};

/// Volumes that are looked at; a machine of 21 disks has fewer.
const MAX_VOLUMES: usize = 512;

/// Opens the files of a volume; each call gives a view of its own.
pub type Opener<'a> = Box<dyn Fn() -> Result<Box<dyn Filesystem>, vmie_fs::Error> + 'a>;

/// A volume as an inspection sees it: who it is, and how its files are opened.
pub struct GuestVolume<'a> {
    /// Its name.
    pub id: VolumeId,
    /// Bytes.
    pub size: u64,
    /// Its entry in the disk's table; `None` for a whole disk.
    pub partition: Option<Partition>,
    /// What Linux calls it, when that does not depend on the machine: `/dev/mapper/vg0-root`.
    pub devices: Vec<String>,
    /// The numbers of the disks that it lies on.
    pub disks: Vec<u32>,
    /// Whether its bytes are a part of another volume.
    pub member: bool,
    /// What it is formatted as; `None` when nothing known is on it.
    pub identity: Result<Option<Identity>, vmie_fs::Error>,
    /// Opens its files.
    pub open: Opener<'a>,
}

impl std::fmt::Debug for GuestVolume<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GuestVolume")
            .field("id", &self.id)
            .field("size", &self.size)
            .field("partition", &self.partition)
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

impl<'a> GuestVolume<'a> {
    /// A volume whose files any number of views can be opened of, such as one in memory.
    #[must_use]
    pub fn new<F: Filesystem + Clone + 'static>(
        id: VolumeId,
        size: u64,
        partition: Option<Partition>,
        files: F,
    ) -> Self {
        Self {
            devices: Vec::new(),
            disks: id.disk_index().into_iter().collect(),
            member: false,
            id,
            size,
            partition,
            identity: Ok(Some(files.identity().clone())),
            open: Box::new(move || Ok(Box::new(files.clone()))),
        }
    }

    fn of_graph(volume: &Volume, all: &Arc<[Arc<dyn ReadAt>]>, limits: Limits) -> Self {
        let source = volume
            .open()
            .map_err(|fault| vmie_fs::Error::from(vmie_io::ReadError::from(fault)));
        let dynamic = volume.partition.as_ref().is_some_and(Partition::is_dynamic);
        let hidden = volume.member_of.is_some() && dynamic;
        let identity = match &source {
            // What shows through on a part of a dynamic disk is on the volume, too.
            Ok(_) if hidden => Ok(None),
            Ok(source) => vmie_fs::probe(&**source),
            Err(error) => Err(error.clone()),
        };
        let all = Arc::clone(all);
        Self {
            id: volume.id.clone(),
            size: volume.place.len,
            partition: volume.partition.clone(),
            devices: volume.devices.clone(),
            disks: volume.disks.clone(),
            member: volume.member_of.is_some(),
            identity,
            open: Box::new(move || vmie_fs::open_beside(source.clone()?, &all, &limits)),
        }
    }

    /// The UUID of the Btrfs filesystem that it is, or is a part of.
    fn btrfs_uuid(&self) -> Option<&str> {
        let identity = self.identity.as_ref().ok()?.as_ref()?;
        let uuid = identity.uuid.as_deref();
        uuid.filter(|_| identity.kind == FsKind::Btrfs)
    }

    /// What it is formatted as, when that is known.
    #[must_use]
    pub fn kind(&self) -> Option<FsKind> {
        let identity = self.identity.as_ref().ok()?.as_ref()?;
        Some(identity.kind)
    }

    /// Whether a Linux or Windows system, or a part of one, may be on it.
    pub(super) fn may_hold_a_system(&self) -> bool {
        match &self.identity {
            Err(_) => true,
            Ok(None) => false,
            Ok(Some(identity)) => !matches!(
                identity.kind,
                FsKind::Swap
                    | FsKind::Fat12
                    | FsKind::Fat16
                    | FsKind::Fat32
                    | FsKind::ExFat
                    | FsKind::Iso9660
                    | FsKind::ExtJournal
            ),
        }
    }

    pub(super) fn is_fat(&self) -> bool {
        matches!(
            self.kind(),
            Some(FsKind::Fat12 | FsKind::Fat16 | FsKind::Fat32)
        )
    }

    /// Opens its files, or says why not in a clause.
    pub(crate) fn files(&self) -> Result<Box<dyn Filesystem>, String> {
        (self.open)().map_err(|error| clause(&error))
    }
}

/// An error as a clause of a sentence: what is wrong and where, without the advice.
pub(crate) fn clause<C: vmie_io::Cause>(error: &vmie_io::Fault<C>) -> String {
    let mut text = error.to_string();
    let advice = format!(". {}.", error.advice());
    if text.ends_with(&advice) {
        text.truncate(text.len().saturating_sub(advice.len()));
    }
    // Which volume it is, the sentence around it says.
    match text.strip_prefix("volume: ") {
        Some(rest) => rest.to_owned(),
        None => text,
    }
}

/// Finds the volumes of the disks and probes what is on them.
pub(super) fn survey(
    disks: &[Arc<dyn ReadAt>],
    limits: &Limits,
) -> (Vec<Disk>, Vec<Group>, Vec<GuestVolume<'static>>) {
    let graph = VolumeGraph::read(disks, limits);
    let found = (0u32..).zip(&graph.disks).map(|(index, disk)| {
        let whole = VolumeId::disk(index);
        let layout = match &disk.layout {
            Ok(layout) => table(layout, &whole),
            Err(error) => {
                let evidence = Evidence::new(error.to_string()).on(&whole);
                Fact::unknown(clause(error), vec![evidence])
            }
        };
        let mut facts = Disk::new(index, disk.size, layout);
        facts.dynamic = disk.dynamic;
        facts
    });
    let found = found.collect();
    let volumes = graph
        .volumes
        .iter()
        .filter(|volume| is_looked_at(&graph, volume));
    let looked_at: Vec<&Volume> = volumes.take(MAX_VOLUMES).collect();
    let sources = looked_at.iter().filter_map(|volume| volume.open().ok());
    let sources: Arc<[Arc<dyn ReadAt>]> = sources.collect();
    let mut volumes: Vec<GuestVolume<'static>> = looked_at
        .iter()
        .map(|volume| GuestVolume::of_graph(volume, &sources, *limits))
        .collect();
    further_devices(&mut volumes, &looked_at);
    (found, graph.groups, volumes)
}

/// Of a filesystem that is spread over several volumes the first one stands for all: the others are parts
/// of it, and no systems of their own.
fn further_devices(volumes: &mut [GuestVolume<'static>], sources: &[&Volume]) {
    for index in 1..volumes.len() {
        let (before, rest) = volumes.split_at_mut(index);
        let (Some(volume), Some(Ok(source))) = (
            rest.first_mut(),
            sources.get(index).map(|volume| volume.open()),
        ) else {
            continue;
        };
        let Some(uuid) = volume.btrfs_uuid() else {
            continue;
        };
        let mut firsts = before.iter().zip(sources);
        let first = firsts.find(|(first, of)| {
            !first.member
                && first.btrfs_uuid() == Some(uuid)
                && (of.open()).is_ok_and(|of| vmie_fs::btrfs::is_one_filesystem(&*of, &*source))
        });
        if first.is_some() {
            volume.member = true;
            volume.open = Box::new(|| {
                Err(vmie_fs::Error::new(vmie_fs::Cause::FurtherDevice).in_structure("volume"))
            });
        }
    }
}

/// Whether a volume may hold files of its own: no disk with partitions, no container of partitions,
/// no store of others' data, no copy of another volume as it once was.
fn is_looked_at(graph: &VolumeGraph, volume: &Volume) -> bool {
    let whole = match volume.kind {
        VolumeKind::Disk => volume
            .disks
            .first()
            .is_some_and(|disk| graph.is_whole(*disk)),
        VolumeKind::Partition(_) => volume.partition.as_ref().is_some_and(Partition::holds_data),
        _ => true,
    };
    let layout = volume.layout.as_deref().unwrap_or_default();
    whole && !layout.ends_with("-pool") && layout != "snapshot"
}

fn table(layout: &DiskLayout, whole: &VolumeId) -> Fact<DiskLayout> {
    let says = format!(
        "a table of kind {} with {} partitions; the code in the first sector is {}",
        layout.table.name(),
        layout.partitions.len(),
        layout.boot_code.name()
    );
    let mut evidence = vec![Evidence::new(says).on(whole).offset(0)];
    for note in layout.notes.iter().take(8) {
        evidence.push(Evidence::new(note.fault.to_string()).on(whole));
    }
    Fact::known(layout.clone(), evidence)
}
