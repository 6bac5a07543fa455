//! The log: what was committed and not yet written to its place, shown in its place.

mod format;
mod inode;
mod intent;
mod replay;
mod ring;
mod stamps;
mod transaction;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use vmie_io::{Budget, Charge, Overlay, ReadAt};

pub(super) use self::intent::Change;
use self::replay::{Cancelled, Replay};
use self::ring::Ring;
use super::checksum;
use super::geometry::Geometry;
use crate::Error;

/// What came of looking at the log.
pub(super) enum Outcome {
    /// Nothing waits to be replayed.
    Clean,
    /// The log is on another device.
    Elsewhere,
    /// The volume as it is after everything committed has been written to its place.
    Replayed(Arc<dyn ReadAt>, Recovered),
}

/// What is to be known about a volume whose log was replayed.
#[derive(Debug, Default)]
pub(super) struct Recovered {
    /// Sectors of 512 bytes whose content came out of the log in part.
    sectors: BTreeSet<u64>,
    /// Changes of files' maps that are still to be made.
    pub(super) changes: HashMap<u64, Vec<Change>>,
    /// Files about which the log says that they were about to change, and not how.
    pub(super) unfinished: HashSet<u64>,
    charges: Vec<Charge>,
}

/// What a sector costs in its set, at the worst.
const SECTOR_COST: u64 = 24;

impl Recovered {
    fn add(&mut self, at: u64, len: u64, budget: &Budget) -> Result<(), Error> {
        let sectors = at >> 9..at.saturating_add(len) >> 9;
        let cost = len.saturating_mul(SECTOR_COST) >> 9;
        self.charges.push(budget.memory("log", cost)?);
        self.sectors.extend(sectors);
        Ok(())
    }

    /// Whether any of these bytes came out of the log.
    pub(super) fn touches(&self, at: u64, len: u64) -> bool {
        let end = at.saturating_add(len).saturating_add(511) >> 9;
        self.sectors
            .range(at >> 9..end.max(at >> 9))
            .next()
            .is_some()
    }
}

/// Looks at the log and replays what waits in it. The volume itself is not touched.
///
/// Two passes, since a buffer that was freed later must not be replayed: what it was about may be
/// file content by now.
pub(super) fn recover(
    volume: &Arc<dyn ReadAt>,
    geometry: &Geometry,
    budget: &Budget,
) -> Result<Outcome, Error> {
    let Some(ring) = Ring::new(&**volume, geometry, budget)? else {
        return Ok(Outcome::Elsewhere);
    };
    let Some(active) = ring.active()? else {
        return Ok(Outcome::Clean);
    };
    let mut cancelled = Cancelled::default();
    transaction::committed(&ring, &active, budget, &mut |transaction, _| {
        cancelled.note(&transaction, budget)
    })?;
    let mut replay = Replay {
        geometry,
        overlay: Overlay::new(Arc::clone(volume), budget.clone()),
        budget,
        cancelled,
        intents: intent::Intents::default(),
        recovered: Recovered::default(),
    };
    transaction::committed(&ring, &active, budget, &mut |transaction, at| {
        replay.transaction(&transaction, at)
    })?;
    let Replay {
        overlay,
        intents,
        mut recovered,
        ..
    } = replay;
    (recovered.changes, recovered.unfinished) = intents.left();
    Ok(Outcome::Replayed(Arc::new(overlay), recovered))
}

/// Writes the right checksum to `offset` of a structure.
pub(super) fn stamp(bytes: &mut [u8], offset: usize) {
    let sum = checksum::of(bytes, offset);
    let end = offset.saturating_add(4);
    if let (Some(sum), Some(field)) = (sum, bytes.get_mut(offset..end)) {
        field.copy_from_slice(&sum.to_le_bytes());
    }
}
