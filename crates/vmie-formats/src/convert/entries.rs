//! Small blocks, of which one piece of the disk has several and no two pieces have the same.

use crate::Error;

/// Blocks of a piece at the most: those of 4 KiB in a piece of 1 MiB, and one more where the piece
/// begins within a block.
const MOST: u64 = 257;

/// What a format with small blocks does for them.
pub(crate) trait SmallBlocks: Sync {
    /// A place in the file for the next block.
    ///
    /// # Errors
    /// When the file would pass what the format can have.
    fn allocate(&self) -> Result<u64, Error>;

    /// Notes where blocks are, from number `first` on; zero where there is none.
    ///
    /// # Errors
    /// When it cannot be written.
    fn note(&self, first: u64, places: &[u64]) -> Result<(), Error>;
}

/// Places the blocks of one piece and notes them together.
pub(crate) struct Entries<B> {
    blocks: B,
    first: u64,
    places: Vec<u64>,
}

impl<B: SmallBlocks> Entries<B> {
    pub(crate) fn new(blocks: B) -> Self {
        Self {
            blocks,
            first: 0,
            places: Vec::new(),
        }
    }
}

impl<B: SmallBlocks> super::Placer for Entries<B> {
    fn place(&mut self, block: u64) -> Result<u64, Error> {
        if self.places.is_empty() {
            self.first = block;
        }
        let index = block.saturating_sub(self.first).min(MOST);
        let index = vmie_io::int::usize_of(index);
        if self.places.len() <= index {
            self.places.resize(index.saturating_add(1), 0);
        }
        match self.places.get_mut(index) {
            Some(place) => {
                if *place == 0 {
                    *place = self.blocks.allocate()?;
                }
                Ok(*place)
            }
            None => self.blocks.allocate(),
        }
    }

    fn done(&mut self) -> Result<(), Error> {
        if self.places.is_empty() {
            return Ok(());
        }
        self.blocks.note(self.first, &self.places)?;
        self.places.clear();
        Ok(())
    }
}
