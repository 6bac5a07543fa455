//! Finding volumes, round by round: what is put together in one may hold parts of the next.

use std::collections::HashSet;
use std::sync::Arc;

use vmie_io::{Budget, Limits, ReadAt, int};

use super::names::Taken;
use super::{
    GraphDisk, Group, MAX_VOLUME_NOTES, MAX_VOLUMES, Volume, VolumeGraph, VolumeKind, VolumeNote,
};
use crate::lvm::PhysicalVolume;
use crate::mapped::Source;
use crate::md::Member;
use crate::{
    Cause, DiskLayout, Error, Partition, PartitionKind, Place, VolumeId, lvm, md, open_partition,
    read_layout,
};

/// How often volumes may lie in volumes: LVM in a RAID in partitions is 2.
const MAX_LEVEL: u32 = 5;

pub(super) struct Builder {
    pub(super) graph: VolumeGraph,
    pub(super) budget: Budget,
    taken: Taken,
    /// Volumes that were not looked at yet, by their places.
    pending: Vec<usize>,
    /// What was found on volumes, and not put together yet.
    pub(super) members: Vec<(Member, usize)>,
    pub(super) pvs: Vec<(PhysicalVolume, usize)>,
    /// The physical volumes met so far, by UUID.
    pub(super) pv_uuids: HashSet<String>,
}

pub(super) fn build(disks: &[Arc<dyn ReadAt>], limits: &Limits) -> VolumeGraph {
    let mut builder = Builder {
        graph: VolumeGraph::default(),
        budget: Budget::new(*limits),
        taken: Taken::default(),
        pending: Vec::new(),
        members: Vec::new(),
        pvs: Vec::new(),
        pv_uuids: HashSet::new(),
    };
    for (number, disk) in (0u32..).zip(disks) {
        builder.disk(number, disk);
    }
    builder.dynamic_disks();
    loop {
        builder.scan();
        // Physical volumes may be arrays: those first.
        if builder.arrays() || builder.groups() {
            continue;
        }
        break;
    }
    builder.graph
}

/// A volume that nothing is known of yet but its name and bytes.
pub(super) fn bare(id: VolumeId, kind: VolumeKind, source: Result<Source, Error>) -> Volume {
    let len = source.as_ref().map_or(0, |source| source.len());
    Volume {
        id,
        kind,
        layout: None,
        name: None,
        uuid: None,
        place: Place { start: 0, len },
        partition: None,
        parents: Vec::new(),
        disks: Vec::new(),
        member_of: None,
        devices: Vec::new(),
        drive: None,
        source,
        level: 0,
    }
}

impl Builder {
    pub(super) fn note(&mut self, volume: &VolumeId, fault: Error) {
        let notes = &mut self.graph.notes;
        let room = MAX_VOLUME_NOTES.saturating_sub(notes.len());
        let fault = match room {
            0 => return,
            1 => Error::new(Cause::TooManyNotes),
            _ => fault,
        };
        let volume = volume.clone();
        notes.push(VolumeNote { volume, fault });
    }

    pub(super) fn note_at(&mut self, index: usize, faults: impl IntoIterator<Item = Error>) {
        if let Some(id) = self
            .graph
            .volumes
            .get(index)
            .map(|volume| volume.id.clone())
        {
            for fault in faults {
                self.note(&id, fault);
            }
        }
    }

    /// Adds a volume under its name, or under another when that is in use.
    pub(super) fn push(&mut self, mut volume: Volume) -> Option<usize> {
        if self.graph.volumes.len() >= MAX_VOLUMES {
            let fault = Error::new(Cause::TooManyVolumes).in_structure("volume");
            if self
                .graph
                .notes
                .iter()
                .all(|n| n.fault.cause() != fault.cause())
            {
                self.note(&volume.id, fault);
            }
            return None;
        }
        let (id, own) = self.taken.claim(volume.id.clone());
        if !own {
            let fault = Error::new(Cause::DuplicateName).in_structure("volume");
            self.note(&id, fault.found(&*volume.id.to_string()));
        }
        volume.id = id;
        self.graph.volumes.push(volume);
        self.graph.volumes.len().checked_sub(1)
    }

    /// Makes a volume one of a group's members, and says whether it was none before.
    pub(super) fn join(&mut self, index: usize, group: usize) {
        if let Some(volume) = self.graph.volumes.get_mut(index) {
            volume.member_of = Some(group);
            let id = volume.id.clone();
            if let Some(group) = self.graph.groups.get_mut(group) {
                group.members.push(id);
            }
        }
    }

    pub(super) fn group(&mut self, group: Group) -> usize {
        self.graph.groups.push(group);
        self.graph.groups.len().saturating_sub(1)
    }

    /// A volume on others: takes over where they are.
    pub(super) fn on(&self, volume: &mut Volume, parents: &[usize]) {
        for parent in parents.iter().filter_map(|at| self.graph.volumes.get(*at)) {
            volume.parents.push(parent.id.clone());
            volume.disks.extend(&parent.disks);
            volume.level = volume.level.max(parent.level.saturating_add(1));
        }
        volume.disks.sort_unstable();
        volume.disks.dedup();
    }

    /// Adds what a group gives, to be looked at in the next round.
    pub(super) fn give(&mut self, volume: Volume, group: usize) -> Option<usize> {
        let level = volume.level;
        let index = self.push(volume)?;
        let id = self.graph.volumes.get(index)?.id.clone();
        if let Some(group) = self.graph.groups.get_mut(group) {
            group.volumes.push(id.clone());
        }
        if level > MAX_LEVEL {
            let fault = Error::new(Cause::TooDeep).in_structure("volume");
            self.note(&id, fault.found(u64::from(level)));
        } else {
            self.pending.push(index);
        }
        Some(index)
    }

    pub(super) fn source(&self, index: usize) -> Option<Source> {
        self.graph.volumes.get(index)?.open().ok()
    }

    fn disk(&mut self, number: u32, disk: &Source) {
        let layout = read_layout(disk, &self.budget);
        let dynamic = layout
            .as_ref()
            .is_ok_and(|layout| layout.partitions.iter().any(Partition::is_dynamic));
        let mut volume = bare(
            VolumeId::disk(number),
            VolumeKind::Disk,
            Ok(Arc::clone(disk)),
        );
        volume.disks.push(number);
        if let (Some(index), Ok(layout)) = (self.push(volume), &layout) {
            self.partitions(index, layout, dynamic);
        }
        self.graph.disks.push(GraphDisk {
            size: disk.len(),
            layout,
            dynamic,
        });
    }

    /// Adds the partitions of a volume, or has the volume itself looked at when there are none.
    pub(super) fn partitions(&mut self, index: usize, layout: &DiskLayout, dynamic: bool) {
        if layout.partitions.is_empty() {
            self.pending.push(index);
            return;
        }
        let Some(parent) = self.graph.volumes.get(index) else {
            return;
        };
        let (id, disks, level) = (parent.id.clone(), parent.disks.clone(), parent.level);
        let devices = parent.devices.clone();
        let Ok(source) = parent.open() else {
            return;
        };
        let extended = layout.partitions.iter().find(|p| p.is_extended());
        for partition in &layout.partitions {
            let window = open_partition(Arc::clone(&source), partition);
            let window = window.map(|window| -> Source { Arc::new(window) });
            let kind = VolumeKind::Partition(partition.kind);
            let mut volume = bare(id.partition_of(partition.number), kind, window);
            volume.place = partition.place;
            volume.parents.push(match extended {
                Some(extended) if partition.kind == PartitionKind::Logical => {
                    id.partition_of(extended.number)
                }
                _ => id.clone(),
            });
            volume.disks.clone_from(&disks);
            volume.level = level;
            let number = partition.number;
            let named = devices.iter().map(|device| format!("{device}p{number}"));
            volume.devices = named.collect();
            volume.partition = Some(partition.clone());
            let pushed = self.push(volume);
            if partition.holds_data() && !dynamic {
                self.pending.extend(pushed);
            }
        }
    }

    /// Looks for members and physical volumes on what was not looked at yet.
    fn scan(&mut self) {
        for index in std::mem::take(&mut self.pending) {
            let Some(source) = self.source(index) else {
                continue;
            };
            let mut notes = Vec::new();
            let member = md::probe(&source, &mut notes);
            let pv = match member {
                // What is in the array may show through on a copy.
                Some(member) => {
                    self.members.push((member, index));
                    Ok(None)
                }
                None => lvm::probe(&source, &self.budget, &mut notes),
            };
            match pv {
                Ok(pv) => self.pvs.extend(pv.map(|pv| (pv, index))),
                Err(error) => notes.push(error),
            }
            self.note_at(index, notes);
        }
    }
}

/// An index as a number.
pub(super) fn number(index: usize) -> u32 {
    u32::try_from(int::u64_of(index)).unwrap_or(u32::MAX)
}
