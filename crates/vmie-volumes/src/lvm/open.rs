//! Putting logical volumes together of their extents.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use vmie_io::{Budget, ReadAt, ReadAtExt, int};
use zerocopy::FromBytes;

use super::format::{DM_RAID_MAGIC, DmRaidSuperblock, MAX_MIRRORS, MAX_NESTING};
use super::group::{Area, Group, Kind, LvFacts, PvFacts, Segment};
use crate::mapped::{Leg, Map, Mapped, Misfit, Source};
use crate::{Cause, Error};

const VOLUME: &str = "LVM logical volume";
const SEGMENT: &str = "LVM segment";

/// Puts the logical volumes of one group together.
pub(crate) struct Assembler<'g> {
    group: &'g Group,
    /// What each physical volume is read from; `None` when it is missing.
    pvs: &'g [Option<Source>],
    budget: &'g Budget,
    done: HashMap<usize, State>,
    /// How many volumes, and how many mirrors among them, each stands on, itself counted.
    heights: Vec<(usize, usize)>,
}

enum State {
    Busy,
    Done(Result<Source, Error>),
}

impl<'g> Assembler<'g> {
    pub(crate) fn new(group: &'g Group, pvs: &'g [Option<Source>], budget: &'g Budget) -> Self {
        Self {
            group,
            pvs,
            budget,
            done: HashMap::new(),
            heights: heights(group),
        }
    }

    fn error(&self, cause: Cause, structure: &'static str) -> Error {
        Error::new(cause).at(structure, self.group.start)
    }

    /// The bytes of a logical volume.
    pub(crate) fn open(&mut self, index: usize) -> Result<Source, Error> {
        match self.done.get(&index) {
            Some(State::Done(done)) => return done.clone(),
            Some(State::Busy) => return Err(self.nesting(index)),
            None => {}
        }
        let Some(lv) = self.group.lvs.get(index) else {
            return Err(self.error(Cause::LvmValue, VOLUME));
        };
        let height = self.heights.get(index).copied().unwrap_or_default();
        if height.0 > MAX_NESTING || height.1 > MAX_MIRRORS {
            return Err(self.nesting(index));
        }
        self.done.insert(index, State::Busy);
        let built = self.build(lv);
        self.done.insert(index, State::Done(built.clone()));
        built
    }

    fn nesting(&self, index: usize) -> Error {
        let name = self.group.lvs.get(index).map_or("", |lv| &lv.name);
        self.error(Cause::LvmNesting, VOLUME).found(name)
    }

    fn build(&mut self, lv: &LvFacts) -> Result<Source, Error> {
        if lv.snapshot_of.is_some() || lv.segments.is_empty() {
            let fault = self.error(Cause::LvmSegmentKind, VOLUME);
            return Err(fault.field("type").found(lv.layout()));
        }
        let mut mapped = Mapped::default();
        let mut next = 0u64;
        for segment in &lv.segments {
            self.budget.work(SEGMENT, 1)?;
            if segment.start != next {
                return Err(self
                    .error(Cause::LvmSegments, SEGMENT)
                    .field("start_extent")
                    .found(segment.start));
            }
            next = next.saturating_add(segment.count);
            let len = segment.count.checked_mul(self.group.extent);
            let len = len.ok_or_else(|| self.too_long(segment))?;
            let map = self.map(segment, len)?;
            mapped.push(len, map).map_err(|misfit| match misfit {
                Misfit::Empty => self.too_long(segment),
                Misfit::Outside => self
                    .error(Cause::LvmExtent, SEGMENT)
                    .field("stripes")
                    .found(&*lv.name),
            })?;
        }
        Ok(Arc::new(mapped))
    }

    fn too_long(&self, segment: &Segment) -> Error {
        self.error(Cause::LvmValue, SEGMENT)
            .field("extent_count")
            .found(segment.count)
    }

    fn map(&mut self, segment: &Segment, len: u64) -> Result<Map, Error> {
        match &segment.kind {
            Kind::Striped { chunk, areas } => {
                let legs = int::u64_of(areas.len());
                let each = segment.count.div_ceil(legs.max(1));
                let mut found = Vec::with_capacity(areas.len());
                for area in areas {
                    self.budget.work(SEGMENT, 1)?;
                    found.push(self.leg(area, each)?);
                }
                Ok(match (found.len(), found.pop()) {
                    (1, Some(only)) => Map::Linear(only),
                    (_, last) => {
                        found.extend(last);
                        Map::Striped {
                            legs: found,
                            chunk: *chunk,
                            first: 0,
                        }
                    }
                })
            }
            Kind::Mirror(areas) => {
                let legs = areas.iter().map(|area| (None, area.clone())).collect();
                self.mirror(legs, segment.count, len)
            }
            Kind::Raid1(legs) => self.mirror(legs.clone(), segment.count, len),
            Kind::Zero => Ok(Map::Zero),
            Kind::Error => Ok(Map::Fails(
                self.error(Cause::LvmSegmentKind, SEGMENT)
                    .field("type")
                    .found("error"),
            )),
            Kind::Other => Err(self
                .error(Cause::LvmSegmentKind, SEGMENT)
                .field("type")
                .found(&*segment.name)),
        }
    }

    /// The copies that are there and in sync; one is enough.
    fn mirror(
        &mut self,
        legs: Vec<(Option<Area>, Area)>,
        count: u64,
        len: u64,
    ) -> Result<Map, Error> {
        let mut states = Vec::new();
        let mut copies = Vec::new();
        let mut missing = None;
        for (number, (state, data)) in legs.iter().enumerate() {
            self.budget.work(SEGMENT, 1)?;
            let state = state.as_ref().and_then(|area| self.leg(area, 1).ok());
            states.push(state.and_then(|leg| superblock(&leg)));
            match self.leg(data, count) {
                // A leg that was replaced by what fails on purpose is none.
                Ok(leg) if leg_is_whole(&leg, len) => copies.push((number, leg)),
                Ok(_) => {}
                Err(error) => missing = missing.or(Some(error)),
            }
        }
        let newest = states.iter().flatten().max_by_key(|sb| sb.events.get());
        let in_sync = |number: usize| {
            let failed = newest.is_some_and(|sb| {
                let bit = u32::try_from(number).ok().and_then(|n| 1u64.checked_shl(n));
                sb.failed_devices.get() & bit.unwrap_or(0) != 0
            });
            let rebuilt = match states.get(number) {
                Some(Some(sb)) => sb.disk_recovery_offset.get() == u64::MAX,
                _ => true,
            };
            !failed && rebuilt
        };
        let good = copies.into_iter().filter(|(number, _)| in_sync(*number));
        let good: Vec<Leg> = good.map(|(_, leg)| leg).collect();
        if good.is_empty() {
            let none = || self.error(Cause::LvmMissingPv, SEGMENT).field("raids");
            return Err(missing.unwrap_or_else(none));
        }
        Ok(Map::Mirror(good))
    }

    /// `count` extents from an area on.
    fn leg(&mut self, area: &Area, count: u64) -> Result<Leg, Error> {
        let group = self.group;
        let outside = |found: u64| {
            Error::new(Cause::LvmExtent)
                .at(SEGMENT, group.start)
                .field("stripes")
                .found(found)
        };
        let within = area.extent.checked_mul(group.extent);
        let within = within.ok_or_else(|| outside(area.extent))?;
        if let Some(pv) = group.pv_names.get(&area.name) {
            let facts = group.pvs.get(*pv);
            let source = self.pvs.get(*pv).and_then(Option::as_ref);
            let (Some(facts), Some(source)) = (facts, source) else {
                return Err(missing(group, facts));
            };
            let end = area.extent.checked_add(count);
            if end.is_none_or(|end| end > facts.extents) {
                return Err(outside(area.extent));
            }
            let offset = facts.start.checked_add(within);
            let offset = offset.ok_or_else(|| outside(area.extent))?;
            return Ok(Leg::new(Arc::clone(source), offset));
        }
        match group.lv_names.get(&area.name) {
            Some(lv) => Ok(Leg::new(self.open(*lv)?, within)),
            None => Err(self
                .error(Cause::LvmValue, SEGMENT)
                .field("stripes")
                .found(&*area.name)),
        }
    }
}

/// The error of a physical volume that is on none of the disks (SVC-ERR-24).
pub(crate) fn missing(group: &Group, pv: Option<&PvFacts>) -> Error {
    let fault = Error::new(Cause::LvmMissingPv).at("LVM volume group", group.start);
    match pv {
        Some(pv) if pv.device.is_empty() => fault.field("id").found(&*pv.id),
        Some(pv) => fault
            .field("id")
            .found(&*format!("{}, last seen as {}", pv.id, pv.device)),
        None => fault,
    }
}

fn leg_is_whole(leg: &Leg, len: u64) -> bool {
    let end = leg.offset.checked_add(len);
    end.is_some_and(|end| end <= leg.source.len()) && leg.source.read_array::<1>(leg.offset).is_ok()
}

fn superblock(leg: &Leg) -> Option<DmRaidSuperblock> {
    let bytes: [u8; size_of::<DmRaidSuperblock>()] = leg.source.read_array(leg.offset).ok()?;
    let superblock = DmRaidSuperblock::read_from_bytes(&bytes).ok()?;
    (superblock.magic.get() == DM_RAID_MAGIC).then_some(superblock)
}

/// How many volumes, and how many mirrors among them, each volume stands on, itself counted; more
/// than may be, when it is more.
fn heights(group: &Group) -> Vec<(usize, usize)> {
    let mirror = |lv: &LvFacts| {
        let kinds = lv.segments.iter().map(|segment| &segment.kind);
        usize::from(
            kinds
                .into_iter()
                .any(|k| matches!(k, Kind::Mirror(_) | Kind::Raid1(_))),
        )
    };
    let mut all: Vec<(usize, usize)> = group.lvs.iter().map(|lv| (1, mirror(lv))).collect();
    for _ in 0..=MAX_NESTING {
        let mut next = Vec::with_capacity(all.len());
        for lv in &group.lvs {
            let below = names(lv).filter_map(|area| group.lv_names.get(&area.name));
            let below = below.filter_map(|index| all.get(*index));
            let (depth, mirrors) = below.fold((0, 0), |most: (usize, usize), own| {
                (most.0.max(own.0), most.1.max(own.1))
            });
            next.push((depth.saturating_add(1), mirrors.saturating_add(mirror(lv))));
        }
        if next == all {
            break;
        }
        all = next;
    }
    all
}

/// The physical volumes that each logical volume stands on, by their places in the group.
pub(crate) fn footprints(group: &Group) -> Vec<BTreeSet<usize>> {
    // In every round each volume takes over what those right below it stand on.
    let mut all: Vec<BTreeSet<usize>> = group
        .lvs
        .iter()
        .map(|lv| {
            let names = names(lv).filter_map(|area| group.pv_names.get(&area.name));
            names.copied().collect()
        })
        .collect();
    for _ in 0..MAX_NESTING {
        let mut changed = false;
        for (index, lv) in group.lvs.iter().enumerate() {
            for below in names(lv).filter_map(|area| group.lv_names.get(&area.name)) {
                let more = all.get(*below).cloned().unwrap_or_default();
                if let Some(own) = all.get_mut(index) {
                    let before = own.len();
                    own.extend(more);
                    changed |= own.len() != before;
                }
            }
        }
        if !changed {
            break;
        }
    }
    all
}

/// The areas that a volume's segments name.
fn names(lv: &LvFacts) -> impl Iterator<Item = &Area> {
    lv.segments.iter().flat_map(|segment| {
        let areas: Vec<&Area> = match &segment.kind {
            Kind::Striped { areas, .. } | Kind::Mirror(areas) => areas.iter().collect(),
            Kind::Raid1(legs) => {
                let both = legs
                    .iter()
                    .flat_map(|(state, data)| state.iter().chain([data]));
                both.collect()
            }
            Kind::Error | Kind::Zero | Kind::Other => Vec::new(),
        };
        areas
    })
}

/// The logical volumes that share extents of a physical volume with another.
pub(crate) fn overlaps(group: &Group) -> Vec<&str> {
    let mut taken: Vec<(usize, u64, u64, &str)> = Vec::new();
    for lv in &group.lvs {
        for segment in &lv.segments {
            let (areas, each): (Vec<&Area>, u64) = match &segment.kind {
                Kind::Striped { areas, .. } => {
                    let legs = int::u64_of(areas.len()).max(1);
                    (areas.iter().collect(), segment.count.div_ceil(legs))
                }
                Kind::Mirror(areas) => (areas.iter().collect(), segment.count),
                _ => continue,
            };
            for area in areas {
                if let Some(pv) = group.pv_names.get(&area.name) {
                    let end = area.extent.saturating_add(each);
                    taken.push((*pv, area.extent, end, &lv.name));
                }
            }
        }
    }
    taken.sort_unstable();
    let pairs = taken.windows(2).filter_map(|pair| match pair {
        [a, b] if a.0 == b.0 && b.1 < a.2 => Some(b.3),
        _ => None,
    });
    pairs.take(16).collect()
}
