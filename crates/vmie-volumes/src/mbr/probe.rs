//! Whether the first sector is a partition table.
//!
//! The signature 55 AA does not tell: the boot sectors of FAT, NTFS and exFAT have it, and so has
//! any boot code that was written over a filesystem. What tells is whether the four entries make
//! sense, as for libblkid and the Linux kernel, with two differences: one odd flag in a table that
//! is otherwise right does not make the disk unreadable, and a filesystem's boot sector in whose
//! place for entries four right ones stand *is* a table (a partitioning tool that keeps the boot
//! code leaves it so; mkfs writes the sector whole and leaves none).

use super::adapter::{self, Record};
use super::format::{ACTIVE, BootRecord, Entry, RECORD_LEN, SIGNATURE_OFFSET, entry_offset};
use crate::notes::Notes;
use crate::{Cause, Error};
use zerocopy::FromBytes;

/// What the first sector is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// No table: no signature, or entries that make no sense.
    NoTable,
    /// A table whose four entries are all empty.
    EmptyTable,
    /// A table with partitions and no entry that protects a GPT.
    Table,
    /// A table with an entry that protects a GPT, and whether others stand beside it.
    Protective { hybrid: bool },
}

/// How an entry looks on a disk of so many sectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// No partition.
    Empty,
    /// In order; may reach past the end.
    Sane,
    /// In order but for the active flag.
    OddFlag,
    /// In order but past the end of the disk.
    Outside,
    /// Not an entry.
    Garbage,
}

/// Type 0 with a size, or the table's own sector as the start: both are real (images of
/// installation media have them), but only to be believed when the end is right.
fn doubtful(entry: &Entry) -> bool {
    entry.os_type == 0 || entry.start == 0 && !entry.is_protective()
}

fn look(entry: &Entry, disk_sectors: u64) -> Look {
    let lawful_flag = entry.flag & !ACTIVE == 0;
    let starts_inside = u64::from(entry.start) < disk_sectors;
    let ends_inside = entry.end() <= disk_sectors;
    match (entry.is_used(), lawful_flag) {
        (false, true) => Look::Empty,
        (false, false) => Look::Garbage,
        _ if doubtful(entry) && !ends_inside => Look::Garbage,
        (true, true) if starts_inside => Look::Sane,
        (true, true) => Look::Outside,
        (true, false) if ends_inside => Look::OddFlag,
        (true, false) => Look::Garbage,
    }
}

/// Decides what the first sector is, on a disk of `disk_len` bytes.
pub(crate) fn probe(sector: &[u8; RECORD_LEN], disk_len: u64, notes: &mut Notes) -> Verdict {
    // Entries count in sectors of 512 or 4096 bytes; what is inside with 4096 is with 512.
    let disk_sectors = disk_len / 512;
    let filesystem = boot_sector_of_filesystem(sector);
    let Some(Record { entries, .. }) = adapter::decode(sector) else {
        note_missing_signature(sector, disk_sectors, notes);
        return Verdict::NoTable;
    };
    let looks = entries.map(|entry| look(&entry, disk_sectors));
    let count = |wanted: Look| looks.iter().filter(|look| **look == wanted).count();
    let (sane, garbage) = (count(Look::Sane), count(Look::Garbage));
    let good = sane.saturating_add(count(Look::OddFlag));
    let outside = count(Look::Outside);

    if filesystem {
        if sane == 0 || garbage > 0 || good > sane || outside > 0 {
            return Verdict::NoTable;
        }
        notes.push(Error::new(Cause::BootSectorAndTable).at("MBR", 0));
    } else if good == 0 && (garbage > 0 || outside == 0) {
        if garbage == 0 {
            return Verdict::EmptyTable;
        }
        note_garbage(&entries, &looks, notes);
        return Verdict::NoTable;
    }
    note_garbage(&entries, &looks, notes);
    note_flags(&entries, &looks, notes);
    let protective = |entry: &&Entry| entry.is_used() && entry.is_protective();
    if entries.iter().any(|entry| protective(&entry)) {
        let hybrid = entries
            .iter()
            .any(|e| e.is_used() && e.os_type != 0 && !e.is_protective());
        return Verdict::Protective { hybrid };
    }
    Verdict::Table
}

/// Whether an entry is fit to be listed.
pub(super) fn is_listed(entry: &Entry, disk_sectors: u64) -> bool {
    !matches!(look(entry, disk_sectors), Look::Empty | Look::Garbage)
}

fn note_garbage(entries: &[Entry; 4], looks: &[Look; 4], notes: &mut Notes) {
    for (index, (entry, look)) in entries.iter().zip(looks).enumerate() {
        if *look == Look::Garbage {
            notes.push(
                Error::new(Cause::EntryImplausible)
                    .at("MBR partition record", entry_offset(0, index))
                    .field("StartingLBA")
                    .found(entry.start),
            );
        }
    }
}

fn note_flags(entries: &[Entry; 4], looks: &[Look; 4], notes: &mut Notes) {
    let mut active = 0u32;
    for (index, (entry, look)) in entries.iter().zip(looks).enumerate() {
        let note = |cause| {
            Error::new(cause)
                .at("MBR partition record", entry_offset(0, index))
                .field("BootIndicator")
                .found(entry.flag)
        };
        if *look == Look::OddFlag {
            notes.push(note(Cause::BootFlag));
        }
        if *look != Look::Garbage && entry.is_used() && entry.flag == ACTIVE {
            active = active.saturating_add(1);
            if active == 2 {
                notes.push(note(Cause::SeveralActive));
            }
        }
    }
}

/// A table that lost its signature is worth a note, though nothing would boot or mount it.
fn note_missing_signature(sector: &[u8; RECORD_LEN], disk_sectors: u64, notes: &mut Notes) {
    let Ok(record) = BootRecord::ref_from_bytes(sector.as_slice()) else {
        return;
    };
    let entries = record
        .PartitionRecord
        .each_ref()
        .map(|entry| look(&entry.into(), disk_sectors));
    let all_right = entries
        .iter()
        .all(|look| matches!(look, Look::Empty | Look::Sane));
    if all_right && entries.contains(&Look::Sane) {
        notes.push(
            Error::new(Cause::SignatureMissing)
                .at("MBR", SIGNATURE_OFFSET)
                .field("Signature")
                .found(record.Signature.as_slice()),
        );
    }
}

/// Whether the sector is the boot sector of a FAT, exFAT or NTFS volume (BitLocker's among them):
/// a jump, and a BIOS parameter block whose values are all in their ranges. GRUB's and other boot
/// code has the jump too, over a parameter block of zeros.
pub(crate) fn boot_sector_of_filesystem(sector: &[u8; RECORD_LEN]) -> bool {
    let [jump, _, nop, oem @ ..] = sector;
    if !(*jump == 0xeb && *nop == 0x90 || *jump == 0xe9) {
        return false;
    }
    if oem.starts_with(b"EXFAT   ") {
        return true;
    }
    let [
        bytes_low,
        bytes_high,
        sectors_per_cluster,
        reserved_low,
        reserved_high,
        fats,
        ..,
    ] = sector.split_at(11).1
    else {
        return false;
    };
    let bytes_per_sector = u16::from_le_bytes([*bytes_low, *bytes_high]);
    let reserved = u16::from_le_bytes([*reserved_low, *reserved_high]);
    if !matches!(bytes_per_sector, 512 | 1024 | 2048 | 4096) {
        return false;
    }
    if oem.starts_with(b"NTFS    ") || oem.starts_with(b"-FVE-FS-") {
        return true;
    }
    let media = sector.get(21).copied().unwrap_or(0);
    sectors_per_cluster.is_power_of_two()
        && reserved > 0
        && matches!(fats, 1 | 2)
        && (media == 0xf0 || media >= 0xf8)
}
