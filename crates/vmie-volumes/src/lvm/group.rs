//! A volume group, out of its description.

use std::collections::HashMap;

use vmie_io::{Budget, Charge, int};

use super::format::SECTOR;
use super::probe::Text;
use super::text::{self, Section, Value};
use crate::{Cause, Error};

const METADATA: &str = "LVM metadata";

/// A volume group.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) seqno: u64,
    pub(crate) exported: bool,
    /// Bytes of an extent.
    pub(crate) extent: u64,
    pub(crate) pvs: Vec<PvFacts>,
    pub(crate) lvs: Vec<LvFacts>,
    /// The places in the lists by the names that segments use.
    pub(crate) pv_names: HashMap<String, usize>,
    pub(crate) lv_names: HashMap<String, usize>,
    /// Where the description starts on its physical volume, for errors.
    pub(crate) start: u64,
    _charge: Charge,
}

/// A physical volume as its group knows it.
#[derive(Debug)]
pub(crate) struct PvFacts {
    pub(crate) id: String,
    /// The device that it was when the description was written: `/dev/sda2`.
    pub(crate) device: String,
    /// First byte of the first extent.
    pub(crate) start: u64,
    pub(crate) extents: u64,
}

/// A logical volume.
#[derive(Debug)]
pub(crate) struct LvFacts {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) visible: bool,
    /// The volume that it is a snapshot of: its own extents hold the differences.
    pub(crate) snapshot_of: Option<String>,
    pub(crate) segments: Vec<Segment>,
}

/// A run of extents of a logical volume.
#[derive(Debug)]
pub(crate) struct Segment {
    /// First extent, and how many.
    pub(crate) start: u64,
    pub(crate) count: u64,
    /// The kind's name in the description, without what is appended to it.
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

/// How a segment is read.
#[derive(Debug)]
pub(crate) enum Kind {
    /// Chunks of so many bytes by turns; one area is a linear segment.
    Striped { chunk: u64, areas: Vec<Area> },
    /// Copies.
    Mirror(Vec<Area>),
    /// Copies, each beside a volume of its state.
    Raid1(Vec<(Option<Area>, Area)>),
    /// Reads fail on purpose.
    Error,
    /// Reads give zeroes.
    Zero,
    /// Not read.
    Other,
}

/// A place on a physical or another logical volume.
#[derive(Clone, Debug)]
pub(crate) struct Area {
    pub(crate) name: String,
    pub(crate) extent: u64,
}

impl LvFacts {
    /// What it is, by the kind of its first segment: `linear`, `striped`, `raid1`, `thin` …
    pub(crate) fn layout(&self) -> &str {
        if self.snapshot_of.is_some() {
            return "snapshot";
        }
        match self.segments.first() {
            Some(Segment {
                kind: Kind::Striped { areas, .. },
                name,
                ..
            }) if name == "striped" && areas.len() == 1 => "linear",
            Some(segment) => &segment.name,
            None => "empty",
        }
    }
}

fn bad(at: u64, field: &'static str) -> Error {
    Error::new(Cause::LvmValue).at(METADATA, at).field(field)
}

/// Parses a description.
///
/// # Errors
/// [`Cause::LvmSyntax`], [`Cause::LvmValue`] or [`Cause::LvmSegments`] with what is wrong, and
/// [`Cause::Limit`].
pub(crate) fn parse(text: &Text, budget: &Budget) -> Result<Group, Error> {
    let lossy = String::from_utf8_lossy(&text.bytes);
    let nodes = int::u64_of(text::most_nodes(&lossy));
    // A node and its name, and what is made of it here.
    let charge = budget.memory(METADATA, nodes.saturating_mul(192))?;
    budget.work(METADATA, nodes)?;
    let root = text::parse(&lossy)
        .map_err(|at| Error::new(Cause::LvmSyntax).at(METADATA, text.offset(at)))?;
    let start = text.start;
    let (name, vg) = root
        .sections()
        .next()
        .ok_or_else(|| bad(start, "volume group"))?;
    let number = |field: &'static str| vg.number(field).ok_or_else(|| bad(start, field));
    let sectors = number("extent_size")?;
    let extent = sectors
        .checked_mul(SECTOR)
        .filter(|extent| *extent > 0)
        .ok_or_else(|| bad(start, "extent_size").found(sectors))?;
    let mut group = Group {
        name: name.to_owned(),
        id: vg.text("id").ok_or_else(|| bad(start, "id"))?.to_owned(),
        seqno: number("seqno")?,
        exported: vg.has_flag("status", "EXPORTED"),
        extent,
        pvs: Vec::new(),
        lvs: Vec::new(),
        pv_names: HashMap::new(),
        lv_names: HashMap::new(),
        start,
        _charge: charge,
    };
    for (name, pv) in vg
        .section("physical_volumes")
        .iter()
        .flat_map(|s| s.sections())
    {
        let facts = physical(pv, start)?;
        group.pv_names.insert(name.to_owned(), group.pvs.len());
        group.pvs.push(facts);
    }
    let volumes = vg.section("logical_volumes");
    for (name, lv) in volumes.iter().flat_map(|s| s.sections()) {
        let facts = logical(name, lv, start)?;
        group.lv_names.insert(name.to_owned(), group.lvs.len());
        group.lvs.push(facts);
    }
    for (name, lv) in volumes.iter().flat_map(|s| s.sections()) {
        snapshots(name, lv, &mut group);
    }
    Ok(group)
}

fn physical(pv: &Section<'_>, at: u64) -> Result<PvFacts, Error> {
    let start = pv.number("pe_start").and_then(|n| n.checked_mul(SECTOR));
    Ok(PvFacts {
        id: pv.text("id").ok_or_else(|| bad(at, "id"))?.to_owned(),
        device: pv.text("device").unwrap_or_default().to_owned(),
        start: start.ok_or_else(|| bad(at, "pe_start"))?,
        extents: pv.number("pe_count").ok_or_else(|| bad(at, "pe_count"))?,
    })
}

fn logical(name: &str, lv: &Section<'_>, at: u64) -> Result<LvFacts, Error> {
    let mut segments = Vec::new();
    for (key, section) in lv.sections() {
        if key.starts_with("segment") {
            segments.push(segment(section, at)?);
        }
    }
    segments.sort_by_key(|segment| segment.start);
    let count = lv.number("segment_count");
    if count.is_some_and(|count| count != int::u64_of(segments.len())) {
        return Err(bad(at, "segment_count").found(name));
    }
    Ok(LvFacts {
        name: name.to_owned(),
        id: lv.text("id").unwrap_or_default().to_owned(),
        visible: lv.has_flag("status", "VISIBLE"),
        snapshot_of: None,
        segments,
    })
}

fn segment(section: &Section<'_>, at: u64) -> Result<Segment, Error> {
    let number = |field: &'static str| section.number(field).ok_or_else(|| bad(at, field));
    let name = section.text("type").ok_or_else(|| bad(at, "type"))?;
    let name = name.split('+').next().unwrap_or(name);
    let chunk = || {
        let sectors = section.number("stripe_size").unwrap_or(0);
        let bytes = sectors.checked_mul(SECTOR);
        bytes.ok_or_else(|| bad(at, "stripe_size").found(sectors))
    };
    let kind = match name {
        "striped" | "linear" => {
            let areas = areas(section, "stripes", at)?;
            // A lone area is not cut into chunks.
            let chunk = match areas.len() {
                1 => u64::MAX,
                _ => chunk()?,
            };
            if chunk == 0 {
                return Err(bad(at, "stripe_size").found(0u64));
            }
            Kind::Striped { chunk, areas }
        }
        "raid0" | "raid0_meta" => {
            let areas: Vec<Area> = match section.list("raid0_lvs") {
                Some(names) => names_of(names, "raid0_lvs", at)?,
                None => raid_legs(section, at)?
                    .into_iter()
                    .map(|leg| leg.1)
                    .collect(),
            };
            let chunk = chunk()?;
            if chunk == 0 {
                return Err(bad(at, "stripe_size").found(0u64));
            }
            Kind::Striped { chunk, areas }
        }
        "mirror" => Kind::Mirror(areas(section, "mirrors", at)?),
        "raid1" => Kind::Raid1(raid_legs(section, at)?),
        "error" => Kind::Error,
        "zero" => Kind::Zero,
        _ => Kind::Other,
    };
    Ok(Segment {
        start: number("start_extent")?,
        count: number("extent_count")?,
        name: name.to_owned(),
        kind,
    })
}

/// A list of names and extents by turns.
fn areas(section: &Section<'_>, field: &'static str, at: u64) -> Result<Vec<Area>, Error> {
    let list = section.list(field).ok_or_else(|| bad(at, field))?;
    let pairs = list.chunks(2).map(|pair| match pair {
        [Value::Text(name), Value::Number(extent)] => Some(Area {
            name: name.clone().into_owned(),
            extent: *extent,
        }),
        _ => None,
    });
    let areas: Option<Vec<Area>> = pairs.collect();
    areas
        .filter(|areas| !areas.is_empty())
        .ok_or_else(|| bad(at, field))
}

fn names_of(list: &[Value<'_>], field: &'static str, at: u64) -> Result<Vec<Area>, Error> {
    let names = list.iter().map(|value| match value {
        Value::Text(name) => Some(Area {
            name: name.clone().into_owned(),
            extent: 0,
        }),
        _ => None,
    });
    let names: Option<Vec<Area>> = names.collect();
    names
        .filter(|names| !names.is_empty())
        .ok_or_else(|| bad(at, field))
}

/// The volumes of state and of data of a RAID's legs, by turns.
fn raid_legs(section: &Section<'_>, at: u64) -> Result<Vec<(Option<Area>, Area)>, Error> {
    let list = section.list("raids").ok_or_else(|| bad(at, "raids"))?;
    let names = names_of(list, "raids", at)?;
    // RAID0 with metadata says how many stripes it has, and the others how many devices.
    let legs = section
        .number("device_count")
        .or_else(|| section.number("stripe_count"));
    let with_state = legs.and_then(|n| n.checked_mul(2)) == Some(int::u64_of(names.len()));
    if !with_state {
        return Ok(names.into_iter().map(|data| (None, data)).collect());
    }
    let pairs = names.chunks_exact(2).map(|pair| match pair {
        [state, data] => Some((Some(state.clone()), data.clone())),
        _ => None,
    });
    let pairs: Option<Vec<_>> = pairs.collect();
    pairs.ok_or_else(|| bad(at, "raids"))
}

/// A segment of the kind snapshot says of another volume that it holds the differences to a third. The volume that
/// has the segment is only a place for it: people see the other, unless it is being merged.
fn snapshots(name: &str, lv: &Section<'_>, group: &mut Group) {
    for (_, segment) in lv.sections() {
        if segment.text("type") != Some("snapshot") {
            continue;
        }
        let store = segment.text("cow_store");
        let is_seen = store.is_some();
        let store = store.or(segment.text("merging_store"));
        let index = store.and_then(|store| group.lv_names.get(store).copied());
        if let Some(lv) = index.and_then(|index| group.lvs.get_mut(index)) {
            lv.snapshot_of = Some(segment.text("origin").unwrap_or_default().to_owned());
            lv.visible = is_seen;
            let place = group.lv_names.get(name).copied();
            if let Some(place) = place.and_then(|index| group.lvs.get_mut(index)) {
                place.visible = false;
            }
        }
    }
}
