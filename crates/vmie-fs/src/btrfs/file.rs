//! The content of files.

use vmie_io::{Charge, Extent, ExtentKind, int};

use super::extent::{Content, Packed, Run, run};
use super::format::{BTRFS_INODE_NODATASUM, MAX_COMPRESSED};
use super::inode::Inode;
use super::open::Btrfs;
use super::tree::Root;
use crate::{Error, FileRead};

/// Bytes that are read at once where a caller asks for less than a sector or for crooked ranges.
const AHEAD: u64 = 32 << 10;

/// What was read or decompressed last, for the next read.
enum Kept {
    Nothing,
    /// The file's bytes from an offset on.
    Plain(u64, Vec<u8>),
    /// A compressed extent as it expands.
    Packed(Packed, Vec<u8>),
}

/// A file that is open.
pub(super) struct BtrfsFile<'a> {
    fs: &'a Btrfs,
    root: Root,
    number: u64,
    len: u64,
    sums: bool,
    run: Option<Run>,
    kept: Kept,
    /// For what is kept.
    _charge: Charge,
}

impl<'a> BtrfsFile<'a> {
    pub(super) fn new(fs: &'a Btrfs, root: Root, inode: &Inode) -> Result<Self, Error> {
        Ok(Self {
            fs,
            root,
            number: inode.number,
            len: inode.metadata.size,
            sums: inode.flags & BTRFS_INODE_NODATASUM == 0,
            run: None,
            kept: Kept::Nothing,
            _charge: fs
                .pool
                .budget
                .memory("open file", MAX_COMPRESSED.saturating_mul(2))?,
        })
    }

    /// The run that holds a byte.
    fn run(&mut self, at: u64) -> Result<Run, Error> {
        let known = self
            .run
            .take()
            .filter(|run| (run.start..run.end).contains(&at));
        let run = match known {
            Some(run) => run,
            None => run(&self.fs.pool, &self.root, self.number, at)?,
        };
        self.run = Some(run.clone());
        Ok(run)
    }

    /// Reads up to the end of one run and says how much.
    fn read_run(&mut self, buf: &mut [u8], at: u64) -> Result<usize, Error> {
        let run = self.run(at)?;
        let n = int::min_usize(run.end.saturating_sub(at), buf.len());
        let buf = buf.get_mut(..n).unwrap_or_default();
        let within = at.saturating_sub(run.start);
        match run.content {
            Content::Hole | Content::Unwritten => buf.fill(0),
            Content::Inline(bytes) => copy(buf, &bytes, within),
            Content::Packed { packed, skip } => {
                if !matches!(&self.kept, Kept::Packed(kept, _) if *kept == packed) {
                    self.kept = Kept::Packed(packed, self.fs.unpack(&packed, self.sums)?);
                }
                if let Kept::Packed(_, bytes) = &self.kept {
                    copy(buf, bytes, skip.saturating_add(within));
                }
            }
            Content::Plain { logical } => return self.read_plain(buf, at, &run, logical),
        }
        Ok(n)
    }

    /// Whole sectors go to the caller's buffer; the rest goes through one of our own.
    fn read_plain(
        &mut self,
        buf: &mut [u8],
        at: u64,
        run: &Run,
        logical: u64,
    ) -> Result<usize, Error> {
        let sector = u64::from(self.fs.pool.sector);
        let over = at.checked_rem(sector).unwrap_or(0);
        let wanted = int::u64_of(buf.len());
        let whole = wanted.saturating_sub(wanted.checked_rem(sector).unwrap_or(0));
        if over == 0 && whole > 0 {
            let n = int::usize_of(whole);
            let from = logical.saturating_add(at.saturating_sub(run.start));
            let part = buf.get_mut(..n).unwrap_or_default();
            self.fs.read_data(part, from, self.sums)?;
            return Ok(n);
        }
        if let Kept::Plain(start, bytes) = &self.kept {
            let from = at.checked_sub(*start).map(int::usize_of);
            if let Some(from) = from
                .and_then(|from| bytes.get(from..))
                .filter(|b| !b.is_empty())
            {
                let n = from.len().min(buf.len());
                copy(buf.get_mut(..n).unwrap_or_default(), from, 0);
                return Ok(n);
            }
        }
        let start = at.saturating_sub(over);
        let ahead = AHEAD.max(sector).min(run.end.saturating_sub(start));
        let mut bytes = vec![0; int::usize_of(ahead)];
        let from = logical.saturating_add(start.saturating_sub(run.start));
        if self.fs.read_data(&mut bytes, from, self.sums).is_err() {
            // Only what was asked for may fail.
            bytes.truncate(int::usize_of(sector));
            self.fs.read_data(&mut bytes, from, self.sums)?;
        }
        let n = bytes
            .len()
            .saturating_sub(int::usize_of(over))
            .min(buf.len());
        copy(buf.get_mut(..n).unwrap_or_default(), &bytes, over);
        self.kept = Kept::Plain(start, bytes);
        Ok(n)
    }
}

/// Fills `buf` from a byte on, with zeroes past the end.
fn copy(buf: &mut [u8], bytes: &[u8], from: u64) {
    let bytes = bytes.get(int::usize_of(from)..).unwrap_or_default();
    let n = bytes.len().min(buf.len());
    let (head, tail) = buf.split_at_mut(n);
    head.copy_from_slice(bytes.get(..n).unwrap_or_default());
    tail.fill(0);
}

impl FileRead for BtrfsFile<'_> {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&mut self, buf: &mut [u8], offset: u64) -> Result<usize, Error> {
        let len = int::min_usize(self.len.saturating_sub(offset), buf.len());
        let mut done = 0usize;
        while done < len {
            let rest = buf.get_mut(done..len).unwrap_or_default();
            let at = offset.saturating_add(int::u64_of(done));
            // Each run gives at least one byte.
            done = done.saturating_add(self.read_run(rest, at)?);
        }
        Ok(len)
    }

    fn next_extent(&mut self, offset: u64) -> Result<Extent, Error> {
        let rest = self.len.saturating_sub(offset);
        if rest == 0 {
            return Ok(Extent::new(ExtentKind::Data, offset, 0));
        }
        let run = self.run(offset)?;
        let kind = match run.content {
            Content::Hole => ExtentKind::Hole,
            Content::Unwritten => ExtentKind::Zero,
            _ => ExtentKind::Data,
        };
        Ok(Extent::new(
            kind,
            offset,
            run.end.saturating_sub(offset).min(rest),
        ))
    }
}
