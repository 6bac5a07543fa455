//! Formats whose tables stand before their blocks: the table says which block comes by when.

use std::sync::Arc;

use vmie_io::{Budget, Charge, ExtentKind, ReadAt, int};

use super::held::Held;
use super::{End, Part, Start};
use crate::{Cause, DiskImage, Error, OpenOptions, error_of, vhd};

/// Bytes of the largest piece.
const PIECE: u64 = 1 << 20;

/// Where the blocks of a disk lie in its file.
#[derive(Debug)]
pub(crate) struct Places {
    runs: Vec<Run>,
    budget: Budget,
    charges: Vec<Charge>,
}

/// Blocks that lie one after the other, on the disk and in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Run {
    /// First byte in the file, and the one after the last.
    file: (u64, u64),
    /// The same on the disk.
    disk: (u64, u64),
}

/// Runs that are charged for together.
const CHARGED: usize = 1024;
/// Bytes of a run in memory, and of the second one that sorting and growing may take.
const RUN_COST: u64 = 64;

impl Places {
    pub(crate) fn new(budget: &Budget) -> Self {
        Self {
            runs: Vec::new(),
            budget: budget.clone(),
            charges: Vec::new(),
        }
    }

    /// Adds a block: where it lies in the file and on the disk, each from and to.
    pub(crate) fn add(&mut self, file: (u64, u64), disk: (u64, u64)) -> Result<(), Error> {
        if let Some(last) = self.runs.last_mut()
            && last.file.1 == file.0
            && last.disk.1 == disk.0
        {
            last.file.1 = file.1;
            last.disk.1 = disk.1;
            return Ok(());
        }
        if self.runs.len().is_multiple_of(CHARGED) {
            let cost = int::u64_of(CHARGED).saturating_mul(RUN_COST);
            self.charges
                .push(self.budget.memory("order of blocks", cost)?);
        }
        self.runs.push(Run { file, disk });
        Ok(())
    }
}

/// The stream as a source to open.
fn source(held: &Arc<Held>) -> Arc<dyn ReadAt> {
    Arc::<Held>::clone(held)
}

/// A disk whose blocks come by in the order of the file.
pub(super) struct Placed {
    disk: Box<dyn DiskImage>,
    held: Arc<Held>,
    places: Places,
    /// What is looked at next: first the parts without data, then the runs.
    at: u64,
    run: usize,
    done: u64,
    buf: Vec<u8>,
    vhd: Option<vhd::StartFooter>,
    _charge: Charge,
}

impl Placed {
    pub(super) fn vhd(
        held: Arc<Held>,
        options: &OpenOptions,
        budget: &Budget,
    ) -> Result<Self, Error> {
        let (disk, footer) = vhd::open_start(source(&held), options)?;
        let places = disk.places(budget)?;
        Self::new(Box::new(disk), held, places, Some(footer), budget)
    }

    #[cfg(feature = "vhdx")]
    pub(super) fn vhdx(
        held: Arc<Held>,
        options: &OpenOptions,
        budget: &Budget,
    ) -> Result<Self, Error> {
        let disk = crate::vhdx::open(source(&held), options)?;
        let places = disk.places(budget)?;
        Self::new(Box::new(disk), held, places, None, budget)
    }

    #[cfg(feature = "vdi")]
    pub(super) fn vdi(
        held: Arc<Held>,
        options: &OpenOptions,
        budget: &Budget,
    ) -> Result<Self, Error> {
        let disk = crate::vdi::open(source(&held), options)?;
        let places = disk.places(budget)?;
        Self::new(Box::new(disk), held, places, None, budget)
    }

    fn new(
        disk: Box<dyn DiskImage>,
        held: Arc<Held>,
        mut places: Places,
        vhd: Option<vhd::StartFooter>,
        budget: &Budget,
    ) -> Result<Self, Error> {
        // The parent's data would have to come between the child's.
        if let Some(parent) = disk.info().references.first() {
            return Err(Error::new(Cause::NotStreamable)
                .in_structure("differencing disk")
                .field("parent")
                .found(parent.name.as_str()));
        }
        places.runs.sort_unstable();
        let (buf, charge) = budget.buffer("piece of the disk", PIECE)?;
        held.seal();
        Ok(Self {
            disk,
            held,
            places,
            at: 0,
            run: 0,
            done: 0,
            buf,
            vhd,
            _charge: charge,
        })
    }

    pub(super) fn start(&self) -> Start {
        let info = self.disk.info();
        Start {
            format: Some(info.format),
            variant: info.variant,
            virtual_size: Some(info.virtual_size),
            block_size: info.block_size,
            ..Start::default()
        }
    }

    pub(super) fn next(&mut self) -> Result<Option<Part>, Error> {
        while self.at < self.disk.len() {
            let extent = self.disk.next_extent(self.at).map_err(error_of)?;
            if extent.len == 0 {
                break;
            }
            self.at = extent.end();
            if extent.kind != ExtentKind::Data {
                return Ok(Some(Part {
                    offset: extent.start,
                    len: extent.len,
                    kind: extent.kind,
                }));
            }
        }
        while let Some(run) = self.places.runs.get(self.run) {
            let offset = run.disk.0.saturating_add(self.done);
            let left = run.disk.1.min(self.disk.len()).saturating_sub(offset);
            if left == 0 {
                self.run = self.run.saturating_add(1);
                self.done = 0;
                continue;
            }
            let len = left.min(PIECE);
            self.done = self.done.saturating_add(len);
            let data = self.buf.get_mut(..int::usize_of(len)).unwrap_or_default();
            self.disk.read_exact_at(data, offset).map_err(error_of)?;
            return Ok(Some(Part {
                offset,
                len,
                kind: ExtentKind::Data,
            }));
        }
        Ok(None)
    }

    /// The bytes of what came last are the first ones.
    pub(super) fn buf(&self) -> &[u8] {
        &self.buf
    }

    pub(super) fn finish(&self) -> Result<End, Error> {
        let (last, len) = self.held.drain()?;
        if let Some(start) = &self.vhd {
            start.agrees(&last, len)?;
        }
        let info = self.disk.info();
        Ok(End {
            format: info.format,
            variant: info.variant,
            virtual_size: info.virtual_size,
            fault: None,
        })
    }
}
