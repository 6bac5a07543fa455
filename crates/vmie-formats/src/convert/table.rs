//! Large blocks, which several pieces of the disk share: a table in memory says where each is.

use std::sync::{Mutex, MutexGuard, PoisonError};

use vmie_io::int;

use super::{Words, numbers, put};
use crate::{Cause, Error};

/// Where blocks are in the file, and where the next one goes.
pub(crate) struct BlockTable {
    state: Mutex<State>,
}

struct State {
    places: Vec<u32>,
    next: u64,
}

impl BlockTable {
    /// No block is there yet; `free` marks such ones, and the first goes to `next`.
    pub(crate) fn new(blocks: u64, free: u32, next: u64) -> Self {
        Self {
            state: Mutex::new(State {
                places: vec![free; int::usize_of(blocks)],
                next,
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The entry of a block; one that is still `free` gets what `allocate` makes of the next place:
    /// the entry, and the place after it.
    pub(crate) fn entry(
        &self,
        block: u64,
        free: u32,
        allocate: impl FnOnce(u64) -> Result<(u32, u64), Error>,
    ) -> Result<u32, Error> {
        let mut state = self.state();
        let next = state.next;
        let Some(entry) = state.places.get_mut(int::usize_of(block)) else {
            return Err(Error::new(Cause::Write)
                .in_structure("block table")
                .found(block));
        };
        if *entry == free {
            let (made, after) = allocate(next)?;
            *entry = made;
            state.next = after;
            return Ok(made);
        }
        Ok(*entry)
    }

    /// Adds the table to a state.
    pub(crate) fn save(&self, out: &mut Vec<u8>) {
        let state = self.state();
        put(out, state.next);
        numbers(out, &state.places);
    }

    /// Becomes what was saved, and says the place after the last block.
    pub(crate) fn load(&self, saved: &mut Words<'_>) -> Option<u64> {
        let mut state = self.state();
        let next = saved.number()?;
        state.places = saved.numbers(state.places.len())?;
        state.next = next;
        Some(next)
    }

    /// The whole table, and the place after the last block.
    pub(crate) fn finish(&self) -> (Vec<u32>, u64) {
        let state = self.state();
        (state.places.clone(), state.next)
    }
}
