//! Putting an array together of its members.

use std::sync::Arc;

use super::format::{RAID0_ALT_MULTIZONE_LAYOUT, RAID0_ORIG_LAYOUT};
use super::{Level, Member};
use crate::mapped::{Leg, Map, Mapped, Misfit, Source};
use crate::{Cause, Error};

const ARRAY: &str = "md array";
const SUPERBLOCK: &str = "md superblock";

/// What became of an array.
pub(crate) struct Array {
    pub(crate) level: Level,
    /// Its bytes, or why they cannot be had.
    pub(crate) source: Result<Source, Error>,
    /// What is odd about members, by their places in what was given.
    pub(crate) notes: Vec<(usize, Error)>,
}

/// Puts an array together; all members have the same UUID.
pub(crate) fn assemble(members: &[(Member, Source)]) -> Array {
    let newest = members.iter().max_by_key(|(member, _)| member.events);
    let Some((newest, _)) = newest else {
        return Array {
            level: Level::Other(u32::MAX),
            source: Err(Error::new(Cause::MdMissing).in_structure(ARRAY)),
            notes: Vec::new(),
        };
    };
    let mut notes = Vec::new();
    let roles = by_role(members, newest, &mut notes);
    let source = match newest.level {
        _ if newest.reshaping => Err(error(newest, Cause::MdReshape)),
        Level::Raid1 => mirror(newest, &roles),
        Level::Linear => all(newest, &roles).and_then(|members| linear(newest, &members)),
        Level::Raid0 => all(newest, &roles).and_then(|members| striped(newest, &members)),
        Level::Other(_) => Err(error(newest, Cause::MdLevel)
            .field("level")
            .found(newest.level.name())),
    };
    Array {
        level: newest.level,
        source,
        notes,
    }
}

fn error(member: &Member, cause: Cause) -> Error {
    Error::new(cause).at(SUPERBLOCK, member.offset)
}

type Roles<'m> = Vec<(u32, &'m Member, &'m Source)>;

/// The members that take part, each role once, in the order of roles.
fn by_role<'m>(
    members: &'m [(Member, Source)],
    newest: &Member,
    notes: &mut Vec<(usize, Error)>,
) -> Roles<'m> {
    let mut roles: Roles<'m> = Vec::new();
    for (index, (member, source)) in members.iter().enumerate() {
        if member.role >= newest.raid_disks || !member.in_sync {
            // A spare, or a copy that is not whole.
            continue;
        }
        // Members that are stopped at the same moment may differ by one.
        if member.events.saturating_add(1) < newest.events {
            let fault = error(member, Cause::MdStale);
            notes.push((index, fault.field("events").found(member.events)));
            continue;
        }
        match roles.iter_mut().find(|(role, ..)| *role == member.role) {
            None => roles.push((member.role, member, source)),
            Some(other) => {
                let fault = error(member, Cause::MdDuplicate);
                notes.push((index, fault.field("dev_roles").found(member.role)));
                if member.events > other.1.events {
                    *other = (member.role, member, source);
                }
            }
        }
    }
    roles.sort_by_key(|(role, member, _)| (u64::MAX.saturating_sub(member.events), *role));
    roles
}

/// Every role once, in order; a level without copies needs them all.
fn all<'m>(newest: &Member, roles: &Roles<'m>) -> Result<Roles<'m>, Error> {
    let mut found: Roles<'m> = Vec::new();
    for role in 0..newest.raid_disks {
        match roles.iter().find(|(own, ..)| *own == role) {
            Some(member) => found.push(*member),
            None => {
                return Err(error(newest, Cause::MdMissing)
                    .field("dev_roles")
                    .found(role));
            }
        }
    }
    if found.is_empty() {
        return Err(error(newest, Cause::MdValue)
            .field("raid_disks")
            .found(0u64));
    }
    Ok(found)
}

fn misfit(newest: &Member, misfit: Misfit) -> Error {
    match misfit {
        Misfit::Empty => error(newest, Cause::MdValue)
            .field("size")
            .found(newest.size),
        Misfit::Outside => error(newest, Cause::MdMember).field("data_size"),
    }
}

fn finish(newest: &Member, mapped: Mapped) -> Result<Source, Error> {
    if vmie_io::ReadAt::is_empty(&mapped) {
        return Err(misfit(newest, Misfit::Empty));
    }
    Ok(Arc::new(mapped))
}

fn leg(member: &Member, source: &Source) -> Leg {
    Leg::new(Arc::clone(source), member.data_offset)
}

/// RAID1: any copy will do, the newest first.
fn mirror(newest: &Member, roles: &Roles<'_>) -> Result<Source, Error> {
    let long_enough = |member: &Member, source: &Source| {
        let end = member.data_offset.checked_add(newest.size);
        end.is_some_and(|end| end <= source.len())
    };
    let legs: Vec<Leg> = roles
        .iter()
        .filter(|(_, member, source)| long_enough(member, source))
        .map(|(_, member, source)| leg(member, source))
        .collect();
    if legs.is_empty() && !roles.is_empty() {
        return Err(misfit(newest, Misfit::Outside));
    }
    if legs.is_empty() {
        return Err(error(newest, Cause::MdMissing).field("dev_roles"));
    }
    let mut mapped = Mapped::default();
    mapped
        .push(newest.size, Map::Mirror(legs))
        .map_err(|found| misfit(newest, found))?;
    finish(newest, mapped)
}

/// Bytes of a member that hold whole chunks.
fn used(member: &Member, chunk: u64) -> u64 {
    let rest = member.data_size.checked_rem(chunk).unwrap_or(0);
    member.data_size.saturating_sub(rest)
}

fn linear(newest: &Member, members: &Roles<'_>) -> Result<Source, Error> {
    let mut mapped = Mapped::default();
    for (_, member, source) in members {
        let len = used(member, newest.chunk);
        mapped
            .push(len, Map::Linear(leg(member, source)))
            .map_err(|found| misfit(newest, found))?;
    }
    finish(newest, mapped)
}

/// RAID0: as many chunks as the shortest member has over all of them, then over those that are
/// longer, and so on: each of these zones is a stripe of its own.
fn striped(newest: &Member, members: &Roles<'_>) -> Result<Source, Error> {
    let chunk = newest.chunk;
    if chunk == 0 {
        return Err(error(newest, Cause::MdValue).field("chunksize").found(0u64));
    }
    let mut mapped = Mapped::default();
    let mut done = 0u64;
    loop {
        let longer: Roles<'_> = members
            .iter()
            .filter(|(_, member, _)| used(member, chunk) > done)
            .copied()
            .collect();
        let Some(next) = longer.iter().map(|(_, m, _)| used(m, chunk)).min() else {
            break;
        };
        let count = vmie_io::int::u64_of(longer.len());
        let rows = next.saturating_sub(done);
        let len = rows.checked_mul(count);
        let len = len.ok_or_else(|| misfit(newest, Misfit::Empty))?;
        let start = vmie_io::ReadAt::len(&mapped);
        let legs = longer.iter().map(|(_, member, source)| {
            let offset = member.data_offset.saturating_add(done);
            Leg::new(Arc::clone(source), offset)
        });
        let legs = legs.collect();
        // In a later zone the older layout goes on counting chunks from the start of the array.
        let first = match newest.layout {
            _ if start == 0 || count == 1 => 0,
            Some(RAID0_ALT_MULTIZONE_LAYOUT) => 0,
            Some(RAID0_ORIG_LAYOUT) => start.checked_div(chunk).unwrap_or(0),
            _ => return Err(error(newest, Cause::MdLayout).field("layout")),
        };
        let map = Map::Striped { legs, chunk, first };
        mapped
            .push(len, map)
            .map_err(|found| misfit(newest, found))?;
        done = next;
    }
    finish(newest, mapped)
}
