//! The content of files.

use vmie_io::{Extent, ExtentKind, int};

use super::format::InodeFlags;
use super::inode::Inode;
use super::map::Map;
use super::open::Ext;
use crate::{Cause, Error, FileRead};

/// A file that is open: its inode and how far its map has been looked up.
pub(super) struct ExtFile<'a> {
    ext: &'a Ext,
    inode: Inode,
    map: Map,
    /// The content, when the inode holds it itself.
    inline: Option<Vec<u8>>,
}

impl<'a> ExtFile<'a> {
    pub(super) fn new(ext: &'a Ext, inode: Inode) -> Result<Self, Error> {
        inode.readable()?;
        let inline = if inode.flags.contains(InodeFlags::INLINE_DATA) {
            Some(inode.inline_data()?)
        } else {
            None
        };
        // A file has at most 2^32 blocks: the map's numbers have 32 bits.
        let size = inode.metadata.size;
        if size.div_ceil(ext.geometry.block_size.into()) > u64::from(u32::MAX) {
            return Err(inode.error(Cause::Value, "i_size", size));
        }
        Ok(Self {
            ext,
            inode,
            map: Map::new(),
            inline,
        })
    }

    /// Reads from the volume, or zeroes, up to the end of one run.
    fn read_run(&mut self, buf: &mut [u8], offset: u64) -> Result<usize, Error> {
        let block_size = u64::from(self.ext.geometry.block_size);
        let block = offset.checked_div(block_size).unwrap_or(0);
        let within = offset.checked_rem(block_size).unwrap_or(0);
        let run = self.map.run(self.ext, &self.inode, block)?;
        let bytes = run.len.saturating_mul(block_size).saturating_sub(within);
        let n = int::min_usize(bytes, buf.len());
        let part = buf.get_mut(..n).unwrap_or_default();
        match run.block {
            None => part.fill(0),
            Some(block) => {
                // The map has checked that the run lies within the filesystem.
                let at = block.saturating_mul(block_size).saturating_add(within);
                self.ext.data.read_exact_at(part, at)?;
            }
        }
        Ok(n)
    }
}

impl FileRead for ExtFile<'_> {
    fn len(&self) -> u64 {
        self.inode.metadata.size
    }

    fn read_at(&mut self, buf: &mut [u8], offset: u64) -> Result<usize, Error> {
        let len = int::min_usize(self.len().saturating_sub(offset), buf.len());
        let buf = buf.get_mut(..len).unwrap_or_default();
        if let Some(inline) = &self.inline {
            let from = inline.get(int::usize_of(offset)..).unwrap_or_default();
            let n = from.len().min(buf.len());
            if let (Some(to), Some(from)) = (buf.get_mut(..n), from.get(..n)) {
                to.copy_from_slice(from);
            }
            return Ok(n);
        }
        let mut done = 0usize;
        while done < len {
            let rest = buf.get_mut(done..).unwrap_or_default();
            let at = offset.saturating_add(int::u64_of(done));
            // Each run gives at least one byte.
            done = done.saturating_add(self.read_run(rest, at)?);
        }
        Ok(len)
    }

    fn next_extent(&mut self, offset: u64) -> Result<Extent, Error> {
        let rest = self.len().saturating_sub(offset);
        if self.inline.is_some() || rest == 0 {
            return Ok(Extent::new(ExtentKind::Data, offset, rest));
        }
        let block_size = u64::from(self.ext.geometry.block_size);
        let block = offset.checked_div(block_size).unwrap_or(0);
        let within = offset.checked_rem(block_size).unwrap_or(0);
        let run = self.map.run(self.ext, &self.inode, block)?;
        let len = run.len.saturating_mul(block_size).saturating_sub(within);
        let kind = match run.block {
            Some(_) => ExtentKind::Data,
            None => ExtentKind::Hole,
        };
        Ok(Extent::new(kind, offset, len.min(rest)))
    }
}
