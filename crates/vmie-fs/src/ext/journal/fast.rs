//! Fast commits: changes to files and folders, in short, that came after the last whole transaction
//! (<https://docs.kernel.org/filesystems/ext4/journal.html#fast-commits>; the numbers of tags and the
//! structures are those of Linux `fs/ext4/fast_commit.h`). Unlike the rest of the journal all of it is
//! little-endian, and what it says is no content of blocks: it is laid over inodes, maps and folders as
//! they are read.

use std::collections::{BTreeMap, HashMap, HashSet};

use vmie_io::{Charge, int};

use super::replay::Journal;
use crate::ext::checksum;
use crate::ext::dir::Name;
use crate::ext::format::{EXT_INIT_MAX_LEN, S_IFDIR, S_IFMT};
use crate::ext::map::Run;
use crate::{Cause, Error};

const STRUCTURE: &str = "ext fast commit";

/// Bytes of `struct ext4_fc_tl`: tag and length.
const TL_LEN: usize = 4;
const TAG_ADD_RANGE: u16 = 1;
const TAG_DEL_RANGE: u16 = 2;
const TAG_CREAT: u16 = 3;
const TAG_LINK: u16 = 4;
const TAG_UNLINK: u16 = 5;
const TAG_INODE: u16 = 6;
const TAG_PAD: u16 = 7;
const TAG_TAIL: u16 = 8;
const TAG_HEAD: u16 = 9;

/// Where `i_block` and what follows it stand in an inode.
const I_BLOCK: usize = 0x28;
const I_GENERATION: usize = 0x64;

/// What one record costs in memory, at the worst: an inode of 1 KiB, a name of 255 bytes.
const RECORD_COST: u64 = 1400;

/// A change to a folder.
#[derive(Debug)]
enum Change {
    Link(Box<[u8]>, u32),
    Unlink(Box<[u8]>, u32),
}

/// By their first block: how many blocks, and where they are; `None` reads as zeroes.
type Ranges = BTreeMap<u64, (u64, Option<u64>)>;

/// What fast commits say of a block of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ext) enum Laid {
    /// Nothing of the whole file.
    Nothing,
    /// Where it is.
    Run(Run),
    /// Nothing of it and of those up to this one, which another answer is for.
    Before(u64),
}

/// What fast commits changed.
#[derive(Debug, Default)]
pub(in crate::ext) struct Fast {
    inodes: HashMap<u32, Vec<u8>>,
    /// Folders that were made: what stands on the volume is of whatever had the inode before.
    made: HashSet<u32>,
    ranges: HashMap<u32, Ranges>,
    names: HashMap<u32, Vec<Change>>,
    charges: Vec<Charge>,
}

/// A record: its tag and what follows.
type Record = (u16, Vec<u8>);

fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    let rest = bytes.get(at..)?.first_chunk::<4>()?;
    Some(u32::from_le_bytes(*rest))
}

/// Whether a record of this tag can be this long; one of no known tag cannot.
fn has_length(tag: u16, len: usize, inode_size: usize) -> bool {
    match tag {
        TAG_ADD_RANGE => len == 16,
        TAG_DEL_RANGE => len == 12,
        TAG_CREAT | TAG_LINK | TAG_UNLINK => (9..=8 + 255).contains(&len),
        TAG_INODE => (4 + 128..=inode_size.saturating_add(4)).contains(&len),
        TAG_HEAD => len == 8,
        TAG_TAIL => len >= 8,
        TAG_PAD => true,
        _ => false,
    }
}

/// The fast commits that follow transaction `end`, which was not committed whole: each ends with the
/// checksum of what is between it and the one before.
pub(super) fn read(journal: &mut Journal<'_>, end: u32) -> Result<Fast, Error> {
    let mut fast = Fast::default();
    let mut waiting: Vec<Record> = Vec::new();
    let mut sum = 0;
    // jbd2 leaves the block after the ring free.
    for index in journal.last.saturating_add(1)..journal.len {
        let block = journal.block(index)?;
        let mut rest = block.bytes.as_slice();
        while let Some((head, after)) = rest.split_first_chunk::<TL_LEN>() {
            let [a, b, c, d] = *head;
            let (tag, len) = (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]));
            let Some(body) = after.get(..usize::from(len)) else {
                return Ok(fast);
            };
            let first = index == journal.last.saturating_add(1) && rest.len() == block.bytes.len();
            let known = has_length(tag, body.len(), journal.ext.geometry.inode_size.into());
            if !known || (first && tag != TAG_HEAD) {
                return Ok(fast);
            }
            journal.ext.budget.work("journal", 1)?;
            sum = checksum::append(sum, head);
            match tag {
                TAG_TAIL => {
                    // All but the checksum itself.
                    sum = checksum::append(sum, body.get(..4).unwrap_or_default());
                    if le32(body, 0) != Some(end) || le32(body, 4) != Some(sum) {
                        return Ok(fast);
                    }
                    for record in waiting.drain(..) {
                        fast.take(journal, &record)?;
                    }
                    sum = 0;
                }
                TAG_HEAD => {
                    if le32(body, 4) != Some(end) {
                        return Ok(fast);
                    }
                    if let Some(features @ 1..) = le32(body, 0) {
                        return Err(Error::new(Cause::Feature)
                            .at(STRUCTURE, block.at)
                            .field("fc_features")
                            .found(features));
                    }
                    sum = checksum::append(sum, body);
                }
                _ => {
                    sum = checksum::append(sum, body);
                    let charge = journal.ext.budget.memory("journal", RECORD_COST)?;
                    fast.charges.push(charge);
                    waiting.push((tag, body.to_vec()));
                }
            }
            rest = after.get(usize::from(len)..).unwrap_or_default();
        }
    }
    Ok(fast)
}

impl Fast {
    /// Takes a record that was committed.
    fn take(&mut self, journal: &Journal<'_>, (tag, body): &Record) -> Result<(), Error> {
        let number = |at| le32(body, at).unwrap_or(0);
        match *tag {
            TAG_INODE => {
                let raw = body.get(4..).unwrap_or_default().to_vec();
                self.inodes.insert(number(0), raw);
            }
            // struct ext4_extent: ee_block, ee_len, ee_start_hi, ee_start_lo.
            TAG_ADD_RANGE => {
                let len = number(8) & 0xffff;
                let start = (u64::from(number(8) >> 16) << 32) | u64::from(number(12));
                let limit = u32::from(EXT_INIT_MAX_LEN);
                let (len, block) = if len > limit {
                    (len.saturating_sub(limit), None)
                } else {
                    (len, Some(start))
                };
                if let Some(block) = block {
                    let last = block.saturating_add(len.into()).saturating_sub(1);
                    journal.ext.geometry.byte_of(last, STRUCTURE)?;
                }
                self.put(journal, number(0), (number(4).into(), len.into()), block)?;
            }
            TAG_DEL_RANGE => {
                let range = (number(4).into(), number(8).into());
                self.put(journal, number(0), range, None)?;
            }
            TAG_CREAT | TAG_LINK | TAG_UNLINK => {
                let (parent, inode) = (number(0), number(4));
                let name: Box<[u8]> = body.get(8..).unwrap_or_default().into();
                if name.iter().any(|byte| matches!(byte, 0 | b'/')) {
                    return Err(Error::new(Cause::DirEntry)
                        .in_structure(STRUCTURE)
                        .field("fc_dname")
                        .found(&*name));
                }
                if *tag == TAG_CREAT && self.is_folder(inode) {
                    self.made.insert(inode);
                    self.names.remove(&inode);
                }
                self.names.entry(parent).or_default().push(match *tag {
                    TAG_UNLINK => Change::Unlink(name, inode),
                    _ => Change::Link(name, inode),
                });
            }
            _ => {}
        }
        Ok(())
    }

    fn is_folder(&self, inode: u32) -> bool {
        let mode = self.inodes.get(&inode).and_then(|raw| raw.first_chunk());
        mode.is_some_and(|mode| u16::from_le_bytes(*mode) & S_IFMT == S_IFDIR)
    }

    /// A range of a file is somewhere else now.
    fn put(
        &mut self,
        journal: &Journal<'_>,
        inode: u32,
        (start, len): (u64, u64),
        block: Option<u64>,
    ) -> Result<(), Error> {
        let ranges = self.ranges.entry(inode).or_default();
        let steps = cut(ranges, start, len);
        journal.ext.budget.work("journal", int::u64_of(steps))?;
        if len > 0 {
            ranges.insert(start, (len, block));
        }
        Ok(())
    }

    /// Lays what is known of an inode over its bytes on the volume; says whether there was anything.
    /// Where its content is, does not come with it, unless the content stands there itself.
    pub(in crate::ext) fn lay(&self, number: u32, bytes: &mut [u8], inline: u32) -> bool {
        let Some(raw) = self.inodes.get(&number) else {
            return false;
        };
        let flags = le32(raw, 0x20).unwrap_or(0);
        let mut copy = |range: std::ops::Range<usize>| {
            if let (Some(to), Some(from)) = (bytes.get_mut(range.clone()), raw.get(range)) {
                to.copy_from_slice(from);
            }
        };
        copy(0..I_BLOCK);
        copy(I_GENERATION..raw.len());
        if flags & inline != 0 {
            copy(I_BLOCK..I_GENERATION);
        }
        true
    }

    /// Whether a folder was made, so that nothing on the volume is of it.
    pub(in crate::ext) fn is_made(&self, number: u32) -> bool {
        self.made.contains(&number)
    }

    /// What is known from here of block `at` of a file.
    pub(in crate::ext) fn run(&self, number: u32, at: u64) -> Laid {
        let Some(ranges) = self.ranges.get(&number) else {
            return Laid::Nothing;
        };
        let before = ranges.range(..=at).next_back();
        if let Some((first, (len, block))) = before
            && at.saturating_sub(*first) < *len
        {
            return Laid::Run(Run {
                first: *first,
                len: *len,
                block: *block,
            });
        }
        let next = ranges.range(at..).next();
        Laid::Before(next.map_or(u64::MAX, |(first, _)| *first))
    }

    /// What became of the names of a folder.
    pub(in crate::ext) fn names(&self, folder: u32, names: Vec<Name>) -> Vec<Name> {
        let Some(changes) = self.names.get(&folder) else {
            return names;
        };
        let mut order: Vec<Option<Name>> = Vec::with_capacity(names.len());
        let mut places: HashMap<Box<[u8]>, usize> = HashMap::new();
        for name in names {
            places.entry(name.bytes.clone()).or_insert(order.len());
            order.push(Some(name));
        }
        for change in changes {
            match change {
                // A name that is there stays what it is.
                Change::Link(bytes, inode) if !places.contains_key(bytes) => {
                    places.insert(bytes.clone(), order.len());
                    order.push(Some(Name {
                        bytes: bytes.clone(),
                        inode: *inode,
                        kind: None,
                    }));
                }
                Change::Link(..) => {}
                Change::Unlink(bytes, inode) => {
                    let place = places.get(bytes).and_then(|place| order.get_mut(*place));
                    if let Some(place) = place
                        && place.as_ref().is_some_and(|name| name.inode == *inode)
                    {
                        *place = None;
                        places.remove(bytes);
                    }
                }
            }
        }
        order.into_iter().flatten().collect()
    }
}

/// Cuts a range out of ranges; says how many it met.
fn cut(ranges: &mut Ranges, start: u64, len: u64) -> usize {
    let end = start.saturating_add(len);
    let copied = |(first, (len, block)): (&u64, &(u64, Option<u64>))| (*first, *len, *block);
    let mut met: Vec<_> = ranges.range(start..end).map(copied).collect();
    met.extend(ranges.range(..start).next_back().map(copied));
    for (first, len, block) in &met {
        let last = first.saturating_add(*len);
        ranges.remove(first);
        if *first < start {
            ranges.insert(*first, (last.min(start).saturating_sub(*first), *block));
        }
        if last > end {
            let skipped = end.saturating_sub(*first);
            let block = block.map(|block| block.saturating_add(skipped));
            ranges.insert(end, (last.saturating_sub(end), block));
        }
    }
    met.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(bytes: &[u8], inode: u32) -> Name {
        Name {
            bytes: bytes.into(),
            inode,
            kind: None,
        }
    }

    #[test]
    fn ranges_are_cut_by_what_comes_later() {
        let mut ranges = Ranges::new();
        for (start, len, block) in [
            (10, 20, Some(100)),
            (15, 5, None),
            (0, 12, Some(500)),
            (28, 9, Some(700)),
            (16, 1, Some(900)),
        ] {
            cut(&mut ranges, start, len);
            ranges.insert(start, (len, block));
        }
        let expected = [
            (0, (12, Some(500))),
            (12, (3, Some(102))),
            (15, (1, None)),
            (16, (1, Some(900))),
            (17, (3, None)),
            (20, (8, Some(110))),
            (28, (9, Some(700))),
        ];
        assert_eq!(ranges.clone(), Ranges::from(expected));
        let mut fast = Fast::default();
        fast.ranges.insert(7, ranges);
        assert_eq!(fast.run(8, 0), Laid::Nothing);
        assert_eq!(fast.run(7, 37), Laid::Before(u64::MAX));
        let run = Run {
            first: 12,
            len: 3,
            block: Some(102),
        };
        assert_eq!(fast.run(7, 14), Laid::Run(run));
        cut(fast.ranges.get_mut(&7).unwrap(), 0, 5);
        assert_eq!(fast.run(7, 3), Laid::Before(5));
    }

    #[test]
    fn names_come_and_go_in_order() {
        let mut fast = Fast::default();
        let link = |text: &[u8], inode| Change::Link(text.into(), inode);
        let unlink = |text: &[u8], inode| Change::Unlink(text.into(), inode);
        fast.names.insert(
            2,
            vec![
                link(b"new", 20),
                unlink(b"old", 11),
                link(b"old", 21),
                // Another file has that name, and a file of that name is another.
                link(b"kept", 22),
                unlink(b"other", 99),
                link(b"short", 23),
                unlink(b"short", 23),
            ],
        );
        let before = || vec![name(b"kept", 10), name(b"old", 11), name(b"other", 12)];
        let after = fast.names(2, before());
        let after: Vec<(&[u8], u32)> = after
            .iter()
            .map(|name| (&*name.bytes, name.inode))
            .collect();
        let expected: [(&[u8], u32); 4] =
            [(b"kept", 10), (b"other", 12), (b"new", 20), (b"old", 21)];
        assert_eq!(after, expected);
        assert_eq!(fast.names(3, before()).len(), 3);
    }
}
