//! Volume groups of LVM2.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::build::{Builder, bare};
use super::names::of_lvm;
use super::{Group, GroupKind, VolumeKind};
use crate::lvm::{self, Assembler, PhysicalVolume};
use crate::mapped::Source;
use crate::{Cause, Error, Place, VolumeId};

/// Faults that are kept of one group.
const MAX_FAULTS: usize = 16;

impl Builder {
    /// Puts volume groups together of the physical volumes found; says whether there were any.
    pub(super) fn groups(&mut self) -> bool {
        let mut pvs = std::mem::take(&mut self.pvs);
        if pvs.is_empty() {
            return false;
        }
        self.drop_duplicates(&mut pvs);
        let mut damage: HashMap<usize, Error> = HashMap::new();
        let newest = self.newest(&mut pvs, &mut damage);
        let mut claimed = vec![false; pvs.len()];
        for group in &newest {
            self.volume_group(group, &pvs, &mut claimed);
        }
        for ((pv, index), claimed) in pvs.iter().zip(claimed) {
            if claimed {
                continue;
            }
            let lost = pv.damaged || damage.contains_key(index);
            let fault = damage.remove(index).unwrap_or_else(|| {
                let cause = if lost {
                    Cause::LvmArea
                } else {
                    Cause::LvmOrphan
                };
                Error::new(cause)
                    .in_structure("LVM physical volume")
                    .found(&*pv.uuid)
            });
            let mut group = Group::new(GroupKind::Lvm, "", None);
            if lost {
                group.faults.push(fault);
            } else {
                self.note_at(*index, [fault]);
            }
            let group = self.group(group);
            self.join(*index, group);
        }
        true
    }

    /// One disk given twice, or a copy of one.
    fn drop_duplicates(&mut self, pvs: &mut Vec<(PhysicalVolume, usize)>) {
        let mut seen = std::mem::take(&mut self.pv_uuids);
        let mut twice = Vec::new();
        pvs.retain(|(pv, index)| {
            let first = seen.insert(pv.uuid.clone());
            if !first {
                twice.push((*index, pv.uuid.clone()));
            }
            first
        });
        self.pv_uuids = seen;
        for (index, uuid) in twice {
            let fault =
                Error::new(Cause::LvmDuplicatePv).in_structure("LVM physical volume header");
            self.note_at(index, [fault.field("pv_uuid").found(&*uuid)]);
            let group = self.group(Group::new(GroupKind::Lvm, "", None));
            self.join(index, group);
        }
    }

    /// The newest description of each group.
    fn newest(
        &mut self,
        pvs: &mut [(PhysicalVolume, usize)],
        damage: &mut HashMap<usize, Error>,
    ) -> Vec<lvm::Group> {
        let mut parsed: HashMap<(u32, usize), Option<(String, u64)>> = HashMap::new();
        let mut groups: Vec<lvm::Group> = Vec::new();
        let mut standing: Vec<(usize, String, u64)> = Vec::new();
        for (pv, index) in pvs {
            for text in std::mem::take(&mut pv.texts) {
                let key = (text.crc, text.bytes.len());
                // All physical volumes of a group carry the same text as a rule.
                let found = match parsed.entry(key) {
                    Entry::Occupied(known) => known.get().clone(),
                    Entry::Vacant(new) => {
                        let found = match lvm::parse(&text, &self.budget) {
                            Ok(group) => {
                                let who = (group.id.clone(), group.seqno);
                                keep_newest(&mut groups, group);
                                Some(who)
                            }
                            Err(error) => {
                                self.note_at(*index, [error.clone()]);
                                damage.insert(*index, error);
                                None
                            }
                        };
                        new.insert(found).clone()
                    }
                };
                match found {
                    Some((id, seqno)) => standing.push((*index, id, seqno)),
                    None => pv.damaged = true,
                }
            }
        }
        for (index, id, seqno) in standing {
            let newest = groups.iter().find(|group| group.id == id);
            if newest.is_some_and(|group| group.seqno > seqno) {
                let fault = Error::new(Cause::LvmStale).in_structure("LVM metadata");
                self.note_at(index, [fault.field("seqno").found(seqno)]);
            }
        }
        groups
    }

    fn volume_group(
        &mut self,
        facts: &lvm::Group,
        pvs: &[(PhysicalVolume, usize)],
        claimed: &mut [bool],
    ) {
        let mut group = Group::new(GroupKind::Lvm, &facts.name, Some(facts.id.clone()));
        if facts.exported {
            let fault = Error::new(Cause::LvmExported).at("LVM metadata", facts.start);
            group.faults.push(fault.field("status"));
        }
        let by_uuid: HashMap<&str, usize> = pvs
            .iter()
            .enumerate()
            .map(|(at, (pv, _))| (&*pv.uuid, at))
            .collect();
        let mut sources: Vec<Option<Source>> = Vec::new();
        let mut places: Vec<Option<usize>> = Vec::new();
        for pv in &facts.pvs {
            let found = by_uuid.get(&*pv.id).copied();
            let found = found.filter(|at| claimed.get(*at) == Some(&false));
            if let Some(claim) = found.and_then(|at| claimed.get_mut(at)) {
                *claim = true;
            }
            let index = found.and_then(|at| pvs.get(at)).map(|(_, index)| *index);
            if index.is_none() && group.faults.len() < MAX_FAULTS {
                group.faults.push(lvm::missing(facts, Some(pv)));
            }
            sources.push(index.and_then(|index| self.source(index)));
            places.push(index);
        }
        let group = self.group(group);
        let members: Vec<usize> = places.iter().flatten().copied().collect();
        for index in &members {
            self.join(*index, group);
        }
        for name in lvm::overlaps(facts) {
            let fault = Error::new(Cause::LvmOverlap).at("LVM metadata", facts.start);
            self.note_at(members.first().copied().unwrap_or(0), [fault.found(name)]);
        }
        self.logical_volumes(facts, &sources, &places, group);
    }

    fn logical_volumes(
        &mut self,
        facts: &lvm::Group,
        sources: &[Option<Source>],
        places: &[Option<usize>],
        group: usize,
    ) {
        let footprints = lvm::footprints(facts);
        let budget = self.budget.clone();
        let mut assembler = Assembler::new(facts, sources, &budget);
        for (at, lv) in facts.lvs.iter().enumerate() {
            if !lv.visible {
                continue;
            }
            let source = assembler.open(at);
            let fault = source.as_ref().err().cloned();
            let id = VolumeId::assembled(&format!("{}/{}", facts.name, lv.name));
            let extents = lv.segments.iter().map(|segment| segment.count);
            let extents = extents.fold(0u64, u64::saturating_add);
            let mut volume = bare(id, VolumeKind::Lvm, source);
            volume.place = Place {
                start: 0,
                len: extents.saturating_mul(facts.extent),
            };
            volume.layout = Some(lv.layout().to_owned());
            volume.name = Some(lv.name.clone());
            volume.uuid = Some(lv.id.clone()).filter(|id| !id.is_empty());
            volume.devices = of_lvm(&facts.name, &lv.name);
            let below = footprints.get(at).into_iter().flatten();
            let below: Vec<usize> = below
                .filter_map(|pv| places.get(*pv).copied().flatten())
                .collect();
            let all: Vec<usize> = places.iter().flatten().copied().collect();
            // What is on no physical volume that is there is listed with the group's.
            self.on(&mut volume, if below.is_empty() { &all } else { &below });
            if self.give(volume, group).is_none() {
                return;
            }
            // That a kind is not read is no fault of the group.
            let damage = fault.filter(|fault| {
                !matches!(
                    fault.cause(),
                    Cause::LvmSegmentKind | Cause::LvmMissingPv | Cause::Limit
                )
            });
            if let Some(group) = self.graph.groups.get_mut(group)
                && group.faults.len() < MAX_FAULTS
            {
                group.faults.extend(damage);
            }
        }
    }
}

fn keep_newest(groups: &mut Vec<lvm::Group>, group: lvm::Group) {
    match groups.iter_mut().find(|other| other.id == group.id) {
        Some(other) if other.seqno < group.seqno => *other = group,
        Some(_) => {}
        None => groups.push(group),
    }
}
