//! The content of files.

use vmie_io::{Extent, ExtentKind, int};

use super::inode::Inode;
use super::open::Jfs;
use super::tree::{self, Map};
use crate::{Error, FileRead};

/// A file that is open.
pub(super) struct JfsFile<'a> {
    jfs: &'a Jfs,
    size: u64,
    map: Map,
}

impl<'a> JfsFile<'a> {
    pub(super) fn new(jfs: &'a Jfs, inode: &Inode) -> Self {
        Self {
            jfs,
            size: inode.metadata.size,
            map: inode.map(),
        }
    }
}

impl FileRead for JfsFile<'_> {
    fn len(&self) -> u64 {
        self.size
    }

    fn read_at(&mut self, buf: &mut [u8], offset: u64) -> Result<usize, Error> {
        let len = int::min_usize(self.size.saturating_sub(offset), buf.len());
        let buf = buf.get_mut(..len).unwrap_or_default();
        tree::read(self.jfs, &mut self.map, buf, offset)?;
        Ok(len)
    }

    fn next_extent(&mut self, offset: u64) -> Result<Extent, Error> {
        let rest = self.size.saturating_sub(offset);
        if rest == 0 {
            return Ok(Extent::new(ExtentKind::Data, offset, 0));
        }
        let run = self.map.run(self.jfs, offset >> self.jfs.block_log)?;
        let kind = match run.block {
            Some(_) => ExtentKind::Data,
            None => ExtentKind::Hole,
        };
        let within = offset.saturating_sub(run.first << self.jfs.block_log);
        let len = run.len.saturating_mul(1 << self.jfs.block_log);
        Ok(Extent::new(
            kind,
            offset,
            len.saturating_sub(within).min(rest),
        ))
    }
}
