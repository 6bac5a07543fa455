//! Reading the journal: which transactions were committed, and what they wrote last.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use vmie_io::{Charge, ReadAt, int};
use zerocopy::FromBytes;

use super::fast::{self, Fast};
use super::format::{
    COMMIT_BLOCK, COMMIT_CHECKSUM_OFFSET, DEFAULT_FAST_COMMIT_BLOCKS, DESCRIPTOR_BLOCK, Header,
    JBD2_MAGIC_NUMBER, JournalIncompat, JournalSuperblock, REVOKE_BLOCK, REVOKE_HEADER_LEN,
    SUPERBLOCK_CHECKSUM_OFFSET, SUPERBLOCK_LEN, SUPERBLOCK_V1, SUPERBLOCK_V2, TAIL_LEN, TagFlags,
};
use super::tag::Tags;
use super::view::{Copy, Replayed};
use crate::ext::checksum;
use crate::ext::format::Superblock;
use crate::ext::inode::Inode;
use crate::ext::map::Map;
use crate::ext::open::Ext;
use crate::{Cause, Error};

const STRUCTURE: &str = "ext journal";

/// What a block of the journal costs in the map.
const COPY_COST: u64 = 64;
/// What a number of a revoked block costs in its map, at the worst.
const REVOKED_COST: u64 = 32;

/// The volume as it is after everything committed has been written to its place, and what fast commits
/// changed after that. The volume itself is not touched.
pub(in crate::ext) fn replay(
    ext: &Ext,
    sb: &Superblock,
    volume: Arc<dyn ReadAt>,
) -> Result<(Arc<dyn ReadAt>, Fast), Error> {
    let number = sb.s_journal_inum.get();
    if number == 0 {
        // The journal is on a device of its own, and what waits in it is missing here.
        let journal = crate::head::uuid(&sb.s_journal_uuid).unwrap_or_default();
        return Err(Error::new(Cause::MissingDevice)
            .at("ext superblock", 0x400 + 0xd0)
            .field("s_journal_uuid")
            .found(journal.as_bytes()));
    }
    let inode = Inode::read(ext, number)?;
    let mut journal = Journal::open(ext, inode)?;
    let mut blocks = BTreeMap::new();
    let mut charges = Vec::new();
    let mut end = journal.sequence;
    if journal.start != 0 {
        end = journal.scan()?;
        let mut scratch = Vec::new();
        let revoked = journal.revocations(end, &mut scratch)?;
        journal.copies(end, &revoked, &mut blocks, &mut charges)?;
    }
    let fast = fast::read(&mut journal, end)?;
    let volume = Arc::new(Replayed {
        source: volume,
        block_size: ext.geometry.block_size,
        blocks,
        _charge: charges,
    });
    Ok((volume, fast))
}

pub(super) struct Journal<'a> {
    pub(super) ext: &'a Ext,
    inode: Inode,
    map: Map,
    features: JournalIncompat,
    /// What checksums start with.
    seed: u32,
    /// Block of the journal where the oldest transaction starts; zero when there is none.
    start: u32,
    /// Its number.
    sequence: u32,
    /// The first block of the ring, and the one after its last.
    first: u32,
    pub(super) last: u32,
    /// Blocks of the whole journal.
    pub(super) len: u32,
}

/// A block of the journal in memory, and where on the volume it is.
pub(super) struct Block {
    pub(super) bytes: Vec<u8>,
    pub(super) at: u64,
}

impl Block {
    /// The type, when this is a block of the journal's own in the transaction `sequence`.
    fn kind(&self, sequence: u32) -> Option<u32> {
        let (header, _) = Header::read_from_prefix(&self.bytes).ok()?;
        let fits = header.h_magic.get() == JBD2_MAGIC_NUMBER && header.h_sequence.get() == sequence;
        fits.then(|| header.h_blocktype.get())
    }

    /// An error about the journal's superblock, which this block is.
    fn superblock_error(
        &self,
        cause: Cause,
        field: &'static str,
        within: u64,
        found: u32,
    ) -> Error {
        Error::new(cause)
            .at("ext journal superblock", self.at.saturating_add(within))
            .field(field)
            .found(found)
    }
}

/// What the journal's superblock says that it uses, once its own checksum has been verified.
fn features(sb: &JournalSuperblock, block: &Block) -> Result<JournalIncompat, Error> {
    let (magic, kind) = (sb.header.h_magic.get(), sb.header.h_blocktype.get());
    let features = match kind {
        SUPERBLOCK_V1 => JournalIncompat::empty(),
        SUPERBLOCK_V2 => JournalIncompat::from_bits_retain(sb.s_feature_incompat.get()),
        _ => return Err(block.superblock_error(Cause::Journal, "h_blocktype", 4, kind)),
    };
    if magic != JBD2_MAGIC_NUMBER {
        return Err(block.superblock_error(Cause::Journal, "h_magic", 0, magic));
    }
    let checksums = features.intersects(JournalIncompat::CSUM);
    // Without checksums, a commit that did not wait for its blocks proves nothing.
    let unproven = features.contains(JournalIncompat::ASYNC_COMMIT) && !checksums;
    if unproven || !JournalIncompat::READ.contains(features) {
        let bits = features.bits();
        return Err(block.superblock_error(Cause::Feature, "s_feature_incompat", 0x28, bits));
    }
    let covered = block.bytes.get(..SUPERBLOCK_LEN).unwrap_or_default();
    if checksums && !checksum_fits(covered, !0, SUPERBLOCK_CHECKSUM_OFFSET) {
        return Err(block.superblock_error(Cause::Journal, "s_checksum", 0xfc, 0));
    }
    Ok(features)
}

/// Whether the checksum at `offset`, itself counted as zero, is right.
fn checksum_fits(bytes: &[u8], seed: u32, offset: usize) -> bool {
    let Some((before, rest)) = bytes.split_at_checked(offset) else {
        return false;
    };
    let Some((found, after)) = rest.split_first_chunk::<4>() else {
        return false;
    };
    let sum = checksum::append(checksum::append(seed, before), &[0; 4]);
    checksum::append(sum, after) == u32::from_be_bytes(*found)
}

impl<'a> Journal<'a> {
    fn open(ext: &'a Ext, inode: Inode) -> Result<Self, Error> {
        let mut journal = Self {
            ext,
            inode,
            map: Map::new(),
            features: JournalIncompat::empty(),
            seed: 0,
            start: 0,
            sequence: 0,
            first: 1,
            last: 1,
            len: 1,
        };
        let block = journal.block(0)?;
        let (sb, _) = JournalSuperblock::read_from_prefix(&block.bytes)
            .map_err(|_| block.superblock_error(Cause::Journal, "h_magic", 0, 0))?;
        journal.features = features(&sb, &block)?;
        let found = sb.s_blocksize.get();
        if found != ext.geometry.block_size {
            return Err(block.superblock_error(Cause::Journal, "s_blocksize", 0xc, found));
        }
        let fast = match sb.s_num_fc_blks.get() {
            _ if !journal.features.contains(JournalIncompat::FAST_COMMIT) => 0,
            0 => DEFAULT_FAST_COMMIT_BLOCKS,
            n => n,
        };
        journal.seed = checksum::of(&sb.s_uuid);
        journal.start = sb.s_start.get();
        journal.sequence = sb.s_sequence.get();
        journal.first = sb.s_first.get();
        journal.len = sb.s_maxlen.get();
        journal.last = journal.len.saturating_sub(fast);
        journal.check_ring(&block)?;
        Ok(journal)
    }

    /// The ring must lie within the journal's file, and the log start within the ring.
    fn check_ring(&self, block: &Block) -> Result<(), Error> {
        let error = |field, within, found| {
            Err(block.superblock_error(Cause::Journal, field, within, found))
        };
        let size = self.inode.metadata.size;
        let blocks = size.checked_div(self.ext.geometry.block_size.into());
        if u64::from(self.len) > blocks.unwrap_or(0) {
            return error("s_maxlen", 0x10, self.len);
        }
        if self.first == 0 || self.first >= self.last {
            return error("s_first", 0x14, self.first);
        }
        if self.start != 0 && !(self.first..self.last).contains(&self.start) {
            return error("s_start", 0x1c, self.start);
        }
        Ok(())
    }

    /// Where a block of the journal is on the volume.
    fn place(&mut self, index: u32) -> Result<u64, Error> {
        let run = self.map.run(self.ext, &self.inode, index.into())?;
        match run.block {
            Some(block) => self.ext.geometry.byte_of(block, STRUCTURE),
            None => Err(self.inode.error(Cause::Journal, "i_block", index.into())),
        }
    }

    pub(super) fn block(&mut self, index: u32) -> Result<Block, Error> {
        self.ext.budget.work("journal", 1)?;
        let at = self.place(index)?;
        let mut bytes = vec![0; self.ext.geometry.block_len()];
        self.ext.data.read_exact_at(&mut bytes, at)?;
        Ok(Block { bytes, at })
    }

    /// The block `n` after `index` in the ring.
    fn after(&self, index: u32, n: u32) -> u32 {
        let size = self.last.saturating_sub(self.first).max(1);
        let from_first = u64::from(index.saturating_sub(self.first)).saturating_add(n.into());
        let wrapped = from_first.checked_rem(size.into()).unwrap_or(0);
        self.first
            .saturating_add(u32::try_from(wrapped).unwrap_or(0))
    }

    fn has_checksums(&self) -> bool {
        self.features.intersects(JournalIncompat::CSUM)
    }

    fn tail_fits(&self, block: &Block) -> bool {
        let tail = block.bytes.len().saturating_sub(TAIL_LEN);
        !self.has_checksums() || checksum_fits(&block.bytes, self.seed, tail)
    }

    /// Walks the journal's own blocks from the start, transaction by transaction, up to `end` or
    /// to where the log ends; says which transaction was the first that is not there whole.
    fn walk(
        &mut self,
        end: Option<u32>,
        mut visit: impl FnMut(&mut Self, u32, u32, u32, &Block) -> Result<(), Error>,
    ) -> Result<u32, Error> {
        let (mut index, mut sequence) = (self.start, self.sequence);
        // The log cannot be longer than the ring.
        let mut left = self.last.saturating_sub(self.first);
        while left > 0 && end != Some(sequence) {
            let block = self.block(index)?;
            let Some(kind) = block.kind(sequence) else {
                break;
            };
            let mut taken = 1u32;
            match kind {
                DESCRIPTOR_BLOCK if self.tail_fits(&block) => {
                    let tags = Tags::new(&block.bytes, self.features).count();
                    taken = taken.saturating_add(u32::try_from(tags).unwrap_or(u32::MAX));
                }
                REVOKE_BLOCK if self.tail_fits(&block) => {}
                COMMIT_BLOCK
                    if !self.has_checksums()
                        || checksum_fits(&block.bytes, self.seed, COMMIT_CHECKSUM_OFFSET) => {}
                _ => break,
            }
            if taken > left {
                break;
            }
            visit(self, kind, index, sequence, &block)?;
            if kind == COMMIT_BLOCK {
                sequence = sequence.wrapping_add(1);
            }
            left = left.saturating_sub(taken);
            index = self.after(index, taken);
        }
        Ok(sequence)
    }

    /// The first transaction that was not committed.
    fn scan(&mut self) -> Result<u32, Error> {
        self.walk(None, |_, _, _, _, _| Ok(()))
    }

    /// Which blocks must not be replayed, up to and including which transaction, counted from
    /// the first.
    fn revocations(
        &mut self,
        end: u32,
        charges: &mut Vec<Charge>,
    ) -> Result<HashMap<u64, u32>, Error> {
        let mut revoked: HashMap<u64, u32> = HashMap::new();
        let first = self.sequence;
        let wide = self.features.contains(JournalIncompat::BIT64);
        self.walk(Some(end), |journal, kind, _, sequence, block| {
            if kind != REVOKE_BLOCK {
                return Ok(());
            }
            let count = block
                .bytes
                .get(size_of::<Header>()..)
                .and_then(|rest| rest.first_chunk())
                .map_or(0, |count| u32::from_be_bytes(*count));
            let records = block
                .bytes
                .get(REVOKE_HEADER_LEN..int::usize_of(count.into()))
                .unwrap_or_default();
            let age = sequence.wrapping_sub(first);
            let steps = int::u64_of(records.len() / 4);
            journal.ext.budget.work("journal", steps)?;
            let cost = steps.saturating_mul(REVOKED_COST);
            charges.push(journal.ext.budget.memory("journal", cost)?);
            let mut note = |number: u64| {
                let newest = revoked.entry(number).or_insert(age);
                *newest = age.max(*newest);
            };
            if wide {
                let (numbers, _) = records.as_chunks::<8>();
                numbers.iter().for_each(|n| note(u64::from_be_bytes(*n)));
            } else {
                let (numbers, _) = records.as_chunks::<4>();
                numbers
                    .iter()
                    .for_each(|n| note(u32::from_be_bytes(*n).into()));
            }
            Ok(())
        })?;
        Ok(revoked)
    }

    /// Where the newest committed content of each block is.
    fn copies(
        &mut self,
        end: u32,
        revoked: &HashMap<u64, u32>,
        blocks: &mut BTreeMap<u64, Copy>,
        charges: &mut Vec<Charge>,
    ) -> Result<(), Error> {
        let first = self.sequence;
        self.walk(Some(end), |journal, kind, index, sequence, block| {
            if kind != DESCRIPTOR_BLOCK {
                return Ok(());
            }
            let before = blocks.len();
            let tags = Tags::new(&block.bytes, journal.features);
            for (tag, n) in tags.zip(1u32..) {
                let index = journal.after(index, n);
                let age = sequence.wrapping_sub(first);
                if revoked.get(&tag.block).is_some_and(|until| *until >= age) {
                    continue;
                }
                let copy = journal.block(index)?;
                journal.verify(&copy, sequence, tag.checksum)?;
                journal.ext.geometry.byte_of(tag.block, STRUCTURE)?;
                let copy = Copy {
                    at: copy.at,
                    escaped: tag.flags.contains(TagFlags::ESCAPE),
                };
                blocks.insert(tag.block, copy);
            }
            let grown = int::u64_of(blocks.len().saturating_sub(before));
            let cost = grown.saturating_mul(COPY_COST);
            charges.push(journal.ext.budget.memory("journal", cost)?);
            Ok(())
        })?;
        Ok(())
    }

    fn verify(&self, copy: &Block, sequence: u32, expected: u32) -> Result<(), Error> {
        if !self.has_checksums() {
            return Ok(());
        }
        let sum = checksum::append(self.seed, &sequence.to_be_bytes());
        let mut sum = checksum::append(sum, &copy.bytes);
        if !self.features.contains(JournalIncompat::CSUM_V3) {
            sum &= 0xffff;
        }
        if sum == expected {
            return Ok(());
        }
        Err(Error::new(Cause::Journal)
            .at(STRUCTURE, copy.at)
            .field("t_checksum")
            .found(expected))
    }
}
