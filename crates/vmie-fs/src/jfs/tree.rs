//! Where the blocks of a file are: a B+tree of extents whose root is in the inode.

use std::sync::Arc;

use vmie_io::{ReadAt, int};
use zerocopy::FromBytes;

use super::format::{MAX_DEPTH, PAGE, PageFlags, XAD_LEN, XT_ENTRY_START, Xad, XadFlags, XtHeader};
use super::open::Jfs;
use crate::{Cause, Error};

const STRUCTURE: &str = "JFS extent tree";

/// Consecutive blocks of a file that are consecutive on the volume, or not there at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// First block within the file.
    pub(super) first: u64,
    /// How many, at least one.
    pub(super) len: u64,
    /// The block on the volume; `None` for a hole and for what was never written.
    pub(super) block: Option<u64>,
}

/// Looks up blocks of one file; remembers the last answer.
#[derive(Clone, Debug)]
pub(super) struct Map {
    root: Arc<[u8]>,
    /// Where the root is on the volume.
    at: u64,
    last: Option<Run>,
}

impl Map {
    pub(super) fn new(root: &[u8], at: u64) -> Self {
        Self {
            root: root.into(),
            at,
            last: None,
        }
    }

    /// The run that `block` of the file is in: it starts there.
    pub(super) fn run(&mut self, jfs: &Jfs, block: u64) -> Result<Run, Error> {
        let run = match self.last {
            Some(last) if (last.first..last.first.saturating_add(last.len)).contains(&block) => {
                last
            }
            _ => self.find(jfs, block)?,
        };
        self.last = Some(run);
        let skip = block.saturating_sub(run.first);
        Ok(Run {
            first: block,
            len: run.len.saturating_sub(skip),
            block: run.block.map(|at| at.saturating_add(skip)),
        })
    }

    fn find(&self, jfs: &Jfs, block: u64) -> Result<Run, Error> {
        let mut page = Arc::clone(&self.root);
        let mut at = self.at;
        let mut to = u64::MAX;
        for _ in 0..MAX_DEPTH {
            jfs.budget.work("blocks of a file", 1)?;
            let (flags, entries) = entries(&page, at)?;
            let mut found = None;
            let mut before = None;
            for (xad, i) in entries.iter().zip(0u64..) {
                let first = xad.offset();
                if before.is_some_and(|before| first < before) {
                    let at = at.saturating_add(i.saturating_add(2).saturating_mul(16));
                    return Err(Error::new(Cause::Order)
                        .at(STRUCTURE, at)
                        .field("off")
                        .found(first));
                }
                if first > block {
                    to = to.min(first);
                    break;
                }
                found = Some(*xad);
                before = Some(first.saturating_add(1));
            }
            let hole = |from: u64| Run {
                first: from,
                len: to.saturating_sub(from).max(1),
                block: None,
            };
            let Some(xad) = found else {
                return Ok(hole(block));
            };
            if flags.contains(PageFlags::LEAF) {
                let end = xad.offset().saturating_add(xad.loc.len());
                if block >= end {
                    return Ok(hole(block));
                }
                jfs.byte_of(xad.loc, STRUCTURE, at)?;
                let written = !XadFlags::from_bits_retain(xad.flag).contains(XadFlags::NOTRECORDED);
                return Ok(Run {
                    first: xad.offset(),
                    len: xad.loc.len(),
                    block: written.then_some(xad.loc.addr()),
                });
            }
            at = jfs.byte_of(xad.loc, STRUCTURE, at)?;
            let mut bytes = vec![0; PAGE];
            jfs.meta.read_exact_at(&mut bytes, at)?;
            page = bytes.into();
        }
        Err(Error::new(Cause::Cycle).at(STRUCTURE, at).field("flag"))
    }
}

/// The entries of a page.
fn entries(page: &[u8], at: u64) -> Result<(PageFlags, Vec<Xad>), Error> {
    let error = |field, found: u16| {
        Error::new(Cause::Value)
            .at(STRUCTURE, at)
            .field(field)
            .found(found)
    };
    let (header, _) = XtHeader::read_from_prefix(page).map_err(|_| error("flag", 0))?;
    let flags = PageFlags::from_bits_retain(header.flag);
    if flags.contains(PageFlags::LEAF) == flags.contains(PageFlags::INTERNAL) {
        return Err(error("flag", header.flag.into()));
    }
    let next = header.nextindex.get();
    let (start, end) = (
        XT_ENTRY_START.saturating_mul(XAD_LEN),
        usize::from(next).saturating_mul(XAD_LEN),
    );
    let bytes = page
        .get(start..end)
        .ok_or_else(|| error("nextindex", next))?;
    let xads = bytes
        .chunks_exact(XAD_LEN)
        .filter_map(|xad| Xad::read_from_bytes(xad).ok());
    Ok((flags, xads.collect()))
}

/// Reads all of `buf` from a file's blocks, at a byte of it; holes are zeroes.
pub(super) fn read(jfs: &Jfs, map: &mut Map, buf: &mut [u8], offset: u64) -> Result<(), Error> {
    let mut done = 0usize;
    while done < buf.len() {
        let at = offset.saturating_add(int::u64_of(done));
        let run = map.run(jfs, at >> jfs.block_log)?;
        let within = at.saturating_sub(run.first << jfs.block_log);
        let left = (run.len.saturating_mul(1 << jfs.block_log)).saturating_sub(within);
        let rest = buf.get_mut(done..).unwrap_or_default();
        let n = int::min_usize(left, rest.len());
        let part = rest.get_mut(..n).unwrap_or_default();
        match run.block {
            None => part.fill(0),
            Some(block) => {
                let place = (block << jfs.block_log).saturating_add(within);
                jfs.data.read_exact_at(part, place)?;
            }
        }
        done = done.saturating_add(n.max(1));
    }
    Ok(())
}
