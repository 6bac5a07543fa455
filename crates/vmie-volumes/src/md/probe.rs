//! Finding a RAID superblock.

use vmie_io::{ReadAt, ReadAtExt, int};
use zerocopy::FromBytes;
use zerocopy::little_endian::{U16, U32};

use super::format::{
    DISK_ACTIVE, DISK_FAULTY, DISK_SYNC, FEATURE_RAID0_LAYOUT, FEATURE_RECOVERY_OFFSET,
    FEATURE_REPLACEMENT, FEATURE_RESHAPE_ACTIVE, MAX_DEVICES, MAX_DEVICES_0_90, MD_SB_MAGIC,
    SECTOR, Superblock1, V0_90_ALIGN, V1_0_ALIGN, V1_0_FROM_END, V1_1_OFFSET, V1_2_OFFSET, word,
};
use super::{Level, Member};
use crate::{Cause, Error};

const SUPERBLOCK: &str = "md superblock";

/// The superblock of a member; what is odd goes to `notes`.
pub(crate) fn probe(volume: &dyn ReadAt, notes: &mut Vec<Error>) -> Option<Member> {
    let len = volume.len();
    let from_end = len
        .checked_sub(V1_0_FROM_END)
        .and_then(|at| at.checked_sub(at.checked_rem(V1_0_ALIGN)?));
    let places = [
        (Some(V1_1_OFFSET), "1.1"),
        (Some(V1_2_OFFSET), "1.2"),
        (from_end, "1.0"),
    ];
    let found = places
        .into_iter()
        .find_map(|(at, version)| version_1(volume, at?, version, notes));
    found.or_else(|| version_0_90(volume, notes))
}

/// Its sum of 32-bit words, as the kernel folds it.
fn fold(sum: u64) -> u32 {
    let folded = (sum & 0xffff_ffff).saturating_add(sum >> 32);
    u32::try_from(folded & 0xffff_ffff).unwrap_or(0)
}

fn words(bytes: &[u8]) -> u64 {
    let mut chunks = bytes.chunks_exact(4);
    let sum = chunks.by_ref().fold(0u64, |sum, chunk| {
        let word = U32::read_from_bytes(chunk).map_or(0, |word| word.get());
        sum.wrapping_add(u64::from(word))
    });
    let rest = U16::read_from_bytes(chunks.remainder()).map_or(0, |word| word.get());
    sum.wrapping_add(u64::from(rest))
}

fn version_1(
    volume: &dyn ReadAt,
    at: u64,
    version: &'static str,
    notes: &mut Vec<Error>,
) -> Option<Member> {
    let bytes: [u8; size_of::<Superblock1>()] = volume.read_array(at).ok()?;
    let sb = Superblock1::read_from_bytes(&bytes).ok()?;
    if sb.magic.get() != MD_SB_MAGIC || sb.major_version.get() != 1 {
        return None;
    }
    let bad = |cause: Cause, field: &'static str, offset: u64| {
        let fault = Error::new(cause).at(SUPERBLOCK, at.saturating_add(offset));
        fault.field(field)
    };
    // A superblock that was copied with what it stood on.
    if sb.super_offset.get().checked_mul(SECTOR) != Some(at) {
        notes.push(bad(Cause::MdValue, "super_offset", 144).found(sb.super_offset.get()));
        return None;
    }
    let devices = sb.max_dev.get();
    if devices > MAX_DEVICES {
        notes.push(bad(Cause::MdValue, "max_dev", 220).found(devices));
        return None;
    }
    let mut roles = vec![0; int::usize_of(u64::from(devices).saturating_mul(2))];
    volume
        .read_exact_at(&mut roles, at.saturating_add(int::u64_of(bytes.len())))
        .ok()?;
    let stored = sb.sb_csum.get();
    let sum = words(&bytes)
        .wrapping_add(words(&roles))
        .wrapping_sub(u64::from(stored));
    if fold(sum) != stored {
        notes.push(bad(Cause::MdChecksum, "sb_csum", 216).found(stored));
        return None;
    }
    let role = int::usize_of(u64::from(sb.dev_number.get()).saturating_mul(2));
    let role = roles
        .get(role..)
        .and_then(|rest| U16::read_from_prefix(rest).ok());
    let role = role.map_or(0xffff, |(role, _)| role.get());
    let features = sb.feature_map.get();
    let member = Member {
        version,
        uuid: sb.set_uuid,
        name: name(&sb.set_name),
        minor: None,
        level: Level::of(sb.level.get()),
        layout: (features & FEATURE_RAID0_LAYOUT != 0).then_some(sb.layout.get()),
        chunk: u64::from(sb.chunksize.get()).saturating_mul(SECTOR),
        raid_disks: sb.raid_disks.get(),
        role: u32::from(role),
        in_sync: features & (FEATURE_RECOVERY_OFFSET | FEATURE_REPLACEMENT) == 0,
        reshaping: features & FEATURE_RESHAPE_ACTIVE != 0,
        events: sb.events.get(),
        size: sb.size.get().checked_mul(SECTOR)?,
        data_offset: sb.data_offset.get().checked_mul(SECTOR)?,
        data_size: sb.data_size.get().checked_mul(SECTOR)?,
        offset: at,
    };
    let end = member.data_offset.checked_add(member.data_size);
    if end.is_none_or(|end| end > volume.len()) {
        notes.push(bad(Cause::MdMember, "data_size", 136).found(sb.data_size.get()));
    }
    Some(member)
}

/// A name is `host:name`, or without the host.
fn name(field: &[u8]) -> String {
    let end = field.iter().position(|b| *b == 0).unwrap_or(field.len());
    let text = String::from_utf8_lossy(field.get(..end).unwrap_or_default());
    match text.split_once(':') {
        Some((_, name)) => name.to_owned(),
        None => text.into_owned(),
    }
}

fn version_0_90(volume: &dyn ReadAt, notes: &mut Vec<Error>) -> Option<Member> {
    let len = volume.len();
    let at = len
        .checked_sub(len.checked_rem(V0_90_ALIGN)?)?
        .checked_sub(V0_90_ALIGN)?;
    let magic: [u8; 8] = volume.read_array(at).ok()?;
    let magic = magic.first_chunk().copied().map(u32::from_le_bytes);
    if magic != Some(MD_SB_MAGIC) {
        return None;
    }
    let bytes: [u8; word::COUNT * 4] = volume.read_array(at).ok()?;
    let word = |index: usize| {
        let start = index.checked_mul(4)?;
        let bytes = bytes.get(start..)?.first_chunk()?;
        Some(u32::from_le_bytes(*bytes))
    };
    if word(word::MAJOR_VERSION)? != 0 || word(word::MINOR_VERSION)? != 90 {
        return None;
    }
    let bad = |cause: Cause, field: &'static str, index: u64| {
        let offset = at.saturating_add(index.saturating_mul(4));
        Error::new(cause).at(SUPERBLOCK, offset).field(field)
    };
    let stored = word(word::SB_CSUM)?;
    if fold(words(&bytes).wrapping_sub(u64::from(stored))) != stored {
        notes.push(bad(Cause::MdChecksum, "sb_csum", 38).found(stored));
        return None;
    }
    let raid_disks = word(word::RAID_DISKS)?;
    if raid_disks > MAX_DEVICES_0_90 {
        notes.push(bad(Cause::MdValue, "raid_disks", 10).found(raid_disks));
        return None;
    }
    // Shown with the highest byte of each word first.
    let mut uuid = [0; 16];
    let first = word::SET_UUID1;
    let parts = [
        word::SET_UUID0,
        first,
        first.saturating_add(1),
        first.saturating_add(2),
    ];
    for (to, index) in uuid.chunks_exact_mut(4).zip(parts) {
        to.copy_from_slice(&word(index)?.to_be_bytes());
    }
    let state = word(word::THIS_STATE)?;
    let active = state & (DISK_ACTIVE | DISK_SYNC) == (DISK_ACTIVE | DISK_SYNC);
    let events = (u64::from(word(word::EVENTS_HI)?) << 32) | u64::from(word(word::EVENTS_LO)?);
    Some(Member {
        version: "0.90",
        uuid,
        name: String::new(),
        minor: Some(word(word::MD_MINOR)?),
        level: Level::of(word(word::LEVEL)?),
        layout: None,
        chunk: u64::from(word(word::CHUNK_SIZE)?),
        raid_disks,
        role: word(word::THIS_RAID_DISK)?,
        in_sync: active && state & DISK_FAULTY == 0,
        reshaping: false,
        events,
        size: u64::from(word(word::SIZE)?).saturating_mul(1024),
        data_offset: 0,
        data_size: at,
        offset: at,
    })
}
