//! From records to transactions: operations carry regions, regions make items, and a transaction is
//! what its items say once its commit is there.

use std::collections::HashMap;

use vmie_io::{Budget, Charge, int};
use zerocopy::FromBytes;

use super::format::{
    OpFlags, OpHeader, TRANS_HEADER_LEN, XFS_LOG, XFS_TRANS_HEADER_MAGIC, XFS_TRANSACTION,
};
use super::ring::{Active, Record, Ring};
use crate::{Cause, Error};

/// What a region costs besides its bytes.
const REGION_COST: u64 = 64;

/// One thing that was logged: a description, and the bytes it is about.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) regions: Vec<Vec<u8>>,
    /// How many regions there are in all.
    total: usize,
}

impl Item {
    /// A region; empty when there is none.
    pub(super) fn region(&self, index: usize) -> &[u8] {
        self.regions.get(index).map_or(&[], Vec::as_slice)
    }

    pub(super) fn kind(&self) -> u16 {
        self.region(0)
            .first_chunk()
            .map_or(0, |kind| u16::from_le_bytes(*kind))
    }
}

/// What was changed at once.
#[derive(Debug)]
pub(super) struct Transaction {
    /// Where in the log it started: newer ones have greater numbers.
    pub(super) lsn: u64,
    pub(super) items: Vec<Item>,
    header: Vec<u8>,
    charges: Vec<Charge>,
}

/// Gives every transaction that was committed, in the order of their commits, and where in the volume
/// the record with the commit is.
pub(super) fn committed(
    ring: &Ring<'_>,
    active: &Active,
    budget: &Budget,
    visit: &mut dyn FnMut(Transaction, u64) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut open = HashMap::new();
    let mut place = active.tail;
    while place != active.head {
        let record = ring.record(place)?;
        if record.blocks > ring.distance(place, active.head) {
            let len = record.header.h_len.get().into();
            return Err(ring.error(Cause::Journal, place, "h_len", len));
        }
        let data = ring.data(&record)?;
        let mut operations = Operations {
            ring,
            record: &record,
            budget,
            open: &mut open,
        };
        operations.run(&data, visit)?;
        place = ring.after(place, record.blocks);
    }
    Ok(())
}

struct Operations<'a> {
    ring: &'a Ring<'a>,
    record: &'a Record,
    budget: &'a Budget,
    /// Transactions that have started, by their numbers.
    open: &'a mut HashMap<u32, Transaction>,
}

impl Operations<'_> {
    fn run(
        &mut self,
        data: &[u8],
        visit: &mut dyn FnMut(Transaction, u64) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut rest = data;
        for _ in 0..self.record.header.h_num_logops.get() {
            self.budget.work("log", 1)?;
            let (op, after) = OpHeader::read_from_prefix(rest)
                .map_err(|_| self.error("h_num_logops", self.record.header.h_num_logops.get()))?;
            if ![XFS_TRANSACTION, XFS_LOG].contains(&op.oh_clientid) {
                return Err(self.error("oh_clientid", op.oh_clientid.into()));
            }
            let len = op.oh_len.get();
            let (region, after) = after
                .split_at_checked(int::usize_of(len.into()))
                .ok_or_else(|| self.error("oh_len", len))?;
            rest = after;
            if let Some(done) = self.operation(&op, region)? {
                visit(done, self.ring.byte(self.record.place))?;
            }
        }
        Ok(())
    }

    /// Takes in one operation; gives the transaction back when it is committed.
    fn operation(&mut self, op: &OpHeader, region: &[u8]) -> Result<Option<Transaction>, Error> {
        let tid = op.oh_tid.get();
        let flags = OpFlags::from_bits_retain(op.oh_flags);
        if !self.open.contains_key(&tid) {
            // What belongs to nothing is left over from before the tail.
            if flags.contains(OpFlags::START_TRANS) {
                self.open.insert(
                    tid,
                    Transaction {
                        lsn: self.record.header.h_lsn.get(),
                        items: Vec::new(),
                        header: Vec::new(),
                        charges: Vec::new(),
                    },
                );
            }
            return Ok(None);
        }
        if flags.intersects(OpFlags::COMMIT_TRANS | OpFlags::UNMOUNT_TRANS) {
            let done = self.open.remove(&tid);
            return Ok(done.filter(|_| flags.contains(OpFlags::COMMIT_TRANS)));
        }
        let cost = int::u64_of(region.len()).saturating_add(REGION_COST);
        let charge = self.budget.memory("log transaction", cost)?;
        let continued = flags.contains(OpFlags::WAS_CONT_TRANS);
        let error = self.error("oh_len", op.oh_len.get());
        if let Some(transaction) = self.open.get_mut(&tid) {
            transaction.charges.push(charge);
            transaction.take(region, continued).ok_or(error)?;
        }
        Ok(None)
    }

    fn error(&self, field: &'static str, found: u32) -> Error {
        self.ring
            .error(Cause::Journal, self.record.place, field, found.into())
    }
}

impl Transaction {
    /// Adds a region, or goes on with the last one; `None` when it does not fit.
    fn take(&mut self, region: &[u8], continued: bool) -> Option<()> {
        if self.header.len() < TRANS_HEADER_LEN {
            self.header.extend_from_slice(region);
            let magic = self.header.first_chunk().map(|m| u32::from_le_bytes(*m));
            let fits = self.header.len() <= TRANS_HEADER_LEN
                && magic.is_none_or(|magic| magic == XFS_TRANS_HEADER_MAGIC);
            return fits.then_some(());
        }
        if continued {
            let last = self.items.last_mut()?.regions.last_mut()?;
            last.extend_from_slice(region);
            return Some(());
        }
        if region.is_empty() {
            return Some(());
        }
        match self.items.last_mut() {
            Some(item) if item.regions.len() < item.total => item.regions.push(region.to_vec()),
            _ => {
                // Every description starts with a type and the number of regions.
                let [_, _, low, high, ..] = region else {
                    return None;
                };
                let total = usize::from(u16::from_le_bytes([*low, *high]));
                if total == 0 {
                    return None;
                }
                self.items.push(Item {
                    regions: vec![region.to_vec()],
                    total,
                });
            }
        }
        Some(())
    }
}
