//! Where lvm2 says that the extents of a volume are.

use std::collections::BTreeMap;

use super::lvm::Lvm;
use super::{Disks, disk_of};
use crate::Result;

/// A segment of a volume: its first byte, its length, the bytes of a stripe, and the legs.
struct Segment {
    start: u64,
    len: u64,
    stripe: u64,
    /// A disk or another volume, and the first byte there.
    legs: Vec<(String, u64)>,
}

/// All volumes of a group, hidden ones, too.
pub(super) struct Places {
    volumes: BTreeMap<String, Vec<Segment>>,
    /// By device: the number of the disk, and where its first extent is.
    disks: BTreeMap<String, (usize, u64)>,
}

impl Places {
    pub(super) fn read(lvm: &Lvm, disks: &Disks, group: &str) -> Result<Self> {
        let mut starts = BTreeMap::new();
        for row in lvm.report("pvs", "pv_name,pe_start", &[])? {
            let field = |name: &str| row[name].as_str().unwrap_or_default();
            if let Some(disk) = disk_of(disks, field("pv_name")) {
                starts.insert(
                    field("pv_name").to_owned(),
                    (disk, field("pe_start").parse()?),
                );
            }
        }
        let mut volumes: BTreeMap<String, Vec<Segment>> = BTreeMap::new();
        let fields = "lv_name,vg_extent_size,seg_start,seg_size,stripe_size,seg_pe_ranges";
        for row in lvm.report("lvs", fields, &["-a", "--segments", group])? {
            let field = |name: &str| row[name].as_str().unwrap_or_default();
            let extent: u64 = field("vg_extent_size").parse()?;
            let mut legs = Vec::new();
            for range in field("seg_pe_ranges").split(' ') {
                let (on, extents) = range.rsplit_once(':').ok_or_else(|| format!("{range}?"))?;
                let first = extents.split('-').next().unwrap_or_default();
                legs.push((on.to_owned(), first.parse::<u64>()? * extent));
            }
            let name = field("lv_name").trim_matches(['[', ']']).to_owned();
            volumes.entry(name).or_default().push(Segment {
                start: field("seg_start").parse()?,
                len: field("seg_size").parse()?,
                stripe: field("stripe_size").parse()?,
                legs,
            });
        }
        Ok(Self {
            volumes,
            disks: starts,
        })
    }

    /// Bytes of a volume.
    pub(super) fn len(&self, name: &str) -> Result<u64> {
        let segments = self.volumes.get(name).ok_or("lvs does not list it")?;
        Ok(segments.iter().map(|segment| segment.len).sum())
    }

    /// The disk and the byte on it that a byte of a volume is.
    pub(super) fn find(&self, name: &str, at: u64) -> Result<(usize, u64)> {
        let segments = self
            .volumes
            .get(name)
            .ok_or_else(|| format!("there is no {name}"))?;
        let segment = segments
            .iter()
            .find(|segment| (segment.start..segment.start + segment.len).contains(&at))
            .ok_or_else(|| format!("{name} has no byte {at}"))?;
        let within = at - segment.start;
        let legs = segment.legs.len() as u64;
        let (leg, offset) = if legs == 1 {
            (0, within)
        } else {
            let (chunk, rest) = (within / segment.stripe, within % segment.stripe);
            (chunk % legs, chunk / legs * segment.stripe + rest)
        };
        let (on, first) = &segment.legs[leg as usize];
        match self.disks.get(on) {
            Some((disk, start)) => Ok((*disk, start + first + offset)),
            None => self.find(on, first + offset),
        }
    }
}
