//! The content of files.

use vmie_io::{Extent, ExtentKind, ReadAt, int};

use super::format::FORMAT_LOCAL;
use super::inode::{Fork, Inode};
use super::map::{Map, Run};
use super::open::Xfs;
use crate::{Cause, Error, FileRead};

/// A file that is open: its inode and what of its map has been looked up.
pub(super) struct XfsFile<'a> {
    xfs: &'a Xfs,
    inode: Inode,
    map: Map,
}

impl<'a> XfsFile<'a> {
    pub(super) fn new(xfs: &'a Xfs, inode: Inode) -> Result<Self, Error> {
        inode.readable(xfs)?;
        // Only directories, links and attributes are kept in an inode.
        if inode.data.format == FORMAT_LOCAL {
            let format = inode.data.format.into();
            return Err(inode.error(Cause::Value, "di_format", format));
        }
        Ok(Self {
            xfs,
            inode,
            map: Map::default(),
        })
    }

    /// The run at a byte, and how many bytes of it are before that byte.
    fn run(&mut self, offset: u64) -> Result<(Run, u64), Error> {
        let log = self.xfs.geometry.block_log;
        let block = offset >> log;
        let run = self
            .map
            .run(self.xfs, &self.inode, &self.inode.data, block)?;
        Ok((run, offset.saturating_sub(block << log)))
    }

    /// How many bytes of a run follow the first `within`.
    fn bytes_of(&self, run: Run, within: u64) -> u64 {
        let size = self.xfs.geometry.block_size();
        run.len.saturating_mul(size).saturating_sub(within)
    }
}

impl FileRead for XfsFile<'_> {
    fn len(&self) -> u64 {
        self.inode.metadata.size
    }

    fn read_at(&mut self, buf: &mut [u8], offset: u64) -> Result<usize, Error> {
        let len = int::min_usize(self.len().saturating_sub(offset), buf.len());
        let buf = buf.get_mut(..len).unwrap_or_default();
        let mut done = 0usize;
        while done < len {
            let at = offset.saturating_add(int::u64_of(done));
            let (run, within) = self.run(at)?;
            let rest = buf.get_mut(done..).unwrap_or_default();
            let n = int::min_usize(self.bytes_of(run, within), rest.len());
            let part = rest.get_mut(..n).unwrap_or_default();
            match run.block {
                None => part.fill(0),
                Some(block) => {
                    let at = block << self.xfs.geometry.block_log;
                    let at = at.saturating_add(within);
                    self.xfs.data.read_exact_at(part, at)?;
                }
            }
            // Each run has at least one byte.
            done = done.saturating_add(n.max(1));
        }
        Ok(len)
    }

    fn next_extent(&mut self, offset: u64) -> Result<Extent, Error> {
        let rest = self.len().saturating_sub(offset);
        if rest == 0 {
            return Ok(Extent::new(ExtentKind::Data, offset, 0));
        }
        let (run, within) = self.run(offset)?;
        let kind = match run.block {
            Some(_) => ExtentKind::Data,
            None => ExtentKind::Hole,
        };
        let len = self.bytes_of(run, within).min(rest);
        Ok(Extent::new(kind, offset, len))
    }
}

/// Reads `buf.len()` bytes of a fork's blocks, from block `first` on, none of which may be missing;
/// says where on the volume the first one is.
pub(super) fn read_blocks(
    xfs: &Xfs,
    inode: &Inode,
    fork: &Fork,
    map: &mut Map,
    first: u64,
    buf: &mut [u8],
) -> Result<u64, Error> {
    let log = xfs.geometry.block_log;
    let mut start = None;
    let mut done = 0usize;
    while done < buf.len() {
        let at = first.saturating_add(int::u64_of(done) >> log);
        let run = map.run(xfs, inode, fork, at)?;
        let Some(block) = run.block else {
            return Err(inode.error(Cause::BrokenChain, "br_startoff", at));
        };
        let rest = buf.get_mut(done..).unwrap_or_default();
        let n = int::min_usize(run.len << log.min(31), rest.len());
        let place = block << log;
        xfs.meta
            .read_exact_at(rest.get_mut(..n).unwrap_or_default(), place)?;
        start.get_or_insert(place);
        done = done.saturating_add(n.max(1));
    }
    Ok(start.unwrap_or(inode.at))
}
