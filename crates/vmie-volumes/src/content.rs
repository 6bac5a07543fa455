//! Whether something known starts at a place: enough to tell a partition's start or a whole-disk
//! filesystem from noise. What it is exactly is told by the crates above.

use vmie_io::{ReadAt, ReadAtExt};

use crate::mbr::boot_sector_of_filesystem;

/// Bytes that tell most: superblocks of ext and XFS, LUKS, LVM and swap headers.
pub(crate) const HEAD_LEN: usize = 8192;

/// Magics within the first 8 KiB: offset, bytes. From the formats' own documentation.
const NEAR: &[(usize, &[u8])] = &[
    (0, b"XFSB"),
    (0, b"LUKS\xba\xbe"),
    // A boot record: an extended partition starts with one, and so do many volumes.
    (510, &[0x55, 0xaa]),
    // The label of an LVM2 physical volume, in any of the first four sectors.
    (0, b"LABELONE"),
    (512, b"LABELONE"),
    (1024, b"LABELONE"),
    (1536, b"LABELONE"),
    // ext2, ext3, ext4: s_magic of the superblock at 1024.
    (1080, &[0x53, 0xef]),
    // Swap: the end of the first page of 4096 bytes.
    (4086, b"SWAPSPACE2"),
    (4086, b"SWAP-SPACE"),
    // Linux software RAID, version 1.1 and 1.2.
    (0, &[0xfc, 0x4e, 0x2b, 0xa9]),
    (4096, &[0xfc, 0x4e, 0x2b, 0xa9]),
];

/// Magics further in: JFS, ISO 9660, Reiserfs, Btrfs.
const FAR: &[(u64, &[u8])] = &[
    (32768, b"JFS1"),
    (32769, b"CD001"),
    (65536 + 52, b"ReIsEr"),
    (65536 + 64, b"_BHRfS_M"),
];

/// Whether the first bytes of a volume (8 KiB where there are as many) hold a known magic.
fn near(bytes: &[u8], boot_records: bool) -> bool {
    NEAR.iter().any(|(offset, magic)| {
        (boot_records || *offset != 510)
            && bytes
                .get(*offset..)
                .is_some_and(|rest| rest.starts_with(magic))
    })
}

fn far(disk: &dyn ReadAt, start: u64) -> bool {
    FAR.iter().any(|(offset, magic)| {
        let mut found = [0u8; 8];
        let at = start.saturating_add(*offset);
        disk.read_up_to(&mut found, at).is_ok() && found.starts_with(magic)
    })
}

/// Whether something known starts at byte `start` of the disk. What cannot be read is not known.
pub(crate) fn is_known(disk: &dyn ReadAt, start: u64) -> bool {
    let mut bytes = [0u8; HEAD_LEN];
    match disk.read_up_to(&mut bytes, start) {
        Ok(len) => bytes.get(..len).is_some_and(|b| near(b, true)) || far(disk, start),
        Err(_) => false,
    }
}

/// Whether a filesystem or another volume spans the whole disk, whose first bytes are `head`.
pub(crate) fn spans(disk: &dyn ReadAt, head: &[u8]) -> bool {
    let boot_sector = head
        .first_chunk()
        .is_some_and(|sector| sector.ends_with(&[0x55, 0xaa]) && boot_sector_of_filesystem(sector));
    boot_sector || near(head, false) || far(disk, 0)
}
