//! Chains of clusters.

use std::collections::BTreeMap;

use vmie_io::{Charge, ReadAt, int};

use super::format::FIRST_CLUSTER;
use super::open::Fat;
use crate::{Cause, Error, FsKind};

const STRUCTURE: &str = "FAT entry";

/// What a run costs in memory: in the list and in the index.
const RUN_COST: u64 = 96;
/// Runs that are charged at a time.
const RUNS_PER_CHARGE: usize = 64;

/// What an entry of the FAT says of the cluster after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Cluster(u32),
    End,
}

/// Clusters of a file that follow each other on the volume.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// First cluster within the file.
    pub(super) first: u32,
    pub(super) cluster: u32,
    pub(super) len: u32,
}

/// The chain of one file or directory, followed as far as somebody asked. No cluster can be in it
/// twice, so following it ends.
#[derive(Debug)]
pub(super) struct Chain {
    runs: Vec<Run>,
    /// By their first cluster: their length.
    index: BTreeMap<u32, u32>,
    /// Clusters seen so far.
    len: u32,
    /// The cluster that comes next, when the end has not been seen.
    next: Option<u32>,
    charges: Vec<Charge>,
}

impl Chain {
    /// The chain that starts with `first`.
    pub(super) fn new(fat: &Fat, first: u32) -> Result<Self, Error> {
        if !fat.geometry.has_cluster(first) {
            return Err(Error::new(Cause::OutOfRange)
                .in_structure("FAT directory entry")
                .field("DIR_FstClus")
                .found(first));
        }
        Ok(Self {
            runs: Vec::new(),
            index: BTreeMap::new(),
            len: 0,
            next: Some(first),
            charges: Vec::new(),
        })
    }

    /// The run that holds cluster `index` of the file; `None` when the chain ends before it.
    pub(super) fn run(&mut self, fat: &Fat, index: u32) -> Result<Option<Run>, Error> {
        while self.len <= index {
            let Some(cluster) = self.next else {
                return Ok(None);
            };
            self.push(fat, cluster)?;
            self.next = match next(fat, cluster)? {
                Next::Cluster(cluster) => Some(cluster),
                Next::End => None,
            };
        }
        let after = self.runs.partition_point(|run| run.first <= index);
        Ok(after.checked_sub(1).and_then(|i| self.runs.get(i)).copied())
    }

    fn push(&mut self, fat: &Fat, cluster: u32) -> Result<(), Error> {
        fat.budget.work("chain of clusters", 1)?;
        let seen = self
            .index
            .range(..=cluster)
            .next_back()
            .is_some_and(|(start, len)| cluster.saturating_sub(*start) < *len);
        if seen {
            return Err(Error::new(Cause::Cycle)
                .at(STRUCTURE, entry_offset(fat, cluster))
                .field("cluster")
                .found(cluster));
        }
        match self.runs.last_mut() {
            Some(run) if run.cluster.saturating_add(run.len) == cluster => {
                run.len = run.len.saturating_add(1);
                self.index.insert(run.cluster, run.len);
            }
            _ => {
                if self.runs.len().is_multiple_of(RUNS_PER_CHARGE) {
                    let cost = RUN_COST.saturating_mul(int::u64_of(RUNS_PER_CHARGE));
                    let charge = fat.budget.memory("chain of clusters", cost)?;
                    self.charges.push(charge);
                }
                self.runs.push(Run {
                    first: self.len,
                    cluster,
                    len: 1,
                });
                self.index.insert(cluster, 1);
            }
        }
        self.len = self.len.saturating_add(1);
        Ok(())
    }
}

/// Where the entry of a cluster starts, in bytes.
fn entry_offset(fat: &Fat, cluster: u32) -> u64 {
    let number = u64::from(cluster);
    let within = match fat.geometry.kind {
        FsKind::Fat12 => number.saturating_add(number / 2),
        FsKind::Fat16 => number.saturating_mul(2),
        _ => number.saturating_mul(4),
    };
    fat.geometry.fat.saturating_add(within)
}

/// The raw entry of a cluster, as wide as the FAT has them.
pub(super) fn entry(fat: &Fat, cluster: u32) -> Result<u32, Error> {
    let at = entry_offset(fat, cluster);
    let mut bytes = [0; 4];
    let width = if fat.geometry.kind == FsKind::Fat32 {
        4
    } else {
        2
    };
    fat.meta
        .read_exact_at(bytes.get_mut(..width).unwrap_or_default(), at)?;
    let value = u32::from_le_bytes(bytes);
    Ok(match fat.geometry.kind {
        FsKind::Fat12 if cluster.is_multiple_of(2) => value & 0xfff,
        FsKind::Fat12 => value >> 4,
        FsKind::Fat16 => value,
        // The upper four bits are reserved.
        _ => value & 0x0fff_ffff,
    })
}

fn next(fat: &Fat, cluster: u32) -> Result<Next, Error> {
    let value = entry(fat, cluster)?;
    if fat.geometry.has_cluster(value) {
        return Ok(Next::Cluster(value));
    }
    let end = match fat.geometry.kind {
        FsKind::Fat12 => 0xff8,
        FsKind::Fat16 => 0xfff8,
        _ => 0x0fff_fff8,
    };
    if value >= end {
        return Ok(Next::End);
    }
    // Free (0), reserved (1), bad (one below the end marks), or past the last cluster.
    let cause = match value {
        0..FIRST_CLUSTER => Cause::BrokenChain,
        _ if value == end.saturating_sub(1) => Cause::BrokenChain,
        _ => Cause::OutOfRange,
    };
    Err(Error::new(cause)
        .at(STRUCTURE, entry_offset(fat, cluster))
        .field("next cluster")
        .found(value))
}
