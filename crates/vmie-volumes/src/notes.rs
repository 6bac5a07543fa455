//! Gathering what is odd about a table, without letting hostile input fill the memory.

use crate::{Cause, Error, Note};

/// How many notes a layout holds at most: enough for every partition of a real disk to be odd in
/// some way. The last says when there would have been more.
pub const MAX_NOTES: usize = 64;

/// The notes made so far.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    list: Vec<Note>,
}

impl Notes {
    pub(crate) fn push(&mut self, fault: Error) {
        let room = MAX_NOTES.saturating_sub(self.list.len());
        match room {
            0 => {}
            1 => self.list.push(Note {
                fault: Error::new(Cause::TooManyNotes),
            }),
            _ => self.list.push(Note { fault }),
        }
    }

    pub(crate) fn into_vec(self) -> Vec<Note> {
        self.list
    }
}
