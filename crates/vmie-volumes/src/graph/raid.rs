//! Arrays of software RAID and groups of dynamic disks.

use super::build::{Builder, bare, number};
use super::names::{md_uuid, of_md};
use super::{Group, GroupKind, VolumeKind};
use crate::ldm::{Database, DiskParts, DynamicDisk};
use crate::mapped::Source;
use crate::md::Member;
use crate::{Cause, Error, Place, VolumeId, ldm, md, read_layout};

impl Builder {
    /// Puts arrays together of the members found; says whether there were any.
    pub(super) fn arrays(&mut self) -> bool {
        let mut left = std::mem::take(&mut self.members);
        let any = !left.is_empty();
        while let Some((first, _)) = left.first() {
            let uuid = first.uuid;
            let (of_one, others) = left.into_iter().partition(|(m, _)| m.uuid == uuid);
            left = others;
            self.array(of_one);
        }
        any
    }

    fn array(&mut self, members: Vec<(Member, usize)>) {
        let Some(newest) = members.iter().map(|(m, _)| m).max_by_key(|m| m.events) else {
            return;
        };
        let uuid = md_uuid(&newest.uuid);
        let known =
            self.graph.groups.iter().position(|group| {
                group.kind == GroupKind::Md && group.uuid.as_ref() == Some(&uuid)
            });
        if let Some(group) = known {
            // It was put together in an earlier round without these.
            for (member, index) in members {
                self.join(index, group);
                let fault = Error::new(Cause::MdDuplicate).at("md superblock", member.offset);
                self.note_at(index, [fault]);
            }
            return;
        }
        let (id, devices) = of_md(&newest.name, newest.minor, &uuid);
        let name = newest.name.clone();
        let mut group = Group::new(GroupKind::Md, &name, Some(uuid.clone()));
        group.version = Some(newest.version);
        let group = self.group(group);
        let places: Vec<usize> = members.iter().map(|(_, index)| *index).collect();
        for index in &places {
            self.join(*index, group);
        }
        let sources: Vec<(Member, Source)> = members
            .into_iter()
            .filter_map(|(member, index)| Some((member, self.source(index)?)))
            .collect();
        let array = md::assemble(&sources);
        for (at, fault) in array.notes {
            if let Some(index) = places.get(at) {
                self.note_at(*index, [fault]);
            }
        }
        if let Err(error) = &array.source
            && let Some(group) = self.graph.groups.get_mut(group)
        {
            group.faults.push(error.clone());
        }
        let mut volume = bare(id, VolumeKind::Md, array.source);
        volume.layout = Some(array.level.name().to_owned());
        volume.name = Some(name).filter(|name| !name.is_empty());
        volume.uuid = Some(uuid);
        volume.devices = devices;
        self.on(&mut volume, &places);
        let table = volume.open().ok();
        let table = table.and_then(|source| read_layout(&source, &self.budget).ok());
        let Some(index) = self.give(volume, group) else {
            return;
        };
        if let Some(table) = table.filter(|table| !table.partitions.is_empty()) {
            self.partitions(index, &table, false);
        }
    }

    /// Puts the volumes of dynamic disks together (SVC-BOOT-2).
    pub(super) fn dynamic_disks(&mut self) {
        let mut found: Vec<(DynamicDisk, u32)> = Vec::new();
        for index in 0..self.graph.disks.len() {
            let number = number(index);
            let id = VolumeId::disk(number);
            let mut notes = Vec::new();
            let source = self.graph.open(&id);
            if let (Ok(source), Some(disk)) = (source, self.graph.disks.get(index))
                && let Ok(layout) = &disk.layout
                && disk.dynamic
            {
                match ldm::probe(&source, layout, &self.budget, &mut notes) {
                    Ok(disk) => found.extend(disk.map(|disk| (disk, number))),
                    Err(error) => notes.push(error),
                }
            }
            for fault in notes {
                self.note(&id, fault);
            }
        }
        while let Some((first, _)) = found.first() {
            let guid = first.group_guid.clone();
            let (of_one, others) = found.into_iter().partition(|(d, _)| d.group_guid == guid);
            found = others;
            self.disk_group(of_one);
        }
    }

    fn disk_group(&mut self, mut disks: Vec<(DynamicDisk, u32)>) {
        let databases = disks
            .iter()
            .filter_map(|(disk, _)| disk.database.as_ref().ok());
        let newest = databases.map(|database| database.committed).max();
        let Some((first, _)) = disks.first() else {
            return;
        };
        let mut group = Group::new(
            GroupKind::Ldm,
            &first.group_name,
            Some(first.group_guid.clone()),
        );
        let mut parts = Vec::new();
        let mut chosen: Option<Database> = None;
        let mut numbers = Vec::new();
        for (disk, number) in &mut disks {
            let id = VolumeId::disk(*number);
            group.members.push(id.clone());
            if let Ok(source) = self.graph.open(&id) {
                numbers.push(*number);
                parts.push(DiskParts {
                    guid: disk.disk_guid.clone(),
                    source,
                    start: disk.data_start,
                    len: disk.data_len,
                });
            }
            let none = Err(Error::new(Cause::LdmDatabase).at("LDM private header", disk.offset));
            match std::mem::replace(&mut disk.database, none) {
                Ok(database) if Some(database.committed) != newest => {
                    let fault = Error::new(Cause::LdmStale).at("LDM database", database.start);
                    let fault = fault.field("committed_seq").found(database.committed);
                    self.note(&id, fault);
                }
                Ok(database) if chosen.is_none() => chosen = Some(database),
                Ok(_) => {}
                Err(error) => self.note(&id, error),
            }
        }
        let index = self.graph.groups.len();
        match chosen {
            Some(database) => {
                self.graph.groups.push(group);
                for number in &numbers {
                    self.give_up_partitions(*number, index);
                }
                self.dynamic_volumes(&database, &parts, &numbers, index);
            }
            None => {
                group
                    .faults
                    .push(Error::new(Cause::LdmDatabase).in_structure("LDM database"));
                self.graph.groups.push(group);
            }
        }
    }

    /// The partitions of a dynamic disk are its group's.
    fn give_up_partitions(&mut self, number: u32, group: usize) {
        for volume in &mut self.graph.volumes {
            if volume.id.disk_index() == Some(number) && volume.partition.is_some() {
                let role = volume.partition.as_ref().map(|partition| partition.role);
                let esp = role == Some(crate::PartitionRole::EfiSystem);
                if !esp {
                    volume.member_of = Some(group);
                }
            }
        }
    }

    fn dynamic_volumes(
        &mut self,
        database: &Database,
        parts: &[DiskParts],
        numbers: &[u32],
        group: usize,
    ) {
        if let Some(first) = numbers.first() {
            let id = VolumeId::disk(*first);
            for fault in &database.notes {
                self.note(&id, fault.clone());
            }
        }
        let volumes = match ldm::open(database, parts, &self.budget) {
            Ok(volumes) => volumes,
            Err(error) => {
                if let Some(group) = self.graph.groups.get_mut(group) {
                    group.faults.push(error);
                }
                return;
            }
        };
        for dynamic in volumes {
            let id = VolumeId::assembled(&format!("{}/{}", database.group_name, dynamic.name));
            if let Err(error) = &dynamic.source
                && let Some(group) = self.graph.groups.get_mut(group)
                && error.cause() != Cause::LdmKind
                && group.faults.len() < 16
                && !group
                    .faults
                    .iter()
                    .any(|f| f.to_string() == error.to_string())
            {
                group.faults.push(error.clone());
            }
            let mut volume = bare(id, VolumeKind::Ldm, dynamic.source);
            volume.place = Place {
                start: 0,
                len: dynamic.size,
            };
            volume.layout = Some(dynamic.layout.to_owned());
            volume.name = Some(dynamic.name);
            volume.uuid = Some(dynamic.guid);
            volume.drive = dynamic.drive;
            let on: Vec<u32> = dynamic
                .disks
                .iter()
                .filter_map(|at| numbers.get(*at).copied())
                .collect();
            // What is on none of the disks given is listed with the group's first.
            let on = if on.is_empty() {
                numbers.iter().take(1).copied().collect()
            } else {
                on
            };
            volume.parents = on.iter().map(|number| VolumeId::disk(*number)).collect();
            volume.disks = on;
            volume.level = 1;
            // Nothing else is put together of dynamic volumes: they are not looked at again.
            if let Some(index) = self.push(volume)
                && let Some(id) = self.graph.volumes.get(index).map(|v| v.id.clone())
                && let Some(group) = self.graph.groups.get_mut(group)
            {
                group.volumes.push(id);
            }
        }
    }
}
