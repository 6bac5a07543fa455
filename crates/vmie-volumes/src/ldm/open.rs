//! Putting dynamic volumes together of partitions on dynamic disks.

use std::sync::Arc;

use vmie_io::{Budget, ReadAt, int};

use super::database::{Component, Database, Disk, Partition, Volume, guid_text};
use super::format::{LAYOUT_RAID5, LAYOUT_SPANNED, LAYOUT_STRIPED, SECTOR};
use crate::mapped::{Leg, Map, Mapped, Misfit, Source};
use crate::{Cause, Error};

const VOLUME: &str = "LDM volume";

/// The part of a disk for data, for each disk that is there.
pub(crate) struct DiskParts {
    pub(crate) guid: String,
    pub(crate) source: Source,
    /// Bytes.
    pub(crate) start: u64,
    pub(crate) len: u64,
}

/// A dynamic volume.
pub(crate) struct DynamicVolume {
    pub(crate) name: String,
    /// `simple`, `spanned`, `striped`, `mirrored` or `raid5`.
    pub(crate) layout: &'static str,
    /// Bytes.
    pub(crate) size: u64,
    pub(crate) guid: String,
    pub(crate) drive: Option<String>,
    /// Its bytes, or why they cannot be had.
    pub(crate) source: Result<Source, Error>,
    /// The disks that it is on, by their places in what was given.
    pub(crate) disks: Vec<usize>,
}

/// Puts the volumes of a group together.
///
/// # Errors
/// Only when the budget is used up.
pub(crate) fn open(
    database: &Database,
    disks: &[DiskParts],
    budget: &Budget,
) -> Result<Vec<DynamicVolume>, Error> {
    let group = Group { database, disks };
    let mut found = Vec::new();
    for volume in &database.volumes {
        let records = database.components.len().max(1);
        let each = int::u64_of(database.partitions.len().saturating_add(1));
        budget.work(VOLUME, int::u64_of(records).saturating_mul(each))?;
        let components = group.components(volume);
        let layout = group.layout(volume, &components);
        found.push(DynamicVolume {
            name: volume.name.clone(),
            layout,
            size: volume.size.saturating_mul(SECTOR),
            guid: guid_text(&volume.guid),
            drive: volume.drive.clone(),
            source: group.volume(volume, &components, layout),
            disks: group.disks_of(&components),
        });
    }
    Ok(found)
}

struct Group<'g> {
    database: &'g Database,
    disks: &'g [DiskParts],
}

impl<'g> Group<'g> {
    fn error(&self, cause: Cause) -> Error {
        Error::new(cause).at(VOLUME, self.database.start)
    }

    fn components(&self, volume: &Volume) -> Vec<&'g Component> {
        let own = |component: &&Component| component.volume == volume.id;
        self.database.components.iter().filter(own).collect()
    }

    /// The partitions of a component in the order of columns, or of their places.
    fn partitions(&self, component: &Component) -> Vec<&'g Partition> {
        let own = |partition: &&Partition| partition.component == component.id;
        let mut found: Vec<_> = self.database.partitions.iter().filter(own).collect();
        found.sort_by_key(|partition| (partition.column, partition.offset));
        found
    }

    fn layout(&self, volume: &Volume, components: &[&Component]) -> &'static str {
        let raid5 = |component: &&&Component| component.layout == LAYOUT_RAID5;
        match components {
            _ if volume.kind == "raid5" || components.iter().any(|c| raid5(&c)) => "raid5",
            [] => "simple",
            [only] if only.layout == LAYOUT_STRIPED => "striped",
            [only] if only.parts > 1 => "spanned",
            [_] => "simple",
            _ => "mirrored",
        }
    }

    fn disks_of(&self, components: &[&Component]) -> Vec<usize> {
        let parts = components.iter().flat_map(|c| self.partitions(c));
        let mut found: Vec<usize> = parts
            .filter_map(|partition| self.position(self.disk(partition)?))
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    fn disk(&self, partition: &Partition) -> Option<&'g Disk> {
        let disks = &self.database.disks;
        disks.iter().find(|disk| disk.id == partition.disk)
    }

    fn position(&self, disk: &Disk) -> Option<usize> {
        let same = |part: &DiskParts| part.guid.eq_ignore_ascii_case(&disk.guid);
        self.disks.iter().position(same)
    }

    fn volume(
        &self,
        volume: &Volume,
        components: &[&Component],
        layout: &'static str,
    ) -> Result<Source, Error> {
        let size = volume.size.checked_mul(SECTOR).filter(|size| *size > 0);
        let size = size.ok_or_else(|| self.error(Cause::LdmParts).found(&*volume.name))?;
        if layout == "raid5" {
            let fault = self.error(Cause::LdmKind).field("layout");
            return Err(fault.found(layout));
        }
        let mut copies = Vec::new();
        let mut failed = None;
        for component in components {
            match self.component(component, size) {
                Ok(mapped) => copies.push(Leg::new(Arc::new(mapped), 0)),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        if copies.is_empty() {
            return Err(failed.unwrap_or_else(|| self.error(Cause::LdmParts).found(&*volume.name)));
        }
        let mut mapped = Mapped::default();
        let outcome = mapped.push(size, Map::Mirror(copies));
        outcome.map_err(|_| self.error(Cause::LdmParts).found(&*volume.name))?;
        Ok(Arc::new(mapped))
    }

    fn component(&self, component: &Component, size: u64) -> Result<Mapped, Error> {
        let parts = self.partitions(component);
        let wrong =
            |field: &'static str, found: u64| self.error(Cause::LdmParts).field(field).found(found);
        if int::u64_of(parts.len()) != component.parts {
            return Err(wrong("components", int::u64_of(parts.len())));
        }
        let mut mapped = Mapped::default();
        let misfit = |misfit: Misfit| match misfit {
            Misfit::Empty => wrong("size", size),
            Misfit::Outside => self.error(Cause::LdmExtent).field("size"),
        };
        match (component.layout, component.stripes) {
            (LAYOUT_STRIPED, Some((sectors, columns))) => {
                let chunk = sectors.checked_mul(SECTOR).filter(|chunk| *chunk > 0);
                let chunk = chunk.ok_or_else(|| wrong("stripe_size", sectors))?;
                let in_order = parts.iter().map(|p| p.column);
                if columns != int::u64_of(parts.len()) || !in_order.eq(0..columns) {
                    return Err(wrong("columns", columns));
                }
                let legs: Result<Vec<Leg>, Error> = parts
                    .iter()
                    .map(|p| self.leg(p).map(|(leg, _)| leg))
                    .collect();
                let sectors = parts
                    .iter()
                    .try_fold(0u64, |sum, p| sum.checked_add(p.size));
                if sectors.and_then(|n| n.checked_mul(SECTOR)) != Some(size)
                    || parts
                        .iter()
                        .any(|p| Some(p.size) != parts.first().map(|p| p.size))
                {
                    return Err(wrong("size", size));
                }
                let map = Map::Striped {
                    legs: legs?,
                    chunk,
                    first: 0,
                };
                mapped.push(size, map).map_err(misfit)?;
            }
            (LAYOUT_SPANNED, _) => {
                for partition in parts {
                    let at = partition.offset.checked_mul(SECTOR);
                    if at != Some(mapped.len()) {
                        return Err(wrong("volume_offset", partition.offset));
                    }
                    let (leg, len) = self.leg(partition)?;
                    mapped.push(len, Map::Linear(leg)).map_err(misfit)?;
                }
                if mapped.len() != size {
                    return Err(wrong("size", mapped.len()));
                }
            }
            (layout, _) => return Err(wrong("layout", u64::from(layout))),
        }
        Ok(mapped)
    }

    fn leg(&self, partition: &Partition) -> Result<(Leg, u64), Error> {
        let unknown = || {
            self.error(Cause::LdmParts)
                .field("disk")
                .found(partition.disk)
        };
        let disk = self.disk(partition).ok_or_else(unknown)?;
        let position = self.position(disk);
        let parts = position.and_then(|position| self.disks.get(position));
        let parts = parts.ok_or_else(|| {
            let fault = self.error(Cause::LdmMissingDisk).field("disk");
            fault.found(&*format!("{}, {}", disk.name, disk.guid))
        })?;
        let outside = || {
            let fault = self.error(Cause::LdmExtent).field("start");
            fault.found(partition.start)
        };
        let start = partition.start.checked_mul(SECTOR).ok_or_else(outside)?;
        let len = partition.size.checked_mul(SECTOR).ok_or_else(outside)?;
        let end = start.checked_add(len).ok_or_else(outside)?;
        if end > parts.len {
            return Err(outside());
        }
        let offset = parts.start.checked_add(start).ok_or_else(outside)?;
        let end = offset.checked_add(len).ok_or_else(outside)?;
        if end > parts.source.len() {
            return Err(outside());
        }
        Ok((Leg::new(Arc::clone(&parts.source), offset), len))
    }
}
