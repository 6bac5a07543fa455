//! Inodes in the log: as the kernel had them in memory, little-endian, and here turned into what is
//! on disk.

use vmie_io::{ReadAt, WriteAt, int};
use zerocopy::FromBytes;

use super::format::{
    INODE_FORMAT_32_LEN, INODE_FORMAT_LEN, InodeFields, InodeLogFormat, InodeLogPlace,
};
use super::replay::{Replay, Wrong};
use super::stamp;
use super::transaction::Item;
use crate::xfs::format::{
    BMBT_CRC_HEADER, BMBT_HEADER, BMDR_HEADER, DINODE_CRC_OFFSET, DINODE_V2_LEN, DINODE_V3_LEN,
    DiFlags2, XFS_DINODE_MAGIC, XfsDinode, XfsDinode3,
};

/// `DI_MAX_FLUSH`.
const MAX_FLUSH: u16 = 0xffff;

/// Writes an inode to its place, unless what is there is newer.
pub(super) fn replay(replay: &mut Replay<'_>, item: &Item, lsn: u64) -> Result<(), Wrong> {
    let format = item.region(0);
    let wrong = |field, found: u64| Wrong::Field(field, found);
    let (head, rest) =
        InodeLogFormat::read_from_prefix(format).map_err(|_| wrong("ilf_size", 0))?;
    let padding = match format.len() {
        INODE_FORMAT_LEN => 4,
        INODE_FORMAT_32_LEN => 0,
        len => return Err(wrong("ilf_size", int::u64_of(len))),
    };
    let (place, _) = InodeLogPlace::read_from_prefix(rest.get(padding..).unwrap_or_default())
        .map_err(|_| wrong("ilf_size", 0))?;
    let blocks = place.ilf_len.get();
    let short = u16::try_from(blocks).unwrap_or(0);
    if replay.cancelled.contains(place.ilf_blkno.get(), short) {
        return Ok(());
    }
    let geometry = replay.geometry;
    let len = geometry.inode_len();
    let offset = u64::from(place.ilf_boffset.get());
    let at = geometry
        .basic(
            place.ilf_blkno.get(),
            offset.saturating_add(int::u64_of(len)),
        )
        .ok_or(wrong("ilf_blkno", place.ilf_blkno.get()))?
        .saturating_add(offset);
    let mut disk = vec![0; len];
    replay.overlay.read_exact_at(&mut disk, at)?;
    let number = place.ilf_ino.get();
    let (old, after) = XfsDinode::read_from_prefix(&disk).map_err(|_| wrong("ilf_ino", number))?;
    if old.di_magic.get() != XFS_DINODE_MAGIC {
        return Err(wrong("di_magic", old.di_magic.get().into()));
    }
    let core = item.region(1);
    if is_newer(&old, after, core, lsn) {
        return Ok(());
    }
    let fields = InodeFields::from_bits_retain(head.ilf_fields.get());
    write_core(&mut disk, core, lsn).ok_or(wrong("di_magic", number))?;
    write_forks(&mut disk, item, fields, place.ilfu_rdev.get())
        .ok_or(wrong("ilf_fields", fields.bits().into()))?;
    if geometry.checksums {
        stamp(&mut disk, DINODE_CRC_OFFSET);
    }
    replay.overlay.write_all_at(&disk, at)?;
    Ok(())
}

/// Whether the inode on disk was written after the one in the log.
fn is_newer(old: &XfsDinode, after: &[u8], core: &[u8], lsn: u64) -> bool {
    if old.di_version >= 3 {
        let newer = XfsDinode3::read_from_prefix(after).map_or(0, |(more, _)| more.di_lsn.get());
        return newer != 0 && newer != u64::MAX && newer > lsn;
    }
    // Without it, by how often it was flushed; the count may wrap.
    let count = core.get(30..).and_then(|rest| rest.first_chunk());
    let logged = count.map_or(0, |count| u16::from_le_bytes(*count));
    let [.., high, low] = old.di_big_nextents.get().to_be_bytes();
    let written = u16::from_be_bytes([high, low]);
    let wrapped = written == MAX_FLUSH && logged < MAX_FLUSH >> 1;
    logged < written && !wrapped
}

/// Where numbers of 2, 4 and 8 bytes stand in the core that every version has.
const SHORTS: [usize; 7] = [0, 2, 6, 20, 22, 88, 90];
const WORDS: [usize; 7] = [8, 12, 16, 72, 76, 84, 92];
const LONGS: [usize; 2] = [56, 64];
/// Times: two words, or one long.
const TIMES: [usize; 3] = [32, 40, 48];

/// Turns the core around.
fn write_core(disk: &mut [u8], core: &[u8], lsn: u64) -> Option<()> {
    if core.first_chunk().map(|m| u16::from_le_bytes(*m)) != Some(XFS_DINODE_MAGIC) {
        return None;
    }
    let wide = *core.get(4)? >= 3;
    let flags2 = if wide {
        let flags = core.get(120..)?.first_chunk()?;
        DiFlags2::from_bits_retain(u64::from_le_bytes(*flags))
    } else {
        DiFlags2::empty()
    };
    let big = flags2.contains(DiFlags2::NREXT64);
    let mut swap = |at: usize, len: usize| -> Option<()> {
        let from = core.get(at..at.checked_add(len)?)?;
        let to = disk.get_mut(at..at.checked_add(len)?)?;
        for (to, from) in to.iter_mut().zip(from.iter().rev()) {
            *to = *from;
        }
        Some(())
    };
    for at in SHORTS {
        swap(at, 2)?;
    }
    for at in WORDS {
        swap(at, 4)?;
    }
    for at in [4, 5, 82, 83] {
        swap(at, 1)?;
    }
    for at in LONGS {
        swap(at, 8)?;
    }
    let bigtime = flags2.contains(DiFlags2::BIGTIME);
    let times = TIMES.into_iter().chain(wide.then_some(144));
    for at in times {
        if bigtime {
            swap(at, 8)?;
        } else {
            swap(at, 4)?;
            swap(at.saturating_add(4), 4)?;
        }
    }
    if big {
        swap(24, 8)?;
    } else {
        swap(80, 2)?;
    }
    if wide {
        for at in [104, 120, 152] {
            swap(at, 8)?;
        }
        swap(128, 4)?;
        let (from, to) = (core.get(132..144)?, disk.get_mut(132..144)?);
        to.copy_from_slice(from);
        disk.get_mut(112..120)?.copy_from_slice(&lsn.to_be_bytes());
        disk.get_mut(160..176)?.copy_from_slice(core.get(160..176)?);
    }
    if big {
        disk.get_mut(80..82)?.fill(0);
    } else {
        // How often it was flushed is counted anew.
        disk.get_mut(24..32)?.fill(0);
    }
    Some(())
}

/// Writes what the log has of the forks.
fn write_forks(disk: &mut [u8], item: &Item, fields: InodeFields, rdev: u32) -> Option<()> {
    let core = if *disk.get(4)? >= 3 {
        DINODE_V3_LEN
    } else {
        DINODE_V2_LEN
    };
    let header = if core == DINODE_V3_LEN {
        BMBT_CRC_HEADER
    } else {
        BMBT_HEADER
    };
    let fork_offset = usize::from(*disk.get(82)?).checked_mul(8)?;
    let area = disk.get_mut(core..)?;
    let split = match fork_offset {
        0 => area.len(),
        offset => offset,
    };
    let (data, attr) = area.split_at_mut_checked(split)?;
    if fields.contains(InodeFields::DEV) {
        data.get_mut(..4)?.copy_from_slice(&rdev.to_be_bytes());
    }
    let mut region = 2;
    if fields.intersects(InodeFields::DFORK) {
        let bytes = item.region(region);
        region = 3;
        if fields.contains(InodeFields::DBROOT) {
            write_root(data, bytes, header)?;
        } else {
            write_prefix(data, bytes);
        }
    }
    if fields.intersects(InodeFields::AFORK) {
        let bytes = item.region(region);
        if fields.contains(InodeFields::ABROOT) {
            write_root(attr, bytes, header)?;
        } else {
            write_prefix(attr, bytes);
        }
    }
    Some(())
}

/// As much as fits: what is logged may be padded.
fn write_prefix(to: &mut [u8], from: &[u8]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}

/// The root of a tree: in memory a whole block's header, and keys and pointers as far apart as the
/// memory has room for.
fn write_root(fork: &mut [u8], logged: &[u8], header: usize) -> Option<()> {
    let count = logged.get(6..8)?;
    let count = usize::from(u16::from_be_bytes([*count.first()?, *count.get(1)?]));
    let len = count.checked_mul(8)?;
    let room = logged.len().checked_sub(header)? / 16;
    let keys = logged.get(header..header.checked_add(len)?)?;
    let pointers = header.checked_add(room.checked_mul(8)?)?;
    let pointers = logged.get(pointers..pointers.checked_add(len)?)?;
    let most = fork.len().checked_sub(BMDR_HEADER)? / 16;
    if count > most {
        return None;
    }
    fork.get_mut(..BMDR_HEADER)?
        .copy_from_slice(logged.get(4..8)?);
    let at = BMDR_HEADER;
    fork.get_mut(at..at.checked_add(len)?)?
        .copy_from_slice(keys);
    let at = at.checked_add(most.checked_mul(8)?)?;
    fork.get_mut(at..at.checked_add(len)?)?
        .copy_from_slice(pointers);
    Some(())
}
